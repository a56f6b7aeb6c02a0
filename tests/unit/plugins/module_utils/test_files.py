# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an atomic write leaves where its writer is killed, and who takes it away."""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files


def killed_while_writing(path: Path) -> None:
    """Write a file in a child that is killed before the new one takes the place of the old."""
    child = os.fork()
    if child == 0:
        os.replace = lambda source, target: os.kill(os.getpid(), signal.SIGKILL)
        files.write_atomic(str(path), "half of it")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_the_next_write_takes_away_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_text("before")
    killed_while_writing(path)
    killed_while_writing(tmp_path / "settings-of-another")
    assert path.read_text() == "before" and len(list(tmp_path.iterdir())) == 3
    files.write_atomic(str(path), "after")
    assert path.read_text() == "after"
    assert [name for name in sorted(os.listdir(tmp_path)) if name != "settings"][0].startswith(".tmp-settings-of-another-")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_somebody_else_is_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    with open(tmp_path / ".tmp-settings-abcdefgh", "w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        files.write_atomic(str(path), "mine")
        assert sorted(os.listdir(tmp_path)) == [".tmp-settings-abcdefgh", "settings"]
    files.write_atomic(str(path), "mine again")
    assert os.listdir(tmp_path) == ["settings"]
