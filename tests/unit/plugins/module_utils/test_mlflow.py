# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mlflow_model does with a real registry."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import registry as _mlflow
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import Registry, join_artifact_uri, run, tracking_client

TOKEN = "CANARY-token-0123456789"


def parameters(url, name, **given):
    defaults = {
        "tracking_uri": url, "tracking_username": None, "tracking_password": None, "tracking_token": None,
        "validate_certs": True, "ca_path": None, "use_proxy": True, "timeout": 30,
        "name": name, "state": "present", "source": None, "run_id": None, "version": None, "stage": None,
        "archive_existing": False, "description": None, "tags": None,
    }  # fmt: skip
    return dict(defaults, **given)


def apply(url, name, check_mode=False, **given):
    params = parameters(url, name, **given)
    return run(params, Registry(tracking_client(params)), check_mode)


def refused(url, name, check_mode=False, **given):
    """The sentence of a refusal, which reads the same in check mode."""
    sentences = []
    for mode in (True, False):
        with pytest.raises(Problem) as caught:
            apply(url, name, mode, **given)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]
    return sentences[0]


def four_times(url, name, **given):
    """Check, do, check again and do again; returns the result of the change."""
    predicted = apply(url, name, True, **given)
    result = apply(url, name, **given)
    assert predicted == result
    for check_mode in (True, False):
        again = apply(url, name, check_mode, **given)
        assert again["changed"] is False
        assert again["diff"]["before"] == again["diff"]["after"]
    return result


def versions(server, name):
    answer = server.call("GET", "mlflow/model-versions/search?filter=name%3D%27" + name + "%27")
    return {int(version["version"]): version["current_stage"] for version in answer.get("model_versions", [])}


def test_the_life_of_a_model(mlflow_server):
    url, name = mlflow_server.url, "life"
    first, second = mlflow_server.log_model(), mlflow_server.log_model()

    result = four_times(url, name, source="runs:/%s/model" % first, stage="Production", description="one", tags={"n": 1, "ok": True})
    assert result["changed"] is True
    assert (result["version"], result["stage"], result["run_id"], result["model_uri"]) == (1, "Production", first, "models:/life/1")
    assert result["source"] == "mlflow-artifacts:/0/%s/artifacts/model" % first
    assert result["diff"] == {
        "before": {},
        "after": {"name": name, "versions": {"1": {"stage": "Production", "source": result["source"], "description": "one", "tags": {"n": "1", "ok": "true"}}}},
    }

    result = four_times(url, name, source="runs:/%s/model/" % second)
    assert (result["version"], result["stage"], result["archived"]) == (2, "None", [])

    predicted = apply(url, name, True, version=2, stage="Production", archive_existing=True)
    result = apply(url, name, version=2, stage="Production", archive_existing=True)
    assert predicted == result
    assert result["archived"] == [1]
    assert {number: version["stage"] for number, version in result["diff"]["after"]["versions"].items()} == {"1": "Archived", "2": "Production"}
    assert versions(mlflow_server, name) == {1: "Archived", 2: "Production"}
    assert apply(url, name, version=2, stage="Production", archive_existing=True)["changed"] is False

    result = four_times(url, name, version=1, description="the old one", tags={"n": 2})
    assert result["diff"]["before"]["versions"]["1"]["tags"] == {"n": "1", "ok": "true"}
    assert result["diff"]["after"]["versions"]["1"]["tags"] == {"n": "2", "ok": "true"}
    assert result["diff"]["after"]["versions"]["1"]["description"] == "the old one"

    result = four_times(url, name, version=2, state="absent")
    assert result["diff"]["after"] == {"name": name, "versions": {}}
    assert versions(mlflow_server, name) == {1: "Archived"}
    # The registry does not give a number away twice.
    assert apply(url, name, source="runs:/%s/model" % second)["version"] == 3

    assert four_times(url, name, state="absent")["diff"]["after"] == {}
    assert versions(mlflow_server, name) == {}


def test_archives_what_somebody_else_left_in_the_stage(mlflow_server):
    url, name = mlflow_server.url, "crowded"
    for number in (1, 2):
        apply(url, name, source="runs:/%s/model" % mlflow_server.log_model(), stage="Staging")
        assert versions(mlflow_server, name)[number] == "Staging"
    assert four_times(url, name, version=2, stage="Staging", archive_existing=True)["archived"] == [1]


def test_the_version_that_a_stage_means(mlflow_server):
    url, name = mlflow_server.url, "staged"
    registry = Registry(tracking_client(parameters(url, name)))
    assert registry.version_in(name, "Production") is None  # there is no such model
    for number in (1, 2):
        apply(url, name, source="runs:/%s/model" % mlflow_server.log_model(), stage="Production")
        assert registry.version_in(name, "Production") == number
    assert registry.version_in(name, "Staging") is None


