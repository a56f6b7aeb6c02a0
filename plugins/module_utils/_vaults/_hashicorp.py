# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The key-value engines of HashiCorp Vault and OpenBao, by way of hvac."""

from __future__ import annotations

import os
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Denied, Login, Missing, Params, Vault, check_url, lacks, value_of

# What OpenSSL says of an answer that is no TLS, in its versions since 1.1.
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG", re.IGNORECASE)


class TokenLogin(Login):
    """A token from the options."""

    def __init__(self, token: str) -> None:
        self.token = token

    def log_in(self, client: t.Any) -> t.Any:
        """Make ``client`` use these credentials. Returns what the vault answered, if it was asked."""
        client.token = self.token


class AppRoleLogin(Login):
    """A role id and a secret id from the options."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def validate(self) -> None:
        if not (self.params["vault_role_id"] and self.params["vault_secret_id"]):
            raise Problem("vault_role_id and vault_secret_id belong together, and only one of them is given. Give both, or neither.")

    def log_in(self, client: t.Any) -> t.Any:
        path = "/v1/auth/%s/login" % urllib.parse.quote(self.params["vault_approle_mount"].strip("/"))
        answer = client.adapter.post(path, json={"role_id": self.params["vault_role_id"], "secret_id": self.params["vault_secret_id"]})
        token = (answer.get("auth") or {}).get("client_token") if isinstance(answer, dict) else None
        client.token = token or ""
        return None if token else answer


class AmbientTokenLogin(Login):
    """The token that the command lines ``bao`` and ``vault`` would use."""

    def __init__(self) -> None:
        self.token = os.environ.get("BAO_TOKEN") or os.environ.get("VAULT_TOKEN") or _token_file()

    def validate(self) -> None:
        if not self.token:
            raise Problem(
                "There are no credentials for the vault. Give vault_token, or vault_role_id and vault_secret_id,"
                " or set BAO_TOKEN or VAULT_TOKEN in the environment."
            )

    def log_in(self, client: t.Any) -> t.Any:
        client.token = self.token


def _token_file() -> str:
    try:
        with open(os.path.expanduser("~/.vault-token"), encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def login_of(params: Params) -> t.Union[TokenLogin, AppRoleLogin, AmbientTokenLogin]:
    """The login that the options ask for."""
    approle = params["vault_role_id"] or params["vault_secret_id"]
    if params["vault_token"] and approle:
        raise Problem("vault_token and vault_role_id are two logins. Give one of them.")
    if params["vault_token"]:
        return TokenLogin(params["vault_token"])
    return AppRoleLogin(params) if approle else AmbientTokenLogin()


class HashicorpVault(Vault):
    """A secret of a key-value engine."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.url = params["vault_url"] or os.environ.get("BAO_ADDR") or os.environ.get("VAULT_ADDR") or ""
        self.namespace = params["vault_namespace"] or os.environ.get("BAO_NAMESPACE") or os.environ.get("VAULT_NAMESPACE")
        self.mount = params["vault_mount"].strip("/")
        self.name = (params["secret_name"] or "").strip("/")
        self.login = login_of(params)

    @property
    def what(self) -> str:
        return "The secret %s/%s of the vault at %s" % (self.mount, self.name, self.url)

    def validate(self) -> None:
        super().validate()
        if not self.url:
            raise Problem("The address of the vault is not known. Set vault_url, or BAO_ADDR or VAULT_ADDR in the environment.")
        self.url = check_url(self.url, "vault_url", ("https", "http"), "https://vault.example.com:8200")
        version = self.params["secret_version"]
        if version and not version.isdigit():
            raise Problem("secret_version is '%s'; the versions of HashiCorp Vault are numbers." % version)
        if version and self.params["vault_kv_version"] == "1":
            raise Problem("secret_version is %s, but key-value engines of version 1 keep no versions. Leave secret_version out." % version)
        self.login.validate()
        self._library()

    def _library(self) -> t.Any:
        try:
            import hvac
        except ImportError:
            raise lacks("hvac", "source=hashicorp_vault") from None
        return hvac

    def read(self) -> bytes:
        hvac = self._library()
        from requests import RequestException

        # A redirect would carry the token to another place.
        verify = self.verify()
        client = hvac.Client(
            url=self.url,
            token="",
            verify=None if verify is True else verify,
            timeout=self.params["timeout"],
            namespace=self.namespace,
            allow_redirects=False,
        )
        try:
            self._log_in(client, hvac)
            return self._field(self._read(client))
        except hvac.exceptions.Forbidden as error:
            raise Denied(
                "%s may not be read with these credentials: the token is not valid, its policy lacks 'read' on %s, or there is no engine at"
                " vault_mount (%s). %s" % (self.what, self._policy_path(), self.mount, self._said(error))
            ) from None
        except hvac.exceptions.InvalidPath as error:
            raise self._missing(error) from None
        except hvac.exceptions.VaultDown as error:
            raise Problem("The vault at %s is sealed or not ready. Unseal it, or name one that is. %s" % (self.url, self._said(error))) from None
        except hvac.exceptions.VaultError as error:
            raise Problem("%s could not be read. %s" % (self.what, self._said(error))) from None
        except RequestException as error:
            raise Problem(self._unanswered(error)) from None

    def _log_in(self, client: t.Any, hvac: t.Any) -> None:
        try:
            refused = self.login.log_in(client)
        except (hvac.exceptions.InvalidRequest, hvac.exceptions.Forbidden, hvac.exceptions.InvalidPath) as error:
            raise Problem(
                "The login by AppRole at %s failed. Check vault_role_id, vault_secret_id, whether the secret id is expired or used up,"
                " and vault_approle_mount. %s" % (self.url, self._said(error))
            ) from None
        self.secrets.add(client.token)
        if refused is not None:
            self._data(refused)
            raise self._no_vault()

    def _read(self, client: t.Any) -> t.Mapping[str, t.Any]:
        """The fields of the secret."""
        kv = self.params["vault_kv_version"]
        if kv == "auto":
            kv = self._ask_for_kv_version(client)
        version = self.params["secret_version"]
        if kv == "1":
            if version:
                raise Problem("secret_version is %s, but %s is a key-value engine of version 1, which keeps no versions. Leave it out." % (version, self.mount))
            answer = client.secrets.kv.v1.read_secret(self.name, mount_point=self.mount)
        else:
            answer = client.secrets.kv.v2.read_secret_version(
                self.name, version=int(version) if version else None, mount_point=self.mount, raise_on_deleted_version=True
            )
        data = self._data(answer)
        return t.cast(t.Mapping[str, t.Any], (data if kv == "1" else data.get("data")) or {})

    def _ask_for_kv_version(self, client: t.Any) -> str:
        # What the command lines ask as well; every token that may do something below the mount may ask it.
        data = self._data(client.adapter.get("/v1/sys/internal/ui/mounts/" + urllib.parse.quote("%s/%s" % (self.mount, self.name))))
        if data.get("type") not in ("kv", "generic"):
            raise Problem("%s is an engine of type %s at %s, not a key-value engine. Correct vault_mount." % (self.mount, data.get("type"), self.url))
        return "2" if (data.get("options") or {}).get("version") == "2" else "1"

    def _data(self, answer: t.Any) -> t.Mapping[str, t.Any]:
        if isinstance(answer, dict) and isinstance(answer.get("data"), dict):
            return t.cast(t.Mapping[str, t.Any], answer["data"])
        location = getattr(answer, "headers", {}).get("Location")
        if location:
            raise Problem(
                "The vault at %s points to %s. Redirects are not followed; set vault_url to the active server." % (self.url, location.partition("?")[0])
            )
        raise self._no_vault()

    def _no_vault(self) -> Problem:
        return Problem("The server at %s does not answer as HashiCorp Vault or OpenBao does. Check vault_url." % self.url)

    def _field(self, fields: t.Mapping[str, t.Any]) -> bytes:
        field = self.params["secret_field"]
        if not field:
            if len(fields) != 1:
                raise Missing(
                    "%s has the fields %s. Say with secret_field which of them is the private key." % (self.what, ", ".join(sorted(fields)) or "none")
                )
            field = next(iter(fields))
        return value_of(fields, field, self.what)

    def _policy_path(self) -> str:
        kv = self.params["vault_kv_version"]
        return "%s/%s%s" % (self.mount, "" if kv == "1" else "data/", self.name)

    def _missing(self, error: t.Any) -> Missing:
        body = error.json if isinstance(error.json, dict) else {}
        metadata = (body.get("data") or {}).get("metadata") or {}
        version = self.params["secret_version"]
        if metadata.get("destroyed") or metadata.get("deletion_time"):
            return Missing(
                "%s was %s in its version %s. Name another with secret_version, or write it anew."
                % (self.what, "destroyed" if metadata.get("destroyed") else "deleted", metadata.get("version", version))
            )
        if any("no handler for route" in str(text) for text in error.errors or []):
            return Missing("There is no engine mounted at %s in the vault at %s. Correct vault_mount." % (self.mount, self.url))
        said = " ".join("The vault says: %s" % sentence(self.secrets.hide(str(text))) for text in list(error.errors or []) + list(body.get("warnings") or []))
        which = " in the version %s" % version if version else ""
        return Missing(
            (
                "%s does not exist%s. Check secret_name, secret_version, vault_mount, vault_kv_version and vault_namespace. %s" % (self.what, which, said)
            ).rstrip()
        )

    def _said(self, error: t.Any) -> str:
        """What the vault says; secrets are hidden before it is cut."""
        text = self.secrets.hide(", ".join(map(str, error.errors or [])) or str(error.text or ""))
        return "It says: %s" % sentence(text[:300]) if text else "It does not say why."

    def _unanswered(self, error: Exception) -> str:
        from requests import exceptions

        if isinstance(error, exceptions.SSLError) and _NO_TLS.search(str(error)):
            return "The server at %s does not speak TLS. Correct the port, or begin vault_url with http:// if that is meant." % self.url
        if isinstance(error, exceptions.SSLError):
            return "The vault at %s shows a certificate that is not trusted: %s Name its authority with ca_path." % (self.url, _tls_cause(error))
        if isinstance(error, exceptions.Timeout):
            return "The vault at %s did not answer within %d seconds. Check the network, or raise timeout." % (self.url, self.params["timeout"])
        if isinstance(error, exceptions.ConnectionError):
            return "The vault at %s cannot be reached: %s Check vault_url, that the vault runs, and the network." % (self.url, _network_cause(error))
        return "The vault at %s did not give a usable answer (%s). Check vault_url." % (self.url, type(error).__name__)


def _innermost(error: BaseException) -> BaseException:
    seen = []
    while error not in seen:
        seen.append(error)
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        error = inner if isinstance(inner, BaseException) else error
    return error


def _tls_cause(error: BaseException) -> str:
    cause = _innermost(error)
    return sentence(getattr(cause, "verify_message", None) or str(cause))


def _network_cause(error: BaseException) -> str:
    text = str(_innermost(error))
    # urllib3 begins with its own object's representation.
    return sentence(text.rpartition(": ")[2] if "object at 0x" in text else text)
