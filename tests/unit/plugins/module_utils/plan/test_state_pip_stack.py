# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is from the environment that its locks describe, pin by pin; and what would keep the role from making it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.pip_stack import STATE

from tests.unit.plugins.module_utils.plan.readings import prediction, reading, settings, told

PREFIX = "/opt/sparkflows/stack"
PRESENT, ABSENT = settings("pip_stack"), settings("pip_stack", pip_stack_state="absent")
PINS = {"python": "3.7.9", "click": "8.1.3", "flask": "2.2.4", "mlflow": "1.30.1", "numpy": "1.21.6", "pandas": "1.3.5", "scipy": "1.7.3"}
MISSING = {"path": None, "previous": None, "compiled": False, "fits": None}
#: The release that is in use, and one that would take its place.
SAME = {"path": PREFIX + "/releases/a", "previous": None, "compiled": True, "fits": "/opt/sparkflows/python/releases/3.7.9/bin/python3.7"}
NEXT = {"path": PREFIX + "/releases/b", "previous": "a", "compiled": False, "fits": None}
BROKEN = {"changed": True, "error": "/opt/py/bin/python3.7 is CPython 3.9.2, but CPython 3.7 is needed."}


def lines(**changes: str | None) -> str:
    """The environment as a diff shows it, with some pins changed or left out."""
    return "".join("%s %s\n" % (name, version) for name, version in {**PINS, **changes}.items() if version)


@pytest.mark.parametrize(
    ("seen", "differences"),
    [
        (prediction(lines(), lines(), **SAME), []),
        (prediction("", lines(), **NEXT), [("environment", PREFIX, "missing", "6 distributions for Python 3.7.9")]),
        (
            prediction(lines(mlflow="1.29.0"), lines(), **NEXT),
            [("environment", "mlflow", "1.29.0", "1.30.1")],
        ),
        (
            prediction(lines(python="3.7.8", numpy=None, six="1.16.0"), lines(), **NEXT),
            [("environment", "python", "3.7.8", "3.7.9"), ("environment", "numpy", "missing", "1.21.6"), ("environment", "six", "1.16.0", "removed")],
        ),
        (
            prediction(lines(click="1", flask="1", mlflow="1", numpy="1", pandas="1", scipy="1"), lines(), **NEXT),
            [
                *[("environment", name, "1", PINS[name]) for name in ("click", "flask", "mlflow", "numpy")],
                ("environment", "2 more distributions", "differ", "as locked"),
            ],
        ),
        (
            prediction(lines(), lines(), **NEXT, changed=True),
            [("environment", PREFIX + "/current", "damaged, or made with another interpreter", "made anew")],
        ),
        (prediction(lines(), lines(), **SAME, changed=True), [("surplus", PREFIX + "/releases", "more old environments than are kept", "removed")]),
        (
            prediction(lines(), lines(), **{**SAME, "compiled": False}),
            [("bytecode", "byte code of %s/releases/a" % PREFIX, "not complete", "made")],
        ),
    ],
)
def test_differences(seen: dict[str, t.Any], differences: list[tuple[str, str, str, str]]) -> None:
    assert told(STATE, PRESENT, predictions={"pip_stack": seen}) == differences


@pytest.mark.parametrize("step", ["release", "build"])
def test_another_interpreter_makes_the_environment_anew(step: str) -> None:
    predictions = {"pip_stack": prediction(lines(), lines(), **SAME)}
    anew = [("environment", PREFIX + "/current", "made with another interpreter", "made anew")]
    assert told(STATE, PRESENT, {"python": [step]}, predictions=predictions) == anew
    assert told(STATE, PRESENT, {"python": ["surplus", "tidied"]}, predictions=predictions) == []
    elsewhere = {**PRESENT, "python_prefix": "/opt/sparkflows/python", "pip_stack_python": "/opt/py/bin/python3.7"}
    assert told(STATE, elsewhere, {"python": [step]}, predictions=predictions) == []


@pytest.mark.parametrize(
    ("release", "leads_to", "step"),
    [
        ("3.7.9", [], None),
        ("3.7.9", ["/srv/python/releases/3.7.9/bin/python3.7"], "environment"),
        ("3.7.17", [], "environment"),
    ],
)
def test_an_interpreter_that_comes_back_to_where_it_was(release: str, leads_to: list[str], step: str | None) -> None:
    """Its link or its release is gone, so that nothing of it can be asked."""
    wanted = {**PRESENT, **settings("python", python_release=release)}
    seen = prediction(lines(), lines(python="3.7"), **{**SAME, "path": None, "previous": "a"})
    files = {"/opt/sparkflows/python/releases/%s/bin/python3.7" % release: {"leads_to": leads_to}}
    found = told(STATE, wanted, {"python": ["release"]}, predictions={"pip_stack": seen}, files=files)
    assert [difference[0] for difference in found] == ([step] if step else [])


