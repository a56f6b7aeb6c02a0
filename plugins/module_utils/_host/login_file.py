# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The file with the one login that nginx asks for: a name, and a password hashed as crypt(5) does with SHA-512."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands

#: Where the file is, and what it is to hold.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}
_LINE = re.compile(r"([^:\n]+):(\$6\$([./0-9A-Za-z]{16})\$[./0-9A-Za-z]{86})\n\Z")
_MOST_BYTES = 4096
_SECONDS = 20


def holds(path: str, username: str, password: str) -> bool:
    """Whether the file holds this login and nothing else. Python 3.13 has no crypt(3) any more, so openssl is asked."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            line = _LINE.match(file.read(_MOST_BYTES))
        if line is None or line.group(1) != username:
            return False
        status, output = commands.run(["openssl", "passwd", "-6", "-salt", line.group(3), "-stdin"], timeout=_SECONDS, text=password + "\n")
    except (OSError, commands.TooSlow):
        return False
    return status == 0 and output.strip() == line.group(2)
