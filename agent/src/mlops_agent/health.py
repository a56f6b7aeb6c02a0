# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a served model whether it really answers.

MLflow's /ping stays 200 when a Spark model's JVM is dead, so a row is scored where one is known:
the deployment's own probe, else the input example that was saved with the model.
"""

import json

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest


class Health:
    """Probes models that listen on address; timeout is in seconds."""

    def __init__(self, timeout):
        self._timeout = timeout
        # Own instance: a slow model must not use up the connections to the registry.
        self._client = AsyncHTTPClient(force_instance=True, max_clients=100)

    async def answers(self, base, timeout=None):
        """Whether the server at base (http://host:port) accepts requests at all."""
        return await self._problem(base, "/ping", timeout=timeout) is None

    async def problem(self, base, row):
        """None when the model answers, else a sentence. row is what to score, or None."""
        if row is not None:
            return await self._problem(base, "/invocations", *request_for(row))
        return await self._problem(base, "/ping") or await self._problem(base, "/version")

    async def _problem(self, base, path, body=None, content_type=None, timeout=None):
        timeout = timeout or self._timeout
        request = HTTPRequest(
            base + path,
            method="GET" if body is None else "POST",
            body=body,
            headers={} if body is None else {"Content-Type": content_type},
            connect_timeout=timeout,
            request_timeout=timeout,
            follow_redirects=False,
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            return "The model does not answer {}: {}.".format(path, error)
        if response.code != 200:
            return "The model answers {} with status {}{}.".format(path, response.code, _reason(response))
        return None


def request_for(row):
    """The body and content type by which MLflow 1.x scores a probe row or a saved input example."""
    if isinstance(row, dict) and "records" in row:
        return json.dumps(row["records"]), "application/json; format=pandas-records"
    if isinstance(row, dict) and "data" in row:
        return json.dumps(row), "application/json; format=pandas-split"
    return json.dumps(row), "application/json"


def _reason(response):
    """MLflow's own message about a refused row, shortened to its first line."""
    try:
        message = json.loads(response.body.decode())["message"]
        return ": " + message.strip().splitlines()[0][:300].rstrip(".")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""
