# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request bodies, and the comparison of predictions."""

from __future__ import annotations

import json
import math

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.scoring import (
    check_params,
    json_safe,
    mismatch,
    predictions_of,
    request_body,
    run,
    scoring_client,
)

SPLIT = {"columns": ["a", "b"], "data": [[1, 2], [3, 4.5]]}


def parameters(**given):
    defaults = {
        "url": "", "columns": None, "data": None, "records": None, "csv": None, "inputs": None, "mlflow_version": "auto", "expected": None,
        "tolerance": 1e-6, "retries": 0, "delay": 0.01, "username": None, "password": None, "token": None,
        "validate_certs": True, "ca_path": None, "use_proxy": True, "timeout": 10,
    }  # fmt: skip
    return dict(defaults, **given)


def score(**given):
    params = parameters(**given)
    return run(params, scoring_client(params))


@pytest.mark.parametrize(
    "rows, major, content_type, body",
    [
        (SPLIT, "1", "application/json", SPLIT),
        (SPLIT, "2", "application/json", {"dataframe_split": SPLIT}),
        ({"records": [{"a": 1}]}, "1", "application/json; format=pandas-records", [{"a": 1}]),
        ({"records": [{"a": 1}]}, "2", "application/json", {"dataframe_records": [{"a": 1}]}),
        ({"inputs": [[1, 2]]}, "1", "application/json", {"inputs": [[1, 2]]}),
        ({"inputs": [[1, 2]]}, "2", "application/json", {"inputs": [[1, 2]]}),
    ],
)
def test_request_body(rows, major, content_type, body):
    kind, data = request_body(parameters(**rows), major)
    assert (kind, json.loads(data)) == (content_type, body)


def test_csv_body():
    assert request_body(parameters(csv="a,b\n1,2\n"), "2") == ("text/csv", b"a,b\n1,2\n")


