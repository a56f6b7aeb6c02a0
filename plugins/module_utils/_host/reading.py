# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Reads what the roles decide on, from /proc, /sys and files; `systemctl show` is the one command it needs."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
import socket
import stat
import struct
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import certificates, packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import predictions as _predictions
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.addresses import addresses
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.url_answers import url_answers
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_database
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements

_MIB = 1024 * 1024
_COMMAND_SECONDS = 30

# The names that Ansible's own facts use, by the ID of os-release(5).
_DISTRIBUTIONS = {
    "almalinux": "AlmaLinux",
    "amzn": "Amazon",
    "centos": "CentOS",
    "debian": "Debian",
    "fedora": "Fedora",
    "ol": "OracleLinux",
    "opensuse-leap": "openSUSE Leap",
    "rhel": "RedHat",
    "rocky": "Rocky",
    "sles": "SLES",
    "ubuntu": "Ubuntu",
}
_FAMILIES = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "RedHat",
    "fedora": "RedHat",
    "centos": "RedHat",
    "amzn": "RedHat",
    "ol": "RedHat",
    "rocky": "RedHat",
    "almalinux": "RedHat",
    "suse": "Suse",
    "sles": "Suse",
    "opensuse": "Suse",
}

_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_UNIT_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "StateChangeTimestampMonotonic",
    "NeedDaemonReload",
    "NRestarts",
)


