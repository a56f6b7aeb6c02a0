# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that follows its stage: one port, no request lost, and whatever dies comes back."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import HERE
from kills import EVERY, FIRST

STAGE = "models:/churn/Production"
#: Lives at a time.
LIVES = 6

KILLED_AGENT = (os.path.join(HERE, "killed_agent.py"),)


def promote(world, version):
    """Only this version is in the stage."""
    for one in world.tracking.versions["churn"]:
        one["current_stage"] = "Production" if one["version"] == str(version) else "None"


@pytest.fixture
def staged(world):
    promote(world, 1)
    return world


@pytest.fixture
def follower(staged):
    """An agent with a deployment that follows, and serves version 1."""
    agent = staged.agent()
    assert agent.wait_until_up(), agent.log()
    assert agent.deploy("churn", STAGE, follow=True)[0] == 201
    agent.wait_for("churn", "ready", resolved_uri="models:/churn/1")
    return agent


def ask(port, method="GET", path="/version", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read().decode())
    finally:
        connection.close()


def served(port):
    """The version that answers at a port."""
    status, version = ask(port)
    assert status == 200, version
    return version


def wait_until(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Load:
    """Clients that score without a pause; what went wrong is in failures."""

    def __init__(self, port, clients=4):
        self.failures = []
        self.answers = 0
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._score, daemon=True) for dummy in range(clients)]

    def _score(self):
        while not self._over.is_set():
            try:
                answer = ask(self._port, "POST", "/invocations", '{"inputs": [1]}')
            except (OSError, http.client.HTTPException, ValueError) as error:
                answer = repr(error)
            self.answers += 1
            if answer != (200, [8.0]):
                self.failures.append(answer)

    def goes_on(self):
        before = self.answers
        wait_until(lambda: self.answers > before + len(self._threads), "clients go on")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join(30)


def test_the_version_in_the_stage_is_served_at_the_same_port_and_no_request_is_lost(staged, follower):
    staged.host.takes = 0.3
    port = follower.get("churn")["port"]
    with Load(port) as load:
        for version in (2, 1, 2):
            promote(staged, version)
            follower.wait_for("churn", "ready", resolved_uri="models:/churn/{}".format(version))
            assert served(port) == "models:/churn/{}".format(version)
            wait_until(lambda: len(staged.host.units) == 1, "the version before is removed")
            load.goes_on()
    assert load.failures == [] and load.answers > 20
    seen = follower.get("churn")
    assert (seen["port"], seen["model_uri"], seen["follow"], seen["message"]) == (port, STAGE, True, "")
    assert [spec["name"] for spec in follower.call("GET", "/api/v1/deployments")[1]["deployments"]] == ["churn"]
    assert "churn." not in follower.raw("GET", "/metrics")[2].decode()


def test_a_request_that_takes_long_is_answered_by_the_version_where_it_began(staged, follower):
    [old] = [unit["model"] for unit in staged.host.units.values()]
    old.takes = 6.0
    with Load(follower.get("churn")["port"], clients=1) as load:
        promote(staged, 2)
        follower.wait_for("churn", "ready", resolved_uri="models:/churn/2")
        assert len(staged.host.units) == 2, "the old one stays for it"
        wait_until(lambda: len(staged.host.units) == 1, "and then goes")
    assert load.failures == [] and len([row for row in old.scored if row[1] == {"inputs": [1]}]) >= 1


@pytest.mark.parametrize("fault", ["fails_to_start", "never_listens"])
def test_a_version_that_does_not_get_ready_leaves_the_old_one_serving(staged, follower, fault):
    port = follower.get("churn")["port"]
    follower.deploy("churn", STAGE, startup_timeout=5)
    follower.wait_for("churn", "ready", startup_timeout=5)
    wait_until(lambda: len(staged.host.units) == 1, "the run with the longer time is removed")
    getattr(staged.host, fault).update(["churn.a", "churn.b"])
    with Load(port) as load:
        promote(staged, 2)
        wait_until(lambda: "models:/churn/2 is failed" in follower.get("churn")["message"], "it says why")
        seen = follower.get("churn")
        assert seen["resolved_uri"] == "models:/churn/1" and "until it is ready, models:/churn/1 serves." in seen["message"]
        assert served(port) == "models:/churn/1"
        getattr(staged.host, fault).clear()
        promote(staged, 1)
        follower.wait_for("churn", "ready", resolved_uri="models:/churn/1", message="")
        wait_until(lambda: len(staged.host.units) == 1, "what failed is removed")
    assert load.failures == []


