# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tracking server's database is: whose schema it has, and what it holds.

For use inside this collection only. Reads and never writes. Alembic, which MLflow uses, notes the schema's revision in the table
C(alembic_version); MLflow refuses to start on any but its own (mlflow/store/db/utils.py, C(_verify_schema)).
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands

# The revisions of MLflow 1.30, oldest first: mlflow/store/db_migrations/versions. A test compares them with the installed MLflow's.
MLFLOW_1_30 = (
    "451aebb31d03", "90e64c465722", "181f10493468", "df50e92ffc5e", "7ac759974ad8", "89d4b8295536", "2b4d017a5e9b", "cfd24bdc0731", "0a8213491aaa",
    "728d730b5ebd", "27a6a02d2cf1", "84291f40a231", "a8c4a736bde6", "39d1c3be5f05", "c48cb773bb87", "bd07f7e963c5", "0c779009ac13", "cc1f77228345",
    "97727af70f4d",
)  # fmt: skip
_SECONDS = 20
_COUNTED = {
    "registered_models": "select count(*) from registered_models",
    "model_versions": "select count(*) from model_versions",
    "runs": "select count(*) from runs",
}
_NOTHING: dict[str, t.Any] = {"exists": False, "revision": None, "tables": 0, "registered_models": 0, "model_versions": 0, "runs": 0, "error": None}

# Run by the stack's own interpreter, which has the driver. Its settings come by standard input, as one of them is the password.
_ASK_POSTGRESQL = """
import json, sys
import psycopg2
wanted = json.load(sys.stdin)
connection = psycopg2.connect(connect_timeout=10, **wanted)
connection.set_session(readonly=True, autocommit=True)
cursor = connection.cursor()
cursor.execute("select table_name from information_schema.tables where table_schema = any (current_schemas(false))")
tables = {row[0] for row in cursor.fetchall()}
found = {"exists": True, "tables": len(tables), "revision": None, "error": None}
if "alembic_version" in tables:
    cursor.execute("select version_num from alembic_version")
    row = cursor.fetchone()
    found["revision"] = row and row[0]
for name in ("registered_models", "model_versions", "runs"):
    found[name] = 0
    if name in tables:
        cursor.execute("select count(*) from " + name)
        found[name] = cursor.fetchone()[0]
print(json.dumps(found))
"""


def sqlite_facts(path: str) -> dict[str, t.Any]:
    """Revision, number of tables, and what a SQLite file holds; C(error) is a sentence when it can't be read."""
    try:
        import sqlite3
    except ImportError:
        return {**_NOTHING, "exists": os.path.exists(path), "error": "The host's Python has no sqlite3, so %s can't be looked into." % path}
    if not os.path.exists(path):
        return dict(_NOTHING)
    found = {**_NOTHING, "exists": True}
    try:
        connection = sqlite3.connect("file:%s?mode=ro" % re.sub(r"[%?#]", lambda match: "%%%02x" % ord(match.group()), path), uri=True, timeout=10)
        try:
            tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            found["tables"] = len(tables)
            if "alembic_version" in tables:
                row = connection.execute("select version_num from alembic_version").fetchone()
                found["revision"] = str(row[0]) if row else None
            for name, question in _COUNTED.items():
                if name in tables:
                    found[name] = connection.execute(question).fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return {**found, "error": "%s can't be read as a SQLite database (%s)." % (path, error)}
    return found


def postgresql_facts(python: str, settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """As `sqlite_facts`, of a PostgreSQL database; `settings` are libpq's, `python` an interpreter that has psycopg2.

    Where there is no such interpreter yet nothing is known: C(exists) is None then.
    """
    if not os.path.exists(python):
        return {**_NOTHING, "exists": None}
    try:
        status, output = commands.run([python, "-I", "-c", _ASK_POSTGRESQL], timeout=_SECONDS, text=json.dumps(settings))
    except (OSError, commands.TooSlow) as error:
        return {**_NOTHING, "exists": None, "error": "The database can't be asked (%s)." % str(error).rstrip(".")}
    lines = [line for line in output.splitlines() if line.strip()]
    if status == 0 and lines:
        return dict(json.loads(lines[-1]))
    if "No module named 'psycopg2'" in output:
        return {**_NOTHING, "exists": None}
    reason = lines[-1].strip().rstrip(".") if lines else "it said nothing"
    reason = re.sub(r"^psycopg2\.\w+: ", "", reason)
    return {**_NOTHING, "exists": None, "error": "PostgreSQL does not let the tracking server in: %s." % reason[:300]}


def revisions(stack: str) -> list[str]:
    """The revisions that the MLflow of an installed stack knows, oldest first; empty when there is none, or it is told otherwise."""
    parents: dict[str | None, str] = {}
    for folder in _version_folders(stack):
        for name in os.listdir(folder):
            if name.endswith(".py") and name != "__init__.py":
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    text = file.read(100000)
                own = re.search(r"^revision = [\"'](\w+)[\"']", text, re.M)
                parent = re.search(r"^down_revision = (?:[\"'](\w+)[\"']|None)", text, re.M)
                if own and parent:
                    parents[parent.group(1)] = own.group(1)
    chain: list[str] = []
    following = parents.get(None)
    while following and following not in chain:
        chain.append(following)
        following = parents.get(following)
    return chain if len(chain) == len(parents) else []


def _version_folders(stack: str) -> list[str]:
    lib = os.path.join(stack, "lib")
    if not os.path.isdir(lib):
        return []
    candidates = [os.path.join(lib, name, "site-packages", "mlflow", "store", "db_migrations", "versions") for name in sorted(os.listdir(lib))]
    return [folder for folder in candidates if os.path.isdir(folder)][:1]


def standing(facts: dict[str, t.Any], known: t.Sequence[str]) -> str:
    """How a database stands to the MLflow that is to use it.

    :param known: that MLflow's revisions, oldest first.
    :returns: C(new) where MLflow will make its tables, C(current), C(older), C(newer) for a revision it does not know, C(foreign) for tables
        that no MLflow made, or C(unknown).
    """
    if facts.get("exists") is None or facts.get("error") or not known:
        return "unknown"
    if not facts["exists"] or not facts["tables"]:
        return "new"
    if facts["revision"] is None:
        return "foreign"
    if facts["revision"] == known[-1]:
        return "current"
    return "older" if facts["revision"] in known else "newer"
