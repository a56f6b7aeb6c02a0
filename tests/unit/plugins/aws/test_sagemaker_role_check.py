# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker_role_check against moto's IAM, which cannot simulate, and against answers of IAM's own, which can."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

import pytest
from botocore.stub import Stubber

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import role as _sagemaker_role
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.modules import sagemaker_role_check
from tests.unit.plugins.aws.cloud import ACCOUNT, SECRET, SESSION, Cloud, options, validated, writes

ARN = "arn:aws:iam::%s:role/serving" % ACCOUNT
REPOSITORY = "arn:aws:ecr:eu-central-1:%s:repository/mlops/scoring" % ACCOUNT
TRUST = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]}, "Action": "sts:AssumeRole"}
S3 = {"Effect": "Allow", "Action": ["s3:Get*", "s3:ListBucket"], "Resource": ["arn:aws:s3:::models", "arn:aws:s3:::models/*"]}
LOGS = {"Effect": "Allow", "Action": ["logs:*", "cloudwatch:putmetricdata"], "Resource": "*"}
LOGIN = {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}
PULL = {"Effect": "Allow", "Action": ["ecr:Batch*", "ecr:GetDownloadUrlForLayer"], "Resource": "arn:aws:ecr:*:%s:repository/mlops/*" % ACCOUNT}
ALL = [S3, LOGS, LOGIN, PULL]


