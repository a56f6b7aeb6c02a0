# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client against servers that mean harm, each a real one on loopback: no wait without an end, no memory without a limit, no secret shown."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import resource
import socket
import threading
import time
import typing as t
import urllib.error
import urllib.parse

import pytest
from ansible.module_utils import urls
from ansible_collections.sparkflows.mlops.plugins.module_utils import _http
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import sources as _sources
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import decoded, parsed, retry_after, scrubbed, server_words, shown_location
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import TooLarge, download, followed
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.requirements import Pin
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.url_answers import url_answers

TIMEOUT = 0.6


class Hostile:
    """A server whose every connection is given to `answer`, until the test is over."""

    def __init__(self, answer: t.Callable[[socket.socket], t.Any], reads: bool = True) -> None:
        self.over = threading.Event()
        self._answer, self._reads = answer, reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, dummy = self._listener.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if self._reads:
                connection.recv(65536)
            self._answer(connection)

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """Send one byte at a time for ever, each well within what a socket's own time limit allows."""
        while True:
            for place in range(len(data)):
                if self.over.wait(TIMEOUT / 6):
                    return
                connection.sendall(data[place : place + 1])

    def close(self) -> None:
        self.over.set()
        self._listener.close()


@pytest.fixture
def hostile() -> t.Iterator[t.Callable[..., Hostile]]:
    servers: list[Hostile] = []

    def start(answer: t.Callable[[socket.socket], t.Any], reads: bool = True) -> Hostile:
        servers.append(Hostile(answer, reads))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def client(port: int, scheme: str = "http", **given: t.Any) -> Client:
    options = {"what": "the test server", "option": "test_url", "credentials": "test_token", "retries": 0, "retry_delay": 0.01, "timeout": TIMEOUT, **given}
    return Client("%s://127.0.0.1:%d" % (scheme, port), use_proxy=False, **options)


