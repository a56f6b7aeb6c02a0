# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models outlive the agent, crashes and reboots; what can't be done is said."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from deployments import agent, eventually
from testinfra.host import Host

NAME = "verify-numpy"
UNIT = f"mlops-model@{NAME}.service"
BODY = json.dumps({"columns": ["a", "b"], "data": [[1.0, 2.0]]})


def score(host: Host) -> Any:
    """The model's prediction for one row, or None when it does not answer."""
    port = agent_state(host)["port"]
    result = host.run("curl --silent --fail --max-time 5 --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations", BODY, str(port))
    return json.loads(result.stdout) if result.rc == 0 else None


def agent_state(host: Host) -> dict[str, Any]:
    eventually(lambda: host.run("curl --silent --fail http://127.0.0.1:8086/health").rc == 0, "the agent answers")
    status, deployment = agent(host, f"/api/v1/deployments/{NAME}")
    assert status == 200
    return dict(deployment)


def main_pid(host: Host, unit: str) -> str:
    return str(host.check_output("systemctl show --property=MainPID --value %s", unit))


def test_models_outlive_the_agent(host: Host) -> None:
    port, model, killed = agent_state(host)["port"], main_pid(host, UNIT), main_pid(host, "mlops-agent.service")
    host.check_output("systemctl kill --signal=SIGKILL mlops-agent.service")
    assert score_at(host, port) == [6.0]
    eventually(lambda: main_pid(host, "mlops-agent.service") not in ("0", killed), "the agent is started again")
    assert agent_state(host)["state"] == "ready"
    assert main_pid(host, UNIT) == model


def score_at(host: Host, port: int) -> Any:
    return json.loads(
        host.check_output("curl --silent --fail --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations", BODY, str(port))
    )


def test_agent_that_hangs_is_started_again_and_its_port_stays_held(host: Host) -> None:
    port, hung = agent_state(host)["port"], main_pid(host, "mlops-agent.service")
    host.check_output("kill -STOP %s", hung)
    eventually(lambda: main_pid(host, "mlops-agent.service") not in ("0", hung), "systemd starts it again", 120)
    assert agent_state(host)["state"] == "ready"
    assert score_at(host, port) == [6.0]
    host.check_output("systemctl stop mlops-agent.service 2>&1")
    taken = host.run("python3 -c %s", "import socket; socket.create_server(('127.0.0.1', 8086))")
    assert "Address already in use" in taken.stderr
    # A client that comes meanwhile waits at the socket, and is answered.
    assert agent(host, "/api/v1/deployments")[0] == 200
    assert host.service("mlops-agent.service").is_running


