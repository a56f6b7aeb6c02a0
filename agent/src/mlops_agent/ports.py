# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which port a model gets: chosen once from the configured range, then kept."""

import errno
import socket


class PortTaken(Exception):
    """The wanted port, or every port of the range, is somebody else's. The text is a sentence."""


class Ports:
    """Hands out ports of the range first..last on address, never a reserved one.

    reserved: {port: who has it}; units: the root helper's client, which can name a process.
    """

    def __init__(self, address, first, last, reserved, units):
        self._address = address
        self._first = first
        self._last = last
        self._reserved = reserved
        self._units = units

    async def choose(self, wanted, taken, own=None):
        """Return the wanted port, or a free one when wanted is None.

        taken: {port: name of another deployment}; own is the port that this deployment has now,
        and that it may therefore be listening on itself. Raises PortTaken.
        """
        if wanted is not None:
            if wanted != own:
                await self._check(wanted, taken)
            return wanted
        for port in range(self._first, self._last + 1):
            if port not in taken and port not in self._reserved and is_free(self._address, port):
                return port
        raise PortTaken(
            "No port is free from {} to {}: undeploy a model or widen the range.".format(self._first, self._last)
        )

    async def _check(self, port, taken):
        if port in self._reserved:
            raise PortTaken("The port {} belongs to {}.".format(port, self._reserved[port]))
        if port in taken:
            raise PortTaken("The port {} belongs to the deployment {}.".format(port, taken[port]))
        await self.check_free(port)

    async def check_free(self, port):
        """Raise PortTaken, which names the process, when something listens on the port."""
        if not is_free(self._address, port):
            owner = await self._units.port_owner(port)
            raise PortTaken("The port {} is held by {}.".format(port, owner or "another process"))


def is_free(address, port):
    """Whether a server could listen on this port now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As gunicorn does: connections of an earlier server that linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
