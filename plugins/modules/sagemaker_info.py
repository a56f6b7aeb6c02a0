#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sagemaker_info
short_description: Tell how Amazon SageMaker stands to what is wanted of it
version_added: "1.0.0"
description:
  - Asks in one session what M(sparkflows.mlops.sagemaker_role_check), M(sparkflows.mlops.ecr_image), M(sparkflows.mlops.sagemaker_endpoint) and
    M(sparkflows.mlops.sagemaker_score) would do or find. Nothing is changed, and no image is built.
  - The answers are those of the modules themselves in check mode, which is how a plan and a run agree.
  - Where an answer was not available, C(error) says why; the module fails only for options that it can't use.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._aws
  - sparkflows.mlops._tracking
options:
  tracking_uri:
    description:
      - URL of the MLflow tracking server that endpoints with a C(model_uri) are looked up on, for example V(http://127.0.0.1:5000).
      - Without it the environment variable E(MLFLOW_TRACKING_URI) of the host where the module runs is read.
      - Login data do not belong in the URL, which is shown in logs.
    type: str
    required: false
  roles:
    description:
      - IAM roles to check, each with the options of M(sparkflows.mlops.sagemaker_role_check) without those of the login.
    type: list
    elements: dict
    default: []
  image:
    description:
      - The repository and its image, with the options of M(sparkflows.mlops.ecr_image) without those of the login. Its C(context) need not be there
        where O(image_files) says what it is going to hold.
      - An image that is given as C(image) is asked of the docker engine.
    type: dict
  image_files:
    description:
      - What the image's C(context) is gathered from, with the options of M(sparkflows.mlops.serving_image_context). The files are read; nothing is gathered.
    type: dict
  endpoints:
    description:
      - Endpoints, each with the options of M(sparkflows.mlops.sagemaker_endpoint) without those of the logins. One without C(image) takes that of O(image).
    type: list
    elements: dict
    default: []
  probes:
    description:
      - Rows to send, each with the options of M(sparkflows.mlops.sagemaker_score) without those of the login. An endpoint of O(endpoints) that is not as
        wanted is not asked.
    type: list
    elements: dict
    default: []
seealso:
  - module: sparkflows.mlops.sagemaker_endpoint
  - module: sparkflows.mlops.ecr_image
"""

EXAMPLES = r"""
- name: Ask what would change
  sparkflows.mlops.sagemaker_info:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    roles:
      - role_arn: arn:aws:iam::012345678901:role/sagemaker-serving
        model_uris: [s3://example-models/sparkflows-mlops/churn]
    endpoints:
      - name: churn
        artifact: /srv/models/churn
        bucket: example-models
        image: 012345678901.dkr.ecr.eu-central-1.amazonaws.com/mlops/scoring:1.0
        execution_role_arn: arn:aws:iam::012345678901:role/sagemaker-serving
        instance_type: ml.m5.large
  register: standing

- name: Refuse to go on with a role that lacks something
  ansible.builtin.assert:
    that: standing.aws.roles | map(attribute='findings', default=[]) | flatten | length == 0
"""

RETURN = r"""
aws:
  description: How the account stands to it.
  returned: success
  type: dict
  contains:
    error:
      description: A sentence where nothing could be asked, such as for credentials that AWS refuses; C(null) otherwise.
      type: str
    roles:
      description:
        - For each of O(roles) the result of M(sparkflows.mlops.sagemaker_role_check).
        - Here and in the others C(error) is a sentence where there is no result, and C(by_aws) whether it was AWS that refused.
      type: list
      elements: dict
    image:
      description: The result of M(sparkflows.mlops.ecr_image) in check mode, C(null) without O(image).
      type: dict
    reference:
      description: What endpoints take that name no image. By its digest, or by its tag where that is not known before the push; C(null) without O(image).
      type: str
    gathered:
      description: Whether the folder of O(image_files) is there.
      type: bool
    endpoints:
      description: For each of O(endpoints), by its name, the result of M(sparkflows.mlops.sagemaker_endpoint) in check mode.
      type: dict
    probes:
      description: For each of O(probes) that was sent, by the endpoint's name, the result of M(sparkflows.mlops.sagemaker_score).
      type: dict
  sample:
    error: null
    roles: [{error: null, by_aws: false, changed: false, findings: [], method: simulation}]
    image: null
    reference: null
    gathered: false
    endpoints: {churn: {error: null, by_aws: false, changed: false, model_version: 3}}
    probes: {}
calls:
  description: The calls that were made to AWS, in their order.
  returned: success
  type: list
  elements: str
  sample: ["sts:get_caller_identity", "iam:get_role", "sagemaker:describe_endpoint"]
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.endpoint import tracking_options
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.module import run_aws_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import aws_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.standing import ARGUMENT_SPEC, look


def argument_spec() -> dict[str, t.Any]:
    return dict(aws_argument_spec(), **ARGUMENT_SPEC, **tracking_options())


def main() -> None:
    run_aws_module(lambda module, aws: {"aws": look(module.params, aws)}, argument_spec())


if __name__ == "__main__":
    main()
