# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A host's variables as the roles understand them: worked out on the controller, checked against the roles' rules, and filled into their templates."""

from __future__ import annotations

import glob
import os
import re
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.loader import lookup_loader
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import batches, derived, mlops_bundle, site, validation
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflow_import import read_file

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is a template

    def trust_as_template(text: str) -> str:
        return text


ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles")
_OWN_NAME = re.compile(r"^(\w+):|^ *register: (\w+)$", re.MULTILINE)


def roles_of(site: t.Mapping[str, list[str]], task_vars: t.Mapping[str, t.Any]) -> list[str]:
    """The roles of a host, by the groups that it is in."""
    return [role for group, roles in site.items() if group in task_vars["group_names"] for role in roles]


def inventory_of(site: t.Mapping[str, list[str]], task_vars: t.Mapping[str, t.Any]) -> derived.Inventory:
    """The hosts that have each role, and all variables."""
    having = {role: task_vars["groups"].get(group, []) for group, roles in site.items() for role in roles}
    return derived.Inventory(having, task_vars.get("hostvars", {}))


class _Context(t.Dict[str, t.Any]):
    """Variables for one template. The lookup copies them to add its own; a deep copy of an inventory would take longer than filling the template in."""

    def __deepcopy__(self, memo: dict[int, t.Any]) -> dict[str, t.Any]:
        return dict(self)


class InventorySettings:
    """The settings of some roles on one host, within the run of an action plugin.

    :param action: the plugin; its task is where files are looked for and whose role, if any, is the only one.
    :param roles: their names.
    :param task_vars: the variables of the host.
    :param silent: names of options that may be empty, because a playbook fills them in then.
    """

    def __init__(self, action: t.Any, roles: t.Iterable[str], task_vars: t.Mapping[str, t.Any], silent: t.Iterable[str] = ()) -> None:
        self._action, self._templar, self._loader = action, action._templar, action._loader
        self.task_vars = task_vars
        self.options = {role: _role_options(role) for role in roles}
        self.secret = {option for role in self.options.values() for option, spec in role.items() if spec.get("type") == "raw"}
        given, unresolved, origins = self._given_values()
        names = set(task_vars) - _own_names(self.options)
        hosts = task_vars.get("groups", {}).get("all", ())
        self._variables = validation.Variables(self.options, given, unresolved, origins, names, silent, hosts)
        self.settings = validation.settings_of(self._variables)
        self.derived: dict[str, t.Any] = {}
        self._contexts: dict[str, dict[str, t.Any]] = {}

    def derive(self, roles: t.Container[str], inventory: derived.Inventory, bundled: t.Mapping[str, t.Any]) -> None:
        """Let the rest of the inventory answer what the host's own variables leave empty, and a bundle what it holds. Raises `Problem`.

        :param bundled: what a bundle says instead of the host's variables.
        """
        given = self._variables.given
        values = derived.options(roles, self.settings, given, inventory)
        self.derived = {option: given[option] if given.get(option) else value for option, value in values.items()}
        # Said also where there is no bundle, as playbooks fill roles in with it.
        self.derived.update((option, self.settings[option]) for role in self.options for option in mlops_bundle.OPTIONS.get(role, ()))
        self.derived.update(bundled)
        self._variables = self._variables._replace(given={**given, **self.derived})
        self.settings = validation.settings_of(self._variables)

    def problems(self, groups: t.Iterable[str] = ()) -> list[str]:
        """Sentences for all that is wrong with the variables, and for groups that the inventory lacks."""
        known = self.task_vars.get("groups", {})
        found = site.missing_groups(known, groups)
        if "mlflow_hosts" in groups:
            given = {name: self._worked_out(self.task_vars[name]) for name in batches.VARIABLES if name in self.task_vars}
            found += batches.problems(given, known.get("mlflow_hosts", ()))
        # A role on its own stands among variables of others, whose names may begin like its own.
        return found + validation.problems(self._variables, self._find, near=self._action._task._role is not None)

    def public(self) -> dict[str, t.Any]:
        """The settings without those that may be secret."""
        return {option: value for option, value in self.settings.items() if option not in self.secret}

    def address(self) -> str:
        """The host's address in the inventory, or else its name there."""
        return str(self._worked_out(self.task_vars.get("ansible_host")) or self.task_vars["inventory_hostname"])

    def fill_in(self, role: str, template: str, inputs: t.Mapping[str, t.Any]) -> str:
        """What a template of a role becomes on this host; `inputs` are what the plan of the role works out for it."""
        context = self._context(role)
        context["__%s_plan" % role] = {"inputs": dict(inputs)}
        path = os.path.join(ROLES, role, "templates", template)
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar.copy_with_new_env(available_variables=context))
        return str(lookup.run([path], _Context(context))[0])

    def _context(self, role: str) -> dict[str, t.Any]:
        """The variables that a task of a role would see."""
        if role not in self._contexts:
            folder = os.path.join(ROLES, role)
            defaults, variables = (_trusted(self._loader, os.path.join(folder, kind, "main.yml")) for kind in ("defaults", "vars"))
            self._contexts[role] = {**defaults, **self.task_vars, **self.derived, **variables, "role_path": folder}
        return self._contexts[role]

    def _given_values(self) -> tuple[dict[str, t.Any], dict[str, str], dict[str, str]]:
        """The values of all options, sentences for those that can't be worked out, and the templates that values come from."""
        values, problems, origins = {}, {}, {}
        for role in self.options.values():
            for option, spec in sorted(role.items()):
                given = option in self.task_vars
                source = self.task_vars[option] if given else spec.get("default")
                if not given and not _is_template(source):
                    continue
                try:
                    values[option] = self._worked_out(source if given else trust_as_template(source))
                except AnsibleError as error:
                    problems[option] = _why_unresolved(option, source, self.task_vars, error, option in self.secret)
                if option not in self.secret and _is_template(source):
                    origins[option] = str(source)
        return values, problems, origins

    def _worked_out(self, source: t.Any) -> t.Any:
        """The value of a variable, with its templates filled in and whatever is encrypted in it decrypted."""
        return _decrypted(self._templar.template(source))

    def _find(self, role: str, path: str) -> bool:
        """Whether the controller has the file or folder that a role would look for."""
        return bool(self.found(role, path))

    def found(self, role: str, path: str) -> str:
        """The path on the controller of a file or folder that a role would look for; empty where there is none."""
        folders = [*self._action._task.get_search_path(), os.path.join(ROLES, role)]
        try:
            return str(self._loader.path_dwim_relative_stack(folders, "files", os.path.expanduser(path)))
        except AnsibleError:
            return ""

    def workflow_texts(self) -> dict[str, str]:
        """The files of score workflows, by their names; :class:`Problem` for one that can't be read."""
        entries = self.settings.get("sparkflows_score_workflows") or []
        named = [entry["file"] for entry in entries if entry.get("file")]
        return {name: read_file(self._loader.get_real_file(self.found("sparkflows", name))) for name in named}


