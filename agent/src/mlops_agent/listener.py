# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's HTTP server: strict about what it reads, and never out of connections."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import typing as t

from tornado.http1connection import HTTP1ServerConnection, _QuietException
from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.httputil import HTTPServerConnectionDelegate, HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError

from .http1 import Connection, Malformed

LOG = logging.getLogger(__name__)

#: Connections in all, and from one address.
MOST_CONNECTIONS, MOST_PER_ADDRESS = 512, 64

#: Seconds for a request and its answer, once its head is there: a DELETE waits for a model to end.
EXCHANGE_SECONDS = 300


class Listener(HTTPServer):
    """An HTTPServer that makes room for a new connection by closing the one that idles longest.

    All connections idle except those whose request has shown the token and is being answered. So a
    client with the token is never cut off, and whoever only keeps connections open keeps nobody out.
    """

    def handle_stream(self, stream: IOStream, address: tuple[t.Any, ...]) -> None:
        context = _Context(stream, address, self.protocol, self.trusted_downstream)
        connection = _ServerConnection(stream, self.conn_params, context)
        others = [other for other in self._connections if isinstance(other, _ServerConnection)]
        group = [other for other in others if other.context.group == context.group]
        for crowd, most in ((group, MOST_PER_ADDRESS), (others, MOST_CONNECTIONS)):
            if len(crowd) >= most and not _make_room(crowd):
                stream.close()
                return
        self._connections.add(connection)
        connection.start_serving(self)


def mark_busy(request: HTTPServerRequest) -> None:
    """Note that a request has shown the token: until it is answered, its connection does not idle."""
    # tornado knows no more of a connection than any server's has; this one was made by _ServerConnection.
    t.cast("_Context", t.cast(Connection, request.connection).context).busy = True


def _make_room(crowd: list[_ServerConnection]) -> bool:
    """Close the connection that idles longest; returns whether there was one."""
    idle = [connection for connection in crowd if not connection.context.busy and not connection.stream.closed()]
    if not idle:
        return False
    min(idle, key=lambda connection: connection.context.since).stream.close()
    return True


class _Context(_HTTPRequestContext):
    """What is known of a connection: busy is set by the handler that has seen the token; since, in seconds of
    the event loop's clock, is when the wait for the request began."""

    def __init__(
        self, stream: IOStream, address: tuple[t.Any, ...], protocol: str | None, trusted_downstream: list[str] | None
    ) -> None:
        super().__init__(stream, address, protocol, trusted_downstream)
        self.group = address_group(self.remote_ip)
        self.rest()

    def rest(self) -> None:
        self.busy = False
        self.since = asyncio.get_event_loop().time()


def address_group(address: str) -> str:
    """What counts as one address: every process here has all of 127/8, and most IPv6 hosts have a /64."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback:
        return "loopback"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class _ServerConnection(HTTP1ServerConnection):
    """The requests of one client, one after the other."""

    context: _Context

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            while await self._exchange(delegate):
                self.context.rest()
                await asyncio.sleep(0)
        except (StreamClosedError, asyncio.CancelledError, _QuietException):
            pass
        except Exception:  # one client's surprise must not reach the others; tornado would log and close too
            LOG.exception("A connection from %s ended unexpectedly", self.context)
        finally:
            self.stream.close()
            delegate.on_close(self)

    async def _exchange(self, delegate: HTTPServerConnectionDelegate) -> bool:
        """Read a request and see it answered. Returns whether another may follow."""
        connection = Connection(self.stream, False, self.params, self.context)
        try:
            return await asyncio.wait_for(
                connection.read_response(delegate.start_request(self, connection)), EXCHANGE_SECONDS
            )
        except asyncio.TimeoutError:
            LOG.warning("A request from %s was not done within %d seconds", self.context, EXCHANGE_SECONDS)
        except Malformed as error:
            await self._refuse(connection, error)
        return False

    async def _refuse(self, connection: Connection, reason: Malformed) -> None:
        LOG.info("A request from %s is malformed: %s", self.context, reason)
        if connection.answer_begun or self.stream.closed():
            return
        body = json.dumps({"error": {
            "code": "bad_request", "message": "The request is not HTTP as the agent reads it: {}.".format(reason),
        }}) + "\n"
        await self.stream.write((
            "HTTP/1.1 400 Bad Request\r\nServer: mlops-agent\r\nContent-Type: application/json\r\n"
            "Content-Length: {}\r\nConnection: close\r\n\r\n{}".format(len(body), body)
        ).encode("ascii"))
