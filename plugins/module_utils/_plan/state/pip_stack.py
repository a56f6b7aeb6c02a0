# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(pip_stack) leaves behind: an environment at C(pip_stack_prefix)/current that equals its locks."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import pip_stack as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import site
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    Inputs,
    Questions,
    State,
    of_prediction,
    replaces,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import python

# Installed sizes were measured on x86_64: the stack takes 870 to 950 MB, its download and the switch from an old release as
# much again; a JDK 105 to 200 MB, CPython 60 to 130 MB.
STACK_MB = 2500
RUNTIMES_MB = 500
#: How many pins that differ are named one by one, before the rest is counted.
MOST_PINS = 5


def _present(settings: Settings) -> bool:
    return bool(settings["pip_stack_state"] == "present")


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    prefix = settings["pip_stack_prefix"]
    if not _present(settings):
        return {"in_use": [prefix], "predictions": [{"name": "pip_stack", "module": "pip_environment", "options": {"dest": prefix, "state": "absent"}}]}
    same = ("prefix", "python", "installer", "uv", "find_links", "offline", "ca_bundle", "compile", "keep", "timeout")
    options = {"dest" if name == "prefix" else name: settings["pip_stack_" + name] for name in same}
    options.update(lock=rules.lock_text(settings), uv_lock=rules.uv_lock_text(settings))
    secrets = {name: settings["pip_stack_" + name] for name in ("index_url", "extra_index_urls") if settings["pip_stack_" + name]}
    return {"paths": [prefix], "predictions": [{"name": "pip_stack", "module": "pip_environment", "options": options, "secrets": secrets}]}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    if not _present(settings):
        return site.still_needed(settings, "pip_stack") + checks.foreseen(reading, "pip_stack")
    return checks.system(reading) + checks.places(reading, [settings["pip_stack_prefix"]]) + _room(settings, reading)


def needs(settings: Settings, reading: Reading, ahead: Ahead) -> list[str]:
    """An interpreter, unless the role C(python) is going to bring one."""
    seen = _prediction(reading)
    if not _present(settings) or not seen or replaces(ahead, "python"):
        return []
    if seen["error"]:
        return ["The Python environment %s can't be made. %s" % (settings["pip_stack_prefix"], seen["error"])]
    if not seen["path"]:
        return ["There is no Python interpreter at %s. Install Python 3.7 first, or correct pip_stack_python." % settings["pip_stack_python"]]
    return []


def _prediction(reading: Reading) -> dict[str, t.Any]:
    found: dict[str, t.Any] = (reading.get("predictions") or {}).get("pip_stack") or {}
    return found


