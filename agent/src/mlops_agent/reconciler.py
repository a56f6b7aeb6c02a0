# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the host as the stored deployments want it: a supervisor for each, and what concerns them all."""

from __future__ import annotations

import asyncio
import logging
import os
import typing as t

from . import rules
from .follower import Follower
from .spec import ABSENT, PRESENT, Spec, now
from .store import NotStored
from .supervisor import Supervisor
from .units import HelperError

if t.TYPE_CHECKING:
    from .config import Config
    from .health import Health
    from .ports import Ports
    from .registry import Registry
    from .store import Store
    from .units import Units

    #: What watches over a deployment, or over a run of one.
    Watching = t.Union[Supervisor, Follower]

LOG = logging.getLogger(__name__)


class Rollout:
    """Whose turn it is when changed settings of the host want every model restarted: one, until it is ready again.

    When that one does not get ready, the others go on serving with the settings they have.
    """

    def __init__(self) -> None:
        self._turn: str | None = None

    def takes(self, name: str, serves: bool) -> bool:
        """Whether the deployment may be restarted now. One that serves takes the turn; for another nobody has to wait."""
        name = rules.deployment_of(name)
        if self._turn is None and serves:
            self._turn = name
        return self._turn in (None, name)

    def done(self, name: str) -> bool:
        """The deployment is ready, asked for anew, or gone; returns whether it had the turn."""
        if self._turn != rules.deployment_of(name):
            return False
        self._turn = None
        return True

    def waits(self, name: str) -> str:
        """Why a deployment that serves has not been restarted, as a sentence; nothing when it waits for nobody."""
        if self._turn in (None, rules.deployment_of(name)):
            return ""
        return "The settings of the host have changed; it is restarted when {} is ready with them.".format(self._turn)


class Reconciler:
    """Keeps a supervisor running for each deployment of the store."""

    def __init__(
        self, config: Config, store: Store, units: Units, health: Health, ports: Ports, registry: Registry
    ) -> None:
        self.config = config
        self.store = store
        self.registry = registry
        # One change of what is stored at a time: two must not be given the same port.
        self.changing = asyncio.Lock()
        self.units = units
        self.health = health
        self.ports = ports
        self.rollout = Rollout()
        self._supervisors: dict[str, Watching] = {}

    def start(self) -> None:
        # The runs first, which the deployments that follow ask about.
        for spec in sorted(self.store, key=lambda spec: not spec.is_slot):
            self.changed(spec.name, again=False)

    def changed(self, name: str, again: bool = True) -> None:
        """The stored deployment is new or different. again: it was asked for just now."""
        kind: type[Follower] | type[Supervisor] = Follower if self.store[name].is_behind_a_port else Supervisor
        supervisor = self._supervisors.get(name)
        if supervisor is not None and not isinstance(supervisor, kind):
            supervisor.task.cancel()
            supervisor = None
        if supervisor is None:
            supervisor = self._supervisors[name] = kind(name, self)
            supervisor.task = asyncio.ensure_future(self._supervise(supervisor))
        if kind is Supervisor:
            for run in self.store.slots(name):  # it was to follow, and is not any more before any run served
                try:
                    self.retire(run)
                except NotStored as error:
                    LOG.warning("%s: %s", run.name, error)  # the next start tries again
        self.rolled_out(name)
        supervisor.begin(again)

    def retire(self, run: Spec) -> None:
        """Have a run of a following deployment removed. Raises NotStored."""
        if run.desired == PRESENT:
            self.store.put(run._replace(desired=ABSENT, updated_at=now()))
            self.changed(run.name)

    def rolled_out(self, name: str) -> None:
        """The deployment keeps no other from being restarted any more."""
        if self.rollout.done(name):
            for supervisor in self._supervisors.values():
                supervisor.wake()

    def supervisor(self, name: str) -> Watching:
        return self._supervisors[name]

    async def stop(self) -> None:
        """End all supervision; models keep serving."""
        tasks = [supervisor.task for supervisor in self._supervisors.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def unmanaged(self) -> dict[str, str]:
        """Deployments that no usable file describes: {name: sentence}. They can be removed, or asked for anew.

        Their file is damaged, or it is lost and their unit has left a runtime directory.
        """
        found = {name: "Its file is damaged: {}".format(reason) for name, reason in self.store.damaged.items()}
        lost = sorted(set(self._seen_by_systemd()) - set(found) - {spec.name for spec in self.store})
        for name in lost:
            try:
                units = [(await self.units.status(instance)).active for instance in instances(name)]
            except HelperError:
                units = ["not to be seen"]
            found[name] = "Its file is lost; its unit is {}.".format("active" if "active" in units else units[0])
        return found

    def _seen_by_systemd(self) -> list[str]:
        try:
            names = os.listdir(self.config.runtime_directory)
        except OSError:
            return []
        return [rules.deployment_of(name) for name in names if rules.is_deployment_name(rules.deployment_of(name))]

    async def remove_unmanaged(self, name: str) -> None:
        """Remove the units of a deployment that no usable file describes, and the file. Raises HelperError or OSError."""
        await self.units.close_port(name)
        for instance in instances(name):
            supervisor = self._supervisors.pop(instance, None)
            if supervisor is not None:
                supervisor.task.cancel()
            await self.units.remove(instance)
            self.store.delete(instance)

    async def _supervise(self, supervisor: Watching) -> None:
        while self.store.get(supervisor.name) is not None:
            delay = await supervisor.guarded_step()
            if self.store.get(supervisor.name) is not None:
                await supervisor.pause(delay)
        if self._supervisors.get(supervisor.name) is supervisor:
            del self._supervisors[supervisor.name]
        self.rolled_out(supervisor.name)
        supervisor.removed.set()


def instances(name: str) -> list[str]:
    """The units that a deployment may have: its own, and those of its runs."""
    return [name] + [rules.slot_name(name, slot) for slot in rules.SLOTS]
