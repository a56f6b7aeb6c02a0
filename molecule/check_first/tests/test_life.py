# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host never seen to a running one and back to nothing, each step foretold by check mode."""

from __future__ import annotations

from foretold import tasks
from testinfra.host import Host

# The folders that several roles share stay, empty.
PLACES = ("/opt/sparkflows/*", "/etc/sparkflows-mlops/*", "/var/lib/mlflow-server", "/var/lib/mlops-agent", "/var/cache/mlops-models")


def test_life_of_a_host(operator, disk, host: Host) -> None:
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

    farewell = operator.play("remove.yml", "--check", "--diff")
    assert host.service("mlops-agent.service").is_running
    assert tasks(operator.play("remove.yml").changed) == tasks(farewell.changed)
    assert host.run(f"ls --directory {' '.join(PLACES)} 2>/dev/null").stdout == ""
    assert host.run("systemctl list-unit-files --no-legend 'mlflow-*' 'mlops-*'").stdout == ""
    assert host.check_output("systemctl list-units --state=failed --no-legend") == ""
    assert [user for user in ("mlflow", "mlops-agent", "mlops-model") if host.user(user).exists] == []
    assert operator.play("remove.yml", "--check").unchanged
