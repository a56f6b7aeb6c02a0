# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""firewalld: rich rules that are known as ours by their priority."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nft_loader import run, text, tool
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Difference, Wish

# firewalld's rich rules have no comment, but a priority. Negative ones come before all else in a zone, the lowest first.
PRIORITIES = {"accept": "-8086", "drop": "-8085"}


class Firewalld:
    """Rich rules in the default zone and in those that are in use. A policy of its own would need a reload, which drops others' runtime rules."""

    name = "firewalld"

    def __init__(self) -> None:
        self.command = tool("firewall-cmd")
        self.active = self.command != "" and run(self.command, "--state", refused="") != ""

    def present(self, wish: Wish, problems: list[str]) -> list[list[str]]:
        """The commands that make running and permanent rules equal the wish."""
        zones = [run(self.command, "--get-default-zone").strip()]
        for line in run(self.command, "--get-active-zones").splitlines():
            if not line.startswith(" ") and line.split()[0] not in zones:
                zones.append(line.split()[0])
        return self._commands(dict.fromkeys(zones, self._rules(wish)))

    def absent(self) -> list[list[str]]:
        """The commands that remove every rule of ours."""
        if self.active:
            return self._commands({})
        offline = tool("firewall-offline-cmd")
        return self._remaining(offline) if offline else []

    @staticmethod
    def differences(commands: list[list[str]]) -> list[Difference]:
        """What commands of `present` and `absent` change, rule by rule."""
        found = []
        for program, *options in commands:
            zone = next(option.partition("=")[2] for option in options if option.startswith("--zone="))
            lasting = "--permanent" in options or program.endswith("offline-cmd")
            for option in options:
                action, dummy, rule = option.partition("-rich-rule=")
                if rule:
                    item = "firewalld, zone %s, %s: %s" % (zone, "permanent" if lasting else "running", rule)
                    found.append(Difference(item, *{"--add": ("missing", "added"), "--remove": ("there", "removed")}[action]))
        return found

    @staticmethod
    def _rules(wish: Wish) -> list[str]:
        accept = [
            f'rule priority="{PRIORITIES["accept"]}" family="{family}" source address="{source}" port port="{port}" protocol="tcp" accept'
            for family, sources in (("ipv4", wish.ipv4), ("ipv6", wish.ipv6))
            for source in sources
            for port in wish.spell("-")
        ]
        return accept + [f'rule priority="{PRIORITIES["drop"]}" port port="{port}" protocol="tcp" drop' for port in wish.spell("-")]

    @staticmethod
    def _ours(listing: str) -> dict[str, list[str]]:
        """Our rules by zone, from what --list-all-zones prints."""
        found: dict[str, list[str]] = {}
        zone = ""
        for line in listing.splitlines():
            if line and not line[0].isspace():
                zone = line.split()[0]
                found[zone] = []
            elif re.match(rf'\s+rule priority="({"|".join(PRIORITIES.values())})" ', line):
                found[zone].append(line.strip())
        return found

    def _commands(self, wanted: dict[str, list[str]]) -> list[list[str]]:
        commands = []
        # The permanent rules first: a run that ends between the two is completed by the next start of firewalld or run of the role.
        for scope in (["--permanent"], []):
            there = self._ours(run(self.command, *scope, "--list-all-zones"))
            for zone in dict.fromkeys([*wanted, *there]):
                rules, ours = wanted.get(zone, []), there.get(zone, [])
                steps = [f"--add-rich-rule={rule}" for rule in rules if rule not in ours]
                steps += [f"--remove-rich-rule={rule}" for rule in ours if rule not in rules]
                # firewall-cmd does not add and remove in one go.
                for option in ("--add", "--remove"):
                    chosen = [step for step in steps if step.startswith(option)]
                    if chosen:
                        commands.append([self.command, *scope, f"--zone={zone}", *chosen])
        return commands

    def _remaining(self, offline: str) -> list[list[str]]:
        """While firewalld does not run, only its files can hold rules of ours."""
        marks = tuple(f'priority="{priority}"' for priority in PRIORITIES.values())
        if not any(mark in text(path) for path in Path("/etc/firewalld/zones").glob("*.xml") for mark in marks):
            return []
        ours = self._ours(run(offline, "--list-all-zones"))
        return [[offline, f"--zone={zone}", *(f"--remove-rich-rule={rule}" for rule in rules)] for zone, rules in ours.items() if rules]
