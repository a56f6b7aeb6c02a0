# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Atomic writes, and the folder layout `releases/<name>` with a `current` link that is switched in one step."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

MARKER = ".release.json"
_SCRATCH = ".tmp-"
#: How many characters mkstemp(3) of Python adds.
_RANDOM = 8
_LOCK = ".lock"
#: Folders in which several roles have something. The first holds prefixes; who removes the last thing in one of them takes it along.
SHARED = ("/opt/sparkflows", "/etc/sparkflows-mlops", "/var/lib/sparkflows-mlops")
# Seconds that rm may take over a tree.
_REMOVAL_SECONDS = 600


def digest_of(path: str) -> str:
    """The SHA-256 of a file, in lower-case hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def make_folder(path: str) -> None:
    """Make a folder and its missing parents readable for everybody, whatever the umask."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise Problem("%s is not a folder, but one is needed there. Move it away or choose another path." % folder) from None
            continue
        os.chmod(folder, 0o755)


def write_atomic(path: str, text: str, mode: int = 0o644, owner: tuple[int, int] | None = None, encoding: str = "utf-8") -> None:
    """Write a file so that a reader sees the old or the new text, never a part of it; `owner` is a uid and a gid."""
    prefix = "%s%s-" % (_SCRATCH, os.path.basename(path))
    _sweep_scratch(os.path.dirname(path), prefix)
    descriptor, scratch = tempfile.mkstemp(prefix=prefix, dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "w", encoding=encoding, newline="") as file:
            # Says to others that somebody is at it; the lock goes with who holds it.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(text)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _sweep_scratch(folder: str, prefix: str) -> None:
    """Remove what writers of the same file left that were killed."""
    for name in os.listdir(folder or "."):
        if name.startswith(prefix) and len(name) == len(prefix) + _RANDOM:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError), open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)


