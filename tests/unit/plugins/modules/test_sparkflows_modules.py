# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for Sparkflows, run by Ansible itself with the double: options, results, and no secret in the most talkative output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
SECRET = "CANARY-secret-0123456789"
GET, POST = "GET /api/v1/configurations", "POST /api/v1/configurations"


@pytest.fixture
def run(run_module, sparkflows_double, tmp_path):
    """Run a module against the double, logged in with its token, as talkative as can be; no output may hold a secret."""

    def run(module, *options, **given):
        arguments = {"sparkflows_url": sparkflows_double.url, "sparkflows_token": sparkflows_double.token, "use_proxy": False, **given}
        if module == "sparkflows_config":
            arguments.setdefault("secrets_state_path", str(tmp_path / "memory.json"))
        sparkflows_double.reset_counters()
        result, output = run_module(module, arguments, "--diff", "-vvv", *options)
        assert "CANARY" not in output and sparkflows_double.token not in output
        assert "Traceback" not in output
        return result, output

    return run


def test_config(run, sparkflows_double):
    sparkflows_double.switches(mask_secrets=True)
    sparkflows_double.save(**{"mlops.kubeflow.username": "CANARY-was-there"})
    given = {
        "deploy_mode": "fire_mlops_server", "tracking_url": "https://mlflow.example.com:5443", "tracking_username": "sparkflows", "tracking_password": SECRET,
        "mlops_host": "mlflow.example.com", "mlops_port": 8086, "s3_access_key": "CANARY-access", "s3_secret_key": "CANARY-s3", "s3_ignore_tls": False,
        "settings": {"mlops.timeout": 60, "mlops.kubeflow.password": "CANARY-in-settings", "app.runOnCluster": False},
        "secret_settings": {"mlops.kubeflow.username": "CANARY-hidden"},
    }  # fmt: skip
    predicted, output = run("sparkflows_config", "--check", **given)
    assert sparkflows_double.counters()["writes"] == 0
    assert "WARNING" not in output
    result, dummy = run("sparkflows_config", **given)
    assert sparkflows_double.counters()["by_path"] == {GET: 2, POST: 1}
    assert (predicted["changed"], predicted["saved"], predicted["diff"]) == (True, result["saved"], result["diff"])
    assert (result["changed"], result["requests"], result["shadowed"]) == (True, 3, [])
    assert len(result["saved"]) == 12  # the mode of the TLS check was right already
    assert result["diff"]["before"]["mlops.kubeflow.username"] == "a secret"
    assert (result["diff"]["after"]["mlops.kubeflow.username"], result["diff"]["after"]["mlops.kubeflow.password"]) == ("another secret", "a secret")
    assert (result["diff"]["before"]["app.runOnCluster"], result["diff"]["after"]["app.runOnCluster"]) == ("true", "false")
    assert result["names"]["mlops_port"] == "double.k32"
    assert sparkflows_double.value("mlops.kubeflow.password") == "CANARY-in-settings"
    for options in (["--check"], []):
        result, dummy = run("sparkflows_config", *options, **given)
        assert (result["changed"], result["requests"]) == (False, 1)
        assert sparkflows_double.counters()["by_path"] == {GET: 1}


def test_config_with_secrets_as_text(run, sparkflows_double):
    result, dummy = run("sparkflows_config", secret_settings="mlops.kubeflow.password=" + SECRET)
    assert result["saved"] == ["mlops.kubeflow.password"]
    assert sparkflows_double.value("mlops.kubeflow.password") == SECRET


def test_config_by_password(run, sparkflows_double):
    given = {"sparkflows_token": None, "sparkflows_username": "admin", "sparkflows_password": "admin"}
    result, dummy = run("sparkflows_config", ssh_user="mlops", **given)
    assert (result["changed"], result["requests"]) == (True, 4)
    result, dummy = run("sparkflows_config", ssh_user="mlops", **given)
    assert (result["changed"], result["requests"]) == (False, 2)


def test_config_refuses(run, sparkflows_double):
    unknown, dummy = run("sparkflows_config", deploy_mode="cloud")
    assert unknown["msg"] == "value of deploy_mode must be one of: local, remote, fire_mlops_server, got: cloud"
    needs, dummy = run("sparkflows_config", deploy_mode="remote", tracking_url="http://h:5000", tracking_password=SECRET)
    assert needs["msg"] == (
        "deploy_mode is remote, which needs ssh_user, ssh_host, ssh_key_path or ssh_key_vault_reference: not given, and not set on the server."
    )
    kind, dummy = run("sparkflows_config", secret_settings={"a": [SECRET]})
    assert kind["msg"] == "secret_settings.a is a list; a setting is a text, a number or a truth value. An empty text clears it."
    kind, dummy = run("sparkflows_config", settings={"a.password": {"b": SECRET}})
    assert kind["msg"] == "settings.a.password is a dictionary; a setting is a text, a number or a truth value. An empty text clears it."
    strange, dummy = run("sparkflows_config", secret_settings=5)
    assert "secret_settings" in strange["msg"]
    assert sparkflows_double.counters()["writes"] == 0


def test_config_that_was_not_kept(run, sparkflows_double):
    sparkflows_double.faults(lose=["double.k22"])
    result, output = run("sparkflows_config", settings={"double.k22": SECRET}, ssh_user="u")
    assert "FAILED!" in output
    assert result["msg"].startswith("Sparkflows answered the save, but did not keep double.k22.\nIt shows nothing for double.k22: ")
    assert (result["changed"], result["saved"], result["requests"]) == (True, ["double.k41"], 3)


