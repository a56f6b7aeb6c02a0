# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of each role, with a right and a wrong value."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import (
    _specs,
    firewall,
    jdk,
    mlflow_server,
    mlops_agent,
    mlops_bundle,
    pip_stack,
    python,
    sagemaker,
    scorer,
    sparkflows,
    ssh_access,
    validation,
)

from tests.unit.plugins.module_utils.plan import cases_services, cases_serving, cases_software, cases_sparkflows

ROOT = Path(__file__).resolve().parents[5]
Changes = dict[str, t.Any]


def specification(role: str) -> dict[str, dict[str, t.Any]]:
    options: dict[str, dict[str, t.Any]] = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    return options


def problems(role: str, changes: Changes) -> list[str]:
    """What is said of a host that has one role, with the defaults and these changes."""
    options = {role: specification(role)}
    variables = validation.Variables(options, {**GIVEN.get(role, {}), **changes}, {}, {}, changes, hosts=["mlflow-a"])
    return validation.problems(variables, lambda role, path: "missing" not in path)


#: What a role can't do without.
GIVEN: dict[str, Changes] = {
    "sagemaker": {"sagemaker_region": "eu-central-1", "sagemaker_account_id": "012345678901", "sagemaker_build_directory": "/srv/image"},
    "mlops_agent": {"mlops_agent_token": "geheim-0123456789"},
    "ssh_access": {"ssh_access_client": "sparkflows-1"},  # a template by default
    "sparkflows": {
        "sparkflows_token": "geheim",
        "sparkflows_tracking_url": "https://mlflow.example.com:5443",
        "sparkflows_mlops_host": "mlflow.example.com",
    },
}
WRONG: list[tuple[str, Changes, str]] = cases_software.WRONG + cases_services.WRONG + cases_sparkflows.WRONG + cases_serving.WRONG
RIGHT: list[tuple[str, Changes]] = cases_software.RIGHT + cases_services.RIGHT + cases_sparkflows.RIGHT + cases_serving.RIGHT

MODULES = {
    "mlops_bundle": mlops_bundle,
    "jdk": jdk,
    "python": python,
    "pip_stack": pip_stack,
    "mlflow_server": mlflow_server,
    "mlops_agent": mlops_agent,
    "firewall": firewall,
    "ssh_access": ssh_access,
    "sparkflows": sparkflows,
    "scorer": scorer,
    "sagemaker": sagemaker,
}
TABLES = {role: module.RULES for role, module in MODULES.items()}


@pytest.mark.parametrize(("role", "changes", "sentence"), WRONG)
def test_a_wrong_value_is_answered_by_its_sentence_alone(role: str, changes: Changes, sentence: str) -> None:
    (found,) = problems(role, changes)
    assert found.startswith(sentence)
    assert "geheim" not in found


@pytest.mark.parametrize(("role", "changes"), RIGHT)
def test_a_right_value_is_not_spoken_of(role: str, changes: Changes) -> None:
    assert problems(role, changes) == []


@pytest.mark.parametrize("role", sorted(TABLES))
def test_the_defaults_are_right(role: str) -> None:
    assert problems(role, {}) == []


@pytest.mark.parametrize("role", sorted(TABLES))
def test_every_option_has_a_rule(role: str) -> None:
    """A boolean, and what has choices, is judged by its specification. Nothing else goes without a rule."""
    judged_by_specification = {name for name, spec in specification(role).items() if spec.get("type") == "bool" or spec.get("choices")}
    free = getattr(MODULES[role], "FREE", {})
    assert set(TABLES[role]) | set(free) | judged_by_specification == set(specification(role))
    assert not set(TABLES[role]) & (set(free) | judged_by_specification)


@pytest.mark.parametrize("role", sorted(TABLES))
def test_every_rule_has_a_wrong_value(role: str) -> None:
    tried = {name for of_role, changes, sentence in WRONG if of_role == role for name in [*changes, *re.findall(r"\w+", sentence)]}
    assert set(TABLES[role]) - tried == set()


def test_the_names_that_rules_know_are_those_of_the_roles() -> None:
    assert {path.stem for path in (ROOT / "roles/pip_stack/files/locks").glob("*.txt")} == {"mlflow", "uv", *pip_stack.OWN_EXTRAS}


def test_what_a_specification_refuses_is_not_refused_again() -> None:
    """A value of the wrong type counts as not given for the rules."""
    assert len(problems("jdk", {"jdk_archive_sha256": 5, "jdk_release": "8u999-b01"})) == 1


def test_a_derived_value_names_what_it_comes_from() -> None:
    variables = validation.Variables({"jdk": specification("jdk")}, {"jdk_prefix": "My Host"}, {}, {"jdk_prefix": "{{ inventory_hostname }}"}, ())
    (found,) = validation.problems(variables, lambda role, path: True)
    assert found == (
        "jdk_prefix is 'My Host', but an absolute path was expected. Its value comes from {{ inventory_hostname }}, the host's name in the inventory. "
        "Give the host another name or set jdk_prefix."
    )


NESTED: _specs.Options = {
    "models": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str", "required": True}, "memory_mb": {"type": "int"}, "state": {"choices": ["present", "absent"]}},
    }
}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"name": "a", "memory": 5}, "models: a has memory, which is not known there. Did you mean memory_mb?"),
        ({"name": "a", "colour": 5}, "models: a has colour, which is not known there. Known are memory_mb, name, state."),
        ({"memory_mb": 5}, "models: entry 1 lacks name."),
        ({"name": "a", "memory_mb": "5"}, "models: a: memory_mb must be a whole number, but it is the text '5'."),
        ({"name": "a", "state": "gone"}, "models: a: state is the text 'gone'; it must be one of present, absent."),
        ("a", "models: entry 1 must be a dictionary, but it is the text 'a'."),
        (None, "models: entry 1 is given without a value (null)."),
    ],
)
def test_nested_options_are_judged_like_others(entry: object, sentence: str) -> None:
    assert _specs.wrong_values(NESTED, {"models": [entry]}) == {"models": [sentence]}
    assert _specs.wrong_values(NESTED, {"models": [{"name": "a", "memory_mb": None}]}) == {}
