# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: kill_point
type: notification
short_description: Tell when a run begins a certain task of a role, so that it can be killed there
description:
  - Counts the tasks of roles as they begin, and writes each into the file that E(KILLS_TASKS) names, a line for each.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
requirements:
  - to be enabled in configuration
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kill_point"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        if task._role is not None:
            with open(os.environ["KILLS_TASKS"], "a", encoding="utf-8") as file:
                file.write(task.get_name() + "\n")
