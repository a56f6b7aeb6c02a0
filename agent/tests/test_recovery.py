# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever dies, and whenever: the host comes back to what was asked for."""

import json
import os
import time

import pytest
from conftest import HERE
from kills import EVERY, FIRST
from mlops_agent import files

KILLED_AGENT = (os.path.join(HERE, "killed_agent.py"),)

#: Tests that share the writes to be killed at.
PARTS = 4

#: One life of a deployment: each request with what it must lead to.
LIFE = [
    ("PUT", {"model_uri": "models:/churn/1"}, {"resolved_uri": "models:/churn/1", "memory_mb": 2048}),
    ("PUT", {"model_uri": "models:/churn/2", "memory_mb": 512}, {"resolved_uri": "models:/churn/2", "memory_mb": 512}),
    ("PUT", {"model_uri": "models:/churn/2", "memory_mb": 1024}, {"resolved_uri": "models:/churn/2", "memory_mb": 1024}),
    ("DELETE", None, None),
]


def as_wanted(world, agent, wanted):
    """The deployment is exactly as wanted: in the agent's eyes, on disk and on the host."""
    directory = world.config["state_directory"] + "/deployments"
    if wanted is None:
        assert agent.call("GET", "/api/v1/deployments")[1]["deployments"] == []
        assert os.listdir(directory) == [] and world.host.units == {}
        return
    seen = agent.wait_for("churn", "ready", **wanted)
    assert os.listdir(directory) == ["churn.json"]
    assert list(world.host.units) == ["churn"] and world.host.memory == {"churn": wanted["memory_mb"]}
    running = world.host.units["churn"]["spec"]
    assert (running.resolved_uri, running.port) == (wanted["resolved_uri"], seen["port"])


def settled(agent):
    """What the agent wants of the deployment now that it was asked nothing more."""
    deployments = agent.call("GET", "/api/v1/deployments")[1]["deployments"]
    while any(one["state"] == "stopping" for one in deployments):
        deployments = agent.call("GET", "/api/v1/deployments")[1]["deployments"]
    return {key: deployments[0][key] for key in ("resolved_uri", "memory_mb")} if deployments else None


def live_until_killed(world, agent):
    """Send the requests of LIFE. Returns (index of the one at which the agent died, acknowledged)."""
    for index, (method, body, wanted) in enumerate(LIFE):
        acknowledged = False
        try:
            status, answer = agent.call(method, "/api/v1/deployments/churn", body)
            assert status in (200, 201), answer
            acknowledged = True
            as_wanted(world, agent, wanted)
        except OSError:
            return index, acknowledged
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_between_any_two_writes(make_world, part):
    """Kill at one write after the other until none is left to kill at; each part has writes of its own."""
    kill_at = 1 + FIRST + part * EVERY
    while True:
        world = make_world()
        agent = world.agent(program=KILLED_AGENT, environment={"KILL_AT": str(kill_at)})
        assert agent.wait_until_up()
        died = live_until_killed(world, agent)
        if died is None:
            assert kill_at > 40, "fewer writes than expected were seen"
            return
        assert agent.process.wait(10) == -9
        index, acknowledged = died
        again = world.agent()
        assert again.wait_until_up(), again.log()
        method, body, wanted = LIFE[index]
        before = LIFE[index - 1][2] if index else None
        found = settled(again)
        assert found == wanted or (not acknowledged and found == before), "killed at write {}".format(kill_at)
        as_wanted(world, again, found)
        # The client does what clients do: it asks once more.
        status, answer = again.call(method, "/api/v1/deployments/churn", body)
        assert status in ((200, 404) if wanted is None else (200, 201)), answer
        as_wanted(world, again, wanted)
        world.close()
        kill_at += PARTS * EVERY


def test_models_keep_serving_without_the_agent(world, agent):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    run = world.host.units["churn"]["invocation"]
    agent.kill()
    assert world.host.units["churn"]["model"] is not None
    again = world.agent()
    assert again.wait_until_up()
    again.wait_for("churn", "ready")
    assert again.stop() == 0
    assert world.host.units["churn"]["invocation"] == run and world.host.calls == [("apply", "churn")]


