# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CPython 3.7 archive: python-build-standalone's where it can be reached, else an existing 3.7 tree made portable."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from testbed import debian, elf
from testbed.common import TestbedError, cache, digest, download, pack, read_json, run, say, scratch, sha256, step, succeeds, write_json

# The last 3.7 build of python-build-standalone; its tree lies below python/install.
PUBLISHED_RELEASE = "3.7.9"
PUBLISHED_NAME = "cpython-3.7.9-x86_64-unknown-linux-gnu-pgo-20200823T0036.tar.zst"
PUBLISHED_URL = f"https://github.com/astral-sh/python-build-standalone/releases/download/20200822/{PUBLISHED_NAME}"
PUBLISHED_SHA256 = "c6d6256d13e929e77e7ee6e53470fe63ad19d173fee6d56bb1b2dbda67081543"

ASK = "import platform, sys; print(sys.base_prefix); print(platform.python_version())"
PROOF = "import bz2, ctypes, lzma, readline, sqlite3, ssl, zlib; print(ssl.OPENSSL_VERSION)"
# Left out: what tests and graphical programs need, and modules whose libraries would drag in half a desktop.
UNWANTED_FOLDERS = {"__pycache__", "site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3"}
UNWANTED_MODULES = ("_tkinter", "nis", "_test", "xxlimited")
# Parts of the C library, which must be the host's own.
C_LIBRARY = ("ld-linux", "libc.so", "libdl.so", "libm.so", "libpthread.so", "librt.so", "libutil.so", "libresolv.so", "libnsl.so", "libcrypt.so")


def candidates() -> list[Path]:
    """Return the interpreters that may be a CPython 3.7, the one named by TESTBED_PYTHON37 first and alone."""
    chosen = os.environ.get("TESTBED_PYTHON37")
    if chosen:
        return [Path(chosen)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(pyenv.glob("3.7.*/bin/python3.7"), key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdigit()])
    on_path = [Path(folder) / "python3.7" for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return [*reversed(found), *on_path]


def find() -> tuple[Path, str]:
    """Return (prefix, version) of a CPython 3.7 on this machine.

    Raises TestbedError, naming the ways out, when there is none.
    """
    for path in candidates():
        if path.is_file() and succeeds([path, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 7))"]):
            prefix, version = run([path, "-c", ASK], what=f"Asking {path} for its place").split()
            if (Path(prefix) / "bin" / "python3.7").is_file():
                return Path(prefix), version
    raise TestbedError(
        "No CPython 3.7 can be had: the published archive is out of reach and none is installed here. Ways out: allow "
        f"{PUBLISHED_URL} (or put that file into {cache() / 'artifacts'}), install one with pyenv (`pyenv install 3.7.17`), "
        "or set TESTBED_PYTHON37 to the interpreter of an existing one."
    )


def copy(prefix: Path, tree: Path) -> None:
    """Copy the parts of an installation that a virtual environment needs."""

    def unwanted(folder: str, names: list[str]) -> set[str]:
        return {
            name
            for name in names
            if name in UNWANTED_FOLDERS or name.endswith((".a", ".pyc")) or (folder.endswith("lib-dynload") and name.startswith(UNWANTED_MODULES))
        }

    (tree / "bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / "python3.7", tree / "bin" / "python3.7")
    (tree / "bin" / "python3").symlink_to("python3.7")
    shutil.copytree(prefix / "lib" / "python3.7", tree / "lib" / "python3.7", symlinks=True, ignore=unwanted)
    (tree / "lib" / "python3.7" / "site-packages").mkdir()
    for library in (prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, tree / "lib" / library.name, follow_symlinks=False)
    shutil.copytree(prefix / "include" / "python3.7m", tree / "include" / "python3.7m")
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


def linked(path: Path) -> dict[str, Path]:
    """Return the libraries, by name, that the loader of this machine finds for an ELF file."""
    rows = (line.split() for line in run(["ldd", path], what=f"Listing the libraries of {path.name}").splitlines())
    return {row[0]: Path(row[2]) for row in rows if len(row) > 2 and row[1] == "=>" and row[2].startswith("/")}


def make_portable(tree: Path, prefix: Path) -> None:
    """Put the libraries that its modules need, the C library's apart, into the tree and let them be found there."""
    library = tree / "lib"
    dynload = prefix / "lib" / "python3.7" / "lib-dynload"
    files = list(elf.elf_files(tree))
    for path in files:
        # The original knows where its libraries are; the copy may not.
        original = dynload / path.name if path.parent.name == "lib-dynload" else prefix / path.relative_to(tree)
        for name, place in linked(original).items():
            if not name.startswith(("libpython", *C_LIBRARY)) and not (library / name).exists():
                shutil.copy(place, library / name)
    for path in elf.elf_files(tree):
        elf.set_rpath(path, library)


def artifact(folder: Path) -> dict[str, str]:
    """Return {"release", "root", "file", "sha256"} of the CPython 3.7 archive in *folder*, making it when needed."""
    record = folder / "python.json"
    recipe = digest(platform.machine(), os.environ.get("TESTBED_PYTHON37", ""), Path(elf.__file__).read_bytes(), Path(__file__).read_bytes())
    known = read_json(record)
    keys = ("release", "root", "file", "sha256")
    if known.get("recipe") == recipe and (folder / known["file"]).is_file() and sha256(folder / known["file"]) == known["sha256"]:
        say(f"Python {known['release']}: present, digest checked")
        return {key: known[key] for key in keys}
    published = folder / PUBLISHED_NAME
    if platform.machine() == "x86_64" and not os.environ.get("TESTBED_PYTHON37") and obtain(published):
        made = {"release": PUBLISHED_RELEASE, "root": "python/install", "file": published.name, "sha256": PUBLISHED_SHA256}
    else:
        prefix, version = find()
        name = f"python-{version}-{platform.machine()}.tar.gz"
        with scratch(cache()) as work, step(f"Packing CPython {version} as {name}"):
            copy(prefix, work / "tree")
            make_portable(work / "tree", prefix)
            run([work / "tree/bin/python3.7", "-I", "-c", PROOF], what="Trying the packed CPython 3.7")
            for stray in list((work / "tree").rglob("__pycache__")):
                shutil.rmtree(stray)
            pack(work / "tree", folder / name)
        made = {"release": version, "root": "", "file": name, "sha256": sha256(folder / name)}
    write_json(record, {**made, "recipe": recipe})
    return made


def obtain(published: Path) -> bool:
    """Get the published archive, or accept one that somebody put in its place; False when it is out of reach."""
    if published.is_file() and sha256(published) == PUBLISHED_SHA256:
        return True
    say("Python: asking for python-build-standalone's archive")
    if download(PUBLISHED_URL, published, PUBLISHED_SHA256):
        return True
    say("Python: that archive is out of reach; packing a CPython 3.7 of this machine")
    return False


def unpacked(folder: Path, archive: dict[str, str]) -> Path:
    """Return the interpreter of the archive, unpacked once below the cache for use on this machine."""
    place = cache() / "python" / f"{archive['release']}-{archive['sha256'][:12]}"
    interpreter = place / archive["root"] / "bin" / "python3.7"
    if not interpreter.is_file():
        if archive["file"].endswith(".zst"):
            debian.require_packages({"zstd": "zstd"}, "Unpacking CPython 3.7")
        with scratch(place.parent) as work:
            run(["tar", "-x", "-f", folder / archive["file"], "-C", work], what=f"Unpacking {archive['file']}")
            shutil.rmtree(place, ignore_errors=True)
            work.replace(place)
            work.mkdir()
    return interpreter
