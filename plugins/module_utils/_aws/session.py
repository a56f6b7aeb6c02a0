# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Calls to AWS in a region and an account that were named, with every failure as a sentence without a secret in it."""

from __future__ import annotations

import re
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import boto
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import check_base_url

try:
    import boto3.exceptions
    import botocore.exceptions
    import botocore.parsers

    HAS_BOTO3 = True
except ImportError:
    HAS_BOTO3 = False

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2}")

_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_UNKNOWN_KEY = (
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException",
    "AuthFailure", "InvalidToken", "IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
)  # fmt: skip
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "403", "Forbidden")
_CREDENTIALS = "aws_access_key_id, aws_secret_access_key and aws_session_token, or aws_profile"


class AwsError(Problem):
    """A call to AWS that failed; ``code`` is AWS's own word for the error, empty when no answer came, ``reason`` its message."""

    def __init__(self, message: str, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


def aws_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragment ``_aws``."""
    return {
        "aws_region": {"type": "str", "required": True},
        "aws_account_id": {"type": "str", "required": True},
        "aws_access_key_id": {"type": "str", "no_log": False},
        "aws_secret_access_key": {"type": "str", "no_log": True},
        "aws_session_token": {"type": "str", "no_log": True},
        "aws_profile": {"type": "str"},
        "aws_endpoint_url": {"type": "str"},
        "aws_service_endpoint_urls": {"type": "dict"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "timeout": {"type": "int", "default": 30},
    }


class Aws:
    """One session in one region. A client is made when a service is called first; ``calls`` names the calls made so far."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        if not HAS_BOTO3:
            raise Problem(sentence(missing_required_lib("boto3")))
        self.region: str = params["aws_region"]
        self.account: str = params["aws_account_id"]
        self.calls: list[str] = []
        self._account_is_right = False
        self._profile = params["aws_profile"]
        self._secrets = [secret for secret in (params["aws_secret_access_key"], params["aws_session_token"]) if secret]
        self._clients: dict[str, t.Any] = {}
        if not _REGION.fullmatch(self.region):
            raise Problem("aws_region is %s, which is not the name of a region. Give one such as eu-central-1." % ascii(self.region))
        if not _ACCOUNT.fullmatch(self.account):
            raise Problem("aws_account_id is %s; an account's number has twelve digits. Quote it in YAML, or a leading zero is lost." % ascii(self.account))
        if params["timeout"] < 1:
            raise Problem("timeout is %d; it must be at least one second." % params["timeout"])
        self._endpoint = check_base_url(params["aws_endpoint_url"], "aws_endpoint_url") if params["aws_endpoint_url"] else None
        self._endpoints = {
            service: check_base_url(str(url), "aws_service_endpoint_urls.%s" % service) for service, url in (params["aws_service_endpoint_urls"] or {}).items()
        }
        self._verify = params["ca_path"] or params["validate_certs"] if params["validate_certs"] else False
        self._timeout = params["timeout"]
        try:
            keys = {name: params[name] for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}
            self._session = boto.session(self.region, profile_name=params["aws_profile"], **keys)
        except botocore.exceptions.BotoCoreError as error:
            raise self._failure("the session", error) from None

    def client(self, service: str) -> t.Any:
        """The client of a service, at its endpoint among the options; see `boto.client` for one without."""
        if service not in self._clients:
            try:
                endpoint = self._endpoints.get(service, self._endpoint)
                self._clients[service] = boto.client(self._session, service, endpoint, self._verify, connect=self._timeout, read=self._timeout)
            except (botocore.exceptions.BotoCoreError, ValueError, OSError) as error:
                raise self._failure(service, error) from None
        return self._clients[service]

    def call(self, service: str, operation: str, **params: t.Any) -> dict[str, t.Any]:
        """The answer to one call, such as ``call("ecr", "describe_repositories", repositoryNames=[…])``; :class:`AwsError` when it fails."""
        with self.failures(service, operation):
            return _Answer(_called(service, operation), getattr(self.client(service), operation)(**params))

    def pages(self, service: str, operation: str, key: str, **params: t.Any) -> list[t.Any]:
        """All items that a call with pages gives below ``key``."""
        with self.failures(service, operation):
            found: list[t.Any] = []
            for page in self.client(service).get_paginator(operation).paginate(**params):
                found.extend(page.get(key) or [])
            return found

    def failures(self, service: str, operation: str) -> _Failures:
        """A context in which errors of botocore become an :class:`AwsError` about this call."""
        self.calls.append("%s:%s" % (service, operation))
        return _Failures(self, _called(service, operation))

    def check_account(self) -> None:
        """:class:`Problem` when the credentials belong to another account than the one that was named. AWS is asked once in a session."""
        if self._account_is_right:
            return
        account = self.call("sts", "get_caller_identity")["Account"]
        if account != self.account:
            raise Problem(
                "The credentials belong to the account %s, but aws_account_id is %s. Check %s, or correct it." % (account, self.account, _CREDENTIALS)
            )
        self._account_is_right = True

    def keep_secret(self, secret: str) -> None:
        """Never show ``secret`` in an error from now on."""
        self._secrets.append(secret)

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _failure(self, what: str, error: Exception) -> AwsError:
        code = reason = ""
        if isinstance(error, botocore.exceptions.ClientError):
            details = error.response.get("Error") or {}
            code, reason = str(details.get("Code", "")), str(details.get("Message") or "")
        return AwsError(self.mask(self._words(what, error, code, reason)), code, self.mask(reason))

    def _words(self, what: str, error: Exception, code: str, reason: str) -> str:
        exceptions = botocore.exceptions
        where = "in %s" % self.region
        said = " It says: %s" % sentence(reason) if reason else ""
        if isinstance(error, exceptions.ClientError):
            if code in _EXPIRED:
                return "AWS refuses %s %s: the session token has expired (%s). Log in anew and check %s." % (what, where, code, _CREDENTIALS)
            if code in _UNKNOWN_KEY:
                return "AWS does not accept the credentials for %s %s (%s). Check %s.%s" % (what, where, code, _CREDENTIALS, said)
            if code in _DENIED:
                return "The credentials are not allowed to do %s %s (%s). Grant it to them, or use others.%s" % (what, where, code, said)
            return "AWS refuses %s %s (%s).%s" % (what, where, code or "no error code", said)
        if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
            return (
                "There are no complete AWS credentials for %s. Give %s, or set the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                " where the module runs." % (what, _CREDENTIALS)
            )
        if isinstance(error, exceptions.ProfileNotFound):
            return "The AWS profile %s does not exist where the module runs. Check aws_profile, AWS_PROFILE and ~/.aws/config." % ascii(
                self._profile or error.kwargs.get("profile", "")
            )
        if isinstance(error, exceptions.SSLError):
            return "%s cannot be called %s: the certificate of the endpoint is not trusted. Check ca_path and the endpoint. It says: %s" % (
                what, where, sentence(str(error))
            )  # fmt: skip
        if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError)):
            return "%s got no answer %s: %s Check the network, aws_region and the endpoint." % (what, where, sentence(str(error)))
        if isinstance(error, (exceptions.UnauthorizedSSOTokenError, exceptions.SSOTokenLoadError, exceptions.TokenRetrievalError)):
            return "The AWS single sign-on session has expired or does not exist. Run 'aws sso login' and try again. It says: %s" % sentence(str(error))
        return "%s failed %s: %s" % (what, where, sentence(str(error)))


