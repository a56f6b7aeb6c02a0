# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All secrets are changed at once, and none is seen anywhere."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from canary import Canary
from conftest import TESTBED, Operator


def test_no_secret_gets_out(operator: Operator, canary: Callable[[dict[str, str]], Canary]) -> None:
    """Every secret is replaced by a known string; the run that puts them in place shows none, whatever is asked of it."""
    password = "CANARY-" + secrets.token_hex(16)
    known = {
        "mlops_agent_token": "CANARY-" + secrets.token_hex(16),
        "sparkflows_tracking_password": password,
        "sparkflows_s3_access_key": hashlib.md5(password.encode()).hexdigest(),
        "sparkflows_s3_secret_key": hashlib.sha256(password.encode()).hexdigest(),
        "sparkflows_token": Path(TESTBED, "sparkflows_token").read_text().strip(),
    }
    for file, name in (("agent_token", "mlops_agent_token"), ("tracking_password", "sparkflows_tracking_password")):
        Path(TESTBED, file).write_text(known[name] + "\n")
    watched = canary(known)
    with watched.watching():
        run = operator.play("site", "-vvv", "--diff")
    assert run.changed
    assert watched.escapes(run.output) == []
    assert operator.play("site").unchanged