def test_a_client_that_asks_for_what_does_not_start_is_told(staged, follower):
    staged.host.fails_to_start.update(["churn.a", "churn.b"])
    promote(staged, 2)
    assert follower.deploy("churn", STAGE)[0] == 200
    failed = follower.wait_for("churn", "failed")
    assert failed["log"] and "models:/churn/1 serves" in failed["message"] and failed["next_try"]
    assert failed["resolved_uri"] == "models:/churn/2", "what was asked for"
    assert served(failed["port"]) == "models:/churn/1"
    staged.host.fails_to_start.clear()
    assert follower.deploy("churn", STAGE)[0] == 200
    follower.wait_for("churn", "ready", resolved_uri="models:/churn/2")


def test_turned_off_it_stays_where_it_is_and_turned_on_it_moves(staged, follower):
    port = follower.get("churn")["port"]
    with Load(port) as load:
        assert follower.deploy("churn", STAGE, follow=False)[1]["follow"] is False
        follower.wait_for("churn", "ready")
        promote(staged, 2)
        time.sleep(3)  # longer than two looks would take; there is nothing else to wait for
        assert follower.get("churn")["resolved_uri"] == served(port) == "models:/churn/1"
        # A plain request is served without a gap, too.
        follower.deploy("churn", "models:/churn/2", memory_mb=512)
        follower.wait_for("churn", "ready", resolved_uri="models:/churn/2", memory_mb=512)
        promote(staged, 1)
        follower.deploy("churn", STAGE, follow=True)
        follower.wait_for("churn", "ready", resolved_uri="models:/churn/1")
    assert load.failures == []


def test_what_served_plainly_keeps_its_port_when_it_follows(staged):
    agent = staged.agent()
    assert agent.wait_until_up()
    agent.deploy("churn", STAGE)
    port = agent.wait_for("churn", "ready", follow=False)["port"]
    assert agent.deploy("churn", STAGE, follow=True)[0] == 200
    assert agent.wait_for("churn", "ready", follow=True)["port"] == port
    wait_until(lambda: served(port) == "models:/churn/1" and list(staged.host.units) == ["churn.a"], "its own unit is gone")


def test_following_that_is_withdrawn_before_anything_was_ready_leaves_nothing(staged):
    staged.host.never_listens.update(["churn.a", "churn.b"])
    agent = staged.agent()
    assert agent.wait_until_up()
    agent.deploy("churn", STAGE, follow=True)
    wait_until(lambda: "churn.a" in staged.host.units, "it is tried")
    agent.deploy("churn", STAGE, follow=False)
    agent.wait_for("churn", "ready")
    wait_until(lambda: list(staged.host.units) == ["churn"] and not staged.host.ports, "it is plain")


def test_delete_removes_port_and_runs(staged, follower):
    port = follower.get("churn")["port"]
    staged.host.never_listens.update(["churn.a", "churn.b"])
    promote(staged, 2)
    wait_until(lambda: len(staged.host.units) == 2, "both are there")
    status, gone = follower.call("DELETE", "/api/v1/deployments/churn")
    assert (status, gone["state"]) == (200, "removed")
    assert staged.host.units == {} and staged.host.ports == {}
    assert os.listdir(staged.config["state_directory"] + "/deployments") == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_registry_that_is_away_changes_nothing(staged, follower):
    staged.tracking.broken = True
    wait_until(lambda: "so the version stays" in follower.get("churn")["message"], "it says so")
    assert follower.get("churn")["state"] == "ready"
    staged.tracking.broken = False
    promote(staged, 7)
    wait_until(lambda: "promote one first" in follower.get("churn")["message"], "an empty stage is said, too")
    promote(staged, 2)
    follower.wait_for("churn", "ready", resolved_uri="models:/churn/2", message="")


def test_what_is_no_stage_cannot_be_followed(staged, follower):
    for uri in ("models:/churn/1", "s3://bucket/model"):
        status, answer = follower.deploy("other", uri, follow=True)
        assert (status, answer["error"]["code"]) == (422, "invalid") and "names no stage to follow" in answer["error"]["message"]
    assert follower.deploy("churn", "models:/churn/1")[0] == 422, "it follows, and was not told to stop"
    for value in ("yes", 1, "true"):
        assert follower.deploy("churn", STAGE, follow=value)[0] == 422
    for name in ("churn.a", "churn.b"):
        assert follower.deploy(name)[0] == 422 and follower.call("DELETE", "/api/v1/deployments/" + name)[0] == 422


def test_a_strangers_port_is_not_taken_for_ours(staged, follower):
    """Somebody takes the port after the socket was stopped by hand."""
    port = follower.get("churn")["port"]
    staged.host.ports.pop("churn").close()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen(8)
        seen = follower.wait_for("churn", "unhealthy")
        wait_until(lambda: "is held by the process nginx" in follower.get("churn")["message"], "it says who holds it")
        assert seen["port"] == port
    follower.wait_for("churn", "ready", message="")
    assert served(port) == "models:/churn/1"