def test_request_that_hung_the_agent_is_refused(host: Host) -> None:
    send = "import socket; s = socket.create_connection(('127.0.0.1', 8086), 20); s.sendall(%r); print(s.recv(99))"
    for request, status in (("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "401"),
                            ("GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "400")):  # fmt: skip
        assert f"HTTP/1.1 {status} " in host.check_output("python3 -c %s", send % request.encode())
    assert agent_state(host)["state"] == "ready"


def test_health_tells_of_the_tracking_server(host: Host) -> None:
    health = json.loads(host.check_output("curl --silent --fail http://127.0.0.1:8086/health"))
    assert health["tracking"] == {"status": "ok", "message": ""}


def test_another_tracking_server_than_the_wanted_one_is_refused(operator, host: Host) -> None:
    """The playbook wants the host's own server, under the host's name; here the inventory wants another."""
    name = host.check_output("curl --silent --head http://127.0.0.1:5000/health | sed -n 's/^Tracking-Server-Name: //p'").strip()
    # A second run finds the agent as it left it, and refuses again.
    for dummy in range(2):
        run = operator.play("site", fails=True, mlops_agent_tracking_name="another-host")
        assert "but it is not the MLflow tracking server that mlops_agent_tracking_name names." in run.text
        assert f"The MLflow tracking server 'another-host' was expected at the tracking URI, but '{name}' answers there." in run.text
    assert agent_state(host)["state"] == "ready"
    assert agent(host, "/api/v1/deployments/other", "PUT", {"model_uri": "models:/verify-numpy/1"})[0] == 503
    operator.play("site")
    test_health_tells_of_the_tracking_server(host)


def test_crashed_model_returns(host: Host) -> None:
    port = agent_state(host)["port"]
    host.check_output("systemctl kill --signal=SIGKILL %s", UNIT)
    eventually(lambda: score(host) == [6.0], "the model answers again")
    eventually(lambda: agent_state(host)["state"] == "ready", "the agent says that it does")
    assert agent_state(host)["port"] == port


def test_models_return_after_a_reboot(host: Host, containers: dict[str, dict[str, str]], lets_in: Callable[[str], bool]) -> None:
    port = agent_state(host)["port"]
    [(name, entry)] = containers.items()
    subprocess.run(["docker", "restart", entry["container"]], check=True, capture_output=True)
    eventually(lambda: lets_in(name), "the host lets us in")
    eventually(lambda: score(host) == [6.0], "the model answers again")
    eventually(lambda: agent_state(host)["state"] == "ready", "the agent says that it does")
    assert agent_state(host)["port"] == port
    assert host.check_output("systemctl list-units --state=failed --no-legend") == ""


BROKEN = """
import mlflow
with mlflow.start_run():
    mlflow.pyfunc.log_model("model", loader_module="a_module_that_nobody_has", pip_requirements=[], registered_model_name="broken")
"""


def test_model_that_cannot_start_says_why(host: Host) -> None:
    host.check_output(
        "cd /tmp && runuser -u mlflow -- env HOME=/tmp GIT_PYTHON_REFRESH=quiet MLFLOW_TRACKING_URI=http://127.0.0.1:5000 "
        "/opt/sparkflows/stack/current/bin/python -c %s", BROKEN
    )  # fmt: skip
    created = agent(host, "/api/v1/deployments/broken", "PUT", {"model_uri": "models:/broken/1", "startup_timeout": 30})
    assert created[0] == 201, created
    try:
        eventually(lambda: agent(host, "/api/v1/deployments/broken")[1]["state"] == "failed", "the deployment fails", 180)
        deployment = agent(host, "/api/v1/deployments/broken")[1]
        assert "a_module_that_nobody_has" in "\n".join(deployment["log"])
        assert deployment["message"].endswith(".")
    finally:
        agent(host, "/api/v1/deployments/broken", "DELETE")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"model_uri": "models:/verify-numpy/../../etc/passwd"}, "'..'"),
        ({"model_uri": "models:/verify-numpy/1; reboot"}, "character that is not allowed"),
        ({"model_uri": "models:/verify-numpy/$(reboot)"}, "character that is not allowed"),
        ({"model_uri": "models:/nobody/1"}, "nobody"),
        ({"model_uri": "models:/verify-numpy/99"}, "version 99"),
        ({"model_uri": "models:/verify-numpy/1", "port": 5000}, "the MLflow tracking server"),
        ({"model_uri": "models:/verify-numpy/1", "port": "5001\nUser=root"}, "port"),
        ({"model_uri": "models:/verify-numpy/1", "workers": "2"}, "workers"),
        ({"model_uri": "models:/verify-numpy/1", "colour": 1}, "colour"),
    ],
)
def test_refusals_are_sentences(host: Host, body: dict[str, Any], word: str) -> None:
    status, answer = agent(host, "/api/v1/deployments/refused", "PUT", body)
    assert status in (400, 404, 409, 422), answer
    assert word in answer["error"]["message"]
    assert agent(host, "/api/v1/deployments/refused")[0] == 404


def test_two_models_cannot_share_a_port(host: Host) -> None:
    body = {"model_uri": f"models:/{NAME}/1", "port": agent_state(host)["port"]}
    status, answer = agent(host, "/api/v1/deployments/second", "PUT", body)
    assert status == 409
    assert NAME in answer["error"]["message"]


def test_wrong_token_is_refused(host: Host) -> None:
    assert agent(host, "/api/v1/deployments", token="wrong")[0] == 401


MODULES = {
    "agent_token": ({"agent_token": "wrong-token-wrong-token"}, "token"),
    "agent_url": ({"agent_url": "http://127.0.0.1:1"}, "127.0.0.1:1"),
    "model": ({"model_uri": "models:/nobody/1"}, "nobody"),
    "tracking_uri": ({"tracking_uri": "http://127.0.0.1:1"}, "127.0.0.1:1"),
}


@pytest.mark.parametrize("wrong", MODULES)
def test_modules_say_what_does_not_exist(operator, wrong: str) -> None:
    change, word = MODULES[wrong]
    run = operator.play("deploy.yml", fails=True, change=change)
    assert word in run.text
    assert "wrong-token-wrong-token" not in run.output.replace(json.dumps({"change": change}), "")
