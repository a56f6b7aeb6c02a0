# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users."""

from __future__ import annotations

import typing as t

from flask import Blueprint, Response, g, jsonify

from .auth import demand
from .world import Failure, json_body, text, world

users = Blueprint("users", __name__)

_PUBLIC = ("id", "username", "firstName", "lastName", "email", "isSuperuser", "isActive")


def _shown(user: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: user[key] for key in _PUBLIC}


@users.get("/api/v1/users")
def list_users() -> Response:
    """An array of three parts: users, a part of which nothing is public, and the groups of each user by its id."""
    demand("global.admin")
    kept = world().store.state["users"]
    return jsonify([[_shown(user) for user in kept], [], {str(user["id"]): [{"name": group} for group in user["groups"]] for user in kept}])


@users.get("/api/v1/users/details")
def details() -> Response:
    demand("global.admin")
    return jsonify([_shown(user) for user in world().store.state["users"]])


@users.get("/api/v1/users/user-info")
def user_info() -> Response:
    return jsonify(_shown(g.user))


@users.get("/api/v1/user/isAdmin/isSuperuser")
def is_superuser() -> Response:
    return jsonify(g.user["isSuperuser"])


@users.post("/api/v1/users")
def save_user() -> Response:
    """Create a user (id 0) or update the one with that id."""
    demand("global.admin")
    store = world().store
    body = json_body(dict, "an object")
    if not isinstance(body.get("username"), str) or not isinstance(body.get("id"), int):
        raise Failure(400, "JSON parse error: username and id are needed")
    taken = [user for user in store.state["users"] if user["username"] == body["username"] and user["id"] != body["id"]]
    if taken:
        raise Failure(400, "User %s already exists" % body["username"])
    if body["id"] == 0:
        user: dict[str, t.Any] = {"id": store.next_id("user"), "password": "", "roles": [], "groups": []}
        store.state["users"].append(user)
    else:
        known = [user for user in store.state["users"] if user["id"] == body["id"]]
        if not known:
            raise Failure(404, "There is no user %d" % body["id"])
        user = known[0]
    user.update(
        username=body["username"], firstName=body.get("firstName", ""), lastName=body.get("lastName", ""), email=body.get("email", ""),
        isSuperuser=bool(body.get("isSuperuser")), isActive=bool(body.get("active", True)),
        roles=["ADMIN" if body.get("isSuperuser") else "ANALYST"],
    )  # fmt: skip
    if body.get("password"):
        user["password"] = body["password"]
    store.save()
    return text("User %s %s successfully with user id %d" % (user["username"], "updated" if body["id"] else "created", user["id"]))
