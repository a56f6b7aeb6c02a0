# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes or gives back the lock of a host for the run that this task belongs to."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import host_lock


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = dict(super().run(tmp, task_vars), changed=False)
        if self._task.check_mode:
            return dict(result, lock=None)
        # By its name in the inventory, as the task may be delegated.
        host = str(self._task.delegate_to or task_vars["inventory_hostname"])
        try:
            return dict(result, **host_lock.asked(self, self._task.args, task_vars, host))
        except Problem as problem:
            return dict(result, failed=True, msg=str(problem))
