# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mlops_deployment does with an agent."""

from __future__ import annotations

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent as _agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.agent import Deployments, agent_client, run


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch):
    monkeypatch.setattr(_agent, "_POLL_SECONDS", 0.01)


def parameters(agent, **given):
    defaults = {
        "agent_url": agent.url, "agent_token": agent.token, "validate_certs": True, "ca_path": None, "use_proxy": True, "timeout": 30,
        "name": "churn", "state": "present", "model_uri": "models:/m/1", "port": None, "workers": None, "memory_mb": None,
        "startup_timeout": None, "probe": None, "follow": None, "wait": True, "wait_timeout": 5,
    }  # fmt: skip
    return dict(defaults, **given)


def apply(agent, check_mode=False, **given):
    params = parameters(agent, **given)
    return run(params, Deployments(agent_client(params)), check_mode)


def four_times(agent, **given):
    """Check, do, check again and do again, with the second two silent; returns the result of the change."""
    agent.server.clear()
    predicted = apply(agent, True, **given)
    assert agent.server.writes == 0
    result = apply(agent, **given)
    assert agent.server.writes == 1
    assert (predicted["changed"], predicted["diff"]) == (result["changed"], result["diff"])
    for check_mode in (True, False):
        again = apply(agent, check_mode, **given)
        assert (again["changed"], again["diff"]) == (False, {"before": {}, "after": {}})
    assert agent.server.writes == 1
    return result


PROBE = {"columns": ["a"], "data": [[1.5]]}


def test_the_life_of_a_deployment(memory_agent):
    memory_agent.script = ["starting", "starting", "ready"]
    result = four_times(memory_agent, workers=2, probe=PROBE)
    assert result["changed"] is True
    assert result["deployment"]["state"] == "ready" and result["deployment"]["port"] == 5001
    assert result["diff"] == {"before": {}, "after": {"name": "churn", "model_uri": "models:/m/1", "workers": 2, "probe": PROBE}}

    result = four_times(memory_agent, model_uri="models:/m/2", workers=2)
    assert result["diff"] == {"before": {"name": "churn", "model_uri": "models:/m/1"}, "after": {"name": "churn", "model_uri": "models:/m/2"}}
    assert result["deployment"]["probe"] == PROBE

    # What is left out stays as it is.
    assert apply(memory_agent, model_uri="models:/m/2")["changed"] is False

    result = four_times(memory_agent, state="absent", model_uri=None)
    assert result["deployment"] is None
    assert result["diff"]["before"]["model_uri"] == "models:/m/2" and result["diff"]["after"] == {}


def test_what_check_mode_returns(memory_agent):
    predicted = apply(memory_agent, True, port=5005)["deployment"]
    assert (predicted["name"], predicted["port"], predicted["state"], predicted["url"]) == ("churn", 5005, "starting", None)
    apply(memory_agent)
    predicted = apply(memory_agent, True, port=5005)["deployment"]
    assert (predicted["port"], predicted["workers"], predicted["state"]) == (5005, 1, "starting")
    assert memory_agent.deployments["churn"]["port"] == 5001


def test_a_failed_deployment_shows_its_log_and_is_tried_again(memory_agent):
    memory_agent.script = ["starting", "failed"]
    with pytest.raises(Problem) as caught:
        apply(memory_agent)
    assert str(caught.value) == "Deployment 'churn' failed. The agent does not say why.\nThe end of its log:\n  loading\n  boom"
    assert caught.value.result["deployment"]["state"] == "failed"
    memory_agent.script = ["ready"]
    result = four_times(memory_agent)
    assert result["diff"] == {"before": {"name": "churn", "state": "failed"}, "after": {"name": "churn", "state": "starting"}}
    assert result["deployment"]["state"] == "ready"


def test_the_log_in_the_answer_is_preferred(memory_agent):
    apply(memory_agent)
    memory_agent.deployments["churn"].update(state="unhealthy", message="No answer", log=["a", "b"])
    with pytest.raises(Problem, match="is not ready after 0 seconds: its state is 'unhealthy'. No answer. Raise wait_timeout"):
        apply(memory_agent, wait_timeout=0)
    memory_agent.script = ["failed"]
    memory_agent.deployments["churn"].update(state="starting")
    with pytest.raises(Problem, match="failed. No answer.\nThe end of its log:\n  a\n  b$"):
        apply(memory_agent)


def test_not_ready_in_time(memory_agent):
    memory_agent.script = ["starting"]
    with pytest.raises(Problem) as caught:
        apply(memory_agent, wait_timeout=0.1)
    assert "Deployment 'churn' is not ready after 0.1 seconds: its state is 'starting'." in str(caught.value)
    assert apply(memory_agent, wait=False)["deployment"]["state"] == "starting"


def test_removed_while_waiting(memory_agent):
    memory_agent.script = ["removed"]
    with pytest.raises(Problem, match="was removed by somebody else"):
        apply(memory_agent)