class _Answer(t.Dict[str, t.Any]):
    """An answer that says what is wrong when it lacks something: botocore takes any page of a foreign server for an empty answer."""

    def __init__(self, called: str, answer: dict[str, t.Any]) -> None:
        super().__init__(answer)
        self._called = called

    def __missing__(self, key: str) -> t.Any:
        raise AwsError("%s was answered without %s, as AWS does not. Check the endpoint." % (self._called, key))


class _Failures:
    """Turns what botocore and the network raise into an :class:`AwsError`."""

    def __init__(self, aws: Aws, what: str) -> None:
        self._aws = aws
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: t.Any, error: t.Any, trace: t.Any) -> None:
        # A page of a foreign server is no error of botocore's own kind.
        kinds = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, botocore.parsers.ResponseParserError, boto3.exceptions.Boto3Error)
        if isinstance(error, kinds):
            raise self._aws._failure(self._what, error) from None  # pylint: disable=protected-access


def _called(service: str, operation: str) -> str:
    """A call in AWS's own words, as policies of IAM name it."""
    return "%s:%s" % (service, "".join(word.capitalize() for word in operation.split("_")))


def tag_list(tags: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    """Tags as AWS takes them, in the order of their keys."""
    return [{"Key": key, "Value": text(tags[key])} for key in sorted(tags)]


def tag_dict(tags: t.Iterable[t.Mapping[str, str]]) -> dict[str, str]:
    """Tags as AWS gives them, without those that belong to AWS itself."""
    return {tag["Key"]: tag["Value"] for tag in tags if not tag["Key"].startswith("aws:")}


def merged_tags(current: t.Mapping[str, str], wanted: t.Optional[t.Mapping[str, t.Any]], purge: bool) -> dict[str, str]:
    """The tags that there will be: with ``purge`` those wanted alone, else the current ones as well."""
    if wanted is None:
        return dict(current)
    return dict({} if purge else current, **{key: text(value) for key, value in wanted.items()})


def text(value: t.Any) -> str:
    """A value as AWS keeps it in a tag or an environment variable: text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
