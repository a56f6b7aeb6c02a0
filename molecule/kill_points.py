# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where runs are killed: operations and points, drawn from a seed. Plain functions; killing.py does it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: What of a run is killed.
KINDS = ("controller", "connection", "module", "host")
#: A task of Ansible rarely takes longer, and what does is still at it then.
LONGEST_DELAY = 1.5
#: How many points are tried unless more are asked for.
SHORT = 12

State = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """Something that an admin does with a playbook: how it changes the variables, and how many tasks of roles it has at least."""

    name: str
    tasks: int
    playbook: str = "site"
    #: Whether services have to be there before it; None where it is no matter.
    needs: bool | None = True
    #: Whether it is over soon enough for the short list.
    quick: bool = True


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("setting", 20),
        Operation("token", 20),
        Operation("password", 35),
        Operation("firewall", 2),
        Operation("jdk", 20),
        Operation("remove", 20),
        Operation("install", 30, needs=False),
        Operation("stack", 20, quick=False),
        Operation("uninstall", 20, playbook="uninstall", quick=False),
    )
}
#: What is different after an operation; a number is counted up, so that it never comes back to a value that was known before.
_TOGGLED = {"setting": "workers", "firewall": "firewall", "jdk": "jdk", "stack": "stack"}
_COUNTED = {"token": "token", "password": "password"}
START: State = {"present": True, "workers": False, "firewall": True, "jdk": False, "stack": False, "token": 0, "password": 0}


def after(name: str, state: State) -> State:
    """The state that an operation leads to."""
    if name in ("remove", "uninstall", "install"):
        return {**state, "present": name == "install"}
    if name in _COUNTED:
        return {**state, _COUNTED[name]: state[_COUNTED[name]] + 1}
    return {**state, _TOGGLED[name]: not state[_TOGGLED[name]]}


def secrets(state: State, base: str) -> dict[str, str]:
    """All secrets that were in use up to a state, by what they are for; *base* is the testbed's own."""
    return {f"{what} {number}": f"{base}{what}{number}" for what in ("token", "password") for number in range(state[what] + 1)}


def variables(state: State, base: str) -> dict[str, Any]:
    """The variables of a state, as extra variables of a playbook."""
    known = secrets(state, base)
    standing = "present" if state["present"] else "absent"
    given: dict[str, Any] = {
        "mlops_agent_token": known[f"token {state['token']}"],
        "mlflow_server_proxy_password": known[f"password {state['password']}"],
        "mlflow_server_workers": 2 if state["workers"] else 1,
        "mlops_agent_state": standing,
        "mlflow_server_state": standing,
        "firewall_state": "present" if state["present"] and state["firewall"] else "absent",
    }
    if state["jdk"]:
        given["jdk_release"] = "another-name"
    if state["stack"]:
        given["pip_stack_extras"] = ["{{ testbed_artifacts.wheelhouse.locks.postgresql }}"]
    return given


@dataclass(frozen=True)
class Point:
    """Where a run is killed: what of it, so many seconds after so many tasks of roles have begun."""

    seed: int
    operation: str
    kind: str
    task: int
    delay: float

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.operation}, {self.kind} killed {self.delay:.2f} s after task {self.task} of {OPERATIONS[self.operation].tasks}"


def drawn(seed: int) -> Point:
    """The point of a seed; the same in every run."""
    chance = random.Random(seed)  # noqa: S311 - a choice, no secret
    operation = OPERATIONS[chance.choice(sorted(OPERATIONS))]
    return Point(seed, operation.name, chance.choice(KINDS), chance.randint(1, operation.tasks), chance.uniform(0, LONGEST_DELAY))


def wanted(environment: Mapping[str, str] | None = None) -> list[Point]:
    """The points to try: the one of `SEED`, those of the first `SEEDS` seeds, or a short list of those whose operations are quick."""
    environment = os.environ if environment is None else environment
    if environment.get("SEED"):
        return [drawn(int(environment["SEED"]))]
    if environment.get("SEEDS"):
        return [drawn(seed) for seed in range(1, int(environment["SEEDS"]) + 1)]
    quick = (point for point in _all() if OPERATIONS[point.operation].quick)
    return [next(quick) for dummy in range(SHORT)]


def _all() -> Iterator[Point]:
    seed = 0
    while True:
        seed += 1
        yield drawn(seed)


def ordered(points: list[Point]) -> list[Point]:
    """An order in which few hosts have to be set up in between: a removal, then what sets up again."""
    left = list(points)
    present, found = True, []
    while left:
        fits = [point for point in left if OPERATIONS[point.operation].needs in (None, present)]
        point = (fits or left)[0]
        left.remove(point)
        found.append(point)
        present = bool(after(point.operation, {**START, "present": True})["present"])
    return found


def shared_out(points: list[Point], hosts: list[str]) -> dict[str, list[Point]]:
    """The points of each host, in their order; each host has as many removals as it has to be set up again."""
    queues: dict[str, list[Point]] = {host: [] for host in hosts}
    turns = {"removal": 0, "install": 0, "other": 0}
    for point in points:
        turn = "install" if OPERATIONS[point.operation].needs is False else "other" if after(point.operation, START)["present"] else "removal"
        queues[hosts[turns[turn] % len(hosts)]].append(point)
        turns[turn] += 1
    return {host: ordered(queue) for host, queue in queues.items()}
