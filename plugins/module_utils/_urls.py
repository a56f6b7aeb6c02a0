# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Addresses of services, whatever family the host's address is of."""

from __future__ import annotations

import typing as t

# Where a service that listens everywhere is asked from its own host.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return "[%s]" % host if ":" in host and not host.startswith("[") else host


def service_url(address: str, port: t.Union[int, str], scheme: str = "http", path: str = "") -> str:
    """The URL at which a service that listens at an address is asked.

    :param address: a name or an address, with or without brackets; where it stands for all addresses, the loopback of its family is asked.
    :param path: what follows the port, such as V(/health).
    """
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    return "%s://%s:%s%s" % (scheme, bracketed(_EVERYWHERE.get(bare, bare)), port, path)
