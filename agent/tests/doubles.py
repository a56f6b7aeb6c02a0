# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles of what stands around the agent, on real sockets: tracking server, root helper, models."""

import itertools
import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mlops_agent import files, store
from mlops_agent.config import Config, surroundings


#: Ports below the ephemeral range, others for each worker of pytest-xdist.
_ports = itertools.count(20000 + 2000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) + os.getpid() % 500)


def free_ports(count):
    """Ports below the ephemeral range that nobody listens on, others at each call."""
    found = []
    while len(found) < count:
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


class _Server:
    """An HTTP server in a thread; answer(method, path, headers, body) gives (status, document). headers go with each answer."""

    def __init__(self, answer, port=0):
        headers = self.headers = {}

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = answer(self.command, self.path, self.headers, body)
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for header in headers.items():
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = handle_one

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request, client_address):
                pass  # a killed agent hangs up

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Tracking(_Server):
    """The part of MLflow 1.30's REST interface that the agent uses."""

    def __init__(self, login=None):
        self.login = login
        self.versions = {}  # {model: [version document]}
        self.runs = {}  # {run id: {"artifact_uri": ..., "models": [path]}}
        self.writes = []
        self.broken = False
        super().__init__(self._answer)
        self.uri = "http://127.0.0.1:{}".format(self.port)

    def add(self, name, source="mlflow-artifacts:/1/abc/artifacts/model", stage="None"):
        versions = self.versions.setdefault(name, [])
        versions.append({
            "name": name, "version": str(len(versions) + 1), "source": source, "current_stage": stage, "status": "READY",
        })
        return versions[-1]

    def _answer(self, method, path, headers, body):
        if self.broken:
            return 500, {}
        if self.login and headers.get("Authorization") != self.login:
            return 401, {}
        url = urlsplit(path)
        call = url.path.partition("/api/2.0/mlflow/")[2]
        given = {key: values[0] for key, values in parse_qs(url.query).items()}
        if method == "POST":
            given = json.loads(body.decode())
            if not call.endswith("get-latest-versions"):
                self.writes.append((call, given))
        handler = getattr(self, "_" + call.replace("/", "_").replace("-", "_"), None)
        return handler(given) if handler else (404, {})

    @staticmethod
    def _missing(what):
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": what + " not found"}

    def _model_versions_get(self, given):
        for version in self.versions.get(given["name"], []):
            if version["version"] == given["version"]:
                return 200, {"model_version": version}
        return self._missing("Model Version")

    def _registered_models_get_latest_versions(self, given):
        if given["name"] not in self.versions:
            return self._missing("Registered Model")
        found = [version for version in self.versions[given["name"]] if version["current_stage"] in given["stages"]]
        return 200, {"model_versions": found[-1:]} if found else {}

    def _registered_models_get(self, given):
        if given["name"] not in self.versions:
            return self._missing("Registered Model")
        return 200, {"registered_model": {"name": given["name"]}}

    def _registered_models_create(self, given):
        if given["name"] in self.versions:
            return 400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "exists"}
        self.versions[given["name"]] = []
        return 200, {"registered_model": {"name": given["name"]}}

    def _model_versions_search(self, given):
        return 200, {"model_versions": self.versions.get(given["filter"].split("'")[1], [])}

    def _model_versions_create(self, given):
        return 200, {"model_version": self.add(given["name"], given["source"])}

    def _model_versions_transition_stage(self, given):
        for version in self.versions.get(given["name"], []):
            if version["version"] == given["version"]:
                version["current_stage"] = given["stage"]
                return 200, {"model_version": version}
        return self._missing("Model Version")

    def _runs_get(self, given):
        if given["run_id"] not in self.runs:
            return self._missing("Run")
        return 200, {"run": {"info": {"artifact_uri": self.runs[given["run_id"]]["artifact_uri"]}}}

    def _artifacts_list(self, given):
        run = self.runs[given["run_id"]]
        return 200, {"files": [{"path": given["path"] + "/MLmodel"}] if given["path"] in run["models"] else []}


class Model(_Server):
    """A served model: answers like MLflow's scoring server, and at /version which version it is."""

    def __init__(self, port, scored=None, version=""):
        self.scored = [] if scored is None else scored
        self.version = version
        self.takes = 0.0  # seconds for a row
        self.closed = False
        self.broken = False
        self.refuses = None  # a row that it does not take
        super().__init__(self._answer, port)

    def close(self):
        self.closed = True  # who waits for an answer gets none
        super().close()

    def _answer(self, method, path, headers, body):
        if path == "/version":
            return 200, self.version
        if path == "/invocations":
            time.sleep(self.takes)
            if self.closed:
                raise ConnectionAbortedError
            self.scored.append((headers.get("Content-Type"), json.loads(body.decode())))
            if self.refuses is not None and self.scored[-1][1] == self.refuses:
                return 400, {"message": "The row does not fit the model."}
            if self.broken:
                return 500, {"message": "The JVM is gone.\nAnd more."}
        return 200, [8.0]


