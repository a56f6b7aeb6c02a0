# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins: which step fails, and that a host whose key is not known is never sent anything."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import socket
import subprocess
import sys
import threading
import time

import paramiko
import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_check import run
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import policy_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.login import KnownKeys, login_argument_spec, read_known_hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import parse_public_key
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import source_argument_spec


def keygen(*arguments):
    return subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Paths of private keys by name; `host` and `host-rsa` are of the server, `stranger` of nobody."""
    folder = tmp_path_factory.mktemp("login")
    folder.chmod(0o700)
    kinds = {"ed25519": ("ed25519",), "rsa": ("rsa", "-b", "3072", "-m", "PKCS8"), "ecdsa": ("ecdsa",), "host": ("ed25519",), "stranger": ("ed25519",)}
    for name, kind in {**kinds, "host-rsa": ("rsa", "-b", "3072", "-m", "PEM")}.items():
        keygen("-q", "-t", *kind, "-N", "", "-f", folder / name)
    return {path.name: path for path in folder.iterdir() if not path.suffix}


class SshServer:
    """An SSH server in this process. It lets `me` in with the keys in `accepted`, and answers commands from `commands`: (status, output)."""

    def __init__(self, keys):
        self.accepted = [parse_public_key(keys[name].with_suffix(".pub").read_text()) for name in ("ed25519", "rsa", "ecdsa")]
        self.commands = {"true": (0, b""), "id": (0, b"uid=1(me)\n"), "false": (3, b"no such luck\n"), "silent": (1, b""), "hang": None}
        self.attempts = []
        self.methods = "publickey"
        self.second_factor = False
        self.host_keys = [paramiko.Ed25519Key.from_private_key_file(str(keys["host"])), paramiko.RSAKey.from_private_key_file(str(keys["host-rsa"]))]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._transports = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                transport = paramiko.Transport(connection)
                for key in self.host_keys:
                    transport.add_server_key(key)
                self._transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(event=threading.Event(), server=_Interface(self))

    def close(self):
        self._listener.close()
        for transport in self._transports:
            transport.close()


class _Interface(paramiko.ServerInterface):
    def __init__(self, server):
        self.server = server

    def get_allowed_auths(self, username):
        return self.server.methods

    def check_auth_publickey(self, username, key):
        self.server.attempts.append(username)
        if username == "me" and key.asbytes() in self.server.accepted:
            return paramiko.AUTH_PARTIALLY_SUCCESSFUL if self.server.second_factor else paramiko.AUTH_SUCCESSFUL
        return paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        answer = self.server.commands.get(command.decode(), 0)
        if answer == 0:
            return False

        def reply():
            if answer is not None:
                channel.sendall(answer[1])
                channel.send_exit_status(answer[0])
                channel.close()

        threading.Timer(0.05, reply).start()
        return True


@pytest.fixture
def server(keys):
    server = SshServer(keys)
    yield server
    server.close()


@pytest.fixture
def login(keys, server):
    """`login(**options)` checks the key ed25519 with a login at the server; returns the result."""

    def attempt(**options):
        specs = {**source_argument_spec(), **policy_argument_spec(), **login_argument_spec()}
        defaults = {name: option.get("default") for name, option in specs.items()}
        own = {"path": str(keys[options.pop("key", "ed25519")]), "host": "127.0.0.1", "port": server.port, "user": "me", "login_timeout": 5}
        host_key = [keys["host"].with_suffix(".pub").read_text()]
        return run({**defaults, "passphrase": None, "fail_on_findings": False, "host_key": host_key, **own, **options})

    return attempt


def codes(result):
    return [finding["code"] for finding in result["findings"]]


@pytest.mark.parametrize("key", ["ed25519", "rsa", "ecdsa"])
def test_a_login(login, keys, server, key):
    result = login(key=key)
    host = keygen("-lf", keys["host"]).split()[1]
    assert result["findings"] == []
    assert (result["login"]["succeeded"], result["login"]["stage"], result["login"]["address"]) == (True, "command", "127.0.0.1")
    assert (result["login"]["host_key_fingerprint"], result["login"]["exit_status"]) == (host, None)
    assert result["login"]["server"].startswith("SSH-2.0-")


def test_ways_to_give_a_host_key(login, keys, server, tmp_path):
    host, rsa = (keys[name].with_suffix(".pub").read_text().rpartition(" ")[0] for name in ("host", "host-rsa"))
    print_of_host = keygen("-lf", keys["host"]).split()[1]
    known = tmp_path / "known_hosts"
    assert login(host_key=[print_of_host])["findings"] == []
    assert login(host_key=[keys["stranger"].with_suffix(".pub").read_text(), host])["findings"] == []
    assert login(host_key=[rsa])["login"]["host_key"] == rsa, "a host with several keys is asked for the known one"
    known.write_text("# managed\nother ssh-ed25519 AAAA\n[127.0.0.1]:%d %s comment\n" % (server.port, host))
    assert login(host_key=None, known_hosts=str(known))["findings"] == []
    keygen("-q", "-H", "-f", known)
    assert "127.0.0.1" not in known.read_text()
    assert login(host_key=None, known_hosts=str(known))["findings"] == []
    known.write_text("@revoked * %s\n[127.0.0.1]:%d %s\n" % (host, server.port, host))
    assert codes(login(host_key=None, known_hosts=str(known))) == ["host_key_revoked"]
    assert codes(login(host_key=[host], known_hosts=str(known))) == ["host_key_revoked"]


def test_a_stranger_is_sent_nothing(login, keys, server, tmp_path):
    (tmp_path / "known_hosts").touch()
    shown = "ssh-ed25519 " + keygen("-lf", keys["host"]).split()[1]
    for options in ({"host_key": None}, {"host_key": None, "known_hosts": str(tmp_path / "known_hosts")}):
        result = login(**options)
        assert result["findings"] == [
            {
                "code": "host_key_unknown",
                "sentence": "The host key of 127.0.0.1 port %d is not known; it shows %s. Compare that on the host itself"
                " (ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub), then give it with host_key or known_hosts." % (server.port, shown),
            }
        ]
        assert (result["login"]["succeeded"], result["login"]["stage"]) == (False, "host_key")
    assert codes(login(host_key=[keys["stranger"].with_suffix(".pub").read_text()])) == ["host_key_mismatch"]
    assert codes(login(host_key=["SHA256:" + "A" * 43])) == ["host_key_mismatch"]
    assert server.attempts == []


def test_name_resolution_and_tcp(login, server):
    result = login(host="name.invalid")
    assert (codes(result), result["login"]["stage"]) == (["login_resolution"], "resolution")
    assert result["findings"][0]["sentence"].startswith("The name name.invalid does not resolve here: ")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        result = login(port=port)
    assert (codes(result), result["login"]["stage"]) == (["login_tcp"], "tcp")
    assert result["findings"][0]["sentence"] == (
        "No connection to 127.0.0.1 port %d: 127.0.0.1: Connection refused. Check host, port, that sshd runs, and firewalls in between." % port
    )


def test_what_does_not_speak_ssh(login, http_server):
    result = login(port=http_server.port, login_timeout=2)
    assert codes(result) == ["login_protocol"]
    assert result["findings"][0]["sentence"].startswith("127.0.0.1 port %d does not speak SSH as expected: " % http_server.port)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        start = time.monotonic()
        assert codes(login(port=mute.getsockname()[1], login_timeout=1)) == ["login_protocol"]
        assert time.monotonic() - start < 10


def dripping(greeting):
    """A server that says `greeting` and then a byte now and then; returns its port and a function that ends it."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        with contextlib.suppress(OSError):
            connection = listener.accept()[0]
            with connection:
                connection.sendall(greeting)
                while not over.wait(0.2):
                    connection.sendall(b"x")

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], lambda: (over.set(), listener.close())


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-slow\r\n\0\0\x07\xfc", b"welcome\r\n"])
def test_a_server_that_drips(login, greeting):
    port, end = dripping(greeting)
    start = time.monotonic()
    result = login(port=port, login_timeout=2)
    end()
    assert time.monotonic() - start < 5
    assert result["findings"] == [
        {
            "code": "login_protocol",
            "sentence": "127.0.0.1 port %d accepts connections, but gave no answer in the language of SSH within 2 seconds."
            " Check port, or raise login_timeout." % port,
        }
    ]


