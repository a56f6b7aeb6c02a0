#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sagemaker_score
short_description: Send rows to an Amazon SageMaker endpoint and check its predictions
version_added: "1.0.0"
description:
  - Sends rows to a model on an endpoint through C(sagemaker-runtime), which signs the request, and returns the predictions.
  - Fails when the predictions are not the expected ones, naming the first row that differs.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._aws
options:
  endpoint_name:
    description:
      - Name of the endpoint.
    type: str
    required: true
  variant:
    description:
      - Variant that is to answer. Without it, SageMaker chooses.
    type: str
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
      - Major version of the MLflow in the serving image, which decides the form of the request. An endpoint can't be asked for it.
    type: str
    choices: ["1", "2"]
    default: "1"
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
      - How often to ask again when no answer comes, or the container answers with a status of 500 or above.
      - Wrong predictions and refused requests are not asked for again.
    type: int
    default: 0
  delay:
    description:
      - Seconds between two tries.
    type: float
    default: 2
notes:
  - The credentials need C(sagemaker:InvokeEndpoint).
seealso:
  - module: sparkflows.mlops.model_score
  - module: sparkflows.mlops.sagemaker_endpoint
"""

EXAMPLES = r"""
- name: Check that the endpoint predicts what it should
  sparkflows.mlops.sagemaker_score:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    endpoint_name: churn
    columns: [age, income]
    data:
      - [25, 31000]
      - [61, 78500.5]
    expected: [0.125, 0.875]
    tolerance: 1.0e-4
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
  sample: 47.4
mlflow_version:
  description: Major version of MLflow whose request form was used.
  returned: success
  type: str
  sample: "1"
calls:
  description: The calls that were made to AWS, in their order.
  returned: success
  type: list
  elements: str
  sample: ["sts:get_caller_identity", "sagemaker-runtime:invoke_endpoint"]
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.module import run_aws_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.score import ARGUMENT_SPEC, RULES, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import aws_argument_spec


def argument_spec() -> dict[str, t.Any]:
    return dict(aws_argument_spec(), **ARGUMENT_SPEC)


def main() -> None:
    run_aws_module(lambda module, aws: run(module.params, aws), argument_spec(), **RULES)


if __name__ == "__main__":
    main()
