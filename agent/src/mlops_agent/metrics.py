# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's figures for Prometheus, made of what is seen when they are asked for."""

from __future__ import annotations

import itertools
import resource
import time
import typing as t
from collections import Counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from . import __version__, request_counts, watcher

if t.TYPE_CHECKING:
    from .request_counts import Counts
    from .runs import Run
    from .web import Description

#: One of the kinds of families that have labels.
Family = t.TypeVar("Family", CounterMetricFamily, GaugeMetricFamily)

CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Whatever else a client makes up is counted as "other", so that no client can make the answer grow.
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")


#: Which of the two units of a deployment that follows its stage.
RUN = ["name", "run"]


class Seen(t.NamedTuple):
    """What figures are made of: deployments as the agent describes them, their units, and whether the tracking server answers."""

    deployments: t.Sequence[Description]
    runs: t.Sequence[Run]
    tracking_up: bool


class Figures(Collector):
    """A collector of prometheus_client, which also counts the requests to the agent itself."""

    def __init__(self) -> None:
        self._seen = Seen([], [], False)
        self._started = time.time()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, method: str, status: int) -> None:
        """Note an answered request."""
        self._requests[method if method in METHODS else "other", str(status)] += 1

    def text(self, seen: Seen) -> bytes:
        """All figures in Prometheus' text format, as bytes."""
        self._seen = seen
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> t.Iterator[Metric]:
        """The metric families, as prometheus_client asks for them."""
        deployments = self._seen.deployments
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
        yield GaugeMetricFamily(
            "mlops_agent_tracking_up", "Whether the tracking server answered when it was last looked at.", int(self._seen.tracking_up))
        yield _family(
            GaugeMetricFamily, "mlops_deployment_state", "1 for the state in which the deployment is, 0 for the others.", ["name", "state"],
            [([one["name"], state], int(one["state"] == state)) for one in deployments for state in watcher.STATES])
        yield _family(
            GaugeMetricFamily, "mlops_deployment_ready", "Whether the model answers a real request.", ["name"],
            [([one["name"]], int(one["state"] == watcher.READY)) for one in deployments])
        yield _family(
            CounterMetricFamily, "mlops_deployment_restarts", "Restarts of the model after it failed.", ["name"],
            [([one["name"]], one["restarts"]) for one in deployments])
        yield _family(
            GaugeMetricFamily, "mlops_deployment_memory_limit_bytes", "Memory that a unit of the model may use.", ["name"],
            [([one["name"]], one["memory_mb"] * 1024 * 1024) for one in deployments])
        yield from self._of_runs()

    def _of_runs(self) -> t.Iterator[Metric]:
        memory = [([one.name, one.run], one.memory_bytes) for one in self._seen.runs if one.memory_bytes is not None]
        probes = [([one.name, one.run], one.probe) for one in self._seen.runs if one.probe is not None]
        counts = [([one.name, one.run], one.counts) for one in self._seen.runs if one.counts is not None]
        yield _family(GaugeMetricFamily, "mlops_deployment_memory_bytes", "Memory of the model's unit, as systemd counts it.", RUN, memory)
        yield _family(
            GaugeMetricFamily, "mlops_deployment_last_probe_timestamp_seconds", "When the agent last had the model score a row.", RUN,
            [(labels, probe.at) for labels, probe in probes])
        yield _family(
            GaugeMetricFamily, "mlops_deployment_last_probe_duration_seconds", "How long that took.", RUN,
            [(labels, probe.seconds) for labels, probe in probes])
        yield _family(
            GaugeMetricFamily, "mlops_deployment_last_probe_success", "Whether the model scored it.", RUN,
            [(labels, int(probe.scored)) for labels, probe in probes])
        yield _family(
            CounterMetricFamily, "mlops_deployment_requests", "Answers of the model to rows to score, by the class of their status.",
            [*RUN, "code"], [([*labels, code], count) for labels, one in counts for code, count in one.statuses.items()])
        durations = HistogramMetricFamily("mlops_deployment_request_duration_seconds", "How long the model took for its answers.", labels=RUN)
        for labels, one in counts:
            durations.add_metric(labels, _cumulative(one), one.seconds)
        yield durations


def _cumulative(counts: Counts) -> list[tuple[str, float]]:
    """The buckets as prometheus_client wants them: (upper bound, how many took no longer)."""
    return list(zip([*map(str, request_counts.BOUNDS), "+Inf"], itertools.accumulate(counts.durations)))


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
