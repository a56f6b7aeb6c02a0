# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS on loopback: moto's server, and before it a place that joins its ECR with a real container registry."""

from __future__ import annotations

import base64
import http.client
import json
import re
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from moto.sagemaker.models import sagemaker_backends

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws

REGION = "eu-central-1"
ACCOUNT = "123456789012"
SECRET = "CANARY-aws-secret-access-key"
SESSION = "CANARY-aws-session-token"
# Calls that change nothing. Whatever else is called counts as a write.
READS = re.compile(r":(describe|list|get|head|batch_get)_")


class Cloud:
    """One address for all of AWS and for the registry behind ECR.

    Calls go on to moto, `/v2/` to the registry, where a login as `AWS` with ECR's password is asked for. As with the real ECR, what docker
    pushes is what the calls of ECR tell of. `requests` has (method, what) of all that came, `refuse` maps an operation of AWS to an error code,
    and `break_at` is a part of a registry path at which the registry goes away, until `mend`.
    """

    def __init__(self, moto_port: int, registry_port: int | None) -> None:
        self.requests: list[tuple[str, str]] = []
        self.refuse: dict[str, str] = {}
        self.break_at: str | None = None
        self._broken = False
        self._moto = moto_port
        self._registry = registry_port
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                outer._serve(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: t.Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = "127.0.0.1:%d" % self._server.server_address[1]
        self.url = "http://" + self.host
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def mend(self) -> None:
        self.break_at, self._broken = None, False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = self._body(request)
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.requests.append((request.command, target or request.path.partition("?")[0]))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("transfer-encoding", "content-length", "connection")}
        if request.path.startswith("/v2/"):
            if self._broken or self.break_at and self.break_at in request.path:
                self._broken = True
                request.close_connection = True
                request.connection.close()
                return
            password = base64.b64encode(b"AWS:%s-auth-token" % ACCOUNT.encode()).decode()
            if headers.pop("Authorization", "") != "Basic " + password:
                self._send(request, 401, {"WWW-Authenticate": 'Basic realm="ecr"'}, b'{"errors":[{"code":"UNAUTHORIZED","message":"no credentials"}]}')
                return
            status, answer_headers, answer = self._forward(self._registry, request, headers, body)
            pushed = re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", request.path)
            if request.command == "PUT" and pushed and status == 201:
                self._tell(pushed[1], pushed[2], body.decode(), dict(answer_headers)["Docker-Content-Digest"], headers["Content-Type"])
        elif target in self.refuse:
            status, answer_headers = 400, [("Content-Type", "application/x-amz-json-1.1")]
            answer = json.dumps({"__type": self.refuse[target], "message": "The security token included in the request is expired"}).encode()
        elif target == "UpdateEndpoint":
            status, answer_headers, answer = self._update_endpoint(**json.loads(body))
        else:
            status, answer_headers, answer = self._forward(self._moto, request, headers, body)
            answer = answer.replace(b"%s.dkr.ecr.%s.amazonaws.com" % (ACCOUNT.encode(), REGION.encode()), self.host.encode())
        kept = {name: value for name, value in answer_headers if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server")}
        length = dict(answer_headers).get("Content-Length") if request.command == "HEAD" else None
        self._send(request, status, kept, answer, length)

    def _update_endpoint(self, EndpointName: str, EndpointConfigName: str, **dummy: t.Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """What moto lacks: the endpoint has the other configuration at once."""
        endpoint = endpoints()[EndpointName]
        endpoint.endpoint_config_name = EndpointConfigName
        return 200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps({"EndpointArn": endpoint.arn}).encode()

    @staticmethod
    def _body(request: BaseHTTPRequestHandler) -> bytes:
        if request.headers.get("Transfer-Encoding") != "chunked":
            return request.rfile.read(int(request.headers.get("Content-Length") or 0))
        chunks = []
        while True:
            size = int(request.rfile.readline().split(b";")[0], 16)
            chunks.append(request.rfile.read(size))
            request.rfile.readline()
            if not size:
                return b"".join(chunks)

    def _forward(self, port: int | None, request: BaseHTTPRequestHandler, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", t.cast(int, port), timeout=60)
        try:
            connection.request(request.command, request.path, body, dict(headers, **{"Content-Length": str(len(body))}))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _tell(self, repository: str, tag: str, manifest: str, digest: str, media_type: str) -> None:
        ecr = boto3.client("ecr", REGION, endpoint_url="http://127.0.0.1:%d" % self._moto, aws_access_key_id="k", aws_secret_access_key="s")
        try:
            ecr.put_image(repositoryName=repository, imageManifest=manifest, imageManifestMediaType=media_type, imageTag=tag, imageDigest=digest)
        except ecr.exceptions.ImageAlreadyExistsException:
            pass

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", length or str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)


def endpoints() -> dict[str, t.Any]:
    """Name → endpoint as moto keeps it, whose `endpoint_status` and `failure_reason` can be set."""
    return t.cast("dict[str, t.Any]", sagemaker_backends[ACCOUNT][REGION].endpoints)


def options(url: str, **others: t.Any) -> dict[str, t.Any]:
    """What every module of AWS is given here."""
    return {
        "aws_region": REGION, "aws_account_id": ACCOUNT, "aws_access_key_id": "AKIACANARY", "aws_secret_access_key": SECRET,
        "aws_session_token": SESSION, "aws_endpoint_url": url, "timeout": 20, **others,
    }  # fmt: skip


def validated(spec: dict[str, t.Any], given: dict[str, t.Any]) -> dict[str, t.Any]:
    """A module's parameters out of what it is given, as Ansible makes them."""
    result = ArgumentSpecValidator(spec).validate(given)
    assert not result.error_messages, result.error_messages
    return t.cast("dict[str, t.Any]", result.validated_parameters)


def writes(aws: Aws) -> list[str]:
    """The calls of a run that may have changed something."""
    return [call for call in aws.calls if not READS.search(call)]
