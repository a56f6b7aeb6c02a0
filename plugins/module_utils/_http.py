# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A small HTTP client whose every failure is a sentence for an admin, without a secret in it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.parse

from ansible.module_utils import urls

#: An answer beyond this many bytes is refused instead of filling the memory of the host.
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ClientError(Exception):
    """What went wrong, as a sentence that can be shown to the admin as it is.

    ``result`` holds what a failing module returns beside it.
    """

    def __init__(self, message: str, **result: t.Any) -> None:
        super().__init__(message)
        self.result = result


class HttpError(ClientError):
    """A request that failed.

    ``status`` is the HTTP status, or ``None`` when no answer came; ``code`` the server's own word for the
    error, where it gives one (``RESOURCE_DOES_NOT_EXIST``, ``port_taken``); ``reason`` the server's message, or the
    place that a redirect leads to. ``may_pass`` is true for a failure that can be over a moment later.
    """

    may_pass = False

    def __init__(self, message: str, status: t.Optional[int] = None, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason


class Answer:
    """An answer with a 2xx status. ``elapsed`` is in seconds, from sending until the body was read."""

    def __init__(self, status: int, body: bytes, elapsed: float) -> None:
        self.status = status
        self.body = body
        self.elapsed = elapsed

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def connection_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragment ``_connection``."""
    return {
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "use_proxy": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 30},
    }


def connection_options(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The connection options out of a module's parameters, as keyword arguments of :class:`Client`."""
    return {name: params[name] for name in connection_argument_spec()}


def sentence(text: str) -> str:
    """``text`` on one line and with a full stop."""
    text = " ".join(_CONTROL.sub(" ", text).split())
    return text if not text or text[-1] in ".!?" else text + "."


def check_base_url(url: str, option: str) -> str:
    """``url`` without the slashes at its end; :class:`ClientError` when it cannot be the address of a server.

    A URL that carries login data is refused without being repeated, because URLs end up in logs.
    """
    if not url or _CONTROL.search(url) or " " in url:
        raise ClientError("%s is empty or has a space or a control character in it. Give an address such as http://127.0.0.1:5000." % option)
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ClientError(sentence("%s is no valid URL: %s" % (option, error))) from None
    if "@" in parts.netloc:
        raise ClientError("%s carries login data, which would be shown in logs. Take them out and use the options for credentials." % option)
    if not usable:
        raise ClientError("%s is '%s', which is no http:// or https:// address. Give one such as http://127.0.0.1:5000." % (option, url))
    if parts.query or parts.fragment:
        raise ClientError("%s is '%s': it must not have a part behind ? or #." % (option, url))
    return url.rstrip("/")


class Client:
    """One server. Sends and reads JSON, never follows a redirect, raises :class:`HttpError`.

    ``what`` names the server in errors ("the tracking server"), ``option`` is the module option that holds its
    address and ``credentials`` names the options to check when it asks for a login. A request is tried again
    up to ``retries`` times only where that cannot do a thing twice: a GET, or a connection that was refused.
    """

    def __init__(
        self,
        url: str,
        what: str,
        option: str,
        credentials: str,
        token: t.Optional[str] = None,
        username: t.Optional[str] = None,
        password: t.Optional[str] = None,
        validate_certs: bool = True,
        ca_path: t.Optional[str] = None,
        use_proxy: bool = True,
        timeout: float = 30,
        retries: int = 2,
        retry_delay: float = 0.5,
    ) -> None:
        self.url = check_base_url(url, option)
        if timeout <= 0:
            raise ClientError("timeout is %g; it must be at least one second." % timeout)
        self.what = what
        self.option = option
        self.credentials = credentials
        self.timeout = timeout
        self.retries = retries
        self.retry_delay = retry_delay
        self._headers = {"Accept": "application/json"}
        self._secrets = [secret for secret in (token, password) if secret]
        # The same precedence as in MLflow's own client.
        if username:
            pair = "%s:%s" % (username, password or "")
            self._authorize("Basic", base64.b64encode(pair.encode("utf-8")).decode("ascii"))
        elif token:
            self._authorize("Bearer", token)
        if ca_path:
            _check_ca_path(ca_path)
        # netrc would silently replace the credentials that were given.
        self._opener = urls.Request(
            validate_certs=validate_certs,
            ca_path=ca_path,
            use_proxy=use_proxy,
            follow_redirects="none",
            use_netrc=False,
            http_agent="sparkflows.mlops",
        )

    def _authorize(self, scheme: str, credentials: str) -> None:
        try:
            credentials.encode("ascii")
        except UnicodeEncodeError:
            credentials = ""
        if not credentials or _CONTROL.search(credentials) or " " in credentials:
            raise ClientError(
                "The credentials for %s cannot be sent: a token has only printable ASCII characters and no space. Check %s." % (self.what, self.credentials)
            )
        self._secrets.append(credentials)
        self._headers["Authorization"] = "%s %s" % (scheme, credentials)

    def get(self, path: str, query: t.Optional[t.Mapping[str, t.Any]] = None, **kwargs: t.Any) -> t.Any:
        """The decoded JSON answer to a GET of ``path`` below the server's address."""
        if query:
            path = path + "?" + urllib.parse.urlencode(query)
        return self.json("GET", path, **kwargs)

    def json(self, method: str, path: str, body: t.Any = None, **kwargs: t.Any) -> t.Any:
        """Send ``body`` as JSON (nothing when ``None``) and return the decoded answer, ``None`` for an empty one."""
        headers, data = {}, None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode("utf-8")
        answer = self.request(method, path, data, headers, **kwargs)
        return self.decode(answer, method, path)

    def decode(self, answer: Answer, method: str, path: str) -> t.Any:
        """The JSON in ``answer``; :class:`HttpError` when it holds something else."""
        if not answer.body.strip():
            return None
        try:
            return json.loads(answer.body.decode("utf-8"))
        except ValueError:
            raise self._error(
                "%s at %s answered %s %s with something that is not JSON (%s). Check that %s is its address and not that of another service."
                % (_capital(self.what), self.url, method, _bare(path), _excerpt(answer.text), self.option),
                status=answer.status,
            ) from None

    def request(
        self,
        method: str,
        path: str,
        data: t.Optional[bytes] = None,
        headers: t.Optional[t.Mapping[str, str]] = None,
        timeout: t.Optional[float] = None,
        retries: t.Optional[int] = None,
        into: t.Optional[t.BinaryIO] = None,
    ) -> Answer:
        """Send a request and return its answer; :class:`HttpError` for everything but a 2xx.

        With ``into`` the body is written to this file, however large it is.
        """
        left = self.retries if retries is None else retries
        while True:
            try:
                return self._once(method, path, data, headers, self.timeout if timeout is None else timeout, into)
            except _Passing as passing:
                if left <= 0 or not (method == "GET" or passing.unsent):
                    raise passing.error from None
            left -= 1
            time.sleep(self.retry_delay)

    def _once(
        self,
        method: str,
        path: str,
        data: t.Optional[bytes],
        headers: t.Optional[t.Mapping[str, str]],
        timeout: float,
        into: t.Optional[t.BinaryIO],
    ) -> Answer:
        start = time.monotonic()
        try:
            response = self._opener.open(
                method, self.url + path, data=data, headers=dict(self._headers, **(headers or {})), timeout=timeout
            )
            with response:
                if into is None:
                    body = response.read(MAX_ANSWER_BYTES + 1)
                else:
                    body = b""
                    into.seek(0)
                    into.truncate()
                    shutil.copyfileobj(response, into, 1 << 20)
                if len(body) <= MAX_ANSWER_BYTES and response.length:
                    raise http.client.IncompleteRead(body, response.length)
        except urllib.error.HTTPError as error:
            with error:
                failure = self._refusal(method, path, error)
            if failure.status in (502, 503, 504):
                raise _Passing(failure) from None
            raise failure from None
        except (OSError, http.client.HTTPException, ValueError, urls.ConnectionError, urls.MissingModuleError) as error:
            cause = _cause(error)
            failure = self._error(self._unanswered(cause, timeout))
            if isinstance(cause, ssl.SSLError) or not isinstance(cause, (OSError, http.client.HTTPException)):
                raise failure from None
            raise _Passing(failure, unsent=isinstance(cause, ConnectionRefusedError)) from None
        if len(body) > MAX_ANSWER_BYTES:
            raise self._error("%s at %s sent more than %d MiB to %s %s." % (_capital(self.what), self.url, MAX_ANSWER_BYTES >> 20, method, _bare(path)))
        return Answer(response.status, body, time.monotonic() - start)

    def _error(self, message: str, **kwargs: t.Any) -> HttpError:
        for secret in self._secrets:
            message = message.replace(secret, "***")
            kwargs = {key: value.replace(secret, "***") if isinstance(value, str) else value for key, value in kwargs.items()}
        return HttpError(message, **kwargs)

    def _refusal(self, method: str, path: str, error: urllib.error.HTTPError) -> HttpError:
        status = error.code
        where = "%s at %s" % (_capital(self.what), self.url)
        asked = "%s %s" % (method, _bare(path))
        if 300 <= status < 400:
            location = (error.headers.get("Location") or "an unnamed place").partition("?")[0]
            return self._error(
                "%s answered %s to %s and points to %s. Redirects are not followed: if that is its new address, set %s to it; if it is a login page, check %s."
                % (where, status, asked, location, self.option, self.credentials),
                status=status,
                reason=location,
            )
        try:
            body = error.read(1024 * 1024)
        except (OSError, http.client.HTTPException):
            body = b""
        code, reason = _server_words(body)
        said = " It says: %s" % sentence(reason) if reason else ""
        if status == 401:
            problem = "does not accept the credentials" if "Authorization" in self._headers else "asks for a login"
            message = "%s %s (401 to %s). Check %s.%s" % (where, problem, asked, self.credentials, said)
        elif status == 403:
            message = "%s forbids %s to these credentials (403). Check %s and what they are allowed to do.%s" % (where, asked, self.credentials, said)
        else:
            message = "%s answered %s to %s.%s" % (where, status, asked, said)
        return self._error(message, status=status, code=code, reason=reason)

    def _unanswered(self, cause: BaseException, timeout: float) -> str:
        """Why no answer came, in a sentence."""
        parts = urllib.parse.urlsplit(self.url)
        where = "%s at %s" % (_capital(self.what), self.url)
        if isinstance(cause, socket.gaierror):
            return "%s cannot be reached: the host name %s does not resolve. Check %s." % (where, parts.hostname, self.option)
        if isinstance(cause, ConnectionRefusedError):
            port = parts.port or (443 if parts.scheme == "https" else 80)
            return "%s cannot be reached: nothing listens on port %s of %s. Check %s and that the service runs." % (where, port, parts.hostname, self.option)
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message or str(cause)
            return "%s shows a certificate that is not trusted: %s Name its authority with ca_path." % (where, sentence(why))
        if isinstance(cause, ssl.SSLError):
            why = (cause.reason or str(cause)).replace("_", " ").lower()
            return "%s cannot be reached over TLS: %s Check that it speaks https at all and that %s has the right port." % (where, sentence(why), self.option)
        if isinstance(cause, (socket.timeout, TimeoutError)):
            return "%s did not answer within %g seconds. Check that it is well and that no firewall is in between, or raise timeout." % (where, timeout)
        if isinstance(cause, (ConnectionResetError, BrokenPipeError, http.client.HTTPException)):
            return "%s closed the connection without a usable answer. Check that %s names its port, and says https where it uses TLS." % (where, self.option)
        why = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else str(cause)
        return "%s cannot be reached: %s Check %s and the proxy settings." % (where, sentence(why), self.option)


class _Passing(Exception):
    """A failure that may pass. ``unsent``: the server has certainly not seen the request."""

    def __init__(self, error: HttpError, unsent: bool = False) -> None:
        super().__init__(str(error))
        error.may_pass = True
        self.error = error
        self.unsent = unsent


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    return error


def _server_words(body: bytes) -> tuple[str, str]:
    """The code and message of an error answer: MLflow's flat shape, the agent's nested one, OAuth's, else plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(text)
    except ValueError:
        return "", "" if text.startswith("<") else text[:300]
    if isinstance(answer, dict):
        nested = answer.get("error")
        if isinstance(nested, dict):
            return str(nested.get("code", "")), str(nested.get("message", ""))
        if "error_description" in answer:
            return str(nested or ""), str(answer["error_description"])
        return str(answer.get("error_code", "")), str(answer.get("message") or nested or "")
    return "", text[:300]


def _excerpt(text: str) -> str:
    text = " ".join(_CONTROL.sub(" ", text).split())
    return "it begins with '%s'" % (text[:60] + ("…" if len(text) > 60 else ""))


def _bare(path: str) -> str:
    return path.partition("?")[0] or "/"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _check_ca_path(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        why = "cannot be read (%s)" % os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else "holds no certificate in PEM format"
        raise ClientError("ca_path is %s, which %s." % (path, why)) from None
