# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The advice about an address that does not answer as it should fits what was seen."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.filter.reach_problems import FilterModule
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.url_answers import url_answers

reach_problems = FilterModule().filters()["reach_problems"]
FIREWALL = "Check that the services run, and that no firewall on the way or on their host keeps sparkflows out."


@pytest.mark.parametrize("status, words", [
    (401, "does not accept the login: check the user name and the password"), (403, "forbids this: check what the login may do"),
    (404, "below another path: check the address."), (503, "not the service behind it"), (500, "look into its log"), (418, "right service"),
])  # fmt: skip
def test_a_status_is_no_matter_of_a_firewall(status: int, words: str) -> None:
    first, advice = reach_problems({"http://u:CANARY@mlflow:5000/health": {"status": status, "error": None}}, "sparkflows")
    assert first == "http://mlflow:5000/health answers with status %d." % status
    assert words in advice and "firewall" not in advice


@pytest.mark.parametrize("error, words", [
    ("Connection refused", FIREWALL), ("timed out", FIREWALL), ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "Check the certificate there"),
    ("Name or service not known", "Check the spelling of the name"),
])  # fmt: skip
def test_silence(error: str, words: str) -> None:
    answers = {url: {"status": None, "error": "%s does not answer: %s." % (url, error)} for url in ("tcp://a:1", "tcp://b:1")}
    told = reach_problems(answers, "sparkflows")
    assert told[:2] == [answer["error"] for answer in answers.values()] and len(told) == 3
    assert told[2].startswith(words)


def test_what_a_real_server_answers(http_server: t.Any) -> None:
    http_server.route("GET", "/health", b"OK")
    http_server.route("GET", "/locked", (401, {}))

    def question(path: str) -> dict[str, t.Any]:
        return {"url": http_server.url + path, "wait": 0, "timeout": 5, "ca_path": None, "validate_certs": True}

    assert reach_problems(url_answers([question("/health")]), "sparkflows") == []
    assert "check the user name and the password" in reach_problems(url_answers([question("/health"), question("/locked")]), "sparkflows")[-1]
