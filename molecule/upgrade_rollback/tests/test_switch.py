# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another lock and another JDK release are one switch away, and so is the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployments import agent, eventually
from foretold import tasks
from testinfra.host import Host


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


MODELS = {"first": 5001, "second": 5002}
TRAIN = (Path(__file__).resolve().parents[3] / "playbooks" / "files" / "train_numpy.py").read_text()


@pytest.fixture
def models(operator, host: Host) -> Iterator[None]:
    """Two models that serve."""
    operator.play("site")
    python = "cd /tmp && runuser -u mlflow -- env -i HOME=/tmp PATH=/usr/bin:/bin MLFLOW_TRACKING_URI=http://127.0.0.1:5000 GIT_PYTHON_REFRESH=quiet"
    said = host.check_output(f"{python} TMPDIR=/var/lib/mlflow-server /opt/sparkflows/stack/current/bin/python -I - <<'SCRIPT' 2>&1\n{TRAIN}\nSCRIPT")
    source = json.loads(said.splitlines()[-1])["source"]
    for name, port in MODELS.items():
        status, answer = agent(host, f"/api/v1/deployments/{name}", "PUT", {"model_uri": source, "port": port, "memory_mb": 512})
        assert status == 201, answer
    for name in MODELS:
        eventually(lambda name=name: agent(host, f"/api/v1/deployments/{name}")[1]["state"] == "ready", f"{name} is ready", patience=300)
    yield
    for name in MODELS:
        agent(host, f"/api/v1/deployments/{name}", "DELETE")


def scores(host: Host) -> bool:
    body = '{"columns": ["a", "b"], "data": [[1, 2]]}'
    command = "curl --silent --fail --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations"
    return all(json.loads(host.check_output(command, body, str(port))) == [6.0] for port in MODELS.values())


def test_other_jdk_and_back(operator, host: Host, artifacts: dict[str, Any], models: None) -> None:
    before, next_one = current(host, "jdk"), {"jdk_release": "8u-next"}
    since = {name: started(host, f"mlops-model@{name}") for name in MODELS}
    assert before == f"releases/{artifacts['jdk']['release']}"

    operator.play("site", **next_one)
    assert current(host, "jdk") == "releases/8u-next"
    assert healthy(host)
    # The run has waited for them.
    assert all(seen["up_to_date"] for seen in agent(host, "/api/v1/deployments")[1]["deployments"])
    assert all(started(host, f"mlops-model@{name}") != then for name, then in since.items())
    assert scores(host)

    foretold = operator.play("rollback", "--check", rollback="jdk", **next_one)
    assert f"/opt/sparkflows/jdk/current releases/8u-next → {before}" in foretold.text
    assert current(host, "jdk") == "releases/8u-next"
    assert "rollback names 'java', but some of stack, jdk, python, agent were expected" in operator.play("rollback", fails=True, rollback="java").text

    server = started(host, "mlflow-server")
    back = operator.play("rollback", rollback="jdk", **next_one)
    assert tasks(foretold.changed) == tasks(back.changed)
    assert current(host, "jdk") == before
    assert scores(host) and all(seen["up_to_date"] for seen in agent(host, "/api/v1/deployments")[1]["deployments"])
    assert started(host, "mlflow-server") == server, "the server does not run from the JDK"
    assert "the next site.yml goes forward again. To stay, give these their former values first: jdk_release, jdk_archive_src" in back.text
    assert operator.play("rollback", rollback="jdk", **next_one).unchanged
    assert operator.play("site").unchanged
