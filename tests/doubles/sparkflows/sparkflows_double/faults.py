# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that go wrong because a test wants them to."""

from __future__ import annotations

import contextlib
import socket
import typing as t

from flask import Response, g, redirect, request

from .world import world

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
    g.fault = fault = control.fault_for(request.method, request.path)
    if fault == "hang":
        control.stopping.wait(3600)
        fault = "drop"
    if fault == "drop":
        cut(connection())
        return Response(status=500)
    if fault == "html":
        return Response(PAGE, mimetype="text/html")
    if fault == "redirect":
        return t.cast(Response, redirect("/login"))
    if isinstance(fault, int):
        headers = {"Retry-After": "1"} if fault == 503 else {}
        return Response("<html><body><h1>%d from a double</h1></body></html>" % fault, fault, headers, mimetype="text/html")
    return None


def after_request(answer: Response) -> Response:
    if g.get("fault") == "drop_answer":
        cut(connection())
    return answer
