# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The root of all errors of the collection."""

from __future__ import annotations

import typing as t


class Problem(Exception):
    """What went wrong, as one or more sentences that can be shown to the admin as they are: without a secret.

    ``result`` holds what a failing module returns beside them.
    """

    def __init__(self, message: str, **result: t.Any) -> None:
        super().__init__(message)
        self.result = result


def of_the_system(error: OSError, place: str | None = None) -> str:
    """What the operating system refused, as a sentence; `place` is where that was, for an error that says it of no file, such as one for want of space."""
    return "%s: %s." % (error.filename or place or "This host", error.strerror or error)
