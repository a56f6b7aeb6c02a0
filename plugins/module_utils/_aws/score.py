# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Rows for a SageMaker endpoint, sent through sagemaker-runtime."""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Answer, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import scoring

#: The options of the module sagemaker_score besides the login at AWS.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "endpoint_name": {"type": "str", "required": True},
    "variant": {"type": "str"},
    "columns": {"type": "list", "elements": "str"},
    "data": {"type": "list", "elements": "raw"},
    "records": {"type": "list", "elements": "raw"},
    "csv": {"type": "str"},
    "inputs": {"type": "raw"},
    "mlflow_version": {"type": "str", "choices": ["1", "2"], "default": "1"},
    "expected": {"type": "list", "elements": "raw"},
    "tolerance": {"type": "float", "default": 1.0e-6},
    "retries": {"type": "int", "default": 0},
    "delay": {"type": "float", "default": 2},
}
RULES: dict[str, t.Any] = {
    "required_together": [("columns", "data")],
    "required_one_of": [scoring.INPUT_FORMS],
    "mutually_exclusive": [scoring.INPUT_FORMS],
}

# The container answered, but not with predictions: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_FROM_MODEL = "ModelError"
_REFUSED = 424
_MAY_PASS = ("ServiceUnavailable", "ModelNotReadyException", "InternalFailure", "InternalDependencyException", "ThrottlingException")


def run(params: t.Mapping[str, t.Any], aws: Aws) -> dict[str, t.Any]:
    """Score the rows and return the module's result; :class:`Problem` when the answer is not the expected one."""
    aws.check_account()
    return scoring.run(params, Endpoint(aws, params["endpoint_name"], params["variant"]))


class Endpoint:
    """One endpoint of SageMaker; ``url`` is what errors call it."""

    def __init__(self, aws: Aws, name: str, variant: t.Optional[str] = None) -> None:
        self.url = "the endpoint %s in %s" % (name, aws.region)
        self._aws = aws
        self._name = name
        self._options = {"TargetVariant": variant} if variant else {}

    def request(self, method: str, path: str, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Send rows; :class:`HttpError` with the container's status when it refuses them, and with none when AWS does."""
        began = time.monotonic()
        try:
            answer = self._aws.call(
                "sagemaker-runtime", "invoke_endpoint",
                EndpointName=self._name, Body=body, ContentType=headers["Content-Type"], Accept="application/json", **self._options
            )  # fmt: skip
            content = answer["Body"].read()
        except AwsError as error:
            # 424 is what SageMaker itself gives a ModelError; below 500 it says that asking again is of no use.
            if error.code == _FROM_MODEL:
                status = _REFUSED if "(4" in error.reason else 500
                raise HttpError("%s Look into CloudWatch's log group /aws/sagemaker/Endpoints/%s." % (error, self._name), status) from None
            raise HttpError(str(error), None if error.code in _MAY_PASS or not error.code else _REFUSED) from None
        return Answer(200, content, time.monotonic() - began)

    def decode(self, answer: Answer, method: str, path: str) -> t.Any:
        try:
            return json.loads(answer.text)
        except ValueError:
            raise Problem("%s did not answer with JSON. Is the image one that serves MLflow models?" % (self.url[0].upper() + self.url[1:])) from None
