# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""health.yml run for real over hosts of which none is reached: each has its row, and the run ends as it was asked to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.action.health_report import _fail_at
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import report_file

ROOT = Path(__file__).resolve().parents[4]
SECRET = "canary-8f3a6c2e7b"
SPARKFLOWS = {
    "sparkflows_deploy_mode": "fire_mlops_server", "sparkflows_mlops_host": "mlflow", "sparkflows_tracking_url": "http://mlflow:5000",
    "sparkflows_token": SECRET,
}  # fmt: skip
#: Nobody listens on this port. The firewall has the Sparkflows host asked for its addresses before it is planned.
MLFLOW = {"mlops_agent_token": SECRET, "firewall_enabled": True}


def health(folder: Path, *arguments: str, **variables: Any) -> tuple[int, str]:
    """Run health.yml over an MLflow host, which has these variables besides, and a Sparkflows host; exit code and output."""
    children = {
        "mlflow_hosts": {"hosts": {"mlflow": {**MLFLOW, **variables}}},
        "sparkflows_hosts": {"hosts": {"sparkflows": SPARKFLOWS}},
        "scorer_hosts": {"hosts": {}},
    }
    unreached = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "nobody"}
    (folder / "inventory.json").write_text(json.dumps({"all": {"vars": unreached, "children": children}}))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/health.yml", "-i", str(folder / "inventory.json"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert "Traceback" not in output and SECRET not in output
    return done.returncode, output


def test_hosts_that_are_not_reached_are_reported_and_end_no_run(tmp_path: Path) -> None:
    code, output = health(tmp_path, "-e", f"health_report={tmp_path}/health.json", "--check")
    assert code == 0, output
    report = json.loads((tmp_path / "health.json").read_text())
    assert [(row["severity"], row["host"], row["kind"], row["value"]) for row in report["rows"]] == [
        ("critical", "mlflow", "host", "not reached"), ("critical", "sparkflows", "host", "not reached"),
    ]  # fmt: skip
    assert all("Check that it is up" in row["advice"] for row in report["rows"])
    assert (report["severity"], report["exit_code"]) == ("critical", 2)
    assert "0 of 2 hosts are well, 2 critical." in output


def test_a_limit_that_can_not_be_right_is_told_and_the_run_ends_with_2_where_that_is_asked_for(tmp_path: Path) -> None:
    code, output = health(tmp_path, "-e", "health_exit_code=true", "-e", "health_show=problems", health_restarts_warning=30)
    assert code == 2, output
    assert "health_restarts_warning is 30 and health_restarts_critical is 20; what is critical has to be the higher one." in " ".join(output.split())
    assert "CRITICAL: 0 of 2 hosts are well, 3 critical." in output


@pytest.mark.parametrize(
    ("given", "severities"),
    [
        (None, ()), (False, ()), ("false", ()), ("no", ()), (True, ("critical", "warning")), ("true", ("critical", "warning")),
        ("warning", ("critical", "warning")), ("critical", ("critical",)), ("CRITICAL", ("critical",)), ("ok", None), ("2", None),
    ],
)  # fmt: skip
def test_which_severities_end_a_run(given: Any, severities: tuple[str, ...] | None) -> None:
    assert _fail_at(given) == severities


def test_a_report_is_written_in_the_form_of_its_suffix(tmp_path: Path) -> None:
    forms = {".json": lambda now: "json", ".prom": lambda now: "prom"}
    assert report_file.write("health_report", str(tmp_path / "a.prom"), forms) is None
    assert (tmp_path / "a.prom").read_text() == "prom" and (tmp_path / "a.prom").stat().st_mode & 0o777 == 0o644
    assert report_file.write("health_report", "/a.txt", forms) == "health_report is /a.txt; its suffix must be one of .json, .prom."
    assert report_file.write("health_report", str(tmp_path / "none" / "a.json"), forms) == (
        f"The report could not be written to {tmp_path}/none/a.json: No such file or directory. Name another path with health_report."
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "a.prom"]
