# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP interface of a running agent."""

import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
from conftest import HERE, TOKEN
from hostile import RawServer, say
from mlops_agent import __version__, rules, web
from mlops_agent.mlops_model_helper import NAME as HELPER_NAME

HOSTILE_NAMES = [
    "..", "%2e%2e", "a%2fb", "a%2f..%2fb", "a%20b", "a;b", "a%0ab", "a%0a", "%24(id)", "%60id%60", "A", "-a", "a-", "_a",
    "a.service", "a%25i", "%25i", "a%5cx2d", "a@b", "x" * 64, "%c3%a4", "a%00", "a%5b", "--now",
]
HOSTILE_URIS = [
    "models:/churn/1; id", "models:/churn/$(id)", "models:/../1", "models:/churn/1\n", "models:/churn/0", "models:/churn",
    "models:/churn/1/2", "models:/chu'rn/1", "runs:/abc", "runs:/abc/../x", "runs:/abc/%2e%2e", "s3://b/x", "s3://bucket/../x",
    "s3://bucket/`id`", "mlflow-artifacts:/a/../../etc", "/etc/passwd", "/etc", "file:///etc", "http://x/y", "dbfs:/x", "", "a b",
    "models:/churn/1\x00", "models:/churn/-1", "--help", "models:/churn/1|id", "%i", "models:/%i/1", None, 5, ["models:/churn/1"],
]


def nested(depth):
    value = 1
    for dummy in range(depth):
        value = [value]
    return value


HOSTILE_OPTIONS = [
    {"port": "5001"}, {"port": 0}, {"port": 80}, {"port": 65536}, {"port": 5001.5}, {"port": True}, {"port": "5001; id"},
    {"port": [5001]}, {"workers": 0}, {"workers": 65}, {"workers": "1\nUser=root"}, {"memory_mb": 1}, {"memory_mb": -1},
    {"memory_mb": "2G\n[Service]\nUser=root"}, {"memory_mb": 10 ** 9}, {"startup_timeout": 0}, {"startup_timeout": 1e3},
    {"probe": "x"}, {"probe": {}}, {"probe": {"inputs": nested(40)}},
    {"probe": {"columns": ["a"]}}, {"probe": {"records": 1}}, {"probe": {"inputs": 1, "x": 1}},
    {"user": "root"}, {"name": "x"},
]


def test_health_is_open_and_all_else_needs_the_token(agent):
    assert agent.call("GET", "/health", headers={"Authorization": ""})[1]["version"] == __version__
    for path in ("/metrics", "/openapi.json", "/api/v1/deployments", "/nowhere"):
        for header in ("", "Bearer ", "Bearer wrong", "Bearer " + TOKEN + "x", "Basic " + TOKEN, TOKEN, "Bearer \xe4"):
            status, headers, body = agent.raw("GET", path, headers={"Authorization": header.encode("latin-1")})
            assert status == 401 and dict(headers)["Www-Authenticate"] == "Bearer"
            assert json.loads(body.decode())["error"]["code"] == "unauthorized"
    assert TOKEN not in agent.log()


def test_errors_are_json(agent, world):
    assert agent.call("GET", "/nowhere")[1]["error"]["code"] == "not_found"
    for method, path, allowed in (("POST", "/api/v1/deployments", "GET"), ("PATCH", "/api/v1/deployments/a", "DELETE, GET, PUT"),
                                  ("BREW", "/api/v1/models/a/versions", "POST"), ("DELETE", "/health", "GET")):
        status, headers, dummy = agent.raw(method, path)
        assert status == 405 and sorted(dict(headers)["Allow"].split(", ")) == allowed.split(", ")
    assert agent.call("PATCH", "/api/v1/deployments/a")[1]["error"]["code"] == "method_not_allowed"
    assert agent.call("GET", "/api/v1/deployments/none") == (
        404, {"error": {"code": "not_found", "message": "There is no deployment none."}})
    assert agent.call("DELETE", "/api/v1/deployments/none")[0] == 404
    for body in ("", "{", "\xff".encode("latin-1"), "[" * 100000, '{"model_uri": "models:/churn/1", "probe": {"inputs": [NaN]}}',
                 '{"probe": -Infinity}', '{"port": ' + "9" * 1000000 + "}"):
        status, dummy, answer = agent.raw("PUT", "/api/v1/deployments/a", body)
        assert status == 400 and json.loads(answer.decode())["error"]["code"] == "bad_json"
    assert agent.call("PUT", "/api/v1/deployments/a", [])[0] == 422
    assert "Traceback" not in agent.log()


