# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a host's variables against the rules of the roles; runs on the controller, contacts no host."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import derived
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import InventorySettings, inventory_of, roles_of


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("roles", "site"))

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        site = self._task.args.get("site") or {}
        roles = self._task.args.get("roles") or roles_of(site, task_vars)
        inventory = InventorySettings(self, roles, task_vars, derived.names(inventory_of(site, task_vars)) if site else ())
        problems = inventory.problems(site)
        result["problems"] = problems
        result["changed"] = False
        if problems:
            result["failed"] = True
            result["msg"] = "\n".join(problems)
        else:
            result["settings"] = inventory.public()
        return result
