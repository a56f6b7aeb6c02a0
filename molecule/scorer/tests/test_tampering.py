# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing is spoilt on a host of scorers at a time: the plan names it, check mode foretells the repair, site.yml does it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Operator
from spoils import SCORER_SPOILS, Spoil
from tampered import check, name_of, planned, rounds
from testinfra.host import Host

PROBE = {"columns": ["a", "b"], "data": [[1, 2], [-4.5, 10]], "expected": [4, 1]}
#: One with a model of the host's own, one with a model that is fetched.
VARIABLES: dict[str, Any] = {
    "scorer_sparkflows_url": "http://registry:8080",
    "scorer_sparkflows_token": "of-a-test",
    "scorer_services": [
        {"name": "first", "port": 9001, "model": {"path": "/srv/models/one"}, "probe": PROBE},
        {"name": "second", "port": 9002, "model": {"id": 7}, "probe": PROBE},
    ],
}


def test_nothing_differs_on_a_host_that_nobody_touched(operator: Operator, tmp_path: Path) -> None:
    operator.play("site", **VARIABLES)
    assert not planned(operator, tmp_path, **VARIABLES)


@pytest.mark.parametrize("spoils", rounds(SCORER_SPOILS, 1, 3), ids=name_of)
def test_it_is_named_repaired_and_forgotten(operator: Operator, tmp_path: Path, on: Callable[[str], Host], spoils: list[Spoil]) -> None:
    check(operator, tmp_path, on, {"scorer": spoils[0]}, **VARIABLES)


def test_what_was_repaired_scores(operator: Operator) -> None:
    for port in (9001, 9002):
        operator.play("score.yml", score_port=port, score_expected=[4, 1])