def test_numbers_that_json_does_not_have_are_refused_in_a_probe(agent):
    status, dummy, answer = agent.raw("PUT", "/api/v1/deployments/a", '{"model_uri": "models:/churn/1", "probe": {"inputs": [1e999]}}')
    assert status == 422 and "NaN or an infinite one" in json.loads(answer.decode())["error"]["message"]


def test_a_token_in_a_query_is_in_no_log(agent):
    for path in ("/metrics", "/nowhere", "/api/v1/deployments/a", "/api/v1/deployments/a/logs"):
        for header in ({}, {"Authorization": "Bearer wrong"}):
            agent.raw("GET", path + "?access_token=canary-in-query", headers=header)
    agent.raw("BREW", "/health?access_token=canary-in-query")
    assert "canary-in-query" not in agent.log()


def test_a_full_disk_is_a_sentence(world):
    agent = world.agent(program=(os.path.join(HERE, "full_disk_agent.py"),))
    assert agent.wait_until_up()
    open(os.path.join(world.directory, "full"), "w").close()
    status, answer = agent.deploy("churn")
    assert (status, answer["error"]["code"]) == (507, "not_stored")
    assert answer["error"]["message"] == "The deployment cannot be stored on this host: No space left on device."
    assert agent.call("GET", "/api/v1/deployments/churn")[0] == 404 and not world.host.calls
    os.unlink(os.path.join(world.directory, "full"))
    assert agent.deploy("churn")[0] == 201
    agent.wait_for("churn", "ready")
    open(os.path.join(world.directory, "full"), "w").close()
    assert agent.call("DELETE", "/api/v1/deployments/churn")[0] == 507
    assert agent.get("churn")["state"] == "ready" and "Traceback" not in agent.log()


