#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sagemaker_endpoint
short_description: Serve a model on an Amazon SageMaker endpoint
version_added: "1.0.0"
description:
  - Makes sure that an endpoint of Amazon SageMaker serves a given model with given settings - the model's archive in S3, the model, the endpoint
    configuration and the endpoint.
  - Models and configurations of SageMaker cannot be changed. The module names each after a digest of what it says, so an unchanged model with
    unchanged settings has the same names and changes nothing, and every change is an update of the endpoint to a new configuration.
  - When the endpoint does not come up with the new configuration it goes back to the previous one. An endpoint that was new is deleted again.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._aws
  - sparkflows.mlops._tracking
attributes:
  check_mode:
    support: full
    details:
      - Whether a new configuration comes up can only be seen by trying it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the endpoint. At most 63 letters, digits and V(-).
    type: str
    required: true
  state:
    description:
      - With V(present) the endpoint serves the model.
      - With V(absent) the endpoint and all configurations and models that this module made for it are deleted. Archives in S3 stay.
    type: str
    choices: [present, absent]
    default: present
  model_uri:
    description:
      - Model in MLflow's registry, V(models:/NAME/VERSION) or V(models:/NAME/STAGE). Needs O(tracking_uri), excludes O(artifact).
      - Its files must be handed out by the tracking server (V(mlflow-artifacts:)) or be in S3.
      - Whether it is the same model as before is decided by its version, its run, its place, the list of its files with their sizes, and its file
        C(MLmodel). The other files are fetched only when the model has to be uploaded.
    type: str
  artifact:
    description:
      - Model's folder with the file C(MLmodel), on the host where the module runs. It is packed, and known by the digest of its files.
      - Or a C(.tar.gz) on that host, which is uploaded as it is and known by its digest.
      - Or the S3 URI of a C(.tar.gz), which is used where it is and known by its version or entity tag.
    type: str
  tracking_uri:
    description:
      - URL of the MLflow tracking server that O(model_uri) is looked up on, for example V(http://127.0.0.1:5000).
      - Without it the environment variable E(MLFLOW_TRACKING_URI) of the host where the module runs is read.
      - Login data do not belong in the URL, which is shown in logs.
    type: str
    required: false
  bucket:
    description:
      - S3 bucket that the model's archive is uploaded to. Not needed when O(artifact) is an S3 URI.
    type: str
  prefix:
    description:
      - Path in O(bucket) below which archives are put, as C(PREFIX/NAME/DIGEST/model.tar.gz).
    type: str
    default: sparkflows-mlops
  artifact_kms_key:
    description:
      - KMS key that S3 encrypts a newly uploaded archive with. Without it, as the bucket is set up.
    type: str
  image:
    description:
      - Serving image in ECR, best by digest as the RV(sparkflows.mlops.ecr_image#module:image_uri) of M(sparkflows.mlops.ecr_image). Behind a tag
        SageMaker uses the image that the tag has when the model is made, and a moved tag is not seen.
      - Required with O(state=present).
    type: str
  execution_role_arn:
    description:
      - ARN of the IAM role by which SageMaker fetches image and model. Required with O(state=present).
    type: str
  environment:
    description:
      - Environment variables of the container. Whoever may look at the model in SageMaker sees them, so they are not a place for secrets.
    type: dict
  subnet_ids:
    description:
      - Subnets of a VPC for the containers. Needs O(security_group_ids).
    type: list
    elements: str
  security_group_ids:
    description:
      - Security groups of a VPC for the containers. Needs O(subnet_ids).
    type: list
    elements: str
  network_isolation:
    description:
      - Whether the containers may make no connections at all.
    type: bool
    default: false
  variant_name:
    description:
      - Name of the endpoint's one variant.
    type: str
    default: AllTraffic
  instance_type:
    description:
      - Type of the instances, for example V(ml.m5.large). Excludes O(serverless).
    type: str
  instance_count:
    description:
      - Number of instances at the beginning. Without it, V(1).
      - An endpoint that is scaled automatically keeps the number it has when it is updated.
    type: int
  volume_size_gb:
    description:
      - Size of the volume of each instance in GB. Without it, SageMaker's own default for the type.
    type: int
  kms_key:
    description:
      - KMS key that the volumes of the instances are encrypted with. Instances with a local NVMe disk take none.
    type: str
  startup_timeout:
    description:
      - Seconds that the container has until it answers C(/ping). Without it, SageMaker's own default.
    type: int
  download_timeout:
    description:
      - Seconds that SageMaker has to fetch and unpack the model. Without it, SageMaker's own default.
    type: int
  serverless:
    description:
      - Runs the model without instances of its own. Excludes O(instance_type).
      - Such an endpoint has no VPC, network isolation, data capture, automatic scaling by this module or key for its volume.
    type: dict
    suboptions:
      memory_mb:
        description: Memory in MB, a multiple of 1024 up to 6144.
        type: int
        default: 2048
      max_concurrency:
        description: How many requests may be worked on at a time, up to 200.
        type: int
        default: 5
      provisioned_concurrency:
        description: For how many requests a container is kept ready. Without it, for none.
        type: int
  data_capture:
    description:
      - Keeps requests and answers in S3. Without it, nothing is kept.
    type: dict
    suboptions:
      s3_uri:
        description: Where to keep them, V(s3://bucket/path).
        type: str
        required: true
      percentage:
        description: How many out of a hundred requests are kept.
        type: int
        default: 100
      capture:
        description: What is kept, requests or answers or both.
        type: list
        elements: str
        choices: [Input, Output]
        default: [Input, Output]
      kms_key:
        description: KMS key that they are encrypted with.
        type: str
      csv_content_types:
        description: Content types that are kept as CSV text.
        type: list
        elements: str
      json_content_types:
        description: Content types that are kept as JSON.
        type: list
        elements: str
  autoscaling:
    description:
      - Scales the number of instances with the number of requests. Without it, scaling is left as it is.
    type: dict
    suboptions:
      enabled:
        description: Whether the variant is scaled. With V(false) it is taken out of automatic scaling.
        type: bool
        default: true
      min_capacity:
        description: Fewest instances.
        type: int
        default: 1
      max_capacity:
        description: Most instances. Required unless O(autoscaling.enabled=false).
        type: int
      invocations_per_instance:
        description: Requests a minute per instance that scaling aims at. Required unless O(autoscaling.enabled=false).
        type: float
      scale_in_cooldown:
        description: Seconds to wait after instances were removed.
        type: int
        default: 300
      scale_out_cooldown:
        description: Seconds to wait after instances were added.
        type: int
        default: 300
  tags:
    description:
      - Tags of the endpoint, its configuration and its model. Without it, tags are left as they are.
    type: dict
  purge_tags:
    description:
      - Whether tags that are not in O(tags) are removed.
    type: bool
    default: true
  wait:
    description:
      - Whether to wait until the endpoint is in service, or with O(state=absent) gone. Without waiting nothing is rolled back.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. SageMaker itself may take ten minutes and more for a new endpoint.
    type: int
    default: 1800
  rollback:
    description:
      - Whether an endpoint that does not come up goes back to its previous configuration, or is deleted again when it was new.
    type: bool
    default: true
notes:
  - An endpoint that SageMaker is still working on is waited for before it is compared.
  - The configuration and the model before the current ones are kept for a way back by hand, older ones that this module made are deleted.
  - A run that changes nothing makes only calls that read.
seealso:
  - module: sparkflows.mlops.ecr_image
  - module: sparkflows.mlops.mlflow_model
"""

EXAMPLES = r"""
- name: Serve the model that is in production
  sparkflows.mlops.sagemaker_endpoint:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    name: churn
    tracking_uri: http://127.0.0.1:5000
    model_uri: models:/churn/Production
    bucket: example-models
    image: "{{ scoring.image_uri }}"
    execution_role_arn: arn:aws:iam::012345678901:role/sagemaker-serving
    instance_type: ml.m5.large
    autoscaling:
      max_capacity: 4
      invocations_per_instance: 600
    tags:
      team: mlops
  register: churn

- name: Serve a model from a folder, without instances of its own
  sparkflows.mlops.sagemaker_endpoint:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    name: demand
    artifact: /srv/models/demand
    bucket: example-models
    image: "{{ scoring.image_uri }}"
    execution_role_arn: arn:aws:iam::012345678901:role/sagemaker-serving
    serverless:
      memory_mb: 3072
      max_concurrency: 10

- name: Remove endpoint, configurations and models
  sparkflows.mlops.sagemaker_endpoint:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    name: demand
    state: absent
"""

RETURN = r"""
endpoint:
  description:
    - The endpoint, C(null) with O(state=absent).
    - Also returned, with what was last seen of it, when it did not come up.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the endpoint.
      type: str
    arn:
      description: ARN of the endpoint, C(null) in check mode for one that would be created.
      type: str
    status:
      description: Status in SageMaker's words, V(InService) when it serves.
      type: str
    config_name:
      description: Name of the endpoint configuration.
      type: str
    model_name:
      description: Name of the model.
      type: str
    url:
      description: Address to send rows to. Requests to it must be signed.
      type: str
  sample:
    name: churn
    arn: arn:aws:sagemaker:eu-central-1:012345678901:endpoint/churn
    status: InService
    config_name: churn-2c26b46b68ff
    model_name: churn-fcde2b2edba5
    url: https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/churn/invocations
previous_config_name:
  description: Name of the configuration that the endpoint was, or in check mode would be, changed over from. C(null) when it was not.
  returned: when O(state=present)
  type: str
model_data_url:
  description: S3 URI of the model's archive.
  returned: when O(state=present)
  type: str
  sample: s3://example-models/sparkflows-mlops/churn/9f2b6a1d0c4e8f7351b0a6c2d4e8f90123456789abcdef0123456789abcdef01/model.tar.gz
model_version:
  description: Number of the version in MLflow's registry, C(null) without O(model_uri).
  returned: when O(state=present)
  type: int
uploaded:
  description: Whether the archive was, or in check mode would be, uploaded.
  returned: when O(state=present)
  type: bool
calls:
  description: The calls that were made to AWS, in their order.
  returned: success
  type: list
  elements: str
  sample: ["sts:get_caller_identity", "sagemaker:describe_endpoint"]
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.endpoint import registry_of, run, tracking_options
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.module import run_aws_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.options import ENDPOINT, RULES
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.sagemaker import SageMaker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, aws_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule


def argument_spec() -> dict[str, t.Any]:
    return dict(aws_argument_spec(), **ENDPOINT, **tracking_options())


def call(module: QuietModule, aws: Aws) -> dict[str, t.Any]:
    return run(module.params, SageMaker(aws), registry_of(module.params), module.check_mode)


def main() -> None:
    run_aws_module(call, argument_spec(), **RULES)


if __name__ == "__main__":
    main()
