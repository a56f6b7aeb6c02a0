# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers run site.yml on one host at once: however they come into each other's way, one more run is enough."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT, Operator


@pytest.fixture
def controllers(tmp_path: Path) -> list[Operator]:
    """Two that share nothing: not their homes, not a lasting connection."""
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    shared = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return [Operator(environment={**shared, "ANSIBLE_HOME": str(home), "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{home.name}-cp"}) for home in homes]


def test_one_more_run_is_enough(operator: Operator, controllers: list[Operator]) -> None:
    with ThreadPoolExecutor(2) as workers:
        for run in workers.map(lambda controller: controller.play("site", fails=None), controllers):
            # Who loses, loses by a sentence; Operator sees to tracebacks.
            assert run.code == 0 or re.search(r"fatal: \[virgin\]|Nothing was changed", run.output), run.text[-2000:]
    operator.play("site")
    assert operator.differing() == []
    assert operator.play("site").unchanged
