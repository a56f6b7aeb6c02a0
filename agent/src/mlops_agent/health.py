# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a served model whether it really answers.

MLflow's /ping stays 200 when a Spark model's JVM is dead, so a row is scored where one is known:
the deployment's own probe, else the input example that was saved with the model.

A model is code of a stranger, and what listens on its port may be a stranger's too. So the port's
owner is looked at before and after each exchange, and nobody else is taken for the model or gets a
row. Of an answer no more is kept than its beginning, and a deadline bounds the whole exchange.
"""

from __future__ import annotations

import json
import typing as t

from tornado.httpclient import HTTPClientError, HTTPRequest

from . import http1, ports, request_counts

if t.TYPE_CHECKING:
    from .rules import Row

#: Bytes of an answer: predictions may be many, but only the beginning may hold a message for us.
ANSWER_LIMIT = 16 * 1024 * 1024
KEPT_LIMIT = 64 * 1024


class Health:
    """Probes models; timeout is in seconds, for one whole exchange."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        # Own instance: a slow model must not use up the connections to the registry.
        self._client = http1.client(ANSWER_LIMIT, max_clients=100)

    async def answers(self, address: str, port: int, uid: int | None, timeout: float | None = None) -> bool:
        """Whether the model that runs as the user uid accepts requests at all."""
        return await self._problem(address, port, uid, "/ping", timeout=timeout) is None

    async def problem(self, address: str, port: int, uid: int | None, row: Row | None) -> str | None:
        """None when the model answers, else a sentence. row is what to score, or None."""
        if row is None:
            return (
                await self._problem(address, port, uid, "/ping") or await self._problem(address, port, uid, "/version")
            )
        try:
            body, content_type = request_for(row)
        except RecursionError:
            return "The row to score is nested too deeply."
        return await self._problem(address, port, uid, "/invocations", body, content_type)

    async def _problem(
        self, address: str, port: int, uid: int | None, path: str,
        body: str | None = None, content_type: str = "", timeout: float | None = None,
    ) -> str | None:
        stranger = ports.not_held_by(address, port, uid)
        if stranger is not None:
            return stranger
        timeout = timeout or self._timeout
        kept = bytearray()
        request = HTTPRequest(
            "http://{}:{}{}".format("[{}]".format(address) if ":" in address else address, port, path),
            method="GET" if body is None else "POST",
            body=body,
            headers={} if body is None else {"Content-Type": content_type},
            connect_timeout=timeout,
            request_timeout=timeout,
            user_agent=request_counts.PROBE,
            streaming_callback=lambda piece: kept.extend(piece[:KEPT_LIMIT - len(kept)]),
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            return "The model does not answer {}: {}.".format(path, error)
        stranger = ports.not_held_by(address, port, uid)
        if stranger is not None:
            return stranger
        if response.code != 200:
            return "The model answers {} with status {}{}.".format(path, response.code, _reason(kept))
        return None


def request_for(row: Row) -> tuple[str, str]:
    """The body and content type by which MLflow 1.x scores a probe row or a saved input example."""
    if "records" in row:
        return json.dumps(row["records"]), "application/json; format=pandas-records"
    if "data" in row:
        return json.dumps(row), "application/json; format=pandas-split"
    return json.dumps(row), "application/json"


def _reason(body: bytearray) -> str:
    """MLflow's own message about a refused row, shortened to its first line."""
    try:
        message: str = json.loads(body.decode())["message"]
        return ": " + message.strip().splitlines()[0][:300].rstrip(".")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return ""