def test_a_run_of_an_older_request_is_never_called_ready(world, agent):
    """As when the agent dies between storing a request and acting on it, and the host's settings change meanwhile."""
    for name in ("able", "churn"):
        agent.deploy(name)
        agent.wait_for(name, "ready")
    agent.stop()
    path = world.config["state_directory"] + "/deployments/churn.json"
    with open(path) as stream:
        stored = json.load(stream)
    files.write_json(path, dict(stored, model_uri="models:/churn/2", resolved_uri="models:/churn/2"))
    os.makedirs(world.directory + "/new")
    os.symlink("new", world.stack)
    world.host.never_listens.add("able")  # it keeps the turn of those that only have other settings
    again = world.agent()
    assert again.wait_until_up()
    again.wait_for("churn", "ready", resolved_uri="models:/churn/2")
    assert world.host.units["churn"]["spec"].resolved_uri == "models:/churn/2"


def test_a_model_moves_to_a_new_python_environment(world, agent):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    run = world.host.units["churn"]["invocation"]
    os.makedirs(world.directory + "/new")
    os.symlink("new", world.stack)
    agent.wait_for("churn", "starting")
    agent.wait_for("churn", "ready")
    assert world.host.calls == [("apply", "churn")] * 2 and world.host.units["churn"]["invocation"] != run


def test_a_unit_started_with_an_older_memory_limit_is_started_again(world, agent):
    """As when a helper outlives the agent that sent it, and a newer request was stored meanwhile."""
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    agent.stop()
    with world.host._lock:
        world.host._apply("churn", 4096)
        world.host.calls.clear()
    again = world.agent()
    assert again.wait_until_up()
    again.wait_for("churn", "ready")
    assert world.host.calls == [("apply", "churn")] and world.host.memory == {"churn": 2048}


def test_a_stopped_unit_is_started_again(world, agent):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    with world.host._lock:
        world.host._stop("churn")
    agent.wait_for("churn", "unhealthy", "starting")
    agent.wait_for("churn", "ready")
    assert world.host.calls[-1] == ("apply", "churn")


def test_a_model_that_cannot_start_has_failed_with_its_log(world, agent):
    world.host.fails_to_start.add("churn")
    agent.deploy("churn")
    failed = agent.wait_for("churn", "failed")
    assert failed["log"][-1] == "RuntimeError: weights are corrupt" and "exit status 1" in failed["message"]
    agent.stop()
    again = world.agent()
    assert again.wait_until_up()
    assert again.wait_for("churn", "failed")["log"] == failed["log"]
    assert world.host.calls == [("apply", "churn")], "a restart of the agent tries nothing that failed"
    world.host.fails_to_start.clear()
    assert again.deploy("churn")[0] == 200
    again.wait_for("churn", "ready", log=[])


def test_a_model_that_never_listens_has_failed(world, agent):
    world.host.never_listens.add("churn")
    agent.deploy("churn", startup_timeout=5)
    failed = agent.wait_for("churn", "failed")
    assert "not ready after 5 seconds" in failed["message"] and failed["log"]
    assert world.host.calls == [("apply", "churn"), ("stop", "churn")]


def test_ready_means_that_a_row_was_scored(world, agent):
    world.host.example = {"columns": ["a"], "data": [[1]]}
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    model = world.host.units["churn"]["model"]
    assert model.scored[0] == ("application/json; format=pandas-split", world.host.example)
    agent.deploy("churn", probe={"records": [{"a": 2}]})
    agent.wait_for("churn", "ready", probe={"records": [{"a": 2}]})
    assert model.scored[-1] == ("application/json; format=pandas-records", [{"a": 2}])
    assert world.host.calls == [("apply", "churn")], "a new probe needs no restart"


def test_a_model_that_stops_answering_is_restarted(world, agent):
    agent.deploy("churn", probe={"inputs": [1]})
    agent.wait_for("churn", "ready")
    world.host.units["churn"]["model"].broken = True
    seen = agent.wait_for("churn", "unhealthy")
    assert seen["message"] == "The model answers /invocations with status 500: The JVM is gone."
    assert agent.wait_for("churn", "ready", restarts=1)
    assert world.host.calls == [("apply", "churn")] * 2


def test_a_model_that_systemd_restarts_is_seen_again(world, agent):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    with world.host._lock:
        world.host.crash("churn")
    agent.wait_for("churn", "ready", restarts=1)
    assert world.host.calls == [("apply", "churn")]


