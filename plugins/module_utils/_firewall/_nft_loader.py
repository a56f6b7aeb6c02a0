# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the table of guarded ports into the kernel with nft, or takes it out again.

    firewall.py load      puts the rules into the kernel, in one transaction
    firewall.py unload    takes them out again, in one transaction

The module firewall_ports uses this file, and writes it to the host as the program that a unit runs at boot. So it needs Python 3.7 and root, and
nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

# Marks what is ours where others have rules, too.
MARK = "sparkflows-mlops"
TABLE = "sparkflows_mlops"
RULES = Path("/etc/sparkflows-mlops/firewall.nft")
# What the kernel said right after the rules were loaded, to compare with what it says later.
LOADED = Path("/run/sparkflows-mlops-firewall/loaded.json")
FAMILIES = {"ip": "ipv4", "ip6": "ipv6"}
# Seconds that a command of the firewall may take.
PATIENCE = 60
SEARCHED = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


def run(*argv: str, stdin: str | None = None, refused: str | None = None) -> str:
    """What a command prints. When it fails: `refused`, or OSError with its words if that is None."""
    environment = {"LC_ALL": "C", "PATH": SEARCHED}
    try:
        # This is also a program of its own, so there is no AnsibleModule.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv, input=stdin, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{' '.join(argv)} did not end within {PATIENCE} seconds") from None
    if done.returncode and refused is None:
        raise OSError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout if done.returncode == 0 else refused or ""


def tool(name: str) -> str:
    """The path of a program, empty when the host has none of that name."""
    return shutil.which(name, path=SEARCHED) or ""


def text(path: Path) -> str:
    """The content of a file, empty when there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, that of nothing when there is none."""
    return hashlib.sha256(text(path).encode()).hexdigest()


class Kernel:
    """A table of our own, which drops what is not allowed, and an accept in those chains of the host that drop by default."""

    def __init__(self) -> None:
        self.command = tool("nft")

    def ruleset(self) -> list[dict[str, t.Any]]:
        """All tables, chains, sets and rules of the kernel, without counters."""
        listing = json.loads(run(self.command, "--json", "--stateless", "list", "ruleset"))["nftables"]
        return [each for each in listing if "metainfo" not in each]

    @staticmethod
    def _within(chain: dict[str, t.Any], objects: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """The rules of a chain, in their order."""
        place = [chain["family"], chain["table"], chain["name"]]
        return [each["rule"] for each in objects if "rule" in each and [each["rule"][key] for key in ("family", "table", "chain")] == place]

    @staticmethod
    def managed(chain: dict[str, t.Any]) -> bool:
        """Whether a chain belongs to iptables, which can't read its own rules any more once there are others among them."""
        return chain["family"] in FAMILIES and (chain["table"], chain["name"]) == ("filter", "INPUT")

    def closed(self, objects: list[dict[str, t.Any]], families: set[str]) -> t.Iterator[tuple[dict[str, t.Any], int | None]]:
        """Others' chains for incoming packets of these families that drop by default, each with the handle of the rule that does so.

        None stands for the chain's policy. What a chain drops before its end is somebody's decision and not meant here.
        """
        for chain in (each["chain"] for each in objects if "chain" in each):
            kinds = {"inet": {"ip", "ip6"}}.get(chain["family"], {chain["family"]})
            if chain.get("hook") != "input" or chain.get("type") != "filter" or chain["table"] == TABLE or not kinds & families:
                continue
            theirs = [rule for rule in self._within(chain, objects) if rule.get("comment") != MARK]
            words = {word for expression in theirs[-1]["expr"] for word in expression} if theirs else set()
            if words <= {"counter", "log", "drop", "reject"} and words & {"drop", "reject"}:
                yield chain, theirs[-1]["handle"]
            elif chain.get("policy") == "drop" and not (words <= {"counter", "log", "accept"} and "accept" in words):
                yield chain, None

    @staticmethod
    def guests(objects: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
        """Our rules in others' chains."""
        return [each["rule"] for each in objects if "rule" in each and each["rule"].get("comment") == MARK and each["rule"]["table"] != TABLE]

    def snapshot(self, objects: list[dict[str, t.Any]], families: set[str]) -> dict[str, t.Any]:
        """Our part of the ruleset, comparable: our table, and our rules in the chains of others that need them."""

        def name(chain: dict[str, t.Any], key: str) -> str:
            return " ".join([chain["family"], chain["table"], chain[key]])

        inner = [value for each in objects for value in each.values() if TABLE in (value.get("table"), value.get("name"))]
        own = [{key: part for key, part in value.items() if key != "handle"} for value in inner]
        needed: dict[str, list[t.Any]] = {name(chain, "name"): [] for chain, dummy in self.closed(objects, families) if not self.managed(chain)}
        for rule in self.guests(objects):
            needed.setdefault(name(rule, "chain"), []).append(rule["expr"])
        return {"own": own, "guests": needed}

    @staticmethod
    def families() -> set[str]:
        """The families whose sources the file with our table defines."""
        content = text(RULES)
        return {family for family, name in FAMILIES.items() if f"define {TABLE}_{name} " in content}

    def load(self) -> None:
        """Put table and guests into the kernel, and remember how it shows them."""
        objects, families = self.ruleset(), self.families()
        lines = [f'include "{RULES}"', *self._farewell(objects)]
        for chain, handle in self.closed(objects, families):
            if self.managed(chain):
                continue
            place = f"{chain['family']} {chain['table']} {chain['name']}"
            for family in sorted(families & {"inet": {"ip", "ip6"}}.get(chain["family"], {chain["family"]})):
                rule = f'tcp dport ${TABLE}_ports {family} saddr ${TABLE}_{FAMILIES[family]} accept comment "{MARK}"'
                lines.append(f"add rule {place} {rule}" if handle is None else f"insert rule {place} handle {handle} {rule}")
        run(self.command, "-f", "-", stdin="\n".join(lines) + "\n")
        record = {"digest": sha256(RULES), "kernel": self.snapshot(self.ruleset(), families)}
        LOADED.parent.mkdir(mode=0o755, exist_ok=True)
        LOADED.write_text(json.dumps(record), encoding="utf-8")

    def unload(self) -> None:
        """Take table and guests out of the kernel."""
        objects = self.ruleset()
        lines = self._farewell(objects) + ([f"delete table inet {TABLE}"] if self._tables(objects) else [])
        if lines:
            run(self.command, "-f", "-", stdin="\n".join(lines) + "\n")

    def _farewell(self, objects: list[dict[str, t.Any]]) -> list[str]:
        return [f"delete rule {rule['family']} {rule['table']} {rule['chain']} handle {rule['handle']}" for rule in self.guests(objects)]

    @staticmethod
    def _tables(objects: list[dict[str, t.Any]]) -> bool:
        return any(each.get("table", {}).get("name") == TABLE for each in objects)

    def leftover(self) -> bool:
        """Whether the kernel has anything of ours."""
        if not self.command:
            return False
        objects = self.ruleset()
        return self._tables(objects) or bool(self.guests(objects))


def main() -> None:
    """Run the subcommand; what goes wrong is said in one sentence."""
    try:
        if sys.argv[1:] == ["load"]:
            Kernel().load()
        elif sys.argv[1:] == ["unload"]:
            Kernel().unload()
        else:
            raise SystemExit("Say load or unload.")
    except OSError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
