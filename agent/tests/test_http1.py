# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pinned tornado would misread, from a client and from a server: refused, and nothing hangs."""

import asyncio
import gzip
import json
import os
import socket
import time

import pytest
from conftest import TOKEN
from hostile import RawServer, say
from mlops_agent import http1
from tornado.httpclient import HTTPClientError, HTTPRequest

#: Bodies in chunks that are none, each after "Transfer-Encoding: chunked".
BAD_CHUNKS = [
    b"-1\r\n", b"-0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n", b"\r\n", b"g\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n", b"f" * 16 + b"\r\n",
    b"0\r\nX-Trailer: 1\r\n\r\n", b"5;a=\x00\r\nhello\r\n0\r\n\r\n", b"5\xb2\r\n",
]
#: Headers that leave the end of a body open to opinion, or are none.
BAD_HEADERS = [
    b"Content-Length: abc", b"Content-Length: -1", b"Content-Length: +31", b"Content-Length: 3_1", b"Content-Length: 5, 5",
    b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: ", b"Content-Length: 0x5",
    b"Content-Length: 5.0", b"Content-Length: \xb2", b"Content-Length: " + b"9" * 19,
    b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Content-Length : 5", b" Content-Length: 5", b"X: 1\r\n Content-Length: 5", b"X: 1\nContent-Length: 5", b"X: a\rb", b"X: a\x00b",
    b"no colon", b": nameless", b"X\xa0: 1", b"X y: 1",
]
BAD_REQUESTS = [
    b"GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET  / HTTP/1.1\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1 x\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n", b"G\xe4T / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n", b"GET /\r\n\r\n", b"\r\n\r\n", b'A",x="\\ / HTTP/1.1\r\n\r\n', b"GET /\xff HTTP/1.1\r\n\r\n",
]
BAD_REQUESTS += [b"PUT /health HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n\r\nhello" for header in BAD_HEADERS]


def authorized(head):
    return b"PUT /api/v1/deployments/a HTTP/1.1\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n" + head


def test_malformed_requests_get_one_answer_and_a_closed_connection(agent):
    bad_bodies = [b"Transfer-Encoding: chunked\r\n\r\n" + chunks for chunks in BAD_CHUNKS]
    for request in BAD_REQUESTS + [authorized(body) for body in bad_bodies]:
        # What follows must never be taken for a request of its own.
        answer = say(agent.port, request + b"\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, (request, answer)
        head, dummy, body = answer.partition(b"\r\n\r\n")
        assert b"Connection: close" in head and json.loads(body.decode())["error"]["message"].endswith("."), request
    # Without the token the answer is there before the body is read; the rest is not looked at.
    assert say(agent.port, b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n").startswith(b"HTTP/1.1 401 ")
    for body in bad_bodies:
        answer = say(agent.port, b"PUT /nowhere HTTP/1.1\r\n" + body + b"\r\n\r\nGET /health HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 ") and answer.count(b"HTTP/1.1 ") == 1, (body, answer)
    assert agent.call("GET", "/health")[0] == 200
    assert "Traceback" not in agent.log() and TOKEN not in agent.log()


def test_well_formed_requests_are_understood(agent):
    body = json.dumps({"model_uri": "models:/churn/1"}).encode()
    for head, content in (
        (b"Content-Length: %d" % len(body), body),
        (b"transfer-encoding:Chunked", b"%X;note=1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])),
    ):
        answer = say(agent.port, authorized(head + b"\r\nHost: a\r\nConnection: close\r\n\r\n" + content))
        assert answer.startswith((b"HTTP/1.1 201 ", b"HTTP/1.1 200 ")), answer
    two = say(agent.port, b"\r\nGET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.0\r\n\r\n")
    assert two.count(b"HTTP/1.1 200 ") == 2


def test_a_head_that_is_too_long_or_never_ends(agent):
    for request in (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000,
                    authorized(b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 20000)):
        assert b"HTTP/1.1 200" not in say(agent.port, request)
    # As many headers of one name, arguments and cookies as fit (CVE-2025-67725, GHSA-3hv7-mjh2-fv65, CVE-2024-52804).
    started = time.monotonic()
    for head in (b"X: \r\n" * 3200, b"Cookie: a=\"" + b"\\" * 15000 + b"\"\r\n"):
        assert say(agent.port, b"GET /health HTTP/1.1\r\nConnection: close\r\n" + head + b"\r\n").startswith(b"HTTP/1.1 200")
    assert say(agent.port, b"GET /health?" + b"&a" * 7000 + b" HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
    # A body that says it is a form is not taken apart (CVE-2025-47287, CVE-2026-31958).
    form = b"Content-Type: multipart/form-data; boundary=x\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n" + b"--x\r\n\r\n" * 128572
    assert say(agent.port, authorized(form[:-4])).startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - started < 5
    assert "Invalid multipart" not in agent.log() and "Traceback" not in agent.log()


def test_idle_connections_keep_nobody_out(agent):
    kept = [socket.create_connection(("127.0.0.1", agent.port)) for dummy in range(200)]
    try:
        for number, connection in enumerate(kept):
            try:
                connection.sendall(b"PUT /api/v1/deployments/a HTTP/1.1\r\n" * (number % 2))
            except OSError:
                pass  # it has made room already
        assert agent.call("GET", "/health")[0] == 200
        assert agent.deploy("churn")[0] == 201
        assert len(os.listdir("/proc/{}/fd".format(agent.process.pid))) < 100
    finally:
        for connection in kept:
            connection.close()


def fetch(uri, limit=100000):
    async def ask():
        client = http1.client(limit)
        try:
            return await client.fetch(HTTPRequest(uri, request_timeout=5, connect_timeout=5), raise_error=False)
        finally:
            client.close()

    return asyncio.new_event_loop().run_until_complete(ask())


BAD_ANSWERS = [b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\nhello" for header in BAD_HEADERS]
BAD_ANSWERS += [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks for chunks in BAD_CHUNKS]
BAD_ANSWERS += [
    b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 20\xb2 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"HTTP/1.1 " + b"9" * 10000 + b" OK\r\n\r\n",
]


@pytest.mark.parametrize("stays", [False, True])
def test_malformed_answers_are_errors(stays):
    server = RawServer(b"", stays=stays)
    try:
        for answer in BAD_ANSWERS:
            server.answer = answer
            with pytest.raises(http1.Malformed):
                fetch(server.uri)
    finally:
        server.close()


def test_an_answer_is_bounded(caplog):
    packed = gzip.compress(b"x" * 2000000)
    server = RawServer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    try:
        assert fetch(server.uri).body == packed, "nothing is decompressed"
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n" + b"x" * 100001, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200001,
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9000\r\n" + b"x" * 0x9000 + b"\r\n9000000\r\n",
                       b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000):
            server.answer = answer
            with pytest.raises(http1.Malformed):
                fetch(server.uri)
        server.answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        assert fetch(server.uri).code == 302, "no redirect is followed"
        assert "Traceback" not in caplog.text
    finally:
        server.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\nhalf", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"HTTP/1.1 200", b""])
def test_a_connection_that_is_reset_is_an_error_of_the_connection(answer):
    server = RawServer(answer, resets=True)
    try:
        for dummy in range(20):
            with pytest.raises((OSError, HTTPClientError)):
                fetch(server.uri)
    finally:
        server.close()
