# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Sparkflows over REST: how to log in and how its failures read.

Logins and paths are those of Sparkflows' own documentation, https://docs.sparkflows.io (REST API, Authentication).
"""

from __future__ import annotations

import base64
import datetime
import json
import time
import typing as t
import urllib.parse
from http.cookiejar import CookieJar

from ansible.module_utils.basic import env_fallback
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import excerpt, parsed, sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Answer, Client, HttpError, connection_argument_spec, connection_options
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import answers

CONFIGURATIONS = "/api/v1/configurations"

_Failure = t.TypeVar("_Failure", bound=HttpError)

# What a server has as long as nobody changed it.
_OAUTH_CLIENT_SECRET = "secret"  # noqa: S105 - the documented default
# Where Spring puts the value that a writing request has to repeat, see
# https://docs.spring.io/spring-security/reference/servlet/exploits/csrf.html
_XSRF_COOKIE, _XSRF_HEADER = "XSRF-TOKEN", "X-XSRF-TOKEN"
_INVALID_TOKEN = "invalid_token"  # noqa: S105 - RFC 6750's word


def sparkflows_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragments ``_sparkflows`` and ``_connection``."""
    return dict(
        connection_argument_spec(),
        sparkflows_url={"type": "str", "required": True, "fallback": (env_fallback, ["SPARKFLOWS_URL"])},
        sparkflows_token={"type": "str", "no_log": True, "fallback": (env_fallback, ["SPARKFLOWS_TOKEN"])},
        sparkflows_username={"type": "str", "fallback": (env_fallback, ["SPARKFLOWS_USERNAME"])},
        sparkflows_password={"type": "str", "no_log": True, "fallback": (env_fallback, ["SPARKFLOWS_PASSWORD"])},
        sparkflows_auth={"type": "str", "choices": ["auto", "token", "oauth", "session"], "default": "auto"},
        oauth_client_id={"type": "str", "default": "sparkflows"},
        oauth_client_secret={"type": "str", "no_log": True},
        retries={"type": "int", "default": 3},
        retry_delay={"type": "float", "default": 1.0},
        rate_limit={"type": "float"},
    )


class LoginRefused(HttpError):
    """The server does not accept the login, whatever it says that with."""


