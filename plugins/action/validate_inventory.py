# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a host's variables against the roles' argument specifications; runs on the controller, contacts no host."""

from __future__ import annotations

import os

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils import _inventory as inventory

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles", "groups"))

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        options = {role: _role_options(role) for role in self._task.args["roles"]}

        problems = inventory.missing_groups(task_vars.get("groups", {}), self._task.args.get("groups") or [])
        problems += inventory.unknown_variables(options, task_vars)
        given, unresolved = self._given_values(options, task_vars)
        problems += unresolved
        settings = {option: spec.get("default") for role in options.values() for option, spec in role.items()}
        settings.update(given)
        problems += inventory.wrong_values(options, given)
        problems += inventory.missing_variables(options, settings)
        if not unresolved:
            problems += inventory.token_errors(settings)
            problems += inventory.sparkflows_errors(settings)
        problems += inventory.port_conflicts(settings)
        problems += inventory.lock_errors(inventory.lock_paths(settings, os.path.join(ROLES, "pip_stack", "files", "locks")))
        problems += inventory.deployment_errors(settings.get("mlops_agent_deployments"), settings)

        result["problems"] = problems
        result["changed"] = False
        if problems:
            result["failed"] = True
            result["msg"] = "\n".join(problems)
        else:
            secret = {option for role in options.values() for option, spec in role.items() if spec.get("type") == "raw"}
            result["settings"] = {option: value for option, value in settings.items() if option not in secret}
        return result

    def _given_values(self, options, task_vars):
        values, problems = {}, []
        for role in options.values():
            for option in sorted(set(role) & set(task_vars)):
                try:
                    values[option] = self._templar.template(task_vars[option])
                except AnsibleError as error:
                    # The message of a failed lookup can quote what it read; a secret's stays out of the output.
                    reason = "" if role[option].get("type") == "raw" else " Ansible says: %s" % str(error).splitlines()[0]
                    problems.append("The value of %s can't be worked out; check what it refers to.%s" % (option, reason))
        return values, problems


def _role_options(role):
    path = os.path.join(ROLES, role, "meta", "argument_specs.yml")
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)["argument_specs"]["main"]["options"]
    except OSError as error:
        raise AnsibleError("The collection has no role %s: %s can't be read (%s)." % (role, path, error.strerror)) from error
