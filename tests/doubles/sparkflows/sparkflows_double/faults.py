# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that go wrong because a test wants them to."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import typing as t

from flask import Response, g, redirect, request

from .world import world

LOGIN_PAGE = (
    '<!DOCTYPE html><html><body><form method="post" action="/login"><input name="username"><input name="password" type="password"></form></body></html>'
)
PAGE = "<!DOCTYPE html><html><head><title>Sparkflows double</title></head><body>Some page that is not JSON.</body></html>"


def connection() -> socket.socket:
    return t.cast(socket.socket, request.environ["werkzeug.socket"])


def cut(line: socket.socket) -> None:
    """Close a connection under its answer; the caller sees it end."""
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def before_request() -> Response | None:
    """Count the request and, if it is to go wrong, answer it."""
    control = world().control
    control.count(request.method, request.path)
    if control.faults.delay:
        control.stopping.wait(control.faults.delay)
    rule = control.fault_for(request.method, request.path)
    g.fault = fault = rule.answer if rule else None
    if fault == "hang":
        control.stopping.wait(3600)
        fault = "drop"
    if fault == "drop":
        cut(connection())
        return Response(status=500)
    if fault in ("html", "login_page"):
        return Response(PAGE if fault == "html" else LOGIN_PAGE, mimetype="text/html")
    if fault in ("empty", "null"):
        return Response("" if fault == "empty" else "null", mimetype="application/json")
    if fault == "deep":
        return Response("[" * 100000 + "]" * 100000, mimetype="application/json")
    if fault == "cut_gzip":
        return Response(gzip.compress(b"[1, 2, 3]" * 50)[:-12], headers={"Content-Encoding": "gzip"}, mimetype="application/json")
    if fault == "drip":
        return Response(_drops(control.stopping), mimetype="application/json")
    if fault == "redirect":
        return t.cast(Response, redirect("/login"))
    if rule and isinstance(fault, int):
        if rule.body is not None:
            kind = "application/json" if rule.body.lstrip().startswith(("{", "[")) else "text/plain"
            return Response(rule.body, fault, rule.headers, mimetype=kind)
        return Response("<html><body><h1>%d from a double</h1></body></html>" % fault, fault, rule.headers, mimetype="text/html")
    return None


def _drops(stopping: threading.Event) -> t.Iterator[bytes]:
    """A byte now and then, without an end."""
    while not stopping.wait(0.2):
        yield b" "


def after_request(answer: Response) -> Response:
    if g.get("fault") == "drop_answer":
        cut(connection())
    if g.get("fault") == "lost_504":
        return Response("<html><body><h1>504 Gateway Time-out</h1></body></html>", 504, mimetype="text/html")
    encoding = "utf-8" if request.path.startswith("/_double/") else world().store.switches.encoding
    if encoding != "utf-8" and answer.mimetype == "application/json" and not answer.direct_passthrough and not g.get("fault"):
        # As Python writes the JSON, all letters beyond ASCII are escaped; a Java server writes them as they are.
        answer.set_data(json.dumps(json.loads(answer.get_data()), ensure_ascii=False).encode(encoding, "replace"))
        answer.headers["Content-Type"] = "application/json" + (";charset=ISO-8859-1" if encoding == "iso-8859-1" else "")
    return answer
