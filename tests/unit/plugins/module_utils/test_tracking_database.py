# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose schema a tracking server's database has, told of databases that a real MLflow made."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_database

HEAD = tracking_database.MLFLOW_1_30[-1]


@pytest.fixture(scope="module")
def made(mlflow_executable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow 1.30.1 makes it, with a registered model in it."""
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    script = "import mlflow.tracking\nmlflow.tracking.MlflowClient('sqlite:///%s').create_registered_model('churn')\n" % path
    python = str(mlflow_executable.parent / "python")
    subprocess.run([python, "-c", script], check=True, cwd=path.parent, env={**os.environ, "GIT_PYTHON_REFRESH": "quiet"}, capture_output=True)
    return path


def test_the_revisions_are_those_of_the_pinned_mlflow(mlflow_executable: Path) -> None:
    assert tuple(tracking_database.revisions(str(mlflow_executable.parent.parent))) == tracking_database.MLFLOW_1_30


def test_a_database_of_this_mlflow(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.parent.glob("mlflow.db*")}
    facts = tracking_database.sqlite_facts(str(made))
    assert (facts["revision"], facts["registered_models"], facts["runs"], facts["error"]) == (HEAD, 1, 0, None)
    assert tracking_database.standing(facts, tracking_database.MLFLOW_1_30) == "current"
    assert {path: path.stat().st_mtime_ns for path in made.parent.glob("mlflow.db*")} == before, "reading writes nothing"


@pytest.mark.parametrize(("revision", "standing"), [("cc1f77228345", "older"), ("451aebb31d03", "older"), ("3500859a5d39", "newer")])
def test_a_database_of_another_mlflow(made: Path, tmp_path: Path, revision: str, standing: str) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(made.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("update alembic_version set version_num = ?", (revision,))
    connection.close()
    facts = tracking_database.sqlite_facts(str(path))
    assert (facts["revision"], tracking_database.standing(facts, tracking_database.MLFLOW_1_30)) == (revision, standing)


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "my ?#%20.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table customers (name text)")
    connection.close()
    assert tracking_database.standing(tracking_database.sqlite_facts(str(path)), tracking_database.MLFLOW_1_30) == "foreign"


def test_nothing_there_yet(tmp_path: Path) -> None:
    for path in (tmp_path / "none.db", tmp_path / "empty.db"):
        assert tracking_database.standing(tracking_database.sqlite_facts(str(path)), tracking_database.MLFLOW_1_30) == "new"
        (tmp_path / "empty.db").touch()
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("hello " * 400)
    facts = tracking_database.sqlite_facts(str(tmp_path / "x.db"))
    assert facts["error"] == "%s can't be read as a SQLite database (file is not a database)." % (tmp_path / "x.db")
    assert tracking_database.standing(facts, tracking_database.MLFLOW_1_30) == "unknown"


def test_postgresql_without_its_driver_is_not_judged(mlflow_executable: Path) -> None:
    for python in ("/nowhere/bin/python", str(mlflow_executable.parent / "python")):
        facts = tracking_database.postgresql_facts(python, {"host": "127.0.0.1", "port": 1, "dbname": "x", "user": "x", "password": "secret"})
        assert (facts["exists"], facts["error"]) == (None, None)
        assert tracking_database.standing(facts, tracking_database.MLFLOW_1_30) == "unknown"


def test_a_stack_without_mlflow_tells_no_revisions(tmp_path: Path) -> None:
    assert tracking_database.revisions(str(tmp_path)) == []
