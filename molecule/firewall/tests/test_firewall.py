# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches which port of hosts with nftables, ufw and firewalld. The tests of a file run in their order: a host's life from first run to removal."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

BACKENDS = ("nftables", "ufw", "firewalld")
GUARDED, FREE = (8086, 5001, 5003), (22, 9000)
IPV6 = {"nftables": "fd5f:5af1::1", "ufw": "fd5f:5af1::2", "firewalld": "fd5f:5af1::3", "client": "fd5f:5af1::c", "stranger": "fd5f:5af1::f"}
PROBE = """
import concurrent.futures, json, socket, sys
def ask(target):
    try:
        socket.create_connection(target, 2).close()
        return target
    except OSError:
        return None
with concurrent.futures.ThreadPoolExecutor(64) as pool:
    print(json.dumps([target for target in pool.map(ask, json.loads(sys.argv[1])) if target]))
"""
# What a host's firewall consists of, in the kernel and on disk, without counters, dates, and the translations that docker makes anew at each start.
DUMPS = {
    "nftables": "nft --stateless list ruleset",
    "ufw": "{ iptables-save -t filter; ip6tables-save -t filter; } | sed '/^#/d; s/ \\[.*//'; cat /etc/ufw/user.rules /etc/ufw/user6.rules",
    "firewalld": "firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones; cat /etc/firewalld/zones/*.xml",
}
OWN_FILES = "/opt/sparkflows/firewall /etc/sparkflows-mlops/* /etc/systemd/system/*sparkflows-mlops-firewall* /etc/systemd/system/*/*sparkflows-mlops-firewall*"


class World:
    """The hosts as they see each other."""

    def __init__(self, on: Callable[[str], Host], containers: dict[str, dict[str, str]]) -> None:
        self.on = on
        self.addresses = {name: (entry["address"], IPV6[name]) for name, entry in containers.items()}

    def reached(self, peer: str, *backends: str) -> dict[str, set[int]]:
        """The ports that a peer reaches on each host, by IPv4 and IPv6 alike; -PORT if by one of them only."""
        wanted = [(address, port) for backend in backends or BACKENDS for address in self.addresses[backend] for port in (*GUARDED, *FREE)]
        answers = {tuple(target) for target in json.loads(self.on(peer).check_output("python3 -c %s %s", PROBE, json.dumps(wanted)))}
        found: dict[str, set[int]] = {}
        for backend in backends or BACKENDS:
            ways = [{port for address, port in answers if address == each} for each in self.addresses[backend]]
            found[backend] = (ways[0] & ways[1]) | {-port for port in ways[0] ^ ways[1]}
        return found

    def dump(self) -> dict[str, str]:
        """What the firewalls consist of."""
        return {backend: str(self.on(backend).check_output(DUMPS[backend])) for backend in BACKENDS}


@pytest.fixture(scope="module")
def world(on: Callable[[str], Host], containers: dict[str, dict[str, str]]) -> World:
    return World(on, containers)


@pytest.fixture(scope="module")
def before(world: World) -> dict[str, str]:
    """The firewalls before the first run."""
    return world.dump()


def everywhere(ports: tuple[int, ...]) -> dict[str, set[int]]:
    return {backend: set(ports) for backend in BACKENDS}


def assert_guarded(world: World) -> None:
    assert world.reached("client") == everywhere((*GUARDED, *FREE))
    assert world.reached("stranger") == everywhere(FREE)
    for backend in BACKENDS:
        local = [["127.0.0.1", port] for port in GUARDED]
        assert json.loads(world.on(backend).check_output("python3 -c %s %s", PROBE, json.dumps(local))) == local


