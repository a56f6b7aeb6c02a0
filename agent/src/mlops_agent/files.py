# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files so that a reader, or a crash, never sees half of one; reading files of a stranger."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import stat

LOG = logging.getLogger(__name__)

TEMPORARY_SUFFIX = ".tmp"


def write_json(path: str, document: object, mode: int = 0o644) -> None:
    """Replace path by document, durably: afterwards either the old or the new content is there."""
    temporary = path + TEMPORARY_SUFFIX
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            # The process's umask must not make the file unreadable for the launcher's user.
            os.fchmod(stream.fileno(), mode)
            json.dump(document, stream, indent=2, sort_keys=True)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass  # what went wrong first is what counts; the next start sweeps
        raise
    sync_directory(os.path.dirname(path))


def remove(path: str) -> None:
    """Remove what is at path: a file, a link, nothing, or a folder that should not be there. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        shutil.rmtree(path)


def sweep(path: str) -> None:
    """Remove a leftover; one that stays is in nobody's way until its name is written to again."""
    try:
        remove(path)
    except (OSError, RecursionError) as error:
        LOG.warning("The leftover %s cannot be removed: %s", path, error)


def sync_directory(path: str) -> None:
    """Make renames and removals in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: str) -> None:
    """Make all files below a directory durable, so that a later rename of it cannot outrun them."""
    for directory, dummy, names in os.walk(path):
        for name in names:
            descriptor = os.open(os.path.join(directory, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(directory)


def read_regular(path: str, limit: int) -> bytes:
    """The bytes of a file that somebody less trusted may have put there.

    No link is followed and nothing is waited for. Raises OSError also for what is not a regular
    file (a named pipe would hang the reader, a device worse) and for one of more than limit bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, "larger than {} bytes".format(limit), path)
    return content
