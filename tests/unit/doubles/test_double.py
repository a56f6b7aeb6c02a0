# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health, faults, counters, restarts, TLS and the program itself."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "doubles" / "sparkflows"
HEALTH = "/healthcheck"
PATH = "/api/v1/configurations"
URL = "mlops.mlflow.trackingURL"


def test_health(call: t.Any, sparkflows_double: t.Any) -> None:
    for switch, statuses in {"new": (200, 404), "old": (404, 200), "both": (200, 200)}.items():
        sparkflows_double.switches(health_path=switch)
        answers = [call("GET", path, anonymous=True) for path in (HEALTH, "/actuator/health")]
        assert tuple(answer.status for answer in answers) == statuses
        assert {"status": "UP"} in [answer.json() for answer in answers]


def test_it_is_called_a_double_everywhere(call: t.Any, sparkflows_double: t.Any) -> None:
    answer = call("GET", "/")
    assert answer.headers["server"] == "SparkflowsDouble/3.2.1-double"
    assert "<title>Sparkflows double</title>" in answer.text
    assert call("GET", "/api/v1/app/release-info").json()["releaseVersion"] == "3.2.1-double"
    assert (sparkflows_double.home / "conf" / "version.txt").read_text() == "releaseVersion=3.2.1-double\n"


def test_release_info(call: t.Any, sparkflows_double: t.Any) -> None:
    assert call("GET", "/api/v1/app/release-info", anonymous=True).status == 401
    sparkflows_double.switches(release_info_public=True, release_info={"build": "9"})
    assert call("GET", "/api/v1/app/release-info", anonymous=True).json() == {"build": "9"}


def test_counters(call: t.Any, sparkflows_double: t.Any) -> None:
    call("GET", HEALTH)
    call("POST", PATH, [])
    call("POST", PATH, [], anonymous=True)
    call.form("/login", username="admin", password="admin")
    assert sparkflows_double.counters() == {
        "requests": 4, "writes": 2, "starts": 1, "by_path": {"GET " + HEALTH: 1, "POST " + PATH: 2, "POST /login": 1},
    }  # fmt: skip
    assert call("GET", "/_double/counters", anonymous=True).json() == sparkflows_double.counters()
    call("DELETE", "/_double/counters", anonymous=True)
    assert sparkflows_double.counters()["requests"] == 0


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_failing_statuses(call: t.Any, sparkflows_double: t.Any, status: int) -> None:
    sparkflows_double.faults(answers=[{"answer": status, "times": 2}])
    assert [call("GET", HEALTH).status for dummy in range(3)] == [status, status, 200]


