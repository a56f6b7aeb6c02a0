# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sparkflows_info finds out about the double: health, release, login, and the end of a token."""

from __future__ import annotations

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import info
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows

TOKEN = "CANARY-token-0123456789"


def ask(url, token=TOKEN, **given):
    defaults = {
        "sparkflows_url": url, "sparkflows_token": token, "sparkflows_username": None, "sparkflows_password": None, "sparkflows_auth": "auto",
        "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0, "retry_delay": 0, "rate_limit": None,
        "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30,
        "wait": 0, "login": True, "token_warn_days": 14, "version_key": "releaseVersion",
    }  # fmt: skip
    params = dict(defaults, **given)
    return info.run(params, Sparkflows(params))


def refused(*args, **kwargs):
    with pytest.raises(Problem) as caught:
        ask(*args, **kwargs)
    assert "CANARY" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(info, "_POLL_SECONDS", 0.05)


def test_all_is_well(sparkflows_double):
    result = ask(sparkflows_double.url, sparkflows_double.token)
    release = result.pop("release")
    token = result.pop("token")
    assert result == {"changed": False, "health": "UP", "version": release["releaseVersion"], "authenticated_as": "token"}
    assert 89 < token["days_left"] <= 90
    assert token["about_to_expire"] is False
    assert sparkflows_double.counters()["by_path"] == {"GET /healthcheck": 1, "GET /api/v1/users/user-info": 1, "GET /api/v1/app/release-info": 1}
    assert sparkflows_double.counters()["writes"] == 0


@pytest.mark.parametrize("path, tries", [("new", 1), ("old", 2), ("both", 1)])
def test_both_health_pages_are_known(sparkflows_double, path, tries):
    sparkflows_double.switches(health_path=path)
    result = ask(sparkflows_double.url, None, login=False)
    assert (result["health"], result["authenticated_as"], result["token"]) == ("UP", None, None)
    assert sum(count for asked, count in sparkflows_double.counters()["by_path"].items() if "health" in asked) == tries


def test_a_server_without_a_health_page(http_server):
    http_server.route("GET", "/healthcheck", (302, b"", {"Location": "/login"}))
    http_server.route("GET", "/actuator/health", b"<html>")
    assert ask(http_server.url, None, login=False) == {
        "changed": False, "health": None, "release": None, "version": None, "authenticated_as": None, "token": None,
    }  # fmt: skip


@pytest.mark.parametrize("public", [True, False])
def test_the_release_without_a_login(sparkflows_double, public):
    sparkflows_double.switches(release_info_public=public)
    result = ask(sparkflows_double.url, None, login=False)
    assert (result["version"] is not None) is public


@pytest.mark.parametrize(
    "release, version",
    [
        ({"releaseVersion": "3.2.28"}, "3.2.28"), ({"build": [{"releaseVersion": "3.2.28"}]}, "3.2.28"), ({"releaseVersion": 3.3}, "3.3"),
        ({"releaseVersion": None, "x": 1}, None), ("3.2.28", None), (None, None),
    ],
)  # fmt: skip
def test_the_version_is_found_by_its_key(release, version):
    assert info.find_version(release, "releaseVersion") == version


def test_another_key(sparkflows_double):
    sparkflows_double.switches(release_info={"app": {"build": "77"}})
    result = ask(sparkflows_double.url, sparkflows_double.token, version_key="build")
    assert (result["version"], result["release"]) == ("77", {"app": {"build": "77"}})


@pytest.mark.parametrize("scheme", ["oauth", "session"])
def test_login_by_password(sparkflows_double, scheme):
    result = ask(sparkflows_double.url, None, sparkflows_username="admin", sparkflows_password="admin", sparkflows_auth=scheme)
    assert (result["authenticated_as"], result["token"]) == (scheme, None)


def test_a_user_without_permissions_is_logged_in(sparkflows_double):
    assert ask(sparkflows_double.url, sparkflows_double.make_token("test"))["authenticated_as"] == "token"


def only_known(token, path):
    """A page that is forbidden to who is known, and asks everybody else to log in."""
    return lambda request: (403, {}) if request.headers.get("token") == token else (401, {})


def test_a_release_without_the_page_of_the_user(http_server):
    http_server.route("GET", "/healthcheck", {"status": "UP"})
    http_server.route("GET", "/api/v1/configurations", only_known(TOKEN, "/api/v1/configurations"))
    assert ask(http_server.url)["authenticated_as"] == "token"
    http_server.route("GET", "/api/v1/configurations", (401, {}))
    assert "does not accept the token (401 to GET /api/v1/configurations)" in refused(http_server.url)


