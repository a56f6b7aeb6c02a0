# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Where a private key comes from: the options, the vault they mean, and the one read."""

from __future__ import annotations

import queue
import threading
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._aws import ParameterStore, SecretsManager
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._azure import AzureKeyVault
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import Denied, Missing, Params, Unfit, Vault
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._disk import Disk
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._hashicorp import HashicorpVault
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._secrets import check_credentials
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._value import Value

VAULTS: t.Dict[str, t.Type[Vault]] = {
    "disk": Disk,
    "value": Value,
    "aws_secretsmanager": SecretsManager,
    "aws_ssm": ParameterStore,
    "azure_keyvault": AzureKeyVault,
    "hashicorp_vault": HashicorpVault,
}


def source_argument_spec() -> t.Dict[str, t.Any]:
    """The options of the doc fragment ``_key_source``."""
    return {
        "source": {"type": "str", "choices": list(VAULTS), "default": "disk"},
        "path": {"type": "path"},
        "value": {"type": "raw", "no_log": True},
        "secret_name": {"type": "str", "no_log": False},
        "secret_version": {"type": "str", "no_log": False},
        "secret_field": {"type": "str", "no_log": False},
        "vault_url": {"type": "str"},
        "vault_namespace": {"type": "str"},
        "vault_mount": {"type": "str", "default": "secret"},
        "vault_kv_version": {"type": "str", "choices": ["auto", "1", "2"], "default": "auto"},
        "vault_token": {"type": "str", "no_log": True},
        "vault_role_id": {"type": "str"},
        "vault_secret_id": {"type": "str", "no_log": True},
        "vault_approle_mount": {"type": "str", "default": "approle"},
        "aws_region": {"type": "str"},
        "aws_access_key_id": {"type": "str", "no_log": False},
        "aws_secret_access_key": {"type": "str", "no_log": True},
        "aws_session_token": {"type": "str", "no_log": True},
        "aws_profile": {"type": "str"},
        "aws_endpoint_url": {"type": "str"},
        "azure_vault_url": {"type": "str"},
        "azure_tenant_id": {"type": "str"},
        "azure_client_id": {"type": "str"},
        "azure_client_secret": {"type": "str", "no_log": True},
        "azure_authority_host": {"type": "str"},
        "on_missing": {"type": "str", "choices": ["fail", "finding"], "default": "finding"},
        "on_denied": {"type": "str", "choices": ["fail", "finding"], "default": "finding"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "timeout": {"type": "int", "default": 30},
    }


class Obtained(t.NamedTuple):
    """What a source gave: the content, ``None`` when there is none, and what was found on the way (code, sentence)."""

    what: str
    content: t.Optional[bytes]
    findings: t.List[t.Tuple[str, str]]


def obtain(params: Params) -> Obtained:
    """Validate the options and read the key once. `Problem` when the source cannot be used at all."""
    check_credentials(params)
    vault = VAULTS[params["source"]](params)
    try:
        vault.validate()
        obtained = _read(vault, params)
    except Problem as problem:
        raise Problem(vault.secrets.hide(str(problem))) from None
    return obtained._replace(findings=[(code, vault.secrets.hide(text)) for code, text in obtained.findings])


def _read(vault: Vault, params: Params) -> Obtained:
    findings: t.List[t.Tuple[str, str]] = []
    content = None
    try:
        content = _in_time(vault, params["timeout"])
    except Missing as problem:
        if params["on_missing"] == "fail":
            raise
        findings.append(("missing", str(problem)))
    except Denied as problem:
        if params["on_denied"] == "fail":
            raise
        findings.append(("unreadable", str(problem)))
    except Unfit as problem:
        findings.append((problem.code, str(problem)))
    if isinstance(vault, Disk):
        findings.extend(vault.findings)
    return Obtained(vault.what, content, findings)


def _in_time(vault: Vault, timeout: int) -> bytes:
    """The secret, within ``timeout`` seconds: the libraries only limit the wait for the next byte, which a server can send for ever."""
    if isinstance(vault, (Disk, Value)):
        return vault.read()
    answers: queue.Queue[t.Union[bytes, BaseException]] = queue.Queue()

    def read() -> None:
        try:
            answers.put(vault.read())
        except BaseException as error:
            answers.put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        # The library's own words come first where it keeps to the limit.
        answer = answers.get(timeout=timeout + 1)
    except queue.Empty:
        raise Problem("%s was not read within %d seconds. Check the network and the server, or raise timeout." % (vault.what, timeout)) from None
    if isinstance(answer, BaseException):
        raise answer
    return answer
