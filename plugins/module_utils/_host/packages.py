# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether packages of the distribution are installed or can be, and who holds the package manager's lock.

For use inside this collection only. Asks apt, or dnf, with lists of its own in a scratch folder, so that the host's are as they were.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import tempfile
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands

_LIST_SECONDS = 120
_QUERY_SECONDS = 30
# What apt and dpkg, and rpm, lock while they work.
_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
# flock(2)'s struct as Linux has it on 64-bit machines: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"


def read(wanted: t.Sequence[dict[str, t.Any]], wait: float, environment: t.Mapping[str, str], system: t.Mapping[str, str]) -> dict[str, t.Any]:
    """What is missing of the wanted packages, whether it can be installed, and who locks the package manager.

    :param wanted: each with a C(name); with C(unless), a command or path that makes it needless; with C(distribution), a distribution or family
        that it is for, unless the host's distribution is among C(except).
    :param wait: for how many seconds to wait until nobody holds the lock, where something is missing.
    :param environment: of which the variables of a proxy are taken for asking the sources.
    """
    names = sorted({item["name"] for item in wanted if is_for(item, system) and not _is_needless(item)})
    manager = next((name for name in ("apt-get", "dnf", "yum") if shutil.which(name, path=commands.PATH)), None)
    if not names or manager is None:
        return {"missing": [], "unavailable": [], "error": None, "lock": None}
    missing = _not_installed_deb(names) if manager == "apt-get" else _not_installed_rpm(names)
    if not missing:
        return {"missing": [], "unavailable": [], "error": None, "lock": None}
    proxies = {name: value for name, value in environment.items() if re.match(r"(https?|ftp|all|no)_proxy\Z", name, re.I)}
    own = {"PATH": commands.PATH, "LC_ALL": "C", **proxies}
    available, error = _apt_offers(missing, own) if manager == "apt-get" else _dnf_offers(manager, missing, own)
    return {"missing": missing, "unavailable": [name for name in missing if name not in available], "error": error, "lock": _wait_for_lock(wait)}


def is_for(item: t.Mapping[str, t.Any], system: t.Mapping[str, str]) -> bool:
    """Whether a question with a C(distribution) or family, and those C(except) that others are for, is for this host."""
    place = item.get("distribution")
    return not place or place == system["distribution"] or (place == system["family"] and system["distribution"] not in (item.get("except") or ()))


def _is_needless(item: dict[str, t.Any]) -> bool:
    return bool(item.get("unless") and shutil.which(item["unless"], path=commands.PATH))


def _wait_for_lock(seconds: float) -> dict[str, t.Any] | None:
    deadline = time.monotonic() + seconds
    while True:
        holder = lock_holder()
        if holder is None or time.monotonic() >= deadline:
            return holder
        time.sleep(1)


def lock_holder(paths: t.Sequence[str] = _LOCKS) -> dict[str, t.Any] | None:
    """The process that holds the package manager's lock, or None."""
    for path in paths:
        try:
            # For reading alone: a file system that layers others copies a file when it is opened for writing, and a read-only one refuses.
            with open(path, "rb") as file:
                answer = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except OSError:
            continue
        kind, dummy, dummy, dummy, pid = struct.unpack(_FLOCK, answer)
        if kind != fcntl.F_UNLCK:
            return {"path": path, "pid": pid or None, "process": _name_of(pid)}
    return None


def _name_of(pid: int) -> str | None:
    try:
        with open("/proc/%d/cmdline" % pid, encoding="utf-8", errors="replace") as file:
            words = [word for word in file.read(4096).split("\0") if word]
    except OSError:
        return None
    # A script goes by its own name, not by that of its interpreter.
    named = words[1] if len(words) > 1 and re.search(r"python|perl|/sh$", words[0]) and words[1].startswith("/") else words[0] if words else ""
    return os.path.basename(named) or None


def _run(argv: list[str], environment: dict[str, str], seconds: float) -> str:
    try:
        return commands.run(argv, environment, seconds)[1]
    except commands.TooSlow as error:
        return "E: %s" % error
    except OSError as error:
        return "E: %s" % error


def _not_installed_deb(names: list[str]) -> list[str]:
    environment = {"PATH": commands.PATH, "LC_ALL": "C"}
    output = _run(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", "--", *names], environment, _QUERY_SECONDS)
    installed = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def _not_installed_rpm(names: list[str]) -> list[str]:
    environment = {"PATH": commands.PATH, "LC_ALL": "C"}
    return [name for name in names if "no package provides" in _run(["rpm", "--query", "--whatprovides", "--", name], environment, _QUERY_SECONDS)]


def _apt_offers(names: list[str], environment: dict[str, str]) -> tuple[set[str], str | None]:
    scratch = tempfile.mkdtemp(prefix="mlops-packages-")
    try:
        os.makedirs(os.path.join(scratch, "lists", "partial"))
        options = [
            "-o", "Dir::State::lists=%s/lists" % scratch, "-o", "Dir::Cache=%s" % scratch, "-o", "APT::Sandbox::User=root",
            "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20",
        ]  # fmt: skip
        said = _run(["apt-get", *options, "-q", "update"], environment, _LIST_SECONDS)
        policy = _run(["apt-cache", *options, "policy", "--", *names], environment, _QUERY_SECONDS)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _candidates(policy), _complaint(said)


def _candidates(policy: str) -> set[str]:
    """The packages that `apt-cache policy` has a candidate for."""
    found = set()
    name = ""
    for line in policy.splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":")
        elif re.match(r"\s+Candidate: (?!\(none\))", line):
            found.add(name)
    return found


def _dnf_offers(manager: str, names: list[str], environment: dict[str, str]) -> tuple[set[str], str | None]:
    scratch = tempfile.mkdtemp(prefix="mlops-packages-")
    try:
        options = ["--quiet", "--setopt=cachedir=%s" % scratch, "--setopt=timeout=20", "--setopt=retries=1"]
        available = set()
        said = ""
        for name in names:
            output = _run([manager, *options, "repoquery", "--queryformat", "offers %{name}\n", "--whatprovides", name], environment, _LIST_SECONDS)
            if re.search(r"^offers \S", output, re.M):
                available.add(name)
            said += "\n".join(line for line in output.splitlines() if not line.startswith("offers "))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return available, _complaint(said)


def _complaint(said: str) -> str | None:
    """The first thing that a package manager complains about."""
    for pattern in (r"^(?:Err:\d+ .*\n\s+)(\S.*)", r"^E: (.*)", r"^W: (.*)", r"^Error: (.*)", r"^Errors during downloading.*\n\s*-?\s*(.*)"):
        match = re.search(pattern, said, re.M)
        if match:
            return match.group(1).strip().rstrip(".")[:300]
    return None
