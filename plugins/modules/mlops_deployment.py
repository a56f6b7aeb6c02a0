#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mlops_deployment
short_description: Declare a served model on the MLOps agent
version_added: "1.0.0"
description:
  - Declares which model the built-in MLOps agent serves under a name, and waits until the model answers.
  - The agent runs each model as a service of its own, keeps it running and gives it a port.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.actiongroup_mlops
  - sparkflows.mlops._agent
  - sparkflows.mlops._connection
attributes:
  check_mode:
    support: full
    details:
      - Whether a stage, as in V(models:/churn/Production), means another version by now is looked up by the agent when the model
        is deployed. C(check_mode) cannot see that and compares only what is declared.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the deployment. Lower-case letters, digits, V(-) and V(_), at most 63, with a letter or digit first and last.
    type: str
    required: true
  state:
    description:
      - With V(present) the model is served.
      - With V(absent) the deployment is stopped and forgotten. The model stays in the registry.
    type: str
    choices: [present, absent]
    default: present
  model_uri:
    description:
      - The model to serve - V(models:/NAME/VERSION), V(models:/NAME/STAGE), V(runs:/RUN_ID/path), V(s3://bucket/path),
        V(mlflow-artifacts:/path), or an absolute path below one of the folders that the agent is configured to serve from.
      - Required with O(state=present).
      - For a stage the agent serves the version that is in it when the module runs. Run it again after a promotion, or see O(follow).
    type: str
  port:
    description:
      - Port to serve on, out of the agent's range. Without it the agent chooses a free one once and keeps it.
    type: int
  workers:
    description:
      - Number of worker processes, each of which loads the model. Without it a stored number is kept, else it is 1.
    type: int
  memory_mb:
    description:
      - Memory limit of the model with all its workers, in MiB. Without it a stored limit is kept, else it is 2048.
    type: int
  startup_timeout:
    description:
      - Seconds that the agent gives the model to become ready. Without it a stored number is kept, else it is 180.
    type: int
  probe:
    description:
      - Rows that the agent sends to the model to see that it really answers.
      - Has either the keys C(columns) and C(data), or C(records), or C(inputs), or C(instances), as in the body of a request to the model.
      - Without it a stored probe is kept, else the agent takes the input example that was logged with the model, where there is one.
    type: dict
  follow:
    description:
      - Whether the agent looks at the stage that O(model_uri) names every so often, as its own settings say, and serves another version
        as soon as it is there. Without it a stored value is kept, else it is V(false).
      - The new version is started beside the old one and takes over when it is ready, at the same port and without losing a request.
        Does it not get ready, the old one serves on, and RV(deployment.message) says why.
      - Such a deployment needs three ports of the agent's range, and the memory of two models for the time of a change.
      - With V(false) the version stays that serves; every later change of the deployment is made without a gap all the same.
    type: bool
  wait:
    description:
      - Whether to wait until the deployment is ready, or with O(state=absent) until it is gone.
      - A deployment that fails is an error that shows the end of the model's log.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. Without it, one minute longer than the start-up timeout of the deployment.
    type: int
notes:
  - A deployment in the state V(failed) is declared anew even when nothing else is different, which makes the agent try it again.
seealso:
  - module: sparkflows.mlops.mlflow_model
  - module: sparkflows.mlops.model_score
"""

EXAMPLES = r"""
- name: Serve the model that is in production
  sparkflows.mlops.mlops_deployment:
    agent_url: http://127.0.0.1:8086
    agent_token: "{{ mlops_agent_token }}"
    name: churn
    model_uri: models:/churn/Production
  register: served

- name: Show where it answers
  ansible.builtin.debug:
    msg: "{{ served.deployment.url }}/invocations"

- name: Serve a Spark model, which needs more memory and time, and say how to see that it is well
  sparkflows.mlops.mlops_deployment:
    agent_url: https://mlflow.example.com:8086
    agent_token: "{{ mlops_agent_token }}"
    ca_path: /etc/ssl/certs/example-ca.pem
    name: demand
    model_uri: models:/demand/2
    port: 5010
    memory_mb: 4096
    startup_timeout: 300
    probe:
      columns: [day, shop]
      data: [[1, 17]]

- name: Serve whatever is in production, now and later
  sparkflows.mlops.mlops_deployment:
    agent_url: http://127.0.0.1:8086
    agent_token: "{{ mlops_agent_token }}"
    name: churn
    model_uri: models:/churn/Production
    follow: true

- name: Stop serving it
  sparkflows.mlops.mlops_deployment:
    agent_url: http://127.0.0.1:8086
    agent_token: "{{ mlops_agent_token }}"
    name: churn
    state: absent
"""

RETURN = r"""
deployment:
  description:
    - The deployment as the agent describes it, C(null) with O(state=absent).
    - In check mode, what is declared laid over what is there. What only the agent can know is C(null) for a new deployment.
    - Also returned when the deployment failed or was not ready in time.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the deployment.
      type: str
    model_uri:
      description: The model as it was declared.
      type: str
    resolved_uri:
      description: The model with a stage replaced by the version that is served.
      type: str
    port:
      description: Port that the model is served on.
      type: int
    workers:
      description: Number of worker processes.
      type: int
    memory_mb:
      description: Memory limit in MiB.
      type: int
    startup_timeout:
      description: Seconds the model has to become ready.
      type: int
    probe:
      description: Rows that the agent asks the model about, C(null) when none are declared.
      type: dict
    follow:
      description: Whether the agent serves another version as soon as it is in the stage.
      type: bool
    state:
      description: One of V(starting), V(ready), V(unhealthy), V(failed), V(stopping) and V(removed).
      type: str
    message:
      description: What the state is about, in words.
      type: str
    url:
      description: Address of the served model. Rows go to C(/invocations) below it.
      type: str
    flavors:
      description: Flavors that the model has.
      type: list
      elements: str
    restarts:
      description: How often the model was started again because it did not answer.
      type: int
    log:
      description: Last lines of the model's log when it failed.
      type: list
      elements: str
    updated_at:
      description: When the deployment was declared last, in UTC.
      type: str
  sample:
    name: churn
    model_uri: models:/churn/Production
    resolved_uri: models:/churn/3
    port: 5001
    workers: 1
    memory_mb: 2048
    startup_timeout: 180
    probe:
    follow: false
    state: ready
    message: The model answers.
    url: http://127.0.0.1:5001
    flavors: [python_function, sklearn]
    restarts: 0
    log: []
    updated_at: "2026-11-22T09:30:00Z"
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.agent import ARGUMENT_SPEC, Deployments, agent_client, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(
        lambda module: run(module.params, Deployments(agent_client(module.params)), module.check_mode),
        ARGUMENT_SPEC,
        required_if=[("state", "present", ["model_uri"])],
    )


if __name__ == "__main__":
    main()
