# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a host's variables against the rules of the roles; runs on the controller, contacts no host."""

from __future__ import annotations

import glob
import os
import re

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import site, validation

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is a template

    def trust_as_template(text):
        return text


ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles")
_OWN_NAME = re.compile(r"^(\w+):|^ *register: (\w+)$", re.MULTILINE)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles", "groups", "derived"))

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        options = {role: _role_options(role) for role in self._task.args["roles"]}
        secret = {option for role in options.values() for option, spec in role.items() if spec.get("type") == "raw"}
        given, unresolved, origins = self._given_values(options, secret, task_vars)
        groups = task_vars.get("groups", {})
        names = set(task_vars) - _own_names(options)
        variables = validation.Variables(options, given, unresolved, origins, names, self._task.args.get("derived") or (), groups.get("all", ()))
        # A role on its own stands among variables of others, whose names may begin like its own.
        problems = site.missing_groups(groups, self._task.args.get("groups") or [])
        problems += validation.problems(variables, self._find, near=self._task._role is not None)

        result["problems"] = problems
        result["changed"] = False
        if problems:
            result["failed"] = True
            result["msg"] = "\n".join(problems)
        else:
            result["settings"] = {option: value for option, value in validation.settings_of(variables).items() if option not in secret}
        return result

    def _given_values(self, options, secret, task_vars):
        """The values of all options, sentences for those that can't be worked out, and the templates that values come from."""
        values, problems, origins = {}, {}, {}
        for role in options.values():
            for option, spec in sorted(role.items()):
                given = option in task_vars
                source = task_vars[option] if given else spec.get("default")
                if not given and not _is_template(source):
                    continue
                try:
                    values[option] = self._worked_out(source if given else trust_as_template(source))
                except AnsibleError as error:
                    problems[option] = _why_unresolved(option, source, task_vars, error, option in secret)
                if option not in secret and _is_template(source):
                    origins[option] = str(source)
        return values, problems, origins

    def _worked_out(self, source):
        """The value of a variable, with its templates filled in and whatever is encrypted in it decrypted."""
        return _decrypted(self._templar.template(source))

    def _find(self, role, path):
        """Whether the controller has the file or folder that a role would look for."""
        folders = [*self._task.get_search_path(), os.path.join(ROLES, role)]
        try:
            return bool(self._loader.path_dwim_relative_stack(folders, "files", os.path.expanduser(path)))
        except AnsibleError:
            return False


def _role_options(role):
    path = os.path.join(ROLES, role, "meta", "argument_specs.yml")
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)["argument_specs"]["main"]["options"]
    except OSError as error:
        raise AnsibleError("The collection has no role %s: %s can't be read (%s)." % (role, path, error.strerror)) from error


def _own_names(roles):
    """The variables that roles set themselves: those for other roles to use, and results."""
    names = set()
    for role in roles:
        for path in glob.glob(os.path.join(ROLES, role, "vars", "*.yml")) + glob.glob(os.path.join(ROLES, role, "tasks", "*.yml")):
            with open(path, encoding="utf-8") as stream:
                names.update(name for pair in _OWN_NAME.findall(stream.read()) for name in pair)
    return names


def _is_template(source):
    return isinstance(source, str) and "{{" in source


def _is_encrypted(value):
    """Whether a value is one of `!vault`, which no release of ansible-core lets templates decrypt when its password is missing."""
    return hasattr(value, "_ciphertext")


def _decrypted(value):
    if _is_encrypted(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _decrypted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_decrypted(inner) for inner in value]
    return value


def _why_unresolved(option, source, task_vars, error, secret):
    for name, value in [(option, source)] + [(word, task_vars.get(word)) for word in re.findall(r"\w+", source if isinstance(source, str) else "")]:
        if _is_encrypted(value) and not _opens(value):
            header = value._ciphertext if isinstance(value._ciphertext, str) else value._ciphertext.decode("ascii", "replace")
            label = header.partition("\n")[0].strip().split(";")[3:]
            vault = "vault %s" % label[0] if label else "vault"
            return "%s is encrypted, and no password that was given opens its %s. Give it with --vault-id %s@prompt or --vault-password-file." % (
                name if name == option else "%s, which %s refers to," % (name, option), vault, label[0] if label else "default"
            )  # fmt: skip
    # The message of a failed lookup can quote what it read; a secret's stays out of the output.
    reason = "" if secret else " Ansible says: %s" % str(error).splitlines()[0]
    return "The value of %s can't be worked out; check what it refers to.%s" % (option, reason)


def _opens(value):
    try:
        str(value)
    except AnsibleError:
        return False
    return True
