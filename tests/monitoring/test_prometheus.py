# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus scrapes a real agent by TLS and token, and reports by a real node_exporter, configured as the documentation shows."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import json
import math
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.monitoring.exported import health_text, plan_text
from tests.monitoring.files import DASHBOARD, RULES, SCRAPE, expressions

# The agent's own tests have a host around it: a tracking server, systemd, models.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "agent" / "tests"))

from conftest import TOKEN, AgentProcess, World  # noqa: E402 - needs the path above
from doubles import free_ports  # noqa: E402
from mlops_agent import request_counts  # noqa: E402


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "agent.pem", folder / "agent.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(private)
    return paths


class TlsAgent(AgentProcess):
    """An agent that is spoken to by TLS."""

    def raw(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None, timeout: float = 20) -> Any:
        # Whether the certificate is right is for Prometheus to say.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


@contextmanager
def running(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def served_requests(path: Path) -> Iterator[None]:
    """A model's server that counts requests, quick and slow, right and wrong ones, until it ends."""
    ending = threading.Event()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    counter = request_counts.Counter(descriptor, 0)

    def count() -> None:
        while not ending.wait(0.1):
            counter.count(200, 0.03)
            counter.count(500, 3)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        os.close(descriptor)


class Server:
    """A Prometheus that runs, by its HTTP interface."""

    def __init__(self, port: int, log: Path) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"
        self._log = log

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if holds():
                    return
            except OSError:
                pass  # it is not up yet
            time.sleep(0.1)
        pytest.fail(f"{what} does not hold after a minute:\n{self._log.read_text()[-3000:]}", pytrace=False)

    def figures(self, expression: str) -> list[float]:
        """The values that a query has now, without those that are none."""
        found = self.get("query", query=expression)
        return [value for value in (float(series["value"][1]) for series in found["result"]) if not math.isnan(value)]


@pytest.fixture(scope="module")
def server(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("prometheus")
    prometheus_port, exporter_port = free_ports(2)
    with ExitStack() as stack:
        world = World(tmp_path_factory.mktemp("w"))
        stack.callback(world.close)
        crt, key = certificate(folder)
        world.config.update(tls_certificate=str(crt), tls_private_key=str(key))
        world.host.example = {"columns": ["a"], "data": [[1]]}
        world.host.fails_to_start.add("broken")
        agent = TlsAgent(world.config, world.directory)
        world.agents.append(agent)
        assert agent.wait_until_up(), agent.log()
        agent.deploy("churn")
        agent.wait_for("churn", "ready")
        agent.deploy("broken")
        agent.wait_for("broken", "failed")
        stack.enter_context(served_requests(Path(world.config["runtime_directory"]) / "churn" / request_counts.FILE))

        reports = folder / "reports"
        reports.mkdir()
        (reports / "health.prom").write_text(health_text(time.time()))
        (reports / "plan.prom").write_text(plan_text(time.time()))
        exporter = [
            programs / "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={reports}",
            f"--web.listen-address=127.0.0.1:{exporter_port}",
        ]  # fmt: skip
        stack.enter_context(running(exporter, folder / "exporter.log"))

        (folder / "token").write_text(TOKEN)
        shown = yaml.safe_load(SCRAPE.read_text())
        agents, nodes = shown["scrape_configs"]
        agents["tls_config"]["ca_file"] = str(crt)
        agents["authorization"]["credentials_file"] = str(folder / "token")
        agents["static_configs"] = [{"targets": [f"127.0.0.1:{agent.port}"]}]
        nodes["static_configs"] = [{"targets": [f"127.0.0.1:{exporter_port}"]}]
        configured = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, **shown, "rule_files": [str(RULES)]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configured))
        command: list[str | Path] = [
            programs / "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{prometheus_port}",
        ]  # fmt: skip
        stack.enter_context(running(command, folder / "prometheus.log"))
        started = Server(prometheus_port, folder / "prometheus.log")
        started.until("Both targets were scraped", lambda: [target["health"] for target in started.get("targets")["activeTargets"]] == ["up", "up"])
        started.until("Rates are known", lambda: len(started.figures("rate(mlops_deployment_requests_total[10s]) > 0")) == 2)
        yield started


@pytest.mark.parametrize("expression", expressions(json.loads(DASHBOARD.read_text())))
def test_each_panel_is_answered(server: Server, expression: str) -> None:
    for variable, value in {"$instance": ".*", "$model": ".*", "$__rate_interval": "10s"}.items():
        expression = expression.replace(variable, value)
    server.until(expression, lambda: bool(server.figures(expression)))


def test_rules_are_evaluated_and_say_whom_they_mean(server: Server) -> None:
    server.until(
        "All rules were evaluated",
        lambda: {rule["health"] for group in server.get("rules")["groups"] for rule in group["rules"]} == {"ok"},
    )
    #: What fires at once, or waits for the time that it has to last.
    wanted = {
        "MlopsModelFailed", "MlopsModelErrors", "MlopsModelSlow", "MlopsHostNotRead", "MlopsUnhealthy", "MlopsCertificateExpires", "MlopsTokenExpires",
        "MlopsDiskFull", "MlopsDrift", "MlopsPlanRefused",
    }  # fmt: skip
    server.until("The alerts are there", lambda: {alert["labels"]["alertname"] for alert in server.get("alerts")["alerts"]} == wanted)
    for alert in server.get("alerts")["alerts"]:
        # What Prometheus makes of a text that it can't fill in.
        assert "<error" not in str(alert["annotations"]), alert
        named = [alert["labels"].get(label) for label in ("host", "name") if label in alert["labels"]]
        assert named and any(name in alert["annotations"]["summary"] for name in named), alert
