# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook and kills it at a point; then sees to it that the next run makes it good."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conftest import ROOT, TESTBED, Operator
from deployments import eventually
from kill_points import OPERATIONS, START, Point, State, after, secrets, variables
from testinfra.host import Host
from traces import Traces, left_behind, left_on_controller, traces

from testbed import hosts as testbed_hosts

#: Nothing that a run does here takes longer.
PATIENCE = 300
_ROWS = '{"columns": ["a", "b"], "data": [[1.0, 2.0]]}'


class Failed(Exception):
    """What was not as it has to be after a kill; the message is one sentence."""


class Subject:
    """A host that runs are killed on, with a controller of its own: its home, its connections.

    :param name: in the inventory.
    :param entry: its container and address.
    :param folder: for the controller's files.
    """

    def __init__(self, name: str, entry: dict[str, str], host: Host, folder: Path, base: str) -> None:
        self.name, self.container, self.host, self.folder, self.base = name, entry["container"], host, folder, base
        self.state: State = START
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.operator = Operator(
            environment={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.home),
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/kills-{name}",  # noqa: S108 - a socket's path has to be short
                "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "molecule" / "kills" / "callbacks"),
                "ANSIBLE_CALLBACKS_ENABLED": "kill_point",
                "KILLS_TASKS": str(folder / "tasks"),
            }
        )
        self.calm: frozenset[str] = frozenset()
        #: How many tasks of roles the last run had that was to be killed.
        self.tasks = 0

    def play(self, playbook: str, *arguments: str, state: State | None = None, **options: Any) -> Any:
        return self.operator.play(playbook, "--limit", self.name, *arguments, **options, **variables(state or self.state, self.base))

    def settle(self) -> None:
        """Remember what a run leaves that nobody kills."""
        self.play("site")
        self.calm = self.calm | self.look().paths

    def look(self) -> Traces:
        return traces(self.container, secrets(self.state, self.base))

    def bring_to(self, present: bool) -> None:
        """Have the services there, or not, before an operation that wants it so."""
        if self.state["present"] != present:
            self.state = after("install" if present else "remove", self.state)
            self.settle()

    # The kill

    def kill(self, point: Point) -> str | None:
        """Run the operation of a point and kill it there; the task that had begun last, None where the run was over before."""
        operation = OPERATIONS[point.operation]
        begun = self.folder / "tasks"
        begun.write_text("")
        log = self.folder / "killed.log"
        command, environment = self.operator.command(operation.playbook, "--limit", self.name, **variables(self.state, self.base))
        with log.open("w") as output:
            run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                reached = self._reached(point, run, begun) and getattr(self, f"_kill_{point.kind}")(run)
                task = begun.read_text().splitlines()[-1:]
                run.wait(PATIENCE)
            finally:
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGKILL)
                    run.wait()
        if "Traceback" in log.read_text():
            raise Failed(f"the killed run ended with a traceback: {log.read_text()[-800:]}")
        self.tasks = len(begun.read_text().splitlines())
        return task[0] if reached and task else None

    @staticmethod
    def _reached(point: Point, run: subprocess.Popen[bytes], begun: Path) -> bool:
        deadline = time.monotonic() + PATIENCE
        while len(begun.read_text().splitlines()) < point.task and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(point.delay)
        return run.poll() is None

    def _kill_controller(self, run: subprocess.Popen[bytes]) -> bool:
        """The process group, and the workers, which have sessions of their own."""
        family = [run.pid, *_descendants(run.pid)]
        os.killpg(run.pid, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return True

    def _kill_connection(self, run: subprocess.Popen[bytes]) -> bool:
        return self._on_host("pkill -KILL -u admin -f sshd")

    def _kill_module(self, run: subprocess.Popen[bytes]) -> bool:
        """The next module that runs: Python with nothing but its name, as its program comes by a pipe, or a module that was brought as a file."""
        find = "pgrep -f '^/usr/bin/python3$|[A]nsiballZ_'"
        return self._on_host(f"for n in $(seq 300); do p=$({find}) && break; sleep 0.02; done; test -n \"$p\" && kill -KILL $p")

    def _kill_host(self, run: subprocess.Popen[bytes]) -> bool:
        subprocess.run(["docker", "restart", "--time", "0", self.container], check=True, capture_output=True)
        testbed_hosts.wait_for(TESTBED, self.name)
        return True

    def _on_host(self, command: str) -> bool:
        return subprocess.run(["docker", "exec", self.container, "sh", "-c", command], capture_output=True, check=False).returncode == 0

    # What has to hold after it

    def try_point(self, point: Point) -> str | None:
        """Kill a run at a point and have the next one make it good; see `kill`. Raises Failed."""
        operation = OPERATIONS[point.operation]
        if operation.needs is not None:
            self.bring_to(operation.needs)
        served = self.serves() if self.state["present"] else False
        self.state = after(point.operation, self.state)
        task = self.kill(point)
        self.makes_good(operation.playbook)
        self.leaves_nothing()
        if served and self.state["present"]:
            self.serves_again()
        return task

    def makes_good(self, playbook: str) -> None:
        """The next run succeeds, and after it there is nothing to do."""
        try:
            self.play(playbook)
            if playbook == "site":
                self.play("plan", "-e", "plan_exit_code=true")
            elif not self.play(playbook, "--check").unchanged:
                raise Failed("a second run would change something")
        except AssertionError as error:
            raise Failed(f"the next run did not make it good: {str(error).splitlines()[0]}") from None

    def leaves_nothing(self) -> None:
        found: list[str] = []

        def clean() -> bool:
            # A connection that ended takes a moment to be gone from the host.
            found[:] = left_behind(self.look(), self.calm) + left_on_controller(self.home, secrets(self.state, self.base))
            return not found

        try:
            eventually(clean, "nothing is left", 10)
        except AssertionError:
            raise Failed("; ".join(found)) from None

    def serves(self) -> bool:
        """Whether the model answers with what it has to."""
        ask = "curl --silent --fail --max-time 10 --noproxy '*' --header 'Content-Type: application/json' --data %s http://127.0.0.1:5001/invocations"
        return str(self.host.run(ask, _ROWS).stdout).replace(" ", "") == "[6.0]"

    def serves_again(self) -> None:
        try:
            eventually(self.serves, "the model answers", 120)
        except AssertionError:
            raise Failed("the model that served does not serve again") from None


def _descendants(pid: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(folder.name)
                yield from _descendants(int(folder.name))
