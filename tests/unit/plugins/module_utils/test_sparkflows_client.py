# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Sparkflows: how it logs in, what it repeats, and how each failure reads."""

from __future__ import annotations

import base64
import json
import subprocess
import time

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows, login_schemes, timestamp, token_expiry

TOKEN = "CANARY-token-0123456789"
PASSWORD = "CANARY-pässword 0123456789"
CONFIGURATIONS = "/api/v1/configurations"
FLAGS = (
    "that the configuration module.enableTokenGeneration is true, and that fire.cors.enable=true"
    " and fire.security.csrf.enable=false in the server's conf/application.properties let tokens in."
)


def parameters(url, **given):
    defaults = {
        "sparkflows_url": url, "sparkflows_token": None, "sparkflows_username": None, "sparkflows_password": None, "sparkflows_auth": "auto",
        "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0, "retry_delay": 0.01, "rate_limit": None,
        "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30,
    }  # fmt: skip
    return dict(defaults, **given)


def client(url, **given):
    return Sparkflows(parameters(url, **given))


def by_password(double, **given):
    return client(double.url, **{"sparkflows_username": double.admin[0], "sparkflows_password": double.admin[1], **given})


def refused(call):
    with pytest.raises(Problem) as caught:
        call()
    assert "CANARY" not in str(caught.value)
    return caught.value


# ---------------------------------------------------------------------------------------------------------------- logins


def test_a_token_costs_no_request(sparkflows_double):
    sparkflows = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token)
    assert sparkflows.scheme is None
    assert sparkflows.get(CONFIGURATIONS)
    assert (sparkflows.scheme, sparkflows.requests) == ("token", 1)
    assert sparkflows_double.counters()["by_path"] == {"GET " + CONFIGURATIONS: 1}


def test_oauth_comes_before_a_session(sparkflows_double):
    sparkflows = by_password(sparkflows_double)
    sparkflows.get(CONFIGURATIONS)
    sparkflows.value("POST", CONFIGURATIONS, [])
    assert sparkflows.scheme == "oauth"
    assert sparkflows_double.counters()["by_path"] == {"POST /oauth/token": 1, "GET " + CONFIGURATIONS: 1, "POST " + CONFIGURATIONS: 1}
    assert sparkflows.requests == 3


def test_a_session_where_there_is_no_oauth(sparkflows_double):
    sparkflows_double.switches(oauth=False)
    sparkflows = by_password(sparkflows_double)
    sparkflows.get(CONFIGURATIONS)
    sparkflows.value("POST", CONFIGURATIONS, [])
    assert sparkflows.scheme == "session"
    assert sparkflows_double.counters()["by_path"] == {"POST /oauth/token": 1, "POST /login": 1, "GET " + CONFIGURATIONS: 1, "POST " + CONFIGURATIONS: 1}


def test_a_session_where_the_oauth_client_is_another_one(sparkflows_double):
    sparkflows = by_password(sparkflows_double, oauth_client_secret="CANARY-client")
    sparkflows.get(CONFIGURATIONS)
    assert sparkflows.scheme == "session"


@pytest.mark.parametrize("answer", [404, 405, (302, b"", {"Location": "/login"}), (403, {}), b"<!DOCTYPE html><p>the page for everything"])
def test_how_a_server_says_that_it_has_no_oauth(http_server, answer):
    http_server.route("POST", "/oauth/token", answer)
    http_server.route("POST", "/login", (302, b"", {"Location": "/", "Set-Cookie": "JSESSIONID=1; Path=/"}))
    http_server.route("GET", "/x", {})
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD)
    sparkflows.get("/x")
    assert sparkflows.scheme == "session"


