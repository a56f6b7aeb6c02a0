# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Workflows of Sparkflows and their executions, and what the module sparkflows_workflow_run does."""

from __future__ import annotations

import json
import re
import time
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import one_line
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.answers import first_number, matching
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows

#: The states of an execution, each at the place of its number.
STATUSES = ("RUNNING", "STOPPED", "COMPLETED", "FAILED", "STARTING", "STOP", "KILLED", "STOPPING", "TIMEOUT", "PENDING", "SKIPPED")
_FAILED = {
    "FAILED": "failed", "KILLED": "was killed", "STOPPED": "was stopped", "TIMEOUT": "ran into the time limit of the server", "SKIPPED": "was skipped",
}  # fmt: skip

_LOG_LINES = 30
_LOG_WIDTH = 500
_STATE = re.compile(r"[A-Z][A-Z0-9_ -]{0,39}\Z|[0-9]{1,4}\Z")
#: What the ids of a workflow and of an execution are called.
WORKFLOW_IDS = ("id", "analysisFlowId", "analysisflowId")
_EXECUTION_IDS = ("id", "executionId", "workflowExecutionId")
# Results may be written a moment after the execution is complete.
_RESULT_TRIES = 3
# docs/troubleshooting/mlops.rst of Sparkflows' documentation; it is the only entry there.
_HINTS = {
    "_send_request() takes 5 positional arguments": (
        "Sparkflows' documentation answers this TypeError with a newer boto3 on the Sparkflows host and on the MLflow host (pip install --upgrade boto3)."
        " On a host with the role pip_stack raise boto3 in its lock instead."
    ),
}
# The type of what a workflow's nodes put out, as the vendor's own scripts ask for it.
_RESULT_TYPE = 2


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of sparkflows_workflow_run without asking the server; :class:`Problem`."""
    for option, least in (("wait_timeout", 1), ("workflow_id", 1)):
        if params[option] is not None and params[option] < least:
            raise Problem("%s is %d; it must be at least %d." % (option, params[option], least))
    if params["poll_interval"] <= 0:
        raise Problem("poll_interval is %g; it must be a number of seconds above 0." % params["poll_interval"])
    for option in ("workflow_uuid", "workflow_name"):
        if params[option] is not None and not params[option].strip():
            raise Problem("%s is empty; name a workflow." % option)
    if params["api"] != "execute" and not _user(params):
        raise Problem("api is %s, which has to name the user that the run belongs to. Give user, or sparkflows_username." % params["api"])


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
            found = read_results(params, client, execution)
            result["results"] = found.data
            if found.problem:
                result["warnings"] = [found.problem]
    except HttpError as error:
        raise Problem("Execution %d of the workflow was started, but cannot be followed. %s" % (execution, error), **result) from None
    except Problem as error:
        raise Problem(str(error), **dict(result, **error.result)) from None
    return result


def find(params: t.Mapping[str, t.Any], client: Sparkflows) -> dict[str, t.Any]:
    """Id, uuid and name of the workflow that is meant; :class:`Problem` when it is none or more than one."""
    option = next(option for option in ("workflow_id", "workflow_uuid", "workflow_name") if params[option] is not None)
    given = str(params[option])
    folder = {"workflow_id": "", "workflow_uuid": "uuid/", "workflow_name": "name/"}[option]
    kind = option[len("workflow_"):]
    missing = "Sparkflows at %s has no workflow with the %s %s. Check %s, and that its user may see the project." % (client.url, kind, given, option)
    try:
        answer = client.get("/api/v1/workflows/%s%s" % (folder, urllib.parse.quote(given, safe="")), empty_allowed=True)
    except HttpError as error:
        if means_missing(error):
            raise Problem(missing) from None
        raise
    keys = WORKFLOW_IDS if option == "workflow_id" else (kind,)
    found = matching(answer, keys, given, WORKFLOW_IDS)
    if not found:
        raise Problem(missing + another(answer, keys))
    numbers = [first_number(each, WORKFLOW_IDS) for each in found]
    if option == "workflow_id":
        numbers = [params[option]]
    if len(numbers) > 1:
        ids = ", ".join(str(number) for number in numbers)
        raise Problem("Several workflows on Sparkflows at %s have the %s %s: their ids are %s. Give one as workflow_id." % (client.url, kind, given, ids))
    if numbers[0] is None:
        raise Problem("Sparkflows at %s tells no id of the workflow %s. Give its id as workflow_id." % (client.url, given))
    return {"id": numbers[0], "uuid": found[0].get("uuid"), "name": found[0].get("name")}


def means_missing(error: HttpError) -> bool:
    """Whether a refused look-up says that there is none: by a 404, or by such words in a body with a good status."""
    if error.status == 404:
        return True
    return error.status is not None and error.status < 300 and bool(re.search(r"not[ _-]?found|no such|does not exist|not exist", error.reason, re.IGNORECASE))


def another(answer: t.Any, keys: t.Sequence[str]) -> str:
    """A sentence about what a look-up answered with instead; empty when it was nothing."""
    records = [each for each in (answer if isinstance(answer, list) else [answer]) if isinstance(each, dict)]
    told = [one_line(str(record[key]))[:80] for record in records for key in keys if record.get(key)]
    return " It answered with another one: %s." % ", ".join(told[:5]) if told else ""


def start(params: t.Mapping[str, t.Any], client: Sparkflows, workflow: int) -> int:
    """Start an execution and return its id. With ``auto`` the older call is used where there is no newer one.

    Where no answer tells whether it was started, the server's list of executions does.
    """
    before = _executions(client, workflow)
    try:
        return _start(params, client, workflow)
    except HttpError as error:
        if not error.may_pass or error.unsent or error.status == 503:
            raise
        new = _await_new(params, client, workflow, before)
        if len(new) == 1:
            return new.pop()
        if before is None:
            told = "Its list of executions cannot be read. Look there before the workflow is run again."
        elif new:
            told = "Meanwhile the executions %s were started, and which of them is meant cannot be told." % ", ".join(map(str, sorted(new)))
        else:
            told = "Its list of executions shows no new one so far. Look there before the workflow is run again."
        raise HttpError("%s %s" % (error, told), error.status, error.code, error.reason) from None


def _await_new(params: t.Mapping[str, t.Any], client: Sparkflows, workflow: int, before: t.Optional[set[int]]) -> set[int]:
    """The executions that were not there before, once there are some; none when they can't be told or do not come."""
    new: set[int] = set()
    for dummy in range(client.retries + 1):
        if before is None or new:
            break
        time.sleep(min(params["poll_interval"], params["wait_timeout"]))
        new = (_executions(client, workflow) or set()) - before
    return new