def _room(settings: Settings, reading: Reading) -> list[str]:
    """Space and inodes for all three prefixes, added up where they share a file system; an environment that is there needs no more."""
    seen = _prediction(reading)
    if seen and (seen["error"] or seen["diff"]["before"]):
        return []
    found = []
    needed: dict[str, tuple[int, int]] = {}
    for option, size in (("jdk_prefix", RUNTIMES_MB), ("python_prefix", RUNTIMES_MB), ("pip_stack_prefix", STACK_MB)):
        disk = reading["disks"].get(settings.get(option))
        if disk:
            needed[disk["mount"]] = (needed.get(disk["mount"], (0, 0))[0] + size, disk["free_mb"])
    for mount, (wanted, free) in sorted(needed.items()):
        if free < wanted:
            found.append(
                "%d MB are free on %s; %d MB are needed for what is to be installed there. Free some, or move jdk_prefix, python_prefix "
                "or pip_stack_prefix to another file system." % (free, mount, wanted)
            )
    disk = reading["disks"].get(settings["pip_stack_prefix"]) or {}
    inodes = disk.get("free_inodes")
    if inodes is not None and inodes < checks.STACK_INODES:
        found.append(
            "%d inodes are free on %s; the stack needs %d, as it has many small files. `df -i` shows it; free some, or move pip_stack_prefix."
            % (inodes, disk["mount"], checks.STACK_INODES)
        )
    return found


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """``locks`` and ``uv_lock``, paths on the controller, and ``environment``, what is there; for a role that goes what is ``in_use``."""
    if not _present(settings):
        return {"in_use": reading["in_use"].get(settings["pip_stack_prefix"], []) if reading else []}
    seen = _prediction(reading) if reading else {}
    there = {"changed": False, **{name: seen.get(name) for name in ("path", "current", "previous", "installed")}}
    return {"locks": rules.lock_paths(settings), "uv_lock": rules.uv_lock_path(settings), "environment": there}


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it.

    Steps: C(environment), after which what runs from it has to start again; C(surplus) for old environments and C(bytecode), after which it
    has not; and C(removed) for a role that is absent.
    """
    prefix, seen = settings["pip_stack_prefix"], _prediction(reading)
    if not _present(settings):
        if seen["error"] or not seen["changed"]:
            return of_prediction("pip_stack", "removed", prefix, reading, "pip_stack")
        before = _pins(seen, "before")
        return [Difference("pip_stack", "removed", prefix, _counted(before) if before else "there", "removed")]
    if seen["error"]:
        # Without the role python ahead this is a finding. With it the plan is made anew when the interpreter is there.
        return [Difference("pip_stack", "", prefix, "can't be told", "decided when the interpreter is there", seen["error"])]
    moved = _interpreter_moves(settings, ahead)
    if moved and seen["fits"] and seen["fits"] == expected(settings, reading):
        # It comes back to where it was.
        return []
    if seen["changed"] or moved:
        return _changed(prefix, seen, moved)
    if not seen["compiled"]:
        return [Difference("pip_stack", "bytecode", "byte code of %s" % seen["path"], "not complete", "made")]
    return []


def _interpreter_moves(settings: Settings, ahead: Ahead) -> bool:
    """Whether the role C(python) is going to bring the interpreter of the environment."""
    prefix = settings.get("python_prefix")
    ours = prefix is None or settings["pip_stack_python"].startswith(prefix + "/")
    return ours and replaces(ahead, "python")


def expected(settings: Settings, reading: Reading) -> t.Optional[str]:
    """The interpreter, without links, that the role C(python) leaves behind; None where its settings are not known."""
    if "python_prefix" not in settings:
        return None
    path = python.executable(settings)
    leads_to = reading["files"][path].get("leads_to")
    return str(leads_to[-1]) if leads_to else path


def _pins(seen: t.Mapping[str, t.Any], side: str) -> dict[str, str]:
    """The versions that a diff shows before or after a change, that of the interpreter, C(python), among them."""
    return dict(line.split(" ", 1) for line in seen["diff"][side].splitlines())


def _counted(pins: t.Mapping[str, str]) -> str:
    return "%d distributions for Python %s" % (len(pins) - 1, pins["python"])


def _changed(prefix: str, seen: t.Mapping[str, t.Any], moved: bool) -> list[Difference]:
    before, after = _pins(seen, "before"), _pins(seen, "after")
    reason = "the role python brings another interpreter" if moved else ""
    if not before:
        waits = "" if seen["path"] else "made when the role python has brought its interpreter"
        return [Difference("pip_stack", "environment", prefix, "missing", _counted(after), waits)]
    if not seen["path"]:
        # The version of an interpreter that is yet to come is known in part.
        after["python"] = before["python"]
    differing = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    if differing:
        named = differing if len(differing) <= MOST_PINS else differing[: MOST_PINS - 1]
        found = [Difference("pip_stack", "environment", name, before.get(name, "missing"), after.get(name, "removed"), reason) for name in named]
        if len(differing) > len(named):
            found.append(Difference("pip_stack", "environment", "%d more distributions" % (len(differing) - len(named)), "differ", "as locked", reason))
        return found
    if seen["path"] and seen["previous"] is None and not moved:
        return [Difference("pip_stack", "surplus", prefix + "/releases", "more old environments than are kept", "removed")]
    was = "made with another interpreter" if moved else "damaged, or made with another interpreter"
    return [Difference("pip_stack", "environment", prefix + "/current", was, "made anew", reason)]


STATE = State(questions, findings, differences, inputs=inputs, needs=needs)
