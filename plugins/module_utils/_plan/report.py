# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A plan of many hosts as rows, worst first, and what becomes of them: a table for a terminal, JSON, and text for Prometheus."""

from __future__ import annotations

import collections
import json
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _forms

#: What a row may be, worst first: it stops a run; a run would change it; a run looks at it; it is worth knowing; there is nothing to do.
SEVERITIES = ("finding", "difference", "open", "note", "unchanged")


class Row(t.NamedTuple):
    """One line of a plan. `role`, `item`, `before`, `after` and `reason` are empty where they say nothing."""

    severity: str
    host: str
    role: str
    item: str
    before: str
    after: str
    reason: str

    @property
    def change(self) -> str:
        """What is and what will be, as one text."""
        return "%s → %s" % (self.before, self.after) if self.before and self.after else self.before or self.after


def rows(plans: t.Mapping[str, t.Mapping[str, t.Any] | None]) -> list[Row]:
    """The rows of all hosts.

    :param plans: what the action `plan` returned for each host; None for one that could not be read.
    """
    found = []
    for host, plan in plans.items():
        if plan is None:
            found.append(Row("finding", host, "", "The host could not be read.", "", "", ""))
            continue
        of_host = [Row("finding", host, "", sentence, "", "", "") for sentence in plan["findings"]]
        undecided = [name for name, role in plan.get("roles", {}).items() if not role["planned"]]
        if undecided:
            of_host.append(Row("open", host, "", "%s: looked at when the role runs" % ", ".join(undecided), "", "", ""))
        for name, role in plan.get("roles", {}).items():
            for difference in role["differences"]:
                severity = "difference" if difference["step"] else "note"
                of_host.append(Row(severity, host, name, *(str(difference[key]) for key in ("item", "before", "after", "reason"))))
        if not any(row.severity in ("finding", "difference", "open") for row in of_host):
            of_host.append(Row("unchanged", host, "", "nothing to do", "", "", ""))
        found += of_host
    return sorted(found, key=lambda row: SEVERITIES.index(row.severity))


def counts(of: t.Iterable[Row]) -> dict[str, int]:
    """How many rows there are of each severity."""
    seen = collections.Counter(row.severity for row in of)
    return {severity: seen[severity] for severity in SEVERITIES}


def summary(of: t.Sequence[Row]) -> str:
    """One sentence about a plan."""
    seen = counts(of)
    hosts = {row.host for row in of}
    # Of a host with a role that decides when it runs, nobody knows yet that there is nothing to do.
    busy = {row.host for row in of if row.severity in ("finding", "difference", "open")}
    parts = ["%d of %d host%s nothing to do" % (len(hosts - busy), len(hosts), " has" if len(hosts) == 1 else "s have")]
    parts += ["%d difference%s" % (seen["difference"], "" if seen["difference"] == 1 else "s")] if seen["difference"] else []
    parts += ["%d finding%s would stop a run" % (seen["finding"], "" if seen["finding"] == 1 else "s")] if seen["finding"] else []
    return ", ".join(parts) + "."


def as_text(of: t.Sequence[Row], width: int | None = None, quiet: bool = False) -> str:
    """A table for a terminal: host, role, what differs and how; findings as sentences; when quiet, nothing of hosts with nothing to do."""
    hosts, roles = (max([len(getattr(row, column)) for row in of] or [0]) for column in ("host", "role"))
    lines = []
    for row in of:
        if quiet and row.severity in ("open", "unchanged"):
            continue
        what = "  ".join(filter(None, (row.item, row.change)))
        mark = {"finding": "! ", "difference": "~ "}.get(row.severity, "  ")
        lines.append(("%s%-*s  %-*s  " % (mark, hosts, row.host, roles, row.role), what + (" (%s)" % row.reason if row.reason else "")))
    return "\n".join([*_forms.wrapped(lines, width), summary(of)])


def done(plans: t.Mapping[str, t.Mapping[str, t.Any] | None], would: bool) -> str:
    """What a run that carried these plans out has changed, a line for each host; or would have, in check mode. Who was only looked at is unchanged."""
    changed = {host: [name for name, role in plan["roles"].items() if role["changes"]] for host, plan in plans.items() if plan}
    undecided = {host: [name for name, role in plan["roles"].items() if not role["planned"]] for host, plan in plans.items() if plan}
    unchanged = [host for host, roles in changed.items() if not roles and not undecided[host]]
    lines = ["%s: %s in %s" % (host, "would change" if would else "changed", ", ".join(roles)) for host, roles in changed.items() if roles]
    lines += ["%s: not foreseen by the plan: %s" % (host, ", ".join(roles)) for host, roles in undecided.items() if roles]
    known = list(dict.fromkeys(sentence for plan in plans.values() if plan for sentence in plan.get("afterwards") or ()))
    return "\n".join([*lines, "%d of %d host%s unchanged." % (len(unchanged), len(changed), "" if len(changed) == 1 else "s"), *known])


def as_json(of: t.Sequence[Row], made_at: str) -> str:
    """The rows for a program: `made_at` in UTC, counts, and one object per row."""
    return json.dumps({"made_at": made_at, "counts": counts(of), "rows": [row._asdict() for row in of]}, indent=2, sort_keys=True) + "\n"


def as_prometheus(of: t.Sequence[Row], seconds: float) -> str:
    """The number of rows per host and severity, for node_exporter's textfile collector; `seconds` since the epoch is when the plan was made."""
    seen = collections.Counter((row.host, row.severity) for row in of)
    hosts = sorted({row.host for row in of})
    rows_of: dict[tuple[tuple[str, str], ...], float] = {
        (("host", host), ("severity", severity)): seen[host, severity] for host in hosts for severity in SEVERITIES[:-1]
    }
    lines = _forms.family("sparkflows_mlops_plan_rows", "Rows of the last plan by host and severity.", rows_of)
    lines += _forms.family("sparkflows_mlops_plan_timestamp_seconds", "When the last plan was made.", {(): int(seconds)})
    return "\n".join(lines) + "\n"
