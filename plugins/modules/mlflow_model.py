#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_model
short_description: Register a model version in MLflow and promote it
version_added: "1.0.0"
description:
  - Registers a version of a model in the model registry of an MLflow tracking server and promotes it to a stage.
  - A version that was registered from the same place before is found again instead of being registered twice.
  - Written for and tested with MLflow 1.30.1.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.actiongroup_mlops
  - sparkflows.mlops._connection
  - sparkflows.mlops._tracking
attributes:
  check_mode:
    support: full
    details:
      - The number that RV(version) predicts for a new version follows the highest one there is.
        The registry also counts versions that were deleted, so the real number can be higher.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the registered model. It is created when it does not exist.
      - Letters, digits, V(.), V(_) and V(-), as a served model's URI needs it.
    type: str
    required: true
  state:
    description:
      - With V(present) the version is registered, or found, and brought to what the other options say.
      - With V(absent) the version O(version) is deleted, or without O(version) B(the whole registered model with all its versions).
        The files of the model are kept.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Where the files of the model are, for example V(runs:/RUN_ID/model), V(s3://bucket/path) or V(mlflow-artifacts:/path).
      - A C(runs:/) URI is turned into the place where the run keeps its artifacts, as MLflow's own client does it. The run must exist
        and have a model at that path.
      - When a version from the same place exists, it is used. When there are several, the newest of them.
      - An absolute path is one on the tracking server, which takes it only together with O(run_id).
      - Required with O(state=present) unless O(version) is given.
    type: str
  run_id:
    description:
      - The run that made the model, when O(source) does not say it.
    type: str
  version:
    description:
      - Number of a version that exists, to promote, describe or delete it. The registry itself numbers new versions.
      - When O(source) is given as well, it must be the one that the version was registered from.
    type: int
  stage:
    description:
      - Stage to promote the version to. Without it a version stays in its stage, and a new one is in V(None).
    type: str
    choices: ["None", Staging, Production, Archived]
  archive_existing:
    description:
      - Whether other versions in the same stage are moved to V(Archived). Only with O(stage=Staging) and O(stage=Production).
    type: bool
    default: false
  description:
    description:
      - Description of the version. Without it an existing one is left alone.
    type: str
  tags:
    description:
      - Tags to set on the version. Other tags that it has are left alone. Values are kept as text.
    type: dict
notes:
  - Use C(run_once=true) when several hosts share one tracking server, because two hosts that register at the same moment make two versions.
seealso:
  - module: sparkflows.mlops.mlops_deployment
  - name: MLflow Model Registry
    description: The registry, its versions and stages.
    link: https://www.mlflow.org/docs/1.30.1/model-registry.html
"""

EXAMPLES = r"""
- name: Register the model of a run and put it into production
  sparkflows.mlops.mlflow_model:
    tracking_uri: http://127.0.0.1:5000
    name: churn
    source: runs:/0a1b2c3d4e5f60718293a4b5c6d7e8f9/model
    stage: Production
    archive_existing: true
    description: Trained on the data of May
    tags:
      data: "2026-05"
  register: churn

- name: Serve that very version
  sparkflows.mlops.mlops_deployment:
    agent_url: http://127.0.0.1:8086
    agent_token: "{{ mlops_agent_token }}"
    name: churn
    model_uri: "{{ churn.model_uri }}"

- name: Roll back to version 3 on a tracking server behind a reverse proxy
  sparkflows.mlops.mlflow_model:
    tracking_uri: https://mlflow.example.com
    tracking_username: deployer
    tracking_password: "{{ mlflow_password }}"
    ca_path: /etc/ssl/certs/example-ca.pem
    name: churn
    version: 3
    stage: Production
    archive_existing: true

- name: Delete one version
  sparkflows.mlops.mlflow_model:
    tracking_uri: http://127.0.0.1:5000
    name: churn
    version: 1
    state: absent
"""

RETURN = r"""
name:
  description: Name of the registered model.
  returned: success
  type: str
  sample: churn
version:
  description:
    - Number of the version. In check mode for a version not registered yet, the number expected for it.
    - With O(state=absent) what O(version) says.
  returned: success
  type: int
  sample: 3
stage:
  description: Stage of the version.
  returned: when O(state=present)
  type: str
  sample: Production
source:
  description: Place of the model's files as the registry keeps it.
  returned: when O(state=present)
  type: str
  sample: mlflow-artifacts:/0/0a1b2c3d4e5f60718293a4b5c6d7e8f9/artifacts/model
run_id:
  description: The run that made the model, empty when it is not known.
  returned: when O(state=present)
  type: str
  sample: 0a1b2c3d4e5f60718293a4b5c6d7e8f9
model_uri:
  description: URI to deploy this very version by.
  returned: when O(state=present)
  type: str
  sample: models:/churn/3
archived:
  description: Numbers of the versions that O(archive_existing) moved to the stage V(Archived).
  returned: when O(state=present)
  type: list
  elements: int
  sample: [2]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import STAGES, Registry, run, tracking_argument_spec, tracking_client
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(
        lambda module: run(module.params, Registry(tracking_client(module.params)), module.check_mode),
        dict(
            tracking_argument_spec(),
            name={"type": "str", "required": True},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            source={"type": "str"},
            run_id={"type": "str"},
            version={"type": "int"},
            stage={"type": "str", "choices": list(STAGES)},
            archive_existing={"type": "bool", "default": False},
            description={"type": "str"},
            tags={"type": "dict"},
        ),
    )


if __name__ == "__main__":
    main()
