# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Works out for some roles what is wanted of a host, reads it once, and tells what would stop them and what differs."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import derived, hosts, rollback
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import host as health
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import host_reading, other_hosts
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import ROLES, InventorySettings, inventory_of, roles_of
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.private_key import private_key


Result = t.Dict[str, t.Any]
Variables = t.Mapping[str, t.Any]


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("role", "roles", "site", "made", "refuse", "complete", "answers", "within", "health", "rollback"))

    def run(self, tmp: t.Any = None, task_vars: Result | None = None) -> Result:
        task_vars = task_vars or {}
        result = self._planned(dict(super().run(tmp, task_vars), changed=False), task_vars)
        within = self._task.args.get("within")
        return hosts.joined(other_hosts.plain(within), result) if within and "roles" in result else result

    def _planned(self, result: Result, task_vars: Result) -> Result:
        args = self._task.args
        if args.get("complete"):
            return self._completed(result, task_vars)
        if len([name for name in ("role", "roles", "site") if args.get(name)]) != 1:
            sentence = "Exactly one of role, roles, site and complete has to be given: a role, a list of them, lists by group, or a plan."
            return dict(result, failed=True, msg=sentence)
        site = args.get("site") or {}
        roles = [args["role"]] if args.get("role") else args.get("roles") or roles_of(site, task_vars)
        made = args.get("made")
        if made and self._task.check_mode and all(role in made["roles"] and made["roles"][role]["planned"] for role in roles):
            # Nothing was done since, and what earlier roles would have done is in it.
            result.update(findings=made["findings"], roles={role: made["roles"][role] for role in roles})
            return self._of_one(result, roles)
        inventory = inventory_of(site, task_vars)
        asks_health = args.get("health") and boolean(args["health"])
        judged = [*roles, "health"] if asks_health else roles
        variables = InventorySettings(self, judged, task_vars, derived.names(inventory) if site else ())
        problems = variables.problems(site)
        try:
            if site and not problems:
                variables.derive(roles, inventory)
            texts = {} if problems else variables.workflow_texts()
        except Problem as problem:
            problems = [str(problem)]
        parts, unknown = rollback.chosen(args["rollback"]) if "rollback" in args else ([], [])
        problems = problems + unknown
        if problems:
            return self._with_findings(dict(result, roles={}, due=[]), problems, task_vars)
        settings = dict(
            variables.settings,
            workflow_texts=texts,
            mlflow_release=host_reading.mlflow_release(variables.settings.get("pip_stack_lock")),
            inventory_address=variables.address(),
            ansible_port=self._templar.template(task_vars.get("ansible_port")),
            roles_directory=ROLES,
        )
        if asks_health:
            settings.update(health.IMPATIENT)
        if "ssh_access" in roles:
            settings["ssh_access_key"] = private_key(settings)
        planned = hosts.Planned(roles, settings, variables.fill_in, self._ahead(task_vars))
        try:
            own = {**planned.questions(), **(derived.questions(roles) if site else {})}
            questions = health.with_questions(own, roles, settings) if asks_health else own
            questions = rollback.with_questions(questions, parts, settings) if parts else questions
            asked, clients = other_hosts.with_questions_of(questions, inventory.having.get("ssh_access", ()), task_vars)
            reading, unread = host_reading.read(self, planned.reader, asked, task_vars)
        except host_reading.Unreachable as unreachable:
            return unreachable.result
        if unread:
            return self._with_findings(dict(result, roles={}, due=[]), unread, task_vars)
        plan = planned.judge(reading)
        if parts:
            back = rollback.judge(parts, settings, plan, reading)
            result.update(roles=back.roles, due=back.due, switches=back.switches, afterwards=back.afterwards)
            return self._with_findings(result, back.findings, task_vars)
        result.update(roles=other_hosts.to_be_read(plan.roles), due=plan.due, settings=variables.public(), derived=derived.learnt(variables.derived, reading))
        if own.get("addresses"):
            result["addresses"] = reading["addresses"]
        result["answers"] = {client: reading["predictions"][name] for client, name in clients.items()}
        if asks_health:
            result["health"] = [row._asdict() for row in health.rows(roles, settings, plan, reading)]
        if self._task.diff and plan.diff:
            result["diff"] = plan.diff
        return self._with_findings(self._of_one(result, roles), plan.findings, task_vars)

    def _completed(self, result: Result, task_vars: Variables) -> Result:
        """An earlier plan, with the answers of other hosts that it waited for."""
        made = other_hosts.plain(self._task.args["complete"])
        roles = made.get("roles") or {}
        found = hosts.complete(roles, made.get("settings") or {}, other_hosts.answers(roles, self._task.args.get("answers") or (), task_vars))
        result.update({key: made[key] for key in ("settings", "derived", "answers", "addresses", "health") if key in made})
        result.update(roles=other_hosts.to_be_read(roles, task_vars), due=hosts.due(roles))
        result = self._of_one(result, list(roles)) if roles else result
        return self._with_findings(result, list(dict.fromkeys((made.get("findings") or []) + found)), task_vars)

    def _ahead(self, task_vars: Variables) -> dict[str, list[str]]:
        """What roles before this one would have done on this host, which check mode left undone."""
        plans = {role: task_vars.get("__%s_plan" % role) for role in STATES} if self._task.check_mode else {}
        return {role: list(plan["steps"]) for role, plan in plans.items() if plan and "steps" in plan}

    def _of_one(self, result: Result, roles: t.Sequence[str]) -> Result:
        """A role that plans for itself finds its part at the top."""
        return dict(result, **result["roles"][roles[0]]) if self._task.args.get("role") else result

    def _with_findings(self, result: Result, findings: list[str], task_vars: Variables) -> Result:
        result["findings"] = findings
        if findings and self._task.args.get("refuse", True):
            result["failed"] = True
            result["msg"] = "Nothing was changed on %s. %s" % (task_vars.get("inventory_hostname"), " ".join(findings))
        return result
