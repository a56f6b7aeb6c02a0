# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows and their executions.

No node is executed. A workflow has a script: the statuses that an execution goes through, one with each time it is
asked for (the last one stays), its results and its log. Tests set it through the control interface. A workflow with a
part `double`, `{"url": ..., "rows": ...}`, really scores: its result is what that URL answers to the rows.
"""

from __future__ import annotations

import json
import time
import typing as t
import urllib.request
import uuid

from flask import Blueprint, Response, g, jsonify, request

from .store import Store
from .world import Failure, json_body, text, world

workflows = Blueprint("workflows", __name__)

STATUSES = ("RUNNING", "STOPPED", "COMPLETED", "FAILED", "STARTING", "STOP", "KILLED", "STOPPING", "TIMEOUT", "PENDING", "SKIPPED")
SCRIPT: dict[str, t.Any] = {"statuses": ["RUNNING", "COMPLETED"], "results": ["scored by a double"], "log": "A double ran nothing.\n"}
IMPORT_REFUSALS: dict[str, t.Any] = {
    "error": {"status": "error", "message": "The workflow is locked", "detail": "locked by alice"},
    "success_false": {"success": False, "errors": ["The workflow is locked"]},
    "failed": {"failed": 1, "total": 1, "message": "The workflow is locked"},
    "silent": {"status": "ok"},
}
UUID_OPTIONS = ("overwriteWorkflowIfUUIDExistInProject", "createNewUUIDIfExist", "createNewUUID")


def add(store: Store, workflow: dict[str, t.Any], project: int, script: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
    """Keep a new workflow as `workflow` describes it; without a uuid it gets one."""
    number = max((kept["id"] for kept in store.state["workflows"]), default=0) + 1
    kept = {"id": number, "projectId": project, "uuid": workflow.get("uuid") or str(uuid.uuid4()), "script": {**SCRIPT, **(script or {})}}
    store.state["workflows"].append(kept)
    describe(kept, dict(workflow, uuid=kept["uuid"]))
    store.save()
    return kept


def describe(kept: dict[str, t.Any], workflow: dict[str, t.Any]) -> None:
    kept.update(name=workflow.get("name", ""), category=workflow.get("category", ""), description=workflow.get("description", ""), workflow=workflow)


def find(key: str, value: t.Any) -> dict[str, t.Any]:
    for kept in world().store.state["workflows"]:
        if kept[key] == value:
            return t.cast("dict[str, t.Any]", kept)
    raise Failure(404, "There is no workflow with the %s %s" % (key, value))


def _shown(kept: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in kept.items() if key != "script"}


def _looked_up(key: str, value: t.Any) -> Response:
    """The answer to a look-up, or what some servers answer instead."""
    how = world().store.switches.look_up
    if how == "another":
        return jsonify(_shown(next(kept for kept in world().store.state["workflows"] if kept[key] != value)))
    if how == "zeroed":
        return jsonify({"id": 0, "uuid": None, "name": None, "workflow": None})
    if how == "error":
        return jsonify({"error": "not found"})
    if how == "nothing":
        return Response("", mimetype="application/json")
    return jsonify(_shown(find(key, value)))


@workflows.get("/api/v1/workflows/<int:number>")
def by_id(number: int) -> Response:
    return _looked_up("id", number)


@workflows.get("/api/v1/workflows/uuid/<value>")
def by_uuid(value: str) -> Response:
    return _looked_up("uuid", value)


@workflows.get("/api/v1/workflows/name/<path:value>")
def by_name(value: str) -> Response:
    return _looked_up("name", value)


@workflows.put("/api/v1/workflows")
def update() -> Response:
    body = json_body(dict, "an object")
    kept = find("id", body.get("analysisflowId"))
    if not isinstance(body.get("workflow"), dict):
        raise Failure(400, "JSON parse error: workflow is no object")
    describe(kept, dict(body["workflow"], uuid=kept["uuid"]))
    world().store.save()
    return jsonify(_shown(kept))


@workflows.post("/api/v1/workflows/import")
def import_workflows() -> Response:
    store = world().store
    option = request.args.get("uuidOption", "")
    project = request.args.get("projectId", "")
    if option not in UUID_OPTIONS or not project.isdigit():
        raise Failure(400, "projectId and uuidOption are needed, and uuidOption is one of %s" % ", ".join(UUID_OPTIONS))
    field = store.switches.import_field
    files = request.files.getlist(field)
    if not files and store.switches.other_field == "ignore":
        return jsonify({"fail": "0", "total": "0", "success": "0"})
    if not files:
        raise Failure(400, "Required request part '%s' is not present" % field)
    refusal = IMPORT_REFUSALS.get(store.switches.import_reply)
    if refusal is not None:
        return jsonify(refusal)
    try:
        read = [json.load(file.stream) for file in files]
    except ValueError:
        raise Failure(400, "JSON parse error: a file is no JSON") from None
    if store.switches.import_keeps == "reshaped":
        read = [dict(workflow, nodes={str(place): node for place, node in enumerate(workflow.get("nodes", []))}) for workflow in read]
    for workflow in read:
        same = [kept for kept in store.state["workflows"] if kept["uuid"] == workflow.get("uuid")]
        here = [kept for kept in same if kept["projectId"] == int(project)]
        if option == "overwriteWorkflowIfUUIDExistInProject" and here:
            describe(here[0], workflow)
        elif option == "createNewUUID" or (option == "createNewUUIDIfExist" and same):
            add(store, dict(workflow, uuid=""), int(project))
        else:
            add(store, workflow, int(project))
    store.save()
    return jsonify({"fail": "0", "total": str(len(read)), "success": str(len(read))})


# Executions.


def _execute(kept: dict[str, t.Any], parameters: t.Any) -> Response:
    store = world().store
    number = store.next_id("execution")
    record = {
        "id": number, "analysisFlowId": kept["id"], "userId": g.user["id"], "projectId": kept["projectId"], "name": kept["name"],
        "category": kept["category"], "description": kept["description"], "logs": "", "fireJobId": str(uuid.uuid4()),
        "applicationId": "double_%d" % number, "uiWebUrl": "", "metrics": "", "startTime": int(time.time() * 1000), "endTime": None,
        "emailOnSuccess": "", "emailOnFailure": "",
    }  # fmt: skip
    script = {**json.loads(json.dumps(kept["script"])), **_scored(kept["workflow"].get("double"))}
    store.state["executions"].append({"record": record, "parameters": parameters, "script": script})
    store.save()
    if store.switches.start_reply == "error_with_id":
        return jsonify({"status": "error", "id": 7, "message": "No cluster"})
    return jsonify({"id": number}) if store.switches.start_reply == "object" else text(str(number))


def _scored(asked: dict[str, t.Any] | None) -> dict[str, t.Any]:
    """What the script becomes by asking a model: its answer as the result, or a failure that the log explains."""
    if not asked:
        return {}
    rows = json.dumps(asked["rows"]).encode()
    sent = urllib.request.Request(asked["url"], rows, {"Content-Type": "application/json"})  # noqa: S310 - a test's own address
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
            return {"results": [answer.read().decode()]}
    except OSError as error:
        return {"statuses": ["RUNNING", "FAILED"], "log": "%s did not score: %s\n" % (asked["url"], error)}


@workflows.post("/api/v1/workflow/execute")
def execute() -> Response:
    body = json_body(dict, "an object")
    return _execute(find("id", body.get("workflowId")), body.get("programParameters", ""))


@workflows.post("/api/v1/create/workflowexecution/<int:number>")
def create_execution(number: int) -> Response:
    body = json_body(dict, "an object")
    if body.get("userName") != g.user["username"] and not g.user["isSuperuser"]:
        raise Failure(403, "Access is denied: userName is not yours")
    return _execute(find("id", number), body.get("workflowParameters", ""))


def _execution(number: int) -> dict[str, t.Any]:
    for execution in world().store.state["executions"]:
        if execution["record"]["id"] == number:
            return t.cast("dict[str, t.Any]", execution)
    raise Failure(404, "There is no workflow execution %d" % number)


def _status(execution: dict[str, t.Any], advance: bool = False) -> str:
    """The status now; asking for it is what makes time pass."""
    statuses = execution["script"]["statuses"]
    status = t.cast(str, statuses[0])
    if advance and len(statuses) > 1:
        del statuses[0]
        world().store.save()
    return status


def _code(status: str) -> int:
    """The number of a status; one that the documentation does not have gets one that it does not have either."""
    return STATUSES.index(status) if status in STATUSES else 99


def _is_over(execution: dict[str, t.Any]) -> bool:
    return _status(execution) in ("STOPPED", "COMPLETED", "FAILED", "KILLED", "TIMEOUT", "SKIPPED")


def _record(execution: dict[str, t.Any]) -> dict[str, t.Any]:
    record = dict(execution["record"], status=_code(_status(execution)))
    if _is_over(execution):
        record["endTime"] = record["startTime"] + 1000
    return record


@workflows.get("/api/v1/workflow-executions/<int:number>/status")
def status(number: int) -> Response:
    told = _status(_execution(number), advance=True)
    shape = world().store.switches.status_shape
    if shape == "text" or told not in STATUSES:
        return text(told)
    return jsonify(STATUSES.index(told)) if shape == "code" else jsonify({"status": told, "name": "x"})


@workflows.get("/api/v1/update-status-workflow-execution/<int:number>")
def update_status(number: int) -> Response:
    execution = _execution(number)
    return jsonify({"status": _code(_status(execution, advance=True)), "name": execution["record"]["name"]})


@workflows.get("/api/v1/workflowExecution/<int:number>")
def execution_record(number: int) -> Response:
    return jsonify(_record(_execution(number)))


def _page(executions: list[dict[str, t.Any]]) -> Response:
    page, size = request.args.get("page", 0, int), request.args.get("size", 1000, int)
    return jsonify([_record(execution) for execution in executions[page * size : (page + 1) * size]])


@workflows.get("/api/v1/workflow-executions")
def list_executions() -> Response:
    return _page(world().store.state["executions"])


@workflows.get("/api/v1/workflow-executions/workflows/<int:number>")
def list_executions_of(number: int) -> Response:
    return _page([execution for execution in world().store.state["executions"] if execution["record"]["analysisFlowId"] == number])


@workflows.get("/api/v1/workflow-executions/<int:number>/logs/view")
def log(number: int) -> Response:
    return text(_execution(number)["script"]["log"])


@workflows.post("/api/v1/workflow-execution/<int:number>/stop")
def stop(number: int) -> Response:
    return _end(number, "STOPPED")


@workflows.post("/api/v1/workflow-execution/<int:number>/kill")
def kill(number: int) -> Response:
    return _end(number, "KILLED")


def _end(number: int, status: str) -> Response:
    execution = _execution(number)
    if not _is_over(execution):
        execution["script"]["statuses"] = [status]
        world().store.save()
    return jsonify({"status": "ok", "message": "Stopping Analysis Flow Execution"})


# Results.


def _results(execution: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    if _status(execution) != "COMPLETED":
        return []
    number = execution["record"]["id"]
    return [
        {"id": place, "workflowExecutionId": number, "nodeId": str(place), "resultType": 2, "result": result}
        for place, result in enumerate(execution["script"]["results"], start=1)
    ]


@workflows.get("/api/v1/execution-results/workflow-executions/<int:number>/resultType/<int:kind>")
def results(number: int, kind: int) -> Response:
    shape = world().store.switches.results_shape
    if shape == "missing":
        raise Failure(404, "There are no results")
    if shape != "json":
        rows = [str(result["result"]) for result in _results(_execution(number))]
        page = "<html><body><table>%s</table></body></html>" % "".join("<tr><td>%s</td></tr>" % row for row in rows)
        return Response(page if shape == "html" else "result\n" + "\n".join(rows) + "\n", mimetype="text/" + shape)
    return jsonify([result for result in _results(_execution(number)) if result["resultType"] == kind])


@workflows.get("/viewExecutionResult/<int:number>/0")
def results_of_old(number: int) -> Response:
    if world().store.switches.results_shape == "missing":
        raise Failure(404, "There are no results")
    return jsonify(_results(_execution(number)))


@workflows.get("/api/v1/execution-results/workflows/<int:number>/nodes/<node>/latest")
def latest_result(number: int, node: str) -> Response:
    for execution in reversed(world().store.state["executions"]):
        if execution["record"]["analysisFlowId"] == number:
            for result in _results(execution):
                if result["nodeId"] == node:
                    return jsonify(result)
    raise Failure(404, "There is no result of node %s of workflow %d" % (node, number))
