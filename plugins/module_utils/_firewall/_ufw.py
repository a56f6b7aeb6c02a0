# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""ufw: rules that are known as ours by their comment."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nft_loader import MARK, run, text, tool
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Difference, Wish

# iptables takes at most 15 ports in a rule; a range counts twice.
MULTIPORT = 15


class Ufw:
    """Rules with a comment before all others: first who may, then nobody else."""

    name = "ufw"
    # Command and chain of the kernel's rules, file of ufw's, everybody, by family.
    _PLACES = {
        "ipv4": ("iptables", "ufw-user-input", Path("/etc/ufw/user.rules"), "0.0.0.0/0"),
        "ipv6": ("ip6tables", "ufw6-user-input", Path("/etc/ufw/user6.rules"), "::/0"),
    }

    def __init__(self) -> None:
        self.command = tool("ufw")
        self.active = self.command != "" and run(self.command, "status", refused="").startswith("Status: active")

    def present(self, wish: Wish, problems: list[str]) -> list[list[str]]:
        """The commands that make the rules equal the wish, in the kernel and in ufw's files."""
        with_ipv6 = re.search(r"^\s*IPV6\s*=\s*[\"']?yes", text(Path("/etc/default/ufw")), re.MULTILINE | re.IGNORECASE) is not None
        if wish.ipv6 and not with_ipv6:
            problems.append(f"firewall_sources: ufw leaves IPv6 alone here (IPV6=no in /etc/default/ufw), but {', '.join(wish.ipv6)} is IPv6.")
            return []
        wanted = self._rules("ipv4", wish, wish.ipv4) + (self._rules("ipv6", wish, wish.ipv6) if with_ipv6 else [])
        same = {rule[1:] for rule in wanted}
        for rule in self._filed(ours=False):
            if rule[1:] in same:
                problems.append(f"ufw has a rule of somebody else for the same source and ports and can't have two; remove it: {' '.join(self._delete(rule))}.")
        there = self._filed()
        commands = [] if self._loaded(there) else [[self.command, "reload"]]
        return commands + self._steps(there, wanted)

    def absent(self) -> list[list[str]]:
        """The commands that remove every rule of ours, also while ufw is inactive."""
        return [self._delete(rule) for rule in self._filed()] if self.command else []

    @staticmethod
    def differences(commands: list[list[str]]) -> list[Difference]:
        """What commands of `present` and `absent` change, rule by rule; one that is deleted and put in again only moves."""
        actions: dict[str, list[str]] = {}
        for dummy, action, *words in commands:
            actions.setdefault(" ".join(["ufw", *words]).partition(" comment ")[0], []).append(action)
        known = {"prepend": ("missing", "added"), "delete": ("there", "removed"), "reload": ("some are not in the kernel", "loaded")}
        return [
            Difference("rules of ufw" if taken == ["reload"] else rule, *(("in the wrong place", "moved") if len(taken) > 1 else known[taken[0]]))
            for rule, taken in actions.items()
        ]

    @staticmethod
    def _rules(family: str, wish: Wish, sources: list[str]) -> list[tuple[str, str, str]]:
        """Verdict, source and ports of the rules of a family, in their order."""
        groups: list[list[str]] = [[]]
        for port in wish.spell(":"):
            if sum(1 + (":" in each) for each in [*groups[-1], port]) > MULTIPORT:
                groups.append([])
            groups[-1].append(port)
        ports = [",".join(group) for group in groups]
        # In two halves, since ufw takes rules for the same source and ports for one, and an admin's may allow them to everybody.
        everybody = {"ipv4": ("0.0.0.0/1", "128.0.0.0/1"), "ipv6": ("::/1", "8000::/1")}[family]
        return [(verdict, source, group) for verdict, found in (("allow", sources), ("deny", everybody)) for source in found for group in ports]

    def _steps(self, there: list[tuple[str, str, str]], wanted: list[tuple[str, str, str]]) -> list[list[str]]:
        """What turns the one list into the other. A rule goes in at the top, so those that deny go in first."""
        kept = [rule for rule in there if rule in wanted]
        in_order = all(
            verdicts == sorted(verdicts) for verdicts in ([rule[0] for rule in kept if (":" in rule[1]) == with_colon] for with_colon in (False, True))
        )
        denied = all(rule in kept for rule in wanted if rule[0] == "deny")
        again = [] if in_order and denied else [rule for rule in kept if rule[0] == "allow"]
        fresh = [rule for rule in wanted if rule not in kept or rule in again]
        return [
            *(self._delete(rule) for rule in again),
            *(
                [self.command, "prepend", *self._words(rule), "comment", MARK]
                for verdict in ("deny", "allow")
                for rule in reversed(fresh)
                if rule[0] == verdict
            ),
            *(self._delete(rule) for rule in there if rule not in wanted),
        ]

    def _delete(self, rule: tuple[str, str, str]) -> list[str]:
        return [self.command, "delete", *self._words(rule)]

    @staticmethod
    def _words(rule: tuple[str, str, str]) -> list[str]:
        verdict, source, ports = rule
        return [verdict, "proto", "tcp", "from", source, "to", "any", "port", ports]

    def _filed(self, ours: bool = True) -> list[tuple[str, str, str]]:
        """The rules in ufw's files that are ours, or those that are not."""
        found = []
        for dummy, dummy, path, everybody in self._PLACES.values():
            for line in re.findall(r"^### tuple ### (.+)$", text(path), re.MULTILINE):
                words = line.split()
                # verdict, protocol, ports, destination, source's ports, source, direction and interface, comment
                if [words[1], words[3], words[4], words[6]] == ["tcp", everybody, "any", "in"] and (f"comment={MARK.encode().hex()}" in words) == ours:
                    found.append((words[0], words[5], words[2]))
        return found

    def _loaded(self, rules: list[tuple[str, str, str]]) -> bool:
        """Whether the kernel has these rules."""
        for family, (command, chain, dummy, everybody) in self._PLACES.items():
            mine = {rule for rule in rules if (":" in rule[1]) == (family == "ipv6")}
            if mine and not mine <= set(self._live(run(command, "-w", "-S", chain, refused=""), everybody)):
                return False
        return True

    @staticmethod
    def _live(listing: str, everybody: str) -> t.Iterator[tuple[str, str, str]]:
        for line in listing.splitlines():
            source = re.search(r" -s (\S+?)(?:/32|/128)?(?= )", line)
            ports = re.search(r" --dports? (\S+)", line)
            verdict = {"ACCEPT": "allow", "DROP": "deny"}.get(line.split()[-1], "")
            if ports and verdict:
                yield verdict, source[1] if source else everybody, ports[1]