RIGHT = {"enabled": True, "backend": "auto", "ports": [8086], "sources": ["192.0.2.1"], "ssh_ports": [22], "state": "present"}
# What is wrong on which host, and what is said about it.
WRONG: list[dict[str, tuple[dict[str, Any], list[str]]]] = [
    {
        "nftables": ({"enabled": "yes"}, ["firewall_enabled must be true or false, but it is the text 'yes'."]),
        "ufw": ({"sources": "192.0.2.1"}, ["firewall_sources must be a list, but it is the text '192.0.2.1'."]),
        # Not wrong, but off: nothing is said and nothing done.
        "firewalld": ({"enabled": False}, []),
    },
    {
        "nftables": ({"ssh_ports": [0]}, ["firewall_ssh_ports: entry 1 is '0', but a port was expected."]),
        "ufw": ({"sources": []}, ["firewall_sources is empty, which would open nothing to anybody."]),
        "firewalld": ({"backend": "ufw"}, ["firewall_backend is ufw, but firewalld is active and would have the last word."]),
    },
    {
        "nftables": ({"backend": "ufw"}, ["firewall_backend is ufw, but the host has no ufw. Install it, or choose auto."]),
        "ufw": (
            {"ports": [9000], "sources": ["192.0.2.7"]},
            ["remove it: /usr/sbin/ufw delete allow proto tcp from 192.0.2.7 to any port 9000."],
        ),
        "firewalld": (
            {"ports": ["20-30"], "ssh_ports": [2222]},
            ["firewall_ports: port 22 is among them, but it is a port of SSH (Ansible connects to it)."],
        ),
    },
    {
        "nftables": ({"enabled": False}, []),
        "ufw": ({"enabled": False}, []),
        "firewalld": (
            {
                "ports": [0, "http", "5100-5001", "70000", 2222],
                "sources": ["client", "10.1.2.3/8", "0.0.0.0/0", "300.1.1.1", "fe80::1%eth0", "10.0.0.0/255.0.0.0"],
                "ssh_ports": [2222],
            },
            [
                "firewall_ports: entry 1 is '0', but a port from 1 to 65535 or a range such as 5001-5100 was expected.",
                "firewall_ports: entry 2 is 'http', but a port",
                "firewall_ports: entry 3 is 5100-5001, which ends before it begins; give 5001-5100.",
                "firewall_ports: entry 4 is '70000', but a port",
                "firewall_ports has port 2222, but firewall_ssh_ports names it as a port of SSH.",
                "firewall_sources: entry 1 is 'client', but an address or a network",
                "firewall_sources: entry 2 is 10.1.2.3/8, an address within 10.0.0.0/8; give 10.0.0.0/8, or 10.1.2.3 for that host alone.",
                "firewall_sources: entry 3 is 0.0.0.0/0, which is everybody",
                "firewall_sources: entry 4 is '300.1.1.1', but",
                "firewall_sources: entry 5 is 'fe80::1%eth0', but",
                "firewall_sources: entry 6 is '10.0.0.0/255.0.0.0', but",
            ],
        ),
    },
]


@pytest.mark.parametrize("wrong", WRONG, ids=["types", "values", "what only the host can tell", "lists"])
def test_wrong_input_is_refused(operator, world: World, before: dict[str, str], wrong: dict[str, tuple[dict[str, Any], list[str]]]) -> None:
    variables = {f"firewall_{name}": "{{ wrong[inventory_hostname].%s }}" % name for name in RIGHT}
    run = operator.play("open.yml", fails=True, wrong={host: {**RIGHT, **values} for host, (values, dummy) in wrong.items()}, **variables)
    assert [sentence for dummy, sentences in wrong.values() for sentence in sentences if sentence not in run.text] == []
    assert not run.changed
    assert world.dump() == before


def test_check_mode_foretells(operator, world: World, before: dict[str, str]) -> None:
    run = operator.play("open.yml", "--check", "--diff")
    assert {host for dummy, host in run.changed} == set(BACKENDS)
    assert re.search(r"define sparkflows_mlops_ports = \{ 5001-5003, 8086 \}", run.text)
    assert re.search(r"ufw prepend deny proto tcp from 128\.0\.0\.0/1 to any port 5001:5003,8086", run.text)
    assert re.search(r'--add-rich-rule=rule priority="-8085" port port="8086" protocol="tcp" drop', run.text)
    assert world.dump() == before
    for backend in BACKENDS:
        assert world.on(backend).run(f"ls -d {OWN_FILES}").stdout == ""


def test_opens_to_the_sources_only(operator, world: World) -> None:
    operator.play("open.yml")
    assert_guarded(world)


def test_again_without_a_change(operator) -> None:
    again = operator.play("open.yml", "-vvv")
    assert again.unchanged
    # One reading of each host, and nothing else.
    assert re.findall(r"Using module file \S+/(\w+)\.py", again.output) == ["host_info"] * 3


