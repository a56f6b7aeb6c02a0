# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows: found, imported, executed, watched, ended."""

from __future__ import annotations

import json
import typing as t

import pytest


def make(call: t.Any, **script: t.Any) -> int:
    """A workflow with this script; its id."""
    return int(call("POST", "/_double/workflows", {"workflow": {"name": "score"}, "script": script}).json()["id"])


def run(call: t.Any, number: int) -> int:
    return int(call("POST", "/api/v1/create/workflowexecution/%d" % number, {"userName": "admin", "workflowParameters": ""}).text)


def import_file(call: t.Any, workflow: dict[str, t.Any], option: str, project: int = 1) -> t.Any:
    body = '--x\r\nContent-Disposition: form-data; name="file[]"; filename="wf.json"\r\nContent-Type: application/json\r\n\r\n%s\r\n--x--\r\n' % json.dumps(
        workflow
    )
    path = "/api/v1/workflows/import?projectId=%d&uuidOption=%s" % (project, option)
    return call("POST", path, body.encode(), {"Content-Type": "multipart/form-data; boundary=x"})


def test_execute_as_documented(call: t.Any) -> None:
    body = {
        "workflowId": 1,
        "programParameters": "string",
        "sparkConfig": "string",
        "libJars": "string",
        "emailOnSuccess": "string",
        "emailOnFailure": "string",
    }
    assert call("POST", "/api/v1/workflow/execute", body).text == "162"
    assert call("GET", "/_double/executions").json()[-1]["parameters"] == "string"
    newer = call("POST", "/api/v1/create/workflowexecution/1", {"userName": "admin", "workflowParameters": "a=b"})
    assert newer.text == "163"
    assert call("POST", "/api/v1/workflow/execute", {"workflowId": 99}).status == 404


def test_statuses_follow_the_script(call: t.Any) -> None:
    execution = run(call, make(call, statuses=["STARTING", "RUNNING", "COMPLETED"]))
    seen = [call("GET", "/api/v1/workflow-executions/%d/status" % execution).text for dummy in range(4)]
    assert seen == ["STARTING", "RUNNING", "COMPLETED", "COMPLETED"]
    assert call("GET", "/api/v1/update-status-workflow-execution/%d" % execution).json() == {"status": 2, "name": "score"}


@pytest.mark.parametrize(("status", "code"), [("RUNNING", 0), ("STOPPED", 1), ("COMPLETED", 2), ("FAILED", 3), ("KILLED", 6), ("TIMEOUT", 8)])
def test_status_codes(call: t.Any, status: str, code: int) -> None:
    execution = run(call, make(call, statuses=[status]))
    assert call("GET", "/api/v1/update-status-workflow-execution/%d" % execution).json()["status"] == code
    record = call("GET", "/api/v1/workflowExecution/%d" % execution).json()
    assert record["status"] == code
    assert (record["endTime"] is None) == (status == "RUNNING")


def test_record_and_lists(call: t.Any) -> None:
    number = make(call)
    first, second = run(call, number), run(call, 1)
    record = call("GET", "/api/v1/workflowExecution/%d" % first).json()
    documented = {"id", "analysisFlowId", "userId", "projectId", "status", "name", "category", "description", "logs", "fireJobId", "applicationId",
                  "uiWebUrl", "metrics", "startTime", "endTime", "emailOnSuccess", "emailOnFailure"}  # fmt: skip
    assert set(record) == documented
    assert [one["id"] for one in call("GET", "/api/v1/workflow-executions?page=0&size=1000").json()] == [first, second]
    assert [one["id"] for one in call("GET", "/api/v1/workflow-executions?page=1&size=1").json()] == [second]
    assert [one["id"] for one in call("GET", "/api/v1/workflow-executions/workflows/%d" % number).json()] == [first]
    assert call("GET", "/api/v1/workflowExecution/9999").status == 404


def test_results_are_there_when_it_is_done(call: t.Any) -> None:
    number = make(call, statuses=["RUNNING", "COMPLETED"], results=["first", "second"], log="done\n")
    execution = run(call, number)
    results = "/api/v1/execution-results/workflow-executions/%d/resultType/" % execution
    assert call("GET", results + "2").json() == []
    call("GET", "/api/v1/workflow-executions/%d/status" % execution)
    assert [result["result"] for result in call("GET", results + "2").json()] == ["first", "second"]
    assert call("GET", results + "1").json() == []
    assert [result["result"] for result in call("GET", "/viewExecutionResult/%d/0" % execution).json()] == ["first", "second"]
    assert call("GET", "/api/v1/execution-results/workflows/%d/nodes/2/latest" % number).json()["result"] == "second"
    assert call("GET", "/api/v1/workflow-executions/%d/logs/view" % execution).text == "done\n"


