# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sagemaker_score: what is sent to an endpoint, and what is said about its answer. The runtime answers at boto3's boundary, since moto makes answers up."""

from __future__ import annotations

import io
import types
import typing as t

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import score as _sagemaker_score
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import scoring as _scoring
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.score import Endpoint
from ansible_collections.sparkflows.mlops.plugins.modules import sagemaker_score
from tests.unit.plugins.aws.cloud import options, validated

ROWS: dict[str, t.Any] = {"endpoint_name": "churn", "columns": ["a", "b"], "data": [[1, 2], [3, 4]]}
SENT = {
    "EndpointName": "churn", "Body": b'{"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}', "ContentType": "application/json", "Accept": "application/json",
}  # fmt: skip


class Scored:
    """One run, with the runtime's answers given beforehand."""

    def __init__(self, **given: t.Any) -> None:
        self.params = validated(sagemaker_score.argument_spec(), options("http://127.0.0.1:9", **{**ROWS, **given}))
        self.aws = Aws(self.params)
        self.stubber = Stubber(self.aws.client("sagemaker-runtime"))
        self.stubber.activate()

    def answers(self, body: bytes, **sent: t.Any) -> Scored:
        answer = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "application/json"}
        self.stubber.add_response("invoke_endpoint", answer, {**SENT, **sent})
        return self

    def refuses(self, code: str, message: str) -> Scored:
        self.stubber.add_client_error("invoke_endpoint", code, message)
        return self

    def run(self) -> dict[str, t.Any]:
        result = _scoring.run(self.params, Endpoint(self.aws, self.params["endpoint_name"], self.params["variant"]))
        self.stubber.assert_no_pending_responses()
        return result


def test_rows_are_scored(clean_environment, monkeypatch):
    # The clock stands at these times before the request and after the whole answer.
    monkeypatch.setattr(_sagemaker_score, "time", types.SimpleNamespace(monotonic=iter([100.0, 100.25]).__next__))
    result = Scored(expected=[3, 7.0]).answers(b"[3.0, 7.0]").run()
    assert result == {"elapsed_ms": 250.0, "changed": False, "predictions": [3.0, 7.0], "status": 200, "mlflow_version": "1"}


def test_the_form_of_mlflow_2_and_a_variant(clean_environment):
    body = b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}}'
    scored = Scored(mlflow_version="2", variant="blue").answers(b'{"predictions": [3, 7]}', Body=body, TargetVariant="blue")
    assert scored.run()["predictions"] == [3, 7]


def test_a_wrong_prediction(clean_environment):
    with pytest.raises(Problem) as caught:
        Scored(expected=[3, 8]).answers(b"[3.0, 7.0]").run()
    assert str(caught.value) == (
        "The model at the endpoint churn in eu-central-1 did not answer what was expected: row 2 is 7.0, expected 8 within a relative tolerance of 1e-06."
    )
    assert caught.value.result["predictions"] == [3.0, 7.0]


def test_no_json(clean_environment):
    with pytest.raises(Problem) as caught:
        Scored().answers(b"<html>").run()
    assert str(caught.value) == "The endpoint churn in eu-central-1 did not answer with JSON. Is the image one that serves MLflow models?"


def test_what_may_pass_is_asked_again(clean_environment):
    server_error = 'Received server error (500) from primary with message "loading".'
    scored = Scored(retries=2, delay=0).refuses("ServiceUnavailable", "busy").refuses("ModelError", server_error).answers(b"[3, 7]")
    assert scored.run()["predictions"] == [3, 7]


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        (
            "ModelError",
            "(400) no column.",
            (
                "AWS refuses sagemaker-runtime:InvokeEndpoint in eu-central-1 (ModelError). It says: (400) no column."
                " Look into CloudWatch's log group /aws/sagemaker/Endpoints/churn."
            ),
        ),
        (
            "ValidationError",
            "Endpoint churn of account 123456789012 not found.",
            "AWS refuses sagemaker-runtime:InvokeEndpoint in eu-central-1 (ValidationError). It says: Endpoint churn of account 123456789012 not found.",
        ),
    ],
)
def test_what_is_refused_is_not_asked_again(clean_environment, code, message, sentence):
    with pytest.raises(Problem) as caught:
        Scored(retries=2, delay=0).refuses(code, message).run()
    assert str(caught.value) == sentence