def test_a_large_body_is_refused(agent):
    status, dummy, answer = agent.raw("PUT", "/api/v1/deployments/a", b" " * (1048576 + 1))
    assert (status, json.loads(answer.decode())["error"]["code"]) == (413, "body_too_large")

    def chunks():
        for dummy in range(40):
            yield b" " * 65536

    status, dummy, answer = agent.raw("PUT", "/api/v1/deployments/a", chunks())
    assert (status, json.loads(answer.decode())["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_refused(agent, world, name):
    status, answer = agent.deploy(name)
    assert status in (404, 422), answer
    assert not world.host.calls and os.listdir(world.config["state_directory"] + "/deployments") == []


def test_hostile_uris_and_options_are_refused_in_one_sentence(agent, world):
    requests = [{"model_uri": uri} for uri in HOSTILE_URIS]
    requests += [dict(options, model_uri="models:/churn/1") for options in HOSTILE_OPTIONS]
    for request in requests + [{}]:
        status, answer = agent.call("PUT", "/api/v1/deployments/a", request)
        assert (status, answer["error"]["code"]) == (422, "invalid"), request
        assert answer["error"]["message"].endswith(".") and "\n" not in answer["error"]["message"]
    assert not world.host.calls and os.listdir(world.config["state_directory"] + "/deployments") == []


def test_deploy_update_and_undeploy(agent, world):
    status, created = agent.deploy("churn")
    assert status == 201
    assert {key: created[key] for key in ("name", "resolved_uri", "port", "workers", "memory_mb", "startup_timeout", "probe")} == {
        "name": "churn", "resolved_uri": "models:/churn/1", "port": world.ports[0], "workers": 1, "memory_mb": 2048,
        "startup_timeout": 180, "probe": None}
    ready = agent.wait_for("churn", "ready")
    assert ready["flavors"] == ["python_function"] and ready["url"] == "http://127.0.0.1:{}".format(world.ports[0])

    assert agent.deploy("churn")[0] == 200
    assert agent.get("churn") == ready and world.host.calls == [("apply", "churn")]

    status, updated = agent.deploy("churn", "models:/churn/2", workers=3, memory_mb=512)
    assert (status, updated["state"], updated["port"]) == (200, "starting", ready["port"])
    agent.wait_for("churn", "ready", resolved_uri="models:/churn/2")
    assert world.host.memory == {"churn": 512}
    assert agent.deploy("churn", "models:/churn/2")[1]["workers"] == 3

    status, gone = agent.call("DELETE", "/api/v1/deployments/churn")
    assert (status, gone["state"], gone["resolved_uri"]) == (200, "removed", "models:/churn/2")
    assert world.host.units == {} and agent.call("GET", "/api/v1/deployments")[1]["deployments"] == []
    assert agent.deploy("churn")[0] == 201


def test_a_stage_is_resolved_to_a_version(agent, world):
    assert "promote" in agent.deploy("churn", "models:/churn/production")[1]["error"]["message"]
    status, answer = agent.call("POST", "/api/v1/models/churn/versions/2/stage", {"stage": "production"})
    assert (status, answer["stage"], answer["version"]) == (200, "Production", "2")
    assert agent.deploy("churn", "models:/churn/Production")[1]["resolved_uri"] == "models:/churn/2"
    assert agent.deploy("churn", "models:/churn/9")[1]["error"]["code"] == "model_not_found"
    assert agent.deploy("churn", "models:/other/1")[0] == 422
    assert agent.call("POST", "/api/v1/models/churn/versions/9/stage", {"stage": "Staging"})[0] == 422
    assert agent.call("POST", "/api/v1/models/churn/versions/x/stage", {"stage": "Staging"})[0] == 422
    assert agent.call("POST", "/api/v1/models/churn/versions/1/stage", {"stage": "Live"})[0] == 422


def test_registering_is_idempotent(agent, world):
    world.tracking.runs["r1"] = {"artifact_uri": "mlflow-artifacts:/0/r1/artifacts", "models": ["model"]}
    path = "/api/v1/models/fresh/versions"
    status, answer = agent.call("POST", path, {"source": "runs:/r1/model", "description": "first"})
    assert (status, answer) == (201, {
        "name": "fresh", "version": "1", "source": "mlflow-artifacts:/0/r1/artifacts/model", "stage": "None"})
    writes = len(world.tracking.writes)
    assert agent.call("POST", path, {"source": "runs:/r1/model"}) == (200, answer)
    assert [call for call, dummy in world.tracking.writes[writes:]] == ["registered-models/create"]
    assert agent.call("POST", path, {"source": "runs:/r2/model"})[0] == 422
    assert "no model at other" in agent.call("POST", path, {"source": "runs:/r1/other"})[1]["error"]["message"]
    assert agent.call("POST", path, {"source": "/etc"})[0] == 422
    assert agent.call("POST", "/api/v1/models/a'b/versions", {"source": "runs:/r1/model"})[0] == 422


def test_a_silent_tracking_server_is_a_sentence(agent, world):
    world.tracking.broken = True
    assert agent.deploy("churn")[1]["error"]["code"] == "registry_unreachable"
    world.tracking.close()
    status, answer = agent.deploy("churn")
    assert status == 503 and answer["error"]["message"].startswith("The tracking server cannot be reached")


def tracking_as_seen(agent, status):
    deadline = time.monotonic() + 60
    while True:
        seen = agent.call("GET", "/health")[1]["tracking"]
        if seen["status"] == status:
            return seen["message"]
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


def test_health_tells_of_the_tracking_server(agent):
    assert tracking_as_seen(agent, "ok") == ""
    status, dummy, body = agent.raw("GET", "/health/tracking", headers={"Authorization": ""})
    assert (status, json.loads(body.decode())) == (200, {"status": "ok", "message": ""})


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>A</html>",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100000,
    b'HTTP/1.1 200 OK\r\n\r\n{"registered_model": null}', b'HTTP/1.1 404 Not Found\r\n\r\n{"error": "not found"}',
    b'HTTP/1.1 200 OK\r\n\r\n{"model_version": "abc"}', b'HTTP/1.1 200 OK\r\n\r\n{"model_version": {}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"model_version": {"name": "churn", "version": ["1"]}}',
], ids=range(9))
def test_a_stranger_is_not_taken_for_the_tracking_server(world, answer):
    stranger = RawServer(answer)
    try:
        world.config["tracking_uri"] = stranger.uri
        agent = world.agent()
        assert agent.wait_until_up()
        assert "MLflow tracking server" in tracking_as_seen(agent, "not_mlflow")
        for method, path, body in (("PUT", "deployments/a", {"model_uri": "models:/churn/1"}), ("PUT", "deployments/a", {"model_uri": "runs:/r/m"}),
                                   ("POST", "models/a/versions", {"source": "models:/churn/1"}), ("POST", "models/a/versions", {"source": "s3://bucket/m"}),
                                   ("POST", "models/a/versions/1/stage", {"stage": "None"})):
            status, reply = agent.call(method, "/api/v1/" + path, body)
            assert (status, reply["error"]["code"]) == (503, "registry_unreachable"), agent.log()
            assert "MLflow tracking server" in reply["error"]["message"] and reply["error"]["message"].endswith(".")
        assert "Traceback" not in agent.log()
    finally:
        stranger.close()


