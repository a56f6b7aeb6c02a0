# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains models on a host, deploys them there, and scores a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deployments import agent, eventually
from testinfra.host import Host

STACK = "/opt/sparkflows/stack"


def train(host: Host, program: str, stack: str = STACK) -> None:
    """Run a program as somebody who trains models there does, in the stack, with the tracking server itself."""
    host.check_output(
        "cd /tmp && runuser -u mlflow -- env -i HOME=/tmp TMPDIR=/var/lib/mlflow-server PATH=/usr/bin:/bin JAVA_HOME=/opt/sparkflows/jdk/current "
        "GIT_PYTHON_REFRESH=quiet MLFLOW_TRACKING_URI=http://127.0.0.1:5000 %s/current/bin/python -c %s", stack, program,
    )  # fmt: skip


def state(host: Host, name: str) -> dict[str, Any]:
    return dict(agent(host, f"/api/v1/deployments/{name}")[1])


def ready(host: Host, name: str) -> Callable[[], bool]:
    return lambda: state(host, name)["state"] == "ready"


@contextmanager
def deployed(host: Host, names: list[str], patience: float = 300, **settings: Any) -> Iterator[dict[str, int]]:
    """The first versions of registered models, deployed at once under their names; {name: port} as soon as all are ready."""
    try:
        for name in names:
            status, answer = agent(host, f"/api/v1/deployments/{name}", "PUT", {"model_uri": f"models:/{name}/1", **settings})
            assert status in (200, 201), answer
        for name in names:
            eventually(ready(host, name), f"{name} is ready", patience)
        yield {name: state(host, name)["port"] for name in names}
    finally:
        for name in names:
            agent(host, f"/api/v1/deployments/{name}", "DELETE")


def score(host: Host, port: int, row: list[float]) -> Any:
    body = json.dumps({"columns": [chr(ord("a") + index) for index in range(len(row))], "data": [row]})
    return json.loads(
        host.check_output(
            "curl --silent --show-error --fail --max-time 60 --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations",
            body, str(port),
        )
    )[0]  # fmt: skip
