# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Credentials: refused by name when they could not be sent as they are, and kept out of every message."""

from __future__ import annotations

import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: Where the libraries of the vaults find credentials by themselves.
ENVIRONMENT = {
    "aws_secretsmanager": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "aws_ssm": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "azure_keyvault": ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    "hashicorp_vault": ("BAO_TOKEN", "VAULT_TOKEN", "BAO_NAMESPACE", "VAULT_NAMESPACE"),
}
_CREDENTIALS = (
    "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "azure_client_id", "azure_client_secret", "azure_tenant_id", "vault_namespace",
    "vault_role_id", "vault_secret_id", "vault_token",
)  # fmt: skip
_PUBLIC = ("AWS_ACCESS_KEY_ID", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "BAO_NAMESPACE", "VAULT_NAMESPACE")
# What is sent as a header of HTTP; RFC 9110, section 5.5.
_HEADERS = ("aws_access_key_id", "aws_session_token", "vault_namespace", "vault_token")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Shorter ones are no secrets, and would be found in any text.
_SHORTEST = 4


def check_credentials(params: t.Mapping[str, t.Any]) -> None:
    """Raise `Problem` for a credential, of an option or of the environment, with characters that it cannot have; its value is not shown."""
    given = [(name, params.get(name)) for name in _CREDENTIALS]
    given += [(name, os.environ.get(name)) for name in ENVIRONMENT.get(params["source"], ())]
    for name, value in given:
        if not value:
            continue
        if _CONTROL.search(value):
            raise Problem("%s has a line break or another control character in it. Give it without, in Jinja with '| trim'." % name)
        if name.lower() in _HEADERS + ("bao_token", "bao_namespace", "aws_security_token") and not value.isascii():
            raise Problem("%s has a character in it that is not ASCII. Copy it again." % name)


class Secrets:
    """Values that no message may show, in any way that a library could write them: as they are, as Python or JSON quotes them, as a part of a URL."""

    def __init__(self, params: t.Mapping[str, t.Any], options: t.Iterable[str]) -> None:
        self._found: t.Set[str] = set()
        for name in options:
            self.add(params.get(name))
        for name in ENVIRONMENT.get(params["source"], ()):
            if name not in _PUBLIC:
                self.add(os.environ.get(name))

    def add(self, secret: t.Any) -> None:
        """Remember one more, as a token that was issued."""
        if not isinstance(secret, str) or len(secret.strip()) < _SHORTEST:
            return
        for value in (secret, secret.strip()):
            data = value.encode("utf-8", "surrogateescape")
            self._found.update(
                {
                    value, repr(value)[1:-1], ascii(value)[1:-1], repr(data)[2:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1],
                    urllib.parse.quote(data), urllib.parse.quote(data, safe=""), urllib.parse.quote_plus(data),
                }
            )  # fmt: skip

    def hide(self, text: str) -> str:
        """``text`` with *** in the place of each secret. To be done before a text is cut, or a part of one would be left."""
        for form in sorted(self._found, key=len, reverse=True):
            text = text.replace(form, "***")
        return text
