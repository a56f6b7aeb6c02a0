# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sagemaker asks of an account, and what it makes of the answers; tests/unit/plugins/aws/test_standing.py has answers of a whole account."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.sagemaker import STATE
from tests.unit.plugins.module_utils.plan.readings import settings as of_role

ACCOUNT = "123456789012"
ROLE = "arn:aws:iam::%s:role/serving" % ACCOUNT
REPOSITORY = "%s.dkr.ecr.eu-central-1.amazonaws.com/sparkflows-mlops/serving" % ACCOUNT
OLD, NEW = "sha256:" + 64 * "a", "sha256:" + 64 * "b"
CHURN = {"name": "churn", "artifact": "/srv/churn", "instance_type": "ml.m5.large", "probe": {"columns": ["a"], "data": [[1]]}}
CONFIG: dict[str, t.Any] = {
    "variant_name": "AllTraffic", "model_name": "churn-1", "instance_type": "ml.m5.large", "instance_count": 1, "serverless": None, "data_capture": None,
}  # fmt: skip
MODEL: dict[str, t.Any] = {
    "image": "%s@%s" % (REPOSITORY, OLD), "model_data_url": "s3://models/x/churn/%s/model.tar.gz" % (64 * "1"), "environment": {},
    "execution_role_arn": ROLE, "subnet_ids": [],
}  # fmt: skip
ENDPOINT = {"name": "churn", "config_name": "churn-2", "config": CONFIG, "model": MODEL}


def settings(*endpoints: dict[str, t.Any], **changes: t.Any) -> dict[str, t.Any]:
    given = {"region": "eu-central-1", "account_id": ACCOUNT, "role_arn": ROLE, "bucket": "models", "build_directory": "/srv/image", "state": "present"}
    named = {"sagemaker_" + name: value for name, value in {**given, **changes}.items()}
    return of_role("sagemaker", roles_directory="/roles", sagemaker_endpoints=list(endpoints or [CHURN]), **named)


def endpoint(before: dict[str, t.Any] | None = None, after: dict[str, t.Any] | None = None, **more: t.Any) -> dict[str, t.Any]:
    """What the endpoint churn has and would have: parts of it that differ, by their names."""
    sides = [{**ENDPOINT, **(side or {})} for side in (before, after)]
    return {"error": None, "by_aws": False, "changed": sides[0] != sides[1], "model_version": None, "diff": dict(zip(("before", "after"), sides)), **more}


def image(before: dict[str, t.Any] | None = None, after: dict[str, t.Any] | None = None, **more: t.Any) -> dict[str, t.Any]:
    """What the repository has and would have."""
    sides = [{"name": "sparkflows-mlops/serving", "scan_on_push": True, "images": {"mlflow-1.30.1": OLD}, **(side or {})} for side in (before, after)]
    return {"error": None, "changed": sides[0] != sides[1], "built": False, "digest": OLD, "previous_digest": OLD, "image_uri": "%s@%s" % (REPOSITORY, OLD),
            "diff": dict(zip(("before", "after"), sides)), **more}  # fmt: skip


def reading(**changes: t.Any) -> dict[str, t.Any]:
    """An account that is as wanted, changed."""
    fit: dict[str, t.Any] = {
        "error": None, "roles": [{"error": None, "findings": []}], "image": image(), "reference": "%s@%s" % (REPOSITORY, OLD), "gathered": False,
        "endpoints": {"churn": endpoint()}, "probes": {"churn": {"error": None}},
    }  # fmt: skip
    return {**fit, **changes}


def told(wanted: dict[str, t.Any], seen: dict[str, t.Any]) -> list[tuple[str, str, str, str]]:
    return [(one.step, one.item, one.before, one.after) for one in STATE.differences(wanted, seen, {}, {})]


SCORED = ("score", "endpoint churn: prediction", "not proved", "proved")


