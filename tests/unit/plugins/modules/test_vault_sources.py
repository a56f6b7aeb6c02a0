# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys out of real vaults: OpenBao, moto's server for AWS, and for Azure the real SDK against a server that speaks Key Vault's protocol.

Each is reached through a server that counts, because a run reads a secret once.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import obtain, source_argument_spec

KEY = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)
BODY = KEY.splitlines()[2]
ROOT_TOKEN = "CANARY-root-token-0123"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(autouse=True)
def _nothing_ambient(monkeypatch, tmp_path):
    """No credential of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "VAULT_", "BAO_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def params(**given):
    """What a module would hand on."""
    defaults = {name: option.get("default") for name, option in source_argument_spec().items()}
    return dict(defaults, check_permissions=True, **{"timeout": 10, **given})


def read(**given):
    obtained = obtain(params(**given))
    assert obtained.findings == []
    return obtained.content.decode()


def finding(**given):
    obtained = obtain(params(**given))
    assert obtained.content is None
    [only] = obtained.findings
    return only


def refusal(**given):
    with pytest.raises(Problem) as caught:
        obtain(params(**given))
    text = str(caught.value)
    assert text.endswith(".") and "Traceback" not in text and "object at 0x" not in text
    for secret in (value for name, value in given.items() if value and source_argument_spec()[name].get("no_log")):
        assert secret not in text
    return text


@pytest.fixture
def counted(http_server):
    """`counted(url)` is an address that hands on to `url`; `http_server` counts what passes."""

    def through(target):
        def forward(request):
            url = target + urllib.parse.quote(request.path) + ("?" + request.query if request.query else "")
            headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "connection", "accept-encoding")}
            asked = urllib.request.Request(url, data=request.body or None, method=request.method, headers=headers)
            try:
                with DIRECT.open(asked, timeout=30) as answer:
                    return answer.status, answer.read(), {"Content-Type": answer.headers.get("Content-Type", "")}
            except urllib.error.HTTPError as error:
                return error.code, error.read(), {"Content-Type": error.headers.get("Content-Type", "")}

        for method in ("GET", "POST", "PUT"):
            http_server.route(method, "/*", forward)
        return http_server.url

    return through


# -------------------------------------------------------------------------------------------------- OpenBao, HashiCorp Vault


class Bao:
    """A development server of OpenBao in memory."""

    def __init__(self, folder):
        executable = shutil.which("bao") or str(Path(sys.executable).with_name("bao"))
        for _attempt in range(3):  # somebody else may take the port in between
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.url = "http://127.0.0.1:%d" % probe.getsockname()[1]
            self.process = subprocess.Popen(
                [executable, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + ROOT_TOKEN, "-dev-listen-address=" + self.url[7:]],
                env={"HOME": str(folder), "PATH": os.environ["PATH"]}, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.call("GET", "sys/mounts/secret")
                    return
                except OSError:
                    time.sleep(0.1)
            self.stop()
        pytest.fail("bao did not start", pytrace=False)

    def call(self, method, path, body=None, token=ROOT_TOKEN):
        request = urllib.request.Request(
            self.url + "/v1/" + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={"X-Vault-Token": token}
        )
        with DIRECT.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    """A vault with secret/ (KV 2) and old/ (KV 1), a token that may read the keys, one that may not, and an AppRole."""
    bao = Bao(tmp_path_factory.mktemp("bao"))
    bao.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    bao.call("POST", "secret/data/team/ssh", {"data": {"private_key": "not the current one"}})
    bao.call("POST", "secret/data/team/ssh", {"data": {"private_key": KEY}})
    bao.call("POST", "secret/data/team/pair", {"data": {"private_key": KEY, "user": "me", "port": 22}})
    bao.call("POST", "secret/data/team/gone", {"data": {"private_key": KEY}})
    bao.call("DELETE", "secret/data/team/gone")
    bao.call("POST", "old/ssh", {"private_key": KEY})
    policy = 'path "secret/data/team/*" { capabilities = ["read"] }\npath "old/*" { capabilities = ["read"] }'
    bao.call("PUT", "sys/policies/acl/keys", {"policy": policy})
    bao.reader = bao.call("POST", "auth/token/create", {"policies": ["keys"], "no_default_policy": True})["auth"]["client_token"]
    bao.stranger = bao.call("POST", "auth/token/create", {"policies": ["default"]})["auth"]["client_token"]
    bao.call("POST", "sys/auth/approle", {"type": "approle"})
    bao.call("POST", "auth/approle/role/keys", {"token_policies": "keys"})
    bao.role_id = bao.call("GET", "auth/approle/role/keys/role-id")["data"]["role_id"]
    bao.secret_id = bao.call("POST", "auth/approle/role/keys/secret-id", {})["data"]["secret_id"]
    yield bao
    bao.stop()


@pytest.fixture
def vault(bao, counted):
    """Options that reach the key in OpenBao, by a counting address."""
    return {"source": "hashicorp_vault", "vault_url": counted(bao.url), "vault_token": bao.reader, "secret_name": "team/ssh"}


@pytest.fixture
def closed_url():
    """An address that refuses connections for as long as the test runs."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield "http://127.0.0.1:%d" % closed.getsockname()[1]


def paths(http_server):
    return [(request.method, request.path) for request in http_server.requests]


