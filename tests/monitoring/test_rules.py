# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alert rule fires when it should and is silent when it should be, as promtool works it out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.monitoring.files import RULES, alert_rules

ALERTS = alert_rules()

AGENT = 'job="mlops-agent", instance="mlflow-a:8086"'
CHURN = f'{AGENT}, name="churn", run=""'
SCRAPED = {"job": "mlops-agent", "instance": "mlflow-a:8086"}
MODEL = {**SCRAPED, "name": "churn"}
DAY = 86400
HOURS = 60  # of the samples, which are one minute apart


class Case(NamedTuple):
    """Series of one sample a minute from 1970 on, in promtool's notation, and the labels of each alert that fires after so many minutes."""

    series: dict[str, str]
    minutes: int
    fires: tuple[dict[str, str], ...] = ()


def always(value: float, minutes: int = 90) -> str:
    return f"{value}x{minutes}"


def counted(per_minute: float, minutes: int = 90) -> str:
    return f"0+{per_minute}x{minutes}"


def state(now: str, samples: str = always(1)) -> dict[str, str]:
    return {f'mlops_deployment_state{{{AGENT}, name="churn", state="{now}"}}': samples}


def answers(**codes: float) -> dict[str, str]:
    """So many answers a minute, by the class of their status, of each of two runs of one deployment that follows its stage."""
    return {
        f'mlops_deployment_requests_total{{{AGENT}, name="churn", run="{run}", code="{code[1:]}"}}': counted(number / 2)
        for code, number in codes.items() for run in "ab"
    }  # fmt: skip


def durations(quick: float, slow: float) -> dict[str, str]:
    """So many answers a minute that take up to 1 s, and from 2.5 to 5 s."""
    name = "mlops_deployment_request_duration_seconds"
    buckets = {"1.0": quick, "2.5": quick, "5.0": quick + slow, "+Inf": quick + slow}
    found = {f'{name}_bucket{{{CHURN}, le="{bound}"}}': counted(number) for bound, number in buckets.items()}
    return {**found, f"{name}_count{{{CHURN}}}": counted(quick + slow)}


def report(metric: str, value: float, **labels: str) -> dict[str, str]:
    written = ", ".join(f'{label}="{text}"' for label, text in {"host": "mlflow-a", **labels}.items())
    return {f"sparkflows_mlops_{metric}{{{written}}}": always(value, 60 * HOURS)}


CERTIFICATE = {"host": "mlflow-a", "name": "/etc/agent.pem"}
DISK = {"host": "mlflow-a", "name": "/var"}
READY = f'mlops_deployment_ready{{{AGENT}, name="churn"}}'
RESTARTS = f'mlops_deployment_restarts_total{{{AGENT}, name="churn"}}'
UP = f"up{{{AGENT}}}"

