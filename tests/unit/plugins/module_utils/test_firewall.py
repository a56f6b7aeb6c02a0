# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from the options and from the firewalls' listings, and the steps that follow. The scenario `firewall` runs them on real firewalls."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall import _change, _nft_loader, _nftables
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._firewalld import Firewalld
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nftables import Nftables
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._ufw import Ufw
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Wish, read_ports, read_sources, read_wish

WISH = Wish([(5001, 5003), (8086, 8086)], ["192.0.2.10"], ["2001:db8::/64"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["8086", "5001-5050"], [(5001, 5050), (8086, 8086)]),
        (["1-3", "4", "2"], [(1, 4)]),
        (["65535"], [(65535, 65535)]),
        ([], []),
    ],
)
def test_ports(given: list[str], expected: list[tuple[int, int]]) -> None:
    problems: list[str] = []
    assert read_ports(given, problems) == expected
    assert problems == []


@pytest.mark.parametrize("port", ["0", "65536", "http", "80\n", "-1", "1-", "5100-5001", "٣"])
def test_a_port_that_is_none(port: str) -> None:
    problems: list[str] = []
    assert read_ports([port], problems) == []
    assert len(problems) == 1 and problems[0].startswith("firewall_ports: ")


def test_sources_are_collapsed_and_written_shortly() -> None:
    problems: list[str] = []
    found = read_sources(["192.0.2.10", "192.0.2.10/32", "10.0.0.0/8", "10.1.0.0/16", "2001:DB8::1"], problems)
    assert found == {4: ["10.0.0.0/8", "192.0.2.10"], 6: ["2001:db8::1"]}
    assert problems == []


@pytest.mark.parametrize("source", ["client", "0.0.0.0/0", "128.0.0.0/1", "::/0", "10.1.2.3/8", "fe80::1%eth0", "10.0.0.0/255.0.0.0", "10.0.0.1\n"])
def test_a_source_that_is_none(source: str) -> None:
    problems: list[str] = []
    read_sources([source], problems)
    assert len(problems) == 1 and problems[0].startswith("firewall_sources: ")


def test_ports_of_ssh_are_refused() -> None:
    problems: list[str] = []
    read_wish({"ports": ["20-30", "2222"], "sources": [], "ssh_ports": [22], "ansible_port": 2222}, problems)
    assert [problem.split(" is among")[0] for problem in problems] == ["firewall_ports: port 22", "firewall_ports: port 2222"]


def test_rules_of_firewalld_are_known_by_their_priority() -> None:
    listing = 'public (active)\n  ports: 9000/tcp\n  rich rules: \n\trule priority="-8085" port port="1" protocol="tcp" drop\n\trule accept\n\ndmz\n'
    assert Firewalld._ours(listing) == {"public": ['rule priority="-8085" port port="1" protocol="tcp" drop'], "dmz": []}


def test_ufw_denies_before_it_allows_at_the_top() -> None:
    ufw = Ufw()
    ufw.command = "ufw"
    wanted = ufw._rules("ipv4", WISH, WISH.ipv4)
    steps = ufw._steps([], wanted)
    assert [step[1:3] for step in steps] == [["prepend", "deny"], ["prepend", "deny"], ["prepend", "allow"]]
    assert ufw._steps(wanted, wanted) == []
    assert ufw._steps(wanted, []) == [ufw._delete(rule) for rule in wanted]


def test_ufw_groups_ports_by_what_iptables_takes() -> None:
    groups = [rule[2] for rule in Ufw._rules("ipv4", Wish([(port, port + 1) for port in range(100, 180, 10)], ["192.0.2.1"], []), ["192.0.2.1"])]
    assert all(sum(1 + (":" in port) for port in group.split(",")) <= 15 for group in groups)
    assert len(set(groups)) == 2


def chain(**properties: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "filter", "name": "input", "hook": "input", "type": "filter", **properties}}


def rule(handle: int, *expressions: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": handle, "expr": list(expressions), **properties}}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([chain(policy="drop")], [None]),
        ([chain(policy="accept")], []),
        ([chain(policy="accept"), rule(7, {"counter": None}, {"reject": None})], [7]),
        ([chain(policy="accept"), rule(7, {"reject": None}), rule(8, {"accept": None}, comment="sparkflows-mlops")], [7]),
        ([chain(policy="drop"), rule(7, {"accept": None})], []),
        ([chain(policy="drop", hook="output")], []),
        ([chain(policy="drop", table="sparkflows_mlops")], []),
        ([chain(policy="drop", family="ip6")], []),
    ],
)
def test_chains_that_drop_by_default(objects: list[dict[str, Any]], expected: list[int | None]) -> None:
    assert [handle for dummy, handle in Nftables().closed(objects, {"ip"})] == expected


