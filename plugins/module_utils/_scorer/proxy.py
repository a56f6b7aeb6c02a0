# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The HAProxy in front of the scorers, which sends requests to another container without losing one.

Where a service's requests go is changed in the running process (``set server … addr``): connections of clients stay open, and
requests under way end where they began. Only a service that comes, goes or changes its port needs a reload, in which the listening
sockets are handed over and idle connections are kept until their next request.
See https://docs.haproxy.org/2.6/management.html (4, 9.3) and https://docs.haproxy.org/2.6/configuration.html (idle-close-on-response)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import as_written, make_folder, remove, write_atomic

UNIT = "scorer-proxy.service"
FOLDER = "/etc/sparkflows-mlops"
CONFIGURATION = FOLDER + "/scorer-proxy.cfg"
UNIT_FILE = "/etc/systemd/system/" + UNIT
PROGRAM = "/usr/sbin/haproxy"
# Below a name that SELinux's policy knows as HAProxy's.
_SOCKET = "/run/haproxy-scorer/admin.sock"
_ESTABLISHED, _LISTENING = "01", "0A"

_UNIT_TEXT = """\
# Managed by Ansible (role scorer).
[Unit]
Description=Front of the scorers
After=network-online.target docker.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
User=haproxy
Group=haproxy
RuntimeDirectory=haproxy-scorer
RuntimeDirectoryMode=0700
ExecStart={program} -Ws -f {configuration}
ExecReload={program} -c -q -f {configuration}
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
SuccessExitStatus=143
Restart=always
RestartSec=1
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""

_GLOBAL = """\
# Managed by Ansible (role scorer).
global
  description {layout}
  maxconn 4000
  stats socket {socket} mode 600 level admin expose-fd listeners

defaults
  mode http
  timeout connect 5s
  timeout client {timeout}s
  timeout server {timeout}s
  timeout http-keep-alive 10s
  timeout http-request 30s
  option http-server-close
  option idle-close-on-response
  option dontlognull
"""

_LISTEN = """
listen {name}
  bind {address}:{port}
  # Where MLflow's own scoring server answers, for clients that know no other.
  http-request set-path {path} if {{ path /invocations }}
  server active 127.0.0.1:{backend}
"""


class Front(t.NamedTuple):
    """A service as clients see it, and the port of the host's loopback that its container answers at."""

    name: str
    port: int
    path: str
    backend: int


def unit_text() -> str:
    return _UNIT_TEXT.format(program=PROGRAM, configuration=CONFIGURATION)


def configuration_text(fronts: t.Sequence[Front], address: str, timeout: int) -> str:
    """The configuration for these services. Its description names all of it but the containers' ports."""
    bind = "[%s]" % address if ":" in address else address
    layout = hashlib.sha256(repr([_GLOBAL, _LISTEN, bind, timeout] + sorted(front[:3] for front in fronts)).encode("utf-8")).hexdigest()[:12]
    parts = [_GLOBAL.format(layout=layout, socket=_SOCKET, timeout=timeout)]
    parts += [_LISTEN.format(address=bind, **front._asdict()) for front in sorted(fronts)]
    return "".join(parts)


def _without_backends(text: str) -> str:
    """A configuration without the containers' ports, which the running process is told of without a reload."""
    return re.sub(r"(server active 127\.0\.0\.1):[0-9]+", r"\1", text)


