# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A key in a file."""

from __future__ import annotations

import os
import pwd
import re
import stat
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Denied, Missing, Params, Unfit, Vault, here

#: No private key is near as long; what is longer is not read to its end.
MOST_BYTES = 256 * 1024


class Disk(Vault):
    """A file of the host that this runs on.

    ``findings`` are, after `read` and also when it raised, the codes and sentences about permissions and owners.
    """

    needs = ("path",)

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.path = params["path"] or ""
        self.findings: t.List[t.Tuple[str, str]] = []

    @property
    def what(self) -> str:
        return "The file %s" % self.path

    def validate(self) -> None:
        super().validate()
        if not os.path.isabs(self.path):
            raise Problem("path is %s; give the whole path, beginning with a slash." % self.path)

    def read(self) -> bytes:
        try:
            info = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            raise Missing("%s does not exist on %s. Correct path, or run the task on the host that has it." % (self.what, here())) from None
        except OSError as error:
            raise Denied("%s cannot be reached on %s: %s. Check the permissions of its folders." % (self.what, here(), error.strerror)) from None
        if stat.S_ISDIR(info.st_mode):
            raise Unfit("not_a_file", "%s is a folder. Name the file with the private key in it." % self.path)
        if not stat.S_ISREG(info.st_mode):
            raise Unfit("not_a_file", "%s is not a regular file. Name the file with the private key." % self.path)
        if self.params["check_permissions"]:
            self._look_at_permissions(info)
        try:
            with open(self.path, "rb") as file:
                return file.read(MOST_BYTES)
        except OSError as error:
            raise Denied(
                "%s cannot be read by %s on %s: %s. Run the task as its owner." % (self.what, _name_of(os.geteuid()), here(), error.strerror)
            ) from None

    def _look_at_permissions(self, info: os.stat_result) -> None:
        if info.st_mode & 0o077:
            self._find(
                "file_permissions",
                "%s has the mode %s, so others than its owner have access; ssh refuses such a key. Run: chmod 600 %s" % (self.what, _mode(info), self.path),
            )
        accepted = self._accepted()
        if info.st_uid not in accepted:
            self._find(
                "file_owner",
                "%s belongs to %s instead of %s. Give it to its user with chown."
                % (self.what, _name_of(info.st_uid), " or ".join(sorted(map(_name_of, accepted)))),
            )
        # A link can be replaced in its folder, and its target in another.
        places = [os.path.dirname(path) for path in (self.path, os.path.realpath(self.path))]
        for folder in dict.fromkeys(places):
            self._look_at_folder(folder, accepted, 0o022)
        # Group-writable folders further up are usual where each user has a group of his own.
        for folder in dict.fromkeys(above for place in places for above in _above(place) if above not in places):
            self._look_at_folder(folder, accepted, 0o002)

    def _accepted(self) -> t.List[int]:
        """The users who may own the file: ``owner``, by name or number, else who runs this and root."""
        owner = self.params.get("owner")
        if not owner:
            return list(dict.fromkeys([os.geteuid(), 0]))
        try:
            return [pwd.getpwnam(owner).pw_uid]
        except KeyError:
            if re.fullmatch(r"[0-9]{1,10}", owner):
                return [int(owner)]
            raise Problem("owner is %s, but %s has no such user. Correct it, or run the task on the host that has the file." % (owner, here())) from None

    def _look_at_folder(self, folder: str, accepted: t.List[int], strange: int) -> None:
        about = os.stat(folder)
        if about.st_mode & strange and not about.st_mode & stat.S_ISVTX:
            self._find(
                "folder_permissions",
                "The folder %s has the mode %s, so others than its owner can replace the key. Run: chmod go-w %s" % (folder, _mode(about), folder),
            )
        if about.st_uid not in accepted + [0]:
            self._find(
                "folder_owner", "The folder %s belongs to %s, who can replace the key. Give it to %s." % (folder, _name_of(about.st_uid), _name_of(accepted[0]))
            )

    def _find(self, code: str, sentence: str) -> None:
        self.findings.append((code, sentence))


def _above(folder: str) -> t.Iterator[str]:
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        yield folder


def _mode(info: os.stat_result) -> str:
    return "%04o" % stat.S_IMODE(info.st_mode)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