def test_a_plan_asks_sparkflows_where_it_is(operator, tmp_path: Path) -> None:
    """By its one reading, from which the sources come that the role was given above by hand; a plan that leaves it out knows nobody to let in."""
    sparkflows = {"sparkflows_token": "0123456789abcdef", "sparkflows_deploy_mode": "local", "sparkflows_tracking_url": "http://127.0.0.1:5000"}
    given = {**sparkflows, "sparkflows_health_timeout": 1, "firewall_sources": []}
    run = operator.play("plan", "-vvv", plan_report=str(tmp_path / "plan.json"), **given)
    assert re.findall(r"Using module file \S+/(\w+)\.py", run.output) == ["host_info"] * 4
    rows = json.loads((tmp_path / "plan.json").read_text())["rows"]
    assert {row["host"] for row in rows if row["role"] == "mlops_agent"} == set(BACKENDS), "all were planned"
    assert [row for row in rows if row["role"] == "firewall"] == []

    run = operator.play("preflight", "--limit", "nftables,localhost", fails=True, **given)
    assert "this run does not read client. Name it in --limit as well, or give firewall_sources." in run.text


def test_established_connections_stay(operator, world: World) -> None:
    """A connection of a host that is no source any more lives on; its new ones don't come in, and the rules follow the variables."""
    for backend in BACKENDS:
        script = (
            "import http.client,time,sys,pathlib\n"
            f"c=http.client.HTTPConnection('{world.addresses[backend][0]}',8086,timeout=60)\n"
            "c.connect(); pathlib.Path('/run/connected-%s').touch()\n"
            "while not pathlib.Path('/run/go').exists(): time.sleep(0.1)\n"
            "c.request('GET','/'); pathlib.Path('/run/answered-%s').write_text(str(c.getresponse().status))\n"
        ).replace("%s", backend)
        world.on("client").check_output("systemd-run --quiet --unit=talk-%s python3 -c %s", backend, script)
    eventually(lambda: world.on("client").run("ls /run/connected-nftables /run/connected-ufw /run/connected-firewalld").rc == 0, "connections are there")
    operator.play("open.yml", firewall_ports=[8086], firewall_sources=list(world.addresses["stranger"]))
    # The rest is up to the admins again, who let nobody in there.
    assert world.reached("stranger") == everywhere((8086, *FREE))
    assert world.reached("client") == everywhere(FREE)
    world.on("client").check_output("touch /run/go")
    for backend in BACKENDS:
        eventually(lambda name=backend: world.on("client").run("cat /run/answered-%s", name).stdout == "200", "an old connection answers")  # type: ignore[misc]


DROP = 'rule priority="-8085" port port="8086" protocol="tcp" drop'
DENY = "deny proto tcp from 0.0.0.0/1 to any port 5001:5003,8086"
# What spoils one thing on each host, and what the plan then names. The scenario tampering spoils files and the unit.
SPOILS = [
    {
        "nftables": ("nft flush chain inet sparkflows_mlops guarded", "rules in the kernel"),
        "ufw": ("iptables -F ufw-user-input && iptables -A ufw-user-input -p tcp --dport 22 -j ACCEPT", "some are not in the kernel"),
        "firewalld": (f"firewall-cmd --remove-rich-rule='{DROP}'", f"firewalld, zone public, running: {DROP}"),
    },
    {
        "nftables": ("nft delete table inet sparkflows_mlops", "rules in the kernel"),
        "ufw": (f"ufw delete {DENY}", f"ufw {DENY}"),
        "firewalld": (f"firewall-cmd --permanent --remove-rich-rule='{DROP}'", f"firewalld, zone public, permanent: {DROP}"),
    },
]


def test_the_rules_follow_the_variables_again(operator, world: World) -> None:
    operator.play("open.yml")
    assert_guarded(world)


@pytest.mark.parametrize("spoilt", SPOILS, ids=["in the kernel", "on the whole"])
def test_what_is_spoilt_is_named_and_repaired(operator, world: World, spoilt: dict[str, tuple[str, str]]) -> None:
    for host, (command, dummy) in spoilt.items():
        world.on(host).check_output(command)
    foretold = operator.play("open.yml", "--check", "-v")
    done = operator.play("open.yml")
    said = foretold.text.replace('\\"', '"')
    assert [seen for dummy, seen in spoilt.values() if seen not in said] == []
    assert sorted(done.changed) == sorted(foretold.changed)
    assert {host for dummy, host in done.changed} == set(BACKENDS)
    assert_guarded(world)
    assert operator.play("open.yml").unchanged


