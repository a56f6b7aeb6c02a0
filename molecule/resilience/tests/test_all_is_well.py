# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health report of a host on which all is well, and of one on which something does not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import HOSTS
from deployments import agent, eventually
from testinfra.host import Host

UNIT = "mlflow-server.service"
#: How full the machine below the containers is, and how often earlier tests have killed something, is no matter here.
LIMITS = {
    "health_disk_used_percent_warning": 100, "health_disk_used_percent_critical": 100, "health_memory_used_percent_warning": 100,
    "health_memory_used_percent_critical": 100, "health_restarts_warning": 1000, "health_restarts_critical": 1000,
}  # fmt: skip


def told(report: Path) -> tuple[dict[str, Any], dict[str, list[tuple[str, str, str]]]]:
    """The report, and its rows as host, kind and name by severity."""
    found = json.loads(report.read_text())
    rows: dict[str, list[tuple[str, str, str]]] = {"critical": [], "warning": [], "ok": []}
    for row in found["rows"]:
        rows[row["severity"]].append((row["host"], row["kind"], row["name"]))
    return found, rows


def test_what_stops_is_the_one_critical_row_and_a_host_that_is_gone_another(operator, host: Host, disk, tmp_path: Path) -> None:
    eventually(lambda: agent(host, "/api/v1/deployments/verify-numpy")[1]["state"] == "ready", "the model answers")
    [name] = HOSTS
    report = tmp_path / "health.json"
    run = operator.play("health", health_report=str(report), health_exit_code=True, **LIMITS)
    # Models that serve go on writing into their own folders.
    assert run.unchanged and [path for path in disk.changes() if not path.startswith("/var/cache/private/mlops-models/")] == []
    found, rows = told(report)
    assert (rows["critical"], rows["warning"], found["exit_code"]) == ([], [], 0), found
    things = (("host", ""), ("unit", UNIT), ("unit", "mlops-agent.service"), ("model", "verify-numpy"), ("disk", "/"), ("memory", ""), ("drift", "mlops_agent"))
    assert {(name, *thing) for thing in things} <= set(rows["ok"])

    (tmp_path / "gone.yml").write_text("mlflow_hosts: {hosts: {gone: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n")
    host.check_output("systemctl stop %s", UNIT)
    try:
        run = operator.play("health", "-i", str(tmp_path / "gone.yml"), fails=True, health_report=str(report), health_exit_code="critical", **LIMITS)
    finally:
        host.check_output("systemctl start %s", UNIT)
    assert run.code == 2 and f"critical {name} unit {UNIT} stopped" in run.text
    found, rows = told(report)
    assert sorted(rows["critical"]) == sorted([(name, "unit", UNIT), ("gone", "host", "")]), found
    # A run would start it; models go on serving.
    assert (name, "drift", "mlflow_server") in rows["warning"] and (name, "model", "verify-numpy") in rows["ok"]
    eventually(lambda: host.run("curl --silent --fail http://127.0.0.1:8086/health/tracking").rc == 0, "the agent sees the tracking server again")
