# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Whether an IAM role is one that SageMaker can serve a model with: who may assume it, and what it may do.

What a role needs: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
How policies are judged: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.names import split_s3_uri
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: The options of the module sagemaker_role_check besides the login at AWS.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "role_arn": {"type": "str", "required": True},
    "model_uris": {"type": "list", "elements": "str", "default": []},
    "repository": {"type": "str"},
    "repository_account_id": {"type": "str"},
    "capture_uris": {"type": "list", "elements": "str", "default": []},
    "kms_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "vpc": {"type": "bool", "default": False},
    "method": {"type": "str", "choices": ["auto", "simulation", "documents"], "default": "auto"},
    "fail_on_findings": {"type": "bool", "default": True},
}

_SERVICE = "sagemaker.amazonaws.com"
_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/(?:[A-Za-z0-9+=,.@_/-]+/)?(?P<name>[A-Za-z0-9+=,.@_-]+)")
_VPC_ACTIONS = (
    "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
)  # fmt: skip


class Need(t.NamedTuple):
    """An action that the role has to be allowed, the resource it is done to, and what for, in words."""

    action: str
    resource: str
    purpose: str


def needs(params: t.Mapping[str, t.Any], partition: str) -> list[Need]:
    """All that the role has to be allowed for what the parameters name."""
    region, account = params["aws_region"], params["aws_account_id"]
    found = []
    for uri in params["model_uris"]:
        bucket, key = split_s3_uri(uri, "model_uris")
        below = key if key.endswith((".gz", "*")) or not key else key.rstrip("/") + "/*"
        found.append(Need("s3:GetObject", "arn:%s:s3:::%s/%s" % (partition, bucket, below or "*"), "fetch the model from %s" % uri))
        found.append(Need("s3:ListBucket", "arn:%s:s3:::%s" % (partition, bucket), "find the model in %s" % bucket))
    for uri in params["capture_uris"]:
        bucket, key = split_s3_uri(uri, "capture_uris")
        found.append(Need("s3:PutObject", "arn:%s:s3:::%s/%s" % (partition, bucket, (key.rstrip("/") + "/*").lstrip("/")), "keep requests at %s" % uri))
    if params["repository"]:
        repository = "arn:%s:ecr:%s:%s:repository/%s" % (partition, region, params["repository_account_id"] or account, params["repository"])
        found.append(Need("ecr:GetAuthorizationToken", "*", "log in to ECR"))
        for action in ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
            found.append(Need(action, repository, "pull the image from %s" % params["repository"]))
    group = "arn:%s:logs:%s:%s:log-group:/aws/sagemaker/Endpoints/*" % (partition, region, account)
    for action in ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"):
        found.append(Need(action, group, "write the container's log"))
    found.append(Need("cloudwatch:PutMetricData", "*", "report metrics"))
    if params["vpc"]:
        found += [Need(action, "*", "work in a VPC") for action in _VPC_ACTIONS]
    for key in params["kms_keys"]:
        arn = key if key.startswith("arn:") else "arn:%s:kms:%s:%s:key/%s" % (partition, region, account, key)
        found.append(Need("kms:Decrypt", arn, "read what %s encrypts" % key))
        found.append(Need("kms:CreateGrant", arn, "let volumes be encrypted with %s" % key))
    return list(dict.fromkeys(found))


def run(params: t.Mapping[str, t.Any], aws: Aws) -> dict[str, t.Any]:
    """Check the role and return the module's result; :class:`Problem` with all findings when they are to be errors."""
    match = _ROLE.fullmatch(params["role_arn"])
    if not match:
        raise Problem("role_arn is %s; give the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME." % ascii(params["role_arn"]))
    if match["account"] != params["aws_account_id"]:
        raise Problem(
            "role_arn is of the account %s, but aws_account_id is %s. SageMaker takes only roles of its own account."
            % (match["account"], params["aws_account_id"])
        )
    wanted = needs(params, match["partition"])
    aws.check_account()
    try:
        role = aws.call("iam", "get_role", RoleName=match["name"])["Role"]
    except AwsError as error:
        if error.code != "NoSuchEntity":
            raise
        sentence = "There is no role %s in the account %s. Create it, or correct role_arn." % (match["name"], match["account"])
        return _result(params, [{"code": "no_role", "action": None, "resource": None, "sentence": sentence}], "none")
    if role["Arn"] != params["role_arn"]:
        raise Problem("The role %s has the ARN %s, not %s. Correct role_arn." % (match["name"], role["Arn"], params["role_arn"]))
    findings = []
    if not trusts(_document(role["AssumeRolePolicyDocument"])):
        findings.append({
            "code": "trust", "action": "sts:AssumeRole", "resource": params["role_arn"],
            "sentence": "The trust policy of %s does not let %s assume it (sts:AssumeRole)." % (match["name"], _SERVICE),
        })  # fmt: skip
    method, denied = _judge(params, aws, match["name"], role, wanted)
    for need in denied:
        findings.append({
            "code": "permission", "action": need.action, "resource": need.resource,
            "sentence": "%s may not do %s on %s, which it needs to %s." % (match["name"], need.action, need.resource, need.purpose),
        })  # fmt: skip
    return _result(params, findings, method)


