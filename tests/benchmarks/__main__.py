# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection against the admin guide, a bare server and the floor, on one Docker host: ``make bench``.

Prints one line per figure, ``NAME VALUE at-most|at-least LIMIT ok|missed``, and ends with 1 when one is missed. All ratios are taken
within one run on one host. Nothing is written into the tree.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testbed import hosts  # noqa: E402 - the checkout is no installed package
from tests.benchmarks import fleet  # noqa: E402

TESTBED = "bench"
HOST = "mlflow-a"
ATTEMPTS = 3
BENCH_PREFIX = "/opt/sparkflows-bench/stack"


def main() -> int:
    """Take the figures of the parts that are named as arguments, of all without one: host, fleet."""
    parts = {"host": of_a_host, "fleet": lambda: fleet.figures(note)}
    missed = 0
    for part in sys.argv[1:] or parts:
        for name, value, kind, limit in parts[part]():
            good = value >= limit - 1e-9 if kind == "at-least" else value <= limit + 1e-9
            missed += not good
            print(f"{name} {value:.3g} {kind} {limit:.3g} {'ok' if good else 'missed'}", flush=True)
    return 1 if missed else 0


def of_a_host() -> Iterator[tuple[str, float, str, float]]:
    """What one host costs: a run without a change, the stack, and a model from command to first prediction."""
    try:
        hosts.up(TESTBED, {HOST: "debian-13"})
        note("installing the host")
        playbook("playbooks/site.yml")
        note("a run that changes nothing")
        record = playbook("playbooks/site.yml")
        yield "no-change.module-executions", executions(record), "at-most", 2
        yield "no-change.changed-tasks", changed(record), "at-most", 0
        note("the stack, as pip_stack installs it, the guide's way, and unpacked")
        role = statistics.median(stack_role_seconds() for attempt in range(ATTEMPTS))
        other = on_host("stack.py", "/opt/sparkflows/stack/current", ATTEMPTS, *machines_index())
        yield "stack.role-to-guide", role / other["guide"], "at-most", 1 / 5
        yield "stack.role-to-unpacking", role / other["unpack"], "at-most", 2
        note("a model, from command to first correct prediction")
        playbook("playbooks/verify.yml", {"verify_keep": True})
        serving = on_host("serving.py", ATTEMPTS)
        yield "deploy.agent-to-bare", statistics.median(serving["agent"]) / statistics.median(serving["bare"]), "at-most", 1.3
        yield "agent.memory-mib", serving["agent_memory_mib"], "at-most", 60
        note("two models on another JDK, and back")
        ratios = [rollback_to_restart() for attempt in range(ATTEMPTS)]
        yield "rollback.to-restart", statistics.median(ratios), "at-most", 1.5
    finally:
        hosts.down(TESTBED)


def note(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def playbook(path: str, variables: dict | None = None) -> list[dict]:
    """Run a playbook on the bench host with the quickstart's inventory; return the callback's records."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as record:
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "module_executions",
            "MODULE_EXECUTIONS_RECORD": record.name,
        }
        extra = {"testbed_directory": str(hosts.folder(TESTBED)), **(variables or {})}
        command = ["ansible-playbook", path, "-i", "inventories/quickstart", "--limit", HOST, "-e", json.dumps(extra)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        return [json.loads(line) for line in record.read().splitlines()]


def executions(record: list[dict]) -> int:
    return sum(entry["event"] == "module" and entry["host"] == HOST for entry in record)


def changed(record: list[dict]) -> int:
    return sum(entry["changed"] for entry in record if entry["event"] == "stats")


def stack_role_seconds() -> float:
    """Seconds of the role pip_stack, from its first task to its last, on a host that has the wheels on its disk and no stack."""
    variables = {
        "pip_stack_prefix": BENCH_PREFIX,
        "pip_stack_find_links": ["/var/tmp/wheelhouse"],
    }
    playbook("tests/benchmarks/stack_fresh.yml", variables)
    record = playbook("tests/benchmarks/stack.yml", variables)
    tasks = [entry for entry in record if entry["event"] in ("task", "end")]
    first = next(index for index, entry in enumerate(tasks) if (entry.get("role") or "").endswith("pip_stack"))
    return tasks[-1]["time"] - tasks[first]["time"]


def rollback_to_restart() -> float:
    """What rollback.yml takes to the first right prediction of a model that runs from the former release, over a plain restart of the same units."""
    other = {"jdk_release": "8u-bench"}
    playbook("playbooks/site.yml", other)
    before = on_host("models.py", "runs")["runs"]
    rollback, both, after = until_models_predict(before, lambda: playbook("playbooks/rollback.yml", {**other, "rollback": "jdk"}))
    units = [unit for unit, run in after.items() if run != before[unit]]
    restart, restarted, dummy = until_models_predict(after, lambda: on_host("models.py", "restart", *units))
    note(f"rollback.yml {rollback:.1f} s, {both:.1f} s for both; a restart of {', '.join(units)} {restart:.1f} s, {restarted:.1f} s for both")
    return rollback / restart


def until_models_predict(before: dict[str, str], action: Callable[[], object]) -> tuple[float, float, dict[str, str]]:
    """Seconds from the begin of an action until the first model that it restarted predicts rightly, until both do, and their runs then."""
    started = time.time()
    with ThreadPoolExecutor(1) as watcher:
        first = watcher.submit(on_host, "models.py", "first", shlex.quote(json.dumps(before)))
        action()
        seen = first.result()
    both = on_host("models.py", "runs")
    return seen["time"] - started, both["time"] - started, both["runs"]


def machines_index() -> list[str]:
    """The index that this machine's pip is configured for, which the host should ask too; none when nothing is configured."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return [found] if found else []


def on_host(script: str, *arguments: object) -> dict:
    """Run one of the scripts beside this file as root on the host; return the JSON object that it prints."""
    login = ["ssh", "-F", str(hosts.folder(TESTBED) / "ssh_config"), HOST]
    command = " ".join(["sudo", "python3", "-", *map(str, arguments)])
    done = subprocess.run([*login, command], input=(Path(__file__).parent / script).read_text(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed on the host:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
