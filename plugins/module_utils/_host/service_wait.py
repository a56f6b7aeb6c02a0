# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for a service that was just started, and tells a slow start from one that fails.

For use inside this collection only.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.url_answers import url_answers

#: A unit that systemd had to start this often while somebody waited for it will not come up by waiting longer.
RESTARTS = 3
_INTERVAL = 0.5
_JOURNAL_BYTES = 20000
_EXIT = ("Result", "ExecMainCode", "ExecMainStatus")
_PROPERTIES = ("ActiveState", "NRestarts", *_EXIT)

#: What systemd's own exit statuses mean (systemd.exec(5), "Process Exit Codes"), where a setting of a unit or of the host is at fault.
_STATUSES = {
    "200": "200/CHDIR: it may not enter its working directory, or there is none",
    "203": "203/EXEC: its user may not run the program, or there is none; look at the mode of every folder on the way to it",
    "208": "208/STDIN: its input can't be opened",
    "209": "209/STDOUT: its output can't be opened",
    "210": "210/CHROOT: its root directory can't be entered",
    "216": "216/GROUP: the group that it should run as does not exist on the host",
    "217": "217/USER: the user that it should run as does not exist on the host",
    "226": "226/NAMESPACE: the view of the file system that it should have can't be made; a path that it names may be missing",
    "228": "228/SECCOMP: the kernel does not take its filter of system calls",
    "238": "238/STATE_DIRECTORY: its state directory can't be made or handed over",
    "239": "239/CACHE_DIRECTORY: its cache directory can't be made or handed over",
    "243": "243/CREDENTIALS: a credential that it names can't be read",
}

#: What the kernel (ENOSPC, EDQUOT) and SQLite (SQLITE_FULL) call it.
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|disk is full")


class Waited(t.NamedTuple):
    """How waiting ended: whether the service answers, a sentence when it does not, and after how many seconds."""

    answers: bool
    reason: str
    seconds: float


def unit_state(unit: str) -> dict[str, str]:
    """State, number of restarts and last exit of a unit, as `systemctl show` names them; empty when systemd can't be asked."""
    try:
        output = commands.run(["systemctl", "show", "--no-pager", "--property=" + ",".join(_PROPERTIES), "--", unit], timeout=10)[1]
    except (OSError, commands.TooSlow):
        return {}
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def failure(unit: str, state: dict[str, str], restarts: int, seconds: float) -> str | None:
    """A sentence for a unit that has failed, or that systemd starts again and again; None while it may still come up.

    :param state: what `unit_state` says now.
    :param restarts: how often systemd had restarted the unit when waiting began.
    :param seconds: for how long it is waited.
    """
    count = int(state.get("NRestarts") or 0) - restarts
    if state.get("ActiveState") != "failed" and count < RESTARTS:
        return None
    status = state.get("ExecMainStatus", "")
    if status in _STATUSES:
        cause = _STATUSES[status]
    elif state.get("ExecMainCode") == "0":
        cause = "systemd does not say how it ended"
    elif state.get("ExecMainCode") in ("2", "3"):  # CLD_KILLED and CLD_DUMPED of waitid(2)
        cause = "signal %s ended it" % status
    elif state.get("Result") not in (None, "", "success", "exit-code"):
        cause = "systemd says %s" % state["Result"]
    else:
        cause = "it ended with exit status %s" % (status or "unknown")
    how = "has failed" if state.get("ActiveState") == "failed" else "fails again and again, %d times in %d seconds" % (count, max(1, round(seconds)))
    return "%s %s (%s)." % (unit, how, cause)


def wait(unit: str, answer: t.Callable[[], str | None], timeout: float, state: t.Callable[[str], dict[str, str]] = unit_state) -> Waited:
    """Wait until a service answers, `timeout` seconds are over, or its unit has evidently failed.

    :param answer: asks once; None when the service answers, else a sentence that says what came instead.
    :param state: how a unit is looked at.
    """
    started = time.monotonic()
    first = int(state(unit).get("NRestarts") or 0)
    exit_seen: dict[str, str] = {}
    while True:
        said = answer()
        seconds = time.monotonic() - started
        if said is None:
            return Waited(True, "", seconds)
        now = state(unit)
        if now.get("ExecMainCode") not in (None, "", "0"):
            exit_seen = {name: now.get(name, "") for name in _EXIT}
        # In the moment after a restart systemd has nothing to say of how the process before it ended.
        reason = failure(unit, {**now, **exit_seen}, first, seconds)
        if reason:
            return Waited(False, reason, seconds)
        if seconds >= timeout:
            shown = now.get("ActiveState", "not known to systemd")
            return Waited(False, "%s is %s, but within %d seconds there was no answer. %s" % (unit, shown, timeout, said), seconds)
        time.sleep(min(_INTERVAL, max(0.0, timeout - seconds)))


def journal(unit: str, lines: int) -> list[str]:
    """The last lines that a unit wrote, bounded in size."""
    try:
        output = commands.run(["journalctl", "--unit", unit, "--lines", str(lines), "--output", "cat", "--no-pager", "--quiet"], timeout=20)[1]
    except (OSError, commands.TooSlow):
        return ["The journal can't be read."]
    return [line[:1000] for line in output[-_JOURNAL_BYTES:].splitlines()[-lines:]] or ["The journal has nothing of it."]


def disk_full(lines: t.Sequence[str]) -> str | None:
    """A sentence in place of a journal in which a service says that it could not write; None for any other."""
    said = next((line.strip() for line in reversed(lines) if _DISK_FULL.search(line)), None)
    if said is None:
        return None
    return "A file system is full: its journal says '%s'. `df -h` and `df -i` show which one; make room and run the role again." % said


def run(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of service_wait; raises `Problem`, with the end of the journal, when the service does not come up."""
    unit, url = params["unit"], params["url"]

    def answer() -> str | None:
        said = url_answers([{"url": url, "timeout": 5, "ca_path": None, "validate_certs": False, "use_proxy": False}])[url]
        if said["error"]:
            return str(said["error"])
        return "%s answers with status %s." % (url, said["status"]) if (said["status"] or 0) >= 400 else None

    waited = wait(unit, answer, params["timeout"])
    seconds = round(waited.seconds, 1)
    if not waited.answers:
        lines = journal(unit, params["journal_lines"])
        for secret in filter(None, params["secrets"]):
            lines = [line.replace(secret, "***") for line in lines]
        what = disk_full(lines) or "The end of its journal follows; after a repair run the role again.\n" + "\n".join(lines)
        raise Problem("%s %s" % (waited.reason, what), seconds=seconds)
    return {"seconds": seconds}
