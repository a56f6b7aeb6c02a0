# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role firewall asks of a host, and what it makes of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.firewall import STATE

SETTINGS = {
    "firewall_state": "present", "firewall_enabled": True, "firewall_backend": "auto", "firewall_ports": [8086], "firewall_sources": ["192.0.2.1"],
    "firewall_ssh_ports": [22], "ansible_port": 2222,
}  # fmt: skip
RULE = {"item": "rules in the kernel", "before": "not those of /etc/sparkflows-mlops/firewall.nft", "after": "loaded", "reason": "their file is written"}


def reading(*differences: dict[str, str], error: str | None = None) -> dict[str, Any]:
    return {"predictions": {"firewall": {"error": error, "changed": bool(differences), **({} if error else {"differences": list(differences)})}}}


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({}, {"state": "present", "backend": "auto", "ports": [8086], "sources": ["192.0.2.1"], "ssh_ports": [22], "ansible_port": 2222}),
        ({"ansible_port": None}, {"state": "present", "backend": "auto", "ports": [8086], "sources": ["192.0.2.1"], "ssh_ports": [22]}),
        ({"firewall_state": "absent"}, {"state": "absent"}),
        ({"firewall_state": "absent", "firewall_enabled": False, "firewall_ports": []}, {"state": "absent"}),
    ],
)
def test_the_module_is_asked_as_the_role_calls_it(change: dict[str, Any], options: dict[str, Any]) -> None:
    assert STATE.questions({**SETTINGS, **change}) == {"predictions": [{"name": "firewall", "module": "firewall_ports", "options": options}]}


def test_a_role_that_is_not_enabled_asks_nothing_and_changes_nothing() -> None:
    settings = {**SETTINGS, "firewall_enabled": False, "firewall_ports": [], "firewall_sources": []}
    assert STATE.questions(settings) == {}
    assert STATE.findings(settings, {}) == []
    assert STATE.differences(settings, {}, {}, {}) == []


def test_what_the_module_would_change_differs() -> None:
    assert STATE.differences(SETTINGS, reading(), {}, {}) == []
    found = STATE.differences(SETTINGS, reading(RULE), {}, {})
    assert [difference._asdict() for difference in found] == [{"role": "firewall", "step": "rules", **RULE}]


def test_what_the_module_refuses_is_found() -> None:
    refused = "firewall_backend is ufw, but the host has no ufw. Install it, or choose auto."
    assert STATE.findings(SETTINGS, reading(error=refused)) == [refused]
    assert STATE.findings(SETTINGS, reading()) == []
    # What is refused is no difference besides.
    assert STATE.differences(SETTINGS, reading(error=refused), {}, {}) == []


@pytest.mark.parametrize("unknown", ["firewall_ports", "firewall_sources"])
@pytest.mark.parametrize("value", [None, []])
def test_what_is_not_known_yet_counts_as_different(unknown: str, value: Any) -> None:
    settings = {**SETTINGS, unknown: value}
    assert STATE.questions(settings) == {}
    (found,) = STATE.differences(settings, {}, {}, {})
    assert (found.step, found.before, found.reason) == ("rules", "not compared", f"{unknown} is worked out later in the run")
