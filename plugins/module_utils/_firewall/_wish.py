# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Which ports are to be reached from where, and what is wrong with that."""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t
from pathlib import Path


class Wish(t.NamedTuple):
    """What is to be reached by whom: ports as sorted, disjoint ranges (first, last), sources as texts by family."""

    ports: list[tuple[int, int]]
    ipv4: list[str]
    ipv6: list[str]

    def spell(self, dash: str) -> list[str]:
        """The ports as texts, with `dash` between the ends of a range."""
        return [str(first) if first == last else f"{first}{dash}{last}" for first, last in self.ports]


class Difference(t.NamedTuple):
    """Something of the host's firewall that is not as wanted: what, how it is, what becomes of it, and what it follows from, in a few words."""

    item: str
    before: str
    after: str
    reason: str = ""


def read_ports(given: list[t.Any], problems: list[str]) -> list[tuple[int, int]]:
    """The sorted, disjoint ranges of ports that texts like 8086 and 5001-5100 name."""
    ranges = []
    for item in given:
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(item))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= 65535 or not 1 <= last <= 65535:
            problems.append(f"firewall_ports: {str(item)!r} is not a port; give a number from 1 to 65535 or a range such as 5001-5100.")
        elif first > last:
            problems.append(f"firewall_ports: the range {item} ends before it begins; give {last}-{first}.")
        else:
            ranges.append((first, last))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def read_sources(given: list[t.Any], problems: list[str]) -> dict[int, list[str]]:
    """Addresses and networks by IP version, those within others left out; a single address without /32 or /128."""
    networks: dict[int, list[t.Any]] = {4: [], 6: []}
    for item in map(str, given):
        try:
            network: t.Any = ipaddress.ip_network(item, strict=False)
        except ValueError:
            network = None
        if network is None or "%" in item or not re.fullmatch(r"[^/]+(/[0-9]+)?", item):
            problems.append(
                f"firewall_sources: {item!r} is neither an address nor a network; give one such as 192.0.2.10, 192.0.2.0/24 or 2001:db8::/64. "
                "Names are resolved by the playbook or by you, not by the role."
            )
        elif network.network_address != ipaddress.ip_interface(item).ip:
            problems.append(f"firewall_sources: {item} is an address within {network}; give {network}, or {item.split('/')[0]} for that host alone.")
        else:
            networks[network.version].append(network)
    sources: dict[int, list[str]] = {4: [], 6: []}
    for version, found in networks.items():
        for network in ipaddress.collapse_addresses(found):
            if network.prefixlen < 2:
                problems.append(f"firewall_sources: {network} is everybody or half of them, but the role opens ports to some hosts only; name these.")
            sources[version].append(str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network))
    return sources


def connection_port() -> int | None:
    """The port of this host at which the SSH session came in that this program runs in; sudo hides it in its own environment only."""
    process = os.getpid()
    while process > 1:
        folder = Path("/proc", str(process))
        try:
            match = re.search(rb"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ (\d+)", (folder / "environ").read_bytes())
            if match:
                return int(match[1])
            process = int(re.findall(r"^PPid:\s*(\d+)", (folder / "status").read_text(), re.MULTILINE)[0])
        except OSError:
            return None
    return None


def read_wish(given: dict[str, t.Any], problems: list[str]) -> Wish:
    """The wish, after all that is wrong with it was added to `problems`."""
    ports = read_ports(given["ports"], problems)
    sources = read_sources(given["sources"], problems)
    ssh = {int(port): "firewall_ssh_ports names it" for port in given["ssh_ports"]}
    ssh.update({int(port): "Ansible connects to it" for port in (given["ansible_port"], connection_port()) if port})
    for port, why in sorted(ssh.items()):
        if any(first <= port <= last for first, last in ports):
            problems.append(f"firewall_ports: port {port} is among them, but it is a port of SSH ({why}). It would be closed to all but firewall_sources.")
    return Wish(ports, sources[4], sources[6])