def churn(what: str, before: str, after: str) -> list[tuple[str, str, str, str]]:
    return [("endpoints", "endpoint churn%s" % (what and ": " + what), before, after), SCORED]


def test_what_is_as_wanted_needs_nothing() -> None:
    assert told(settings(), reading()) == []
    assert STATE.findings(settings(), reading()) == []
    assert STATE.inputs(settings(), reading())["endpoints"] == []


@pytest.mark.parametrize(
    ("seen", "differing"),
    [
        (endpoint({"config": {**CONFIG, "instance_type": "ml.t2.medium"}}), churn("instance type", "ml.t2.medium", "ml.m5.large")),
        (endpoint({"config": {**CONFIG, "serverless": {"memory_mb": 1024}}}, {"config": {**CONFIG, "serverless": {"memory_mb": 2048}}}),
         churn("serverless memory_mb", "1024", "2048")),
        (endpoint({}, {"config": {**CONFIG, "data_capture": {"s3_uri": "s3://models/c", "percentage": 100, "kms_key": None}}}),
         churn("data capture", "none", "percentage 100, s3_uri s3://models/c")),
        (endpoint({}, {"model": {**MODEL, "image": "%s@%s" % (REPOSITORY, NEW)}}), churn("image", "sha256:aaaaaaaaaaaa", "sha256:bbbbbbbbbbbb")),
        (endpoint({}, {"model": {**MODEL, "image": "other/serving@" + NEW}}),
         churn("image", REPOSITORY + "@sha256:aaaaaaaaaaaa", "other/serving@sha256:bbbbbbbbbbbb")),
        (endpoint({}, {"model": {**MODEL, "model_data_url": "s3://models/x/churn/%s/model.tar.gz" % (64 * "2")}}), churn("model", 12 * "1", 12 * "2")),
        (endpoint({}, {"model": {**MODEL, "model_data_url": "s3://models/x/churn/%s/model.tar.gz" % (64 * "2")}}, model_version=4),
         churn("model", 12 * "1", "version 4 (222222222222)")),
        (endpoint({}, {"model": {**MODEL, "subnet_ids": ["subnet-1", "subnet-2"]}}), churn("subnet ids", "none", "subnet-1, subnet-2")),
        (endpoint({"tags": {"team": "a"}}, {"tags": {"team": "b"}}), churn("tag team", "a", "b")),
        (endpoint({"autoscaling": None}, {"autoscaling": {"min_capacity": 1, "invocations_per_instance": 100.0}}),
         churn("autoscaling", "none", "invocations_per_instance 100, min_capacity 1")),
        (endpoint({"status": "Failed"}, {"status": "InService"}), churn("status", "Failed", "InService")),
        (endpoint({"missing": ["archive"]}, {"missing": []}), churn("archive", "missing", "made")),
        (endpoint({"config": None, "config_name": "churn-1"}), churn("configuration churn-1", "missing", "churn-2")),
        (endpoint({"model": None}), churn("model", "missing", "made")),
        (endpoint({"config_name": "churn-1", "config": {**CONFIG, "model_name": "churn-0"}}), churn("configuration", "churn-1", "churn-2")),
        ({**endpoint(), "changed": True, "diff": {"before": {}, "after": ENDPOINT}}, churn("", "missing", "made")),
    ],
)  # fmt: skip
def test_an_endpoint_in_words(seen: dict[str, t.Any], differing: list[tuple[str, str, str, str]]) -> None:
    account = reading(endpoints={"churn": seen}, probes={})
    assert told(settings(), account) == differing
    (entry,) = STATE.inputs(settings(), account)["endpoints"]
    assert entry == {"name": "churn", "state": "present", "artifact": "/srv/churn", "instance_type": "ml.m5.large", "bucket": "models",
                     "prefix": "sparkflows-mlops", "execution_role_arn": ROLE}  # fmt: skip


