# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What validate_inventory says of good and bad variables."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _inventory as inventory

OPTIONS = {
    "mlflow_server": {
        "mlflow_server_port": {"type": "int", "default": 5000},
        "mlflow_server_serve_artifacts": {"type": "bool", "default": True},
        "mlflow_server_artifact_store": {"type": "str", "choices": ["disk", "s3"], "default": "disk"},
    },
    "mlops_agent": {
        "mlops_agent_token": {"type": "raw", "required": True, "description": ["The bearer token.", "More."]},
        "mlops_agent_deployments": {"type": "list", "default": []},
    },
}
PORTS = {
    "mlflow_server_port": 5000,
    "mlops_agent_port": 8086,
    "mlops_agent_model_port_first": 5001,
    "mlops_agent_model_port_last": 5003,
}


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant():
    (sentence,) = inventory.unknown_variables(OPTIONS, ["mlflow_server_prot", "mlflow_server_port", "ansible_host"])
    assert sentence == "The variable mlflow_server_prot is not known to any role. Did you mean mlflow_server_port?"


def test_internal_names_and_those_of_others_are_left_alone():
    assert inventory.unknown_variables(OPTIONS, ["__mlflow_server_unit", "other_role_port", "mlflow"]) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mlflow_server_serve_artifacts": "yes"}, "must be true or false, but it is the text 'yes'"),
        ({"mlflow_server_serve_artifacts": 1}, "must be true or false"),
        ({"mlflow_server_port": "5000"}, "must be a whole number, but it is the text '5000'"),
        ({"mlflow_server_port": True}, "must be a whole number"),
        ({"mlflow_server_artifact_store": "gcs"}, "it must be one of disk, s3"),
        ({"mlops_agent_deployments": "all"}, "must be a list"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_one_sentence(values, said):
    (sentence,) = inventory.wrong_values(OPTIONS, values)
    assert said in sentence


def test_values_that_fit_and_secrets_are_not_spoken_of():
    good = {"mlflow_server_port": 5000, "mlflow_server_serve_artifacts": False, "mlops_agent_token": 12345}
    assert inventory.wrong_values(OPTIONS, good) == []


def test_a_required_variable_that_is_missing_is_told_with_its_meaning():
    assert inventory.missing_variables(OPTIONS, {}) == ["mlops_agent_token is required and not given. The bearer token."]
    assert inventory.missing_variables(OPTIONS, {"mlops_agent_token": "t"}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mlflow_server_port": 5002}, "mlflow_server_port is 5002, which lies in the range kept for models (5001 to 5003)"),
        ({"mlops_agent_port": 5000}, "mlflow_server_port and mlops_agent_port are both 5000"),
        ({"mlops_agent_port": 5003}, "mlops_agent_port is 5003, which lies in the range"),
        ({"mlops_agent_model_port_first": 6000}, "is greater than"),
        ({"mlops_agent_model_port_last": 65536}, "a port lies between 1 and 65535"),
        ({"mlflow_server_port": 0}, "a port lies between 1 and 65535"),
    ],
)
def test_ports_that_overlap_are_told(change, said):
    sentences = inventory.port_conflicts({**PORTS, **change})
    assert any(said in sentence for sentence in sentences)


def test_the_proxy_has_a_port_of_its_own_where_there_is_one():
    proxy = {"mlflow_server_proxy": "nginx", "mlflow_server_proxy_port": 8086}
    assert inventory.port_conflicts({**PORTS, **proxy}) == ["mlops_agent_port and mlflow_server_proxy_port are both 8086; give each a port of its own."]
    assert inventory.port_conflicts({**PORTS, **proxy, "mlflow_server_proxy": "none"}) == []


def test_the_default_ports_do_not_overlap():
    assert inventory.port_conflicts(PORTS) == []


@pytest.mark.parametrize(
    "uri",
    ["models:/a/../../etc", "runs:/1/model;reboot", "models:/a/1 --host", "models:/a/$(id)", "file:///etc/passwd", "models:/a\n/1", "models:/a/1\n", None],
)
def test_a_model_uri_that_is_no_address_is_refused(uri):
    sentences = inventory.deployment_errors([{"name": "churn", "model_uri": uri}], PORTS)
    assert len(sentences) == 1 and "has a model_uri that is not a model's address" in sentences[0]


@pytest.mark.parametrize(
    ("deployments", "said"),
    [
        ([{"name": "Churn", "model_uri": "models:/c/1"}], "needs a name of lower-case letters"),
        ([{"name": "c\n", "model_uri": "models:/c/1"}], "needs a name of lower-case letters"),
        ([{"name": "c", "model_uri": "models:/c/1", "port": 5004}], "outside the range"),
        ([{"name": "c", "model_uri": "models:/c/1", "port": "5001"}], "not a whole number"),
        ([{"name": n, "model_uri": "models:/c/1", "port": 5001} for n in "ab"], "which a has already"),
        ([{"name": "c", "model_uri": "models:/c/1"}] * 2, "declared twice"),
        ([{"name": n, "model_uri": "models:/c/1"} for n in "abcd"], "4 models are declared, but the range kept for models holds 3 ports"),
        (["churn"], "is not a dictionary"),
    ],
)
def test_a_deployment_that_cannot_be_served_is_told(deployments, said):
    (sentence,) = inventory.deployment_errors(deployments, PORTS)
    assert said in sentence


