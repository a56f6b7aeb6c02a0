# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker_endpoint against moto's S3, STS, SageMaker and Application Auto Scaling, and a real MLflow.

moto has no `update_endpoint`. The twelve steps take that one call from tests/unit/plugins/aws/cloud.py; what an update asks for, and every way in which
it can end, is tested at the boundary to boto3 with botocore's Stubber, which holds each request and each answer against AWS's own description of the service.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.stub import Stubber

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import endpoint as _endpoint
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import sagemaker as _sagemaker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import Registry, tracking_client
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.artifacts import FolderSource
from ansible_collections.sparkflows.mlops.plugins.modules import sagemaker_endpoint
from tests.unit.plugins.aws.cloud import ACCOUNT, REGION, SECRET, SESSION, Cloud, endpoints, options, validated, writes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUCKET = "example-models"
CREDENTIALS = "aws_access_key_id, aws_secret_access_key and aws_session_token, or aws_profile"
ROLE = "arn:aws:iam::%s:role/serving" % ACCOUNT
IMAGE = "%s.dkr.ecr.%s.amazonaws.com/mlops/scoring@sha256:%s" % (ACCOUNT, REGION, 64 * "a")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(_sagemaker, "POLL_SECONDS", 0.01)


class Runner:
    """Runs the module's own code; `aws` is what the last run called. `stubbed` is given the session before the run begins."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.aws: t.Any = None
        self.stubbed: t.Callable[[Aws], t.Any] = lambda aws: None
        self.write("one")

    def write(self, content: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "MLmodel").write_text("flavors: {}\n")
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "data" / "weights").write_text(content)

    def params(self, **given: t.Any) -> dict[str, t.Any]:
        defaults = {"name": "churn", "wait_timeout": 5}
        if given.get("state") != "absent":
            defaults.update(image=IMAGE, execution_role_arn=ROLE, bucket=BUCKET, artifact=str(self.folder))
            if "serverless" not in given:
                defaults["instance_type"] = "ml.m5.large"
        return validated(sagemaker_endpoint.argument_spec(), options(self.cloud.url, **{**defaults, **given}))

    def __call__(self, check: bool = False, **given: t.Any) -> dict[str, t.Any]:
        params = self.params(**given)
        self.aws = Aws(params)
        self.stubbed(self.aws)
        return _endpoint.run(params, _sagemaker.SageMaker(self.aws), lambda: Registry(tracking_client(dict(params, use_proxy=True))), check)

    def twice(self, **given: t.Any) -> dict[str, t.Any]:
        """Check, run, check again and run again; the real run's result."""
        foreseen = self(check=True, **given)
        assert foreseen["changed"] and not writes(self.aws)
        done = self(**given)
        assert done["changed"] and writes(self.aws)
        assert json.dumps(foreseen["diff"], sort_keys=True) == json.dumps(done["diff"], sort_keys=True)
        for check in (True, False):
            again = self(check=check, **given)
            assert not again["changed"] and not writes(self.aws), again["diff"]
            assert again["diff"]["before"] == again["diff"]["after"]
        return done


