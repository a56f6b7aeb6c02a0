# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control interface for tests, below /_double/. It answers callers on the same machine only."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from flask import Blueprint, Response, current_app, jsonify, request

from . import models, workflows
from .auth import find_user, make_token
from .control import Refused, changed_switches
from .world import Failure, json_body, text, world

doors = Blueprint("doors", __name__, url_prefix="/_double")


@doors.before_request
def only_from_here() -> None:
    if request.remote_addr not in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        raise Failure(403, "The control interface answers callers on the same machine only")


@doors.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return Failure(400, str(error)).response()


@doors.get("/counters")
def counters() -> Response:
    return jsonify(world().control.counters())


@doors.delete("/counters")
def reset_counters() -> Response:
    world().control.reset_counters()
    return text("")


@doors.get("/faults")
def show_faults() -> Response:
    return jsonify(dataclasses.asdict(world().control.faults))


@doors.put("/faults")
def set_faults() -> Response:
    world().control.set_faults(**json_body(dict, "an object"))
    return show_faults()


@doors.delete("/faults")
def clear_faults() -> Response:
    world().control.set_faults()
    return text("")


@doors.get("/switches")
def show_switches() -> Response:
    return jsonify(dataclasses.asdict(world().store.switches))


@doors.put("/switches")
def set_switches() -> Response:
    store = world().store
    store.switches = changed_switches(store.switches, json_body(dict, "an object"))
    store.save()
    return show_switches()


@doors.get("/properties")
def properties() -> Response:
    """All settings with the value in use and the one in the database, secrets too."""
    store = world().store
    return jsonify([dict(setting._asdict(), value=store.value(setting.name), saved=store.saved(setting.name)) for setting in store.settings()])


@doors.post("/tokens")
def tokens() -> Response:
    """A personal access token for `username` that is good for `expires_in` seconds, or expired since as many below zero."""
    body = json_body(dict, "an object")
    here = world()
    username = body.get("username", "admin")
    if not find_user(here, username):
        raise Failure(404, "There is no user %s" % username)
    return jsonify(make_token(here, username, time.time() + float(body.get("expires_in", 86400)), "made by a test"))


@doors.post("/restart")
def restart() -> Response:
    t.cast(t.Callable[[], None], current_app.extensions["restart"])()
    return text("", 202)


@doors.post("/workflows")
def add_workflow() -> Response:
    """A workflow in `project` as `workflow` describes it, with `script`; see workflows.py."""
    body = json_body(dict, "an object")
    return jsonify(workflows.add(world().store, body.get("workflow", {}), body.get("project", 1), _script(body.get("script", {}))))


@doors.put("/workflows/<int:number>")
def script_workflow(number: int) -> Response:
    """Change parts of the script; executions that began before keep theirs."""
    kept = workflows.find("id", number)
    kept["script"].update(_script(json_body(dict, "an object")))
    world().store.save()
    return jsonify(kept)


def _script(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    for name in wanted:
        if name not in workflows.SCRIPT:
            raise Refused("There is no %s in a script; there are %s." % (name, ", ".join(workflows.SCRIPT)))
    statuses = wanted.get("statuses", ["RUNNING"])
    if not statuses or any(not isinstance(status, str) for status in statuses):
        raise Refused("statuses is %r; it must be a list of texts, such as %s." % (statuses, ", ".join(workflows.STATUSES)))
    return wanted


@doors.get("/executions")
def executions() -> Response:
    """All executions with the parameters they were given."""
    return jsonify(world().store.state["executions"])


@doors.post("/models")
def add_model() -> Response:
    """A model with a `name`, of `files` (path → text) and so many bytes of `padding`; the answer tells size and sha256 of its zip."""
    body = json_body(dict, "an object")
    files = body.get("files", {"MLmodel": "flavors: {}\n"})
    return jsonify(models.add(world().store, body.get("name", "model"), files, body.get("padding", 0)))