def test_deployments_that_can_be_served_pass():
    good = [
        {"name": "churn", "model_uri": "models:/churn/Production", "port": 5002, "memory_mb": 2048},
        {"name": "price-2", "model_uri": "s3://bucket/models/price"},
    ]
    assert inventory.deployment_errors(good, PORTS) == []


@pytest.mark.parametrize(("token", "said"), [("", "it is missing"), (None, "it is missing"), ("short", "it is shorter"), (123456, "it is no text")])
def test_a_token_that_protects_nothing_is_refused_and_not_shown(token, said):
    (sentence,) = inventory.token_errors({"mlops_agent_state": "present", "mlops_agent_provider": "builtin", "mlops_agent_token": token})
    assert said in sentence and "short." not in sentence.replace("shorter.", "")


def test_the_vendors_server_needs_no_token():
    assert inventory.token_errors({"mlops_agent_state": "present", "mlops_agent_provider": "vendor"}) == []


def test_a_missing_group_is_told_and_an_empty_one_is_not():
    (sentence,) = inventory.missing_groups({"all": [], "mlflow_hosts": []}, ["mlflow_hosts", "scorer_hosts"])
    assert "no group scorer_hosts" in sentence


PIN = "numpy==1.21.6 --hash=sha256:%s\n" % ("0" * 64)


def test_the_locks_of_the_stack_are_the_own_ones_and_those_named():
    settings = {"pip_stack_state": "present", "pip_stack_lock": "", "pip_stack_extras": ["h2o", "/srv/extra.txt"]}
    assert inventory.lock_paths(settings, "/own") == ["/own/mlflow.txt", "/own/h2o.txt", "/srv/extra.txt"]
    assert inventory.lock_paths(dict(settings, pip_stack_lock="/srv/lock.txt"), "/own")[0] == "/srv/lock.txt"
    assert inventory.lock_paths(dict(settings, pip_stack_state="absent"), "/own") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numpy==1.21.6\n", "can't be used"),
        ("numpy>=1.21.6\n", "can't be used"),
        ("# requires-python: 3.9\n" + PIN, "made for Python 3.9"),
    ],
)
def test_a_lock_that_cannot_be_used_is_told(tmp_path, text, said):
    (tmp_path / "lock.txt").write_text(text)
    (sentence,) = inventory.lock_errors([str(tmp_path / "lock.txt")])
    assert said in sentence


def test_a_lock_that_is_missing_is_told_and_a_good_one_is_not(tmp_path):
    (tmp_path / "lock.txt").write_text("# requires-python: 3.7\n" + PIN)
    (sentence,) = inventory.lock_errors([str(tmp_path / "lock.txt"), str(tmp_path / "none.txt")])
    assert "none.txt (No such file or directory)" in sentence


def test_the_role_names_the_agents_release_by_its_version():
    root = Path(__file__).resolve().parents[4]
    (version,) = re.findall(r'^__version__ = "(.+)"$', (root / "agent/src/mlops_agent/__init__.py").read_text(), re.MULTILINE)
    (release,) = re.findall(r"^__mlops_agent_release: (.+)$", (root / "roles/mlops_agent/vars/main.yml").read_text(), re.MULTILINE)
    assert release == version


SPARKFLOWS = {
    "sparkflows_state": "present",
    "sparkflows_method": "rest",
    "sparkflows_url": "http://127.0.0.1:8080",
    "sparkflows_token": "t",
    "sparkflows_deploy_mode": "local",
    "sparkflows_tracking_url": "http://127.0.0.1:5000",
    "sparkflows_mlops_port": 8086,
}


def test_settings_of_sparkflows_that_fit() -> None:
    assert inventory.sparkflows_errors(SPARKFLOWS) == []
    assert inventory.sparkflows_errors({}) == []
    by_file = {"sparkflows_method": "file", "sparkflows_configuration_file": "/x", "sparkflows_restart_command": ["true"], "sparkflows_token": ""}
    assert inventory.sparkflows_errors({**SPARKFLOWS, **by_file}) == []
    assert inventory.sparkflows_errors({**SPARKFLOWS, **by_file, "sparkflows_state": "absent", "sparkflows_tracking_url": ""}) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"sparkflows_token": ""}, "To save settings on http://127.0.0.1:8080 a login is needed and none is given. Give sparkflows_token,"),
        ({"sparkflows_method": "file"}, "sparkflows_method file needs sparkflows_configuration_file,"),
        ({"sparkflows_state": "absent"}, "sparkflows_state absent needs sparkflows_method file:"),
        ({"sparkflows_mlops_host": "m"}, "The deploy mode local contradicts sparkflows_mlops_host:"),
        ({"sparkflows_tracking_url": ""}, "The deploy mode local needs sparkflows_tracking_url. Give it."),
    ],
)
def test_settings_of_sparkflows_that_do_not_fit(changed: dict[str, t.Any], sentence: str) -> None:
    (found,) = inventory.sparkflows_errors({**SPARKFLOWS, **changed})
    assert found.startswith(sentence)
