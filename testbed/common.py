# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of the testbed share: where things lie, running programs, digests, atomic writes, progress."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "roles" / "pip_stack" / "files" / "locks"
STARTED = time.monotonic()


class TestbedError(Exception):
    """A step that cannot be done; the message is a sentence for the person at the terminal."""

    __test__ = False


def cache() -> Path:
    """Return the folder that holds all downloads, archives and host states."""
    chosen = os.environ.get("SPARKFLOWS_MLOPS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "sparkflows-mlops"


def prepare_cache() -> Path:
    """Make the cache and mark it as one, so that backups skip it and `clean` knows that it may go."""
    place = cache()
    tag = place / "CACHEDIR.TAG"
    if not tag.exists():
        write(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# See https://bford.info/cachedir/\n")
    return place


@contextlib.contextmanager
def alone(part: str) -> Iterator[None]:
    """Let one run at a time work on a part of the cache; others wait."""
    with (prepare_cache() / f".{part}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"Waiting for another run that works on the {part}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Print one progress line, with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a long step, and say how long it took once it is done."""
    say(f"{text} …")
    begun = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - begun:.1f} s")


def run(
    argv: Sequence[object],
    *,
    what: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program, whose words may be paths too, and return what it wrote to its standard output.

    Raises TestbedError, beginning with *what* and ending with the program's last words, when it is missing or fails.
    """
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            env={**os.environ, **env} if env else None,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise TestbedError(f"{what} failed: the program {argv[0]} is not installed.") from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"{what} failed: no result within {timeout:.0f} s.") from error
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise TestbedError(f"{what} failed (exit code {done.returncode}): " + "\n  ".join(words[-12:] or ["no output"]))
    return done.stdout.decode(errors="replace")


def succeeds(argv: Sequence[object], timeout: float = 20) -> bool:
    """Tell whether a program exists and ends with success in time."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.run([str(word) for word in argv], stdin=quiet, stdout=quiet, stderr=quiet, timeout=timeout, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*parts: str | bytes) -> str:
    """Return one hexadecimal digest over texts; used to notice that the inputs of a step have changed."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def write_json(path: Path, value: object) -> None:
    """Write a value as readable JSON, atomically."""
    write(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, or an empty one when the file is missing or damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


@contextlib.contextmanager
def scratch(near: Path) -> Iterator[Path]:
    """Give a temporary folder on the file system of *near*, so that results can be renamed into place."""
    near.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=near))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def download(url: str, target: Path, expected: str, patience: float = 5) -> bool:
    """Fetch a published file into *target* and check its digest.

    Returns False when the server cannot be reached within *patience* seconds; raises TestbedError when the bytes are
    not the expected ones.
    """
    try:
        with scratch(target.parent) as folder, urllib.request.urlopen(url, timeout=patience) as answer:
            part = folder / target.name
            with part.open("wb") as file:
                shutil.copyfileobj(answer, file, 1 << 20)
            found = sha256(part)
            if found != expected:
                raise TestbedError(f"The bytes of {url} have the digest {found}, expected {expected}; nothing was kept.")
            part.replace(target)
    except OSError:
        return False
    return True


def pack(tree: Path, target: Path, top: str = "") -> None:
    """Pack a folder as a .tar.gz whose bytes depend on nothing but the names, modes and contents in it.

    With *top* everything lies below one folder of that name. The archive appears under its name only when complete.
    """

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = 0
        member.mode |= 0o644 if member.isfile() else 0o755
        return member

    with scratch(target.parent) as folder:
        part = folder / target.name
        names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*"))
        # The header of a gzip stream would carry a name and a time of its own.
        with (
            part.open("wb") as file,
            gzip.GzipFile("", "wb", 6, file, 0) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as archive,
        ):
            for name in names:
                archive.add(tree / name, arcname=f"{top}/{name}" if top else name, recursive=False, filter=plain)
        part.replace(target)
