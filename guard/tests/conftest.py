# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real tracking server of the pinned stack, with and without the guard before it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
sys.path[:0] = [str(SOURCE), str(HERE)]

from exploits import Server, World  # noqa: E402 - needs the path above

SECRET = "canary-outside-8f21"
NEIGHBOUR = "canary-neighbour-55d0"


class Tracking:
    """`mlflow server` with its database and its store in a folder; `outside` is a folder that is none of its business."""

    def __init__(self, folder: Path, guarded: bool, *options: str, proxied: bool = True, **environment: str) -> None:
        self.world = World(str(folder / "outside"), str(folder / "mlflow.db"), str(folder / "store"))
        for path in (folder / "outside", folder / "store"):
            path.mkdir()
        self.folder = folder
        self.secret = folder / "outside" / "secret.txt"
        self.secret.write_text(SECRET)
        gunicorn = ["--gunicorn-opts", "--config %s" % (SOURCE / "gunicorn.conf.py")] if guarded else []
        place = ["--serve-artifacts", "--artifacts-destination"] if proxied else ["--default-artifact-root"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
                 "--backend-store-uri", "sqlite:///" + self.world.database, *place, self.world.store, *gunicorn, *options],
                cwd=str(folder), stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "PATH": "%s:/usr/bin:/bin" % Path(sys.executable).parent, "GIT_PYTHON_REFRESH": "quiet",
                     "PGPASSWORD": SECRET, **environment},
            )  # fmt: skip
        self.url = "http://127.0.0.1:%d" % self.port
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.client().send("GET", "/health")
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer:\n" + self.log.read_text())

    def client(self) -> Server:
        return Server("127.0.0.1", self.port)

    def processes(self) -> t.List[int]:
        """The server and its workers, which have a session of their own."""
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _session(int(entry)) == self._process.pid]

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _session(process: int) -> t.Optional[int]:
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[t.Callable[..., Tracking]]:
    started: t.List[Tracking] = []

    def start(guarded: bool = True, *options: str, **more: t.Any) -> Tracking:
        started.append(Tracking(tmp_path_factory.mktemp("tracking"), guarded, *options, **more))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def unguarded(serve: t.Callable[..., Tracking]) -> Tracking:
    return serve(False)


@pytest.fixture(scope="session")
def guarded(serve: t.Callable[..., Tracking]) -> Tracking:
    return serve()
