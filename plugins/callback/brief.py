# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: brief
type: stdout
short_description: Ansible's default output, without a line for each host on which a task changed nothing
version_added: 1.0.0
description:
  - Prints what P(ansible.builtin.default#callback) does, but of a task no line for hosts with nothing to tell - those that are V(ok) or V(skipped). So a
    run that changes nothing ends after a few lines and one for each host.
  - Unlike that plugin with O(display_ok_hosts) off it still prints warnings, and messages of M(ansible.builtin.debug), which are V(ok) as well.
  - A task of a role has its heading as it begins, so that one sees what takes long. Another has it with its first line, or not at all.
  - With C(-v) or more it leaves nothing out, and the options are as given; without, O(display_ok_hosts) and O(display_skipped_hosts) have no effect.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - to be named in the configuration, as stdout_callback of C(ansible.cfg) or with E(ANSIBLE_STDOUT_CALLBACK)
seealso:
  - plugin: ansible.builtin.default
    plugin_type: callback
"""

import contextlib
import typing as t

from ansible.plugins.callback.default import CallbackModule as Default


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "sparkflows.mlops.brief"

    def set_options(self, task_keys: t.Any = None, var_options: t.Any = None, direct: t.Any = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        if not self._display.verbosity:
            self._show(False)

    def _show(self, shown: bool) -> None:
        for option in ("display_ok_hosts", "display_skipped_hosts"):
            self.set_option(option, shown)

    @contextlib.contextmanager
    def _shown(self, wanted: bool) -> t.Iterator[None]:
        """Print as the plugin above does, where that is wanted and not so anyway."""
        wanted = wanted and not self._display.verbosity
        if wanted:
            self._show(True)
        yield
        if wanted:
            self._show(False)

    def _tells(self, result: t.Any) -> bool:
        """Whether there is more to read than that nothing changed."""
        told = result._result  # the one name that every supported core has
        return self._run_is_verbose(result) or any(told.get(key) for key in ("warnings", "deprecations", "exception"))

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        with self._shown(task._role is not None):
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        with self._shown(self._tells(result)):
            super().v2_runner_on_ok(result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        with self._shown(self._tells(result)):
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        with self._shown(self._tells(result)):
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        with self._shown(self._tells(result)):
            super().v2_runner_item_on_skipped(result)