@pytest.mark.parametrize("action", ["reload", "restart"])
def test_admins_ruleset_is_read_again(world: World, action: str) -> None:
    """It begins with "flush ruleset"; the unit of ours follows."""
    world.on("nftables").check_output("systemctl %s nftables.service", action)
    eventually(lambda: world.reached("client", "nftables")["nftables"] == {*GUARDED, *FREE}, "the unit follows")
    assert world.reached("stranger", "nftables")["nftables"] == set(FREE)
    assert world.on("nftables").check_output("nft list chain inet filter input").count('comment "sparkflows-mlops"') == 2


def test_rules_return_after_a_reboot(
    operator, world: World, containers: dict[str, dict[str, str]], lets_in: Callable[[str], bool]
) -> None:  # fmt: skip
    for backend in BACKENDS:
        subprocess.run(["docker", "restart", containers[backend]["container"]], check=True, capture_output=True)
        eventually(lambda name=backend: lets_in(name), "the host lets us in")  # type: ignore[misc]
        eventually(lambda name=backend: world.reached("client", name)[name] == {*GUARDED, *FREE}, "servers and rules are back")  # type: ignore[misc]
        assert world.on(backend).check_output("systemctl list-units --state=failed --no-legend") == ""
    assert_guarded(world)
    assert operator.play("open.yml").unchanged


REJECTING = """table inet mine {
  chain in {
    type filter hook input priority 0
    ct state established accept
    meta l4proto icmpv6 accept
    tcp dport 22 accept
    counter reject
  }
}"""
# As iptables-nft shows itself to nft.
OF_IPTABLES = """table ip filter {
  chain INPUT {
    type filter hook input priority 0; policy drop
    ct state established accept
    tcp dport 22 accept
  }
}"""
# A ruleset of the admin's, the ports that the client reaches then, and those of the stranger.
OTHER_RULESETS = {
    "a reject at the end": (REJECTING, {*GUARDED, 22}, {22}),
    "nothing": ("", {*GUARDED, *FREE}, set(FREE)),
}


@pytest.mark.parametrize("kind", OTHER_RULESETS)
def test_other_rulesets(operator, world: World, kind: str) -> None:
    ruleset, client, stranger = OTHER_RULESETS[kind]
    nftables = world.on("nftables")
    nftables.check_output("echo %s | nft -f -", f"flush ruleset\n{ruleset}")
    theirs = nftables.check_output(DUMPS["nftables"])
    assert operator.play("open.yml", "--limit", "nftables").changed
    assert world.reached("client", "nftables")["nftables"] == client
    assert world.reached("stranger", "nftables")["nftables"] == stranger
    nftables.check_output("systemctl stop sparkflows-mlops-firewall.service")
    assert nftables.check_output(DUMPS["nftables"]) == theirs


def test_rules_of_iptables_are_not_touched(operator, world: World) -> None:
    nftables = world.on("nftables")
    nftables.check_output("echo %s | nft -f -", f"flush ruleset\n{OF_IPTABLES}")
    run = operator.play("open.yml", "--limit", "nftables", fails=True)
    assert "iptables drops what comes in by default, and the role does not edit its rules." in run.text
    assert "iptables -I INPUT -p tcp -m multiport --dports 5001:5003,8086 -s SOURCE -j ACCEPT" in run.text
    # Which starts the unit of ours, too.
    nftables.check_output("systemctl restart nftables.service")


def test_removal_leaves_what_was_there(operator, world: World, before: dict[str, str]) -> None:
    predicted = operator.play("open.yml", "--check", firewall_state="absent")
    assert_guarded(world)
    run = operator.play("open.yml", firewall_state="absent", firewall_enabled=False)
    assert {host for dummy, host in run.changed} == {host for dummy, host in predicted.changed} == set(BACKENDS)
    assert world.dump() == before
    for backend in BACKENDS:
        assert world.on(backend).run(f"ls -d {OWN_FILES}").stdout == ""
        assert world.on(backend).check_output("systemctl list-units --state=failed --no-legend") == ""
    assert operator.play("open.yml", firewall_state="absent").unchanged


def eventually(condition: Callable[[], Any], what: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(0.2)
