# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Checks of one reading of a host that several roles share. Each takes what it judges and returns sentences: what is wrong, what was seen, what to try.

A reading is what the module C(host_info) returns as C(host); what was not asked for is not judged.
"""

from __future__ import annotations

import time
import types
import typing as t

Reading = t.Mapping[str, t.Any]
Settings = t.Mapping[str, t.Any]

#: What each role was tried on: the major versions by distribution, or else by family.
SYSTEMS: t.Mapping[str, tuple[str, ...]] = types.MappingProxyType(
    {"Debian": ("12", "13"), "Ubuntu": ("22", "24"), "RedHat": ("8", "9"), "Amazon": ("2023",)}
)
#: Docker's packages are in no repository of RHEL 8 that can be had today.
SCORER_SYSTEMS = {**SYSTEMS, "RedHat": ("9",)}
ARCHITECTURES = ("x86_64", "aarch64")
#: A file system with fewer can't take the stack, which has 12,000 files, and a second release of it.
STACK_INODES = 40000


def system(reading: Reading, systems: t.Mapping[str, tuple[str, ...]] = SYSTEMS) -> list[str]:
    """Whether the roles know the operating system, the architecture and the init."""
    found = []
    name, version = reading["os"]["distribution"], reading["os"]["major_version"]
    versions = systems.get(name) or (systems.get(reading["os"]["family"]) if name not in ("Fedora", "CentOS Stream") else None) or ()
    if version not in versions:
        found.append(
            "The operating system %s %s is not supported; use Debian 12 or 13, Ubuntu 22.04 or 24.04, RHEL or a rebuild %s, or Amazon Linux 2023."
            % (name, version, " or ".join(systems["RedHat"]))
        )
    if reading["architecture"] not in ARCHITECTURES:
        found.append("The architecture %s is not supported; use %s." % (reading["architecture"], " or ".join(ARCHITECTURES)))
    if reading["service_manager"] != "systemd":
        found.append("The services need systemd as init; this host runs %s." % reading["service_manager"])
    return found


def places(reading: Reading, paths: t.Iterable[str]) -> list[str]:
    """Whether the file systems that will be written to can be."""
    found = {}
    for path in paths:
        disk = reading["disks"].get(path)
        if disk and disk.get("read_only"):
            found[disk["mount"]] = "%s is mounted read-only, but %s is to be written there. Mount it read-write, or name another path." % (disk["mount"], path)
        elif disk and disk.get("free_inodes") == 0:
            found[disk["mount"]] = "%s has no inodes left, so no file can be made there. `df -i` shows it; remove small files." % disk["mount"]
    return [found[mount] for mount in sorted(found)]


def packages(reading: Reading) -> list[str]:
    """Whether the packages that are missing can be installed, and nobody else keeps the package manager busy."""
    seen = reading.get("packages")
    if not seen or not seen["missing"]:
        return []
    found = []
    if seen["unavailable"]:
        reason = " The package manager says: %s." % seen["error"] if seen["error"] else ""
        one = len(seen["unavailable"]) == 1
        found.append(
            "The package%s %s will be needed, but no package source of the host offers %s.%s Repair the sources, or install %s beforehand."
            % ("" if one else "s", ", ".join(seen["unavailable"]), "it" if one else "them", reason, "it" if one else "them")
        )
    lock = seen["lock"]
    if lock:
        holder = "%s (pid %s)" % (lock["process"] or "a process", lock["pid"]) if lock["pid"] else "a process that can't be seen from here"
        found.append(
            "The package manager's lock %s is held by %s, and %s must be installed. Let it finish, then run again."
            % (lock["path"], holder, ", ".join(seen["missing"]))
        )
    return found


def ports(reading: Reading, wanted: t.Mapping[int, tuple[str, tuple[str, ...]]]) -> list[str]:
    """Whether ports are free or held by ours.

    :param wanted: port to what it is for, and the units that may hold it.
    """
    found = []
    for port, (purpose, units) in sorted(wanted.items()):
        holder = reading["ports"].get(str(port))
        if holder and not _is_ours(holder, units, reading["units"]):
            found.append("Port %d, wanted for %s, is held by %s. %s" % (port, purpose, _named(holder), _way_out(holder)))
    return found


def _is_ours(holder: Reading, ours: tuple[str, ...], units: Reading) -> bool:
    # A socket unit's port is held by systemd itself.
    if holder.get("pid") and holder["pid"] != 1:
        return holder.get("unit") in ours
    if holder.get("unit") in ours:
        return True
    # Where root may not look into others' processes, as in some containers, the holder has no name; it is ours if ours runs.
    return any(units.get(unit, {}).get("active_state") == "active" for unit in ours)


def _named(holder: Reading) -> str:
    if not holder.get("pid"):
        return "a process that can't be seen from here"
    unit = " of %s" % holder["unit"] if holder.get("unit") else ""
    return "%s (pid %d)%s" % (holder.get("process") or "a process", holder["pid"], unit)


def _way_out(holder: Reading) -> str:
    unit = holder.get("unit") or ""
    if unit.startswith(("mlops-model@", "mlops-port@")):
        return "That is another model of the agent: declare it with state absent, or choose another port."
    return "Stop that process, or choose another port."


def certificate(reading: Reading, path: str, option: str, key_option: str) -> list[str]:
    """Whether a certificate and its key, named by these variables, can be used now."""
    facts = (reading.get("certificates") or {}).get(path)
    if not facts:
        return []
    if facts["error"]:
        return ["%s %s and %s must name a certificate and its key on the host, both in PEM format." % (facts["error"], option, key_option)]
    if facts["days_left"] < 0:
        ended = time.strftime("%Y-%m-%d", time.gmtime(facts["not_after"]))
        return ["The certificate %s, named by %s, expired on %s. Put a valid one there." % (path, option, ended)]
    return []


def present(reading: Reading, options: t.Mapping[str, str]) -> list[str]:
    """Whether files that variables name are there.

    :param options: variable to path; an empty path is not looked at.
    """
    return [
        "%s is %s, but the host has no such file. Put it there first, or correct the variable." % (option, path)
        for option, path in sorted(options.items())
        if path and path in reading["files"] and not reading["files"][path]["exists"]
    ]


def foreseen(reading: Reading, name: str) -> list[str]:
    """Whether a module would fail, by its own sentence."""
    error = ((reading.get("predictions") or {}).get(name) or {}).get("error")
    return [error] if error else []