def test_bao_reads_once(vault, http_server):
    assert read(**vault) == KEY
    assert paths(http_server) == [("GET", "/v1/sys/internal/ui/mounts/secret/team/ssh"), ("GET", "/v1/secret/data/team/ssh")]
    http_server.clear()
    assert read(**vault, vault_kv_version="2", secret_field="private_key") == KEY
    assert paths(http_server) == [("GET", "/v1/secret/data/team/ssh")]


def test_bao_versions(vault):
    assert read(**vault, secret_version="1") == "not the current one"
    assert read(**vault, secret_version="2") == KEY
    code, text = finding(**vault, secret_version="9")
    assert (code, text) == (
        "missing",
        "The secret secret/team/ssh of the vault at %s does not exist in the version 9."
        " Check secret_name, secret_version, vault_mount, vault_kv_version and vault_namespace." % vault["vault_url"],
    )
    assert refusal(**vault, secret_version="x") == "secret_version is 'x'; the versions of HashiCorp Vault are numbers."


def test_bao_version_1_of_the_engine(vault, http_server):
    old = {**vault, "vault_mount": "old", "secret_name": "ssh"}
    assert read(**old) == KEY
    http_server.clear()
    assert read(**old, vault_kv_version="1") == KEY
    assert paths(http_server) == [("GET", "/v1/old/ssh")]
    assert refusal(**old, secret_version="2") == (
        "secret_version is 2, but old is a key-value engine of version 1, which keeps no versions. Leave it out."
    )
    assert refusal(**old, secret_version="2", vault_kv_version="1").startswith("secret_version is 2, but key-value engines of version 1")
    wrong = finding(**{**vault, "vault_kv_version": "1", "vault_token": ROOT_TOKEN})
    assert wrong[0] == "missing" and "Invalid path for a versioned K/V secrets engine" in wrong[1]


def test_bao_approle(vault, bao, http_server):
    role = {**vault, "vault_token": None, "vault_role_id": bao.role_id, "vault_secret_id": bao.secret_id}
    assert read(**role, vault_kv_version="2") == KEY
    assert paths(http_server) == [("POST", "/v1/auth/approle/login"), ("GET", "/v1/secret/data/team/ssh")]
    wrong = refusal(**{**role, "vault_secret_id": "CANARY-secret-id"})
    assert wrong.startswith("The login by AppRole at %s failed. Check vault_role_id, vault_secret_id," % vault["vault_url"])
    assert "invalid role or secret ID" in wrong
    assert "failed" in refusal(**role, vault_approle_mount="elsewhere")
    assert refusal(**{**role, "vault_secret_id": None}) == (
        "vault_role_id and vault_secret_id belong together, and only one of them is given. Give both, or neither."
    )
    assert refusal(**{**role, "vault_token": "t-0123"}) == "vault_token and vault_role_id are two logins. Give one of them."


def test_bao_ambient_credentials_come_last(vault, bao, monkeypatch, tmp_path):
    bare = {**vault, "vault_token": None, "vault_url": None}
    assert refusal(**{**vault, "vault_url": None}).startswith("The address of the vault is not known.")
    monkeypatch.setenv("BAO_ADDR", vault["vault_url"])
    assert refusal(**bare) == (
        "There are no credentials for the vault. Give vault_token, or vault_role_id and vault_secret_id,"
        " or set BAO_TOKEN or VAULT_TOKEN in the environment."
    )
    (tmp_path / ".vault-token").write_text(bao.reader + "\n")
    assert read(**bare) == KEY
    monkeypatch.setenv("VAULT_TOKEN", bao.stranger)
    assert finding(**bare)[0] == "unreadable", "the environment comes before the file"
    assert read(**vault) == KEY, "and the options before both"


def test_bao_fields(vault):
    pair = {**vault, "secret_name": "team/pair"}
    assert read(**pair, secret_field="private_key") == KEY
    what = "The secret secret/team/pair of the vault at %s" % vault["vault_url"]
    assert finding(**pair) == ("missing", what + " has the fields port, private_key, user. Say with secret_field which of them is the private key.")
    assert finding(**pair, secret_field="key") == ("missing", what + " has no field key; it has port, private_key, user. Correct secret_field.")
    assert finding(**pair, secret_field="port")[1] == "The field port of the s" + what[5:] + " is not text. Correct secret_field."


def test_bao_refusals(vault, bao):
    denied = finding(**{**vault, "vault_token": bao.stranger, "vault_kv_version": "2"})
    assert denied[0] == "unreadable"
    assert denied[1].startswith(
        "The secret secret/team/ssh of the vault at %s may not be read with these credentials: the token is not valid, its policy lacks 'read' on"
        " secret/data/team/ssh, or there is no engine at vault_mount (secret). It says: " % vault["vault_url"]
    )
    assert "permission denied" in denied[1]
    assert finding(**{**vault, "vault_token": "CANARY-no-token"})[0] == "unreadable"
    assert "may not be read" in refusal(**{**vault, "vault_token": "CANARY-no-token"}, on_denied="fail")
    assert "does not exist" in refusal(**{**vault, "secret_name": "team/none"}, on_missing="fail")
    assert "was deleted in its version 1. Name another with secret_version" in finding(**{**vault, "secret_name": "team/gone"})[1]
    assert "does not exist" in finding(**{**vault, "secret_name": "team/no such?version=1#x", "vault_token": ROOT_TOKEN})[1]
    nowhere = {**vault, "vault_mount": "nowhere"}
    for kv in ("1", "2"):
        assert finding(**{**nowhere, "vault_token": ROOT_TOKEN, "vault_kv_version": kv}) == (
            "missing",
            "There is no engine mounted at nowhere in the vault at %s. Correct vault_mount." % vault["vault_url"],
        )
    assert "or there is no engine at vault_mount (nowhere)." in finding(**nowhere)[1]
    assert "is an engine of type cubbyhole" in refusal(**{**vault, "vault_mount": "cubbyhole", "vault_token": ROOT_TOKEN})


