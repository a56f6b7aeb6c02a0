#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mlops_rollout
short_description: Wait until the models of an MLOps agent serve with what their host has now
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - After another Python environment, another JDK or other settings came to a host, the agent restarts its models one after the other. The next one has its
    turn when the one before has scored a row.
  - This module waits until all of them are ready with what the host has now, and fails as soon as one of them fails. It changes nothing.
  - An agent that restarts meanwhile is waited for.
options:
  names:
    description:
      - Names of deployments to wait for. One that is not there, or is being removed, is not waited for.
      - Left out, all are waited for.
    type: list
    elements: str
  wait_timeout:
    description:
      - How many seconds to wait at most.
      - Left out, it is what the models may take to start, one after the other, and a minute more for each.
    type: int
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._attributes.actiongroup_mlops
  - sparkflows.mlops._agent
  - sparkflows.mlops._connection
seealso:
  - module: sparkflows.mlops.mlops_deployment
"""

EXAMPLES = r"""
- name: Wait until all models serve with the new JDK
  sparkflows.mlops.mlops_rollout:
    agent_url: http://127.0.0.1:8086
    agent_token: "{{ mlops_agent_token }}"
"""

RETURN = r"""
models:
  description: Names of the deployments that were waited for. Where the module fails, of those that keep it from its end.
  returned: success
  type: list
  elements: str
  sample: [churn]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.agent import Deployments, agent_client
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.rollout import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(lambda module: run(module.params, Deployments(agent_client(module.params))), ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