def wait_until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_restart_of_the_agent_stops_no_model_that_serves(world):
    """The model is old, and busy just when the agent comes back."""
    world.config["health_failures"] = 100
    agent = world.agent()
    assert agent.wait_until_up()
    agent.deploy("churn", probe={"inputs": [1]}, startup_timeout=5)
    since = agent.wait_for("churn", "ready")["since"]
    agent.stop()
    unit = world.host.units["churn"]
    unit["started"] -= 800 * 10 ** 6
    unit["model"].broken = True
    again = world.agent()
    assert again.wait_until_up()
    again.wait_for("churn", "unhealthy")
    looks = len(unit["model"].scored)
    wait_until(lambda: len(unit["model"].scored) > looks + 6, "the agent looks on, for longer than the model had to start")
    assert again.get("churn")["state"] == "unhealthy"
    unit["model"].broken = False
    assert again.wait_for("churn", "ready", restarts=0)["since"] >= since
    assert world.host.calls == [("apply", "churn")]


def test_another_probe_that_a_serving_model_does_not_score_is_refused(world, agent):
    agent.deploy("churn", probe={"inputs": [1]})
    agent.wait_for("churn", "ready")
    world.host.units["churn"]["model"].refuses = {"inputs": ["wrong"]}
    status, answer = agent.deploy("churn", probe={"inputs": ["wrong"]})
    assert (status, answer["error"]["code"]) == (422, "probe_refused")
    assert answer["error"]["message"].endswith("The model answers /invocations with status 400: The row does not fit the model.")
    assert agent.get("churn")["probe"] == {"inputs": [1]} and agent.get("churn")["state"] == "ready"
    assert agent.deploy("churn", probe={"inputs": [2]})[0] == 200
    agent.wait_for("churn", "ready", probe={"inputs": [2]})
    assert world.host.calls == [("apply", "churn")]


def test_a_model_with_a_wrong_probe_from_the_start_serves_on(world, agent):
    world.host.refuses = {"inputs": ["wrong"]}
    agent.deploy("churn", probe={"inputs": ["wrong"]}, startup_timeout=5)
    seen = agent.wait_for("churn", "unhealthy")
    assert "The row does not fit the model" in seen["message"]
    model = world.host.units["churn"]["model"]
    looks = len(model.scored)
    wait_until(lambda: len(model.scored) > looks + 4, "more looks than a model has that is restarted")
    assert world.host.calls == [("apply", "churn")] and agent.get("churn")["state"] == "unhealthy"
    assert agent.deploy("churn", probe={"inputs": [1]})[0] == 200
    agent.wait_for("churn", "ready", restarts=0)
    assert world.host.calls == [("apply", "churn")], "neither look nor probe needs a restart"


def test_what_cannot_start_is_tried_again_at_growing_intervals(world):
    """As when the tracking server is away at the first fetch."""
    world.config["retry_first"] = 1
    agent = world.agent()
    assert agent.wait_until_up()
    world.host.fails_to_start.add("churn")
    agent.deploy("churn")
    failed = agent.wait_for("churn", "failed")
    assert failed["since"] <= failed["next_try"] and failed["message"]
    wait_until(lambda: len(world.host.calls) == 3, "it is tried again and again")
    world.host.fails_to_start.clear()
    assert agent.wait_for("churn", "ready")["next_try"] is None
    assert set(world.host.calls) == {("apply", "churn")}


def test_a_model_that_dies_too_often_for_systemd_returns_later(world):
    world.config["retry_first"] = 1
    agent = world.agent()
    assert agent.wait_until_up()
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    world.host.give_up("churn")
    failed = agent.wait_for("churn", "failed")
    assert "start-limit-hit" in failed["message"] and failed["next_try"]
    agent.wait_for("churn", "ready", next_try=None)
    assert world.host.calls == [("apply", "churn")] * 2


def test_changed_settings_of_the_host_restart_one_model_after_the_other(world):
    world.config["retry_first"] = 1
    agent = world.agent()
    assert agent.wait_until_up()
    names = ["a", "b", "c"]
    for name in names:
        agent.deploy(name, startup_timeout=5)
    for name in names:
        agent.wait_for(name, "ready", up_to_date=True)
    world.host.calls.clear()
    world.host.never_listens.update(names)
    os.makedirs(world.directory + "/new")
    os.symlink("new", world.stack)
    wait_until(lambda: world.host.calls, "one is restarted")
    [(dummy, first)] = world.host.calls
    others = [name for name in names if name != first]
    agent.wait_for(first, "failed", up_to_date=False)
    for name in others:
        assert agent.get(name)["up_to_date"] is False
        assert agent.wait_for(name, "ready")["message"] == (
            "The settings of the host have changed; it is restarted when {} is ready with them.".format(first))
    assert {name for dummy, name in world.host.calls} == {first}
    world.host.never_listens.clear()
    for name in names:
        agent.wait_for(name, "ready", message="", up_to_date=True)
    assert [name for call, name in world.host.calls if call == "apply" and name != first] in (others, others[::-1])


