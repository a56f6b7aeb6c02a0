# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what check mode says with what a run then does."""

from __future__ import annotations

# A unit that is not there yet can't be restarted in check mode, which says so by a task of its own.
_FORETOLD = {
    "sparkflows.mlops.mlflow_server : Start | Say that the service would be started": "sparkflows.mlops.mlflow_server : Start | Restart the service",
    "sparkflows.mlops.mlops_agent : Start | Say that the agent would be started": "sparkflows.mlops.mlops_agent : Start | Restart the agent",
    "sparkflows.mlops.mlops_agent : Deploy | Say that the models would be declared": "sparkflows.mlops.mlops_agent : Deploy | Declare the models",
}
# Two roles share this folder; in check mode the first did not make it for the second.
_SHARED = "sparkflows.mlops.mlops_agent : Configure | Create the folder of the configuration"


def tasks(changed: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The tasks that changed something, with their hosts, check mode's by the names that they have in a real run."""
    return {(_FORETOLD.get(task, task), host) for task, host in changed if task != _SHARED}
