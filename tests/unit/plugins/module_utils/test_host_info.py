# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_info reads, on the machine that runs the tests."""

from __future__ import annotations

import os
import pwd
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import reading as host_info
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.addresses import addresses

NOTHING = {
    "jdk_home": None, "python": None, "venv": None, "lock": None, "units": [], "ports": [], "files": [], "users": [], "groups": [], "paths": [], "commands": [],
    "urls": [], "certificates": [], "packages": [], "package_lock_wait": 0, "databases": [], "in_use": [], "predictions": [],
    "addresses": False,
}  # fmt: skip
HASH = " --hash=sha256:" + "0" * 64


def read(**options):
    return host_info.read({**NOTHING, **options})


def test_without_options():
    host = read()
    assert host["architecture"] == os.uname().machine
    assert 0 < host["memory_mb"]["available"] <= host["memory_mb"]["total"]
    assert host["cgroup_version"] in (1, 2)
    assert isinstance(host["fips"], bool)
    assert host["ipv6"] is listens_on_ipv6()
    assert host["selinux"] in ("enforcing", "permissive", "disabled")
    assert (host["jdk"], host["python"], host["distributions"], host["units"], host["ports"]) == (None, None, None, {}, {})


def listens_on_ipv6():
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_no_ipv6_where_the_kernel_refuses_it(monkeypatch):
    def refuse(*_arguments):
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    assert host_info.ipv6() is False


def test_addresses_are_those_that_the_kernel_routes_to_itself():
    assert read()["addresses"] == []
    found = read(addresses=True)["addresses"]
    assert "127.0.0.1" in found and "0.0.0.0" not in found
    for address in found:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        # One of link is no address without its interface.
        if not address.startswith("fe80:"):
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((address, 0))


def test_addresses_of_other_hosts_are_none_of_its_own(tmp_path):
    (tmp_path / "fib_trie").write_text(
        "Main:\n  +-- 0.0.0.0/0 3 0 4\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.0.0.9\n        /32 link BROADCAST\n"
        "     |-- 10.0.0.10\n        /24 link UNICAST\n        /32 host LOCAL\n     |-- 10.0.0.2\n        /32 host LOCAL tos=1\n"
        "     |-- 10.0.0.30\n        /32 universe UNICAST\nLocal:\n     |-- 10.0.0.2\n        /32 host LOCAL\n     |-- 10.9.0.0\n        /16 host LOCAL\n"
    )
    (tmp_path / "if_inet6").write_text("20010db8000000000000000000000004 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n")
    assert addresses(str(tmp_path)) == ["10.0.0.2", "10.0.0.10", "::1", "2001:db8::4"]
    assert addresses(str(tmp_path / "gone")) == []


def test_it_is_quick():
    started = time.perf_counter()
    read(python=sys.executable, ports=[1, 2], files=[{"path": "/etc/hostname", "content": None}], users=["root"], paths=["/opt/x"], commands=["sh"])
    assert time.perf_counter() - started < 1, "it takes 0.05 s, but this machine may be busy"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'ID=debian\nVERSION_ID="13"\nVERSION="13 (trixie)"\nVERSION_CODENAME=trixie\n',
            {"family": "Debian", "distribution": "Debian", "major_version": "13", "release_name": "trixie"},
        ),
        (
            'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n',
            {"family": "Debian", "distribution": "Ubuntu", "major_version": "24", "release_name": "noble"},
        ),
        (
            'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\nVERSION="9.4 (Blue Onyx)"\n',
            {"family": "RedHat", "distribution": "Rocky", "major_version": "9", "release_name": "Blue Onyx"},
        ),
        (
            'NAME="Amazon Linux"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
            {"family": "RedHat", "distribution": "Amazon", "major_version": "2023", "release_name": ""},
        ),
        (
            "ID=\"rhel\"\nID_LIKE='fedora'\nVERSION_ID='8.10'\n",
            {"family": "RedHat", "distribution": "RedHat", "major_version": "8", "release_name": ""},
        ),
        (
            "NAME='Linux Mint'\nID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID='22'\n",
            {"family": "Debian", "distribution": "Linux Mint", "major_version": "22", "release_name": ""},
        ),
        ("NAME=Alpine\nID=alpine\n", {"family": "alpine", "distribution": "Alpine", "major_version": "", "release_name": ""}),
    ],
)
def test_os_names_are_those_of_ansible(text, expected):
    assert host_info.os_facts(text) == expected