def test_values_of_the_environment_are_not_shown() -> None:
    before, after = {"OLD": "geheim", "BOTH": "geheim"}, {"NEW": "geheim", "BOTH": "x"}
    seen = endpoint({"model": {**MODEL, "environment": before}}, {"model": {**MODEL, "environment": after}})
    lines = told(settings(), reading(endpoints={"churn": seen}, probes={}))
    assert [line[1:] for line in lines[:-1]] == [
        ("endpoint churn: environment variable BOTH", "set to something else (not shown)", "as wanted"),
        ("endpoint churn: environment variable NEW", "not set", "set"),
        ("endpoint churn: environment variable OLD", "set", "not set"),
    ]


def test_an_endpoint_that_answers_wrong_is_scored_again() -> None:
    account = reading(probes={"churn": {"error": "The model at the endpoint churn in eu-central-1 did not answer what was expected: row 1."}})
    assert told(settings(), account) == [("score", "endpoint churn: prediction", "fails", "proved")]


@pytest.mark.parametrize(
    ("seen", "differing"),
    [
        (image({}, {"images": {"mlflow-1.30.1": NEW}}, digest=NEW),
         [("image", "image sparkflows-mlops/serving:mlflow-1.30.1", "sha256:aaaaaaaaaaaa", "sha256:bbbbbbbbbbbb")]),
        (image({}, {"images": {"mlflow-1.30.1": "known after the push"}}, digest=None, image_uri=None, built=True),
         [("image", "image sparkflows-mlops/serving:mlflow-1.30.1", "sha256:aaaaaaaaaaaa", "built and pushed")]),
        (image({"scan_on_push": False}), [("image", "repository sparkflows-mlops/serving: scan on push", "no", "yes")]),
        (image({"tags": {"team": "a"}}, {"tags": {}}), [("image", "repository sparkflows-mlops/serving: tags team", "a", "none")]),
        ({**image({}, {"images": {"mlflow-1.30.1": "known after the push"}}, digest=None, previous_digest=None, image_uri=None), "diff": {
            "before": {}, "after": {"images": {"mlflow-1.30.1": "known after the push"}}}},
         [("image", "repository sparkflows-mlops/serving", "missing", "made"), ("image", "image sparkflows-mlops/serving:mlflow-1.30.1", "missing", "pushed")]),
    ],
)  # fmt: skip
def test_an_image_in_words(seen: dict[str, t.Any], differing: list[tuple[str, str, str, str]]) -> None:
    assert told(settings(), reading(image=seen)) == differing


def test_an_endpoint_takes_the_image_that_is_pushed() -> None:
    pushed = image({}, {"images": {"mlflow-1.30.1": "known after the push"}}, digest=None, image_uri=None, built=True)
    seen = endpoint({}, {"model": {**MODEL, "image": REPOSITORY + ":mlflow-1.30.1"}})
    lines = told(settings(), reading(image=pushed, endpoints={"churn": seen}, probes={}))
    assert lines[1:] == churn("image", REPOSITORY + "@sha256:aaaaaaaaaaaa", "the new one")


def test_an_endpoint_that_goes() -> None:
    old = {"name": "old", "state": "absent"}
    there = {"name": "old", "endpoint": True, "configs": ["old-1"], "models": ["old-2"], "autoscaling": None}
    seen = {"error": None, "by_aws": False, "changed": True, "diff": {"before": there, "after": {}}}
    account = reading(endpoints={"churn": endpoint(), "old": seen})
    assert told(settings(CHURN, old), account) == [("endpoints", "endpoint old", "there", "removed")]
    there["endpoint"] = False
    assert told(settings(CHURN, old), account) == [
        ("endpoints", "endpoint old: configuration old-1", "there", "removed"), ("endpoints", "endpoint old: model old-2", "there", "removed"),
    ]  # fmt: skip


