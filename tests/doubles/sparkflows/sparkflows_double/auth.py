# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to log in, and who may do what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import typing as t
import uuid

from flask import Blueprint, Response, g, jsonify, redirect, request

from .world import Failure, World, json_body, text, world

auth = Blueprint("auth", __name__)

#: Roles are the stock ones; which permission belongs to which is the double's own choice.
PERMISSIONS = {
    "ADMIN": ("global.admin", "configurations.manage", "credentialstores.manage", "enable.tokenGeneration"),
    "ANALYST": ("enable.tokenGeneration",),
    "BUSINESS ASSOCIATE": (),
}
CLIENT = ("sparkflows", "secret")
#: Nobody is asked to log in here.
OPEN = ("/login", "/oauth/token", "/healthcheck", "/actuator/health")
#: Where a caller without a valid login is sent to the login page; elsewhere the answer is a 401.
REDIRECTING = ("/api/v1/workflow-execution", "/api/v1/execution-results", "/api/v1/mlmodel", "/api/v1/pipelines")
COOKIE = "JSESSIONID"
INVALID_TOKEN = {"error": "invalid_token", "error_description": "Invalid access token"}


def find_user(here: World, username: str) -> dict[str, t.Any] | None:
    return next((user for user in here.store.state["users"] if user["username"] == username and user["isActive"]), None)


def log_in(here: World, username: str, password: str) -> bool:
    user = find_user(here, username)
    return user is not None and hmac.compare_digest(user["password"].encode(), password.encode())


def may(permission: str) -> bool:
    if permission == "configurations.manage" and not world().store.switches.configurations_manage:
        return False
    return any(permission in PERMISSIONS.get(role, ()) for role in g.user["roles"])


def demand(permission: str) -> None:
    if not may(permission):
        raise Failure(403, "Access is denied: the permission %s is missing" % permission)


# Personal access tokens.


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(here: World, signed: str) -> str:
    return _part(hmac.new(bytes.fromhex(here.store.state["jwt_key"]), signed.encode(), hashlib.sha512).digest())


def make_token(here: World, username: str, expires_at: float, description: str = "") -> dict[str, t.Any]:
    """A new personal access token (HS512 JWT) that is good until `expires_at`, in seconds since 1970."""
    number = here.store.next_id("token")
    claims = {"sub": username, "jti": str(number), "iat": int(time.time()), "exp": int(expires_at)}
    signed = "%s.%s" % (_part(b'{"alg":"HS512"}'), _part(json.dumps(claims, separators=(",", ":")).encode()))
    kept = {"id": number, "username": username, "description": description, "expiredDuration": str(int(expires_at * 1000))}
    here.store.state["tokens"].append(kept)
    here.store.save()
    return dict(kept, accessToken="%s.%s" % (signed, _signature(here, signed)))


def _owner_of_token(here: World, token: str) -> str | None:
    signed, dot, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(here, signed).encode(), signature.encode()):
        return None
    payload = signed.partition(".")[2]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    alive = claims["exp"] > time.time() and any(str(kept["id"]) == claims["jti"] for kept in here.store.state["tokens"])
    return t.cast(str, claims["sub"]) if alive else None


def tokens_allowed(here: World) -> bool:
    """Whether the header `token` is looked at: as documented, two flags of application.properties have to be set."""
    if here.store.switches.token_auth != "flags":
        return here.store.switches.token_auth == "allowed"
    application = here.store.application
    return application.get("fire.cors.enable") == "true" and application.get("fire.security.csrf.enable") == "false"


# Every request.


def identify() -> Response | None:
    """Find out who asks; the answer to somebody who has to log in first, else nothing."""
    here = world()
    g.user, username, bad_token = None, None, False
    if request.headers.get("token"):
        username = _owner_of_token(here, request.headers["token"]) if tokens_allowed(here) else None
        bad_token = username is None
    elif request.headers.get("Authorization", "").startswith("Bearer "):
        username, end = here.oauth_tokens.get(request.headers["Authorization"][7:], (None, 0.0))
        bad_token = username is None or end < time.time()
        username = None if bad_token else username
    elif COOKIE in request.cookies:
        username = here.sessions.get(request.cookies[COOKIE])
    g.user = find_user(here, username) if username else None
    if g.user or request.path in OPEN or (request.path == "/api/v1/app/release-info" and here.store.switches.release_info_public):
        return None
    kind = here.store.switches.unauthenticated
    page = not request.path.startswith("/api/") or request.path.startswith(REDIRECTING)
    if kind == "redirect" or (kind == "mixed" and page):
        session = ";jsessionid=%s" % uuid.uuid4().hex.upper() if here.store.switches.session_in_redirects else ""
        return t.cast(Response, redirect("/login%s#%s" % (session, "state") if session else "/login"))
    if kind == "forbidden":
        return Failure(403, "Access Denied").response()
    if kind == "error_body":
        return _json(INVALID_TOKEN)
    if kind in ("null", "nothing"):
        return Response("null" if kind == "null" else "", mimetype="application/json")
    if kind == "page":
        return Response(login_page(), mimetype="text/html")
    if kind == "text":
        return text("JWT signature does not match locally computed signature. JWT validity cannot be asserted and should not be trusted.", 500)
    if bad_token:
        return _json(INVALID_TOKEN, 401)
    return Failure(401, "Full authentication is required to access this resource").response()