@pytest.mark.parametrize("own, seen", [
    ("another-host", "'another-host'"), ("MLFLOW-1", "'MLFLOW-1'"), ("mlflow-1, mlflow-1", "'mlflow-1, mlflow-1'"), ("", "one without a name"),
    ("\u00e9" * 300, "'" + "\\xe9" * 29 + "..."),
], ids=["another", "another spelling", "more than one", "none", "a long one"])
def test_another_tracking_server_than_the_wanted_one_is_not_believed(world, own, seen):
    world.config["tracking_name"] = "mlflow-1"
    if own:
        world.tracking.headers["Tracking-Server-Name"] = own
    agent = world.agent()
    assert agent.wait_until_up()
    expected = "The MLflow tracking server 'mlflow-1' was expected at the tracking URI, but {} answers there.".format(seen)
    assert tracking_as_seen(agent, "another_server") == expected
    assert agent.raw("GET", "/health/tracking")[0] == 503
    for answer in (agent.deploy("churn"), agent.call("POST", "/api/v1/models/a/versions", {"source": "models:/churn/1"})):
        assert answer == (503, {"error": {"code": "registry_unreachable", "message": expected}})
    assert world.tracking.writes == []


def test_a_tracking_server_that_is_mended_is_soon_believed(world):
    world.config["tracking_name"] = "mlflow-1"
    agent = world.agent()
    assert agent.wait_until_up()
    tracking_as_seen(agent, "another_server")
    world.tracking.headers["Tracking-Server-Name"] = "mlflow-1"
    mended = time.monotonic()
    tracking_as_seen(agent, "ok")
    assert time.monotonic() - mended < web.TRACKING_INTERVAL / 2


