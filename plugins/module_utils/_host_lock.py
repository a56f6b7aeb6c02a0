# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""One run at a time changes a host: its lock, a record below /run that says who, from where, since when and with which playbook.

A run is many short logins, none of which lasts as long as the run, so that no process of the host can hold the lock for it. The lock is a lease
instead: each sign of life of its run puts the end off, and without one it ends by itself. While a module of the collection changes something, the
lock does not end, however long that takes. Times are those of a clock that nobody sets, and that begins anew with the boot, as /run does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import one_line
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import write_atomic

FOLDER = "/run/sparkflows-mlops"
#: How long a run may be silent, in seconds, unless its admin says otherwise.
LEASE = 600
#: What the record says of the run. Texts are cut, as another admin's terminal shows them.
TEXTS = ("run", "user", "controller", "playbook", "since", "machine", "start")
NUMBERS = ("pid", "lease")
_LONGEST = 200
_LARGEST = 65536
_SHORT_WAIT = 30
_PAUSE = 0.5

Record = t.Dict[str, t.Any]


def standing(run: str = "", folder: str = FOLDER) -> t.Optional[Record]:
    """The lock that stands, or None; where it is that of this run, its end is put off.

    Beside what `TEXTS` and `NUMBERS` name it has ``names``, for whom the run holds it; ``silent``, the seconds since the run's last sign of life; ``busy``,
    whether a module changes the host just now; and ``path``. Without a run nothing is written, and anybody may ask.
    """
    record = _alive(folder)
    if record and run and record["run"] == run:
        with _guarded(folder):
            record = _alive(folder)
            if record and record["run"] == run:
                _write(folder, record)
                record["silent"] = 0
    return record


def take(wish: Record, wait: float = 0, over: t.Container[str] = (), folder: str = FOLDER) -> t.Optional[Record]:
    """Take the lock, or put its end off where the run has it already; else the lock that stands in the way.

    :param wish: what `TEXTS`, ``pid`` and ``lease`` name, and ``name``, for whom it is held.
    :param wait: how many seconds to wait for another run's end.
    :param over: runs that are known to have died; their lock is taken over at once.

    Raises `Problem` where the record can't be written, as without root.
    """
    end = time.monotonic() + wait
    while True:
        with _guarded(folder):
            record = _alive(folder)
            own = record is not None and record["run"] == wish["run"]
            if record is None or own or record["run"] in over:
                names = record["names"] if record and own else []
                since = record["since"] if record and own else wish["since"]
                _write(folder, {**wish, "since": since, "names": sorted({*names, wish["name"]})})
                return None
        if time.monotonic() >= end:
            return record
        time.sleep(min(_PAUSE, max(0.0, end - time.monotonic())))


def awaited(wait: float, over: t.Container[str] = (), folder: str = FOLDER) -> t.Optional[Record]:
    """Wait until nobody has the lock, or one of the runs `over`, which have died; the lock that stands after so many seconds."""
    end = time.monotonic() + wait
    while True:
        record = _alive(folder)
        if record is None or record["run"] in over:
            return None
        if time.monotonic() >= end:
            return record
        time.sleep(min(_PAUSE, max(0.0, end - time.monotonic())))


def release(run: str, name: str, folder: str = FOLDER) -> bool:
    """Give back what this run holds for `name`; the lock goes with the last of them. Whether there was anything."""
    if _read(folder) is None:
        return False
    with _guarded(folder):
        record = _read(folder)
        if record is None or record["run"] != run or name not in record["names"]:
            return False
        left = [other for other in record["names"] if other != name]
        if left:
            _write(folder, {**record, "names": left})
        else:
            os.unlink(_path(folder, "lock.json"))
    return True


