# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JDK, Python and stack move to other prefixes: services and models follow, and the old places may go. The host stays moved."""

from __future__ import annotations

import re
from typing import Any

from conftest import processes
from deployments import eventually
from models import ready
from testinfra.host import Host

ALONE = ("--limit", "allinone")
MOVED = {
    "jdk_prefix": "/srv/moved/jdk", "mlops_agent_jdk_home": "/srv/moved/jdk/current", "python_prefix": "/srv/moved/python",
    "pip_stack_python": "/srv/moved/python/current/bin/python3.7", "pip_stack_prefix": "/srv/moved/stack",
    "mlflow_server_stack": "/srv/moved/stack/current", "mlops_agent_stack": "/srv/moved/stack/current",
}  # fmt: skip


MODELS = ("verify-numpy", "verify-spark")


def main_process(host: Host, name: str) -> str:
    return str(host.check_output("systemctl show --value --property=MainPID %s", f"mlops-model@{name}.service"))


def test_moved_prefixes(operator: Any, on: Any) -> None:
    host = on("allinone")
    operator.play("verify", *ALONE, verify_keep=True)
    before = {name: main_process(host, name) for name in MODELS}
    forgotten = operator.play("site", *ALONE, fails=True, pip_stack_prefix="/srv/moved/stack")
    assert "Set it to /srv/moved/stack/current." in forgotten.text

    run = operator.play("site", *ALONE, **MOVED)
    for former in ("/opt/sparkflows/stack", "/opt/sparkflows/jdk"):
        assert re.search(rf"{former} in use → left as it is", run.text), former
    # Models restart one by one.
    for name in MODELS:
        eventually(lambda: main_process(host, name) != before[name] and ready(host, name)(), f"{name} has restarted and is ready", 300)  # noqa: B023
    assert operator.differing(*ALONE, **MOVED) == []
    # The testbed's JDK has a program loader that works at one place; all else is gone.
    host.check_output("rm -r /opt/sparkflows/stack /opt/sparkflows/python")
    for unit in ("mlflow-server", "mlops-agent", *(f"mlops-model@{name}" for name in MODELS)):
        programs = [host.check_output("readlink /proc/%s/exe", pid) for pid in processes(host, unit)]
        assert programs and all(program.startswith(("/srv/moved/", "/usr/")) for program in programs), (unit, programs)
    proof = operator.play("verify", *ALONE, **MOVED)
    assert "allinone verify-spark" in proof.text
    assert operator.differing(*ALONE, **MOVED) == []
