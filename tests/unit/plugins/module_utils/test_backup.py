# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a tracking server's data, made and restored with real SQLite, tar and an S3 server."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import subprocess
import sys
import typing as t
from pathlib import Path

import boto3
import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files
from ansible_collections.sparkflows.mlops.plugins.module_utils._commands import TooSlow
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import backup, tracking_database
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import backup_streams as streams
from moto.server import ThreadedMotoServer

SECRET = "s3-secret-Of-The-Test"
BUCKET = "backups-of-the-test"


class Server:
    """The data of a tracking server below a folder, and its backups."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.backups = folder, folder / "backups"
        self.warnings: list[str] = []
        self.database, self.artifacts = folder / "data/mlflow.db", folder / "data/artifacts"
        self.artifacts.mkdir(parents=True)
        self.note(1)

    def note(self, number: int) -> None:
        """A run with an artifact of its own."""
        with sqlite3.connect(self.database) as connection:
            connection.execute("create table if not exists alembic_version (version_num text)")
            connection.execute("create table if not exists runs (number integer)")
            connection.execute("delete from alembic_version")
            connection.execute("insert into alembic_version values (?)", (tracking_database.MLFLOW_1_30[-1],))
            connection.execute("insert into runs values (?)", (number,))
        connection.close()
        (self.artifacts / str(number)).mkdir()
        (self.artifacts / str(number) / "model.pkl").write_text("model %d" % number)

    def runs(self) -> list[int]:
        with sqlite3.connect(self.database) as connection:
            return [row[0] for row in connection.execute("select number from runs order by number")]

    def params(self, **params: t.Any) -> dict[str, t.Any]:
        defaults = {name: spec.get("default") for name, spec in backup.ARGUMENT_SPEC.items()}
        given = {"directory": str(self.backups), "sqlite_file": str(self.database), "artifact_directory": str(self.artifacts), "user": getpass.getuser()}
        return {**defaults, **given, **params}

    def run(self, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        return backup.run(self.params(**params), check_mode, self.warnings.append)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def listing(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_there_and_back(server: Server) -> None:
    made = server.run(name="one")
    assert (made["changed"], made["files"], made["schema"]) == (True, ["artifacts.tar", "database.sqlite"], tracking_database.MLFLOW_1_30[-1])
    server.note(2)
    (server.artifacts / "1/model.pkl").write_text("spoilt")
    assert server.run(state="restored", name="one")["changed"]
    assert server.runs() == [1]
    assert (server.artifacts / "1/model.pkl").read_text() == "model 1"
    assert (server.artifacts / "2/model.pkl").read_text() == "model 2", "what came later is left alone"
    assert listing(server.database.parent) == ["artifacts", "mlflow.db"]
    assert server.database.stat().st_mode & 0o777 == 0o640


def test_what_is_there_is_backed_up_once_the_other_is_known_to_be_good(server: Server) -> None:
    server.run(name="one")
    server.note(2)
    with pytest.raises(Problem, match="There is no complete backup none"):
        server.run(state="restored", name="none", backup_first=True)
    assert listing(server.backups) == [".lock", "one"]
    restored = server.run(state="restored", name="one", backup_first=True, keep=1)
    assert server.runs() == [1]
    assert listing(server.backups) == [".lock", restored["before"], "one"]
    assert restored["msg"] == "one is restored. What was there before is in %s." % (server.backups / restored["before"])
    assert server.run(state="restored", name=restored["before"])["before"] is None
    assert server.runs() == [1, 2]


def test_nobody_else_can_read_it(server: Server) -> None:
    former = os.umask(0o000)
    try:
        server.run(name="one")
    finally:
        os.umask(former)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (server.backups, *server.backups.rglob("*")) if path.name != ".lock"}
    assert modes == {"backups": 0o700, "one": 0o700, "manifest.json": 0o600, "database.sqlite": 0o600, "artifacts.tar": 0o600}


def test_a_name_is_made_once(server: Server) -> None:
    server.run(name="one")
    before = (server.backups / "one/manifest.json").read_bytes()
    server.note(2)
    assert server.run(name="one")["changed"] is False
    assert (server.backups / "one/manifest.json").read_bytes() == before


def test_check_mode_foretells_and_does_nothing(server: Server) -> None:
    assert server.run(check_mode=True)["changed"]
    assert not server.backups.exists()
    for name in ("a", "b"):
        server.run(name=name)
    foretold = server.run(check_mode=True, name="c", keep=2)["removed"]
    assert listing(server.backups) == [".lock", "a", "b"]
    assert foretold == server.run(name="c", keep=2)["removed"] != []
    server.note(2)
    assert server.run(check_mode=True, state="restored", name="c")["changed"]
    assert server.runs() == [1, 2]


def test_old_ones_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(1, 6):
        monkeypatch.setattr(backup.time, "strftime", lambda form, when, day=day: form.replace("%Y", "2026").replace("%m", "01").replace("%d", "0%d" % day))
        server.run(name="day-%d" % day, keep=3)
    assert listing(server.backups) == [".lock", "day-3", "day-4", "day-5"]
    assert server.run(name="day-6", keep=0)["removed"] == []


def test_a_database_in_use(server: Server) -> None:
    """A writer that has not committed is neither waited for nor copied."""
    writer = sqlite3.connect(server.database, isolation_level=None)
    writer.execute("begin immediate")
    writer.execute("insert into runs values (99)")
    server.run(name="one")
    writer.execute("rollback")
    writer.close()
    copied = sqlite3.connect(server.backups / "one/database.sqlite")
    assert [row[0] for row in copied.execute("select number from runs")] == [1]


def test_a_database_that_stays_locked_ends_in_a_sentence(server: Server) -> None:
    writer = sqlite3.connect(server.database, isolation_level=None)
    writer.execute("begin exclusive")
    with pytest.raises(TooSlow, match="did not end within 2 seconds"):
        server.run(name="one", timeout=2)
    writer.close()
    assert listing(server.backups) == [".lock"]
    assert server.run(name="one")["changed"]
    assert listing(server.database.parent) == ["artifacts", "mlflow.db"]


def test_a_hostile_tree_of_artifacts(server: Server, tmp_path: Path) -> None:
    """Links are kept as links, what would block is not waited for, and a link in the place of a folder leads nothing outside when it comes back."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (server.artifacts / "link").symlink_to("/etc/passwd")
    os.mkfifo(server.artifacts / "fifo")
    server.run(name="one")
    inside = subprocess.run(["tar", "-tvf", server.backups / "one/artifacts.tar"], capture_output=True, text=True, check=True).stdout
    assert "link -> /etc/passwd" in inside
    files.remove(str(server.artifacts / "1"))
    (server.artifacts / "1").symlink_to(outside)
    server.run(state="restored", name="one")
    assert list(outside.iterdir()) == []
    assert (server.artifacts / "1/model.pkl").read_text() == "model 1"


