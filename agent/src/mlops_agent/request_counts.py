# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the rows that a model is asked to score, inside the model's own server: both sides of one small file.

As a configuration file of gunicorn (its "server hooks", docs.gunicorn.org/en/20.1.0/settings.html) it notes after each answer how that
ended and how long it took. A worker has a slot of the file for itself and writes it at once, without a lock that another could hold, so
that nothing waits for the counting. The agent adds the slots up. A model can write what it likes there; it can lie about itself alone,
since the file is numbers at fixed places.

Nothing but the standard library is imported: gunicorn loads this file by its path, where the rest of the agent is not to be found.
"""

from __future__ import annotations

import bisect
import os
import struct
import threading
import time
import typing as t

#: The file's name in the runtime directory of a model, and the variable that tells gunicorn its path.
FILE = "requests"
PATH_VARIABLE = "MLOPS_REQUEST_COUNTS"

#: As what the agent's own looks at a model introduce themselves; they are not counted.
PROBE = "mlops-agent-probe"

#: What is counted: rows to score; /ping and /version are not.
PATH = "/invocations"

STATUSES = ("2xx", "3xx", "4xx", "5xx")

#: Upper bounds of durations in seconds; one more bucket is for what takes longer.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: A worker's record: answers by status, answers by duration, microseconds of all.
RECORD = struct.Struct("={}Q".format(len(STATUSES) + len(BOUNDS) + 2))

#: A record has a slot to itself, so that none lies across the end of a page. While workers are replaced there are twice as many as usual.
SLOT_BYTES, SLOTS = 256, 128
LIMIT = SLOT_BYTES * SLOTS

LARGEST = 2 ** 64 - 1


class Counts(t.NamedTuple):
    """Answers by the class of their status; those that took no longer than each of BOUNDS and than the one before, and last the longer
    ones; seconds of all together."""

    statuses: dict[str, int]
    durations: list[int]
    seconds: float


def added_up(content: bytes) -> Counts:
    """What all workers have counted, of the bytes of a file. Whatever the bytes are, it has the same few numbers."""
    records = [RECORD.unpack_from(content, start) for start in range(0, len(content) - RECORD.size + 1, SLOT_BYTES)]
    totals = [sum(column) for column in zip(*records)] or [0] * (len(STATUSES) + len(BOUNDS) + 2)
    return Counts(dict(zip(STATUSES, totals)), totals[len(STATUSES):-1], totals[-1] / 1e6)


class Counter:
    """One worker's slot of the file, which an earlier worker may have had."""

    def __init__(self, descriptor: int, slot: int) -> None:
        self._descriptor, self._start = descriptor, slot * SLOT_BYTES
        before = os.pread(descriptor, RECORD.size, self._start)
        self._numbers = list(RECORD.unpack(before.ljust(RECORD.size, b"\0")))
        self._lock = threading.Lock()  # gunicorn may have been told to use threads

    def count(self, status: int | None, seconds: float) -> None:
        """Note an answer; status is None where there was none. Raises OSError."""
        # What is neither of the others is a fault of the server.
        kind = status // 100 - 2 if status is not None and 200 <= status < 600 else len(STATUSES) - 1
        with self._lock:
            self._add(kind, 1)
            self._add(len(STATUSES) + bisect.bisect_left(BOUNDS, seconds), 1)
            self._add(len(self._numbers) - 1, int(seconds * 1e6))
            os.pwrite(self._descriptor, RECORD.pack(*self._numbers), self._start)

    def _add(self, index: int, much: int) -> None:
        self._numbers[index] = min(self._numbers[index] + much, LARGEST)


class _Server:
    """What gunicorn's first process keeps for its workers: the open file, None where it could not be opened."""

    descriptor: t.ClassVar[int | None] = None


def on_starting(server: t.Any) -> None:
    """gunicorn's hook: begin to count anew, as each run of the server does."""
    path = os.environ.get(PATH_VARIABLE, "")
    try:
        _Server.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        os.fchmod(_Server.descriptor, 0o644)  # whatever the umask is, the agent reads it
    except OSError as error:
        server.log.warning("Requests are not counted: %s", error)


def pre_fork(server: t.Any, worker: t.Any) -> None:
    """gunicorn's hook: give the worker that is about to start a slot that no other has."""
    taken = {getattr(other, "slot", None) for other in server.WORKERS.values()}
    worker.slot = next((slot for slot in range(SLOTS) if slot not in taken), None)


def post_fork(server: t.Any, worker: t.Any) -> None:
    """gunicorn's hook, in the new worker."""
    worker.counter = None
    if _Server.descriptor is not None and worker.slot is not None:
        try:
            worker.counter = Counter(_Server.descriptor, worker.slot)
        except OSError as error:
            server.log.warning("Requests are not counted: %s", error)


def pre_request(worker: t.Any, req: t.Any) -> None:
    """gunicorn's hook; a problem here would be one of the request."""
    req.started = time.monotonic()


def post_request(worker: t.Any, req: t.Any, environ: t.Any, resp: t.Any) -> None:
    """gunicorn's hook, after the answer was sent or has failed; what goes wrong here gunicorn notes in its log."""
    if worker.counter is None or req.path != PATH or ("USER-AGENT", PROBE) in req.headers:
        return
    worker.counter.count(getattr(resp, "status_code", None), time.monotonic() - req.started)
