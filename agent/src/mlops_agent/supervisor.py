# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings one deployment to its desired state, and keeps it there.

A look at a model never stops it: once it was ready, its unit is restarted only for a new request,
for changed settings of the host, or because the row that it had scored is not scored any more. A
model that cannot start is tried again and again, at growing intervals.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import typing as t

from . import config as settings
from . import files, rules
from .ports import PortTaken, stranger_on
from .spec import ABSENT, Spec, ask_the_same, now
from .watcher import FAILED, READY, RETRY, STARTING, UNHEALTHY, Watcher

if t.TYPE_CHECKING:
    from .reconciler import Reconciler
    from .units import UnitState

LOG = logging.getLogger(__name__)

#: Seconds between two looks at a model that starts, and at its unit.
START_POLL, UNIT_POLL = 0.1, 2.0

#: How often systemd may restart a model that does not get ready.
START_ATTEMPTS = 3

#: Lines of a failed model's log that are part of the answer.
# A model's own reason stands before gunicorn's two tracebacks, of about twenty lines each.
LOG_LINES = 60

NOTE_LIMIT = 2 * rules.PROBE_LIMIT


class Note(t.NamedTuple):
    """What the launcher says it serves: digest of the spec, run of the unit, port, flavors, input example."""

    digest: str
    invocation: str
    port: int
    flavors: list[str]
    example: rules.Row | None

    @classmethod
    def read(cls, directory: str, name: str) -> Note | None:
        """The note of one deployment, or None. Its writer is less trusted than we are."""
        try:
            path = os.path.join(directory, name, "serving.json")
            said = json.loads(files.read_regular(path, NOTE_LIMIT).decode("utf-8"))
            note = cls(said["digest"], said["invocation"], said["port"], said.get("flavors") or [], said.get("example"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if not isinstance(note.digest, str) or not isinstance(note.invocation, str) or not isinstance(note.port, int):
            return None
        if not isinstance(note.flavors, list) or not all(isinstance(flavor, str) for flavor in note.flavors):
            return None
        if note.example is not None and not isinstance(note.example, dict):
            return None
        return note


class Probe(t.NamedTuple):
    """One look at a model that answers: when it ended, in seconds since the epoch, how many seconds it took, whether the row was scored."""

    at: float
    seconds: float
    scored: bool


class Backoff:
    """When to try next what failed: after first seconds, then twice as many each time, at most last; from the start
    again once a try has held for last seconds."""

    def __init__(self, first: float, last: float) -> None:
        self.failures = 0
        self._first = first
        self._last = last
        self._due: float | None = None
        self._held_since: float | None = None

    def failed(self) -> None:
        if self._held_since is not None and time.monotonic() > self._held_since + self._last:
            self.failures = 0
        self._held_since = None
        pause = min(self._first * 2 ** min(self.failures, 20), self._last)
        self.failures += 1
        self._due = time.monotonic() + pause

    def trying(self) -> None:
        self._due = None

    def held(self) -> None:
        """The try is a success so far."""
        self._due = None
        if self._held_since is None:
            self._held_since = time.monotonic()

    def left(self) -> float | None:
        """Seconds until the next try, at least 0; None when nothing has failed."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())


class Supervisor(Watcher):
    """Watches over one unit: that of a deployment, or a run of a deployment that follows its stage.

    It holds no state that matters: after a restart it finds out the same from the stored deployment,
    from systemd, from the note that the launcher leaves in the runtime directory, and from the store's
    mark of the run that was ready.
    """

    def __init__(self, name: str, reconciler: Reconciler) -> None:
        super().__init__(name, reconciler)
        self.flavors: list[str] = []
        self.restarts = 0
        self.log: list[str] = []
        self.last_probe: Probe | None = None
        self._again = False  # asked for just now: try also what has failed, and wait for nobody
        self._applied: str | None = None  # the digest for which this agent (re)started the unit, or saw it run
        self._invocation: str | None = None  # the run of the unit that was seen ready
        self._served: str | None = None  # the digest of what that run serves
        self._uid: int | None = None  # the user as which the unit was last seen running
        self._waited_for: str | None = None  # the run that is waited for, and since when, in seconds of the monotonic clock
        self._waiting_since = 0.0
        self._failures = 0
        self._health_restarts = 0
        self._unit_restarts: int | None = None  # systemd's count of restarts when the model was last all right
        self._unit_seen = 0.0
        self._backoff = self._new_backoff()

    def _new_backoff(self) -> Backoff:
        return Backoff(self._around.config.retry_first, self._around.config.retry_last)

    def begin(self, again: bool) -> None:
        self._judged = None
        self._again = again
        self._applied = None
        self._invocation = None
        self._unit_restarts = None
        self._unit_seen = 0.0
        self._backoff = self._new_backoff()
        self._wake.set()

    @property
    def unit(self) -> str:
        return self.name

    def served(self, spec: Spec) -> Spec:
        return spec

    def next_try(self) -> str | None:
        return now(max(0.0, self._next_step - time.monotonic())) if self.verdict()[0] == FAILED else None

    def up_to_date(self, spec: Spec) -> bool:
        return self._state == READY and self._served == self._digest(spec)

    async def problem_with(self, spec: Spec, row: rules.Row) -> str | None:
        return await self._around.health.problem(*self._socket(spec), row=row)

    async def _step(self) -> float:
        spec = self._around.store[self.name]
        if spec.desired == ABSENT:
            await self._around.units.remove(self.name)
            self._around.store.delete(self.name)
            return RETRY
        wanted = self._digest(spec)
        note = Note.read(self._around.config.runtime_directory, self.name)
        # Asking systemd costs processes, so a model in a known run is only asked itself.
        if note is not None and note.invocation == self._invocation:
            if note.digest == wanted or not self._around.rollout.takes(self.name, self._state == READY):
                return await self._watch(spec, note)
            return await self._apply(spec, note)
        if note is None and self._again:
            return await self._apply(spec, None)  # just requested, and never run since boot
        if self._applied == wanted and time.monotonic() < self._unit_seen + UNIT_POLL:
            # The cheap look while it starts: does it listen yet?
            if not await self._around.health.answers(*self._socket(spec), timeout=2):
                return START_POLL
        return await self._compare(spec, wanted)

    async def _compare(self, spec: Spec, wanted: str) -> float:
        """Compare the unit with what is wanted, and act on the difference."""
        unit = await self._around.units.status(self.name)
        self._unit_seen = time.monotonic()
        self._uid = unit.uid
        self.restarts = unit.restarts + self._health_restarts
        note = Note.read(self._around.config.runtime_directory, self.name)
        if note is not None and note.invocation != unit.invocation:
            note = None  # it speaks of an earlier run
        fits = note is not None and note.digest == wanted
        if unit.active in ("active", "activating", "reloading"):
            if note is not None and unit.active == "active" and self._around.store.was_ready(self.name, unit.invocation):
                # Settings of the host may wait for their turn, another request does not.
                if fits or (ask_the_same(note.digest, wanted) and not self._again):
                    return await self._resume(spec, note, unit)
            # Without a note the launcher has not read the spec yet, so it will read this one.
            if note is None or fits:
                self._applied = wanted
                return await self._await_ready(spec, note, unit)
            return await self._apply(spec, note)
        if unit.active == "deactivating":
            return UNIT_POLL
        left = self._backoff.left()
        if unit.active == "failed" and left is None and not self._again and (self._applied == wanted or fits):
            self._applied = wanted
            return await self._fail(spec, "The model cannot start: its unit ended with the result '{}', exit status {}.".format(
                unit.result, unit.exit_status
            ))
        if left and self._applied == wanted:
            return left
        return await self._apply(spec, None)

    async def _resume(self, spec: Spec, note: Note, unit: UnitState) -> float:
        """Watch on over a run that was ready already, before a request or before this agent."""
        self._invocation, self._unit_restarts, self._applied, self._again = unit.invocation, unit.restarts, note.digest, False
        self.flavors = note.flavors
        return await self._watch(spec, note)

    async def _apply(self, spec: Spec, running: Note | None) -> float:
        """(Re)start the unit; running is the note of the run that ends by it, if any."""
        if running is None or running.port != spec.port:
            try:
                await self._around.ports.check_free(spec.port, spec.address(self._around.config.model_address))
            except PortTaken as error:
                self._judge(spec, FAILED, str(error))
                return self._around.config.health_interval
        failures = self._backoff.failures
        self._judge(spec, STARTING, "The model is being started{}.".format(
            ", after {} failed attempt{}".format(failures, "" if failures == 1 else "s") if failures else ""
        ))
        self._backoff.trying()
        self._invocation = None
        self._again = False
        LOG.info("%s: starting %s on port %d", self.name, spec.resolved_uri, spec.port)
        await self._around.units.apply(self.name, spec.memory_mb)
        self._applied = self._digest(spec)
        self._unit_restarts = 0
        self._unit_seen = time.monotonic()
        self._waited_for = None
        return START_POLL

    async def _await_ready(self, spec: Spec, note: Note | None, unit: UnitState) -> float:
        if self._waited_for != unit.invocation:
            self._waited_for, self._waiting_since = unit.invocation, time.monotonic()
        self._again = False
        answers, problem = False, stranger_on(*self._socket(spec)) or "The model is being loaded."
        if note is not None and unit.active == "active" and await self._around.health.answers(*self._socket(spec)):
            self.flavors = note.flavors
            refusal = await self._probe(spec, note)
            if refusal is None:
                LOG.info("%s: ready", self.name)
                self._unit_restarts = unit.restarts
                self._is_ready(spec, note, unit.invocation)
                return self._around.config.health_interval
            answers, problem = True, refusal
        if self._unit_restarts is None:
            self._unit_restarts = unit.restarts
        # systemd's start limit ends quick failures; these two end slow ones.
        if unit.restarts - self._unit_restarts > START_ATTEMPTS:
            return await self._give_up(spec, "The model ended {} times before it was ready.".format(START_ATTEMPTS))
        if unit.active == "active" and time.monotonic() - self._waiting_since > spec.startup_timeout:
            if answers:
                # It serves; perhaps it is the row that is wrong, and no restart mends that.
                self._judge(spec, UNHEALTHY, problem)
                return self._around.config.health_interval
            return await self._give_up(spec, "The model was not ready after {} seconds. {}".format(
                spec.startup_timeout, problem
            ))
        self._judge(spec, STARTING, problem)
        return START_POLL

    def _is_ready(self, spec: Spec, note: Note, invocation: str) -> None:
        self._invocation, self._served, self._failures = invocation, note.digest, 0
        self._around.store.mark_ready(self.name, invocation, _row_digest(self._row(spec, note)))
        self._backoff.held()
        up_to_date = note.digest == self._digest(spec)
        if up_to_date:
            self._around.rolled_out(self.name)
        self._judge(spec, READY, "" if up_to_date else self._around.rollout.waits(self.name))

    async def _watch(self, spec: Spec, note: Note) -> float:
        """Look at a model that was ready; restart it when it does not score again and again what it had scored."""
        config = self._around.config
        row = self._row(spec, note)
        problem = await self._probe(spec, note)
        if problem is None:
            self._is_ready(spec, note, note.invocation)
            return config.health_interval
        self._failures += 1
        self._judge(spec, UNHEALTHY, problem)
        LOG.warning("%s: %s (%d of %d)", self.name, problem, self._failures, config.health_failures)
        unit = await self._around.units.status(self.name)
        if unit.active != "active" or unit.invocation != self._invocation:
            self._invocation = None  # systemd is at it already
            return START_POLL
        if self._failures < config.health_failures:
            return config.health_interval
        if not self._around.store.was_ready(self.name, note.invocation, _row_digest(row)):
            return config.health_interval  # this row was never scored: it may be wrong, and the model serves
        self._failures = 0
        self._health_restarts += 1
        self.restarts += 1
        return await self._apply(spec, note)

    async def _probe(self, spec: Spec, note: Note) -> str | None:
        """None when the model scores its row, else a sentence."""
        began = time.monotonic()
        problem = await self._around.health.problem(*self._socket(spec), row=self._row(spec, note))
        self.last_probe = Probe(time.time(), time.monotonic() - began, problem is None)
        return problem

    async def _give_up(self, spec: Spec, message: str) -> float:
        await self._around.units.stop(self.name)
        return await self._fail(spec, message)

    async def _fail(self, spec: Spec, message: str) -> float:
        self._backoff.failed()
        LOG.error("%s: %s", self.name, message)
        log = await self._around.units.logs(self.name, LOG_LINES)
        self._judge(spec, FAILED, message)
        self.log = log
        return self._backoff.left() or 0

    def _judge(self, spec: Spec, state: str, message: str) -> None:
        if (state == READY) != (self._state == READY):
            self.since = now()
        self._judged, self._state, self._message, self.log = spec, state, message, []

    def _digest(self, spec: Spec) -> str:
        config = self._around.config
        return spec.digest(spec.memory_mb, config.model_address, settings.surroundings(config))

    def _row(self, spec: Spec, note: Note) -> rules.Row | None:
        return spec.probe if spec.probe is not None else note.example

    def _socket(self, spec: Spec) -> tuple[str, int, int | None]:
        """Address and port of the model, and the user that must hold them."""
        return settings.loopback_for(spec.address(self._around.config.model_address)), spec.port, self._uid


def _row_digest(row: rules.Row | None) -> str:
    try:
        return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
    except RecursionError:
        return "nested too deeply to be scored"