def test_finds_the_version_that_mlflow_itself_registered(mlflow_server, mlflow_executable):
    run_id = mlflow_server.log_model("some/where")
    script = "import mlflow, sys; mlflow.set_tracking_uri(sys.argv[1]); mlflow.register_model('runs:/%s/some/where' % sys.argv[2], 'native')"
    subprocess.run([str(mlflow_executable.parent / "python"), "-c", script, mlflow_server.url, run_id], check=True, capture_output=True)
    result = apply(mlflow_server.url, "native", source="runs:/%s/some/where" % run_id)
    assert (result["changed"], result["version"]) == (False, 1)


def test_other_sources(mlflow_server):
    url = mlflow_server.url
    four_times(url, "bucket", source="s3://bucket/models/churn")
    run_id = mlflow_server.log_model()
    result = four_times(url, "proxied", source="mlflow-artifacts:/0/%s/artifacts/model" % run_id, run_id=run_id)
    assert result["run_id"] == run_id
    # The same place said in another way.
    assert apply(url, "proxied", source="runs:/%s/model" % run_id)["changed"] is False


def test_a_killed_run_is_repaired(mlflow_server, monkeypatch):
    url, name, source = mlflow_server.url, "killed", "runs:/%s/model" % mlflow_server.log_model()
    wanted = {"source": source, "stage": "Staging", "description": "d", "tags": {"a": "b"}}
    for step in ("create_version", "await_ready", "promote"):
        with monkeypatch.context() as patch:
            patch.setattr(Registry, step, lambda *args: pytest.fail("killed"))
            with pytest.raises(pytest.fail.Exception, match="killed"):
                apply(url, name, **wanted)
    result = apply(url, name, **wanted)
    assert (result["changed"], result["version"]) == (True, 1)
    assert apply(url, name, **wanted)["changed"] is False


def test_what_the_server_does_not_have(mlflow_server):
    url, name = mlflow_server.url, "missing"
    run_id = mlflow_server.log_model()
    assert refused(url, name, source="runs:/%s/model" % ("f" * 32)) == (
        "The tracking server at %s has no run '%s'. Check the run id, and that the run was logged to this server." % (url, "f" * 32)
    )
    assert "has no model at 'modle': there is no file MLmodel" in refused(url, name, source="runs:/%s/modle" % run_id)
    assert "There is no registered model of this name" in refused(url, name, version=1, stage="Staging")
    apply(url, name, source="runs:/%s/model" % run_id)
    assert "Version 7 of 'missing' does not exist" in refused(url, name, version=7)
    assert "It has 1." in refused(url, name, version=7)
    assert "comes from mlflow-artifacts:/0/%s/artifacts/model, not from s3://b/k" % run_id in refused(url, name, version=1, source="s3://b/k")
    mlflow_server.call("POST", "mlflow/runs/delete", {"run_id": run_id})
    assert "was deleted on the tracking server" in refused(url, name, source="runs:/%s/model" % run_id)
    assert "is not below the artifacts of run" in refused(url, name, source="/srv/model", run_id=mlflow_server.log_model())


@pytest.mark.parametrize(
    "given, words",
    [
        ({"name": "a b"}, "name is 'a b'"),
        ({"name": "a/1"}, "name is 'a/1'"),
        ({"name": "a..b"}, "name is"),
        ({"name": "x' or name='y"}, "name is"),
        ({"name": "m\n"}, "name is 'm\\n'"),
        ({}, "state=present needs source"),
        ({"version": 0}, "versions count from 1"),
        ({"source": "s3://b/../k"}, "'.' and '..' must not be parts"),
        ({"source": "runs:/abc/.."}, "'.' and '..' must not be parts"),
        ({"source": "runs:/abc/$(id)"}, "source has '$' and '(' and ')' in it"),
        ({"source": "s3://b/k;reboot"}, "source has ';' in it"),
        ({"source": "s3://b/k\n"}, "source has '\\n' in it"),
        ({"source": "s3://b/%2e%2e/k"}, "source has '%' in it"),
        ({"source": ""}, "source is empty"),
        ({"source": "model"}, "a relative path"),
        ({"source": "runs:/"}, "looks like runs:/RUN_ID/path/of/the/model"),
        ({"source": "runs:/a:b/model"}, "looks like runs:/RUN_ID/path/of/the/model"),
        ({"source": "models:/other/1"}, "not from another version"),
        ({"source": "/srv/model"}, "MLflow takes that only together with run_id"),
        ({"source": "file:///srv/model"}, "MLflow takes that only together with run_id"),
        ({"source": "runs:/abc/m", "run_id": "def"}, "Leave run_id out"),
        ({"source": "s3://b/k", "run_id": "no such/id"}, "not a run id"),
        ({"source": "s3://b/k", "stage": "Archived", "archive_existing": True}, "archive_existing goes with"),
        ({"source": "s3://b/k", "archive_existing": True}, "stage is not given"),
        ({"source": "s3://b/k", "state": "absent"}, "source cannot be given with it"),
        ({"version": 1, "stage": "None", "state": "absent"}, "stage cannot be given with it"),
    ],
)
def test_bad_input_is_found_before_anything_is_asked(http_server, given, words):
    assert words in refused(http_server.url, **dict({"name": "m"}, **given))
    assert http_server.count() == 0


