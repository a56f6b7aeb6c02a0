# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which port a model gets: chosen once from the configured range, then kept; and whose it is."""

from __future__ import annotations

import errno
import ipaddress
import os
import pwd
import socket
import sys
import typing as t

if t.TYPE_CHECKING:
    from .units import Units

    Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class PortTaken(Exception):
    """The wanted port, or every port of the range, is somebody else's. The text is a sentence."""


class Ports:
    """Hands out ports of the range first..last on address, never a reserved one.

    reserved: {port: who has it}; units: the root helper's client, which can name a process.
    """

    def __init__(self, address: str, first: int, last: int, reserved: t.Mapping[int, str], units: Units) -> None:
        self._address = address
        self._first = first
        self._last = last
        self._reserved = reserved
        self._units = units

    async def choose(
        self, wanted: int | None, taken: t.Mapping[int, str], own: int | None = None, address: str | None = None
    ) -> int:
        """Return the wanted port, or a free one when wanted is None.

        taken: {port: name of another deployment}; own is the port that this deployment has now,
        and that it may therefore be listening on itself. address: where, if not where models listen. Raises PortTaken.
        """
        if wanted is not None:
            if wanted != own:
                await self._check(wanted, taken)
            return wanted
        for port in range(self._first, self._last + 1):
            if port not in taken and port not in self._reserved and is_free(address or self._address, port):
                return port
        raise PortTaken(
            "No port is free from {} to {}: undeploy a model or widen the range.".format(self._first, self._last)
        )

    async def _check(self, port: int, taken: t.Mapping[int, str]) -> None:
        if port in self._reserved:
            raise PortTaken("The port {} belongs to {}.".format(port, self._reserved[port]))
        if port in taken:
            raise PortTaken("The port {} belongs to the deployment {}.".format(port, taken[port]))
        await self.check_free(port)

    async def check_free(self, port: int, address: str | None = None) -> None:
        """Raise PortTaken, which names the process, when something listens on the port."""
        if not is_free(address or self._address, port):
            owner = await self._units.port_owner(port)
            raise PortTaken("The port {} is held by {}.".format(port, owner or "another process"))


def is_free(address: str, port: int) -> bool:
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


def not_held_by(address: str, port: int, uid: int | None) -> str | None:
    """None when the user uid, and nobody else, gets what is sent to address and port; else a sentence.

    Each model runs as a user of its own, so its user is as good as its process, and unlike that it
    can be seen by everybody. uid is None while the model does not run.
    """
    return stranger_on(address, port, uid) or (
        None if listening_users(address, port) else "Nothing listens on port {}.".format(port)
    )


def stranger_on(address: str, port: int, uid: int | None) -> str | None:
    """A sentence when another user than uid gets what is sent to address and port, else None."""
    strangers = sorted(listening_users(address, port) - {uid})
    if not strangers:
        return None
    return "The port {} is held by a process of the user {}, not by the model.".format(port, _user_name(strangers[0]))


def connections(address: str, port: int) -> int:
    """How many connections a server at address and port has, the ones included that it has not accepted yet.

    States of /proc/net/tcp, from the kernel's tcp_states.h: 01 established, 03 being opened, 08 closed by the other side alone.
    """
    packed = "{}:{:04X}".format(_packed(address), port)
    with open("/proc/net/tcp", encoding="ascii") as stream:
        return sum(1 for fields in map(str.split, stream) if fields[1] == packed and fields[3] in ("01", "03", "08"))


def listening_users(address: str, port: int) -> set[int]:
    """The ids of the users whose sockets may get a connection to address and port.

    As the kernel does, a socket that is bound to the very address comes before one that is bound to
    all addresses. Format of /proc/net/tcp: proc(5).
    """
    wanted = ipaddress.ip_address(address)
    exact: set[int] = set()
    everywhere: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for bound, bound_port, uid in _listeners(table):
            if bound_port != port:
                continue
            if bound == wanted:
                exact.add(uid)
            elif bound.is_unspecified and (bound.version == 6 or wanted.version == 4):
                everywhere.add(uid)
    return exact or everywhere


def _listeners(table: str) -> t.Iterator[tuple[Address, int, int]]:
    """(address, port, user id) of each socket that listens."""
    if not os.path.exists(table):
        return  # a kernel without IPv6
    with open(table, encoding="ascii") as stream:
        stream.readline()
        for line in stream:
            fields = line.split()
            if fields[3] != "0A":
                return  # the kernel lists those that listen first; connections may be very many
            packed, dummy, number = fields[1].rpartition(":")
            yield _address(packed), int(number, 16), int(fields[7])


def _address(packed: str) -> Address:
    """An address as the kernel prints it: 32-bit words in network order, read as numbers of this machine."""
    words = [int(packed[at:at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(packed), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def _packed(address: str) -> str:
    return "{:08X}".format(int.from_bytes(ipaddress.IPv4Address(address).packed, sys.byteorder))


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
