# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a Sparkflows server and its surroundings answer to what the role sparkflows would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.standing import ARGUMENT_SPEC

ROOT = Path(__file__).resolve().parents[5]
TRACKING = "https://mlflow.example.com:5443"
LOGIN, HEALTH, SERVER = TRACKING + "/api/2.0/mlflow/experiments/get?experiment_id=0", TRACKING + "/health", "tcp://mlflow.example.com:8086"
SETTINGS: dict[str, Any] = {
    **yaml.safe_load((ROOT / "roles" / "sparkflows" / "defaults" / "main.yml").read_text()),
    "sparkflows_token": "CANARY-token", "sparkflows_tracking_url": TRACKING + "/", "sparkflows_tracking_username": "fire",
    "sparkflows_tracking_password": "CANARY-password", "sparkflows_mlops_host": "mlflow.example.com",
}  # fmt: skip
FILE = {**SETTINGS, "sparkflows_method": "file", "sparkflows_configuration_file": "/opt/fire/conf/configuration.properties"}
ABSENT = {**FILE, "sparkflows_state": "absent"}
NAMES = {"tracking_username": "a.user", "tracking_password": "a.password", "mlops_host": "a.host", "mlops_port": "a.port"}
WORKFLOW = {"file": "score.json", "project_id": 1}
ANSWERS = {"status": 200, "error": None}
REFUSED = {"status": None, "error": "It does not answer: Connection refused."}


def seen(**changes: Any) -> dict[str, Any]:
    """What is told of a server on which nothing differs."""
    server = {"version": "3.2.84", "token": None}
    return {"error": None, "names": NAMES, "server": server, "settings": {"changed": False, "differences": [], "shadowed": []}, "workflows": [], **changes}


def reading(told: dict[str, Any] | None = None, **urls: Any) -> dict[str, Any]:
    return {"predictions": {"sparkflows": told or seen()}, "urls": {**dict.fromkeys((LOGIN, HEALTH, SERVER), ANSWERS), **urls}}


def differences(settings: dict[str, Any] = SETTINGS, told: dict[str, Any] | None = None, **urls: Any) -> list[tuple[str, ...]]:
    return [tuple(difference[1:]) for difference in sparkflows.differences(settings, reading(told, **urls), {}, {})]


def test_nothing_differs() -> None:
    for settings in (SETTINGS, FILE, ABSENT):
        assert differences(settings) == []
        assert sparkflows.findings(settings, reading()) == []
    assert sparkflows.inputs(SETTINGS, reading())["version"] == "3.2.84"


