# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how all hosts stand, writes it to a file, and fails where it is told to; runs on the controller."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._forms import moment
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import page, report
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import CRITICAL, OK, SEVERITIES, WARNING
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import report_file

_SHOWN = ("everything", "problems")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("show", "path", "fail_at"))

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = dict(super().run(tmp, task_vars), changed=False)
        args = self._task.args
        show = args.get("show") or "everything"
        fail_at = _fail_at(args.get("fail_at"))
        if show not in _SHOWN:
            return dict(result, failed=True, msg="health_show is %s; it must be one of %s." % (show, ", ".join(_SHOWN)))
        if fail_at is None:
            return dict(result, failed=True, msg="health_exit_code is %s; it must be true, false, warning or critical." % args["fail_at"])
        hostvars = task_vars["hostvars"]
        rows = report.rows({name: hostvars[name].get("mlops_plan") for name in task_vars["ansible_play_hosts_all"]})
        severity = report.severity(rows)
        result.update(severity=severity, counts=report.counts(rows), summary=report.summary(rows))
        Display().display(report.as_text(rows, problems=show == "problems"))
        if args.get("path"):
            forms = {
                ".html": lambda now: page.as_html(rows, moment(now)),
                ".json": lambda now: report.as_json(rows, moment(now)),
                ".prom": lambda now: report.as_prometheus(rows, now),
            }
            problem = report_file.write("health_report", args["path"], forms)
            if problem:
                return dict(result, failed=True, msg=problem)
        if severity in fail_at:
            return dict(result, failed=True, msg="%s: %s" % (severity.upper(), report.summary(rows)))
        return result


def _fail_at(given: t.Any) -> t.Sequence[str] | None:
    """The severities at which the task fails; None for a value that says neither which nor whether."""
    text = str(given if given not in (None, "") else False).lower()
    if text in (WARNING, CRITICAL):
        return SEVERITIES[: SEVERITIES.index(text) + 1]
    try:
        return SEVERITIES[: SEVERITIES.index(OK)] if boolean(text) else ()
    except TypeError:
        return None
