# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a vendor's server runs as an operator asked, in a sandbox, with its secret in one file."""

from __future__ import annotations

import json

from testinfra.host import Host


def test_vendor_server_runs_as_asked(host: Host) -> None:
    seen = json.loads(host.check_output("curl --silent --fail http://127.0.0.1:8086/seen"))
    assert seen == {
        "arguments": ["--greeting", 'a "quoted" $word at 100%'],
        "user": host.user("mlops-agent").uid,
        "java_home": "/opt/sparkflows/jdk/current",
        "tracking_uri": "http://127.0.0.1:5000",
        "has_password": True,
    }


def test_unit_is_hardened_and_holds_no_secret(host: Host) -> None:
    service = host.service("mlops-agent.service")
    assert service.is_running and service.is_enabled
    shown = host.check_output("systemctl show mlops-agent.service --property=User,NoNewPrivileges,ProtectSystem,CapabilityBoundingSet")
    assert set(shown.splitlines()) == {"User=mlops-agent", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="}
    settings = host.file("/etc/sparkflows-mlops/mlops-agent.env")
    assert (settings.user, settings.mode) == ("root", 0o600)
    assert "VENDOR_PASSWORD" not in host.check_output("systemctl cat mlops-agent.service")


def test_nothing_of_the_builtin_agent_is_there(host: Host) -> None:
    assert host.run("systemctl list-unit-files --no-legend 'mlops-model*'").stdout == ""


def test_proof_says_what_it_cannot_prove(operator) -> None:
    run = operator.play("verify")
    assert "runs the vendor's MLOps server, whose interface is not public" in run.text
