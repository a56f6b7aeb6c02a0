# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real MLflow, a small agent in memory, and a way to run a module as Ansible does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Loads without MLflow's help: adds up the columns of each row, NaN where one is missing.
SUM_MODEL = {
    "MLmodel": "flavors:\n  python_function:\n    loader_module: row_sum\n    code: code\n    python_version: 3.7.0\n",
    "code/row_sum.py": (
        "class RowSum:\n"
        "    def predict(self, frame):\n"
        "        return getattr(frame, 'to_numpy', lambda: frame)().sum(axis=1)\n"
        "def _load_pyfunc(path):\n"
        "    return RowSum()\n"
    ),
}


@pytest.fixture(scope="session")
def mlflow_executable() -> Path:
    """Path of the `mlflow` of an installed MLflow 1.30.1."""
    cache = os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "sparkflows-mlops")
    path = Path(os.environ.get("TEST_MLFLOW") or Path(cache, "stack", "bin", "mlflow")).expanduser()
    if not path.is_file():
        pytest.fail(
            "These tests need a real MLflow, and there is none at %s. 'make test' makes one there; or make a virtual environment of"
            " Python 3.7 with mlflow==1.30.1 and name its bin/mlflow in TEST_MLFLOW." % path,
            pytrace=False,
        )
    return path


class Service:
    """A program on a free loopback port; `url` is where it answers."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    @classmethod
    def start(cls, command: t.Callable[[int], list[str]], folder: Path, path: str, environment: dict[str, str]) -> Service:
        """Start what `command` makes of a port and wait until it answers a GET of `path`."""
        log = folder / "log"
        for _attempt in range(3):  # somebody else may take the port in between
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            with log.open("wb") as out:
                process = subprocess.Popen(command(port), cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
            service = cls("http://127.0.0.1:%d" % port, process)
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(service.url + path, timeout=5).close()
                    return service
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
            service.stop()
        pytest.fail("%s did not start:\n%s" % (command(0)[0], log.read_text(errors="replace")[-3000:]), pytrace=False)

    def stop(self) -> None:
        """End the whole process group: mlflow leaves its gunicorn behind otherwise."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _environment(executable: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy") and not name.startswith("MLFLOW_")}
    return dict(kept, PATH="%s:%s" % (executable.parent, os.environ["PATH"]), GIT_PYTHON_REFRESH="quiet")