def _json(body: t.Any, status: int = 200) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    return answer


# Session.


@auth.get("/login")
def login_page() -> str:
    return (
        "<!DOCTYPE html><html><head><title>Sparkflows double: login</title></head><body><h1>Login to a double of Sparkflows</h1>"
        '<form method="post" action="/login"><input name="username"><input name="password" type="password"><button>Login</button></form></body></html>'
    )


@auth.post("/login")
def login() -> Response:
    here = world()
    username = request.form.get("username", "")
    if not log_in(here, username, request.form.get("password", "")):
        return t.cast(Response, redirect("/login?error"))
    cookie = uuid.uuid4().hex.upper()
    here.sessions[cookie] = username
    answer = t.cast(Response, redirect("/"))
    answer.set_cookie(COOKIE, cookie, httponly=True)
    return answer


@auth.get("/")
def home() -> str:
    return "<!DOCTYPE html><html><head><title>Sparkflows double</title></head><body><h1>A double of Sparkflows</h1></body></html>"


# OAuth2, password grant.


@auth.post("/oauth/token")
def oauth_token() -> Response:
    here = world()
    if not here.store.switches.oauth:
        raise Failure(404, "Not Found")
    client = request.authorization
    if not client or (client.username, client.password) != CLIENT:
        return _json({"error": "invalid_client", "error_description": "Bad client credentials"}, 401)
    username, password = request.values.get("username", ""), request.values.get("password", "")
    if request.values.get("grant_type") != "password":
        return _json({"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}, 400)
    if not log_in(here, username, password):
        return _json({"error": "invalid_grant", "error_description": "Bad credentials"}, 400)
    if here.store.switches.one_oauth_token_per_user:
        for token in [token for token, (owner, dummy) in here.oauth_tokens.items() if owner == username]:
            del here.oauth_tokens[token]
    token, life = str(uuid.uuid4()), here.store.switches.oauth_expires_in
    here.oauth_tokens[token] = (username, time.time() + life)
    return _json({"access_token": token, "token_type": "bearer", "refresh_token": str(uuid.uuid4()), "expires_in": life, "scope": "read write"})


# Personal access tokens over REST.


@auth.post("/api/v1/tokens")
def create_token() -> Response:
    demand("enable.tokenGeneration")
    here = world()
    body = json_body(dict, "an object")
    try:
        asked = float(body["expiredDuration"])
    except (KeyError, TypeError, ValueError):
        raise Failure(400, "expiredDuration is missing or no number") from None
    if here.store.switches.token_description_mandatory and not body.get("description"):
        raise Failure(400, "description is mandatory")
    # One public script sends the end in milliseconds since 1970; a duration is documented to be in days.
    expires_at = asked / 1000 if asked > 1e11 else time.time() + 86400 * asked
    return _json(make_token(here, g.user["username"], expires_at, str(body.get("description", ""))), here.store.switches.token_status)


def _own_tokens() -> list[dict[str, t.Any]]:
    return [token for token in world().store.state["tokens"] if token["username"] == g.user["username"]]


def _own_token(number: int) -> dict[str, t.Any]:
    for token in _own_tokens():
        if token["id"] == number:
            return token
    raise Failure(404, "There is no token %d" % number)


@auth.get("/api/v1/tokens")
def list_tokens() -> Response:
    return _json(_own_tokens())


@auth.get("/api/v1/tokens/<int:number>")
def show_token(number: int) -> Response:
    return _json(_own_token(number))


@auth.delete("/api/v1/tokens/<int:number>")
def delete_token(number: int) -> Response:
    world().store.state["tokens"].remove(_own_token(number))
    world().store.save()
    return text("")