def test_config_with_a_wrong_token(run):
    token = SECRET + ".x.y"
    result, dummy = run("sparkflows_config", sparkflows_token=token, ssh_user="u")
    assert "does not accept the token (401 to GET /api/v1/configurations)" in result["msg"]


def test_config_info(run, sparkflows_double):
    sparkflows_double.save(**{"double.k22": SECRET, "mlops.kubeflow.password": SECRET})
    result, output = run("sparkflows_config_info")
    assert "WARNING" not in output
    assert (result["changed"], result["unresolved"]) == (False, {})
    assert result["configurations"]["double.k22"] == {
        "value": None, "title": "MLflow Login Password", "description": "Password of that user", "id": 71,
    }  # fmt: skip
    assert result["names"]["ssh_host"] == "double.k42"
    assert sparkflows_double.counters()["by_path"] == {GET: 1}


def test_info(run, sparkflows_double):
    result, output = run("sparkflows_info")
    assert (result["changed"], result["health"], result["authenticated_as"]) == (False, "UP", "token")
    assert result["token"]["about_to_expire"] is False
    assert "WARNING" not in output
    soon = sparkflows_double.make_token(expires_in=86400)
    result, output = run("sparkflows_info", sparkflows_token=soon)
    assert result["token"]["about_to_expire"] is True
    assert "sparkflows_token expires on %s. Make a new one in good time." % result["token"]["expires_at"] in output
    assert soon not in output


def test_info_about_nothing(run_module, sparkflows_double):
    sparkflows_double.stop()
    result = run_module("sparkflows_info", {"sparkflows_url": sparkflows_double.url, "login": False, "retries": 0, "use_proxy": False}).result
    assert result["msg"] == "Sparkflows at %s cannot be reached: nothing listens on port %d of 127.0.0.1. Check sparkflows_url and that the service runs." % (
        sparkflows_double.url, sparkflows_double.port,
    )  # fmt: skip


def test_workflow_run(run, sparkflows_double):
    kept = json.loads((sparkflows_double.home / "state.json").read_text())["workflows"][0]
    given = {"workflow_uuid": kept["uuid"], "user": "admin", "poll_interval": 0.01}
    result, output = run("sparkflows_workflow_run", "--check", **given)
    assert (result["changed"], result["msg"], result["execution_id"]) == (True, "Would run the workflow %d." % kept["id"], None)
    assert sparkflows_double.counters()["writes"] == 0
    result, output = run("sparkflows_workflow_run", **given)
    assert (result["changed"], result["status"], result["workflow"]["name"]) == (True, "COMPLETED", kept["name"])
    assert result["results"]
    assert "WARNING" not in output


def test_workflow_run_needs_one_name(run):
    result, dummy = run("sparkflows_workflow_run")
    assert result["msg"] == "one of the following is required: workflow_id, workflow_uuid, workflow_name"
    result, dummy = run("sparkflows_workflow_run", workflow_id=1, workflow_name="a")
    assert result["msg"] == "parameters are mutually exclusive: workflow_id|workflow_uuid|workflow_name"


def test_workflow_from_a_file_of_the_controller(run, sparkflows_double, tmp_path):
    """A JSON text with escapes that another language reads differently arrives as it is, also where templates make data of it."""
    workflow = {"uuid": "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11", "name": "\U0001f600 a/b", "nodes": [True, None, 1.50]}
    text = json.dumps(workflow).replace("a/b", "a\\/b")
    (tmp_path / "w.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    for options, changed in ((["--check"], True), ([], True), ([], False)):
        result, output = run("sparkflows_workflow", *options, src=str(tmp_path / "w.json"), project_id=1)
        assert (result["changed"], "WARNING" in output) == (changed, False)
    kept = json.loads((sparkflows_double.home / "state.json").read_text())["workflows"][-1]
    assert kept["workflow"] == workflow
    result, dummy = run("sparkflows_workflow", content=workflow, project_id=1)
    assert not result["changed"]


def test_workflow_refuses(run, sparkflows_double, tmp_path):
    for given, message in (
        ({"src": "no-such.json"}, "There is no file no-such.json on the controller. Correct src."),
        ({"src": str(tmp_path), "content": "{}"}, "Both src and content are given; the workflow comes from one of them."),
        ({"src": [1]}, "src is [1]; name the file of a workflow on the controller."),
        ({}, "one of the following is required: src, content"),
    ):
        assert run("sparkflows_workflow", project_id=1, **given)[0]["msg"] == message
    assert sparkflows_double.counters()["requests"] == 0


def test_workflow_run_with_results_that_are_not_there(run, sparkflows_double):
    sparkflows_double.switches(results_shape="missing")
    result, output = run("sparkflows_workflow_run", workflow_id=1, user="admin", poll_interval=0.01, parameters={"a": [1, "é"]})
    assert (result["status"], result.get("results")) == ("COMPLETED", None), result
    assert "has no results of it (404 to GET" in " ".join(output.split())
    state = json.loads((sparkflows_double.home / "state.json").read_text())
    assert state["executions"][-1]["parameters"] == '{"a": [1, "é"]}'


def test_the_action_groups_have_every_module():
    """Who asks Sparkflows takes its login from module_defaults, so that it is written once."""
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    modules = [path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "sparkflows.mlops._sparkflows\n" in path.read_text()]
    assert sorted(groups["sparkflows"]) == sorted(modules)
    assert set(modules) <= set(groups["mlops"])