@pytest.mark.parametrize("spoil", ["shorter", "other", "gone"])
def test_a_damaged_backup_is_refused_before_anything_changes(server: Server, spoil: str) -> None:
    server.run(name="one")
    server.note(2)
    file = server.backups / "one/artifacts.tar"
    content = bytearray(file.read_bytes())
    content[700] ^= 1
    if spoil == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-1] if spoil == "shorter" else content)
    with pytest.raises(Problem, match="artifacts.tar is not as it was written"):
        server.run(state="restored", name="one")
    assert server.runs() == [1, 2]


OUTSIDE = '{"made_at": "x", "records": "sqlite", "files": {"../x": {"size": 1, "sha256": ""}}}'


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"made_at": 1}', "[" * 5000, OUTSIDE])
def test_half_a_backup_is_none(server: Server, text: str) -> None:
    server.run(name="whole")
    (server.backups / "half").mkdir()
    (server.backups / "half/manifest.json").write_text(text)
    with pytest.raises(Problem, match=r"There is no complete backup half in .*backups\. There is whole\."):
        server.run(state="restored", name="half")
    assert server.run(name="half")["changed"], "and its name is free"
    assert server.run(state="restored", name="half")["changed"]


def test_a_run_that_was_killed_leaves_nothing_for_long(server: Server) -> None:
    server.run(name="one")
    (server.backups / ".tmp-killed").mkdir()
    (server.backups / ".tmp-killed/database.sqlite").touch()
    (server.database.parent / ".backup-killed").touch()
    server.run(name="two")
    assert listing(server.backups) == [".lock", "one", "two"]
    assert listing(server.database.parent) == ["artifacts", "mlflow.db"]


