# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client against a real server: what it sends, when it tries again, and how each failure reads."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError, check_base_url

TOKEN = "CANARY-token-0123456789"


def client(url: str, **kwargs: t.Any) -> Client:
    return Client(url, **{"what": "the test server", "option": "test_url", "credentials": "test_token", "retry_delay": 0.01, **kwargs})


def failure(call: t.Callable[[], t.Any]) -> HttpError:
    with pytest.raises(HttpError) as caught:
        call()
    return caught.value


def test_sends_json_and_credentials(http_server):
    http_server.route("POST", "/base/things", lambda request: {"echo": request.json()})
    assert client(http_server.url + "/base/", token=TOKEN).json("POST", "/things", {"a": 1}) == {"echo": {"a": 1}}
    headers = http_server.requests[0].headers
    assert headers["authorization"] == "Bearer " + TOKEN
    assert headers["content-type"] == "application/json"


def test_sends_basic_credentials_and_query(http_server):
    http_server.route("GET", "/things", {})
    client(http_server.url, username="u", password="pä:ss").get("/things", {"filter": "name='a b'"})
    assert http_server.requests[0].headers["authorization"] == "Basic " + base64.b64encode("u:pä:ss".encode()).decode()
    assert http_server.requests[0].query == "filter=name%3D%27a+b%27"


