# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing is spoilt on each MLflow host: the plan names it, check mode foretells the repair, site.yml does it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import HOSTS, Operator
from spoils import SPOILS, Spoil
from tampered import check, name_of, planned, rounds
from testinfra.host import Host


def test_nothing_differs_on_hosts_that_nobody_touched(operator: Operator, tmp_path: Path) -> None:
    assert not planned(operator, tmp_path)
    assert operator.play("site").unchanged


@pytest.mark.parametrize("spoils", rounds(SPOILS, len(HOSTS)), ids=name_of)
def test_it_is_named_repaired_and_forgotten(operator: Operator, tmp_path: Path, on: Callable[[str], Host], spoils: list[Spoil]) -> None:
    check(operator, tmp_path, on, dict(zip(HOSTS, spoils, strict=False)))
