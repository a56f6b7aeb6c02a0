# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service manager and its service say to each other: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

LOG = logging.getLogger(__name__)

_FIRST_DESCRIPTOR = 3


def take_sockets() -> list[socket.socket]:
    """The listening sockets that systemd opened for this process; none when it was started otherwise.

    The variables that told of them are taken out of the environment.
    """
    process, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "0")
    os.environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()):
        return []
    sockets = [socket.socket(fileno=_FIRST_DESCRIPTOR + number) for number in range(int(count))]
    for one in sockets:
        one.set_inheritable(False)
        one.setblocking(False)
    return sockets


def notify(state: str) -> None:
    """Tell systemd a state, such as READY=1; it is no error when nobody wants to know."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        LOG.warning("systemd cannot be told %s: %s", state, error)


async def feed_watchdog() -> None:
    """Tell systemd from the event loop that it turns, as often as it wants; returns at once where it does not want to."""
    patience = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    if not patience or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(patience / 3)
