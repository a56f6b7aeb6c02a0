# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workflow is imported into the double, once, and again when it differs."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import workflow_import
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows

UUID = "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11"
WORKFLOW: dict[str, t.Any] = {"uuid": UUID, "name": "Score Churn", "nodes": [{"id": "1"}]}


class Data(dict):
    """A workflow that comes as data and not as text."""


@pytest.fixture
def have(sparkflows_double: t.Any) -> t.Callable[..., t.Any]:
    """Runs the module's work with a workflow and returns its result and the requests that it took."""

    def run(content: t.Any, check_mode: bool = False, **given: t.Any) -> tuple[dict[str, t.Any], int]:
        params = {
            "sparkflows_url": sparkflows_double.url, "sparkflows_token": sparkflows_double.token, "sparkflows_username": None,
            "sparkflows_password": None, "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0,
            "retry_delay": 0, "rate_limit": None, "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30,
            "content": content if isinstance(content, (str, Data)) else json.dumps(content), "project_id": 1, "overwrite": "when_different",
            "file_field": "auto",
            **given,
        }  # fmt: skip
        client = Sparkflows(params)
        result = workflow_import.run(params, client, check_mode)
        return result, client.requests

    return run


def test_life_of_a_workflow(have: t.Callable[..., t.Any]) -> None:
    """Created and modified: predicted, done, predicted again as nothing, and nothing done."""
    for content in (WORKFLOW, {**WORKFLOW, "nodes": [{"id": "1"}, {"id": "2"}]}):
        predicted, requests = have(content, check_mode=True)
        assert predicted["changed"] and requests == 1
        done, requests = have(content)
        assert done["changed"] and requests == 3 and done["workflow"]["id"]
        assert predicted["diff"] == done["diff"] and "nodes" in done["diff"]["after"]
        for check_mode in (True, False):
            again, requests = have(content, check_mode=check_mode)
            assert not again["changed"] and requests == 1 and again["diff"] == {"before": {}, "after": {}}
            assert again["workflow"]["id"] == done["workflow"]["id"]


def test_a_workflow_that_is_there_can_be_left_or_replaced(have: t.Callable[..., t.Any]) -> None:
    have(WORKFLOW)
    assert not have({**WORKFLOW, "nodes": []}, overwrite="never")[0]["changed"]
    assert have(WORKFLOW, overwrite="always")[0]["changed"]


@pytest.mark.parametrize(
    ("content", "given", "message"),
    [
        ("{", {}, "content is not JSON (Expecting property name"),
        ([], {}, "content is JSON, but no object. Give the text of a single workflow that was exported from Sparkflows."),
        ({"name": "x"}, {}, "The workflow in content has no uuid, by which it would be found again. Export it anew from Sparkflows."),
        (WORKFLOW, {"project_id": 0}, "project_id is 0; it must be at least 1."),
        (WORKFLOW, {"sparkflows_token": "wrong"}, "Sparkflows at http://127.0.0.1"),
    ],
)
def test_bad_input_is_refused(have: t.Callable[..., t.Any], sparkflows_double: t.Any, content: t.Any, given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(Problem) as caught:
        have(content, **given)
    assert str(caught.value).startswith(message)
    assert sparkflows_double.counters()["writes"] == 0


REFUSED = {
    "error": "although with status 200. It says: The workflow is locked; locked by alice.",
    "success_false": "although with status 200. It says: The workflow is locked.",
    "failed": "although with status 200. It says: The workflow is locked.",
}


@pytest.mark.parametrize("reply", sorted(REFUSED))
@pytest.mark.parametrize("older", [True, False])
def test_an_import_that_is_refused_in_a_good_answer(have: t.Callable[..., t.Any], sparkflows_double: t.Any, reply: str, older: bool) -> None:
    if older:
        have({**WORKFLOW, "nodes": []})
    sparkflows_double.switches(import_reply=reply)
    for dummy in range(2):
        with pytest.raises(Problem) as caught:
            have(WORKFLOW)
        assert REFUSED[reply] in str(caught.value) and str(caught.value).startswith("Sparkflows at %s could not import" % sparkflows_double.url)


def test_an_import_that_is_said_to_be_done(have: t.Callable[..., t.Any], sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(import_reply="silent")
    with pytest.raises(Problem, match="said that it imported the workflow %s, but does not have it" % UUID):
        have(WORKFLOW)
    sparkflows_double.switches(import_reply="counts")
    have({**WORKFLOW, "nodes": []})
    sparkflows_double.switches(import_reply="silent")
    with pytest.raises(Problem, match="said that it imported the workflow %s, but still has the older nodes. Check" % UUID):
        have(WORKFLOW)


def test_an_import_that_is_kept_in_another_form(have: t.Callable[..., t.Any], sparkflows_double: t.Any) -> None:
    sparkflows_double.switches(import_keeps="reshaped")
    (warning,) = have(WORKFLOW)[0]["warnings"]
    assert "keeps nodes of the workflow %s in another form than the file has, so that it differs in each run" % UUID in warning


@pytest.mark.parametrize("other", ["refuse", "ignore"])
@pytest.mark.parametrize("field, requests", [("file[]", 3), ("file", 5)])
def test_both_names_of_the_file_are_known(have: t.Callable[..., t.Any], sparkflows_double: t.Any, other: str, field: str, requests: int) -> None:
    sparkflows_double.switches(import_field=field, other_field=other)
    done, sent = have(WORKFLOW)
    assert done["changed"] and sent == (4 if (field, other) == ("file", "refuse") else requests)
    done, sent = have({**WORKFLOW, "nodes": []}, file_field=field)
    assert done["changed"] and sent == 3
    assert not have({**WORKFLOW, "nodes": []})[0]["changed"]


@pytest.mark.parametrize("look_up", ["another", "zeroed", "error", "nothing"])
def test_another_workflow_is_not_taken_for_it(have: t.Callable[..., t.Any], sparkflows_double: t.Any, look_up: str) -> None:
    have(WORKFLOW)
    sparkflows_double.switches(look_up=look_up)
    assert have({**WORKFLOW, "nodes": []}, check_mode=True)[0]["workflow"]["id"] is None
    with pytest.raises(Problem, match="but does not have it"):
        have({**WORKFLOW, "nodes": []})


@pytest.mark.parametrize("content", [Data(WORKFLOW), "\ufeff" + json.dumps(WORKFLOW)])
def test_data_is_as_good_as_its_text(have: t.Callable[..., t.Any], content: t.Any) -> None:
    assert have(content)[0]["changed"]
    assert not have(WORKFLOW)[0]["changed"]


@pytest.mark.parametrize("content", ["[" * 100000, "{" + '"a":{' * 50000])
def test_a_text_that_nests_too_deeply(have: t.Callable[..., t.Any], content: str) -> None:
    with pytest.raises(Problem, match="content is not JSON"):
        have(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_file_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "w.json").write_bytes(json.dumps({**WORKFLOW, "name": "Müller"}, ensure_ascii=False).encode(encoding))
    assert workflow_import.read_export(workflow_import.read_file(str(tmp_path / "w.json")))["name"] == "Müller"


def test_a_file_that_cannot_be_it(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        workflow_import.read_file(str(tmp_path))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(workflow_import.MAX_BYTES + 1)
    with pytest.raises(Problem, match="more than 16 MiB"):
        workflow_import.read_file(str(tmp_path / "large"))
