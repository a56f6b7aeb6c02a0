# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environments with each ansible-core that the collection is checked on, and the Pythons that they run on."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.common import ROOT, TestbedError, alone, cache, run

BIN = Path(sys.executable).parent
# Written by `make setup` out of pip's configuration, so that uv asks the same index.
UV_CONFIG = BIN.parent / "uv.toml"
# Each core: its lock, and the Python versions that it runs on, best first. The tooling's own is in .venv.
CORES = {
    "2.16": ("core-2.16", ("3.11", "3.12", "3.10")),
    "2.18": ("core-2.18", ("3.11", "3.12", "3.13")),
    "2.19": ("tooling", ("3.11", "3.12", "3.13")),
    "2.21": ("core-newest", ("3.12", "3.13", "3.14")),
}


def tools_are_locked(lock: Path = ROOT / "requirements" / "tooling.txt", venv: Path = BIN.parent) -> bool:
    """Return whether the tools were installed from the lock as it is now: `make setup` leaves the lock's digest when it is done."""
    stamp = venv / "tooling.sha256"
    return stamp.is_file() and stamp.read_text().split()[:1] == [hashlib.sha256(lock.read_bytes()).hexdigest()]


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one ansible-core: its folder, and the version of its Python, as 3.11."""

    folder: Path
    python: str

    @property
    def bin(self) -> Path:
        return self.folder / "bin"


def python_for(versions: Sequence[str]) -> tuple[str, str]:
    """Return the first of *versions* that a Python on this machine has, with its path; where none has, uv is asked to fetch one.

    Raises TestbedError when no such Python is to be had.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in versions:
        # A version manager's stand-in on PATH may lead nowhere, so each candidate has to run.
        for candidate in (f"python{version}", *sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")))):
            if python := runs(candidate):
                return version, python
    subprocess.run([BIN / "uv", "python", "install", "--quiet", "--no-bin", versions[0]], capture_output=True, check=False)
    fetched = subprocess.run([BIN / "uv", "python", "find", "--managed-python", versions[0]], capture_output=True, text=True, check=False)
    if fetched.returncode == 0:
        return versions[0], fetched.stdout.strip()
    raise TestbedError(f"No Python {' or '.join(versions)} was found; install one, for example with `uv python install {versions[0]}`.")


def runs(candidate: str) -> str | None:
    """Return the path of the interpreter that *candidate* starts, None when it starts none."""
    try:
        done = subprocess.run([candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def synchronized(name: str, python: str, locks: Sequence[Path], extra: Sequence[object] = ()) -> Path:
    """Make the virtual environment CACHE/venvs/NAME equal the locks and return its folder; raises TestbedError."""
    for lock in locks:
        if not lock.is_file():
            raise TestbedError(f"The lock {lock} is missing.")
    venv = cache() / "venvs" / name
    settings = {"UV_CONFIG_FILE": str(UV_CONFIG)} if UV_CONFIG.exists() else {}
    with alone(f"venv-{name}"):
        if not (venv / "bin" / "python").exists():
            run([BIN / "uv", "venv", "--quiet", "--no-project", "--clear", "--python", python, venv], what=f"Making {venv}", env=settings)
        command = [BIN / "uv", "pip", "sync", "--quiet", "--require-hashes", "--python", venv / "bin" / "python", *extra, *locks]
        run(command, what=f"Installing {', '.join(lock.name for lock in locks)}", env=settings)
    return venv


def environment(core: str) -> Environment:
    """Return an environment with an ansible-core of CORES; raises TestbedError when its Python or packages are not to be had."""
    lock, versions = CORES[core]
    if lock == "tooling":
        return Environment(BIN.parent, f"{sys.version_info.major}.{sys.version_info.minor}")
    version, python = python_for(versions)
    return Environment(synchronized(lock, python, [ROOT / "requirements" / f"{lock}.txt"]), version)