@pytest.fixture
def sagemaker(cloud: Cloud, tmp_path: Path) -> Runner:
    runner = Runner(cloud, tmp_path / "model")
    Aws(runner.params()).call("s3", "create_bucket", Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return runner


def names(runner: Runner) -> dict[str, list[str]]:
    """What SageMaker has now."""
    aws = Aws(runner.params())
    return {
        "configs": sorted(item["EndpointConfigName"] for item in aws.call("sagemaker", "list_endpoint_configs")["EndpointConfigs"]),
        "models": sorted(item["ModelName"] for item in aws.call("sagemaker", "list_models")["Models"]),
        "endpoints": sorted(endpoints()),
    }


def fetch(runner: Runner, url: str) -> bytes:
    bucket, dummy, key = url[len("s3://"):].partition("/")
    return t.cast(bytes, Aws(runner.params()).client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


SETTINGS: dict[str, t.Any] = {
    "tags": {"team": "mlops"},
    "environment": {"WORKERS": 2},
    "subnet_ids": ["subnet-1", "subnet-0"],
    "security_group_ids": ["sg-1"],
    "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "volume_size_gb": 30,
    "startup_timeout": 300,
    "data_capture": {"s3_uri": "s3://example-models/captured", "percentage": 50, "capture": ["Output", "Input"], "json_content_types": ["application/json"]},
    "autoscaling": {"max_capacity": 3, "invocations_per_instance": 100},
}


def test_twelve_steps(sagemaker):
    first = sagemaker.twice(**SETTINGS)
    assert sagemaker.aws.calls == [
        "sts:get_caller_identity", "sagemaker:describe_endpoint", "s3:head_object", "sagemaker:describe_model", "sagemaker:describe_endpoint_config",
        "sagemaker:list_tags", "application-autoscaling:describe_scalable_targets", "application-autoscaling:describe_scaling_policies",
    ]  # fmt: skip
    assert (first["endpoint"]["status"], first["uploaded"], first["previous_config_name"]) == ("InService", True, None)
    assert first["endpoint"]["url"] == sagemaker.cloud.url + "/endpoints/churn/invocations"
    with tarfile.open(fileobj=io.BytesIO(fetch(sagemaker, first["model_data_url"]))) as archive:
        assert archive.getnames() == ["MLmodel", "data/weights"]
    config = Aws(sagemaker.params()).call("sagemaker", "describe_endpoint_config", EndpointConfigName=first["endpoint"]["config_name"])
    assert config["ProductionVariants"] == [{
        "VariantName": "AllTraffic", "ModelName": first["endpoint"]["model_name"], "InitialVariantWeight": 1.0, "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1, "VolumeSizeInGB": 30, "ContainerStartupHealthCheckTimeoutInSeconds": 300,
    }]  # fmt: skip
    assert config["DataCaptureConfig"]["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]

    sagemaker.write("two")
    changed = dict(SETTINGS, tags={"team": "data", "by": "ansible"}, autoscaling={"max_capacity": 5, "invocations_per_instance": 100})
    second = sagemaker.twice(**changed)
    assert second["previous_config_name"] == first["endpoint"]["config_name"]
    assert second["endpoint"]["model_name"] != first["endpoint"]["model_name"]
    assert (second["diff"]["before"]["autoscaling"]["max_capacity"], second["diff"]["after"]["autoscaling"]["max_capacity"]) == (3, 5)
    assert second["diff"]["before"]["model"]["model_data_url"] == first["model_data_url"]

    sagemaker.twice(state="absent")
    assert names(sagemaker) == {"configs": [], "models": [], "endpoints": []}
    assert sagemaker.aws.calls == [
        "sts:get_caller_identity", "sagemaker:describe_endpoint", "sagemaker:list_endpoint_configs", "sagemaker:list_models",
        "application-autoscaling:describe_scalable_targets",
    ]  # fmt: skip


def test_twelve_steps_without_instances(sagemaker):
    sagemaker.twice(serverless={"memory_mb": 1024})
    second = sagemaker.twice(serverless={"memory_mb": 2048, "max_concurrency": 7})
    assert second["diff"]["after"]["config"]["serverless"] == {"memory_mb": 2048, "max_concurrency": 7, "provisioned_concurrency": None}
    assert not second["uploaded"]
    sagemaker.twice(state="absent")


def test_only_the_configuration_before_is_kept(sagemaker):
    made = []
    for content in ("one", "two", "three"):
        sagemaker.write(content)
        made.append(sagemaker()["endpoint"])
    assert names(sagemaker)["configs"] == sorted(endpoint["config_name"] for endpoint in made[1:])
    assert names(sagemaker)["models"] == sorted(endpoint["model_name"] for endpoint in made[1:])
    # Back to a model that was there before: nothing is uploaded, nothing is made but what was removed.
    sagemaker.write("two")
    back = sagemaker.twice()
    assert (back["endpoint"]["config_name"], back["uploaded"]) == (made[1]["config_name"], False)


def test_scaling_is_removed_and_left_alone(sagemaker):
    sagemaker(**SETTINGS)
    assert not sagemaker(**dict(SETTINGS, autoscaling=None))["changed"]
    removed = sagemaker.twice(**dict(SETTINGS, autoscaling={"enabled": False}))
    assert removed["diff"]["after"]["autoscaling"] is None


def test_tags_are_added_to_what_is_there(sagemaker):
    sagemaker(tags={"a": "1"})
    both = sagemaker.twice(tags={"b": True}, purge_tags=False)
    assert both["diff"]["after"]["tags"] == {"a": "1", "b": "true"}
    assert sagemaker.twice(tags={})["diff"]["after"]["tags"] == {}


def test_what_somebody_deleted_is_made_again(sagemaker):
    first = sagemaker()
    aws = Aws(sagemaker.params())
    aws.call("sagemaker", "delete_model", ModelName=first["endpoint"]["model_name"])
    aws.call("s3", "delete_object", Bucket=BUCKET, Key=first["model_data_url"][len("s3://example-models/"):])
    again = sagemaker.twice()
    assert again["diff"]["before"]["missing"] == ["archive", "model"]
    assert again["endpoint"] == first["endpoint"]


def test_names_of_long_endpoints_stay_apart(sagemaker):
    one, two = 62 * "a" + "1", 62 * "a" + "2"
    first, second = sagemaker(name=one), sagemaker(name=two)
    assert len(first["endpoint"]["config_name"]) <= 63
    sagemaker(name=one, state="absent")
    assert names(sagemaker) == {"configs": [second["endpoint"]["config_name"]], "models": [second["endpoint"]["model_name"]], "endpoints": [two]}


def test_archives_of_the_same_files_have_the_same_bytes(sagemaker, tmp_path):
    with FolderSource(str(sagemaker.folder)).archive() as file:
        one = file.read()
    for name in ("weights", "more"):
        (sagemaker.folder / "data" / name).write_text("one")
        (sagemaker.folder / "data" / name).chmod(0o600)
    (sagemaker.folder / "data" / "more").unlink()
    with FolderSource(str(sagemaker.folder)).archive() as file:
        assert file.read() == one
    assert gzip.decompress(one)


def test_archives_that_are_there_already(sagemaker, tmp_path):
    archive = tmp_path / "model.tar.gz"
    with FolderSource(str(sagemaker.folder)).archive() as file:
        archive.write_bytes(file.read())
    done = sagemaker.twice(artifact=str(archive))
    assert fetch(sagemaker, done["model_data_url"]) == archive.read_bytes()

    aws = Aws(sagemaker.params())
    aws.client("s3").put_object(Bucket=BUCKET, Key="own/model.tar.gz", Body=b"one")
    first = sagemaker.twice(artifact="s3://example-models/own/model.tar.gz", bucket=None)
    assert (first["model_data_url"], first["uploaded"]) == ("s3://example-models/own/model.tar.gz", False)
    # Other content under the same name is another model.
    aws.client("s3").put_object(Bucket=BUCKET, Key="own/model.tar.gz", Body=b"two")
    assert sagemaker.twice(artifact="s3://example-models/own/model.tar.gz", bucket=None)["endpoint"]["model_name"] != first["endpoint"]["model_name"]


def test_a_registered_model(sagemaker, mlflow_server):
    def register() -> None:
        run_id = mlflow_server.log_model()
        source = "mlflow-artifacts:/0/%s/artifacts/model" % run_id
        mlflow_server.call("POST", "mlflow/model-versions/create", {"name": "sagemaker", "source": source, "run_id": run_id})

    mlflow_server.call("POST", "mlflow/registered-models/create", {"name": "sagemaker"})
    register()
    given = {"artifact": None, "model_uri": "models:/sagemaker/1", "tracking_uri": mlflow_server.url}
    first = sagemaker.twice(**given)
    assert first["model_version"] == 1
    with tarfile.open(fileobj=io.BytesIO(fetch(sagemaker, first["model_data_url"]))) as archive:
        assert archive.getnames() == ["MLmodel", "code/row_sum.py"]
    register()
    second = sagemaker.twice(**dict(given, model_uri="models:/sagemaker/2"))
    assert second["model_version"] == 2
    mlflow_server.call("POST", "mlflow/model-versions/transition-stage", {"name": "sagemaker", "version": "1", "stage": "Production"})
    assert sagemaker.twice(**dict(given, model_uri="models:/sagemaker/Production"))["endpoint"]["model_name"] == first["endpoint"]["model_name"]
    with pytest.raises(Problem) as caught:
        sagemaker(**dict(given, model_uri="models:/sagemaker/Staging"))
    assert str(caught.value) == (
        "There is no models:/sagemaker/Staging on the tracking server at %s. Versions of 'sagemaker' are: 1 (Production), 2 (None)." % mlflow_server.url
    )


def test_a_registered_model_in_s3(sagemaker, http_server):
    s3 = Aws(sagemaker.params()).client("s3")
    s3.put_object(Bucket=BUCKET, Key="runs/1/model/MLmodel", Body=b"flavors: {}\n")
    s3.put_object(Bucket=BUCKET, Key="runs/1/model/data/weights", Body=b"123")
    version = {"name": "churn", "version": "3", "source": "s3://example-models/runs/1/model", "run_id": "r", "status": "READY", "current_stage": "None"}
    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", {"model_versions": [version]})
    done = sagemaker.twice(artifact=None, model_uri="models:/churn/3", tracking_uri=http_server.url)
    with tarfile.open(fileobj=io.BytesIO(fetch(sagemaker, done["model_data_url"]))) as archive:
        assert archive.getnames() == ["MLmodel", "data/weights"]


def artifacts(http_server: t.Any, listed: dict[str, t.Any], body: bytes) -> dict[str, t.Any]:
    """A registered model with one file besides MLmodel, and the options that name it."""
    version = {"name": "churn", "version": "1", "source": "mlflow-artifacts:/m", "run_id": "r", "status": "READY", "current_stage": "None"}
    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", {"model_versions": [version]})
    http_server.route("GET", "/api/2.0/mlflow-artifacts/artifacts", {"files": [{"path": "MLmodel", "is_dir": False, "file_size": 12}, listed]})
    http_server.route("GET", "/api/2.0/mlflow-artifacts/artifacts/m/MLmodel", b"flavors: {}\n")
    http_server.route("GET", "/api/2.0/mlflow-artifacts/artifacts/m/weights", body)
    return {"artifact": None, "model_uri": "models:/churn/1", "tracking_uri": http_server.url}


def test_a_registered_model_costs_three_requests_when_unchanged(sagemaker, http_server):
    given = artifacts(http_server, {"path": "weights", "is_dir": False, "file_size": 3}, b"123")
    sagemaker(**given)
    http_server.clear()
    assert not sagemaker(**given)["changed"]
    assert [request.path.rpartition("/")[2] for request in http_server.requests] == ["search", "artifacts", "MLmodel"]


def test_a_registered_model_that_arrives_in_part(sagemaker, http_server):
    given = artifacts(http_server, {"path": "weights", "is_dir": False, "file_size": 1000}, b"123")
    with pytest.raises(Problem) as caught:
        sagemaker(**given)
    assert str(caught.value) == "weights of models:/churn/1 arrived with 3 bytes instead of 1000. Run again."
    assert writes(sagemaker.aws) == []


def test_a_list_of_files_that_leads_elsewhere(sagemaker, http_server):
    given = artifacts(http_server, {"path": "code/..", "is_dir": False, "file_size": 3}, b"123")
    with pytest.raises(Problem) as caught:
        sagemaker(**given)
    assert str(caught.value) == "The list of the model's files has an entry '..', which is not a plain name."


# ------------------------------------------------------------------------------------------------------------- failures


def test_an_endpoint_that_never_comes_up(sagemaker, monkeypatch):
    """A new one is deleted again, and so is what was made for it."""
    real = _sagemaker.SageMaker.create_endpoint

    def failing(self, name, config_name, tags):
        real(self, name, config_name, tags)
        endpoints()[name].endpoint_status = "Failed"
        endpoints()[name].failure_reason = "The primary container did not pass the ping health check"

    monkeypatch.setattr(_sagemaker.SageMaker, "create_endpoint", failing)
    with pytest.raises(Problem) as caught:
        sagemaker()
    config = [call for call in sagemaker.aws.calls if "config" in call]
    assert config[-1] == "sagemaker:delete_endpoint_config"
    message = str(caught.value)
    assert message.startswith("The endpoint churn did not come up with churn-")
    assert message.endswith(
        ": it is Failed. SageMaker says: The primary container did not pass the ping health check. Its log is in CloudWatch,"
        " /aws/sagemaker/Endpoints/churn. It was deleted again, with the configuration and the model that were made for it."
    )
    assert names(sagemaker) == {"configs": [], "models": [], "endpoints": []}

    with pytest.raises(Problem, match=r"It was left so, as rollback=false says\.$"):
        sagemaker(rollback=False)
    # The next run replaces it.
    monkeypatch.undo()
    monkeypatch.setattr(_sagemaker, "POLL_SECONDS", 0.01)
    assert sagemaker.twice()["endpoint"]["status"] == "InService"


class Script:
    """SageMaker's side of an update, played by a Stubber: an endpoint with the configuration churn-old, and what becomes of it."""

    def __init__(self, runner: Runner, **given: t.Any) -> None:
        self.runner = runner
        deployment = runner(check=True, **given)["endpoint"]
        self.config, self.model = deployment["config_name"], deployment["model_name"]
        self.steps: list[tuple[str, t.Any, dict[str, t.Any] | None]] = []
        runner.stubbed = self._play

    def _play(self, aws: Aws) -> None:
        self.stubber = Stubber(aws.client("sagemaker"))
        for operation, answer, expected in self.steps:
            if isinstance(answer, str):
                self.stubber.add_client_error(operation, "ValidationException", answer, expected_params=expected)
            else:
                self.stubber.add_response(operation, answer, expected)
        self.stubber.activate()

    def endpoint(self, status: str, config: str, reason: str | None = None) -> Script:
        answer = {"EndpointName": "churn", "EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/churn", "EndpointStatus": status,
                  "EndpointConfigName": config, "CreationTime": NOW, "LastModifiedTime": NOW}  # fmt: skip
        return self.then("describe_endpoint", dict(answer, FailureReason=reason) if reason else answer, EndpointName="churn")

    def then(self, operation: str, answer: t.Any, **expected: t.Any) -> Script:
        self.steps.append((operation, answer, expected or None))
        return self

    def until_update(self, instance_type: str = "ml.m5.large") -> Script:
        """What a run looks at before it asks for the update, and the model and configuration that it makes."""
        variant = {"VariantName": "AllTraffic", "ModelName": "churn-model", "InstanceType": instance_type, "InitialInstanceCount": 1}
        self.endpoint("InService", "churn-old")
        self.then("describe_model", "Could not find model", ModelName=self.model)
        self.then("describe_endpoint_config", "Could not find endpoint configuration", EndpointConfigName=self.config)
        self.then(
            "describe_endpoint_config",
            {"EndpointConfigName": "churn-old", "EndpointConfigArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/churn-old",
             "ProductionVariants": [variant], "CreationTime": NOW},
            EndpointConfigName="churn-old",
        )  # fmt: skip
        self.then("describe_model", {"ModelName": "churn-model", "ModelArn": "arn:aws:sagemaker:eu-central-1:123456789012:model/churn-model",
                                     "CreationTime": NOW}, ModelName="churn-model")  # fmt: skip
        self.then("create_model", {"ModelArn": "arn:aws:sagemaker:eu-central-1:123456789012:model/x"})
        return self.then("create_endpoint_config", {"EndpointConfigArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/x"})

    def update(self, config: str, keep_scale: bool = False, answer: t.Any = None) -> Script:
        expected: dict[str, t.Any] = {"EndpointName": "churn", "EndpointConfigName": config, "RetainAllVariantProperties": keep_scale}
        if keep_scale:
            expected["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DataCaptureConfig"}]
        return self.then("update_endpoint", answer or {"EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/churn"}, **expected)

    def parts_removed(self) -> Script:
        return self.then("delete_endpoint_config", {}, EndpointConfigName=self.config).then("delete_model", {}, ModelName=self.model)

    def fails(self, **given: t.Any) -> str:
        with pytest.raises(Problem) as caught:
            self.runner(**given)
        self.stubber.assert_no_pending_responses()
        return str(caught.value)


@pytest.fixture
def script(sagemaker: Runner) -> Script:
    return Script(sagemaker)


def test_update(script):
    script.until_update().update(script.config)
    script.endpoint("Updating", "churn-old").endpoint("Updating", "churn-old").endpoint("InService", script.config)
    configs = [{"EndpointConfigName": name, "EndpointConfigArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/x",
                "CreationTime": NOW}
               for name in (script.config, "churn-0123456789ab", "churn-old", "churn-b-0123456789ab")]  # fmt: skip
    script.then("list_endpoint_configs", {"EndpointConfigs": configs}, NameContains="churn").then("list_models", {"Models": []}, NameContains="churn")
    # Only what an earlier run made for this endpoint goes.
    script.then("delete_endpoint_config", {}, EndpointConfigName="churn-0123456789ab").endpoint("InService", script.config)
    done = script.runner()
    script.stubber.assert_no_pending_responses()
    assert (done["changed"], done["endpoint"]["config_name"], done["previous_config_name"]) == (True, script.config, "churn-old")


def test_sagemaker_goes_back_by_itself(script):
    script.until_update().update(script.config).endpoint("Updating", "churn-old").endpoint("InService", "churn-old", "no capacity")
    script.parts_removed().endpoint("InService", "churn-old")
    assert script.fails() == (
        "The endpoint churn did not come up with %s: it is in service with churn-old. SageMaker says: no capacity. Its log is in CloudWatch,"
        " /aws/sagemaker/Endpoints/churn. It serves with its previous configuration churn-old again." % script.config
    )


def test_a_mixed_endpoint_is_taken_back(script):
    script.until_update().update(script.config).endpoint("UpdateRollbackFailed", script.config, "ping")
    script.update("churn-old").endpoint("Updating", script.config).endpoint("InService", "churn-old")
    script.parts_removed().endpoint("InService", "churn-old")
    assert script.fails().endswith("It serves with its previous configuration churn-old again.")


def test_a_failed_endpoint_is_made_anew_with_its_previous_configuration(script):
    script.until_update().update(script.config).endpoint("Failed", script.config, "ping")
    script.update("churn-old", answer="Cannot update endpoint while its status is Failed")
    tags = [{"Key": "team", "Value": "mlops"}]
    script.then("list_tags", {"Tags": tags}).then("delete_endpoint", {}, EndpointName="churn").endpoint("Deleting", script.config)
    script.then("describe_endpoint", "Could not find endpoint", EndpointName="churn")
    script.then("create_endpoint", {"EndpointArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint/churn"},
                EndpointName="churn", EndpointConfigName="churn-old", Tags=tags)  # fmt: skip
    script.endpoint("Creating", "churn-old").endpoint("InService", "churn-old").parts_removed().endpoint("InService", "churn-old")
    assert script.fails().endswith("It serves with its previous configuration churn-old again.")


def test_the_way_back_fails_too(script):
    script.until_update().update(script.config).endpoint("UpdateRollbackFailed", script.config, "ping")
    script.update("churn-old").endpoint("UpdateRollbackFailed", script.config, "no capacity")
    assert script.fails().endswith("The way back to churn-old failed, too: It is UpdateRollbackFailed. no capacity.")


def test_an_update_that_takes_too_long(script):
    script.until_update().update(script.config)
    for dummy in range(500):
        script.endpoint("Updating", "churn-old")
    with pytest.raises(Problem) as caught:
        script.runner(wait_timeout=1)
    assert str(caught.value) == (
        "The endpoint churn is still Updating after 1 seconds of changing over to %s. SageMaker takes no other order meanwhile, so nothing was rolled back."
        " Run again later, or with a longer wait_timeout." % script.config
    )


def test_an_update_that_is_refused(script):
    script.until_update().update(script.config, answer="The account-level service limit is reached").parts_removed()
    assert script.fails() == (
        "AWS refuses sagemaker:UpdateEndpoint in eu-central-1 (ValidationException). It says: The account-level service limit is reached."
        " What was made for it was removed again."
    )


def scaled(runner: Runner) -> None:
    Aws(runner.params()).call(
        "application-autoscaling", "register_scalable_target", ServiceNamespace="sagemaker", ResourceId="endpoint/churn/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount", MinCapacity=1, MaxCapacity=4,
    )  # fmt: skip


def test_a_scaled_endpoint_keeps_its_instances(script):
    scaled(script.runner)
    script.until_update().update(script.config, keep_scale=True).endpoint("InService", "churn-old", "ping").parts_removed().endpoint("InService", "churn-old")
    assert "It serves with its previous configuration" in script.fails()


def test_scaling_stands_in_the_way_of_another_type(sagemaker):
    script = Script(sagemaker)
    scaled(sagemaker)
    script.until_update("ml.m5.xlarge")
    del script.steps[-2:]
    assert script.fails() == (
        "The endpoint churn is scaled automatically, and SageMaker cannot change its variant or type of instance meanwhile. Give autoscaling as well,"
        " or with enabled=false to have it removed."
    )


def test_scaling_makes_way_and_comes_back(sagemaker):
    given = {"autoscaling": {"max_capacity": 4, "invocations_per_instance": 10}}
    script = Script(sagemaker, **given)
    scaled(sagemaker)
    script.until_update("ml.m5.xlarge").update(script.config).endpoint("InService", "churn-old", "ping").parts_removed().endpoint("InService", "churn-old")
    script.fails(**given)
    assert [call for call in writes(sagemaker.aws) if "scalable" in call] == [
        "application-autoscaling:deregister_scalable_target", "application-autoscaling:register_scalable_target",
    ]  # fmt: skip


def test_what_is_on_its_way_is_waited_for(sagemaker):
    done = sagemaker()
    script = Script(sagemaker)
    script.endpoint("Updating", "churn-old").endpoint("InService", done["endpoint"]["config_name"])
    script.then("describe_model", {"ModelName": "m", "ModelArn": "arn:aws:sagemaker:eu-central-1:123456789012:model/m", "CreationTime": NOW})
    script.then("describe_endpoint_config", {
        "EndpointConfigName": "c", "EndpointConfigArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/c", "CreationTime": NOW,
        "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "m"}],
    })  # fmt: skip
    assert not sagemaker()["changed"]


def test_without_waiting_the_same_order_is_not_given_twice(sagemaker):
    done = sagemaker()
    script = Script(sagemaker)
    script.endpoint("Creating", done["endpoint"]["config_name"])
    script.then("describe_model", {"ModelName": "m", "ModelArn": "arn:aws:sagemaker:eu-central-1:123456789012:model/m", "CreationTime": NOW})
    script.then("describe_endpoint_config", {
        "EndpointConfigName": "c", "EndpointConfigArn": "arn:aws:sagemaker:eu-central-1:123456789012:endpoint-config/c", "CreationTime": NOW,
        "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "m"}],
    })  # fmt: skip
    assert not sagemaker(wait=False)["changed"]


@pytest.mark.parametrize(
    ("target", "code", "sentence"),
    [
        (
            "DescribeEndpoint",
            "ExpiredTokenException",
            "AWS refuses sagemaker:DescribeEndpoint in eu-central-1: the session token has expired (ExpiredTokenException). Log in anew and check %s.",
        ),
        (
            "CreateModel",
            "AccessDeniedException",
            "The credentials are not allowed to do sagemaker:CreateModel in eu-central-1 (AccessDeniedException). Grant it to them, or use others. %s",
        ),
        (
            "DescribeModel",
            "UnrecognizedClientException",
            "AWS does not accept the credentials for sagemaker:DescribeModel in eu-central-1 (UnrecognizedClientException). Check %s. %s",
        ),
    ],
)
def test_refusals(sagemaker, cloud, target, code, sentence):
    cloud.refuse[target] = code
    with pytest.raises(Problem) as caught:
        sagemaker()
    words = {
        "DescribeEndpoint": (CREDENTIALS,),
        "CreateModel": ("It says: The security token included in the request is expired.",),
        "DescribeModel": (CREDENTIALS, "It says: The security token included in the request is expired."),
    }
    assert str(caught.value) == sentence % words[target]


def test_the_credentials_of_another_account(sagemaker):
    with pytest.raises(Problem) as caught:
        sagemaker(aws_account_id="210987654321")
    assert str(caught.value) == (
        "The credentials belong to the account 123456789012, but aws_account_id is 210987654321. Check aws_access_key_id, aws_secret_access_key and"
        " aws_session_token, or aws_profile, or correct it."
    )
    assert not writes(sagemaker.aws)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "a_b"}, "name is 'a_b'; an endpoint's name has at most 63 letters, digits and '-', and begins and ends with a letter or digit."),
        ({"instance_type": None}, "Neither instance_type nor serverless is given. Say what the model runs on."),
        ({"bucket": None}, "bucket is not given. Name the S3 bucket that the model is uploaded to."),
        ({"subnet_ids": ["subnet-1"]}, "subnet_ids and security_group_ids go together. Give both, or neither to stay out of a VPC."),
        ({"execution_role_arn": "serving"}, "execution_role_arn is 'serving'; give the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME."),
        ({"serverless": {}, "data_capture": {"s3_uri": "s3://b-1/c"}},
         "A serverless endpoint has no data_capture. Leave it out, or give instance_type instead of serverless."),
        ({"serverless": {"memory_mb": 1000}}, "serverless.memory_mb is 1000; SageMaker offers 1024, 2048, 3072, 4096, 5120 and 6144."),
        ({"autoscaling": {}}, "autoscaling lacks max_capacity and invocations_per_instance."),
        ({"autoscaling": {"max_capacity": 1, "min_capacity": 2, "invocations_per_instance": 1}},
         "autoscaling.min_capacity is 2 and max_capacity 1; 1 <= min_capacity <= max_capacity is needed."),
        ({"autoscaling": {"max_capacity": 1, "invocations_per_instance": 1}, "wait": False},
         "autoscaling needs wait=true: a variant can be scaled only when the endpoint is in service."),
        ({"artifact": None, "model_uri": "models:/m/1"}, "model_uri needs tracking_uri, the tracking server whose registry has the model."),
        ({"data_capture": {"s3_uri": "/tmp"}}, "data_capture.s3_uri is '/tmp'; an S3 URI looks like s3://bucket/path."),
    ],
)  # fmt: skip
def test_bad_input(sagemaker, cloud, given, sentence):
    cloud.requests.clear()
    with pytest.raises(Problem) as caught:
        sagemaker(**given)
    assert str(caught.value) == sentence
    assert cloud.requests == []


