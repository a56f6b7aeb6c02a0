# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How many hosts stand, as rows, worst first, and what becomes of them: a table for a terminal, JSON, and text for Prometheus."""

from __future__ import annotations

import collections
import json
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _forms
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import CRITICAL, OK, SEVERITIES, WARNING, worst
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row, plain

Plan = t.Mapping[str, t.Any]

#: The kinds of rows, in their order, each with the metric that has its numbers, and what these say.
KINDS: t.Mapping[str, tuple[str, str]] = {
    "host": ("host_up", "Whether the host could be read."),
    "unit": ("unit_up", "Whether the unit runs, and answers where it has an address."),
    "model": ("model_ready", "Whether the model that the agent serves is ready."),
    "scorer": ("scorer_ready", "Whether the scorer answered its probe as it should."),
    "sparkflows": ("sparkflows_up", "Whether Sparkflows answers and takes the login."),
    "address": ("address_up", "Whether what has to be reached from the host answers."),
    "login": ("login_up", "Whether a login from the host works."),
    "key": ("key_current", "Whether the key is there and is the wanted one."),
    "token": ("token_expiry_timestamp_seconds", "When the token expires, in seconds since the epoch."),
    "certificate": ("certificate_expiry_timestamp_seconds", "When the certificate expires, in seconds since the epoch."),
    "disk": ("disk_used_ratio", "The part of the file system, or of its inodes, that is used."),
    "memory": ("memory_used_ratio", "The part of the memory that programs can not have any more."),
    "drift": ("drift_differences", "What a run would change, and what would stop it, by role."),
}
#: The exit codes of a monitoring plugin. Source: https://www.monitoring-plugins.org/doc/guidelines.html (Plugin Return Codes)
_EXIT_CODES = {OK: 0, WARNING: 1, CRITICAL: 2}
_PREFIX = "sparkflows_mlops_health_"


def rows(plans: t.Mapping[str, t.Optional[Plan]]) -> list[Row]:
    """The rows of all hosts, the worst first.

    :param plans: what the action `plan` returned for each host, told to look at its health as well; None for one of which nothing is known.
    """
    order = {kind: number for number, kind in enumerate(KINDS)}
    found = []
    for host, plan in plans.items():
        of_host = _of_host(plan)
        found += [row._replace(host=host) for row in sorted(of_host + _drift(plan or {}, of_host), key=lambda row: order[row.kind])]
    return sorted(found, key=lambda row: SEVERITIES.index(row.severity))


def _of_host(plan: t.Optional[Plan]) -> list[Row]:
    if plan is None:
        return [Row(CRITICAL, "host", "", "not read", "What Ansible printed above tells why.", 0)]
    if plan.get("unreachable"):
        said = sentence(plain(plan.get("msg") or "Ansible does not say why"))
        return [Row(CRITICAL, "host", "", "not reached", said + " Check that it is up, and that Ansible can log in.", 0)]
    if "health" not in plan:
        why = "What is in the way stands among its drift." if plan.get("findings") else plain(plan.get("msg") or "What Ansible printed above tells why.")
        return [Row(CRITICAL, "host", "", "not read", why, 0)]
    return [Row(**row) for row in plan["health"]]


def _drift(plan: Plan, known: t.Iterable[Row]) -> list[Row]:
    """What the plan says, but for sentences that a row of the host says already: findings are critical, differences a warning; one row for a role without."""
    said = {row.advice for row in known}
    found = [Row(CRITICAL, "drift", "", sentence, "", 1) for sentence in map(plain, plan.get("findings") or ()) if sentence not in said]
    for name, role in (plan.get("roles") or {}).items():
        differences = [difference for difference in role["differences"] if difference["step"]]
        if role["planned"] and not differences:
            found.append(Row(OK, "drift", name, "none", "", 0))
        elif not role["planned"] and role["inputs"].get("asks"):
            silent = ", ".join(entry["host"] for entry in role["inputs"]["asks"])
            found.append(Row(WARNING, "drift", name, "not known", "It rests on what these hosts say, and they did not: %s." % silent))
        for difference in differences:
            item, before, after, reason = (plain(difference[key]) for key in ("item", "before", "after", "reason"))
            change = " → ".join(filter(None, (before, after)))
            found.append(Row(WARNING, "drift", name, "  ".join(filter(None, (item, change))), reason, 1))
    return found


