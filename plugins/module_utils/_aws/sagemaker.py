# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Models, endpoint configurations and endpoints of Amazon SageMaker.

The calls and their answers: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

from __future__ import annotations

import hashlib
import re
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError, tag_dict, tag_list
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: Seconds between two looks at an endpoint that is on its way.
POLL_SECONDS = 10.0
#: What an endpoint is while SageMaker works on it and takes no other order.
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

DIGEST_LENGTH = 12
_ENDPOINT_NAME_LENGTH = 63
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_METRIC = "SageMakerVariantInvocationsPerInstance"
_POLICY = "sparkflows-mlops"


class SageMaker:
    """SageMaker and Application Auto Scaling behind :class:`Aws`, in the shapes that the module's options have."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def _call(self, operation: str, **params: t.Any) -> dict[str, t.Any]:
        return self.aws.call("sagemaker", operation, **params)

    def _found(self, operation: str, **params: t.Any) -> t.Optional[dict[str, t.Any]]:
        """The answer, or ``None`` when what it is about does not exist."""
        try:
            return self._call(operation, **params)
        except AwsError as error:
            if error.code != "ResourceNotFound" and "could not find" not in error.reason.lower():
                raise
            return None

    def endpoint(self, name: str) -> t.Optional[dict[str, t.Any]]:
        raw = self._found("describe_endpoint", EndpointName=name)
        if raw is None:
            return None
        return {
            "name": name,
            "arn": raw["EndpointArn"],
            "status": raw["EndpointStatus"],
            "config_name": raw.get("EndpointConfigName"),
            "pending_config_name": (raw.get("PendingDeploymentSummary") or {}).get("EndpointConfigName"),
            "failure_reason": raw.get("FailureReason") or "",
        }

    def config(self, name: str) -> t.Optional[dict[str, t.Any]]:
        """A configuration as :func:`_wanted_config` describes one, with its ``arn``."""
        raw = self._found("describe_endpoint_config", EndpointConfigName=name)
        if raw is None:
            return None
        variant = raw["ProductionVariants"][0]
        serverless = variant.get("ServerlessConfig")
        capture = raw.get("DataCaptureConfig") or {}
        modes = sorted(option["CaptureMode"] for option in capture.get("CaptureOptions") or [])
        types = capture.get("CaptureContentTypeHeader") or {}
        return {
            "arn": raw["EndpointConfigArn"],
            "model_name": variant.get("ModelName"),
            "variant_name": variant["VariantName"],
            "instance_type": variant.get("InstanceType"),
            "instance_count": variant.get("InitialInstanceCount") if not serverless else None,
            "volume_size_gb": variant.get("VolumeSizeInGB"),
            "startup_timeout": variant.get("ContainerStartupHealthCheckTimeoutInSeconds"),
            "download_timeout": variant.get("ModelDataDownloadTimeoutInSeconds"),
            "kms_key": raw.get("KmsKeyId"),
            "serverless": {
                "memory_mb": serverless["MemorySizeInMB"],
                "max_concurrency": serverless["MaxConcurrency"],
                "provisioned_concurrency": serverless.get("ProvisionedConcurrency"),
            } if serverless else None,
            "data_capture": {
                "s3_uri": capture["DestinationS3Uri"],
                "percentage": capture["InitialSamplingPercentage"],
                "capture": modes,
                "kms_key": capture.get("KmsKeyId"),
                "csv_content_types": types.get("CsvContentTypes"),
                "json_content_types": types.get("JsonContentTypes"),
            } if capture.get("EnableCapture") else None,
        }  # fmt: skip

    def model(self, name: str) -> t.Optional[dict[str, t.Any]]:
        """A model as :func:`_wanted_model` describes one, with its ``arn``."""
        raw = self._found("describe_model", ModelName=name)
        if raw is None:
            return None
        container = raw.get("PrimaryContainer") or {}
        vpc = raw.get("VpcConfig") or {}
        return {
            "arn": raw["ModelArn"],
            "image": container.get("Image"),
            "model_data_url": container.get("ModelDataUrl"),
            "environment": container.get("Environment") or {},
            "execution_role_arn": raw.get("ExecutionRoleArn"),
            "subnet_ids": sorted(vpc.get("Subnets") or []),
            "security_group_ids": sorted(vpc.get("SecurityGroupIds") or []),
            "network_isolation": bool(raw.get("EnableNetworkIsolation")),
        }

    def create_model(self, name: str, wanted: t.Mapping[str, t.Any], tags: t.Mapping[str, t.Any]) -> None:
        options: dict[str, t.Any] = {}
        if wanted["subnet_ids"]:
            options["VpcConfig"] = {"Subnets": wanted["subnet_ids"], "SecurityGroupIds": wanted["security_group_ids"]}
        self._call(
            "create_model",
            ModelName=name,
            PrimaryContainer={"Image": wanted["image"], "ModelDataUrl": wanted["model_data_url"], "Environment": wanted["environment"]},
            ExecutionRoleArn=wanted["execution_role_arn"],
            EnableNetworkIsolation=wanted["network_isolation"],
            Tags=tag_list(tags),
            **options
        )

    def create_config(self, name: str, wanted: t.Mapping[str, t.Any], tags: t.Mapping[str, t.Any]) -> None:
        variant = {
            "VariantName": wanted["variant_name"],
            "ModelName": wanted["model_name"],
            "InitialVariantWeight": 1.0,
            "InstanceType": wanted["instance_type"],
            "InitialInstanceCount": wanted["instance_count"],
            "VolumeSizeInGB": wanted["volume_size_gb"],
            "ContainerStartupHealthCheckTimeoutInSeconds": wanted["startup_timeout"],
            "ModelDataDownloadTimeoutInSeconds": wanted["download_timeout"],
        }
        if wanted["serverless"]:
            serverless = wanted["serverless"]
            variant["ServerlessConfig"] = _given({
                "MemorySizeInMB": serverless["memory_mb"],
                "MaxConcurrency": serverless["max_concurrency"],
                "ProvisionedConcurrency": serverless["provisioned_concurrency"],
            })  # fmt: skip
        options = {"KmsKeyId": wanted["kms_key"]}
        if wanted["data_capture"]:
            capture = wanted["data_capture"]
            types = _given({"CsvContentTypes": capture["csv_content_types"], "JsonContentTypes": capture["json_content_types"]})
            options["DataCaptureConfig"] = _given({
                "EnableCapture": True,
                "InitialSamplingPercentage": capture["percentage"],
                "DestinationS3Uri": capture["s3_uri"],
                "CaptureOptions": [{"CaptureMode": mode} for mode in capture["capture"]],
                "KmsKeyId": capture["kms_key"],
                "CaptureContentTypeHeader": types or None,
            })  # fmt: skip
        self._call("create_endpoint_config", EndpointConfigName=name, ProductionVariants=[_given(variant)], Tags=tag_list(tags), **_given(options))

    def create_endpoint(self, name: str, config_name: str, tags: t.Mapping[str, t.Any]) -> None:
        self._call("create_endpoint", EndpointName=name, EndpointConfigName=config_name, Tags=tag_list(tags))

    def update_endpoint(self, name: str, config_name: str, keep_scale: bool) -> None:
        """Have an endpoint change over to another configuration, with ``keep_scale`` with as many instances as it has."""
        options: dict[str, t.Any] = {"RetainAllVariantProperties": keep_scale}
        if keep_scale:
            options["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DataCaptureConfig"}]
        self._call("update_endpoint", EndpointName=name, EndpointConfigName=config_name, **options)

    def delete(self, what: str, name: str) -> None:
        """Delete an ``endpoint``, an ``endpoint_config`` or a ``model``; what is gone already is no error."""
        self._found("delete_" + what, **{"".join(word.capitalize() for word in what.split("_")) + "Name": name})

    def await_settled(self, name: str, timeout: float, doing: str) -> t.Optional[dict[str, t.Any]]:
        """The endpoint once SageMaker has done with it, ``None`` when it is gone; :class:`Problem` after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.endpoint(name)
            if seen is None or seen["status"] not in BUSY:
                return seen
            if time.monotonic() > deadline:
                raise Problem(
                    "The endpoint %s is still %s after %d seconds of %s. SageMaker takes no other order meanwhile, so nothing was rolled back."
                    " Run again later, or with a longer wait_timeout." % (name, seen["status"], timeout, doing),
                    endpoint=seen,
                )
            time.sleep(POLL_SECONDS)

    def tags(self, arn: str) -> dict[str, str]:
        return tag_dict(self.aws.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn))

    def set_tags(self, arn: str, current: t.Mapping[str, str], wanted: t.Mapping[str, str]) -> None:
        gone = sorted(current.keys() - wanted.keys())
        if gone:
            self._call("delete_tags", ResourceArn=arn, TagKeys=gone)
        new = {key: value for key, value in wanted.items() if current.get(key) != value}
        if new:
            self._call("add_tags", ResourceArn=arn, Tags=tag_list(new))

    def made_for(self, name: str) -> tuple[list[str], list[str]]:
        """The names of the configurations and of the models that this module made for an endpoint."""
        own = re.compile(re.escape(stem(name)) + "-[0-9a-f]{%d}" % DIGEST_LENGTH)
        configs = [item["EndpointConfigName"] for item in self.aws.pages("sagemaker", "list_endpoint_configs", "EndpointConfigs", NameContains=stem(name))]
        models = [item["ModelName"] for item in self.aws.pages("sagemaker", "list_models", "Models", NameContains=stem(name))]
        return sorted(filter(own.fullmatch, configs)), sorted(filter(own.fullmatch, models))

    def scaling(self, resource: str) -> t.Optional[dict[str, t.Any]]:
        """How a variant is scaled automatically, as the option ``autoscaling`` says it; ``None`` when it is not."""
        target = {"ServiceNamespace": "sagemaker", "ScalableDimension": _DIMENSION}
        found = self.aws.call("application-autoscaling", "describe_scalable_targets", ResourceIds=[resource], **target)["ScalableTargets"]
        if not found:
            return None
        policies = self.aws.pages("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ResourceId=resource, **target)
        tracking = [policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies if policy["PolicyName"] == _POLICY]
        policy = tracking[0] if tracking else {}
        return {
            "min_capacity": found[0]["MinCapacity"],
            "max_capacity": found[0]["MaxCapacity"],
            "invocations_per_instance": policy.get("TargetValue"),
            "scale_in_cooldown": policy.get("ScaleInCooldown"),
            "scale_out_cooldown": policy.get("ScaleOutCooldown"),
        }

    def scale(self, resource: str, wanted: t.Mapping[str, t.Any]) -> None:
        target = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": _DIMENSION}
        self.aws.call(
            "application-autoscaling", "register_scalable_target", MinCapacity=wanted["min_capacity"], MaxCapacity=wanted["max_capacity"], **target
        )
        if wanted["invocations_per_instance"] is None:
            return
        self.aws.call(
            "application-autoscaling",
            "put_scaling_policy",
            PolicyName=_POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(wanted["invocations_per_instance"]),
                "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
                "ScaleInCooldown": wanted["scale_in_cooldown"],
                "ScaleOutCooldown": wanted["scale_out_cooldown"],
            },
            **target
        )

    def stop_scaling(self, resource: str) -> None:
        """Take a variant out of automatic scaling; its policies go with it."""
        try:
            self.aws.call(
                "application-autoscaling", "deregister_scalable_target",
                ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=_DIMENSION,
            )  # fmt: skip
        except AwsError as error:
            if error.code != "ObjectNotFoundException":
                raise


def stem(name: str) -> str:
    """What the names of an endpoint's models and configurations begin with, short enough for a digest behind it."""
    room = _ENDPOINT_NAME_LENGTH - DIGEST_LENGTH - 1
    if len(name) <= room:
        return name
    return "%s-%s" % (name[:room - 9].rstrip("-"), hashlib.sha256(name.encode("ascii")).hexdigest()[:8])


def _given(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that have a value; botocore takes no null."""
    return {key: value for key, value in options.items() if value is not None}
