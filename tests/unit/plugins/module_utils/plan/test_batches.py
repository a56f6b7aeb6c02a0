# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host goes first, how many follow at a time, and what can't be right about that."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.filter.host_batches import host_batches
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import batches

HOSTS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mlops_canary": "d"}, "mlops_canary is 'd', but that is not a host of mlflow_hosts. Name one of them: a, b, c."),
        ({"mlops_canary": ["a"]}, "mlops_canary is '['a']', but that is not a host of mlflow_hosts."),
        *(({"mlops_serial": value}, "mlops_serial is '") for value in (0, "0%", -1, "half", [1, "x"], True, 1.5)),
        *(({"mlops_max_fail_percentage": value}, "mlops_max_fail_percentage is '") for value in (101, -1, "few", True)),
    ],
)
def test_what_can_not_be_right(values: dict[str, t.Any], said: str) -> None:
    (sentence,) = batches.problems(values, HOSTS)
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    "values",
    [
        {}, {"mlops_canary": ""}, {"mlops_canary": "b"}, {"mlops_serial": 1}, {"mlops_serial": "25%"}, {"mlops_serial": [1, "50%"]},
        {"mlops_max_fail_percentage": "20"}, {"mlops_max_fail_percentage": 0}, {"mlops_max_fail_percentage": 100},
    ],
)  # fmt: skip
def test_what_can_be_right(values: dict[str, t.Any]) -> None:
    assert batches.problems(values, HOSTS) == []


def test_a_canary_without_any_host_to_be() -> None:
    assert batches.problems({"mlops_canary": "a"}, []) == ["mlops_canary is 'a', but that is not a host of mlflow_hosts. Name one of them: there is none."]


def variables(**given: t.Any) -> dict[str, dict[str, t.Any]]:
    return {host: {**given, "mlops_plan": {"due": []}} for host in HOSTS}


@pytest.mark.parametrize(
    ("due", "given", "expected", "sizes"),
    [
        (["a", "b", "c"], {}, ["a", "b", "c"], ["100%"]),
        (["a", "b", "c"], {"mlops_serial": "2"}, ["a", "b", "c"], ["2"]),
        (["a", "b", "c"], {"mlops_canary": "b"}, ["b", "a", "c"], [1, "100%"]),
        (["a", "c"], {"mlops_canary": "b", "mlops_serial": [1, "50%"]}, ["b", "a", "c"], [1, 1, "50%"]),  # nothing is due on it, and it is looked at
        (["b"], {"mlops_canary": "b"}, ["b"], [1, "100%"]),
        (["a"], {"mlops_canary": ""}, ["a"], ["100%"]),
        (["!all"], {"mlops_canary": "b"}, ["!all"], ["100%"]),
    ],
)
def test_who_goes_first(due: list[str], given: dict[str, t.Any], expected: list[str], sizes: list[t.Any]) -> None:
    assert host_batches(due, variables(**given)) == {"hosts": expected, "sizes": sizes}


def test_nothing_is_known_where_tasks_are_only_listed() -> None:
    assert host_batches(["a"], {}) == {"hosts": ["a"], "sizes": ["100%"]}


def test_a_canary_that_the_run_leaves_out() -> None:
    left_out = variables(mlops_canary="b")
    del left_out["b"]["mlops_plan"]
    with pytest.raises(AnsibleFilterError, match="mlops_canary is b, and this run leaves that host out, so that it can't go first"):
        host_batches(["a"], left_out)
