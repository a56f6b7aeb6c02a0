# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx lets in who knows the login, over TLS, and nobody past it; the password is nowhere to be seen."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from canary import Canary
from testinfra.host import Host

SITE = "/etc/nginx/conf.d/mlflow-server.conf"
LOGIN, KEY, CERTIFICATE = (f"/etc/sparkflows-mlops/mlflow-proxy.{suffix}" for suffix in ("login", "pem", "crt"))

# Runs in the stack of one host and uses the server of the other; it comes by standard input, so that no argument holds the password.
CLIENT = """
import hashlib, os, tempfile
os.environ.update({environment!r})
import mlflow
folder = tempfile.mkdtemp()
path = os.path.join(folder, "blob")
with open(path, "wb") as file:
    file.write(os.urandom(8 << 20))
with mlflow.start_run() as run:
    mlflow.log_param("depth", 3)
    mlflow.log_artifact(path)
client = mlflow.tracking.MlflowClient()
assert client.get_run(run.info.run_id).data.params == {{"depth": "3"}}
back = client.download_artifacts(run.info.run_id, "blob", tempfile.mkdtemp())
same = [hashlib.sha256(open(name, "rb").read()).hexdigest() for name in (path, back)]
assert same[0] == same[1], same
print("same", len(open(back, "rb").read()))
"""


class Server:
    """The tracking server of a host as others reach it."""

    def __init__(self, name: str, host: Host, address: str, testbed: Path) -> None:
        self.name = name
        self.host = host
        self.address = address
        self._testbed = testbed

    def password(self, number: int = 1) -> str:
        """The password that the inventory derives."""
        token = (self._testbed / "agent_token").read_text().rstrip("\n")
        return "p@ss:$/'" + hashlib.sha256(f"{token}{number}".encode()).hexdigest()

    def run(self, command: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the login user with a script as its input: arguments can be seen, and sudo writes them to the journal."""
        login = ["ssh", "-F", str(self._testbed / "ssh_config"), self.name, command]
        return subprocess.run(login, input=script, capture_output=True, text=True, check=False, timeout=120)

    def ask(
        self, secret: str | None = None, path: str = "/health", version: ssl.TLSVersion | None = None, certificate: str = CERTIFICATE
    ) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer, with a certificate of the host as the only CA."""
        context = ssl.create_default_context(cadata=self.host.check_output("cat %s", certificate))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if version:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        request = urllib.request.Request(f"https://{self.address}:5443{path}")
        if secret is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"sparkflows:{secret}".encode()).decode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers)

    def listens(self, port: int) -> bool:
        try:
            socket.create_connection((self.address, port), 5).close()
        except ConnectionRefusedError:
            return False
        return True


@pytest.fixture(scope="session")
def servers(on: Callable[[str], Host], containers: dict[str, dict[str, str]], pytestconfig: pytest.Config) -> list[Server]:
    testbed = Path(pytestconfig.option.ssh_config).parent
    return [Server(name, on(name), containers[name]["address"], testbed) for name in ("debian13", "debian12")]


class SetUp:
    """What the first runs on hosts never seen said and did, and where a secret got out."""

    def __init__(self, operator: Any, watch: Canary) -> None:
        self.predicted = operator.play("server.yml", "--check", "--diff", "-vvv")
        with watch.watching():
            self.real = operator.play("server.yml", "--diff", "-vvv")
        self.again = operator.play("server.yml", "--diff", "-vvv")
        self.escapes = watch.escapes("\n".join(run.output for run in (self.predicted, self.real, self.again)))


def secrets(server: Server, number: int) -> dict[str, str]:
    secret = server.password(number)
    header = base64.b64encode(f"sparkflows:{secret}".encode()).decode()
    return {"the password": secret, "the password, quoted in whatever way": secret[-64:], "the password in a header": header}


@pytest.fixture(scope="session")
def first(operator, servers: list[Server]) -> SetUp:
    return SetUp(operator, Canary(secrets(servers[0], 1), {server.name: server.host for server in servers}))


def tasks(changed: list[tuple[str, str]]) -> set[str]:
    return {task.rpartition(" : ")[2] for task, _host in changed}


def steps(changed: list[tuple[str, str]]) -> set[str]:
    """As in "Proxy login"; check mode may word the task itself otherwise."""
    return {task.split(" |")[0] for task in tasks(changed)}