CASES: dict[str, list[Case]] = {
    "MlopsAgentAway": [
        Case({UP: "1x4 0x20"}, 11, (SCRAPED,)),
        Case({UP: "1x4 0x20"}, 8),  # not yet
        Case({UP: "1x4 0x3 1x20"}, 11),  # a restart
        Case({'up{job="node", instance="a"}': always(0)}, 11),
    ],
    "MlopsAgentNotScraped": [
        Case({'up{job="node", instance="a"}': always(1)}, 20, ({"job": "mlops-agent"},)),
        Case({'up{job="node", instance="a"}': always(1)}, 10),  # not yet
        Case({UP: always(0)}, 20),
    ],
    "MlopsTrackingServerAway": [
        Case({f"mlops_agent_tracking_up{{{AGENT}}}": always(0)}, 6, (SCRAPED,)),
        Case({f"mlops_agent_tracking_up{{{AGENT}}}": "0x2 1x20"}, 6),
    ],
    "MlopsModelFailed": [
        Case(state("failed"), 3, ({**MODEL, "state": "failed"},)),
        Case({**state("failed", always(0)), **state("unhealthy")}, 3),
    ],
    "MlopsModelUnhealthy": [
        Case(state("unhealthy"), 6, ({**MODEL, "state": "unhealthy"},)),
        Case(state("unhealthy", "1x2 0x20"), 6),
    ],
    "MlopsModelNotReady": [
        Case({READY: always(0), **state("starting")}, 16, (MODEL,)),
        Case({READY: always(0), **state("failed")}, 16),  # of which there is an alert already
        Case({READY: always(0), **state("starting")}, 10),  # not yet
        Case({READY: "0x10 1x20"}, 16),
    ],
    "MlopsModelRestarting": [
        Case({RESTARTS: "0+1x5 5x60"}, 60, (MODEL,)),
        Case({RESTARTS: "0+1x2 2x60"}, 60),
        Case({RESTARTS: "9x100"}, 60),  # long ago
    ],
    "MlopsModelSlow": [
        Case(durations(80, 20), 30, (MODEL,)),
        Case(durations(99, 1), 30),
        Case(durations(0, 0.5), 30),  # five requests tell nothing
        Case(durations(80, 20), 5),  # not yet
    ],
    "MlopsModelErrors": [
        Case(answers(_2xx=90, _5xx=10), 20, (MODEL,)),
        Case(answers(_2xx=97, _5xx=3), 20),
        Case(answers(_2xx=80, _4xx=20), 20),
        Case(answers(_5xx=0.5), 20),  # five requests tell nothing
        Case(answers(_2xx=0, _5xx=0), 20),
    ],
    "MlopsModelRefusesRows": [
        Case(answers(_2xx=20, _4xx=80), 50, (MODEL,)),
        Case(answers(_2xx=80, _4xx=20), 50),
        Case(answers(_2xx=20, _4xx=80), 10),  # not yet
        Case(answers(_4xx=0.2), 50),
    ],
    "MlopsHealthReportOld": [
        Case({"sparkflows_mlops_health_timestamp_seconds": always(0, 10 * HOURS)}, 200, ({},)),
        Case({UP: always(1, 10 * HOURS)}, 20, ({},)),
        Case({"sparkflows_mlops_health_timestamp_seconds": always(0, 10 * HOURS)}, 170),
        Case({"sparkflows_mlops_health_timestamp_seconds": always(0, 10 * HOURS)}, 190),  # the next one may be under way
        Case({"sparkflows_mlops_health_timestamp_seconds": f"0+60x{10 * HOURS}"}, 200),
    ],
    "MlopsPlanReportOld": [
        Case({"sparkflows_mlops_plan_timestamp_seconds": always(0, 60 * HOURS)}, 49 * HOURS, ({},)),
        Case({UP: always(1, 10 * HOURS)}, 20, ({},)),
        Case({"sparkflows_mlops_plan_timestamp_seconds": always(0, 60 * HOURS)}, 47 * HOURS),
        Case({"sparkflows_mlops_plan_timestamp_seconds": always(0, 60 * HOURS)}, 48 * HOURS + 10),  # the next one may be under way
    ],
    "MlopsHostNotRead": [
        Case(report("health_host_up", 0), 1, ({"host": "mlflow-a"},)),
        Case(report("health_host_up", 1), 1),
    ],
    "MlopsUnhealthy": [
        Case(report("health_severity", 2, kind="login", name="ssh"), 1, ({"host": "mlflow-a", "kind": "login", "name": "ssh"},)),
        Case(report("health_severity", 1, kind="login", name="ssh"), 1),
        Case(report("health_severity", 2, kind="disk", name="/"), 1),  # of which there is another alert
    ],
    "MlopsCertificateExpiresSoon": [
        Case(report("health_certificate_expiry_timestamp_seconds", 29 * DAY, name="/etc/agent.pem"), 1, (CERTIFICATE,)),
        Case(report("health_certificate_expiry_timestamp_seconds", 31 * DAY, name="/etc/agent.pem"), 1),
        Case(report("health_certificate_expiry_timestamp_seconds", 6 * DAY, name="/etc/agent.pem"), 1),  # which is worse
    ],
    "MlopsCertificateExpires": [
        Case(report("health_certificate_expiry_timestamp_seconds", 6 * DAY, name="/etc/agent.pem"), 1, (CERTIFICATE,)),
        Case(report("health_certificate_expiry_timestamp_seconds", -DAY, name="/etc/agent.pem"), 1, (CERTIFICATE,)),
        Case(report("health_certificate_expiry_timestamp_seconds", 8 * DAY, name="/etc/agent.pem"), 1),
    ],
    "MlopsTokenExpires": [
        Case(report("health_token_expiry_timestamp_seconds", 6 * DAY), 1, ({"host": "mlflow-a"},)),
        Case(report("health_token_expiry_timestamp_seconds", 8 * DAY), 1),
    ],
    "MlopsDiskFillsUp": [
        Case(report("health_disk_used_ratio", 0.85, name="/var"), 1, (DISK,)),
        Case(report("health_disk_used_ratio", 0.79, name="/var"), 1),
        Case(report("health_disk_used_ratio", 0.95, name="/var"), 1),  # which is worse
    ],
    "MlopsDiskFull": [
        Case(report("health_disk_used_ratio", 0.95, name="/var"), 1, (DISK,)),
        Case(report("health_disk_used_ratio", 0.89, name="/var"), 1),
    ],
    "MlopsDrift": [
        Case(report("plan_rows", 2, severity="difference"), 61, ({"host": "mlflow-a"},)),
        Case(report("plan_rows", 0, severity="difference"), 61),
        Case(report("plan_rows", 2, severity="note"), 61),
        Case(report("plan_rows", 2, severity="difference"), 30),  # somebody is at it
    ],
    "MlopsPlanRefused": [
        Case(report("plan_rows", 1, severity="finding"), 61, ({"host": "mlflow-a"},)),
        Case(report("plan_rows", 0, severity="finding"), 61),
    ],
}


def promtool(programs: Path, *words: str | Path) -> None:
    done = subprocess.run([programs / "promtool", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules(programs: Path) -> None:
    promtool(programs, "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_each_alert_has_both_kinds_of_cases() -> None:
    assert set(CASES) == set(ALERTS)
    for alert, cases in CASES.items():
        assert {bool(case.fires) for case in cases} == {True, False}, alert


def promtools_cases(alert: str) -> Iterator[dict[str, object]]:
    severity = ALERTS[alert]["labels"]["severity"]
    for case in CASES[alert]:
        expected = [{"exp_labels": {"severity": severity, **labels}} for labels in case.fires]
        yield {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "alert_rule_test": [{"eval_time": f"{case.minutes}m", "alertname": alert, "exp_alerts": expected}],
        }


@pytest.mark.parametrize("alert", ALERTS)
def test_it_fires_and_is_silent(programs: Path, tmp_path: Path, alert: str) -> None:
    # Texts are not repeated here: test_prometheus.py has a server fill them in.
    rule = {key: value for key, value in ALERTS[alert].items() if key != "annotations"}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
    cases = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": list(promtools_cases(alert))}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    promtool(programs, "test", "rules", tmp_path / "cases.yml")
