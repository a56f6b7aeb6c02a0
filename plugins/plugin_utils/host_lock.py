# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The controller's side of a host's lock: which run this is, whether another of this controller has died, and the words for who has to wait."""

from __future__ import annotations

import getpass
import hashlib
import multiprocessing
import os
import socket
import time
import typing as t

from ansible import context
from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._forms import moment

Variables = t.Mapping[str, t.Any]
MODULE = "sparkflows.mlops.host_lock"
#: Seconds that a task of a step may take that is none of this collection's, where that is more than the usual lease.
_PATIENCE = {("python", "build"): 3600}


def this_run() -> dict[str, t.Any]:
    """The run that this process works for, as the option C(holder) of the module `host_lock`.

    It is the process of ``ansible-playbook``, whose workers all others are, and known by machine, number and start, so that each of its tasks comes to the
    same. Without /proc, as on macOS, nobody can tell later whether it has died, and its lock ends by itself.
    """
    parent = multiprocessing.parent_process()
    pid = (parent.pid if parent else None) or os.getpid()
    machine, start = _machine(), (_process(pid) or ("", ""))[1]
    names = (machine or socket.gethostname(), str(pid), start)
    started = [str(name) for name in context.CLIARGS.get("args") or ()] if context.CLIARGS else []
    return {
        "run": hashlib.sha256("\n".join(names).encode()).hexdigest()[:16],
        "user": _user(),
        "controller": socket.gethostname(),
        "playbook": " ".join(started) or "Ansible",
        "since": moment(time.time()),
        "machine": machine,
        "pid": pid,
        "start": start,
    }


def has_died(record: Variables) -> bool:
    """Whether the run that has a lock was one of this machine, and its process is no more. What another machine knows nobody can tell here."""
    if not record["machine"] or record["machine"] != _machine() or record["pid"] <= 1 or not record["start"]:
        return False
    try:
        os.kill(record["pid"], 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        # It is another user's; /proc may be closed to this one.
        pass
    process = _process(record["pid"])
    return process is not None and (process[0] == "Z" or process[1] != record["start"])


def seconds(task_vars: Variables, templar: t.Any, name: str, least: int, default: int) -> int:
    """The value of `mlops_lock_wait` or `mlops_lock_lease`. Raises `Problem` for what is no number of seconds."""
    value = templar.template(task_vars.get(name, default))
    if isinstance(value, bool) or not str(value).isdigit() or not least <= int(value) <= 86400:
        raise Problem("%s is %r; it has to be a whole number of seconds from %d to 86400." % (name, value, least))
    return int(value)


def wait(task_vars: Variables, templar: t.Any) -> int:
    """How many seconds to wait for another run. Raises `Problem`."""
    return seconds(task_vars, templar, "mlops_lock_wait", 0, 0)


def lease(task_vars: Variables, templar: t.Any) -> int:
    """How many seconds this run may be silent. Raises `Problem`."""
    return seconds(task_vars, templar, "mlops_lock_lease", 1, _host_lock.LEASE)


def problems(task_vars: Variables, templar: t.Any) -> list[str]:
    """Sentences for variables of the lock that can't be right."""
    found = []
    for value in (wait, lease):
        try:
            value(task_vars, templar)
        except Problem as problem:
            found.append(str(problem))
    return found


def in_the_way(record: Variables | None) -> bool:
    """Whether a lock that stands is that of another run, which may be alive."""
    return record is not None and record["run"] != this_run()["run"] and not has_died(record)


def options(given: Variables, task_vars: Variables, templar: t.Any, over: Variables | None = None) -> dict[str, t.Any]:
    """The options of the module `host_lock`, with what the controller knows. Raises `Problem`.

    :param over: a lock that was seen, and whose run has died, if any.
    """
    filled = {
        "holder": this_run(),
        "name": task_vars["inventory_hostname"],
        "wait": wait(task_vars, templar),
        "lease": lease(task_vars, templar),
        "over": [over["run"]] if over and has_died(over) else [],
    }
    return {**filled, **{name: value for name, value in given.items() if value is not None}}


def asked(action: t.Any, given: Variables, task_vars: Variables, host: str, over: Variables | None = None) -> dict[str, t.Any]:
    """The result of the module, run on the host of the task; where another run has the lock, one that fails and says who. Raises `Problem`.

    Where the run that has it turns out to have died on this controller, it is asked once more.
    """
    wanted = options(given, task_vars, action._templar, over)
    first = {**wanted, "wait": 0} if wanted["wait"] and not over else wanted
    result: dict[str, t.Any] = action._execute_module(module_name=MODULE, module_args=first, task_vars=task_vars)
    stands = result.get("lock")
    if stands and has_died(stands):
        result = action._execute_module(module_name=MODULE, module_args={**wanted, "over": [stands["run"]]}, task_vars=task_vars)
    elif stands and wanted["wait"] and not first["wait"]:
        Display().display("%s Waiting for at most %d s." % (_host_lock.words(host, stands), wanted["wait"]))
        result = action._execute_module(module_name=MODULE, module_args=wanted, task_vars=task_vars)
    if result.get("lock"):
        result.update(failed=True, msg=_host_lock.sentence(host, result["lock"]))
    return result


def patience(role: str, step: str) -> int:
    """How long a task of this step may be silent, where that is longer than the usual lease; else 0."""
    return _PATIENCE.get((role, step), 0)


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    by = os.environ.get("SUDO_USER")
    return "%s (as %s)" % (by, name) if by and by != name else name


def _machine() -> str:
    """This boot of this machine, and where in it processes have the numbers that they have here, which a container has for itself; empty where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read(100).strip()
        return hashlib.sha256(("%s %s" % (boot, os.readlink("/proc/self/ns/pid"))).encode()).hexdigest()[:16]
    except OSError:
        return ""


def _process(pid: int) -> tuple[str, str] | None:
    """State and start of a process, see proc_pid_stat(5); None where it can't be seen."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            fields = stream.read(4096).rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return None