def test_bao_sealed(tmp_path):
    sealed = Bao(tmp_path)
    try:
        sealed.call("PUT", "sys/seal")
        for kv in ("auto", "2"):
            text = refusal(source="hashicorp_vault", vault_url=sealed.url, vault_token=ROOT_TOKEN, secret_name="x", vault_kv_version=kv, on_denied="finding")
            assert text.startswith("The vault at %s is sealed or not ready. Unseal it, or name one that is. It says: " % sealed.url)
    finally:
        sealed.stop()


def test_bao_addresses(vault, http_server, tls_server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % closed.getsockname()[1]
    assert refusal(**{**vault, "vault_url": url}).startswith("The vault at %s cannot be reached: " % url)
    assert refusal(**{**vault, "vault_url": "http://name.invalid"}).startswith("The vault at http://name.invalid cannot be reached: ")
    assert refusal(**{**vault, "vault_url": "vault.example.com"}) == (
        "vault_url is not an https:// or http:// address. Give one such as https://vault.example.com:8200."
    )
    assert refusal(**{**vault, "vault_url": "https://u:CANARY@vault"}) == (
        "vault_url carries login data, which would be shown in logs. Take them out and use the options for credentials."
    )
    assert refusal(**{**vault, "vault_url": None}).startswith("The address of the vault is not known. Set vault_url,")
    assert refusal(**{**vault, "secret_name": None}) == "source is hashicorp_vault, which needs secret_name. Set it."
    assert refusal(**{**vault, "timeout": 0}) == "timeout is 0; it must be at least one second."
    assert "but there is no such file on" in refusal(**vault, ca_path="/no/such/file")
    assert "shows a certificate that is not trusted: " in refusal(**{**vault, "vault_url": tls_server.url})
    assert refusal(**{**vault, "vault_url": http_server.url.replace("http:", "https:")}) == (
        "The server at %s does not speak TLS. Correct the port, or begin vault_url with http:// if that is meant." % http_server.url.replace("http:", "https:")
    )
    for answer in (b"<html>", {"data": None}, []):
        http_server.route("GET", "/*", answer)
        assert refusal(**vault) == "The server at %s does not answer as HashiCorp Vault or OpenBao does. Check vault_url." % http_server.url
    http_server.route("GET", "/*", (307, b"", {"Location": "http://active.example.com/v1/x?a=b"}))
    assert refusal(**vault) == (
        "The vault at %s points to http://active.example.com/v1/x. Redirects are not followed; set vault_url to the active server." % http_server.url
    )
    http_server.route("POST", "/*", (307, b"", {"Location": "http://active.example.com/v1/auth/approle/login"}))
    role = {**vault, "vault_token": None, "vault_role_id": "role", "vault_secret_id": "CANARY-secret-id"}
    assert refusal(**role) == (
        "The vault at %s points to http://active.example.com/v1/auth/approle/login. Redirects are not followed; set vault_url to the active server."
        % http_server.url
    )
    http_server.route("GET", "/*", (500, {"errors": ["boom CANARY-x"]}))
    assert "could not be read. It says: boom ***." in refusal(**{**vault, "vault_token": "CANARY-x"})


# ----------------------------------------------------------------------------------------------------------------- AWS


@pytest.fixture(scope="module")
def moto():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield "http://%s:%d" % (host, port)
    server.stop()


@pytest.fixture
def aws(moto, counted):
    """Options for AWS, by a counting address, after the secrets were made anew."""
    import boto3

    DIRECT.open(urllib.request.Request(moto + "/moto-api/reset", method="POST"), timeout=10).close()
    login = {"region_name": "eu-central-1", "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x"}
    manager = boto3.client("secretsmanager", endpoint_url=moto, **login)
    manager.create_secret(Name="team/ssh", SecretString="not the current one")
    manager.put_secret_value(SecretId="team/ssh", SecretString=KEY)
    manager.create_secret(Name="team/json", SecretString=json.dumps({"private_key": KEY, "port": 22}))
    manager.create_secret(Name="team/binary", SecretBinary=KEY.encode())
    manager.create_secret(Name="team/gone", SecretString=KEY)
    manager.delete_secret(SecretId="team/gone")
    store = boto3.client("ssm", endpoint_url=moto, **login)
    store.put_parameter(Name="/team/ssh", Value="not the current one", Type="SecureString")
    store.put_parameter(Name="/team/ssh", Value=KEY, Type="SecureString", Overwrite=True)
    return {
        "aws_endpoint_url": counted(moto),
        "aws_region": "eu-central-1",
        "aws_access_key_id": "AKIATEST",
        "aws_secret_access_key": "CANARY-aws-secret",
    }


def test_secrets_manager(aws, http_server):
    manager = {**aws, "source": "aws_secretsmanager", "secret_name": "team/ssh"}
    assert read(**manager) == KEY
    assert [request.headers["x-amz-target"] for request in http_server.requests] == ["secretsmanager.GetSecretValue"]
    assert read(**manager, secret_version="AWSPREVIOUS") == "not the current one"
    assert read(**{**manager, "secret_name": "team/json"}, secret_field="private_key") == KEY
    assert read(**{**manager, "secret_name": "team/binary"}) == KEY
    what = "The secret team/json of AWS Secrets Manager"
    assert finding(**{**manager, "secret_name": "team/json"}, secret_field="key")[1] == (
        what + " has no field key; it has port, private_key. Correct secret_field."
    )
    assert finding(**manager, secret_field="key")[1] == (
        "The secret team/ssh of AWS Secrets Manager is not a JSON object, so it has no field key. Leave secret_field out if the whole secret is the key."
    )
    code, text = finding(**{**manager, "secret_name": "team/none"})
    assert code == "missing"
    assert text.startswith("The secret team/none of AWS Secrets Manager does not exist. Check secret_name, secret_version, the region and the account.")
    assert "ResourceNotFoundException" in text
    assert finding(**manager, secret_version="0" * 32)[0] == "missing"
    assert "as when it is to be deleted." in finding(**{**manager, "secret_name": "team/gone"})[1]


def test_parameter_store(aws, http_server):
    store = {**aws, "source": "aws_ssm", "secret_name": "/team/ssh"}
    assert read(**store) == KEY
    assert [request.headers["x-amz-target"] for request in http_server.requests] == ["AmazonSSM.GetParameter"]
    assert read(**store, secret_version="1") == "not the current one"
    assert finding(**{**store, "secret_name": "/team/none"})[1].startswith("The secret /team/none of the AWS Parameter Store does not exist.")
    code, text = finding(**store, secret_version="9")
    assert code == "missing" and "in the version 9" in text


def test_aws_denied(aws, moto):
    import boto3

    login = {"region_name": "eu-central-1", "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x"}
    iam = boto3.client("iam", endpoint_url=moto, **login)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]

    def enforce(after):
        request = urllib.request.Request(moto + "/moto-api/reset-auth", data=after, method="POST", headers={"Content-Type": "text/plain"})
        DIRECT.open(request, timeout=10).close()

    enforce(b"0")
    try:
        for source, name in (("aws_secretsmanager", "team/ssh"), ("aws_ssm", "/team/ssh")):
            options = {**aws, "aws_endpoint_url": moto, "source": source, "secret_name": name}
            mine = {**options, "aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
            code, text = finding(**mine)
            assert code == "unreadable"
            assert "may not be read by these credentials. They need %s" % {"aws_ssm": "ssm:GetParameter"}.get(source, "secretsmanager:GetSecretValue") in text
            assert "may not be read" in refusal(**mine, on_denied="fail")
    finally:
        enforce(b"inf")


@pytest.mark.parametrize(
    ("code", "denied", "part"),
    [
        ("AccessDeniedException", True, "They need secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own."),
        ("DecryptionFailure", True, "may not be read by these credentials."),
        ("UnrecognizedClientException", False, "The AWS credentials are not accepted. Check that they are right and not expired."),
        ("ExpiredTokenException", False, "The AWS credentials are not accepted."),
        ("InvalidParameterException", False, "The secret x of AWS Secrets Manager could not be read."),
    ],
)
def test_documented_errors_of_aws(http_server, code, denied, part):
    """The shape and codes of errors are those of the API reference of Secrets Manager, "Common error types"."""
    http_server.route("POST", "/*", (400, {"__type": code, "Message": "No."}))
    login = {"aws_region": "eu-central-1", "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "CANARY-aws-secret"}
    options = {**login, "source": "aws_secretsmanager", "secret_name": "x", "aws_endpoint_url": http_server.url}
    text = finding(**options)[1] if denied else refusal(**options)
    assert part in text
    assert text.endswith("AWS Secrets Manager says %s: No." % code)
    assert len(http_server.requests) == 1, "what cannot pass is not tried again"


def test_aws_logins(aws, monkeypatch, tmp_path, http_server):
    manager = {"source": "aws_secretsmanager", "secret_name": "team/ssh", "aws_endpoint_url": aws["aws_endpoint_url"]}
    assert refusal(**manager) == "No AWS region is known. Set aws_region, or AWS_REGION or AWS_DEFAULT_REGION in the environment."
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x"}
    assert finding(**{**manager, "secret_name": "team/none"}, **keys)[0] == "missing"
    assert "/eu-west-3/" in http_server.requests[-1].headers["authorization"]
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert refusal(**manager).startswith("There are no AWS credentials for AWS Secrets Manager. Give aws_access_key_id")
    assert refusal(**manager, aws_profile="none") == "AWS Secrets Manager cannot be used: The config profile (none) could not be found."
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[team]\naws_access_key_id = AKIATEST\naws_secret_access_key = x\n")
    assert read(**manager, aws_profile="team") == KEY
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert read(**manager) == KEY
    belong = "aws_access_key_id and aws_secret_access_key belong together, and only one of them is given. Give both, or neither."
    assert refusal(**manager, aws_access_key_id="AKIA") == refusal(**manager, aws_session_token="CANARY-session") == belong
    assert refusal(**{**manager, **aws}, aws_profile="team") == "aws_profile and an access key are two logins. Give one of them."


def test_explicit_aws_credentials_come_before_ambient_ones(aws, monkeypatch, http_server):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert read(**aws, source="aws_ssm", secret_name="/team/ssh") == KEY
    assert "Credential=AKIATEST/" in http_server.requests[-1].headers["authorization"]


def test_aws_addresses(aws, tls_server):
    manager = {**aws, "source": "aws_secretsmanager", "secret_name": "team/ssh"}
    assert refusal(**{**manager, "aws_endpoint_url": "vpce"}).startswith("aws_endpoint_url is not an https:// or http:// address.")
    text = refusal(**{**manager, "aws_endpoint_url": tls_server.url, "timeout": 2})
    assert text.startswith("AWS Secrets Manager did not give an answer: SSL validation failed")


# --------------------------------------------------------------------------------------------------------------- Azure


def _certificate(folder, names):
    """A certificate authority and a certificate of it for a server: the paths of authority and of certificate with key."""
    now = datetime.datetime.now(datetime.UTC)

    def build(subject, issuer, key, signer, *extensions):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    def named(name):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = build(
        named("Test CA"), named("Test CA"), authority_key, authority_key,
        (x509.BasicConstraints(True, None), True), (usage, True), (identifier, False),
    )  # fmt: skip
    alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = build(
        named(names[0]), authority.subject, key, authority_key,
        (x509.SubjectAlternativeName(alternatives), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False),
        (x509.BasicConstraints(False, None), True),
    )  # fmt: skip
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM) + private)
    return folder / "ca.pem", folder / "server.pem"


