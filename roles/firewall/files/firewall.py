# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a host's firewall and says what makes it open ports to some sources only; on nftables hosts it loads the rules, too.

    firewall.py look      reads the wish from stdin, writes what was seen and what is to be done to stdout; changes nothing
    firewall.py load      puts the rules into the kernel, in one transaction
    firewall.py unload    takes them out again, in one transaction

Needs Python 3.7 and root, and nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Marks what is ours where others have rules, too.
MARK = "sparkflows-mlops"
# firewalld's rich rules have no comment, but a priority. Negative ones come before all else in a zone, the lowest first.
PRIORITIES = {"accept": "-8086", "drop": "-8085"}
# iptables takes at most 15 ports in a rule; a range counts twice.
MULTIPORT = 15

TABLE = "sparkflows_mlops"
RULES = Path("/etc/sparkflows-mlops/firewall.nft")
UNIT = "sparkflows-mlops-firewall.service"
# What the kernel said right after the rules were loaded, to compare with what it says later.
LOADED = Path("/run/sparkflows-mlops-firewall/loaded.json")
FAMILIES = {"ip": "ipv4", "ip6": "ipv6"}


class Wish(NamedTuple):
    """What is to be reached by whom: ports as sorted, disjoint ranges (first, last), sources as texts by family."""

    ports: list[tuple[int, int]]
    ipv4: list[str]
    ipv6: list[str]

    def spell(self, dash: str) -> list[str]:
        """The ports as texts, with `dash` between the ends of a range."""
        return [str(first) if first == last else f"{first}{dash}{last}" for first, last in self.ports]


def run(*argv: str, stdin: str | None = None, refused: str | None = None) -> str:
    """What a command prints. When it fails: `refused`, or OSError with its words if that is None."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, env=environment, check=False)
    if done.returncode and refused is None:
        raise OSError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout if done.returncode == 0 else refused or ""


def tool(name: str) -> str:
    """The path of a program, empty when the host has none of that name."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin") or ""


def text(path: Path) -> str:
    """The content of a file, empty when there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def fits(path: Path, digest: str) -> bool:
    """Whether a file has this SHA-256 and belongs to root, as nobody else may decide on what root runs."""
    if not path.is_file() or path.is_symlink():
        return False
    seen = path.stat()
    return sha256(path) == digest and (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (0, 0, 0o644)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, that of nothing when there is none."""
    return hashlib.sha256(text(path).encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- the wish


def read_ports(given: list[Any], problems: list[str]) -> list[tuple[int, int]]:
    """The sorted, disjoint ranges of ports that texts like 8086 and 5001-5100 name."""
    ranges = []
    for item in given:
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(item))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= 65535 or not 1 <= last <= 65535:
            problems.append(f"firewall_ports: {str(item)!r} is no port; give a number from 1 to 65535 or a range such as 5001-5100.")
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


def read_sources(given: list[Any], problems: list[str]) -> dict[int, list[str]]:
    """Addresses and networks by IP version, those within others left out; a single address without /32 or /128."""
    networks: dict[int, list[Any]] = {4: [], 6: []}
    for item in map(str, given):
        try:
            network: Any = ipaddress.ip_network(item, strict=False)
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


def read_wish(given: dict[str, Any], problems: list[str]) -> Wish:
    """The wish, after all that is wrong with it was added to `problems`."""
    ports = read_ports(given["ports"], problems)
    sources = read_sources(given["sources"], problems)
    ssh = {int(port): "firewall_ssh_ports names it" for port in given["ssh_ports"]}
    ssh.update({int(port): "Ansible connects to it" for port in (given["ansible_port"], connection_port()) if port})
    for port, why in sorted(ssh.items()):
        if any(first <= port <= last for first, last in ports):
            problems.append(f"firewall_ports: port {port} is among them, but it is a port of SSH ({why}). It would be closed to all but firewall_sources.")
    return Wish(ports, sources[4], sources[6])


# ------------------------------------------------------------------------------------------------------------ firewalld


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


# ------------------------------------------------------------------------------------------------------------------ ufw


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
    def _live(listing: str, everybody: str) -> Iterator[tuple[str, str, str]]:
        for line in listing.splitlines():
            source = re.search(r" -s (\S+?)(?:/32|/128)?(?= )", line)
            ports = re.search(r" --dports? (\S+)", line)
            verdict = {"ACCEPT": "allow", "DROP": "deny"}.get(line.split()[-1], "")
            if ports and verdict:
                yield verdict, source[1] if source else everybody, ports[1]


# ------------------------------------------------------------------------------------------------------------- nftables