def test_a_server_that_stops_in_mid_login(login, server, monkeypatch):
    for name, code in (("check_auth_publickey", "login_authentication"), ("check_channel_exec_request", "login_command")):
        with monkeypatch.context() as patch:
            patch.setattr(_Interface, name, lambda *dummy: time.sleep(6) or False)
            start = time.monotonic()
            result = login(login_timeout=2, login_command="true")
            assert time.monotonic() - start < 5.5
        assert codes(result) == [code]
        assert "within 2 seconds" in result["findings"][0]["sentence"]


def test_the_fingerprint_of_one_of_several_host_keys(login, keys, server):
    rsa = keys["host-rsa"].with_suffix(".pub").read_text().rpartition(" ")[0]
    result = login(host_key=[keygen("-lf", keys["host-rsa"]).split()[1]], login_command="true")
    assert (result["findings"], result["login"]["succeeded"], result["login"]["host_key"]) == ([], True, rsa)
    stranger = login(host_key=[keygen("-lf", keys["stranger"]).split()[1]])
    assert codes(stranger) == ["host_key_mismatch"]
    assert "shows ssh-ed25519 " + keygen("-lf", keys["host"]).split()[1] in stranger["findings"][0]["sentence"]


def test_certificates_that_do_not_fit_keep_all_findings(login, keys, server, tmp_path):
    def certified(name):
        (tmp_path / "c.pub").write_bytes(keys[name].with_suffix(".pub").read_bytes())
        keygen("-q", "-s", keys["stranger"], "-I", "id", "-n", "me", tmp_path / "c.pub")
        return (tmp_path / "c-cert.pub").read_text()

    assert login(certificate=certified("ed25519"))["login"]["stage"] in ("authentication", "command")
    attempts = len(server.attempts)
    for certificate, code in ((certified("rsa"), "certificate_mismatch"), ("junk", "certificate_unreadable"), ("ssh-ed25519 AAAA", "certificate_unreadable")):
        result = login(certificate=certificate, allowed_types=["rsa"])
        assert codes(result) == ["type_not_allowed", code, "login_impossible"]
        assert result["findings"][-1]["sentence"].endswith("was not tried, because certificate cannot be used.")
    assert len(server.attempts) == attempts