TENANT = "00000000-aaaa-bbbb-cccc-000000000000"
CLIENT_SECRET = "CANARY-azure-client-secret"
VAULT = "unit.vault.azure.net"
AUTHORITY = "login.microsoftonline.com"
OWN_AUTHORITY = "login.cloud.example"


class AzureServer:
    """A Key Vault and the login service, as documented, reached as by a proxy so that they keep their real names.

    Documentation: learn.microsoft.com, "Authentication, requests and responses" of Key Vault, "Get Secret" of its REST API, and "OAuth 2.0 client
    credentials flow". `url` is the same server without a proxy, `requests` what arrived: (method, host, path).
    """

    def __init__(self, folder):
        self.ca_path, server_pem = _certificate(folder, [VAULT, AUTHORITY, OWN_AUTHORITY, "login.microsoft.com"])
        self.requests = []
        self.faults = {}
        self.token = "CANARY-azure-access-token"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server_pem)
        outer = self

        class Inner(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                parts = urllib.parse.urlsplit(self.path)
                host = self.headers["Host"].partition(":")[0]
                outer.requests.append((self.command, host, parts.path))
                status, answer, headers = outer.answer(host, parts.path, dict(urllib.parse.parse_qsl(body)), self.headers)
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve

            def log_message(self, format, *args):
                pass

        class Outer(BaseHTTPRequestHandler):
            def do_CONNECT(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.flush()
                self._speak_tls()

            def handle(self):
                # The first byte of TLS, from who comes without asking for a tunnel.
                if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                    self._speak_tls()
                else:
                    super().handle()

            def _speak_tls(self):
                self.close_connection = True
                try:
                    with context.wrap_socket(self.connection, server_side=True) as secured:
                        Inner(secured, self.client_address, self.server)
                except (OSError, ValueError):
                    pass  # the client turned away

            def log_message(self, format, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Outer)
        self._server.daemon_threads = True
        self.proxy = "http://127.0.0.1:%d" % self._server.server_address[1]
        self.url = "https" + self.proxy[4:]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, host, path, form, headers):
        if host == VAULT:
            return self._vault(path, headers)
        if path.endswith("/oauth2/v2.0/token"):
            if form.get("client_secret") != CLIENT_SECRET or form.get("scope") != "https://vault.azure.net/.default":
                text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 2026-01-01 00:00:00Z"
                return 401, {"error": "invalid_client", "error_description": text, "error_codes": [7000215]}, {}
            return 200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": self.token}, {}
        base = "https://%s/%s" % (host, path.split("/")[1])
        if path.endswith("/.well-known/openid-configuration"):
            known = {"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token"}
            return 200, known, {}
        if path.endswith("/discovery/instance"):
            metadata = [{"preferred_network": AUTHORITY, "preferred_cache": "login.windows.net", "aliases": [AUTHORITY]}]
            return 200, {"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration", "metadata": metadata}, {}
        return 404, {}, {}

    def _vault(self, path, headers):
        if headers.get("Authorization") != "Bearer " + self.token:
            challenge = 'Bearer authorization="https://%s/%s", resource="https://vault.azure.net"' % (AUTHORITY, TENANT)
            return 401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}}, {"WWW-Authenticate": challenge}
        if path in self.faults:
            return self.faults[path]
        versions = {"": KEY, "a" * 32: "not the current one", "b" * 32: KEY}
        dummy, kind, name, version = (path + "/").split("/")[:4]
        if kind != "secrets" or name not in ("ssh", "json") or version not in versions:
            message = "A secret with (name/id) %s was not found in this key vault." % name
            return 404, {"error": {"code": "SecretNotFound", "message": message}}, {}
        value = json.dumps({"private_key": KEY}) if name == "json" else versions[version]
        attributes = {"enabled": True, "created": 1700000000, "updated": 1700000000, "recoveryLevel": "Recoverable+Purgeable"}
        return 200, {"value": value, "id": "https://%s/secrets/%s/%s" % (VAULT, name, version or "b" * 32), "attributes": attributes}, {}