@pytest.mark.parametrize("scheme, requests", [("oauth", 2), ("session", 2)])
def test_a_scheme_that_was_chosen(sparkflows_double, scheme, requests):
    sparkflows = by_password(sparkflows_double, sparkflows_auth=scheme, sparkflows_token="not looked at")
    sparkflows.get(CONFIGURATIONS)
    assert (sparkflows.scheme, sparkflows.requests) == (scheme, requests)


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, "There is no login for Sparkflows. Give sparkflows_token, or sparkflows_username and sparkflows_password."),
        ({"sparkflows_username": "u"}, "sparkflows_auth is auto, which needs sparkflows_password."),
        ({"sparkflows_password": "p"}, "sparkflows_auth is auto, which needs sparkflows_username."),
        ({"sparkflows_auth": "token", "sparkflows_username": "u", "sparkflows_password": "p"}, "sparkflows_auth is token, which needs sparkflows_token."),
        ({"sparkflows_auth": "session", "sparkflows_token": "t"}, "sparkflows_auth is session, which needs sparkflows_username and sparkflows_password."),
    ],
)
def test_a_login_that_is_not_given(given, expected):
    assert str(refused(lambda: login_schemes(parameters("http://h", **given)))) == expected


def test_a_token_that_no_header_can_carry(sparkflows_double):
    for token in (TOKEN + "\n", "CANARY token", "CANARY-ü"):
        text = str(refused(lambda token=token: client(sparkflows_double.url, sparkflows_token=token).get(CONFIGURATIONS)))
        assert text == "sparkflows_token cannot be sent: a token has only printable ASCII characters and no space."
    assert sparkflows_double.counters()["requests"] == 0


def test_special_characters_in_user_name_and_password(http_server):
    http_server.route("POST", "/oauth/token", {"access_token": "abc"})
    http_server.route("GET", "/x", {})
    client(http_server.url, sparkflows_username="ü&x", sparkflows_password=PASSWORD, oauth_client_id="a", oauth_client_secret="b").get("/x")
    login, asked = http_server.requests
    assert login.body == b"grant_type=password&username=%C3%BC%26x&password=CANARY-p%C3%A4ssword+0123456789"
    assert login.headers["authorization"] == "Basic " + base64.b64encode(b"a:b").decode()
    assert (asked.headers["authorization"], "token" in asked.headers) == ("Bearer abc", False)


def test_the_value_against_forged_requests_is_repeated(http_server):
    def login(request):
        if request.headers.get("x-xsrf-token") != "abc":
            return 403, {"status": 403, "error": "Forbidden", "message": "Invalid CSRF Token"}
        return 302, b"", {"Location": "/", "Set-Cookie": "JSESSIONID=1; Path=/; HttpOnly"}

    http_server.route("POST", "/login", login)
    http_server.route("GET", "/login", (200, b"<html>", {"Set-Cookie": "XSRF-TOKEN=abc; Path=/"}))
    http_server.route("POST", "/save", {})
    http_server.route("GET", "/read", {})
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="session")
    sparkflows.get("/read")
    sparkflows.value("POST", "/save", [])
    asked = [(request.method, request.path, request.headers.get("x-xsrf-token")) for request in http_server.requests]
    assert asked == [("POST", "/login", None), ("GET", "/login", None), ("POST", "/login", "abc"), ("GET", "/read", None), ("POST", "/save", "abc")]
    assert "JSESSIONID=1" in http_server.requests[-1].headers["cookie"]


def test_a_login_without_a_cookie(http_server):
    http_server.route("POST", "/login", (302, b"", {"Location": "/"}))
    text = str(refused(lambda: client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="session").get("/x")))
    assert text == (
        "Sparkflows at %s set no session cookie when logged in to at /login."
        " Check that sparkflows_url names Sparkflows itself, with https where it demands that." % http_server.url
    )


# -------------------------------------------------------------------------------------------------------- refused logins


@pytest.mark.parametrize("kind", ["mixed", "status"])
def test_a_wrong_token(sparkflows_double, kind):
    sparkflows_double.switches(unauthenticated=kind)
    error = refused(lambda: client(sparkflows_double.url, sparkflows_token=TOKEN).get(CONFIGURATIONS))
    assert str(error) == (
        "Sparkflows at %s does not accept the token (401 to GET /api/v1/configurations). Check sparkflows_token, %s It says: Invalid access token."
        % (sparkflows_double.url, FLAGS)
    )
    assert (error.status, error.code) == (401, "invalid_token")
    assert sparkflows_double.counters()["requests"] == 1