def test_rules_name_ports_and_sources_once() -> None:
    rules = Nftables.rules(WISH)
    assert "define sparkflows_mlops_ports = { 5001-5003, 8086 }\n" in rules
    assert "define sparkflows_mlops_ipv4 = { 192.0.2.10 }\n" in rules
    assert "ip6 saddr $sparkflows_mlops_ipv6 accept\n" in rules
    assert "ipv6" not in Nftables.rules(WISH._replace(ipv6=[]))


def test_the_loader_stands_alone(tmp_path: Path) -> None:
    """As the unit runs it: without this collection and without Ansible."""
    program = tmp_path / "firewall.py"
    program.write_text(inspect.getsource(_nft_loader))
    done = subprocess.run([sys.executable, "-I", program, "look"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Say load or unload.\n")


def test_the_difference_shows_rules_and_commands(tmp_path: Path) -> None:
    path = tmp_path / "firewall.nft"
    path.write_text("old\n")
    change = _change.Change("nftables", [["ufw", "delete", "a rule"]], [], {path: "new\n"}, True, [], False, [])
    files, commands = _change.difference(change)
    assert (files["before"], files["after"], files["after_header"]) == ("old\n", "new\n", str(path))
    assert commands["after"] == "ufw delete 'a rule'\n"


def test_differences_of_ufw_are_its_rules() -> None:
    ufw = Ufw()
    ufw.command = "ufw"
    deny, allow, old = ("deny", "0.0.0.0/1", "8086"), ("allow", "192.0.2.1", "8086"), ("allow", "192.0.2.9", "8086")
    # The one that allows was put in before a deny was lost.
    commands = [["ufw", "reload"], *ufw._steps([allow, old], [allow, deny])]
    assert [each[:3] for each in ufw.differences(commands)] == [
        ("rules of ufw", "some are not in the kernel", "loaded"),
        ("ufw allow proto tcp from 192.0.2.1 to any port 8086", "in the wrong place", "moved"),
        ("ufw deny proto tcp from 0.0.0.0/1 to any port 8086", "missing", "added"),
        ("ufw allow proto tcp from 192.0.2.9 to any port 8086", "there", "removed"),
    ]


def test_differences_of_firewalld_are_its_rules_by_zone() -> None:
    commands = [
        ["firewall-cmd", "--permanent", "--zone=public", "--add-rich-rule=rule a=b", "--add-rich-rule=rule c"],
        ["firewall-cmd", "--zone=dmz", "--remove-rich-rule=rule d"],
        ["/usr/bin/firewall-offline-cmd", "--zone=dmz", "--remove-rich-rule=rule d"],
    ]
    assert [each[:3] for each in Firewalld.differences(commands)] == [
        ("firewalld, zone public, permanent: rule a=b", "missing", "added"),
        ("firewalld, zone public, permanent: rule c", "missing", "added"),
        ("firewalld, zone dmz, running: rule d", "there", "removed"),
        ("firewalld, zone dmz, permanent: rule d", "there", "removed"),
    ]


def test_a_file_says_how_it_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = tmp_path / "firewall.nft"
    monkeypatch.setattr(_change, "RULES", rules)
    assert _change._of_file(rules, "a\nb\n")[1:3] == ("missing", "written")
    rules.write_text("a\nc\n")
    assert _change._of_file(rules, "a\nb\n")[1:3] == ("c", "b")
    assert _change._of_file(rules, "v\nw\nx\ny\n")[1:3] == ("holds something else", "written")
    rules.write_text("a\nb\n")
    assert _change._of_file(rules, "a\nb\n")[1:3] == ("not root's alone", "root's, with mode 0644")
    assert _change._of_file(tmp_path, "")[1:3] == ("not a file", "written")


@pytest.mark.parametrize(
    ("shown", "written", "expected"),
    [
        ("ActiveState=active\nNeedDaemonReload=no\nUnitFileState=enabled", (), [("rules in the kernel", "")]),
        ("ActiveState=active\nNeedDaemonReload=no\nUnitFileState=enabled", (_nftables.RULES,), [("rules in the kernel", "their file is written")]),
        (
            "ActiveState=inactive\nNeedDaemonReload=no\nUnitFileState=enabled",
            (),
            [("sparkflows-mlops-firewall.service", ""), ("rules in the kernel", "the unit does not run")],
        ),
        (
            "ActiveState=active\nNeedDaemonReload=yes\nUnitFileState=",
            (_nftables.UNIT_FILE,),
            [*[("sparkflows-mlops-firewall.service", "its file is written")] * 2, ("rules in the kernel", "")],
        ),
    ],
)
def test_what_is_stale_says_what_it_follows_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str, written: tuple[Path, ...], expected: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(_nftables, "run", lambda *argv: shown)
    monkeypatch.setattr(_nftables, "LOADED", tmp_path / "loaded.json")
    monkeypatch.setattr(Nftables, "ruleset", lambda self: [])
    assert [(each.item, each.reason) for each in Nftables().stale(written)] == expected
