# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of an older MLflow is backed up and upgraded when that is allowed, and is as it was when the upgrade fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foretold import tasks
from testinfra.host import Host

DATABASE = "/var/lib/mlflow-server/mlflow.db"
OLDER, CURRENT = "cc1f77228345", "97727af70f4d"
UPGRADE = {"mlflow_server_database_upgrade": True}
BACKUPS = "/var/backups/mlflow-server-upgrades"

# The stack's own migrations, up to an older schema.
MAKE = """
import sys
from alembic import command
from mlflow.store.db import utils
from mlflow.store.tracking.dbmodels.initial_models import Base
engine = utils.create_sqlalchemy_engine("sqlite:///" + sys.argv[1])
Base.metadata.create_all(engine)
config = utils._get_alembic_config(str(engine.url))
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, sys.argv[2])
    connection.exec_driver_sql("insert into experiments (name, artifact_location, lifecycle_stage) values ('kept', 'mlflow-artifacts:/7', 'active')")
"""
SQL = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*[row[0] for row in c.execute(sys.argv[2])]); c.commit()"


def sql(host: Host, statement: str, path: str = DATABASE) -> str:
    return str(host.check_output("runuser -u mlflow -- python3 -Ic %s %s %s", SQL, path, statement)).strip()


def revision(host: Host, path: str = DATABASE) -> str:
    return sql(host, "select version_num from alembic_version", path)


def digest(host: Host) -> str:
    return str(host.check_output("sha256sum %s", DATABASE))


def healthy(host: Host) -> bool:
    return bool(host.check_output("curl --silent --fail http://127.0.0.1:5000/health") == "OK")


def changes(disk: Any) -> list[str]:
    """What has changed, but for the byte code that is made in the background of a stack that was just installed."""
    return [path for path in disk.changes() if not path.startswith("/opt/sparkflows/stack/")]


@pytest.fixture
def older(operator, host: Host) -> Iterator[None]:
    """An older MLflow's database in place of the one that the running server has made."""
    operator.play("site")
    # Elsewhere first: the running server makes an own one as soon as there is none.
    made = f"{DATABASE}.made"
    host.check_output("runuser -u mlflow -- env GIT_PYTHON_REFRESH=quiet /opt/sparkflows/stack/current/bin/python -Ic %s %s %s 2>&1", MAKE, made, OLDER)
    host.check_output("mv %s %s.own && mv %s %s", DATABASE, DATABASE, made, DATABASE)
    yield
    host.check_output("systemctl stop mlflow-server; rm -rf %s; mv %s.own %s", BACKUPS, DATABASE, DATABASE)
    operator.play("site")


def test_an_older_database_is_upgraded_when_that_is_allowed(operator, host: Host, older: None, disk: Any) -> None:
    refused = operator.play("site", fails=True)
    assert f"{DATABASE} has the schema {OLDER} of an older MLflow; the one to be installed wants {CURRENT}." in refused.text
    assert changes(disk) == []

    foretold = operator.play("site", "--check", **UPGRADE)
    assert ("sparkflows.mlops.mlflow_server : Upgrade | Say that the schema would be upgraded", "debian13") in foretold.changed
    assert changes(disk) == []

    # What a run that was killed leaves.
    host.check_output("echo rubbish | tee %s.upgraded %s.upgraded.new; mkdir -p %s/.tmp-cut-short", DATABASE, DATABASE, BACKUPS)
    operator.play("site", **UPGRADE)
    assert healthy(host) and revision(host) == CURRENT
    assert sql(host, "select name from experiments where name = 'kept'") == "kept"
    [kept] = host.file(BACKUPS).listdir()
    assert json.loads(host.file(f"{BACKUPS}/{kept}/manifest.json").content_string)["schema"] == OLDER
    assert host.check_output("find %s ! -perm 700 ! -perm 600 -o ! -user root", BACKUPS) == ""
    assert host.check_output("python3 -Ic %s %s/%s/database.sqlite %s", SQL, BACKUPS, kept, "select name from experiments where name = 'kept'") == "kept"
    assert (host.file(DATABASE).user, host.file(DATABASE).mode) == ("mlflow", 0o640)
    assert host.check_output("ls /var/lib/mlflow-server").split() == ["mlflow.db", "mlflow.db.own"]
    assert operator.play("site", **UPGRADE).unchanged


def test_a_database_whose_upgrade_fails_is_as_it_was(operator, host: Host, older: None) -> None:
    sql(host, "alter table experiments add column creation_time bigint")
    before = digest(host)
    for dummy in range(2):
        refused = operator.play("site", fails=True, **UPGRADE)
        assert f"tracking database could not be upgraded from {OLDER}: sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) duplicate column name" in (
            refused.text
        )
        assert "The database is as it was, and the server is stopped." in refused.text
        assert digest(host) == before and revision(host) == OLDER


