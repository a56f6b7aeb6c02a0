# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Rows for a SageMaker endpoint, sent through sagemaker-runtime.

:func:`ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.scoring.run` scores through this client as it does over plain HTTP.
"""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Answer, HttpError

# The container answered, but not with predictions: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_FROM_MODEL = "ModelError"
_REFUSED = 424
_MAY_PASS = ("ServiceUnavailable", "ModelNotReadyException", "InternalFailure", "InternalDependencyException", "ThrottlingException")


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
