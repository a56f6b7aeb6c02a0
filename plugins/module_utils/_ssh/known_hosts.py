# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A block of pinned host keys in a known_hosts file; the lines around it stay as they are. The format is that of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import public_key
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.user_files import UserFile

#: The options of `look`.
LOOK_SPEC: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
BEGIN = b"# BEGIN sparkflows-mlops"
END = b"# END sparkflows-mlops"
_BLOCK = re.compile(rb"^%s\n(?:.*\n)*?%s(?:\n|\Z)" % (BEGIN, END), re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_-]*|\[[A-Za-z0-9:][A-Za-z0-9.:_-]*\]:([1-9]\d{0,4})")


def pins(entries: t.Sequence[str]) -> list[str]:
    """The lines of the block, in order; raises `Problem` for an entry that is not `name type base64`."""
    lines = []
    for entry in entries:
        name, dummy, key = entry.strip().partition(" ")
        found = _NAME.fullmatch(name)
        if not found or int(found.group(1) or 22) > 65535:
            raise Problem(
                "An entry begins with %r, but a host name or an IP address was expected, and with another port than 22 the form [address]:port." % name
            )
        public = public_key(key)
        lines.append("%s %s %s" % (name, public.type, public.text))
    return sorted(dict.fromkeys(lines))


def revise(content: bytes, lines: t.Sequence[str]) -> bytes:
    """Make the block hold these lines, or take it away when there are none; raises `Problem` for a block without an end."""
    before, found, rest = _split(content)
    block = render(lines)
    if not found and block and before and not before.endswith(b"\n"):
        before += b"\n"
    return before + block + rest


def render(lines: t.Sequence[str]) -> bytes:
    """The block that holds these lines; nothing when there are none."""
    return BEGIN + b"\n" + "".join(line + "\n" for line in lines).encode() + END + b"\n" if lines else b""


def _split(content: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the block, the block, and what stands behind it."""
    found = _BLOCK.search(content)
    if found:
        return content[: found.start()], found.group(), content[found.end() :]
    if BEGIN in content.split(b"\n"):
        raise Problem("The file has the line '%s' and no line '%s' after it. Remove what is left of the block." % (BEGIN.decode(), END.decode()))
    return content, b"", b""


def look(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """What is there before it is known which keys are to be pinned; of the options of `run`, ``entries`` is not needed.

    ``block`` is the text of the block, empty where there is none; ``states`` are lines about owners and modes that a change would mend, before and
    after. `run` changes nothing if and only if the block is what `render` makes of the entries and no state differs.
    """
    edit = UserFile(params["user"], params["path"]).edit(lambda content: content, True, create=params["state"] == "present", repair=False)
    return {"changed": False, "block": _split(edit.before)[1].decode("utf-8", "replace"), "states": edit.states}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Make the block of a known_hosts file hold what `params` (the module's options) say, or with `check_mode` only tell; returns the module's result."""
    present = params["state"] == "present"
    lines = pins(params["entries"]) if present else []
    if present and not lines:
        raise Problem("entries is empty. Give the host keys to pin, or set state to absent.")
    file = UserFile(params["user"], params["path"])
    edit = file.edit(lambda content: revise(content, lines), check_mode, create=present, repair=False)
    before, after = ("".join(line + "\n" for line in states) + _split(content)[1].decode() for states, content in zip(edit.states, (edit.before, edit.after)))
    return {
        "changed": edit.changed,
        "diff": {"before_header": file.path, "after_header": file.path, "before": before, "after": after},
    }
