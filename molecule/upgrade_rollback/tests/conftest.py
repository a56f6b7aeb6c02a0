# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator has besides the scenario's inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def operators_lock(tmp_path: Path, artifacts: dict[str, Any]) -> Path:
    """A lock of the operator's own: the stack with scikit-learn, in one file."""
    locks = artifacts["wheelhouse"]["locks"]
    lock = tmp_path / "ours.txt"
    lock.write_text(Path(locks["mlflow"]).read_text() + Path(locks["sklearn"]).read_text())
    return lock