def test_a_database_that_can_not_be_restored_leaves_the_former(server: Server) -> None:
    server.run(name="one")
    server.note(2)
    part = streams.sqlite(str(server.database))
    (server.folder / "junk").write_bytes(os.urandom(9000))
    with pytest.raises(Problem, match=r"The database .*mlflow\.db could not be restored: .*file is not a database"):
        streams.load(part, str(server.folder / "junk"), getpass.getuser(), 30)
    assert server.runs() == [1, 2]
    assert listing(server.database.parent) == ["artifacts", "mlflow.db"]


def test_a_schema_that_the_stack_does_not_know(server: Server, mlflow_executable: Path) -> None:
    stack = str(mlflow_executable.parent.parent)
    server.run(name="known")
    assert server.run(state="restored", name="known", stack=stack)["changed"]
    with sqlite3.connect(server.database) as connection:
        connection.execute("update alembic_version set version_num = '3500859a5d39'")
    connection.close()
    server.run(name="newer")
    with pytest.raises(Problem, match="The backup newer has the schema 3500859a5d39, which the MLflow in .* does not know"):
        server.run(state="restored", name="newer", stack=stack)


def test_records_of_the_other_kind(server: Server) -> None:
    server.run(name="one")
    postgresql = {"host": "127.0.0.1", "port": 1, "dbname": "mlflow", "user": "mlflow", "password": SECRET, "sslmode": "prefer"}
    with pytest.raises(Problem, match="The backup one is one of sqlite, but the server's records are in postgresql"):
        server.run(state="restored", name="one", sqlite_file=None, postgresql=postgresql)


@pytest.mark.parametrize("starts", [True, False])
def test_the_server_is_started_again_whatever_happened(server: Server, monkeypatch: pytest.MonkeyPatch, starts: bool) -> None:
    """And an error of the start does not hide the one before."""
    server.run(name="one")
    done: list[str] = []

    def systemctl(action: str, unit: str) -> None:
        done.append(action)
        if action == "start" and not starts:
            raise Problem("It does not start.")

    monkeypatch.setattr(backup, "_systemctl", systemctl)
    files.remove(str(server.artifacts))
    with pytest.raises(Problem, match=r"artifacts could not be restored: .*" + ("" if starts else r"It does not start\.")):
        server.run(state="restored", name="one", unit="mlflow-server.service")
    assert done == ["stop", "start"]
    assert server.runs() == [1]


def test_artifacts_that_are_not_in_the_backup_are_left_and_named(server: Server) -> None:
    server.run(name="one", artifact_directory=None)
    assert server.run(state="restored", name="one")["changed"]
    assert server.warnings == ["The backup one has no artifacts.tar, so the folder %s was left as it is." % server.artifacts]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"name": "../etc"}, r"name is '\.\./etc', but letters"),
        ({"name": "one\n"}, "name is 'one"),
        ({"keep": -1}, "keep is -1"),
        ({"user": "nobody-of-that-name"}, "There is no user nobody-of-that-name on this host"),
        ({"sqlite_file": "/nowhere/mlflow.db"}, r"The database /nowhere/mlflow\.db could not be backed up: /nowhere/mlflow\.db is not there\."),
        ({"artifact_directory": "/nowhere/artifacts"}, "The folder /nowhere/artifacts could not be backed up: .*[Nn]o such file"),
    ],
)
def test_what_can_not_be(server: Server, params: dict[str, t.Any], words: str) -> None:
    with pytest.raises(Problem, match=words):
        server.run(**params)
    assert not server.backups.exists() or listing(server.backups) == [".lock"]


