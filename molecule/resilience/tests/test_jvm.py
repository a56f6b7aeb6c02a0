# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Spark model's JVM is killed: its server goes on and says that it is well, and scores nothing any more."""

from __future__ import annotations

from typing import Any

from deployments import agent, eventually
from testinfra.host import Host

NAME = "verify-spark"


def deployment(host: Host) -> dict[str, Any]:
    status, found = agent(host, f"/api/v1/deployments/{NAME}")
    assert status == 200
    return dict(found)


def jvms(host: Host) -> str:
    """Process ids, by the user whom the unit has for itself."""
    uid = host.check_output("systemctl show --property=UID --value mlops-model@%s.service", NAME)
    return str(host.run("pgrep --uid %s --exact java", uid).stdout.strip())


def test_a_model_without_its_jvm_is_started_again(host: Host) -> None:
    eventually(lambda: deployment(host)["state"] == "ready", "the model is ready", 180)
    before, killed = deployment(host), jvms(host)
    assert killed
    host.check_output("kill -KILL %s", killed)
    ping = "curl --silent --max-time 20 --output /dev/null --write-out '%%{http_code}' http://127.0.0.1:%s/ping"
    assert host.check_output(ping, str(before["port"])) == "200"
    eventually(lambda: deployment(host)["restarts"] > before["restarts"], "the agent has it started again", 180)
    eventually(lambda: deployment(host)["state"] == "ready", "the model scores its row again", 180)
    assert jvms(host) not in ("", killed)
