# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker_info against moto: an account is asked in one session, nothing is written, and the role's plan makes words of what it says."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import context, ecr, endpoint, sagemaker, serving_image, standing
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.sagemaker import STATE
from ansible_collections.sparkflows.mlops.plugins.modules import sagemaker_endpoint, sagemaker_info
from tests.unit.plugins.aws.cloud import ACCOUNT, REGION, SECRET, SESSION, Cloud, endpoints, options, validated, writes
from tests.unit.plugins.module_utils.plan.readings import settings as of_role

ROLE = "arn:aws:iam::%s:role/serving" % ACCOUNT
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
REPOSITORY = "mlops/serving"
ITEM = "image mlops/serving:mlflow-1.30.1"


class Account:
    """An account with a bucket and a role, and settings of the role `sagemaker` that are to be held against it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.model = folder / "model"
        self.model.mkdir()
        (self.model / "MLmodel").write_text("flavors: {}\n")
        for name in ("sagemaker/files/image", "pip_stack/files/locks"):
            (folder / name).mkdir(parents=True)
        (folder / "sagemaker/files/image/Dockerfile").write_text("FROM scratch\n")
        (folder / "pip_stack/files/locks/mlflow.txt").write_text("mlflow==1.30.1 --hash=sha256:%s\n" % (64 * "0"))
        self.settings = {
            **of_role("sagemaker"), "roles_directory": str(folder), "sagemaker_region": REGION, "sagemaker_account_id": ACCOUNT,
            "sagemaker_access_key_id": "AKIACANARY", "sagemaker_secret_access_key": SECRET, "sagemaker_session_token": SESSION,
            "sagemaker_endpoint_url": cloud.url, "sagemaker_timeout": 20, "sagemaker_repository": REPOSITORY, "sagemaker_role_arn": ROLE,
            "sagemaker_role_check": "documents", "sagemaker_bucket": "models", "sagemaker_build_directory": str(folder / "gathered"),
            "sagemaker_endpoints": [{"name": "churn", "artifact": str(self.model), "instance_type": "ml.m5.large"}],
        }  # fmt: skip
        self.aws = Aws(validated(sagemaker_info.argument_spec(), options(cloud.url)))
        self.aws.call("s3", "create_bucket", Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.aws.call("iam", "create_role", RoleName="serving", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}))
        self.allow({"Effect": "Allow", "Action": "*", "Resource": "*"})

    def allow(self, statement: dict[str, t.Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws.call("iam", "put_role_policy", RoleName="serving", PolicyName="serving", PolicyDocument=document)

    def session(self, params: dict[str, t.Any]) -> Aws:
        """A session of its own with the clients of the first, as making them is most of the time that a test takes."""
        aws = Aws(params)
        if params["aws_endpoint_url"] == self.cloud.url:
            aws._clients = self.aws._clients
        return aws

    def look(self) -> dict[str, t.Any]:
        """What sagemaker_info says, having changed nothing and told no secret."""
        params = validated(sagemaker_info.argument_spec(), STATE.questions(self.settings))
        aws = self.session(params)
        seen = json.loads(json.dumps(standing.look(params, aws)))
        assert [call for call in writes(aws) if call != "sagemaker-runtime:invoke_endpoint"] == []
        assert aws.calls.count("sts:get_caller_identity") == 1
        assert SECRET not in str(seen) and SESSION not in str(seen)
        return t.cast("dict[str, t.Any]", seen)

    def told(self) -> list[tuple[str, str, str, str]]:
        return [(one.step, one.item, one.before, one.after) for one in STATE.differences(self.settings, self.look(), {}, {})]

    def found(self) -> list[str]:
        return STATE.findings(self.settings, self.look())

    def push(self) -> str:
        """Have in ECR what the role would build, without an engine that builds it; its digest."""
        if self.aws.call("ecr", "describe_repositories")["repositories"] == []:
            self.aws.call("ecr", "create_repository", repositoryName=REPOSITORY, imageScanningConfiguration={"scanOnPush": True})
        asked = STATE.questions(self.settings)
        files = serving_image.entries({**dict.fromkeys(serving_image.ARGUMENT_SPEC), **asked["image_files"]})
        digest = context.context_digest({**dict.fromkeys(ecr.ARGUMENT_SPEC), **asked["image"]}, files)
        tags = ("context-" + digest, self.settings["sagemaker_image_tag"])
        for tag in tags:
            manifest = json.dumps({"schemaVersion": 2, "mediaType": ecr.MANIFESTS[0], "config": {"digest": "sha256:" + digest}})
            image = self.aws.call("ecr", "put_image", repositoryName=REPOSITORY, imageManifest=manifest, imageTag=tag)["image"]
        return str(image["imageId"]["imageDigest"])

    def make(self) -> None:
        """Carry the plan's endpoints out, as the role's task does."""
        reading = self.look()
        values = STATE.inputs(self.settings, reading)
        for entry in values["endpoints"]:
            image = {} if entry["state"] == "absent" else {"image": values["image_uri"]}
            params = validated(sagemaker_endpoint.argument_spec(), options(self.cloud.url, **{**image, **entry}))
            endpoint.run(params, sagemaker.SageMaker(self.session(params)), endpoint.registry_of(params), False)


@pytest.fixture
def account(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(sagemaker, "POLL_SECONDS", 0.01)
    return Account(cloud, tmp_path)


def test_from_nothing_to_nothing_to_do_and_back(account: Account) -> None:
    missing = ("image", "repository mlops/serving", "missing", "made")
    assert account.told() == [missing, ("image", ITEM, "missing", "built and pushed"), ("endpoints", "endpoint churn", "missing", "made")]
    first = account.push()
    assert account.told() == [("endpoints", "endpoint churn", "missing", "made")]
    assert account.look()["reference"].endswith("/%s@%s" % (REPOSITORY, first))
    account.make()
    assert account.told() == []
    assert account.look()["gathered"] is False

    # Another model, another machine, another image.
    (account.model / "MLmodel").write_text("flavors: {python_function: {}}\n")
    account.settings["sagemaker_endpoints"][0]["instance_type"] = "ml.t2.medium"
    account.settings["sagemaker_packages"] = ["libgomp1"]
    before, after = ("sha256:" + digest.partition(":")[2][:12] for digest in (first, "sha256:" + 64 * "0"))
    lines = account.told()
    assert lines[0] == ("image", ITEM, before, "built and pushed")
    assert ("endpoints", "endpoint churn: instance type", "ml.m5.large", "ml.t2.medium") in lines
    assert [line[1] for line in lines[1:]] == ["endpoint churn: instance type", "endpoint churn: image", "endpoint churn: model"]
    account.push()
    assert [line[0] for line in account.told()] == 3 * ["endpoints"]
    account.make()
    assert account.told() == []

    account.settings["sagemaker_endpoints"] = [{"name": "churn", "state": "absent"}]
    assert account.told() == [("endpoints", "endpoint churn", "there", "removed")]
    account.make()
    assert account.told() == []
    account.settings["sagemaker_state"] = "absent"
    assert account.told() == [("repository", "repository mlops/serving", "there", "removed")]


def test_the_image_of_before_is_found_again(account: Account) -> None:
    first = account.push()
    account.settings["sagemaker_packages"] = ["libgomp1"]
    second = account.push()
    account.settings["sagemaker_packages"] = []
    cut = ["sha256:" + digest.partition(":")[2][:12] for digest in (second, first)]
    assert account.told()[0] == ("image", ITEM, *cut)


SPOILED = {
    "endpoint deleted": (lambda aws: aws.call("sagemaker", "delete_endpoint", EndpointName="churn"), "endpoint churn", "missing"),
    "configuration deleted": (
        lambda aws: aws.call("sagemaker", "delete_endpoint_config", EndpointConfigName=endpoints()["churn"].endpoint_config_name),
        "endpoint churn: configuration", "missing",
    ),
    "endpoint failed": (lambda aws: setattr(endpoints()["churn"], "endpoint_status", "Failed"), "endpoint churn: status", "Failed"),
    "archive deleted": (
        lambda aws: [aws.call("s3", "delete_object", Bucket="models", Key=it["Key"]) for it in aws.call("s3", "list_objects_v2", Bucket="models")["Contents"]],
        "endpoint churn: archive", "missing",
    ),
    "tag moved": (
        lambda aws: aws.call("ecr", "batch_delete_image", repositoryName=REPOSITORY, imageIds=[{"imageTag": "mlflow-1.30.1"}]), ITEM, "missing",
    ),
    "scanning off": (
        lambda aws: aws.call("ecr", "put_image_scanning_configuration", repositoryName=REPOSITORY, imageScanningConfiguration={"scanOnPush": False}),
        "repository mlops/serving: scan on push", "no",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILED)
def test_what_somebody_spoiled_is_named(account: Account, what: str) -> None:
    spoil, item, before = SPOILED[what]
    account.push()
    account.make()
    assert account.told() == []
    spoil(account.aws)
    (line,) = account.told()
    assert (line[1], line[2]) == (item, before)


class TestFindings:
    def test_credentials_that_aws_refuses(self, account: Account) -> None:
        account.settings["sagemaker_account_id"] = "210987654321"
        (sentence,) = account.found()
        assert sentence.startswith("The credentials belong to the account 123456789012, but sagemaker_account_id is 210987654321.")

    def test_aws_that_does_not_answer(self, account: Account) -> None:
        account.settings.update(sagemaker_endpoint_url="http://127.0.0.1:1", sagemaker_timeout=1)
        seen = account.look()
        (sentence,) = STATE.findings(account.settings, seen)
        assert "sts:GetCallerIdentity got no answer in eu-central-1" in sentence and "Check the network, sagemaker_region and the endpoint." in sentence
        assert seen["endpoints"] == {} and STATE.differences(account.settings, seen, {}, {}) == []

    def test_a_role_that_lacks_something(self, account: Account) -> None:
        account.allow({"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"})
        (sentence,) = account.found()
        assert sentence.startswith("serving may not do s3:GetObject on arn:aws:s3:::models/sparkflows-mlops/churn/*, which it needs to fetch the model from")
        account.settings["sagemaker_role_arn"] = "arn:aws:iam::%s:role/nobody" % ACCOUNT
        assert account.found() == ["There is no role nobody in the account %s. Create it, or correct role_arn." % ACCOUNT]
        account.settings["sagemaker_role_check"] = "none"
        assert account.found() == []

    def test_what_the_credentials_may_not_see(self, account: Account) -> None:
        account.cloud.refuse["DescribeEndpoint"] = "AccessDeniedException"
        account.settings["sagemaker_endpoints"] += [{**account.settings["sagemaker_endpoints"][0], "name": "other"}]
        (sentence,) = account.found()
        assert sentence.startswith("The credentials are not allowed to do sagemaker:DescribeEndpoint in eu-central-1")

    def test_a_model_and_a_wheelhouse_that_are_not_there(self, account: Account, tmp_path: Path) -> None:
        account.settings["sagemaker_wheelhouse"] = str(tmp_path)
        account.settings["sagemaker_endpoints"][0]["artifact"] = str(tmp_path / "gone")
        first, second = account.found()
        assert first.startswith("The wheelhouse %s has no wheel of mlflow==1.30.1." % tmp_path)
        assert second.startswith("sagemaker_endpoints: churn: artifact is %s, which does not exist where the module runs." % (tmp_path / "gone"))

    def test_a_tracking_server_that_is_yet_to_come(self, account: Account) -> None:
        account.push()
        account.settings["sagemaker_tracking_uri"] = "http://127.0.0.1:1"
        account.settings["sagemaker_endpoints"] = [{"name": "churn", "model_uri": "models:/churn/1", "instance_type": "ml.m5.large"}]
        assert account.found() == []
        assert account.told() == [("endpoints", "endpoint churn", "can't be told", "as wanted")]


def test_options_that_cannot_be_used(account: Account) -> None:
    def look(**given: t.Any) -> dict[str, t.Any]:
        params = validated(sagemaker_info.argument_spec(), options(account.cloud.url, **given))
        return standing.look(params, Aws(params))

    with pytest.raises(Problem, match=r"^An entry of endpoints has no name\. "):
        look(endpoints=[{"state": "absent"}])
    assert look(roles=[{"arn": ROLE}])["roles"][0]["error"].startswith("missing required arguments: role_arn; arn. Supported parameters include")
    seen = look(image={"tag": "1", "image": "a", "context": "/b"}, image_files={}, endpoints=[{"name": "churn"}])
    assert "name" in seen["image"]["error"] and "missing" in seen["endpoints"]["churn"]["error"]
    assert seen["gathered"] is False


def test_an_endpoint_that_does_not_answer_as_it_should(account: Account) -> None:
    account.push()
    account.make()
    # moto's endpoints answer, but not with predictions.
    account.settings["sagemaker_endpoints"][0]["probe"] = {"columns": ["a"], "data": [[1]], "expected": [2]}
    assert account.told() == [("score", "endpoint churn: prediction", "fails", "proved")]
    account.settings["sagemaker_endpoints"][0]["instance_count"] = 2
    assert [line[:2] for line in account.told()] == [("endpoints", "endpoint churn: instance count"), ("score", "endpoint churn: prediction")]
    assert account.look()["probes"] == {}
