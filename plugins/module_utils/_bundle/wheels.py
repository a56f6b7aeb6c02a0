# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Every wheel that some locks name, with wheels of source distributions built once, and locks that admit those builds."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.archive import EPOCH
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.installers import Runner, explained
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.requirements import normalized
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import Sources

#: The lock of the installer: a program, whose wheel asks for a newer Python than the one that only carries it.
UV = "uv"
# Wheels hold the times of the files in them; a fixed one makes two builds of the same source equal.
# wrapt's extension is optional, and one built here might not load with an older C library.
_BUILD_ENVIRONMENT = {"SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONHASHSEED": "0", "WRAPT_INSTALL_EXTENSIONS": "false"}


class Maker:
    """Fills a folder with wheels.

    :param runner: runs pip, with a limit of time.
    :param python: an interpreter of the version that the locks are made for, which runs on this machine.
    :param sources: where distributions come from.
    :param scratch: a folder for what is removed afterwards, with the one that is filled in it.
    :param telling: tells of a long step: given what is done and the folder that it fills, it is held while the step goes on.
    """

    def __init__(self, runner: Runner, python: str, sources: Sources, scratch: str, telling: t.Callable[[str, str], t.ContextManager[None]]) -> None:
        self._runner, self._python, self._sources, self._scratch, self._telling = runner, python, sources, scratch, telling

    def prepare(self, build_lock: str) -> None:
        """Make the environment that downloads and builds, out of the lock of pip, setuptools and wheel; without an index, of what Python itself brings."""
        own = [self._python, "-m", "pip", "--version"]
        if self._sources.offline and not self._runner.run(own, self._sources.for_pip(), "Looking for pip")[0]:
            return
        place = os.path.join(self._scratch, "tool")
        with self._telling("Preparing what builds wheels", self._scratch):
            status, output = self._runner.run([self._python, "-m", "venv", place], self._sources.base_environment(), "Making the environment for builds")
            if status:
                raise Problem("The environment that builds wheels could not be made: %s" % output.strip()[-300:])
            python = os.path.join(place, "bin", "python")
            if not self._sources.offline:
                self._pip([python, "install", "--require-hashes", "-r", self._written("build", build_lock)])
        self._python = python

    def fill(self, dest: str, locks: t.Mapping[str, str]) -> dict[str, str]:
        """Put the wheels that the locks name into a folder, and return the locks, which admit what was built here."""
        for name, text in locks.items():
            options = ["--ignore-requires-python"] if name == UV else []
            with self._telling("Downloading what the lock %s names" % name, self._scratch):
                self._pip([self._python, "download", "--require-hashes", "--no-deps", "--dest", dest, *options, "-r", self._written(name, text)])
        built = {}
        for name in sorted(os.listdir(dest)):
            if not name.endswith(".whl"):
                wheel = self._built(os.path.join(dest, name), dest)
                built[normalized(os.path.basename(wheel).split("-")[0])] = "sha256:" + digest_of(wheel)
        return {name: with_hashes(text, built) for name, text in locks.items()}

    def _built(self, source: str, dest: str) -> str:
        """The wheel of a source distribution, which takes its place."""
        name = os.path.basename(source)
        place = os.path.join(self._scratch, "built-" + name)
        with self._telling("Building a wheel of %s" % name, self._scratch):
            command = [self._python, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", place, source]
            self._pip(command, _BUILD_ENVIRONMENT)
        (wheel,) = os.listdir(place)
        target = os.path.join(dest, wheel)
        os.replace(os.path.join(place, wheel), target)
        os.unlink(source)
        return target

    def _pip(self, command: list[str], environment: t.Mapping[str, str] | None = None) -> None:
        python, *words = command
        argv = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
        status, output = self._runner.run(argv, {**self._sources.for_pip(), "TMPDIR": self._scratch, **(environment or {})}, "pip")
        if status:
            raise Problem(explained(output, "pip", self._sources, self._scratch))

    def _written(self, name: str, text: str) -> str:
        path = os.path.join(self._scratch, name + ".txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def with_hashes(text: str, added: t.Mapping[str, str]) -> str:
    """A lock in which each named distribution (by normalized name) admits one more hash, like sha256:…"""
    lines = []
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", line)
        extra = added.get(normalized(match.group(1))) if match else None
        # Its hashes follow on the same line, or on those that a backslash joins to it.
        hashes = re.search(r"\s(?:--hash|\\)", line)
        lines.append(line[: hashes.start()] + " --hash=" + extra + line[hashes.start() :] if extra and hashes and extra not in text else line)
    return "\n".join(lines) + "\n"