class TestFiles:
    def test_kinds(self, tmp_path):
        file = tmp_path / "file"
        file.write_text("größe\n")
        file.chmod(0o640)
        (tmp_path / "link").symlink_to("file")
        (tmp_path / "dangling").symlink_to("nowhere")
        paths = [file, tmp_path / "link", tmp_path / "dangling", tmp_path, tmp_path / "none", file / "below"]
        found = read(files=[{"path": str(path), "content": None} for path in paths])["files"]
        assert [found[str(path)]["kind"] for path in paths] == ["file", "link", "link", "directory", None, None]
        assert found[str(file)] == {
            "exists": True, "kind": "file", "mode": "0640", "owner": pwd.getpwuid(os.geteuid()).pw_name, "group": found[str(tmp_path)]["group"],
            "size": 8, "mtime": file.stat().st_mtime, "target": None, "leads_to": [], "matches": None, "entries": None,
            "contains": {}, "text": None,
        }  # fmt: skip
        assert found[str(tmp_path / "link")]["target"] == "file"
        assert found[str(file / "below")]["exists"] is False

    def test_every_step_of_a_link_is_told(self, tmp_path):
        (tmp_path / "real" / "bin").mkdir(parents=True)
        (tmp_path / "real" / "bin" / "python3.7").touch()
        (tmp_path / "opt").symlink_to("real")
        (tmp_path / "venv").mkdir()
        (tmp_path / "venv" / "python").symlink_to("python3.7")
        (tmp_path / "venv" / "python3.7").symlink_to(tmp_path / "opt" / "bin" / "python3.7")
        assert host_info.leads_to(str(tmp_path / "venv" / "python")) == [
            str(tmp_path / place / "python3.7") for place in ("venv", "opt/bin", "real/bin")
        ]  # fmt: skip
        assert host_info.leads_to(str(tmp_path / "opt" / "bin")) == [str(tmp_path / "real" / "bin")]
        assert host_info.leads_to(str(tmp_path / "real")) == []
        (tmp_path / "loop").symlink_to("loop")
        assert host_info.leads_to(str(tmp_path / "loop")) == []

    @pytest.mark.parametrize(
        ("held", "wanted", "expected"),
        [("größe\n", "größe\n", True), ("größe\n", "größe", False), ("", "", True), ("a\r\n", "a\n", False), ("abc", "abd", False), (None, "x", False)],
    )
    def test_matches_is_exact(self, tmp_path, held, wanted, expected):
        path = tmp_path / "file"
        if held is not None:
            path.write_bytes(held.encode())
        found = read(files=[{"path": str(path), "content": wanted}])["files"][str(path)]
        assert found["matches"] is expected
        assert "content" not in found

    def test_a_link_never_matches(self, tmp_path):
        (tmp_path / "file").write_text("x")
        (tmp_path / "link").symlink_to("file")
        assert host_info.file_facts(str(tmp_path / "link"), "x")["matches"] is False

    def test_unreadable(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("x")

        def refuse(*args, **options):
            raise PermissionError

        monkeypatch.setattr("builtins.open", refuse)
        with pytest.raises(Problem, match="can't be read by this user, so it can't be compared. Run the task with become"):
            host_info.file_facts(str(tmp_path / "file"), "y")


class TestPorts:
    @pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
    def test_a_listener_is_named(self, family, address):
        try:
            listener = socket.create_server((address, 0), family=family)
        except OSError:
            pytest.skip("this machine has no " + address)
        with listener:
            port = listener.getsockname()[1]
            found = read(ports=[port])["ports"][str(port)]
            assert (found["address"], found["pid"]) == (address, os.getpid())
            assert found["process"] == Path("/proc/self/comm").read_text().strip()
        assert read(ports=[port])["ports"][str(port)] is None

    def test_a_socket_that_systemd_holds_belongs_to_the_unit_that_it_starts(self, monkeypatch):
        listed = "0.0.0.0:22 ssh.socket ssh.service\n127.0.0.1:8086 mlops-agent.socket mlops-agent.service\n"
        monkeypatch.setattr(host_info, "_output", lambda command: listed if "list-sockets" in command else "")
        monkeypatch.setattr(host_info, "_unit_of", lambda pid: "init.scope")
        assert host_info._activated_unit(8086) == "mlops-agent.service"
        assert host_info._activated_unit(86) == "init.scope"

    def test_a_connection_is_no_listener(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            port = client.getsockname()[1]
            assert read(ports=[port])["ports"][str(port)] is None

    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("0::/system.slice/mlflow-server.service\n", "mlflow-server.service"),
            ("12:memory:/x.service\n1:name=systemd:/system.slice/system-m.slice/m@a.service/sub\n", "m@a.service"),
            ("0::/user.slice/session-1.scope\n", "session-1.scope"),
            ("0::/\n", None),
        ],
    )
    def test_units_by_control_group(self, monkeypatch, text, unit):
        monkeypatch.setattr(host_info, "_text", lambda path: text)
        assert host_info._unit_of(1) == unit