def test_the_wanted_tracking_server_is_believed(world):
    world.config["tracking_name"] = "mlflow 1"
    world.tracking.headers["Tracking-Server-Name"] = "mlflow 1"
    agent = world.agent()
    assert agent.wait_until_up()
    assert tracking_as_seen(agent, "ok") == ""
    assert agent.deploy("churn")[0] == 201
    # Its refusals are its own words still.
    assert agent.deploy("other", "models:/nobody/1")[1]["error"]["code"] == "model_not_found"


def test_another_model_than_was_asked_for_is_not_believed(agent, world):
    world.tracking.versions["churn"][0]["name"] = "other"
    status, answer = agent.deploy("churn")
    assert status == 503 and answer["error"]["message"] == "The tracking server was asked for models:/churn/1 and tells of another model."


def test_the_tracking_login_comes_from_the_environment(world):
    world.tracking.login = "Basic " + "dXNlcjpjYW5hcnktcGFzcw=="
    agent = world.agent(environment={"MLFLOW_TRACKING_USERNAME": "user", "MLFLOW_TRACKING_PASSWORD": "canary-pass"})
    assert agent.wait_until_up()
    assert agent.deploy("churn")[0] == 201
    world.tracking.login = "Bearer other"
    assert "refuses the agent's login" in agent.deploy("other")[1]["error"]["message"]
    assert "canary-pass" not in agent.log()


def test_ports_are_not_shared_and_strangers_are_named(agent, world):
    first, second, third = world.ports[:3]
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", second))
        stranger.listen(1)
        assert agent.deploy("a")[1]["port"] == first
        status, answer = agent.deploy("b", port=second)
        assert (status, answer["error"]["code"]) == (409, "port_taken")
        assert "nginx (pid 4711, user www-data, unit nginx.service)" in answer["error"]["message"]
        assert agent.deploy("b")[1]["port"] == third
    for port, owner in ((first, "the deployment a"), (world.tracking.port, "the MLflow tracking server"),
                        (world.config["listen_port"], "this agent")):
        status, answer = agent.deploy("c", port=port)
        assert status == 409 and owner in answer["error"]["message"]
    agent.wait_for("a", "ready")
    assert agent.deploy("a", port=second)[0] == 200
    agent.wait_for("a", "ready", port=second)
    assert agent.deploy("c")[1]["port"] == first


def test_a_full_range_is_a_sentence(agent, world):
    for number in range(len(world.ports)):
        assert agent.deploy("m{}".format(number))[0] == 201
    assert "widen the range" in agent.deploy("one-too-many")[1]["error"]["message"]


def test_logs(agent, world):
    agent.deploy("churn")
    assert agent.call("GET", "/api/v1/deployments/churn/logs?lines=1") == (200, {"lines": ["RuntimeError: weights are corrupt"]})
    for lines in ("0", "1001", "x", "-1", "1e2", "%E0%A5%A8"):
        assert agent.call("GET", "/api/v1/deployments/churn/logs?lines=" + lines)[0] == 422


def test_metrics(agent, world):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    text = agent.raw("GET", "/metrics")[2].decode()
    assert 'mlops_deployment_ready{name="churn"} 1' in text and 'mlops_agent_deployments{state="ready"} 1' in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.]+(e[+-][0-9]+)?', line), line
    assert 1e6 < float(re.search(r"^mlops_agent_resident_memory_bytes (\S+)", text, re.MULTILINE).group(1)) < 60e6
    size = len(text)
    for number in range(20):
        say(agent.port, b"MADE-UP-%d /health HTTP/1.0\r\n\r\n" % number)
    text = agent.raw("GET", "/metrics")[2].decode()
    assert 'mlops_agent_http_requests_total{method="other",status="405"} 20.0' in text and "MADE" not in text
    assert len(text) < size + 200


def test_the_openapi_file_describes_every_route(agent):
    document = agent.call("GET", "/openapi.json")[1]
    assert document["info"]["version"] == __version__
    described = {
        (re.sub(r"\{[a-z]+\}", web.NAME, path), method) for path, item in document["paths"].items() for method in item
        if method != "parameters"
    }
    served = set()
    for rule in web.application(None).default_router.rules[0].target.rules:
        for method in ("get", "put", "post", "delete"):
            if method in vars(rule.target):
                served.add((rule.matcher.regex.pattern.rstrip("$"), method))
    assert described == served


