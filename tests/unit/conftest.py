# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the unit tests share: the collection on the import path, and a real HTTP server on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import threading
import typing as t
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The collection is imported by its full name. `ansible-test` and an installed collection lie in such a path already;
# a checkout is linked below .collections.
if ROOT.parts[-3:-1] == ("ansible_collections", "sparkflows"):
    sys.path.insert(0, str(ROOT.parents[2]))
else:
    sys.path.insert(0, str(ROOT / ".collections"))


class Request(t.NamedTuple):
    """One request as the server received it; `headers` has lower-case names, `query` is the raw string."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> t.Any:
        return json.loads(self.body)


class HttpServer:
    """A server on a free loopback port that answers what a test tells it to and remembers every request.

    `routes` maps `(method, path)` to an answer: a status code, `bytes`, anything that JSON can carry, a tuple
    `(status, body)` or `(status, body, headers)`, or a callable that takes the `Request` and returns one of these.
    A path that ends in `*` matches by prefix. What no route matches is answered with 404 and a JSON body.
    """

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], t.Any] = {}
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                request = Request(
                    self.command,
                    unquote(parts.path),
                    parts.query,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                with outer._lock:
                    outer.requests.append(request)
                status, body, headers = outer._answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: t.Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def route(self, method: str, path: str, answer: t.Any) -> None:
        """Answer `method path` with `answer` from now on."""
        self.routes[method, path] = answer

    def serve_folder(self, prefix: str, folder: str | os.PathLike[str]) -> None:
        """Serve the files of a folder below a prefix, with a plain link page for each folder."""
        root = Path(folder)

        def answer(request: Request) -> t.Any:
            wanted = root / request.path[len(prefix) :].strip("/")
            if wanted.is_dir():
                links = "".join('<a href="%s">%s</a>\n' % (path.name, path.name) for path in sorted(wanted.iterdir()))
                return 200, links.encode(), {"Content-Type": "text/html"}
            if wanted.is_file():
                return 200, wanted.read_bytes(), {"Content-Type": "application/octet-stream"}
            return 404

        self.route("GET", prefix.rstrip("/") + "/*", answer)
        self.route("HEAD", prefix.rstrip("/") + "/*", answer)

    def count(self, *methods: str) -> int:
        """How many requests arrived, of these methods or of all."""
        return sum(1 for request in self.requests if not methods or request.method in methods)

    @property
    def writes(self) -> int:
        """How many requests arrived that may change something."""
        return self.count("POST", "PUT", "PATCH", "DELETE")

    def clear(self) -> None:
        """Forget the requests so far; the routes stay."""
        with self._lock:
            self.requests.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _find(self, request: Request) -> t.Any:
        exact = self.routes.get((request.method, request.path))
        if exact is not None:
            return exact
        prefixes = [
            (path[:-1], answer)
            for (method, path), answer in self.routes.items()
            if method == request.method and path.endswith("*") and request.path.startswith(path[:-1])
        ]
        return max(prefixes, key=lambda pair: len(pair[0]))[1] if prefixes else None

    def _answer(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        answer = self._find(request)
        if callable(answer):
            answer = answer(request)
        if answer is None:
            answer = (404, {"error": "no such page: %s %s" % (request.method, request.path)})
        status, headers = 200, {}
        if isinstance(answer, tuple):
            status, answer, headers = answer if len(answer) == 3 else (*answer, {})
        elif isinstance(answer, int):
            status, answer = answer, b""
        if not isinstance(answer, bytes):
            headers = {"Content-Type": "application/json", **headers}
            answer = json.dumps(answer).encode()
        return status, answer, headers


@pytest.fixture
def http_server() -> t.Iterator[HttpServer]:
    """A real HTTP server on loopback (`url`, `route`, `requests`, `writes`, …)."""
    server = HttpServer()
    yield server
    server.close()


class Wheel(t.NamedTuple):
    """A wheel that a test made; `pin` is its line in a lock."""

    path: Path
    sha256: str
    pin: str


def build_wheel(folder: Path, name: str, version: str, files: dict[str, str] | None = None, tag: str = "py3-none-any") -> Wheel:
    """Make a small real wheel with one module, `files`, and the same bytes every time."""
    stem = "%s-%s" % (name.replace("-", "_"), version)
    contents = {"%s.py" % name.replace("-", "_"): "VERSION = %r\n" % version, **(files or {})}
    contents["%s.dist-info/METADATA" % stem] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
    contents["%s.dist-info/WHEEL" % stem] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tag
    record = "%s.dist-info/RECORD" % stem
    lines = []
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append("%s,sha256=%s,%d\n" % (path, digest, len(text.encode())))
    contents[record] = "".join(lines) + record + ",,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("%s-%s.whl" % (stem, tag))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in contents.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(path, sha256, "%s==%s --hash=sha256:%s\n" % (name, version, sha256))


@pytest.fixture
def make_wheel() -> t.Callable[..., Wheel]:
    """`make_wheel(folder, name, version, files, tag)` makes a small real wheel."""
    return build_wheel


@pytest.fixture
def sparkflows_double(tmp_path: Path) -> t.Iterator[t.Any]:
    """A double of Sparkflows on a free loopback port, see tests/doubles/sparkflows/README.md."""
    sys.path.insert(0, str(ROOT / "tests" / "doubles" / "sparkflows"))
    try:
        from sparkflows_double.testing import DoubleForTests
    finally:
        sys.path.pop(0)
    double = DoubleForTests(tmp_path / "sparkflows")
    yield double
    double.stop()
