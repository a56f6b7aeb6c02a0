# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What watching over a deployment has in common, however it is served: a loop of steps, and a verdict for those who ask."""

from __future__ import annotations

import abc
import asyncio
import logging
import time
import typing as t

from .ports import PortTaken
from .spec import ABSENT, Spec, now
from .store import NotStored
from .units import HelperError

if t.TYPE_CHECKING:
    from .reconciler import Reconciler
    from .rules import Row

LOG = logging.getLogger(__name__)

STATES = STARTING, READY, UNHEALTHY, FAILED, STOPPING = "starting", "ready", "unhealthy", "failed", "stopping"

#: Seconds until the next step after one that could not be taken.
RETRY = 5.0


class Watcher(abc.ABC):
    """A loop that compares what is wanted of one deployment with what is, and takes one step."""

    task: asyncio.Task[None]  # the loop, which the reconciler starts

    def __init__(self, name: str, reconciler: Reconciler) -> None:
        self.name = name
        self.since = now()  # when it became ready, or ceased to be
        self.removed = asyncio.Event()
        self._around = reconciler
        self._wake = asyncio.Event()
        self._state = STARTING
        self._message = ""
        self._judged: Spec | None = None  # the spec of which _state and _message speak
        self._next_step = 0.0

    @abc.abstractmethod
    def begin(self, again: bool) -> None:
        """Look at the deployment anew. again: it was asked for just now."""

    @property
    @abc.abstractmethod
    def unit(self) -> str:
        """The instance whose log is the deployment's."""

    @abc.abstractmethod
    def served(self, spec: Spec) -> Spec:
        """The spec of what serves."""

    @abc.abstractmethod
    def next_try(self) -> str | None:
        """When what has failed is tried again, in the form of now(); None while nothing has."""

    @abc.abstractmethod
    def up_to_date(self, spec: Spec) -> bool:
        """Whether what serves was ready with the environment, the JDK and the settings that the host has now."""

    @abc.abstractmethod
    async def problem_with(self, spec: Spec, row: Row) -> str | None:
        """None when what serves scores a row, else a sentence."""

    def verdict(self) -> tuple[str, str]:
        """(state, message) as of now; a step that still works on an older spec has no say."""
        spec = self._around.store.get(self.name)
        if spec is None or spec.desired == ABSENT:
            return STOPPING, self._message
        if self._judged is not spec:
            return STARTING, "The request is accepted."
        return self._state, self._message

    def wake(self) -> None:
        """Take the next step now."""
        self._wake.set()

    async def pause(self, seconds: float) -> None:
        self._next_step = time.monotonic() + seconds
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except asyncio.TimeoutError:
            pass
        self._wake.clear()

    async def guarded_step(self) -> float:
        """Take a step; returns after how many seconds to take the next."""
        try:
            return await self._step()
        except (HelperError, PortTaken, NotStored) as error:
            self._message = str(error)
            LOG.warning("%s: %s", self.name, error)
        except OSError as error:
            self._message = "The agent cannot work on this: {}.".format(error)
            LOG.warning("%s: %s", self.name, self._message)
        except asyncio.CancelledError:  # an Exception until Python 3.8
            raise
        except Exception:  # one deployment's surprise must not end the supervision of it
            self._message = "The agent met an unexpected problem; its journal has the details."
            LOG.exception("%s: unexpected problem", self.name)
        return RETRY

    @abc.abstractmethod
    async def _step(self) -> float:
        """One look, and what follows from it; returns after how many seconds to take the next."""
