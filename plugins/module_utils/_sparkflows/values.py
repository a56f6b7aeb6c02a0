# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""When two values of a setting are the same one, and how a host and a port share one."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import bracketed

#: The kinds that C(normalise) may name.
KINDS = ("exact", "trimmed", "boolean", "number", "host", "url")

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_PORTS = {"http": "80", "https": "443"}
_ADDRESS = re.compile(
    r"(?P<before>[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?)?(?:\[(?P<bracketed>[^\]]*)\]|(?P<bare>[^:/?#@\[\]]*))(?::(?P<port>[0-9]*))?(?P<after>/[^?#]*)?"
)


def same(one: str, other: str, kind: str) -> bool:
    """Whether two texts mean the same as values of this kind, one of :data:`KINDS`."""
    return one == other or _canonical(one, kind) == _canonical(other, kind)


def alike_as(one: str, other: str) -> str:
    """The kind that makes two different texts the same value; empty when none does."""
    return next((kind for kind in KINDS if same(one, other, kind)), "")


def kind_of(value: t.Any) -> str:
    """The kind of a setting that is known by its value alone: that of a truth value or a number, else exact."""
    if isinstance(value, bool) or value in ("true", "false"):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else "exact"


def _canonical(text: str, kind: str) -> str:
    bare = text.strip()
    if kind == "exact":
        return text
    if kind == "boolean":
        word = bare.lower()
        return "true" if word in _TRUE else "false" if word in _FALSE else bare
    if kind == "number":
        # Not float(), which also reads nan, infinity and 1_0.
        match = re.fullmatch(r"([+-]?)0*([0-9]+?)(?:\.([0-9]*?)0*)?", bare, re.ASCII)
        return "%s%s.%s" % (match.group(1).replace("+", ""), match.group(2), match.group(3) or "") if match else bare
    if kind == "host":
        return bare.lower().rstrip(".")
    if kind == "url":
        return _canonical_url(bare)
    return bare


def _canonical_url(text: str) -> str:
    """Scheme and host in small letters, without the scheme's own port and without slashes at the end (RFC 3986, section 6.2)."""
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text
    if not parts.netloc:
        address, slash, path = text.partition("/")
        return (address.lower() + slash + path).rstrip("/")
    login = parts.netloc.rpartition("@")[0]
    netloc = bracketed(host) + ("" if port is None or _PORTS.get(parts.scheme) == str(port) else ":%d" % port)
    return urllib.parse.urlunsplit((parts.scheme, (login + "@" if login else "") + netloc, parts.path.rstrip("/"), parts.query, parts.fragment))


class Address(t.NamedTuple):
    """A value with a host and a port. ``before`` and ``after`` are what a URL has around them; what is not there is empty."""

    before: str
    host: str
    port: str
    after: str

    def __str__(self) -> str:
        if not self.host and not self.port:
            return ""
        return "%s%s%s%s" % (self.before, bracketed(self.host), ":" + self.port if self.port else "", self.after)


def read_address(value: str) -> t.Optional[Address]:
    """``host:port`` or a URL in its parts; ``None`` when it is neither, as with an IPv6 address without brackets."""
    match = _ADDRESS.fullmatch(value.strip())
    if match is None:
        return None
    return Address(match.group("before") or "", match.group("bracketed") or match.group("bare") or "", match.group("port") or "", match.group("after") or "")


def join_host_port(host: str, port: str) -> str:
    """``host:port`` as one text; empty without both."""
    return str(Address("", host.strip("[]"), port, ""))