@pytest.mark.parametrize(
    "expected, seen",
    [
        ([1, 2], [1.0, 2.0000001]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([{"x": 1, "y": "a"}], [{"y": "a", "x": 1.0}]),
        ([0], [1e-15]),
        ([math.nan, "NaN", "nan"], [math.nan, math.nan, "NaN"]),
        (["Infinity", "-infinity"], [math.inf, -math.inf]),
        ([True, None, "yes"], [True, None, "yes"]),
        ([10**30], [float(10**30)]),
        ([], []),
    ],
)
def test_equal_predictions(expected, seen):
    assert mismatch(expected, seen, 1e-6) == ""


@pytest.mark.parametrize(
    "expected, seen, words",
    [
        ([1, 2], [1, 2.1], "row 2 is 2.1, expected 2 within a relative tolerance of 1e-06"),
        ([1, 2], [1], "the prediction has 1 elements, expected 2"),
        ([[1], [2, 3]], [[1], [2, 4]], "row 2, element 2 is 4, expected 3"),
        ([[1, 2]], [[1]], "row 1 has 1 elements, expected 2"),
        ([{"x": 1}], [{"x": 2}], "row 1, field x is 2, expected 1"),
        ([{"x": 1}], [{"z": 1}], "row 1 has the fields z, expected x"),
        (["1.0"], [1.0], 'row 1 is 1.0, expected "1.0"'),
        ([True], [1], "row 1 is 1, expected true"),
        ([1], [math.nan], 'row 1 is "NaN", expected 1'),
        ([math.nan], [None], 'row 1 is null, expected "NaN"'),
        ([1.0], [[1.0]], "row 1 is [1.0], expected 1.0"),
        ([1], {"message": "x"}, 'the prediction is {"message": "x"}, expected [1]'),
        ([math.inf], [-math.inf], 'row 1 is "-Infinity", expected "Infinity"'),
        ([0], [1e-9], "row 1 is 1e-09, expected 0"),
    ],
)
def test_unequal_predictions(expected, seen, words):
    assert words in mismatch(expected, seen, 1e-6)


def test_tolerance():
    assert mismatch([100], [101], 0.02) == ""
    assert mismatch([100], [103], 0.02) != ""


def test_answers_of_both_versions():
    assert predictions_of([1]) == predictions_of({"predictions": [1]}) == [1]
    assert json_safe([math.nan, {"a": -math.inf}, "x", math.inf]) == ["NaN", {"a": "-Infinity"}, "x", "Infinity"]


@pytest.mark.parametrize(
    "given, words",
    [
        ({"columns": ["a"], "data": [[1], [1, 2]]}, "Row 2 of data is not a list of 1 values, one for each of columns: it is 2 values."),
        ({"columns": ["a"], "data": [5]}, "Row 1 of data is not a list"),
        ({"records": ["a"]}, "Row 1 of records is not a mapping"),
        ({"csv": "a", "tolerance": -1}, "tolerance is -1"),
        ({"csv": "a", "retries": -1}, "retries and delay"),
    ],
)
def test_bad_input(given, words):
    with pytest.raises(Problem, match=words):
        check_params(parameters(**given))


@pytest.mark.parametrize(
    "rows, expected",
    [
        (SPLIT, [3, 7.5]),
        ({"records": [{"a": 1, "b": 2}]}, [3]),
        ({"csv": "a,b\n1,2\n"}, [3]),
        ({"inputs": [[1.0, 2.0]]}, [3]),
        ({"columns": ["a", "b"], "data": [[1, None]]}, ["NaN"]),
    ],
)
def test_a_real_model(served_model, rows, expected):
    result = score(url=served_model.url, expected=expected, **rows)
    assert result["predictions"] == expected
    assert result["mlflow_version"] == "1" and result["status"] == 200 and result["elapsed_ms"] > 0
    assert result["changed"] is False


def test_a_real_model_that_predicts_something_else(served_model):
    with pytest.raises(Problem) as caught:
        score(url=served_model.url + "/invocations", expected=[3, 8], **SPLIT)
    assert str(caught.value) == (
        "The model at %s did not answer what was expected: row 2 is 7.5, expected 8 within a relative tolerance of 1e-06." % served_model.url
    )
    assert caught.value.result["predictions"] == [3, 7.5]


def test_a_real_model_asked_in_the_wrong_form(served_model):
    with pytest.raises(Problem) as caught:
        score(url=served_model.url, mlflow_version="2", **SPLIT)
    text = str(caught.value)
    assert "in the form of MLflow 2; check mlflow_version" in text and "Traceback" not in text


def test_rows_that_a_real_model_cannot_take(served_model):
    with pytest.raises(Problem, match="answered 400 to POST /invocations. It says: .*unexpected error while evaluating the model"):
        score(url=served_model.url, columns=["a", "b"], data=[[1, "x"]])


def test_mlflow_2(http_server):
    http_server.route("GET", "/version", b"2.9.2")
    http_server.route("POST", "/invocations", lambda request: {"predictions": [sum(row) for row in request.json()["dataframe_split"]["data"]]})
    result = score(url=http_server.url, expected=[3, 7.5], **SPLIT)
    assert result["mlflow_version"] == "2"


def test_a_model_that_is_still_loading(http_server):
    answers = [(503, b""), (500, b""), [3]]
    http_server.route("GET", "/version", b"1.30.1")
    http_server.route("POST", "/invocations", lambda request: answers.pop(0))
    assert score(url=http_server.url, retries=2, csv="a\n3\n")["predictions"] == [3]


@pytest.mark.parametrize("answer, tries", [((503, b""), 2), ((400, b""), 1)])
def test_only_what_may_pass_is_asked_again(http_server, answer, tries):
    http_server.route("POST", "/invocations", answer)
    with pytest.raises(Problem, match="The model at"):
        score(url=http_server.url, mlflow_version="1", retries=1, csv="a\n3\n")
    assert http_server.count() == tries


@pytest.mark.parametrize("answer", [404, b"ok"])
def test_a_server_that_is_no_served_model(http_server, answer):
    http_server.route("GET", "/version", answer)
    with pytest.raises(Problem, match="does not tell its MLflow version at /version.*Check url"):
        score(url=http_server.url, csv="a\n3\n")
    assert http_server.writes == 0
