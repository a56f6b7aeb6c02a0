#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_workflow_run
short_description: Run a workflow of Sparkflows
version_added: "1.0.0"
description:
  - Runs a workflow, for example one that scores rows with a model, waits for its end and returns its results.
  - An execution that fails, is killed or takes too long is an error that shows the end of its log.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._sparkflows.actiongroup_sparkflows
  - sparkflows.mlops._sparkflows
  - sparkflows.mlops._connection
attributes:
  check_mode:
    support: partial
    details:
      - Looks the workflow up and says that it would run, but not how it would end.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run executes the workflow once more and reports a change.
options:
  workflow_id:
    description: Id of the workflow.
    type: int
  workflow_uuid:
    description: UUID of the workflow, which stays the same on every server that it is imported to.
    type: str
  workflow_name:
    description: Name of the workflow. It is an error when several have it.
    type: str
  parameters:
    description:
      - Parameters of the workflow as one text, in the form that the workflow expects.
      - A text that ansible-core before 2.19 has made a list or a dictionary of is handed over as JSON.
      - They are shown like other options. Set C(no_log) for the task when a secret is among them.
    type: raw
    default: ""
  api:
    description:
      - Which of the two documented calls starts the workflow.
      - V(create) is C(POST /api/v1/create/workflowexecution/ID), the newer one.
      - V(execute) is C(POST /api/v1/workflow/execute).
      - V(auto) tries V(create) and takes V(execute) where the server does not know that.
    type: str
    choices: [create, execute, auto]
    default: create
  user:
    description:
      - User of Sparkflows that the execution belongs to. Without it O(sparkflows_username).
      - One of them is needed unless O(api=execute).
    type: str
  wait:
    description: Whether to wait for the end. Without waiting there are no results, and a failure is not seen.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for the end.
      - A server that is not there meanwhile, as when it is restarted, is waited for within the same time.
    type: int
    default: 600
  poll_interval:
    description: Seconds between two looks at the state of the execution.
    type: float
    default: 2.0
  kill_on_timeout:
    description: Whether an execution that takes longer than O(wait_timeout) is told to end. Without that it goes on.
    type: bool
    default: false
  results:
    description: Whether to read what the nodes of the workflow put out. It is a warning when the server has nothing of a complete execution.
    type: bool
    default: true
notes:
  - The request that starts the workflow is never sent twice, except when nothing listened or the server had too many requests. After a lost
    answer the list of executions, which is also read before, tells whether one was started; if so, that one is followed.
seealso:
  - module: sparkflows.mlops.model_score
"""

EXAMPLES = r"""
- name: Score the rows of today
  sparkflows.mlops.sparkflows_workflow_run:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    user: scoring
    workflow_uuid: 6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11
  register: scored

- name: Show what came out
  ansible.builtin.debug:
    var: scored.results

- name: Start a long run and do not wait for it
  sparkflows.mlops.sparkflows_workflow_run:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_username: scoring
    sparkflows_password: "{{ sparkflows_password }}"
    workflow_name: Train Churn
    wait: false
"""

RETURN = r"""
workflow:
  description: The workflow that was, or in check mode would be, run.
  returned: success
  type: dict
  contains:
    id:
      description: Id on this server.
      type: int
    uuid:
      description: UUID, C(null) when the server does not tell.
      type: str
    name:
      description: Name, C(null) when the server does not tell.
      type: str
  sample: {id: 7, uuid: 6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11, name: Score Churn}
execution_id:
  description: Id of the execution, C(null) in check mode. Also returned when it failed.
  returned: success
  type: int
  sample: 162
status:
  description:
    - State of the execution, which is V(COMPLETED) after waiting. Also returned when it failed.
    - C(null) in check mode.
  returned: success
  type: str
  sample: COMPLETED
results:
  description:
    - What the nodes of the workflow put out, as the server tells it, decoded where it is JSON and else as text, such as CSV.
    - C(null) without waiting, in check mode, with O(results=false), or where the server has nothing.
  returned: success
  type: raw
  sample: [{nodeId: "1", result: "..."}]
log:
  description: Last lines of the log of the execution.
  returned: when the execution failed or took too long
  type: list
  elements: str
  sample: [Job aborted.]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows, sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflows import run


def main() -> None:
    one = [("workflow_id", "workflow_uuid", "workflow_name")]
    run_module(
        lambda module: run(module.params, Sparkflows(module.params), module.check_mode),
        dict(
            sparkflows_argument_spec(),
            workflow_id={"type": "int"},
            workflow_uuid={"type": "str"},
            workflow_name={"type": "str"},
            parameters={"type": "raw", "default": ""},
            api={"type": "str", "choices": ["create", "execute", "auto"], "default": "create"},
            user={"type": "str"},
            wait={"type": "bool", "default": True},
            wait_timeout={"type": "int", "default": 600},
            poll_interval={"type": "float", "default": 2.0},
            kill_on_timeout={"type": "bool", "default": False},
            results={"type": "bool", "default": True},
        ),
        mutually_exclusive=one,
        required_one_of=one,
    )


if __name__ == "__main__":
    main()