def test_an_agent_that_restarts_is_waited_for(memory_agent):
    memory_agent.script = ["starting"]
    apply(memory_agent, wait=False)
    answer, tries = memory_agent._answer, []

    def shaky(request):
        tries.append(request)
        memory_agent.script = ["ready"]
        return (503, b"") if 1 < len(tries) < 5 else answer(request)

    memory_agent.server.route("GET", "/api/v1/deployments/*", shaky)
    assert apply(memory_agent)["deployment"]["state"] == "ready"
    memory_agent.deployments["churn"]["state"] = "starting"
    memory_agent.script = ["starting"]
    tries.clear()
    memory_agent.server.route("GET", "/api/v1/deployments/*", lambda request: (503, b"") if tries else (tries.append(1), answer(request))[1])
    with pytest.raises(Problem, match="was not seen ready within 0.2 seconds. The MLOps agent at .* answered 503"):
        apply(memory_agent, wait_timeout=0.2)


def test_a_deployment_that_is_still_being_removed(memory_agent):
    apply(memory_agent)
    memory_agent.deployments["churn"]["state"] = "stopping"
    predicted = apply(memory_agent, True)
    assert (predicted["changed"], predicted["diff"]["before"]) == (True, {})
    assert apply(memory_agent, True, state="absent")["changed"] is False
    with pytest.raises(Problem, match="is not removed after 0.1 seconds: its state is 'stopping'"):
        apply(memory_agent, wait_timeout=0.1)


def test_a_removal_that_takes_long(memory_agent):
    apply(memory_agent)

    def slow(request):
        memory_agent.deployments["churn"]["state"] = "stopping"
        memory_agent.server.route("GET", "/api/v1/deployments/*", lambda request: (404, {"error": {"code": "not_found", "message": "gone"}}))
        return 503, {"error": {"code": "not_removed_yet", "message": "Still stopping."}}

    memory_agent.server.route("DELETE", "/api/v1/deployments/*", slow)
    assert apply(memory_agent, state="absent")["changed"] is True


def test_a_stage_is_looked_up_anew(memory_agent):
    apply(memory_agent, model_uri="models:/m/Production")
    assert apply(memory_agent, model_uri="models:/m/Production")["changed"] is False
    memory_agent.stages["Production"] = 2
    result = apply(memory_agent, model_uri="models:/m/Production")
    assert result["changed"] is True
    assert result["diff"]["before"]["resolved_uri"] == "models:/m/1" and result["diff"]["after"]["resolved_uri"] == "models:/m/2"


def test_a_stage_is_followed_when_asked_for(memory_agent):
    assert apply(memory_agent, model_uri="models:/m/Production", follow=True)["deployment"]["follow"] is True
    assert apply(memory_agent, model_uri="models:/m/Production", follow=True)["changed"] is False
    assert apply(memory_agent, model_uri="models:/m/Production")["changed"] is False, "what is not said is kept"
    result = apply(memory_agent, model_uri="models:/m/Production", follow=False)
    assert (result["changed"], result["diff"]["after"]["follow"]) == (True, False)


def test_the_agents_refusal_is_passed_on(memory_agent):
    with pytest.raises(Problem) as caught:
        apply(memory_agent, port=8086)
    assert str(caught.value) == (
        "The MLOps agent at %s answered 409 to PUT /api/v1/deployments/churn. It says: Port 8086 belongs to this agent." % memory_agent.url
    )


def test_a_wrong_token(memory_agent):
    with pytest.raises(Problem) as caught:
        apply(memory_agent, agent_token="CANARY-another-token")
    assert "does not accept the credentials (401 to GET /api/v1/deployments/churn). Check agent_token." in str(caught.value)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("answer", [404, [], b"<html>"])
def test_a_server_that_is_no_agent(http_server, memory_agent, answer):
    http_server.route("GET", "/api/v1/deployments/*", answer)
    with pytest.raises(Problem, match="does not know the MLOps agent's interface|something that is not JSON"):
        apply(memory_agent)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"name": "Churn"}, "name is 'Churn'"),
        ({"name": "a/../b"}, "name is"),
        ({"name": "a\n"}, "name is"),
        ({"name": "a" * 64}, "name is"),
        ({"name": "-a"}, "name is"),
        ({"model_uri": "models:/m/../1"}, "must not be parts"),
        ({"model_uri": "models:/m/1;id"}, "has ';' in it"),
        ({"model_uri": "relative"}, "a relative path"),
        ({"follow": True}, "follow is true, but model_uri is 'models:/m/1', which names no stage to follow"),
        ({"port": 0}, "port is 0"),
        ({"port": 70000}, "port is 70000"),
        ({"workers": 0}, "workers is 0"),
        ({"memory_mb": -1}, "memory_mb is -1"),
        ({"startup_timeout": 0}, "startup_timeout is 0"),
    ],
)
def test_bad_input_is_found_before_anything_is_asked(memory_agent, given, words):
    for check_mode in (True, False):
        with pytest.raises(Problem) as caught:
            apply(memory_agent, check_mode, **given)
        assert words in str(caught.value)
    assert memory_agent.server.count() == 0
