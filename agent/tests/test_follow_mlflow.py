# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that follows its stage in a real MLflow: registry, launcher and served models are the real ones."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from conftest import SOURCE, AgentProcess
from doubles import Host, free_ports
from test_follow import ask, wait_until

MLFLOW = os.path.join(os.path.dirname(sys.executable), "mlflow")

#: Registers two versions of a model that says which one it is.
REGISTER = """
import mlflow, sys
class Version(mlflow.pyfunc.PythonModel):
    def __init__(self, number):
        self.number = number
    def predict(self, context, model_input):
        return [self.number] * len(model_input)
mlflow.set_tracking_uri(sys.argv[1])
for number in (1, 2):
    with mlflow.start_run():
        mlflow.pyfunc.log_model("model", python_model=Version(number), registered_model_name="churn", pip_requirements=[])
"""


class RealHost(Host):
    """Units that run the agent's launcher."""

    def _start(self, name):
        unit = self.units[name] = {
            "active_state": "active", "sub_state": "running", "result": "success", "restarts": 0, "invocation": os.urandom(16).hex(),
            "started": int(time.monotonic() * 1e6), "exit_status": 0, "model": None, "uid": self.uid, "memory": self.uses,
        }
        for directory in ("runtime_directory", "cache_directory"):
            os.makedirs(os.path.join(self.config[directory], name), exist_ok=True)
        path = os.path.join(os.path.dirname(self.config["state_directory"]), "model.json")
        with open(path, "w") as stream:
            json.dump(self.config, stream)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": SOURCE, "INVOCATION_ID": unit["invocation"], "MLOPS_MODEL_LIMIT_MB": str(self.memory[name])}
        with open(os.path.join(os.path.dirname(path), name + ".log"), "ab") as log:
            unit["model"] = subprocess.Popen(
                [sys.executable, "-m", "mlops_agent.serve_model", "--config", path, name], cwd="/", env=environment, stdout=log, stderr=log,
                start_new_session=True)

    def _kill(self, name):
        """As systemd does it: all of the unit's processes."""
        unit = self.units.get(name)
        if not unit or unit["model"] is None:
            return
        process, unit["model"] = unit["model"], None
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                continue
        process.wait()


@pytest.fixture
def tracking(tmp_path):
    """The URI of a tracking server with two versions of the model churn."""
    [port] = free_ports(1)
    with open(str(tmp_path / "mlflow.log"), "ab") as log:
        process = subprocess.Popen(
            [MLFLOW, "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", "sqlite:///{}/mlflow.db".format(tmp_path),
             "--serve-artifacts", "--artifacts-destination", str(tmp_path / "artifacts"), "--default-artifact-root", "mlflow-artifacts:/",
             "--workers", "1"],
            stdout=log, stderr=log, start_new_session=True, env=dict(os.environ, PATH=os.path.dirname(MLFLOW) + os.pathsep + os.environ["PATH"]))
    uri = "http://127.0.0.1:{}".format(port)
    try:
        wait_for(uri + "/health", 180)
        subprocess.run([sys.executable, "-c", REGISTER, uri], check=True, timeout=180, env=dict(os.environ, GIT_PYTHON_REFRESH="quiet"))
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(url, seconds):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=10).read()
        except OSError:
            assert time.monotonic() < deadline, url
            time.sleep(0.2)


@pytest.fixture
def host(tmp_path, tracking):
    first = free_ports(6)
    config = {
        "listen_port": first[0], "tracking_uri": tracking, "model_port_first": first[1], "model_port_last": first[5],
        "follow_interval": 1, "health_interval": 1, "startup_timeout": 300,
        "state_directory": str(tmp_path / "state"), "runtime_directory": str(tmp_path / "run"), "cache_directory": str(tmp_path / "cache"),
        "helper_socket": str(tmp_path / "helper.sock"), "stack": os.path.dirname(os.path.dirname(MLFLOW)),
    }
    os.makedirs(config["state_directory"])
    host = RealHost(config)
    yield host
    host.close()


def test_a_promotion_in_mlflow_is_served_at_the_same_port_and_no_request_is_lost(host, tmp_path):
    agent = AgentProcess(host.config, str(tmp_path))
    try:
        assert agent.wait_until_up(), agent.log()
        stage = "/api/v1/models/churn/versions/{}/stage"
        assert agent.call("POST", stage.format(1), {"stage": "Production", "archive_existing": True})[0] == 200
        assert agent.deploy("churn", "models:/churn/Production", follow=True)[0] == 201
        port = until_ready(agent, 1)["port"]
        seen, failures, over = [], [], threading.Event()

        def score():
            while not over.is_set():
                try:
                    status, answer = ask(port, "POST", "/invocations", json.dumps({"columns": ["a"], "data": [[1]]}), CONTENT)
                    (seen if status == 200 else failures).append(answer)
                except Exception as error:  # whatever a client may see
                    failures.append(repr(error))

        clients = [threading.Thread(target=score, daemon=True) for dummy in range(2)]
        for client in clients:
            client.start()
        assert agent.call("POST", stage.format(2), {"stage": "Production", "archive_existing": True})[0] == 200
        assert until_ready(agent, 2)["port"] == port
        wait_until(lambda: list(host.units) == ["churn.b"], "the old version is removed")
        counted = len(seen)
        wait_until(lambda: len(seen) > counted + 5, "clients go on")
        over.set()
        for client in clients:
            client.join(60)
        assert failures == []
        assert {answer[0] for answer in seen} == {1, 2} and seen[-1] == [2]
        first_of_two = seen.index([2])
        assert [1] not in seen[first_of_two + len(clients):], "once it has moved, it has moved"
        assert agent.call("DELETE", "/api/v1/deployments/churn")[0] == 200
        assert host.units == {} and host.ports == {}
    finally:
        agent.kill()


def test_a_locked_database_is_told_and_passes(host, tmp_path):
    """Somebody works on MLflow's SQLite file: nothing is deployed meanwhile, and what serves goes on."""
    agent = AgentProcess(host.config, str(tmp_path))
    try:
        assert agent.wait_until_up(), agent.log()
        assert agent.deploy("churn", "models:/churn/1")[0] == 201
        port = until_ready(agent, 1)["port"]
        lock = sqlite3.connect(str(tmp_path / "mlflow.db"), isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        status, answer = agent.call("PUT", "/api/v1/deployments/other", {"model_uri": "models:/churn/2"}, timeout=60)
        assert status == 503 and answer["error"]["code"] == "registry_unreachable", answer
        # MLflow waits for it longer than the agent waits for MLflow.
        assert answer["error"]["message"] == "The tracking server cannot be reached: Timeout during request."
        assert ask(port, "POST", "/invocations", json.dumps({"columns": ["a"], "data": [[1]]}), CONTENT) == (200, [1])
        lock.execute("ROLLBACK")
        lock.close()
        assert agent.call("PUT", "/api/v1/deployments/other", {"model_uri": "models:/churn/2"}, timeout=60)[0] == 201
        assert host.changes("churn") == [("apply", "churn")] and agent.get("churn")["state"] == "ready"
    finally:
        agent.kill()


CONTENT = {"Content-Type": "application/json; format=pandas-split"}


def until_ready(agent, version):
    deadline = time.monotonic() + 400
    while True:
        found = agent.get("churn")
        if (found["state"], found["resolved_uri"]) == ("ready", "models:/churn/{}".format(version)):
            return found
        assert time.monotonic() < deadline and found["state"] != "failed", (found, agent.log())
        time.sleep(0.1)
