# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A converged host is as the documentation says: services, users, modes, ports, and no secret where others could read it."""

from __future__ import annotations

import base64
import json
import random
import re
import string
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.filter.environment_file import environment_file
from testinfra.host import Host

SERVICES = {"mlflow-server.service": "mlflow", "mlops-agent.service": "mlops-agent"}
STACK = "/opt/sparkflows/stack/current/bin/python"


def journal(host: Host, unit: str) -> str:
    return str(host.run("journalctl --no-pager --lines 50 --unit %s", unit).stdout)


@pytest.mark.parametrize(("unit", "user"), SERVICES.items())
def test_service_runs_unprivileged_and_sandboxed(host: Host, unit: str, user: str) -> None:
    service = host.service(unit)
    assert service.is_running and service.is_enabled, journal(host, unit)
    shown = dict(line.split("=", 1) for line in host.check_output("systemctl show %s", unit).splitlines() if "=" in line)
    assert shown["User"] == user
    assert shown["NoNewPrivileges"] == "yes"
    # The tracking server has a file system of its own, which a read-only one of the host's would replace.
    if user == "mlflow":
        assert "/:ro" in shown["TemporaryFileSystem"].split()
    else:
        assert shown["ProtectSystem"] == "strict"
    assert shown["PrivateTmp"] == "yes"
    assert shown["NRestarts"] == "0", journal(host, unit)


def test_nothing_failed(host: Host) -> None:
    assert host.check_output("systemctl list-units --state=failed --no-legend") == ""


@pytest.mark.parametrize("user", ["mlflow", "mlops-agent"])
def test_service_users_cannot_log_in(host: Host, user: str) -> None:
    assert host.user(user).shell.endswith("/nologin")
    assert host.check_output("getent shadow %s", user).split(":")[1] in ("!", "!*", "*")


def test_tracking_server_is_not_reachable_from_outside(host: Host) -> None:
    assert host.socket("tcp://127.0.0.1:5000").is_listening
    assert not host.socket("tcp://0.0.0.0:5000").is_listening
    assert not host.socket("tcp://:::5000").is_listening


def test_agent_wants_a_token(host: Host) -> None:
    answer = host.check_output("curl --silent --write-out '%{http_code}' http://127.0.0.1:8086/api/v1/deployments")
    assert answer.endswith("401")
    assert json.loads(answer[:-3])["error"]["code"]


def test_settings_are_private(host: Host) -> None:
    listing = host.check_output("find /etc/sparkflows-mlops -name '*.env' -printf '%m %u %g\\n'").splitlines()
    assert listing and set(listing) == {"600 root root"}


def test_token_is_nowhere_else(host: Host) -> None:
    """The agent's token is a canary: no other file, journal line or process argument holds it."""
    host.check_output("umask 077; sed -n 's/^[A-Z_]*TOKEN=//p' /etc/sparkflows-mlops/mlops-agent.env | tr -d '\"' > /run/canary")
    assert len(host.check_output("cat /run/canary")) >= 16
    try:
        found = host.run("grep -rlsFf /run/canary /etc /var/lib /var/log /var/cache /home /root /tmp /run/systemd /opt/sparkflows/mlops-agent").stdout.split()
        assert found == ["/etc/sparkflows-mlops/mlops-agent.env"]
        assert host.run("journalctl --no-pager --output=export | grep -aqFf /run/canary").rc == 1
        assert host.run("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -qFf /run/canary").rc == 1
    finally:
        host.check_output("rm /run/canary")


def test_systemd_reads_what_was_written(host: Host) -> None:
    """Any printable text that a role puts into an environment file is what the unit's process sees."""
    seeded = random.Random(20)
    values = ["abcdefghijklmnop$x", *("".join(seeded.choices(string.printable[:95] + "Ä€😀", k=40)) for dummy in range(200))]
    variables = {f"V{number}": value for number, value in enumerate(values)}
    text = base64.b64encode(environment_file(variables).encode()).decode()
    host.check_output(f"umask 077; echo {text} | base64 -d > /run/odd.env")
    try:
        seen = host.check_output("systemd-run --quiet --wait --pipe --property=EnvironmentFile=/run/odd.env env -0 | base64 -w0")
    finally:
        host.check_output("rm /run/odd.env")
    found = dict(line.split("=", 1) for line in base64.b64decode(seen).decode().split("\0") if line)
    assert {name: found[name] for name in variables} == variables


def test_nothing_is_writable_by_everybody(host: Host) -> None:
    paths = "/opt/sparkflows /etc/sparkflows-mlops /var/lib/mlflow-server /var/lib/mlops-agent /var/cache/mlops-models /etc/systemd/system"
    assert host.check_output(f"find {paths} -perm /o+w ! -type l -print") == ""


def test_programs_belong_to_root(host: Host) -> None:
    assert host.check_output("find /opt/sparkflows ! -user root -print") == ""


@pytest.mark.parametrize(("path", "mode"), [("/etc", 0o755), ("/usr", 0o755), ("/var", 0o755), ("/opt", 0o755), ("/root", 0o700)])
def test_system_folders_are_untouched(host: Host, path: str, mode: int) -> None:
    folder = host.file(path)
    assert (folder.user, folder.group, folder.mode) == ("root", "root", mode)


def test_python_and_java_stay_off_the_path(host: Host) -> None:
    assert not host.exists("java")
    assert not host.exists("python3.7")
    assert host.check_output("readlink -f /usr/bin/python3").startswith("/usr/bin/python3.1")


def test_java_is_1_8(host: Host) -> None:
    assert re.search(r'version "1\.8\.0_', host.run("/opt/sparkflows/jdk/current/bin/java -version").stderr)


def test_stack_equals_the_lock(host: Host, artifacts: dict[str, Any]) -> None:
    """No more and no less than the lock is installed."""

    def canonical(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    lock = Path(artifacts["wheelhouse"]["locks"]["mlflow"]).read_text()
    locked = {canonical(name): version for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE)}
    program = "import json, importlib_metadata as m; print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    installed = {canonical(name): version for name, version in json.loads(host.check_output(f'{STACK} -I -c "{program}"')).items()}
    # The sdist of h2o-pysparkling carries another spelling of its version in its metadata.
    installed["h2o-pysparkling-3-2"] = installed["h2o-pysparkling-3-2"].replace("3.36.1.2_1", "3.36.1.2.post1").replace("-1", ".post1")
    assert installed == locked


def test_proof_left_nothing_behind(host: Host) -> None:
    assert host.check_output("systemctl list-units --all --no-legend 'mlops-model@*.service'") == ""
    assert host.run("find /var/lib/mlops-agent -name '*verify-*'").stdout == ""
