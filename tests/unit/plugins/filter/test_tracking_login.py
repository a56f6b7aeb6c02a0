# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a tracking server proves a login, or the sentence fits its status. Asked over HTTP as the role does."""

from __future__ import annotations

import pytest
from ansible_collections.sparkflows.mlops.plugins.filter.tracking_login import tracking_login

URL = "https://m:5443"


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("with_login", [True, False])
def test_a_login_that_is_taken(status: int, with_login: bool) -> None:
    assert tracking_login({"status": status, "error": None}, URL, with_login) == {"pending": False, "problem": ""}


@pytest.mark.parametrize(
    ("status", "with_login", "waits", "words"),
    [
        (401, True, False, "does not accept the login (401). Check sparkflows_tracking_username and sparkflows_tracking_password"),
        (401, False, False, "asks for a login (401). Give sparkflows_tracking_username and sparkflows_tracking_password."),
        (403, True, False, "forbids access to this login (403)"),
        (407, True, False, "A proxy on the way asks for a login of its own (407)"),
        (429, True, False, "answers no more for now (429)"),
        (302, True, False, "answers with a redirect (302), as login pages do. Set sparkflows_tracking_url to the address of MLflow itself."),
        (502, True, True, "answers with status 502. Check that MLflow itself runs"),
    ],
)
def test_each_status_has_its_sentence(status: int, with_login: bool, waits: bool, words: str) -> None:
    judged = tracking_login({"status": status, "error": None}, URL, with_login)
    assert judged["pending"] is waits
    assert judged["problem"].startswith("The login at %s is not proved, so nothing was saved. " % URL) and words in judged["problem"]
    assert ("firewall" in judged["problem"]) is False


def test_silence_is_told_as_silence() -> None:
    judged = tracking_login({"status": None, "error": "https://m:5443 does not answer: Connection refused."}, URL, True)
    assert judged["pending"] and "Connection refused. Check that the tracking server runs and that no firewall is in between." in judged["problem"]
