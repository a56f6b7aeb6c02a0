#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: model_score
short_description: Send rows to a served model and check its predictions
version_added: "1.0.0"
description:
  - Sends rows to a model that MLflow serves over REST, in the form that the serving version of MLflow wants, and returns the predictions.
  - Fails when the predictions are not the expected ones, naming the first row that differs.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._attributes.actiongroup_mlops
  - sparkflows.mlops._connection
options:
  url:
    description:
      - Address of the served model, with or without C(/invocations) at its end, for example V(http://127.0.0.1:5001).
    type: str
    required: true
  columns:
    description:
      - Names of the columns of O(data).
    type: list
    elements: str
  data:
    description:
      - Rows to score, each a list with one value for each of O(columns).
      - Exactly one of O(data), O(records), O(csv) and O(inputs) is needed.
    type: list
    elements: raw
  records:
    description:
      - Rows to score, each a mapping of column to value.
    type: list
    elements: raw
  csv:
    description:
      - Rows to score as CSV text, with the names of the columns in its first line.
    type: str
  inputs:
    description:
      - Input of a model that takes tensors, a nested list or a mapping of name to nested list.
    type: raw
  mlflow_version:
    description:
      - Major version of the MLflow that serves the model, which decides the form of the request.
      - With V(auto) the model is asked, at C(/version). MLflow 1.30.1 and 2 answer that.
    type: str
    choices: [auto, "1", "2"]
    default: auto
  expected:
    description:
      - Predictions to expect, one for each row. Without it any prediction is good.
      - The texts V(NaN), V(Infinity) and V(-Infinity) stand for these numbers.
    type: list
    elements: raw
  tolerance:
    description:
      - How far a number may be away from the expected one, relative to the larger of the two.
    type: float
    default: 1.0e-6
  retries:
    description:
      - How often to ask again when no answer comes, or one with a status of 500 or above, such as from a model that is still loading.
      - Wrong predictions and refused requests are not asked for again.
    type: int
    default: 0
  delay:
    description:
      - Seconds between two tries.
    type: float
    default: 2
  username:
    description:
      - User name for a model behind a reverse proxy with basic authentication.
    type: str
  password:
    description:
      - Password that belongs to O(username).
    type: str
  token:
    description:
      - Bearer token for a model behind a reverse proxy. Not used when there is an O(username).
    type: str
seealso:
  - module: sparkflows.mlops.mlops_deployment
"""

EXAMPLES = r"""
- name: Check that the model predicts what it should
  sparkflows.mlops.model_score:
    url: http://127.0.0.1:5001
    columns: [age, income]
    data:
      - [25, 31000]
      - [61, 78500.5]
    expected: [0.125, 0.875]
    tolerance: 1.0e-4

- name: Score rows of a model that is still loading
  sparkflows.mlops.model_score:
    url: http://127.0.0.1:5001/invocations
    records:
      - age: 25
        income: 31000
    retries: 30
    delay: 1
  register: scored

- name: Show the prediction
  ansible.builtin.debug:
    var: scored.predictions[0]
"""

RETURN = r"""
predictions:
  description:
    - The predictions, usually one for each row. Numbers that JSON does not have are the texts V(NaN), V(Infinity) and V(-Infinity).
    - Also returned when they are not the expected ones.
  returned: success
  type: raw
  sample: [0.125, 0.875]
status:
  description: HTTP status of the answer.
  returned: success
  type: int
  sample: 200
elapsed_ms:
  description: Milliseconds from sending the rows until the answer was there.
  returned: success
  type: float
  sample: 7.4
mlflow_version:
  description: Major version of MLflow whose request form was used. Later versions take the form of V(2).
  returned: success
  type: str
  sample: "1"
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._http import connection_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.scoring import INPUT_FORMS, run, scoring_client
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(
        lambda module: run(module.params, scoring_client(module.params)),
        dict(
            connection_argument_spec(),
            url={"type": "str", "required": True},
            columns={"type": "list", "elements": "str"},
            data={"type": "list", "elements": "raw"},
            records={"type": "list", "elements": "raw"},
            csv={"type": "str"},
            inputs={"type": "raw"},
            mlflow_version={"type": "str", "choices": ["auto", "1", "2"], "default": "auto"},
            expected={"type": "list", "elements": "raw"},
            tolerance={"type": "float", "default": 1.0e-6},
            retries={"type": "int", "default": 0},
            delay={"type": "float", "default": 2},
            username={"type": "str"},
            password={"type": "str", "no_log": True},
            token={"type": "str", "no_log": True},
        ),
        required_together=[("columns", "data")],
        required_one_of=[INPUT_FORMS],
        mutually_exclusive=[INPUT_FORMS],
    )


if __name__ == "__main__":
    main()
