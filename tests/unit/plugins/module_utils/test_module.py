# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible gets of a module's call, however it ends."""

from __future__ import annotations

import errno
import json
import os
import typing as t

import pytest
from ansible.module_utils import basic
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import TooLarge
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module

SPEC = {"dest": {"type": "path"}, "token": {"type": "str", "no_log": True}}
Call = t.Callable[[QuietModule], dict[str, t.Any]]


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> t.Callable[..., dict[str, t.Any]]:
    """Run a module that makes this call, and return what it told Ansible; its exit status says whether it failed."""

    def run(call: Call, arguments: dict[str, t.Any] | None = None, check_mode: bool = False, **rules: t.Any) -> dict[str, t.Any]:
        given = {"ANSIBLE_MODULE_ARGS": {**(arguments or {}), "_ansible_check_mode": check_mode}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(given).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ended:
            run_module(call, SPEC, **rules)
        told = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == bool(told.get("failed"))
        return {name: value for name, value in told.items() if name not in ("invocation", "exception")}

    return run


def failing(error: Exception) -> Call:
    def call(module: QuietModule) -> dict[str, t.Any]:
        raise error

    return call


def test_a_result(end) -> None:
    assert end(lambda module: {"changed": True, "path": module.params["dest"]}, {"dest": "/x"}) == {"changed": True, "path": "/x"}
    assert end(lambda module: {"answer": 42}) == {"changed": False, "answer": 42}


def test_check_mode_reaches_the_call(end) -> None:
    for check_mode in (False, True):
        assert end(lambda module: {"check_mode": module.check_mode}, check_mode=check_mode)["check_mode"] is check_mode


def test_a_problem_with_what_is_known_beside_it(end) -> None:
    told = end(failing(Problem("It is broken. Mend it.", changed=True, saved=["a"])))
    assert told == {"failed": True, "msg": "It is broken. Mend it.", "changed": True, "saved": ["a"]}


@pytest.mark.parametrize("error", [HttpError("It is gone.", 404), TooLarge("It is gone.")])
def test_every_kind_of_problem(end, error: Problem) -> None:
    assert end(failing(error)) == {"failed": True, "msg": "It is gone."}


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
DENIED = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/etc/x")


@pytest.mark.parametrize(
    ("error", "place", "seen"),
    [
        (DENIED, "dest", "/etc/x: Permission denied."),
        (NO_SPACE, "dest", "/opt/x: No space left on device."),
        (NO_SPACE, "", "This host: No space left on device."),
        (OSError("cannot"), "dest", "/opt/x: cannot."),
    ],
)
def test_an_error_of_the_operating_system(end, error: OSError, place: str, seen: str) -> None:
    told = end(failing(error), {"dest": "/opt/x"}, place=place)
    assert told == {"failed": True, "msg": seen + " Check the path, the space and the permissions there."}


def test_a_secret_is_not_told(end) -> None:
    told = end(failing(Problem("The token CANARY-0123 is refused.", sent="CANARY-0123")), {"token": "CANARY-0123"})
    assert "CANARY" not in json.dumps(told)


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", b'{"ANSIBLE_MODULE_ARGS": {}}')
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(ZeroDivisionError):
        run_module(lambda module: {"share": 1 // 0}, SPEC)


def test_rules_between_options(end) -> None:
    told = end(lambda module: {}, required_one_of=[("dest", "token")])
    assert told["failed"] and told["msg"] == "one of the following is required: dest, token"


@pytest.mark.parametrize(("selinux", "check_mode", "labelled"), [(True, False, ["/a", "/b"]), (True, True, []), (False, False, [])])
def test_labels(end, monkeypatch: pytest.MonkeyPatch, selinux: bool, check_mode: bool, labelled: list[str]) -> None:
    done: list[str] = []
    monkeypatch.setattr(QuietModule, "selinux_enabled", lambda self: selinux)
    monkeypatch.setattr(QuietModule, "set_default_selinux_context", lambda self, path, changed: done.append(path))

    def call(module: QuietModule) -> dict[str, t.Any]:
        module.label("/a", "/b")
        return {}

    end(call, check_mode=check_mode)
    assert done == labelled