class TestUnits:
    SHOWN = (
        "MainPID=812\nExecMainStartTimestampMonotonic=%d\nStateChangeTimestampMonotonic=%d\nId=a.service\nLoadState=loaded\n"
        "ActiveState=active\nSubState=running\nUnitFileState=enabled\n"
        "NeedDaemonReload=no\nNRestarts=4\n\n"
        "Id=b.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\nNeedDaemonReload=no\n"
    )

    def test_one_question_for_all(self, monkeypatch):
        asked = []
        now = time.clock_gettime(time.CLOCK_MONOTONIC)
        monkeypatch.setattr(host_info, "_output", lambda argv: asked.append(argv) or self.SHOWN % ((now - 60) * 1e6, (now - 20) * 1e6))
        monkeypatch.setattr(os.path, "isdir", lambda path: path == "/run/systemd/system")
        found = read(units=["a", "b.service", "never-installed@.service"])["units"]
        assert len(asked) == 1
        assert asked[0][-2:] == ["a.service", "b.service"]
        assert found["a"].pop("started_at") == pytest.approx(time.time() - 60, abs=2)
        assert found["a"].pop("reloaded_at") == pytest.approx(time.time() - 20, abs=2)
        assert found["a"] == {
            "exists": True, "active_state": "active", "sub_state": "running", "enabled": True, "main_pid": 812, "needs_reload": False, "restarts": 4,
        }  # fmt: skip
        assert found["b.service"] == {
            "exists": False, "active_state": "inactive", "sub_state": "dead", "enabled": False, "main_pid": None, "started_at": None, "needs_reload": False,
            "reloaded_at": None, "restarts": None,
        }  # fmt: skip
        assert found["never-installed@.service"]["exists"] is False

    def test_without_systemd(self, monkeypatch, tmp_path):
        (tmp_path / "a.service").write_text("")
        monkeypatch.setattr(host_info, "_UNIT_FOLDERS", (str(tmp_path),))
        monkeypatch.setattr(os.path, "isdir", lambda path: False)
        found = read(units=["a", "b"])["units"]
        assert (found["a"]["exists"], found["b"]["exists"], found["a"]["active_state"]) == (True, False, "inactive")


class TestJdk:
    def make(self, tmp_path, release=None, script="exit 1"):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "java").write_text("#!/bin/sh\n%s\n" % script)
        (tmp_path / "bin" / "java").chmod(0o755)
        if release:
            (tmp_path / "release").write_text(release)
        return read(jdk_home=str(tmp_path))["jdk"]

    def test_by_its_release_file(self, tmp_path):
        jdk = self.make(tmp_path, 'JAVA_VERSION="1.8.0_462"\nIMPLEMENTOR="Eclipse Adoptium"\n')
        assert jdk == {"home": str(tmp_path), "version": "1.8.0_462", "vendor": "Eclipse Adoptium"}

    def test_by_asking(self, tmp_path):
        jdk = self.make(tmp_path, script="echo 'openjdk version \"1.8.0_1\"' >&2")
        assert jdk == {"home": str(tmp_path), "version": "1.8.0_1", "vendor": None}

    def test_one_that_does_not_run(self, tmp_path):
        assert self.make(tmp_path) is None

    def test_none(self):
        assert read(jdk_home="/nowhere")["jdk"] is None