def test_faults_of_one_path_and_method(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(answers=[{"answer": 500, "path": PATH, "method": "GET", "skip": 1, "times": None}])
    assert [call("GET", HEALTH).status, call("GET", PATH).status, call("POST", PATH, []).status, call("GET", PATH).status, call("GET", PATH).status] == [
        200, 200, 200, 500, 500,
    ]  # fmt: skip


def test_html_and_redirect(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(answers=[{"answer": "html"}, {"answer": "redirect"}])
    page = call("GET", PATH)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (call("GET", PATH).status, call("GET", PATH).status) == (302, 200)


def test_dropped_connections(call: t.Any, sparkflows_double: t.Any) -> None:
    for answer, kept in (("drop", ""), ("drop_answer", "http://mlflow:5000")):
        sparkflows_double.faults(answers=[{"answer": answer, "method": "POST"}])
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            call("POST", PATH, [{"confProperty": {"name": URL, "value1": "http://mlflow:5000"}}])
        assert sparkflows_double.value(URL) == kept


def test_hanging_request_holds_up_nobody(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(answers=[{"answer": "hang"}])
    failed: list[BaseException] = []

    def hang() -> None:
        try:
            call("GET", HEALTH)
        except (http.client.HTTPException, OSError) as error:
            failed.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not sparkflows_double.counters()["requests"] and thread.is_alive():
        time.sleep(0.005)
    assert call("GET", HEALTH).status == 200
    assert not failed
    sparkflows_double.restart()
    thread.join()
    assert failed


def test_values_that_are_not_kept(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(lose=[URL])
    reply = call("POST", PATH, [{"confProperty": {"name": name, "value1": "x"}} for name in (URL, "mlops.arn")])
    assert reply.status == 200
    assert (sparkflows_double.value(URL), sparkflows_double.value("mlops.arn")) == ("", "x")


@pytest.mark.parametrize(("after", "kept"), [("read", "mine"), ("save", "theirs")])
def test_another_admin(call: t.Any, sparkflows_double: t.Any, after: str, kept: str) -> None:
    sparkflows_double.faults(other_admin={"after": after, "values": {URL: "theirs", "mlops.arn": "theirs"}})
    read = call("GET", PATH).json()
    assert not [wrapper for wrapper in read if wrapper["confProperty"]["value1"] == "theirs"]
    call("POST", PATH, [{"confProperty": {"name": URL, "value1": "mine"}}])
    assert (sparkflows_double.value(URL), sparkflows_double.value("mlops.arn")) == (kept, "theirs")


def test_slow_start(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(slow_start=0.3)
    before = time.monotonic()
    sparkflows_double.restart()
    assert time.monotonic() - before >= 0.3
    assert call("GET", HEALTH).status == 200


def test_nothing_listens_during_a_slow_start(call: t.Any, sparkflows_double: t.Any) -> None:
    sparkflows_double.faults(slow_start=600)
    sparkflows_double.restart(wait=False)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            call("GET", HEALTH)
        except ConnectionRefusedError:
            return
        except (OSError, http.client.HTTPException):
            pass  # the old server still ends
    pytest.fail("The connection was never refused.")


def test_control_over_http(call: t.Any, sparkflows_double: t.Any) -> None:
    assert call("PUT", "/_double/faults", {"delay": 0.01, "answers": [{"answer": 503}]}).json()["answers"][0]["times"] == 1
    assert call("GET", HEALTH).status == 503
    call("DELETE", "/_double/faults")
    assert call("GET", "/_double/faults").json()["delay"] == 0
    assert call("PUT", "/_double/switches", {"get_shape": "flat"}).json()["get_shape"] == "flat"
    assert call("GET", "/_double/switches").json()["get_shape"] == "flat"
    made = call("POST", "/_double/tokens", {"username": "test", "expires_in": 60}).json()
    assert call("GET", "/api/v1/users/user-info", headers={"token": made["accessToken"]}).json()["username"] == "test"
    assert call("POST", "/_double/tokens", {"username": "nobody"}).status == 404
    assert {"name": URL, "value": "", "saved": ""}.items() <= call("GET", "/_double/properties").json()[7].items()
    assert call("POST", "/_double/restart").status == 202
    deadline = time.monotonic() + 10
    while sparkflows_double.counters()["starts"] == 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert call("GET", "/_double/switches").json()["get_shape"] == "flat"


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("switches", {"nonsense": 1}, "There is no nonsense; there are get_shape, "),
        ("switches", {"get_shape": "round"}, "get_shape is 'round'; it must be one of wrapped, flat, grouped."),
        ("faults", {"nonsense": 1}, "There is no nonsense; there are slow_start, "),
        ("faults", {"answers": [{"answer": "explode"}]}, "answer is 'explode'; it must be a status from 200 to 599 or one of drop, "),
        ("faults", {"other_admin": {"values": {}, "after": "lunch"}}, "after is 'lunch'; it must be read or save."),
        ("workflows/1", {"statuses": [2]}, "statuses is [2]; it must be a list of texts, such as RUNNING, "),
        ("workflows/1", {"nonsense": 1}, "There is no nonsense in a script; there are statuses, results, log."),
    ],
)
def test_control_refuses_what_it_does_not_know(call: t.Any, path: str, body: t.Any, sentence: str) -> None:
    answer = call("PUT", "/_double/" + path, body)
    assert answer.status == 400
    assert answer.json()["message"].startswith(sentence)


def test_unknown_paths_and_methods_answer_in_json(call: t.Any) -> None:
    assert [call("GET", "/api/v1/nothing").json()["status"], call("DELETE", PATH).json()["status"]] == [404, 405]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Certificate and key for 127.0.0.1."""
    files = (str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=double",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def test_tls(tmp_path: Path, sparkflows_double: t.Any, certificate: tuple[str, str]) -> None:
    double = type(sparkflows_double)(tmp_path / "tls", certificate=certificate[0], private_key=certificate[1])
    try:
        for dummy in range(2):
            with urllib.request.urlopen(double.url + HEALTH, context=ssl.create_default_context(cafile=certificate[0])) as answer:
                assert json.load(answer) == {"status": "UP"}
            with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
                urllib.request.urlopen(double.url + HEALTH)
            double.restart()
    finally:
        double.stop()


def test_program(tmp_path: Path) -> None:
    """Serves, logs no query, keeps its state, ends with a signal."""
    command = [sys.executable, "-m", "sparkflows_double", "serve", "--port", "0", "--home", str(tmp_path / "home")]
    for mask in ("******", "kept"):
        process = subprocess.Popen(command, cwd=FOLDER, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert line.startswith("A double of Sparkflows, not the product, listens on http://127.0.0.1:")
            url = line.rpartition(" ")[2] + "/_double/switches"
            with urllib.request.urlopen(url) as answer:
                assert json.load(answer)["mask"] == mask
            request = urllib.request.Request(url + "?CANARY", b'{"mask": "kept"}', {"Content-Type": "application/json"}, method="PUT")
            urllib.request.urlopen(request).close()
            process.send_signal(signal.SIGTERM)
            rest = process.communicate(timeout=10)[0]
        finally:
            process.kill()
        assert process.returncode == 0
        assert rest == "GET /_double/switches 200\nPUT /_double/switches 200\n"
