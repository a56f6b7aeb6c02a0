# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests of the scenario find the models of verify.yml serving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Operator


@pytest.fixture(scope="session", autouse=True)
def served(operator: Operator) -> None:
    """The models of verify.yml, left serving."""
    operator.play("verify", verify_keep=True)