def counts(of: t.Iterable[Row]) -> dict[str, int]:
    """How many rows there are of each severity."""
    seen = collections.Counter(row.severity for row in of)
    return {severity: seen[severity] for severity in SEVERITIES}


def severity(of: t.Iterable[Row]) -> str:
    """The worst of all rows."""
    return worst(row.severity for row in of)


def summary(of: t.Sequence[Row]) -> str:
    """One sentence about all hosts."""
    seen, hosts = counts(of), {row.host for row in of}
    well = hosts - {row.host for row in of if row.severity != OK}
    parts = ["%d of %d host%s well" % (len(well), len(hosts), " is" if len(hosts) == 1 else "s are")]
    parts += ["%d critical" % seen[CRITICAL]] if seen[CRITICAL] else []
    parts += ["%d warning%s" % (seen[WARNING], "" if seen[WARNING] == 1 else "s")] if seen[WARNING] else []
    return ", ".join(parts) + "."


def as_text(of: t.Sequence[Row], width: t.Optional[int] = None, problems: bool = False) -> str:
    """A table for a terminal: severity, host, kind, and what was seen, with what to do in brackets.

    :param problems: leave out what is well.
    """
    shown = [row for row in of if row.severity != OK or not problems]
    hosts, kinds = (max([len(getattr(row, column)) for row in shown] or [0]) for column in ("host", "kind"))
    lines = []
    for row in shown:
        text = "  ".join(filter(None, (row.name, row.value))) + (" (%s)" % row.advice if row.advice else "")
        lines.append(("%-8s  %-*s  %-*s  " % (row.severity, hosts, row.host, kinds, row.kind), text))
    return "\n".join([*_forms.wrapped(lines, width), summary(of)])


def as_json(of: t.Sequence[Row], made_at: str) -> str:
    """The rows for a program: `made_at` in UTC, the worst severity with the exit code that monitoring knows for it, counts, and one object per row."""
    found = severity(of)
    whole = {"made_at": made_at, "severity": found, "exit_code": _EXIT_CODES[found], "counts": counts(of), "rows": [row._asdict() for row in of]}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def as_prometheus(of: t.Sequence[Row], seconds: float) -> str:
    """For node_exporter's textfile collector: the numbers of each kind, the severity of every row, and `seconds` since the epoch, when they were read."""
    lines: list[str] = []
    for kind, (name, meaning) in KINDS.items():
        samples: dict[tuple[tuple[str, str], ...], float] = {}
        for row in of:
            if row.kind == kind and row.number is not None:
                labels = _labels(host=row.host, name=row.name)
                # Each of several differences of one role counts.
                samples[labels] = samples.get(labels, 0) + row.number if kind == "drift" else row.number
        if samples:
            lines += _forms.family(_PREFIX + name, meaning, samples)
    severities: dict[tuple[tuple[str, str], ...], float] = {}
    for row in of:
        labels = _labels(host=row.host, kind=row.kind, name=row.name)
        severities[labels] = max(severities.get(labels, 0), _EXIT_CODES[row.severity])
    lines += _forms.family(_PREFIX + "severity", "How each thing stands: 0 is well, 1 a warning, 2 critical.", severities)
    lines += _forms.family(_PREFIX + "timestamp_seconds", "When the hosts were read, in seconds since the epoch.", {(): int(seconds)})
    return "\n".join(lines) + "\n"


def _labels(**labels: str) -> tuple[tuple[str, str], ...]:
    """An empty label is none to Prometheus."""
    return tuple((label, text) for label, text in labels.items() if text)
