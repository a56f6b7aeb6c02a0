# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which endpoint and which credentials a call takes, and what is said when it fails."""

from __future__ import annotations

import json
import pathlib
import re
import socket
import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import boto
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import session as _aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, aws_argument_spec, merged_tags, tag_dict, tag_list
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from tests.unit.plugins.aws.cloud import ACCOUNT, REGION, SECRET, SESSION, validated

IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def make(**given: t.Any) -> Aws:
    return Aws(validated(aws_argument_spec(), {"aws_region": REGION, "aws_account_id": ACCOUNT, "timeout": 5, **given}))


def keys(**given: t.Any) -> dict[str, t.Any]:
    return {"aws_access_key_id": "AKIAGIVEN", "aws_secret_access_key": SECRET, **given}


def signed_by(request: t.Any) -> str:
    return str(request.headers["authorization"]).partition("Credential=")[2].partition("/")[0]


@pytest.fixture
def sts(clean_environment, http_server):
    http_server.route("POST", "/", (200, IDENTITY, {"Content-Type": "text/xml"}))
    return http_server


def test_region_and_account_are_never_guessed(clean_environment):
    clean_environment.setenv("AWS_REGION", "us-west-2")
    spec = aws_argument_spec()
    assert [name for name, option in spec.items() if option.get("required")] == ["aws_region", "aws_account_id"]
    assert not [name for name, option in spec.items() if "fallback" in option]
    aws = make(**keys())
    assert aws.client("sagemaker").meta.endpoint_url == "https://api.sagemaker.eu-central-1.amazonaws.com"


def test_given_credentials_go_before_those_of_the_environment(sts, clean_environment):
    clean_environment.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    clean_environment.setenv("AWS_SECRET_ACCESS_KEY", "ambient")
    clean_environment.setenv("AWS_SESSION_TOKEN", "ambient-token")
    make(aws_endpoint_url=sts.url).check_account()
    make(aws_endpoint_url=sts.url, **keys()).check_account()
    make(aws_endpoint_url=sts.url, **keys(aws_session_token=SESSION)).check_account()
    assert [signed_by(request) for request in sts.requests] == ["AKIAAMBIENT", "AKIAGIVEN", "AKIAGIVEN"]
    assert [request.headers.get("x-amz-security-token") for request in sts.requests] == ["ambient-token", None, SESSION]


def test_a_profile(sts, clean_environment, tmp_path):
    (tmp_path / "no-credentials").write_text("[images]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n")
    make(aws_endpoint_url=sts.url, aws_profile="images").check_account()
    assert signed_by(sts.requests[0]) == "AKIAPROFILE"
    with pytest.raises(Problem) as caught:
        make(aws_profile="other")
    assert str(caught.value) == "The AWS profile 'other' does not exist where the module runs. Check aws_profile, AWS_PROFILE and ~/.aws/config."


def test_endpoints(clean_environment):
    """What is said for one service goes before what is said for all, and an option before the environment."""
    clean_environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1001")
    clean_environment.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1002")

    def ports(**given: t.Any) -> list[str]:
        aws = make(**keys(**given))
        return [aws.client(service).meta.endpoint_url.rpartition(":")[2] for service in ("sts", "s3", "ecr")]

    assert ports() == ["1001", "1002", "1001"]
    assert ports(aws_service_endpoint_urls={"ecr": "http://127.0.0.1:1003"}) == ["1001", "1002", "1003"]
    assert ports(aws_endpoint_url="http://127.0.0.1:1004", aws_service_endpoint_urls={"s3": "http://127.0.0.1:1005"}) == ["1004", "1005", "1004"]


def test_no_credentials(clean_environment):
    with pytest.raises(Problem) as caught:
        make().check_account()
    assert str(caught.value) == (
        "There are no complete AWS credentials for sts:GetCallerIdentity. Give aws_access_key_id, aws_secret_access_key and aws_session_token, or"
        " aws_profile, or set the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where the module runs."
    )


