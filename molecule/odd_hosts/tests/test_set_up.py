# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a host that was not made for us the whole site comes up, scores, and lets nothing of the host's oddities in.

The tests go on from one another, in the order of the file: set up once, run again, score, break the way to the programs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import TESTBED, processes
from deployments import agent
from testinfra.host import Host

GIGABYTES = 1536 << 20
#: What docs/install.md and docs/firewall.md name, with the tracking server's port of this inventory; 5000 is the stranger's.
NAMED = {22, 5000, 5060, 5443, 8086, *range(5001, 5051)}

# Reads a little, then nothing for longer than gunicorn's own 30 seconds, then the rest; says how much it was.
SLOW_CLIENT = """
import socket, time
connection = socket.create_connection(("127.0.0.1", 5060))
connection.sendall(b"GET /api/2.0/mlflow-artifacts/artifacts/big HTTP/1.0\\r\\n\\r\\n")
answer = connection.makefile("rb")
while answer.readline().strip():
    pass
count = len(answer.read(1 << 20))
time.sleep(35)
while True:
    piece = answer.read(1 << 20)
    if not piece:
        break
    count += len(piece)
print(count)
"""


@pytest.fixture(scope="module")
def site(operator) -> Any:
    """The first run, with su."""
    return operator.play("site", ansible_become_method="su")


@pytest.fixture(scope="module")
def downloads(site, on) -> Host:
    """An artifact of 1.5 GB, which a slow client begins to fetch before the models are proved."""
    host = on("odd")
    big = "/var/lib/mlflow-server/artifacts/big"
    # Of zeros, so without a line break: it must not come into memory as one line.
    host.check_output("install -d -o mlflow -g mlflow -m 0750 %s && truncate -s %s %s && chown mlflow %s", big[:-4], str(GIGABYTES), big, big)
    host.check_output("systemd-run --quiet --unit=slow-client --property=StandardOutput=file:/run/slow-client python3 -I -c %s", SLOW_CLIENT)
    return host


@pytest.fixture(scope="module")
def proof(operator, downloads: Host) -> Any:
    """Both models proved and left serving, while a slow client keeps a worker busy."""
    return operator.play("verify", verify_keep=True)


@contextmanager
def read_only(host: Host, folder: str) -> Iterator[None]:
    host.check_output("mount --bind %s %s && mount -o remount,bind,ro %s", folder, folder, folder)
    try:
        yield
    finally:
        host.check_output("umount --lazy %s", folder)


def test_the_second_run_changes_nothing(operator, site, host: Host) -> None:
    """By sudo with a password, where the first run was by su; as one part of the site, and with a /usr that nobody can write to."""
    assert site.changed
    with read_only(host, "/usr"):
        assert operator.play("mlflow_hosts", mlops_serial=1).changed == []


def test_a_tag_runs_its_role_alone(operator, host: Host, site) -> None:
    link = "/opt/sparkflows/jdk/current"
    host.check_output("rm %s && systemctl disable --quiet mlflow-server", link)
    run = operator.play("site", "--tags", "jdk")
    # Ansible checks the variables of a role whatever the tags say.
    tasks = re.findall(r"TASK \[sparkflows\.mlops\.(\w+) : (.*?)\]", run.output)
    assert {role for role, task in tasks if not task.startswith("Validating arguments against arg spec")} == {"jdk"}
    assert re.search(r"^~ odd +jdk ", run.output, re.MULTILINE), "the plan was made and shown as well"
    assert host.file(link).exists and not host.service("mlflow-server").is_enabled
    operator.play("site")
    assert host.service("mlflow-server").is_enabled


def test_both_kinds_of_models_are_scored(proof) -> None:
    assert "odd verify-numpy: [[1.0, 2.0], [-4.5, 10.0]] gave [6.0, 11.0], as expected" in proof.text
    # Of a fit, so right but for the last digits, which the playbook has compared.
    assert re.search(r"odd verify-spark: \[\[2\.0, 1\.0\], \[0\.5, 4\.0\]\] gave \[[^]]+\], as expected", proof.text)


def test_the_agent_follows_the_tracking_port(host: Host, proof) -> None:
    assert '"tracking_uri": "http://127.0.0.1:5060"' in host.check_output("cat /etc/sparkflows-mlops/mlops-agent.json")


def test_no_process_has_the_hosts_environment(host: Host, proof) -> None:
    """PYTHONPATH, LD_LIBRARY_PATH, SPARK_HOME and the locale of systemd's DefaultEnvironment= reach neither services nor models."""
    assert "/srv/hostile" in host.check_output("systemctl show-environment")
    # The helper ends when nobody asks it for a minute.
    log_of(host, "verify-numpy")
    for unit in ("mlflow-server", "mlops-agent", "mlops-model-helper", "mlops-model@verify-numpy", "mlops-model@verify-spark"):
        for pid in processes(host, unit):
            environment = host.run("tr '\\0' '\\n' </proc/%s/environ", pid).stdout
            assert "/srv/hostile" not in environment, unit
            assert "tr_TR" not in environment, unit


