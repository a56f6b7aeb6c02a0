# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only part of the agent that runs as root: it starts and stops the units of served models.

systemd starts it at the first connection to its socket; it answers a few at a time, lets the others
wait, and ends when nobody has asked for a while. It reads one line of JSON, does one thing and
answers one line of JSON:

    {"action": "apply", "name": "churn", "memory_mb": 2048}   enable and (re)start with this limit
    {"action": "stop", "name": "churn"}                       stop; it stays enabled
    {"action": "remove", "name": "churn"}                     stop, disable, forget limit and cache
    {"action": "status", "names": ["churn", ...]}             what systemd says of each
    {"action": "logs", "name": "churn", "lines": 100}         the last lines of its journal
    {"action": "port_owner", "port": 5001}                    who listens on a TCP port
    {"action": "open_port", "name": "churn", "address": "127.0.0.1", "port": 5001}
                                                              have systemd hold the port of a deployment that follows
                                                              its stage, whose runs are the units churn.a and churn.b
    {"action": "close_port", "name": "churn"}                 let go of it

The answer is {"ok": true, ...} or {"ok": false, "error": "a sentence"}. It trusts nobody: the
peer's user is asked of the kernel, names and numbers are checked here again, and commands are
run from argument lists, without a shell. It imports the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import ipaddress
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    #: A request, of which only the action is known to be right, and what an action answers: objects of JSON.
    Request = t.Dict[str, object]
    Answer = t.Dict[str, object]
    #: What systemd says of a unit, by the names on the right side of PROPERTIES.
    State = t.Dict[str, t.Union[str, int, None]]

AGENT_USER = "mlops-agent"
UNIT_DIRECTORY = "/etc/systemd/system"
CACHE_DIRECTORY = "/var/cache/mlops-models"
#: Where systemd keeps the caches of units with DynamicUser=; in CACHE_DIRECTORY are links to them.
PRIVATE_CACHE_DIRECTORY = "/var/cache/private/mlops-models"
RUNTIME_DIRECTORY = "/run/mlops-models"
LOCK_DIRECTORY = "/run/mlops-model-helper"
DROP_IN = "50-memory.conf"
PORT_DROP_IN = "50-port.conf"

#: As whom systemd opens sockets.
SYSTEMD_USER = 0

#: systemd takes no longer name for a user.
USER_LIMIT = 31

REQUEST_LIMIT = 64 * 1024
LINE_LIMIT = 2000
LINES_LIMIT = 1000
#: Characters of all lines of an answer, and bytes that journalctl may say for it.
LOG_LIMIT = 256 * 1024
JOURNAL_LIMIT = 4 * 1024 * 1024
JOURNAL_SECONDS = 20
NAMES_LIMIT = 1000
COMMAND_SECONDS = 90
REQUEST_SECONDS = 10

#: Requests at a time, seconds that systemd's word on all units is good for, seconds until nobody asks any more.
WORKERS = 8
STATUS_SECONDS = 0.5
IDLE_SECONDS = 60

#: The first descriptor that systemd hands over: sd_listen_fds(3).
LISTENER = 3

# Raw names are valid instance names: no character of theirs means anything to systemd but "-",
# and that only to the unescaped %I, which the unit file therefore does not use.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
# A run of a deployment that follows its stage.
INSTANCE = re.compile(NAME.pattern + r"(?:\.[ab])?")

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
    "MemoryCurrent": "memory",
}

#: What systemd shows for memory of which it has no count, unless it says "[not set]": the largest number of 64 bits.
UNCOUNTED = 2 ** 64 - 1


class Refused(Exception):
    """The request cannot be done. The text is a sentence for the agent."""


def name_of(request: Request) -> str:
    return checked_name(request.get("name"))


def checked_name(name: object, shape: t.Pattern[str] = INSTANCE) -> str:
    if not isinstance(name, str) or not shape.fullmatch(name):
        raise Refused("The helper does not accept the name {}.".format(ascii(name)[:100]))
    return name


def number_of(request: Request, key: str, least: int, most: int) -> int:
    value = request.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused("The helper does not accept {} as {}.".format(ascii(value)[:100], key))
    return value


def unit_of(name: str) -> str:
    return "mlops-model@{}.service".format(name)


