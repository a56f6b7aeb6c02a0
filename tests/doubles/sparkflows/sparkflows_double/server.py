# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as a running server, which can be started again in place."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import typing as t
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import RELEASE, samples
from .app import make_app
from .control import Control
from .store import Store
from .world import World


class _Handler(WSGIRequestHandler):
    server_version = "SparkflowsDouble/%s" % RELEASE
    sys_version = ""

    def version_string(self) -> str:
        return self.server_version

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """One line without the query, in which a password may be."""
        print("%s %s %s" % (self.command, self.path.partition("?")[0], int(code)), flush=True)


class _QuietHandler(_Handler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log(self, type: str, message: str, *args: t.Any) -> None:
        pass


class Double:
    """A double that keeps its files in `home`. `url` is its address; with a certificate it speaks TLS.

    Port 0 means a free one. The port stays the double's own until `stop`, so that nobody else gets it during a restart.
    """

    def __init__(self, home: Path, host: str = "127.0.0.1", port: int = 0, certificate: str = "", private_key: str = "", quiet: bool = True) -> None:
        self.home = home
        self.control = Control()
        self.world: World | None = None
        self._tls = (certificate, private_key) if certificate else None
        self._handler = _QuietHandler if quiet else _Handler
        self._again = threading.Event()
        self._up = threading.Event()
        self._ended = threading.Event()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        # Bound, but not listening: callers are refused, and with SO_REUSEADDR the server proper can bind it too.
        self._place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind((host, port))
        self.host, self.port = host, self._place.getsockname()[1]
        self.url = "%s://%s:%d" % ("https" if certificate else "http", "[%s]" % host if ":" in host else host, self.port)

    def run(self) -> None:
        """Serve until `stop`, starting again from the files in `home` whenever a restart is asked for."""
        self._again.set()
        while self._again.is_set():
            self._again.clear()
            self.control.stopping.clear()
            store = Store(self.home)
            if store.is_new:
                samples.add_to(store)
            self.world = World(store, self.control)
            app = make_app(self.world)
            app.extensions["restart"] = self.ask_for_restart
            context = None
            if self._tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self._tls)
            self._server = make_server(self.host, self.port, app, threaded=True, request_handler=self._handler, ssl_context=context)
            self.control.starts += 1
            self._up.set()
            if not (self._ended.is_set() or self._again.is_set()):
                self._server.serve_forever(poll_interval=0.02)
            self._server.server_close()
            self._up.clear()
            if self._again.is_set():
                self._ended.wait(self.control.faults.slow_start)

    def ask_for_restart(self) -> None:
        """End this start of the server and begin the next; returns at once."""
        self._again.set()
        self._shut_down()

    def _shut_down(self) -> None:
        server = self._server
        self.control.stopping.set()
        if server:
            threading.Thread(target=server.shutdown, daemon=True).start()

    # For a double within the process of a test.

    def start(self) -> None:
        """Serve in a thread, and return when callers are answered."""
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        if not self._up.wait(10):
            raise RuntimeError("The double did not start.")

    def restart(self, wait: bool = True) -> None:
        """Start again, and return when callers are answered, or at once without `wait`."""
        starts = self.control.starts
        self.ask_for_restart()
        deadline = time.monotonic() + 10 + self.control.faults.slow_start
        while wait and (self.control.starts == starts or not self._up.is_set()):
            if time.monotonic() > deadline:
                raise RuntimeError("The double did not start again.")
            time.sleep(0.005)

    def stop(self) -> None:
        """End the server and give up its port."""
        self._ended.set()
        self._again.clear()
        self._shut_down()
        if self._thread:
            self._thread.join()
        self._place.close()