def test_the_agent_shows_a_log_that_is_kept_in_memory(host: Host, proof) -> None:
    host.check_output("ls /run/log/journal/*/system.journal")
    assert "Booting worker" in log_of(host, "verify-numpy")


def test_nothing_listens_but_what_the_documentation_names(host: Host, proof) -> None:
    listening = [line.split()[3].rsplit(":", 1) for line in host.check_output("ss --no-header --listening --tcp --numeric").splitlines()]
    # A Java process and Python talk to each other on ports of their own choice, on the loopback; Docker's resolver is at 127.0.0.11.
    assert {int(port) for address, port in listening if not re.match(r"127\.|\[::1\]|\[::ffff:127\.", address)} <= {22, 5000, 5443}
    ports = {int(port) for dummy, port in listening}
    assert {5060, 5443, 8086} <= ports
    assert len(ports & set(range(5001, 5051))) == 2
    assert not {port for port in ports - NAMED if port < 32768}, ports


def test_nginx_was_installed_without_ipv6(host: Host, proof) -> None:
    assert host.run("python3 -Ic 'import socket; socket.socket(socket.AF_INET6)'").rc == 1, "the host has IPv6, so this proves nothing"
    assert host.service("nginx").is_running
    assert "does not have" in host.check_output("cat /etc/nginx/sites-enabled/default")


def test_large_artifacts(host: Host, proof) -> None:
    """Behind nginx at full speed, and by a client that is silent for longer than gunicorn's own timeout; /tmp could hold a third of it."""
    password = hashlib.sha256(((TESTBED / "agent_token").read_text().rstrip("\n") + "tracking").encode()).hexdigest()
    fetched = host.check_output(
        f"curl --silent --show-error --insecure --user mlflow:{password} --output /dev/null --write-out '%{{size_download}}' "
        "https://127.0.0.1:5443/api/2.0/mlflow-artifacts/artifacts/big"
    )
    assert fetched == str(GIGABYTES)
    host.check_output("while systemctl is-active --quiet slow-client; do sleep 0.2; done")
    assert host.check_output("cat /run/slow-client") == str(GIGABYTES)
    host.check_output("rm /var/lib/mlflow-server/artifacts/big")


def test_the_plan_tells_of_a_stage_that_has_moved_on(operator, host: Host, proof) -> None:
    """A deployment keeps the version that its stage named when it was declared; that there is another by now is seen in the plan."""
    declared = [{"name": "pinned", "model_uri": "models:/verify-numpy/Staging", "memory_mb": 512}]
    operator.play("site", "--tags", "mlops_agent", mlops_agent_deployments=declared)
    first = registry(host, "get?name=verify-numpy&version=1")
    # The agent takes a source that is registered for the version that it is; MLflow makes another of it.
    second = registry(host, "create", {"name": "verify-numpy", "source": first["source"], "run_id": first["run_id"]})
    promoted = {"stage": "Staging", "archive_existing": True}
    assert agent(host, f"/api/v1/models/verify-numpy/versions/{second['version']}/stage", "POST", promoted)[0] == 200
    run = operator.play("plan", mlops_agent_deployments=declared)
    moved = f"models:/verify-numpy/1 → models:/verify-numpy/{second['version']} (models:/verify-numpy/Staging is another version by now)"
    assert f"model pinned {moved}" in run.text
    assert agent(host, "/api/v1/deployments/pinned", "DELETE")[0] == 200


def registry(host: Host, call: str, body: Any = None) -> dict[str, Any]:
    """What the tracking server's registry says of a model version."""
    data = f"--header 'Content-Type: application/json' --data '{json.dumps(body)}'" if body else ""
    url = f"http://127.0.0.1:5060/api/2.0/mlflow/model-versions/{call}"
    return dict(json.loads(host.check_output(f"curl --silent --show-error --fail --noproxy '*' {data} '{url}'"))["model_version"])


def log_of(host: Host, name: str) -> str:
    token = (TESTBED / "agent_token").read_text().strip()
    url = f"http://127.0.0.1:8086/api/v1/deployments/{name}/logs"
    return str(host.check_output(f"curl --silent --fail --noproxy '*' -H 'Authorization: Bearer {token}' {url}"))


@contextmanager
def shut_off(host: Host, folder: str) -> Iterator[None]:
    host.check_output("chmod 0700 %s", folder)
    try:
        yield
    finally:
        host.check_output("chmod 0755 %s", folder)


def test_programs_behind_a_folder_that_the_users_may_not_enter(operator, host: Host, proof) -> None:
    with shut_off(host, "/srv/opt"):
        host.check_output("systemctl stop mlops-agent")
        run = operator.play("site", fails=True)
        said = re.search(r"mlops-agent\.service fails again and again, \d+ times in (\d+) seconds \(203/EXEC: its user may not run the program", run.text)
        assert said
        assert int(said[1]) < 60
    operator.play("site")
