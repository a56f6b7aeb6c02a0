# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever of a run is killed wherever, the next run makes it good and nothing is left of it; in the end everything goes without a trace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest
from conftest import HOSTS, TESTBED, Operator
from kill_points import Point, shared_out, wanted
from killing import Failed, Subject
from standing import Standing, standing
from testinfra.host import Host


ROLES = ["firewall", "mlops_agent", "mlflow_server", "pip_stack", "python", "jdk"]


@pytest.fixture(scope="module")
def before(on: Callable[[str], Host]) -> dict[str, Standing]:
    """How the hosts stand that have the packages, and a stack from their image."""
    return {name: standing(on(name)) for name in HOSTS}


@pytest.fixture(scope="module")
def subjects(
    tmp_path_factory: pytest.TempPathFactory, containers: dict[str, dict[str, str]], on: Callable[[str], Host], before: dict[str, Standing], operator: Operator
) -> dict[str, Subject]:
    """The hosts with all services, and a model that serves."""
    operator.play("converge.yml")
    base = (TESTBED / "agent_token").read_text().strip()
    return {name: Subject(name, containers[name], on(name), tmp_path_factory.mktemp(name), base) for name in HOSTS}


def test_the_next_run_makes_it_good(subjects: dict[str, Subject], capfd: pytest.CaptureFixture[str]) -> None:
    points = wanted()
    over = dict.fromkeys(HOSTS, 0)
    verdicts: Queue[tuple[str, Point, str, bool, float]] = Queue()

    def on_host(subject: Subject, queue: list[Point]) -> None:
        subject.settle()
        for point in queue:
            started = time.monotonic()
            try:
                task = subject.try_point(point)
                verdict, good = f"made good, it was at '{task}'" if task else f"made good, but the run was over before, after {subject.tasks} tasks", True
                over[subject.name] += task is None
            except Failed as failure:
                verdict, good = f"NOT MADE GOOD: {failure}", False
            verdicts.put((subject.name, point, verdict, good, time.monotonic() - started))

    failed = 0
    with ThreadPoolExecutor(len(subjects)) as workers:
        runs = [workers.submit(on_host, subjects[name], queue) for name, queue in shared_out(points, HOSTS).items()]
        for dummy in points:
            while verdicts.empty() and not all(run.done() for run in runs):
                time.sleep(0.2)
            if verdicts.empty():
                break
            name, point, verdict, good, seconds = verdicts.get()
            failed += not good
            with capfd.disabled():
                print(f"{point} on {name}: {verdict} ({seconds:.0f} s)", flush=True)
        for run in runs:
            run.result()
    assert failed == 0, f"{failed} of {len(points)} points were not made good; `make kills SEED=…` tries one again"
    assert sum(over.values()) <= max(1, len(points) // 4), "too many runs were over before their points: kill_points.py says how many tasks operations have"


def test_all_goes_in_any_order_without_a_trace(
    subjects: dict[str, Subject], before: dict[str, Standing], on: Callable[[str], Host], operator: Operator
) -> None:
    order = random.Random(wanted()[0].seed).sample(ROLES, len(ROLES))  # noqa: S311 - an order, no secret
    for subject in subjects.values():
        subject.bring_to(present=True)
    operator.play("remove.yml", order=order)
    for name in HOSTS:
        found = standing(on(name)).differences(before[name])
        assert [line for line in found if not line.startswith("/opt/sparkflows")] == [], order
        assert not on(name).file("/opt/sparkflows").exists, order