def read(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """The facts that the module `host_info` documents. Raises `Problem` for a lock that cannot be read."""
    python = python_facts(params["python"]) if params["python"] else None
    # A question to a socket would start the service behind it.
    asleep = {unit for unit, facts in units([entry["unit"] for entry in params["urls"] if entry.get("unit")]).items() if facts["active_state"] != "active"}
    unasked = {entry["url"]: {"status": None, "error": "%s does not run." % entry["unit"]} for entry in params["urls"] if entry.get("unit") in asleep}
    return {
        "os": os_facts(),
        "architecture": os.uname().machine,
        "lock": _host_lock.standing(params.get("lock_run") or ""),
        "service_manager": service_manager(),
        "selinux": selinux(),
        "fips": _text("/proc/sys/crypto/fips_enabled").strip() == "1",
        "ipv6": ipv6(),
        "addresses": addresses() if params["addresses"] else [],
        "memory_mb": memory_mb(),
        "cgroup_version": 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        "disks": {path: disk(path) for path in params["paths"]},
        "jdk": jdk_facts(params["jdk_home"]) if params["jdk_home"] else None,
        "python": python,
        "distributions": distributions(params["venv"], params["lock"], python) if params["venv"] else None,
        "units": units(params["units"]),
        "ports": ports(params["ports"]),
        "files": {wanted["path"]: file_facts(**{**wanted, "contains": wanted.get("contains") or ()}) for wanted in params["files"]},
        "certificates": {wanted["path"]: certificates.certificate_facts(**wanted) for wanted in params["certificates"]},
        "users": {name: user_facts(name) for name in params["users"]},
        "groups": {name: group_facts(name) for name in params["groups"]},
        "packages": packages.read(params["packages"], params["package_lock_wait"], os.environ, os_facts()) if params["packages"] else None,
        "databases": {wanted["name"]: database_facts(wanted) for wanted in params["databases"]},
        "in_use": in_use(params["in_use"]) if params["in_use"] else {},
        "commands": {name: shutil.which(name, path=commands.PATH) for name in params["commands"]},
        "urls": {**url_answers([entry for entry in params["urls"] if entry["url"] not in unasked]), **unasked},
        "predictions": _predictions.predictions(params["predictions"], os_facts(), os.uname().machine),
    }


def os_facts(text: str | None = None) -> dict[str, t.Any]:
    """Distribution and family, named as Ansible's own facts name them; `text` is that of os-release."""
    text = text if text is not None else _text("/etc/os-release") or _text("/usr/lib/os-release")
    values = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            values[key.strip()] = value.strip().strip("\"'")
    name = values.get("ID", "linux")
    family = next((_FAMILIES[item] for item in [name] + values.get("ID_LIKE", "").split() if item in _FAMILIES), name)
    in_brackets = re.search(r"\(([^)]*)\)", values.get("VERSION", ""))
    return {
        "family": family,
        "distribution": _DISTRIBUTIONS.get(name, values.get("NAME", name)),
        "major_version": values.get("VERSION_ID", "").split(".")[0],
        "release_name": values.get("VERSION_CODENAME") or (in_brackets.group(1) if in_brackets else ""),
    }


def service_manager() -> str:
    return "systemd" if os.path.isdir("/run/systemd/system") else _text("/proc/1/comm").strip() or "unknown"


def selinux() -> str:
    """`enforcing`, `permissive` or `disabled`."""
    return {"1": "enforcing", "0": "permissive"}.get(_text("/sys/fs/selinux/enforce").strip(), "disabled")


def ipv6() -> bool:
    """Whether a program may listen on all IPv6 addresses: the kernel may have none, and a filter may keep a service from them."""
    try:
        with contextlib.closing(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def memory_mb() -> dict[str, int]:
    """Memory in MiB, no more than the control group of the host (a container) may use.

    What a control group uses has the cache of files in it, which the kernel gives up before anything else (memory.stat in the kernel's
    Documentation/admin-guide/cgroup-v2.rst).
    """
    values: dict[str, str] = dict(re.findall(r"^(\w+):\s+(\d+) kB", _text("/proc/meminfo"), re.M))
    total = int(values.get("MemTotal", 0)) * 1024
    available = int(values.get("MemAvailable", values.get("MemFree", 0))) * 1024
    for folder, limit_file, usage_file, cache in (
        ("/sys/fs/cgroup/", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory/", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit = _text(folder + limit_file).strip()
        if limit.isdigit() and int(limit) < total:
            total = int(limit)
            usage = _text(folder + usage_file).strip()
            given_up = re.search(r"^%s (\d+)$" % cache, _text(folder + "memory.stat"), re.M)
            used = int(usage) - (int(given_up[1]) if given_up else 0) if usage.isdigit() else 0
            available = min(available, total - max(0, used))
    return {"total": total // _MIB, "available": max(0, available // _MIB)}


def disk(path: str) -> dict[str, t.Any]:
    """The file system that holds a path, which need not exist yet, in MiB."""
    place = os.path.realpath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    usage = shutil.disk_usage(place)
    system = os.statvfs(place)
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    return {
        "mount": place,
        "total_mb": usage.total // _MIB,
        "used_mb": usage.used // _MIB,
        "free_mb": usage.free // _MIB,
        # A file system without a fixed number of inodes, such as btrfs, tells none.
        "free_inodes": system.f_favail if system.f_files else None,
        "total_inodes": system.f_files or None,
        "read_only": bool(system.f_flag & os.ST_RDONLY),
    }


def jdk_facts(home: str) -> dict[str, t.Any] | None:
    """Version and vendor of a JDK, from its release file, else by asking it; None when there is no java."""
    java = os.path.join(home, "bin", "java")
    if not os.access(java, os.X_OK):
        return None
    values = dict(re.findall(r'^(\w+)="([^"]*)"', _text(os.path.join(home, "release")), re.M))
    version = values.get("JAVA_VERSION")
    if not version:
        match = re.search(r'version "([^"]+)"', _output([java, "-version"]))
        version = match.group(1) if match else None
    return {"home": home, "version": version, "vendor": values.get("IMPLEMENTOR")} if version else None


def python_facts(executable: str) -> dict[str, t.Any] | None:
    """The version of an interpreter, asked of itself because a lost library shows only then; None when it does not run."""
    output = _output([executable, "-ISc", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).strip()
    return {"executable": executable, "version": output} if re.match(r"\d+\.\d+\.\d+\Z", output) else None


def distributions(venv: str, lock: str | None, python: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
    """What is installed in a virtual environment and how it differs from a lock; None when there is no environment."""
    site_packages = requirements.site_packages_of(venv)
    if lock:
        match = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)", _text(os.path.join(venv, "pyvenv.cfg")), re.M)
        version = match.group(1) if match else (python or {}).get("version")
        pins = requirements.parse_lock(lock, requirements.marker_environment(version)) if version else {}
    if site_packages is None:
        return None
    found = requirements.installed(site_packages)
    result = {"installed": found, "missing": [], "unexpected": [], "different": []}
    if lock:
        result.update(requirements.compare(pins, found))
    return result


def units(names: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """State of systemd units, all in one question. Times are seconds since the epoch."""
    full = {name: name if re.search(r"\.[a-z]+\Z", name) else name + ".service" for name in names}
    shown: dict[str, dict[str, str]] = {}
    asked = [unit for unit in full.values() if not re.search(r"@\.[a-z]+\Z", unit)]
    if asked and os.path.isdir("/run/systemd/system"):
        output = _output(["systemctl", "show", "--no-pager", "--property=" + ",".join(_UNIT_PROPERTIES), "--"] + asked)
        blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in output.split("\n\n") if block.strip()]
        if len(blocks) == len(asked):
            shown = dict(zip(asked, blocks))
    # The clock that systemd's monotonic times are read on, so that a clock set since then does no harm.
    started_clock = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    return {name: _unit(unit, shown.get(unit), started_clock) for name, unit in full.items()}


def _unit(unit: str, values: dict[str, str] | None, clock: float) -> dict[str, t.Any]:
    if values is None:
        # A template, or a host where systemd does not run: the unit's file is all there is to see.
        exists = any(os.path.exists(os.path.join(folder, unit)) for folder in _UNIT_FOLDERS)
        values = {"LoadState": "loaded" if exists else "not-found"}
    started = int(values.get("ExecMainStartTimestampMonotonic") or 0) or int(values.get("ActiveEnterTimestampMonotonic") or 0)
    running = values.get("ActiveState") in ("active", "activating", "reloading", "deactivating")
    # A reload leaves the other times as they are.
    reloaded = int(values.get("StateChangeTimestampMonotonic") or 0)
    return {
        "exists": values.get("LoadState") != "not-found",
        "active_state": values.get("ActiveState", "inactive"),
        "sub_state": values.get("SubState", "dead"),
        "enabled": values.get("UnitFileState") in ("enabled", "enabled-runtime"),
        "main_pid": int(values.get("MainPID") or 0) or None,
        "started_at": clock + started / 1e6 if running and started else None,
        "reloaded_at": clock + max(started, reloaded) / 1e6 if running and started else None,
        "needs_reload": values.get("NeedDaemonReload") == "yes",
        "restarts": int(values["NRestarts"]) if values.get("NRestarts", "").isdigit() else None,
    }


def ports(numbers: t.Sequence[int]) -> dict[str, dict[str, t.Any] | None]:
    """Who listens on TCP ports; None for a free one. The process is known to root only."""
    listeners: dict[int, tuple[str, str]] = {}
    for table, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        for line in _text(table).splitlines()[1:]:
            fields = line.split()
            address, port = fields[1].split(":")
            if fields[3] == "0A" and int(port, 16) in numbers:
                listeners.setdefault(int(port, 16), (_address(address, family), fields[9]))
    owners = _socket_owners({inode for dummy, inode in listeners.values()}) if listeners else {}
    result: dict[str, dict[str, t.Any] | None] = {}
    for number in numbers:
        if number not in listeners:
            result[str(number)] = None
            continue
        address, inode = listeners[number]
        pid = owners.get(inode)
        result[str(number)] = {
            "address": address,
            "pid": pid,
            "process": _text("/proc/%d/comm" % pid).strip() or None if pid else None,
            "unit": (_unit_of(pid) if pid != 1 else _activated_unit(number)) if pid else None,
        }
    return result


def _activated_unit(port: int) -> str | None:
    """The unit that systemd, which holds this port for it, starts when a client comes."""
    for line in _output(["systemctl", "list-sockets", "--no-legend", "--no-pager", "--full"]).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].rpartition(":")[2] == str(port):
            return fields[2]
    return _unit_of(1)


def _address(text: str, family: int) -> str:
    # The kernel prints addresses as 32-bit words in the byte order of the machine.
    words = [int(text[place : place + 8], 16) for place in range(0, len(text), 8)]
    return socket.inet_ntop(family, struct.pack("=%dI" % len(words), *words))


def _socket_owners(inodes: set[str]) -> dict[str, int]:
    """The process that holds each socket; the one that started first when several share it, and systemd only when it is alone."""
    owners: dict[str, int] = {}
    for pid in sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), key=lambda pid: (pid == 1, pid)):
        with contextlib.suppress(OSError):
            for descriptor in os.listdir("/proc/%d/fd" % pid):
                with contextlib.suppress(OSError):
                    target = os.readlink("/proc/%d/fd/%s" % (pid, descriptor))
                    if target.startswith("socket:[") and target[8:-1] in inodes:
                        owners.setdefault(target[8:-1], pid)
        if len(owners) == len(inodes):
            break
    return owners


def _unit_of(pid: int) -> str | None:
    """The systemd unit of a process, by its control group."""
    for line in _text("/proc/%d/cgroup" % pid).splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" or "name=systemd" in controllers:
            for part in reversed(path.split("/")):
                if part.endswith((".service", ".scope", ".socket")):
                    return part
    return None


def in_use(prefixes: t.Sequence[str]) -> dict[str, list[str]]:
    """The units of which a process runs a program, or was given a path, below each folder; processes without a unit by their number."""
    found: dict[str, set[str]] = {prefix: set() for prefix in prefixes}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()):
        words = _text("/proc/%d/cmdline" % pid).split("\0")
        with contextlib.suppress(OSError):
            words.append(os.readlink("/proc/%d/exe" % pid))
        for prefix in prefixes:
            if any(word.startswith(prefix.rstrip("/") + "/") for word in words):
                found[prefix].add(_unit_of(pid) or "process %d" % pid)
    return {prefix: sorted(units) for prefix, units in found.items()}


def database_facts(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a tracking server's database is, and how it stands to the MLflow of `stack`, else to the one that is pinned."""
    if wanted.get("path"):
        facts = tracking_database.sqlite_facts(wanted["path"])
    else:
        settings = {key: wanted[key] for key in ("host", "port", "dbname", "user", "password", "sslmode") if wanted.get(key)}
        facts = tracking_database.postgresql_facts(wanted["python"], settings)
    known = tracking_database.revisions(wanted["stack"]) if wanted.get("stack") else tracking_database.MLFLOW_1_30
    return {**facts, "standing": tracking_database.standing(facts, known), "expected": known[-1] if known else None}


def file_facts(path: str, content: str | None = None, contains: t.Sequence[str] = (), text: bool = False) -> dict[str, t.Any]:
    """What is at a path (a link itself, not what it points to), whether a file holds exactly `content` in UTF-8, or holds some texts, and its own text."""
    wanted = None if content is None else content.encode("utf-8", "surrogateescape")
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {
            "exists": False,
            "kind": None,
            "mode": None,
            "owner": None,
            "group": None,
            "size": None,
            "mtime": None,
            "target": None,
            "leads_to": [],
            "matches": None if wanted is None else False,
            "entries": None,
            "contains": dict.fromkeys(contains, False),
            "text": None,
        }
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}.get(stat.S_IFMT(status.st_mode), "other")
    matches = None
    if wanted is not None:
        matches = kind == "file" and status.st_size == len(wanted) and _bytes(path) == wanted
    held = _text(path) if (contains or text) and kind == "file" and status.st_size <= _MIB else ""
    return {
        "exists": True,
        "kind": kind,
        "mode": "%04o" % stat.S_IMODE(status.st_mode),
        "owner": _named(pwd.getpwuid, status.st_uid),
        "group": _named(grp.getgrgid, status.st_gid),
        "size": status.st_size,
        "mtime": status.st_mtime,
        "target": os.readlink(path) if kind == "link" else None,
        "leads_to": leads_to(path),
        "matches": matches,
        "entries": len(os.listdir(path)) if kind == "directory" and os.access(path, os.R_OK) else None,
        "contains": {part: kind == "file" and part in held for part in contains},
        "text": held if text and kind == "file" else None,
    }


def leads_to(path: str) -> list[str]:
    """The absolute paths that the links at a path name, one after the other, and at last the real one; none where a path is its own."""
    seen = [path]
    while os.path.islink(seen[-1]):
        further = os.path.normpath(os.path.join(os.path.dirname(seen[-1]), os.readlink(seen[-1])))
        if further in seen:  # a loop
            break
        seen.append(further)
    return [further for further in dict.fromkeys(seen + [os.path.realpath(path)]) if further != path]


def user_facts(name: str) -> dict[str, t.Any]:
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return {"exists": False, "uid": None, "gid": None, "group": None, "home": None, "shell": None}
    return {"exists": True, "uid": user.pw_uid, "gid": user.pw_gid, "group": _named(grp.getgrgid, user.pw_gid), "home": user.pw_dir, "shell": user.pw_shell}


def group_facts(name: str) -> dict[str, t.Any]:
    try:
        return {"exists": True, "gid": grp.getgrnam(name).gr_gid}
    except KeyError:
        return {"exists": False, "gid": None}


def _named(lookup: t.Callable[[int], t.Any], number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def _output(argv: list[str]) -> str:
    """What a command prints to both streams; empty when it can't be run."""
    try:
        return commands.run(argv, timeout=_COMMAND_SECONDS)[1]
    except (OSError, commands.TooSlow):
        return ""


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except PermissionError:
        raise Problem("%s can't be read by this user, so it can't be compared. Run the task with become." % path) from None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
