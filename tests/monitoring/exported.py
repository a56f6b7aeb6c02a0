# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent and the reports export, by their own code."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import report as plan
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import report as health
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "agent" / "src"))

from mlops_agent import request_counts, runs, supervisor, watcher  # noqa: E402 - needs the path above
from mlops_agent.metrics import Figures, Seen  # noqa: E402

#: What Prometheus itself adds to every series, or has.
SERVERS_OWN = {"job", "instance"}
SERVERS_METRICS = {"up": set[str](), "ALERTS": {"alertname", "alertstate"}}


def agents_text() -> str:
    """/metrics of an agent with one deployment of which all is known."""
    figures = Figures()
    figures.count("GET", 200)
    deployment = {"name": "churn", "state": watcher.READY, "restarts": 1, "memory_mb": 512}
    run = runs.Run("churn", "a", 1, request_counts.added_up(b""), supervisor.Probe(1.0, 1.0, True))
    return figures.text(Seen([deployment], [run], True)).decode()  # type: ignore[list-item] # a description has more than figures need


def health_text(now: float) -> str:
    """A health report with a row of each kind, none of which is well."""
    day = 86400
    numbers = {"certificate": now + 3 * day, "token": now + 3 * day, "disk": 0.95, "memory": 0.97, "drift": 2}
    # Of its host and of the memory of that there is one.
    names = {kind: "" if kind in ("host", "memory") else f"the {kind}" for kind in health.KINDS}
    rows = [Row("critical", kind, name, "", "", numbers.get(kind, 0), "mlflow-a") for kind, name in names.items()]
    return health.as_prometheus(rows, now)


def plan_text(now: float) -> str:
    """A plan with a row of each severity."""
    return plan.as_prometheus([plan.Row(severity, "mlflow-a", "jdk", "release", "1", "2", "") for severity in plan.SEVERITIES], now)


@functools.cache
def exported() -> dict[str, set[str]]:
    """{name of a sample: its labels} of all."""
    found: dict[str, set[str]] = dict(SERVERS_METRICS)
    for text in (agents_text(), health_text(0), plan_text(0)):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found