def _result(params: t.Mapping[str, t.Any], findings: list[dict[str, t.Any]], method: str) -> dict[str, t.Any]:
    result = {"findings": findings, "method": method}
    if findings and params["fail_on_findings"]:
        raise Problem(" ".join(finding["sentence"] for finding in findings), **result)
    return dict(result, changed=False)


def _judge(params: t.Mapping[str, t.Any], aws: Aws, name: str, role: t.Mapping[str, t.Any], wanted: list[Need]) -> tuple[str, list[Need]]:
    """How it was found out, and which needs are not met."""
    if params["method"] != "documents":
        try:
            return "simulation", _simulated(aws, params["role_arn"], wanted)
        except AwsError:
            # Small sets of permissions lack the call, and so do stand-ins for AWS. What else is wrong, the next call tells.
            if params["method"] == "simulation":
                raise
    documents = _documents(aws, name)
    boundary = (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    denied = [need for need in wanted if not allows(documents, need)]
    if boundary:
        limits = [_policy(aws, boundary)]
        denied = [need for need in wanted if need in denied or not allows(limits, need)]
    return "documents", denied


def _simulated(aws: Aws, arn: str, wanted: list[Need]) -> list[Need]:
    denied = []
    for resource in sorted({need.resource for need in wanted}):
        actions = [need.action for need in wanted if need.resource == resource]
        results = aws.pages(
            "iam", "simulate_principal_policy", "EvaluationResults", PolicySourceArn=arn, ActionNames=actions, ResourceArns=[resource]
        )  # fmt: skip
        allowed = {result["EvalActionName"] for result in results if result["EvalDecision"] == "allowed"}
        denied += [need for need in wanted if need.resource == resource and need.action not in allowed]
    return [need for need in wanted if need in denied]


def _documents(aws: Aws, name: str) -> list[dict[str, t.Any]]:
    """All policies of a role, its own and the attached ones."""
    found = []
    for policy in aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
        found.append(_document(aws.call("iam", "get_role_policy", RoleName=name, PolicyName=policy)["PolicyDocument"]))
    for policy in aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        found.append(_policy(aws, policy["PolicyArn"]))
    return found


def _policy(aws: Aws, arn: str) -> dict[str, t.Any]:
    version = aws.call("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return _document(aws.call("iam", "get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def _document(document: t.Any) -> dict[str, t.Any]:
    """A policy document, which botocore has decoded already unless a stand-in sent it otherwise."""
    found = json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document
    return t.cast("dict[str, t.Any]", found)


def trusts(document: t.Mapping[str, t.Any]) -> bool:
    """Whether a trust policy lets SageMaker assume the role."""
    verdict = False
    for statement in _listed(document.get("Statement")):
        principal = statement.get("Principal")
        services = ["*"] if principal == "*" else _listed((principal or {}).get("Service"))
        if not any(service in ("*", _SERVICE) for service in services) or not _names(statement.get("Action"), "sts:AssumeRole", True):
            continue
        if statement.get("Effect") == "Deny" and not statement.get("Condition"):
            return False
        verdict = verdict or statement.get("Effect") == "Allow"
    return verdict


def allows(documents: t.Sequence[t.Mapping[str, t.Any]], need: Need) -> bool:
    """Whether policies together allow something.

    Conditions cannot be judged from outside a request: a permission with one counts as given, a prohibition with one does not.
    """
    verdict = False
    for document in documents:
        for statement in _listed(document.get("Statement")):
            if not _meets(statement, need):
                continue
            if statement.get("Effect") == "Deny":
                if not statement.get("Condition"):
                    return False
            else:
                verdict = True
    return verdict


def _meets(statement: t.Mapping[str, t.Any], need: Need) -> bool:
    acts = _names(statement.get("Action"), need.action, True) if "Action" in statement else not _names(statement.get("NotAction"), need.action, True)
    if "Resource" in statement:
        return acts and _names(statement["Resource"], need.resource, False)
    return acts and not _names(statement.get("NotResource"), need.resource, False)


def _names(patterns: t.Any, text: str, ignore_case: bool) -> bool:
    """Whether one of the patterns, with ``*`` and ``?`` as IAM has them, stands for the text."""
    for pattern in _listed(patterns):
        expression = re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(expression, text, re.IGNORECASE if ignore_case else 0):
            return True
    return False


def _listed(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
