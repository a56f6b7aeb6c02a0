# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Models, endpoint configurations and endpoints of Amazon SageMaker, and what the module sagemaker_endpoint decides.

A model and a configuration cannot be changed, so each is named after a digest of all that it says: the same name is the same thing.
The calls and their answers: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import Aws, AwsError, merged_tags, tag_dict, tag_list, text
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import Registry
from ansible_collections.sparkflows.mlops.plugins.module_utils._sagemaker_artifacts import PackedSource, Source, head_object, source_of, upload
from ansible_collections.sparkflows.mlops.plugins.module_utils._sagemaker_options import check_params

#: Seconds between two looks at an endpoint that is on its way.
POLL_SECONDS = 10.0
#: What an endpoint is while SageMaker works on it and takes no other order.
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

_DIGEST_LENGTH = 12
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
        """The endpoint once SageMaker has done with it, ``None`` when it is gone; :class:`ClientError` after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.endpoint(name)
            if seen is None or seen["status"] not in BUSY:
                return seen
            if time.monotonic() > deadline:
                raise ClientError(
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
        own = re.compile(re.escape(_stem(name)) + "-[0-9a-f]{%d}" % _DIGEST_LENGTH)
        configs = [item["EndpointConfigName"] for item in self.aws.pages("sagemaker", "list_endpoint_configs", "EndpointConfigs", NameContains=_stem(name))]
        models = [item["ModelName"] for item in self.aws.pages("sagemaker", "list_models", "Models", NameContains=_stem(name))]
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


def run(params: t.Mapping[str, t.Any], sagemaker: SageMaker, registry: t.Callable[[], Registry], check_mode: bool) -> dict[str, t.Any]:
    """Make the endpoint as ``params`` say (in check mode only find out how) and return the module's result."""
    check_params(params)
    sagemaker.aws.check_account()
    if params["state"] == "absent":
        return _absent(params, sagemaker, check_mode)
    return _Deployment(params, sagemaker, registry, check_mode).run()


def _absent(params: t.Mapping[str, t.Any], sagemaker: SageMaker, check_mode: bool) -> dict[str, t.Any]:
    name = params["name"]
    resource = _resource(name, params["variant_name"])
    endpoint = sagemaker.endpoint(name)
    configs, models = sagemaker.made_for(name)
    scaling = sagemaker.scaling(resource)
    before = {}
    if endpoint is not None or configs or models or scaling:
        before = {"name": name, "endpoint": endpoint is not None, "configs": configs, "models": models, "autoscaling": scaling}
    if not check_mode:
        if scaling:
            sagemaker.stop_scaling(resource)
        if endpoint is not None:
            # An endpoint that is being made or changed cannot be deleted.
            if endpoint["status"] in BUSY:
                endpoint = sagemaker.await_settled(name, params["wait_timeout"], "waiting for what was begun before")
            if endpoint is not None:
                sagemaker.delete("endpoint", name)
                if params["wait"]:
                    sagemaker.await_settled(name, params["wait_timeout"], "deleting it")
        for config in configs:
            sagemaker.delete("endpoint_config", config)
        for model in models:
            sagemaker.delete("model", model)
    return {"changed": bool(before), "endpoint": None, "diff": {"before": before, "after": {}}}