class Sparkflows(Client):
    """One Sparkflows server.

    Logs in before the first request that needs it, and once more when a login by password ends in between. ``scheme`` says how: ``token``,
    ``oauth`` or ``session``, ``None`` before. ``requests`` counts what was sent. Every failure is an :class:`HttpError` with a sentence for
    the admin, and an answer that says error is a failure whatever its status.
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        for option, least in (("retries", 0), ("retry_delay", 0)):
            if params[option] < least:
                raise Problem("%s is %g; it must not be negative." % (option, params[option]))
        if params["rate_limit"] is not None and params["rate_limit"] <= 0:
            raise Problem("rate_limit is %g; it must be a number of requests per second above 0." % params["rate_limit"])
        super().__init__(
            params["sparkflows_url"],
            what="Sparkflows",
            option="sparkflows_url",
            credentials="sparkflows_token, or sparkflows_username and sparkflows_password",
            retries=params["retries"],
            retry_delay=params["retry_delay"],
            **connection_options(params)
        )
        self.params = params
        self.requests = 0
        self.scheme: t.Optional[str] = None
        self._cookies = CookieJar()
        self._opener.cookies = self._cookies
        self._pause = 1.0 / params["rate_limit"] if params["rate_limit"] else 0.0
        self._earliest = 0.0
        secrets = (params[option] for option in ("sparkflows_token", "sparkflows_password", "oauth_client_secret"))
        self._secrets.extend(secret for secret in secrets if secret)

    def request(
        self,
        method: str,
        path: str,
        data: t.Optional[bytes] = None,
        headers: t.Optional[t.Mapping[str, str]] = None,
        timeout: t.Optional[float] = None,
        retries: t.Optional[int] = None,
        into: t.Optional[t.BinaryIO] = None,
        login: bool = True,
        json_due: bool = True,
        empty_allowed: t.Optional[bool] = None,
        judged: bool = True,
        states: t.Container[str] = (),
    ) -> Answer:
        """As in :class:`Client`, logged in unless ``login`` is false.

        An answer that is none is an :class:`HttpError`: a page, nothing at all where ``empty_allowed`` is false (as it is for a GET),
        and a body that says error, unless ``judged`` is false because the body is somebody's data. See `_sparkflows_answers.verdict`.
        """
        if login:
            self.login()

        def ask() -> Answer:
            sent = dict(headers or {}, **({} if method == "GET" else self._xsrf()))
            try:
                answer = super(Sparkflows, self).request(method, path, data, sent, timeout, retries, into)
            except HttpError as error:
                raise self._explained(error, method, path) from None
            if into is None:
                empty = method != "GET" if empty_allowed is None else empty_allowed
                found = answers.verdict(answer.text, json_due, empty, states)
                if found is not None and (judged or found == answers.LOGIN_PAGE):
                    raise self._judged(found, answer, method, path)
            return answer

        try:
            return ask()
        except LoginRefused:
            # The request was refused for its login, so that it can be sent again; a user has one OAuth login at a time.
            if not login or self.scheme not in ("oauth", "session"):
                raise
        self._login_by(self.scheme)
        return ask()

    def value(self, method: str, path: str, body: t.Any = None, **kwargs: t.Any) -> t.Any:
        """As :meth:`json`, for the calls that answer with plain text in some releases: the text when it is not JSON."""
        data = None if body is None else json.dumps(body).encode("utf-8")
        headers = {} if body is None else {"Content-Type": "application/json"}
        text = self.request(method, path, data, headers, **dict({"json_due": False}, **kwargs)).text.strip()
        try:
            return parsed(text)
        except ValueError:
            return text

    def is_known(self, path: str) -> bool:
        """Whether the server treats this login otherwise than one that it cannot know, when it forbids a GET of ``path`` to it."""
        stranger = {"token": {"token": "no.such.token"}, "oauth": {"Authorization": "Bearer no-such-token"}}
        try:
            super().request("GET", path, headers=stranger.get(str(self.scheme), {"Cookie": "JSESSIONID=none"}))
        except HttpError as error:
            return error.status is not None and error.status < 500 and error.status not in (403, 429)
        return False

    def _once(self, *args: t.Any) -> Answer:
        left = self._earliest - time.monotonic()
        if left > 0:
            time.sleep(left)
        self._earliest = time.monotonic() + self._pause
        self.requests += 1
        return super()._once(*args)

    def _xsrf(self) -> dict[str, str]:
        values = [cookie.value for cookie in self._cookies if cookie.name == _XSRF_COOKIE and cookie.value]
        return {_XSRF_HEADER: values[-1]} if values else {}

    # ------------------------------------------------------------------------------------------------------------ login

    def login(self) -> None:
        """Log in with the first scheme that the given credentials allow; does nothing when that is done."""
        if self.scheme is not None:
            return
        schemes = login_schemes(self.params)
        for scheme in schemes[:-1]:
            try:
                self._login_by(scheme)
                return
            except HttpError as error:
                if not _has_no_oauth(error):
                    raise
        self._login_by(schemes[-1])

    def _login_by(self, scheme: str) -> None:
        self._cookies.clear()
        {"token": self._by_token, "oauth": self._by_oauth, "session": self._by_session}[scheme]()
        self.scheme = scheme

    def _by_token(self) -> None:
        token = self.params["sparkflows_token"]
        if not all("!" <= char <= "~" for char in token):
            raise Problem("sparkflows_token cannot be sent: a token has only printable ASCII characters and no space.")
        self._headers["token"] = token

    def _by_oauth(self) -> None:
        pair = "%s:%s" % (self.params["oauth_client_id"], self.params["oauth_client_secret"] or _OAUTH_CLIENT_SECRET)
        basic = base64.b64encode(pair.encode("utf-8")).decode("ascii")
        self._secrets.append(basic)
        try:
            answer = self._form("/oauth/token", {"Authorization": "Basic " + basic}, grant_type="password")
            told = self.decode(answer, "POST", "/oauth/token")
            token = told.get("access_token") if isinstance(told, dict) else None
            if not isinstance(token, str) or not token:
                code, words = self._words(answer.text) if isinstance(told, dict) and answers.says_error(told) else ("", "")
                raise self._error(
                    "Sparkflows at %s answered POST /oauth/token without an access_token.%s" % (self.url, _said(words)), status=200, code=code, reason=words
                )
        except HttpError as error:
            if error.code == "invalid_grant":
                raise self._error(self._wrong_password(error), status=error.status, code=error.code) from None
            if error.status == 401:
                message = "Sparkflows at %s does not accept the OAuth client (401 to POST /oauth/token)." % self.url
                raise self._error(message + " Check oauth_client_id and oauth_client_secret." + _said(error.reason), status=401, code=error.code) from None
            raise
        self._authorize("Bearer", token)

    def _by_session(self) -> None:
        try:
            self._post_login()
        except HttpError as error:
            # A server that guards itself against forged requests first hands out the value to repeat.
            if error.status != 403 or self._xsrf():
                raise
            self._visit_login()
            if not self._xsrf():
                raise
            self._post_login()
        if all(cookie.name == _XSRF_COOKIE for cookie in self._cookies):
            raise self._error(
                "Sparkflows at %s set no session cookie when logged in to at /login."
                " Check that sparkflows_url names Sparkflows itself, with https where it demands that." % self.url
            )

    def _post_login(self) -> None:
        try:
            answer = self._form("/login", self._xsrf())
        except HttpError as error:
            if error.status in (301, 302, 303) and not _is_login(error.location):
                return
            if error.status == 401 or (error.status in (301, 302, 303) and _is_login(error.location)):
                raise self._error(self._wrong_password(error), status=error.status) from None
            raise
        if answers.verdict(answer.text, False, True) in (answers.LOGIN_PAGE, answers.ERROR, answers.BAD_TOKEN):
            raise self._error(self._wrong_password(HttpError("", status=answer.status)), status=answer.status)

    def _visit_login(self) -> None:
        try:
            super().request("GET", "/login")
        except HttpError as error:
            if error.status is None:
                raise

    def _form(self, path: str, headers: t.Mapping[str, str], **fields: str) -> Answer:
        fields.update(username=self.params["sparkflows_username"], password=self.params["sparkflows_password"])
        sent = dict(headers, **{"Content-Type": "application/x-www-form-urlencoded"})
        try:
            return super().request("POST", path, urllib.parse.urlencode(fields).encode("ascii"), sent)
        except HttpError as error:
            if error.status in (502, 503, 504):
                raise self._explained(error, "POST", path) from None
            raise

    def _wrong_password(self, error: HttpError) -> str:
        where = "/oauth/token" if error.code else "/login"
        said = _said(error.reason) if error.code else ""
        return "Sparkflows at %s does not accept the user name and password (%s to POST %s). Check sparkflows_username and sparkflows_password.%s" % (
            self.url, error.status, where, said,
        )  # fmt: skip

    # ----------------------------------------------------------------------------------------------------------- errors

    def _login_options(self) -> str:
        return {"token": "sparkflows_token", None: self.credentials}.get(self.scheme, "sparkflows_username and sparkflows_password")

    def _explained(self, error: HttpError, method: str, path: str) -> HttpError:
        """``error`` in words that know Sparkflows."""
        asked = "%s %s" % (method, _bare(path))
        message = str(error)
        if error.status is not None and 300 <= error.status < 400 and _is_login(error.location):
            message = "Sparkflows at %s sends %s to its login page (%d), so it does not accept %s. %s" % (
                self.url, asked, error.status, self._shown_login(), self._advice(),
            )  # fmt: skip
            return self._refused_login(message, error)
        denied = answers.means_bad_token(error.reason)
        if error.status == 401 or error.code == _INVALID_TOKEN or (denied and error.status != 403) or "JWT signature" in error.reason:
            return self._refused_login(self._not_accepted(error.status, asked, error.reason), error)
        if error.status == 403:
            need = " and that its user has the permission configurations.manage" if path.startswith(CONFIGURATIONS) else " and what its user may do"
            also = " A token that is not accepted can be answered like this, too." if denied and self.scheme == "token" else ""
            message = "Sparkflows at %s forbids %s to this login (403). Check %s%s.%s%s" % (
                self.url, asked, self._login_options(), need, also, _said(error.reason),
            )  # fmt: skip
        elif error.status in (502, 503, 504):
            message = "Sparkflows at %s is not ready: it answered %d to %s. A server that was started needs some minutes; wait for it with sparkflows_info." % (
                self.url, error.status, asked,
            )  # fmt: skip
        elif error.status == 429:
            pause = " It asks to be left alone for %d seconds." % error.pause if error.pause else ""
            message = "Sparkflows at %s had too many requests and did not carry out %s (429).%s Raise retries, or set rate_limit.%s" % (
                self.url, asked, pause, _said(error.reason),
            )  # fmt: skip
        if method != "GET" and (error.status in (502, 504) or (error.status is None and not error.unsent and "does not resolve" not in message)):
            message += " Whether it acted on %s is unknown." % asked
        return self._alike(self._error(message, status=error.status, code=error.code, reason=error.reason), error)

    def _judged(self, found: str, answer: Answer, method: str, path: str) -> HttpError:
        """The failure that an answer with a good status is."""
        asked = "%s %s" % (method, _bare(path))
        code, words = self._words(answer.text)
        if found == answers.BAD_TOKEN:
            return self._refused_login(self._not_accepted(answer.status, asked, words), HttpError("", answer.status, code, words))
        if found == answers.LOGIN_PAGE:
            message = "Sparkflows at %s answered %s with its login page, so it does not accept %s. %s" % (
                self.url, asked, self._shown_login(), self._advice(),
            )  # fmt: skip
            return self._refused_login(message, HttpError("", answer.status))
        if found == answers.PAGE:
            message = (
                "Sparkflows at %s answered %s with an HTML page where data were expected, as a login page or another service does."
                " Check sparkflows_url and %s." % (self.url, asked, self._login_options())
            )
        elif found == answers.NOTHING:
            message = (
                "Sparkflows at %s answered %s with nothing (status %d), where data were expected. Check %s, and look into its log, log/fireserver.log."
                % (self.url, asked, answer.status, self._login_options())
            )
        else:
            said = _said(words) or " It %s." % excerpt(self.scrubbed(answer.text))[len("it "):]
            message = "Sparkflows at %s answered %s with an error, although with status %d.%s" % (self.url, asked, answer.status, said)
        return self._error(message, status=answer.status, code=code, reason=words)

    def _not_accepted(self, status: t.Optional[int], asked: str, words: str) -> str:
        return "Sparkflows at %s does not accept %s (%s to %s). %s%s" % (self.url, self._shown_login(), status, asked, self._advice(), _said(words))

    def _refused_login(self, message: str, error: HttpError) -> LoginRefused:
        return self._alike(LoginRefused(self.scrubbed(message), error.status, error.code, error.reason), error)

    @staticmethod
    def _alike(explained: _Failure, error: HttpError) -> _Failure:
        explained.may_pass, explained.unsent, explained.pause = error.may_pass, error.unsent, error.pause
        return explained

    def _shown_login(self) -> str:
        return {"token": "the token", "oauth": "the OAuth login", "session": "the session", None: "a request without a login"}[self.scheme]

    def _advice(self) -> str:
        if self.scheme != "token":
            return "Check %s, and that nobody else logs in as this user meanwhile." % self._login_options()
        expiry = token_expiry(self.params["sparkflows_token"])
        if expiry is not None and expiry <= time.time():
            return "It expired on %s. Make a new one and give it in sparkflows_token." % timestamp(expiry)
        return (
            "Check sparkflows_token, that the configuration module.enableTokenGeneration is true, and that fire.cors.enable=true"
            " and fire.security.csrf.enable=false in the server's conf/application.properties let tokens in."
        )


def login_schemes(params: t.Mapping[str, t.Any]) -> list[str]:
    """The ways to log in that the given credentials allow, the first to be tried first; :class:`Problem` when there is none."""
    chosen = params["sparkflows_auth"]
    pair = [option for option in ("sparkflows_username", "sparkflows_password") if not params[option]]
    if chosen == "auto":
        if params["sparkflows_token"]:
            return ["token"]
        if len(pair) == 2:
            raise Problem("There is no login for Sparkflows. Give sparkflows_token, or sparkflows_username and sparkflows_password.")
    missing = ([] if params["sparkflows_token"] else ["sparkflows_token"]) if chosen == "token" else pair
    if missing:
        raise Problem("sparkflows_auth is %s, which needs %s." % (chosen, " and ".join(missing)))
    return ["oauth", "session"] if chosen == "auto" else [chosen]


def token_expiry(token: str) -> t.Optional[float]:
    """When a JSON web token expires, in seconds since 1970; ``None`` when it does not say. Its signature is not checked.

    The claim is ``exp`` of RFC 7519, section 4.1.4.
    """
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode("utf-8"))
        expiry = float(claims["exp"])
        timestamp(expiry)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return expiry


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as a date and time in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _has_no_oauth(error: HttpError) -> bool:
    """Whether a refused OAuth login leaves the hope that the session login works: the fault was not the password's."""
    return error.status is not None and error.status < 500 and error.code != "invalid_grant"


def _is_login(location: str) -> bool:
    """Whether a redirect leads to a login page: /login, /login;jsessionid=1?error, /ui/#/login."""
    try:
        parts = urllib.parse.urlsplit(location)
    except ValueError:
        return False
    segments = [segment.partition(";")[0].partition("?")[0] for segment in (parts.path + "/" + parts.fragment).split("/")]
    return any(segment.partition(".")[0].lower() in ("login", "signin") for segment in segments)


def _said(words: str) -> str:
    return " It says: %s" % sentence(words) if words else ""


def _bare(path: str) -> str:
    return path.partition("?")[0]
