# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a tracking server's stores on a host say about the stores that it is to have: another MLflow's database, records and models left behind."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

DIRECTORY = "/var/lib/mlflow-server"
SQLITE_FILE = DIRECTORY + "/mlflow.db"
UNIT_FILE = "/etc/systemd/system/mlflow-server.service"
#: What the unit's command line holds while the records are in SQLite.
_SQLITE_URI = "sqlite:///" + SQLITE_FILE


def questions(settings: Settings) -> dict[str, t.Any]:
    """What to read of the databases. Another lock may bring another MLflow, whose revisions only its installation tells."""
    databases: list[dict[str, t.Any]] = [{"name": "sqlite", "path": SQLITE_FILE}]
    if settings["mlflow_server_backend_store"] == "postgresql":
        databases.append(
            {
                "name": "postgresql",
                "python": settings["mlflow_server_stack"] + "/bin/python",
                "host": settings["mlflow_server_postgresql_host"],
                "port": settings["mlflow_server_postgresql_port"],
                "dbname": settings["mlflow_server_postgresql_name"],
                "user": settings["mlflow_server_postgresql_user"],
                "password": settings.get("mlflow_server_postgresql_password") or "",
                "sslmode": settings["mlflow_server_postgresql_sslmode"],
            }
        )
    return {"databases": databases}


def files(settings: Settings) -> list[dict[str, t.Any]]:
    """What to read of the unit and of the artifacts on disk."""
    return [
        {"path": UNIT_FILE, "contains": [_SQLITE_URI, settings["mlflow_server_artifact_directory"]]},
        {"path": settings["mlflow_server_artifact_directory"]},
    ]


def findings(settings: Settings, reading: Reading) -> list[str]:
    """Sentences for a database that the MLflow to come would refuse, and for records or models that a switch of stores would leave behind."""
    store = settings["mlflow_server_backend_store"]
    database = (reading.get("databases") or {}).get(store)
    found = _schema(settings, database, SQLITE_FILE if store == "sqlite" else "The PostgreSQL database %s" % settings["mlflow_server_postgresql_name"])
    return found + _left_behind(settings, reading)


def _schema(settings: Settings, database: Reading | None, name: str) -> list[str]:
    if not database:
        return []
    if database.get("error"):
        return [database["error"]]
    # Without its installation, nothing is known of the schemas of another MLflow.
    standing = database["standing"] if str(settings.get("mlflow_release", "")).startswith("1.30.") else "unknown"
    if standing == "foreign":
        return ["%s holds %d tables, but none that tells MLflow's schema. Name a database that is empty or MLflow's own." % (name, database["tables"])]
    if standing == "newer":
        return [
            "%s has the schema %s of a newer or another MLflow; the one to be installed knows schemas up to %s, and none can go back. "
            "Restore a backup from before the upgrade, or name another database." % (name, database["revision"], database["expected"])
        ]
    if standing == "older" and not settings.get("mlflow_server_database_upgrade"):
        return [
            "%s has the schema %s of an older MLflow; the one to be installed wants %s. Set mlflow_server_database_upgrade to true to have it "
            "upgraded%s. There is no way back but the backup."
            % (
                name,
                database["revision"],
                database["expected"],
                " after a backup beside it" if settings["mlflow_server_backend_store"] == "sqlite" else "; take a backup of it first",
            )
        ]
    return []


def _left_behind(settings: Settings, reading: Reading) -> list[str]:
    if settings.get("mlflow_server_leave_behind"):
        return []
    unit = reading["files"].get(UNIT_FILE) or {}
    contains = unit.get("contains") or {}
    found = []
    was_sqlite = contains.get(_SQLITE_URI)
    records = (reading.get("databases") or {}).get("sqlite") or {}
    if was_sqlite and settings["mlflow_server_backend_store"] == "postgresql" and (records.get("runs") or records.get("registered_models")):
        found.append(
            "The server keeps its records in SQLite, %d runs and %d registered models, and is to keep them in PostgreSQL, which will not have them: "
            "nothing carries them over. Move them yourself, or set mlflow_server_leave_behind to true; the file %s stays."
            % (records["runs"], records["registered_models"], SQLITE_FILE)
        )
    folder = settings["mlflow_server_artifact_directory"]
    kept = (reading["files"].get(folder) or {}).get("entries")
    if contains.get(folder) and kept and settings["mlflow_server_artifact_store"] == "s3":
        found.append(
            "The server keeps its artifacts in %s and is to keep them in S3: what is there, models that are registered or served among it, could no "
            "longer be downloaded, as mlflow-artifacts:/ means the new store then. Copy the folder's content to %s first and set "
            "mlflow_server_leave_behind to true; the folder stays." % (folder, settings["mlflow_server_s3_uri"])
        )
    return found