def test_a_wrong_token_where_the_server_redirects(sparkflows_double):
    sparkflows_double.switches(unauthenticated="redirect")
    assert str(refused(lambda: client(sparkflows_double.url, sparkflows_token=TOKEN).get(CONFIGURATIONS))) == (
        "Sparkflows at %s sends GET /api/v1/configurations to its login page (302), so it does not accept the token. Check sparkflows_token, %s"
        % (sparkflows_double.url, FLAGS)
    )
    assert sparkflows_double.counters()["requests"] == 1


def test_an_expired_token(sparkflows_double):
    token = sparkflows_double.make_token(expires_in=-86400)
    expired = timestamp(token_expiry(token))
    text = str(refused(lambda: client(sparkflows_double.url, sparkflows_token=token).get(CONFIGURATIONS)))
    assert text == (
        "Sparkflows at %s does not accept the token (401 to GET /api/v1/configurations). It expired on %s. Make a new one and give it in sparkflows_token."
        " It says: Invalid access token." % (sparkflows_double.url, expired)
    )
    assert token not in text


def test_a_token_where_tokens_are_not_allowed(sparkflows_double):
    sparkflows_double.switches(token_auth="refused")
    sparkflows = by_password(sparkflows_double, sparkflows_token=sparkflows_double.token, sparkflows_password=PASSWORD)
    assert FLAGS in str(refused(lambda: sparkflows.get("/api/v1/x")))
    assert sparkflows_double.counters()["by_path"] == {"GET /api/v1/x": 1}


@pytest.mark.parametrize("scheme", ["auto", "oauth"])
def test_a_wrong_password_by_oauth(sparkflows_double, scheme):
    text = str(refused(lambda: by_password(sparkflows_double, sparkflows_password=PASSWORD, sparkflows_auth=scheme).get(CONFIGURATIONS)))
    assert text == (
        "Sparkflows at %s does not accept the user name and password (400 to POST /oauth/token). Check sparkflows_username and sparkflows_password."
        " It says: Bad credentials." % sparkflows_double.url
    )
    # A wrong password is not tried a second time, which could lock the account.
    assert sparkflows_double.counters()["by_path"] == {"POST /oauth/token": 1}


def test_a_wrong_password_by_session(sparkflows_double):
    text = str(refused(lambda: by_password(sparkflows_double, sparkflows_password=PASSWORD, sparkflows_auth="session").get(CONFIGURATIONS)))
    assert text == (
        "Sparkflows at %s does not accept the user name and password (302 to POST /login). Check sparkflows_username and sparkflows_password."
        % sparkflows_double.url
    )
    assert sparkflows_double.counters()["by_path"] == {"POST /login": 1}


def test_a_wrong_oauth_client(sparkflows_double):
    text = str(refused(lambda: by_password(sparkflows_double, oauth_client_secret="CANARY-client", sparkflows_auth="oauth").get(CONFIGURATIONS)))
    assert text == (
        "Sparkflows at %s does not accept the OAuth client (401 to POST /oauth/token). Check oauth_client_id and oauth_client_secret."
        " It says: Bad client credentials." % sparkflows_double.url
    )


def test_oauth_that_gives_no_token(http_server):
    for answer in ({}, [], "x", {"token": "x"}):
        http_server.route("POST", "/oauth/token", (200, answer))
        sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="oauth")
        text = str(refused(lambda sparkflows=sparkflows: sparkflows.get("/x")))
        assert text == "Sparkflows at %s answered POST /oauth/token without an access_token." % http_server.url


def test_a_login_that_ended_in_between(sparkflows_double):
    sparkflows_double.switches(one_oauth_token_per_user=True)
    first, second = by_password(sparkflows_double), by_password(sparkflows_double)
    first.login()
    second.login()
    assert first.get(CONFIGURATIONS)
    assert sparkflows_double.counters()["by_path"]["POST /oauth/token"] == 3
    sparkflows_double.faults(answers=[{"answer": 401, "times": None, "path": CONFIGURATIONS}])
    assert str(refused(lambda: first.get(CONFIGURATIONS))) == (
        "Sparkflows at %s does not accept the OAuth login (401 to GET /api/v1/configurations). Check sparkflows_username and sparkflows_password,"
        " and that nobody else logs in as this user meanwhile." % sparkflows_double.url
    )
    assert sparkflows_double.counters()["by_path"]["POST /oauth/token"] == 4


