# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Downloads that have an end, in time and in size, whatever the server does."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._deadlines import Clock, within
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: A download may take longer than its timeout as long as it brings this many bytes a second.
MIN_BYTES_PER_SECOND = 10000

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_BLOCK = 1 << 16


class TooLarge(Problem, OSError):
    """The server sends more than there is room for. As an `OSError` it is told like the other ways in which reading from a server ends."""


def followed(opened: t.Callable[[str, bool], t.Any], url: str) -> t.Any:
    """What ``opened`` gives for ``url``, or for the place that its redirects lead to; raises what ``opened`` raises.

    ``opened`` must follow no redirect itself: urllib would read the body of each, however long it is. It is told whether the place is on the
    server of ``url``, as nothing secret is for another one.
    """
    import urllib.error  # takes a while to load
    import urllib.parse

    place, home = url, True
    for left in range(_MOST_REDIRECTS, -1, -1):
        try:
            return opened(place, home)
        except urllib.error.HTTPError as error:
            target = urllib.parse.urljoin(place, error.headers.get("Location") or "")
            if error.code not in _REDIRECTS or not left or not re.match(r"https?://", target):
                raise
            error.close()
            home = home and urllib.parse.urlsplit(target)[:2] == urllib.parse.urlsplit(place)[:2]
            place = target
    raise AssertionError("the last round returns or raises")


def download(opened: t.Callable[[], t.Any], into: t.BinaryIO, timeout: float, most: int, begun: t.Callable[[t.Any], None] | None = None) -> t.Any:
    """Copy what ``opened`` gives into a file, and return that response, closed.

    Raises `socket.timeout` when the server is silent for ``timeout`` seconds or sends less than `MIN_BYTES_PER_SECOND`, `TooLarge` after ``most``
    bytes, and what ``opened`` and ``begun`` raise; the latter is called with the response before its body is read.
    """
    clock = Clock(timeout)

    def run() -> t.Any:
        with opened() as response:
            if begun:
                begun(response)
            size, due = 0, MIN_BYTES_PER_SECOND * timeout
            # A buffer of its own: with read() the size of a chunk, and so the memory, would be the server's choice. It is waited for until it is full.
            buffer = bytearray(min(_BLOCK, max(1, int(due))))
            while True:
                count = response.readinto(buffer)
                if not count:
                    return response
                size += count
                if size > most:
                    raise TooLarge("it is larger than %d MiB" % (most >> 20))
                with clock.unless_over():
                    into.write(buffer[:count])
                due -= count
                if due <= 0:
                    due = MIN_BYTES_PER_SECOND * timeout
                    clock.extend(timeout)

    return within(clock, run)