URL = {"item": "setting MLflow Tracking URL", "before": "http://old:5000", "after": TRACKING}


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        (SETTINGS, {"settings": {"changed": True, "differences": [URL]}}, [("settings", *URL.values(), "")]),
        (
            FILE,
            {"settings": {"changed": True, "differences": [URL], "restart_due": True}},
            [("settings", *URL.values(), ""), ("restart", "Sparkflows", "runs with older settings", "restarted", "Sparkflows reads the file when it starts.")],
        ),
        (
            FILE,
            {"settings": {"changed": False, "differences": [], "restart_due": True}},
            [("restart", "Sparkflows", "runs with older settings", "restarted", "A run ended before it restarted Sparkflows.")],
        ),
        (ABSENT, {"server": None, "settings": {"changed": True, "differences": [URL]}}, [("removed", *URL.values(), "")]),
        (
            {**SETTINGS, "sparkflows_score_workflows": [WORKFLOW]},
            {"workflows": [{"changed": True, "differing": [], "workflow": {"id": None, "name": "Score"}}]},
            [("workflows", "workflow Score", "missing", "imported", "")],
        ),
        (
            {**SETTINGS, "sparkflows_score_workflows": [WORKFLOW]},
            {"workflows": [{"changed": True, "differing": ["nodes"], "workflow": {"id": 7, "name": None}}]},
            [("workflows", "workflow score.json", "differs in nodes", "imported", "")],
        ),
        (
            SETTINGS,
            {"server": {"version": None, "token": {"about_to_expire": True, "expires_at": "2026-12-01T00:00:00Z"}}},
            [("", "note", "sparkflows_token expires on 2026-12-01T00:00:00Z. Make a new one in good time.", "", "")],
        ),
    ],
)
def test_what_the_server_has_otherwise(settings: dict[str, Any], changes: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    assert differences(settings, seen(**changes)) == expected


def test_a_setting_that_a_file_decides_is_a_note() -> None:
    settings = {**SETTINGS, "sparkflows_configuration_file": "/opt/fire/conf/configuration.properties"}
    (note,) = differences(settings, seen(settings={"changed": False, "differences": [], "shadowed": ["a.user"]}))
    assert note[0] == "" and note[2].startswith("/opt/fire/conf/configuration.properties also sets a.user.")


def test_what_is_not_reached_is_a_difference_that_the_step_waits_for() -> None:
    (found,) = differences(**{SERVER: REFUSED})
    assert found[:4] == ("reach", SERVER, "does not answer as it should", "answers")
    assert found[4].startswith("It does not answer: Connection refused. Check that the services run")
    (found,) = differences(**{HEALTH: {"status": 401, "error": None}})
    assert found[:2] == ("reach", HEALTH)
    assert sparkflows.findings(SETTINGS, reading(**{SERVER: REFUSED})) == []


def test_a_login_is_proved_before_it_is_saved_and_waited_for_when_nothing_answers() -> None:
    (found,) = differences(**{LOGIN: {"status": 401, "error": None}})
    assert found[0] == "login" and "The tracking server does not accept the login (401)" in found[4]
    assert sparkflows.inputs(SETTINGS, reading(**{LOGIN: {"status": 401, "error": None}}))["login_wait"] == 0
    assert differences(**{LOGIN: REFUSED})[0][0] == "login"
    assert sparkflows.inputs(SETTINGS, reading(**{LOGIN: REFUSED}))["login_wait"] == SETTINGS["sparkflows_reach_timeout"]


def test_a_server_that_is_away_is_found_and_nothing_is_made_of_it() -> None:
    away = {"error": "Sparkflows at http://127.0.0.1:8080 does not answer.", "changed": True}
    assert sparkflows.findings(SETTINGS, reading(away)) == ["Sparkflows at http://127.0.0.1:8080 does not answer."]
    assert differences(SETTINGS, away) == [] and sparkflows.inputs(SETTINGS, reading(away)) == {}


def test_the_question_keeps_secrets_apart_and_is_understood() -> None:
    settings = {
        **SETTINGS, "sparkflows_secret_settings": {"my.key": "CANARY-mine"}, "sparkflows_settings": {"app.url": "http://x", "app.password": "CANARY-slip"},
        "sparkflows_score_workflows": [WORKFLOW], "workflow_texts": {"score.json": '{"uuid": "1"}'},
    }  # fmt: skip
    for state in ("present", "absent"):
        asked = sparkflows.questions({**settings, "sparkflows_state": state})
        (question,) = asked["predictions"]
        assert "CANARY" not in repr(question["options"])
        assert question["secrets"]["hidden_settings"] == {"app.password": "CANARY-slip"}
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate({**question["options"], **question["secrets"]})
        assert checked.error_messages == []
        assert len(question["options"]["workflows"]) == (state == "present")
        assert [entry["url"] for entry in asked.get("urls", [])] == ([LOGIN, HEALTH, SERVER] if state == "present" else [])
    assert "CANARY" not in repr(sparkflows.inputs(FILE, reading()))


def test_what_the_file_is_to_hold() -> None:
    values = sparkflows.inputs({**FILE, "sparkflows_settings": {"app.url": "http://x"}}, reading())
    assert values["settings"] == {
        "mlops.mlflow.trackingURL": TRACKING + "/", "a.user": "fire", "mlops.mlflow.deploy.mode": "fire_mlops_server", "a.host": "mlflow.example.com",
        "a.port": "8086",
    }  # fmt: skip
    assert set(values["absent"]) == {*values["settings"], "a.password", "app.url"}
    assert sparkflows.plain_options({**SETTINGS, "sparkflows_deploy_mode": "local", "sparkflows_mlops_host": ""}) == {
        "tracking_url": TRACKING + "/", "tracking_username": "fire", "deploy_mode": "local",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "steps", "changes"),
    [
        (seen(), ["login", "reach"], False),
        (seen(settings={"changed": True, "differences": [URL], "shadowed": []}), ["login", "settings", "reach"], True),
    ],
)
def test_who_only_waits_changes_nothing(told: dict[str, Any], steps: list[str], changes: bool) -> None:
    read = {**reading(told, **dict.fromkeys((LOGIN, HEALTH), REFUSED)), "packages": None}
    part = hosts.Planned(["sparkflows"], SETTINGS, lambda role, template, inputs: "", {}).judge(read).roles["sparkflows"]
    assert (part["steps"], part["changes"]) == (steps, changes)
