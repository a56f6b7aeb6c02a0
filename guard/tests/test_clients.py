# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What works without the guard works with it: MLflow's own client and user interface."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Tracking
from exploits import AJAX

# In a process of its own, as a tracking URI is the whole process's.
CLIENT = """
import os, sys, tempfile
import mlflow, mlflow.pyfunc
from mlflow.tracking import MlflowClient
class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, data):
        return data * 2
folder = tempfile.mkdtemp()
names = ["plain.txt", "with space.txt", "100%.txt", "dots..in.name", "%41.txt"]
for name in names:
    with open(os.path.join(folder, name), "w") as file:
        file.write(name)
client = MlflowClient()
mlflow.set_experiment("client")
with mlflow.start_run() as run:
    mlflow.log_param("depth", 3)
    mlflow.log_metric("loss", 0.5)
    mlflow.log_artifacts(folder, "some/files")
    mlflow.pyfunc.log_model("a model", python_model=Doubled(), registered_model_name="churn model v1.0")
listed = {os.path.basename(entry.path) for entry in client.list_artifacts(run.info.run_id, "some/files")}
back = client.download_artifacts(run.info.run_id, "some", tempfile.mkdtemp())
assert set(os.listdir(os.path.join(back, "files"))) == listed, listed
assert {"plain.txt", "with space.txt", "dots..in.name"} <= listed, listed
client.transition_model_version_stage("churn model v1.0", "1", "Production")
loaded = mlflow.pyfunc.load_model("models:/churn model v1.0/Production")
assert loaded.predict(21) == 42
client.create_model_version("churn model v1.0", "runs:/%s/a model" % run.info.run_id, run.info.run_id)
client.delete_run(run.info.run_id)
client.restore_run(run.info.run_id)
print(run.info.run_id)
"""


@pytest.fixture(scope="module", params=[True, False], ids=["proxied", "direct"])
def used(request: pytest.FixtureRequest, serve: t.Callable[..., Tracking]) -> t.Tuple[Tracking, str]:
    """A server that MLflow's client has used, and the run that it left."""
    server = serve(proxied=request.param)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env={"MLFLOW_TRACKING_URI": server.url, "PATH": "/usr/bin:/bin", "GIT_PYTHON_REFRESH": "quiet", "HOME": str(server.folder)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=str(server.folder), timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return server, done.stdout.decode().split()[-1]


def test_client_works(used: t.Tuple[Tracking, str]) -> None:
    server, run = used
    stored = list(Path(server.world.store).rglob("plain.txt"))
    assert [path.read_text() for path in stored] == ["plain.txt"]
    assert run in str(stored[0])


def test_interface_shows_artifacts(used: t.Tuple[Tracking, str]) -> None:
    server, run = used
    client = server.client()
    assert b"<html" in client.send("GET", "/").lower()
    listed = json.loads(client.send("GET", AJAX + "artifacts/list?run_uuid=%s&path=%s" % (run, quote("some/files", ""))))
    assert "some/files/with space.txt" in [entry["path"] for entry in listed["files"]]
    assert client.send("GET", "/get-artifact?path=%s&run_uuid=%s" % (quote("some/files/with space.txt", ""), run)) == b"with space.txt"
    shown = client.send("GET", "/model-versions/get-artifact?path=MLmodel&name=%s&version=1" % quote("churn model v1.0"))
    assert b"python_function" in shown


def test_java_clients_and_curl_work(guarded: Tracking) -> None:
    """Neither says that it sends JSON: Apache's client says text/plain, curl a form."""
    for kind in ("text/plain; charset=UTF-8", "application/x-www-form-urlencoded"):
        client = guarded.client()
        answer = client.send("POST", "/api/2.0/mlflow/experiments/create", json.dumps({"name": kind}).encode(), {"Content-Type": kind})
        assert "experiment_id" in json.loads(answer)


def test_a_large_file_without_line_breaks_takes_no_memory(serve: t.Callable[..., Tracking]) -> None:
    """MLflow reads what it hands out line by line, so all of this file at once; without the guard it does."""
    size = 256 << 20
    grown = {}
    for guarded in (True, False):
        server = serve(guarded)
        with open(os.path.join(server.world.store, "zeros"), "wb") as file:
            file.truncate(size)
        before = peak_memory(server)
        with urllib.request.urlopen(server.url + "/api/2.0/mlflow-artifacts/artifacts/zeros", timeout=60) as answer:
            assert sum(len(piece) for piece in iter(lambda: answer.read(1 << 20), b"")) == size  # noqa: B023 - read before the next round
        grown[guarded] = peak_memory(server) - before
    assert grown[True] < size // 8 < size <= grown[False]


def peak_memory(server: Tracking) -> int:
    """The most bytes that any process of the server had in memory."""
    peaks = []
    for process in server.processes():
        found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/%d/status" % process).read_text(), re.M)
        peaks += [int(found.group(1)) << 10] if found else []
    return max(peaks)


def test_further_places(serve: t.Callable[..., Tracking]) -> None:
    server = serve(TRACKING_GUARD_FURTHER_URIS="s3://team/models /data/shared")
    client = server.client()
    for place in ("s3://team/models", "s3://team/models/a/b", "/data/shared/x"):
        assert client.experiment(place)
    for place in ("s3://team/models2", "s3://team", "s3://team/models/../x", "/data/shared2", "/data/shared/../x"):
        assert not client.experiment(place)
