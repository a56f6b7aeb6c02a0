# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sparkflows, here its double, has the settings of the deploy mode and reaches what they name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import TESTBED, Operator
from testinfra.host import Host

from testbed import summary

On = Callable[[str], Host]
CURL = "curl --silent --show-error --fail"


@pytest.fixture
def sparkflows(on: On) -> Host:
    return on("sparkflows")


def counters(host: Host) -> dict[str, Any]:
    return dict(json.loads(host.check_output(f"{CURL} http://127.0.0.1:8080/_double/counters")))


def test_settings_are_saved() -> None:
    assert summary.sparkflows(TESTBED.name, "sparkflows") == {
        "MLflow Tracking URL": "https://debian13:5443",
        "MLflow Login Username": "sparkflows",
        "MLflow Deploy Mode": "fire_mlops_server",
        "Fire MLOps Host": "debian13",
        "Fire MLOps Port": "8086",
    }


def test_a_second_run_writes_nothing(sparkflows: Host, operator: Operator, containers: dict[str, dict[str, str]]) -> None:
    sparkflows.check_output(f"{CURL} --request DELETE http://127.0.0.1:8080/_double/counters")
    run = operator.play("site")
    assert run.unchanged
    assert f"{len(containers)} of {len(containers)} hosts unchanged." in run.output
    assert len(run.output.splitlines()) <= 40 + len(containers)
    found = counters(sparkflows)
    assert found["writes"] == 0
    assert found["by_path"]["GET /api/v1/configurations"] == 1


def test_only_sparkflows_login_reaches_the_tracking_server(sparkflows: Host) -> None:
    status = "curl --silent --insecure --output /dev/null --write-out '%{http_code}'"
    assert sparkflows.check_output(f"{status} https://debian13:5443/health") == "401"
    assert sparkflows.run(f"{status} --max-time 5 http://debian13:5000/health").rc != 0


def test_what_is_not_reached_is_told(sparkflows: Host, operator: Operator, on: On) -> None:
    # The socket holds the port for the agent.
    on("debian13").check_output("systemctl stop mlops-agent.socket mlops-agent.service")
    try:
        run = operator.play("site", "--limit", "sparkflows", fails=True, sparkflows_reach_timeout=3)
        assert "From sparkflows not everything answers that Sparkflows needs: tcp://debian13:8086 does not answer: Connection refused" in run.text
    finally:
        on("debian13").check_output("systemctl start mlops-agent.socket mlops-agent.service")


def test_wrong_token_changes_nothing(sparkflows: Host, operator: Operator) -> None:
    before = counters(sparkflows)["writes"]
    run = operator.play("site", fails=True, sparkflows_token="not-the-token")
    assert "Nothing was changed. Findings:" in run.text and "sparkflows: Sparkflows at http://127.0.0.1:8080 does not accept" in run.text
    assert counters(sparkflows)["writes"] == before and not run.changed
