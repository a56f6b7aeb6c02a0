# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(firewall) leaves behind: rules by which some ports are reached from some addresses only. The module C(firewall_ports) knows how."""

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import firewall
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Ahead, Contents, Difference, Questions, State
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

_PREDICTION = "firewall"


def _wanted(settings: Settings) -> bool:
    """Whether the role does anything: what an earlier run made is removed whether it is enabled or not."""
    return firewall.present(settings) or settings["firewall_state"] == "absent"


def _unknown(settings: Settings) -> list[str]:
    """Options that a playbook fills in later; a role by itself refuses empty ones."""
    return [name for name in ("firewall_ports", "firewall_sources") if firewall.present(settings) and not settings[name]]


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    if not _wanted(settings) or _unknown(settings):
        return {}
    options = {"state": settings["firewall_state"]}
    if firewall.present(settings):
        options.update({name: settings["firewall_" + name] for name in ("backend", "ports", "sources", "ssh_ports")})
        # The port of Ansible's own connection, where the inventory names one.
        options.update({"ansible_port": settings["ansible_port"]} if settings.get("ansible_port") else {})
    return {"predictions": [{"name": _PREDICTION, "module": "firewall_ports", "options": options}]}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    seen = reading.get("predictions", {}).get(_PREDICTION)
    return [seen["error"]] if seen and seen["error"] else []


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it. The one step is C(rules)."""
    unknown = _unknown(settings)
    if unknown:
        return [Difference("firewall", "rules", "rules", "not compared", "as wanted", "%s is worked out later in the run" % " and ".join(unknown))]
    seen = reading.get("predictions", {}).get(_PREDICTION) or {}
    return [Difference("firewall", "rules", **each) for each in seen.get("differences") or []]


STATE = State(questions, findings, differences)
