# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Secrets of an Azure Key Vault, by way of azure-identity and azure-keyvault-secrets."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Denied, Login, Missing, Params, Vault, check_url, lacks, pick_field
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._secrets import Secrets

# The clouds of Microsoft. Only for these does the login service vouch for the authority (instance discovery).
_KNOWN_AUTHORITIES = ("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn", "login.partner.microsoftonline.cn")

# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates: names of objects.
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")


class ClientSecretLogin(Login):
    """An application with a client secret, from the options."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def validate(self) -> None:
        missing = [name for name in ("azure_tenant_id", "azure_client_id", "azure_client_secret") if not self.params[name]]
        if missing:
            raise Problem("azure_client_secret needs azure_tenant_id and azure_client_id; %s is missing." % " and ".join(missing))

    def credential(self, identity: t.Any, **options: t.Any) -> t.Any:
        """The credential of azure-identity."""
        return identity.ClientSecretCredential(self.params["azure_tenant_id"], self.params["azure_client_id"], self.params["azure_client_secret"], **options)


class AmbientLogin(Login):
    """Whatever azure-identity finds: the environment, a workload or managed identity, the Azure CLI."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def credential(self, identity: t.Any, **options: t.Any) -> t.Any:
        client_id = self.params["azure_client_id"]
        if client_id:
            options.update(managed_identity_client_id=client_id, workload_identity_client_id=client_id)
        if self.params["azure_tenant_id"]:
            options.update(workload_identity_tenant_id=self.params["azure_tenant_id"])
        return identity.DefaultAzureCredential(**options)


class _Remembering:
    """A credential that tells what tokens it was given."""

    def __init__(self, credential: t.Any, secrets: Secrets) -> None:
        self._credential = credential
        self._secrets = secrets

    def get_token(self, *scopes: str, **options: t.Any) -> t.Any:
        """A token, as azure-core asks for it."""
        answer = self._credential.get_token(*scopes, **options)
        self._secrets.add(answer.token)
        return answer


class AzureKeyVault(Vault):
    """A secret of an Azure Key Vault."""

    needs = ("azure_vault_url", "secret_name")

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.login: t.Union[ClientSecretLogin, AmbientLogin] = ClientSecretLogin(params) if params["azure_client_secret"] else AmbientLogin(params)

    @property
    def what(self) -> str:
        return "The secret %s of %s" % (self.params["secret_name"], self.params["azure_vault_url"])

    def validate(self) -> None:
        super().validate()
        check_url(self.params["azure_vault_url"], "azure_vault_url", ("https",), "https://example.vault.azure.net")
        if not _NAME.fullmatch(self.params["secret_name"]):
            raise Problem("secret_name is '%s'; a secret of Azure has up to 127 letters, digits and '-' in its name." % self.params["secret_name"])
        self.login.validate()
        self._libraries()

    def _libraries(self) -> t.Tuple[t.Any, t.Any, t.Any]:
        try:
            from azure import identity
        except ImportError:
            raise lacks("azure-identity", "source=azure_keyvault") from None
        try:
            from azure.core import exceptions
            from azure.keyvault import secrets
        except ImportError:
            raise lacks("azure-keyvault-secrets", "source=azure_keyvault") from None
        return identity, secrets, exceptions

    def read(self) -> bytes:
        identity, secrets, exceptions = self._libraries()
        timeout = self.params["timeout"]
        options = {"connection_verify": self.verify(), "connection_timeout": timeout, "read_timeout": timeout, "retry_total": 2}
        try:
            credential = _Remembering(self.login.credential(identity, **dict(options, **self._authority())), self.secrets)
            client = secrets.SecretClient(self.params["azure_vault_url"], credential, **options)
            answer = client.get_secret(self.params["secret_name"], self.params["secret_version"] or None)
        except exceptions.ResourceNotFoundError as error:
            version = self.params["secret_version"]
            which = " in the version %s" % version if version else ""
            raise Missing("%s does not exist%s. Check secret_name and secret_version. Azure says: %s" % (self.what, which, self._words(error))) from None
        except exceptions.ClientAuthenticationError as error:
            raise Problem(
                "The login for %s failed. Check azure_tenant_id, azure_client_id and azure_client_secret, or the identity that the environment offers."
                " Azure says: %s" % (self.params["azure_vault_url"], self._words(error))
            ) from None
        except exceptions.HttpResponseError as error:
            if error.status_code == 403:
                raise Denied(
                    "%s may not be read by this identity. It needs the role Key Vault Secrets User or the permission 'get' on secrets, the secret has to be"
                    " enabled and the vault's firewall has to let this host in. Azure says: %s" % (self.what, self._words(error))
                ) from None
            raise Problem("%s could not be read: the answer was %s. Azure says: %s" % (self.what, error.status_code, self._words(error))) from None
        except exceptions.AzureError as error:
            raise Problem(
                "%s did not give an answer: %s Check the network, azure_vault_url, azure_authority_host and ca_path."
                % (self.params["azure_vault_url"], self._words(error))
            ) from None
        except ValueError as error:
            raise Problem("%s cannot be read: %s Check azure_vault_url, azure_tenant_id and azure_authority_host." % (self.what, self._words(error))) from None
        return pick_field((answer.value or "").encode("utf-8"), self.params["secret_field"], self.what)

    def _authority(self) -> t.Dict[str, t.Any]:
        host = self.params["azure_authority_host"] or os.environ.get("AZURE_AUTHORITY_HOST")
        if not host:
            return {}
        known = host.rpartition("//")[2].rstrip("/").lower() in _KNOWN_AUTHORITIES
        return {"authority": host, "disable_instance_discovery": not known}

    def _words(self, error: Exception) -> str:
        """What an error of the library says, without secrets and without what only its maker needs (trace ids, repeated codes)."""
        inner = getattr(error, "error", None)
        message = getattr(inner, "message", None) or getattr(error, "message", None) or str(error)
        return sentence(re.split(r"[\r\n]|Trace ID:", self.secrets.hide(message))[0])
