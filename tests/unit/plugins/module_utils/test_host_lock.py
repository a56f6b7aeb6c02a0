# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time has a host: records of real files, taken by real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

WORDS = {"user": "alice", "controller": "ctl-1", "playbook": "site.yml", "since": "2026-11-27T03:00:00Z", "machine": "m", "start": "7", "pid": 4711}


def wish(run: str, name: str = "mlflow-a", lease: int = 600) -> dict[str, t.Any]:
    return {**WORDS, "run": run, "name": name, "lease": lease}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own with the collection's code."""
    beginning = "import sys\nfrom ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", beginning + program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def silenced(folder: str, seconds: float) -> None:
    """Let the last sign of life lie so far back."""
    path = Path(folder, "lock.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "sign": record["sign"] - seconds}))


def test_the_second_is_told_who_has_it(folder: str) -> None:
    assert _host_lock.standing(folder=folder) is None
    assert not Path(folder).exists()
    assert _host_lock.take(wish("one"), folder=folder) is None
    record = _host_lock.take({**wish("two"), "user": "bob"}, folder=folder)
    assert record is not None and record["run"] == "one"
    assert _host_lock.sentence("mlflow-a", record) == (
        "mlflow-a is being changed by alice from ctl-1 with site.yml since 2026-11-27T03:00:00Z (last sign of life 0 s ago). Wait for the end of that run, "
        "or let this one wait with -e mlops_lock_wait=600. A run that has died holds the host for 600 s after its last sign of life; if you know that it "
        f"has, remove {folder}/lock.json there."
    )
    assert _host_lock.standing(folder=folder) == record
    assert _host_lock.standing("two", folder) == record
    assert not _host_lock.release("two", "mlflow-a", folder)
    assert _host_lock.release("one", "mlflow-a", folder)
    assert _host_lock.take(wish("two"), folder=folder) is None


def test_only_root_writes_and_everybody_may_look(folder: str) -> None:
    before = os.umask(0o077)
    try:
        _host_lock.take(wish("one"), folder=folder)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(folder).iterdir()}
    assert modes == {"lock.json": 0o644, "guard": 0o600}
    assert Path(folder).stat().st_mode & 0o777 == 0o755


def test_it_goes_with_the_last_for_whom_its_run_has_it(folder: str) -> None:
    _host_lock.take(wish("one", "mlflow-a"), folder=folder)
    assert _host_lock.take({**wish("one", "ssh_access of sparkflows"), "since": "2026-11-27T04:00:00Z"}, folder=folder) is None
    record = _host_lock.standing(folder=folder)
    assert record is not None and (record["names"], record["since"]) == (["mlflow-a", "ssh_access of sparkflows"], WORDS["since"])
    assert _host_lock.release("one", "mlflow-a", folder)
    assert _host_lock.take(wish("two"), folder=folder) is not None
    assert _host_lock.release("one", "ssh_access of sparkflows", folder)
    assert not _host_lock.release("one", "ssh_access of sparkflows", folder)
    assert _host_lock.take(wish("two"), folder=folder) is None


def test_a_silent_run_loses_it_and_a_sign_of_life_puts_that_off(folder: str) -> None:
    _host_lock.take(wish("one"), folder=folder)
    silenced(folder, 599)
    assert _host_lock.take(wish("two"), folder=folder) is not None
    assert _host_lock.standing("one", folder)
    silenced(folder, 599)
    assert _host_lock.take(wish("two"), folder=folder) is not None
    silenced(folder, 1)
    assert _host_lock.standing(folder=folder) is None
    assert _host_lock.take(wish("two"), folder=folder) is None
    assert (_host_lock.standing("one", folder) or {})["run"] == "two"


def test_a_run_that_is_known_to_have_died_loses_it_at_once(folder: str) -> None:
    _host_lock.take(wish("dead"), folder=folder)
    assert _host_lock.awaited(0, ["dead"], folder) is None
    assert _host_lock.take(wish("two"), over=["other"], folder=folder) is not None
    assert _host_lock.take(wish("two"), over=["dead"], folder=folder) is None
    assert (_host_lock.standing(folder=folder) or {})["names"] == ["mlflow-a"]