def test_an_interpreter_that_is_yet_to_come() -> None:
    """Of its version only 3.7 is known, which is not told as a change."""
    predictions = {"pip_stack": prediction("", lines(python="3.7"), **MISSING)}
    (found,) = STATE.differences(PRESENT, reading(STATE, PRESENT, predictions=predictions), {}, {"python": ["release"]})
    assert (found.step, found.reason) == ("environment", "made when the role python has brought its interpreter")
    predictions = {"pip_stack": prediction(lines(), lines(python="3.7", mlflow="1.30.2"), **{**MISSING, "previous": "a"})}
    assert told(STATE, PRESENT, {"python": ["release"]}, predictions=predictions) == [("environment", "mlflow", "1.30.1", "1.30.2")]


@pytest.mark.parametrize(
    ("seen", "differences"),
    [
        (prediction(), []),
        (prediction(lines()), [("removed", PREFIX, "6 distributions for Python 3.7.9", "removed")]),
        (prediction(changed=True), [("removed", PREFIX, "there", "removed")]),
        ({"changed": True, "error": "current is not a link."}, [("removed", PREFIX, "can't be told", "as wanted")]),
    ],
)
def test_removal(seen: dict[str, t.Any], differences: list[tuple[str, str, str, str]]) -> None:
    assert told(STATE, ABSENT, predictions={"pip_stack": seen}) == differences


def needs(seen: dict[str, t.Any], ahead: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    return STATE.needs(PRESENT, reading(STATE, PRESENT, predictions={"pip_stack": seen}), ahead)


def test_an_interpreter_is_needed_unless_one_is_to_come() -> None:
    missing = prediction("", lines(), **MISSING)
    (said,) = needs(missing, {})
    assert said.startswith("There is no Python interpreter at /opt/sparkflows/python/current/bin/python3.7.")
    (said,) = needs(BROKEN, {"python": []})
    assert said.endswith("/opt/py/bin/python3.7 is CPython 3.9.2, but CPython 3.7 is needed.")
    assert needs(missing, {"python": ["release"]}) == []
    assert needs(BROKEN, {"python": ["release"]}) == []
    assert needs(prediction("", lines(), **NEXT), {}) == []
    assert told(STATE, PRESENT, {"python": ["release"]}, predictions={"pip_stack": BROKEN})[0][0] == "", "a note: no step can be named yet"


def test_room() -> None:
    small = {PREFIX: {"mount": "/opt", "total_mb": 9000, "free_mb": 2000, "free_inodes": 100, "read_only": False}}

    def found(seen: dict[str, t.Any], **changes: t.Any) -> list[str]:
        return STATE.findings({**PRESENT, **changes}, reading(STATE, PRESENT, disks=small, predictions={"pip_stack": seen}))

    space, inodes = found(prediction("", lines(), **NEXT))
    assert space.startswith("2000 MB are free on /opt; 2500 MB are needed")
    assert inodes.startswith("100 inodes are free on /opt; the stack needs 40000")
    assert found(prediction(lines(), lines(), **SAME)) == []


def test_the_host_is_sent_the_locks_and_logins_only_as_secrets() -> None:
    login = "https://reader:geheim@pypi.example.com/simple"
    wanted = {**PRESENT, "pip_stack_extras": ["postgresql"], "pip_stack_index_url": login, "pip_stack_extra_index_urls": [login]}
    (asked,) = STATE.questions(wanted)["predictions"]
    assert "\nmlflow==1.30.1" in asked["options"]["lock"]
    assert "\npsycopg2" in asked["options"]["lock"]
    assert asked["options"]["uv_lock"].count("uv==") == 1
    assert "geheim" not in str(asked["options"])
    assert asked["secrets"] == {"index_url": login, "extra_index_urls": [login]}
    assert "geheim" not in str(STATE.inputs(wanted, reading(STATE, wanted)))
    assert STATE.questions({**PRESENT, "pip_stack_installer": "pip"})["predictions"][0]["options"]["uv_lock"] == ""


def test_what_is_there_is_known_without_a_change() -> None:
    seen = prediction(lines(), lines(), **SAME, current=PREFIX + "/current", installed=PINS)
    given = STATE.inputs(PRESENT, reading(STATE, PRESENT, predictions={"pip_stack": seen}))
    assert given["environment"] == {"changed": False, "path": PREFIX + "/releases/a", "current": PREFIX + "/current", "previous": None, "installed": PINS}
    assert given["locks"][0].endswith("/roles/pip_stack/files/locks/mlflow.txt")
