# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A word every few seconds while a step goes on, so that nobody takes it for dead."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import typing as t

#: Seconds after which a long step says again that it goes on.
WORD = 8.0

Say = t.Callable[[str], None]


class Telling:
    """Says what goes on, and every few seconds how far it is."""

    def __init__(self, say: Say) -> None:
        self._say = say

    @contextlib.contextmanager
    def __call__(self, what: str, place: str) -> t.Iterator[None]:
        """Tell of a step while it goes on. :param place: the file or folder that it fills."""
        self._say("%s …" % what)
        over = threading.Event()
        begun, before = time.monotonic(), _size(place)

        def tell() -> None:
            while not over.wait(WORD):
                done, took = max(0, _size(place) - before), time.monotonic() - begun
                self._say("%s: %.0f s, %d MB (%.1f MB/s)" % (what, took, done // 1000000, done / took / 1e6))

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()


def _size(place: str) -> int:
    """The bytes of a file, or of the files in a folder, 0 where there is none yet."""
    paths = [place] if os.path.isfile(place) else [os.path.join(parent, name) for parent, dummy, files in os.walk(place) for name in files]
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += os.lstat(path).st_size
    return total
