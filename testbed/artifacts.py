# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that hosts install from: JDK, CPython 3.7 and wheelhouse, with one file that says where each lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from testbed import jdk, python37, wheelhouse
from testbed.common import TestbedError, alone, cache, read_json, write_json

# How hosts of a testbed reach the folder, which a container of this name serves on their network.
MIRROR = "http://mirror"


def folder() -> Path:
    """Return the folder of the artifacts."""
    return cache() / "artifacts"


def make() -> dict[str, dict[str, Any]]:
    """Make or check every artifact and write artifacts.json."""
    with alone("artifacts"):
        return make_in(folder())


def make_in(place: Path) -> dict[str, dict[str, Any]]:
    """Make or check every artifact in a folder that nobody else works on."""
    place.mkdir(parents=True, exist_ok=True)
    index: dict[str, dict[str, Any]] = {}
    for name, part in (("jdk", jdk.artifact(place)), ("python", python37.artifact(place))):
        index[name] = {**part, "file": str(place / part["file"]), "url": f"{MIRROR}/{part['file']}"}
        # Each is announced as soon as it is there: whoever waits for one need not wait for all.
        write_json(place / "artifacts.json", {**read_json(place / "artifacts.json"), **index})
    house = wheelhouse.artifact(place, interpreter())
    index["wheelhouse"] = {**house, "url": f"{MIRROR}/wheelhouse/"}
    write_json(place / "artifacts.json", index)
    return index


def interpreter() -> Path:
    """Return a CPython 3.7 that runs on this machine, from the archive.

    Raises TestbedError when the archive has not been made yet.
    """
    known = read_json(folder() / "python.json")
    if not known:
        raise TestbedError("The CPython 3.7 archive is not there yet; run `python -m testbed artifacts` first.")
    return python37.unpacked(folder(), known)