def test_a_session_that_ended_in_between(sparkflows_double):
    sparkflows = by_password(sparkflows_double, sparkflows_auth="session")
    sparkflows.get(CONFIGURATIONS)
    sparkflows_double.world.sessions.clear()
    sparkflows.value("POST", CONFIGURATIONS, [])
    assert sparkflows_double.counters()["by_path"]["POST /login"] == 2


@pytest.mark.parametrize("location, ok", [
    ("/", True), ("/#/home", True), ("/login?error", False), ("/login;jsessionid=1?error", False), ("/#/login", False), ("/ui/login.html", False),
])  # fmt: skip
def test_where_a_login_leads_to(http_server, location, ok):
    http_server.route("POST", "/login", (302, b"", {"Location": location, "Set-Cookie": "JSESSIONID=1; Path=/"}))
    http_server.route("GET", "/x", {"a": 1})
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="session")
    if ok:
        assert sparkflows.get("/x")
    else:
        assert "does not accept the user name and password (302 to POST /login)" in str(refused(lambda: sparkflows.get("/x")))


@pytest.mark.parametrize("body", [{"success": False}, b'<form><input type="password"></form>', {"error": "Bad credentials"}])
def test_a_login_that_is_refused_with_status_200(http_server, body):
    http_server.route("POST", "/login", (200, body, {"Set-Cookie": "JSESSIONID=1; Path=/"}))
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="session")
    assert "does not accept the user name and password (200 to POST /login)" in str(refused(lambda: sparkflows.get("/x")))


@pytest.mark.parametrize("answer", [{"access_token": None}, {"access_token": ""}, {"access_token": 5}, b"null", b""])
def test_oauth_that_gives_no_token_although_it_names_one(http_server, answer):
    http_server.route("POST", "/oauth/token", (200, answer))
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD, sparkflows_auth="oauth")
    assert "answered POST /oauth/token without an access_token." in str(refused(lambda: sparkflows.get("/x")))


def test_oauth_that_refuses_with_status_200(http_server):
    http_server.route("POST", "/oauth/token", {"error": "invalid_grant", "error_description": "Bad credentials"})
    sparkflows = client(http_server.url, sparkflows_username="u", sparkflows_password=PASSWORD)
    assert "does not accept the user name and password (200 to POST /oauth/token)." in str(refused(lambda: sparkflows.get("/x")))
    assert http_server.count() == 1


# ----------------------------------------------------------------------------------------------------------- bad answers


def test_a_page_instead_of_json(sparkflows_double):
    sparkflows_double.faults(answers=[{"answer": "html"}])
    sparkflows = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token)
    assert str(refused(lambda: sparkflows.get(CONFIGURATIONS))) == (
        "Sparkflows at %s answered GET /api/v1/configurations with an HTML page where data were expected, as a login page or another service does."
        " Check sparkflows_url and sparkflows_token." % sparkflows_double.url
    )


REFUSALS = {
    "forbidden": "forbids GET /api/v1/configurations to this login (403). Check sparkflows_token and that its user has the permission"
    " configurations.manage. A token that is not accepted can be answered like this, too. It says: Access Denied.",
    "error_body": "does not accept the token (200 to GET /api/v1/configurations). Check sparkflows_token, " + FLAGS + " It says: Invalid access token.",
    "null": "answered GET /api/v1/configurations with nothing (status 200), where data were expected. Check sparkflows_token, and look",
    "nothing": "answered GET /api/v1/configurations with nothing (status 200), where data were expected. Check sparkflows_token, and look",
    "page": "answered GET /api/v1/configurations with its login page, so it does not accept the token. Check sparkflows_token, " + FLAGS,
    "text": "does not accept the token (500 to GET /api/v1/configurations). Check sparkflows_token, " + FLAGS + " It says: JWT signature does not match",
}


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_each_way_of_refusing_a_token(sparkflows_double, kind):
    sparkflows_double.switches(unauthenticated=kind)
    text = str(refused(lambda: client(sparkflows_double.url, sparkflows_token=TOKEN).get(CONFIGURATIONS)))
    assert text.startswith("Sparkflows at %s %s" % (sparkflows_double.url, REFUSALS[kind]))


