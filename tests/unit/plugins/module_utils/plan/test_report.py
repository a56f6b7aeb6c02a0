# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of many hosts as a table, JSON, Prometheus text and a page."""

from __future__ import annotations

import html.parser
import json
from typing import Any

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import report, report_page


def difference(**given: str) -> dict[str, str]:
    return {"role": "pip_stack", "step": "environment", "item": "mlflow", "before": "1.29.0", "after": "1.30.1", "reason": "", **given}


def role(*differences: dict[str, str], planned: bool = True) -> dict[str, Any]:
    steps = [one["step"] for one in differences if one["step"]]
    return {"planned": planned, "differences": list(differences), "steps": steps, "changes": bool(steps), "inputs": {}}


PLANS: dict[str, Any] = {
    "quiet": {"findings": [], "roles": {"jdk": role()}},
    "differs": {"findings": [], "roles": {"pip_stack": role(difference()), "mlops_agent": role(difference(role="mlops_agent", step="", item="<b>x</b>"))}},
    "open": {"findings": [], "roles": {"sagemaker": role(planned=False)}},
    "stopped": {"findings": ["Port 5000 is held by nc."], "roles": {}},
    "silent": None,
}
ROWS = report.rows(PLANS)


def test_the_worst_comes_first() -> None:
    assert [(row.severity, row.host) for row in ROWS] == [
        ("finding", "stopped"), ("finding", "silent"), ("difference", "differs"), ("open", "open"), ("note", "differs"), ("unchanged", "quiet"),
    ]  # fmt: skip
    # "open" is none of them: one of its roles has not decided yet.
    assert report.summary(ROWS) == "1 of 5 hosts have nothing to do, 1 difference, 2 findings would stop a run."


def test_a_host_with_nothing_to_do_says_so() -> None:
    assert [(row.host, row.item) for row in report.rows({"quiet": PLANS["quiet"]})] == [("quiet", "nothing to do")]
    assert report.summary(report.rows({"quiet": PLANS["quiet"]})) == "1 of 1 host has nothing to do."


def test_the_table_reads_like_a_sentence() -> None:
    lines = report.as_text(ROWS, 120).splitlines()
    assert "~ differs  pip_stack    mlflow  1.29.0 → 1.30.1" in lines
    assert "! stopped               Port 5000 is held by nc." in lines
    assert lines[-1] == report.summary(ROWS)
    long = report.as_text(report.rows({"a": {"findings": ["word " * 60], "roles": {}}}), 80).splitlines()
    assert all(len(line) <= 80 for line in long[:-1])
    assert all(line.startswith("     ") for line in long[1:-1])


def test_a_quiet_table_leaves_out_hosts_without_anything_to_do() -> None:
    assert report.as_text(report.rows({"quiet": PLANS["quiet"]}), 120, quiet=True) == "1 of 1 host has nothing to do."


def test_json_holds_every_row() -> None:
    read = json.loads(report.as_json(ROWS, "2026-01-02T03:04:05Z"))
    assert read["made_at"] == "2026-01-02T03:04:05Z"
    assert read["counts"] == {"finding": 2, "difference": 1, "open": 1, "note": 1, "unchanged": 1}
    assert {row["host"] for row in read["rows"]} == set(PLANS)


def test_prometheus_reads_it() -> None:
    lines = report.as_prometheus(report.rows({'a"\\\n': PLANS["stopped"]}), 7.9).splitlines()
    assert 'sparkflows_mlops_plan_rows{host="a\\"\\\\\\n",severity="finding"} 1' in lines
    assert lines[-1] == "sparkflows_mlops_plan_timestamp_seconds 7"


def test_what_a_run_did_is_a_line_for_each_host() -> None:
    assert report.done({"quiet": PLANS["quiet"], "differs": PLANS["differs"]}, would=False).splitlines() == [
        "differs: changed in pip_stack", "1 of 2 hosts unchanged.",
    ]  # fmt: skip
    assert "differs: would change in pip_stack" in report.done(PLANS, would=True)
    # Of what a role found by itself, the plan knows nothing: such a host is not called unchanged.
    assert report.done({"open": PLANS["open"]}, would=False).splitlines() == ["open: not foreseen by the plan: sagemaker", "0 of 1 host unchanged."]


def test_what_was_only_looked_at_was_not_changed() -> None:
    waited = {**role(difference(role="sparkflows", step="reach")), "changes": False}
    plans = {"looked-at": {"findings": [], "roles": {"sparkflows": waited, "ssh_access": role()}}, "differs": PLANS["differs"]}
    assert report.done(plans, would=False).splitlines() == ["differs: changed in pip_stack", "1 of 2 hosts unchanged."]
    # It is a difference all the same: the host does not answer as it should.
    assert [row.severity for row in report.rows(plans)].count("difference") == 2


class Page(html.parser.HTMLParser):
    """Rows by their data attributes, and every address that the page would load something from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.loads: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr" and "data-host" in given:
            self.rows.append(given)
        self.loads += [given[name] for name in ("src", "href") if name in given]


def test_the_page_needs_nothing_else_and_shows_text_as_text() -> None:
    text = report_page.as_html(ROWS, "2026-01-02T03:04:05Z")
    page = Page(text)
    assert [(row["data-severity"], row["data-host"]) for row in page.rows] == [(row.severity, row.host) for row in ROWS]
    assert page.loads == []
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
