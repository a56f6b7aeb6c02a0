# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The docker engine: started when none answers, and stopped again only when started here."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from testbed import debian
from testbed.common import TestbedError, cache, read_json, run, say, succeeds, write_json

PROGRAMS = {"docker": "docker.io", "dockerd": "docker.io", "containerd": "containerd", "iptables": "iptables"}


def record() -> Path:
    """Return the file that remembers an engine started here."""
    return cache() / "engine" / "engine.json"


def answers() -> bool:
    """Tell whether a docker engine answers this user."""
    return succeeds(["docker", "version", "--format", "{{.Server.Version}}"])


def has_systemd() -> bool:
    """Tell whether systemd is this machine's init."""
    return Path("/run/systemd/system").is_dir()


def up() -> None:
    """Make sure that a docker engine answers, installing and starting one where that is possible.

    Raises TestbedError with one sentence where it is not.
    """
    if answers():
        say("Docker engine: answers already, left alone")
        return
    if os.geteuid() != 0:
        raise TestbedError(
            "No docker engine answers: please install and start docker (package docker.io on Debian and Ubuntu) and let "
            "this user reach it, or run this as root on Debian or Ubuntu."
        )
    debian.require_packages(PROGRAMS, "The docker engine")
    start()
    say("Docker engine: started")


def start() -> None:
    """Start the engine and wait until it answers."""
    if has_systemd():
        write_json(record(), {"systemd": True})
        run(["systemctl", "start", "docker"], what="Starting the docker service")
        wait(None)
        return
    folder = record().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dockerd.log").open("wb") as log:
        # A session of its own: the engine must outlive this program and the terminal.
        engine = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    write_json(record(), {"pid": engine.pid, "started": start_time(engine.pid)})
    wait(engine)


def wait(engine: subprocess.Popen[bytes] | None, patience: float = 90) -> None:
    """Wait until the engine answers; raises TestbedError when it ends or stays silent."""
    deadline = time.monotonic() + patience
    while not answers():
        if engine is not None and engine.poll() is not None:
            log = (record().parent / "dockerd.log").read_text(errors="replace").strip().splitlines()
            record().unlink(missing_ok=True)
            raise TestbedError("The docker engine ended at once; the end of its log:\n  " + "\n  ".join(log[-8:]))
        if time.monotonic() > deadline:
            raise TestbedError(f"The docker engine was started but did not answer within {patience:.0f} s.")
        time.sleep(0.2)


def start_time(pid: int) -> str | None:
    """Return the kernel's start time of a process, None when it is gone; with the pid it names a process for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def alive(pid: int, started: str | None) -> bool:
    """Tell whether the process is still the one that was started, and no corpse."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and start_time(pid) == started


def down(patience: float = 60) -> None:
    """Stop the engine that was started here; any other is left alone."""
    known = read_json(record())
    if known.get("systemd"):
        run(["systemctl", "stop", "docker.socket", "docker"], what="Stopping the docker service")
    elif known and alive(known["pid"], known["started"]):
        os.kill(known["pid"], signal.SIGTERM)
        deadline = time.monotonic() + patience
        while alive(known["pid"], known["started"]):
            if time.monotonic() > deadline:
                raise TestbedError(f"The docker engine (process {known['pid']}) did not end within {patience:.0f} s.")
            time.sleep(0.2)
    else:
        say("Docker engine: not started here, left alone")
        record().unlink(missing_ok=True)
        return
    record().unlink(missing_ok=True)
    say("Docker engine: stopped")
