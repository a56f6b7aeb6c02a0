# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health and release."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from . import RELEASE
from .world import Failure, world

about = Blueprint("about", __name__)


@about.get("/healthcheck")
def healthcheck() -> Response:
    return _health("new")


@about.get("/actuator/health")
def older_healthcheck() -> Response:
    return _health("old")


def _health(path: str) -> Response:
    if world().store.switches.health_path not in (path, "both"):
        raise Failure(404, "Not Found")
    return jsonify({"status": "UP"})


@about.get("/api/v1/app/release-info")
def release_info() -> Response:
    answer = world().store.switches.release_info
    return jsonify({"releaseVersion": RELEASE, "product": "Sparkflows double"} if answer is None else answer)
