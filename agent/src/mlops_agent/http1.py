# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 read strictly, for tornado 6.2, which the stack pins.

It takes what int() takes for a length: a negative chunk size makes it loop for ever, "+31", "3_1"
and "5, 5" are lengths to it (GHSA-qppv-j76h-2rpx), a repeated Transfer-Encoding it overlooks
(GHSA-753j-mpmx-qq6g), and it decompresses without a limit (CVE-2026-49855). Whoever speaks HTTP
here, as a server or as a client, does it through this module. The grammar is RFC 9112's and RFC
9110's; what they leave to the recipient (line folding, bare LF, a chunk's trailers) is refused.
"""

from __future__ import annotations

import re
import typing as t

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError
from tornado.simple_httpclient import HTTPStreamClosedError, SimpleAsyncHTTPClient, _HTTPConnection

if t.TYPE_CHECKING:
    from types import TracebackType

# Every expression is used with fullmatch: "$" would accept a trailing newline.
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(_NAME + r" [\x21-\x7e]+ HTTP/1\.[01]")
_STATUS = re.compile(r"HTTP/1\.[01] [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*")
_HEADER = re.compile("(" + _NAME + r"):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e]*)?\r\n")

#: Bytes of a chunk's size line.
_CHUNK_LINE = 256


class Malformed(ConnectionError):
    """The peer does not speak HTTP as it should. The text is a clause: what was wrong."""


def checked_head(data: bytes, is_answer: bool) -> tuple[str, HTTPHeaders]:
    """The start line and the headers in the head of a message, the empty line included.

    Raises Malformed for what is no HTTP/1, or for a body whose end two readers could see differently.
    """
    lines = data.decode("latin-1").lstrip("\r\n").split("\r\n")
    if lines[-2:] != ["", ""]:
        raise Malformed("a line does not end in CR and LF")
    start = lines[0]
    if not (_STATUS if is_answer else _REQUEST).fullmatch(start):
        raise Malformed("the first line is not one of HTTP/1.1")
    headers = HTTPHeaders()
    for line in lines[1:-2]:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise Malformed("a header line is not NAME: VALUE")
        headers.add(header.group(1), header.group(2).rstrip(" \t"))
    _check_framing(start, headers, is_answer)
    return start, headers


def _check_framing(start: str, headers: HTTPHeaders, is_answer: bool) -> None:
    lengths, codings = headers.get_list("Content-Length"), headers.get_list("Transfer-Encoding")
    if codings and (len(codings) > 1 or codings[0].lower() != "chunked"):
        raise Malformed("its Transfer-Encoding is not chunked alone")
    if codings and lengths:
        raise Malformed("it has both Transfer-Encoding and Content-Length")
    if lengths and (len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
        raise Malformed("its Content-Length is not one decimal number")
    if is_answer:
        # A client that never asks for an interim answer gets none, or is kept busy with them.
        if start.partition(" ")[2].startswith("1"):
            raise Malformed("it is an interim answer that nobody asked for")
        return
    if codings and start.endswith("HTTP/1.0"):
        raise Malformed("HTTP/1.0 has no Transfer-Encoding")
    if len(headers.get_list("Host")) > 1:
        raise Malformed("it names more than one Host")


class Connection(HTTP1Connection):
    """One message each way. fault is the Malformed that ended it, if one did."""

    fault: Malformed | None = None

    @property
    def answer_begun(self) -> bool:
        """Whether (on the server's side) some of the answer is on its way."""
        return self._response_start_line is not None

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        try:
            return checked_head(data, self.is_client)
        except Malformed as error:
            self.fault = error
            raise

    def _read_body(self, code: int, headers: HTTPHeaders, delegate: HTTPMessageDelegate) -> t.Awaitable[None] | None:
        if int(headers.get("Content-Length", "0")) > self._max_body_size:
            raise self._failed("its body is too large")
        return super()._read_body(code, headers, delegate)

    async def _read_chunked_body(self, delegate: HTTPMessageDelegate) -> None:
        total = 0
        while True:
            size = await self._chunk_size()
            total += size
            if total > self._max_body_size:
                raise self._failed("its body is too large")
            left = size
            while left:
                data = await self.stream.read_bytes(min(left, self.params.chunk_size), partial=True)
                left -= len(data)
                # Nobody listens any more once the answer is written.
                if self.is_client or not self._write_finished:
                    received = delegate.data_received(data)
                    if received is not None:
                        await received
            if await self.stream.read_bytes(2) != b"\r\n":
                raise self._failed("a chunk is longer than its size, or is followed by trailers")
            if not size:
                return

    async def _chunk_size(self) -> int:
        size = _CHUNK.fullmatch(await self.stream.read_until(b"\r\n", max_bytes=_CHUNK_LINE))
        if size is None:
            raise self._failed("the size of a chunk is not a hexadecimal number")
        return int(size.group(1), 16)

    async def _read_body_until_close(self, delegate: HTTPMessageDelegate) -> None:
        # tornado takes what fits into its buffer for the whole.
        left = self._max_body_size
        while True:
            try:
                data = await self.stream.read_bytes(self.params.chunk_size, partial=True)
            except StreamClosedError as closed:
                if closed.real_error is not None:
                    raise
                return
            left -= len(data)
            if left < 0:
                raise self._failed("its body is too large")
            delegate.data_received(data)

    def _failed(self, clause: str) -> Malformed:
        self.fault = Malformed(clause)
        return self.fault


class _Exchange(_HTTPConnection):
    """A request of the client, over a Connection."""

    def _create_connection(self, stream: IOStream) -> Connection:
        stream.set_nodelay(True)
        return Connection(stream, True, HTTP1ConnectionParameters(
            no_keep_alive=True, max_header_size=self.max_header_size, max_body_size=self.max_body_size,
        ), self._sockaddr)

    async def run(self) -> None:
        try:
            await super().run()
        except Malformed:
            if self.final_callback is not None:
                raise  # nobody has been told yet

    def _handle_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> bool:
        if isinstance(value, StreamClosedError) and isinstance(value.real_error, UnsatisfiableReadError):
            typ, value = Malformed, Malformed("one of its lines is too long")
        return super()._handle_exception(typ, value, tb)

    def on_connection_close(self) -> None:
        # tornado would tell the caller nothing but that the connection was closed, and not even that when it was reset.
        if self.final_callback is not None:
            connection = getattr(self, "connection", None)
            error = connection and connection.fault or self.stream.error or HTTPStreamClosedError("Connection closed")
            self._handle_exception(type(error), error, None)


class Client(SimpleAsyncHTTPClient):
    """Asks servers that are not trusted; make one by client().

    fetch() raises Malformed, an OSError, besides what tornado's own clients raise. Each request
    needs its request_timeout, which bounds the whole exchange.
    """

    def _connection_class(self) -> type[_Exchange]:
        return _Exchange


def client(body_limit: int, max_clients: int = 10) -> Client:
    """A Client that takes at most body_limit bytes of body, undoes no compression and follows no redirect."""
    return Client(
        force_instance=True, max_clients=max_clients, max_header_size=16384, max_body_size=body_limit,
        max_buffer_size=max(body_limit, 65536),
        defaults={"decompress_response": False, "follow_redirects": False},
    )
