# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""All that can be said about a host's variables before any host is contacted: specifications, each role's table, and what concerns several roles."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import (
    _specs,
    firewall,
    jdk,
    mlflow_server,
    mlops_agent,
    mlops_bundle,
    pip_stack,
    python,
    sagemaker,
    scorer,
    site,
    sparkflows,
    ssh_access,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings, shown
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import limits


class Role(t.NamedTuple):
    """What a role says about its settings, and which files on the controller it reads.

    ``options`` are those of what is no role and so has no argument specification of its own.
    """

    problems: t.Callable[[Settings], list[str]]
    controller_files: t.Callable[[Settings], list[tuple[str, str]]] = lambda settings: []
    options: t.Optional[_specs.Options] = None


ROLES = {
    "mlops_bundle": Role(mlops_bundle.problems, mlops_bundle.controller_files),
    "jdk": Role(jdk.problems, jdk.controller_files),
    "python": Role(python.problems, python.controller_files),
    "pip_stack": Role(pip_stack.problems),
    "mlflow_server": Role(mlflow_server.problems),
    "mlops_agent": Role(mlops_agent.problems, mlops_agent.controller_files),
    "firewall": Role(firewall.problems),
    "ssh_access": Role(ssh_access.problems),
    "sparkflows": Role(sparkflows.problems, sparkflows.controller_files),
    "scorer": Role(scorer.problems),
    "sagemaker": Role(sagemaker.problems, sagemaker.controller_files),
    # No role, but the playbook that tells how all of them stand.
    "health": Role(limits.problems, options=limits.OPTIONS),
}


class Variables(t.NamedTuple):
    """What is known of a host's variables.

    ``options`` are the roles' options by role, ``given`` the values that could be worked out, ``unresolved`` a sentence for each that could
    not, ``origins`` the templates that values come from, ``names`` all variables of the host that are not the roles' own, ``derived`` the
    options that a playbook fills in where they are empty, ``hosts`` the inventory's hosts.
    """

    options: t.Mapping[str, _specs.Options]
    given: t.Mapping[str, t.Any]
    unresolved: t.Mapping[str, str]
    origins: t.Mapping[str, str]
    names: t.Iterable[str]
    derived: t.Iterable[str] = ()
    hosts: t.Container[str] = ()


def settings_of(variables: Variables) -> dict[str, t.Any]:
    """The values in force: what is given, and the default of what is not or could not be worked out."""
    settings = {option: spec.get("default") for options in variables.options.values() for option, spec in options.items()}
    settings.update(variables.given)
    return settings


def problems(variables: Variables, find: t.Callable[[str, str], bool], near: bool = False) -> list[str]:
    """Sentences for all that is wrong with a host's variables.

    :param find: tells whether the controller has what a role names by a path: the role's name, the path.
    :param near: of unknown variables only those that look like a slip of the pen.
    """
    options = {option: spec for of_role in variables.options.values() for option, spec in of_role.items()}
    wrong = _specs.wrong_values(options, variables.given)
    refused = set(wrong) | set(variables.unresolved)
    found = _specs.unknown_variables(options, variables.options, variables.names, near)
    found += variables.unresolved.values()
    found += [sentence for sentences in wrong.values() for sentence in sentences]

    settings = settings_of(variables)
    # What has a sentence already is judged as if it were not given, and no second sentence is made of it.
    settings.update((option, options[option].get("default")) for option in refused)
    settings.update((option, None) for option in variables.derived if option in settings and (option not in variables.given or not settings[option]))
    found += [sentence for option, sentence in _specs.missing_variables(options, settings).items() if option not in refused]
    further: list[str] = []
    for role in variables.options:
        further += ROLES[role].problems(settings)
        for option, path in ROLES[role].controller_files(settings):
            if not find(role, path):
                further.append("%s is '%s', but there is no such file on the controller. Correct it, or put the file there." % (option, shown(path)))
    further += site.problems(settings, variables.options, variables.hosts)
    mentioned = re.compile(r"\b(?:%s)\b" % "|".join(map(re.escape, sorted(refused)))) if refused else None
    found += [sentence for sentence in further if not mentioned or not mentioned.search(sentence)]
    return [_with_origin(sentence, variables.origins) for sentence in found]


def _with_origin(sentence: str, origins: t.Mapping[str, str]) -> str:
    """A sentence about a value that was derived also tells what from: the admin may never have heard of the variable."""
    option = sentence.partition(" ")[0].rstrip(":,")
    if option not in origins:
        return sentence
    name = ", the host's name in the inventory. Give the host another name or set %s" % option if "inventory_hostname" in origins[option] else ""
    return "%s Its value comes from %s%s." % (sentence, shown(origins[option]), name)