def as_written(path: str, mode: int = 0o644) -> bool:
    """Whether a file belongs to whom this process runs as and to its group, and is open to others as `mode` says; `write_atomic` makes it so."""
    status = os.lstat(path)
    return (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (os.geteuid(), os.getegid(), mode)


def link_atomic(target: str, path: str) -> None:
    """Point a symbolic link to a target; whoever follows it finds the old or the new one, never nothing."""
    folder = tempfile.mkdtemp(prefix=_SCRATCH, dir=os.path.dirname(path))
    try:
        scratch = os.path.join(folder, "link")
        os.symlink(target, scratch)
        os.replace(scratch, path)
    finally:
        shutil.rmtree(folder)


def moved(folder: str, target: str) -> bool:
    """Rename a folder on one file system; False where that can't be done because an overlay has it from a layer below (EXDEV)."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def remove(path: str) -> None:
    """Remove a file, link or tree. A tree is renamed first, so a half removed one cannot pass for a whole one."""
    if os.path.islink(path) or not os.path.isdir(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    doomed = path
    if not os.path.basename(path).startswith(_SCRATCH):
        doomed = tempfile.mkdtemp(prefix=_SCRATCH, dir=os.path.dirname(path))
        if not moved(path, doomed):
            os.rmdir(doomed)
            doomed = path
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(path, MARKER))
    try:
        shutil.rmtree(doomed)
    except (OSError, RecursionError):
        # A tree that is nested deeper than Python can follow, or than it may open folders; rm can.
        with contextlib.suppress(commands.TooSlow):
            commands.run(["rm", "-rf", "--", doomed], timeout=_REMOVAL_SECONDS)
        if os.path.lexists(doomed):
            raise


def remove_empty(*folders: str) -> None:
    """Remove those of the folders that are there with nothing in them."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _is_empty(folder: str) -> bool:
    return os.path.isdir(folder) and not os.path.islink(folder) and not os.listdir(folder)


def free_bytes(path: str) -> int:
    """Free space in bytes on the file system that holds a path, which need not exist yet."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


#: What helps where a file system has space but can't hold more files.
OUT_OF_INODES = "`df -i` shows it; remove small files that nobody needs, or choose another path."


def free_inodes(path: str) -> int | None:
    """How many more files a file system can hold; None where that is not limited. The path need not exist yet."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    system = os.statvfs(path)
    return system.f_favail if system.f_files else None


def megabytes(size: int) -> str:
    """A size in megabytes of 1000000 bytes, rounded up, as what is needed should be."""
    return "%d MB" % max(1, -(-size // 1000000))


def need_space(path: str, needed: int, what: str) -> None:
    """Raise a `Problem` unless `needed` bytes, and a file at all, fit where `path` is or will be."""
    free = free_bytes(path)
    if free < needed:
        # Rounded down, so that it never reads as if there were enough.
        raise Problem(
            "%s needs about %s below %s, but only %d MB are free there. Free some space or choose another path."
            % (what, megabytes(needed), path, free // 1000000)
        )
    if free_inodes(path) == 0:
        raise Problem("%s needs new files below %s, but the file system there has no inodes left. %s" % (what, path, OUT_OF_INODES))


class Releases:
    """The folder `dest` with its `releases/<name>` folders and the link `current`.

    A release is complete once its marker file (JSON, written last) is there.
    """

    def __init__(self, dest: str) -> None:
        self.dest = dest
        self.folder = os.path.join(dest, "releases")
        self.link = os.path.join(dest, "current")

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def target(self) -> str | None:
        """What the link says, or None without a link."""
        try:
            return os.readlink(self.link)
        except FileNotFoundError:
            return None
        except OSError:
            raise Problem("%s is not a symbolic link, so it can't be switched. Move it away or choose another path." % self.link) from None

    def current(self) -> str | None:
        """The release that the link points to, or None when it points to none or elsewhere."""
        target = self.target()
        if target is None:
            return None
        folder, name = os.path.split(os.path.normpath(os.path.join(self.dest, target)))
        return name if folder == self.folder else None

    def marker(self, name: str) -> dict[str, t.Any] | None:
        """What the marker of a release says, or None when the release is missing or incomplete."""
        try:
            with open(os.path.join(self.path(name), MARKER), encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def complete(self) -> list[str]:
        """The names of the complete releases, the one used last first."""
        times = {}
        for name in self._names():
            with contextlib.suppress(OSError):
                times[name] = os.stat(os.path.join(self.path(name), MARKER)).st_mtime_ns
        return sorted(times, key=lambda name: (-times[name], name))

    def surplus(self, current: str | None, keep: int) -> list[str]:
        """The complete releases beyond the `keep` that were used last besides the current one."""
        return [name for name in self.complete() if name != current][keep:]

    def mark(self, folder: str, facts: dict[str, t.Any]) -> None:
        """Declare a release folder complete."""
        write_atomic(os.path.join(folder, MARKER), json.dumps(facts, indent=2, sort_keys=True) + "\n")

    def switch(self, target: str) -> None:
        """Point the link to `target`, a release's relative path or an absolute one."""
        link_atomic(target, self.link)
        with contextlib.suppress(OSError):
            os.utime(os.path.join(self.dest, target, MARKER))

    def scratch(self) -> str:
        """A new folder next to the releases that the next run clears away if this one can't."""
        make_folder(self.folder)
        return tempfile.mkdtemp(prefix=_SCRATCH, dir=self.folder)

    def sweep(self) -> None:
        """Remove what an interrupted run left behind."""
        for folder in (self.dest, self.folder):
            for name in _listed(folder):
                if name.startswith(_SCRATCH):
                    remove(os.path.join(folder, name))

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[int]:
        """Hold the folder for one run at a time; a second one waits.

        Yields the file descriptor of the lock: a child that inherits it holds the folder as long as it lives.
        """
        make_folder(self.dest)
        with open(os.path.join(self.dest, _LOCK), "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()

    def removable(self) -> list[str]:
        """The paths that `remove_all` would remove: also what one left behind that was cut short."""
        self.target()
        rest = [os.path.join(self.dest, name) for name in _listed(self.dest) if name == _LOCK or name.startswith(_SCRATCH)]
        return [path for path in (self.link, self.folder) if os.path.lexists(path)] + rest + [path for path in (self.dest, *self._shared()) if _is_empty(path)]

    def remove_all(self, *others: str) -> None:
        """Remove the link, the releases, `others`, and the folder itself when nothing else is in it; then shared folders, likewise."""
        self.sweep()
        for path in (self.link, self.folder) + others:
            remove(path)
        remove(os.path.join(self.dest, _LOCK))
        remove_empty(self.dest, *self._shared())

    def _shared(self) -> tuple[str, ...]:
        """The folders that go with the last of those who share them; none while others are there, as these may need them again."""
        if os.path.dirname(self.dest) != SHARED[0] or any(name != os.path.basename(self.dest) for name in _listed(SHARED[0])):
            return ()
        return SHARED

    def _names(self) -> list[str]:
        return [name for name in _listed(self.folder) if not name.startswith(".")]


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
