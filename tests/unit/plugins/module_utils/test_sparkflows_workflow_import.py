# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workflow is imported into the double, once, and again when it differs."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _sparkflows_workflow_import as workflow_import
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import Sparkflows

UUID = "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11"
WORKFLOW: dict[str, t.Any] = {"uuid": UUID, "name": "Score Churn", "nodes": [{"id": "1"}]}


@pytest.fixture
def have(sparkflows_double: t.Any) -> t.Callable[..., t.Any]:
    """Runs the module's work with a workflow and returns its result and the requests that it took."""

    def run(content: t.Any, check_mode: bool = False, **given: t.Any) -> tuple[dict[str, t.Any], int]:
        params = {
            "sparkflows_url": sparkflows_double.url, "sparkflows_token": sparkflows_double.token, "sparkflows_username": None,
            "sparkflows_password": None, "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0,
            "retry_delay": 0, "rate_limit": None, "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30,
            "content": content if isinstance(content, str) else json.dumps(content), "project_id": 1, "overwrite": "when_different", **given,
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
        ("{", {}, "content is no JSON (Expecting property name"),
        ([], {}, "content is JSON, but no object. Give the text of a single workflow that was exported from Sparkflows."),
        ({"name": "x"}, {}, "The workflow in content has no uuid, by which it would be found again. Export it anew from Sparkflows."),
        (WORKFLOW, {"project_id": 0}, "project_id is 0; it must be at least 1."),
        (WORKFLOW, {"sparkflows_token": "wrong"}, "Sparkflows at http://127.0.0.1"),
    ],
)
def test_bad_input_is_refused(have: t.Callable[..., t.Any], sparkflows_double: t.Any, content: t.Any, given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(ClientError) as caught:
        have(content, **given)
    assert str(caught.value).startswith(message)
    assert sparkflows_double.counters()["writes"] == 0
