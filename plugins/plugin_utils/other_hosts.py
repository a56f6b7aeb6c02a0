# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the plan of one host asks of others: put into their own reading where they are planned too, or left to a task that is delegated to them."""

from __future__ import annotations

import typing as t

Variables = t.Mapping[str, t.Any]


def with_questions_of(asked: dict[str, t.Any], clients: t.Iterable[str], task_vars: Variables) -> tuple[dict[str, t.Any], dict[str, str]]:
    """The questions to a host, with those that plans of other hosts have for it.

    :param asked: options of C(host_info).
    :param clients: names of hosts whose plans may ask.
    :return: the options, and by client the name under which the answer to its question is found in the reading.
    """
    host = task_vars["inventory_hostname"]
    questions, names = [], {}
    for client in clients:
        for part in (_plan_of(client, task_vars).get("roles") or {}).values():
            for entry in part["inputs"].get("asks") or ():
                if entry["host"] == host:
                    names[client] = "asked by %s" % client
                    questions += [{**plain(question), "name": names[client]} for question in entry["predictions"]]
    return ({**asked, "predictions": [*asked.get("predictions", []), *questions]} if questions else asked), names


def answers(roles: Variables, read: t.Iterable[Variables], task_vars: Variables) -> dict[str, t.Any]:
    """By host, what it said to the plan of this host: in its own plan, or in a task that read it for this one.

    :param roles: what the plan of this host says of each role.
    :param read: results of C(host_info), one for each entry of C(unread).
    """
    found: dict[str, t.Any] = {}
    for part in roles.values():
        for entry in part["inputs"].get("asks") or ():
            answer = (_plan_of(entry["host"], task_vars).get("answers") or {}).get(task_vars["inventory_hostname"])
            if answer is not None:
                found[entry["host"]] = plain(answer)
    for result in read:
        for answer in (result.get("host") or {}).get("predictions", {}).values():
            found[result["item"]["host"]] = plain(answer)
    return found


def to_be_read(roles: dict[str, dict[str, t.Any]], task_vars: t.Optional[Variables] = None) -> dict[str, dict[str, t.Any]]:
    """The roles, with C(unread) among the inputs of each that waits: the hosts that are worth a task. One that could not be read is not read again.

    :param task_vars: the variables of the host, where others were planned already.
    """
    for part in roles.values():
        waiting = part["inputs"].get("asks") or []
        if waiting:
            part["inputs"]["unread"] = [entry for entry in waiting if task_vars is None or not _in_vain(_plan_of(entry["host"], task_vars))]
    return roles


def _in_vain(plan: Variables) -> bool:
    """Whether a host was planned, and it came to no plan: it can't be read, or its variables are wrong, and no run goes on with it."""
    return bool(plan) and not plan.get("roles")


def _plan_of(host: str, task_vars: Variables) -> Variables:
    hostvars = task_vars.get("hostvars") or {}
    return (hostvars[host].get("mlops_plan") or {}) if host in hostvars else {}


def plain(value: t.Any) -> t.Any:
    """A copy of what a variable holds, of Python's own lists and dictionaries."""
    if isinstance(value, t.Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
