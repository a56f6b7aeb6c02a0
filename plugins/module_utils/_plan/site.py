# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What concerns several roles: their ports on one host, and what one role needs of another."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlflow_server, mlops_agent, pip_stack, scorer, ssh_access
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings, shown


def missing_groups(groups: t.Container[str], expected: t.Iterable[str]) -> list[str]:
    """Sentences for groups that playbooks address and the inventory lacks; they may be empty."""
    return [
        "The inventory has no group %s. Add it, empty if need be; the inventories shipped with the collection show the shape." % name
        for name in expected
        if name not in groups
    ]


def problems(settings: Settings, roles: t.Container[str], hosts: t.Container[str]) -> list[str]:
    """Sentences for what does not go together between the roles of one host.

    :param settings: the settings of all these roles.
    :param roles: their names; a host need not have them all.
    :param hosts: the inventory's hosts.
    """
    found = _port_problems(settings, roles) + _stale_defaults(settings, roles)
    if "mlflow_server" in roles and "pip_stack" in roles:
        found += _driver_problems(settings)
    if "ssh_access" in roles:
        found += ssh_access.unknown_targets(settings, hosts)
    return found


def _port_problems(settings: Settings, roles: t.Container[str]) -> list[str]:
    """Ports that are taken twice, or lie within the range that is kept for models."""
    own = [pair for role, module in (("mlflow_server", mlflow_server), ("mlops_agent", mlops_agent)) if role in roles for pair in module.ports(settings)]
    # Of scorers among themselves the role's own rules tell.
    of_scorers = scorer.ports(settings) if "scorer" in roles else []
    found = [
        "%s and %s are both %d; give each a port of its own." % (one, other, port)
        for (one, port), (other, same) in [*itertools.combinations(own, 2), *itertools.product(own, of_scorers)]
        if port == same
    ]
    ports = own + of_scorers
    kept = mlops_agent.model_ports(settings) if "mlops_agent" in roles else None
    if kept:
        found += [
            "%s is %d, which lies in the range kept for models (%d to %d); move one of them." % (name, port, kept[0], kept[1])
            for name, port in ports
            if kept[0] <= port <= kept[1]
        ]
    return found


class _Follower(t.NamedTuple):
    """A variable whose default assumes the default of another role's variable."""

    role: str
    option: str
    default: str
    leader_role: str
    leader: str
    followed: t.Callable[[t.Any], str]


_FOLLOWERS = (
    _Follower("pip_stack", "pip_stack_python", "/opt/sparkflows/python/current/bin/python3.7", "python", "python_prefix", "{}/current/bin/python3.7".format),
    _Follower("mlflow_server", "mlflow_server_stack", "/opt/sparkflows/stack/current", "pip_stack", "pip_stack_prefix", "{}/current".format),
    _Follower("mlops_agent", "mlops_agent_stack", "/opt/sparkflows/stack/current", "pip_stack", "pip_stack_prefix", "{}/current".format),
    _Follower("mlops_agent", "mlops_agent_jdk_home", "/opt/sparkflows/jdk/current", "jdk", "jdk_prefix", "{}/current".format),
)


def _stale_defaults(settings: Settings, roles: t.Container[str]) -> list[str]:
    """Defaults that no longer fit because what they assume was changed on the same host."""
    found = []
    for role, option, default, leader_role, leader, followed in _FOLLOWERS:
        if role not in roles or leader_role not in roles or {settings[role + "_state"], settings[leader_role + "_state"]} != {"present"}:
            continue
        wanted = followed(settings[leader])
        if settings[option] == default != wanted:
            found.append("%s is %s, but %s is still %s. Set it to %s." % (leader, shown(settings[leader]), option, default, shown(wanted)))
    return found


def _driver_problems(settings: Settings) -> list[str]:
    """PostgreSQL without its driver, where the locks of the stack that the server runs in can be read."""
    if not mlflow_server.postgresql(settings) or settings["pip_stack_state"] == "absent":
        return []
    if settings["mlflow_server_stack"] != settings["pip_stack_prefix"] + "/current":
        return []
    pins = pip_stack.pins(settings)
    if pins is None or any(name.startswith("psycopg2") for name in pins):
        return []
    return ["mlflow_server_backend_store is postgresql, but the stack has no psycopg2. Add postgresql to pip_stack_extras."]


#: Variables by which one role runs from what another leaves behind, and the role that has them.
_RUNS_FROM = {
    "jdk": {"mlops_agent_jdk_home": "mlops_agent"},
    "python": {"pip_stack_python": "pip_stack"},
    "pip_stack": {"mlflow_server_stack": "mlflow_server", "mlops_agent_stack": "mlops_agent"},
}


def still_needed(settings: Settings, role: str) -> list[str]:
    """A role that is to go while another, which runs from it, is to stay."""
    prefix = settings[role + "_prefix"]
    followers = [(option, name) for option, name in _RUNS_FROM[role].items() if settings.get(name + "_state") == "present"]
    stay = [name for option, name in followers if str(settings[option]).startswith("%s/" % prefix)]
    if not stay:
        return []
    return [
        "%s_state is absent, but %s %s from %s. Set %s to absent as well, or leave the role %s present."
        % (role, " and ".join(stay), "run" if len(stay) > 1 else "runs", prefix, " and ".join(name + "_state" for name in stay), role)
    ]