def user_of(name: str) -> str:
    """The user that systemd makes for a unit while it runs; without a name of ours all models would be one user."""
    user = "mlops-model-" + name
    if len(user) <= USER_LIMIT and "." not in user:
        return user
    # No deployment's name begins with "_": a short one can't be made to mean a long one. A user's name has no ".".
    return "mlops-model-_" + hashlib.sha256(name.encode("ascii")).hexdigest()[:18]


ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"}


def run(*argv: str) -> str:
    """Run a command from its argument list; returns its output, or raises Refused with its error."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=COMMAND_SECONDS, check=False, env=ENVIRONMENT,
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


def run_until(limit: int, seconds: float, *argv: str) -> bytes:
    """Run a command whose output has no bound; returns its first bytes. Raises Refused when it cannot be run."""
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        )
    except OSError as error:
        raise Refused("{} cannot be run: {}.".format(argv[0], error.strerror))
    output = t.cast("t.IO[bytes]", process.stdout)  # which it has, as a pipe was asked for
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        return output.read(limit)
    finally:
        alarm.cancel()
        process.kill()
        output.close()
        process.wait()


@contextlib.contextmanager
def alone_with(name: str) -> t.Iterator[None]:
    """Wait for a helper that works on the same unit, perhaps for an agent that has died since."""
    with open(os.path.join(LOCK_DIRECTORY, name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apply(request: Request) -> Answer:
    name, memory = name_of(request), number_of(request, "memory_mb", 128, 1048576)
    with alone_with(name), Units.changing():
        return applied(name, memory)


def applied(name: str, memory: int) -> Answer:
    directory = os.path.join(UNIT_DIRECTORY, unit_of(name) + ".d")
    path = os.path.join(directory, DROP_IN)
    # The launcher tells the agent which limit its unit was started with: proof of the reload.
    content = "[Service]\nUser={0}\nMemoryMax={1}M\nEnvironment=MLOPS_MODEL_LIMIT_MB={1}\n".format(user_of(name), memory)
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


def knows(name: str, memory: int) -> bool:
    """Whether systemd has read the unit as it is on disk.

    A reload takes a good part of a model's start, and current systemd finds the drop-in of a unit
    that it meets for the first time without one. Older ones, and an interrupted helper, need it.
    """
    shown = run("systemctl", "show", "--property=MemoryMax,NeedDaemonReload,User", unit_of(name))
    return set(shown.split()) == {
        "MemoryMax={}".format(memory * 1024 * 1024), "NeedDaemonReload=no", "User={}".format(user_of(name))
    }


def stop(request: Request) -> Answer:
    name = name_of(request)
    with alone_with(name), Units.changing():
        run("systemctl", "stop", unit_of(name))
    return {}


def remove(request: Request) -> Answer:
    name = name_of(request)
    with alone_with(name), Units.changing():
        return removed(name)


def removed(name: str) -> Answer:
    run("systemctl", "stop", unit_of(name))
    run("systemctl", "disable", "--no-reload", "--quiet", unit_of(name))
    for directory in (
        os.path.join(UNIT_DIRECTORY, unit_of(name) + ".d"),
        os.path.join(RUNTIME_DIRECTORY, name),
        os.path.join(CACHE_DIRECTORY, name),
        os.path.join(PRIVATE_CACHE_DIRECTORY, name),
    ):
        # rm follows no link, also not one that is put there while it works, and no depth is too much for it.
        if os.path.lexists(directory):
            run("rm", "-rf", "--one-file-system", "--", directory)
    forget_failure(name)
    run("systemctl", "daemon-reload")
    return {}


def open_port(request: Request) -> Answer:
    name, port = checked_name(request.get("name"), NAME), number_of(request, "port", 1024, 65535)
    address = address_of(request)
    with alone_with(name + ".port"):
        return opened(name, "{}:{}".format("[{}]".format(address) if address.version == 6 else address, port))


def opened(name: str, listen: str) -> Answer:
    unit, service = port_units(name)
    directory = os.path.join(UNIT_DIRECTORY, unit + ".d")
    path = os.path.join(directory, PORT_DROP_IN)
    content = "[Socket]\nListenStream={}\n".format(listen)
    if read(path) != content:
        # A socket that is open stays where it was opened, and does not open again while its service runs.
        stop_port(unit, service)
        os.makedirs(directory, mode=0o755, exist_ok=True)
        write(path, content)
    run("systemctl", "enable", "--no-reload", "--quiet", unit)
    shown = run("systemctl", "show", "--property=Listen,NeedDaemonReload", unit)
    if set(shown.splitlines()) != {"Listen={} (Stream)".format(listen), "NeedDaemonReload=no"}:
        run("systemctl", "daemon-reload")
    if not is_active(unit):
        run("systemctl", "stop", service)
    run("systemctl", "start", unit)
    run("systemctl", "start", service)
    return {"uid": SYSTEMD_USER}


def stop_port(unit: str, service: str) -> None:
    # systemd does not stop a socket whose drop-in is not there; nothing is open then.
    if run("systemctl", "show", "--property=LoadState", unit).strip() == "LoadState=loaded":
        run("systemctl", "stop", unit, service)


def is_active(unit: str) -> bool:
    return run("systemctl", "show", "--property=ActiveState", unit).strip() == "ActiveState=active"


def close_port(request: Request) -> Answer:
    name = checked_name(request.get("name"), NAME)
    with alone_with(name + ".port"):
        return closed(name)


def closed(name: str) -> Answer:
    unit, service = port_units(name)
    directory = os.path.join(UNIT_DIRECTORY, unit + ".d")
    if not os.path.lexists(directory):
        return {}
    stop_port(unit, service)
    run("systemctl", "disable", "--no-reload", "--quiet", unit)
    # Last, since it says that there is something to close.
    run("rm", "-rf", "--one-file-system", "--", directory)
    run("systemctl", "daemon-reload")
    return {}


def port_units(name: str) -> tuple[str, str]:
    """The socket that holds the port of a deployment, and the service that hands on what comes in."""
    return "mlops-port@{}.socket".format(name), "mlops-port@{}.service".format(name)


def address_of(request: Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    value = request.get("address")
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        return ipaddress.ip_address(value)
    except ValueError:
        raise Refused("The helper does not accept {} as address.".format(ascii(value)[:100]))


def forget_failure(name: str) -> None:
    try:
        run("systemctl", "reset-failed", unit_of(name))
    except Refused:
        pass  # A unit that systemd has not loaded has no failure to forget.


class Units:
    """What systemd says of the units of all models, asked once however many want to know it."""

    _lock = threading.Lock()
    _change = object()  # another one whenever a unit may have changed
    # The change after which, and the time at which it was asked, and the states.
    _known: tuple[object, float, dict[str, State]] = (None, 0.0, {})

    @classmethod
    @contextlib.contextmanager
    def changing(cls) -> t.Iterator[None]:
        """While a unit is changed, and from then on, nothing counts that was known before."""
        cls._change = object()
        try:
            yield
        finally:
            cls._change = object()

    @classmethod
    def states(cls) -> dict[str, State]:
        """{name: properties} of the units that systemd has loaded."""
        with cls._lock:
            change, at, states = cls._known
            if change is not cls._change or time.monotonic() - at > STATUS_SECONDS:
                change, at = cls._change, time.monotonic()
                states = asked_states()
                cls._known = change, at, states
            return states


def asked_states() -> dict[str, State]:
    output = run("systemctl", "show", "--property=" + ",".join(PROPERTIES), unit_of("*"))
    states = {}
    for block in output.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        said = {PROPERTIES[key]: value for key, value in fields.items() if key in PROPERTIES}
        if "id" not in said:
            continue
        name = said.pop("id")[len("mlops-model@"):-len(".service")]
        state: State = dict(said)
        for key in ("restarts", "started", "exit_status"):
            state[key] = int(said.get(key) or 0)
        # "[not set]" of a unit that does not run.
        state["uid"] = int(said["uid"]) if said.get("uid", "").isdigit() else None
        state["memory"] = int(said["memory"]) if said.get("memory", "").isdigit() and int(said["memory"]) != UNCOUNTED else None
        states[name] = state
    return states


def status(request: Request) -> Answer:
    names = request.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= NAMES_LIMIT:
        raise Refused("The helper needs a list of 1 to {} names.".format(NAMES_LIMIT))
    wanted = {checked_name(name) for name in names}
    return {"states": {name: state for name, state in Units.states().items() if name in wanted}}


def logs(request: Request) -> Answer:
    name, lines = name_of(request), number_of(request, "lines", 1, LINES_LIMIT)
    # What the unit's processes wrote; --unit would mix in what systemd has to say of it. As JSON, one
    # entry is one line, and one of more than 4096 bytes is null instead of whatever its size is.
    output = run_until(
        JOURNAL_LIMIT, JOURNAL_SECONDS,
        "journalctl", "--no-pager", "--quiet", "--output=json", "--output-fields=MESSAGE", "--reverse",
        "--lines={}".format(lines), "_SYSTEMD_UNIT=" + unit_of(name),
    )
    return {"lines": last_lines(output.decode("utf-8", "replace").splitlines(), lines)}


def last_lines(entries: t.Iterable[str], lines: int) -> list[str]:
    """The last lines of journal entries, the newest of which comes first; the newest line comes last."""
    found: list[str] = []
    left = LOG_LIMIT
    for entry in entries:
        for line in reversed(message_of(entry).splitlines() or [""]):
            line = printable(line[:LINE_LIMIT])
            left -= len(line)
            if len(found) == lines or left < 0:
                return found[::-1]
            found.append(line)
    return found[::-1]


def message_of(entry: str) -> str:
    """The text of an entry in journalctl's JSON format; bytes that are not all printable are a list there."""
    try:
        message = json.loads(entry).get("MESSAGE", "")
        if isinstance(message, list):
            message = bytes(message).decode("utf-8", "replace")
    except (ValueError, TypeError, AttributeError, RecursionError):
        message = None  # where the output was cut
    return message if isinstance(message, str) else "(an entry that is too long to be shown)"


