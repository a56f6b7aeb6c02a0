# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What modules of the collection would do on this host, asked of the same functions in check mode, so that a reading and a change can't disagree."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import packages

Options = t.Dict[str, t.Any]


class _Module(t.NamedTuple):
    """A module's options, and what it would do with them."""

    argument_spec: dict[str, t.Any]
    foresee: t.Callable[[Options], dict[str, t.Any]]


def _ignore(_warning: str) -> None:
    """What a module would warn of it says when it runs."""


# Each is loaded when it is asked for: a host needs some of them, and all together would be a third of a reading.


def _archive_release() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release

    return _Module(release.ARGUMENT_SPEC, lambda options: release.run(options, check_mode=True))


def _pip_environment() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import environment

    return _Module(environment.ARGUMENT_SPEC, lambda options: environment.run(options, True, os.environ, _ignore))


def _login_file() -> _Module:
    """No module, but the steps of the role mlflow_server."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._host import login_file

    return _Module(login_file.ARGUMENT_SPEC, lambda options: {"changed": not login_file.holds(**options)})


def _releases() -> _Module:
    """Not a module: which releases there are."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import switch

    return _Module(switch.LOOK_SPEC, switch.look)


def _mlflow_backups() -> _Module:
    """Not a module: which backups there are, and which MLflow could read them."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import backup

    return _Module(backup.LOOK_SPEC, backup.look)


def _firewall_ports() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall import _change

    return _Module(_change.ARGUMENT_SPEC, lambda options: _change.run_module(options, check_mode=True))


def _mlops_deployment() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent

    return _Module(agent.ARGUMENT_SPEC, lambda options: agent.run(options, agent.Deployments(agent.agent_client(options)), True))


def _mlops_deployments() -> _Module:
    """Not a module: one look at all that an agent serves."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent_reading

    return _Module(agent_reading.ARGUMENT_SPEC, agent_reading.read)


def _sparkflows() -> _Module:
    """No module, but what several of them tell with one login."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import standing

    return _Module(standing.ARGUMENT_SPEC, standing.run)


def _ssh_private_key() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import key_file

    return _Module(key_file.ARGUMENT_SPEC, lambda options: key_file.run(options, check_mode=True))


def _ssh_logins() -> _Module:
    """Not a module: logins that are tried."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import service_login

    return _Module(service_login.ARGUMENT_SPEC, service_login.look)


def _ssh_pins() -> _Module:
    """Not a module: the host keys that are pinned."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import known_hosts

    return _Module(known_hosts.LOOK_SPEC, known_hosts.look)


def _ssh_target() -> _Module:
    """Not a module: a host that is logged in to."""
    from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import target

    return _Module(target.ARGUMENT_SPEC, target.look)


def _scorer_services() -> _Module:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import options as scorer_options
    from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import services

    return _Module(scorer_options.ARGUMENT_SPEC, lambda options: services.run(options, True))


#: What may be asked, by name.
MODULES: dict[str, t.Callable[[], _Module]] = {
    "archive_release": _archive_release,
    "pip_environment": _pip_environment,
    "releases": _releases,
    "login_file": _login_file,
    "mlflow_backups": _mlflow_backups,
    "firewall_ports": _firewall_ports,
    "mlops_deployment": _mlops_deployment,
    "mlops_deployments": _mlops_deployments,
    "sparkflows": _sparkflows,
    "ssh_private_key": _ssh_private_key,
    "ssh_logins": _ssh_logins,
    "ssh_pins": _ssh_pins,
    "ssh_target": _ssh_target,
    "scorer_services": _scorer_services,
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
    module = MODULES[name]()
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
