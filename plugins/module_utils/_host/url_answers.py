# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Whether addresses answer, as they are reached from this host. Of an answer nothing but its head is read, and each try has an end."""

from __future__ import annotations

import re
import socket
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._deadlines import Clock, within
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import followed
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import certificates

# What asks for a login, or refuses one; asking again would not change it, and might lock the login.
_REFUSALS = (401, 403, 407)


def url_answers(wanted: t.Sequence[dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    """The status that each URL answers with, or a sentence that says why none came; all are asked at once."""
    if not wanted:
        return {}
    import concurrent.futures  # takes a while to load, as do the imports below

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, len(wanted))) as pool:
        return dict(zip([item["url"] for item in wanted], pool.map(_awaited_answer, wanted)))


def _awaited_answer(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    deadline = time.monotonic() + (wanted.get("wait") or 0)
    while True:
        answer = _answer(wanted)
        final = answer["error"] is None and ((answer["status"] or 0) < 400 or answer["status"] in _REFUSALS)
        if final or time.monotonic() >= deadline:
            return answer
        time.sleep(min(1, max(0, deadline - time.monotonic())))


def _answer(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    try:
        return {"status": within(Clock(wanted["timeout"]), lambda: _status(wanted)), "error": None}
    except socket.timeout:
        reason = "within %g seconds there was no whole answer" % wanted["timeout"]
    except Exception as error:  # whatever the network or TLS library raises, the answer is that there is none
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(getattr(error, "reason", None) or error)).rstrip(".")
    return {"status": None, "error": "%s does not answer: %s." % (re.sub(r"(?<=://)[^/@]*@", "", wanted["url"]), reason)}


def _status(wanted: dict[str, t.Any]) -> int | None:
    """The status that an address answers with; None of one for which a connection is all that is asked."""
    import urllib.error
    import urllib.parse

    address = urllib.parse.urlsplit(wanted["url"])
    if address.scheme == "tcp":
        socket.create_connection((address.hostname, address.port), wanted["timeout"]).close()
        return None
    if wanted.get("certificate"):
        return _pinned_status(wanted, address)
    try:
        with followed(lambda place, home: _opened(wanted, place, home), wanted["url"]) as response:
            return t.cast(int, response.getcode())
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def _opened(wanted: dict[str, t.Any], url: str, home: bool) -> t.Any:
    import urllib.parse

    from ansible.module_utils import urls

    return urls.open_url(
        url, timeout=wanted["timeout"], ca_path=wanted["ca_path"], validate_certs=wanted["validate_certs"], http_agent="sparkflows-mlops",
        headers=_login(wanted) if home else {}, use_proxy=wanted.get("use_proxy", True) and not _own(urllib.parse.urlsplit(url).hostname),
        follow_redirects="none", use_netrc=False,
    )  # fmt: skip


def _own(name: str | None) -> bool:
    """Whether a host asks itself, which no proxy of its environment could do for it."""
    return name is not None and (name == "localhost" or name == "::1" or re.match(r"127(\.\d{1,3}){3}\Z", name) is not None)


def _login(wanted: dict[str, t.Any]) -> dict[str, str]:
    if wanted.get("username") is None:
        return {}
    import base64

    pair = "%s:%s" % (wanted["username"], wanted["password"] or "")
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _pinned_status(wanted: dict[str, t.Any], address: t.Any) -> int:
    """The status of a server that has to show one certificate; nothing is sent to another."""
    import http.client
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= 0x80000  # ssl.VERIFY_X509_PARTIAL_CHAIN of Python 3.10: the certificate is trusted whoever issued it
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(certificates.leaf(wanted["certificate"])))
    connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=wanted["timeout"], context=context)
    try:
        connection.request(
            "GET", (address.path or "/") + ("?" + address.query if address.query else ""), headers={"User-Agent": "sparkflows-mlops", **_login(wanted)}
        )
        return connection.getresponse().status
    finally:
        connection.close()