def printable(line: str) -> str:
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in line)


def port_owner(request: Request) -> Answer:
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


def process_with_socket(inode: str) -> dict[str, str | int | None]:
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


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def write(path: str, content: str) -> None:
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


ACTIONS: dict[str, t.Callable[[Request], Answer]] = {
    "apply": apply, "stop": stop, "remove": remove, "status": status, "logs": logs, "port_owner": port_owner,
    "open_port": open_port, "close_port": close_port,
}


def check_peer(connection: socket.socket) -> None:
    """Refuse a peer that is neither the agent nor root, whatever the socket's mode lets through."""
    # struct ucred of unix(7): pid, uid and gid as 32-bit numbers.
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    uid = int.from_bytes(credentials[4:8], sys.byteorder)
    if uid != 0 and user_name(uid) != AGENT_USER:
        raise Refused("The user {} may not talk to this helper.".format(user_name(uid)))


def answer(line: bytes) -> Answer:
    """The answer to one request line; every refusal is part of it."""
    if len(line) > REQUEST_LIMIT or not line.endswith(b"\n"):
        raise Refused("The request is not one line of at most {} bytes.".format(REQUEST_LIMIT))
    try:
        request = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("The request is not JSON.")
    if not isinstance(request, dict) or request.get("action") not in tuple(ACTIONS):
        raise Refused("The request names no known action.")
    return ACTIONS[request["action"]](request)


