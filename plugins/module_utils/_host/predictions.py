# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What modules of the collection would do on this host, asked of the same functions in check mode, so that a reading and a change can't disagree."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall import _change as firewall
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import login_file, packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent, agent_reading
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import environment as pip_environment
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import options as scorer_options
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import standing as sparkflows_standing
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import key_file as ssh_key_file
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import known_hosts as ssh_known_hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import service_login as ssh_service_login
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import target as ssh_target

Options = t.Dict[str, t.Any]


class _Module(t.NamedTuple):
    """A module's options, and what it would do with them."""

    argument_spec: dict[str, t.Any]
    foresee: t.Callable[[Options], dict[str, t.Any]]


def _ignore(_warning: str) -> None:
    """What a module would warn of it says when it runs."""


def _scorer_services(options: Options) -> dict[str, t.Any]:
    # Takes a while to load, and most hosts have no scorers.
    from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import services as scorer

    return scorer.run(options, True)


#: What may be asked, by name.
MODULES = {
    "archive_release": _Module(archive_release.ARGUMENT_SPEC, lambda options: archive_release.run(options, check_mode=True)),
    "pip_environment": _Module(pip_environment.ARGUMENT_SPEC, lambda options: pip_environment.run(options, True, os.environ, _ignore)),
    # No module, but the steps of the role mlflow_server.
    "login_file": _Module(login_file.ARGUMENT_SPEC, lambda options: {"changed": not login_file.holds(**options)}),
    "firewall_ports": _Module(firewall.ARGUMENT_SPEC, lambda options: firewall.run_module(options, check_mode=True)),
    "mlops_deployment": _Module(agent.ARGUMENT_SPEC, lambda options: agent.run(options, agent.Deployments(agent.agent_client(options)), True)),
    # Not a module: one look at all that an agent serves.
    "mlops_deployments": _Module(agent_reading.ARGUMENT_SPEC, agent_reading.read),
    # No module, but what several of them tell with one login.
    "sparkflows": _Module(sparkflows_standing.ARGUMENT_SPEC, sparkflows_standing.run),
    "ssh_private_key": _Module(ssh_key_file.ARGUMENT_SPEC, lambda options: ssh_key_file.run(options, check_mode=True)),
    # Not modules: logins that are tried, what is pinned, and a host that is logged in to.
    "ssh_logins": _Module(ssh_service_login.ARGUMENT_SPEC, ssh_service_login.look),
    "ssh_pins": _Module(ssh_known_hosts.LOOK_SPEC, ssh_known_hosts.look),
    "ssh_target": _Module(ssh_target.ARGUMENT_SPEC, ssh_target.look),
    "scorer_services": _Module(scorer_options.ARGUMENT_SPEC, _scorer_services),
}


def predictions(wanted: t.Iterable[dict[str, t.Any]], system: t.Mapping[str, str], architecture: str) -> dict[str, dict[str, t.Any]]:
    """By name, what each module would do: C(changed), C(diff) and the rest of its result in check mode, or C(error), a sentence.

    :param wanted: each with C(name), C(module), the module's C(options) and C(secrets); with C(architecture), C(distribution) and
        C(except) it is for some hosts alone, as with `packages.read`.
    """
    return {
        question["name"]: _foreseen(question["module"], {**question["options"], **(question.get("secrets") or {})})
        for question in wanted
        if (question.get("architecture") or architecture) == architecture and packages.is_for(question, system)
    }


def _foreseen(name: str, options: Options) -> dict[str, t.Any]:
    module = MODULES[name]
    checked = ArgumentSpecValidator(module.argument_spec).validate(options)
    if checked.error_messages:
        return {"changed": True, "error": "%s: %s" % (name, "; ".join(checked.error_messages))}
    # The validator leaves out what is not given; modules have a null there.
    params = {**dict.fromkeys(module.argument_spec), **checked.validated_parameters}
    umask = os.umask(0o022)
    try:
        return {"error": None, **module.foresee(params)}
    except Problem as problem:
        return {"changed": True, "error": str(problem)}
    except OSError as error:
        return {"changed": True, "error": of_the_system(error, name)}
    finally:
        os.umask(umask)
