# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Works out for some roles what is wanted of a host, reads it once, and tells what would stop them and what differs."""

from __future__ import annotations

import functools
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock as host_lock_words
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import derived, hosts, rollback
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import HOST
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import host as health
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import bundles, host_lock, host_reading, other_hosts
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import ROLES, InventorySettings, inventory_of, roles_of
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.private_key import private_key


Result = t.Dict[str, t.Any]
Variables = t.Mapping[str, t.Any]


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("role", "roles", "site", "made", "refuse", "complete", "answers", "within", "health", "rollback", "waits"))

    def run(self, tmp: t.Any = None, task_vars: Result | None = None) -> Result:
        task_vars = task_vars or {}
        result = self._planned(dict(super().run(tmp, task_vars), changed=False, locked=False), task_vars)
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
        problems = variables.problems(site) + ([] if asks_health else host_lock.problems(task_vars, self._templar))
        try:
            bundle = None if problems else bundles.read(variables.settings, functools.partial(variables.found, "mlops_bundle"))
            if site and not problems:
                variables.derive(roles, inventory, bundles.options(variables.settings, bundle[0]) if bundle else {})
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
            bundle=bundle[1] if bundle else None,
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
            if self._acts and planned.reader == HOST:
                asked["lock_run"] = host_lock.this_run()["run"]
            reading, unread = self._read_in_turn(planned.reader, asked, task_vars)
            plan = planned.judge(reading) if not unread else None
            if plan and not plan.findings and self._acts and planned.reader == HOST and not host_lock.in_the_way(reading["lock"]):
                refused, fresh = self._locked(plan.roles, reading["lock"], task_vars)
                if refused:
                    return dict(result, **refused)
                result["locked"] = plan.roles[roles[0]]["changes"] and not made
                if fresh:
                    # Somebody may have changed the host since it was read, and given the lock back.
                    reading, unread = host_reading.read(self, planned.reader, asked, task_vars)
                    plan = planned.judge(reading) if not unread else None
        except host_reading.Unreachable as unreachable:
            return unreachable.result
        if plan is None:
            return self._with_findings(dict(result, roles={}, due=[]), unread, task_vars)
        locked = [host_lock_words.sentence(str(task_vars["inventory_hostname"]), reading["lock"])] if host_lock.in_the_way(reading.get("lock")) else []
        if parts:
            back = rollback.judge(parts, settings, plan, reading)
            result.update(roles=back.roles, due=back.due, switches=back.switches, afterwards=back.afterwards)
            return self._with_findings(result, locked + back.findings, task_vars)
        if not asks_health:
            plan.findings[:0] = locked
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
        if self._acts and not made.get("findings") and not found:
            refused, dummy = self._locked(roles, None, task_vars)
            if refused:
                return dict(result, **refused)
            result["locked"] = result.get("changes", False) and "mlops_plan" not in task_vars
        return self._with_findings(result, list(dict.fromkeys((made.get("findings") or []) + found)), task_vars)

    @property
    def _acts(self) -> bool:
        """Whether a role plans for itself and is going to carry the plan out."""
        return bool(self._task.args.get("role")) and not self._task.args.get("within") and not self._task.check_mode

    def _read_in_turn(self, reader: str | None, asked: dict[str, t.Any], task_vars: Result) -> tuple[dict[str, t.Any], list[str]]:
        """The reading, after the end of another run where it may be waited for, and why there is none. Raises `Unreachable`."""
        reading, unread = host_reading.read(self, reader, asked, task_vars)
        waits = self._acts or (boolean(self._task.args.get("waits") or False) and not self._task.check_mode)
        if waits and host_lock.in_the_way(reading.get("lock")) and host_lock.wait(task_vars, self._templar):
            host_lock.asked(self, {"state": "awaited"}, task_vars, str(task_vars["inventory_hostname"]))
            return host_reading.read(self, reader, asked, task_vars)
        return reading, unread

    def _locked(self, roles: Variables, lock: Variables | None, task_vars: Variables) -> tuple[Result, bool]:
        """Take the host's lock where a role has something to change; why that was refused, and whether it is new.

        :param lock: the one that stands, and is not in the way.
        """
        steps = [(role, step) for role, part in roles.items() if part["changes"] for step in part["steps"]]
        usual = host_lock.lease(task_vars, self._templar)
        lease = max([usual, *(host_lock.patience(role, step) for role, step in steps)])
        own = lock is not None and lock["run"] == host_lock.this_run()["run"]
        if not steps or (lock is not None and own and lock["lease"] == lease):
            return {}, False
        answer = host_lock.asked(self, {"lease": lease}, task_vars, str(task_vars["inventory_hostname"]), lock)
        went_wrong = answer.get("failed") or answer.get("unreachable")
        return {key: answer[key] for key in ("failed", "unreachable", "msg") if went_wrong and key in answer}, not own

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