class Nftables:
    """A table of our own, which drops what is not allowed, and an accept in those chains of the host that drop by default."""

    name = "nftables"

    def __init__(self) -> None:
        self.command = tool("nft")
        self.active = self.command != ""

    def ruleset(self) -> list[dict[str, Any]]:
        """All tables, chains, sets and rules of the kernel, without counters."""
        listing = json.loads(run(self.command, "--json", "--stateless", "list", "ruleset"))["nftables"]
        return [each for each in listing if "metainfo" not in each]

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

    @staticmethod
    def _within(chain: dict[str, Any], objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rules of a chain, in their order."""
        place = [chain["family"], chain["table"], chain["name"]]
        return [each["rule"] for each in objects if "rule" in each and [each["rule"][key] for key in ("family", "table", "chain")] == place]

    @staticmethod
    def managed(chain: dict[str, Any]) -> bool:
        """Whether a chain belongs to iptables, which can't read its own rules any more once there are others among them."""
        return chain["family"] in FAMILIES and (chain["table"], chain["name"]) == ("filter", "INPUT")

    def closed(self, objects: list[dict[str, Any]], families: set[str]) -> Iterator[tuple[dict[str, Any], int | None]]:
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
    def guests(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Our rules in others' chains."""
        return [each["rule"] for each in objects if "rule" in each and each["rule"].get("comment") == MARK and each["rule"]["table"] != TABLE]

    def snapshot(self, objects: list[dict[str, Any]], families: set[str]) -> dict[str, Any]:
        """Our part of the ruleset, comparable: our table, and our rules in the chains of others that need them."""

        def name(chain: dict[str, Any], key: str) -> str:
            return " ".join([chain["family"], chain["table"], chain[key]])

        inner = [value for each in objects for value in each.values() if TABLE in (value.get("table"), value.get("name"))]
        own = [{key: part for key, part in value.items() if key != "handle"} for value in inner]
        needed: dict[str, list[Any]] = {name(chain, "name"): [] for chain, dummy in self.closed(objects, families) if not self.managed(chain)}
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

    def _farewell(self, objects: list[dict[str, Any]]) -> list[str]:
        return [f"delete rule {rule['family']} {rule['table']} {rule['chain']} handle {rule['handle']}" for rule in self.guests(objects)]

    @staticmethod
    def _tables(objects: list[dict[str, Any]]) -> bool:
        return any(each.get("table", {}).get("name") == TABLE for each in objects)

    def needs_load(self) -> bool:
        """Whether the kernel has something else than the file says, or would not get it at the next boot."""
        shown = run("systemctl", "show", "--property", "ActiveState,UnitFileState,NeedDaemonReload", UNIT).split()
        if sorted(shown) != ["ActiveState=active", "NeedDaemonReload=no", "UnitFileState=enabled"]:
            return True
        record: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            record = json.loads(text(LOADED) or "{}")
        return record != {"digest": sha256(RULES), "kernel": self.snapshot(self.ruleset(), self.families())}

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

    def leftover(self) -> bool:
        """Whether the kernel has anything of ours."""
        if not self.command:
            return False
        objects = self.ruleset()
        return self._tables(objects) or bool(self.guests(objects))


# ------------------------------------------------------------------------------------------------------------- the look


def choose(asked: str, backends: Sequence[Any], problems: list[str]) -> Any:
    """The backend that the host runs."""
    firewalld, ufw, nftables = backends
    running = next((backend for backend in (firewalld, ufw) if backend.active), None)
    if asked == "auto":
        if running is None and not nftables.active:
            problems.append(
                "No firewall was found: neither firewalld nor ufw is active, and there is no nft. Install nftables, or start the firewall of your choice."
            )
        return running or nftables
    chosen = next(backend for backend in backends if backend.name == asked)
    if running is not None and running is not chosen:
        problems.append(f"firewall_backend is {asked}, but {running.name} is active and would have the last word. Choose {running.name} or auto.")
    elif not chosen.command:
        problems.append(f"firewall_backend is {asked}, but the host has no {asked}. Install it, or choose auto.")
    elif not chosen.active:
        problems.append(f"firewall_backend is {asked}, but {asked} is not active. Turning it on could lock you out, so the role leaves that to you.")
    return chosen


def look(given: dict[str, Any]) -> dict[str, Any]:
    """What the host runs, what is wrong with the wish, and what is to be done.

    `given` has state, backend, ports, sources, ssh_ports, ansible_port (or null) and files, {path: SHA-256 of what belongs there}.
    Returns backend (or null), problems (sentences; then all else is empty), commands for firewalld and ufw (argument lists), and for nftables: rules (the
    text for their file), outdated (paths to write), load, and, when there is something of ours that should not be, remove (paths) and unload.
    """
    problems: list[str] = []
    firewalld, ufw, nftables = backends = Firewalld(), Ufw(), Nftables()
    backend, commands, rules = None, [], ""
    if given["state"] == "present":
        wish = read_wish(given, problems)
        backend = choose(given["backend"], backends, problems)
        if not problems and backend is nftables:
            nftables.check(wish, problems)
            rules = nftables.rules(wish)
        elif not problems:
            commands = backend.present(wish, problems)
    if problems:
        return {"backend": None, "problems": problems, "commands": [], "rules": "", "outdated": [], "load": False, "remove": [], "unload": False}
    # The host may have another firewall than in the last run.
    for other in (firewalld, ufw):
        if other is not backend:
            commands += other.absent()
    files = {RULES: hashlib.sha256(rules.encode()).hexdigest(), **{Path(path): wanted for path, wanted in given["files"].items()}}
    used = backend is nftables
    return {
        "backend": backend.name if backend else None,
        "problems": [],
        "commands": commands,
        "rules": rules,
        "outdated": [str(path) for path, wanted in files.items() if used and not fits(path, wanted)],
        "load": used and nftables.needs_load(),
        "remove": [str(path) for path in files if not used and os.path.lexists(path)],
        "unload": not used and nftables.leftover(),
    }


def main() -> None:
    """Run the subcommand; what goes wrong is said in one sentence."""
    try:
        if sys.argv[1:] == ["look"]:
            print(json.dumps(look(json.load(sys.stdin))))
        elif sys.argv[1:] == ["load"]:
            Nftables().load()
        elif sys.argv[1:] == ["unload"]:
            Nftables().unload()
        else:
            sys.exit("Say look, load or unload.")
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