def test_first_run(first: SetUp) -> None:
    assert steps(first.real.changed) == steps(first.predicted.changed)
    assert first.again.unchanged
    # One reading of each host tells what would stop the role and what it compares.
    modules = Counter(re.findall(r"Using module file \S+/(\w+)\.py", first.again.output))
    assert modules == {"host_info": 2}
    assert first.escapes == []


def test_who_is_let_in(first: SetUp, servers: list[Server]) -> None:
    for server in servers:
        for path in ("/health", "/", "/api/2.0/mlflow/experiments/list", "/no-such-page"):
            assert server.ask(path=path)[0] == 401
            assert server.ask("wrong", path)[0] == 401
        status, headers = server.ask(server.password())
        assert status == 200
        assert headers["Server"] == "nginx"
        assert headers["Tracking-Server-Name"] == server.name
        assert server.ask(server.password(), "/api/2.0/mlflow/experiments/list")[0] == 200
        assert not server.listens(5000)


def test_transport(first: SetUp, servers: list[Server]) -> None:
    for server in servers:
        assert server.ask(server.password(), version=ssl.TLSVersion.TLSv1_2)[0] == 200
        with pytest.raises((urllib.error.URLError, ssl.SSLError)):
            server.ask(server.password(), version=ssl.TLSVersion.TLSv1_1)
        assert server.host.file(KEY).mode == 0o600
        assert (server.host.file(LOGIN).mode, server.host.file(LOGIN).user, server.host.file(LOGIN).group) == (0o640, "root", "www-data")


