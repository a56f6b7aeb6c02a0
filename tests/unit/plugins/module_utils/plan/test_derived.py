# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rest of the inventory answers for a host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import derived

MLFLOW = ("mlflow_server", "mlops_agent", "firewall")
SETTINGS: dict[str, Any] = {
    "mlflow_server_state": "present", "mlflow_server_listen_address": "127.0.0.1", "mlflow_server_port": 5000, "mlflow_server_name": "mlflow-a",
    "mlflow_server_proxy": "none", "mlflow_server_proxy_port": 443, "mlops_agent_port": 8086, "mlops_agent_model_port_first": 5001,
    "mlops_agent_model_port_last": 5050, "mlops_agent_tracking_uri": "http://127.0.0.1:5000", "sparkflows_mlops_host": "", "firewall_enabled": True,
    "firewall_state": "present", "firewall_sources": [],
}  # fmt: skip


def inventory(**hostvars: dict[str, Any]) -> derived.Inventory:
    having = {"mlops_agent": ["mlflow-a", "mlflow-b"], "sparkflows": ["sparkflows"]}
    told = {"mlops_plan": {"addresses": ["127.0.0.1", "192.0.2.4", "::1", "2001:db8::4", "fe80::1"]}}
    return derived.Inventory(having, {"mlflow-a": {}, "mlflow-b": {}, "sparkflows": told, **hostvars})


def options(roles: tuple[str, ...] = MLFLOW, given: tuple[str, ...] = (), of: derived.Inventory | None = None, **settings: Any) -> dict[str, Any]:
    return derived.options(roles, {**SETTINGS, **settings}, given, of or inventory())


@pytest.mark.parametrize(
    ("settings", "given", "uri", "name"),
    [
        ({}, (), "http://127.0.0.1:5000", "mlflow-a"),
        ({"mlflow_server_port": 5060}, (), "http://127.0.0.1:5060", "mlflow-a"),
        ({"mlflow_server_listen_address": "0.0.0.0"}, (), "http://127.0.0.1:5000", "mlflow-a"),
        ({"mlflow_server_listen_address": "::"}, (), "http://[::1]:5000", "mlflow-a"),
        ({"mlflow_server_listen_address": "fd00::7"}, (), "http://[fd00::7]:5000", "mlflow-a"),
        ({"mlflow_server_state": "absent", "mlflow_server_port": 5060}, (), "http://127.0.0.1:5000", ""),
        # A tracking server that the admin names may be any.
        ({}, ("mlops_agent_tracking_uri",), "http://127.0.0.1:5000", ""),
    ],
)
def test_the_agent_follows_the_tracking_server_of_its_host(settings: dict[str, Any], given: tuple[str, ...], uri: str, name: str) -> None:
    found = options(given=given, **settings)
    assert (found["mlops_agent_tracking_uri"], found["mlops_agent_tracking_name"]) == (uri, name)


def test_the_firewall_opens_what_is_reached_from_elsewhere() -> None:
    assert options()["firewall_ports"] == [8086, "5001-5050"]
    assert options(mlflow_server_proxy="nginx")["firewall_ports"] == [8086, "5001-5050", 443]
    assert options(mlflow_server_listen_address="0.0.0.0")["firewall_ports"] == [8086, "5001-5050", 5000]


SEEN = ["192.0.2.4", "2001:db8::4"]
FACTS = {"all_ipv4_addresses": ["127.0.0.1", "192.0.2.4"], "all_ipv6_addresses": ["fe80::1", "::1", "2001:db8::4"]}


@pytest.mark.parametrize(
    ("sparkflows", "sources"),
    [
        ({"mlops_plan": {"addresses": ["127.0.0.1", "192.0.2.4", "::1", "2001:db8::4", "fe80::1"]}}, SEEN),
        # A host that is both, or is planned at the same time as one.
        ({"mlops_where": {"host": {"addresses": ["192.0.2.4", "2001:db8::4"]}}}, SEEN),
        ({"mlops_where": {"skipped": True}, "mlops_plan": {"addresses": ["192.0.2.4"]}}, ["192.0.2.4"]),
        # Facts that are kept from run to run, where --limit leaves the host out.
        ({"ansible_facts": FACTS}, SEEN),
        # What was read in this run wins over what is kept.
        ({"mlops_plan": {"addresses": ["192.0.2.5"]}, "ansible_facts": FACTS}, ["192.0.2.5"]),
        # It has findings of its own, and no run goes on.
        ({"mlops_plan": {"findings": ["…"], "roles": {}}}, []),
    ],
)
def test_the_firewall_lets_the_sparkflows_hosts_in(sparkflows: dict[str, Any], sources: list[str]) -> None:
    assert options(of=inventory(sparkflows=sparkflows))["firewall_sources"] == sources


