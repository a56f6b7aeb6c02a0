# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only part of the agent that runs as root: it starts and stops the units of served models.

systemd starts it for each connection to its socket, with the connection as standard input and
output. It reads one line of JSON, does one thing and answers one line of JSON:

    {"action": "apply", "name": "churn", "memory_mb": 2048}   enable and (re)start with this limit
    {"action": "stop", "name": "churn"}                       stop; it stays enabled
    {"action": "remove", "name": "churn"}                     stop, disable, forget limit and cache
    {"action": "status", "names": ["churn", ...]}             what systemd says of each
    {"action": "logs", "name": "churn", "lines": 100}         the last lines of its journal
    {"action": "port_owner", "port": 5001}                    who listens on a TCP port

The answer is {"ok": true, ...} or {"ok": false, "error": "a sentence"}. It trusts nobody: the
peer's user is asked of the kernel, names and numbers are checked here again, and commands are
run from argument lists, without a shell. It imports the standard library only.
"""

import contextlib
import fcntl
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys

AGENT_USER = "mlops-agent"
UNIT_DIRECTORY = "/etc/systemd/system"
CACHE_DIRECTORY = "/var/cache/mlops-models"
RUNTIME_DIRECTORY = "/run/mlops-models"
LOCK_DIRECTORY = "/run/mlops-model-helper"
DROP_IN = "50-memory.conf"

REQUEST_LIMIT = 64 * 1024
LINE_LIMIT = 2000
LINES_LIMIT = 1000
NAMES_LIMIT = 1000
COMMAND_SECONDS = 90

# Raw names are valid instance names: no character of theirs means anything to systemd but "-",
# and that only to the unescaped %I, which the unit file therefore does not use.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")

PROPERTIES = {
    "Id": "id",
    "ActiveState": "active_state",
    "SubState": "sub_state",
    "Result": "result",
    "NRestarts": "restarts",
    "InvocationID": "invocation",
    "ExecMainStartTimestampMonotonic": "started",
    "ExecMainStatus": "exit_status",
    "UID": "uid",
}


class Refused(Exception):
    """The request cannot be done. The text is a sentence for the agent."""


def name_of(request):
    return checked_name(request.get("name"))


def checked_name(name):
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refused("The helper does not accept the name {}.".format(ascii(name)[:100]))
    return name


def number_of(request, key, least, most):
    value = request.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused("The helper does not accept {} as {}.".format(ascii(value)[:100], key))
    return value


def unit_of(name):
    return "mlops-model@{}.service".format(name)


def run(*argv):
    """Run a command from its argument list; returns its output, or raises Refused with its error."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=COMMAND_SECONDS, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"},
        )
    except subprocess.TimeoutExpired:
        raise Refused("{} did not end within {} seconds.".format(" ".join(argv[:2]), COMMAND_SECONDS))
    except OSError as error:
        raise Refused("{} cannot be run: {}.".format(argv[0], error.strerror))
    if done.returncode != 0:
        raise Refused("{} failed with status {}: {}".format(
            " ".join(argv[:2]), done.returncode, done.stderr.decode("utf-8", "replace").strip()[-500:]
        ))
    return done.stdout.decode("utf-8", "replace")


