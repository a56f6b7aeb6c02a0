# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the tests of rules and dashboard share."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import prometheus
from testbed.common import TestbedError


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of prometheus and promtool."""
    try:
        return prometheus.programs()
    except TestbedError as error:
        pytest.fail(str(error), pytrace=False)
