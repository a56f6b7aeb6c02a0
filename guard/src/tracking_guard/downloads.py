# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts that the server hands out are read in pieces of one size.

MLflow 1.30.1 iterates over the file (mlflow/server/handlers.py, `_download_artifact`), which gives one line at a time: one without a line
break comes into memory as a whole, and one of short lines takes a write to the socket for each.
"""

from __future__ import annotations

import io
import typing as t

from mlflow.server import handlers

PIECE = 1 << 20


class _Pieces(io.FileIO):
    """A binary file whose iterator gives pieces of `PIECE` bytes instead of lines."""

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        piece = self.read(PIECE)
        if not piece:
            raise StopIteration
        return piece


def _open(path: str, mode: str) -> t.IO[t.Any]:
    return t.cast("t.IO[t.Any]", _Pieces(path)) if mode == "rb" else open(path, mode)


def install() -> None:
    """Let the handlers of this process's MLflow server open what they hand out so. Before its first request."""
    vars(handlers)["open"] = _open
