# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times what a person waits for: `site.yml` on one and on sixteen MLflow hosts, against `ping` and against ordinary roles, interleaved.

The hosts are started from the image of one that `site.yml` has converged. All times are wall-clock seconds of whole commands.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed import hosts, images

#: Name, value, at-most or at-least, limit.
Figure = tuple[str, float, str, float]
ROOT = Path(__file__).resolve().parents[2]
TESTBED = "fleet"
IMAGE = "debian-13@converged-for-bench"
SIZE = 16
#: How many hosts are timed; the figures are of the first and the last, the plot is of all.
COUNTS = (1, 4, SIZE)
#: Runs of each kind, of which the median counts.
ATTEMPTS = int(os.environ.get("BENCH_ATTEMPTS", "5"))
#: Of ordinary roles, which take minutes on sixteen hosts.
ORDINARY_ATTEMPTS = int(os.environ.get("BENCH_ORDINARY_ATTEMPTS", str(ATTEMPTS)))
#: The same on every host, so that hosts which were started from one image do not differ.
SHARED = {"mlflow_server_name": "bench", "mlflow_server_proxy_server_name": "bench"}
# A setting of one role that costs that role's own work, the restart of the agent included.
CHANGED = {"mlops_agent_health_interval": 31}


def figures(note: Callable[[str], None]) -> list[Figure]:
    """The figures of the fleet."""
    names = [f"mlflow-{number:02}" for number in range(1, SIZE + 1)]
    with inventory(names) as place:
        note("converging one host")
        hosts.up(TESTBED, {names[0]: "debian-13"}, memory="2g")
        play(place, "site.yml", names[:1])
        ordinary(place, names[:1])
        hosts.keep(TESTBED, {names[0]: IMAGE})
        note(f"starting {SIZE} hosts of its image")
        hosts.up(TESTBED, dict.fromkeys(names, IMAGE), memory="2g")
        play(place, "site.yml", names)
        rounds = {count: no_change(place, names[:count], note) for count in COUNTS}
        if record := os.environ.get("BENCH_RECORD"):
            seconds = {count: {kind: round(statistics.median(seen), 2) for kind, seen in times.items()} for count, times in rounds.items()}
            Path(record).write_text(json.dumps(seconds, indent=2) + "\n")
        found = [figure for count in (1, SIZE) for figure in ratios(count, rounds[count])]
        lines = len(play(place, "site.yml", names).splitlines())
        found.append((f"fleet.no-change-lines-beyond-hosts-{SIZE}", lines - SIZE, "at-most", 40))
        return found + list(one_differs(place, names, note))


def ratios(count: int, times: dict[str, list[float]]) -> Iterator[Figure]:
    """What the rounds of one number of hosts come to: the median of the rounds' own ratios, as a machine is not equally fast in all of them."""
    yield f"fleet.no-change-to-ping-{count}", by_round(times["no change"], times["ping"]), "at-most", 2.5
    yield f"fleet.ordinary-to-no-change-{count}", by_round(times["ordinary"], times["no change"]), "at-least", 8 if count == SIZE else 0


def by_round(times: list[float], others: list[float]) -> float:
    """The median of the ratios of rounds; a kind that was not run in every round counts in those where it was."""
    return statistics.median(one / other for one, other in zip(times, others))


def no_change(place: Path, names: list[str], note: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds by round of the floor, of a run without anything to do, and of ordinary roles that have nothing to do."""
    count = len(names)
    kinds: dict[str, Callable[[], object]] = {
        "ping": lambda: ping(place, names),
        "no change": lambda: play(place, "site.yml", names),
        "ordinary": lambda: ordinary(place, names),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for attempt in range(ATTEMPTS):
        for kind, run in kinds.items():
            if kind != "ordinary" or attempt < ORDINARY_ATTEMPTS:
                times[kind].append(timed(run))
        note(f"{count} hosts, round {attempt + 1}: " + ", ".join(f"{kind} {seen[-1]:.1f} s" for kind, seen in times.items()))
    return times


def one_differs(place: Path, names: list[str], note: Callable[[str], None]) -> Iterator[Figure]:
    """One host of all with one changed setting, against nothing to do and that role's own time on one host."""
    alone, among, nothing = [], [], []
    for attempt in range(ATTEMPTS):
        nothing.append(timed(lambda: play(place, "site.yml", names)))
        among.append(timed(lambda: play(place, "site.yml", names, {names[0]: CHANGED})))
        play(place, "site.yml", names[:1])
        alone.append(timed(lambda: play(place, "site.yml", names[:1], {names[0]: CHANGED}, "--tags=mlops_agent")))
        play(place, "site.yml", names[:1])
        note(f"one of {len(names)} differs, round {attempt + 1}: {among[-1]:.1f} s; nothing differs {nothing[-1]:.1f} s; its role alone {alone[-1]:.1f} s")
    limit = 1.5 * statistics.median(nothing) + statistics.median(alone)
    yield "fleet.one-differs-16", statistics.median(among) / limit, "at-most", 1


def timed(run: Callable[[], object]) -> float:
    started = time.monotonic()
    run()
    return time.monotonic() - started


@contextmanager
def inventory(names: list[str]) -> Iterator[Path]:
    """An inventory of these MLflow hosts with the quickstart's variables."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder)
        shutil.copytree(ROOT / "inventories/quickstart/group_vars", place / "group_vars")
        groups = {"mlflow_hosts": {"hosts": dict.fromkeys(names)}, "sparkflows_hosts": {"hosts": {}}, "scorer_hosts": {"hosts": {}}}
        variables = {"testbed_directory": str(hosts.folder(TESTBED)), **SHARED}
        (place / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "children": groups}}))
        # What group_vars of the quickstart say of the testbed would win over the inventory's own.
        connection = place / "group_vars/all/connection.yml"
        connection.write_text(connection.read_text().replace("/testbeds/quickstart", f"/testbeds/{TESTBED}"))
        try:
            yield place
        finally:
            hosts.down(TESTBED)
            subprocess.run(["docker", "image", "rm", images.name(IMAGE)], capture_output=True, check=False)


def ping(place: Path, names: list[str]) -> str:
    return command(["ansible", "all", "-m", "ansible.builtin.ping", "-b", "-i", str(place / "hosts.json"), "--limit", ",".join(names)])


def play(place: Path, playbook: str, names: list[str], changed: dict[str, dict[str, object]] | None = None, *further: str) -> str:
    """Run a playbook on some hosts; `changed` are variables of single hosts."""
    for host in names:
        file = place / "host_vars" / f"{host}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps((changed or {}).get(host, {})))
    return command(["ansible-playbook", f"playbooks/{playbook}", "-i", str(place / "hosts.json"), "--limit", ",".join([*names, "localhost"]), *further])


def ordinary(place: Path, names: list[str]) -> str:
    """The same job by ordinary modules, see ordinary.yml."""
    return command(["ansible-playbook", "tests/benchmarks/ordinary.yml", "-i", str(place / "hosts.json"), "--limit", ",".join(names)])


def command(words: list[str]) -> str:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return done.stdout
