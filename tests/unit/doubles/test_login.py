# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four documented ways in, and what happens to those who are not let in."""

from __future__ import annotations

import base64
import json
import time
import typing as t

import pytest

OAUTH = {"grant_type": "password", "username": "admin", "password": "admin"}
BUSY = "/api/v1/users/user-info"


def test_session_by_form_and_cookie(call: t.Any) -> None:
    page = call("GET", "/login", anonymous=True)
    assert page.status == 200
    assert "double" in page.text
    answer = call.form("/login", username="admin", password="admin")
    assert (answer.status, answer.headers["location"]) == (302, "/")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert call("GET", BUSY, headers={"Cookie": cookie}, anonymous=True).json()["username"] == "admin"
    refused = call.form("/login", username="admin", password="wrong")
    assert (refused.status, refused.headers["location"]) == (302, "/login?error")
    assert "set-cookie" not in refused.headers


def test_session_ends_with_a_restart(call: t.Any, sparkflows_double: t.Any) -> None:
    cookie = call.form("/login", username="test", password="test").headers["set-cookie"].partition(";")[0]
    sparkflows_double.restart()
    assert call("GET", BUSY, headers={"Cookie": cookie}, anonymous=True).status == 401


@pytest.mark.parametrize("where", ["form", "query"])
def test_oauth_password_grant(call: t.Any, where: str) -> None:
    if where == "form":
        answer = call.form("/oauth/token", "sparkflows:secret", **OAUTH).json()
    else:
        answer = call.form("/oauth/token?grant_type=password&username=admin&password=admin", "sparkflows:secret").json()
    assert list(answer) == ["access_token", "token_type", "refresh_token", "expires_in", "scope"]
    assert (answer["token_type"], answer["scope"]) == ("bearer", "read write")
    bearer = {"Authorization": "Bearer " + answer["access_token"]}
    assert call("GET", BUSY, headers=bearer, anonymous=True).json()["username"] == "admin"


def test_oauth_refusals(call: t.Any, sparkflows_double: t.Any) -> None:
    assert call.form("/oauth/token", "sparkflows:wrong", **OAUTH).status == 401
    assert call.form("/oauth/token", **OAUTH).status == 401
    wrong = call.form("/oauth/token", "sparkflows:secret", **{**OAUTH, "password": "wrong"})
    assert (wrong.status, wrong.json()["error"]) == (400, "invalid_grant")
    assert call.form("/oauth/token", "sparkflows:secret", **{**OAUTH, "grant_type": "implicit"}).status == 400
    bad = call("GET", BUSY, headers={"Authorization": "Bearer nonsense"}, anonymous=True)
    assert (bad.status, bad.json()["error"]) == (401, "invalid_token")
    sparkflows_double.switches(oauth=False)
    assert call.form("/oauth/token", "sparkflows:secret", **OAUTH).status == 404


def test_a_new_oauth_login_may_end_the_old_one(call: t.Any, sparkflows_double: t.Any) -> None:
    def log_in() -> dict[str, str]:
        return {"Authorization": "Bearer " + call.form("/oauth/token", "sparkflows:secret", **OAUTH).json()["access_token"]}

    first = log_in()
    log_in()
    assert call("GET", BUSY, headers=first, anonymous=True).status == 200
    sparkflows_double.switches(one_oauth_token_per_user=True)
    log_in()
    assert call("GET", BUSY, headers=first, anonymous=True).status == 401