class Port:
    """The port of a following deployment as systemd holds it: its socket here, the agent's own service behind it."""

    PROGRAM = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        "sys.argv[1:] = sys.argv[2:]; from mlops_agent import serve_port; serve_port.main()"
    )

    def __init__(self, config, name, address, port):
        self.address, self.port = address, port
        self._arguments = ["--config", os.path.join(os.path.dirname(config["state_directory"]), "port.json"), name]
        with open(self._arguments[1], "w") as stream:
            json.dump(config, stream)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._socket.listen(1024)
        self.start()

    def start(self):
        descriptor = str(self._socket.fileno())
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, descriptor] + self._arguments, pass_fds=[self._socket.fileno()],
            env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(files.__file__))),
        )

    def close(self):
        self._socket.close()
        self.process.terminate()
        self.process.wait()


class Host:
    """systemd and the root helper: units that run models, behind a real Unix socket.

    A unit reads its stored deployment when it starts, as the launcher does, and leaves its note.
    """

    def __init__(self, config):
        self.config = config
        self.units = {}
        self.memory = {}
        self.calls = []
        self.fails_to_start = set()
        self.never_listens = set()
        self.refuses = None  # a row that no model takes
        self.example = None
        self.takes = 0.0  # seconds for a row, by any model
        self.uid = os.getuid()  # as whom units run, says systemd
        self.uses = 200 * 1024 * 1024  # bytes of memory, says systemd; None where it does not count them
        self.hangs = 0.0  # seconds until an answer about units
        self.ports = {}  # {name: Port} that systemd holds
        self.scored = []  # by all models
        self._lock = threading.RLock()
        os.makedirs(config["runtime_directory"], exist_ok=True)
        host = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                request = json.loads(self.rfile.readline().decode())
                with host._lock:
                    reply = dict(getattr(host, "_" + request.pop("action"))(**request) or {}, ok=True)
                try:
                    self.wfile.write(json.dumps(reply).encode() + b"\n")
                except BrokenPipeError:
                    pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(config["helper_socket"], Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        for name in list(self.units):
            self._kill(name)
        for port in self.ports.values():
            port.close()

    def changes(self, name=None):
        return [call for call in self.calls if name in (None, call[1])]

    def crash(self, name):
        """The model dies and systemd starts it again."""
        restarts = self.units[name]["restarts"] + 1
        self._kill(name)
        self._start(name)
        self.units[name]["restarts"] = restarts

    def give_up(self, name):
        """The model has died too often, so systemd leaves it dead."""
        with self._lock:
            self._kill(name)
            self.units[name].update(active_state="failed", sub_state="failed", result="start-limit-hit", exit_status=1)

    def _start(self, name):
        unit = self.units[name] = {
            "active_state": "active", "sub_state": "running", "result": "success", "restarts": 0,
            "invocation": uuid.uuid4().hex, "started": int(time.monotonic() * 1e6), "exit_status": 0, "model": None,
            "uid": self.uid, "memory": self.uses,
        }
        fails = name in self.fails_to_start  # which a test may change at any time
        if fails:
            unit.update(active_state="failed", sub_state="failed", result="exit-code", exit_status=1)
        spec = store.read_spec(store.spec_path(os.path.join(self.config["state_directory"], "deployments"), name))
        settings = Config(**self.config)
        digest = spec.digest(self.memory[name], "127.0.0.1", surroundings(settings))
        directory = os.path.join(self.config["runtime_directory"], name)
        os.makedirs(directory, exist_ok=True)
        files.write_json(os.path.join(directory, "serving.json"), {
            "digest": digest, "invocation": unit["invocation"], "port": spec.port,
            "flavors": ["python_function"], "example": self.example,
        })
        unit["spec"] = spec
        if not fails and name not in self.never_listens:
            unit["model"] = Model(spec.port, self.scored, spec.resolved_uri)
            unit["model"].refuses = self.refuses
            unit["model"].takes = self.takes

    def _kill(self, name):
        unit = self.units.get(name)
        if unit and unit["model"]:
            unit["model"].close()
            unit["model"] = None

    def _apply(self, name, memory_mb):
        self.calls.append(("apply", name))
        self._kill(name)
        self.memory[name] = memory_mb
        self._start(name)

    def _stop(self, name):
        self.calls.append(("stop", name))
        self._kill(name)
        self.units[name].update(active_state="inactive", sub_state="dead")

    def _remove(self, name):
        self.calls.append(("remove", name))
        self._kill(name)
        self.units.pop(name, None)
        self.memory.pop(name, None)
        shutil.rmtree(os.path.join(self.config["runtime_directory"], name), ignore_errors=True)

    def _open_port(self, name, address, port):
        held = self.ports.get(name)
        if held is not None and (held.address, held.port) != (address, port):
            held.close()
            held = None
        if held is None:
            self.calls.append(("open_port", name))
            self.ports[name] = Port(self.config, name, address, port)
        return {"uid": os.getuid()}

    def _close_port(self, name):
        self.calls.append(("close_port", name))
        if name in self.ports:
            self.ports.pop(name).close()

    def _status(self, names):
        time.sleep(self.hangs)
        shown = ("active_state", "sub_state", "result", "restarts", "invocation", "started", "exit_status", "uid", "memory")
        return {"states": {name: {key: self.units[name][key] for key in shown} for name in names if name in self.units}}

    def _logs(self, name, lines):
        return {"lines": ["Loading {}".format(name), "RuntimeError: weights are corrupt"][-lines:]}

    def _port_owner(self, port):
        return {"owner": {"pid": 4711, "process": "nginx", "user": "www-data", "unit": "nginx.service"}}
