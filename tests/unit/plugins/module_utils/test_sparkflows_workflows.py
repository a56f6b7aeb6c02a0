# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sparkflows_workflow_run does with the double: every way to name a workflow, every end of an execution."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import workflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows

EXECUTE = "POST /api/v1/workflow/execute"
UUID = "6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11"


class Run:
    """Runs the module's work; `number` is the id of the workflow that `add` made last, `create` the newer call that starts it."""

    def __init__(self, double):
        self.double = double
        self.number = 0

    @property
    def create(self):
        return "/api/v1/create/workflowexecution/%d" % self.number

    def door(self, method, path, body=None):
        """A call of the double's control interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.double.url + "/_double/" + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def add(self, *statuses, name="Score Churn / EU", **script):
        script = dict(script, **({"statuses": list(statuses)} if statuses else {}))
        self.number = self.door("POST", "workflows", {"workflow": {"name": name, "uuid": UUID}, "script": script})["id"]

    def executions(self):
        """Executions of that workflow as the double keeps them."""
        return [each for each in self.door("GET", "executions") if each["record"]["analysisFlowId"] == self.number]

    def __call__(self, check_mode=False, **given):
        defaults = {
            "sparkflows_url": self.double.url, "sparkflows_token": self.double.token, "sparkflows_username": None, "sparkflows_password": None,
            "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0, "retry_delay": 0, "rate_limit": None,
            "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 30,
            "workflow_id": None, "workflow_uuid": None, "workflow_name": None, "parameters": "", "api": "create", "user": "admin", "wait": True,
            "wait_timeout": 60, "poll_interval": 0.01, "kill_on_timeout": False, "results": True,
        }  # fmt: skip
        params = dict(defaults, **given)
        self.double.reset_counters()
        return workflows.run(params, Sparkflows(params), check_mode)

    def refused(self, *args, **given):
        with pytest.raises(Problem) as caught:
            self(*args, **given)
        return caught.value

    def requests(self):
        return self.double.counters()["by_path"]


@pytest.fixture
def run(sparkflows_double):
    return Run(sparkflows_double)


@pytest.mark.parametrize("given", [{"workflow_id": None}, {"workflow_uuid": UUID}, {"workflow_name": "Score Churn / EU"}])
def test_a_run_that_completes(run, given):
    run.add("STARTING", "RUNNING", "COMPLETED", results=["0.25"])
    given = {option: value or run.number for option, value in given.items()}
    workflow = {"id": run.number, "uuid": UUID, "name": "Score Churn / EU"}
    assert run(True, **given) == {
        "changed": True, "workflow": workflow, "execution_id": None, "status": None, "results": None, "msg": "Would run the workflow %d." % run.number,
    }  # fmt: skip
    assert run.double.counters()["writes"] == 0
    result = run(**given, parameters="day=1")
    (found,) = result.pop("results")
    assert (found["result"], found["nodeId"]) == ("0.25", "1")
    (execution,) = run.executions()
    assert result == {"changed": True, "workflow": workflow, "execution_id": execution["record"]["id"], "status": "COMPLETED"}
    assert execution["parameters"] == "day=1"
    assert run.requests()["POST " + run.create] == 1
    assert run.double.counters()["writes"] == 1


@pytest.mark.parametrize("api, called", [("create", ""), ("execute", EXECUTE), ("auto", "")])
def test_which_call_starts_it(run, api, called):
    run.add()
    assert run(workflow_id=run.number, api=api, user="admin" if api != "execute" else None, parameters="x")["status"] == "COMPLETED"
    assert (called or "POST " + run.create) in run.requests()
    (execution,) = run.executions()
    assert execution["parameters"] == "x"


@pytest.mark.parametrize("status", [404, 405])
def test_the_older_call_where_there_is_no_newer_one(run, status):
    run.add()
    run.double.faults(answers=[{"answer": status, "path": "/api/v1/create", "times": None}])
    assert run(workflow_id=run.number, api="auto")["status"] == "COMPLETED"
    assert (run.requests()["POST " + run.create], run.requests()[EXECUTE]) == (1, 1)
    assert str(run.refused(workflow_id=run.number)).startswith("Sparkflows at %s answered %d to POST %s." % (run.double.url, status, run.create))


def test_another_refusal_is_no_reason_to_try_the_older_call(run):
    run.add()
    run.double.faults(answers=[{"answer": 500, "path": "/api/v1/create"}])
    run.refused(workflow_id=run.number, api="auto")
    assert EXECUTE not in run.requests()


@pytest.mark.parametrize(
    "status, words",
    [
        ("FAILED", "failed"), ("KILLED", "was killed"), ("STOPPED", "was stopped"), ("TIMEOUT", "ran into the time limit of the server"),
        ("SKIPPED", "was skipped"),
    ],
)
def test_a_run_that_ends_badly(run, status, words):
    run.add("RUNNING", status, log="\n".join("line %d" % number for number in range(40)))
    error = run.refused(workflow_id=run.number)
    number = error.result["execution_id"]
    lines = ["line %d" % line for line in range(10, 40)]
    assert str(error) == "Execution %d of the workflow %s.\nThe end of its log:\n%s" % (number, words, "\n".join("  " + line for line in lines))
    assert (error.result["status"], error.result["log"], error.result["changed"], error.result["results"]) == (status, lines, True, None)


def test_a_run_that_ends_badly_without_a_log(run):
    run.add("FAILED")
    run.double.faults(answers=[{"answer": 500, "path": "/api/v1/workflow-executions", "skip": 2}])
    error = run.refused(workflow_id=run.number)
    assert str(error) == "Execution %d of the workflow failed." % error.result["execution_id"]
    assert error.result["log"] == []


@pytest.mark.parametrize("kill", [False, True])
def test_a_run_that_takes_too_long(run, kill):
    run.add("RUNNING", log="still at it\n")
    error = run.refused(workflow_id=run.number, wait_timeout=1, kill_on_timeout=kill)
    number = error.result["execution_id"]
    told = " It was told to end." if kill else ""
    begin = "Execution %d of the workflow is RUNNING after the 1 seconds that wait_timeout allows." % number
    assert str(error) == begin + told + "\nThe end of its log:\n  still at it"
    (execution,) = run.executions()
    assert execution["script"]["statuses"] == (["KILLED"] if kill else ["RUNNING"])


def test_not_waiting(run):
    run.add("STARTING", "FAILED")
    result = run(workflow_id=run.number, wait=False)
    assert (result["status"], result["results"]) == ("STARTING", None)
    assert sum(run.requests().values()) == 4


def test_without_results(run):
    run.add("COMPLETED")
    assert run(workflow_id=run.number, results=False)["results"] is None
    assert not any("results" in path for path in run.requests())


def test_results_of_an_older_release(run):
    run.add("COMPLETED", results=["1"])
    run.double.faults(answers=[{"answer": 404, "path": "/api/v1/execution-results"}])
    assert [each["result"] for each in run(workflow_id=run.number)["results"]] == ["1"]


def test_an_execution_that_cannot_be_followed(run):
    run.add()
    run.double.faults(answers=[{"answer": 503, "path": "/api/v1/workflow-executions", "skip": 1, "times": None}])
    error = run.refused(workflow_id=run.number, wait_timeout=1)
    begin = "Execution %d of the workflow was started, but cannot be followed. The server was not there for the last " % error.result["execution_id"]
    assert str(error).startswith(begin)
    assert " of the 1 seconds that wait_timeout allows. Sparkflows at %s is not ready: it answered 503 to GET " % run.double.url in str(error)
    assert error.result["changed"] is True


@pytest.mark.parametrize("answer", [502, 503, 504, 429, "drop"])
def test_a_server_that_is_restarted_meanwhile_is_waited_for(run, answer):
    run.add("RUNNING", "RUNNING", "COMPLETED")
    run.double.faults(answers=[{"answer": answer, "path": "/api/v1/workflow-executions", "skip": 2, "times": 5}])
    assert run(workflow_id=run.number, retries=0)["status"] == "COMPLETED"


def test_a_real_restart_meanwhile(run):
    """As the vendor advises from time to time: connections are refused for a while, and nothing of the run is lost."""
    run.add("RUNNING", "RUNNING", "COMPLETED")
    run.double.faults(slow_start=0.5)
    seen, restarted = run.double.control.fault_for, []

    def restart_once(method, path):
        if path.endswith("/status") and not restarted:
            restarted.append(True)
            run.double.restart(wait=False)
        return seen(method, path)

    run.double.control.fault_for = restart_once
    starts = run.double.control.starts
    assert run(workflow_id=run.number, retries=0)["status"] == "COMPLETED"
    assert run.double.control.starts == starts + 1


def test_what_retry_after_asks_for_is_kept(run):
    run.add("RUNNING", "COMPLETED")
    run.double.faults(answers=[{"answer": 429, "path": "/api/v1/workflow-executions", "skip": 1, "headers": {"Retry-After": "1"}}])
    start = time.monotonic()
    assert run(workflow_id=run.number, retries=0)["status"] == "COMPLETED"
    assert time.monotonic() - start >= 1


def test_an_oauth_token_that_is_replaced_in_mid_run(run):
    """The vendor allows one per user, so that another login ends this one."""
    run.add("RUNNING", "RUNNING", "RUNNING", "COMPLETED")
    run.double.switches(one_oauth_token_per_user=True)
    given = {"sparkflows_token": None, "sparkflows_username": "admin", "sparkflows_password": "admin", "workflow_id": run.number}
    seen = run.double.control.fault_for

    def log_in_elsewhere(method, path):
        if path.endswith("/status"):
            run.double.world.oauth_tokens.clear()
        return seen(method, path)

    run.double.control.fault_for = log_in_elsewhere
    with pytest.raises(Problem, match="nobody else logs in as this user meanwhile"):
        run(**given)
    ended = []

    def log_in_elsewhere_once(method, path):
        if path.endswith("/status") and not ended:
            ended.append(run.double.world.oauth_tokens.clear())
        return seen(method, path)

    run.double.control.fault_for = log_in_elsewhere_once
    assert run(**given)["status"] == "COMPLETED"
    assert run.requests()["POST /oauth/token"] == 2
    assert len(run.executions()) == 2


def test_a_moment_of_trouble_is_not_seen(run):
    run.add("RUNNING", "RUNNING", "COMPLETED")
    run.double.faults(answers=[{"answer": 503, "path": "/api/v1/workflow-executions", "skip": 1}])
    assert run(workflow_id=run.number, retries=1)["status"] == "COMPLETED"


@pytest.mark.parametrize("lost", ["drop_answer", "lost_504"])
def test_a_start_without_an_answer_is_found_and_not_repeated(run, lost):
    run.add()
    run(workflow_id=run.number)
    run.double.faults(answers=[{"answer": lost, "path": "/api/v1/create"}])
    result = run(workflow_id=run.number, retries=5)
    assert (result["status"], result["execution_id"]) == ("COMPLETED", run.executions()[-1]["record"]["id"])
    assert len(run.executions()) == 2


@pytest.mark.parametrize("answer, again", [(504, False), ("drop", False), (503, True)])
def test_a_start_that_did_not_happen(run, answer, again):
    run.add()
    run.double.faults(answers=[{"answer": answer, "path": "/api/v1/create"}])
    text = str(run.refused(workflow_id=run.number))
    assert ("Whether it acted on POST %s is unknown. Its list of executions shows no new one so far." % run.create in text) is not again
    assert run.executions() == []


def test_a_start_that_cannot_be_looked_for(run):
    run.add()
    run.double.faults(answers=[
        {"answer": "lost_504", "path": "/api/v1/create"}, {"answer": 404, "path": "/api/v1/workflow-executions/workflows", "times": None},
    ])  # fmt: skip
    assert str(run.refused(workflow_id=run.number)).endswith("Its list of executions cannot be read. Look there before the workflow is run again.")


@pytest.mark.parametrize("status", ["QUEUED", "ON HOLD"])
def test_a_status_that_is_not_known(run, status):
    run.add(status, status, "COMPLETED")
    assert run(workflow_id=run.number)["status"] == "COMPLETED"
    run.add(status)
    text = str(run.refused(workflow_id=run.number, wait_timeout=1))
    assert " is %s, a status that this collection does not know, after the 1 seconds that wait_timeout allows." % status in text


@pytest.mark.parametrize("body", ["null", '""', "[]", '{"status": null}', '{"status": "error", "message": "no such thing"}', "true", "x" * 5000, "9" * 5000,
                                  "²"])
def test_an_answer_that_is_no_status(run, body):
    run.add()
    run.double.faults(answers=[{"answer": 200, "body": body, "path": "/api/v1/workflow-executions", "skip": 1}])
    error = run.refused(workflow_id=run.number)
    assert "cannot be followed" in str(error) or "is not a status" in str(error)
    assert len(str(error)) < 600 and error.result["execution_id"]


@pytest.mark.parametrize("shape", ["text", "code", "object"])
def test_a_failure_of_the_run_is_none_of_the_call(run, shape):
    run.double.switches(status_shape=shape)
    run.add("RUNNING", "FAILED")
    assert run.refused(workflow_id=run.number).result["status"] == "FAILED"


@pytest.mark.parametrize("shape, begin", [("csv", "result\n0.25\n"), ("html", "<html><body><table>")])
def test_results_of_another_form(run, shape, begin):
    run.double.switches(results_shape=shape)
    run.add("COMPLETED", results=["0.25"])
    assert run(workflow_id=run.number)["results"].startswith(begin.strip())


def test_results_that_are_the_login_page(run):
    run.add("COMPLETED")
    run.double.faults(answers=[{"answer": "login_page", "path": "/api/v1/execution-results", "times": None}])
    assert "with its login page, so it does not accept the token" in str(run.refused(workflow_id=run.number))


def test_results_that_are_not_there(run):
    run.double.switches(results_shape="missing")
    run.add("COMPLETED")
    result = run(workflow_id=run.number)
    assert (result["status"], result["results"]) == ("COMPLETED", None)
    (warning,) = result["warnings"]
    assert warning.startswith("Execution %d of the workflow is complete, but Sparkflows at %s has no results of it (404 to GET " % (
        result["execution_id"], run.double.url,
    ))  # fmt: skip


def test_results_that_come_a_moment_late(run):
    run.add("COMPLETED", results=["1"])
    run.double.faults(answers=[{"answer": 404, "path": "/api/v1/execution-results"}, {"answer": 404, "path": "/viewExecutionResult"}])
    assert [each["result"] for each in run(workflow_id=run.number)["results"]] == ["1"]


def test_the_documented_hint_for_boto3(run):
    error = "TypeError: _send_request() takes 5 positional arguments but 6 were given"
    run.add("FAILED", log=error + "\n" + "\n".join("line" for dummy in range(60)))
    assert str(run.refused(workflow_id=run.number)).splitlines()[-1].startswith("Sparkflows' documentation answers this TypeError with a newer boto3")
    run.add("FAILED", log="TypeError: something else")
    assert "boto3" not in str(run.refused(workflow_id=run.number))


def test_a_log_shows_no_secret_and_no_control_character(run):
    token = run.double.token
    run.add("FAILED", log="token=%s \x1b[31mred\x1b[0m %s\n" % (token, "y" * 5000))
    error = run.refused(workflow_id=run.number)
    assert token not in str(error) and "\x1b" not in str(error) and len(error.result["log"][0]) <= 500


@pytest.mark.parametrize("reply, ok", [("object", True), ("error_with_id", False)])
def test_an_error_is_no_execution_although_it_has_an_id(run, reply, ok):
    run.add()
    run.double.switches(start_reply=reply)
    if ok:
        assert run(workflow_id=run.number)["status"] == "COMPLETED"
    else:
        assert str(run.refused(workflow_id=run.number)).endswith("with an error, although with status 200. It says: No cluster.")


@pytest.mark.parametrize("look_up, words", [
    ("another", " It answered with another one: "), ("zeroed", ""), ("error", ""), ("nothing", ""),
])  # fmt: skip
@pytest.mark.parametrize("option", ["workflow_id", "workflow_uuid", "workflow_name"])
def test_a_look_up_is_not_believed_without_looking(run, look_up, words, option):
    run.add()
    run.double.switches(look_up=look_up)
    text = str(run.refused(**{option: {"workflow_id": run.number, "workflow_uuid": UUID, "workflow_name": "Score Churn / EU"}[option]}))
    assert " has no workflow with the %s " % option[len("workflow_"):] in text and words in text
    assert run.double.counters()["writes"] == 0


@pytest.mark.parametrize(
    "given, kind, value",
    [({"workflow_id": 4711}, "id", "4711"), ({"workflow_uuid": "x-y"}, "uuid", "x-y"), ({"workflow_name": "No / such"}, "name", "No / such")],
)
def test_a_workflow_that_is_not_there(run, given, kind, value):
    for check_mode in (True, False):
        assert str(run.refused(check_mode, **given)) == (
            "Sparkflows at %s has no workflow with the %s %s. Check workflow_%s, and that its user may see the project." % (run.double.url, kind, value, kind)
        )
    assert run.double.counters()["writes"] == 0


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"wait_timeout": 0}, "wait_timeout is 0; it must be at least 1."),
        ({"workflow_id": 0}, "workflow_id is 0; it must be at least 1."),
        ({"poll_interval": 0}, "poll_interval is 0; it must be a number of seconds above 0."),
        ({"workflow_name": " "}, "workflow_name is empty; name a workflow."),
        ({"user": None}, "api is create, which has to name the user that the run belongs to. Give user, or sparkflows_username."),
    ],
)
def test_bad_options(run, given, expected):
    assert str(run.refused(**given)) == expected
    assert run.requests() == {}


# What other releases may answer.


def answered(http_server, **given):
    run = Run(type("Server", (), {"url": http_server.url, "token": "x", "reset_counters": lambda self: None})())
    return run(**given)


def test_several_workflows_of_one_name(http_server):
    http_server.route("GET", "/api/v1/workflows/name/a", [{"id": 1}, {"id": 2}])
    with pytest.raises(Problem) as caught:
        answered(http_server, workflow_name="a")
    assert str(caught.value) == (
        "Several workflows on Sparkflows at %s have the name a: their ids are 1, 2. Give one as workflow_id." % http_server.url
    )
    http_server.route("GET", "/api/v1/workflows/name/a", [])
    with pytest.raises(Problem, match="has no workflow with the name a"):
        answered(http_server, workflow_name="a")
    http_server.route("GET", "/api/v1/workflows/name/a", {"workflow": {}})
    with pytest.raises(Problem, match="tells no id of the workflow a. Give its id as workflow_id."):
        answered(http_server, workflow_name="a")


@pytest.mark.parametrize("answer", [b"162", b'"162"\n', 162, {"id": 162}, {"executionId": "162"}])
@pytest.mark.parametrize("status", [b"COMPLETED", b'"COMPLETED"', 2, {"status": 2, "name": "x"}])
def test_forms_of_answers(http_server, answer, status):
    http_server.route("GET", "/api/v1/workflows/1", {"name": "x"})
    http_server.route("POST", "/api/v1/create/workflowexecution/1", (200, answer))
    http_server.route("GET", "/api/v1/workflow-executions/162/status", (200, status))
    http_server.route("GET", "/api/v1/execution-results/workflow-executions/162/resultType/2", [])
    http_server.route("GET", "/api/v1/workflow-executions/workflows/1", [])
    assert answered(http_server, workflow_id=1)["execution_id"] == 162
    assert http_server.requests[2].json() == {"userName": "admin", "workflowParameters": ""}


@pytest.mark.parametrize("answer", [b"started", b"0", "²".encode(), b"9" * 5000, b"null", b"[]", b"true", b'{"id": 0}', b'{"id": "1e3"}', b""])
def test_a_start_that_tells_no_id(http_server, answer):
    http_server.route("GET", "/api/v1/workflows/1", {"name": "x"})
    http_server.route("POST", "/api/v1/create/workflowexecution/1", answer)
    with pytest.raises(Problem) as caught:
        answered(http_server, workflow_id=1)
    assert str(caught.value) == (
        "Sparkflows at %s answered POST /api/v1/create/workflowexecution/1 without the id of an execution."
        " Look into its list of executions for whether one was started." % http_server.url
    )