class _Deployment:
    """One run with `state=present`: look, compare, and where it differs create what is missing and change over."""

    def __init__(self, params: t.Mapping[str, t.Any], sagemaker: SageMaker, registry: t.Callable[[], Registry], check_mode: bool) -> None:
        self.params = params
        self.sagemaker = sagemaker
        self.check_mode = check_mode
        self.name: str = params["name"]
        self.source: Source = source_of(params, registry, sagemaker.aws)
        self.key = "/".join(part for part in (params["prefix"].strip("/"), self.name, self.source.digest, "model.tar.gz") if part)
        place = self.source.place(self.key)
        self.model = _wanted_model(params, place or "s3://%s/%s" % (params["bucket"], self.key))
        self.model_name = _named(self.name, [self.model, self.source.digest])
        self.config = _wanted_config(params, self.model_name)
        self.config_name = _named(self.name, self.config)
        self.resource = _resource(self.name, params["variant_name"])
        scaling = params["autoscaling"]
        self.scaling = {key: value for key, value in scaling.items() if key != "enabled"} if scaling and scaling["enabled"] else None
        # What there is.
        self.endpoint = self._look()
        self.has_archive = place is not None or head_object(sagemaker.aws, params["bucket"], self.key) is not None
        self.has_model = sagemaker.model(self.model_name)
        self.has_config = sagemaker.config(self.config_name)
        self.has_tags = sagemaker.tags(self.endpoint["arn"]) if params["tags"] is not None and self.endpoint else {}
        self.has_scaling = sagemaker.scaling(self.resource) if scaling and self.endpoint else None
        self.tags = merged_tags(self.has_tags, params["tags"], params["purge_tags"])
        self.action = self._decide()
        self.previous = self._previous() if self.action in ("update", "replace") else None
        self.stopped = self._scaling_to_stop()

    def _look(self) -> t.Optional[dict[str, t.Any]]:
        endpoint = self.sagemaker.endpoint(self.name)
        if endpoint is None or endpoint["status"] not in BUSY:
            return endpoint
        becoming = dict(endpoint, config_name=endpoint["pending_config_name"] or endpoint["config_name"])
        if self.check_mode:
            return None if endpoint["status"] == "Deleting" else becoming
        if not self.params["wait"] and endpoint["status"] != "Deleting" and becoming["config_name"] == self.config_name:
            return becoming
        return self._settle("waiting for what was begun before")

    def _decide(self) -> str:
        """What is to be done with the endpoint itself."""
        if self.endpoint is None:
            return "create"
        if self.endpoint["status"] in ("Failed", "OutOfService"):
            # Nothing but its deletion is possible then.
            return "replace"
        if self.endpoint["config_name"] != self.config_name or self.endpoint["status"] == "UpdateRollbackFailed":
            return "update"
        return "none"

    def _previous(self) -> dict[str, t.Any]:
        """The configuration and the model that the endpoint has now."""
        name = (self.endpoint or {})["config_name"]
        config = self.sagemaker.config(name) if name else None
        model = self.sagemaker.model(config["model_name"]) if config and config["model_name"] else None
        variant = (config or self.config)["variant_name"]
        return {"config_name": name, "config": config, "model": model, "variant": variant, "resource": _resource(self.name, variant)}

    def _scaling_to_stop(self) -> t.Optional[dict[str, t.Any]]:
        """The automatic scaling that stands in the way: SageMaker does not give a scaled variant another type of instance, or take it away."""
        self.keep_scale = False
        if self.previous is None or self.action != "update":
            return None
        known = self.params["autoscaling"] and self.previous["resource"] == self.resource
        scaling = self.has_scaling if known else self.sagemaker.scaling(self.previous["resource"])
        now = (self.previous["variant"], (self.previous["config"] or {}).get("instance_type"))
        if scaling is None or now == (self.config["variant_name"], self.config["instance_type"]):
            self.keep_scale = scaling is not None
            return None
        if not self.params["autoscaling"]:
            raise ClientError(
                "The endpoint %s is scaled automatically, and SageMaker cannot change its variant or type of instance meanwhile. Give autoscaling as"
                " well, or with enabled=false to have it removed." % self.name
            )
        return scaling

    def run(self) -> dict[str, t.Any]:
        before, after = self._diff()
        endpoint = dict(self.endpoint or {"arn": None, "status": "Creating"}, config_name=self.config_name)
        if not self.check_mode:
            self._create_parts()
            if self.action != "none":
                self._change_over()
                self._forget()
                endpoint = self.sagemaker.endpoint(self.name) or endpoint
            self._tag()
            self._scale()
        return {
            "changed": before != after,
            "endpoint": {
                "name": self.name,
                "arn": endpoint["arn"],
                "status": endpoint["status"],
                "config_name": self.config_name,
                "model_name": self.model_name,
                "url": "%s/endpoints/%s/invocations" % (self.sagemaker.aws.client("sagemaker-runtime").meta.endpoint_url, self.name),
            },
            "previous_config_name": (self.previous or {}).get("config_name"),
            "model_data_url": self.model["model_data_url"],
            "model_version": self.source.version,
            "uploaded": not self.has_archive,
            "diff": {"before": before, "after": after},
        }

    def _diff(self) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        after: dict[str, t.Any] = {"name": self.name, "config_name": self.config_name, "config": self.config, "model": self.model}
        before: dict[str, t.Any] = {}
        if self.endpoint is not None:
            before = dict(after)
            missing = [word for word, there in (("archive", self.has_archive), ("model", self.has_model), ("configuration", self.has_config)) if not there]
            if self.previous is not None:
                before.update(
                    config_name=self.previous["config_name"], config=_without_arn(self.previous["config"]), model=_without_arn(self.previous["model"])
                )
                before["status"], after["status"] = self.endpoint["status"], "InService"
            elif missing:
                before["missing"], after["missing"] = missing, []
        if self.params["tags"] is not None:
            after["tags"] = self.tags
            if before:
                before["tags"] = self.has_tags
        if self.params["autoscaling"]:
            after["autoscaling"] = self.scaling
            if before:
                before["autoscaling"] = self.has_scaling
        return before, after

    def _create_parts(self) -> None:
        if not self.has_archive and isinstance(self.source, PackedSource):
            upload(self.sagemaker.aws, self.source, self.params["bucket"], self.key, self.params["artifact_kms_key"])
        if self.has_model is None:
            self.sagemaker.create_model(self.model_name, self.model, self.tags)
        if self.has_config is None:
            self.sagemaker.create_config(self.config_name, self.config, self.tags)

    def _change_over(self) -> None:
        tags = self.tags
        if self.endpoint is not None and self.params["tags"] is None and self.action == "replace":
            tags = self.sagemaker.tags(self.endpoint["arn"])
        if self.action == "replace":
            self.sagemaker.delete("endpoint", self.name)
            self._settle("deleting the failed one")
        if self.stopped is not None and self.previous is not None:
            self.sagemaker.stop_scaling(self.previous["resource"])
        try:
            if self.action == "update":
                self.sagemaker.update_endpoint(self.name, self.config_name, self.keep_scale)
            else:
                self.sagemaker.create_endpoint(self.name, self.config_name, tags)
        except AwsError as error:
            self._undo()
            raise ClientError("%s What was made for it was removed again." % error) from None
        if not self.params["wait"]:
            return
        seen = self._settle("changing over to %s" % self.config_name)
        if seen is None or seen["status"] != "InService" or seen["config_name"] != self.config_name:
            self._roll_back(seen)

    def _settle(self, doing: str) -> t.Optional[dict[str, t.Any]]:
        return self.sagemaker.await_settled(self.name, self.params["wait_timeout"], doing)

    def _roll_back(self, seen: t.Optional[dict[str, t.Any]]) -> None:
        """Bring the endpoint back to what it was, and raise :class:`ClientError` with what happened."""
        status = seen["status"] if seen else "gone"
        if seen and status == "InService":
            status = "in service with %s" % seen["config_name"]
        problem = "The endpoint %s did not come up with %s: it is %s. SageMaker says: %s Its log is in CloudWatch, /aws/sagemaker/Endpoints/%s." % (
            self.name, self.config_name, status, sentence((seen or {}).get("failure_reason") or "nothing"), self.name
        )  # fmt: skip
        if not self.params["rollback"]:
            raise ClientError(problem + " It was left so, as rollback=false says.", endpoint=seen)
        if self.action != "update" or self.previous is None or self.previous["config"] is None:
            self.sagemaker.delete("endpoint", self.name)
            self._settle("deleting it again")
            self._undo()
            raise ClientError(problem + " It was deleted again, with the configuration and the model that were made for it.", endpoint=None)
        old = self.previous["config_name"]
        if seen is None or seen["status"] != "InService" or seen["config_name"] != old:
            try:
                self._restore(old, seen)
            except ClientError as error:
                raise ClientError("%s The way back to %s failed, too: %s" % (problem, old, error), endpoint=seen) from None
        self._undo()
        raise ClientError(problem + " It serves with its previous configuration %s again." % old, endpoint=self.sagemaker.endpoint(self.name))

    def _restore(self, old: str, seen: t.Optional[dict[str, t.Any]]) -> None:
        if seen is not None:
            try:
                self.sagemaker.update_endpoint(self.name, old, keep_scale=False)
            except AwsError as error:
                # SageMaker takes no update for an endpoint that it calls failed, only its deletion.
                if error.code != "ValidationException":
                    raise
                tags = self.sagemaker.tags(seen["arn"])
                self.sagemaker.delete("endpoint", self.name)
                self._settle("deleting the failed one")
                self.sagemaker.create_endpoint(self.name, old, tags)
        else:
            self.sagemaker.create_endpoint(self.name, old, self.tags)
        restored = self._settle("going back to %s" % old)
        if restored is None or restored["status"] != "InService" or restored["config_name"] != old:
            raise ClientError(
                "It is %s. %s" % ((restored or {}).get("status", "gone"), sentence((restored or {}).get("failure_reason") or "SageMaker does not say why"))
            )

    def _undo(self) -> None:
        """Remove what this run has made for a configuration that does not work, and scale as before. The archive stays; another try finds it."""
        with contextlib.suppress(AwsError):
            if self.has_config is None:
                self.sagemaker.delete("endpoint_config", self.config_name)
            if self.has_model is None:
                self.sagemaker.delete("model", self.model_name)
            if self.stopped is not None and self.previous is not None:
                self.sagemaker.scale(self.previous["resource"], self.stopped)

    def _forget(self) -> None:
        """Remove the configurations and models of earlier runs, except those in use and the ones just before, for a way back by hand."""
        old = self.previous or {}
        keep = (self.config_name, self.model_name, old.get("config_name"), (old.get("config") or {}).get("model_name"))
        configs, models = self.sagemaker.made_for(self.name)
        for what, names in (("endpoint_config", configs), ("model", models)):
            for name in names:
                if name not in keep:
                    self.sagemaker.delete(what, name)

    def _tag(self) -> None:
        """Give the endpoint its tags, and those of its parts that carried the old ones. What this run made has the new ones already."""
        if self.endpoint is None or self.has_tags == self.tags:
            return
        if self.action != "replace":
            self.sagemaker.set_tags(self.endpoint["arn"], self.has_tags, self.tags)
        for part in (self.has_model, self.has_config):
            if part is not None:
                self.sagemaker.set_tags(part["arn"], self.sagemaker.tags(part["arn"]), self.tags)

    def _scale(self) -> None:
        if not self.params["autoscaling"]:
            return
        there = self.has_scaling if self.stopped is None and self.action != "replace" else None
        if self.scaling is None:
            if there is not None:
                self.sagemaker.stop_scaling(self.resource)
        elif there != self.scaling:
            self.sagemaker.scale(self.resource, self.scaling)


