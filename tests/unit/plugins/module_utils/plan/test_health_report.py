# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts stand, as a table, JSON, Prometheus text and a page."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import page, report
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row


def role(*differences: dict[str, str], planned: bool = True, **inputs: t.Any) -> dict[str, t.Any]:
    return {"planned": planned, "differences": list(differences), "inputs": inputs}


def difference(step: str = "environment", item: str = "mlflow", reason: str = "") -> dict[str, str]:
    return {"role": "pip_stack", "step": step, "item": item, "before": "1.29.0", "after": "1.30.1", "reason": reason}


def plan(*rows: Row, findings: t.Sequence[str] = (), **roles: t.Any) -> dict[str, t.Any]:
    reached = Row("ok", "host", "", "reached, Debian 13", "", 1)
    return {"findings": list(findings), "roles": roles, "health": [row._asdict() for row in (reached, *rows)]}


STOPPED = Row("critical", "unit", "mlflow-server.service", "stopped", "site.yml starts it.", 0)
RUNS = Row("ok", "unit", "mlops-agent.service", "runs", "", 1)
DISK = Row("warning", "disk", "/", "85 % used, 900 MB free", "Make room.", 0.85)
ENDS = Row("ok", "certificate", "/etc/ssl/a.crt", "300 days left", "", 1_790_000_000)
PLANS: dict[str, t.Any] = {
    "well": plan(RUNS, ENDS, jdk=role(), sagemaker=role(planned=False)),
    "differs": plan(DISK, RUNS, pip_stack=role(difference(), difference(item="numpy", reason="h2o wants it"), difference(step="", item="a note"))),
    "stopped": plan(STOPPED, findings=["The scorer has no engine."], jdk=role()),
    "waits": plan(ssh_access=role(planned=False, asks=[{"host": "far"}])),
    "far": {"unreachable": True, "msg": "Failed to connect to the host via ssh:\n connection refused"},
    "refused": {"findings": ["health_restarts_warning is '0', but a number of at least 1 was expected."], "roles": {}, "due": []},
    "broken": {"failed": True, "msg": "The module ended."},
    "unknown": None,
}
ROWS = report.rows(PLANS)


def told(host: str) -> list[tuple[str, str, str, str]]:
    return [(row.severity, row.kind, row.name, row.value) for row in ROWS if row.host == host]


def test_every_host_has_its_rows_whatever_became_of_it() -> None:
    assert told("well") == [
        ("ok", "host", "", "reached, Debian 13"), ("ok", "unit", "mlops-agent.service", "runs"), ("ok", "certificate", "/etc/ssl/a.crt", "300 days left"),
        ("ok", "drift", "jdk", "none"),
    ]  # fmt: skip
    assert told("far") == [("critical", "host", "", "not reached")]
    assert told("unknown") == told("broken") == [("critical", "host", "", "not read")]
    assert told("refused")[0] == ("critical", "host", "", "not read") and told("refused")[1][:2] == ("critical", "drift")
    said = {row.host: row.advice for row in ROWS if row.kind == "host"}
    assert said["far"].startswith("Failed to connect to the host via ssh: connection refused. Check that it is up")
    assert said["broken"] == "The module ended."


def test_drift_is_a_warning_and_what_stops_a_run_is_critical() -> None:
    assert [row for row in told("differs") if row[1] == "drift"] == [
        ("warning", "drift", "pip_stack", "mlflow  1.29.0 → 1.30.1"), ("warning", "drift", "pip_stack", "numpy  1.29.0 → 1.30.1"),
    ]  # fmt: skip
    assert ("critical", "drift", "", "The scorer has no engine.") in told("stopped")
    assert told("waits")[0] == ("warning", "drift", "ssh_access", "not known")


def test_a_sentence_that_a_row_says_already_is_not_said_again() -> None:
    silent = Row("critical", "sparkflows", "http://127.0.0.1:8080", "does not answer as it should", "Sparkflows does not answer.", 0)
    found = report.rows({"a": plan(silent, findings=["Sparkflows does not answer.", "Another one."])})
    assert [(row.kind, row.value) for row in found if row.severity == "critical"] == [("sparkflows", silent.value), ("drift", "Another one.")]