@contextlib.contextmanager
def alone_with(name):
    """Wait for a helper that works on the same unit, perhaps for an agent that has died since."""
    with open(os.path.join(LOCK_DIRECTORY, name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apply(request):
    name, memory = name_of(request), number_of(request, "memory_mb", 128, 1048576)
    with alone_with(name):
        return applied(name, memory)


def applied(name, memory):
    directory = os.path.join(UNIT_DIRECTORY, unit_of(name) + ".d")
    path = os.path.join(directory, DROP_IN)
    # The launcher tells the agent which limit its unit was started with: proof of the reload.
    content = "[Service]\nMemoryMax={0}M\nEnvironment=MLOPS_MODEL_MEMORY_MB={0}\n".format(memory)
    if read(path) != content:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        write(path, content)
    run("systemctl", "enable", "--no-reload", "--quiet", unit_of(name))
    if not knows(name, memory):
        run("systemctl", "daemon-reload")
    # Forgets the start limit, which counts failures of an earlier version of this model too.
    forget_failure(name)
    run("systemctl", "restart", unit_of(name))
    return {}


def knows(name, memory):
    """Whether systemd has read the unit as it is on disk.

    A reload takes a good part of a model's start, and current systemd finds the drop-in of a unit
    that it meets for the first time without one. Older ones, and an interrupted helper, need it.
    """
    shown = run("systemctl", "show", "--property=MemoryMax,NeedDaemonReload", unit_of(name))
    return set(shown.split()) == {"MemoryMax={}".format(memory * 1024 * 1024), "NeedDaemonReload=no"}


def stop(request):
    name = name_of(request)
    with alone_with(name):
        run("systemctl", "stop", unit_of(name))
    return {}


def remove(request):
    name = name_of(request)
    with alone_with(name):
        return removed(name)


def removed(name):
    run("systemctl", "stop", unit_of(name))
    run("systemctl", "disable", "--no-reload", "--quiet", unit_of(name))
    for directory in (
        os.path.join(UNIT_DIRECTORY, unit_of(name) + ".d"),
        os.path.join(RUNTIME_DIRECTORY, name),
        os.path.join(CACHE_DIRECTORY, name),
    ):
        # rmtree refuses to follow links, also one that is put there while it works.
        if os.path.isdir(directory) and not os.path.islink(directory):
            shutil.rmtree(directory)
    forget_failure(name)
    run("systemctl", "daemon-reload")
    return {}


def forget_failure(name):
    try:
        run("systemctl", "reset-failed", unit_of(name))
    except Refused:
        pass  # A unit that systemd has not loaded has no failure to forget.


def status(request):
    names = request.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= NAMES_LIMIT:
        raise Refused("The helper needs a list of 1 to {} names.".format(NAMES_LIMIT))
    units = [unit_of(checked_name(name)) for name in names]
    output = run("systemctl", "show", "--property=" + ",".join(PROPERTIES), *units)
    states = {}
    for block in output.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        state = {PROPERTIES[key]: value for key, value in fields.items() if key in PROPERTIES}
        for key in ("restarts", "started", "exit_status"):
            state[key] = int(state.get(key) or 0)
        # "[not set]" of a unit that does not run.
        state["uid"] = int(state["uid"]) if state.get("uid", "").isdigit() else None
        states[state.pop("id")[len("mlops-model@"):-len(".service")]] = state
    return {"states": states}


def logs(request):
    name, lines = name_of(request), number_of(request, "lines", 1, LINES_LIMIT)
    # What the unit's processes wrote; --unit would mix in what systemd has to say of it.
    output = run(
        "journalctl", "--no-pager", "--quiet", "--output=cat", "--lines={}".format(lines),
        "_SYSTEMD_UNIT=" + unit_of(name),
    )
    return {"lines": [printable(line)[:LINE_LIMIT] for line in output.splitlines()]}


def printable(line):
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in line)


def port_owner(request):
    """Name who listens on a TCP port; owner is null when nobody does.

    Format of /proc/net/tcp: proc(5); state 0A is LISTEN. Where the kernel does not let us look
    at the process, its user is still known.
    """
    port = number_of(request, "port", 1, 65535)
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read(table) or "").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                return {"owner": dict({"user": user_name(int(fields[7]))}, **process_with_socket(fields[9]))}
    return {"owner": None}


def process_with_socket(inode):
    wanted = "socket:[{}]".format(inode)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        descriptors = "/proc/{}/fd".format(pid)
        try:
            held = any(os.readlink(os.path.join(descriptors, entry)) == wanted for entry in os.listdir(descriptors))
        except OSError:
            continue  # The process has ended, or is not ours to look at.
        if held:
            unit = re.search(r"/([^/\n]+\.service)(?:/|$)", read("/proc/{}/cgroup".format(pid)) or "", re.MULTILINE)
            return {
                "pid": int(pid),
                "process": printable((read("/proc/{}/comm".format(pid)) or "").strip()),
                "unit": unit.group(1) if unit else None,
            }
    return {"pid": None, "process": None, "unit": None}


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def write(path, content):
    """Replace a file in one step; systemd reads only names that end in .conf."""
    temporary = path + ".tmp"
    with open(temporary, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


ACTIONS = {
    "apply": apply, "stop": stop, "remove": remove, "status": status, "logs": logs, "port_owner": port_owner,
}


def check_peer(connection):
    """Refuse a peer that is neither the agent nor root, whatever the socket's mode lets through."""
    # struct ucred of unix(7): pid, uid and gid as 32-bit numbers.
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    uid = int.from_bytes(credentials[4:8], sys.byteorder)
    if uid != 0 and user_name(uid) != AGENT_USER:
        raise Refused("The user {} may not talk to this helper.".format(user_name(uid)))


def answer(line):
    """The answer to one request line; every refusal is part of it."""
    if len(line) > REQUEST_LIMIT or not line.endswith(b"\n"):
        raise Refused("The request is not one line of at most {} bytes.".format(REQUEST_LIMIT))
    try:
        request = json.loads(line.decode("utf-8"))
    except ValueError:
        raise Refused("The request is not JSON.")
    if not isinstance(request, dict) or request.get("action") not in tuple(ACTIONS):
        raise Refused("The request names no known action.")
    return ACTIONS[request["action"]](request)


def main():
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    connection.settimeout(10)
    try:
        check_peer(connection)
        with connection.makefile("rb") as stream:
            reply = dict(answer(stream.readline(REQUEST_LIMIT + 1)), ok=True)
    except Refused as error:
        reply = {"ok": False, "error": str(error)}
    except OSError as error:
        reply = {"ok": False, "error": "The helper failed: {}.".format(error)}
    connection.settimeout(30)
    connection.sendall(json.dumps(reply).encode("utf-8") + b"\n")


if __name__ == "__main__":
    main()
