# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What an answer of Sparkflows means: a body that says error is one, whatever its status.

A server behind Spring, a proxy and a login page says many things with status 200. Nothing of the product's own error bodies is public, so
what counts is what such servers say in general.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import parsed

#: What a body says instead of what was asked for.
PAGE, LOGIN_PAGE, NOTHING, ERROR, BAD_TOKEN = "page", "login page", "nothing", "error", "bad token"  # noqa: S105 - names of verdicts

# As plain text: the vendor's own scripts take these two for a token that is refused (fire-tools, import_workflow.py).
_BAD_TOKEN_TEXT = re.compile(r"Access Denied|JWT signature does not match locally computed signature", re.IGNORECASE)
_BAD_TOKEN_CODES = ("invalid_token", "token_expired", "unauthorized", "access_denied")
_ERROR_TEXT = re.compile(
    r"(?:(?:an? )?(?:unexpected |internal )?(?:server )?error|fail(?:ed|ure)|exception|unauthori[sz]ed|forbidden|not authori[sz]ed|invalid)\b", re.IGNORECASE
)
_LOGIN_FORM = re.compile(r"""type\s*=\s*["']?password""", re.IGNORECASE)
_SHORT = 1000

_ERROR_STATES = ("error", "fail", "failed", "failure", "ko", "nok", "exception", "unauthorized", "forbidden", "denied")
_TRUTHS = ("success", "succeeded", "successful", "ok", "isSuccess", "authenticated")
_COUNTS = ("fail", "failed", "failures", "failedCount", "failureCount", "errorCount", "errors")
_SAYINGS = ("error", "exception", "errorMessage", "error_message", "error_description")
_STATUSES = ("status", "code", "statusCode", "httpStatus", "errorCode")


def verdict(text: str, json_due: bool = True, empty_allowed: bool = False, states: t.Container[str] = ()) -> t.Optional[str]:
    """What ``text`` is instead of an answer: one of the names above, or ``None`` for an answer.

    ``states`` are words that are no failure of the call when they stand as its ``status``, because they are what was asked for.
    """
    text = text.strip()
    if text.startswith("<"):
        return LOGIN_PAGE if _LOGIN_FORM.search(text) else PAGE
    try:
        answer = parsed(text)
    except ValueError:
        if not text:
            return None if empty_allowed else NOTHING
        if json_due or len(text) > _SHORT or text.upper() in states:
            return BAD_TOKEN if len(text) <= _SHORT and _BAD_TOKEN_TEXT.search(text) else None
        return BAD_TOKEN if _BAD_TOKEN_TEXT.search(text) else ERROR if _ERROR_TEXT.match(text) else None
    if answer is None:
        return None if empty_allowed else NOTHING
    if isinstance(answer, str):
        return None if answer.strip().upper() in states else verdict(answer, False, empty_allowed, states) if answer.strip() else None
    if isinstance(answer, dict) and says_error(answer, states):
        return BAD_TOKEN if is_bad_token(answer) else ERROR
    return None


def says_error(answer: t.Mapping[str, t.Any], states: t.Container[str] = ()) -> bool:
    """Whether an object says that the call failed. A record of something, with a uuid of its own, may have an ``error`` of its own."""
    if _is_text(answer.get("uuid")):
        return False
    status = answer.get("status")
    if isinstance(status, str) and status.strip().lower() in _ERROR_STATES and status.strip().upper() not in states:
        return True
    worded = any(_is_text(answer.get(key)) for key in ("message", "error", "msg", "detail", "title"))
    if worded and any(400 <= _count(answer.get(key)) <= 599 for key in _STATUSES):
        return True
    if any(answer.get(key) is False or str(answer.get(key)).strip().lower() == "false" for key in _TRUTHS):
        return True
    if any(_count(answer.get(key)) > 0 for key in _COUNTS):
        return True
    return any(_is_text(answer.get(key)) or (answer.get(key) and isinstance(answer.get(key), (dict, list, bool))) for key in _SAYINGS)


def is_bad_token(answer: t.Mapping[str, t.Any]) -> bool:
    """Whether an object that says error says that the login is not accepted."""
    status = next((_count(answer[key]) for key in _STATUSES if _count(answer.get(key))), 0)
    if status == 401 or answer.get("authenticated") is False:
        return True
    said = [answer.get(key) for key in ("error", "code", "status", "message", "error_description", "detail")]
    texts = [text for text in said if isinstance(text, str)]
    return any(text.strip().lower() in _BAD_TOKEN_CODES for text in texts) or any(_BAD_TOKEN_TEXT.search(text) for text in texts)


def means_bad_token(words: str) -> bool:
    """Whether the words of a refusal are those that mean a bad token."""
    return bool(_BAD_TOKEN_TEXT.search(words))


def number(value: t.Any) -> t.Optional[int]:
    """An id above 0, or ``None`` for what is none: ``0``, ``²``, a number of 5,000 digits."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    if isinstance(value, int):
        return value if 0 < value < 10**18 else None
    return int(value) or None if re.match(r"\s*[0-9]{1,18}\s*\Z", value) else None


def first_number(record: t.Mapping[str, t.Any], keys: t.Sequence[str]) -> t.Optional[int]:
    """The first id that stands at one of the keys."""
    return next((found for found in (number(record.get(key)) for key in keys) if found is not None), None)


def matching(answer: t.Any, keys: t.Sequence[str], wanted: str, id_keys: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """The records in the answer to a look-up that are what was looked up.

    A record that does not tell what it was looked up by is taken for it; one that tells something else, or nothing at all in that place or in
    place of its id (``{"id": 0, "uuid": null}``), is not.
    """
    records = answer if isinstance(answer, list) else [answer]
    return [record for record in records if isinstance(record, dict) and record and _is_wanted(record, keys, wanted, id_keys)]


def _is_wanted(record: t.Mapping[str, t.Any], keys: t.Sequence[str], wanted: str, id_keys: t.Sequence[str]) -> bool:
    told_ids = [record[key] for key in id_keys if key in record]
    if told_ids and all(number(each) is None and str(each).strip() in ("", "0", "-1", "None") for each in told_ids):
        return False
    told = [record[key] for key in keys if key in record]
    if not told:
        return True
    value = next((each for each in told if each is not None), None)
    if value is None:
        return False
    text = str(value)
    return text == wanted or (_is_uuid(wanted) and text.lower() == wanted.lower())


def _is_uuid(text: str) -> bool:
    return bool(re.match(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z", text))


def _is_text(value: t.Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _count(value: t.Any) -> int:
    """How many: a number, a number as text, or the members of a list."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (list, dict)):
        return len(value)
    return number(value) or 0
