# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent serves is told by itself, or else by its folder, whatever lies in that."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent_reading
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import predictions as _predictions

CHURN = {"name": "churn", "model_uri": "models:/churn/3", "resolved_uri": "models:/churn/3", "port": 5001, "workers": 1, "memory_mb": 512,
         "startup_timeout": 180, "probe": None, "follow": False, "state": "ready", "message": "The model answers.", "restarts": 0,
         "up_to_date": True}  # fmt: skip
LATEST = "/api/2.0/mlflow/registered-models/get-latest-versions"


@pytest.fixture(autouse=True)
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit of the agent, for which this machine needs no systemd."""
    monkeypatch.setattr(agent_reading, "_runs", lambda unit: unit == "mlops-agent.service")


def read(memory_agent: t.Any, store: Path, **options: t.Any) -> dict[str, t.Any]:
    """The answer to the question, asked as the reading of a host asks it."""
    given = {"agent_url": memory_agent.url, "unit": "mlops-agent.service", "store": str(store), "timeout": 5, **options}
    question = {"name": "served", "module": "mlops_deployments", "options": given, "secrets": {"agent_token": memory_agent.token}}
    return _predictions.predictions([question], {"family": "Debian", "distribution": "Debian"}, "x86_64")["served"]


def stored(folder: Path, name: str, **changes: t.Any) -> None:
    spec = {key: value for key, value in CHURN.items() if key not in ("state", "message", "restarts", "up_to_date")}
    folder.mkdir(exist_ok=True)
    (folder / (name + ".json")).write_text(json.dumps({**spec, "name": name, "source": "", "slot": None, "desired": "present", "updated_at": "", **changes}))


def test_the_agent_itself_is_asked_once(memory_agent: t.Any, tmp_path: Path) -> None:
    memory_agent.deployments["churn"] = {**CHURN, "log": ["a line of a stranger"]}
    memory_agent.unmanaged["stray"] = "Its file can't be read."
    answer = read(memory_agent, tmp_path)
    assert answer == {
        "changed": False, "error": None, "source": "agent", "silence": None, "served": {"churn": CHURN}, "unmanaged": {"stray": "Its file can't be read."},
        "stages": {},
    }  # fmt: skip
    assert len(memory_agent.server.requests) == 1


def refused(memory_agent: t.Any) -> str:
    """An agent that still has another token than the inventory."""
    memory_agent.token = "CANARY-another-token-0123"  # noqa: S105
    return str(memory_agent.url)


@pytest.mark.parametrize("address", [lambda memory_agent: "http://127.0.0.1:1", refused])
def test_its_folder_tells_while_it_does_not(memory_agent: t.Any, tmp_path: Path, address: t.Callable[[t.Any], str]) -> None:
    folder = tmp_path / "deployments"
    stored(folder, "churn")
    stored(folder, "going", desired="absent")
    token = memory_agent.token
    url = address(memory_agent)
    answer = read(SimpleNamespace(url=url, token=token), folder)
    assert answer["source"] == "disk" and answer["silence"]
    assert answer["served"]["churn"] == {**CHURN, "state": "unknown", "message": "", "restarts": None, "up_to_date": None}
    assert answer["served"]["going"]["state"] == "stopping"


def test_an_agent_that_does_not_run_is_not_started_by_a_question_to_its_socket(memory_agent: t.Any, tmp_path: Path) -> None:
    stored(tmp_path / "deployments", "churn")
    answer = read(memory_agent, tmp_path / "deployments", unit="stopped.service")
    assert (answer["source"], answer["silence"], list(answer["served"])) == ("disk", "stopped.service does not run.", ["churn"])
    assert memory_agent.server.requests == []


def test_nothing_in_its_folder_is_believed_or_waited_for(tmp_path: Path) -> None:
    """The folder belongs to the agent's user, whom nobody has to trust: root reads it."""
    folder = tmp_path / "deployments"
    stored(folder, "churn")
    stored(folder, "churn.a")
    os.mkfifo(folder / "fifo.json")
    (folder / "link.json").symlink_to(folder / "churn.json")
    (folder / "folder.json").mkdir()
    (folder / "list.json").write_text("[]")
    (folder / "deep.json").write_text("[" * 100000)
    (folder / "half.json").write_text('{"name": "ha')
    (folder / "huge.json").write_bytes(b'{"name": "' + b"x" * 3 * 1024 * 1024 + b'"}')
    (folder / "binary.json").write_bytes(b"\xff\xfe")
    assert set(agent_reading.stored(str(folder))) == {"churn"}
    assert agent_reading.stored(str(tmp_path / "none")) == {}


def test_what_is_in_a_stage_is_asked_of_the_tracking_server(memory_agent: t.Any, http_server: t.Any, tmp_path: Path) -> None:
    def latest(request: t.Any) -> t.Any:
        body = request.json()
        if body["name"] == "lost":
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "There is none."}
        return {"model_versions": [{"name": body["name"], "version": "4"}] if body["stages"] == ["Production"] else []}

    http_server.route("POST", LATEST, latest)
    stages = ["models:/churn/Production", "models:/churn/Staging", "models:/lost/Production"]
    answer = read(memory_agent, tmp_path, stages=stages, tracking_uri=memory_agent.url)
    assert answer["stages"] == {"models:/churn/Production": "models:/churn/4"}
    # Where nobody answers, nothing is known, which is no reason to change anything.
    assert read(memory_agent, tmp_path, stages=stages, tracking_uri="http://127.0.0.1:1")["stages"] == {}
