# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module hands to the journal of the host that it runs on, by Ansible's own means of logging an invocation."""

from __future__ import annotations

import importlib
import json
import pkgutil
import syslog
import typing as t

import pytest
from ansible.module_utils import basic
from ansible_collections.sparkflows.mlops.plugins import modules
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule

CANARY = "CANARY0123456789"
# As Python writes it within a list or dictionary it is another text, which Ansible does not know again.
SECRET = CANARY + "\\of two\nlines"
Spec = dict[str, dict[str, t.Any]]
# Those without are documentation of an action of the same name.
NAMES = [info.name for info in pkgutil.iter_modules(modules.__path__) if hasattr(importlib.import_module("%s.%s" % (modules.__name__, info.name)), "main")]


class Made(Exception):
    """A module made its AnsibleModule."""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], tuple[object, Spec]]:
    """The object and the argument spec that a module begins with."""

    def begin(self: object, argument_spec: Spec, **dummy: t.Any) -> None:
        raise Made(self, argument_spec)

    def make(name: str) -> tuple[object, Spec]:
        with monkeypatch.context() as patch:
            patch.setattr(basic.AnsibleModule, "__init__", begin)
            with pytest.raises(Made) as caught:
                importlib.import_module("%s.%s" % (modules.__name__, name)).main()
        return caught.value.args[0], caught.value.args[1]

    return make


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., str]:
    """Begin a module with some arguments, and return what it wrote to syslog."""

    def begin(kind: type[basic.AnsibleModule], spec: Spec, arguments: dict[str, t.Any]) -> str:
        lines: list[str] = []
        monkeypatch.setattr(basic, "has_journal", False)
        monkeypatch.setattr(syslog, "syslog", lambda dummy, line: lines.append(line))
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        kind(argument_spec=spec)
        assert len(lines) == 1 and lines[0].startswith("Invoked")
        return lines[0]

    return begin


def without_rules(spec: Spec) -> Spec:
    """A spec whose options can be given one at a time."""
    return {
        name: {**{key: value for key, value in option.items() if key in ("type", "elements", "no_log", "aliases", "choices")},
               **({"options": without_rules(option["options"])} if option.get("options") else {})}
        for name, option in spec.items()
    }  # fmt: skip


def with_secret(option: dict[str, t.Any], within: bool = False) -> t.Any:
    """A value with a secret in it, None where the option's type has no room for one; a plain text at the top level carries it as an address may."""
    kind = option.get("type", "str")
    if option.get("choices"):
        return None
    if option.get("options"):
        filled = {name: with_secret(inner, True) for name, inner in option["options"].items()}
        value = {name: secret for name, secret in filled.items() if secret is not None}
        return [value] if kind == "list" and value else value or None
    if kind == "list":
        secret = with_secret({"type": option.get("elements", "str")}, True)
        return None if secret is None else [secret]
    if kind in ("dict", "raw"):
        return {"password": SECRET}
    if kind in ("str", "path"):
        return SECRET if within or option.get("no_log") else "https://me:%s@example.com/" % CANARY
    return None


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_logged(made, logged, name: str) -> None:
    begun, spec = made(name)
    assert isinstance(begun, QuietModule)
    spec = without_rules(spec)
    for option, rules in spec.items():
        secret = with_secret(rules)
        if secret is not None:
            line = logged(QuietModule, spec, {option: secret})
            assert CANARY not in line, "%s.%s" % (name, option)
            assert "%s=" % option in line


def test_what_ansible_itself_would_log(made, logged) -> None:
    dummy, spec = made("host_info")
    arguments = {"files": [{"path": "/etc/x.env", "content": SECRET}]}
    assert CANARY in logged(basic.AnsibleModule, spec, arguments)
    assert CANARY not in logged(QuietModule, spec, arguments)


def test_plain_options_are_logged(logged) -> None:
    spec = {"unit": {"type": "str"}, "timeout": {"type": "int"}, "pins": {"type": "list", "elements": "str"}, "token": {"type": "str", "no_log": True}}
    line = logged(QuietModule, spec, {"unit": "mlflow-server.service", "timeout": 5, "pins": ["a"], "token": CANARY})
    assert line == "Invoked with unit=mlflow-server.service timeout=5 pins=NOT_LOGGING_PARAMETER token=NOT_LOGGING_PARAMETER"


def test_options_reach_the_module(monkeypatch: pytest.MonkeyPatch, logged) -> None:
    begun = []

    class Kept(QuietModule):
        def __init__(self, **options: t.Any) -> None:
            super().__init__(**options)
            begun.append(self.params)

    logged(Kept, {"settings": {"type": "dict"}}, {"settings": {"password": SECRET}})
    assert begun == [{"settings": {"password": SECRET}}]
