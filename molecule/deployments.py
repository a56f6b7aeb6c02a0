# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the agent of a host about its deployments."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from testinfra.host import Host


def agent(host: Host, path: str, method: str = "GET", body: Any = None, token: str | None = None) -> tuple[int, Any]:
    """Ask the agent on the host itself, with its own token unless another is given; the status and the JSON answer."""
    secret = token or "$(sed -n 's/^[A-Z_]*TOKEN=//p' /etc/sparkflows-mlops/mlops-agent.env | tr -d '\"')"
    answer = host.check_output(
        f"""curl --silent --show-error --noproxy '*' --request {method} --header "Authorization: Bearer {secret}" """
        f"""--header 'Content-Type: application/json' {"--data-binary @-" if body is not None else ""} """
        f"""--write-out '\\n%{{http_code}}' http://127.0.0.1:8086{path} <<'BODY'\n{json.dumps(body)}\nBODY"""
    )
    text, status = answer.rsplit("\n", 1)
    return int(status), json.loads(text)


def eventually(condition: Callable[[], Any], what: str, patience: float = 90) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(0.2)
