# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Which settings hold a secret, by what they are called or by the shape of their value.

The one place that decides what a result, a diff or an error may show of a setting. In doubt a value is hidden: whoever needs it
sees it in Sparkflows itself.
"""

from __future__ import annotations

import re
import typing as t

# As whole words of a name or title, once these are taken apart at separators and at capitals in the middle.
_SECRET_WORDS = {
    "password", "passwords", "passwd", "passwds", "passwort", "pwd", "pwds", "pw", "pass", "passcode", "passphrase", "passphrases", "psw", "secret",
    "secrets", "token", "tokens", "jwt", "credential", "credentials", "cred", "creds", "webhook", "webhooks", "apikey", "apikeys", "accesskey",
    "secretkey", "privatekey", "accountkey", "sharedkey", "authkey", "connectionstring", "connstr", "dsn", "sas", "bearer", "authorization", "salt",
    "otp", "totp", "cookie",
}  # fmt: skip
# What else says so within a name, where its words are not set apart.
_SECRET_PARTS = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|connection[ ._-]?string"
    r"|(?:access|private|api|account|shared|encryption|signing|master|license|auth|aes|ssl|tls)[ ._-]?key|key$",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

# Parameters that carry a secret within a longer value: k=v, k: v, "k": "v", --k v, in whatever spelling.
_PARAMETER = re.compile(
    r"(?:passw(?:or)?d|passwort|passphrase|passcode|pass|pwd|secret|token|api[ _.-]?key"
    r"|(?:access|account|private|shared|secret|auth|encryption|master)[ _.-]?key"
    r"|shared[ _-]?access[ _-]?signature|credentials?|signature|sig|auth|jwt|sas|bearer|(?<=[?&;])(?:key|code|pw)|(?<=[?&;]x-amz-)[a-z-]+)"
    r"[\"'\\]*\s*(?:[=:]|%3[dDaA])\s*[\"'\\]*[^\s\"'\\;&]"
    r"|--?[a-z-]*(?:password|secret|token|api-key)[ \t]+\S"
    r"|\b(?:bearer|basic|token|negotiate|digest)\s+[A-Za-z0-9+/_~.=-]{8,}",
    re.IGNORECASE,
)
_SHAPES = (
    # Login data in a URL. What follows a port is a path, in which @ may stand.
    re.compile(r"//[^/\s?#]*:(?!\d{1,5}(?:[/?#]|$))[^\s]*@"),
    re.compile(r"\b(?:https?|git|ftps?|wss?)(?:\+\w+)?://[^/\s]+@", re.IGNORECASE),
    re.compile(r"\bjdbc:oracle:\w+:[^/\s:@]+/[^@\s]+@", re.IGNORECASE),
    # Keys in armour, as text, with escaped line breaks or encoded once more.
    re.compile(r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|PKCS)|PuTTY-User-Key-File|LS0tLS1CRUdJTi|AGE-SECRET-KEY-|openssh-key-v1|b3BlbnNzaC1rZXktdjE"),
    # Addresses that are a secret themselves: whoever knows them can post there.
    re.compile(r"://(?:[\w-]+\.)*hooks?\.[\w.-]+/|/(?:web)?-?hooks?/|://[\w.-]*webhook[\w.-]*/|/incomingwebhook/|/services/T\w+/B\w+/", re.IGNORECASE),
    # Tokens that say by their beginning what they are.
    re.compile(
        r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
        r"|\b(?:gh[opsur]_|github_pat_|glpat-|xox[a-z]-|xapp-|sk_live_|rk_live_|sk-|hv[sbr]\.|npm_|pypi-|dapi|AIza|SG\.|dckr_pat_)[\w-]{8,}"
        r"|\beyJ[\w-]{4,}\.[\w-]+"
    ),
    # Hashes of passwords.
    re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|apr1|argon2\w*|scrypt|pbkdf2[\w-]*)\$|\{S?SHA\d*\}|\{bcrypt\}"),
)
# Far longer than any setting that is read by people; the patterns above would take their time with more.
_LONGEST = 8192
#: What is shown in place of a secret.
HIDDEN = "a secret"


def secret_name(*names: str) -> bool:
    """Whether one of these names or titles says that a secret goes by it."""
    return any(_SECRET_PARTS.search(name) or _SECRET_WORDS.intersection(word.lower() for word in _WORDS.findall(name)) for name in names)


def secret_value(value: str) -> bool:
    """Whether a value is or carries a secret, judged by its shape alone. What is overlong counts as one."""
    return len(value) > _LONGEST or bool(_PARAMETER.search(value) or any(shape.search(value) for shape in _SHAPES))


def holds_secret(value: str, *names: str) -> bool:
    """Whether ``value``, which goes by ``names``, must not be shown. An empty one and a truth value tell nothing."""
    return value not in ("", "true", "false") and (secret_name(*names) or secret_value(value))


def shown(value: t.Any, *names: str) -> str:
    """A value for a message: in quotes, or the words that stand for a secret."""
    text = str(value)
    return HIDDEN if holds_secret(text, *names) else "'%s'" % text
