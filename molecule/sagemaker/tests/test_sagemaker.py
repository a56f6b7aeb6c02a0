# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model on a SageMaker endpoint: image, archive, names, a change and the way back, what is refused, and what is left after removal.

moto has no update_endpoint; aws.py stands in for it with an endpoint that changes over at once. The tests go on from each other in this order.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest

SCENARIO = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sparkflows-mlops"))
FOLDER = CACHE / "testbeds" / "molecule-sagemaker"
READS = re.compile(r"Describe|List|Get|InvokeEndpoint|^HEAD |^GET ")
REPOSITORY = "mlops/serving"


class Account:
    """AWS as the scenario started it, and what was asked of it."""

    def __init__(self) -> None:
        self.known: dict[str, str] = json.loads((FOLDER / "aws.json").read_text())
        self.secrets = [self.known["secret"], self.known["session"], f"{self.known['account']}-auth-token"]

    def client(self, service: str) -> Any:
        return boto3.client(
            service, self.known["region"], endpoint_url=self.known["url"],
            aws_access_key_id="k", aws_secret_access_key="s",
        )  # fmt: skip

    def served(self, name: str = "doubled") -> tuple[str, str, dict[str, Any]]:
        """The configuration and the model that an endpoint has, and the model's container."""
        sagemaker = self.client("sagemaker")
        config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        model = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
        return config, model, sagemaker.describe_model(ModelName=model)["PrimaryContainer"]

    def forget_requests(self) -> None:
        (FOLDER / "requests.jsonl").write_text("")

    def requests(self) -> list[str]:
        """What was asked since, each as AWS's operation, or else as method and path; IAM and STS say theirs in the body."""
        asked = [json.loads(line) for line in (FOLDER / "requests.jsonl").read_text().splitlines()]
        return [what if not what.startswith("/") else f"{method} {what}" for method, what in asked]


@pytest.fixture(scope="module")
def account() -> Account:
    return Account()


def endpoints(artifact: Path, expected: list[float]) -> list[dict[str, Any]]:
    probe = {"columns": ["a", "b"], "data": [[1, 2], [-4.5, 10]], "expected": expected}
    return [{"name": "doubled", "artifact": str(artifact), "instance_type": "ml.m5.large", "tags": {"team": "mlops"}, "probe": probe}]


def tasks(changed: list[tuple[str, str]]) -> set[str]:
    return {task.rpartition(" : ")[2] for task, host in changed}


def test_what_is_there(account: Account) -> None:
    config, model, container = account.served()
    assert re.fullmatch("doubled-[0-9a-f]{12}", config)
    assert re.fullmatch("doubled-[0-9a-f]{12}", model)
    digest = account.client("ecr").describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": "mlflow-1.30.1"}])["imageDetails"][0]["imageDigest"]
    assert container["Image"].endswith(f"/{REPOSITORY}@{digest}")
    bucket, dummy, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    assert account.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0


def test_nothing_to_do(operator, account: Account) -> None:
    account.forget_requests()
    again = operator.play("sagemaker", "--diff", "-vvv")
    assert again.unchanged
    assert [secret for secret in account.secrets if secret in again.output] == []
    asked = account.requests()
    assert [what for what in asked if not READS.search(what) and what != "POST /"] == []
    assert len(asked) <= 30