def test_a_redirect_shows_no_session(sparkflows_double, http_server):
    sparkflows_double.switches(unauthenticated="redirect", session_in_redirects=True)
    text = str(refused(lambda: client(sparkflows_double.url, sparkflows_token=TOKEN).get(CONFIGURATIONS)))
    assert "sends GET /api/v1/configurations to its login page (302)" in text and "jsessionid" not in text
    http_server.route("GET", "/x", (302, b"", {"Location": "https://u:p@sso.example.com/start;jsessionid=CANARY/in?a=b#state=CANARY"}))
    assert "and points to https://sso.example.com/start/in. Redirects" in str(refused(lambda: client(http_server.url, sparkflows_token=TOKEN).get("/x")))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_json_in_another_encoding(sparkflows_double, encoding):
    sparkflows_double.switches(encoding=encoding)
    sparkflows_double.save(**{"double.k41": "müller"})
    told = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token).get(CONFIGURATIONS)
    assert "müller" in [each["confProperty"]["value1"] for each in told]


@pytest.mark.parametrize("answer, expected", [
    ("deep", "with something that is not JSON"), ("cut_gzip", "closed the connection without a usable answer"), ("empty", "with nothing (status 200)"),
    ("null", "with nothing (status 200)"), ("drip", "did not answer within 1 seconds"), ("login_page", "with its login page"),
])  # fmt: skip
def test_answers_that_are_none(sparkflows_double, answer, expected):
    sparkflows_double.faults(answers=[{"answer": answer}])
    start = time.monotonic()
    assert expected in str(refused(lambda: client(sparkflows_double.url, sparkflows_token=sparkflows_double.token, timeout=1).get(CONFIGURATIONS)))
    assert time.monotonic() - start < 5


def test_too_many_requests(sparkflows_double):
    sparkflows = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token, retries=1)
    sparkflows_double.faults(answers=[{"answer": 429, "headers": {"Retry-After": "1"}}])
    start = time.monotonic()
    sparkflows.value("POST", CONFIGURATIONS, [])
    assert time.monotonic() - start >= 1
    sparkflows_double.faults(answers=[{"answer": 429, "headers": {"Retry-After": "600"}, "body": "slow down"}])
    sparkflows_double.reset_counters()
    assert str(refused(lambda: sparkflows.value("POST", CONFIGURATIONS, []))) == (
        "Sparkflows at %s had too many requests and did not carry out POST /api/v1/configurations (429). It asks to be left alone for 600 seconds."
        " Raise retries, or set rate_limit. It says: slow down." % sparkflows_double.url
    )
    assert sparkflows_double.counters()["requests"] == 1


def test_a_redirect_to_elsewhere(http_server):
    http_server.route("GET", "/x", (301, b"", {"Location": "https://new.example.com/x?a=" + TOKEN}))
    text = str(refused(lambda: client(http_server.url, sparkflows_token=TOKEN).get("/x")))
    assert "answered 301 to GET /x and points to https://new.example.com/x. Redirects are not followed" in text


def test_a_server_that_is_still_starting(sparkflows_double):
    sparkflows = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token, retries=2)
    sparkflows_double.faults(answers=[{"answer": 503, "times": 2}])
    assert sparkflows.get(CONFIGURATIONS)
    assert sparkflows.requests == 3
    sparkflows_double.faults(answers=[{"answer": 503, "times": None}])
    sparkflows_double.reset_counters()
    assert str(refused(lambda: sparkflows.get(CONFIGURATIONS))) == (
        "Sparkflows at %s is not ready: it answered 503 to GET /api/v1/configurations. A server that was started needs some minutes;"
        " wait for it with sparkflows_info." % sparkflows_double.url
    )
    assert sparkflows_double.counters()["requests"] == 3
    # Saving is not repeated.
    sparkflows_double.reset_counters()
    refused(lambda: sparkflows.value("POST", CONFIGURATIONS, []))
    assert sparkflows_double.counters()["requests"] == 1


