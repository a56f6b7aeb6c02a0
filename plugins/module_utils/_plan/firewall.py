# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(firewall)."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?\Z")


def present(settings: Settings) -> bool:
    """Whether the role closes ports."""
    return bool(settings["firewall_enabled"]) and bool(settings["firewall_state"] == "present")


def _range(text: str) -> t.Optional[tuple[int, int]]:
    found = _PORTS.match(text)
    first, last = (int(found.group(1)), int(found.group(2) or found.group(1))) if found else (0, 0)
    return (first, last) if 1 <= first <= 65535 and 1 <= last <= 65535 else None


def _port_range(name: str, value: str) -> list[str]:
    ends = _range(value)
    if ends is None:
        return ["%s is '%s', but a port from 1 to 65535 or a range such as 5001-5100 was expected." % (name, rules.shown(value))]
    return ["%s is %s, which ends before it begins; give %d-%d." % (name, value, ends[1], ends[0])] if ends[0] > ends[1] else []


def _source(name: str, value: str) -> list[str]:
    try:
        if "%" in value or not re.match(r"[^/]+(?:/[0-9]+)?\Z", value):
            raise ValueError
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return [
            "%s is '%s', but an address or a network such as 192.0.2.10, 192.0.2.0/24 or 2001:db8::/64 was expected. Names are not resolved here."
            % (name, rules.shown(value))
        ]
    if network.prefixlen <= 1:
        return ["%s is %s, which is everybody or half of them, but the role opens ports to some hosts only; name these." % (name, value)]
    if network.network_address != ipaddress.ip_interface(value).ip:
        return ["%s is %s, an address within %s; give %s, or %s for that host alone." % (name, value, network, network, value.split("/")[0])]
    return []


RULES: rules.Table = {
    "firewall_ports": rules.texts(Rule(_port_range)),
    "firewall_sources": rules.texts(Rule(_source)),
    "firewall_ssh_ports": rules.texts(rules.shape(r"0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])", "a port")),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right. A list that is None is filled in by a playbook."""
    found = rules.judge(RULES, settings)
    if not present(settings):
        return found
    found += [
        "%s is empty, which would open nothing to anybody. Fill it, or set firewall_enabled to false; firewall_state: absent removes what an "
        "earlier run made." % name
        for name in RULES
        if settings[name] is not None and not settings[name]
    ]
    ranges = [ends for ends in map(_range, map(str, settings["firewall_ports"] or ())) if ends]
    closed = [port for port in map(str, settings["firewall_ssh_ports"]) if any(first <= int(port) <= last for first, last in ranges if port.isdigit())]
    return found + [
        "firewall_ports has port %s, but firewall_ssh_ports names it as a port of SSH. It would be closed to all but firewall_sources." % port
        for port in closed
    ]