def test_python(tmp_path):
    assert read(python=sys.executable)["python"] == {"executable": sys.executable, "version": "%d.%d.%d" % sys.version_info[:3]}
    assert read(python="/nowhere")["python"] is None
    assert read(python="/bin/true")["python"] is None


def test_distributions(tmp_path):
    site_packages = tmp_path / "lib" / "python3.7" / "site-packages"
    for name in ("mlflow-1.30.0.dist-info", "click-8.1.3.dist-info", "stray-1.dist-info"):
        (site_packages / name).mkdir(parents=True)
    (tmp_path / "pyvenv.cfg").write_text("home = /x\nversion = 3.7.9\n")
    lock = "mlflow==1.30.1%s\nclick==8.1.3%s\nnumpy==1.21.6%s\nold==1 ; python_version < '3.7'%s\n" % (HASH, HASH, HASH, HASH)
    assert read(venv=str(tmp_path), lock=lock)["distributions"] == {
        "installed": {"mlflow": "1.30.0", "click": "8.1.3", "stray": "1"},
        "missing": ["numpy"],
        "unexpected": ["stray"],
        "different": [{"name": "mlflow", "installed": "1.30.0", "locked": "1.30.1"}],
    }
    assert read(venv=str(tmp_path))["distributions"]["missing"] == []
    assert read(venv=str(tmp_path / "none"), lock=lock)["distributions"] is None
    with pytest.raises(Problem, match="without a hash"):
        read(venv=str(tmp_path), lock="mlflow==1.30.1")


def test_disk(tmp_path):
    found = read(paths=[str(tmp_path / "not" / "yet")])["disks"][str(tmp_path / "not" / "yet")]
    assert os.path.ismount(found["mount"])
    assert 0 < found["free_mb"] <= found["total_mb"]
    # Root keeps some for itself.
    assert 0 < found["used_mb"] <= found["total_mb"] - found["free_mb"] + 1
    assert (found["total_inodes"] or 0) >= (found["free_inodes"] or 0)


def test_memory_is_no_more_than_the_control_group_allows(monkeypatch):
    files = {
        "/proc/meminfo": "MemTotal:       8000000 kB\nMemFree: 1 kB\nMemAvailable:   6000000 kB\n",
        "/sys/fs/cgroup/memory.max": "2147483648\n",
        "/sys/fs/cgroup/memory.current": "1073741824\n",
    }
    monkeypatch.setattr(host_info, "_text", lambda path: files.get(path, ""))
    assert host_info.memory_mb() == {"total": 2048, "available": 1024}
    # A host that has read many files has as much memory as before.
    files["/sys/fs/cgroup/memory.stat"] = "anon 1\nfile 805306368\ninactive_file 536870912\nactive_file 268435456\n"
    assert host_info.memory_mb() == {"total": 2048, "available": 1536}
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert host_info.memory_mb() == {"total": 7812, "available": 5859}
    older = {"limit_in_bytes": "1073741824", "usage_in_bytes": "1073741824", "stat": "inactive_file 1\ntotal_inactive_file 536870912\n"}
    files.update(("/sys/fs/cgroup/memory/memory." + name, text) for name, text in older.items())
    assert host_info.memory_mb() == {"total": 1024, "available": 512}


def test_users_and_commands():
    host = read(users=["root", "nobody-here"], groups=["root", "nobody-here"], commands=["sh", "no-such-command"])
    assert (host["users"]["root"]["uid"], host["users"]["root"]["group"]) == (0, "root")
    assert host["groups"] == {"root": {"exists": True, "gid": 0}, "nobody-here": {"exists": False, "gid": None}}
    assert host["users"]["nobody-here"] == {"exists": False, "uid": None, "gid": None, "group": None, "home": None, "shell": None}
    assert host["commands"]["sh"].endswith("/sh")
    assert host["commands"]["no-such-command"] is None


def test_connections(http_server):
    port = http_server.url.rpartition(":")[2]
    urls = ["tcp://127.0.0.1:" + port, "tcp://127.0.0.1:1", "tcp://no-such-host.invalid:80"]
    found = read(urls=[{"url": url, "timeout": 5, "ca_path": None, "validate_certs": True} for url in urls])["urls"]
    assert found[urls[0]] == {"status": None, "error": None}
    assert found[urls[1]]["error"].startswith("tcp://127.0.0.1:1 does not answer: ")
    assert found[urls[2]]["error"].startswith("tcp://no-such-host.invalid:80 does not answer: ")