def failure(call: t.Callable[[], t.Any]) -> str:
    with pytest.raises(HttpError) as caught:
        call()
    assert len(str(caught.value)) < 2000
    return str(caught.value)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PLACES = {
    "the status line": (b"", b"H"),
    "the headers": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
    "header after header": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    "a 100 after another": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the body": (OK + b"\r\n", b" "),
    "a body of known length": (OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
    "the size of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunk after chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a refusal": (b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b" "),
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /", b"a"),
}


def asked(url: str, **given: t.Any) -> dict[str, t.Any]:
    """What host_info finds out of an address."""
    return url_answers([{"url": url, "timeout": TIMEOUT, "ca_path": None, "validate_certs": True, "use_proxy": False, **given}])[url]


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_question_for_a_status_has_an_end(hostile: t.Callable[..., Hostile], place: str) -> None:
    first, rest = PLACES[place]

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        server.drip(connection, rest)

    server = hostile(answer)
    started = time.monotonic()
    found = asked("http://127.0.0.1:%d/" % server.port)
    assert time.monotonic() - started < 4 * TIMEOUT
    if b"\r\n\r\n" in first:  # the body is not waited for
        assert found == {"status": int(first.split()[1]), "error": None}
    else:
        assert found["status"] is None
        assert found["error"] == "http://127.0.0.1:%d/ does not answer: within %g seconds there was no whole answer." % (server.port, TIMEOUT)


def test_a_question_reads_no_body(hostile: t.Callable[..., Hostile]) -> None:
    sent: list[int] = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        while not server.over.is_set():
            sent.append(connection.send(b"x" * 65536))

    server = hostile(answer)
    assert asked("http://127.0.0.1:%d/" % server.port, timeout=10) == {"status": 302, "error": None}
    # What fits into the buffers of the connections, each of which is closed at once.
    assert sum(sent) < 64 * 1024 * 1024


def test_a_redirect_takes_no_login_elsewhere(hostile: t.Callable[..., Hostile], http_server: t.Any) -> None:
    http_server.route("GET", "/here", lambda request: 401 if request.headers.get("authorization") else 200)
    location = ("Location: %s/here\r\n\r\n" % http_server.url).encode()
    server = hostile(lambda connection: connection.sendall(b"HTTP/1.1 307 Away\r\nContent-Length: 0\r\n" + location))
    assert asked("http://127.0.0.1:%d/" % server.port, timeout=10, username="me", password="x") == {"status": 200, "error": None}
    http_server.route("GET", "/there", lambda request: (302, b"", {"Location": "/here"}))
    assert asked(http_server.url + "/there", timeout=10, username="me", password="x")["status"] == 401
    http_server.route("GET", "/file", lambda request: (302, b"", {"Location": "file:///etc/passwd"}))
    assert asked(http_server.url + "/file", timeout=10)["status"] == 302


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_download_has_an_end(hostile: t.Callable[..., Hostile], tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    first, rest = PLACES[place]

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        server.drip(connection, rest)

    server = hostile(answer)
    monkeypatch.setattr(_sources, "_TIMEOUT", TIMEOUT)
    options = {"index_url": "http://127.0.0.1:%d" % server.port, "extra_index_urls": [], "find_links": [], "offline": False, "ca_bundle": None}
    wanted = _sources.sources(options, {"PIP_CONFIG_FILE": "/dev/null"})
    started = time.monotonic()
    with pytest.raises(Problem, match="was found neither in find_links nor in an index"):
        _sources.fetch_uv(wanted, Pin("uv", "9.9.9", (), 1), str(tmp_path / "uv"))
    assert time.monotonic() - started < 4 * TIMEOUT


def opener(url: str) -> t.Callable[[], t.Any]:
    return lambda: followed(lambda place, home: urls.open_url(place, follow_redirects="none", timeout=TIMEOUT), url)


def test_a_download_that_gets_on_is_let_go_on(hostile: t.Callable[..., Hostile]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for dummy in range(12):
            connection.sendall(b"x" * 10000)
            server.over.wait(TIMEOUT / 6)

    server = hostile(answer)
    file = io.BytesIO()
    download(opener("http://127.0.0.1:%d/" % server.port), file, TIMEOUT, 1 << 20)
    assert file.tell() == 120000


@pytest.mark.parametrize("framing", [b"\r\n", b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", b"Content-Length: 99999999999999\r\n\r\n"])
def test_a_download_without_end(hostile: t.Callable[..., Hostile], framing: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing)
        while not server.over.is_set():
            connection.sendall(b"x" * 65536)

    server = hostile(answer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = io.BytesIO()
    with pytest.raises(TooLarge, match="it is larger than 4 MiB"):
        download(opener("http://127.0.0.1:%d/" % server.port), file, 30, 4 << 20)
    assert file.tell() <= 4 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_redirects_have_an_end(http_server: t.Any) -> None:
    http_server.route("GET", "/a", lambda request: (302, b"", {"Location": "/a"}))
    with pytest.raises(urllib.error.HTTPError, match="302"):
        download(opener(http_server.url + "/a"), io.BytesIO(), 30, 100)
    assert http_server.count("GET") == 6


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_refusal_is_not_waited_for(http_server: t.Any, status: int) -> None:
    http_server.route("GET", "/", status)
    started = time.monotonic()
    assert asked(http_server.url + "/", timeout=10, wait=60)["status"] == status
    assert time.monotonic() - started < 30 and http_server.count("GET") == 1


@pytest.mark.parametrize("place", sorted(PLACES))
def test_one_byte_now_and_then_does_not_keep_us(hostile: t.Callable[..., Hostile], place: str) -> None:
    first, rest = PLACES[place]

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        server.drip(connection, rest)

    server = hostile(answer)
    start = time.monotonic()
    assert "did not answer within 0.6 seconds" in failure(lambda: client(server.port).get("/"))
    assert time.monotonic() - start < 4 * TIMEOUT


def test_a_tls_handshake_in_single_bytes(hostile: t.Callable[..., Hostile]) -> None:
    server = hostile(lambda connection: server.drip(connection, b"\x16\x03\x03\x3f\xff" + b"\x02" * 60))
    start = time.monotonic()
    assert "did not answer within 0.6 seconds" in failure(lambda: client(server.port, "https").get("/"))
    assert time.monotonic() - start < 4 * TIMEOUT


def test_a_proxy_that_drips(hostile: t.Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    server = hostile(lambda connection: server.drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:%d" % server.port)
    monkeypatch.delenv("no_proxy", raising=False)
    options = {"what": "the test server", "option": "test_url", "credentials": "test_token", "retries": 0, "timeout": TIMEOUT}
    start = time.monotonic()
    assert "did not answer within 0.6 seconds" in failure(lambda: Client("https://sparkflows.example.com", **options).get("/"))
    assert time.monotonic() - start < 4 * TIMEOUT


def test_a_download_may_take_its_time_but_not_all_time(hostile: t.Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MIN_BYTES_PER_SECOND", 100000)
    pieces = 6

    def steady(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % (pieces * 100000))
        for dummy in range(pieces):
            server.over.wait(TIMEOUT / 2)
            connection.sendall(b"x" * 100000)

    server = hostile(steady)
    into = io.BytesIO()
    start = time.monotonic()
    client(server.port).request("GET", "/", into=into)
    assert len(into.getvalue()) == pieces * 100000 and time.monotonic() - start > TIMEOUT

    def drip(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100000)
        server.drip(connection, b"x")

    server = hostile(drip)
    into = io.BytesIO()
    assert "did not answer within 0.6 seconds" in failure(lambda: client(server.port).request("GET", "/", into=into))
    # What is left behind does not write any more.
    written = len(into.getvalue())
    time.sleep(TIMEOUT / 2)
    assert len(into.getvalue()) == written


def test_nothing_fills_the_memory(hostile: t.Callable[..., Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MAX_ANSWER_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (256 << 20), 9)

    def flood(connection: socket.socket) -> None:
        while not server.over.is_set():
            connection.sendall(b" " * 65536)

    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb)
    answers: list[tuple[bytes, t.Callable[[socket.socket], t.Any]]] = [
        (OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb), lambda connection: connection.sendall(bomb)),
        (OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", lambda connection: connection.sendall(chunked)),
        (OK + b"\r\n", flood),
        (OK + b"Content-Length: 99999999999\r\n\r\n", flood),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n", flood),
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for head, rest in answers:

        def answer(connection: socket.socket, head: bytes = head, rest: t.Callable[[socket.socket], t.Any] = rest) -> None:
            connection.sendall(head)
            rest(connection)

        server = hostile(answer)
        reader = client(server.port, timeout=20)
        assert "sent more than 1 MiB to GET /." in failure(lambda reader=reader: reader.get("/"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # kilobytes


@pytest.mark.parametrize("head, body", [
    (b"Content-Encoding: gzip\r\n", gzip.compress(b"[1]" * 999, mtime=0)[:-9]), (b"Content-Encoding: gzip\r\n", b"no gzip"), (b"Content-Length: 9\r\n", b"[]"),
    (b"Transfer-Encoding: chunked\r\n", b"zz\r\n"), (b"Transfer-Encoding: chunked\r\n", b"5\r\n[1"), (b"Transfer-Encoding: chunked\r\n", b"-1\r\n[]"),
])  # fmt: skip
def test_a_body_that_is_cut_short_or_no_body(hostile: t.Callable[..., Hostile], head: bytes, body: bytes) -> None:
    server = hostile(lambda connection: connection.sendall(OK + head + b"\r\n" + body))
    assert "closed the connection without a usable answer" in failure(lambda: client(server.port, timeout=20).get("/"))


def test_gzip_is_read_when_it_comes(hostile: t.Callable[..., Hostile]) -> None:
    body = gzip.compress(json.dumps({"a": "b" * 200000}).encode())
    for head, sent in ((b"", body), (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))):
        server = hostile(lambda connection, head=head, sent=sent: connection.sendall(OK + b"Content-Encoding: gzip\r\n" + head + b"\r\n" + sent))
        assert client(server.port, timeout=20).get("/") == {"a": "b" * 200000}
    refusal = gzip.compress(b'{"message": "Zipped words"}')
    server = hostile(lambda connection: connection.sendall(b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\n\r\n" + refusal))
    assert "It says: Zipped words." in failure(lambda: client(server.port, timeout=20).get("/"))


GARBAGE = [b"", b"\0" * 1000, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 100000,
           b"\x15\x03\x01\x00\x02\x02\x46"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_no_http(hostile: t.Callable[..., Hostile], garbage: bytes) -> None:
    server = hostile(lambda connection: connection.sendall(garbage))
    assert "The test server at http://127.0.0.1:%d " % server.port in failure(lambda: client(server.port).get("/"))


DEEP = ["[" * 200000, "[" * 200000 + "]" * 200000, '{"a":' * 100000]


@pytest.mark.parametrize("body", [*DEEP, "9" * 5000, '{"a": %s}' % ("9" * 5000), "\ud83d"[:0] + '"\\ud83d"', "NaN"])
def test_json_that_is_hard_to_swallow(hostile: t.Callable[..., Hostile], body: str) -> None:
    for status in (b"200 OK", b"500 No"):
        answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body.encode())
        server = hostile(lambda connection, answer=answer: connection.sendall(answer))
        try:
            client(server.port, timeout=20).get("/")
        except HttpError as error:
            assert len(str(error)) < 1000


# ------------------------------------------------------------------------------------------------------- plain functions


@pytest.mark.parametrize("body, content_type, text", [
    (b"\xef\xbb\xbf{}", "", "{}"), ("ü".encode(), "text/plain; charset=iso-8859-1", "ü"), (b"\xfc", "application/json;charset=ISO-8859-1", "ü"),
    (b"\xfc", "", "ü"),
    ("ü".encode("utf-16"), "", "ü"), ("ü".encode("utf-32"), "", "ü"), (b"\x80", "text/plain; charset=windows-1252", "€"),
    (b"\xfc", "x; charset=nonsense", "ü"), (b"", "", ""),
])  # fmt: skip
def test_decoding(body: bytes, content_type: str, text: str) -> None:
    assert decoded(body, content_type) == text


@pytest.mark.parametrize("text", DEEP)
def test_deep_json_is_refused_by_the_usual_exception(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text)


@pytest.mark.parametrize("answer, code, words", [
    ({"status": 400, "error": "Bad Request", "errors": [{"field": "name", "defaultMessage": "must not be blank"}], "message": "Validation failed"},
     "", "Validation failed; name must not be blank"),
    ({"error": "invalid_token", "error_description": "Invalid access token"}, "invalid_token", "Invalid access token"),
    ({"error": {"code": "port_taken", "message": "Port 1 is taken."}}, "port_taken", "Port 1 is taken."),
    ({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such run"}, "RESOURCE_DOES_NOT_EXIST", "No such run"),
    ({"title": "Forbidden", "detail": "You may not"}, "", "You may not; Forbidden"), ({"errors": ["a", "b", "a"]}, "", "a; b"), ({"message": None}, "", ""),
    ({"error": "Not Found", "message": ""}, "", "Not Found"), ("just words", "", "just words"), ([], "", ""), (7, "", ""), (None, "", ""),
])  # fmt: skip
def test_a_servers_own_words(answer: t.Any, code: str, words: str) -> None:
    assert server_words(json.dumps(answer)) == (code, words)


@pytest.mark.parametrize("location, shown", [
    ("/login;jsessionid=ABC?error", "/login"), ("https://u:p@h:8443/a;x=1/b;y=2?q#f", "https://h:8443/a/b"), ("#/login", "an unnamed place"),
    ("", "an unnamed place"),
    ("http://[", "an unreadable place"), ("/a\r\nb", "/a b"), ("/" + "x" * 5000, "/" + "x" * 299),
])  # fmt: skip
def test_a_place_that_can_be_shown(location: str, shown: str) -> None:
    assert shown_location(location) == shown


@pytest.mark.parametrize("value, seconds", [("5", 5), (" 5 ", 5), ("²", 0), ("-5", 0), ("9" * 5000, 0), (None, 0), ("soon", 0),
                                            ("Thu, 01 Jan 1970 00:01:40 GMT", 40)])
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry_after(value, now=60) == seconds


def test_a_secret_in_any_writing_is_hidden_and_before_the_text_is_cut(hostile: t.Callable[..., Hostile]) -> None:
    secret = "CANARY \"ü'\\<&/ end"
    writings = [secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret), urllib.parse.quote(secret, safe=""),
                urllib.parse.quote_plus(secret)]
    assert "CANARY" not in scrubbed(" ".join(writings), [secret, ""])
    password = "CANARY" + "x" * 40
    for length in range(250, 301, 5):
        body = json.dumps({"message": "y" * length + password}).encode()
        server = hostile(lambda connection, body=body: connection.sendall(b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))
        reader = client(server.port, username="u", password=password)
        assert "CAN" not in failure(lambda reader=reader: reader.get("/"))
