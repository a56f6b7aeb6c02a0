# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a deployment at the version that is in its stage, without a request being lost.

systemd holds the deployment's port, serve_port.py hands its connections to a run NAME.a or NAME.b on
a port of its own. Another version is started as the other of the two. Once that is ready, one write
says that it serves (Spec.slot), and the one before is removed when its last connection has ended.
"""

from __future__ import annotations

import logging
import time
import typing as t

from . import config as settings
from . import ports, rules
from .ports import PortTaken
from .registry import RegistryError, RegistryUnreachable
from .spec import ABSENT, PRESENT, Spec, now
from .units import HelperError
from .watcher import FAILED, READY, RETRY, STARTING, STOPPING, UNHEALTHY, Watcher

if t.TYPE_CHECKING:
    from .reconciler import Reconciler, Watching

LOG = logging.getLogger(__name__)

#: Seconds between two looks at a run that starts or ends, and without a connection before a run may end.
POLL, QUIET = 0.5, 2.0


class Follower(Watcher):
    """Watches over a deployment that follows its stage, or did so once, and over its runs.

    It holds no state that matters: which run serves, and which version is wanted, stand in the stored
    deployment; what each run is, in the run's own; and a supervisor of its own watches over each run.
    """

    def __init__(self, name: str, reconciler: Reconciler) -> None:
        super().__init__(name, reconciler)
        self._look_at = 0.0  # when to look at the stage, in seconds of the monotonic clock
        self._look_problem = ""
        self._port_problem: str | None = None
        self._port_look_at = 0.0
        self._held: tuple[str, int] | None = None  # (address, port) that systemd holds, as this agent knows
        self._holder: int | None = None  # the user whose socket that is
        self._asked = False  # a client waits for what it asked for, so what serves until then is not enough
        self._busy_since: dict[str, float] = {}  # {run: since when it is waited for its connections}
        self._quiet_since: dict[str, float] = {}

    def begin(self, again: bool) -> None:
        self._judged = None
        self._asked = again
        self._held = None
        self._look_at = 0.0
        if again:
            for run in self._runs():
                if self._around.supervisor(run.name).verdict()[0] == FAILED:
                    self._around.changed(run.name)
        self._wake.set()

    def verdict(self) -> tuple[str, str]:
        """(state, message) as of now: that of the run that serves, or of the one that a client has asked for."""
        state, message = super().verdict()
        spec = self._around.store.get(self.name)
        if state == STOPPING or spec is None or self._judged is not spec:
            return state, message
        shown = self._shown(spec)
        if shown is None:
            return STARTING, message
        state, said = self._around.supervisor(shown.name).verdict()
        if shown is not self._serving(spec):
            return (STARTING if state == READY else state), message or said
        if self._port_problem is not None:
            return UNHEALTHY, self._port_problem
        return state, said or message

    @property
    def flavors(self) -> list[str]:
        shown = self._shown_supervisor()
        return shown.flavors if shown is not None else []

    @property
    def restarts(self) -> int:
        shown = self._shown_supervisor()
        return shown.restarts if shown is not None else 0

    @property
    def log(self) -> list[str]:
        shown = self._shown_supervisor()
        return shown.log if shown is not None else []

    @property
    def unit(self) -> str:
        shown = self._shown_supervisor()
        return shown.name if shown is not None else self.name

    def next_try(self) -> str | None:
        shown = self._shown_supervisor()
        return shown.next_try() if shown is not None else None

    def served(self, spec: Spec) -> Spec:
        """The spec of what serves; what is wanted where nothing serves yet, or where a client waits for it."""
        return spec if self._asked else self._serving(spec) or spec

    def up_to_date(self, spec: Spec) -> bool:
        serving = self._serving(spec)
        return serving is not None and self._around.supervisor(serving.name).up_to_date(serving)

    async def problem_with(self, spec: Spec, row: rules.Row) -> str | None:
        serving = self._serving(spec)
        if serving is None:
            return "No run of it serves."
        return await self._around.supervisor(serving.name).problem_with(serving, row)

    def _shown_supervisor(self) -> Watching | None:
        spec = self._around.store.get(self.name)
        shown = self._shown(spec) if spec is not None else None
        return self._around.supervisor(shown.name) if shown is not None else None

    def _runs(self) -> list[Spec]:
        return self._around.store.slots(self.name)

    def _serving(self, spec: Spec) -> Spec | None:
        return self._around.store.get(rules.slot_name(self.name, spec.slot)) if spec.slot is not None else None

    def _shown(self, spec: Spec) -> Spec | None:
        """The run of which the deployment's state speaks."""
        serving = self._serving(spec)
        if serving is not None and (serving.serves(spec) or not self._asked):
            return serving
        others = [run for run in self._runs() if run is not serving]
        return others[0] if others else serving

    async def _step(self) -> float:
        spec = self._around.store[self.name]
        if spec.desired == ABSENT:
            return await self._remove()
        if spec.follow and time.monotonic() >= self._look_at:
            await self._look(spec)
            spec = self._around.store[self.name]
            if spec.desired == ABSENT:
                return 0
        serving = self._serving(spec)
        if serving is not None:
            await self._hold_port(spec, serving)
        if serving is not None and serving.desired == PRESENT and serving.serves(spec):
            return await self._settle(spec, serving)
        return await self._roll_out(spec, serving)

    async def _look(self, spec: Spec) -> None:
        """Look at the stage; what is in it is wanted from now on."""
        self._look_at = time.monotonic() + self._around.config.follow_interval
        try:
            found = await self._around.registry.resolve(rules.model_uri(spec.model_uri))
            rules.model_uri(found.uri)
        except (RegistryError, RegistryUnreachable, rules.Invalid) as error:
            if not self._look_problem:
                LOG.warning("%s: %s", self.name, error)
            self._look_problem = "What is in the stage is not known, so the version stays. {}".format(error)
            return
        self._look_problem = ""
        if (found.uri, found.source) != (spec.resolved_uri, spec.source):
            LOG.info("%s: %s is %s now", self.name, spec.model_uri, found.uri)
            await self._change(spec, spec._replace(resolved_uri=found.uri, source=found.source, updated_at=now()))

    async def _change(self, spec: Spec, changed: Spec) -> None:
        """Store what has changed of a deployment, unless it was asked for anew meanwhile."""
        async with self._around.changing:
            if self._around.store.get(self.name) is spec:
                self._around.store.put(changed)

    async def _settle(self, spec: Spec, serving: Spec) -> float:
        """What is wanted serves: nothing else may be left."""
        self._asked = False
        if serving.probe != spec.probe:
            async with self._around.changing:
                self._around.store.put(serving._replace(probe=spec.probe))
                self._around.changed(serving.name)
        left = [run for run in self._runs() if run.name != serving.name]
        for run in left:
            if run.desired == PRESENT and self._is_quiet(run):
                await self._retire(run)
        self._judge(spec, self._look_problem)
        pause = min(self._around.config.health_interval, self._around.config.follow_interval)
        if self._port_problem is not None:
            return RETRY
        return POLL if left else pause

    async def _roll_out(self, spec: Spec, serving: Spec | None) -> float:
        """Bring a run that is as wanted into the free slot, and have it serve once it is ready."""
        run = self._candidate(spec, serving)
        if run is not None and run.desired == ABSENT:
            self._judge(spec, "An earlier run of it is being removed.")
            return POLL
        if run is None or not run.serves(spec):
            if run is not None and not self._is_quiet(run):
                self._judge(spec, "An earlier run of it still has connections.")
                return POLL
            await self._start(spec, serving, run)
            return 0
        state, said = self._around.supervisor(run.name).verdict()
        if state != READY:
            self._judge(spec, said if serving is None else "{} is {}; until it is ready, {} serves. {}".format(
                run.resolved_uri, state, serving.resolved_uri, said
            ))
            return POLL
        if spec.slot is None:
            # What served before it followed: it holds the port.
            await self._around.units.remove(self.name)
        LOG.info("%s: %s serves from now on", self.name, run.resolved_uri)
        self._busy_since.clear()
        self._quiet_since.clear()
        await self._change(spec, spec._replace(slot=run.name[-1]))
        return 0

    def _candidate(self, spec: Spec, serving: Spec | None) -> Spec | None:
        runs = [run for run in self._runs() if serving is None or run.name != serving.name]
        fitting = [run for run in runs if run.desired == PRESENT and run.serves(spec)]
        return next(iter(fitting or runs), None)

    async def _start(self, spec: Spec, serving: Spec | None, run: Spec | None) -> None:
        async with self._around.changing:
            if self._around.store.get(self.name) is not spec:
                return
            slot = run.name[-1] if run is not None else next(
                slot for slot in rules.SLOTS if serving is None or slot != serving.name[-1]
            )
            port = run.port if run is not None else await self._around.ports.choose(
                None, {other.port: other.name for other in self._around.store}, address="127.0.0.1"
            )
            self._around.store.put(spec.in_slot(slot, port))
            self._around.changed(rules.slot_name(self.name, slot))

    async def _retire(self, run: Spec) -> None:
        """Have the run's own supervisor remove it."""
        async with self._around.changing:
            self._around.retire(run)

    def _is_quiet(self, run: Spec) -> bool:
        """Whether the run has had no connection for a while, or has been waited for as long as a request may take."""
        moment = time.monotonic()
        if moment > self._busy_since.setdefault(run.name, moment) + run.request_timeout:
            return True
        if ports.connections("127.0.0.1", run.port):
            self._quiet_since.pop(run.name, None)
            return False
        return moment >= self._quiet_since.setdefault(run.name, moment) + QUIET

    async def _hold_port(self, spec: Spec, serving: Spec) -> None:
        """See to it that systemd holds the port, and that the run behind it answers there."""
        address = self._around.config.model_address
        if self._held != (address, spec.port):
            try:
                self._holder = await self._around.units.open_port(self.name, address, spec.port)
            except HelperError as error:
                self._port_problem = await self._who_holds(spec.port) or str(error)
                return
            self._held, self._port_look_at = (address, spec.port), 0.0
        if time.monotonic() < self._port_look_at:
            return
        self._port_look_at = time.monotonic() + self._around.config.health_interval
        reached = settings.loopback_for(address)
        self._port_problem = ports.not_held_by(reached, spec.port, self._holder)
        if self._port_problem is None and self._around.supervisor(serving.name).verdict()[0] == READY:
            self._port_problem = await self._around.health.problem(reached, spec.port, self._holder, row=None)
        if self._port_problem is not None:
            self._held = None

    async def _who_holds(self, port: int) -> str | None:
        try:
            await self._around.ports.check_free(port)
        except PortTaken as error:
            return str(error)
        return None

    async def _remove(self) -> float:
        """Let go of the port, then of the runs, then of the deployment."""
        await self._around.units.close_port(self.name)
        for run in self._runs():
            if run.desired == PRESENT:
                await self._retire(run)
        if self._runs():
            return POLL
        await self._around.units.remove(self.name)
        self._around.store.delete(self.name)
        return 0

    def _judge(self, spec: Spec, message: str) -> None:
        self._judged, self._message = spec, message
        state = self.verdict()[0]
        if (state == READY) != (self._state == READY):
            self.since = now()
        self._state = state