@pytest.fixture
def tls_server(tmp_path_factory):
    server = AzureServer(tmp_path_factory.mktemp("azure"))
    yield server
    server.close()


@pytest.fixture
def azure(tls_server, monkeypatch):
    """Options that reach the vault by its own name."""
    from azure.keyvault.secrets._shared import http_challenge_cache

    http_challenge_cache.clear()
    monkeypatch.setenv("HTTPS_PROXY", tls_server.proxy)
    return {
        "source": "azure_keyvault",
        "azure_vault_url": "https://" + VAULT,
        "azure_tenant_id": TENANT,
        "azure_client_id": "11111111-aaaa-bbbb-cccc-000000000000",
        "azure_client_secret": CLIENT_SECRET,
        "secret_name": "ssh",
        "ca_path": str(tls_server.ca_path),
    }


def test_azure_reads_once(azure, tls_server):
    assert read(**azure) == KEY
    vault = [request for request in tls_server.requests if request[1] == VAULT]
    assert vault == [("GET", VAULT, "/secrets/ssh/")] * 2, "the challenge, which brings no secret, and the one read"
    assert ("POST", AUTHORITY, "/%s/oauth2/v2.0/token" % TENANT) in tls_server.requests


def test_azure_versions_and_fields(azure):
    assert read(**azure, secret_version="a" * 32) == "not the current one"
    assert read(**{**azure, "secret_name": "json"}, secret_field="private_key") == KEY
    code, text = finding(**azure, secret_version="c" * 32)
    assert (code, text) == (
        "missing",
        "The secret ssh of https://%s does not exist in the version %s. Check secret_name and secret_version."
        " Azure says: A secret with (name/id) ssh was not found in this key vault." % (VAULT, "c" * 32),
    )
    assert "does not exist." in refusal(**{**azure, "secret_name": "none"}, on_missing="fail")