def _wanted_model(params: t.Mapping[str, t.Any], url: str) -> dict[str, t.Any]:
    return {
        "image": params["image"],
        "model_data_url": url,
        "environment": {name: text(value) for name, value in sorted((params["environment"] or {}).items())},
        "execution_role_arn": params["execution_role_arn"],
        "subnet_ids": sorted(params["subnet_ids"] or []),
        "security_group_ids": sorted(params["security_group_ids"] or []),
        "network_isolation": params["network_isolation"],
    }


def _wanted_config(params: t.Mapping[str, t.Any], model_name: str) -> dict[str, t.Any]:
    names = ("variant_name", "instance_type", "volume_size_gb", "startup_timeout", "download_timeout", "kms_key", "serverless")
    wanted = dict({name: params[name] for name in names}, model_name=model_name)
    wanted["instance_count"] = None if params["serverless"] else params["instance_count"] or 1
    capture = params["data_capture"]
    wanted["data_capture"] = dict(capture, capture=sorted(set(capture["capture"]))) if capture else None
    return wanted


def _stem(name: str) -> str:
    """What the names of an endpoint's models and configurations begin with, short enough for a digest behind it."""
    room = _ENDPOINT_NAME_LENGTH - _DIGEST_LENGTH - 1
    if len(name) <= room:
        return name
    return "%s-%s" % (name[:room - 9].rstrip("-"), hashlib.sha256(name.encode("ascii")).hexdigest()[:8])


def _named(name: str, content: t.Any) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
    return "%s-%s" % (_stem(name), digest[:_DIGEST_LENGTH])


def _resource(name: str, variant: str) -> str:
    return "endpoint/%s/variant/%s" % (name, variant)


def _without_arn(part: t.Optional[dict[str, t.Any]]) -> t.Optional[dict[str, t.Any]]:
    return None if part is None else {key: value for key, value in part.items() if key != "arn"}


def _given(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that have a value; botocore takes no null."""
    return {key: value for key, value in options.items() if value is not None}
