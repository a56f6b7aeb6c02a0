# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host never seen to a running one and back to nothing, each step foretold by check mode."""

from __future__ import annotations

from foretold import tasks
from standing import standing
from testinfra.host import Host

DATA = ["/var/lib/mlflow-server", "/var/lib/mlops-agent"]


def test_life_of_a_host(operator, disk, host: Host) -> None:
    before = standing(host)
    predicted = operator.play("site", "--check", "--diff")
    assert predicted.changed
    assert disk.changes() == []

    # As loud as it gets, and still no secret.
    real = operator.play("site", "-vvv", "--diff")
    assert tasks(real.changed) == tasks(predicted.changed)
    token = host.check_output("sed -n 's/^[A-Z_]*TOKEN=//p' /etc/sparkflows-mlops/mlops-agent.env").strip('"')
    assert len(token) >= 16
    assert token not in real.output

    assert operator.play("site", "--check", "--diff").unchanged
    assert operator.play("site").unchanged

    farewell = operator.play("uninstall", "--check", "--diff")
    assert host.service("mlops-agent.service").is_running
    assert tasks(operator.play("uninstall").changed) == tasks(farewell.changed)
    assert [folder for folder in DATA if host.file(folder).is_directory] == DATA
    assert host.user("mlflow").exists, "whom the data belongs to"

    farewell = operator.play("uninstall", "--check", mlops_uninstall_data=True)
    assert tasks(operator.play("uninstall", mlops_uninstall_data=True).changed) == tasks(farewell.changed)
    assert operator.play("uninstall", "--check", mlops_uninstall_data=True).unchanged
    assert standing(host).differences(before) == []