def policy(*statements: dict[str, t.Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Checker:
    def __init__(self, cloud: Cloud) -> None:
        self.url = cloud.url
        self.aws = self.make()
        self.iam = self.aws.client("iam")

    def params(self, **given: t.Any) -> dict[str, t.Any]:
        own = {"role_arn": ARN, "model_uris": ["s3://models/churn"], "repository": "mlops/scoring", "method": "documents", **given}
        return validated(sagemaker_role_check.argument_spec(), options(self.url, **own))

    def make(self, **given: t.Any) -> Aws:
        return Aws(self.params(**given))

    def role(self, trust: dict[str, t.Any], *own: dict[str, t.Any], attached: t.Sequence[dict[str, t.Any]] = ()) -> None:
        self.iam.create_role(RoleName="serving", AssumeRolePolicyDocument=policy(trust))
        if own:
            self.iam.put_role_policy(RoleName="serving", PolicyName="own", PolicyDocument=policy(*own))
        for number, statement in enumerate(attached):
            arn = self.iam.create_policy(PolicyName="managed-%d" % number, PolicyDocument=policy(statement))["Policy"]["Arn"]
            self.iam.attach_role_policy(RoleName="serving", PolicyArn=arn)

    def __call__(self, **given: t.Any) -> dict[str, t.Any]:
        self.aws = self.make(**given)
        return _sagemaker_role.run(self.params(**given), self.aws)

    def sentences(self, **given: t.Any) -> list[str]:
        return [finding["sentence"] for finding in self(fail_on_findings=False, **given)["findings"]]


@pytest.fixture
def checker(cloud: Cloud) -> Checker:
    return Checker(cloud)


def test_a_role_that_has_all_it_needs(checker):
    checker.role(TRUST, S3, LOGS, attached=[LOGIN, PULL])
    assert checker() == {"changed": False, "findings": [], "method": "documents"}
    assert writes(checker.aws) == ["sts:get_caller_identity"] or writes(checker.aws) == []


def test_each_missing_permission_has_a_sentence(checker):
    checker.role(dict(TRUST, Principal={"Service": "ec2.amazonaws.com"}), S3, LOGS, LOGIN)
    with pytest.raises(Problem) as caught:
        checker()
    lacks = "serving may not do %%s on %s, which it needs to pull the image from mlops/scoring." % REPOSITORY
    assert str(caught.value) == " ".join([
        "The trust policy of serving does not let sagemaker.amazonaws.com assume it (sts:AssumeRole).",
        lacks % "ecr:BatchCheckLayerAvailability", lacks % "ecr:BatchGetImage", lacks % "ecr:GetDownloadUrlForLayer",
    ])  # fmt: skip
    assert [(finding["code"], finding["action"]) for finding in caught.value.result["findings"]][0] == ("trust", "sts:AssumeRole")
    assert SECRET not in str(caught.value) + str(caught.value.result)
    assert SESSION not in str(caught.value) + str(caught.value.result)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}, ["s3:GetObject"]),
        ({"Effect": "Deny", "NotAction": ["s3:*", "ecr:*", "logs:*"], "Resource": "*"}, ["cloudwatch:PutMetricData"]),
        ({"Effect": "Deny", "Action": "*", "NotResource": ["arn:aws:s3:::*", "arn:aws:logs:*", "*"]}, []),
        ({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, []),
        ({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/other/*"}, []),
    ],
)
def test_prohibitions(checker, statement, missing):
    checker.role(TRUST, *ALL, attached=[statement])
    assert [finding["action"] for finding in checker(fail_on_findings=False)["findings"]] == missing


def test_a_boundary_limits_what_is_allowed(checker):
    boundary = checker.iam.create_policy(PolicyName="boundary", PolicyDocument=policy(S3, LOGS, LOGIN))["Policy"]["Arn"]
    checker.iam.create_role(RoleName="serving", AssumeRolePolicyDocument=policy(TRUST), PermissionsBoundary=boundary)
    checker.iam.put_role_policy(RoleName="serving", PolicyName="own", PolicyDocument=policy(*ALL))
    assert len(checker.sentences()) == 3


def test_what_else_an_endpoint_may_need(checker):
    checker.role(TRUST, *ALL)
    found = checker.sentences(capture_uris=["s3://kept/requests"], kms_keys=["1234"], vpc=True)
    assert found[0] == "serving may not do s3:PutObject on arn:aws:s3:::kept/requests/*, which it needs to keep requests at s3://kept/requests."
    assert len([sentence for sentence in found if "ec2:" in sentence]) == 9
    assert found[-2] == ("serving may not do kms:Decrypt on arn:aws:kms:eu-central-1:%s:key/1234, which it needs to read what 1234 encrypts." % ACCOUNT)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"role_arn": "serving"}, "role_arn is 'serving'; give the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME."),
        (
            {"role_arn": "arn:aws:iam::210987654321:role/serving"},
            "role_arn is of the account 210987654321, but aws_account_id is %s. SageMaker takes only roles of its own account." % ACCOUNT,
        ),
        ({"role_arn": ARN.replace("serving", "none")}, "There is no role none in the account %s. Create it, or correct role_arn." % ACCOUNT),
        ({"model_uris": ["/srv"]}, "model_uris is '/srv'; an S3 URI looks like s3://bucket/path."),
    ],
)
def test_bad_input(checker, given, sentence):
    with pytest.raises(Problem) as caught:
        checker(**given)
    assert str(caught.value) == sentence


def test_where_simulation_is_not_possible_the_policies_are_read(checker):
    checker.role(TRUST, *ALL)
    assert checker(method="auto")["method"] == "documents"
    with pytest.raises(Problem):
        checker(method="simulation")


def test_simulation(checker):
    """moto cannot simulate, so IAM's answers are given at boto3's boundary."""
    params = checker.params(method="auto", fail_on_findings=False)
    aws = Aws(params)
    role = {"Path": "/", "RoleName": "serving", "RoleId": "AROA" + "X" * 17, "Arn": ARN, "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": urllib.parse.quote(policy(TRUST))}  # fmt: skip
    with Stubber(aws.client("iam")) as stubber:
        stubber.add_response("get_role", {"Role": role}, {"RoleName": "serving"})
        wanted = _sagemaker_role.needs(params, "aws")
        for resource in sorted({need.resource for need in wanted}):
            actions = [need.action for need in wanted if need.resource == resource]
            results = [{"EvalActionName": action, "EvalDecision": "implicitDeny" if action == "ecr:BatchGetImage" else "allowed"} for action in actions]
            stubber.add_response(
                "simulate_principal_policy",
                {"EvaluationResults": results, "IsTruncated": False},
                {"PolicySourceArn": ARN, "ActionNames": actions, "ResourceArns": [resource]},
            )
        result = _sagemaker_role.run(params, aws)
    assert result["method"] == "simulation"
    assert [finding["action"] for finding in result["findings"]] == ["ecr:BatchGetImage"]
