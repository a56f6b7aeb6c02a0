# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Reads TLS certificates with Python alone: a host may have neither openssl nor cryptography.

Python loads a certificate and its key, and so tells whether they fit, but shows what a certificate says only after a
connection. The few fields that matter are therefore read from its DER form, as RFC 5280 (section 4.1) lays it out.
"""

from __future__ import annotations

import calendar
import hashlib
import ipaddress
import os
import re
import ssl
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _OCTETS, _OID, _UTC_TIME, _EXTENSIONS = 0x30, 0x04, 0x06, 0x17, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_SUBJECT_ALT_NAME = bytes([0x55, 0x1D, 0x11])


def certificate_facts(path: str, private_key: str | None = None, names: t.Sequence[str] | None = None) -> dict[str, t.Any]:
    """What the first certificate of a PEM file says, whether a private key fits it, and whether it is for `names`, no more and no less.

    `error` is a sentence when the file or the key is missing or unusable; what could not be read is null then.
    """
    facts: dict[str, t.Any] = {
        "exists": os.path.exists(path), "names": None, "not_before": None, "not_after": None, "days_left": None, "fingerprint": None, "key_fits": None,
        "names_fit": None if names is None else False, "error": None,
    }  # fmt: skip
    try:
        der = leaf(path)
        facts.update(_contents(path, der))
        facts["days_left"] = int((facts["not_after"] - time.time()) // 86400)
        facts["fingerprint"] = ":".join("%02X" % byte for byte in hashlib.sha256(der).digest())
        if names is not None:
            facts["names_fit"] = facts["names"] == sorted({_plain(name) for name in names})
        if private_key:
            facts["key_fits"] = False
            _match(path, private_key)
            facts["key_fits"] = True
    except Problem as problem:
        facts["error"] = str(problem)
    return facts


def leaf(path: str) -> bytes:
    """The first certificate of a PEM file in DER form. Raises a `Problem` when there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            match = _PEM.search(file.read())
    except OSError as error:
        raise Problem("The certificate %s can't be read: %s." % (path, error.strerror)) from None
    if not match:
        raise Problem("%s holds no certificate in PEM format." % path)
    try:
        return ssl.PEM_cert_to_DER_cert(match.group(0))
    except ValueError:
        raise _damaged(path) from None


def _damaged(path: str) -> Problem:
    return Problem("The certificate in %s is damaged." % path)


def _match(path: str, private_key: str) -> None:
    """Load certificate and key as a server would. Raises a `Problem` when that fails."""
    asked = []

    def no_passphrase() -> str:
        # Without an answer, OpenSSL would ask at the terminal.
        asked.append(True)
        return ""

    try:
        with open(private_key, "rb"):
            pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, private_key, password=no_passphrase)
    except ssl.SSLError as error:
        if asked:
            raise Problem("The private key %s is protected by a passphrase, which a service can't be asked for." % private_key) from None
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            raise Problem("The private key %s does not belong to the certificate %s." % (private_key, path)) from None
        raise Problem("%s and %s can't be used as certificate and private key: %s." % (path, private_key, error.reason or "unreadable")) from None
    except OSError as error:
        raise Problem("The private key %s can't be read: %s." % (private_key, error.strerror)) from None


def _contents(path: str, der: bytes) -> dict[str, t.Any]:
    """Names and validity (seconds since the epoch) of a certificate in DER form."""
    try:
        [(dummy, certificate)] = _items(der)
        # Version, where given, and all else before the validity are of no interest; it is the first sequence of two times.
        fields = list(_items(next(_items(certificate))[1]))
        before, after = next(times for times in (_times(value) for tag, value in fields if tag == _SEQUENCE) if times)
        extensions = next((value for tag, value in fields if tag == _EXTENSIONS), b"")
        return {"not_before": before, "not_after": after, "names": _names(extensions)}
    except (IndexError, ValueError, StopIteration):
        raise _damaged(path) from None


def _times(value: bytes) -> list[int]:
    found = list(_items(value))
    if len(found) != 2 or any(tag not in (_UTC_TIME, _UTC_TIME + 1) for tag, dummy in found):
        return []
    return [_seconds(tag, text.decode("ascii")) for tag, text in found]


def _seconds(tag: int, text: str) -> int:
    if tag == _UTC_TIME:  # two digits of the year, up to 2049
        text = ("20" if text[:2] < "50" else "19") + text
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))


def _names(extensions: bytes) -> list[str]:
    names = []
    for dummy, body in _items(next(_items(extensions))[1]) if extensions else []:
        parts = list(_items(body))
        if parts[0] == (_OID, _SUBJECT_ALT_NAME) and parts[-1][0] == _OCTETS:
            for tag, name in _items(next(_items(parts[-1][1]))[1]):
                if tag == _DNS_NAME:
                    names.append(name.decode("ascii"))
                elif tag == _IP_ADDRESS:
                    names.append(str(ipaddress.ip_address(name)))
    return sorted(set(map(_plain, names)))


def _plain(name: str) -> str:
    """A host name in lower case, or an address as it is usually written."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def _items(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """The tags and values of DER items in a row. Raises `ValueError` or `IndexError` for what is none."""
    place = 0
    while place < len(data):
        tag, size, start = data[place], data[place + 1], place + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[place + 2 : start], "big")
        if start + size > len(data):
            raise ValueError("cut off")
        yield tag, data[start : start + size]
        place = start + size
