# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another lock and another JDK release are one switch away, and so is the way back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host


@pytest.fixture
def operators_lock(tmp_path: Path, artifacts: dict[str, Any]) -> Path:
    """A lock of the operator's own: the stack with scikit-learn, in one file."""
    locks = artifacts["wheelhouse"]["locks"]
    lock = tmp_path / "ours.txt"
    lock.write_text(Path(locks["mlflow"]).read_text() + Path(locks["sklearn"]).read_text())
    return lock


def current(host: Host, part: str) -> str:
    return str(host.check_output("readlink /opt/sparkflows/%s/current", part))


def started(host: Host, unit: str) -> str:
    return str(host.check_output("systemctl show --property=ActiveEnterTimestampMonotonic --value %s", unit))


def healthy(host: Host) -> bool:
    return bool(host.check_output("curl --silent --fail http://127.0.0.1:5000/health") == "OK")


def test_other_lock_and_back(operator, host: Host, operators_lock: Path) -> None:
    operator.play("site")
    before, since = current(host, "stack"), started(host, "mlflow-server")

    upgrade = operator.play("site", "--diff", pip_stack_lock=str(operators_lock))
    assert re.search(r"^\+ ?scikit-learn 1\.0\.2$", upgrade.output, re.MULTILINE)
    assert current(host, "stack") != before
    assert started(host, "mlflow-server") != since, "the server still runs on the former stack"
    assert host.run("/opt/sparkflows/stack/current/bin/python -c 'import sklearn'").rc == 0
    assert healthy(host)

    rollback = operator.play("site", "--diff")
    assert re.search(r"^- ?scikit-learn 1\.0\.2$", rollback.output, re.MULTILINE)
    assert current(host, "stack") == before, "a rollback needs no new installation"
    assert healthy(host)
    assert operator.play("site").unchanged


def test_other_jdk_and_back(operator, host: Host, artifacts: dict[str, Any]) -> None:
    operator.play("site")
    before = current(host, "jdk")

    operator.play("site", jdk_release="8u-next")
    assert current(host, "jdk") == "releases/8u-next"
    assert healthy(host)

    operator.play("site")
    assert current(host, "jdk") == before == f"releases/{artifacts['jdk']['release']}"
    assert operator.play("site").unchanged
