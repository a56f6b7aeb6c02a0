# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that has IPv6 only, named by its address in the inventory: set up from nothing, proved, and reached by Sparkflows.

The last tests of the scenario: the host stays without IPv4.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import TESTBED

NETWORK = f"sparkflows-mlops-{TESTBED.name}-ipv6"
ALONE = ("--limit", "second")
# As if it had never been there; nginx stays, as package sources are reached by IPv4 alone.
WIPE = (
    "systemctl stop mlops-agent.socket mlops-agent mlops-model-helper.socket mlflow-server; "
    "rm -rf /opt/sparkflows /etc/sparkflows-mlops /etc/systemd/system/ml* /etc/nginx/conf.d/mlflow-server.conf /var/lib/mlflow-server /var/lib/mlops-agent; "
    "systemctl daemon-reload; systemctl reload nginx; userdel mlflow; userdel mlops-agent; true"
)
ONLY_IPV6 = (
    "mount -o remount,rw /proc/sys; sysctl --quiet --write net.ipv6.conf.lo.disable_ipv6=0; "
    "for interface in $(ls /sys/class/net | grep -v lo); do ip -4 address flush dev $interface; done"
)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def in_host(container: str, command: str) -> str:
    return docker("exec", container, "bash", "-c", command)


def address(container: str) -> str:
    networks = json.loads(docker("container", "inspect", container))[0]["NetworkSettings"]["Networks"]
    return str(networks[NETWORK]["GlobalIPv6Address"])


@pytest.fixture(scope="module")
def container(containers: dict[str, dict[str, str]]) -> Iterator[str]:
    """The host, with all that others have made there gone, on a network with IPv6 on which mirror and Sparkflows are as well."""
    second, allinone = (containers[name]["container"] for name in ("second", "allinone"))
    mirror = second.removesuffix("-second") + "-mirror"
    docker("network", "create", "--ipv6", "--subnet", "fd5a:9b1e:7c43:1::/64", NETWORK)
    try:
        for member, alias in ((second, "second"), (allinone, "allinone"), (mirror, "mirror")):
            docker("network", "connect", "--alias", alias, NETWORK, member)
        docker("exec", "--detach", mirror, "python3", "-m", "http.server", "--bind", address(mirror), "--directory", "/srv", "80")
        in_host(second, WIPE)
        in_host(second, ONLY_IPV6)
        assert "inet " not in in_host(second, "ip -4 address show scope global")
        yield second
    finally:
        for member in (second, allinone, mirror):
            subprocess.run(["docker", "network", "disconnect", "--force", NETWORK, member], check=False, capture_output=True)
        docker("network", "rm", NETWORK)


@pytest.fixture(scope="module")
def given(container: str) -> dict[str, Any]:
    """The variables of the host: a bare address, and everything listens on IPv6."""
    return {
        "ansible_host": address(container),
        "ansible_ssh_extra_args": "-o HostKeyAlias=second",
        "mlops_agent_listen_address": "::",
        "mlops_agent_model_listen_address": "::",
        "mlflow_server_listen_address": "::1",
        "mlflow_server_proxy_listen_address": "::",
    }


def test_it_is_set_up_from_nothing(operator: Any, container: str, given: dict[str, Any]) -> None:
    assert operator.play("site", *ALONE, **given).changed
    assert operator.play("site", *ALONE, **given).unchanged
    assert operator.differing(*ALONE, **given) == []


def test_its_models_are_proved(operator: Any, container: str, given: dict[str, Any]) -> None:
    proof = operator.play("verify", *ALONE, **given)
    assert "second verify-numpy: [[1.0, 2.0], [-4.5, 10.0]] gave [6.0, 11.0], as expected" in proof.text
    assert "second verify-spark" in proof.text


def test_it_answers_by_its_address(operator: Any, container: str, given: dict[str, Any], tmp_path: Any) -> None:
    """The certificate that the role makes names the address, so that a client may check it."""
    certificate = tmp_path / "proxy.crt"
    certificate.write_text(in_host(container, "cat /etc/sparkflows-mlops/mlflow-proxy.crt") + "\n")
    login = f"sparkflows:{(TESTBED / 'tracking_password').read_text().strip()}"
    for url in (f"http://[{given['ansible_host']}]:8086/health", f"https://[{given['ansible_host']}]:5443/health"):
        asked = ["curl", "--silent", "--show-error", "--fail", "--globoff", "--noproxy", "*", "--cacert", str(certificate), "--config", "-", url]
        assert "ok" in subprocess.run(asked, input=f'user = "{login}"', check=True, capture_output=True, text=True).stdout.lower()


def test_sparkflows_reaches_it_by_its_address(operator: Any, container: str, given: dict[str, Any]) -> None:
    named = {"sparkflows_mlops_host": given["ansible_host"], "sparkflows_tracking_url": f"https://[{given['ansible_host']}]:5443"}
    assert operator.play("sparkflows_hosts", "--limit", "allinone", **named).changed
    operator.play("sparkflows_hosts", "--limit", "allinone")
