# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a host once for some roles and tells what keeps them from their work; refuses when asked to."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import host_reading
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import InventorySettings


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles", "refuse"))

    def run(self, tmp=None, task_vars=None):
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        roles = self._task.args["roles"]
        inventory = InventorySettings(self, roles, task_vars)
        problems = inventory.problems()
        if problems:
            return dict(result, failed=True, msg="\n".join(problems))
        settings = dict(inventory.settings, mlflow_release=host_reading.mlflow_release(inventory.settings.get("pip_stack_lock")))
        try:
            reading, unread = host_reading.read(self, hosts.questions(roles, settings), task_vars)
        except host_reading.Unreachable as unreachable:
            return unreachable.result
        result["changed"] = False
        result["findings"] = unread or hosts.findings(roles, settings, reading)
        if result["findings"] and self._task.args.get("refuse", True):
            result["failed"] = True
            result["msg"] = "Nothing was changed on %s. %s" % (task_vars.get("inventory_hostname"), " ".join(result["findings"]))
        return result