def test_a_deployment_with_a_damaged_file_is_reported_and_can_be_removed_or_mended(world, agent):
    directory = world.config["state_directory"] + "/deployments"
    names = ["deep", "half", "lost", "folder", "mended"]
    for name in names:
        agent.deploy(name)
    for name in names:
        agent.wait_for(name, "ready")
    agent.stop()
    os.unlink(directory + "/lost.json")
    os.unlink(directory + "/folder.json")
    os.makedirs(directory + "/folder.json/inside")
    os.makedirs(directory + "/churn.json.tmp/inside")
    for name, content in (("deep", '{"a":' * 100000), ("half", '{"na'), ("mended", "")):
        with open("{}/{}.json".format(directory, name), "w") as stream:
            stream.write(content)
    agent = world.agent()
    assert agent.wait_until_up(), agent.log()
    listed = agent.call("GET", "/api/v1/deployments")[1]
    assert listed["deployments"] == [] and sorted(one["name"] for one in listed["unmanaged"]) == sorted(names)
    assert {"name": "lost", "message": "Its file is lost; its unit is active."} in listed["unmanaged"]
    assert all(world.host.units[name]["model"] for name in names), "they serve on"
    status, answer = agent.call("GET", "/api/v1/deployments/half")
    assert (status, answer["error"]["code"]) == (409, "unmanaged") and "DELETE it." in answer["error"]["message"]
    assert agent.deploy("mended")[0] == 201
    agent.wait_for("mended", "ready")
    for name in ("deep", "half", "lost", "folder"):
        status, gone = agent.call("DELETE", "/api/v1/deployments/" + name)
        assert (status, gone["state"]) == (200, "removed")
    assert list(world.host.units) == ["mended"] and os.listdir(directory) == ["mended.json"]
    assert agent.call("GET", "/api/v1/deployments")[1]["unmanaged"] == []
    assert agent.call("DELETE", "/api/v1/deployments/half")[0] == 404 and "Traceback" not in agent.log()


def test_leftovers_and_damage_on_disk(world):
    directory = os.path.join(world.config["state_directory"], "deployments")
    os.makedirs(directory)
    stored = {
        "name": "churn", "model_uri": "models:/churn/1", "resolved_uri": "models:/churn/1", "source": "s3://bucket/x",
        "port": world.ports[2], "workers": 1, "memory_mb": 512, "startup_timeout": 30, "probe": None,
        "desired": "present", "updated_at": "2026-01-01T00:00:00Z",
    }
    files.write_json(directory + "/churn.json", stored)
    for name, content in (("half.json.tmp", '{"na'), ("broken.json", '{"na'), ("other.json", json.dumps(stored)),
                          ("evil.json", json.dumps(dict(stored, name="evil", port="1; id")))):
        with open(os.path.join(directory, name), "w") as stream:
            stream.write(content)
    agent = world.agent()
    assert agent.wait_until_up()
    agent.wait_for("churn", "ready", memory_mb=512, port=world.ports[2])
    assert [one["name"] for one in agent.call("GET", "/api/v1/deployments")[1]["deployments"]] == ["churn"]
    assert sorted(os.listdir(directory)) == ["broken.json", "churn.json", "evil.json", "other.json"]
    assert agent.log().count("is left alone because") == 3 and "Traceback" not in agent.log()


def test_a_silent_helper_is_a_sentence_and_not_the_end(world, agent):
    world.host._server.shutdown()
    world.host._server.server_close()
    os.unlink(world.config["helper_socket"])
    agent.deploy("churn")
    assert agent.wait_for("churn", "starting")["message"]
    status, answer = agent.call("GET", "/api/v1/deployments/churn/logs")
    assert (status, answer["error"]["code"]) == (503, "helper_unreachable")
    assert agent.call("GET", "/health")[0] == 200