def test_authentication(login, keys, server):
    result = login(key="stranger")
    assert (codes(result), result["login"]["stage"]) == (["login_authentication"], "authentication")
    assert result["findings"][0]["sentence"].startswith(
        "127.0.0.1 port %d does not accept the key %s for me: " % (server.port, keygen("-lf", keys["stranger"]).split()[1])
    )
    assert codes(login(user="you")) == ["login_authentication"]
    assert server.attempts[-1] == "you"
    server.second_factor, server.methods = True, "password"
    assert "wants more than the key from me: password." in login()["findings"][0]["sentence"]


def test_no_login_with_keys(login, server):
    server.methods = "password"
    server.accepted = []
    result = login()
    assert codes(result) == ["login_authentication"]
    assert "it offers password" in result["findings"][0]["sentence"]


def test_commands(login, server):
    result = login(login_command="id")
    assert (result["findings"], result["login"]["exit_status"], result["login"]["output"]) == ([], 0, "uid=1(me)\n")
    where = "127.0.0.1 port %d" % server.port
    for command, sentence in (
        ("false", "The command ended with the exit status 3 on %s. no such luck." % where),
        ("silent", "The command ended with the exit status 1 on %s. It printed nothing." % where),
        ("hang", "The command did not end on %s within 1 seconds. Raise login_timeout, or check the command." % where),
    ):
        result = login(login_command=command, login_timeout=1 if command == "hang" else 5)
        assert result["findings"] == [{"code": "login_command", "sentence": sentence}]
        assert (result["login"]["succeeded"], result["login"]["stage"]) == (False, "command")
    refused = login(login_command="refused")
    assert refused["findings"][0]["sentence"].startswith("The command could not be run on %s: " % where)