def _executions(client: Sparkflows, workflow: int) -> t.Optional[set[int]]:
    """The ids of a workflow's executions; ``None`` where the server does not tell them."""
    try:
        answer = client.get("/api/v1/workflow-executions/workflows/%d" % workflow)
    except HttpError:
        return None
    if isinstance(answer, dict):  # a page of a list
        answer = answer.get("content")
    if not isinstance(answer, list):
        return None
    numbers = {first_number(each, _EXECUTION_IDS) for each in answer if isinstance(each, dict)}
    return {each for each in numbers if each is not None}


def _start(params: t.Mapping[str, t.Any], client: Sparkflows, workflow: int) -> int:
    if params["api"] != "execute":
        path = "/api/v1/create/workflowexecution/%d" % workflow
        try:
            return _execution(client, path, {"userName": _user(params), "workflowParameters": _parameters(params)})
        except HttpError as error:
            if params["api"] == "create" or error.status not in (404, 405):
                raise
    body: dict[str, t.Any] = dict.fromkeys(("sparkConfig", "libJars", "emailOnSuccess", "emailOnFailure"), "")
    return _execution(client, "/api/v1/workflow/execute", dict(body, workflowId=workflow, programParameters=_parameters(params)))


def _execution(client: Sparkflows, path: str, body: dict[str, t.Any]) -> int:
    answer = client.value("POST", path, body, empty_allowed=True)
    found = first_number(answer if isinstance(answer, dict) else {"id": answer}, _EXECUTION_IDS)
    if found is None:
        raise Problem(
            "Sparkflows at %s answered POST %s without the id of an execution. Look into its list of executions for whether one was started."
            % (client.url, path)
        )
    return found


