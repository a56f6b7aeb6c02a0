# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow start is waited for; a unit that fails is not."""

from __future__ import annotations

import time

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import service_wait
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import url_answers as _url_answers
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.url_answers import url_answers

RUNS = {"ActiveState": "active", "NRestarts": "0", "Result": "success", "ExecMainCode": "0", "ExecMainStatus": "0"}


def wait(states, answers, timeout=30.0):
    """Wait with scripted states and answers; the last of each goes on for ever."""
    states, answers = list(states), list(answers)

    def take(items):
        return items.pop(0) if len(items) > 1 else items[0]

    return service_wait.wait("x.service", lambda: take(answers), timeout, lambda unit: take(states))


def test_an_answer_ends_it():
    assert wait([RUNS], ["refused.", None]).answers is True


def test_a_slow_start_with_a_crash_on_the_way_is_waited_for():
    crashed = dict(RUNS, ActiveState="activating", NRestarts="1", Result="exit-code", ExecMainCode="1", ExecMainStatus="1")
    assert wait([RUNS, crashed, crashed, RUNS], ["refused.", "refused.", "refused.", None]).answers is True


def test_the_time_is_kept():
    started = time.monotonic()
    waited = wait([RUNS], ["http://x does not answer: Connection refused."], timeout=1)
    assert 1 <= time.monotonic() - started < 2
    assert waited.reason == "x.service is active, but within 1 seconds there was no answer. http://x does not answer: Connection refused."


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "3"}, "x.service has failed (it ended with exit status 3)."),
        ({"ActiveState": "failed", "ExecMainCode": "2", "ExecMainStatus": "9"}, "x.service has failed (signal 9 ended it)."),
        ({"ActiveState": "failed", "Result": "oom-kill", "ExecMainCode": "1", "ExecMainStatus": "1"}, "x.service has failed (systemd says oom-kill)."),
        ({"ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "216"}, "216/GROUP: the group that it should run as does not exist on the host"),
        (
            {"ActiveState": "activating", "NRestarts": "3", "ExecMainCode": "1", "ExecMainStatus": "203"},
            "x.service fails again and again, 3 times in 1 seconds (203/EXEC: its user may not run the program",
        ),
    ],
)
def test_a_unit_that_fails_is_not_waited_for(state, said):
    started = time.monotonic()
    waited = wait([RUNS, {**RUNS, **state}], ["refused."])
    assert time.monotonic() - started < 1
    assert (waited.answers, said in waited.reason) == (False, True)


def test_a_unit_that_was_just_started_again_is_told_by_how_it_ended_before():
    ended = dict(RUNS, ActiveState="activating", NRestarts="2", Result="exit-code", ExecMainCode="1", ExecMainStatus="203")
    waited = wait([RUNS, ended, dict(RUNS, NRestarts="3")], ["refused."])
    assert "203/EXEC" in waited.reason
    assert "does not say how it ended" in wait([RUNS, dict(RUNS, NRestarts="3")], ["refused."]).reason


def test_restarts_from_before_do_not_count():
    before = dict(RUNS, NRestarts="48")
    assert wait([before], ["refused.", "refused.", None]).answers is True


@pytest.mark.parametrize("name", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_no_proxy_stands_between_a_host_and_itself(http_server, monkeypatch, name):
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    http_server.route("GET", "/health", b"ok")
    assert _url_answers._own(name)
    url = http_server.url + "/health"
    assert url_answers([{"url": url, "timeout": 5, "ca_path": None, "validate_certs": True}])[url] == {"status": 200, "error": None}
    other = "http://mlflow.example.com:%d/health" % http_server.port
    assert "Connection refused" in url_answers([{"url": other, "timeout": 5, "ca_path": None, "validate_certs": True}])[other]["error"]


@pytest.mark.parametrize(
    ("line", "full"),
    [
        ("sqlite3.OperationalError: database or disk is full", True),
        ("OSError: [Errno 28] No space left on device: '/var/lib/x'", True),
        ("OSError: [Errno 122] Disk quota exceeded", True),
        ("sqlite3.OperationalError: disk I/O error", False),
    ],
)
def test_a_full_disk_is_said_without_the_journal(line: str, full: bool) -> None:
    said = service_wait.disk_full(["Traceback (most recent call last):", "  " + line, "[INFO] Shutting down"])
    if not full:
        assert said is None
        return
    assert said is not None and said.startswith("A file system is full: its journal says '%s'." % line) and "Traceback" not in said
