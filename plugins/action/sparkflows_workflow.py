# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the file of a workflow on the controller and hands its text to the module, as text.

A template that reads a file would make data of its text on ansible-core before 2.19.
"""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflow_import import read_file

MODULE = "sparkflows.mlops.sparkflows_workflow"


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        source = args.get("src")
        if source is not None:
            if args.get("content") is not None:
                return dict(result, failed=True, msg="Both src and content are given; the workflow comes from one of them.")
            try:
                args["content"] = read_file(self._path(source))
            except Problem as error:
                return dict(result, failed=True, msg=str(error))
            del args["src"]
        result.update(self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars))
        if source is not None and "invocation" in result:
            # The file may be long, and who asked for src wants to see that.
            result["invocation"]["module_args"].update(src=source, content=None)
        return result

    def _path(self, source: t.Any) -> str:
        if not isinstance(source, str) or not source.strip():
            raise Problem("src is %r; name the file of a workflow on the controller." % (source,))
        try:
            return str(self._loader.get_real_file(self._find_needle("files", os.path.expanduser(source))))
        except AnsibleError:
            raise Problem("There is no file %s on the controller. Correct src." % source) from None