def serve(connection: socket.socket) -> None:
    """Answer the one request of a connection."""
    try:
        reply = dict(answer(request_of(connection)), ok=True)
    except Refused as error:
        reply = {"ok": False, "error": str(error)}
    except OSError as error:
        reply = {"ok": False, "error": "The helper failed: {}.".format(error)}
    try:
        connection.settimeout(REQUEST_SECONDS)
        connection.sendall(json.dumps(reply).encode("utf-8") + b"\n")
    except OSError:
        pass  # whoever asked has gone
    finally:
        connection.close()


def request_of(connection: socket.socket) -> bytes:
    """The line that a peer who may ask sends. Raises Refused or OSError."""
    check_peer(connection)
    deadline, line = time.monotonic() + REQUEST_SECONDS, b""
    while not line.endswith(b"\n") and len(line) <= REQUEST_LIMIT:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        piece = connection.recv(REQUEST_LIMIT)
        if not piece:
            break
        line += piece
    return line


def serve_all(listener: socket.socket) -> None:
    """Serve connections, a few at a time, until nobody has asked for a while."""
    free = threading.BoundedSemaphore(WORKERS)

    def work(connection: socket.socket) -> None:
        try:
            serve(connection)
        finally:
            free.release()

    listener.settimeout(IDLE_SECONDS)
    while True:
        free.acquire()
        try:
            connection, dummy = listener.accept()
        except socket.timeout:
            free.release()
            if threading.active_count() == 1:
                return  # whoever connects now has systemd start the next helper
            continue
        threading.Thread(target=work, args=(connection,)).start()


if __name__ == "__main__":
    serve_all(socket.socket(fileno=LISTENER))