def test_what_somebody_spoiled_is_named_and_repaired(operator, account: Account) -> None:
    assert operator.differing() == []
    before = account.served()
    account.client("sagemaker").delete_endpoint(EndpointName="doubled")
    account.client("ecr").batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "mlflow-1.30.1"}])
    account.client("ecr").put_image_scanning_configuration(repositoryName=REPOSITORY, imageScanningConfiguration={"scanOnPush": False})
    shutil.rmtree(FOLDER / "serving-image")
    account.forget_requests()
    digest = before[2]["Image"].rpartition("@")[2][:19]
    assert [(row["role"], row["item"], row["before"], row["after"]) for row in operator.differing()] == [
        ("sagemaker", f"repository {REPOSITORY}: scan on push", "no", "yes"),
        ("sagemaker", f"image {REPOSITORY}:mlflow-1.30.1", "missing", digest),
        ("sagemaker", "endpoint doubled", "missing", "made"),
        ("sagemaker", "endpoint doubled: prediction", "not proved", "proved"),
    ]
    assert [what for what in account.requests() if not READS.search(what) and what != "POST /"] == []
    assert not (FOLDER / "serving-image").exists(), "a plan gathers nothing"
    predicted = operator.play("site", "--check")
    real = operator.play("site")
    assert tasks(real.changed) == tasks(predicted.changed) == {"Image | Keep it in ECR", "Endpoints | Make them those of the inventory"}
    assert account.served() == before
    again = operator.play("site")
    assert again.unchanged
    assert "sagemaker : " not in again.output, "no task of the role is run"


def test_a_wrong_prediction_is_no_nothing_to_do(operator) -> None:
    (row,) = operator.differing(sagemaker_endpoints=endpoints(SCENARIO / "model", [6.0, 12.0]))
    assert (row["item"], row["before"]) == ("endpoint doubled: prediction", "fails")
    assert "did not answer what was expected" in row["reason"]


def test_another_model_and_back(operator, account: Account, tmp_path: Path) -> None:
    before = account.served()
    shutil.copytree(SCENARIO / "model", tmp_path / "model")
    code = tmp_path / "model" / "code" / "doubled_sum.py"
    code.write_text(code.read_text().replace("2.0 *", "3.0 *"))
    other = endpoints(tmp_path / "model", [9.0, 16.5])
    predicted = operator.play("sagemaker", "--check", "--diff", sagemaker_endpoints=other)
    assert account.served() == before
    real = operator.play("sagemaker", "--diff", "-vvv", sagemaker_endpoints=other)
    assert [secret for secret in account.secrets if secret in real.output] == []
    assert tasks(real.changed) == tasks(predicted.changed) == {"Endpoints | Make them those of the inventory"}
    after = account.served()
    assert after[0] != before[0]
    assert after[1] != before[1]

    # The former model has its former names, and its archive is still in S3.
    assert tasks(operator.play("sagemaker").changed) == tasks(real.changed)
    assert account.served() == before


BAD_INPUT = {
    "role without a permission": (
        {"sagemaker_role_arn": "arn:aws:iam::123456789012:role/lacking"},
        "lacking may not do ecr:BatchGetImage on arn:aws:ecr:eu-central-1:123456789012:repository/mlops/serving, which it needs to pull the image",
    ),
    "another account": (
        {"sagemaker_account_id": "210987654321"}, "The credentials belong to the account 123456789012, but sagemaker_account_id is 210987654321.",
    ),
    "option": (
        {"sagemaker_endpoints": [{"name": "doubled", "artifact": "/srv/model", "instances": 1}]},
        "sagemaker_endpoints: doubled has instances, which is not known there. Did you mean instance_type?",
    ),
    "wheelhouse": ({"sagemaker_wheelhouse": str(SCENARIO)}, "The wheelhouse .*molecule/sagemaker has no wheel of alembic==1.12.1,"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_INPUT)
def test_bad_input(operator, account: Account, fault: str) -> None:
    variables, sentence = BAD_INPUT[fault]
    account.forget_requests()
    run = operator.play("sagemaker", fails=True, **variables)
    assert re.search(sentence if ".*" in sentence else re.escape(sentence), run.text)
    assert run.changed == []
    assert [what for what in account.requests() if re.search("Create|Put|Delete|Update|^PUT|^DELETE", what)] == []


def test_removed(operator, account: Account) -> None:
    predicted = operator.play("sagemaker", "--check", "--diff", sagemaker_state="absent")
    assert account.served()
    real = operator.play("sagemaker", "--diff", sagemaker_state="absent")
    assert tasks(real.changed) == tasks(predicted.changed)
    sagemaker = account.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    assert account.client("ecr").describe_repositories()["repositories"] == []
    assert not (FOLDER / "serving-image").exists()
    assert operator.play("sagemaker", sagemaker_state="absent").unchanged