def test_an_answer_is_waited_for(http_server):
    answers = iter([503, 404])
    http_server.route("GET", "/soon", lambda request: next(answers, 200))
    url = {"url": http_server.url + "/soon", "timeout": 5, "ca_path": None, "validate_certs": True}
    assert read(urls=[url])["urls"][url["url"]]["status"] == 503
    assert read(urls=[dict(url, wait=30)])["urls"][url["url"]]["status"] == 200
    assert http_server.count("GET") == 3


def test_a_unit_that_does_not_run_is_not_started_by_a_question_to_its_socket(http_server):
    url = {"url": http_server.url + "/health", "timeout": 5, "ca_path": None, "validate_certs": True}
    assert read(urls=[dict(url, unit="no-such.service")])["urls"] == {url["url"]: {"status": None, "error": "no-such.service does not run."}}
    assert http_server.requests == []
    assert read(urls=[url])["urls"][url["url"]]["status"] == 404


def test_urls(http_server):
    both = threading.Barrier(2, timeout=10)
    http_server.route("GET", "/slow1", lambda request: both.wait() and b"" or b"")
    http_server.route("GET", "/slow2", lambda request: both.wait() and b"" or b"")
    more = {"timeout": 10, "ca_path": None, "validate_certs": True}
    urls = [http_server.url + "/slow1", http_server.url + "/slow2", http_server.url + "/none", "http://me:canary@127.0.0.1:1/x"]
    found = read(urls=[{"url": url, **more} for url in urls])["urls"]
    assert [found[url]["status"] for url in urls] == [200, 200, 404, None]
    assert found[urls[3]]["error"].startswith("http://127.0.0.1:1/x does not answer: ")
    assert "Connection refused" in found[urls[3]]["error"]


def test_login(http_server):
    http_server.route("GET", "/*", lambda request: 200 if request.headers.get("authorization") == "Basic bWU6cMO2c3M6" else 401)
    more = {"timeout": 10, "ca_path": None, "validate_certs": True}
    logins = {"/right": ("me", "p\u00f6ss:"), "/wrong": ("me", "other"), "/empty": ("me", None), "/none": (None, None)}
    found = read(urls=[{"url": http_server.url + path, "username": user, "password": secret, **more} for path, (user, secret) in logins.items()])["urls"]
    assert [found[http_server.url + path]["status"] for path in logins] == [200, 401, 401, 401]


class TestOneCertificate:
    """A server that has to show one certificate, whatever the names in it and whoever issued it."""

    @pytest.fixture
    def files(self, tmp_path):
        for name in ("own", "other"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=elsewhere.example.com",
                 "-keyout", tmp_path / (name + ".key"), "-out", tmp_path / (name + ".crt")],
                check=True, capture_output=True,
            )  # fmt: skip
        return tmp_path

    @pytest.fixture
    def server(self, files, http_server):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "own.crt", files / "own.key")
        http_server._server.socket = context.wrap_socket(http_server._server.socket, server_side=True)
        http_server.route("GET", "/health", lambda request: 200 if request.headers.get("authorization") and request.query == "a=b" else 401)
        return http_server

    def ask(self, server, certificate):
        url = server.url.replace("http:", "https:") + "/health?a=b"
        wanted = {"url": url, "timeout": 5, "ca_path": None, "validate_certs": True, "certificate": str(certificate), "username": "me", "password": "CANARY"}
        return read(urls=[wanted])["urls"][url]

    def test_the_one(self, server, files):
        assert self.ask(server, files / "own.crt") == {"status": 200, "error": None}

    def test_another_is_sent_nothing(self, server, files):
        answer = self.ask(server, files / "other.crt")
        assert answer["status"] is None
        assert "certificate verify failed" in answer["error"].lower().replace("_", " ")
        assert server.requests == []

    def test_none(self, server, files):
        answer = self.ask(server, files / "none.crt")
        assert answer["status"] is None
        assert "The certificate %s can't be read: No such file or directory." % (files / "none.crt") in answer["error"]
        assert server.requests == []