def test_models_that_are_none(sagemaker, tmp_path):
    for artifact, sentence in (
        (str(tmp_path / "nothing"), "artifact is %s, which does not exist where the module runs. Give a folder, a .tar.gz or an s3:// URI."),
        (str(sagemaker.folder / "MLmodel"), "artifact is %s, which is not a readable gzipped tar (not a gzip file). Give a folder to have it packed."),
        ("s3://example-models/none", "artifact is %s, but there is no such object. Check its name, and that the credentials may list the bucket."),
    ):
        with pytest.raises(Problem) as caught:
            sagemaker(artifact=artifact)
        assert str(caught.value) == sentence % artifact
    (sagemaker.folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(Problem, match=r"link is neither a file nor a folder, so it cannot be packed with the model\. Replace it by what it stands for\.$"):
        sagemaker()
    assert not writes(sagemaker.aws)


def test_through_ansible(run_module, sagemaker, cloud):
    arguments = options(
        cloud.url, name="churn", image=IMAGE, execution_role_arn=ROLE, bucket=BUCKET, artifact=str(sagemaker.folder), instance_type="ml.m5.large",
        aws_service_endpoint_urls={"s3": cloud.url},
    )  # fmt: skip
    result, output = run_module("sagemaker_endpoint", arguments, "--diff", "-vvv")
    assert (result["changed"], result["endpoint"]["status"]) == (True, "InService")
    assert SECRET not in output and SESSION not in output and "WARNING" not in output
    assert run_module("sagemaker_endpoint", arguments, "--check").result["changed"] is False
    absent = run_module("sagemaker_endpoint", options(cloud.url, name="churn", state="absent")).result
    assert (absent["changed"], absent["endpoint"]) == (True, None)
    missing = run_module("sagemaker_endpoint", options(cloud.url, name="churn")).result
    assert missing["msg"] == "state is present but all of the following are missing: image, execution_role_arn"