def test_the_worst_comes_first_and_is_what_the_whole_comes_to() -> None:
    assert [row.severity for row in ROWS] == sorted((row.severity for row in ROWS), key=["critical", "warning", "ok"].index)
    assert report.summary(ROWS) == "1 of 8 hosts are well, 7 critical, 4 warnings."
    assert report.severity(ROWS) == "critical"
    assert report.severity(report.rows({"differs": PLANS["differs"]})) == "warning"
    assert report.severity(report.rows({"well": PLANS["well"]})) == report.severity([]) == "ok"
    assert report.summary(report.rows({"well": PLANS["well"]})) == "1 of 1 host is well."


def test_the_table_tells_severities_apart() -> None:
    lines = report.as_text(ROWS, 120).splitlines()
    assert "critical  stopped  unit         mlflow-server.service  stopped (site.yml starts it.)" in lines
    assert "warning   differs  drift        pip_stack  numpy  1.29.0 → 1.30.1 (h2o wants it)" in lines
    assert "ok        well     unit         mlops-agent.service  runs" in lines
    assert lines[-1] == report.summary(ROWS)
    problems = report.as_text(ROWS, 120, problems=True).splitlines()
    assert {line.split()[0] for line in problems[:-1] if line[0] != " "} == {"critical", "warning"} and problems[-1] == lines[-1]
    assert report.as_text(report.rows({"well": PLANS["well"]}), problems=True) == "1 of 1 host is well."


@pytest.mark.parametrize(("host", "severity", "code"), [("well", "ok", 0), ("differs", "warning", 1), ("stopped", "critical", 2)])
def test_json_has_the_exit_code_that_monitoring_knows(host: str, severity: str, code: int) -> None:
    read = json.loads(report.as_json(report.rows({host: PLANS[host]}), "2026-01-02T03:04:05Z"))
    assert (read["made_at"], read["severity"], read["exit_code"]) == ("2026-01-02T03:04:05Z", severity, code)
    assert sum(read["counts"].values()) == len(read["rows"])
    assert {key for row in read["rows"] for key in row} == {"severity", "host", "kind", "name", "value", "advice", "number"}


METRIC = re.compile(r'([a-z_]+)(?:\{([a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*)\})? (-?[0-9.e+]+)\Z')


def test_prometheus_reads_it() -> None:
    hostile = Row("warning", "model", 'a"\\\n\udc80', "not known")
    text = report.as_prometheus(report.rows({**PLANS, 'b"': plan(hostile, hostile._replace(severity="critical", number=0))}), 7.9)
    samples, typed = {}, []
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            typed.append(line.split()[2])
        elif not line.startswith("#"):
            match = METRIC.match(line)
            assert match, line
            # Every family is described once, and none of its samples stands elsewhere.
            assert match[1] == typed[-1] and (match[1], match[2]) not in samples
            samples[match[1], match[2]] = float(match[3])
    assert len(typed) == len(set(typed)) == text.count("# HELP")
    begin = "sparkflows_mlops_health_"
    assert samples[begin + "host_up", 'host="well"'] == 1 and samples[begin + "host_up", 'host="far"'] == 0
    assert samples[begin + "unit_up", 'host="stopped",name="mlflow-server.service"'] == 0
    assert samples[begin + "disk_used_ratio", 'host="differs",name="/"'] == 0.85
    assert samples[begin + "certificate_expiry_timestamp_seconds", 'host="well",name="/etc/ssl/a.crt"'] == 1_790_000_000
    assert samples[begin + "drift_differences", 'host="differs",name="pip_stack"'] == 2
    assert samples[begin + "drift_differences", 'host="well",name="jdk"'] == 0
    assert samples[begin + "severity", 'host="differs",kind="disk",name="/"'] == 1
    assert samples[begin + "severity", 'host="b\\"",kind="model",name="a\\"\\\\\\n?"'] == 2
    assert samples[begin + "timestamp_seconds", None] == 7


def test_the_page_has_every_row_and_shows_text_as_text() -> None:
    found = report.rows({"<b>x</b>": PLANS["stopped"], "well": PLANS["well"]})
    text = page.as_html(found, "2026-01-02T03:04:05Z")
    assert "<b>" not in text and "&lt;b&gt;x&lt;/b&gt;" in text
    assert re.findall(r'data-kind="(\w+)" data-severity="(\w+)"', text) == [(row.kind, row.severity) for row in found]
    assert "<dt>critical</dt><dd>does not work, or soon will not</dd>" in text and "<dt>warning</dt>" not in text
