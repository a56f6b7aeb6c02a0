# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's figures for Prometheus, worked out when they are asked for."""

from __future__ import annotations

import resource
import time
import typing as t
from collections import Counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from . import __version__, watcher

if t.TYPE_CHECKING:
    from .web import Description

#: One of the kinds of families that have labels.
Family = t.TypeVar("Family", CounterMetricFamily, GaugeMetricFamily)

CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Whatever else a client makes up is counted as "other", so that no client can make the answer grow.
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")


class Figures(Collector):
    """A collector of prometheus_client. deployments: a function that gives those of the agent as it describes them."""

    def __init__(self, deployments: t.Callable[[], t.Sequence[Description]]) -> None:
        self._deployments = deployments
        self._started = time.time()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, method: str, status: int) -> None:
        """Note an answered request."""
        self._requests[method if method in METHODS else "other", str(status)] += 1

    def text(self) -> bytes:
        """All figures in Prometheus' text format, as bytes."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> t.Iterator[Metric]:
        """The metric families, as prometheus_client asks for them."""
        deployments = self._deployments()
        states = Counter(deployment["state"] for deployment in deployments)
        yield _family(GaugeMetricFamily, "mlops_agent_info", "The agent's version.", ["version"], [([__version__], 1)])
        yield GaugeMetricFamily(
            "mlops_agent_start_time_seconds", "Start of the agent, in seconds since the epoch.", self._started)
        yield GaugeMetricFamily("mlops_agent_resident_memory_bytes", "Resident memory of the agent.", _resident_bytes())
        yield CounterMetricFamily(
            "mlops_agent_cpu_seconds", "CPU time used by the agent.", sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
        yield _family(
            CounterMetricFamily, "mlops_agent_http_requests", "Requests answered, by method and status.", ["method", "status"],
            sorted((list(labels), count) for labels, count in self._requests.items()))
        yield _family(
            GaugeMetricFamily, "mlops_agent_deployments", "Deployments in each state.", ["state"],
            [([state], states[state]) for state in watcher.STATES])
        yield _family(
            GaugeMetricFamily, "mlops_deployment_ready", "Whether the model answers a real request.", ["name"],
            [([one["name"]], int(one["state"] == watcher.READY)) for one in deployments])
        yield _family(
            CounterMetricFamily, "mlops_deployment_restarts", "Restarts of the model after it failed.", ["name"],
            [([one["name"]], one["restarts"]) for one in deployments])


def _family(
    kind: type[Family], name: str, text: str, labels: list[str], samples: t.Iterable[tuple[t.Sequence[str], float]]
) -> Family:
    family = kind(name, text, labels=labels)
    for values, figure in samples:
        family.add_metric(values, figure)
    return family


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()