@contextlib.contextmanager
def busy(folder: str = FOLDER) -> t.Iterator[None]:
    """For the time in which a module changes the host: the lock that stands does not end meanwhile. Without a lock, or without root, it does nothing."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            if _read(folder) is not None:
                file = os.open(_path(folder, "busy"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                stack.callback(os.close, file)
                fcntl.flock(file, fcntl.LOCK_SH)
                stack.callback(_sign_of_life, folder)
        yield


def carried_out(params: t.Mapping[str, t.Any], check_mode: bool, folder: str = FOLDER) -> t.Optional[Record]:
    """What the options of the module C(host_lock) ask for; the lock in the way, or None. Raises `Problem` where the controller filled nothing in."""
    if params["holder"] is None:
        raise Problem("host_lock works as a task of a playbook alone, where the controller says whose run it is.")
    run, over, wait = params["holder"]["run"], params["over"], params["wait"] or 0
    if check_mode:
        return None
    if params["state"] == "released":
        release(run, params["name"] or "", folder)
        return None
    if params["state"] == "awaited":
        return awaited(wait, [run, *over], folder)
    return take({**params["holder"], "lease": params["lease"] or LEASE, "name": params["name"] or ""}, wait, over, folder)


def words(host: str, record: Record) -> str:
    """Who changes a host."""
    seen = "now" if record["busy"] else "%d s ago" % record["silent"]
    who = (host, record["user"], record["controller"], record["playbook"], record["since"], seen)
    return "%s is being changed by %s from %s with %s since %s (last sign of life %s)." % who


def sentence(host: str, record: Record) -> str:
    """Who changes a host, for whoever is refused."""
    return (
        "%s Wait for the end of that run, or let this one wait with -e mlops_lock_wait=600. A run that has died holds the host for %d s after its last "
        "sign of life; if you know that it has, remove %s there." % (words(host, record), record["lease"], record["path"])
    )


def _path(folder: str, name: str) -> str:
    return os.path.join(folder, name)


def _now() -> float:
    """Seconds since the boot, those asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _read(folder: str) -> t.Optional[Record]:
    """The record, whole and of the right types; None without one. Who writes there is root alone, and by one rename."""
    path = _path(folder, "lock.json")
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(file, "rb") as stream:
        try:
            found = json.loads(stream.read(_LARGEST))
            record: Record = {key: one_line(str(found[key]))[:_LONGEST] for key in TEXTS}
            record.update({key: int(found[key]) for key in NUMBERS})
            record.update(names=[str(name) for name in found["names"]], sign=float(found["sign"]), path=path)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
    return record


def _alive(folder: str) -> t.Optional[Record]:
    """The record of a run that has shown a sign of life within its lease, or whose module is at work."""
    record = _read(folder)
    if record is None:
        return None
    record["silent"] = int(max(0.0, _now() - record.pop("sign")))
    record["busy"] = _is_busy(folder)
    return record if record["busy"] or record["silent"] < record["lease"] else None


def _is_busy(folder: str) -> bool:
    try:
        file = os.open(_path(folder, "busy"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _write(folder: str, record: Record) -> None:
    known = {key: record[key] for key in (*TEXTS, *NUMBERS, "names")}
    write_atomic(_path(folder, "lock.json"), json.dumps({**known, "sign": _now()}, sort_keys=True) + "\n", mode=0o644)


def _sign_of_life(folder: str) -> None:
    """Whoever has the lock is who changed the host, as others are refused."""
    with contextlib.suppress(OSError, Problem), _guarded(folder):
        record = _read(folder)
        if record is not None:
            _write(folder, record)


@contextlib.contextmanager
def _guarded(folder: str) -> t.Iterator[None]:
    """Read, decide and write as one, for the moment that this takes. Raises `Problem`."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        file = os.open(_path(folder, "guard"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Problem("The lock of this host can't be reached: %s It needs root, that is become." % of_the_system(error, folder)) from None
    try:
        end = time.monotonic() + _SHORT_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= end:
                    raise Problem("%s is held for more than %d s. `fuser` tells by whom." % (_path(folder, "guard"), _SHORT_WAIT)) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(file)
