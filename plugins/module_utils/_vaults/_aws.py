# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""AWS Secrets Manager and the Parameter Store of AWS Systems Manager, by way of boto3."""

from __future__ import annotations

import abc
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import boto
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Denied, Login, Missing, Params, Vault, check_url, lacks, pick_field

# A version id of Secrets Manager has 32 to 64 characters (API reference of GetSecretValue); staging labels in use are shorter.
_VERSION_ID_LENGTH = 32

# "403" is what botocore makes of an answer that is not of the service, as from a gateway in front of it.
_DENIED = ("AccessDenied", "AccessDeniedException", "DecryptionFailure", "KMSAccessDeniedException", "403")
_BAD_LOGIN = (
    "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
    "IncompleteSignature", "MissingAuthenticationToken", "InvalidAccessKeyId",
)  # fmt: skip


class KeysLogin(Login):
    """An access key from the options."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def validate(self) -> None:
        if not (self.params["aws_access_key_id"] and self.params["aws_secret_access_key"]):
            raise Problem("aws_access_key_id and aws_secret_access_key belong together, and only one of them is given. Give both, or neither.")

    def options(self) -> t.Dict[str, t.Any]:
        """What a boto3 session is made with."""
        return {name: self.params[name] for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}


class ProfileLogin(Login):
    """A profile of the AWS configuration files."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def options(self) -> t.Dict[str, t.Any]:
        return {"profile_name": self.params["aws_profile"]}


class AmbientLogin(Login):
    """Whatever boto3 finds: the environment, the configuration files, the metadata service."""

    def options(self) -> t.Dict[str, t.Any]:
        return {}


def login_of(params: Params) -> t.Union[KeysLogin, ProfileLogin, AmbientLogin]:
    """The login that the options ask for."""
    keys = any(params[name] for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"))
    if keys and params["aws_profile"]:
        raise Problem("aws_profile and an access key are two logins. Give one of them.")
    if keys:
        return KeysLogin(params)
    return ProfileLogin(params) if params["aws_profile"] else AmbientLogin()


class _Aws(Vault):
    service = ""
    title = ""
    permission = ""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.login = login_of(params)
        self._client: t.Any = None
        self._session: t.Any = None

    @property
    def what(self) -> str:
        return "The secret %s of %s" % (self.params["secret_name"], self.title)

    @property
    def subject(self) -> str:
        """The service at the beginning of a sentence."""
        return self.title[:1].upper() + self.title[1:]

    def validate(self) -> None:
        super().validate()
        self.login.validate()
        if self.params["aws_endpoint_url"]:
            check_url(self.params["aws_endpoint_url"], "aws_endpoint_url", ("https", "http"), "https://secretsmanager.eu-central-1.amazonaws.com")
        self._client = self._connect()

    def _connect(self) -> t.Any:
        """A client; making it reads configuration files and speaks to no server."""
        try:
            from botocore.exceptions import BotoCoreError

            try:
                self._session = boto.session(self.params["aws_region"], **self.login.options())
                if not self._session.region_name:
                    raise Problem("No AWS region is known. Set aws_region, or AWS_REGION or AWS_DEFAULT_REGION in the environment.")
                seconds = self.params["timeout"]
                return boto.client(self._session, self.service, self.params["aws_endpoint_url"], self.verify(), connect=seconds, read=seconds)
            except (BotoCoreError, ValueError) as error:
                raise Problem("%s cannot be used: %s" % (self.subject, sentence(self.secrets.hide(str(error))))) from None
        except ImportError:
            raise lacks("boto3", "source=%s" % self.params["source"]) from None

    def read(self) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        if self._client is None:
            self._client = self._connect()
        try:
            return pick_field(self._get(self._client), self.params["secret_field"], self.what)
        except NoCredentialsError:
            raise Problem(
                "There are no AWS credentials for %s. Give aws_access_key_id and aws_secret_access_key or aws_profile, or provide them in the environment."
                % self.title
            ) from None
        except ClientError as error:
            self._remember_credentials()
            raise self._refusal(error.response.get("Error", {})) from None
        except (BotoCoreError, ValueError) as error:
            self._remember_credentials()
            raise Problem(
                "%s did not give an answer: %s Check the network, aws_region, aws_endpoint_url and ca_path."
                % (self.subject, sentence(self.secrets.hide(str(error))))
            ) from None

    def _remember_credentials(self) -> None:
        """Those that boto3 found by itself are no more to be shown than those of the options."""
        found = self._session.get_credentials() if self._session is not None else None
        for name, value in vars(found).items() if found is not None else ():
            if name.strip("_") in ("secret_key", "token"):
                self.secrets.add(value)

    @abc.abstractmethod
    def _get(self, client: t.Any) -> bytes:
        """The one read, with boto3's client of the service."""

    def _refusal(self, error: t.Mapping[str, str]) -> Problem:
        code = error.get("Code", "")
        said = "%s says %s: %s" % (self.subject, code or "nothing", sentence(self.secrets.hide(error.get("Message") or "no reason is given")))
        if code in ("ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"):
            version = self.params["secret_version"]
            which = " in the version %s" % version if version else ""
            return Missing("%s does not exist%s. Check secret_name, secret_version, the region and the account. %s" % (self.what, which, said))
        if code in _DENIED:
            return Denied(
                "%s may not be read by these credentials. They need %s, and kms:Decrypt for a key of your own. %s" % (self.what, self.permission, said)
            )
        if code in _BAD_LOGIN:
            return Problem("The AWS credentials are not accepted. Check that they are right and not expired. %s" % said)
        if code == "InvalidRequestException":
            return Missing("%s cannot be read, as when it is to be deleted. %s" % (self.what, said))
        return Problem("%s could not be read. %s" % (self.what, said))


class SecretsManager(_Aws):
    """A secret of AWS Secrets Manager."""

    service = "secretsmanager"
    title = "AWS Secrets Manager"
    permission = "secretsmanager:GetSecretValue"

    def _get(self, client: t.Any) -> bytes:
        request = {"SecretId": self.params["secret_name"]}
        version = self.params["secret_version"]
        if version:
            request["VersionId" if len(version) >= _VERSION_ID_LENGTH else "VersionStage"] = version
        answer = client.get_secret_value(**request)
        if "SecretString" in answer:
            return t.cast(str, answer["SecretString"]).encode("utf-8")
        return t.cast(bytes, answer.get("SecretBinary", b""))


class ParameterStore(_Aws):
    """A parameter of AWS Systems Manager, a ``SecureString`` decrypted."""

    service = "ssm"
    title = "the AWS Parameter Store"
    permission = "ssm:GetParameter"

    def _get(self, client: t.Any) -> bytes:
        name = self.params["secret_name"]
        if self.params["secret_version"]:
            name = "%s:%s" % (name, self.params["secret_version"])
        return t.cast(str, client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]).encode("utf-8")
