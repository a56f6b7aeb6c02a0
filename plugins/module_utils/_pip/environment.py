# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A virtual environment that equals a hash-locked requirements file, built beside the old one and switched to in one step."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Releases, make_folder, need_space, remove, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.installers import (
    Runner,
    default_index,
    install_with_pip,
    make_environment,
    sync_with_uv,
    trim_cache,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import Sources, fetch_uv
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import sources as sources_of

#: The options of the module.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "dest": {"type": "path", "required": True},
    "lock": {"type": "str"},
    "python": {"type": "path"},
    "python_version": {"type": "str", "default": "3.7"},
    "installer": {"type": "str", "choices": ["auto", "uv", "pip"], "default": "auto"},
    "uv": {"type": "path"},
    "uv_lock": {"type": "str"},
    "index_url": {"type": "str", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "find_links": {"type": "list", "elements": "str", "default": []},
    "offline": {"type": "bool", "default": False},
    "ca_bundle": {"type": "path"},
    "compile": {"type": "str", "choices": ["background", "foreground", "none"], "default": "background"},
    "keep": {"type": "int", "default": 2},
    "timeout": {"type": "int", "default": 1800},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
COMPILED = ".compiled"
LOCK = "requirements.lock"
#: What one pin of the MLflow stack takes on average (860 MB in 64 distributions), for indexes that tell no sizes beforehand.
_TYPICAL_PIN_BYTES = 14_000_000
#: An installed wheel takes about this much more than its file (860 MB out of 525 MB).
_WHEEL_RATIO = 1.7
_OURS = re.compile(r"[0-9a-f]{12}(?:-\d+)?\Z")

_PROBE = """
import json, os, platform, sys
print(json.dumps([os.path.realpath(sys.executable), "%d.%d.%d" % sys.version_info[:3], platform.python_implementation()]))
"""


class Interpreter(t.NamedTuple):
    """A Python as it described itself; `path` is without links, `version` like 3.7.9."""

    path: str
    version: str


def run(params: dict[str, t.Any], check_mode: bool, environment: t.Mapping[str, str], warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Do what the module `pip_environment` documents and return its result. Raises `Problem`."""
    os.umask(0o022)
    _check_params(params)
    stack = _Stack(params, environment, warn)
    return stack.absent(check_mode) if params["state"] == "absent" else stack.present(check_mode)


def _check_params(params: dict[str, t.Any]) -> None:
    if not os.path.isabs(params["dest"]) or os.path.normpath(params["dest"]) == "/":
        raise Problem("dest is %r; expected an absolute path of its own, like /opt/sparkflows/stack." % params["dest"])
    if params["keep"] < 0:
        raise Problem("keep is %d; expected 0 or more." % params["keep"])
    if params["state"] == "absent":
        return
    if not re.match(r"\d+\.\d+\Z", params["python_version"]):
        raise Problem("python_version is %r; expected two numbers, like 3.7." % params["python_version"])
    if not os.path.isabs(params["python"]):
        raise Problem("python is %r; expected the absolute path of an interpreter on the host." % params["python"])
    if params["installer"] == "uv" and not (params["uv"] or params["uv_lock"]):
        raise Problem("installer is uv, but neither uv nor uv_lock says where it comes from. Name the path of a uv, or give its lock.")


class _Plan(t.NamedTuple):
    """What a run has to do: the release to switch to (None when its interpreter is not there to tell), and those to remove."""

    name: str | None
    build: bool
    current: str | None
    digest: str | None
    doomed: list[str]
    result: dict[str, t.Any]


class _Stack:
    def __init__(self, params: dict[str, t.Any], environment: t.Mapping[str, str], warn: t.Callable[[str], None]) -> None:
        self.params = params
        self.environment = environment
        self.warn = warn
        self.releases = Releases(params["dest"])
        self.tools = os.path.join(params["dest"], "tools")
        self.cache = os.path.join(self.tools, "uv-cache")

    def absent(self, check_mode: bool) -> dict[str, t.Any]:
        doomed = self.releases.removable() + ([self.tools] if os.path.isdir(self.tools) else [])
        before = self._shown_now()
        if doomed and not check_mode:
            with self.releases.locked():
                for name in self.releases.complete():
                    self._stop_compiling(name)
                self.releases.remove_all(self.tools)
        return {"changed": bool(doomed), "diff": {"before": before, "after": ""}}

    def present(self, check_mode: bool) -> dict[str, t.Any]:
        # All that can be wrong with the input is found before the first folder is made.
        sources = sources_of(self.params, self.environment)
        python = self._interpreter(check_mode)
        version = python.version if python else self.params["python_version"]
        pins = requirements.parse_lock(self.params["lock"], requirements.marker_environment(version))
        uv_pin = self._uv_pin()
        if python is None or check_mode:
            return self._plan(python, version, pins).result
        with self.releases.locked() as lock:
            self.releases.sweep()
            self._sweep_unfinished()
            plan = self._plan(python, version, pins)
            name = t.cast(str, plan.name)
            runner = Runner(lock, self.params["timeout"])
            if plan.build:
                plan.result["installer"] = self._build(plan, python, pins, uv_pin, sources, runner)
            if name != plan.current:
                self.releases.switch(os.path.join("releases", name))
            for other in plan.doomed:
                self._stop_compiling(other)
                remove(self.releases.path(other))
            if plan.result["changed"]:
                trim_cache(self.cache)
            self._compile(name, runner)
            plan.result["compiled"] = True
        return plan.result

    def _interpreter(self, check_mode: bool) -> Interpreter | None:
        """The interpreter, or None in a prediction when an earlier task would have installed it."""
        path, wanted = self.params["python"], self.params["python_version"]
        if not os.path.exists(path):
            if check_mode:
                return None
            raise Problem("There is no Python interpreter at %s. Install Python %s first, or correct python." % (path, wanted))
        try:
            output = commands.run([path, "-ISc", _PROBE])[1].strip()
            real, version, implementation = json.loads(output)
        except (OSError, ValueError, commands.TooSlow) as error:
            said = output[-300:] if isinstance(error, ValueError) else str(error)
            raise Problem("%s is not a Python interpreter that runs here: %s" % (path, said or "it said nothing")) from None
        if ".".join(version.split(".")[:2]) != wanted or implementation != "CPython":
            raise Problem(
                "%s is %s %s, but CPython %s is needed. Name another interpreter, or correct python_version." % (path, implementation, version, wanted)
            )
        return Interpreter(real, version)

    def _uv_pin(self) -> requirements.Pin | None:
        if self.params["installer"] == "pip" or self.params["uv"] or not self.params["uv_lock"]:
            return None
        try:
            pins = requirements.parse_lock(self.params["uv_lock"], requirements.marker_environment("3.9.0"))
        except Problem as problem:
            raise Problem("uv_lock can't be used. %s" % problem) from None
        if set(pins) != {"uv"}:
            raise Problem("uv_lock pins %s; expected uv alone." % ", ".join(sorted(pins)))
        return pins["uv"]

    def _plan(self, python: Interpreter | None, version: str, pins: dict[str, requirements.Pin]) -> _Plan:
        current = self.releases.current()
        complete = self.releases.complete()
        digest = name = None
        broken: list[str] = []
        if python is not None:
            # The place counts too, because programs in the environment hold their own path.
            digest = self._digest(python, pins)
            same = [other for other in complete if (self.releases.marker(other) or {}).get("digest") == digest]
            sound = [other for other in same if self._is_sound(other, pins)]
            broken = [other for other in same if other not in sound]
            name = current if current in sound else sound[0] if sound else None
        build = name is None
        if name is None and digest is not None:
            name = self._free_name(digest, current)
        others = [other for other in complete if other != name and other not in broken]
        doomed = broken + others[self.params["keep"] :]
        changed = build or name != current or bool(doomed)
        before = self._shown_now()
        versions = {pin: pins[pin].version for pin in sorted(pins)}
        result = {
            "changed": changed,
            "path": self.releases.path(name) if name else None,
            "current": self.releases.link,
            "previous": current if current != name else None,
            "installed": versions,
            "installer": None,
            "compiled": not build and self._is_compiled(t.cast(str, name)),
            "fits": python.path if python and name == current else self._fitting(current),
            "diff": {"before": before, "after": self._shown(versions, version) if changed else before},
        }
        return _Plan(name, build, current, digest, doomed, result)

    def _digest(self, python: Interpreter, pins: dict[str, requirements.Pin]) -> str:
        return hashlib.sha256("\n".join([self.params["dest"], *python, requirements.rendered(pins)]).encode()).hexdigest()

    def _fitting(self, current: str | None) -> str | None:
        """The interpreter with which the current release would be right as it is, whether or not that is there at the moment."""
        marker = (self.releases.marker(current) if current else None) or {}
        site_packages = requirements.site_packages_of(self.releases.link)
        if site_packages is None or not (marker.get("python") and marker.get("version")):
            return None
        made_with = Interpreter(marker["python"], marker["version"])
        try:
            pins = requirements.parse_lock(self.params["lock"], requirements.marker_environment(made_with.version))
        except Problem:
            return None
        same = self._digest(made_with, pins) == marker.get("digest") and requirements.equals(pins, requirements.installed(site_packages))
        return made_with.path if same else None

    def _is_sound(self, name: str, pins: dict[str, requirements.Pin]) -> bool:
        """Whether a complete release still has its interpreter and exactly the pinned distributions."""
        path = self.releases.path(name)
        site_packages = requirements.site_packages_of(path)
        return (
            site_packages is not None
            and os.path.exists(os.path.join(path, "bin", "python"))
            and requirements.equals(pins, requirements.installed(site_packages))
        )

    def _free_name(self, digest: str, current: str | None) -> str:
        """A folder name for a new release. One that is in use is never written into; what is merely unfinished was or will be swept."""
        name, number = digest[:12], 1
        while name == current or self.releases.marker(name) is not None:
            number += 1
            name = "%s-%d" % (digest[:12], number)
        return name

    def _sweep_unfinished(self) -> None:
        complete, current = self.releases.complete(), self.releases.current()
        if os.path.isdir(self.releases.folder):
            for name in os.listdir(self.releases.folder):
                if _OURS.match(name) and name not in complete and name != current:
                    remove(self.releases.path(name))

    def _build(
        self, plan: _Plan, python: Interpreter, pins: dict[str, requirements.Pin], uv_pin: requirements.Pin | None, sources: Sources, runner: Runner
    ) -> str:
        """Make the release of a plan; returns the installer used. What can't be finished is removed again."""
        path = self.releases.path(t.cast(str, plan.name))
        make_folder(self.releases.folder)
        need_space(self.releases.folder, _expected_bytes(pins, sources), "The stack")
        uv = self._uv(uv_pin, sources, runner, python.path)
        try:
            make_environment(runner, python.path, path, sources)
            lock = os.path.join(path, LOCK)
            write_atomic(lock, requirements.rendered(pins))
            if uv:
                make_folder(self.tools)
                sync_with_uv(runner, uv, path, lock, sources, self.cache)
                os.chmod(self.cache, 0o700)  # uv makes files in it that everybody may write
            else:
                install_with_pip(runner, python.path, path, lock, sources)
            found = requirements.installed(t.cast(str, requirements.site_packages_of(path)))
            if not requirements.equals(pins, found):
                raise Problem(
                    "%s ended well, but what it installed differs from the lock: %s. Report this with the lock."
                    % ("uv" if uv else "pip", json.dumps(requirements.compare(pins, found)))
                )
            if self.params["compile"] == "foreground":
                self._compile_now(path, runner)
        except BaseException:
            remove(path)
            raise
        self.releases.mark(path, {"digest": plan.digest, "python": python.path, "version": python.version})
        return "uv" if uv else "pip"

    def _uv(self, pin: requirements.Pin | None, sources: Sources, runner: Runner, python: str) -> str | None:
        """The path of a uv that runs, or None when pip has to do."""
        if self.params["installer"] == "pip" or not (self.params["uv"] or pin):
            return None
        path = self.params["uv"] or os.path.join(self.tools, "uv-%s" % t.cast(requirements.Pin, pin).version)
        try:
            if not self.params["uv"] and not os.path.exists(path):
                for name in os.listdir(self.tools) if os.path.isdir(self.tools) else []:
                    if name != os.path.basename(self.cache):
                        remove(os.path.join(self.tools, name))
                if not (sources.offline or sources.index_url):
                    sources = sources._replace(index_url=default_index(runner, python, sources))
                fetch_uv(sources, t.cast(requirements.Pin, pin), path)
            status, output = runner.run([path, "--version"], sources.base_environment(), "uv")
            if status:
                raise Problem("%s does not run here: %s" % (path, output.strip()[-300:]))
        except Problem as problem:
            if self.params["installer"] == "uv" or self.params["uv"]:
                raise
            self.warn("pip installs, which takes longer, because uv was not available. %s" % problem)
            return None
        return path

    def _is_compiled(self, name: str) -> bool:
        """Whether nothing is to be done for the byte code of a release, which may still be in the making."""
        if self.params["compile"] == "none" or os.path.exists(os.path.join(self.releases.path(name), COMPILED)):
            return True
        return os.path.isdir("/run/systemd/system") and _quietly(["systemctl", "is-active", "--quiet", _compile_unit(name)])

    def _compile(self, name: str, runner: Runner) -> None:
        """See to it that the byte code of a release is, or soon will be, there. An interrupted compilation starts again."""
        path = self.releases.path(name)
        if self.params["compile"] == "none" or os.path.exists(os.path.join(path, COMPILED)):
            return
        if self.params["compile"] == "background" and self._compile_later(name):
            return
        self._compile_now(path, runner)

    def _compile_now(self, path: str, runner: Runner) -> None:
        # Some distributions carry templates that are no Python; they make compileall fail, and do no harm.
        runner.run(_compile_command(path), {"LC_ALL": "C.UTF-8"}, "Byte-compiling")
        write_atomic(os.path.join(path, COMPILED), "")

    def _compile_later(self, name: str) -> bool:
        """Start a systemd unit that compiles when nothing else wants the processor; False when systemd can't be had."""
        if os.geteuid() != 0 or not os.path.isdir("/run/systemd/system") or shutil.which("systemd-run", path=commands.PATH) is None:
            return False
        path = self.releases.path(name)
        unit = _compile_unit(name)
        argv = ["systemd-run", "--quiet", "--collect", "--no-ask-password", "--unit=" + unit, "--description=Byte-compile " + path]
        argv += ["--property=" + item for item in ("Nice=19", "CPUSchedulingPolicy=idle", "IOSchedulingClass=idle")]
        argv += ["/bin/sh", "-c", '"$@"; : > "$0"', os.path.join(path, COMPILED)] + _compile_command(path)
        return _quietly(argv) or _quietly(["systemctl", "is-active", "--quiet", unit])

    def _stop_compiling(self, name: str) -> None:
        if os.path.isdir("/run/systemd/system") and not os.path.exists(os.path.join(self.releases.path(name), COMPILED)):
            _quietly(["systemctl", "stop", _compile_unit(name)])

    def _shown_now(self) -> str:
        """The current environment as a diff shows it."""
        site_packages = requirements.site_packages_of(self.releases.link)
        if site_packages is None:
            return ""
        version = ""
        with contextlib.suppress(OSError), open(os.path.join(self.releases.link, "pyvenv.cfg"), encoding="utf-8") as file:
            match = re.search(r"^version\s*=\s*(\S+)", file.read(), re.M)
            version = match.group(1) if match else ""
        return self._shown(requirements.installed(site_packages), version)

    @staticmethod
    def _shown(versions: dict[str, str], python: str) -> str:
        return "".join("%s %s\n" % item for item in [("python", python)] + sorted(versions.items()))


def _compile_command(path: str) -> list[str]:
    return [os.path.join(path, "bin", "python"), "-I", "-m", "compileall", "-q", "-j", "0", t.cast(str, requirements.site_packages_of(path))]


def _compile_unit(name: str) -> str:
    return "sparkflows-compile-%s.service" % name


def _quietly(argv: list[str]) -> bool:
    """Whether a command succeeds."""
    try:
        return commands.run(argv)[0] == 0
    except (OSError, commands.TooSlow):
        return False


def _expected_bytes(pins: dict[str, requirements.Pin], sources: Sources) -> int:
    """About how much space the distributions will take: told by the wheels in local folders, assumed for the others."""
    sizes: dict[str, int] = {}
    for folder in sources.local_folders():
        for name in os.listdir(folder):
            parts = name.split("-")
            project = requirements.normalized(parts[0])
            if name.endswith(".whl") and project in pins and requirements.canonical(parts[1]) == requirements.canonical(pins[project].version):
                sizes[project] = os.path.getsize(os.path.join(folder, name))
    return int(sum(sizes.values()) * _WHEEL_RATIO) + (len(pins) - len(sizes)) * _TYPICAL_PIN_BYTES
