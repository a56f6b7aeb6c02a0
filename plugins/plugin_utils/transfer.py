# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Sends a large file to a host in parts, goes on where an earlier run broke off, and tells how far it is."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import tempfile
import threading
import time
import typing as t

from ansible.utils.display import Display
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: Bytes of a part; what breaks off is sent again from the beginning of its part.
PART = 32 << 20
#: Seconds after which a long transfer says again how far it is.
WORD = 8.0


class Parts(t.NamedTuple):
    """A folder on the host with ``number`` files, named by their numbers of four digits from 0000 on, which make up the file that was sent."""

    folder: str
    number: int


def send(action: t.Any, path: str, digest: str, host: str) -> Parts:
    """Bring a file of the controller to the host, and return where it is. Raises `Problem`, and what the connection raises.

    The parts stay there for a next run when this one ends; who has used them removes the folder by `remove`.

    :param action: the action plugin, whose login the folder belongs to.
    :param digest: of the file, by which its parts are known again.
    :param host: its name, for messages.
    """
    base = action._remote_expand_user(action.get_shell_option("remote_tmp", default="~/.ansible/tmp"), sudoable=False)
    folder = "%s/sparkflows-mlops-%s" % (base, digest[:32])
    there = _sizes(action, folder)
    size = os.path.getsize(path)
    count = -(-size // PART)
    with _telling(host, os.path.basename(path), size) as sent, open(path, "rb") as file:
        for number in range(count):
            name = "%04d" % number
            length = min(PART, size - number * PART)
            if there.get(name) != length:
                file.seek(number * PART)
                with tempfile.NamedTemporaryFile(prefix="part-") as part:
                    part.write(file.read(length))
                    part.flush()
                    action._transfer_file(part.name, "%s/%s" % (folder, name))
            sent(length, there.get(name) == length)
    action._fixup_perms2((folder, *("%s/%04d" % (folder, number) for number in range(count))))
    return Parts(folder, count)


def remove(action: t.Any, parts: Parts) -> None:
    """Remove the folder with what was sent."""
    action._low_level_execute_command("rm -rf -- %s" % shlex.quote(parts.folder), sudoable=False)


def _sizes(action: t.Any, folder: str) -> dict[str, int]:
    """Make the folder, for its owner alone, and return the sizes of what an earlier run left in it."""
    quoted = shlex.quote(folder)
    command = 'umask 077 && mkdir -p -- %s && cd -- %s && for f in 0* 1* 2* 3* 4* 5* 6* 7* 8* 9*; do test -f "$f" && wc -c "$f"; done; echo end'
    answer = action._low_level_execute_command(command % (quoted, quoted), sudoable=False)
    text = answer.get("stdout", "")
    if "end" not in text:
        said = " ".join(str(answer.get("stderr") or answer.get("msg") or "nothing").split())[-300:]
        raise Problem("The folder %s can't be made on the host, which says: %s. Check the space there, or set remote_tmp." % (folder, said))
    return {name: int(size) for size, name in re.findall(r"^\s*(\d+) (\d{4})\s*$", text, re.MULTILINE)}


@contextlib.contextmanager
def _telling(host: str, name: str, size: int) -> t.Iterator[t.Callable[[int, bool], None]]:
    """Say every few seconds how much of a file is there; called with the bytes of each part, and whether it was there before."""
    over = threading.Event()
    done, kept, begun = [0], [0], time.monotonic()

    def tell() -> None:
        while not over.wait(WORD):
            say()

    def say() -> None:
        rate = (done[0] - kept[0]) / max(0.001, time.monotonic() - begun) / 1e6
        before = ", %d MB of it from an earlier run" % (kept[0] // 1000000) if kept[0] else ""
        Display().display("%s: %s: %d of %d MB is there (%.1f MB/s%s)" % (host, name, done[0] // 1000000, size // 1000000, rate, before))

    def sent(length: int, was_there: bool) -> None:
        done[0] += length
        kept[0] += length if was_there else 0

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield sent
        say()
    finally:
        over.set()
        teller.join()
