# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The options of an endpoint of SageMaker, and what can be said against them without asking anybody."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.names import split_s3_uri
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: The options of the module sagemaker_endpoint besides the logins at AWS and at the tracking server.
ENDPOINT: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "model_uri": {"type": "str"},
    "artifact": {"type": "str"},
    "bucket": {"type": "str"},
    "prefix": {"type": "str", "default": "sparkflows-mlops"},
    "artifact_kms_key": {"type": "str", "no_log": False},
    "image": {"type": "str"},
    "execution_role_arn": {"type": "str"},
    "environment": {"type": "dict"},
    "subnet_ids": {"type": "list", "elements": "str"},
    "security_group_ids": {"type": "list", "elements": "str"},
    "network_isolation": {"type": "bool", "default": False},
    "variant_name": {"type": "str", "default": "AllTraffic"},
    "instance_type": {"type": "str"},
    "instance_count": {"type": "int"},
    "volume_size_gb": {"type": "int"},
    "kms_key": {"type": "str", "no_log": False},
    "startup_timeout": {"type": "int"},
    "download_timeout": {"type": "int"},
    "serverless": {
        "type": "dict",
        "options": {
            "memory_mb": {"type": "int", "default": 2048},
            "max_concurrency": {"type": "int", "default": 5},
            "provisioned_concurrency": {"type": "int"},
        },
    },
    "data_capture": {
        "type": "dict",
        "options": {
            "s3_uri": {"type": "str", "required": True},
            "percentage": {"type": "int", "default": 100},
            "capture": {"type": "list", "elements": "str", "choices": ["Input", "Output"], "default": ["Input", "Output"]},
            "kms_key": {"type": "str", "no_log": False},
            "csv_content_types": {"type": "list", "elements": "str"},
            "json_content_types": {"type": "list", "elements": "str"},
        },
    },
    "autoscaling": {
        "type": "dict",
        "options": {
            "enabled": {"type": "bool", "default": True},
            "min_capacity": {"type": "int", "default": 1},
            "max_capacity": {"type": "int"},
            "invocations_per_instance": {"type": "float"},
            "scale_in_cooldown": {"type": "int", "default": 300},
            "scale_out_cooldown": {"type": "int", "default": 300},
        },
    },
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 1800},
    "rollback": {"type": "bool", "default": True},
}

RULES: dict[str, t.Any] = {
    "mutually_exclusive": [("model_uri", "artifact"), ("instance_type", "serverless")],
    "required_if": [("state", "present", ["image", "execution_role_arn"]), ("state", "present", ["model_uri", "artifact"], True)],
}

_NAME = re.compile(r"[A-Za-z0-9](?:-*[A-Za-z0-9]){0,62}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+")


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of sagemaker_endpoint without asking anybody."""
    if not _NAME.fullmatch(params["name"]):
        raise Problem(
            "name is %s; an endpoint's name has at most 63 letters, digits and '-', and begins and ends with a letter or digit." % ascii(params["name"])
        )
    if params["wait_timeout"] < 1:
        raise Problem("wait_timeout is %d; it must be at least one second." % params["wait_timeout"])
    if params["state"] == "absent":
        return
    if not _IMAGE.fullmatch(params["image"]):
        raise Problem("image is %s, which is not a valid image name. Give one such as image_uri of ecr_image returns." % ascii(params["image"]))
    if not _ROLE.fullmatch(params["execution_role_arn"]):
        raise Problem("execution_role_arn is %s; give the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME." % ascii(params["execution_role_arn"]))
    if not _NAME.fullmatch(params["variant_name"]):
        raise Problem("variant_name is %s; it has at most 63 letters, digits and '-'." % ascii(params["variant_name"]))
    if params["model_uri"] and not params["tracking_uri"]:
        raise Problem("model_uri needs tracking_uri, the tracking server whose registry has the model.")
    if not params["bucket"] and not (params["artifact"] or "").startswith("s3://"):
        raise Problem("bucket is not given. Name the S3 bucket that the model is uploaded to.")
    if bool(params["subnet_ids"]) != bool(params["security_group_ids"]):
        raise Problem("subnet_ids and security_group_ids go together. Give both, or neither to stay out of a VPC.")
    for option in ("instance_count", "volume_size_gb", "startup_timeout", "download_timeout"):
        if params[option] is not None and params[option] < 1:
            raise Problem("%s is %d; it must be at least 1." % (option, params[option]))
    _check_serverless(params)
    _check_scaling(params)
    capture = params["data_capture"]
    if capture:
        split_s3_uri(capture["s3_uri"], "data_capture.s3_uri")
        if not 0 <= capture["percentage"] <= 100:
            raise Problem("data_capture.percentage is %d; it is a number from 0 to 100." % capture["percentage"])
        if not capture["capture"]:
            raise Problem("data_capture.capture is empty. Name Input, Output or both, or leave data_capture out.")


def _check_serverless(params: t.Mapping[str, t.Any]) -> None:
    serverless = params["serverless"]
    if not serverless:
        if not params["instance_type"]:
            raise Problem("Neither instance_type nor serverless is given. Say what the model runs on.")
        return
    # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
    extra = [
        option for option in ("instance_count", "volume_size_gb", "subnet_ids", "network_isolation", "data_capture", "autoscaling", "kms_key") if params[option]
    ]
    if extra:
        raise Problem("A serverless endpoint has no %s. Leave it out, or give instance_type instead of serverless." % " and no ".join(extra))
    if serverless["memory_mb"] not in range(1024, 6145, 1024):
        raise Problem("serverless.memory_mb is %d; SageMaker offers 1024, 2048, 3072, 4096, 5120 and 6144." % serverless["memory_mb"])
    if not 1 <= serverless["max_concurrency"] <= 200:
        raise Problem("serverless.max_concurrency is %d; it is a number from 1 to 200." % serverless["max_concurrency"])
    if serverless["provisioned_concurrency"] is not None and not 1 <= serverless["provisioned_concurrency"] <= serverless["max_concurrency"]:
        raise Problem("serverless.provisioned_concurrency is %d; it is a number from 1 to max_concurrency." % serverless["provisioned_concurrency"])


def _check_scaling(params: t.Mapping[str, t.Any]) -> None:
    scaling = params["autoscaling"]
    if not scaling or not scaling["enabled"]:
        return
    if not params["wait"]:
        raise Problem("autoscaling needs wait=true: a variant can be scaled only when the endpoint is in service.")
    missing = [option for option in ("max_capacity", "invocations_per_instance") if scaling[option] is None]
    if missing:
        raise Problem("autoscaling lacks %s." % " and ".join(missing))
    if not 1 <= scaling["min_capacity"] <= scaling["max_capacity"]:
        raise Problem("autoscaling.min_capacity is %d and max_capacity %d; 1 <= min_capacity <= max_capacity is needed." % (
            scaling["min_capacity"], scaling["max_capacity"]
        ))  # fmt: skip
    if scaling["invocations_per_instance"] <= 0:
        raise Problem("autoscaling.invocations_per_instance is %g; it must be more than 0." % scaling["invocations_per_instance"])
