# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the double, put together."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from . import auth, faults
from .about import about
from .configurations import configurations
from .doors import doors
from .models import models
from .users import users
from .workflows import workflows
from .world import Failure, World


def make_app(world: World) -> Flask:
    """The server, once started."""
    app = Flask("sparkflows_double", static_folder=None)
    app.extensions["double"] = world
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for part in (auth.auth, about, configurations, users, workflows, models, doors):
        app.register_blueprint(part)

    # One request at a time changes or reads the state; those that are delayed or hang do not hold up others.
    @app.before_request
    def before() -> Response | None:
        if request.path.startswith("/_double/"):
            world.lock.acquire()
            return None
        answer = faults.before_request()
        world.lock.acquire()
        return answer or auth.identify()

    @app.teardown_request
    def after(error: BaseException | None) -> None:
        world.lock.release()

    app.after_request(faults.after_request)

    @app.errorhandler(Failure)
    def failed(error: Failure) -> Response:
        return error.response()

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return Failure(error.code or 500, error.description or error.name).response()

    return app
