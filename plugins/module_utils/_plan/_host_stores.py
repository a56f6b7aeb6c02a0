# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a tracking server's stores on a host say about the stores that it is to have: another MLflow's database, records and models left behind."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_database
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

DIRECTORY = "/var/lib/mlflow-server"
SQLITE_FILE = DIRECTORY + "/mlflow.db"
UNIT_FILE = "/etc/systemd/system/mlflow-server.service"
#: What the unit's command line holds while the records are in SQLite.
_SQLITE_URI = "sqlite:///" + SQLITE_FILE


class Standing(t.NamedTuple):
    """How a database stands to an MLflow, in the words of `_tracking_database.standing`, and the schema that this MLflow wants."""

    name: str
    expected: t.Optional[str]


def questions(settings: Settings) -> dict[str, t.Any]:
    """What to read of the databases: what the server has, and what it may have had. The installed stack tells which schema its MLflow wants."""
    stack = settings["mlflow_server_stack"]
    databases: list[dict[str, t.Any]] = [{"name": "sqlite", "path": SQLITE_FILE, "stack": stack}]
    if settings["mlflow_server_backend_store"] == "postgresql":
        databases.append(
            {
                "name": "postgresql",
                "stack": stack,
                "python": stack + "/bin/python",
                "host": settings["mlflow_server_postgresql_host"],
                "port": settings["mlflow_server_postgresql_port"],
                "dbname": settings["mlflow_server_postgresql_name"],
                "user": settings["mlflow_server_postgresql_user"],
                "password": str(settings.get("mlflow_server_postgresql_password") or ""),
                "sslmode": settings["mlflow_server_postgresql_sslmode"],
            }
        )
    # What backs it up before its schema is upgraded.
    return {"databases": databases, "commands": ["pg_dump"] if len(databases) > 1 else []}


def files(settings: Settings) -> list[dict[str, t.Any]]:
    """What to read of the unit and of the artifacts on disk."""
    return [{"path": UNIT_FILE, "text": True}, {"path": settings["mlflow_server_artifact_directory"]}]


def name(settings: Settings) -> str:
    """What the database is called in a sentence."""
    if settings["mlflow_server_backend_store"] == "sqlite":
        return SQLITE_FILE
    return "the PostgreSQL database %s" % settings["mlflow_server_postgresql_name"]


def upgrade_backups(settings: Settings) -> str:
    """The folder of the backups that are made before an upgrade of the schema, whose number nightly ones neither use up nor are used up by."""
    return "%s-upgrades" % settings["mlflow_server_backup_directory"]


def findings(settings: Settings, reading: Reading) -> list[str]:
    """Sentences for a database that the MLflow to come would refuse, and for records or models that a switch of stores would leave behind."""
    database = (reading.get("databases") or {}).get(settings["mlflow_server_backend_store"])
    found = [database["error"]] if database and database.get("error") else []
    # Without the role pip_stack there is no other MLflow to come.
    if database and settings.get("pip_stack_state") == "present":
        found += _refused(settings, reading, to_come(settings, database))
    return found + _left_behind(settings, reading)


def schema(settings: Settings, reading: Reading) -> list[str]:
    """Sentences for a database that the MLflow which is installed would refuse."""
    return _refused(settings, reading, installed(reading["databases"][settings["mlflow_server_backend_store"]]))


def installed(database: Reading) -> Standing:
    """How a database stands to the MLflow of the stack that is on the host."""
    return Standing(database["standing"], database.get("expected"))


def to_come(settings: Settings, database: Reading) -> Standing:
    """How a database stands to the MLflow that the stack's lock brings; only of the pinned one, revisions are known without its installation."""
    if not str(settings.get("mlflow_release", "")).startswith("1.30."):
        return Standing("unknown", None)
    return Standing(tracking_database.standing(dict(database), tracking_database.MLFLOW_1_30), tracking_database.MLFLOW_1_30[-1])


def _refused(settings: Settings, reading: Reading, standing: Standing) -> list[str]:
    database = reading["databases"][settings["mlflow_server_backend_store"]]
    named = name(settings)
    named = named[0].upper() + named[1:]
    if standing.name == "foreign":
        return ["%s holds %d tables, but none that tells MLflow's schema. Name a database that is empty or MLflow's own." % (named, database["tables"])]
    if standing.name == "newer":
        return [
            "%s has the schema %s of a newer or another MLflow; the one to be installed knows schemas up to %s, and none can go back. "
            "Restore a backup from before the upgrade, or name another database." % (named, database["revision"], standing.expected)
        ]
    if standing.name == "older" and not settings.get("mlflow_server_database_upgrade"):
        return [
            "%s has the schema %s of an older MLflow; the one to be installed wants %s. Set mlflow_server_database_upgrade to true to have it backed up "
            "and upgraded. The only way back is that backup, which rollback.yml restores." % (named, database["revision"], standing.expected)
        ]
    if standing.name == "older" and settings["mlflow_server_backend_store"] == "postgresql" and not reading["commands"].get("pg_dump"):
        return [
            "%s is to be upgraded, but the host has no pg_dump to back it up first. Install the client programs of PostgreSQL, at least as new as the "
            "server: postgresql-client on Debian and Ubuntu, postgresql on RHEL." % named
        ]
    return []


def _left_behind(settings: Settings, reading: Reading) -> list[str]:
    if settings.get("mlflow_server_leave_behind"):
        return []
    unit = (reading["files"].get(UNIT_FILE) or {}).get("text") or ""
    found = []
    was_sqlite = _SQLITE_URI in unit
    records = (reading.get("databases") or {}).get("sqlite") or {}
    if was_sqlite and settings["mlflow_server_backend_store"] == "postgresql" and (records.get("runs") or records.get("registered_models")):
        found.append(
            "The server keeps its records in SQLite, %d runs and %d registered models, and is to keep them in PostgreSQL, which will not have them: "
            "nothing carries them over. Move them yourself, or set mlflow_server_leave_behind to true; the file %s stays."
            % (records["runs"], records["registered_models"], SQLITE_FILE)
        )
    folder = settings["mlflow_server_artifact_directory"]
    kept = (reading["files"].get(folder) or {}).get("entries")
    if folder in unit and kept and settings["mlflow_server_artifact_store"] == "s3":
        found.append(
            "The server keeps its artifacts in %s and is to keep them in S3: what is there, models that are registered or served among it, could no "
            "longer be downloaded, as mlflow-artifacts:/ means the new store then. Copy the folder's content to %s first and set "
            "mlflow_server_leave_behind to true; the folder stays." % (folder, settings["mlflow_server_s3_uri"])
        )
    return found
