# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running agent as its own process, with doubles of the tracking server and of the root helper."""

import http.client
import json
import os
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(os.path.dirname(HERE), "src")
sys.path[:0] = [SOURCE, HERE]

from doubles import Host, Tracking, free_ports  # noqa: E402 - needs the path above

TOKEN = "canary-token-4c2b1f9e8d"


class AgentProcess:
    """The agent in a process of its own, and a client of it."""

    def __init__(self, config, directory, program=("-m", "mlops_agent"), environment=()):
        self.port = config["listen_port"]
        self.log_path = os.path.join(directory, "agent.log")
        path = os.path.join(directory, "config.json")
        with open(path, "w") as stream:
            json.dump(config, stream)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable] + list(program) + ["--config", path], stdout=log, stderr=log,
                env=dict({**os.environ, "PYTHONPATH": SOURCE + os.pathsep + HERE, "MLOPS_AGENT_TOKEN": TOKEN}, **dict(environment)),
            )

    def wait_until_up(self):
        """Returns whether the agent listens; False when it ended instead."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.call("GET", "/health")
                return True
            except OSError:
                if self.process.poll() is not None:
                    return False
                time.sleep(0.02)
        raise AssertionError("the agent does not come up:\n" + self.log())

    def raw(self, method, path, body=None, headers=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict({"Authorization": "Bearer " + TOKEN}, **(headers or {})))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def call(self, method, path, document=None, **more):
        """(status, parsed answer). Raises OSError when the agent is not there (any more)."""
        body = None if document is None else json.dumps(document)
        try:
            status, dummy, answer = self.raw(method, path, body, **more)
        except http.client.HTTPException as error:
            raise ConnectionError(str(error))
        return status, json.loads(answer.decode())

    def deploy(self, name, model_uri="models:/churn/1", **options):
        return self.call("PUT", "/api/v1/deployments/" + name, dict(options, model_uri=model_uri))

    def get(self, name):
        return self.call("GET", "/api/v1/deployments/" + name)[1]

    def wait_for(self, name, *states, **fields):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            seen = self.get(name)
            if seen.get("state") in states and all(seen[key] == value for key, value in fields.items()):
                return seen
            time.sleep(0.02)
        raise AssertionError("{} does not get {}: {}\n{}".format(name, states, seen, self.log()))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)

    def log(self):
        with open(self.log_path) as stream:
            return stream.read()


class World:
    """Everything around an agent, which may come and go."""

    def __init__(self, directory):
        self.directory = str(directory)
        ports = free_ports(7)
        self.tracking = Tracking()
        self.tracking.add("churn")
        self.tracking.add("churn", "mlflow-artifacts:/1/def/artifacts/model")
        self.stack = os.path.join(self.directory, "stack")
        self.config = {
            "listen_port": ports[0], "tracking_uri": self.tracking.uri,
            "model_port_first": ports[1], "model_port_last": ports[6],
            "follow_interval": 1, "health_interval": 1, "health_timeout": 2, "health_failures": 2,
            "state_directory": os.path.join(self.directory, "state"),
            "runtime_directory": os.path.join(self.directory, "run"),
            "cache_directory": os.path.join(self.directory, "cache"),
            "helper_socket": os.path.join(self.directory, "helper.sock"),
            "stack": self.stack, "model_roots": [os.path.join(self.directory, "models")],
        }
        self.ports = ports[1:]
        os.makedirs(self.config["state_directory"])
        self.host = Host(self.config)
        self.agents = []

    def agent(self, **more):
        agent = AgentProcess(self.config, self.directory, **more)
        self.agents.append(agent)
        return agent

    def close(self):
        for agent in self.agents:
            agent.kill()
        self.host.close()
        self.tracking.close()


@pytest.fixture
def make_world(tmp_path_factory):
    made = []

    def make():
        made.append(World(tmp_path_factory.mktemp("w")))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def agent(world):
    agent = world.agent()
    assert agent.wait_until_up(), agent.log()
    return agent
