# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What each role leaves behind on a host, one module per role: the questions, what they find, and how far the host is from it."""

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import (
    firewall,
    jdk,
    mlflow_server,
    mlops_agent,
    mlops_bundle,
    pip_stack,
    python,
    sagemaker,
    scorer,
    sparkflows,
    ssh_access,
)

#: The roles in the order in which they run.
STATES = {
    "mlops_bundle": mlops_bundle.STATE,
    "jdk": jdk.STATE,
    "python": python.STATE,
    "pip_stack": pip_stack.STATE,
    "mlflow_server": mlflow_server.STATE,
    "mlops_agent": mlops_agent.STATE,
    "firewall": firewall.STATE,
    "ssh_access": ssh_access.STATE,
    "sparkflows": sparkflows.STATE,
    "scorer": scorer.STATE,
    "sagemaker": sagemaker.STATE,
}
