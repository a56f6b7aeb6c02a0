# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what a run really costs: each module execution on each host, and the seconds of each role."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: module_executions
type: aggregate
short_description: Count module executions per host
version_added: 1.0.0
description:
  - An action such as C(template) executes several modules; a callback sees only the task. This one also wraps the method
    by which actions execute modules, before the workers are forked, and each worker appends one line per execution.
options:
  record:
    description: File to which one JSON object per line is appended.
    type: path
    required: true
    env:
      - name: MODULE_EXECUTIONS_RECORD
"""


def _record(**entry):
    """Append one line; a single small write is atomic between workers."""
    with open(os.environ["MODULE_EXECUTIONS_RECORD"], "a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")


_execute_module = ActionBase._execute_module


def _counted(self, module_name=None, **arguments):
    variables = arguments.get("task_vars") or {}
    _record(
        event="module",
        host=variables.get("inventory_hostname"),
        module=module_name or self._task.action,
        task=self._task.get_name(),
    )
    return _execute_module(self, module_name=module_name, **arguments)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "module_executions"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        ActionBase._execute_module = _counted

    def v2_playbook_on_task_start(self, task, is_conditional):
        role = task._role.get_name() if task._role else None
        _record(event="task", time=time.monotonic(), role=role, task=task.get_name())

    def v2_playbook_on_stats(self, stats):
        _record(event="end", time=time.monotonic())
        for host in stats.processed:
            _record(event="stats", host=host, **stats.summarize(host))