def test_azure_refusals(azure, tls_server):
    tls_server.faults["/secrets/ssh/"] = (403, {"error": {"code": "Forbidden", "message": "The user does not have secrets get permission."}}, {})
    code, text = finding(**azure)
    assert code == "unreadable"
    assert text == (
        "The secret ssh of https://%s may not be read by this identity. It needs the role Key Vault Secrets User or the permission 'get' on secrets,"
        " the secret has to be enabled and the vault's firewall has to let this host in."
        " Azure says: The user does not have secrets get permission." % VAULT
    )
    tls_server.faults["/secrets/ssh/"] = (400, {"error": {"code": "BadParameter", "message": "No."}}, {})
    assert refusal(**azure) == "The secret ssh of https://%s could not be read: the answer was 400. Azure says: No." % VAULT
    wrong = refusal(**{**azure, "azure_client_secret": "CANARY-wrong-secret"})
    assert wrong.startswith("The login for https://%s failed. Check azure_tenant_id, azure_client_id and azure_client_secret" % VAULT)
    assert "AADSTS7000215: Invalid client secret provided." in wrong and "Trace ID" not in wrong


def test_azure_authority_of_another_cloud(azure, tls_server):
    assert read(**azure, azure_authority_host=OWN_AUTHORITY) == KEY
    hosts = [request[1] for request in tls_server.requests]
    assert OWN_AUTHORITY in hosts and AUTHORITY not in hosts and "login.microsoft.com" not in hosts
    assert not any(request[2].endswith("/discovery/instance") for request in tls_server.requests), "Microsoft cannot vouch for this authority"


def test_azure_ambient_credentials_come_last(azure, tls_server, monkeypatch):
    for name, option in (("TENANT_ID", "tenant_id"), ("CLIENT_ID", "client_id")):
        monkeypatch.setenv("AZURE_" + name, azure["azure_" + option])
    monkeypatch.setenv("AZURE_CLIENT_SECRET", CLIENT_SECRET)
    bare = {**azure, "azure_tenant_id": None, "azure_client_id": None, "azure_client_secret": None}
    assert read(**bare) == KEY
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "CANARY-wrong")
    assert read(**azure) == KEY
    assert "CANARY-wrong" not in refusal(**bare)


def test_azure_options(azure, tls_server):
    assert refusal(**{**azure, "azure_tenant_id": None}) == "azure_client_secret needs azure_tenant_id and azure_client_id; azure_tenant_id is missing."
    assert refusal(**{**azure, "azure_vault_url": "http://" + VAULT}) == (
        "azure_vault_url is not an https:// address. Give one such as https://example.vault.azure.net."
    )
    assert refusal(**{**azure, "azure_vault_url": None}) == "source is azure_keyvault, which needs azure_vault_url. Set it."
    assert refusal(**{**azure, "secret_name": "a/b"}) == "secret_name is 'a/b'; a secret of Azure has up to 127 letters, digits and '-' in its name."
    assert tls_server.requests == [], "found without a network"
    untrusted = refusal(**{**azure, "ca_path": None, "timeout": 2})
    assert "did not give an answer" in untrusted and "certificate verify failed" in untrusted.lower()


