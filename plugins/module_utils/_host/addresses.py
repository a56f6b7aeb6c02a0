# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The addresses of a host, from the kernel's own tables: no program for it need be installed."""

from __future__ import annotations

import ipaddress
import os
import re
import socket

# A leaf of the routing tables, and below it a route: an address that is the host's own is local there, as a whole (proc_net of the kernel, fib_trie.c).
_LEAF = re.compile(r"^ *\|-- (\S+)$")
_OWN = re.compile(r"^ */32 host LOCAL\b")


def addresses(tables: str = "/proc/net") -> list[str]:
    """All addresses of the interfaces that are up, those of loopback and link among them: IPv4 before IPv6, each once, in their own order."""
    ipv4 = sorted(_ipv4(_text(os.path.join(tables, "fib_trie"))), key=ipaddress.ip_address)
    ipv6 = sorted(_ipv6(_text(os.path.join(tables, "if_inet6"))), key=ipaddress.ip_address)
    return ipv4 + ipv6


def _ipv4(text: str) -> set[str]:
    found, leaf = set(), ""
    for line in text.splitlines():
        match = _LEAF.match(line)
        if match:
            leaf = match.group(1)
        elif leaf and _OWN.match(line):
            found.add(leaf)
    return found


def _ipv6(text: str) -> set[str]:
    """Each line begins with an address, in hexadecimal digits; a host without IPv6 has no such file."""
    words = [line.split()[0] for line in text.splitlines() if line.strip()]
    return {socket.inet_ntop(socket.AF_INET6, bytes.fromhex(word)) for word in words}


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
