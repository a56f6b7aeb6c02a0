# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the plan of all hosts, writes it to a file, and refuses where it has findings; runs on the controller."""

from __future__ import annotations

import os
import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import report, report_page


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("show", "note", "refuse", "fail_on_difference", "path"))

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = dict(super().run(tmp, task_vars), changed=False)
        args = self._task.args
        hostvars = task_vars["hostvars"]
        names = task_vars["ansible_play_hosts_all"]
        rows = report.rows({name: _plan_of(hostvars[name]) for name in names})
        seen = report.counts(rows)
        result.update(counts=seen, summary=report.summary(rows))
        if args.get("path"):
            problem = _write(os.path.abspath(os.path.expanduser(args["path"])), rows)
            if problem:
                return dict(result, failed=True, msg=problem)
        if args.get("show") == "done":
            Display().display(report.done({name: _plan_of(hostvars[name]) for name in names}, self._task.check_mode))
            if args.get("note"):
                Display().display(str(args["note"]))
        elif args.get("show") and not (args.get("refuse") and seen["finding"]):
            Display().display(report.as_text(rows, quiet=args["show"] == "differences"))
        if args.get("refuse") and seen["finding"]:
            sentences = ["%s: %s" % (row.host, row.item) for row in rows if row.severity == "finding"]
            return dict(result, failed=True, msg=["Nothing was changed. Findings:", *sentences])
        if args.get("fail_on_difference") and (seen["finding"] or seen["difference"]):
            return dict(result, failed=True, msg=report.summary(rows))
        return result


def _plan_of(variables: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any] | None:
    plan = variables.get("mlops_plan")
    return plan if plan and "findings" in plan else None


def _write(path: str, rows: t.Sequence[report.Row]) -> str | None:
    """Write the report in the form that the suffix names; a sentence where that can't be done."""
    now = time.time()
    made_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    forms = {
        ".html": lambda: report_page.as_html(rows, made_at),
        ".json": lambda: report.as_json(rows, made_at),
        ".prom": lambda: report.as_prometheus(rows, now),
    }
    form = forms.get(os.path.splitext(path)[1])
    if form is None:
        return "plan_report is %s; its suffix must be one of %s." % (path, ", ".join(sorted(forms)))
    try:
        write_atomic(path, form(), mode=0o644)
    except OSError as error:
        return "The report could not be written to %s: %s. Name another path with plan_report." % (path, error.strerror)
    return None
