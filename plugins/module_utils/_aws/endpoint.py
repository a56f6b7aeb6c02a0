# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the module sagemaker_endpoint decides about models, endpoint configurations and endpoints.

A model and a configuration cannot be changed, so each is named after a digest of all that it says: the same name is the same thing.
The calls and their answers: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.artifacts import PackedSource, Source, head_object, source_of, upload
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.options import check_params
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.sagemaker import BUSY, DIGEST_LENGTH, SageMaker, stem
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import AwsError, merged_tags, text
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import Registry, tracking_argument_spec, tracking_client


def tracking_options() -> dict[str, t.Any]:
    """The options of the doc fragment ``_tracking``; only a model of a registry needs them."""
    options = {name: option for name, option in tracking_argument_spec().items() if name.startswith("tracking_")}
    return dict(options, tracking_uri={name: value for name, value in options["tracking_uri"].items() if name != "required"})


def registry_of(params: t.Mapping[str, t.Any]) -> t.Callable[[], Registry]:
    """The registry of the tracking server that a module's parameters name, once it is asked for."""
    return lambda: Registry(tracking_client(dict(params, use_proxy=True)))


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
            raise Problem(
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
            raise Problem("%s What was made for it was removed again." % error) from None
        if not self.params["wait"]:
            return
        seen = self._settle("changing over to %s" % self.config_name)
        if seen is None or seen["status"] != "InService" or seen["config_name"] != self.config_name:
            self._roll_back(seen)

    def _settle(self, doing: str) -> t.Optional[dict[str, t.Any]]:
        return self.sagemaker.await_settled(self.name, self.params["wait_timeout"], doing)

    def _roll_back(self, seen: t.Optional[dict[str, t.Any]]) -> None:
        """Bring the endpoint back to what it was, and raise :class:`Problem` with what happened."""
        status = seen["status"] if seen else "gone"
        if seen and status == "InService":
            status = "in service with %s" % seen["config_name"]
        problem = "The endpoint %s did not come up with %s: it is %s. SageMaker says: %s Its log is in CloudWatch, /aws/sagemaker/Endpoints/%s." % (
            self.name, self.config_name, status, sentence((seen or {}).get("failure_reason") or "nothing"), self.name
        )  # fmt: skip
        if not self.params["rollback"]:
            raise Problem(problem + " It was left so, as rollback=false says.", endpoint=seen)
        if self.action != "update" or self.previous is None or self.previous["config"] is None:
            self.sagemaker.delete("endpoint", self.name)
            self._settle("deleting it again")
            self._undo()
            raise Problem(problem + " It was deleted again, with the configuration and the model that were made for it.", endpoint=None)
        old = self.previous["config_name"]
        if seen is None or seen["status"] != "InService" or seen["config_name"] != old:
            try:
                self._restore(old, seen)
            except Problem as error:
                raise Problem("%s The way back to %s failed, too: %s" % (problem, old, error), endpoint=seen) from None
        self._undo()
        raise Problem(problem + " It serves with its previous configuration %s again." % old, endpoint=self.sagemaker.endpoint(self.name))

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
            raise Problem(
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


def _named(name: str, content: t.Any) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
    return "%s-%s" % (stem(name), digest[:DIGEST_LENGTH])


def _resource(name: str, variant: str) -> str:
    return "endpoint/%s/variant/%s" % (name, variant)


def _without_arn(part: t.Optional[dict[str, t.Any]]) -> t.Optional[dict[str, t.Any]]:
    return None if part is None else {key: value for key, value in part.items() if key != "arn"}
