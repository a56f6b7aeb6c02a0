# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host never seen to a running one and back to nothing, each step foretold by check mode."""

from __future__ import annotations

from testinfra.host import Host

# The folders that several roles share stay, empty.
PLACES = ("/opt/sparkflows/*", "/etc/sparkflows-mlops/*", "/var/lib/mlflow-server", "/var/lib/mlops-agent", "/var/cache/mlops-models")


# A unit that is not there yet can't be restarted in check mode, which says so by a task of its own.
FORETOLD = {
    "sparkflows.mlops.mlflow_server : Start | Say that the service would be started": "sparkflows.mlops.mlflow_server : Start | Restart the service",
    "sparkflows.mlops.mlops_agent : Start | Say that the agent would be started": "sparkflows.mlops.mlops_agent : Start | Restart the agent",
    "sparkflows.mlops.mlops_agent : Deploy | Say that the models would be declared": "sparkflows.mlops.mlops_agent : Deploy | Declare the models",
}
# Two roles share this folder; in check mode the first did not make it for the second.
SHARED = "sparkflows.mlops.mlops_agent : Configure | Create the folder of the configuration"


def tasks(changed: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The tasks that changed something, with their hosts, check mode's by the names that they have in a real run."""
    return {(FORETOLD.get(task, task), host) for task, host in changed if task != SHARED}


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
