# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two controllers run site.yml on one host at once: however they come into each other's way, one more run is enough."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Operator, Run
from testinfra.host import Host

ALONE = ("--limit", "second")
#: What is done in minutes on a virgin host and in seconds again, in the order in which the roles do it.
UNDO = (
    "systemctl stop mlops-agent.socket mlops-agent mlflow-server; rm -r /opt/sparkflows/*/current /opt/sparkflows/tracking-guard /opt/sparkflows/mlops-agent "
    "/etc/sparkflows-mlops /etc/systemd/system/ml* /etc/nginx/conf.d/mlflow-server.conf; systemctl daemon-reload; systemctl reload nginx; userdel mlops-agent"
)


@pytest.fixture
def controllers(tmp_path: Path) -> list[Operator]:
    """Two that share nothing: not their homes, not a lasting connection."""
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    shared = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return [Operator(environment={**shared, "ANSIBLE_HOME": str(home), "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{home.name}-cp"}) for home in homes]


def at_once(controllers: list[Operator], lead: float) -> list[Run]:
    """The second begins *lead* seconds after the first."""

    def play(controller: Operator) -> Run:
        time.sleep(lead * controllers.index(controller))
        return controller.play("site", *ALONE, fails=None)

    with ThreadPoolExecutor(2) as workers:
        return list(workers.map(play, controllers))


@pytest.mark.parametrize(("undo", "lead"), [("", 0), (UNDO, 0), (UNDO, 3)], ids=["virgin", "half", "half-later"])
def test_one_more_run_is_enough(operator: Operator, on: Any, controllers: list[Operator], undo: str, lead: float) -> None:
    host: Host = on("second")
    if undo:
        host.check_output(undo)
    for run in at_once(controllers, lead):
        # Who loses, loses by a sentence; Operator sees to tracebacks.
        assert run.code == 0 or re.search(r"(?i)fatal: \[second\]|Nothing was changed", run.output), run.text[-2000:]
    operator.play("site", *ALONE)
    assert operator.differing(*ALONE) == []
    assert operator.play("site", *ALONE).unchanged