@pytest.mark.parametrize(("action", "status"), [("stop", "STOPPED"), ("kill", "KILLED")])
def test_stop_and_kill(call: t.Any, action: str, status: str) -> None:
    hanging = run(call, make(call, statuses=["RUNNING"]))
    answer = call("POST", "/api/v1/workflow-execution/%d/%s" % (hanging, action))
    assert answer.json() == {"status": "ok", "message": "Stopping Analysis Flow Execution"}
    assert call("GET", "/api/v1/workflow-executions/%d/status" % hanging).text == status
    done = run(call, make(call, statuses=["COMPLETED"]))
    call("POST", "/api/v1/workflow-execution/%d/%s" % (done, action))
    assert call("GET", "/api/v1/workflow-executions/%d/status" % done).text == "COMPLETED"


def test_found_by_id_uuid_and_name(call: t.Any) -> None:
    import_file(call, {"name": "my score", "uuid": "u-1", "nodes": [1]}, "createNewUUIDIfExist")
    found = call("GET", "/api/v1/workflows/uuid/u-1").json()
    assert found["workflow"] == {"name": "my score", "uuid": "u-1", "nodes": [1]}
    assert call("GET", "/api/v1/workflows/name/my%20score").json() == found
    assert call("GET", "/api/v1/workflows/%d" % found["id"]).json() == found
    for path in ("uuid/none", "name/none", "99"):
        assert call("GET", "/api/v1/workflows/" + path).status == 404


def test_update(call: t.Any) -> None:
    body = {"analysisflowId": 1, "comment": "", "projectId": 1, "workflow": {"name": "renamed"}}
    assert call("PUT", "/api/v1/workflows", body).json()["name"] == "renamed"
    assert call("GET", "/api/v1/workflows/1").json()["workflow"]["name"] == "renamed"
    assert call("PUT", "/api/v1/workflows", {**body, "workflow": "text"}).status == 400


@pytest.mark.parametrize(
    ("option", "project", "ids", "same_uuid"),
    [
        ("overwriteWorkflowIfUUIDExistInProject", 1, [1, 2], True),
        ("overwriteWorkflowIfUUIDExistInProject", 2, [1, 2, 3], True),
        ("createNewUUIDIfExist", 1, [1, 2, 3], False),
        ("createNewUUID", 1, [1, 2, 3], False),
    ],
)
def test_import_of_a_known_uuid(call: t.Any, sparkflows_double: t.Any, option: str, project: int, ids: list[int], same_uuid: bool) -> None:
    assert import_file(call, {"name": "one", "uuid": "u-1"}, "createNewUUIDIfExist").json() == {"fail": "0", "total": "1", "success": "1"}
    import_file(call, {"name": "two", "uuid": "u-1"}, option, project)
    kept = sparkflows_double.world.store.state["workflows"]
    assert [workflow["id"] for workflow in kept] == ids
    assert kept[-1]["name"] == "two"
    assert (kept[-1]["uuid"] == "u-1") == same_uuid


def test_bad_imports(call: t.Any) -> None:
    assert import_file(call, {"name": "one"}, "whatever").status == 400
    assert call("POST", "/api/v1/workflows/import?projectId=1&uuidOption=createNewUUID").status == 400


def test_a_workflow_that_names_a_model_really_scores(call: t.Any, http_server: t.Any) -> None:
    http_server.route("POST", "/score", lambda request: {"predictions": [sum(row) for row in request.json()["data"]]})
    rows = {"columns": ["a", "b"], "data": [[1.0, 2.0], [3.0, 4.0]]}
    for path, status, result in (("/score", "COMPLETED", '{"predictions": [3.0, 7.0]}'), ("/none", "FAILED", None)):
        workflow = {"name": "score", "double": {"url": http_server.url + path, "rows": rows}}
        execution = run(call, int(call("POST", "/_double/workflows", {"workflow": workflow, "script": {}}).json()["id"]))
        while (seen := call("GET", "/api/v1/workflow-executions/%d/status" % execution).text) == "RUNNING":
            pass
        assert seen == status
        results = call("GET", "/api/v1/execution-results/workflow-executions/%d/resultType/2" % execution).json()
        assert [each["result"] for each in results] == ([result] if result else [])
    assert "did not score: HTTP Error 404" in call("GET", "/api/v1/workflow-executions/%d/logs/view" % execution).text