def test_what_is_forbidden_to_everybody_proves_no_login(http_server):
    http_server.route("GET", "/healthcheck", {"status": "UP"})
    http_server.route("GET", "/api/v1/users/user-info", (403, {}))
    http_server.route("GET", "/api/v1/configurations", (403, {"message": "Access Denied"}))
    assert "A token that is not accepted can be answered like this, too. It says: Access Denied." in refused(http_server.url)


@pytest.mark.parametrize("kind", ["forbidden", "error_body", "null", "nothing", "page", "text", "redirect", "status"])
def test_each_way_of_refusing_a_token_is_no_login(sparkflows_double, kind):
    sparkflows_double.switches(unauthenticated=kind)
    assert "heck sparkflows_token" in refused(sparkflows_double.url)
    assert ask(sparkflows_double.url, sparkflows_double.token)["authenticated_as"] == "token"
    assert ask(sparkflows_double.url, sparkflows_double.make_token("test"))["authenticated_as"] == "token"


@pytest.mark.parametrize("told", [{}, [], "anonymousUser", 0, False, {"authenticated": False}])
def test_an_answer_that_tells_no_user_proves_no_login(http_server, told):
    http_server.route("GET", "/healthcheck", {"status": "UP"})
    http_server.route("GET", "/api/v1/users/user-info", (200, told))
    http_server.route("GET", "/api/v1/configurations", (404, {}))
    assert refused(http_server.url)


@pytest.mark.parametrize(
    ("body", "words"),
    [({"status": "error"}, "health is 'error'"), ({"status": "DOWN"}, "health is 'DOWN'"), ({"status": "FAILED"}, "health is 'FAILED'")],
)
def test_a_health_that_is_not_up(http_server, body, words):
    http_server.route("GET", "/healthcheck", body)
    assert words in refused(http_server.url)


def test_a_wrong_login(sparkflows_double):
    assert "does not accept the token (401 to GET /api/v1/users/user-info)" in refused(sparkflows_double.url)
    assert refused(sparkflows_double.url, None) == "There is no login for Sparkflows. Give sparkflows_token, or sparkflows_username and sparkflows_password."


@pytest.mark.parametrize("days, soon", [(20, False), (10, True)])
def test_a_token_about_to_expire(sparkflows_double, days, soon):
    token = sparkflows_double.make_token(expires_in=days * 86400)
    assert ask(sparkflows_double.url, token)["token"]["about_to_expire"] is soon


def test_an_expired_token(sparkflows_double):
    token = sparkflows_double.make_token(expires_in=-86400)
    assert " It expired on 20" in refused(sparkflows_double.url, token)
    described = ask(sparkflows_double.url, token, login=False)["token"]
    assert described["about_to_expire"] is True
    assert -1.1 < described["days_left"] < -0.9


def test_waiting_for_a_start(sparkflows_double):
    sparkflows_double.faults(slow_start=0.5)
    sparkflows_double.restart(wait=False)
    assert ask(sparkflows_double.url, None, login=False, wait=60)["health"] == "UP"


def test_a_start_that_does_not_come(sparkflows_double):
    sparkflows_double.faults(answers=[{"answer": 503, "times": None}])
    assert refused(sparkflows_double.url, wait=1) == (
        "Sparkflows at %s is not ready: it answered 503 to GET /healthcheck. A server that was started needs some minutes;"
        " wait for it with sparkflows_info. It was waited for 1 seconds." % sparkflows_double.url
    )
    assert sparkflows_double.counters()["requests"] > 2


def test_a_server_that_is_down(http_server):
    http_server.route("GET", "/healthcheck", {"status": "DOWN"})
    assert refused(http_server.url) == "Sparkflows at %s says that its health is 'DOWN'. Read its log, log/fireserver.log." % http_server.url


def test_what_does_not_pass_is_not_waited_for(http_server):
    text = refused("https" + http_server.url[4:], wait=60)
    assert "cannot be reached over TLS" in text and "waited" not in text


@pytest.mark.parametrize("option", ["wait", "token_warn_days"])
def test_bad_options(option):
    assert refused("http://127.0.0.1:1", **{option: -1}) == "%s is -1; it must not be negative." % option
