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
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.parse
import zlib

from ansible.module_utils import urls
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import (
    MAX_WORDS,
    decoded,
    excerpt,
    parsed,
    retry_after,
    scrubbed,
    sentence,
    server_words,
    shown_location,
    unzipped,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._deadlines import Clock, within
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import MIN_BYTES_PER_SECOND
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: An answer beyond this many bytes is refused instead of filling the memory of the host.
MAX_ANSWER_BYTES = 64 * 1024 * 1024
#: What a server may ask for with Retry-After, in seconds, and get.
MAX_PAUSE = 60.0

_MAX_ERROR_BYTES = 1024 * 1024
_BLOCK = 1 << 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class HttpError(Problem):
    """A request that failed.

    ``status`` is the HTTP status, or ``None`` when no answer came; ``code`` the server's own word for the
    error, where it gives one (``RESOURCE_DOES_NOT_EXIST``, ``port_taken``); ``reason`` the server's message, or the
    place that a redirect leads to. ``may_pass`` is true for a failure that can be over a moment later, ``unsent`` when the
    server has certainly not acted on the request; ``pause`` is for how many seconds the server asks to be left alone;
    ``location`` where a redirect leads to, as the server wrote it: never to be shown, as it may hold a session.
    """

    may_pass = False
    unsent = False
    pause = 0.0
    location = ""

    def __init__(self, message: str, status: t.Optional[int] = None, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason


class Answer:
    """An answer with a 2xx status. ``elapsed`` is in seconds, from sending until the body was read."""

    def __init__(self, status: int, body: bytes, elapsed: float, content_type: str = "") -> None:
        self.status = status
        self.body = body
        self.elapsed = elapsed
        self.content_type = content_type

    @property
    def text(self) -> str:
        return decoded(self.body, self.content_type)


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


def check_base_url(url: str, option: str) -> str:
    """``url`` without the slashes at its end; :class:`Problem` when it cannot be the address of a server.

    A URL that carries login data is refused without being repeated, because URLs end up in logs.
    """
    if not url or _CONTROL.search(url) or " " in url:
        raise Problem("%s is empty or has a space or a control character in it. Give an address such as http://127.0.0.1:5000." % option)
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Problem(sentence("%s is not a valid URL: %s" % (option, error))) from None
    if "@" in parts.netloc:
        raise Problem("%s carries login data, which would be shown in logs. Take them out and use the options for credentials." % option)
    if not usable:
        raise Problem("%s is '%s', which is not an http:// or https:// address. Give one such as http://127.0.0.1:5000." % (option, url))
    if parts.query or parts.fragment:
        raise Problem("%s is '%s': it must not have a part behind ? or #." % (option, url))
    return url.rstrip("/")


class Client:
    """One server. Sends and reads JSON, never follows a redirect, raises :class:`HttpError`.

    ``what`` names the server in errors ("the tracking server"), ``option`` is the module option that holds its
    address and ``credentials`` names the options to check when it asks for a login. A request is tried again
    up to ``retries`` times only where that cannot do a thing twice: a GET, a connection that was refused, or a server that
    asks to be left alone for a while. ``timeout`` is for one try as a whole, in seconds.
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
            raise Problem("timeout is %g; it must be at least one second." % timeout)
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
            decompress=False,  # done here, where its size is bounded
            http_agent="sparkflows.mlops",
        )

    def _authorize(self, scheme: str, credentials: str) -> None:
        try:
            credentials.encode("ascii")
        except UnicodeEncodeError:
            credentials = ""
        if not credentials or _CONTROL.search(credentials) or " " in credentials:
            raise Problem(
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
            return parsed(answer.text)
        except ValueError:
            raise self._error(
                "%s at %s answered %s %s with something that is not JSON (%s). Check that %s is its address and not that of another service."
                % (_capital(self.what), self.url, method, _bare(path), excerpt(self.scrubbed(answer.text)), self.option),
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
                error = passing.error
                if left <= 0 or error.pause > MAX_PAUSE or not (method == "GET" or error.unsent):
                    raise error from None
            left -= 1
            time.sleep(max(self.retry_delay, error.pause))

    def _once(
        self,
        method: str,
        path: str,
        data: t.Optional[bytes],
        headers: t.Optional[t.Mapping[str, str]],
        timeout: float,
        into: t.Optional[t.BinaryIO],
    ) -> Answer:
        clock = Clock(timeout)
        sent = dict(self._headers, **(headers or {}))
        try:
            return within(clock, lambda: self._exchange(method, path, data, sent, timeout, into, clock))
        except _Refused as refused:
            failure = self._refusal(method, path, refused)
            if failure.status in (429, 502, 503, 504):
                raise _Passing(failure, unsent=failure.status == 429, pause=retry_after(refused.headers.get("Retry-After"))) from None
            raise failure from None
        except _TooMuch:
            what = "more than %d MiB" % (MAX_ANSWER_BYTES >> 20)
            raise self._error("%s at %s sent %s to %s %s." % (_capital(self.what), self.url, what, method, _bare(path))) from None
        except (OSError, http.client.HTTPException, ValueError, zlib.error, urls.ConnectionError, urls.MissingModuleError) as error:
            cause = _cause(error)
            failure = self._error(self._unanswered(cause, timeout))
            if isinstance(cause, ssl.SSLError) or not isinstance(cause, (OSError, http.client.HTTPException, zlib.error)):
                raise failure from None
            raise _Passing(failure, unsent=isinstance(cause, ConnectionRefusedError)) from None

    def _exchange(
        self,
        method: str,
        path: str,
        data: t.Optional[bytes],
        headers: t.Mapping[str, str],
        timeout: float,
        into: t.Optional[t.BinaryIO],
        clock: Clock,
    ) -> Answer:
        """Send a request and read its answer, however slowly that goes: the caller ends the wait."""
        start = time.monotonic()
        try:
            response = self._opener.open(method, self.url + path, data=data, headers=headers, timeout=timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise _Refused(error) from None
        with response:
            body = bytearray()
            if into is None:
                for block in _blocks(response):
                    body += block
                    if len(body) > MAX_ANSWER_BYTES:
                        raise _TooMuch
            else:
                with clock.unless_over():
                    into.seek(0)
                    into.truncate()
                due = MIN_BYTES_PER_SECOND * timeout
                for block in _blocks(response):
                    with clock.unless_over():
                        into.write(block)
                    due -= len(block)
                    if due <= 0:
                        due = MIN_BYTES_PER_SECOND * timeout
                        clock.extend(timeout)
            return Answer(response.status, bytes(body), time.monotonic() - start, response.headers.get("Content-Type") or "")

    def scrubbed(self, text: str) -> str:
        """``text`` without the secrets that were given to this client."""
        return scrubbed(text, self._secrets)

    def _error(self, message: str, **kwargs: t.Any) -> HttpError:
        kwargs = {key: self.scrubbed(value) if isinstance(value, str) else value for key, value in kwargs.items()}
        return HttpError(self.scrubbed(message), **kwargs)

    def _words(self, text: str) -> tuple[str, str]:
        """The code and the words of a server's answer about an error, in a length that can be shown."""
        code, reason = (self.scrubbed(words) for words in server_words(text))
        return code, reason if len(reason) <= MAX_WORDS else reason[:MAX_WORDS].rstrip() + "…"

    def _refusal(self, method: str, path: str, refused: _Refused) -> HttpError:
        status = refused.status
        where = "%s at %s" % (_capital(self.what), self.url)
        asked = "%s %s" % (method, _bare(path))
        if 300 <= status < 400:
            location = shown_location(refused.headers.get("Location") or "")
            redirect = self._error(
                "%s answered %s to %s and points to %s. Redirects are not followed: if that is its new address, set %s to it; if it is a login page, check %s."
                % (where, status, asked, location, self.option, self.credentials),
                status=status,
                reason=location,
            )
            redirect.location = refused.headers.get("Location") or ""
            return redirect
        code, reason = self._words(refused.text)
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
        if isinstance(cause, (ConnectionResetError, BrokenPipeError, http.client.HTTPException, zlib.error)):
            return "%s closed the connection without a usable answer. Check that %s names its port, and says https where it uses TLS." % (where, self.option)
        why = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else str(cause)
        return "%s cannot be reached: %s Check %s and the proxy settings." % (where, sentence(why), self.option)


class _Passing(Exception):
    """A failure that may pass. ``unsent``: the server has certainly not acted on the request."""

    def __init__(self, error: HttpError, unsent: bool = False, pause: float = 0.0) -> None:
        super().__init__(str(error))
        error.may_pass, error.unsent, error.pause = True, unsent, pause
        self.error = error


class _Refused(Exception):
    """An answer with another status than 2xx, read as far as its words are of interest."""

    def __init__(self, error: urllib.error.HTTPError) -> None:
        super().__init__(error.code)
        self.status = error.code
        self.headers = error.headers
        body = b""
        try:
            for block in _blocks(error.fp, "identity"):
                body += block
                if len(body) > _MAX_ERROR_BYTES:
                    break
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # what came before it broke off will do
        if (error.headers.get("Content-Encoding") or "").lower() == "gzip":
            body = unzipped(body, _MAX_ERROR_BYTES)
        self.text = decoded(body, error.headers.get("Content-Type") or "")


class _TooMuch(Exception):
    """The answer is larger than anything that is due."""


def _blocks(response: t.Any, encoding: t.Optional[str] = None) -> t.Iterator[bytes]:
    """The body of an answer in small pieces, unzipped where it is zipped; raises what reading it raises when it is cut short."""
    encoding = encoding or (response.headers.get("Content-Encoding") or "identity").lower()
    zipped = zlib.decompressobj(31) if encoding in ("gzip", "x-gzip") else None
    # A buffer of its own: with read() the size of a chunk, and so the memory, would be the server's choice.
    buffer = bytearray(_BLOCK)
    while True:
        count = response.readinto(buffer)
        if not count:
            break
        block = bytes(buffer[:count])
        while zipped is not None and block:
            yield zipped.decompress(block, _BLOCK)
            block = zipped.unconsumed_tail
        if zipped is None:
            yield block
    if response.length or (zipped is not None and not zipped.eof):
        raise http.client.IncompleteRead(b"")


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    return error


def _bare(path: str) -> str:
    return path.partition("?")[0] or "/"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _check_ca_path(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        why = "cannot be read (%s)" % os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else "holds no certificate in PEM format"
        raise Problem("ca_path is %s, which %s." % (path, why)) from None
