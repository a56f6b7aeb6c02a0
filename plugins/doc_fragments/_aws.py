# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a module reaches AWS. The argument spec is C(aws_argument_spec) of module_utils/_aws.py."""

    DOCUMENTATION = r"""
options:
  aws_region:
    description:
      - AWS region, for example V(eu-central-1). It is always said, never taken from the environment or a configuration file.
    type: str
    required: true
  aws_account_id:
    description:
      - Number of the AWS account that the managed things belong to, twelve digits. Quote it, or YAML drops a leading zero.
    type: str
    required: true
  aws_access_key_id:
    description:
      - AWS access key id. Needs O(aws_secret_access_key), and excludes O(aws_profile).
      - Without it and without O(aws_profile), boto3 looks for credentials itself - in the environment, in the AWS configuration
        files, and on the metadata service of an instance, container or pod.
    type: str
  aws_secret_access_key:
    description:
      - Secret access key that belongs to O(aws_access_key_id).
    type: str
  aws_session_token:
    description:
      - Session token that belongs to temporary AWS credentials. Needs O(aws_access_key_id).
    type: str
  aws_profile:
    description:
      - Profile of the AWS configuration files to take credentials from.
    type: str
  aws_endpoint_url:
    description:
      - Address of all AWS services, for an interface endpoint of a VPC or a compatible service.
      - Without it the environment variables E(AWS_ENDPOINT_URL), and before it C(AWS_ENDPOINT_URL_) with the name of a service such as
        E(AWS_ENDPOINT_URL_S3), of the host where the module runs are followed, and then the AWS configuration files.
    type: str
  aws_service_endpoint_urls:
    description:
      - Addresses of single AWS services by boto3's name of the service, such as C(s3), C(ecr), C(sagemaker), C(sts) and C(application-autoscaling).
      - They go before O(aws_endpoint_url).
    type: dict
  validate_certs:
    description:
      - Whether the certificates of AWS's endpoints are checked.
      - For a certificate of an own authority name the authority with O(ca_path) instead of turning the check off.
    type: bool
    default: true
  ca_path:
    description:
      - Path of a PEM file with the authorities to trust, on the host where the module runs.
      - Without it those that boto3 trusts are trusted.
    type: path
  timeout:
    description: Seconds to wait for a connection and for each single answer.
    type: int
    default: 30
requirements:
  - boto3 >= 1.28.0
"""
