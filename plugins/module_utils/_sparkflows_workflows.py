# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Workflows of Sparkflows and their executions, and what the module sparkflows_workflow_run does."""

from __future__ import annotations

import time
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import Sparkflows

#: The states of an execution, each at the place of its number.
STATUSES = ("RUNNING", "STOPPED", "COMPLETED", "FAILED", "STARTING", "STOP", "KILLED", "STOPPING", "TIMEOUT", "PENDING", "SKIPPED")
_FAILED = {
    "FAILED": "failed", "KILLED": "was killed", "STOPPED": "was stopped", "TIMEOUT": "ran into the time limit of the server", "SKIPPED": "was skipped",
}  # fmt: skip

_LOG_LINES = 30
# The type of what a workflow's nodes put out, as the vendor's own scripts ask for it.
_RESULT_TYPE = 2


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of sparkflows_workflow_run without asking the server; :class:`ClientError`."""
    for option, least in (("wait_timeout", 1), ("workflow_id", 1)):
        if params[option] is not None and params[option] < least:
            raise ClientError("%s is %d; it must be at least %d." % (option, params[option], least))
    if params["poll_interval"] <= 0:
        raise ClientError("poll_interval is %g; it must be a number of seconds above 0." % params["poll_interval"])
    for option in ("workflow_uuid", "workflow_name"):
        if params[option] is not None and not params[option].strip():
            raise ClientError("%s is empty; name a workflow." % option)
    if params["api"] != "execute" and not _user(params):
        raise ClientError("api is %s, which has to name the user that the run belongs to. Give user, or sparkflows_username." % params["api"])


def run(params: t.Mapping[str, t.Any], client: Sparkflows, check_mode: bool) -> dict[str, t.Any]:
    """Run a workflow (in check mode only find it) and return the result of sparkflows_workflow_run."""
    check_params(params)
    workflow = find(params, client)
    result = {"changed": True, "workflow": workflow, "execution_id": None, "status": None, "results": None}
    if check_mode:
        return dict(result, msg="Would run the workflow %s." % workflow["id"])
    execution = start(params, client, workflow["id"])
    result["execution_id"] = execution
    try:
        result["status"] = await_end(params, client, execution) if params["wait"] else read_status(client, execution)
        if params["wait"] and params["results"]:
            result["results"] = read_results(client, execution)
    except HttpError as error:
        raise ClientError("Execution %d of the workflow was started, but cannot be followed. %s" % (execution, error), **result) from None
    except ClientError as error:
        raise ClientError(str(error), **dict(result, **error.result)) from None
    return result


def find(params: t.Mapping[str, t.Any], client: Sparkflows) -> dict[str, t.Any]:
    """Id, uuid and name of the workflow that is meant; :class:`ClientError` when it is none or more than one."""
    option = next(option for option in ("workflow_id", "workflow_uuid", "workflow_name") if params[option] is not None)
    given = str(params[option])
    folder = {"workflow_id": "", "workflow_uuid": "uuid/", "workflow_name": "name/"}[option]
    kind = option[len("workflow_"):]
    missing = "Sparkflows at %s has no workflow with the %s %s. Check %s, and that its user may see the project." % (client.url, kind, given, option)
    try:
        answer = client.get("/api/v1/workflows/%s%s" % (folder, urllib.parse.quote(given, safe="")))
    except HttpError as error:
        if error.status == 404:
            raise ClientError(missing) from None
        raise
    found = [each for each in (answer if isinstance(answer, list) else [answer]) if isinstance(each, dict) and each]
    if not found:
        raise ClientError(missing)
    numbers = [_number(each, ("id", "analysisFlowId", "analysisflowId")) for each in found]
    if option == "workflow_id":
        numbers = [params[option]]
    if len(numbers) > 1:
        ids = ", ".join(str(number) for number in numbers)
        raise ClientError("Several workflows on Sparkflows at %s have the %s %s: their ids are %s. Give one as workflow_id." % (client.url, kind, given, ids))
    if numbers[0] is None:
        raise ClientError("Sparkflows at %s tells no id of the workflow %s. Give its id as workflow_id." % (client.url, given))
    return {"id": numbers[0], "uuid": found[0].get("uuid"), "name": found[0].get("name")}


def start(params: t.Mapping[str, t.Any], client: Sparkflows, workflow: int) -> int:
    """Start an execution and return its id. With ``auto`` the older call is used where there is no newer one."""
    if params["api"] != "execute":
        path = "/api/v1/create/workflowexecution/%d" % workflow
        try:
            return _execution(client, path, {"userName": _user(params), "workflowParameters": params["parameters"]})
        except HttpError as error:
            if params["api"] == "create" or error.status not in (404, 405):
                raise
    body: dict[str, t.Any] = dict.fromkeys(("sparkConfig", "libJars", "emailOnSuccess", "emailOnFailure"), "")
    return _execution(client, "/api/v1/workflow/execute", dict(body, workflowId=workflow, programParameters=params["parameters"]))


def _execution(client: Sparkflows, path: str, body: dict[str, t.Any]) -> int:
    answer = client.value("POST", path, body)
    number = _number(answer if isinstance(answer, dict) else {"id": answer}, ("id", "executionId", "workflowExecutionId"))
    if number is None:
        raise ClientError(
            "Sparkflows at %s answered POST %s without the id of an execution. Look into its list of executions for whether one was started."
            % (client.url, path)
        )
    return number


def _number(answer: t.Mapping[str, t.Any], keys: t.Sequence[str]) -> t.Optional[int]:
    for key in keys:
        value = answer.get(key)
        if str(value).isdigit():
            return int(str(value))
    return None


def read_status(client: Sparkflows, execution: int) -> str:
    """The state of an execution, one of ``STATUSES`` unless the server has a new one."""
    answer = client.value("GET", "/api/v1/workflow-executions/%d/status" % execution)
    if isinstance(answer, dict):
        answer = answer.get("status")
    text = str(answer).strip().upper()
    return STATUSES[int(text)] if text.isdigit() and int(text) < len(STATUSES) else text


def await_end(params: t.Mapping[str, t.Any], client: Sparkflows, execution: int) -> str:
    """``COMPLETED`` once the execution is that; :class:`ClientError` with its log when it ended otherwise or takes too long."""
    end = time.monotonic() + params["wait_timeout"]
    while True:
        status = read_status(client, execution)
        if status == "COMPLETED":
            return status
        if status in _FAILED:
            raise _with_log("Execution %d of the workflow %s." % (execution, _FAILED[status]), client, execution, status)
        left = end - time.monotonic()
        if left <= 0:
            message = "Execution %d of the workflow is %s after the %d seconds that wait_timeout allows." % (execution, status, params["wait_timeout"])
            if params["kill_on_timeout"]:
                client.value("POST", "/api/v1/workflow-execution/%d/kill" % execution)
                message += " It was told to end."
            raise _with_log(message, client, execution, status)
        time.sleep(min(params["poll_interval"], left))


def _with_log(message: str, client: Sparkflows, execution: int, status: str) -> ClientError:
    try:
        text = str(client.value("GET", "/api/v1/workflow-executions/%d/logs/view" % execution))
    except ClientError:
        text = ""
    lines = text.splitlines()[-_LOG_LINES:]
    if lines:
        message += "\nThe end of its log:\n" + "\n".join("  " + line for line in lines)
    return ClientError(message, status=status, log=lines)


def read_results(client: Sparkflows, execution: int) -> t.Any:
    """What the nodes of the workflow put out, as the server tells it."""
    try:
        return client.get("/api/v1/execution-results/workflow-executions/%d/resultType/%d" % (execution, _RESULT_TYPE))
    except HttpError as error:
        if error.status != 404:
            raise
        return client.get("/viewExecutionResult/%d/0" % execution)


def _user(params: t.Mapping[str, t.Any]) -> str:
    return str(params["user"] or params["sparkflows_username"] or "")
