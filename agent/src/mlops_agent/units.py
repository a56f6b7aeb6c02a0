# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to the root helper, which starts and stops the units of served models."""

import asyncio
import json
from collections import namedtuple

ANSWER_LIMIT = 4 * 1024 * 1024

#: started is in seconds of the monotonic clock, 0 when the unit never ran; uid is the user as which
#: the unit runs, None when it does not.
UnitState = namedtuple("UnitState", "active sub result restarts invocation started exit_status uid")

UNKNOWN = UnitState("inactive", "dead", "success", 0, "", 0.0, 0, None)


class HelperError(Exception):
    """The helper refused or could not be reached. The text is a sentence."""


class Units:
    """The units of served models, by the name of their deployment."""

    def __init__(self, socket_path, timeout=120):
        self._socket_path = socket_path
        self._timeout = timeout

    async def apply(self, name, memory_mb):
        """Enable and (re)start the unit with this memory limit in MiB; it reads its spec itself."""
        await self._ask(action="apply", name=name, memory_mb=memory_mb)

    async def stop(self, name):
        await self._ask(action="stop", name=name)

    async def remove(self, name):
        """Stop the unit and forget all that belongs to it."""
        await self._ask(action="remove", name=name)

    async def open_port(self, name, address, port):
        """Have systemd hold the port of a following deployment; returns the user whose socket that is."""
        return (await self._ask(action="open_port", name=name, address=address, port=port))["uid"]

    async def close_port(self, name):
        """Have systemd let go of the port of a deployment, and forget it."""
        await self._ask(action="close_port", name=name)

    async def status(self, name):
        state = (await self._ask(action="status", names=[name]))["states"].get(name)
        if state is None:
            return UNKNOWN
        return UnitState(
            state["active_state"], state["sub_state"], state["result"], state["restarts"],
            state["invocation"], state["started"] / 1e6, state["exit_status"], state["uid"],
        )

    async def logs(self, name, lines):
        return (await self._ask(action="logs", name=name, lines=lines))["lines"]

    async def port_owner(self, port):
        """Who listens on a port, in words, or None."""
        owner = (await self._ask(action="port_owner", port=port))["owner"]
        if owner is None:
            return None
        if not owner["pid"]:
            return "a process of the user {}".format(owner["user"])
        words = "the process {} (pid {}, user {}".format(owner["process"], owner["pid"], owner["user"])
        return words + (", unit {})".format(owner["unit"]) if owner["unit"] else ")")

    async def _ask(self, **request):
        try:
            reply = await asyncio.wait_for(self._exchange(request), self._timeout)
        except asyncio.TimeoutError:
            raise HelperError("The helper did not answer within {} seconds.".format(self._timeout))
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise HelperError("The helper at {} cannot be reached: {}.".format(self._socket_path, error or "no answer"))
        if not reply.get("ok"):
            raise HelperError(reply.get("error") or "The helper gave no reason.")
        return reply

    async def _exchange(self, request):
        reader, writer = await asyncio.open_unix_connection(self._socket_path, limit=ANSWER_LIMIT)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            await writer.drain()
            return json.loads((await reader.readuntil(b"\n")).decode())
        finally:
            writer.close()