def test_oauth_token_expires(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(oauth_expires_in=-1)
    token = call.form("/oauth/token", "sparkflows:secret", **OAUTH).json()["access_token"]
    assert call("GET", BUSY, headers={"Authorization": "Bearer " + token}, anonymous=True).status == 401


def test_access_token_is_a_jwt(call: t.Any) -> None:
    end = int(time.time() + 3600)
    answer = call("POST", "/api/v1/tokens", {"expiredDuration": str(end * 1000), "description": "a test"})
    assert answer.status == 200
    token = answer.json()["accessToken"]
    assert token.startswith("eyJhbGciOiJIUzUxMiJ9.")  # as in the documented example
    payload = token.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"] == end
    assert call("GET", BUSY, headers={"token": token}, anonymous=True).status == 200


def test_access_tokens_are_listed_and_deleted(call: t.Any) -> None:
    made = call("POST", "/api/v1/tokens", {"expiredDuration": "60"}).json()
    listed = call("GET", "/api/v1/tokens").json()
    assert [token["id"] for token in listed][-1] == made["id"]
    assert "accessToken" not in listed[-1]
    one = "/api/v1/tokens/%d" % made["id"]
    assert call("GET", one).json() == listed[-1]
    assert call("DELETE", one).status == 200
    assert call("GET", one).status == 404
    assert call("GET", BUSY, headers={"token": made["accessToken"]}, anonymous=True).status == 401


def test_access_token_needs_what_it_is_made_of(call: t.Any, sparkflows_double: t.Any) -> None:
    assert call("POST", "/api/v1/tokens", {"expiredDuration": "soon"}).status == 400
    sparkflows_double.switches(token_description_mandatory=True, token_status=201)
    assert call("POST", "/api/v1/tokens", {"expiredDuration": "60"}).status == 400
    assert call("POST", "/api/v1/tokens", {"expiredDuration": "60", "description": "a test"}).status == 201


@pytest.mark.parametrize("spoil", ["expired", "nonsense", "signature"])
def test_bad_access_token(call: t.Any, sparkflows_double: t.Any, spoil: str) -> None:
    tokens = {"expired": sparkflows_double.make_token(expires_in=-5), "nonsense": "nonsense", "signature": sparkflows_double.token[:-3] + "AAA"}
    answer = call("GET", BUSY, headers={"token": tokens[spoil]}, anonymous=True)
    assert (answer.status, answer.json()) == (401, {"error": "invalid_token", "error_description": "Invalid access token"})


def test_access_tokens_need_two_flags_and_a_restart(call: t.Any, sparkflows_double: t.Any) -> None:
    refused = {"error": "invalid_token", "error_description": "Invalid access token"}
    for flags in ("", "fire.cors.enable=true\n", "fire.cors.enable=true\nfire.security.csrf.enable=true\n"):
        sparkflows_double.write("application.properties", flags)
        sparkflows_double.restart()
        assert call("GET", BUSY).json() == refused
    sparkflows_double.write("application.properties", "fire.cors.enable = true\nfire.security.csrf.enable = false\n")
    assert call("GET", BUSY).json() == refused
    sparkflows_double.restart()
    assert call("GET", BUSY).status == 200


@pytest.mark.parametrize(
    ("kind", "statuses"), [("mixed", {BUSY: 401, "/api/v1/mlmodel/OutputModels": 302, "/": 302}), ("redirect", {BUSY: 302}), ("status", {"/": 401})]
)
def test_without_a_login(call: t.Any, sparkflows_double: t.Any, kind: str, statuses: dict[str, int]) -> None:
    sparkflows_double.switches(unauthenticated=kind)
    for path, status in statuses.items():
        answer = call("GET", path, anonymous=True)
        assert (answer.status, answer.headers.get("location")) == (status, "/login" if status == 302 else None)


def test_users(call: t.Any) -> None:
    users, dummy, groups = call("GET", "/api/v1/users").json()
    assert [user["username"] for user in users] == ["admin", "test"]
    assert groups == {"1": [], "2": []}
    body = {"id": 0, "username": "FL1", "password": "pw", "isSuperuser": False, "superuser": False, "active": True, "groups": [1], "roles": [1]}
    created = call("POST", "/api/v1/users", body).text
    assert created.startswith("User FL1 created successfully with user id ")
    number = int(created.rpartition(" ")[2])
    assert "updated" in call("POST", "/api/v1/users", {**body, "id": number, "password": "other"}).text
    assert call.form("/login", username="FL1", password="other").headers["location"] == "/"
    assert call("POST", "/api/v1/users", body).status == 400
    assert call("GET", "/api/v1/users/details").json()[-1]["id"] == number
    assert call("GET", "/api/v1/user/isAdmin/isSuperuser").json() is True
