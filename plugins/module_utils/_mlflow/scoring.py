# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Rows for a model that MLflow serves, and its answer, compared with what was expected.

MLflow 1 takes a data frame as it is (``{"columns": …, "data": …}``) and answers with the bare predictions; MLflow 2
wants it below ``dataframe_split`` or ``dataframe_records`` and answers ``{"predictions": …}``. See
https://www.mlflow.org/docs/1.30.1/models.html#deploy-mlflow-models and https://mlflow.org/docs/2.0.1/models.html#deploy-mlflow-models
"""

from __future__ import annotations

import json
import math
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError, connection_options

INPUT_FORMS = ("data", "records", "csv", "inputs")

_PATH = "/invocations"
# Lets an expected 0 be met by a rounding error, to which no relative tolerance applies.
_NEXT_TO_ZERO = 1e-12
_NOT_FINITE = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf}


def scoring_client(params: t.Mapping[str, t.Any]) -> Client:
    """The client for the model that model_score's parameters name. Its base is what lies before ``/invocations``."""
    url = params["url"].rstrip("/")
    return Client(
        url[: -len(_PATH)] if url.endswith(_PATH) else url,
        what="the model",
        option="url",
        credentials="username and password, or token",
        token=params["token"],
        username=params["username"],
        password=params["password"],
        retries=0,
        **connection_options(params)
    )


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of model_score without asking the model."""
    if params["data"] is not None:
        width = len(params["columns"])
        for number, row in enumerate(params["data"], 1):
            if not isinstance(row, list) or len(row) != width:
                seen = "%d values" % len(row) if isinstance(row, list) else ascii(row)
                raise Problem("Row %d of data is not a list of %d values, one for each of columns: it is %s." % (number, width, seen))
    for number, row in enumerate(params["records"] or [], 1):
        if not isinstance(row, dict):
            raise Problem("Row %d of records is not a mapping of column to value: it is %s." % (number, ascii(row)))
    if params["tolerance"] < 0:
        raise Problem("tolerance is %g; it cannot be negative." % params["tolerance"])
    if params["retries"] < 0 or params["delay"] < 0:
        raise Problem("retries and delay cannot be negative.")


def request_body(params: t.Mapping[str, t.Any], major: str) -> tuple[str, bytes]:
    """The content type and body that carry the rows to a model served by MLflow ``major`` ("1" or "2")."""
    if params["csv"] is not None:
        return "text/csv", params["csv"].encode("utf-8")
    content_type, body = "application/json", {}
    if params["inputs"] is not None:
        body = {"inputs": params["inputs"]}
    elif params["records"] is not None:
        body = params["records"]
        if major == "1":
            # Said outright, since only the later versions of MLflow 1 guess it.
            content_type += "; format=pandas-records"
        else:
            body = {"dataframe_records": body}
    else:
        body = {"columns": params["columns"], "data": params["data"]}
        if major == "2":
            body = {"dataframe_split": body}
    return content_type, json.dumps(body).encode("utf-8")


def predictions_of(answer: t.Any) -> t.Any:
    """The predictions in a decoded answer of either major version."""
    if isinstance(answer, dict) and "predictions" in answer:
        return answer["predictions"]
    return answer


def mismatch(expected: t.Any, seen: t.Any, tolerance: float, where: str = "") -> str:
    """In words, the first place where ``seen`` is not what was ``expected``; '' when all is.

    Numbers are equal within the relative ``tolerance``, NaN equals NaN, and a text that says ``NaN``, ``Infinity``
    or ``-Infinity`` means that number. Rows are counted from 1.
    """
    place = where or "the prediction"
    expected = _number(expected)
    seen = _number(seen)
    if isinstance(expected, list) and isinstance(seen, list):
        for index in range(min(len(expected), len(seen))):
            found = mismatch(expected[index], seen[index], tolerance, "%s, element %d" % (where, index + 1) if where else "row %d" % (index + 1))
            if found:
                return found
        if len(expected) != len(seen):
            return "%s has %d elements, expected %d" % (place, len(seen), len(expected))
        return ""
    if isinstance(expected, dict) and isinstance(seen, dict):
        if set(expected) != set(seen):
            return "%s has the fields %s, expected %s" % (place, ", ".join(sorted(seen)), ", ".join(sorted(expected)))
        for key in sorted(expected):
            found = mismatch(expected[key], seen[key], tolerance, "%s, field %s" % (place, key))
            if found:
                return found
        return ""
    if _is_number(expected) and _is_number(seen):
        if expected == seen or (math.isnan(expected) and math.isnan(seen)):
            return ""
        if math.isclose(expected, seen, rel_tol=tolerance, abs_tol=_NEXT_TO_ZERO):
            return ""
        return "%s is %s, expected %s within a relative tolerance of %g" % (place, _shown(seen), _shown(expected), tolerance)
    if type(expected) is type(seen) and expected == seen:
        return ""
    return "%s is %s, expected %s" % (place, _shown(seen), _shown(expected))


def json_safe(value: t.Any) -> t.Any:
    """``value`` with the numbers that JSON does not have (NaN, Infinity) as texts."""
    if isinstance(value, list):
        return [json_safe(element) for element in value]
    if isinstance(value, dict):
        return {key: json_safe(element) for key, element in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def run(params: t.Mapping[str, t.Any], client: t.Any) -> dict[str, t.Any]:
    """Score the rows and return the module's result; :class:`Problem` when the answer is not the expected one.

    :param client: a `Client`, or what has its ``request``, ``decode`` and ``url``, such as an endpoint of SageMaker.
    """
    check_params(params)
    major = params["mlflow_version"]
    if major == "auto":
        major = _patiently(params, lambda: _major(client))
    content_type, body = request_body(params, major)
    try:
        answer = _patiently(params, lambda: client.request("POST", _PATH, body, {"Content-Type": content_type}))
    except HttpError as error:
        if error.status == 400 and params["mlflow_version"] != "auto":
            raise Problem("%s The rows were sent in the form of MLflow %s; check mlflow_version, or leave it to be found out." % (error, major)) from None
        raise
    predictions = predictions_of(client.decode(answer, "POST", _PATH))
    result = {
        "predictions": json_safe(predictions),
        "status": answer.status,
        "elapsed_ms": round(answer.elapsed * 1000, 1),
        "mlflow_version": major,
    }
    if params["expected"] is not None:
        found = mismatch(params["expected"], predictions, params["tolerance"])
        if found:
            raise Problem("The model at %s did not answer what was expected: %s." % (client.url, found), **result)
    return dict(result, changed=False)


def _major(client: Client) -> str:
    """"1" or "2", the body form of the MLflow that serves the model, from its ``/version``."""
    try:
        said = client.request("GET", "/version").text.strip()
    except HttpError as error:
        if error.status != 404:
            raise
        said = ""
    major = said.partition(".")[0]
    if not major.isdigit() or int(major) < 1:
        raise Problem(
            "The server at %s does not tell its MLflow version at /version, so it is not a model served by MLflow, or it is an old one."
            " Check url, or say with mlflow_version which form it takes." % client.url
        )
    return "1" if int(major) == 1 else "2"


def _patiently(params: t.Mapping[str, t.Any], ask: t.Callable[[], t.Any]) -> t.Any:
    """Ask, and ask again where the model gave no answer or one of 5xx: scoring changes nothing, so it may be repeated."""
    left = params["retries"]
    while True:
        try:
            return ask()
        except HttpError as error:
            if left <= 0 or (error.status is not None and error.status < 500):
                raise
        left -= 1
        time.sleep(params["delay"])


def _number(value: t.Any) -> t.Any:
    return _NOT_FINITE.get(value.lower(), value) if isinstance(value, str) else value


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: t.Any) -> str:
    text = json.dumps(json_safe(value), ensure_ascii=True)
    return text if len(text) <= 200 else text[:197] + "..."