def test_tls(world):
    key, certificate = (os.path.join(world.directory, name) for name in ("key.pem", "cert.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    world.config.update(tls_certificate=certificate, tls_private_key=key)
    agent = world.agent()
    context = ssl.create_default_context(cafile=certificate)
    url = "https://127.0.0.1:{}/health".format(agent.port)
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, context=context) as answer:
                assert answer.status == 200
            break
        except OSError:
            assert time.monotonic() < deadline, agent.log()
            time.sleep(0.05)


@pytest.mark.parametrize("change, sentence", [
    ({"colour": "red"}, "unknown settings: colour"),
    ({"listen_address": "localhost"}, "must be an IP address"),
    ({"model_port_last": 1024}, "is empty"),
    ({"listen_port": "8086"}, "must be of type int"),
    ({"model_roots": [1]}, "model_roots must be a list of paths"),
    ({"model_files": ["/x", None]}, "model_files must be a list of paths"),
    ({"tracking_uri": "sqlite:///x"}, "http or https"),
    ({"tracking_uri": "http://u:canary@h"}, "belongs into the environment"),
    ({"tls_certificate": "/x"}, "needs both"),
])
def test_a_bad_configuration_ends_in_a_sentence(world, change, sentence):
    world.config.update(change)
    agent = world.agent()
    assert agent.process.wait(10) == 1
    log = agent.log()
    assert sentence in log and log.startswith("The agent cannot run: ") and len(log.splitlines()) == 1
    assert "canary" not in log


def test_a_short_token_is_refused(world):
    agent = world.agent(environment={"MLOPS_AGENT_TOKEN": "short-canary"})
    assert agent.process.wait(10) == 1
    assert "at least 16 characters" in agent.log() and "canary" not in agent.log()


def test_the_agent_stays_small(agent, world):
    for number in range(5):
        agent.deploy("m{}".format(number))
    for number in range(5):
        agent.wait_for("m{}".format(number), "ready")
    with open("/proc/{}/status".format(agent.process.pid)) as stream:
        resident = int(re.search(r"VmHWM:\s+(\d+) kB", stream.read()).group(1))
    assert resident < 60 * 1024


def test_the_helper_knows_the_same_names():
    from mlops_agent import rules

    assert HELPER_NAME.pattern == rules._NAME.pattern


def test_schema_and_code_refuse_the_same(agent, world):
    document = agent.call("GET", "/openapi.json")[1]
    schemas = document["components"]["schemas"]
    assert schemas["ModelUri"]["minLength"] == 1
    forms = [(set(form["required"]), set(form["properties"])) for form in schemas["Probe"]["oneOf"]]
    assert all(required and not form["additionalProperties"] for (required, dummy), form in zip(forms, schemas["Probe"]["oneOf"]))
    allowed = {tuple(sorted(known)) for dummy, known in forms} | {tuple(sorted(required)) for required, dummy in forms}
    assert allowed == {tuple(sorted(form)) for form in rules.PROBE_FORMS}
    for option in ("port", "workers", "memory_mb", "startup_timeout", "probe"):
        assert agent.deploy("churn", **{option: None})[0] in (200, 201)
    world.tracking.runs["r1"] = {"artifact_uri": "mlflow-artifacts:/0/r1/artifacts", "models": ["model"]}
    assert agent.call("POST", "/api/v1/models/fresh/versions", {"source": "runs:/r1/model", "run_id": None, "description": None})[0] == 201
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                assert "Allow" in operation["responses"]["405"]["headers"], (method, path)
    for method in ("get", "put", "delete"):
        assert "422" in document["paths"]["/api/v1/deployments/{name}"][method]["responses"]