def test_a_client_logs_a_run_and_an_artifact(first: SetUp, servers: list[Server]) -> None:
    one, other = servers
    certificate = other.host.check_output("cat %s", CERTIFICATE)
    environment = {
        "MLFLOW_TRACKING_URI": f"https://{other.address}:5443",
        "MLFLOW_TRACKING_USERNAME": "sparkflows",
        "MLFLOW_TRACKING_PASSWORD": other.password(),
        "MLFLOW_TRACKING_SERVER_CERT_PATH": "/tmp/tracking.crt",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    script = f"open('/tmp/tracking.crt', 'w').write({certificate!r})\n" + CLIENT.format(environment=environment)
    done = one.run("/opt/sparkflows/stack/current/bin/python -", script)
    assert done.stdout.splitlines()[-1:] == [f"same {8 << 20}"], done.stderr


@pytest.fixture
def restored(operator, servers: list[Server]) -> Iterator[None]:
    """The login of the inventory again after a test."""
    yield
    operator.play("server.yml")
    assert [server.ask(server.password())[0] for server in servers] == [200, 200]


def test_life(operator, canary, first: SetUp, restored: None, servers: list[Server]) -> None:
    watch = canary(secrets(servers[0], 2))
    with watch.watching():
        change = operator.play("server.yml", "--diff", "-vvv", tracking_password_number=2)
    assert tasks(change.changed) == {"Proxy login | Write the login"}
    assert watch.escapes(change.output) == []
    for server in servers:
        assert server.ask(server.password(1))[0] == 401
        assert server.ask(server.password(2))[0] == 200

    for server in servers:
        server.host.check_output(
            "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tracking -addext subjectAltName=IP:%s -keyout /etc/ssl/site.key -out /etc/ssl/site.crt",
            server.address,
        )
    certificate = {
        "mlflow_server_proxy_certificate": "path",
        "mlflow_server_proxy_certificate_path": "/etc/ssl/site.crt",
        "mlflow_server_proxy_private_key_path": "/etc/ssl/site.key",
    }
    change = operator.play("server.yml", "--diff", **certificate)
    assert steps(change.changed) == {"Proxy leftovers", "Proxy login", "Proxy site"}
    for server in servers:
        assert server.ask(server.password(), certificate="/etc/ssl/site.crt")[0] == 200
        assert not server.host.file(KEY).exists

    # What nginx has in memory is not what the files say.
    servers[0].host.check_output("touch %s", SITE)
    servers[1].host.check_output("openssl req -x509 -key /etc/ssl/site.key -subj /CN=renewed -out /etc/ssl/site.crt")
    change = operator.play("server.yml", "--diff", **certificate)
    assert ("Proxy site | Start or reload nginx", "debian13") in [(task.rpartition(": ")[2], host) for task, host in change.changed]
    assert "renewed" in servers[1].host.check_output("openssl s_client -connect 127.0.0.1:5443 </dev/null 2>/dev/null | grep subject=")

    predicted = operator.play("server.yml", "--check", "--diff", mlflow_server_proxy="none")
    # The hosts answer in any order.
    assert sorted(operator.play("server.yml", mlflow_server_proxy="none").changed) == sorted(predicted.changed)
    for server in servers:
        assert server.host.run("ls /etc/nginx/conf.d/* /etc/sparkflows-mlops/mlflow-proxy*").stdout == ""
        assert not server.listens(5443)
        assert not server.listens(5000)
        assert server.host.service("nginx").is_running
    assert operator.play("server.yml", mlflow_server_proxy="none").unchanged


def test_what_works_stays(operator, first: SetUp, servers: list[Server]) -> None:
    host = servers[0].host
    before = host.check_output("sha256sum %s", SITE)
    host.check_output("echo 'nonsense;' > /etc/nginx/conf.d/other.conf")
    try:
        run = operator.play("server.yml", "--limit", "debian13", fails=True, mlflow_server_proxy_timeout=700)
        assert re.search(f"nginx on debian13 does not take its configuration with {SITE}; what was there before is back. It said: .*nonsense", run.text)
    finally:
        host.check_output("rm /etc/nginx/conf.d/other.conf")
    assert host.check_output("sha256sum %s", SITE) == before
    assert host.check_output("ls /etc/nginx/conf.d") == "mlflow-server.conf"
    assert servers[0].ask(servers[0].password())[0] == 200


BAD_INPUT = {
    "no password": ({"mlflow_server_proxy_password": ""}, "characters on one line; it is missing. Take one from `openssl rand -base64 24`"),
    "line end": ({"mlflow_server_proxy_password": "one-long-line\n"}, "characters on one line; it is followed by a line break, which `| trim`"),
    "number": ({"mlflow_server_proxy_password": 123456789012}, "characters on one line; it is not text, so put quotes around it. Take one"),
    "one port": ({"mlflow_server_proxy_port": 5000}, "mlflow_server_port and mlflow_server_proxy_port are both 5000; give each a port of its own."),
    "open server": ({"mlflow_server_listen_address": "0.0.0.0"}, "where the server could be reached without the login"),
    "no such certificate": (
        {"mlflow_server_proxy_certificate_path": "/etc/ssl/none.crt", "mlflow_server_proxy_private_key_path": "/etc/ssl/none.key"},
        "The certificate /etc/ssl/none.crt can't be read: No such file or directory.",
    ),
    "key of another": (
        {"mlflow_server_proxy_certificate_path": CERTIFICATE, "mlflow_server_proxy_private_key_path": "/etc/ssh/ssh_host_ecdsa_key"},
        "mlflow_server_proxy_private_key_path must name a certificate and its key on the host, both in PEM format.",
    ),
    "port of another": ({"mlflow_server_proxy_port": 2222}, "Port 2222, wanted for mlflow_server_proxy_port, is held by python3"),
}  # fmt: skip


@pytest.fixture(scope="module")
def stranger(servers: list[Server]) -> Iterator[None]:
    """A process of somebody else on the port 2222 of the first host."""
    host = servers[0].host
    host.check_output("systemd-run --quiet --unit=stranger --property=Type=exec python3 -m http.server 2222")
    host.check_output("until ss -Htln 'sport = :2222' | grep -q .; do sleep 0.05; done")
    yield
    host.check_output("systemctl stop stranger")


@pytest.mark.parametrize("fault", BAD_INPUT)
def test_bad_input(operator, first: SetUp, stranger: None, servers: list[Server], fault: str) -> None:
    variables, sentence = BAD_INPUT[fault]
    if "mlflow_server_proxy_certificate_path" in variables:
        variables = {**variables, "mlflow_server_proxy_certificate": "path"}
    servers[0].host.check_output("touch /run/mark; sleep 0.01")
    run = operator.play("server.yml", "--limit", "debian13", fails=True, **variables)
    assert sentence in run.text
    assert run.changed == []
    assert servers[0].host.check_output("find /etc /var/lib/mlflow-server /usr -xdev -type f -cnewer /run/mark") == ""
