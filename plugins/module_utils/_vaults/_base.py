# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the clients of key vaults have in common."""

from __future__ import annotations

import abc
import json
import os
import platform
import re
import sys
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._secrets import Secrets

#: The options that no message may show.
SECRET_OPTIONS = ("value", "vault_token", "vault_secret_id", "aws_secret_access_key", "aws_session_token", "azure_client_secret")
Params = t.Mapping[str, t.Any]


class Missing(Problem):
    """What was asked for is not there."""


class Denied(Problem):
    """What was asked for may not be read by who asks."""


class Unfit(Problem):
    """There is something, but nothing that a key could be in. ``code`` says what."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Login:
    """A way to prove who asks. Explicit credentials come from options, ambient ones from the environment."""

    def validate(self) -> None:
        """Raise `Problem` when the credentials are incomplete; speaks to no server."""


class Vault(abc.ABC):
    """A place that keeps one secret.

    ``validate`` finds what can be said against the options without a network; ``read`` makes the one read of a run
    and raises `Missing`, `Denied` or another `Problem`, each with its cause.
    """

    #: Options that have to be given.
    needs: t.Tuple[str, ...] = ("secret_name",)

    def __init__(self, params: Params) -> None:
        self.params = params
        self.secrets = Secrets(params, SECRET_OPTIONS)

    @property
    @abc.abstractmethod
    def what(self) -> str:
        """The secret, as the subject of a sentence."""

    def validate(self) -> None:
        """Raise `Problem` when the options cannot work."""
        for option in self.needs:
            if not self.params[option]:
                raise Problem("source is %s, which needs %s. Set it." % (self.params["source"], option))
        if self.params["timeout"] < 1:
            raise Problem("timeout is %d; it must be at least one second." % self.params["timeout"])
        ca_path = self.params["ca_path"]
        if ca_path and not os.path.isfile(ca_path):
            raise Problem("ca_path is %s, but there is no such file on %s. Correct it, or leave it out to trust the system's authorities." % (ca_path, here()))

    @abc.abstractmethod
    def read(self) -> bytes:
        """The secret's content."""

    def verify(self) -> t.Union[bool, str]:
        """Whether and by which authorities servers are checked, as the libraries of the vaults want it."""
        if not self.params["validate_certs"]:
            return False
        return t.cast(str, self.params["ca_path"]) or True


def here() -> str:
    """The host that this runs on."""
    return platform.node() or "this host"


def lacks(package: str, purpose: str) -> Problem:
    """What to say when the Python package ``package`` cannot be imported."""
    return Problem(
        "%s needs the Python package %s, which %s on the host %s does not have. Install it there with 'pip install %s', or run the task on a host that has it."
        % (purpose, package, sys.executable or "Python", here(), package)
    )


def check_url(url: str, option: str, schemes: t.Sequence[str], example: str) -> str:
    """``url`` without slashes at its end; `Problem` when it is no address of a server."""
    try:
        parts = urllib.parse.urlsplit(url)
        fits = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or re.search(r"[\s\x00-\x1f]", url):
        raise Problem("%s is not an %s:// address. Give one such as %s." % (option, ":// or ".join(schemes), example))
    if "@" in parts.netloc:
        raise Problem("%s carries login data, which would be shown in logs. Take them out and use the options for credentials." % option)
    if parts.query or parts.fragment:
        raise Problem("%s must not have a part behind ? or #. Give an address such as %s." % (option, example))
    return url.rstrip("/")


def pick_field(content: bytes, field: t.Optional[str], what: str) -> bytes:
    """The value of ``field`` in a JSON object, or all of ``content`` when no field is asked for."""
    if not field:
        return content
    try:
        fields = json.loads(content.decode("utf-8"))
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Missing("%s is not a JSON object, so it has no field %s. Leave secret_field out if the whole secret is the key." % (what, field))
    return value_of(fields, field, what)


def value_of(fields: t.Mapping[str, t.Any], field: str, what: str) -> bytes:
    """The text in ``fields[field]``."""
    if field not in fields:
        raise Missing("%s has no field %s; it has %s. Correct secret_field." % (what, field, ", ".join(sorted(map(str, fields))) or "none"))
    value = fields[field]
    if not isinstance(value, str):
        raise Missing("The field %s of %s%s is not text. Correct secret_field." % (field, what[:1].lower(), what[1:]))
    return value.encode("utf-8")