@pytest.mark.parametrize("silent", [{}, {"mlops_where": {"skipped": True}}, {"ansible_facts": {"os_family": "Debian"}}])
def test_nobody_is_locked_out_for_want_of_an_address(silent: dict[str, Any]) -> None:
    having = {"mlops_agent": ["mlflow-a"], "sparkflows": ["told", "silent"]}
    of = derived.Inventory(having, {"mlflow-a": {}, "told": {"mlops_plan": {"addresses": ["192.0.2.4"]}}, "silent": silent})
    with pytest.raises(Problem, match=r"this run does not read silent\. Name it in --limit as well, or give firewall_sources\."):
        options(of=of)
    for changes in ({"firewall_enabled": False}, {"firewall_state": "absent"}):
        assert options(of=of, **changes)["firewall_sources"] == []
    assert options(of=of, firewall_sources=["192.0.2.0/24"])["firewall_sources"] == ["192.0.2.0/24"]


def test_who_may_be_let_in_is_asked_where_it_is() -> None:
    assert derived.questions(["ssh_access", "sparkflows"]) == {"addresses": True}
    assert derived.questions(MLFLOW) == {}


def test_ssh_goes_where_ansible_goes() -> None:
    found = options(("ssh_access",), of=inventory(**{"mlflow-b": {"ansible_host": "[2001:db8::b]", "ansible_port": 2222}}))
    assert found["ssh_access_targets"] == [
        {"host": "mlflow-a", "address": "mlflow-a", "port": 22}, {"host": "mlflow-b", "address": "2001:db8::b", "port": 2222},
    ]  # fmt: skip


def test_sparkflows_is_to_reach_the_declared_models() -> None:
    models = [{"name": "a", "port": 5001}, {"name": "b"}, {"name": "c", "port": 5003, "state": "absent"}]
    of = inventory(**{"mlflow-a": {"mlops_agent_deployments": models}, "mlflow-b": {"ansible_host": "::7", "mlops_agent_deployments": models}})
    assert options(("sparkflows",), of=of)["sparkflows_model_urls"] == ["http://mlflow-a:5001/ping", "http://[::7]:5001/ping"]
    assert options(("sparkflows",), of=of, sparkflows_mlops_host="mlflow-a")["sparkflows_model_urls"] == ["http://mlflow-a:5001/ping"]


def test_scorers_fit_the_release_of_sparkflows() -> None:
    plan = {"roles": {"sparkflows": {"inputs": {"version": "3.2.84"}}}}
    assert options(("scorer",), of=inventory(sparkflows={"mlops_plan": plan})) == {"scorer_sparkflows_release": "3.2.84"}
    assert options(("scorer",)) == {"scorer_sparkflows_release": ""}


def test_a_scorer_beside_sparkflows_learns_its_release_from_the_same_reading() -> None:
    reading = {"predictions": {"sparkflows": {"error": None, "server": {"version": "3.2.84"}}}}
    silent = {"scorer_sparkflows_release": "", "firewall_ports": [8086]}
    assert derived.learnt(silent, reading) == {"scorer_sparkflows_release": "3.2.84", "firewall_ports": [8086]}
    assert derived.learnt({"scorer_sparkflows_release": "3.2.85"}, reading) == {"scorer_sparkflows_release": "3.2.85"}
    for told_nothing in ({}, {"sparkflows": {"error": "It does not answer."}}, {"sparkflows": {"server": None}}):
        assert derived.learnt(silent, {"predictions": told_nothing}) == silent
    assert derived.learnt({"firewall_ports": []}, reading) == {"firewall_ports": []}


def test_nobody_has_to_give_what_the_inventory_answers() -> None:
    assert set(derived.names(inventory())) == {"firewall_ports", "firewall_sources", "mlops_agent_tracking_uri", "ssh_access_targets"}
    assert set(derived.names(derived.Inventory({}, {}))) == {"firewall_ports", "mlops_agent_tracking_uri"}
