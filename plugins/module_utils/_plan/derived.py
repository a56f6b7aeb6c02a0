# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Options of roles that the rest of the inventory answers where a host's own variables are silent."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import firewall
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.ssh_access import target_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import service_url

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Inventory(t.NamedTuple):
    """The hosts that have each role, and the variables of every host by its name."""

    having: t.Mapping[str, t.Sequence[str]]
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]]

    @property
    def mlflow_hosts(self) -> t.Sequence[str]:
        return self.having.get("mlops_agent", ())

    @property
    def sparkflows_hosts(self) -> t.Sequence[str]:
        return self.having.get("sparkflows", ())


def names(inventory: Inventory) -> list[str]:
    """The options that `options` has a value for, so that nobody has to give one."""
    found = ["firewall_ports", "mlops_agent_tracking_uri"]
    found += ["firewall_sources"] if inventory.sparkflows_hosts else []
    return found + (["ssh_access_targets"] if inventory.mlflow_hosts else [])


def questions(roles: t.Container[str]) -> dict[str, t.Any]:
    """What a host is asked for the sake of others, as options of C(host_info): where it is, if firewalls are to let it in."""
    return {"addresses": True} if "sparkflows" in roles else {}


def options(roles: t.Container[str], settings: Settings, given: t.Container[str], inventory: Inventory) -> dict[str, t.Any]:
    """A value for each option of these roles that may be left empty, because the inventory answers it.

    Raises `Problem` for a port that is none, and for addresses that would have to be known and are not.

    :param settings: the settings in force on the host, of all its roles.
    :param given: the names of those that the inventory gives.
    """
    found: dict[str, t.Any] = {}
    if "mlops_agent" in roles and "mlflow_server" in roles:
        own = settings["mlflow_server_state"] == "present"
        here = service_url(settings["mlflow_server_listen_address"], settings["mlflow_server_port"]) if own else "http://127.0.0.1:5000"
        found["mlops_agent_tracking_uri"] = here
        found["mlops_agent_tracking_name"] = settings["mlflow_server_name"] if own and "mlops_agent_tracking_uri" not in given else ""
    if "firewall" in roles and "mlops_agent" in roles and "mlflow_server" in roles:
        found["firewall_ports"] = _ports(settings)
        found["firewall_sources"] = settings["firewall_sources"] or (_addresses(inventory) if firewall.present(settings) else [])
    if "ssh_access" in roles:
        found["ssh_access_targets"] = [target_of(host, inventory.hostvars[host]) for host in inventory.mlflow_hosts]
    if "sparkflows" in roles:
        found["sparkflows_model_urls"] = _model_urls(settings, inventory)
    if "scorer" in roles:
        found["scorer_sparkflows_release"] = _release(inventory)
    return found


def _ports(settings: Settings) -> list[t.Any]:
    """The agent's port, those of models, and the tracking server's where it is reached from elsewhere: behind its proxy, or beyond the loopback."""
    ports = [settings["mlops_agent_port"], "%s-%s" % (settings["mlops_agent_model_port_first"], settings["mlops_agent_model_port_last"])]
    if settings["mlflow_server_proxy"] != "none":
        return ports + [settings["mlflow_server_proxy_port"]]
    return ports + ([] if settings["mlflow_server_listen_address"] in _LOOPBACK else [settings["mlflow_server_port"]])


def _addresses(inventory: Inventory) -> list[str]:
    """The addresses of the Sparkflows hosts that others can see. Raises `Problem` for hosts that have not told theirs, rather than to lock them out."""
    told = {host: _told(inventory.hostvars[host]) for host in inventory.sparkflows_hosts}
    silent = [host for host, addresses in told.items() if addresses is None]
    if silent:
        raise Problem(
            "firewall_sources is not given, so the firewall is to let in the Sparkflows hosts, but this run does not read %s. Name %s in --limit as well, or "
            "give firewall_sources." % (", ".join(silent), "it" if len(silent) == 1 else "them")
        )
    seen = dict.fromkeys(address for addresses in told.values() for address in addresses or ())
    return [address for address in seen if not (ipaddress.ip_address(address).is_loopback or ipaddress.ip_address(address).is_link_local)]


def _told(variables: t.Mapping[str, t.Any]) -> t.Optional[t.Sequence[str]]:
    """The addresses that a host told of itself in this run, or as facts that were gathered or kept. None for one that was not asked."""
    plan = variables.get("mlops_plan") or {}
    facts = variables.get("ansible_facts") or {}
    for reading in (plan, (variables.get("mlops_where") or {}).get("host") or {}):
        if "addresses" in reading:
            return t.cast("t.Sequence[str]", reading["addresses"])
    if "all_ipv4_addresses" in facts or "all_ipv6_addresses" in facts:
        return [*facts.get("all_ipv4_addresses", ()), *facts.get("all_ipv6_addresses", ())]
    # Of one that was planned in vain, the finding stands with it.
    return [] if plan else None


def _model_urls(settings: Settings, inventory: Inventory) -> list[str]:
    """The declared models with a port of their own, on the MLflow host that Sparkflows knows as its MLOps host, else on all."""
    named = settings["sparkflows_mlops_host"]
    urls = []
    for host in [named] if named in inventory.mlflow_hosts else inventory.mlflow_hosts:
        variables = inventory.hostvars[host]
        for model in variables.get("mlops_agent_deployments") or []:
            if model.get("port") and (model.get("state") or "present") == "present":
                urls.append(service_url(variables.get("ansible_host") or host, model["port"], path="/ping"))
    return urls


def learnt(options: t.Mapping[str, t.Any], reading: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The same options, with what the host's own reading answers: a scorer on a host of Sparkflows is planned together with it."""
    if options.get("scorer_sparkflows_release") == "":
        return {**options, "scorer_sparkflows_release": release_here(reading)}
    return dict(options)


def release_here(reading: t.Mapping[str, t.Any]) -> str:
    """The release of the Sparkflows that the host runs, as its reading tells; empty where it does not."""
    server = (reading["predictions"].get("sparkflows") or {}).get("server") or {}
    return str(server.get("version") or "")


def _release(inventory: Inventory) -> str:
    """The release of Sparkflows, as the plan of the first of its hosts says."""
    plans = [inventory.hostvars[host].get("mlops_plan") or {} for host in inventory.sparkflows_hosts]
    versions = [((plan.get("roles") or {}).get("sparkflows") or {}).get("inputs", {}).get("version") for plan in plans]
    return next((str(version) for version in versions if version), "")
