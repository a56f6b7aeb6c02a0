# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing is spoilt on each host: the plan names it, check mode foretells the repair, site.yml does it and nothing else, and the next plan is empty."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from conftest import HOSTS
from foretold import tasks
from spoils import SPOILS, Spoil

SEED = int(os.environ.get("TAMPERING_SEED", "1"))
#: Rounds of one thing per host; all of them where the long list is asked for.
ROUNDS = int(os.environ.get("TAMPERING_ROUNDS", "1"))


def rounds() -> list[list[Spoil]]:
    """The things to spoil, shuffled by the seed, as many in a round as there are hosts."""
    mixed = random.Random(SEED).sample(SPOILS, len(SPOILS))  # noqa: S311 - an order, no secret
    cut = [mixed[start : start + len(HOSTS)] for start in range(0, len(mixed), len(HOSTS))]
    return cut[:ROUNDS] if ROUNDS else cut


def planned(operator: Any, tmp_path: Any, *arguments: str) -> dict[str, list[dict[str, str]]]:
    """The differences by host, as the plan's report has them; there must be no finding."""
    operator.play("plan", *arguments, plan_report=str(tmp_path / "plan.json"))
    report = json.loads((tmp_path / "plan.json").read_text())
    assert report["counts"]["finding"] == 0, report["rows"]
    return {host: [row for row in report["rows"] if row["host"] == host and row["severity"] == "difference"] for host in HOSTS}


def test_nothing_differs_on_hosts_that_nobody_touched(operator: Any, tmp_path: Any) -> None:
    assert not any(planned(operator, tmp_path).values())
    assert operator.play("site").unchanged


@pytest.mark.parametrize("spoils", rounds(), ids=lambda spoils: "; ".join(spoil.name for spoil in spoils))
def test_it_is_named_repaired_and_forgotten(operator: Any, tmp_path: Any, on: Any, spoils: list[Spoil]) -> None:
    spoilt = dict(zip(HOSTS, spoils, strict=False))
    for host, spoil in spoilt.items():
        on(host).check_output(spoil.command)
    rows = planned(operator, tmp_path)
    for host in HOSTS:
        spoil = spoilt.get(host)
        if spoil is None:
            assert rows[host] == []
            continue
        seen = [row for row in rows[host] if row["role"] == spoil.role and spoil.seen in row["item"] + row["before"]]
        assert seen, (host, spoil.name, rows[host])
        # What else stands there follows from it, and says so.
        assert all(row in seen or row["reason"] for row in rows[host]), (host, spoil.name, rows[host])
    foretold = operator.play("site", "--check").changed
    done = operator.play("site").changed
    assert tasks(foretold) == tasks(done)
    assert {host for dummy, host in done} == set(spoilt)
    assert not any(planned(operator, tmp_path).values())