def read_status(client: Sparkflows, execution: int) -> str:
    """The state of an execution, one of ``STATUSES`` unless the server has a new one."""
    path = "/api/v1/workflow-executions/%d/status" % execution
    answer = client.value("GET", path, states=STATUSES)
    if isinstance(answer, dict):
        answer = answer.get("status")
    text = str(answer).strip().upper()
    if isinstance(answer, bool) or answer is None or not _STATE.match(text):
        raise Problem("Sparkflows at %s answered GET %s with something that is not a status: '%s'." % (client.url, path, one_line(str(answer))[:80]))
    return STATUSES[int(text)] if text.isdigit() and int(text) < len(STATUSES) else text


def await_end(params: t.Mapping[str, t.Any], client: Sparkflows, execution: int) -> str:
    """``COMPLETED`` once the execution is that; :class:`Problem` with its log when it ended otherwise or takes too long.

    A server that is not there for a while, as when it is restarted, is waited for as long as the execution itself.
    """
    end = time.monotonic() + params["wait_timeout"]
    status, away_since, pause = "", 0.0, 0.0
    while True:
        try:
            status, away_since, pause = read_status(client, execution), 0.0, 0.0
        except HttpError as error:
            if not error.may_pass:
                raise
            away_since = away_since or time.monotonic()
            if time.monotonic() >= end:
                away = "The server was not there for the last %d of the %d seconds that wait_timeout allows." % (
                    time.monotonic() - away_since, params["wait_timeout"],
                )  # fmt: skip
                raise Problem("Execution %d of the workflow was started, but cannot be followed. %s %s" % (execution, away, error)) from None
            pause = error.pause
        if status == "COMPLETED":
            return status
        if status in _FAILED:
            raise _with_log("Execution %d of the workflow %s." % (execution, _FAILED[status]), client, execution, status)
        left = end - time.monotonic()
        if left <= 0 and not away_since:
            known = "" if status in STATUSES else ", a status that this collection does not know,"
            message = "Execution %d of the workflow is %s%s after the %d seconds that wait_timeout allows." % (execution, status, known, params["wait_timeout"])
            if params["kill_on_timeout"]:
                message += _kill(client, execution)
            raise _with_log(message, client, execution, status)
        time.sleep(max(0.0, min(max(params["poll_interval"], pause), left)))


def _kill(client: Sparkflows, execution: int) -> str:
    try:
        client.value("POST", "/api/v1/workflow-execution/%d/kill" % execution)
    except Problem as error:
        return " It could not be told to end: %s" % error
    return " It was told to end."


def _with_log(message: str, client: Sparkflows, execution: int, status: str) -> Problem:
    try:
        text = str(client.value("GET", "/api/v1/workflow-executions/%d/logs/view" % execution, empty_allowed=True, judged=False) or "")
    except Problem:
        text = ""
    lines = [one_line(line)[:_LOG_WIDTH] for line in client.scrubbed(text).splitlines()]
    hints = [hint for mark, hint in _HINTS.items() if any(mark in line for line in lines)]
    lines = lines[-_LOG_LINES:]
    if lines:
        message += "\nThe end of its log:\n" + "\n".join("  " + line for line in lines)
    return Problem("\n".join([message] + hints), status=status, log=lines)


class Results(t.NamedTuple):
    """What an execution put out, ``None`` where that cannot be had; ``problem`` says why."""

    data: t.Any
    problem: str


def read_results(params: t.Mapping[str, t.Any], client: Sparkflows, execution: int) -> Results:
    """What the nodes of the workflow put out, as the server tells it: decoded JSON, or the text as it is, such as CSV."""
    paths = ("/api/v1/execution-results/workflow-executions/%d/resultType/%d" % (execution, _RESULT_TYPE), "/viewExecutionResult/%d/0" % execution)
    for left in reversed(range(_RESULT_TRIES)):
        for path in paths:
            try:
                return Results(client.value("GET", path, judged=False), "")
            except HttpError as error:
                if error.status != 404:
                    raise
        if left:
            time.sleep(params["poll_interval"])
    return Results(
        None,
        "Execution %d of the workflow is complete, but Sparkflows at %s has no results of it (404 to GET %s)."
        % (execution, client.url, " and GET ".join(paths)),
    )


def _parameters(params: t.Mapping[str, t.Any]) -> str:
    """The parameters as one text; what was a text before it went through a template is one again."""
    given = params["parameters"]
    return json.dumps(given, ensure_ascii=False) if isinstance(given, (dict, list)) else str(given)


def _user(params: t.Mapping[str, t.Any]) -> str:
    return str(params["user"] or params["sparkflows_username"] or "")
