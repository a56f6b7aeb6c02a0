# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A file with secrets, written at once with its owner and mode."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import write_atomic

#: The options of the module.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True, "no_log": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0600"},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do what the module `secret_file` documents and return its result. Raises `Problem`."""
    if not re.match(r"0?[0-7]{3}\Z", params["mode"]):
        raise Problem("mode is %r; expected octal digits, like 0600." % params["mode"])
    path, mode = params["path"], int(params["mode"], 8)
    owner = _number("owner", params["owner"], os.geteuid(), lambda name: pwd.getpwnam(name).pw_uid, check_mode)
    group = _number("group", params["group"], os.getegid(), lambda name: grp.getgrnam(name).gr_gid, check_mode)
    changed = not _holds(path, params["content"].encode("utf-8"), (owner, group, mode))
    if changed and not check_mode:
        if os.path.isdir(path) and not os.path.islink(path):
            raise Problem("%s is a folder, but a file is to be written there. Move it away." % path)
        write_atomic(path, params["content"], mode=mode, owner=(owner, group))
    return {"changed": changed}


def _number(option: str, name: t.Optional[str], own: int, known: t.Callable[[str], int], check_mode: bool) -> int:
    """The number of a user or group; -1 in check mode for one that is not there yet."""
    if name is None:
        return own
    try:
        return known(name)
    except KeyError:
        if check_mode:
            return -1
        raise Problem("There is no %s %r on this host. Create it first, or correct %s." % ("user" if option == "owner" else option, name, option)) from None


def _holds(path: str, content: bytes, attributes: tuple[int, int, int]) -> bool:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) != attributes or status.st_size != len(content):
            return False
        with open(path, "rb") as file:
            return file.read() == content
    except FileNotFoundError:
        return False
