# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""nftables: the file with a table of our own, the program that loads it, and the unit that runs that at boot."""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
import typing as t
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall import _nft_loader
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nft_loader import FAMILIES, LOADED, RULES, TABLE, run, sha256, text
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Difference, Wish

UNIT = "sparkflows-mlops-firewall.service"
UNIT_FILE = Path("/etc/systemd/system", UNIT)
PROGRAM = Path("/opt/sparkflows/firewall/firewall.py")
IN_THE_KERNEL = "rules in the kernel"
UNIT_TEXT = """\
# Managed by Ansible (module sparkflows.mlops.firewall_ports).
[Unit]
Description=Ports of MLflow that are open to the Sparkflows hosts only
DefaultDependencies=no
RequiresMountsFor=%(folder)s
# Before the network is there, and again whenever the host's own ruleset is read, as that may begin with "flush ruleset".
After=local-fs.target nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=sparkflows-mlops-firewall
ExecStart=%(python)s -I %(program)s load
ExecReload=%(python)s -I %(program)s load
ExecStop=%(python)s -I %(program)s unload
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=strict

[Install]
WantedBy=sysinit.target nftables.service
"""


class Nftables(_nft_loader.Kernel):
    """The kernel's rules, and what brings them back at boot."""

    name = "nftables"

    def __init__(self) -> None:
        super().__init__()
        self.active = self.command != ""

    def files(self, wish: Wish) -> dict[Path, str]:
        """What belongs into our files, by path."""
        unit = UNIT_TEXT % {"folder": PROGRAM.parent, "program": PROGRAM, "python": sys.executable}
        return {RULES: self.rules(wish), PROGRAM: inspect.getsource(_nft_loader), UNIT_FILE: unit}

    @staticmethod
    def rules(wish: Wish) -> str:
        """The file with our table, to be read by nft any number of times."""
        ports, families = ", ".join(wish.spell("-")), [("ip", wish.ipv4), ("ip6", wish.ipv6)]
        defines = [f"define {TABLE}_{FAMILIES[name]} = {{ {', '.join(sources)} }}" for name, sources in families if sources]
        accepts = [f"\t\t{name} saddr ${TABLE}_{FAMILIES[name]} accept" for name, sources in families if sources]
        lines = [
            "# Written by the Ansible role sparkflows.mlops.firewall; its next run undoes changes made here.",
            f"define {TABLE}_ports = {{ {ports} }}",
            *defines,
            "",
            "# Makes the table anew, in one transaction.",
            f"table inet {TABLE} {{}}",
            f"delete table inet {TABLE}",
            f"table inet {TABLE} {{",
            "\tchain input {",
            "\t\t# Before the host's own chains. An accept ends this chain alone, a drop is final.",
            "\t\ttype filter hook input priority -10; policy accept;",
            f"\t\ttcp dport ${TABLE}_ports jump guarded",
            "\t}",
            "",
            "\tchain guarded {",
            '\t\tiifname "lo" accept',
            "\t\tct state established,related accept",
            *accepts,
            "\t\tdrop",
            "\t}",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def stale(self, written: t.Container[Path]) -> list[Difference]:
        """How kernel and unit differ from what the files say: the rules are not loaded, or would not be at the next boot.

        :param written: the files that are going to be written, which some of it may follow from.
        """
        of_unit = "its file is written" if UNIT_FILE in written else ""
        lines = run("systemctl", "show", "--property", "ActiveState,UnitFileState,NeedDaemonReload", UNIT).splitlines()
        seen = dict(line.partition("=")[::2] for line in lines)
        found = [
            Difference(UNIT, seen.get(name) or "missing", wanted, of_unit)
            for name, wanted in (("UnitFileState", "enabled"), ("ActiveState", "active"))
            if seen.get(name) != wanted
        ]
        if seen.get("NeedDaemonReload") != "no":
            found.append(Difference(UNIT, "changed since systemd read it", "read again", of_unit))
        record: dict[str, t.Any] = {}
        with contextlib.suppress(ValueError):
            record = json.loads(text(LOADED) or "{}")
        if record != {"digest": sha256(RULES), "kernel": self.snapshot(self.ruleset(), self.families())}:
            of_rules = "their file is written" if RULES in written else "the unit does not run" if seen.get("ActiveState") != "active" else ""
            found.append(Difference(IN_THE_KERNEL, "not those of %s" % RULES, "loaded", of_rules))
        return found

    def check(self, wish: Wish, problems: list[str]) -> None:
        """Add what keeps this host from having the rules to `problems`."""
        if not Path("/run/systemd/system").is_dir():
            problems.append("systemd is not the init of this host, but a unit of it loads the rules for nftables at boot.")
        families = {family for family, sources in (("ip", wish.ipv4), ("ip6", wish.ipv6)) if sources}
        for chain, dummy in self.closed(self.ruleset(), families):
            if self.managed(chain):
                command = {"ip": "iptables", "ip6": "ip6tables"}[chain["family"]]
                problems.append(
                    f"{command} drops what comes in by default, and the role does not edit its rules. Let the sources pass there yourself, as in "
                    f"{command} -I INPUT -p tcp -m multiport --dports {','.join(wish.spell(':'))} -s SOURCE -j ACCEPT, and keep firewall_enabled false."
                )

    def check_syntax(self, rules: str) -> None:
        """Let nft read the rules without loading them; raises OSError with its words when it can't."""
        run(self.command, "--check", "--file", "-", stdin=rules)