def test_nobody_answers(clean_environment):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % free.getsockname()[1]
    with pytest.raises(Problem) as caught:
        make(aws_endpoint_url=url, **keys()).check_account()
    assert str(caught.value) == (
        'sts:GetCallerIdentity got no answer in eu-central-1: Could not connect to the endpoint URL: "%s/". Check the network, aws_region and the endpoint.'
        % url
    )


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_an_expired_token_and_no_secret_in_the_answer(clean_environment, http_server, code):
    http_server.route("POST", "/", (400, {"__type": code, "message": "%s has expired" % SESSION}, {"Content-Type": "application/x-amz-json-1.1"}))
    with pytest.raises(Problem) as caught:
        make(aws_endpoint_url=http_server.url, **keys(aws_session_token=SESSION)).call("ecr", "describe_repositories")
    assert str(caught.value) == (
        "AWS refuses ecr:DescribeRepositories in eu-central-1: the session token has expired (%s). Log in anew and check aws_access_key_id,"
        " aws_secret_access_key and aws_session_token, or aws_profile." % code
    )
    assert caught.value.code == code and SESSION not in caught.value.reason


def test_a_secret_that_the_server_repeats_is_masked(clean_environment, http_server):
    answer = {"__type": "ValidationException", "message": "%s %s is wrong" % (SECRET, SESSION)}
    http_server.route("POST", "/", (400, answer, {"Content-Type": "application/x-amz-json-1.1"}))
    with pytest.raises(Problem) as caught:
        make(aws_endpoint_url=http_server.url, **keys(aws_session_token=SESSION)).call("ecr", "describe_repositories")
    assert str(caught.value) == "AWS refuses ecr:DescribeRepositories in eu-central-1 (ValidationException). It says: *** *** is wrong."


def test_an_endpoint_that_is_not_aws(clean_environment, http_server):
    http_server.route("POST", "/", (200, b"<html>", {"Content-Type": "text/html"}))
    with pytest.raises(Problem) as caught:
        make(aws_endpoint_url=http_server.url, **keys()).call("ecr", "describe_repositories")["repositories"]
    assert str(caught.value) == "ecr:DescribeRepositories was answered without repositories, as AWS does not. Check the endpoint."


def test_without_boto3(clean_environment, monkeypatch):
    monkeypatch.setattr(_aws, "HAS_BOTO3", False)
    with pytest.raises(Problem, match=r"^Failed to import the required Python library \(boto3\) on "):
        make(**keys())


def test_sessions_are_made_in_one_place():
    plugins = pathlib.Path(boto.__file__).parents[2]
    makers = [path.name for path in sorted(plugins.rglob("*.py")) if re.search(r"\bboto3\.(?:Session|client|resource)\(", path.read_text())]
    # The second is in a program for the stack's own Python, which does not have the collection.
    assert makers == ["boto.py", "backup_streams.py"]


def test_a_region_of_the_environment(clean_environment, monkeypatch):
    """Other tools of AWS read AWS_REGION, which boto3 does not."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert (boto.session(None).region_name, boto.session("us-east-1").region_name) == ("eu-central-1", "us-east-1")


def test_a_client_does_not_ask_for_ever(clean_environment, http_server):
    http_server.route("POST", "/", (500, {"__type": "InternalFailure", "message": "later"}, {"Content-Type": "application/x-amz-json-1.1"}))
    client = boto.client(boto.session("eu-central-1", "key", "secret"), "ecr", http_server.url, None, connect=5, read=5)
    with pytest.raises(ClientError):
        client.describe_repositories()
    assert len(http_server.requests) == 3


def test_tags():
    assert tag_list({"b": 1, "a": True}) == [{"Key": "a", "Value": "true"}, {"Key": "b", "Value": "1"}]
    assert tag_dict([{"Key": "aws:x", "Value": "1"}, {"Key": "a", "Value": "2"}]) == {"a": "2"}
    assert merged_tags({"a": "1"}, None, True) == {"a": "1"}
    assert merged_tags({"a": "1"}, {"b": 2}, True) == {"b": "2"}
    assert json.dumps(merged_tags({"a": "1"}, {"b": 2}, False)) == '{"a": "1", "b": "2"}'


def test_a_page_that_is_no_answer_of_aws(sts):
    """botocore's own error for it is of none of its kinds of errors."""
    sts.route("POST", "/", (200, b"<!doctype html><html>", {"Content-Type": "text/html"}))
    with pytest.raises(Problem) as caught:
        make(aws_endpoint_url=sts.url, **keys()).check_account()
    assert str(caught.value).startswith("sts:GetCallerIdentity failed in eu-central-1: Unable to parse response")
