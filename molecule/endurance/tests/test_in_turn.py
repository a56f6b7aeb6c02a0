# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With `mlops_serial: 1` a run ends at the first host that fails, and the next one is as it was."""

from __future__ import annotations

from typing import Any

from conftest import HOSTS

BROKEN = "/etc/systemd/system/mlflow-server.service.d/broken.conf"


def test_one_host_after_the_other_ends_at_the_first_that_fails(operator: Any, on: Any) -> None:
    operator.play("site")
    first, second = HOSTS
    for host in HOSTS:
        on(host).check_output("systemctl stop mlflow-server")
    on(first).check_output("mkdir -p $(dirname %s) && printf '[Service]\\nExecStartPre=/bin/false\\n' > %s && systemctl daemon-reload", BROKEN, BROKEN)
    run = operator.play("site", fails=True, mlops_serial=1)
    assert "mlflow-server.service" in run.text and not on(second).service("mlflow-server").is_running
    assert second not in {host for dummy, host in run.changed}
    # Or systemd's next try would start it.
    on(first).check_output("rm -r $(dirname %s) && systemctl daemon-reload && systemctl stop mlflow-server", BROKEN)
    assert {host for dummy, host in operator.play("site", mlops_serial=1).changed} == {first, second}
    assert operator.play("site").unchanged
