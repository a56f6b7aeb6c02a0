# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Makes a file hold a private key: readable for its owner alone, replaced in one step, in a folder that others cannot use."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import stat
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import fingerprint, parse_public_key

#: What a host is told of a key: where it belongs, and, with C(present), the key and its public half.
ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "dest": {"type": "path", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "content": {"type": "str", "no_log": True},
    "public_key": {"type": "str"},
}
_SCRATCH = ".tmp-"
_MOST_BYTES = 64 * 1024


class _State(t.NamedTuple):
    """A file as it is, or is to be."""

    content: bytes
    mode: int
    uid: t.Optional[int]
    gid: t.Optional[int]


class KeyFile:
    """The file ``dest``.

    ``owner`` and ``group`` are names or numbers. In check mode names that do not exist yet stand for accounts that an earlier task would have made.
    """

    def __init__(self, dest: str, owner: t.Optional[str], group: t.Optional[str], check_mode: bool) -> None:
        self.dest = dest
        self.folder, self.name = os.path.split(dest)
        self.check_mode = check_mode
        if not os.path.isabs(dest) or not self.name or os.path.normpath(dest) != dest:
            raise Problem("dest is %s; give the whole path of a file, beginning with a slash and without '..' or a slash at its end." % dest)
        self.uid = self._id(owner, "owner", lambda name: pwd.getpwnam(name).pw_uid, os.geteuid())
        primary = None if self.uid is None else _primary_group(self.uid)
        self.gid = self._id(group, "group", lambda name: grp.getgrnam(name).gr_gid, primary)

    def _id(self, name: t.Optional[str], option: str, find: t.Callable[[str], int], otherwise: t.Optional[int]) -> t.Optional[int]:
        if not name:
            return otherwise
        try:
            return find(name)
        except KeyError:
            if name.isascii() and name.isdecimal():
                return int(name)
            if self.check_mode:
                return None
            raise Problem(
                "%s is %s, but there is no such %s on this host. Create it first, or correct %s."
                % (option, name, {"owner": "user"}.get(option, option), option)
            ) from None

    def make(self, content: bytes, fingerprint: str) -> t.Dict[str, t.Any]:
        """Make the file hold ``content``. Returns ``changed``, ``previous_fingerprint`` and ``diff``."""
        descriptor = self._open_folder()
        current = None
        try:
            self._check_folders_above()
            if descriptor is not None:
                current = self._current(descriptor)
            wanted = _State(content, 0o600, self.uid, self.gid)
            changed = current != wanted
            same = current is not None and current.content == content
            previous = fingerprint if same else None if current is None else fingerprint_of(current.content)
            if not self.check_mode:
                if descriptor is None:
                    descriptor = self._make_folder()
                self._sweep(descriptor)
                if changed:
                    self._write(descriptor, content)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        return {
            "changed": changed,
            "previous_fingerprint": previous,
            "diff": {"before": self._shown(current, previous) if changed else {}, "after": self._shown(wanted, fingerprint) if changed else {}},
        }

    def remove(self) -> t.Dict[str, t.Any]:
        """Remove the file. The folder stays."""
        descriptor = self._open_folder(fit=False)
        current = previous = None
        if descriptor is not None:
            try:
                current = self._current(descriptor)
                if current is not None:
                    previous = fingerprint_of(current.content)
                if not self.check_mode:
                    self._sweep(descriptor)
                    if current is not None:
                        os.unlink(self.name, dir_fd=descriptor)
            finally:
                os.close(descriptor)
        return {
            "changed": current is not None,
            "previous_fingerprint": previous,
            "diff": {"before": self._shown(current, previous), "after": {}},
        }

    def _open_folder(self, fit: bool = True) -> t.Optional[int]:
        """A descriptor of the folder, ``None`` when it is missing. What is done with it cannot be led elsewhere by a link.

        With ``fit`` the folder has to be one that a key may be placed in.
        """
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            if os.path.islink(self.folder):
                raise Problem("%s is a symbolic link. A key is not placed through a link; name the folder itself in dest." % self.folder) from None
            if os.path.exists(self.folder) and not os.path.isdir(self.folder):
                raise Problem("%s is not a folder, but the key is to be in it. Correct dest." % self.folder) from None
            raise Problem("The folder %s cannot be opened: %s. Run the task as root or as its owner." % (self.folder, error.strerror)) from None
        try:
            if fit:
                self._check_folder(os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _check_folder(self, info: os.stat_result) -> None:
        mode = stat.S_IMODE(info.st_mode)
        if mode & 0o022:
            raise Problem(
                "The folder %s has the mode %04o, so others than its owner could replace the key. Run: chmod go-w %s" % (self.folder, mode, self.folder)
            )
        if mode & 0o004:
            raise Problem("The folder %s has the mode %04o, so others can read it. Run: chmod o-rwx %s" % (self.folder, mode, self.folder))
        if info.st_uid not in (0, os.geteuid(), self.uid) and self.uid is not None:
            raise Problem(
                "The folder %s belongs to %s, who could replace the key. Give it to %s, or choose another dest."
                % (self.folder, _user_name(info.st_uid), _user_name(self.uid))
            )

    def _check_folders_above(self) -> None:
        """Who can write a folder above can put another one in the place of the key's."""
        folder = self.folder
        while folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
            mode = os.stat(folder).st_mode if os.path.isdir(folder) else 0
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise Problem(
                    "The folder %s, above the key, has the mode %04o, so anybody could replace the key. Run: chmod o-w %s"
                    % (folder, stat.S_IMODE(mode), folder)
                )

    def _make_folder(self) -> int:
        parent = os.path.dirname(self.folder)
        if not os.path.isdir(parent):
            raise Problem("There is no folder %s, in which %s is to be made. Create it first, or correct dest." % (parent, self.folder))
        # The folder gets its name when it has its owner, so a run that is killed leaves none of another's.
        scratch = os.path.join(parent, _SCRATCH + os.path.basename(self.folder))
        try:
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(scratch)
            os.mkdir(scratch, 0o700)
            descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise Problem("The folder %s cannot be made: %s. Check the permissions and the space of %s." % (self.folder, error.strerror, parent)) from None
        try:
            os.fchmod(descriptor, 0o700)
            self._give(descriptor)
            os.rename(scratch, self.folder)
        except BaseException:
            os.close(descriptor)
            os.rmdir(scratch)
            raise
        return descriptor

    def _current(self, folder: int) -> t.Optional[_State]:
        try:
            info = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(info.st_mode):
            raise Problem("%s is a symbolic link. A key is not placed through a link; remove it, or name its target in dest." % self.dest)
        if not stat.S_ISREG(info.st_mode):
            raise Problem(
                "%s is %s, but the key is to be a file there. Remove it, or correct dest."
                % (self.dest, "a folder" if stat.S_ISDIR(info.st_mode) else "no regular file")
            )
        with os.fdopen(os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:
            return _State(file.read(_MOST_BYTES), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)

    def _write(self, folder: int, content: bytes) -> None:
        scratch = _SCRATCH + self.name + "-" + secrets.token_hex(8)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                self._give(file.fileno())
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(scratch, self.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(scratch, dir_fd=folder)
            raise

    def _give(self, descriptor: int) -> None:
        info = os.fstat(descriptor)
        if (info.st_uid, info.st_gid) == (self.uid, self.gid):
            return
        try:
            os.fchown(descriptor, -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid)
        except PermissionError:
            raise Problem("The key cannot be given to %s: only root may do that. Run the task with become." % _user_name(self.uid or 0)) from None

    def _sweep(self, folder: int) -> None:
        """Remove what an interrupted run left behind."""
        for name in os.listdir(folder):
            if name.startswith(_SCRATCH + self.name + "-"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def _shown(self, state: t.Optional[_State], fingerprint: t.Optional[str]) -> t.Dict[str, t.Any]:
        """What a diff shows of a state."""
        if state is None:
            return {}
        return {
            "path": self.dest,
            "fingerprint": fingerprint or "not a key without a passphrase",
            "mode": "%04o" % state.mode,
            "owner": "not there yet" if state.uid is None else _user_name(state.uid),
            "group": "not there yet" if state.gid is None else _group_name(state.gid),
        }


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> t.Dict[str, t.Any]:
    """Make a file hold what `params`, those of `ARGUMENT_SPEC`, say, or with `check_mode` only tell; returns the module's result. Raises `Problem`."""
    if params["state"] == "absent":
        # Whose it was does not matter any more, and they may be gone.
        return KeyFile(params["dest"], None, None, check_mode).remove()
    blob = parse_public_key(params["public_key"] or "")
    if blob is None or not params["content"]:
        raise Problem("The private key and its public half were not handed over. The action plugin of ssh_private_key fills them in on the controller.")
    return KeyFile(params["dest"], params["owner"], params["group"], check_mode).make(params["content"].encode("utf-8"), fingerprint(blob))


def fingerprint_of(content: bytes) -> t.Optional[str]:
    """The fingerprint of a private key, ``None`` when this host's ssh-keygen cannot tell. The key reaches it through a pipe."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as file:
            file.write(content[:_MOST_BYTES])
        status, output = commands.run(["ssh-keygen", "-y", "-P", "", "-f", "/dev/fd/%d" % reading], pass_fds=(reading,), timeout=10)
    except (OSError, commands.TooSlow):
        return None
    finally:
        os.close(reading)
    blob = parse_public_key(output) if status == 0 else None
    return None if blob is None else fingerprint(blob)


def _primary_group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return os.getegid()


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
