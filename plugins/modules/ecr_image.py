#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image
short_description: Keep a repository and a container image in Amazon ECR
version_added: "1.0.0"
description:
  - Makes sure that a repository of the Amazon Elastic Container Registry is there with the given settings, and that a tag in it holds a given image.
  - The image is one that the local docker engine has, or is built from a folder. It is pushed only when ECR does not have it, which is decided by digest.
  - After a push the digest that docker names and the one that ECR names are compared.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._aws
attributes:
  check_mode:
    support: full
    details:
      - An image that would have to be built is not built in C(check_mode), so its digest is not known then. That it would be pushed is.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the repository, for example V(mlops/scoring).
    type: str
    required: true
  state:
    description:
      - With V(present) the repository is there and O(tag) holds the image.
      - With V(absent) and O(tag) this tag is removed from the repository, and the image with it unless it has another tag.
      - With V(absent) and without O(tag) the repository is deleted.
    type: str
    choices: [present, absent]
    default: present
  tag:
    description:
      - Tag of the image in the repository. With O(state=present) it needs O(image) or O(context).
    type: str
  image:
    description:
      - Name or id of an image of the local docker engine. Excludes O(context).
    type: str
  context:
    description:
      - Folder to build the image from, on the host where the module runs. Excludes O(image).
      - Whether there is something to build is decided by the digest of all files in it and of the options of the build. ECR keeps this digest as
        a second tag of the image, V(context-DIGEST), so that every host that runs the module comes to the same answer, with or without a docker engine.
      - All files count, also those that C(.dockerignore) leaves out. Owners and times do not.
      - A newer base image under the same name is not seen. Name the base image by digest, or pass its name in O(build_args).
    type: path
  dockerfile:
    description:
      - Path of the Dockerfile, relative to O(context). Without it, V(Dockerfile).
    type: str
  build_args:
    description:
      - Arguments of the build. They can be read in the image, so they are not a place for secrets.
    type: dict
  target:
    description:
      - Stage of the Dockerfile to build. Without it, the last one.
    type: str
  platform:
    description:
      - Platform to build for, for example V(linux/amd64). Without it, the one of the docker engine.
    type: str
  scan_on_push:
    description:
      - Whether ECR scans an image when it is pushed. Without it a repository keeps what it has, and a new one scans.
    type: bool
  immutable_tags:
    description:
      - Whether a tag, once pushed, stays with its image. Without it a repository keeps what it has, and the tags of a new one can be moved.
      - Another image for an immutable tag is an error, in C(check_mode) too.
    type: bool
  encryption:
    description:
      - How the repository is encrypted, with keys of S3 or with a key of KMS. It cannot be changed afterwards.
      - Without it, a new repository gets V(aes256).
    type: str
    choices: [aes256, kms]
  kms_key:
    description:
      - Id or ARN of the KMS key for O(encryption=kms), not an alias. Without it, AWS's own key for ECR. It cannot be changed afterwards.
    type: str
  lifecycle_policy:
    description:
      - Lifecycle policy of the repository, an object with the list C(rules).
      - An empty one removes the policy. Without it, a policy is left as it is.
    type: dict
  tags:
    description:
      - Tags of the repository itself. Without it, they are left as they are.
    type: dict
  purge_tags:
    description:
      - Whether tags that are not in O(tags) are removed.
    type: bool
    default: true
  force:
    description:
      - With O(state=absent) and without O(tag), whether a repository is deleted together with the images in it.
    type: bool
    default: false
  build_timeout:
    description: Seconds that a build may take.
    type: int
    default: 1800
  push_timeout:
    description: Seconds that a push may take.
    type: int
    default: 1800
requirements:
  - docker (the command line client and an engine, when an image is to be built or pushed)
notes:
  - The engine is the one that E(DOCKER_HOST) of the host where the module runs names, or else the user's docker context.
  - The login for the registry is handed to docker through its standard input. It is kept in a private folder in memory while the push runs,
    never in the docker configuration of the user.
  - An image that was pushed keeps its name in ECR in the local engine too, as with C(docker push).
  - A run that changes nothing makes only calls that read.
seealso:
  - module: sparkflows.mlops.sagemaker_endpoint