def test_it_gets_another_port(staged, follower):
    [wanted] = [port for port in staged.ports if port not in
                [follower.get("churn")["port"]] + [unit["spec"].port for unit in staged.host.units.values()]][:1]
    assert follower.deploy("churn", STAGE, port=wanted)[1]["port"] == wanted
    wait_until(lambda: staged.host.ports["churn"].port == wanted, "systemd holds it")
    follower.wait_for("churn", "ready")
    assert served(wanted) == "models:/churn/1"
    [inner] = [unit["spec"].port for unit in staged.host.units.values()]
    status, answer = follower.deploy("other", "models:/churn/1", port=inner)
    assert (status, answer["error"]["message"]) == (409, "The port {} belongs to the deployment churn.".format(inner))


def test_a_port_service_that_is_told_to_end_finishes_what_is_open(staged, follower):
    [model] = [unit["model"] for unit in staged.host.units.values()]
    model.takes = 1.0
    held = staged.host.ports["churn"]
    with Load(held.port, clients=3) as load:
        wait_until(lambda: load.answers >= 3, "clients are served")
        ended = held.process
        ended.send_signal(signal.SIGTERM)
        assert ended.wait(30) == 0
        held.start()
        load.goes_on()
    assert load.failures == []


def test_nobody_but_the_runs_user_gets_rows(staged, follower):
    port = follower.get("churn")["port"]
    [run] = staged.host.units
    with staged.host._lock:
        staged.host._kill(run)
        status, answer = ask(port, "POST", "/invocations", '{"inputs": [1]}')
    assert status == 503 and "No run of this deployment serves" in answer["message"]
    if os.getuid() != 0:
        return
    follower.stop()
    os.chown(os.path.join(staged.config["runtime_directory"], run), 65533, -1)  # its unit's user is another one than who listens
    with staged.host._lock:
        staged.host._start(run)
    assert ask(port, "POST", "/invocations", '{"inputs": [1]}')[0] == 503


#: One life: what is done, and the version that must serve after it; None: nothing.
LIFE = [
    (lambda world, agent: agent.deploy("churn", STAGE, follow=True), 1),
    (lambda world, agent: promote(world, 2), 2),
    (lambda world, agent: agent.deploy("churn", STAGE, memory_mb=512, follow=False), 2),
    (lambda world, agent: agent.call("DELETE", "/api/v1/deployments/churn"), None),
]


def as_wanted(world, agent, version):
    if version is None:
        wait_until(lambda: agent.call("GET", "/api/v1/deployments")[1]["deployments"] == [], "it is gone")
        assert world.host.units == {} and world.host.ports == {}
        assert os.listdir(world.config["state_directory"] + "/deployments") == []
        return
    uri = "models:/churn/{}".format(version)
    seen = agent.wait_for("churn", "ready", resolved_uri=uri)
    assert served(seen["port"]) == uri
    stored = world.config["state_directory"] + "/deployments"
    # The agent is asked, too, so that its death is seen.
    wait_until(lambda: agent.call("GET", "/health") and len(world.host.units) == 1 and len(os.listdir(stored)) == 2, "one run is left")
    assert served(seen["port"]) == uri


def live(world, kill_at):
    """A whole life, in which the first agent is killed at a step. Returns whether it was."""
    promote(world, 1)
    agent = world.agent(program=KILLED_AGENT, environment={"KILL_AT": str(kill_at), "STEPS": "1"})
    assert agent.wait_until_up()
    for act, version in LIFE:
        try:
            act(world, agent)
            as_wanted(world, agent, version)
        except OSError:
            assert agent.process.wait(10) == -9, agent.log()
            agent = world.agent()
            assert agent.wait_until_up(), agent.log()
            act(world, agent)  # the client does what clients do: it asks once more
            as_wanted(world, agent, version)
    return len(world.agents) == 2


def test_killed_between_any_two_steps(make_world):
    """Some lives at a time, since most of each is waiting, until there is no step left to be killed at."""
    kill_at, killed = 1 + FIRST, True
    with ThreadPoolExecutor(LIVES) as pool:
        while killed:
            worlds = [make_world() for dummy in range(LIVES)]
            killed = all(list(pool.map(live, worlds, range(kill_at, kill_at + LIVES * EVERY, EVERY))))
            for world in worlds:
                world.close()
            kill_at += LIVES * EVERY
    assert kill_at > 20, "fewer steps than expected were seen"
