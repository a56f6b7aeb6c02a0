# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model counts its requests in a real gunicorn; the agent tells of them, whatever the model has written."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import SOURCE
from doubles import free_ports
from mlops_agent import request_counts, serve_model
from prometheus_client.parser import text_string_to_metric_families

# A model's server: its answer is told by the body of the request.
APP = """
import os, time
def app(environ, start_response):
    said = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    if said == "raise":
        raise RuntimeError("the model is broken")
    if said.startswith("sleep"):
        time.sleep(float(said[5:]))
        said = "200"
    start_response(said + " X", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class Gunicorn:
    """gunicorn as MLflow starts it for a model, by a shell and with the variables of the launcher."""

    def __init__(self, directory, counts_in=None, given=None, timeout=30):
        self.path = os.path.join(counts_in or str(directory), request_counts.FILE)
        self.port = free_ports(1)[0]
        (directory / "app.py").write_text(APP)
        given = {"PATH": os.path.dirname(sys.executable) + ":" + os.defpath, **(given or {})}
        environment = {**given, **serve_model.counting_environment(given, os.path.dirname(self.path))}
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                "umask 0027; exec gunicorn --timeout={} -b 127.0.0.1:{} -w 2 ${{GUNICORN_CMD_ARGS}} -- app:app".format(timeout, self.port),
                shell=True, cwd=str(directory), env=environment, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + 30
        while self.ask("200", "/ping")[0] is None:
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def ask(self, body, path=request_counts.PATH, agent="curl/7"):
        """(status, body), (None, "") where there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body, {"User-Agent": agent})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None, ""
        finally:
            connection.close()

    def counts(self, total):
        """What is counted, once so many requests are: they are counted after they were answered."""
        deadline = time.monotonic() + 10
        while True:
            with open(self.path, "rb") as stream:
                counts = request_counts.added_up(stream.read())
            if sum(counts.statuses.values()) >= total or time.monotonic() > deadline:
                assert sum(counts.statuses.values()) == sum(counts.durations) == total, (counts, self.log.read_text())
                return counts
            time.sleep(0.02)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextlib.contextmanager
def gunicorn(directory, **more):
    server = Gunicorn(directory, **more)
    try:
        yield server
    finally:
        server.close()


def test_requests_are_counted_by_status_and_duration(tmp_path):
    with gunicorn(tmp_path) as server:
        assert server.counts(0).statuses == dict.fromkeys(request_counts.STATUSES, 0)
        for body, status in (("200", 200), ("200", 200), ("400", 400), ("503", 503), ("raise", 500), ("302", 302)):
            assert server.ask(body)[0] == status
        counts = server.counts(6)
        assert counts.statuses == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 2}
        assert server.ask("sleep0.3")[0] == 200
        slow = server.counts(7)
        assert 0.3 <= slow.seconds - counts.seconds < 5
        assert sum(slow.durations[:request_counts.BOUNDS.index(0.25) + 1]) == sum(counts.durations[:request_counts.BOUNDS.index(0.25) + 1])
        # Neither what is no row to score, nor what the agent asks.
        assert server.ask("200", "/ping")[0] == server.ask("200", "/version")[0] == server.ask("200", agent=request_counts.PROBE)[0] == 200
        assert server.ask("200")[0] == 200
        server.counts(8)
        assert os.stat(server.path).st_mode & 0o777 == 0o644  # the agent is another user


def test_a_worker_that_dies_takes_no_count_with_it(tmp_path):
    with gunicorn(tmp_path, timeout=2) as server:
        asked = 0
        for dummy in range(5):
            status, pid = server.ask("200")
            if status == 200:
                asked += 1
                server.counts(asked)
                os.kill(int(pid), signal.SIGKILL)
        assert asked >= 2
        # As many slots as there are workers at a time, not as there ever were.
        assert os.stat(server.path).st_size <= 2 * request_counts.SLOT_BYTES
        # One that takes too long is ended by gunicorn without an answer.
        assert server.ask("sleep60") == (None, "")
        assert server.counts(asked + 1).statuses["5xx"] == 1


def test_a_new_run_begins_with_nothing(tmp_path):
    for dummy in range(2):
        with gunicorn(tmp_path) as server:
            server.ask("200")
            server.counts(1)


