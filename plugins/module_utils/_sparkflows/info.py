# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the module sparkflows_info finds out: health, release, login, and how long the token is good for."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import CONFIGURATIONS, LoginRefused, Sparkflows, timestamp, token_expiry

# The documented path, and the one that older releases document.
_HEALTH_PATHS = ("/healthcheck", "/actuator/health")
_USER_INFO = "/api/v1/users/user-info"
_RELEASE = "/api/v1/app/release-info"
_POLL_SECONDS = 1.0
_DAY = 24 * 60 * 60.0


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """Refuse, with :class:`Problem`, numbers that mean nothing."""
    for option in ("wait", "token_warn_days"):
        if params[option] < 0:
            raise Problem("%s is %d; it must not be negative." % (option, params[option]))


def run(params: t.Mapping[str, t.Any], client: Sparkflows) -> dict[str, t.Any]:
    """The result of sparkflows_info; :class:`Problem` when the server is not up or the login does not work."""
    check_params(params)
    health = await_health(client, params["wait"])
    if params["login"]:
        prove_login(client)
    release = read_release(client, params["login"])
    return {
        "changed": False,
        "health": health,
        "release": release,
        "version": find_version(release, params["version_key"]),
        "authenticated_as": client.scheme,
        "token": describe_token(params["sparkflows_token"], params["token_warn_days"], time.time()),
    }


def await_health(client: Sparkflows, wait: float) -> t.Optional[str]:
    """``UP`` once the server says so; ``None`` when it is there but has neither of the known health pages.

    :class:`Problem` when it is not up within ``wait`` seconds.
    """
    end = time.monotonic() + wait
    while True:
        try:
            health = _health(client, None if wait == 0 else 0)
            if health in ("UP", None):
                return health
            problem = Problem("Sparkflows at %s says that its health is '%s'. Read its log, log/fireserver.log." % (client.url, health))
        except HttpError as error:
            if not error.may_pass:
                raise
            problem = error
        left = end - time.monotonic()
        if left <= 0:
            raise Problem("%s It was waited for %d seconds." % (problem, wait)) if wait else problem
        time.sleep(min(_POLL_SECONDS, left))


def _health(client: Sparkflows, retries: t.Optional[int]) -> t.Optional[str]:
    for path in _HEALTH_PATHS:
        try:
            answer = client.get(path, login=False, retries=retries, judged=False)
        except HttpError as error:
            if error.status is None or error.status >= 500:
                raise
            continue
        if isinstance(answer, dict) and isinstance(answer.get("status"), str):
            return str(answer["status"])
    return None


def prove_login(client: Sparkflows) -> None:
    """Ask for something that only somebody who is logged in is told; :class:`HttpError` when that is refused.

    A 403 is no proof, as Spring also answers a token so that it does not accept. Where there is nothing but that, it counts when somebody
    whom the server cannot know is answered otherwise.
    """
    problem: t.Optional[HttpError] = None
    for path in (_USER_INFO, CONFIGURATIONS):
        try:
            told = client.get(path)
        except HttpError as error:
            if isinstance(error, LoginRefused) or error.status is None or error.status == 429 or error.status >= 500:
                raise
            problem = error
            if error.status == 403 and client.is_known(path):
                return
        else:
            if told and told != "anonymousUser":
                return
            problem = HttpError(
                "Sparkflows at %s answered GET %s without telling who is logged in. Check %s." % (client.url, path, client.credentials), status=200
            )
    raise problem or HttpError("Sparkflows at %s does not tell who is logged in." % client.url)


def read_release(client: Sparkflows, login: bool) -> t.Any:
    """What the server tells about its release, in whatever form; ``None`` when it does not tell."""
    try:
        return client.value("GET", _RELEASE, login=login)
    except HttpError as error:
        if error.status is None or error.status >= 500:
            raise
        return None


def find_version(release: t.Any, key: str) -> t.Optional[str]:
    """The value of ``key`` wherever it stands in what was told about the release."""
    if isinstance(release, dict):
        if isinstance(release.get(key), (str, int, float)):
            return str(release[key])
        release = list(release.values())
    if isinstance(release, list):
        for each in release:
            version = find_version(each, key)
            if version is not None:
                return version
    return None


def describe_token(token: t.Optional[str], warn_days: int, now: float) -> t.Optional[dict[str, t.Any]]:
    """When the token expires; ``None`` without a token or with one that does not say."""
    expiry = token_expiry(token or "")
    if expiry is None:
        return None
    return {
        "expires_at": timestamp(expiry),
        "days_left": round((expiry - now) / _DAY, 2),
        "about_to_expire": expiry - now <= warn_days * _DAY,
    }
