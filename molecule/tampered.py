# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of what was spoilt: the plan names it, check mode foretells the repair, site.yml does it and nothing else, and the next plan is empty."""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conftest import Operator
from foretold import tasks
from spoils import Spoil
from testinfra.host import Host

SEED = int(os.environ.get("TAMPERING_SEED", "1"))
#: Rounds of one thing per host; all of them where the long list is asked for.
ROUNDS = int(os.environ.get("TAMPERING_ROUNDS", "1"))


def rounds(spoils: Sequence[Spoil], hosts: int, times: int = 1) -> list[list[Spoil]]:
    """The things to spoil, shuffled by the seed, as many in a round as there are hosts; the short part is `times` as long."""
    mixed = random.Random(SEED).sample(spoils, len(spoils))  # noqa: S311 - an order, no secret
    cut = [mixed[start : start + hosts] for start in range(0, len(mixed), hosts)]
    return cut[: ROUNDS * times] if ROUNDS else cut


def name_of(spoils: Sequence[Spoil]) -> str:
    """What a round is called among the tests."""
    return "; ".join(spoil.name for spoil in spoils)


def planned(operator: Operator, folder: Path, **variables: Any) -> dict[str, list[dict[str, str]]]:
    """The differences by host, as the plan's report has them; there must be no finding."""
    operator.play("plan", **variables, plan_report=str(folder / "plan.json"))
    report = json.loads((folder / "plan.json").read_text())
    assert report["counts"]["finding"] == 0, report["rows"]
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in report["rows"]:
        if row["severity"] == "difference":
            found[row["host"]].append(row)
    return found


def check(operator: Operator, folder: Path, on: Callable[[str], Host], spoilt: dict[str, Spoil], **variables: Any) -> None:
    """Spoil one thing on each of these hosts and have it seen, repaired and forgotten."""
    for host, spoil in spoilt.items():
        on(host).check_output(spoil.command)
    rows = planned(operator, folder, **variables)
    assert set(rows) == set(spoilt)
    for host, spoil in spoilt.items():
        seen = [row for row in rows[host] if row["role"] == spoil.role and spoil.seen in row["item"] + row["before"]]
        assert seen, (host, spoil.name, rows[host])
        # What else stands there follows from it, and says so.
        assert all(row in seen or row["reason"] for row in rows[host]), (host, spoil.name, rows[host])
    foretold = operator.play("site", "--check", **variables).changed
    done = operator.play("site", **variables).changed
    assert tasks(foretold) == tasks(done)
    assert {host for dummy, host in done} == set(spoilt)
    assert not planned(operator, folder, **variables)