def test_login_data_in_a_source_are_not_repeated(http_server):
    text = refused(http_server.url, "m", source="mlflow-artifacts://me:CANARY@host/0")
    assert "login data" in text and "CANARY" not in text


def test_a_server_that_is_no_tracking_server(http_server):
    assert "does not know MLflow's REST interface" in refused(http_server.url, "m", source="s3://b/k")


def test_a_token_is_sent_and_not_shown(http_server):
    search = "/api/2.0/mlflow/model-versions/search"
    http_server.route("GET", search, {})
    http_server.route("GET", "/api/2.0/mlflow/registered-models/get", (500, {"message": "no " + TOKEN}))
    with pytest.raises(HttpError) as caught:
        apply(http_server.url, "m", version=1, tracking_token=TOKEN)
    assert TOKEN not in str(caught.value)
    assert {request.headers["authorization"] for request in http_server.requests} == {"Bearer " + TOKEN}


def raw_version(number, status="READY", **more):
    return dict({"name": "m", "version": str(number), "current_stage": "None", "source": "s3://b/%d" % number, "status": status}, **more)


def test_reads_all_pages(http_server):
    pages = {"": ([raw_version(1), raw_version(9, name="M")], "next"), "next": ([raw_version(2)], "")}

    def search(request):
        found, token = pages["next" if "page_token=next" in request.query else ""]
        return {"model_versions": found, "next_page_token": token}

    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", search)
    params = parameters(http_server.url, "m")
    assert sorted(Registry(tracking_client(params)).versions("m")) == [1, 2]


def test_waits_until_a_version_is_registered(http_server, monkeypatch):
    states = ["PENDING_REGISTRATION", "READY"]
    monkeypatch.setattr(_mlflow.time, "sleep", lambda seconds: None)
    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", {})
    http_server.route("GET", "/api/2.0/mlflow/registered-models/get", {})
    http_server.route("POST", "/api/2.0/mlflow/registered-models/create", (400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "there"}))
    http_server.route("POST", "/api/2.0/mlflow/model-versions/create", {"model_version": raw_version(1, "PENDING_REGISTRATION")})
    http_server.route("GET", "/api/2.0/mlflow/model-versions/get", lambda request: {"model_version": raw_version(1, states.pop(0))})
    assert apply(http_server.url, "m", source="s3://b/1")["version"] == 1
    assert states == []
    states += ["FAILED_REGISTRATION"]
    http_server.route("GET", "/api/2.0/mlflow/model-versions/get", {"model_version": raw_version(1, "FAILED_REGISTRATION", status_message="disk full")})
    with pytest.raises(Problem, match=r"could not be registered \(FAILED_REGISTRATION\). disk full\."):
        apply(http_server.url, "m", source="s3://b/1")
    monkeypatch.setattr(_mlflow, "READY_TIMEOUT", -1)
    with pytest.raises(Problem, match="still not registered"):
        apply(http_server.url, "m", source="s3://b/1")


def test_a_server_that_cannot_list_artifacts_is_believed(http_server):
    http_server.route("GET", "/api/2.0/mlflow/runs/get", {"run": {"info": {"artifact_uri": "s3://b/0/abc/artifacts", "lifecycle_stage": "active"}}})
    http_server.route("GET", "/api/2.0/mlflow/model-versions/search", {})
    http_server.route("GET", "/api/2.0/mlflow/artifacts/list", (500, {"error_code": "INTERNAL_ERROR"}))
    assert apply(http_server.url, "m", True, source="runs:/abc/model")["source"] == "s3://b/0/abc/artifacts/model"


@pytest.mark.parametrize(
    "root, path, joined",
    [
        ("mlflow-artifacts:/0/r/artifacts", "model", "mlflow-artifacts:/0/r/artifacts/model"),
        ("s3://b/k/", "a/b", "s3://b/k/a/b"),
        ("s3://b/k?x=y", "m", "s3://b/k/m?x=y"),
        ("/srv/artifacts", "", "/srv/artifacts"),
    ],
)
def test_joins_as_mlflow_does(root, path, joined):
    assert join_artifact_uri(root, path) == joined
