# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a host once for some roles and tells what keeps them from their work; refuses when asked to."""

from __future__ import annotations

import os
import re

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils import basic
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "roles")
#: Secrets that a question needs; they are no part of the settings that are handed about.
_SECRETS = ("mlflow_server_postgresql_password",)
# In sh, as there may be nothing else: each Python on the host with its version.
_PYTHONS = (
    "for p in /usr/bin/python3* /usr/libexec/platform-python /usr/local/bin/python3*; do "
    'test -x "$p" && "$p" -c \'import sys; print("%s=%d.%d" % ((sys.executable,) + sys.version_info[:2]))\' 2>/dev/null; done; echo end'
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles", "settings", "refuse"))

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        roles, settings = self._task.args["roles"], self._task.args.get("settings")
        if settings is None:
            validated = self._validated(roles, task_vars)
            if validated.get("failed"):
                return validated
            settings = validated["settings"]
        settings = dict(settings)
        for name in _SECRETS:
            if name in task_vars:
                settings[name] = self._templar.template(task_vars[name])
        settings["mlflow_release"] = _mlflow_release(settings.get("pip_stack_lock"))
        asked = hosts.questions(roles, settings, _packages())
        read = self._execute_module("sparkflows.mlops.mlflow_host_info", module_args=asked, task_vars=task_vars)
        result["changed"] = False
        if "host" in read:
            result["findings"] = hosts.findings(roles, settings, read["host"])
        elif read.get("unreachable"):
            return read
        else:
            result["findings"] = [self._why_unread(read)]
        if result["findings"] and self._task.args.get("refuse", True):
            result["failed"] = True
            result["msg"] = "Nothing was changed on %s. %s" % (task_vars.get("inventory_hostname"), " ".join(result["findings"]))
        return result

    def _validated(self, roles, task_vars):
        task = self._task.copy()
        task.args = {"roles": roles}
        action = self._shared_loader_obj.action_loader.get(
            "sparkflows.mlops.validate_inventory", task=task, connection=self._connection, play_context=self._play_context, loader=self._loader,
            templar=self._templar, shared_loader_obj=self._shared_loader_obj,
        )  # fmt: skip
        return action.run(task_vars=task_vars)

    def _why_unread(self, read):
        """A sentence for a host on which no module ran: mostly its Python is missing or too old for the running ansible-core."""
        wanted, who = hosts.least_python(getattr(basic, "_PY_MIN", None))
        answer = self._low_level_execute_command(_PYTHONS, sudoable=False)
        found = [(path, tuple(map(int, version.split(".")))) for path, version in re.findall(r"^(\S+)=(\d+\.\d+)\s*$", answer.get("stdout", ""), re.M)]
        if "end" in answer.get("stdout", "") and not any(version >= wanted for dummy, version in found):
            seen = ", ".join(sorted({"%s (%d.%d)" % (path, *version) for path, version in found})) or "none at all"
            return (
                "%s wants Python %d.%d or newer on the host, and the host has %s. Install one, and name it with "
                "ansible_python_interpreter." % (who, *wanted, seen)
            )
        said = str(read.get("module_stderr") or read.get("msg") or "nothing")
        # A shell that does not know the locale of the login complains first.
        lines = [line.strip() for line in said.splitlines() if line.strip() and "setlocale" not in line]
        usable = ["%s (%d.%d)" % (path, *version) for path, version in found if version >= wanted]
        hint = " Its Pythons are %s; ansible_python_interpreter has to name one of them." % ", ".join(usable) if usable and read.get("rc") == 127 else ""
        return "The host could not be read: %s.%s" % (" ".join(lines)[:400].rstrip("."), hint)


def _mlflow_release(lock):
    """The release of MLflow that a lock pins, or else the role's own lock; empty when it can't be told."""
    path = lock or os.path.join(ROLES, "pip_stack", "files", "locks", "mlflow.txt")
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            pin = re.search(r"^mlflow==([^\s;\\]+)", stream.read(), re.M)
    except OSError:
        return ""
    return pin.group(1) if pin else ""


def _packages():
    """The packages that roles install, by distribution or family, as their variables name them."""
    return {
        "jdk": {key: value["name"] for key, value in _variables("jdk")["__jdk_packages"].items()},
        "python": _variables("python")["__python_source_packages_by_family"],
        "scorer": _variables("scorer")["__scorer_engines"],
    }


def _variables(role):
    path = os.path.join(ROLES, role, "vars", "main.yml")
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except OSError as error:
        raise AnsibleError("%s can't be read (%s); the collection is damaged." % (path, error.strerror)) from error