class Mlflow(Service):
    """A tracking server that also serves the artifacts."""

    def call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """The answer to one REST call, below /api/2.0/ ; bytes are sent as they are."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/api/2.0/" + path, data=data, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def log_model(self, path: str = "model") -> str:
        """Make a run that logged a model, and return its id."""
        run_id = t.cast(str, self.call("POST", "mlflow/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"])
        for name, content in SUM_MODEL.items():
            self.call("PUT", "mlflow-artifacts/artifacts/0/%s/artifacts/%s/%s" % (run_id, path, name), content.encode())
        return run_id


@pytest.fixture(scope="session")
def mlflow_server(mlflow_executable: Path, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Mlflow]:
    """A real tracking server (`url`, `call`, `log_model`). Tests share it, so each uses model names of its own."""
    folder = tmp_path_factory.mktemp("mlflow")

    def command(port: int) -> list[str]:
        return [
            str(mlflow_executable), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--backend-store-uri", "sqlite:///%s" % (folder / "mlflow.db"), "--serve-artifacts",
            "--artifacts-destination", str(folder / "artifacts"), "--default-artifact-root", "mlflow-artifacts:/",
        ]  # fmt: skip

    service = Mlflow.start(command, folder, "/health", _environment(mlflow_executable))
    yield t.cast(Mlflow, service)
    service.stop()


@pytest.fixture(scope="session")
def served_model(mlflow_executable: Path, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Service]:
    """A real model, served by MLflow, that adds up the columns of each row."""
    folder = tmp_path_factory.mktemp("served")
    for name, content in SUM_MODEL.items():
        (folder / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "model" / name).write_text(content)

    def command(port: int) -> list[str]:
        return [str(mlflow_executable), "models", "serve", "-m", "model", "-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]

    service = Service.start(command, folder, "/ping", _environment(mlflow_executable))
    yield service
    service.stop()


class MemoryAgent:
    """The agent's interface to deployments over a loopback server, with the states of each to come in `script`."""

    token = "CANARY-agent-token-0123456789"

    def __init__(self, server: t.Any) -> None:
        self.server = server
        self.url = server.url
        self.deployments: dict[str, dict[str, t.Any]] = {}
        self.script = ["ready"]
        self.stages = {"Production": 1}
        self.unmanaged: dict[str, str] = {}
        for method in ("GET", "PUT", "DELETE"):
            server.route(method, "/api/v1/deployments/*", self._answer)
        server.route("GET", "/api/v1/deployments", self._list)

    def _answer(self, request: t.Any) -> t.Any:
        if request.headers.get("authorization") != "Bearer " + self.token:
            return self._error(401, "unauthorized", "The token is wrong.")
        name, dummy, rest = request.path[len("/api/v1/deployments/"):].partition("/")
        if request.method == "PUT":
            return self._put(name, request.json())
        if name not in self.deployments:
            return self._error(404, "not_found", "There is no deployment %s." % name)
        if rest == "logs":
            return {"lines": ["loading", "boom"]}
        if request.method == "DELETE":
            return dict(self.deployments.pop(name), state="removed")
        shown = dict(self.deployments[name])
        if shown["state"] == "starting":
            self.deployments[name]["state"] = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return shown

    def _list(self, request: t.Any) -> t.Any:
        if request.headers.get("authorization") != "Bearer " + self.token:
            return self._error(401, "unauthorized", "The token is wrong.")
        unmanaged = [{"name": name, "message": message} for name, message in self.unmanaged.items()]
        return {"deployments": list(self.deployments.values()), "unmanaged": unmanaged}

    def _put(self, name: str, body: dict[str, t.Any]) -> t.Any:
        if body.get("port") == 8086:
            return self._error(409, "port_taken", "Port 8086 belongs to this agent.")
        known = self.deployments.get(name)
        which = body["model_uri"].rpartition("/")[2]
        defaults = {"name": name, "port": 5001, "workers": 1, "memory_mb": 2048, "startup_timeout": 180, "probe": None, "follow": False,
                    "url": "http://127.0.0.1:5001", "flavors": [], "restarts": 0, "log": [], "message": "", "updated_at": "2026-01-01T00:00:00Z"}
        new = dict(defaults, **dict(known or {}, **body))
        new["resolved_uri"] = "models:/m/%s" % self.stages.get(which, which)
        if known is None or known["state"] == "failed" or any(known.get(key) != new[key] for key in (*body, "resolved_uri")):
            new["state"] = "starting"
        self.deployments[name] = new
        return (200 if known else 201, dict(new))

    @staticmethod
    def _error(status: int, code: str, message: str) -> t.Any:
        return status, {"error": {"code": code, "message": message}}


@pytest.fixture
def memory_agent(http_server: t.Any) -> MemoryAgent:
    return MemoryAgent(http_server)


class ModuleResult(t.NamedTuple):
    result: dict[str, t.Any]
    output: str


@pytest.fixture
def run_module(tmp_path: Path) -> t.Callable[..., ModuleResult]:
    """Run one of the collection's modules through Ansible on this host, and return its result and all that Ansible printed."""

    def run(module: str, arguments: dict[str, t.Any], *options: str) -> ModuleResult:
        (tmp_path / "ansible.cfg").touch()
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"), "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT.parents[2] if ROOT.parts[-3:-1] == ("ansible_collections", "sparkflows") else ROOT / ".collections"),
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable, "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "adhoc", "-i", "localhost,", "-c", "local", "localhost",
             "-m", "sparkflows.mlops." + module, "-a", json.dumps(arguments), *options],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        output = done.stdout + done.stderr
        dummy, mark, result = done.stdout.partition("=> ")
        assert mark, output
        return ModuleResult(json.JSONDecoder().raw_decode(result)[0], output)

    return run
