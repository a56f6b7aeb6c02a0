# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scorers of one host, from the first container to the last."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from canary import Canary
from conftest import TESTBED, Operator
from testinfra.host import Host

ROWS = {"columns": ["a", "b"], "data": [[1, 2], [-4.5, 10]]}
# What the models answer to them; the second has other weights.
ONE, TWO = [4.0, 1.0], [5.0, -3.5]
PASSWORD = (TESTBED / "agent_token").read_text().strip() if (TESTBED / "agent_token").exists() else ""
IMAGE = "registry:5000/team/scorer:3.2.84"
TAGS = "docker://registry:5000/team/scorer"


def service(model: dict[str, Any], name: str = "first", port: int = 9001, **settings: Any) -> dict[str, Any]:
    return {"name": name, "port": port, "model": model, **settings}


FIRST = service({"path": "/srv/models/one"}, probe={**ROWS, "expected": ONE})
UPDATED = service({"path": "/srv/models/two"}, probe={**ROWS, "expected": TWO})
# Each answer takes longer than it takes to switch.
SLOW = {**UPDATED, "environment": {"SCORER_SECONDS": "1.5"}}


@pytest.fixture(scope="module")
def scorer(on: Callable[[str], Host]) -> Host:
    return on("scorer")


@pytest.fixture(scope="module")
def registry(on: Callable[[str], Host]) -> Host:
    return on("registry")


@pytest.fixture
def engine(scorer: Host) -> Callable[[str], Any]:
    """What the engine of the host answers to a path of its interface."""
    return lambda path: json.loads(scorer.check_output(f"curl -sS --unix-socket /run/docker.sock 'http://docker{path}'"))


