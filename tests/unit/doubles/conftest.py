# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A caller of the double, over real HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import typing as t
import urllib.parse

import pytest


class Reply(t.NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> t.Any:
        return json.loads(self.body)


class Caller:
    """Sends requests as the owner of `token`, or as nobody without one; follows no redirect."""

    def __init__(self, double: t.Any) -> None:
        self.double = double
        self.token = double.token

    def __call__(self, method: str, path: str, body: t.Any = None, headers: dict[str, str] | None = None, anonymous: bool = False) -> Reply:
        """`body` is sent as JSON, and bytes as they are."""
        sent = {} if anonymous else {"token": self.token}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        parts = urllib.parse.urlsplit(self.double.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request(method, path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def form(self, path: str, client: str = "", **fields: str) -> Reply:
        """Send a form, with a `client:secret` as basic auth where one is given."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if client:
            headers["Authorization"] = "Basic " + base64.b64encode(client.encode()).decode()
        return self("POST", path, urllib.parse.urlencode(fields).encode(), headers, anonymous=True)


@pytest.fixture
def call(sparkflows_double: t.Any) -> Caller:
    return Caller(sparkflows_double)
