# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to the root helper, which starts and stops the units of served models."""

from __future__ import annotations

import asyncio
import json
import typing as t

ANSWER_LIMIT = 4 * 1024 * 1024


class UnitState(t.NamedTuple):
    """What systemd says of a unit. started is in seconds of the monotonic clock, 0 when it never ran; uid is the user
    as which it runs, None when it does not."""

    active: str
    sub: str
    result: str
    restarts: int
    invocation: str
    started: float
    exit_status: int
    uid: int | None


UNKNOWN = UnitState("inactive", "dead", "success", 0, "", 0.0, 0, None)


class HelperError(Exception):
    """The helper refused or could not be reached. The text is a sentence."""


class Units:
    """The units of served models, by the name of their deployment."""

    def __init__(self, socket_path: str, timeout: float = 120) -> None:
        self._socket_path = socket_path
        self._timeout = timeout

    async def apply(self, name: str, memory_mb: int) -> None:
        """Enable and (re)start the unit with this memory limit in MiB; it reads its spec itself."""
        await self._ask(action="apply", name=name, memory_mb=memory_mb)

    async def stop(self, name: str) -> None:
        await self._ask(action="stop", name=name)

    async def remove(self, name: str) -> None:
        """Stop the unit and forget all that belongs to it."""
        await self._ask(action="remove", name=name)

    async def open_port(self, name: str, address: str, port: int) -> int:
        """Have systemd hold the port of a following deployment; returns the user whose socket that is."""
        uid: int = (await self._ask(action="open_port", name=name, address=address, port=port))["uid"]
        return uid

    async def close_port(self, name: str) -> None:
        """Have systemd let go of the port of a deployment, and forget it."""
        await self._ask(action="close_port", name=name)

    async def status(self, name: str) -> UnitState:
        state = (await self._ask(action="status", names=[name]))["states"].get(name)
        if state is None:
            return UNKNOWN
        return UnitState(
            state["active_state"], state["sub_state"], state["result"], state["restarts"],
            state["invocation"], state["started"] / 1e6, state["exit_status"], state["uid"],
        )

    async def memory(self, names: t.Sequence[str]) -> dict[str, int]:
        """Bytes that the processes of each unit use, of those of which systemd counts it."""
        if not names:
            return {}
        states = (await self._ask(action="status", names=names))["states"]
        return {name: state["memory"] for name, state in states.items() if state.get("memory") is not None}

    async def logs(self, name: str, lines: int) -> list[str]:
        said: list[str] = (await self._ask(action="logs", name=name, lines=lines))["lines"]
        return said

    async def port_owner(self, port: int) -> str | None:
        """Who listens on a port, in words, or None."""
        owner = (await self._ask(action="port_owner", port=port))["owner"]
        if owner is None:
            return None
        if not owner["pid"]:
            return "a process of the user {}".format(owner["user"])
        words = "the process {} (pid {}, user {}".format(owner["process"], owner["pid"], owner["user"])
        return words + (", unit {})".format(owner["unit"]) if owner["unit"] else ")")

    async def _ask(self, **request: object) -> dict[str, t.Any]:
        try:
            reply = await asyncio.wait_for(self._exchange(request), self._timeout)
        except asyncio.TimeoutError:
            raise HelperError("The helper did not answer within {} seconds.".format(self._timeout))
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise HelperError("The helper at {} cannot be reached: {}.".format(self._socket_path, error or "no answer"))
        if not reply.get("ok"):
            raise HelperError(reply.get("error") or "The helper gave no reason.")
        return reply

    async def _exchange(self, request: dict[str, object]) -> dict[str, t.Any]:
        reader, writer = await asyncio.open_unix_connection(self._socket_path, limit=ANSWER_LIMIT)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            reply: dict[str, t.Any] = json.loads((await reader.readuntil(b"\n")).decode())
            return reply
        finally:
            writer.close()
