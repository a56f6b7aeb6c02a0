# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of a host's lock: which run this is, which has died, and who is refused or waits."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.action.plan import ActionModule
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import host_lock

VARIABLES: dict[str, t.Any] = {"inventory_hostname": "mlflow-a"}


class Plain:
    """A templar for values that are none."""

    def template(self, value: t.Any) -> t.Any:
        return value


class Action:
    """A task on a host whose lock is in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self._templar, self.folder, self.asked = Plain(), folder, 0

    def _execute_module(self, module_name: str, module_args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        assert module_name == "sparkflows.mlops.host_lock"
        self.asked += 1
        return {"lock": _host_lock.carried_out({"state": "held", **module_args}, False, str(self.folder))}


@pytest.fixture
def action(tmp_path: Path) -> Action:
    return Action(tmp_path / "lock")


def another(**changes: t.Any) -> dict[str, t.Any]:
    """A run of another controller, as the option `holder`."""
    return {**host_lock.this_run(), "run": "other", "machine": "elsewhere", "user": "alice", "controller": "ctl-1", "playbook": "site.yml", **changes}


def held_by(action: Action, holder: dict[str, t.Any], lease: int = 600) -> None:
    assert _host_lock.take({**holder, "name": "x", "lease": lease}, folder=str(action.folder)) is None


def test_all_workers_of_a_run_are_one_run() -> None:
    here = host_lock.this_run()
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert {run["run"] for run in (workers.apply(host_lock.this_run) for dummy in range(4))} == {here["run"]}
    program = "from ansible_collections.sparkflows.mlops.plugins.plugin_utils import host_lock; print(host_lock.this_run()['run'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment).stdout.strip() != here["run"]
    assert host_lock.has_died(here) is False


def test_a_run_of_this_machine_has_died_when_its_process_is_gone_or_another() -> None:
    process = subprocess.Popen(["sleep", "60"])
    start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    record = {"machine": host_lock.this_run()["machine"], "pid": process.pid, "start": start}
    assert not host_lock.has_died(record)
    assert host_lock.has_died({**record, "start": str(int(start) - 1)}), "another process has got the number"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert host_lock.has_died(record), "nobody has asked yet how it ended"
    process.wait()
    assert host_lock.has_died(record)
    for unknown in ({"machine": "elsewhere"}, {"machine": ""}, {"pid": 1}, {"pid": 0}, {"pid": -1}, {"pid": 2**70}, {"start": ""}):
        assert not host_lock.has_died({**record, **unknown}), unknown


def test_who_has_it_is_told_and_that_is_decided_on_the_host(action: Action) -> None:
    assert not host_lock.asked(action, {}, VARIABLES, "mlflow-a").get("failed")
    record = _host_lock.standing(folder=str(action.folder))
    assert record is not None and (record["names"], record["lease"]) == (["mlflow-a"], 600)
    assert not host_lock.in_the_way(record)
    assert not host_lock.asked(action, {"state": "released"}, VARIABLES, "mlflow-a").get("failed")
    assert _host_lock.standing(folder=str(action.folder)) is None
    held_by(action, another())
    refused = host_lock.asked(action, {}, VARIABLES, "mlflow-a")
    assert refused["failed"] and refused["msg"].startswith("mlflow-a is being changed by alice from ctl-1 with site.yml since ")
    assert host_lock.in_the_way(refused["lock"])
    assert action.asked == 3


def test_a_run_that_died_here_keeps_nobody_waiting(action: Action) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    dead = another(machine=host_lock.this_run()["machine"], pid=process.pid, start="1")
    held_by(action, dead)
    seen = _host_lock.standing(folder=str(action.folder))
    assert not host_lock.in_the_way(seen)
    assert not host_lock.asked(action, {}, {**VARIABLES, "mlops_lock_wait": 3600}, "mlflow-a").get("failed")
    assert action.asked == 2
    host_lock.asked(action, {"state": "released"}, VARIABLES, "mlflow-a")
    held_by(action, dead)
    assert not host_lock.asked(action, {}, VARIABLES, "mlflow-a", seen).get("failed")
    assert action.asked == 4


def test_another_run_is_waited_for_as_long_as_was_said(action: Action, capsys: pytest.CaptureFixture[str]) -> None:
    held_by(action, another())
    assert host_lock.asked(action, {}, {**VARIABLES, "mlops_lock_wait": "1", "mlops_lock_lease": "5"}, "mlflow-a")["failed"]
    assert "mlflow-a is being changed by alice from ctl-1 with site.yml" in " ".join(capsys.readouterr().out.split())
    end = threading.Timer(0.5, _host_lock.release, ("other", "x", str(action.folder)))
    end.start()
    assert not host_lock.asked(action, {}, {**VARIABLES, "mlops_lock_wait": 60, "mlops_lock_lease": "5"}, "mlflow-a").get("failed")
    end.join()
    assert (_host_lock.standing(folder=str(action.folder)) or {})["lease"] == 5


@pytest.mark.parametrize("value", ["soon", -1, True, 1.5, None, 86401, "", [60]])
def test_what_is_no_number_of_seconds_is_refused(value: t.Any) -> None:
    (told,) = host_lock.problems({**VARIABLES, "mlops_lock_wait": value}, Plain())
    assert told.startswith("mlops_lock_wait is ") and told.endswith("it has to be a whole number of seconds from 0 to 86400.")
    assert len(host_lock.problems({**VARIABLES, "mlops_lock_wait": value, "mlops_lock_lease": 0}, Plain())) == 2
    with pytest.raises(Problem):
        host_lock.wait({**VARIABLES, "mlops_lock_wait": value}, Plain())


def test_a_compiler_may_be_silent_for_longer() -> None:
    assert host_lock.patience("python", "build") == 3600
    assert host_lock.patience("python", "release") == 0


@pytest.fixture
def plan(action: Action, monkeypatch: pytest.MonkeyPatch) -> ActionModule:
    """The action `plan` on the host of `action`."""
    made = ActionModule.__new__(ActionModule)
    monkeypatch.setattr(made, "_templar", action._templar, raising=False)
    monkeypatch.setattr(made, "_execute_module", action._execute_module)
    return made


def role(*steps: str, changes: bool = True) -> dict[str, t.Any]:
    return {"steps": list(steps), "changes": changes}


def test_a_plan_takes_it_where_something_changes_and_asks_the_host_no_more_often_than_it_must(plan: ActionModule, action: Action) -> None:
    for nothing in ({"jdk": role(changes=False)}, {"sparkflows": role("reach", changes=False)}):
        assert plan._locked(nothing, None, VARIABLES) == ({}, False)
    assert action.asked == 0
    assert plan._locked({"jdk": role("release")}, None, VARIABLES) == ({}, True)
    stands = _host_lock.standing(folder=str(action.folder))
    assert plan._locked({"pip_stack": role("environment")}, stands, VARIABLES) == ({}, False)
    assert action.asked == 1
    assert plan._locked({"python": role("build")}, stands, VARIABLES) == ({}, False)
    stands = _host_lock.standing(folder=str(action.folder))
    assert stands is not None and stands["lease"] == 3600
    assert plan._locked({"pip_stack": role("environment")}, stands, VARIABLES) == ({}, False)
    assert (_host_lock.standing(folder=str(action.folder)) or {})["lease"] == 600


def test_a_plan_that_comes_second_is_refused(plan: ActionModule, action: Action) -> None:
    held_by(action, another())
    refused, fresh = plan._locked({"jdk": role("release")}, None, VARIABLES)
    assert refused["failed"] and refused["msg"].startswith("mlflow-a is being changed by alice from ctl-1 with site.yml since ")
    assert set(refused) == {"failed", "msg"}


def test_a_plan_that_loses_its_host_says_so(plan: ActionModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_execute_module", lambda **options: {"unreachable": True, "msg": "No route to host."})
    assert plan._locked({"jdk": role("release")}, None, VARIABLES)[0] == {"unreachable": True, "msg": "No route to host."}
