# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file holds one login, told by openssl as it made it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import login_file

PASSWORD = 'a long "password" with $6$ in it'


@pytest.fixture(scope="module")
def line() -> str:
    made = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD + "\n", capture_output=True, text=True, check=True)
    return "sparkflows:%s" % made.stdout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "login"


def test_the_login_that_was_written_is_there(path: Path, line: str) -> None:
    path.write_text(line)
    assert login_file.holds(str(path), "sparkflows", PASSWORD)
    assert not login_file.holds(str(path), "sparkflows", PASSWORD + "x")
    assert not login_file.holds(str(path), "sparkflow", PASSWORD)


@pytest.mark.parametrize("spoil", [lambda line: line + line, lambda line: line[:-2] + "\n", lambda line: line + "other:{PLAIN}x\n", lambda line: ""])
def test_a_file_that_holds_anything_else(path: Path, line: str, spoil) -> None:
    path.write_text(spoil(line))
    assert not login_file.holds(str(path), "sparkflows", PASSWORD)


def test_no_file_and_no_text(path: Path) -> None:
    assert not login_file.holds(str(path), "sparkflows", PASSWORD)
    path.write_bytes(b"\xff\x00" * 5000)
    assert not login_file.holds(str(path), "sparkflows", PASSWORD)