def _description(text: str) -> str:
    found = re.search(r"^\s*description:?\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


class Proxy:
    """The unit of the proxy on this host."""

    def __init__(self, address: str, timeout: int) -> None:
        self._address = address
        self._timeout = timeout

    def differing(self, fronts: t.Sequence[Front]) -> list[tuple[str, str, str]]:
        """What is not as these services need it, in files or in the running process: what, how it is, how it is to be."""
        text = configuration_text(fronts, self._address, self._timeout)
        found = []
        for path, wanted in ((CONFIGURATION, text), (UNIT_FILE, unit_text())):
            if _read(path) != wanted:
                found.append((path, "holds something else" if os.path.lexists(path) else "missing", "written"))
            elif not as_written(path):
                found.append((path, "belongs to or is open to others", "root's, and 0644"))
        if not _enabled():
            found.append((UNIT, "is not started with the host", "enabled"))
        if _unread():
            found.append((UNIT, "runs as an older file says", "read anew"))
        if self._outdated(fronts, text):
            found.append(("requests", "do not all go where they belong", "handed to the scorers"))
        return found

    def _outdated(self, fronts: t.Sequence[Front], text: str) -> bool:
        try:
            if _description(_ask("show info")) != _description(text) or self.backends() != {front.name: front.backend for front in fronts}:
                return True
        except OSError:
            return True
        # A file that was changed by hand may have been read since, and holds the same description.
        return not {front.port for front in fronts} <= _listening()

    def backends(self) -> dict[str, int]:
        """The port that the running process sends each service's requests to. Raises `OSError` when there is none."""
        lines = [line.split() for line in _ask("show servers state").splitlines() if line and not line.startswith("#")]
        # A line has the backend's name second, the server's port in the 19th column (srv_port).
        return {line[1]: int(line[18]) for line in lines if len(line) > 18}

    def apply(self, fronts: t.Sequence[Front]) -> None:
        """Make files and process send the requests of these services where they belong; :class:`Problem` when that fails."""
        text = configuration_text(fronts, self._address, self._timeout)
        make_folder(FOLDER)
        # What the process runs with may be what somebody wrote there.
        edited = _without_backends(_read(CONFIGURATION)) != _without_backends(text) or not {front.port for front in fronts} <= _listening()
        if _read(CONFIGURATION) != text or not as_written(CONFIGURATION):
            _check(text)
            write_atomic(CONFIGURATION, text)
        if _read(UNIT_FILE) != unit_text() or not as_written(UNIT_FILE):
            write_atomic(UNIT_FILE, unit_text())
        if _unread():
            _systemctl("daemon-reload")
        if not _enabled():
            _systemctl("enable", UNIT)
        try:
            running = _description(_ask("show info"))
        except OSError:
            running = ""
        if running != _description(text) or edited:
            _systemctl("reload-or-restart", UNIT)
        else:
            known = self.backends()
            for front in fronts:
                if known.get(front.name) != front.backend:
                    _ask("set server %s/active addr 127.0.0.1 port %d" % (front.name, front.backend))
        self._await(fronts, text)

    def _await(self, fronts: t.Sequence[Front], text: str, patience: float = 30) -> None:
        """Wait until the process does what was asked for; a reload is over some time after the signal."""
        end = time.monotonic() + patience
        while self._outdated(fronts, text):
            if time.monotonic() > end:
                raise Problem("The proxy in front of the scorers did not take its new configuration. See: journalctl -u %s" % UNIT)
            time.sleep(0.1)

    def drain(self, backend: int, patience: float) -> bool:
        """Wait until no request is under way to a container's port; ``False`` when some still are after `patience` seconds.

        Also processes of before a reload have to be gone: their idle clients might send another request that way.
        """
        end = time.monotonic() + patience
        quiet = 0
        while quiet < 3:
            quiet = 0 if _connected(backend) or _former_workers() else quiet + 1
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def present(self) -> list[str]:
        return [path for path in (UNIT_FILE, CONFIGURATION) if os.path.lexists(path)]

    def remove(self) -> None:
        """Stop the proxy and remove its files."""
        if os.path.lexists(UNIT_FILE):
            _systemctl("disable", "--now", UNIT)
            remove(UNIT_FILE)
            _systemctl("daemon-reload")
        remove(CONFIGURATION)
        with contextlib.suppress(OSError):
            os.rmdir(FOLDER)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _ask(command: str) -> str:
    """The running proxy's answer to a command. Raises `OSError` when there is no such proxy."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect(_SOCKET)
        connection.sendall(command.encode("ascii") + b"\n")
        parts: list[bytes] = []
        while True:
            part = connection.recv(65536)
            if not part:
                return b"".join(parts).decode("utf-8", "replace")
            parts.append(part)


def _check(text: str) -> None:
    scratch = CONFIGURATION + ".new"
    try:
        write_atomic(scratch, text)
        status, output = commands.run([PROGRAM, "-c", "-f", scratch])
    except OSError:
        raise Problem("HAProxy is not installed at %s. Install the package haproxy." % PROGRAM) from None
    finally:
        remove(scratch)
    if status:
        raise Problem("HAProxy does not take the configuration for the scorers: %s" % " ".join(output.split()))


def _systemctl(*arguments: str) -> None:
    status, output = commands.run(["systemctl"] + list(arguments), timeout=120)
    if status:
        raise Problem("systemctl %s failed: %s See: journalctl -u %s" % (" ".join(arguments), " ".join(output.split()), UNIT))


def _enabled() -> bool:
    return os.path.lexists("/etc/systemd/system/multi-user.target.wants/" + UNIT)


def _unread() -> bool:
    """Whether systemd has not read the unit's file since it was written."""
    return commands.run(["systemctl", "show", "--property", "NeedDaemonReload", "--value", UNIT])[1].strip() == "yes"


def _listening() -> set[int]:
    """The ports that programs of this host listen on, see https://docs.kernel.org/networking/proc_net_tcp.html"""
    lines = [line.split() for file in ("/proc/net/tcp", "/proc/net/tcp6") for line in _read(file).splitlines()[1:]]
    return {int(fields[1].rpartition(":")[2], 16) for fields in lines if fields[3] == _LISTENING}


def _connected(port: int) -> bool:
    """Whether there is a connection to a port of the loopback."""
    for line in _read("/proc/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[3] == _ESTABLISHED and fields[2] == "0100007F:%04X" % port:
            return True
    return False


def _former_workers() -> bool:
    """Whether workers of before a reload still run: then the main process has more than one child."""
    main = commands.run(["systemctl", "show", "--property", "MainPID", "--value", UNIT])[1].strip()
    children = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat("/proc/%s/stat" % name)
            children += stat[1:2] == [main] and stat[0] != "Z"
    return children > 1


def _stat(path: str) -> list[str]:
    """State, parent and so on of a process, none when it has ended meanwhile."""
    try:
        return _read(path).rpartition(")")[2].split()
    except OSError:
        return []