"""

EXAMPLES = r"""
- name: Build the serving image and keep it in ECR
  sparkflows.mlops.ecr_image:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    name: mlops/scoring
    tag: "1.30.1"
    context: /srv/images/scoring
    build_args:
      BASE_IMAGE: debian:12-slim
    immutable_tags: true
    lifecycle_policy:
      rules:
        - rulePriority: 1
          description: Forget untagged images after two weeks
          selection:
            tagStatus: untagged
            countType: sinceImagePushed
            countUnit: days
            countNumber: 14
          action:
            type: expire
  register: scoring

- name: Show how SageMaker gets it
  ansible.builtin.debug:
    msg: "{{ scoring.image_uri }}"

- name: Push an image that the local engine has, with the credentials of another account
  sparkflows.mlops.ecr_image:
    aws_region: us-east-1
    aws_account_id: "210987654321"
    aws_profile: images
    name: scoring
    tag: stable
    image: scoring:1.0

- name: Delete the repository with all that is in it
  sparkflows.mlops.ecr_image:
    aws_region: eu-central-1
    aws_account_id: "012345678901"
    name: mlops/scoring
    state: absent
    force: true
"""

RETURN = r"""
repository:
  description: The repository, C(null) with O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Name of the repository.
      type: str
    arn:
      description: ARN of the repository, C(null) in check mode for one that would be created.
      type: str
    uri:
      description: Name of the repository for docker, C(null) in check mode for one that would be created.
      type: str
    scan_on_push:
      description: Whether ECR scans an image when it is pushed.
      type: bool
    immutable_tags:
      description: Whether a tag stays with its image.
      type: bool
    encryption:
      description: V(aes256) or V(kms).
      type: str
    kms_key:
      description: The KMS key, C(null) without one.
      type: str
    tags:
      description: Tags of the repository, when O(tags) is given.
      type: dict
    lifecycle_policy:
      description: Lifecycle policy, when O(lifecycle_policy) is given.
      type: dict
  sample:
    name: mlops/scoring
    arn: arn:aws:ecr:eu-central-1:012345678901:repository/mlops/scoring
    uri: 012345678901.dkr.ecr.eu-central-1.amazonaws.com/mlops/scoring
    scan_on_push: true
    immutable_tags: true
    encryption: aes256
    kms_key:
digest:
  description:
    - Digest of the image that O(tag) holds now, or in check mode would hold.
    - C(null) without O(tag), and in check mode when the image would be pushed.
  returned: when O(state=present)
  type: str
  sample: sha256:9f2b6a1d0c4e8f7351b0a6c2d4e8f90123456789abcdef0123456789abcdef01
previous_digest:
  description: Digest of the image that O(tag) held before, C(null) when it held none.
  returned: when O(state=present)
  type: str
image_uri:
  description: The image by its digest, as SageMaker and docker take it. C(null) where RV(digest) or RV(repository.uri) is.
  returned: when O(state=present)
  type: str
  sample: 012345678901.dkr.ecr.eu-central-1.amazonaws.com/mlops/scoring@sha256:9f2b6a1d0c4e8f7351b0a6c2d4e8f90123456789abcdef0123456789abcdef01
built:
  description: Whether the image was, or in check mode would be, built.
  returned: when O(state=present)
  type: bool
pushed:
  description: Whether the image was, or in check mode would be, pushed. A tag that is moved to an image that ECR has already needs no push.
  returned: when O(state=present)
  type: bool
calls:
  description: The calls that were made to AWS, in their order.
  returned: success
  type: list
  elements: str
  sample: ["ecr:describe_repositories", "ecr:batch_get_image"]
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.docker import Docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.ecr import ARGUMENT_SPEC, RULES, Repository, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.module import run_aws_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, aws_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule


def argument_spec() -> dict[str, t.Any]:
    return dict(aws_argument_spec(), **ARGUMENT_SPEC)


def call(module: QuietModule, aws: Aws) -> dict[str, t.Any]:
    docker = Docker(aws, module.params["build_timeout"], module.params["push_timeout"])
    return run(module.params, Repository(aws, module.params["name"]), docker, module.check_mode)


def main() -> None:
    run_aws_module(call, argument_spec(), **RULES)


if __name__ == "__main__":
    main()
