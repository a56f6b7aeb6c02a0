# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that speak HTTP, run by Ansible itself: options, results, and no secret in the most talkative output."""

from __future__ import annotations

import json

CANARY = "CANARY-secret-0123456789"


def test_mlflow_model(run_module, http_server):
    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", {})
    http_server.route("GET", "/api/2.0/mlflow/registered-models/get", {"registered_model": {"name": "churn"}})
    arguments = {
        "tracking_uri": http_server.url, "tracking_username": "me", "tracking_password": CANARY, "name": "churn",
        "source": "s3://bucket/churn", "stage": "None", "tags": {"a": 1},
    }  # fmt: skip
    result, output = run_module("mlflow_model", arguments, "--check", "--diff", "-vvv")
    assert (result["changed"], result["version"], result["stage"], result["model_uri"]) == (True, 1, "None", "models:/churn/1")
    assert "s3://bucket/churn" in json.dumps(result["diff"]["after"])
    assert http_server.requests[0].headers["authorization"].startswith("Basic ")
    assert http_server.writes == 0
    assert CANARY not in output and "WARNING" not in output


def test_mlflow_model_refuses(run_module):
    result, output = run_module("mlflow_model", {"tracking_uri": "http://127.0.0.1:5000", "name": "churn", "source": "s3://b/../x"})
    assert result["msg"] == "source is 's3://b/../x'; '.' and '..' must not be parts of a model's URI."
    assert "Traceback" not in output


def test_mlops_deployment(run_module, memory_agent):
    arguments = {"agent_url": memory_agent.url, "agent_token": memory_agent.token, "name": "churn", "model_uri": "models:/m/1", "probe": {"inputs": [[1]]}}
    result, output = run_module("mlops_deployment", arguments, "--diff", "-vvv")
    assert (result["changed"], result["deployment"]["state"], result["deployment"]["probe"]) == (True, "ready", {"inputs": [[1]]})
    assert memory_agent.token not in output and "WARNING" not in output
    assert run_module("mlops_deployment", arguments).result["changed"] is False

    waiting = {"agent_url": memory_agent.url, "agent_token": memory_agent.token}
    memory_agent.deployments["churn"]["state"] = "ready"
    result, output = run_module("mlops_rollout", waiting, "--check", "-vvv")
    assert (result["changed"], result["models"]) == (False, ["churn"])
    assert memory_agent.token not in output and "WARNING" not in output


def test_mlops_deployment_fails(run_module, memory_agent):
    memory_agent.script = ["failed"]
    result, output = run_module(
        "mlops_deployment", {"agent_url": memory_agent.url, "agent_token": memory_agent.token, "name": "churn", "model_uri": "models:/m/1"}, "-vvv"
    )
    assert "The end of its log:\n  loading\n  boom" in result["msg"]
    assert result["deployment"]["state"] == "failed"
    assert "Traceback" not in output and memory_agent.token not in output


def test_mlops_deployment_needs_a_model_uri(run_module, memory_agent):
    result = run_module("mlops_deployment", {"agent_url": memory_agent.url, "agent_token": memory_agent.token, "name": "churn"}).result
    assert result["msg"] == "state is present but all of the following are missing: model_uri"


def test_model_score(run_module, http_server):
    http_server.route("GET", "/version", b"1.30.1")
    http_server.route("POST", "/invocations", (200, b"[3.0, NaN, {\"low\": -Infinity}]"))
    arguments = {
        "url": http_server.url + "/invocations", "token": CANARY, "columns": ["a", "b"], "data": [[1, 2], [1, None], [0.5, "x"]],
        "expected": [3, "NaN", {"low": "-Infinity"}],
    }  # fmt: skip
    result, output = run_module("model_score", arguments, "--check", "-vvv")
    assert (result["changed"], result["predictions"], result["status"]) == (False, [3.0, "NaN", {"low": "-Infinity"}], 200)
    assert http_server.requests[1].json() == {"columns": ["a", "b"], "data": [[1, 2], [1, None], [0.5, "x"]]}
    assert CANARY not in output and "WARNING" not in output
    result = run_module("model_score", dict(arguments, expected=[4])).result
    assert "row 1 is 3.0, expected 4 within a relative tolerance of 1e-06." in result["msg"]
    assert result["predictions"][0] == 3.0


def test_model_score_takes_one_form_of_rows(run_module):
    assert "mutually exclusive" in run_module("model_score", {"url": "http://127.0.0.1:1", "csv": "a", "records": [{"a": 1}]}).result["msg"]
    assert "one of the following is required" in run_module("model_score", {"url": "http://127.0.0.1:1"}).result["msg"]
