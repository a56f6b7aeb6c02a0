# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each bad input ends in a sentence that names it, and the host is as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

NUMPY = "models:/numpy/1"

INVENTORY = {
    "unknown variable": (
        {"mlflow_server_prot": 5001},
        r"The variable mlflow_server_prot is not known to any role\. Did you mean mlflow_server_port\?",
    ),
    "boolean as text": ({"pip_stack_offline": "yes"}, r"pip_stack_offline must be true or false, but it is the text 'yes'"),
    "number as text": ({"mlflow_server_port": "5000"}, r"mlflow_server_port must be a whole number, but it is the text '5000'"),
    "port of server and agent": ({"mlflow_server_port": 8086}, r"mlflow_server_port and mlops_agent_port are both 8086"),
    "port among the models'": ({"mlflow_server_port": 5001}, r"mlflow_server_port is 5001, which lies in the range kept for models"),
    "model outside": (
        {"mlops_agent_deployments": [{"name": "a", "model_uri": "models:/a/../../etc/1"}]},
        r"mlops_agent_deployments: a has a model_uri that is not a model's address.*without '\.\.'",
    ),
    "shell in a model's address": (
        {"mlops_agent_deployments": [{"name": "a", "model_uri": "models:/$(reboot)/1"}]},
        r"mlops_agent_deployments: a has a model_uri that is not a model's address",
    ),
    "two models on a port": (
        {"mlops_agent_deployments": [{"name": "a", "model_uri": NUMPY, "port": 5005}, {"name": "b", "model_uri": NUMPY, "port": 5005}]},
        r"b wants port 5005, which a has already",
    ),
    "token with a line break": ({"mlops_agent_token": "0123456789abcdef\n"}, r"mlops_agent_token must be .*; it is followed by a line break"),
    "token with a space": ({"mlops_agent_token": "01234567 89abcdef"}, r"mlops_agent_token must be .*; it is of other characters"),
    "no password of the proxy": ({"mlflow_server_proxy": "nginx"}, r"mlflow_server_proxy_password must be .*; it is missing"),
    "short password of the proxy": (
        {"mlflow_server_proxy": "nginx", "mlflow_server_proxy_password": "short"},
        r"mlflow_server_proxy_password must be .*; it is shorter",
    ),
    "PostgreSQL without a password": (
        {"mlflow_server_backend_store": "postgresql", "pip_stack_extras": ["postgresql"]},
        r"mlflow_server_postgresql_password must be .*; it is missing",
    ),
    "PostgreSQL without its driver": (
        {"mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_password": "x"},
        r"the stack has no psycopg2\. Add postgresql to pip_stack_extras",
    ),
    "S3 URI": ({"mlflow_server_artifact_store": "s3", "mlflow_server_s3_uri": "s3:/models"}, r"mlflow_server_s3_uri is 's3:/models', but a URI such as"),
    "digest": ({"jdk_archive_sha256": "abc"}, r"jdk_archive_sha256 is 'abc', but a SHA-256"),
    "port 80": ({"mlflow_server_port": 80}, r"mlflow_server_port is '80', but a number from 1024 to 65535 was expected"),
    "stack that moved": ({"pip_stack_prefix": "/srv/stack"}, r"mlflow_server_stack is still /opt/sparkflows/stack/current\. Set it to /srv/stack/current"),
    "archive on the controller": ({"jdk_archive_src": "/nowhere/jdk.tar.gz"}, r"jdk_archive_src is '/nowhere/jdk\.tar\.gz', but there is no such file on the"),
    "misspelt key": (
        {"mlops_agent_deployments": [{"name": "a", "model_uri": NUMPY, "memory": 512}]},
        r"mlops_agent_deployments: a has memory, which is not known there\. Did you mean memory_mb\?",
    ),
    "certificate": (
        {"mlops_agent_tls_certificate": "agent.crt", "mlops_agent_tls_private_key": "/etc/ssl/agent.key"},
        r"mlops_agent_tls_certificate is 'agent\.crt', but an absolute path",
    ),
    "address with a line break": ({"mlops_agent_listen_address": "0.0.0.0\n"}, r"mlops_agent_listen_address is '0\.0\.0\.0.*', but an IP address"),
    "range": ({"mlops_agent_health_interval": 0}, r"mlops_agent_health_interval is '0', but a number from 1 to 3600 was expected"),
    "memory": (
        {"mlops_agent_deployments": [{"name": "a", "model_uri": NUMPY, "memory_mb": 1048576}]},
        r"The host has \d+ MB of memory; \d+ MB are needed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", INVENTORY)
def test_inventory(operator, disk, fault: str) -> None:
    variables, sentence = INVENTORY[fault]
    run = operator.play("site", fails=True, **variables)
    assert re.search(sentence, run.text)
    assert disk.changes() == []


def wrong_archives(artifacts: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    python = artifacts["python"]
    return {
        "other digest": ({"jdk_archive_sha256": "0" * 64}, rf"(?i)sha-?256.*{artifacts['jdk']['sha256']}"),
        "Python for a JDK": ({"jdk_archive_src": python["url"], "jdk_archive_sha256": python["sha256"]}, r"JDK 1\.8"),
        "JDK for a Python": (
            {"python_archive_src": artifacts["jdk"]["url"], "python_archive_sha256": artifacts["jdk"]["sha256"], "python_archive_root": ""},
            r"CPython 3\.7",
        ),
    }


@pytest.mark.parametrize("fault", ["other digest", "Python for a JDK", "JDK for a Python"])
def test_archive(operator, host: Host, artifacts: dict[str, Any], fault: str) -> None:
    variables, sentence = wrong_archives(artifacts)[fault]
    run = operator.play("site", fails=True, **variables)
    assert re.search(sentence, run.text)
    part = "python" if "python_archive_src" in variables else "jdk"
    assert host.run("readlink -e /opt/sparkflows/%s/current", part).stdout == ""
    assert host.run("ls -A /opt/sparkflows/%s/releases", part).stdout == ""


@pytest.mark.parametrize(
    ("name", "edit", "sentence"),
    [
        ("no hashes", (r" \\\n(?:\s+--hash=\S+(?: \\)?\n)+", "\n"), r"(?i)without a hash|no hash"),
        ("other Python", (r"requires-python: 3\.7", "requires-python: 3.9"), r"3\.9"),
        ("no pin", (r"mlflow==", "mlflow>="), r"(?i)mlflow>=.*pin|pin.*mlflow>="),
    ],
)
def test_lock(operator, disk, artifacts: dict[str, Any], tmp_path: Path, name: str, edit: tuple[str, str], sentence: str) -> None:
    lock = tmp_path / "lock.txt"
    text, edits = re.subn(*edit, Path(artifacts["wheelhouse"]["locks"]["mlflow"]).read_text())
    assert edits
    lock.write_text(text)
    run = operator.play("site", fails=True, pip_stack_lock=str(lock))
    assert re.search(sentence, run.text)
    assert disk.changes() == []


@pytest.fixture
def stranger(host: Host, request: pytest.FixtureRequest) -> Iterator[int]:
    """A process of somebody else on a port of ours."""
    port: int = request.param
    host.check_output("systemd-run --quiet --unit=stranger --property=Type=exec python3 -m http.server %s", str(port))
    host.check_output(f"until ss -Htln 'sport = :{port}' | grep -q .; do sleep 0.05; done")
    yield port
    host.check_output("systemctl stop stranger")


@pytest.mark.parametrize("stranger", [5000, 8086], indirect=True)
def test_port_of_a_stranger(operator, disk, host: Host, stranger: int) -> None:
    run = operator.play("site", fails=True)
    assert re.search(rf"Port {stranger}, wanted for \w+, is held by python3[\d.]* \(pid \d+\) of stranger\.service", run.text)
    assert [path for path in disk.changes() if not path.startswith("/run")] == []


def test_too_little_disk(operator, disk, host: Host) -> None:
    host.check_output("mkdir -p /run/small && mount -t tmpfs -o size=100m small /run/small")
    try:
        run = operator.play(
            "site", fails=True, pip_stack_prefix="/run/small/stack", **dict.fromkeys(("mlflow_server_stack", "mlops_agent_stack"), "/run/small/stack/current")
        )
        assert re.search(r"\d+ MB are free on /run/small; \d+ MB are needed", run.text)
        assert disk.changes() == []
    finally:
        host.check_output("umount /run/small")


def test_other_architecture(operator, host: Host) -> None:
    """The kernel says i686 to programs with the personality of a 32-bit system."""
    python = "/usr/local/bin/python-i686"
    host.check_output("printf '%%s\\n' '#!/bin/sh' 'exec setarch i686 /usr/bin/python3 \"$@\"' > %s && chmod 755 %s", python, python)
    try:
        run = operator.play("site", fails=True, ansible_python_interpreter=python)
        assert re.search(r"The architecture i686 is not supported; use x86_64 or aarch64", run.text)
    finally:
        host.check_output("rm %s", python)


def test_other_system(operator, host: Host) -> None:
    host.check_output("cp /usr/lib/os-release /run/os-release")
    host.check_output("printf 'ID=alpine\\nNAME=\"Alpine Linux\"\\nVERSION_ID=3.20\\n' > /usr/lib/os-release")
    try:
        run = operator.play("site", fails=True)
        assert re.search(r"The operating system Alpine Linux 3 is not supported; use Debian 12 or 13, Ubuntu 22", run.text)
    finally:
        host.check_output("cp /run/os-release /usr/lib/os-release")
