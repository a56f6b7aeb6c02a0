# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WSGI application before MLflow's: refuses requests that no client of MLflow sends."""

from __future__ import annotations

import io
import json
import re
import typing as t

from . import uris

Environ = t.Dict[str, t.Any]
Answer = t.Iterable[bytes]

# MLflow itself takes no batch of more than a million bytes; other requests hold names, tags and a model's signature.
BODY_LIMIT = 4 * 1024 * 1024
# A search names experiments, a filter and orders, each of which sqlparse has to read.
SEARCH_LIMIT = 64 * 1024
# Artifacts may be of any size.
_ARTIFACTS = re.compile(r".*/mlflow-artifacts/artifacts/.")
# Python before 3.7.14 takes minutes to read a number of a million digits: CVE-2020-10735.
_ENDLESS_NUMBER = re.compile(rb"\d{4301}")
_REASONS = {400: "Bad Request", 403: "Forbidden", 413: "Payload Too Large", 415: "Unsupported Media Type"}


#: By which clients that want this very server know it.
NAME_HEADER = "Tracking-Server-Name"


class Guard:
    """Hands a request on to an application, or answers it with a refusal: a JSON body like MLflow's own errors.

    Each answer tells the server's `name`, where it has one: visible ASCII characters, also with spaces between them.
    """

    def __init__(self, application: t.Callable[[Environ, t.Any], Answer], name: str = "") -> None:
        self._application = application
        self._name = [(NAME_HEADER, name)] if name else []

    def __call__(self, environ: Environ, start_response: t.Any) -> Answer:
        refusal = judge(environ)
        if refusal is not None:
            status, sentence = refusal
            body = json.dumps({"error_code": "INVALID_PARAMETER_VALUE" if status == 400 else "BAD_REQUEST", "message": sentence}).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close"), *self._name]
            start_response("%d %s" % (status, _REASONS[status]), headers)
            return [body]

        def start(status: str, headers: t.List[t.Tuple[str, str]], *error: t.Any) -> t.Any:
            # An artifact is whatever somebody uploaded: no browser is to guess a script in it, or to show a page of ours in another's.
            ours = [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "SAMEORIGIN"), *self._name]
            return start_response(status, [*headers, *ours], *error)

        return self._application(environ, start)


def judge(environ: Environ) -> t.Optional[t.Tuple[int, str]]:
    """Status and sentence of a refusal, or None for a request that may go on. A small body is read, and put back."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "")
    try:
        uris.check_url_path(raw.partition("?")[0])
        uris.check_url_path(environ.get("PATH_INFO", ""))
    except uris.Refused as refusal:
        return 400, str(refusal)
    return _judge_framing(environ) or _judge_origin(environ) or _judge_body(environ)


def _judge_framing(environ: Environ) -> t.Optional[t.Tuple[int, str]]:
    """gunicorn 20.1 reads some lengths in another way than proxies do: CVE-2024-1135, CVE-2024-6827."""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None and (coding.strip().lower() != "chunked" or environ.get("CONTENT_LENGTH")):
        return 400, "The request says in two ways, or in one that is not known here, where its body ends."
    if not re.match(r"\d{0,18}\Z", environ.get("CONTENT_LENGTH") or ""):
        return 400, "Content-Length must be a number."
    return None


def _judge_origin(environ: Environ) -> t.Optional[t.Tuple[int, str]]:
    """A page of another site can have a browser post a form here, yet not JSON: CVE-2023-43472."""
    origin = environ.get("HTTP_ORIGIN")
    if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS") or origin is None or _content_type(environ) == "application/json":
        return None
    own = {environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST")}
    if origin.partition("://")[2] not in own:
        return 403, "A page of another site, %.200s, may not change anything here." % origin
    return None


def _judge_body(environ: Environ) -> t.Optional[t.Tuple[int, str]]:
    if _content_type(environ).startswith("multipart/"):
        # Werkzeug 2.2 takes without measure for its parts: CVE-2023-46136, CVE-2024-49767.
        return 415, "Bodies in parts are not taken here; MLflow's clients send JSON."
    if environ["REQUEST_METHOD"] in ("GET", "HEAD", "DELETE", "OPTIONS") or _ARTIFACTS.match(environ.get("PATH_INFO", "")):
        return None
    limit = SEARCH_LIMIT if environ.get("PATH_INFO", "").endswith("/search") else BODY_LIMIT
    length = environ.get("CONTENT_LENGTH")
    if length and int(length) > limit:
        return 413, "The body has %s bytes, and at most %d are taken." % (length, limit)
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    body = environ["wsgi.input"].read(limit + 1 if chunked else int(length or 0))
    if len(body) > limit:
        return 413, "The body has more than the %d bytes that are taken." % limit
    if _ENDLESS_NUMBER.search(body):
        return 400, "The body holds a number of more than 4300 digits."
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return None


def _content_type(environ: Environ) -> str:
    return str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