def test_what_cannot_be_counted_is_served(tmp_path):
    with gunicorn(tmp_path, counts_in=str(tmp_path / "missing")) as server:
        assert server.ask("200")[0] == 200
        assert "Requests are not counted" in server.log.read_text()
    (tmp_path / "precious").write_text("precious")
    (tmp_path / request_counts.FILE).symlink_to(tmp_path / "precious")
    with gunicorn(tmp_path) as server:
        assert server.ask("200")[0] == 200
    assert (tmp_path / "precious").read_text() == "precious"


def test_what_the_admin_gives_to_gunicorn_counts_more(tmp_path):
    with gunicorn(tmp_path, given={"GUNICORN_CMD_ARGS": "--worker-class gthread --threads 4"}) as server:
        assert server.ask("200")[0] == 200
        server.counts(1)
        assert "Using worker: gthread" in server.log.read_text()


def test_mlflows_own_server_counts(tmp_path):
    """The launcher, MLflow and gunicorn as they are on a host, with a model that doubles its row."""
    model, state, port = tmp_path / "models" / "m", tmp_path / "state", free_ports(1)[0]
    for directory in (model, state / "deployments", tmp_path / "cache" / "churn", tmp_path / "run" / "churn"):
        directory.mkdir(parents=True)
    (model / "doubling.py").write_text(
        "class Doubling:\n    def predict(self, frame):\n        return (frame * 2).values\ndef _load_pyfunc(path):\n    return Doubling()\n")
    (model / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: doubling\n    code: .\n")
    (state / "deployments" / "churn.json").write_text(json.dumps({
        "name": "churn", "model_uri": str(model), "resolved_uri": str(model), "source": "", "port": port, "workers": 1, "memory_mb": 512,
        "startup_timeout": 60, "probe": None, "desired": "present", "updated_at": ""}))
    (tmp_path / "config.json").write_text(json.dumps({
        "tracking_uri": "http://127.0.0.1:1", "stack": os.path.dirname(os.path.dirname(sys.executable)), "model_roots": [str(tmp_path / "models")],
        "state_directory": str(state), "cache_directory": str(tmp_path / "cache"), "runtime_directory": str(tmp_path / "run")}))
    server = Gunicorn.__new__(Gunicorn)  # a client of it
    server.port, server.path, server.log = port, str(tmp_path / "run" / "churn" / request_counts.FILE), tmp_path / "log"
    with server.log.open("wb") as log:
        launched = subprocess.Popen(
            [sys.executable, "-m", "mlops_agent.serve_model", "--config", str(tmp_path / "config.json"), "churn"], cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": SOURCE}, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while server.ask("200", "/ping")[0] is None:
            assert time.monotonic() < deadline and launched.poll() is None, server.log.read_text()
            time.sleep(0.1)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/invocations", '{"columns": ["x"], "data": [[4.0]]}', {"Content-Type": "application/json"})
        assert json.loads(connection.getresponse().read().decode()) == [[8.0]]
        assert server.ask("no row")[0] == 500  # without a Content-Type MLflow fails
        assert server.counts(2).statuses == {"2xx": 1, "3xx": 0, "4xx": 0, "5xx": 1}
    finally:
        os.killpg(launched.pid, signal.SIGKILL)  # MLflow leaves its gunicorn behind when it alone gets a signal
        launched.wait()


# ------------------------------------------------------------------------------------------------------ the agent's side


def figures(agent):
    """{(name, labels): value} of the agent's /metrics, read by Prometheus' own parser."""
    began = time.monotonic()
    text = agent.raw("GET", "/metrics")[2].decode()
    assert time.monotonic() - began < 8
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }


def figure(seen, metric, **labels):
    return seen.get((metric, tuple(sorted(labels.items()))))


def series(seen):
    """What of all samples would be a new series at Prometheus: everything but the values."""
    return set(seen)


def count(world, name, *answers):
    """Have a model count answers, as its gunicorn would."""
    path = os.path.join(world.config["runtime_directory"], name, request_counts.FILE)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for slot, (status, seconds) in enumerate(answers):
        request_counts.Counter(descriptor, slot).count(status, seconds)
    os.close(descriptor)
    return path


def test_the_agent_tells_what_models_count(agent, world):
    world.host.example = {"columns": ["a"], "data": [[1]]}
    agent.deploy("churn", memory_mb=512)
    agent.wait_for("churn", "ready")
    count(world, "churn", (200, 0.004), (200, 0.02), (500, 40.0))
    before = time.time()
    seen = figures(agent)
    churn = {"name": "churn", "run": ""}
    assert figure(seen, "mlops_deployment_requests_total", code="2xx", **churn) == 2
    assert figure(seen, "mlops_deployment_requests_total", code="5xx", **churn) == 1
    buckets = [figure(seen, "mlops_deployment_request_duration_seconds_bucket", le=le, **churn) for le in ("0.005", "0.025", "30.0", "+Inf")]
    assert buckets == [1, 2, 2, 3]
    assert figure(seen, "mlops_deployment_request_duration_seconds_count", **churn) == 3
    assert figure(seen, "mlops_deployment_request_duration_seconds_sum", **churn) == pytest.approx(40.024)
    assert figure(seen, "mlops_deployment_memory_bytes", **churn) == world.host.uses
    assert figure(seen, "mlops_deployment_memory_limit_bytes", name="churn") == 512 * 1024 * 1024
    assert figure(seen, "mlops_deployment_last_probe_success", **churn) == 1
    assert before - 60 < figure(seen, "mlops_deployment_last_probe_timestamp_seconds", **churn) <= time.time()
    assert 0 < figure(seen, "mlops_deployment_last_probe_duration_seconds", **churn) < 10
    assert figure(seen, "mlops_deployment_state", name="churn", state="ready") == 1
    assert figure(seen, "mlops_deployment_state", name="churn", state="failed") == 0


def test_a_probe_that_fails_is_told(agent, world):
    world.host.example = {"columns": ["a"], "data": [[1]]}
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    world.host.units["churn"]["model"].broken = True
    agent.wait_for("churn", "unhealthy")
    assert figure(figures(agent), "mlops_deployment_last_probe_success", name="churn", run="") == 0


def hostile_files(path, directory):
    os.unlink(path)
    yield "nothing"
    os.mkfifo(path)
    yield "pipe"
    os.unlink(path)
    os.symlink("/etc/hostname", path)
    yield "link"
    os.unlink(path)
    os.mkdir(path)
    yield "folder"
    os.rmdir(path)
    with open(path, "wb") as stream:
        stream.truncate(1 << 40)
    yield "endless"
    os.unlink(path)


def test_what_a_model_writes_instead_of_counts_does_no_harm(agent, world):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    path = count(world, "churn", (200, 0.1))
    known = series(figures(agent))
    for what in hostile_files(path, world.directory):
        assert figure(figures(agent), "mlops_deployment_requests_total", name="churn", run="", code="2xx") is None, what
    for content in (b"", b"x", b"\xff" * request_counts.LIMIT, os.urandom(request_counts.LIMIT), b'evil{name="x"} 1\n' * 1000):
        with open(path, "wb") as stream:
            stream.write(content)
        seen = figures(agent)
        # The same series as of an honest model: other numbers, no other names.
        assert series(seen) == known
        assert figure(seen, "mlops_deployment_requests_total", name="churn", run="", code="2xx") >= 0


def test_figures_do_not_wait_for_the_helper(agent, world):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    count(world, "churn", (200, 0.1))
    world.host.hangs = 12
    seen = figures(agent)
    assert figure(seen, "mlops_deployment_memory_bytes", name="churn", run="") is None
    assert figure(seen, "mlops_deployment_requests_total", name="churn", run="", code="2xx") == 1


def test_memory_that_systemd_does_not_count_is_left_out(agent, world):
    world.host.uses = None
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    assert figure(figures(agent), "mlops_deployment_memory_bytes", name="churn", run="") is None


def test_runs_of_a_deployment_that_follows_count_for_themselves(agent, world):
    world.tracking.versions["churn"][0]["current_stage"] = "Production"
    agent.deploy("churn", "models:/churn/Production", follow=True)
    agent.wait_for("churn", "ready")
    count(world, "churn.a", (200, 0.1))
    seen = figures(agent)
    assert figure(seen, "mlops_deployment_requests_total", name="churn", run="a", code="2xx") == 1
    assert figure(seen, "mlops_deployment_last_probe_success", name="churn", run="a") == 1
    assert figure(seen, "mlops_deployment_ready", name="churn") == 1


def test_the_tracking_server_is_told_of(agent, world):
    deadline = time.monotonic() + 20
    while figure(figures(agent), "mlops_agent_tracking_up") != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