def _trusted(loader: t.Any, path: str) -> dict[str, t.Any]:
    """The variables of one of the collection's own files, with templates in them."""
    if not os.path.exists(path):
        return {}
    try:
        return dict(loader.load_from_file(path, trusted_as_template=True) or {})
    except TypeError:  # before ansible-core 2.19 every text is a template
        return dict(loader.load_from_file(path) or {})


def _role_options(role: str) -> dict[str, t.Any]:
    known = validation.ROLES.get(role)
    if known and known.options:
        return dict(known.options)
    path = os.path.join(ROLES, role, "meta", "argument_specs.yml")
    try:
        with open(path, encoding="utf-8") as stream:
            return dict(yaml_load(stream)["argument_specs"]["main"]["options"])
    except OSError as error:
        raise AnsibleError("The collection has no role %s: %s can't be read (%s)." % (role, path, error.strerror)) from error


def _own_names(roles: t.Iterable[str]) -> set[str]:
    """The variables that roles set themselves: those for other roles to use, and results."""
    names: set[str] = set()
    for role in roles:
        for path in glob.glob(os.path.join(ROLES, role, "vars", "*.yml")) + glob.glob(os.path.join(ROLES, role, "tasks", "*.yml")):
            with open(path, encoding="utf-8") as stream:
                names.update(name for pair in _OWN_NAME.findall(stream.read()) for name in pair)
    return names


def _is_template(source: t.Any) -> bool:
    return isinstance(source, str) and "{{" in source


def _is_encrypted(value: t.Any) -> bool:
    """Whether a value is one of `!vault`, which no release of ansible-core lets templates decrypt when its password is missing."""
    return hasattr(value, "_ciphertext")


def _decrypted(value: t.Any) -> t.Any:
    if _is_encrypted(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _decrypted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_decrypted(inner) for inner in value]
    return value


def _why_unresolved(option: str, source: t.Any, task_vars: t.Mapping[str, t.Any], error: Exception, secret: bool) -> str:
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


def _opens(value: t.Any) -> bool:
    try:
        str(value)
    except AnsibleError:
        return False
    return True
