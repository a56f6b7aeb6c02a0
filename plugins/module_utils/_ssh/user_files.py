# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Edits files in folders that other users own, as root and without being led astray.

The folder and the file are reached through file descriptors, links are refused, the folder is locked while the file is changed, and the file is
replaced in one step.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import stat
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_PATIENCE = 30.0


class State(t.NamedTuple):
    """Owner and mode of a file or folder; a missing one has none."""

    owner: str
    mode: int

    def __str__(self) -> str:
        return "is missing" if self == MISSING else "is owned by %s with mode %04o" % (self.owner, self.mode)


MISSING = State("", 0)


class Edit(t.NamedTuple):
    """What an edit did, or in check mode would do. `states` are lines for a diff, before and after, about owners and modes that differ."""

    before: bytes
    after: bytes
    states: tuple[list[str], list[str]]

    @property
    def changed(self) -> bool:
        return self.before != self.after or self.states[0] != self.states[1]


class UserFile:
    """A file below a folder of a user, who need not exist yet: then nothing is there."""

    def __init__(self, user: str, path: str, home: bool = False) -> None:
        """With `home`, the path is relative to the home of the user."""
        self.user = user
        try:
            known = pwd.getpwnam(user)
        except KeyError:
            self.uid, self.gid, place = -1, -1, "~" + user
        else:
            self.uid, self.gid, place = known.pw_uid, known.pw_gid, known.pw_dir
        self.path = os.path.join(place, path) if home else path
        self.folder, self._name = os.path.split(self.path)
        self._scratch = ".%s.sparkflows-mlops" % self._name

    def edit(self, revise: t.Callable[[bytes], bytes], check_mode: bool, create: bool = True, repair: bool = True) -> Edit:
        """Replace the content by what `revise` makes of it.

        Without `create` a missing file stays missing. A new folder gets the mode 0700 and a new file 0600; with `repair` old ones get them, too.
        Raises `Problem` for links, files and folders of strangers, and a lock that somebody holds; `OSError` for what the system refuses.
        """
        if self.uid < 0 and create and not check_mode:
            raise Problem("There is no user %s on this host. Create it, or name another." % self.user)
        folder = self._open(create) if self.uid >= 0 else None
        try:
            folder_before = _state(os.fstat(folder)) if folder is not None else MISSING
            if not check_mode:
                if folder is None and create:
                    folder = self._make()
                if folder is not None:
                    self._lock(folder)
            content, file_before, owner, group = self._read(folder) if folder is not None else (None, MISSING, self.uid, self.gid)
            before = content or b""
            after = revise(before)
            folder_after = State(self.user, 0o700) if create and (repair or folder_before == MISSING) else folder_before
            file_after = State(self.user, 0o600) if create and (repair or file_before == MISSING) else file_before
            if folder is not None and not check_mode:
                if folder_before != folder_after:
                    os.fchown(folder, self.uid, self.gid)
                    os.fchmod(folder, folder_after.mode)
                if (before, file_before) != (after, file_after):
                    kept = file_before == file_after
                    self._write(folder, after, file_after.mode, *((owner, group) if kept else (self.uid, self.gid)))
        finally:
            if folder is not None:
                os.close(folder)
        pairs = ((self.folder, folder_before, folder_after), (self.path, file_before, file_after))
        differing = [(path, old, new) for path, old, new in pairs if old != new]
        states = ["%s %s" % (path, old) for path, old, dummy in differing], ["%s %s" % (path, new) for path, dummy, new in differing]
        return Edit(before, after, states)

    def _open(self, needed: bool = True) -> int | None:
        """A descriptor of the folder, None when it is missing; the folder above must be there when it is `needed`."""
        if not needed and not os.path.isdir(os.path.dirname(self.folder)):
            return None
        above = self._open_above()
        try:
            descriptor = os.open(os.path.basename(self.folder), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            raise Problem("%s is a symbolic link or no folder. Replace it by a folder that %s owns." % (self.folder, self.user)) from None
        finally:
            os.close(above)
        self._refuse_strangers(self.folder, os.fstat(descriptor))
        return descriptor

    def _open_above(self) -> int:
        above = os.path.dirname(self.folder)
        try:
            return os.open(above, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            raise Problem("The folder %s, in which %s would be, is not there. Create it, or choose another place." % (above, self.folder)) from None

    def _make(self) -> int:
        above = self._open_above()
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.basename(self.folder), 0o700, dir_fd=above)
        finally:
            os.close(above)
        descriptor = self._open()
        if descriptor is None:
            raise Problem("%s was removed while it was in use. Try again." % self.folder)
        return descriptor

    def _lock(self, folder: int) -> None:
        """Hold the folder for one writer at a time, until its descriptor is closed."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Problem(
                        "%s has been locked by somebody else for %d seconds. See by whom with 'fuser %s'." % (self.folder, _PATIENCE, self.folder)
                    ) from None
                time.sleep(0.1)

    def _read(self, folder: int) -> tuple[bytes | None, State, int, int]:
        """Content of the file, None when it is missing, its state, and the ids of its owner and group."""
        try:
            descriptor = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            return None, MISSING, self.uid, self.gid
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise Problem("%s is a symbolic link. Replace it by a file that %s owns." % (self.path, self.user)) from None
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Problem("%s is not a file. Move it away." % self.path)
            self._refuse_strangers(self.path, status)
            if status.st_nlink > 1:
                # Else the user could have root copy a file that is not his.
                raise Problem("%s has a second name elsewhere (a hard link). Replace it by a copy." % self.path)
            return file.read(), _state(status), status.st_uid, status.st_gid

    def _write(self, folder: int, content: bytes, mode: int, uid: int, gid: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # left by a run that was killed
            os.unlink(self._scratch, dir_fd=folder)
        descriptor = os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.rename(self._scratch, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._scratch, dir_fd=folder)
            raise

    def _refuse_strangers(self, path: str, status: os.stat_result) -> None:
        if status.st_uid not in (0, self.uid):
            raise Problem("%s is owned by %s, but only %s or root may own it. Look at how it came there." % (path, _user_name(status.st_uid), self.user))


def _state(status: os.stat_result) -> State:
    return State(_user_name(status.st_uid), stat.S_IMODE(status.st_mode))


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