def test_a_role_that_is_absent() -> None:
    wanted = settings(state="absent")
    assert [entry["state"] for entry in STATE.questions(wanted)["endpoints"]] == ["absent"]
    assert STATE.questions(wanted)["roles"] == [] and STATE.questions(wanted)["probes"] == []
    there = {"name": "churn", "endpoint": True, "configs": [], "models": [], "autoscaling": None}
    gone = {"error": None, "by_aws": False, "changed": True, "diff": {"before": there, "after": {}}}
    account = reading(roles=[], image={"error": None, "changed": True}, reference=None, endpoints={"churn": gone}, probes={}, gathered=True)
    assert told(wanted, account) == [
        ("endpoints", "endpoint churn", "there", "removed"),
        ("repository", "repository sparkflows-mlops/serving", "there", "removed"),
        ("folder", "/srv/image", "there", "removed"),
    ]
    empty = {**account, "image": {"error": None, "changed": False}, "endpoints": {"churn": {**gone, "changed": False}}, "gathered": False}
    assert told(wanted, empty) == []


REGISTERED = {"name": "churn", "model_uri": "models:/churn/1", "instance_type": "ml.m5.large"}
FAILED = {"changed": True, "error": "It went wrong.", "by_aws": False}


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (reading(error="AWS does not accept the credentials. Check aws_access_key_id, or aws_profile.", endpoints={}, roles=[], image=None),
         ["AWS does not accept the credentials. Check sagemaker_access_key_id, or sagemaker_profile."]),
        (reading(roles=[{"error": None, "findings": [{"sentence": "serving may not do s3:GetObject."}]}]), ["serving may not do s3:GetObject."]),
        (reading(roles=[{"error": "role_arn is of the account 1, but aws_account_id is 2.", "by_aws": False}]),
         ["role_arn is of the account 1, but sagemaker_account_id is 2."]),
        (reading(image={"changed": True, "error": "The docker engine has no image x.", "by_aws": False}), ["The docker engine has no image x."]),
        (reading(endpoints={"churn": FAILED}), ["sagemaker_endpoints: churn: It went wrong."]),
        (reading(endpoints={"churn": {**FAILED, "by_aws": True}}), ["It went wrong."]),
    ],
)  # fmt: skip
def test_what_would_stop_the_role(account: dict[str, t.Any], said: list[str]) -> None:
    assert STATE.findings(settings(), account) == said
    assert told(settings(), account) == []


def test_a_model_that_may_come_in_the_same_run_stops_nothing() -> None:
    account = reading(endpoints={"churn": {**FAILED, "error": "models:/churn/1 cannot be read."}})
    assert STATE.findings(settings(REGISTERED), account) == []
    (found,) = STATE.differences(settings(REGISTERED), account, {}, {})
    assert (found.step, found.before, found.reason) == ("endpoints", "can't be told", "models:/churn/1 cannot be read.")
    assert STATE.findings(settings(REGISTERED), reading(endpoints={"churn": {**FAILED, "by_aws": True}})) == ["It went wrong."]


