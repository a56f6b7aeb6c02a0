# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A look at a host that is to be logged in to by SSH: its host keys, the user, and what that user's authorized_keys would need. All of it is public."""

from __future__ import annotations

import contextlib
import glob
import pwd
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import authorized_keys
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import parse_public_key

#: Those of the module C(ssh_authorized_keys).
ARGUMENT_SPEC = authorized_keys.ARGUMENT_SPEC
#: Where sshd's public keys are unless its configuration names others.
HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"
#: The types that today's ssh accepts of a server.
HOST_KEY_TYPES = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_MOST_CHARACTERS = 64 * 1024


def look(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """What there is, and what C(ssh_authorized_keys) would change with these options; without keys to let in, of the latter nothing.

    ``host_keys`` are lines C(type base64), ``user`` says whether the user exists. ``added``, ``updated`` and ``removed`` are fingerprints, and
    ``states`` lines about owners and modes that differ, before and after. ``error`` is a sentence where the module would fail, else None.
    """
    seen: dict[str, t.Any] = {"changed": False, "error": None, "host_keys": host_keys(), "user": _exists(params["user"])}
    if params["state"] == "present" and not params["keys"]:
        return seen
    try:
        foreseen = authorized_keys.run(params, check_mode=True)
    except Problem as problem:
        return {**seen, "error": str(problem)}
    sides = [foreseen["diff"][side].splitlines() for side in ("before", "after")]
    states = [[line for line in side if not line.endswith(authorized_keys.MARKER + params["client"])] for side in sides]
    return {**seen, "states": states, **{key: foreseen[key] for key in ("changed", "added", "updated", "removed")}}


def host_keys() -> list[str]:
    """The public keys of this host's sshd, as lines C(type base64), each once. What is no key is left out."""
    found = []
    for path in sorted(glob.glob(HOST_KEYS)):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
            found += [" ".join(line.split()[:2]) for line in file.read(_MOST_CHARACTERS).splitlines()]
    return [line for line in dict.fromkeys(found) if line.partition(" ")[0] in HOST_KEY_TYPES and parse_public_key(line) is not None]


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