def test_a_key_that_cannot_be_used_is_not_tried(login, keys, server, tmp_path):
    tmp_path.chmod(0o700)
    result = login(path=str(tmp_path / "none"))
    assert codes(result) == ["missing", "login_impossible"]
    assert server.attempts == []


def test_findings_about_the_key_do_not_keep_from_the_login(login, server):
    result = login(allowed_types=["rsa"])
    assert (codes(result), result["login"]["succeeded"]) == (["type_not_allowed"], True)


def test_options(login, tmp_path):
    for options, sentence in (
        ({"user": None}, "host is given, but not user. Say with user who logs in."),
        ({"port": 0}, "port is 0; a port is a number from 1 to 65535."),
        ({"login_timeout": 0}, "login_timeout is 0; it must be at least one second."),
        ({"host_key": ["x"]}, "host_key is not a public key of SSH. Give a line such as 'ssh-ed25519 AAAA…', or a fingerprint such as SHA256:…."),
        ({"known_hosts": "/no/file"}, "known_hosts is /no/file, but there is no such file. Correct it, or give the key with host_key."),
    ):
        with pytest.raises(Problem) as caught:
            login(**options)
        assert str(caught.value) == sentence


def test_without_the_library(login, monkeypatch):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(Problem) as caught:
        login()
    assert str(caught.value).startswith("host, which asks for a login, needs the Python package paramiko, which ")


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\xa0"])
def test_what_only_python_takes_for_a_line_end_or_a_blank(mark, tmp_path):
    blob = "AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr"
    text = "# comment%sone ssh-ed25519 %s\ntwo ssh-ed25519 %s c%sd\nthree%sssh-ed25519 %s\n" % (mark, blob, blob, mark, mark, blob)
    (tmp_path / "known").write_text(text)
    for name in ("one", "two", "three"):
        known = KnownKeys([], [], [])
        read_known_hosts(text, name, 22, known)
        found = subprocess.run(["ssh-keygen", "-F", name, "-f", tmp_path / "known"], capture_output=True, check=False).returncode == 0
        assert bool(known) is found is (name == "two")


def hashed(name):
    salt = b"s" * 20
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|%s|%s" % (base64.b64encode(salt).decode(), base64.b64encode(digest).decode())


@pytest.mark.parametrize(
    ("names", "host", "port", "found"),
    [
        ("one,two.example.com", "two.example.com", 22, True),
        ("TWO.example.com", "two.EXAMPLE.com", 22, True),
        ("*.example.com", "two.example.com", 22, True),
        ("*.example.com,!two.example.com", "two.example.com", 22, False),
        ("[two]:2222", "two", 2222, True),
        ("[two]:2222", "two", 22, False),
        ("two", "two", 2222, False),
        (hashed("[two]:2222"), "two", 2222, True),
        (hashed("two"), "one", 22, False),
        ("|1|!|!", "two", 22, False),
    ],
)
def test_names_in_known_hosts(names, host, port, found):
    blob = "AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr"
    known = KnownKeys([], [], [])
    read_known_hosts("\n# x\n@cert-authority * ssh-ed25519 %s\nshort line\n%s ssh-ed25519 %s\n" % (blob, names, blob), host, port, known)
    assert bool(known) is found