# ---------------------------------------------------------------------------------------------------- credentials, in no message


HASHICORP = {"source": "hashicorp_vault", "vault_url": "http://127.0.0.1:1", "secret_name": "x"}
AWS = {"source": "aws_ssm", "secret_name": "x", "aws_region": "eu-central-1", "aws_endpoint_url": "http://127.0.0.1:1"}
AWS_KEYS = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "CANARY-aws-secret"}


@pytest.mark.parametrize("mark", ["\n", "\r", "\t", "\0", "\x7f", "\x85"])
@pytest.mark.parametrize(
    ("options", "name"),
    [
        (HASHICORP, "vault_token"),
        ({**HASHICORP, "vault_secret_id": "CANARY-secret-id"}, "vault_role_id"),
        ({**HASHICORP, "vault_role_id": "role"}, "vault_secret_id"),
        ({**HASHICORP, "vault_token": "CANARY-token"}, "vault_namespace"),
        ({**AWS, "aws_secret_access_key": "CANARY-aws-secret"}, "aws_access_key_id"),
        ({**AWS, "aws_access_key_id": "AKIATEST"}, "aws_secret_access_key"),
        ({**AWS, **AWS_KEYS}, "aws_session_token"),
        ({"source": "azure_keyvault"}, "azure_client_secret"),
        (HASHICORP, "BAO_TOKEN"),
        (HASHICORP, "VAULT_TOKEN"),
        (AWS, "AWS_SESSION_TOKEN"),
        (AWS, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_control_characters_in_credentials(options, name, mark, monkeypatch):
    value = "CANARY-abc" + mark
    if name.isupper():
        if mark == "\0":
            return  # the environment cannot have it
        monkeypatch.setenv(name, value)
    else:
        options = {**options, name: value}
    assert refusal(**options) == "%s has a line break or another control character in it. Give it without, in Jinja with '| trim'." % name


def test_letters_that_no_header_takes():
    assert refusal(**HASHICORP, vault_token="CANARY-tökén") == "vault_token has a character in it that is not ASCII. Copy it again."


SECRET = 'CANARY "quoted" \\back/slash+ü'


@pytest.mark.parametrize("written", [str, repr, ascii, lambda text: repr(text.encode()), json.dumps, urllib.parse.quote, urllib.parse.quote_plus])
@pytest.mark.parametrize("padding", [0, 285, 290, 295])
def test_no_way_of_writing_a_secret_is_shown(written, padding, http_server, monkeypatch):
    """Also where the message is cut within the secret, and when the secret comes from the environment or was issued."""
    text = "x" * padding + written(SECRET)
    http_server.route("POST", "/v1/auth/*", {"auth": {"client_token": "CANARY-issued-token"}})
    http_server.route("GET", "/v1/*", (500, {"errors": [text + " CANARY-issued-token"]}))
    role = {**HASHICORP, "vault_url": http_server.url, "vault_role_id": "role", "vault_secret_id": SECRET}
    assert "CANARY" not in refusal(**role)
    http_server.route("POST", "/", (400, {"__type": "InvalidParameterException", "Message": text}))
    for name in ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert "CANARY" not in refusal(**{**AWS, "aws_endpoint_url": http_server.url})


def test_credentials_that_boto3_finds_are_not_shown(http_server, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = CANARY-in-a-file\n")
    http_server.route("POST", "/", (400, {"__type": "InvalidParameterException", "Message": "not CANARY-in-a-file"}))
    assert "InvalidParameterException: not ***." in refusal(**{**AWS, "aws_endpoint_url": http_server.url})


def test_the_token_of_azure_is_not_shown(azure, tls_server):
    tls_server.faults["/secrets/ssh/"] = (400, {"error": {"code": "BadParameter", "message": "No " + tls_server.token}}, {})
    assert refusal(**azure).endswith("Azure says: No ***.")


def test_a_vault_that_drips():
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        with contextlib.suppress(OSError):
            connection = listener.accept()[0]
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.2):
                    connection.sendall(b" ")

    threading.Thread(target=serve, daemon=True).start()
    url = "http://127.0.0.1:%d" % listener.getsockname()[1]
    start = time.monotonic()
    text = refusal(**{**HASHICORP, "vault_url": url, "timeout": 1}, vault_token="CANARY-token")
    over.set()
    listener.close()
    assert time.monotonic() - start < 5
    assert text == "The secret secret/x of the vault at %s was not read within 1 seconds. Check the network and the server, or raise timeout." % url


# ---------------------------------------------------------------------------------------------------------------- a value


def test_a_value():
    assert read(source="value", value=KEY) == KEY
    assert read(source="value", value=json.dumps({"key": KEY}), secret_field="key") == KEY
    assert read(source="value", value={"key": KEY}, secret_field="key") == KEY
    assert refusal(source="value") == "source is value, which needs value. Set it."
    for value in (12, [KEY], True):
        with pytest.raises(Problem, match="^value is not text"):
            obtain(params(source="value", value=value))


@pytest.mark.parametrize("module", ["ssh_key_check", "ssh_private_key"])
def test_a_value_is_never_shown(module, run_module, tmp_path):
    dest = {"dest": str(tmp_path / "home" / "key")} if module == "ssh_private_key" else {}
    for value, failed in ((KEY.rstrip("\n"), False), (KEY.replace("\n", "\r\n"), module == "ssh_key_check"), (KEY[:200], True), ({"private_key": KEY}, True)):
        result, output = run_module(module, {"source": "value", "value": value, **dest}, "-vvv", "--diff")
        assert bool(result.get("findings")) is failed, result
        for secret in (BODY, "PRIVATE KEY-----\\n", KEY.splitlines()[1][40:]):
            assert secret not in output
    assert result["changed"] is False
    if dest:
        written = (tmp_path / "home" / "key").read_text()
        assert "".join(written.split()) == "".join(KEY.split()) and "\r" not in written


# ----------------------------------------------------------------------------------------------------- without a library


@pytest.mark.parametrize(
    ("source", "module", "package", "more"),
    [
        ("hashicorp_vault", "hvac", "hvac", {"vault_url": "http://127.0.0.1:1", "vault_token": "t-0123"}),
        ("aws_ssm", "boto3", "boto3", {"aws_region": "eu-central-1"}),
        ("aws_secretsmanager", "boto3", "boto3", {"aws_region": "eu-central-1"}),
        ("azure_keyvault", "azure.identity", "azure-identity", {"azure_vault_url": "https://" + VAULT}),
        ("azure_keyvault", "azure.keyvault", "azure-keyvault-secrets", {"azure_vault_url": "https://" + VAULT}),
    ],
)
def test_libraries_that_are_absent(monkeypatch, source, module, package, more):
    monkeypatch.setitem(sys.modules, module, None)
    if "." in module:
        monkeypatch.delattr(importlib.import_module(module.partition(".")[0]), module.rpartition(".")[2], raising=False)
    assert refusal(source=source, secret_name="x", **more) == (
        "source=%s needs the Python package %s, which %s on the host %s does not have. Install it there with 'pip install %s',"
        " or run the task on a host that has it." % (source, package, sys.executable, os.uname().nodename, package)
    )


# ---------------------------------------------------------------------------------------------------------- the modules


def test_a_check_is_one_read_and_shows_no_secret(vault, bao, http_server, run_module):
    for options in ((), ("--check",)):
        result, output = run_module("ssh_key_check", {**vault, "vault_kv_version": "2"}, "-vvv", *options)
        assert (result["changed"], result["findings"], result["type"], result["login"]) == (False, [], "ed25519", None)
        assert paths(http_server) == [("GET", "/v1/secret/data/team/ssh")]
        assert output.count("Using module file") == 1
        for secret in (bao.reader, BODY, "PRIVATE KEY"):
            assert secret not in output
        http_server.clear()


def test_a_key_is_placed_with_one_read_and_one_execution(vault, bao, http_server, run_module, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    arguments = {**vault, "vault_kv_version": "2", "dest": str(tmp_path / "home" / ".ssh" / "key")}
    for options, changed in ((("--check",), True), ((), True), (("--check",), False), ((), False)):
        result, output = run_module("ssh_private_key", arguments, "-vvv", "--diff", *options)
        assert result["changed"] is changed
        assert paths(http_server) == [("GET", "/v1/secret/data/team/ssh")]
        assert output.count("Using module file") == 1
        for secret in (bao.reader, BODY, "PRIVATE KEY"):
            assert secret not in output
        http_server.clear()
    assert (tmp_path / "home" / ".ssh" / "key").read_text() == KEY
    again, output = run_module("ssh_private_key", {**arguments, "state": "absent"}, "-vvv", "--diff")
    assert (again["changed"], http_server.requests) == (True, [])


@pytest.mark.parametrize(("module", "more"), [("ssh_key_check", {"passphrase": "CANARY-passphrase"}), ("ssh_private_key", {"dest": "/nowhere/at/all"})])
def test_failures_show_no_secret(vault, bao, run_module, module, more, closed_url):
    role = {"vault_token": None, "vault_role_id": bao.role_id, "vault_secret_id": "CANARY-secret-id"}
    aws = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "CANARY-aws-secret", "aws_session_token": "CANARY-session", "aws_region": "eu-central-1"}
    azure = {"azure_client_secret": CLIENT_SECRET, "azure_client_id": "x", "azure_vault_url": "https://" + VAULT, "secret_name": "ssh"}
    for arguments, part in (
        ({"vault_token": "CANARY-no-token"}, "may not be read with these credentials"),
        (role, "The login by AppRole at "),
        ({"allowed_types": ["rsa"]}, "is of the type ed25519"),
        ({"source": "aws_ssm", "aws_endpoint_url": closed_url, **aws}, "did not give an answer: Could not connect"),
        ({"source": "azure_keyvault", **azure}, "azure_tenant_id is missing."),
    ):
        result, output = run_module(module, {**vault, **arguments, **more}, "-vvv")
        assert part in result["msg"]
        assert "Traceback" not in output
        for secret in ("CANARY", bao.reader, BODY, "PRIVATE KEY"):
            assert secret not in output