def test_it_does_not_end_while_a_module_of_its_run_is_at_work_nor_with_that_modules_end(folder: str) -> None:
    _host_lock.take(wish("one", lease=60), folder=folder)
    module = python("with _host_lock.busy(sys.argv[1]):\n    print('works', flush=True)\n    sys.stdin.read()", folder)
    try:
        assert module.stdout is not None and module.stdout.readline() == "works\n"
        silenced(folder, 3600)
        record = _host_lock.take(wish("two"), folder=folder)
        assert record is not None and record["busy"] and "(last sign of life now)" in _host_lock.words("h", record)
    finally:
        module.kill()
        module.wait()
    assert _host_lock.standing(folder=folder) is None, "a module that was killed holds nothing"
    with _host_lock.busy(folder):
        silenced(folder, 3600)
    assert (_host_lock.standing(folder=folder) or {"silent": None})["silent"] == 0


def test_without_a_lock_a_module_leaves_nothing(folder: str) -> None:
    with _host_lock.busy(folder):
        pass
    assert not Path(folder).exists()


def test_of_many_at_once_one_gets_it(folder: str) -> None:
    program = "import json\nprint('ready', flush=True)\nsys.stdin.read()\nprint(_host_lock.take(json.loads(sys.argv[2]), folder=sys.argv[1]) is None)"
    started = [python(program, folder, json.dumps(wish(str(number)))) for number in range(8)]
    assert {process.stdout.readline() for process in started if process.stdout} == {"ready\n"}
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert sorted(answers) == ["False\n"] * 7 + ["True\n"]


def test_the_next_waits_and_goes_on(folder: str) -> None:
    _host_lock.take(wish("one"), folder=folder)
    waiting = threading.Thread(target=lambda: taken.append(_host_lock.take(wish("two"), wait=60, folder=folder)))
    taken: list[t.Any] = []
    waiting.start()
    assert _host_lock.awaited(0.1, folder=folder) is not None
    assert not taken
    _host_lock.release("one", "mlflow-a", folder)
    waiting.join(30)
    assert taken == [None]
    began = time.monotonic()
    assert (_host_lock.take(wish("three"), wait=0.3, folder=folder) or {})["run"] == "two"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run": 1}', "[" * 100000, json.dumps({**WORDS, "run": "x", "lease": "a", "names": [], "sign": 0})])
def test_what_is_no_record_locks_nothing(folder: str, text: str) -> None:
    Path(folder).mkdir()
    Path(folder, "lock.json").write_text(text)
    assert _host_lock.standing(folder=folder) is None
    assert _host_lock.take(wish("one"), folder=folder) is None
    assert (_host_lock.standing(folder=folder) or {})["run"] == "one"


def test_a_fifo_and_a_link_are_not_followed(folder: str, tmp_path: Path) -> None:
    Path(folder).mkdir()
    os.mkfifo(Path(folder, "lock.json"))
    assert _host_lock.standing(folder=folder) is None
    Path(folder, "lock.json").unlink()
    Path(folder, "lock.json").symlink_to(tmp_path / "elsewhere")
    assert _host_lock.take(wish("one"), folder=folder) is None
    assert not (tmp_path / "elsewhere").exists()


def test_what_another_wrote_can_not_play_with_a_terminal(folder: str) -> None:
    _host_lock.take({**wish("one"), "user": "\x1b[2Ja\nlice" + "x" * 999}, folder=folder)
    record = _host_lock.standing(folder=folder)
    assert record is not None and "\x1b" not in record["user"] and "\n" not in record["user"] and len(record["user"]) == 200


def test_a_guard_that_somebody_keeps_is_told(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _host_lock.take(wish("one"), folder=folder)
    monkeypatch.setattr(_host_lock, "_SHORT_WAIT", 0.2)
    keeping = "import fcntl\nfile = open(sys.argv[1] + '/guard', 'r+')\nfcntl.flock(file, fcntl.LOCK_EX)\nprint('kept', flush=True)\nsys.stdin.read()"
    keeper = python(keeping, folder)
    try:
        assert keeper.stdout is not None and keeper.stdout.readline() == "kept\n"
        with pytest.raises(Problem, match="guard is held for more than"):
            _host_lock.take(wish("one"), folder=folder)
    finally:
        keeper.send_signal(signal.SIGKILL)
        keeper.wait()


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="It needs root, that is become"):
        _host_lock.take(wish("one"), folder=str(tmp_path / "missing" / "lock"))