class Client:
    """Scores at 20 requests a second, half of them over lasting connections, and notes every answer and every failure."""

    RATE, WORKERS = 20, 32

    def __init__(self, address: str) -> None:
        self._address = address
        self.answers: list[list[float]] = []
        self.failures: list[str] = []
        self.seconds = 0.0

    @contextmanager
    def scoring(self) -> Iterator[Client]:
        ended, begun = threading.Event(), time.monotonic()
        threads = [threading.Thread(target=self._score, args=(ended, begun + number / self.RATE, number % 2 == 0)) for number in range(self.WORKERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
            # So that what came last is among them: as many requests as had not ended yet, and as many more that began after it.
            due = self._asked() + 2 * self.WORKERS
            deadline = time.monotonic() + 60
            while self._asked() < due:
                assert time.monotonic() < deadline, "the scorer answers no longer"
                ended.wait(0.05)
        finally:
            ended.set()
            self.seconds = time.monotonic() - begun
            for thread in threads:
                thread.join()

    def _asked(self) -> int:
        return len(self.answers) + len(self.failures)

    def _score(self, ended: threading.Event, due: float, lasting: bool) -> None:
        connection = http.client.HTTPConnection(self._address, 9001, timeout=30)
        while not ended.wait(max(0, due - time.monotonic())):
            due += self.WORKERS / self.RATE
            try:
                connection.request("POST", "/score", json.dumps(ROWS), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    self.answers.append(json.loads(body)["predictions"])
                else:
                    self.failures.append(f"{answer.status} {body!r}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not lasting:
                connection.close()
        connection.close()


@pytest.fixture
def client(containers: dict[str, dict[str, str]]) -> Client:
    return Client(containers["scorer"]["address"])


def scorers(engine: Callable[[str], Any]) -> list[dict[str, Any]]:
    return list(engine("/containers/json?all=1"))


def test_a_check_of_a_virgin_host_changes_nothing_and_says_what_would_come(operator: Operator, scorer: Host) -> None:
    run = operator.play("serve.yml", "--check", "--diff")
    assert [task for task, dummy in run.changed][-1].endswith("Serve | Make the scorers those of the inventory")
    assert '"image": "registry:5000/team/scorer:3.2.84"' in run.output
    assert not scorer.file("/usr/sbin/dockerd").exists
    assert not scorer.file("/var/lib/sparkflows-mlops").exists


def test_the_first_run_serves_the_model_and_lets_no_password_out(operator: Operator, scorer: Host, canary: Callable[[dict[str, str]], Canary]) -> None:
    watch = canary({"the password of the registry": PASSWORD})
    with watch.watching():
        run = operator.play("serve.yml", "--diff")
    assert watch.escapes(run.output) == []
    assert not scorer.file("/root/.docker").exists
    state = json.loads(scorer.file("/var/lib/sparkflows-mlops/scorer/state.json").content_string)
    assert state["images"][IMAGE]["digest"].startswith("sha256:")


def test_the_next_run_finds_nothing_to_do_in_two_modules_at_most(operator: Operator, scorer: Host) -> None:
    assert operator.play("serve.yml", "--check").unchanged
    cursor = scorer.check_output("journalctl --quiet --no-pager --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'")
    assert operator.play("serve.yml").unchanged
    invoked = scorer.check_output("journalctl --after-cursor=%s --no-pager --output=cat | grep 'Invoked with'", cursor).splitlines()
    assert len(invoked) <= 2, invoked


def test_rows_are_scored_on_the_host_and_from_another_one(operator: Operator) -> None:
    operator.play("score.yml", score_port=9001, score_expected=ONE)


def test_the_container_may_do_nothing_but_score(engine: Callable[[str], Any]) -> None:
    (listed,) = scorers(engine)
    container = engine(f"/containers/{listed['Id']}/json")
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"], host["NanoCpus"]) == (512 << 20, 512 << 20, 256, 10**9)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert container["Config"]["User"] == "65534:65534"
    (mount,) = container["Mounts"]
    assert (mount["Source"], mount["Destination"], mount["RW"]) == ("/srv/models/one", "/model", False)
    assert [port["IP"] for port in listed["Ports"]] == ["127.0.0.1"]


def test_an_updated_model_costs_no_request(operator: Operator, engine: Callable[[str], Any], client: Client) -> None:
    (former,) = scorers(engine)
    with client.scoring():
        run = operator.play("serve.yml", "--diff", scorer_services=[SLOW])
    assert not run.unchanged
    assert client.failures == []
    assert len(client.answers) > 0.9 * client.RATE * client.seconds
    assert [answer for answer in client.answers if answer not in (ONE, TWO)] == []
    assert client.answers[0] == ONE and client.answers[-1] == TWO
    (container,) = scorers(engine)
    assert container["Id"] != former["Id"]


def test_requests_under_way_end_at_the_former_container(operator: Operator, client: Client) -> None:
    with client.scoring():
        operator.play("serve.yml", scorer_services=[UPDATED])
    assert client.failures == []
    assert set(map(tuple, client.answers)) == {tuple(TWO)}


def test_a_new_scorer_that_cannot_score_never_gets_a_request(operator: Operator, engine: Callable[[str], Any], client: Client) -> None:
    before = scorers(engine)
    broken = {**UPDATED, "environment": {"SCORER_FAULT": "the feature store is away"}, "start_timeout": 15}
    with client.scoring():
        run = operator.play("serve.yml", fails=True, scorer_services=[broken])
    assert "The new container of the scorer first cannot serve: it was not ready within 15 seconds" in run.text
    assert "The former container still serves. The end of its log:" in run.text
    assert "cannot score: the feature store is away" in run.text
    assert client.failures == []
    assert set(map(tuple, client.answers)) == {tuple(TWO)}
    assert [each["Id"] for each in scorers(engine)] == [each["Id"] for each in before]


def test_an_image_of_another_release_is_refused(operator: Operator) -> None:
    run = operator.play("serve.yml", fails=True, scorer_image="registry:5000/team/scorer:3.1.0", scorer_services=[UPDATED])
    assert "registry:5000/team/scorer:3.1.0 of release 3.1.0, but Sparkflows has the release 3.2.84" in run.text


def test_a_damaged_model_of_sparkflows_changes_nothing(operator: Operator, registry: Host, engine: Callable[[str], Any]) -> None:
    before = scorers(engine)
    path = "/srv/sparkflows/api/v1/mlmodel/outputModel/7/download/zipDownload"
    registry.check_output(f"cp {path} /srv/whole.zip && truncate --size=-100 {path}")
    wanted = [UPDATED, service({"id": 7}, name="second", port=9002, probe={**ROWS, "expected": ONE})]
    # The release comes from the server as well.
    settings = {
        "scorer_sparkflows_url": "http://registry:8080", "scorer_sparkflows_token": "of-a-test", "scorer_sparkflows_release": "",
        "scorer_services": wanted,
    }  # fmt: skip
    run = operator.play("serve.yml", fails=True, **settings)
    assert "came as a zip file that is cut off or damaged" in run.text
    assert [each["Id"] for each in scorers(engine)] == [each["Id"] for each in before]
    registry.check_output(f"cp /srv/whole.zip {path}")
    operator.play("serve.yml", **settings)
    operator.play("score.yml", score_port=9002, score_expected=ONE)
    assert operator.play("serve.yml", **settings).unchanged
    assert len(scorers(engine)) == 2


def test_a_tag_that_moves_is_reported_and_followed_when_told_so(operator: Operator, registry: Host, engine: Callable[[str], Any], client: Client) -> None:
    before = [each["ImageID"] for each in scorers(engine)]
    registry.check_output(
        f"skopeo copy --quiet --authfile /run/push.json --src-cert-dir /etc/docker/trusted --dest-cert-dir /etc/docker/trusted {TAGS}:later {TAGS}:3.2.84"
    )
    # The second scorer goes.
    run = operator.play("serve.yml", scorer_services=[UPDATED])
    assert "registry:5000/team/scorer:3.2.84 is another image now" in run.text
    (pinned,) = scorers(engine)
    assert pinned["ImageID"] in before
    with client.scoring():
        operator.play("serve.yml", scorer_services=[UPDATED], scorer_follow_tag=True)
    assert client.failures == []
    (after,) = scorers(engine)
    assert after["ImageID"] != pinned["ImageID"]
    assert [image["Id"] for image in engine("/images/json")] == [after["ImageID"]]


def test_a_container_that_stopped_is_started(operator: Operator, scorer: Host, engine: Callable[[str], Any]) -> None:
    (container,) = scorers(engine)
    scorer.check_output(f"curl -sS --unix-socket /run/docker.sock -X POST 'http://docker/containers/{container['Id']}/stop?t=1'")
    operator.play("serve.yml", scorer_services=[UPDATED], scorer_follow_tag=True)
    assert [each["Id"] for each in scorers(engine)] == [container["Id"]]
    operator.play("score.yml", score_port=9001, score_expected=TWO)


def test_nothing_is_left_after_a_removal(operator: Operator, scorer: Host, engine: Callable[[str], Any]) -> None:
    operator.play("remove.yml", "--check")
    assert len(scorers(engine)) == 1
    operator.play("remove.yml")
    assert scorers(engine) == []
    assert engine("/images/json") == []
    assert scorer.check_output("find / -xdev -path /proc -prune -o -name '*scorer*' -not -path '/srv/*' -print") == ""
    assert not scorer.file("/etc/docker/certs.d/registry:5000").exists
    assert scorer.run("systemctl cat scorer-proxy.service").rc != 0
    assert operator.play("remove.yml").unchanged
