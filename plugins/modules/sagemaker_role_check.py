#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sagemaker_role_check
short_description: Tell what an IAM role lacks to serve models with Amazon SageMaker
version_added: "1.0.0"
description:
  - Checks that SageMaker may assume a role, and that the role may fetch the model, pull the image and write logs and metrics, and tells each
    missing permission in a sentence.
  - IAM is asked to simulate (C(iam:SimulatePrincipalPolicy)). Where the credentials may not do so, the policies of the role are read and judged here.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._aws
options:
  role_arn:
    description:
      - ARN of the role, the C(execution_role_arn) of M(sparkflows.mlops.sagemaker_endpoint).
    type: str
    required: true
  model_uris:
    description:
      - Where in S3 the models are, each the URI of an archive or of a folder, V(s3://bucket/path).
    type: list
    elements: str
    default: []
  repository:
    description:
      - Repository of ECR that the image is pulled from. Without it, this is not checked.
    type: str
  repository_account_id:
    description:
      - Account that O(repository) belongs to. Without it, O(aws_account_id).
    type: str
  capture_uris:
    description:
      - Where in S3 requests and answers are kept.
    type: list
    elements: str
    default: []
  kms_keys:
    description:
      - Ids or ARNs of the KMS keys of models and volumes.
    type: list
    elements: str
    default: []
  vpc:
    description:
      - Whether endpoints are in a VPC.
    type: bool
    default: false
  method:
    description:
      - How it is found out. V(auto) simulates, and reads the policies when that is not allowed.
    type: str
    choices: [auto, simulation, documents]
    default: auto
  fail_on_findings:
    description:
      - Whether a finding is an error. Otherwise the findings are only returned.
    type: bool
    default: true
notes:
  - With V(documents) conditions of policies can't be judged. A permission with a condition counts as given, a prohibition with one does not.
    Policies of the organization and of the bucket, repository and key themselves are not looked at.
  - The credentials need C(iam:GetRole) and C(iam:SimulatePrincipalPolicy), or else C(iam:ListRolePolicies), C(iam:GetRolePolicy),
    C(iam:ListAttachedRolePolicies), C(iam:GetPolicy) and C(iam:GetPolicyVersion).
seealso:
  - module: sparkflows.mlops.sagemaker_endpoint
"""

EXAMPLES = r"""
- name: Check the role that SageMaker is to serve with
  sparkflows.mlops.sagemaker_role_check:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    role_arn: arn:aws:iam::012345678901:role/sagemaker-serving
    model_uris: [s3://example-models/sparkflows-mlops]
    repository: mlops/scoring
"""

RETURN = r"""
findings:
  description: What the role lacks. Also returned when that is an error.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: V(no_role), V(trust) or V(permission).
      type: str
    action:
      description: The action that is missing, C(null) with V(no_role).
      type: str
    resource:
      description: The resource that it is missing for, C(null) with V(no_role).
      type: str
    sentence:
      description: The finding in words.
      type: str
  sample:
    - code: permission
      action: ecr:BatchGetImage
      resource: arn:aws:ecr:eu-central-1:012345678901:repository/mlops/scoring
      sentence: >-
        sagemaker-serving may not do ecr:BatchGetImage on arn:aws:ecr:eu-central-1:012345678901:repository/mlops/scoring, which it needs
        to pull the image from mlops/scoring.
method:
  description: How it was found out, V(simulation), V(documents), or V(none) without a role.
  returned: success
  type: str
  sample: simulation
calls:
  description: The calls that were made to AWS, in their order.
  returned: success
  type: list
  elements: str
  sample: ["sts:get_caller_identity", "iam:get_role", "iam:simulate_principal_policy"]
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.module import run_aws_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.role import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import aws_argument_spec


def argument_spec() -> dict[str, t.Any]:
    return dict(aws_argument_spec(), **ARGUMENT_SPEC)


def main() -> None:
    run_aws_module(lambda module, aws: run(module.params, aws), argument_spec())


if __name__ == "__main__":
    main()