def test_netrc_does_not_replace_the_token(http_server, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    http_server.route("GET", "/", {})
    client(http_server.url, token=TOKEN).get("/")
    assert http_server.requests[0].headers["authorization"] == "Bearer " + TOKEN


@pytest.mark.parametrize("method, tries", [("GET", 3), ("POST", 1)])
def test_only_what_is_safe_is_tried_again(http_server, method, tries):
    http_server.route(method, "/", (503, {"error": {"code": "busy", "message": "come back later"}}))
    error = failure(lambda: client(http_server.url).json(method, "/"))
    assert http_server.count() == tries
    assert (error.status, error.code, error.reason) == (503, "busy", "come back later")


def test_a_passing_failure_is_not_seen(http_server):
    answers = [(503, {}), (502, {}), {"fine": True}]
    http_server.route("GET", "/", lambda request: answers.pop(0))
    assert client(http_server.url).get("/") == {"fine": True}


def test_a_refused_post_is_tried_again_once_somebody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def serve() -> None:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        connection, _peer = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    timer = threading.Timer(0.2, serve)
    timer.start()
    assert client("http://127.0.0.1:%d" % port, retries=200, retry_delay=0.05).json("POST", "/", {}) == {}
    timer.join()
    listener.close()


def test_redirects_are_not_followed(http_server):
    http_server.route("GET", "/", (302, b"", {"Location": "https://login.example.com/start?state=" + TOKEN}))
    http_server.route("POST", "/", (307, b"", {"Location": "/elsewhere"}))
    text = str(failure(lambda: client(http_server.url).get("/")))
    assert "points to https://login.example.com/start. Redirects are not followed" in text
    assert "test_url" in text and "test_token" in text and TOKEN not in text
    assert failure(lambda: client(http_server.url).json("POST", "/", {})).status == 307
    assert http_server.count() == 2


@pytest.mark.parametrize(
    "answer, expected",
    [
        ((401, {}), "asks for a login (401 to GET /). Check test_token."),
        ((403, b""), "forbids GET / to these credentials (403)"),
        ((404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such run"}), "answered 404 to GET /. It says: No such run."),
        ((400, {"error": "plain words"}), "It says: plain words."),
        ((500, b"<html><title>Oops</title></html>"), "answered 500 to GET /."),
        ((500, b"line one\nline two"), "It says: line one line two."),
        (b"<!DOCTYPE html><p>hello", "with something that is not JSON (it begins with '<!DOCTYPE html><p>hello')"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_how_a_bad_answer_reads(http_server, answer, expected):
    http_server.route("GET", "/", answer)
    text = str(failure(lambda: client(http_server.url, retries=0).get("/")))
    assert text.startswith("The test server at %s " % http_server.url)
    assert expected in text
    assert text.endswith(".")


def test_refused_credentials(http_server):
    http_server.route("GET", "/", (401, {"error": {"code": "unauthorized", "message": "bad token " + TOKEN}}))
    text = str(failure(lambda: client(http_server.url, token=TOKEN).get("/")))
    assert "does not accept the credentials (401 to GET /). Check test_token. It says: bad token ***." in text


def test_an_empty_answer_is_none(http_server):
    http_server.route("DELETE", "/", 200)
    assert client(http_server.url).json("DELETE", "/") is None


def test_nothing_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = failure(lambda: client("http://127.0.0.1:%d" % port, retries=0).get("/"))
    assert "nothing listens on port %d of 127.0.0.1. Check test_url" % port in str(error)
    assert error.status is None


def test_unknown_host():
    assert "the host name no-such-host.invalid does not resolve" in str(failure(lambda: client("http://no-such-host.invalid", retries=0).get("/")))


@contextlib.contextmanager
def raw_server(answer: t.Callable[[socket.socket], t.Any]) -> t.Iterator[int]:
    """A port where each connection is given to `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _peer = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_no_answer_in_time():
    done = threading.Event()
    with raw_server(lambda connection: done.wait(10)) as port:
        text = str(failure(lambda: client("http://127.0.0.1:%d" % port, timeout=0.1, retries=0).get("/")))
        done.set()
    assert "did not answer within 0.1 seconds" in text


def test_an_answer_that_breaks_off():
    with raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")) as port:
        assert "without a usable answer" in str(failure(lambda: client("http://127.0.0.1:%d" % port, retries=0).get("/")))


def test_https_to_a_server_without_tls():
    with raw_server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        text = str(failure(lambda: client("https://127.0.0.1:%d" % port, retries=0).get("/")))
    assert "cannot be reached over TLS: " in text and "speaks https at all" in text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one PEM file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(path), "-out", str(path) + ".crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


@pytest.fixture
def tls_port(certificate: Path) -> t.Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    with raw_server(answer) as port:
        yield port


def test_an_untrusted_certificate(tls_port):
    text = str(failure(lambda: client("https://127.0.0.1:%d" % tls_port, retries=0).get("/")))
    assert "shows a certificate that is not trusted: " in text and text.endswith("Name its authority with ca_path.")


def test_a_certificate_of_an_own_authority(tls_port, certificate):
    url = "https://127.0.0.1:%d" % tls_port
    assert client(url, ca_path=str(certificate) + ".crt").get("/") == {}
    assert client(url, validate_certs=False).get("/") == {}


@pytest.mark.parametrize("content, expected", [(None, "cannot be read (No such file or directory)"), ("not PEM", "holds no certificate in PEM format")])
def test_a_bad_ca_path(tmp_path, content, expected):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(Problem, match="ca_path is .*which ") as caught:
        client("https://127.0.0.1", ca_path=str(path))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "localhost:5000", "ftp://host/", "http://", "http://a b", "http://host:port", "http://host:99999", "http://host/?x=1", "http://host/#x", "http://h\n"],
)
def test_addresses_that_are_none(url):
    with pytest.raises(Problem, match="test_url"):
        check_base_url(url, "test_url")


def test_an_address_with_login_data_is_not_repeated():
    with pytest.raises(Problem) as caught:
        check_base_url("http://me:CANARY@host", "test_url")
    assert "login data" in str(caught.value) and "CANARY" not in str(caught.value)


def test_a_login_goes_before_a_token(http_server):
    http_server.route("GET", "/", {})
    client(http_server.url, token=TOKEN, username="u", password="p").get("/")
    assert http_server.requests[0].headers["authorization"].startswith("Basic ")


def test_no_time_to_answer():
    with pytest.raises(Problem, match="timeout is 0"):
        client("http://127.0.0.1", timeout=0)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "pässword"])
def test_a_token_that_no_header_can_carry(token):
    with pytest.raises(Problem) as caught:
        client("http://127.0.0.1", token=token)
    assert "test_token" in str(caught.value) and token not in str(caught.value)