class TestQuestions:
    def test_an_image_of_the_role(self) -> None:
        asked = STATE.questions(settings(lock="/srv/lock.txt", packages=["libssl3", "zlib1g"], wheelhouse="/srv/wheels"))
        assert asked["image"]["context"] == "/srv/image" and "image" not in asked["image"] and asked["image"]["tag"] == "mlflow-1.30.1"
        assert asked["image"]["build_args"] == {"BASE_IMAGE": "python:3.7-slim-bookworm", "PACKAGES": "libssl3 zlib1g", "PIP_INDEX_URL": ""}
        assert asked["image_files"] == {"dest": "/srv/image", "recipe": "/roles/sagemaker/files/image", "lock": "/srv/lock.txt", "wheelhouse": "/srv/wheels"}
        assert STATE.questions(settings())["image_files"]["lock"] == "/roles/pip_stack/files/locks/mlflow.txt"

    def test_an_image_of_the_engine(self) -> None:
        asked = STATE.questions(settings(image="serving:1"))
        assert (asked["image"]["image"], "context" in asked["image"], asked.get("image_files")) == ("serving:1", False, None)

    def test_an_image_of_somebody_else(self) -> None:
        asked = STATE.questions(settings(image_uri="210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/serving:1"))
        assert "image" not in asked and asked["endpoints"][0]["image"].endswith("team/serving:1")
        assert {key: asked["roles"][0][key] for key in ("repository", "repository_account_id")} == {
            "repository": "team/serving", "repository_account_id": "210987654321",
        }  # fmt: skip
        assert "repository" not in STATE.questions(settings(image_uri="registry.example.com/serving:1"))["roles"][0]

    def test_each_role_is_asked_once_for_all_its_endpoints(self) -> None:
        other = {**CHURN, "name": "b", "execution_role_arn": ROLE + "-b", "artifact": "s3://other/b/model.tar.gz", "subnet_ids": ["subnet-1"]}
        third = {**CHURN, "name": "c", "data_capture": {"s3_uri": "s3://models/c"}, "artifact_kms_key": "key"}
        first, second = STATE.questions(settings(CHURN, other, third, {"name": "d", "state": "absent"}))["roles"]
        assert first["model_uris"] == ["s3://models/sparkflows-mlops/churn", "s3://models/sparkflows-mlops/c"]
        assert (first["capture_uris"], first["kms_keys"], first["vpc"]) == (["s3://models/c"], ["key"], False)
        assert (second["role_arn"], second["model_uris"], second["vpc"]) == (ROLE + "-b", ["s3://other/b/model.tar.gz"], True)
        assert STATE.questions(settings(role_check="none"))["roles"] == []

    def test_a_login(self) -> None:
        asked = STATE.questions(settings(access_key_id="AKIA", secret_access_key="geheim", tracking_password="geheim", ca_path="/ca.pem"))
        assert (asked["aws_access_key_id"], asked["aws_secret_access_key"], asked["tracking_password"]) == ("AKIA", "geheim", "geheim")
        assert "aws_profile" not in asked and "aws_session_token" not in asked and asked["ca_path"] == "/ca.pem"
        assert "geheim" not in str(STATE.inputs(settings(secret_access_key="geheim", session_token="geheim", tracking_password="geheim"), reading()))


def planned(*roles: str, **more: t.Any) -> hosts.Planned:
    return hosts.Planned(roles, {**of_role("firewall"), **settings(**more)}, lambda role, template, inputs: "", {})


def test_a_host_is_not_asked_for_what_it_does_not_have() -> None:
    both = planned("firewall", "sagemaker")
    assert both.reader == "host_info"
    assert "endpoints" not in both.questions()
    plan = both.judge({"packages": None})
    assert (plan.findings, plan.due, plan.roles["sagemaker"]["planned"]) == ([], ["sagemaker"], False)
    alone = planned("sagemaker")
    assert (alone.reader, set(alone.questions()) & {"package_lock_wait", "files"}) == ("sagemaker_info", set())
    whole = hosts.joined({"roles": plan.roles, "findings": ["old"], "answers": {"a": 1}}, {**alone.judge(reading())._asdict(), "settings": {}})
    assert (whole["due"], whole["findings"], whole["answers"]) == ([], ["old"], {"a": 1})
    assert list(whole["roles"]) == ["firewall", "sagemaker"] and whole["roles"]["sagemaker"]["planned"]


def test_what_a_host_changes_does_not_make_the_controller_look_again() -> None:
    done = {"planned": True, "steps": [], "differences": [], "inputs": {}}
    assert hosts.due({"ssh_access": done, "sparkflows": {**done, "steps": ["settings"]}, "sagemaker": done}) == ["sparkflows"]
    assert hosts.due({"sparkflows": done, "sagemaker": {**done, "steps": ["image"]}, "scorer": done}) == ["sagemaker"]
