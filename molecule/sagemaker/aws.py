# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS on loopback in a process of its own: `aws.py start|stop FOLDER`.

moto's server answers, with a real registry behind ECR. What moto lacks is added: an endpoint changes over to another configuration at once, and
it scores rows, in a container of the model's image with the model's archive unpacked, as SageMaker does it.

`aws.json` in the folder says where it is, `requests.jsonl` which requests came. Starting ends an older one of the same folder first.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / ".collections")]

import boto3  # noqa: E402
from moto.sagemaker.models import sagemaker_backends  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

from tests.unit.plugins.aws import registry  # noqa: E402
from tests.unit.plugins.aws.cloud import ACCOUNT, REGION, Cloud  # noqa: E402

BUCKET = "models"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
PERMISSIONS = [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]},
    {"Effect": "Allow", "Action": ["logs:*", "cloudwatch:PutMetricData"], "Resource": "*"},
    {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"], "Resource": "*"},
]
PULL = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/mlops/*"}


class Requests(list[tuple[str, str]]):
    """The requests, in a file besides, so that another process can read them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def append(self, request: tuple[str, str]) -> None:
        super().append(request)
        with self._path.open("a") as file:
            file.write(json.dumps(request) + "\n")


class Place(Cloud):
    """AWS with endpoints that score."""

    def __init__(self, moto_port: int, registry_port: int, folder: Path) -> None:
        super().__init__(moto_port, registry_port)
        self.requests = Requests(folder / "requests.jsonl")
        self._folder = folder
        self._lock = threading.Lock()
        self._containers: dict[str, tuple[str, int]] = {}

    def client(self, service: str) -> Any:
        return boto3.client(service, REGION, endpoint_url=f"http://127.0.0.1:{self._moto}", aws_access_key_id="k", aws_secret_access_key="s")

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"/endpoints/([^/]+)/invocations", request.path)
        if not asked:
            super()._serve(request)
            return
        self.requests.append((request.command, "InvokeEndpoint"))
        body = self._body(request)
        with self._lock:
            port = self._serving(asked[1])
        status, headers, answer = self._forward_to(port, body, request.headers["Content-Type"])
        self._send(request, status, headers, answer)

    def _serving(self, endpoint: str) -> int:
        """The port of the container that serves what the endpoint has now."""
        backend = sagemaker_backends[ACCOUNT][REGION]
        config = backend.endpoint_configs[backend.endpoints[endpoint].endpoint_config_name]
        name = config.production_variants[0]["ModelName"]
        if name not in self._containers:
            container = backend._models[name].primary_container
            bucket, dummy, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
            folder = Path(tempfile.mkdtemp(prefix="model-", dir=self._folder))
            with tarfile.open(fileobj=io.BytesIO(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
                archive.extractall(folder, filter="data")
            folder.chmod(0o755)
            command = ["docker", "run", "--detach", "--rm", "--read-only", "--tmpfs", "/tmp", "--publish", "127.0.0.1::8080",
                       "--volume", f"{folder}:/opt/ml/model:ro", container["Image"], "serve"]  # fmt: skip
            number = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            shown = subprocess.run(["docker", "port", number, "8080/tcp"], check=True, capture_output=True, text=True).stdout
            self._containers[name] = number, int(shown.splitlines()[0].rpartition(":")[2])
            (self._folder / "containers.json").write_text(json.dumps(self._containers))
        port = self._containers[name][1]
        deadline = time.monotonic() + 60
        while not self._answers_ping(port) and time.monotonic() < deadline:
            time.sleep(0.2)
        return port

    @staticmethod
    def _answers_ping(port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @staticmethod
    def _forward_to(port: int, body: bytes, content_type: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", "/invocations", body, {"Content-Type": content_type})
            answer = connection.getresponse()
            return answer.status, {"Content-Type": "application/json"}, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        super().close()
        for number, dummy in self._containers.values():
            subprocess.run(["docker", "rm", "--force", "--volumes", number], capture_output=True, check=False)


def serve(folder: Path) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *rest: ended.set())
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    (folder / "registry").mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        process, port = registry.start(registry.program(Path(scratch)), folder / "registry")
    place = Place(moto.get_host_and_port()[1], port, folder)
    try:
        furnish(place)
        known = {"url": place.url, "region": REGION, "account": ACCOUNT, "secret": secrets.token_urlsafe(30), "session": secrets.token_urlsafe(60)}
        note = folder / "aws.new"
        note.touch(mode=0o600)
        note.write_text(json.dumps(known))
        note.rename(folder / "aws.json")
        ended.wait()
    finally:
        place.close()
        process.terminate()
        process.wait()
        moto.stop()


def furnish(place: Place) -> None:
    """What an account has before this collection comes: a bucket, and roles; one of them lacks a permission."""
    place.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    iam = place.client("iam")
    for name, statements in (("serving", [*PERMISSIONS, PULL]), ("lacking", PERMISSIONS)):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}))
        iam.put_role_policy(RoleName=name, PolicyName="serving", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def start(folder: Path) -> None:
    stop(folder)
    with (folder / "aws.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, __file__, "serve", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=ROOT
        )
    (folder / "aws.pid").write_text(f"{server.pid}\n")
    deadline = time.monotonic() + 120
    while not (folder / "aws.json").exists():
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"AWS did not start; {folder / 'aws.log'} says why.")
        time.sleep(0.1)


def stop(folder: Path) -> None:
    """End the server that was started for this folder, and no other program that may have its number by now; remove what it left."""
    note = folder / "aws.pid"
    if note.exists():
        pid = int(note.read_text())
        try:
            if f"{__file__}\0serve\0{folder}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
                deadline = time.monotonic() + 60
                while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                    time.sleep(0.1)
        except OSError:
            pass
    if (folder / "aws.json").exists():
        forget_images(json.loads((folder / "aws.json").read_text())["url"].removeprefix("http://"))
    for path in [*folder.glob("model-*"), folder / "registry", folder / "serving-image"]:
        shutil.rmtree(path, ignore_errors=True)
    for name in ("aws.pid", "aws.json", "aws.log", "containers.json", "requests.jsonl", "lock.txt"):
        (folder / name).unlink(missing_ok=True)


def forget_images(host: str) -> None:
    """Take the names of the registry that is gone from the engine's images; layers stay for the next build."""
    listed = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{host}/*/*"], capture_output=True, text=True, check=False)
    for name in listed.stdout.split():
        subprocess.run(["docker", "rmi", "--no-prune", name], capture_output=True, check=False)


if __name__ == "__main__":
    {"start": start, "stop": stop, "serve": serve}[sys.argv[1]](Path(sys.argv[2]))