def test_a_dropped_connection(sparkflows_double):
    sparkflows = client(sparkflows_double.url, sparkflows_token=sparkflows_double.token, retries=1)
    sparkflows_double.faults(answers=[{"answer": "drop"}])
    assert sparkflows.get(CONFIGURATIONS)
    sparkflows_double.faults(answers=[{"answer": "drop"}])
    error = refused(lambda: sparkflows.value("POST", CONFIGURATIONS, []))
    assert str(error).endswith(" Whether it acted on POST /api/v1/configurations is unknown.")
    assert error.may_pass


def test_nothing_listens(sparkflows_double):
    sparkflows_double.stop()
    sparkflows = client(sparkflows_double.url, sparkflows_token=TOKEN)
    error = refused(lambda: sparkflows.value("POST", CONFIGURATIONS, []))
    assert str(error).endswith("Check sparkflows_url and that the service runs.")
    assert isinstance(error, HttpError) and error.may_pass


@pytest.fixture
def tls_double(sparkflows_double, tmp_path):
    """The double with a certificate of its own, `certificate`, that is good for 127.0.0.1 only."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    double = type(sparkflows_double)(tmp_path / "tls", certificate=str(certificate), private_key=str(key))
    double.certificate = str(certificate)
    yield double
    double.stop()


def test_a_certificate(tls_double):
    given = {"sparkflows_token": tls_double.token}
    assert client(tls_double.url, ca_path=tls_double.certificate, **given).get(CONFIGURATIONS)
    assert client(tls_double.url, validate_certs=False, **given).get(CONFIGURATIONS)
    text = str(refused(lambda: client(tls_double.url, **given).get(CONFIGURATIONS)))
    assert text.startswith("Sparkflows at %s shows a certificate that is not trusted: " % tls_double.url)
    assert text.endswith("Name its authority with ca_path.")
    other = tls_double.url.replace("127.0.0.1", "localhost")
    text = str(refused(lambda: client(other, ca_path=tls_double.certificate, **given).get(CONFIGURATIONS)))
    assert "certificate is not valid for 'localhost'" in text


def test_not_allowed(sparkflows_double):
    token = sparkflows_double.make_token("test")
    sparkflows = client(sparkflows_double.url, sparkflows_token=token)
    assert str(refused(lambda: sparkflows.get(CONFIGURATIONS))) == (
        "Sparkflows at %s forbids GET /api/v1/configurations to this login (403). Check sparkflows_token and that its user has the permission"
        " configurations.manage. It says: Access is denied: the permission configurations.manage is missing." % sparkflows_double.url
    )
    assert "Check sparkflows_token and what its user may do." in str(refused(lambda: sparkflows.get("/api/v1/users")))


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"retries": -1}, "retries is -1; it must not be negative."),
        ({"retry_delay": -0.5}, "retry_delay is -0.5; it must not be negative."),
        ({"rate_limit": 0}, "rate_limit is 0; it must be a number of requests per second above 0."),
        (
            {"sparkflows_url": "sparkflows:8080"},
            "sparkflows_url is 'sparkflows:8080', which is not an http:// or https:// address. Give one such as http://127.0.0.1:5000.",
        ),
    ],
)
def test_bad_options(given, expected):
    assert str(refused(lambda: Sparkflows(dict(parameters("http://h"), **given)))) == expected


def test_the_rate_is_kept(http_server):
    http_server.route("GET", "/x", {})
    sparkflows = client(http_server.url, sparkflows_token=TOKEN, rate_limit=20)
    start = time.monotonic()
    for dummy in range(5):
        sparkflows.get("/x")
    assert time.monotonic() - start >= 4 / 20


# ---------------------------------------------------------------------------------------------------------------- tokens


def jwt(claims):
    parts = (b"{}", claims if isinstance(claims, bytes) else json.dumps(claims).encode(), b"x")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_when_a_token_expires():
    assert token_expiry(jwt({"exp": 1767225600})) == 1767225600
    assert timestamp(1767225600) == "2026-01-01T00:00:00Z"
    for token in ("", "opaque", "a.b.c", "a.%%%.c", jwt(b"\xff"), jwt({}), jwt([]), jwt({"exp": "soon"}), jwt({"exp": None}), jwt({"exp": 1e300})):
        assert token_expiry(token) is None
