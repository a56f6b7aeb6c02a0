# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""An end to every wait: a time limit for a call as a whole, whatever it is that keeps it.

The limit of a socket is one for each of its operations, so that a server that sends one byte a second is never too late for it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import typing as t

_Result = t.TypeVar("_Result")


class Clock:
    """The end of a call, in seconds from now; the call itself may put it off as long as it gets on."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._over = False
        self.extend(seconds)

    def extend(self, seconds: float) -> None:
        """Let the time end so many seconds from now."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def stop(self) -> None:
        """Let nothing of the call happen any more that asks for `unless_over`."""
        with self._lock:
            self._over = True

    @contextlib.contextmanager
    def unless_over(self) -> t.Iterator[None]:
        """For what the call does to the things of its caller, who goes on without it once the time is over."""
        with self._lock:
            if self._over:
                raise socket.timeout("the time is over")
            yield


def within(clock: Clock, call: t.Callable[[], _Result]) -> _Result:
    """What ``call`` returns or raises; :class:`socket.timeout` when the time of ``clock`` is over before that.

    The call runs in a thread of its own. One that is late is left behind: it ends with its connection, or with the program.
    """
    done = threading.Event()
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # for the caller, whatever it is
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        while not done.wait(max(0.0, clock.left)):
            if clock.left <= 0:
                raise socket.timeout("the time is over")
    finally:
        clock.stop()
    if errors:
        raise errors[0]
    return results[0]
