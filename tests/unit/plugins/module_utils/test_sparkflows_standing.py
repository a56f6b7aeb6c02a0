# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the double stands to what the role wants, told with one login and without a write, and gone once the modules have done their work."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import predictions as _predictions
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import properties_file
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import config
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import workflow_import
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.standing import ARGUMENT_SPEC

UUID = "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11"
SETTINGS = {"tracking_url": "http://mlflow:5000", "deploy_mode": "local", "settings": {"app.runOnCluster": False}}
SYSTEM = {"distribution": "Debian", "family": "Debian"}


class Standing:
    """Asks as a reading of a host does."""

    def __init__(self, double: t.Any, folder: Path) -> None:
        self.double, self.memory = double, folder / "memory" / "secrets.json"
        self.connection = {"sparkflows_url": double.url, "retries": 0, "use_proxy": False, "secrets_state_path": str(self.memory)}

    def __call__(self, **given: t.Any) -> dict[str, t.Any]:
        secrets = {"sparkflows_token": given.pop("token", self.double.token), "tracking_password": given.pop("tracking_password", None)}
        options = {name: value for name, value in {**self.connection, **SETTINGS, **given}.items() if value is not None}
        question = {"name": "sparkflows", "module": "sparkflows", "options": options, "secrets": {key: value for key, value in secrets.items() if value}}
        self.double.reset_counters()
        answer = _predictions.predictions([question], SYSTEM, "x86_64")["sparkflows"]
        assert self.double.counters()["writes"] == 0
        return answer

    def params(self, **given: t.Any) -> dict[str, t.Any]:
        """What the module sparkflows_config, or sparkflows_workflow, gets for the same."""
        defaults = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}
        return {**defaults, **self.connection, **SETTINGS, "sparkflows_token": self.double.token, **given}


@pytest.fixture
def standing(sparkflows_double: t.Any, tmp_path: Path) -> Standing:
    return Standing(sparkflows_double, tmp_path)


def test_settings_over_rest(standing: Standing) -> None:
    first = standing(tracking_username="fire", tracking_password="CANARY-password")
    assert first["error"] is None and first["changed"] and first["server"]["health"] == "UP"
    told = {each["item"]: (each["before"], each["after"]) for each in first["settings"]["differences"]}
    assert told["setting MLflow Tracking URL"][1] == "http://mlflow:5000"
    assert "CANARY" not in repr(first)
    params = standing.params(tracking_username="fire", tracking_password="CANARY-password")
    config.run(params, Sparkflows(params), False, lambda texts: None)
    again = standing(tracking_username="fire", tracking_password="CANARY-password")
    assert not again["changed"] and again["settings"]["differences"] == []
    assert standing.double.counters()["by_path"]["GET /api/v1/configurations"] == 1
    (other,) = standing(tracking_username="fire", tracking_password="CANARY-another")["settings"]["differences"]
    assert (other["before"], other["after"]) == ("a secret", "another secret")


def test_a_memory_that_is_open_to_others_is_seen_and_closed(standing: Standing) -> None:
    standing.memory.parent.mkdir()
    standing.memory.write_text("{}")
    standing.memory.chmod(0o644)
    params = standing.params()
    config.run(params, Sparkflows(params), False, lambda texts: None)
    assert standing.memory.stat().st_mode & 0o777 == 0o600
    standing.memory.chmod(0o644)
    (found,) = standing()["settings"]["differences"]
    assert found == {"item": str(standing.memory), "before": "belongs to or is open to others", "after": "closed to others"}
    assert config.run(params, Sparkflows(params), False, lambda texts: None)["changed"]
    assert not standing()["changed"]


def test_settings_in_the_file(standing: Standing, tmp_path: Path) -> None:
    file, marker = tmp_path / "configuration.properties", tmp_path / "restart-due"
    given = {"method": "file", "file": str(file), "restart_marker": str(marker)}
    first = standing(**given)
    assert first["settings"]["restart_due"] and not file.exists() and not marker.exists()
    item = f"setting mlops.mlflow.deploy.mode in {file}"
    assert {"item": item, "before": "nothing", "after": "local"} in first["settings"]["differences"]
    wanted = {"mlops.mlflow.trackingURL": "http://mlflow:5000", "mlops.mlflow.deploy.mode": "local", "app.runOnCluster": False}
    defaults = {name: spec.get("default") for name, spec in properties_file.ARGUMENT_SPEC.items()}
    properties_file.run({**defaults, "path": str(file), "settings": wanted, "restart_marker": str(marker)}, False, lambda texts: None)
    # The file is as it should be, and the restart is still due.
    due = standing(**given)
    assert due["changed"] and not due["settings"]["changed"] and due["settings"]["restart_due"]
    marker.unlink()
    assert not standing(**given)["changed"]
    gone = standing(**given, state="absent")
    assert gone["changed"] and gone["server"] is None
    assert {"item": item, "before": "(not shown)", "after": "nothing"} in gone["settings"]["differences"]


def test_without_a_login_names_have_to_be_given(standing: Standing, tmp_path: Path) -> None:
    given = {"method": "file", "file": str(tmp_path / "configuration.properties"), "login": False, "token": "", "tracking_username": "fire"}
    assert "The names of these settings are not public: tracking_username." in standing(**given)["error"]
    assert standing(**given, key_names={"tracking_username": "a.user"})["error"] is None


def test_workflows(standing: Standing) -> None:
    entry = {"content": '{"uuid": "%s", "name": "Score", "nodes": []}' % UUID, "project_id": 1}
    (missing,) = standing(workflows=[entry])["workflows"]
    assert missing["changed"] and missing["workflow"]["id"] is None and "diff" not in missing
    params = standing.params(content=entry["content"], project_id=1, overwrite="when_different", file_field="auto")
    workflow_import.run(params, Sparkflows(params), False)
    assert not standing(workflows=[entry])["workflows"][0]["changed"]
    (differs,) = standing(workflows=[{**entry, "content": entry["content"].replace("[]", '[{"id": "1"}]')}])["workflows"]
    assert differs["changed"] and differs["differing"] == ["nodes"] and differs["workflow"]["id"]


def test_what_would_stop_the_role(standing: Standing) -> None:
    assert "does not accept" in standing(token="not-the-token")["error"]
    assert "not a property that the server lists" in standing(settings={"no.such": 1})["error"]
