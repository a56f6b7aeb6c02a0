# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands the connections to a following deployment's port to the run that serves: python -m mlops_agent.serve_port --config FILE NAME

systemd holds the port and hands over its socket. Which run serves is read from the stored deployment at each
connection, so one write of the agent moves new connections, and those that are open go on to where they
began. systemd-socket-proxyd(8) has one target for its life and drops its connections when it ends, so a
move would lose requests.

Nobody but the run's own user is taken for the run. SIGTERM lets open connections end; those that come
meanwhile wait in the socket for the next process.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys

from . import config as settings
from . import ports, rules, store, systemd
from .spec import Spec

LOG = logging.getLogger("mlops_agent.serve_port")

#: Connections at a time; the others wait in the socket's queue.
CONNECTIONS_LIMIT = 4096

PIECE = 64 * 1024

#: Seconds to reach a run.
CONNECT_SECONDS = 10

_BODY = b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "No run of this deployment serves at the moment."}'
NOBODY_SERVES = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: " + str(len(_BODY)).encode("ascii") + b"\r\n\r\n" + _BODY
)


class NobodyServes(Exception):
    """There is no run to hand a connection to. The text is a sentence."""


class Target:
    """Where the run listens that serves a deployment now, and as whom."""

    def __init__(self, config: settings.Config, name: str) -> None:
        self._config = config
        self._directory = settings.deployments_directory(config)
        self._name = name

    def find(self) -> tuple[str, int]:
        """(address, port) of the run that serves. Raises NobodyServes."""
        try:
            deployment = self._read(self._name)
            if deployment.slot is None:
                raise NobodyServes("No run has been ready yet.")
            run = self._read(rules.slot_name(self._name, deployment.slot))
            # Its runtime directory is its unit's: systemd gives it to the unit's user.
            uid = os.stat(os.path.join(self._config.runtime_directory, run.name)).st_uid
        except (OSError, ValueError, RecursionError) as error:
            raise NobodyServes("What serves cannot be read: {}.".format(error))
        address = run.address(self._config.model_address)
        stranger = ports.not_held_by(address, run.port, uid)
        if stranger is not None:
            raise NobodyServes(stranger)
        return address, run.port

    def _read(self, name: str) -> Spec:
        return store.read_spec(store.spec_path(self._directory, name), self._config.model_roots)


class Port:
    """The connections of one deployment."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: set[asyncio.Future[None]] = set()
        self._places = asyncio.Semaphore(CONNECTIONS_LIMIT)

    async def accept(self, listener: socket.socket) -> None:
        """Take connections for ever."""
        loop = asyncio.get_event_loop()
        while True:
            await self._places.acquire()
            try:
                client, dummy = await loop.sock_accept(listener)
            except OSError as error:
                LOG.warning("A connection cannot be accepted: %s", error)
                self._places.release()
                await asyncio.sleep(0.1)
                continue
            except BaseException:
                self._places.release()
                raise
            task = asyncio.ensure_future(self._serve(client))
            self._open.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._open.discard(task)
        self._places.release()

    async def finish(self) -> None:
        """Wait for the connections that are open."""
        while self._open:
            await asyncio.wait(set(self._open))

    async def _serve(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        reader, writer = await asyncio.open_connection(sock=client, limit=PIECE)
        try:
            try:
                there = await self._reach()
            except NobodyServes as error:
                LOG.warning("%s", error)
                writer.write(NOBODY_SERVES)
                await writer.drain()
                return
            to_run = asyncio.ensure_future(copy(reader, there[1]))
            try:
                await copy(there[0], writer)
            finally:
                # The run has said all: whatever the client still sends is for nobody.
                to_run.cancel()
                await asyncio.gather(to_run, return_exceptions=True)
                await close(there[1])
        except OSError:
            pass  # one of the two has hung up
        finally:
            await close(writer)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the run that serves. Raises NobodyServes."""
        address, port = self._target.find()
        try:
            return await asyncio.wait_for(asyncio.open_connection(address, port, limit=PIECE), CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            raise NobodyServes("The run at port {} cannot be reached: {}.".format(port, error or "no answer"))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what one side sends, as fast as the other takes it, until it has no more to say."""
    while True:
        piece = await reader.read(PIECE)
        if not piece:
            break
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection when the other side has got everything."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # it has hung up


async def serve(config: settings.Config, name: str, listeners: list[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT, and then what is open."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_event_loop().add_signal_handler(number, stopping.set)
    port = Port(Target(config, name))
    accepting = [asyncio.ensure_future(port.accept(listener)) for listener in listeners]
    systemd.notify("READY=1")
    await stopping.wait()
    systemd.notify("STOPPING=1")
    for task in accepting:
        task.cancel()
    await asyncio.gather(*accepting, return_exceptions=True)
    await port.finish()


def main() -> None:
    parser = argparse.ArgumentParser(prog="serve_port", description="Holds the port of a deployment that follows its stage.")
    parser.add_argument("--config", required=True, help="JSON file with the agent's settings")
    parser.add_argument("name", help="name of the deployment")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        config, name = settings.load(arguments.config), rules.deployment_name(arguments.name)
        listeners = systemd.take_sockets()
        if not listeners:
            raise ValueError("systemd handed over no socket: start mlops-port@{}.socket.".format(name))
        asyncio.run(serve(config, name, listeners))
    except (OSError, ValueError) as error:
        sys.exit("The port is not served: {}".format(error))


if __name__ == "__main__":
    main()
