# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that follows its stage moves to another version without losing a request, and returns after deaths and a reboot."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployments import agent, eventually
from testinfra.host import Host

PATH = "/api/v1/deployments/following"
UNITS = "'mlops-port@following.*' 'mlops-model@following.*'"

REGISTER = """
import mlflow
class Version(mlflow.pyfunc.PythonModel):
    def __init__(self, number):
        self.number = number
    def predict(self, context, model_input):
        return [self.number] * len(model_input)
for number in (1, 2):
    with mlflow.start_run():
        mlflow.pyfunc.log_model("model", python_model=Version(number), registered_model_name="following", pip_requirements=[])
"""

#: Clients that score without a pause until /tmp/following.stop is there; then they tell what they saw.
LOAD = """
import http.client, json, os, sys, threading, time
seen, failures = [], []
def score():
    while not os.path.exists("/tmp/following.stop"):
        try:
            client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
            client.request("POST", "/invocations", '{"columns": ["a"], "data": [[1]]}', {"Content-Type": "application/json; format=pandas-split"})
            answer = client.getresponse()
            (seen if answer.status == 200 else failures).append(json.loads(answer.read())[0] if answer.status == 200 else answer.status)
            client.close()
            time.sleep(0.05)
        except Exception as error:
            failures.append(repr(error))
threads = [threading.Thread(target=score) for dummy in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with open("/tmp/following.tmp", "w") as stream: json.dump({"seen": seen, "failures": failures}, stream)
os.rename("/tmp/following.tmp", "/tmp/following.json")
"""


def promote(host: Host, version: int) -> None:
    status, answer = agent(host, f"/api/v1/models/following/versions/{version}/stage", "POST", {"stage": "Production", "archive_existing": True})
    assert status == 200, answer


def state(host: Host) -> dict[str, Any]:
    return dict(agent(host, PATH)[1])


def serves(host: Host, version: int) -> Callable[[], bool]:
    def moved() -> bool:
        seen = state(host)
        return (seen["state"], seen["resolved_uri"]) == ("ready", f"models:/following/{version}")

    return moved


def score(host: Host, port: int) -> Any:
    data = json.dumps({"columns": ["a"], "data": [[1]]})
    content = "Content-Type: application/json; format=pandas-split"
    result = host.run("curl --silent --fail --max-time 20 --header %s --data %s http://127.0.0.1:%s/invocations", content, data, str(port))
    return json.loads(result.stdout)[0] if result.rc == 0 else None


def runs(host: Host) -> list[str]:
    listed = host.check_output("systemctl list-units --no-legend --plain --state=active 'mlops-model@following*'")
    return [line.split()[0] for line in listed.splitlines()]


@pytest.fixture(scope="module")
def following(host: Host) -> Iterator[int]:
    """The port of a deployment that follows the stage of a model with two versions, of which the first is in it."""
    host.check_output(
        "cd /tmp && runuser -u mlflow -- env HOME=/tmp GIT_PYTHON_REFRESH=quiet MLFLOW_TRACKING_URI=http://127.0.0.1:5000 "
        "/opt/sparkflows/stack/current/bin/python -c %s", REGISTER
    )  # fmt: skip
    promote(host, 1)
    created = agent(host, PATH, "PUT", {"model_uri": "models:/following/Production", "follow": True})
    assert created[0] == 201, created
    eventually(serves(host, 1), "the first version serves", 180)
    yield state(host)["port"]
    agent(host, PATH, "DELETE")


def test_a_promotion_is_served_without_a_lost_request(host: Host, following: int) -> None:
    assert score(host, following) == 1
    host.check_output("rm -f /tmp/following.stop /tmp/following.json")
    host.check_output("nohup python3 -c %s %s > /tmp/following.log 2>&1 &", LOAD, str(following))
    promote(host, 2)
    eventually(serves(host, 2), "the second version serves", 240)
    eventually(lambda: runs(host) == ["mlops-model@following.b.service"], "the run of the first is removed", 120)
    assert score(host, following) == 2
    host.check_output("touch /tmp/following.stop")
    eventually(lambda: host.file("/tmp/following.json").exists, "the clients have ended")
    found = json.loads(host.file("/tmp/following.json").content_string)
    assert found["failures"] == [] and set(found["seen"]) == {1, 2}


def test_its_port_is_systemds_and_its_service_is_confined(host: Host, following: int) -> None:
    taken = host.run("python3 -c %s", f"import socket; socket.create_server(('127.0.0.1', {following}))")
    assert "Address already in use" in taken.stderr
    shown = host.check_output("systemctl show --property=ActiveState,UID mlops-port@following.service")
    assert "ActiveState=active" in shown and "UID=0" not in shown.splitlines()
    exposure = host.check_output("systemd-analyze security --no-pager mlops-port@following.service | tail -1")
    assert float(exposure.split(":")[1].split()[0]) <= 3.0, exposure


def test_deaths_between_the_steps_change_nothing(host: Host, following: int) -> None:
    promote(host, 1)
    host.check_output("systemctl kill --signal=SIGKILL mlops-agent.service mlops-port@following.service")
    eventually(lambda: runs(host) == ["mlops-model@following.a.service", "mlops-model@following.b.service"], "the other run is started", 120)
    host.check_output("systemctl kill --signal=SIGKILL mlops-agent.service")
    eventually(lambda: host.run("curl --silent --fail http://127.0.0.1:8086/health").rc == 0, "the agent answers")
    eventually(serves(host, 1), "the first version serves again", 240)
    eventually(lambda: runs(host) == ["mlops-model@following.a.service"], "the other is removed", 120)
    assert score(host, following) == 1


def test_it_returns_after_a_reboot(host: Host, following: int, containers: dict[str, dict[str, str]], lets_in: Callable[[str], bool]) -> None:
    [(name, entry)] = containers.items()
    subprocess.run(["docker", "restart", entry["container"]], check=True, capture_output=True)
    eventually(lambda: lets_in(name), "the host lets us in")
    eventually(lambda: score(host, following) == 1, "the model answers again", 180)
    eventually(lambda: host.run("curl --silent --fail http://127.0.0.1:8086/health").rc == 0, "the agent answers")
    eventually(serves(host, 1), "the agent says so")


def test_turned_off_it_stays_and_delete_leaves_nothing(host: Host, following: int) -> None:
    status, answer = agent(host, PATH, "PUT", {"model_uri": "models:/following/Production", "follow": False})
    assert (status, answer["follow"]) == (200, False)
    promote(host, 2)
    assert score(host, following) == 1
    status, gone = agent(host, PATH, "DELETE")
    assert (status, gone["state"]) == (200, "removed")
    assert host.check_output(f"systemctl list-units --all --no-legend {UNITS}") == ""
    left = host.check_output("find /etc/systemd/system /var/cache/mlops-models /var/cache/private /run/mlops-models /var/lib/mlops-agent -name '*following*'")
    assert left == ""
    assert host.run("curl --silent --max-time 5 http://127.0.0.1:%s/ping", str(following)).rc != 0
