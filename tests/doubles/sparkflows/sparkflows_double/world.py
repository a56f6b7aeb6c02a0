# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the double share while one request is answered."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from flask import Response, current_app, jsonify, request

from .control import Control
from .store import Store


@dataclasses.dataclass
class World:
    """One start of the server: its state, and what it forgets when it ends."""

    store: Store
    control: Control
    sessions: dict[str, str] = dataclasses.field(default_factory=dict)  # cookie → user name
    oauth_tokens: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)  # token → user name, end of its life
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)


def world() -> World:
    return t.cast(World, current_app.extensions["double"])


class Failure(Exception):
    """An answer that is no success, with a body like that of a Spring server."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self) -> Response:
        names = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}
        body = {"status": self.status, "error": names.get(self.status, "Error"), "message": str(self), "path": request.path}
        answer = jsonify(body)
        answer.status_code = self.status
        return answer


def text(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="text/plain")


def json_body(kind: type, what: str) -> t.Any:
    """The request's JSON, which must be of this kind; `what` says so in the error."""
    body = request.get_json(silent=True)
    if not isinstance(body, kind):
        raise Failure(400, "JSON parse error: %s is expected" % what)
    return body
