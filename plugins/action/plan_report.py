# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the plan of all hosts, writes it to a file, and refuses where it has findings; runs on the controller."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import report, report_page
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._forms import moment
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import report_file


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
            forms = {
                ".html": lambda now: report_page.as_html(rows, moment(now)),
                ".json": lambda now: report.as_json(rows, moment(now)),
                ".prom": lambda now: report.as_prometheus(rows, now),
            }
            problem = report_file.write("plan_report", args["path"], forms)
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