# Makes of the MLflow in an environment one that knows the older schema alone, as that before its last migration did; and undoes that.
MAKE_OLDER = """
cd /opt/sparkflows/stack/{release}/lib/python3.7/site-packages/mlflow/store
cp -p tracking/dbmodels/models.py /root/models.py; mv db_migrations/versions/{current}_*.py /root/
sed -i -E 's/^    (creation_time|last_update_time) = Column\\(BigInteger\\(\\), default=get_current_time_millis\\)/    \\1 = None/' tracking/dbmodels/models.py
"""
UNDO = """
cd /opt/sparkflows/stack/{release}/lib/python3.7/site-packages/mlflow/store
mv /root/models.py tracking/dbmodels/; mv /root/{current}_*.py db_migrations/versions/
"""


@pytest.fixture
def older_mlflow(host: Host, older: None) -> Iterator[str]:
    """The current environment has an MLflow for which the database is right as it is."""
    release = str(host.check_output("readlink /opt/sparkflows/stack/current"))
    host.check_output(MAKE_OLDER.format(release=release, current=CURRENT))
    host.check_output("systemctl restart mlflow-server")
    yield release
    host.check_output(UNDO.format(release=release, current=CURRENT))


def test_a_rollback_of_the_stack_restores_the_records(operator, host: Host, older_mlflow: str, operators_lock: Path) -> None:
    newer = {"pip_stack_lock": str(operators_lock), **UPGRADE}
    operator.play("site", **newer)
    assert revision(host) == CURRENT and host.check_output("readlink /opt/sparkflows/stack/current") != older_mlflow
    note(host, "lost")

    host.check_output("mv %s %s.away", BACKUPS, BACKUPS)
    refused = operator.play("rollback", fails=True, rollback="stack", **newer)
    assert f"{BACKUPS} has no backup with its schema, {OLDER}. Leave the stack out: -e rollback=jdk,python,agent." in refused.text
    host.check_output("mv %s.away %s", BACKUPS, BACKUPS)

    foretold = operator.play("rollback", "--check", rollback="stack", **newer)
    assert f"{CURRENT} → {OLDER}, as in the backup" in foretold.text and revision(host) == CURRENT
    back = operator.play("rollback", rollback="stack", **newer)
    assert tasks(foretold.changed) == tasks(back.changed)
    assert host.check_output("readlink /opt/sparkflows/stack/current") == older_mlflow
    assert healthy(host) and revision(host) == OLDER
    assert sql(host, "select name from experiments where name in ('kept', 'lost')") == "kept"
    assert operator.play("rollback", rollback="stack", **newer).unchanged

    # What was recorded after the upgrade is not gone.
    [later, earlier] = sorted(host.file(BACKUPS).listdir(), reverse=True)
    assert host.check_output("python3 -Ic %s %s/%s/database.sqlite %s", SQL, BACKUPS, later, "select name from experiments where name = 'lost'") == "lost"


TRACKING = "http://127.0.0.1:5000/api/2.0"
ARTIFACT = "/var/lib/mlflow-server/artifacts/kept/model.txt"


def note(host: Host, name: str) -> None:
    """An experiment, as a client makes it."""
    host.check_output("curl --silent --fail --json %s %s/mlflow/experiments/create", '{"name": "%s"}' % name, TRACKING)


def test_a_backup_comes_back(operator, host: Host) -> None:
    operator.play("site")
    note(host, "before")
    host.check_output("echo weights | curl --silent --fail --upload-file - %s/mlflow-artifacts/artifacts/kept/model.txt", TRACKING)
    folder = "/var/backups/mlflow-server"
    try:
        made = operator.play("backup", backup_name="kept")
        assert f"{folder}/kept, 1 MB: artifacts.tar, database.sqlite." in made.text
        assert operator.play("backup", backup_name="kept").unchanged
        assert host.check_output("find %s ! -perm 700 ! -perm 600 -o ! -user root", folder) == ""
        note(host, "after")
        host.check_output("rm -r %s", ARTIFACT.rpartition("/")[0])
        before = digest(host)
        for name, words in (("", "Say which backup is to be restored"), ("none", f"There is no complete backup none in {folder}. There is kept.")):
            assert words in operator.play("restore", fails=True, restore_name=name).text
        assert host.file(folder).listdir() == ["kept"]
        assert operator.play("restore", "--check", restore_name="kept").changed
        assert digest(host) == before

        operator.play("restore", restore_name="kept")
        assert healthy(host)
        assert sql(host, "select name from experiments where name in ('before', 'after')") == "before"
        assert host.file(ARTIFACT).content_string == "weights\n" and host.file(ARTIFACT).user == "mlflow"
        assert (host.file(DATABASE).user, host.file(DATABASE).group, host.file(DATABASE).mode) == ("mlflow", "mlflow", 0o640)
        assert operator.play("site").unchanged

        # The way back from the restoration.
        [replaced] = set(host.file(folder).listdir()) - {"kept"}
        operator.play("restore", restore_name=replaced, restore_backup_first=False)
        assert sorted(sql(host, "select name from experiments where name in ('before', 'after')").split()) == ["after", "before"]
    finally:
        host.check_output("rm -rf %s", folder)