def test_a_place_that_is_somebody_elses(server: Server, tmp_path: Path) -> None:
    server.backups.symlink_to(tmp_path)
    with pytest.raises(Problem, match="is not a folder of"):
        server.run(name="one")


# --------------------------------------------------------------------------------------------------------------------------------------- S3


@pytest.fixture
def s3() -> t.Iterator[dict[str, t.Any]]:
    """The module's options for an S3 server on loopback."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    url = "http://127.0.0.1:%d" % moto.get_host_and_port()[1]
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key=SECRET)
    # All servers of a process share what they hold.
    client.create_bucket(Bucket=BUCKET)
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    try:
        yield {
            "uri": "s3://%s/mlflow-a" % BUCKET, "endpoint_url": url, "region": "us-east-1", "access_key_id": "key", "secret_access_key": SECRET,
            "ca_path": None, "validate_certs": True, "python": sys.executable,
        }  # fmt: skip
    finally:
        moto.stop()


def keys(s3: dict[str, t.Any]) -> list[str]:
    client = boto3.client("s3", endpoint_url=s3["endpoint_url"], region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key=SECRET)
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_to_s3_and_back_on_another_host(server: Server, s3: dict[str, t.Any]) -> None:
    server.run(name="one", s3=s3)
    assert keys(s3) == ["mlflow-a/one/artifacts.tar", "mlflow-a/one/database.sqlite", "mlflow-a/one/manifest.json"]
    files.remove(str(server.backups))
    server.note(2)
    assert server.run(check_mode=True, state="restored", name="one", s3=s3)["changed"]
    assert server.runs() == [1, 2]
    assert server.run(state="restored", name="one", s3=s3)["files"] == ["artifacts.tar", "database.sqlite"]
    assert server.runs() == [1]


def test_old_ones_go_from_s3_too_and_those_with_names_stay(server: Server, s3: dict[str, t.Any]) -> None:
    for name in ("before-the-move", "20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        server.run(name=name, s3=s3, keep=2)
    assert sorted({key.split("/")[1] for key in keys(s3)}) == ["20260102T000000Z", "20260103T000000Z", "before-the-move"]


def test_a_backup_that_s3_has_not_got_whole(server: Server, s3: dict[str, t.Any]) -> None:
    server.run(name="one", s3=s3)
    client = boto3.client("s3", endpoint_url=s3["endpoint_url"], region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key=SECRET)
    client.delete_object(Bucket=BUCKET, Key="mlflow-a/one/manifest.json")
    files.remove(str(server.backups))
    with pytest.raises(Problem, match=r"There is no complete backup one in .*backups and s3://backups-of-the-test/mlflow-a/\. There is none\."):
        server.run(state="restored", name="one", s3=s3)


def test_s3_that_refuses_leaves_the_backup_on_disk_and_shows_no_secret(server: Server, s3: dict[str, t.Any]) -> None:
    with pytest.raises(Problem) as refused:
        server.run(name="one", s3={**s3, "uri": "s3://no-such-bucket/x"})
    assert "NoSuchBucket" in str(refused.value) and "The backup one is on disk" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert json.loads((server.backups / "one/manifest.json").read_text())["records"] == "sqlite"
    assert server.run(check_mode=True, name="one", s3=s3)["changed"]
    assert server.run(name="one", s3=s3)["changed"], "the next run brings it there"
    assert not server.run(name="one", s3=s3)["changed"]
    assert "mlflow-a/one/manifest.json" in keys(s3)
