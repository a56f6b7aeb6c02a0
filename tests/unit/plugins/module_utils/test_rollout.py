# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until the models of an agent serve with what their host has now: an agent that tells one answer after the other."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import rollout
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.agent import Deployments, agent_client

WAITS = "The settings of the host have changed; it is restarted when a is ready with them."


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "_POLL_SECONDS", 0.01)


def told(name: str, state: str = "ready", up_to_date: bool | None = True, message: str = "", **more: t.Any) -> dict[str, t.Any]:
    return {"name": name, "state": state, "up_to_date": up_to_date, "message": message, "startup_timeout": 5, **more}


def wait(http_server: t.Any, *answers: t.Any, names: list[str] | None = None, wait_timeout: int | None = None) -> tuple[list[str], int]:
    """The models that were waited for, and how often the agent was asked. The last answer stays."""
    left = list(answers)

    def listed(request: t.Any) -> t.Any:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now if isinstance(now, tuple) else {"deployments": now, "unmanaged": []}

    http_server.route("GET", "/api/v1/deployments", listed)
    http_server.route("GET", "/api/v1/deployments/*", {"lines": ["loading", "boom"]})
    http_server.clear()
    params = {"agent_url": http_server.url, "agent_token": "t" * 20, "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 5,
              "names": names, "wait_timeout": wait_timeout}  # fmt: skip
    result = rollout.run(params, Deployments(agent_client(params)))
    assert result["changed"] is False
    return result["models"], len(http_server.requests)


def test_each_in_its_turn(http_server: t.Any) -> None:
    answers = [
        [told("a", up_to_date=False), told("b", up_to_date=False)],
        [told("a", "starting", False), told("b", up_to_date=False, message=WAITS)],
        (503, {"error": {"code": "unavailable", "message": "The agent restarts."}}),
        [told("a"), told("b", "starting", False)],
        [told("a"), told("b")],
    ]
    assert wait(http_server, *answers) == (["a", "b"], 5)


@pytest.mark.parametrize(
    ("answer", "names", "expected"),
    [
        ([], None, []),
        ([told("a", up_to_date=None)], None, ["a"]),  # an agent that does not tell
        ([told("a"), told("b", "failed", False)], ["a"], ["a"]),
        ([told("a"), told("b", "stopping", False)], None, ["a"]),
        ([told("a")], ["a", "gone"], ["a"]),
    ],
)
def test_who_is_not_waited_for(http_server: t.Any, answer: list[t.Any], names: list[str] | None, expected: list[str]) -> None:
    assert wait(http_server, answer, names=names) == (expected, 1)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ([told("a", "failed", False, "It has no memory."), told("b", "starting", False)], None),
        # Those that wait for a turn would wait for ever.
        ([told("a", "failed", False, "It has no memory."), told("b", up_to_date=False, message=WAITS)], ["b"]),
    ],
)
def test_one_that_fails_ends_it_with_its_log(http_server: t.Any, answer: list[t.Any], names: list[str] | None) -> None:
    with pytest.raises(Problem) as caught:
        wait(http_server, answer, names=names)
    said = "The model a does not serve with what its host has now. It has no memory. The end of its log:\n  loading\n  boom"
    assert str(caught.value) == said
    assert caught.value.result == {"models": ["a"]}


def test_one_that_is_late(http_server: t.Any) -> None:
    with pytest.raises(Problem, match=r"^Not every model serves with what its host has now after 1 seconds: b is unhealthy\. It scores nothing\. Raise"):
        wait(http_server, [told("a"), told("b", "unhealthy", False, "It scores nothing.")], wait_timeout=1)


def test_an_agent_that_refuses(http_server: t.Any) -> None:
    with pytest.raises(Problem, match="The token is wrong"):
        wait(http_server, (401, {"error": {"code": "unauthorized", "message": "The token is wrong."}}))
