# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What comes back over HTTP, as text that can be worked with and shown: decoding, a server's own words, and no secret in either."""

from __future__ import annotations

import codecs
import email.utils
import html
import json
import re
import time
import typing as t
import urllib.parse
import zlib

#: As much of a server's words as an admin reads.
MAX_WORDS = 300

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._-]+)""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))
# What servers call their own words: MLflow, Spring (errors, message), RFC 9457 (detail, title), RFC 6749 (error_description).
_WORDS = ("error_description", "message", "errorMessage", "error_message", "defaultMessage", "detail", "details", "msg", "reason", "errors", "error", "title")
_CODES = ("error_code", "errorCode", "code")


def one_line(text: str) -> str:
    """``text`` without line breaks and other control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())


def sentence(text: str) -> str:
    """``text`` on one line and with a full stop."""
    text = one_line(text)
    return text if not text or text[-1] in ".!?" else text + "."


def decoded(body: bytes, content_type: str = "") -> str:
    """The text of a body: by its byte order mark, else as UTF-8, else as its header says, else as ISO-8859-1."""
    named = _CHARSET.search(content_type)
    marked = [name for mark, name in _BOMS if body.startswith(mark)]
    for encoding in marked[:1] + ["utf-8"] + ([named.group(1)] if named else []):
        try:
            return body.decode(encoding)
        except (LookupError, ValueError):
            continue
    return body.decode("iso-8859-1")


def parsed(text: str) -> t.Any:
    """The JSON in ``text``; :class:`ValueError` for what is none, or is nested so deeply that nothing means it."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def unzipped(body: bytes, limit: int) -> bytes:
    """At most ``limit`` bytes of what a gzip stream holds, as far as it is whole."""
    try:
        return zlib.decompressobj(31).decompress(body, limit)
    except zlib.error:
        return b""


def scrubbed(text: str, secrets: t.Iterable[str]) -> str:
    """``text`` with ``***`` for each secret, also where it is written as in JSON, in a URL, in HTML or as Python shows it.

    To be called before a text is cut: a secret of which half was cut off is not found any more.
    """
    forms: set[str] = set()
    for secret in secrets:
        forms.update((secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], html.escape(secret)))
        forms.update((urllib.parse.quote(secret, safe="", errors="replace"), urllib.parse.quote_plus(secret, errors="replace")))
    for form in sorted(forms - {""}, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def shown_location(location: str) -> str:
    """A URL as it may be shown: no query, fragment, user or parameter of a path, such as ``;jsessionid=``."""
    try:
        parts = urllib.parse.urlsplit(one_line(location))
    except ValueError:
        return "an unreadable place"
    path = "/".join(segment.partition(";")[0] for segment in parts.path.split("/"))
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))[:MAX_WORDS] or "an unnamed place"


def excerpt(text: str) -> str:
    """How a text begins, for an error message."""
    text = one_line(text)
    return "it begins with '%s'" % (text[:60] + ("…" if len(text) > 60 else "")) if text else "it is empty"


def retry_after(value: t.Optional[str], now: t.Optional[float] = None) -> float:
    """The seconds that a header ``Retry-After`` asks for (RFC 9110, section 10.2.3: a number or a date); 0 without one."""
    value = (value or "").strip()
    if re.match(r"[0-9]{1,9}\Z", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - (time.time() if now is None else now))
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0


def server_words(text: str) -> tuple[str, str]:
    """The server's code for an error and all that it says about it; empty where it says nothing, as in a page.

    The shapes are MLflow's flat one, the agent's nested one, OAuth's, Spring's, RFC 9457's, and plain text.
    """
    text = text.strip()
    try:
        answer = parsed(text)
    except ValueError:
        return "", "" if text.startswith("<") else text[: 10 * MAX_WORDS]
    code, said = "", []
    if isinstance(answer, dict):
        nested = answer.get("error")
        if isinstance(nested, dict):
            code = _first(nested, _CODES)
        else:
            code = _first(answer, _CODES) or (nested if isinstance(nested, str) and re.match(r"[A-Za-z0-9_]+\Z", nested) else "")
        said = _said(answer)
        if nested in said and len(said) > 1:
            said.remove(nested)  # no more than a heading
    elif isinstance(answer, (str, list)):
        said = _said(answer)
    return code, "; ".join(said)[: 10 * MAX_WORDS]


def _first(answer: t.Mapping[str, t.Any], keys: t.Sequence[str]) -> str:
    return next((str(answer[key])[:MAX_WORDS] for key in keys if isinstance(answer.get(key), (str, int)) and not isinstance(answer.get(key), bool)), "")


def _said(answer: t.Any, depth: int = 0) -> list[str]:
    """Every piece of text at a place where servers put their words, in order and each once."""
    found: list[str] = []
    if isinstance(answer, str):
        found = [one_line(answer)]
    elif isinstance(answer, list) and depth < 4:
        found = [words for each in answer[:10] for words in _said(each, depth + 1)]
    elif isinstance(answer, dict) and depth < 4:
        for key in _WORDS:
            words = _said(answer.get(key), depth + 1)
            if words and key == "defaultMessage" and isinstance(answer.get("field"), str):
                words = ["%s %s" % (one_line(answer["field"]), each) for each in words]
            found += words
    return list(dict.fromkeys(words for words in found if words))
