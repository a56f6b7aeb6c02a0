# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scorer_services against an engine in memory, whose containers are real servers on the loopback."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import socketserver
import tarfile
import threading
import typing as t
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import engine as docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import services as scorer
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import images
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import models
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import proxy
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.options import ARGUMENT_SPEC

IMAGE = "registry.example.com/team/scorer:3.2.84"
FIRST, LATER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
CANARY = "canary-of-the-registry"
ROWS = {"columns": ["a"], "data": [[1]]}


class Engine:
    """A docker engine that has images by digest and containers that answer POST /score with the number in the model's file."""

    def __init__(self, path: Path) -> None:
        self.tags = {"3.2.84": FIRST}
        self.images: dict[str, str] = {}
        self.containers: dict[str, dict[str, t.Any]] = {}
        self.servers: dict[str, ThreadingHTTPServer] = {}
        self.requests: list[str] = []
        self.logins: list[t.Any] = []
        self.registry_down = False
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "X-Registry-Auth" in self.headers:
                    engine.logins.append(json.loads(base64.urlsafe_b64decode(self.headers["X-Registry-Auth"])))
                status, answer = engine.answer(self.command, self.path, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if data:
                    self.wfile.write(data)

            do_GET = do_POST = do_DELETE = handle_any

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *arguments: t.Any) -> None:
                pass

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for name in list(self.servers):
            self.stop(name)

    def writes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith("GET ")]

    def answer(self, method: str, address: str, body: bytes) -> tuple[int, t.Any]:
        parts = urlsplit(address)
        path, query = unquote(parts.path), {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.requests.append(f"{method} {path}")
        if path.startswith("/distribution/"):
            tag = path[: -len("/json")].rpartition(":")[2]
            if self.registry_down:
                return 500, {"message": f"Get registry: connection refused for {CANARY}"}
            return (200, {"Descriptor": {"digest": self.tags[tag]}}) if tag in self.tags else (404, {"message": "manifest unknown"})
        if path == "/images/create":
            digest = query["fromImage"].partition("@")[2]
            self.images[digest] = digest.replace("sha256:", "sha256:f")[:71]
            return 200, b'{"status":"Pulling"}\n'
        if path == "/images/load":
            self.images["sha256:" + "a" * 64] = "sha256:" + "a" * 64
            return 200, b'{"stream":"Loaded"}\n'
        if path.startswith("/images/"):
            name = path[len("/images/") :].replace("/json", "").rpartition("@")[2]
            found = next(((digest, image) for digest, image in self.images.items() if name in (digest, image)), None)
            if not found:
                return 404, {"message": "No such image"}
            if method == "DELETE":
                del self.images[found[0]]
            return 200, {"Id": found[1]}
        if path == "/containers/json":
            return 200, [{"Id": name, "Labels": each["Labels"]} for name, each in self.containers.items()]
        if path == "/containers/create":
            self.containers[query["name"]] = {**json.loads(body), "running": False}
            return 201, {"Id": query["name"]}
        name, dummy, verb = path[len("/containers/") :].partition("/")
        container = self.containers.get(name)
        if container is None:
            return 404, {"message": f"No such container: {name}"}
        if verb == "json":
            state = {"Running": container["running"], "ExitCode": 3}
            return 200, {"Config": {"Labels": container["Labels"]}, "HostConfig": container["HostConfig"], "State": state}
        if verb == "logs":
            return 200, b"\1\0\0\0" + (12).to_bytes(4, "big") + b"out of luck\n"
        if verb == "start":
            self.start(name, container)
        elif verb == "stop":
            self.stop(name)
            container["running"] = False
        elif verb == "update":
            container["HostConfig"].update(json.loads(body))
        elif method == "DELETE":
            self.stop(name)
            del self.containers[name]
        return 204, b""

    def start(self, name: str, container: dict[str, t.Any]) -> None:
        if "DIES=yes" in container["Env"]:
            return
        ((binding,),) = container["HostConfig"]["PortBindings"].values()
        folder = container["HostConfig"]["Binds"][0].partition(":")[0]
        number = json.loads((Path(folder) / "weights.json").read_text())

        class Scorer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                data = json.dumps({"predictions": [number]}).encode()
                self.send_response(500 if "FAILS=yes" in container["Env"] else 200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: t.Any) -> None:
                pass

        self.servers[name] = ThreadingHTTPServer((binding["HostIp"], int(binding["HostPort"])), Scorer)
        threading.Thread(target=self.servers[name].serve_forever, args=(0.01,), daemon=True).start()
        container["running"] = True

    def stop(self, name: str) -> None:
        server = self.servers.pop(name, None)
        if server:
            server.shutdown()
            server.server_close()


class FakeProxy:
    """Knows what it was told, and hands nothing on."""

    known: t.ClassVar[list[proxy.Front]] = []
    drained: t.ClassVar[list[int]] = []

    def __init__(self, *arguments: t.Any) -> None:
        pass

    def differing(self, fronts: list[proxy.Front]) -> list[tuple[str, str, str]]:
        return [("requests", "elsewhere", "handed on")] if fronts != FakeProxy.known else []

    def apply(self, fronts: list[proxy.Front]) -> None:
        FakeProxy.known = fronts

    def backends(self) -> dict[str, int]:
        return {front.name: front.backend for front in FakeProxy.known}

    def drain(self, backend: int, patience: float) -> bool:
        FakeProxy.drained.append(backend)
        return True

    def present(self) -> list[str]:
        return ["unit"] if FakeProxy.known else []

    def remove(self) -> None:
        FakeProxy.known = []


def free_ports(count: int) -> int:
    """The first of `count` adjoining ports that nobody has."""
    for first in range(31000, 60000, count):
        candidates = [socket.socket() for dummy in range(count)]
        try:
            for offset, candidate in enumerate(candidates):
                candidate.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for candidate in candidates:
                candidate.close()
        return first
    raise AssertionError


class Host:
    """One host with an engine; `run` is the module without Ansible around it."""

    def __init__(self, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.engine = folder, engine
        self.first = free_ports(8)
        monkeypatch.setattr(scorer, "Proxy", FakeProxy)
        # The address of the proxy's port is the container's, as nothing stands between them here.
        real = scorer._Run._probe
        monkeypatch.setattr(scorer._Run, "_probe", lambda this, want, port: real(this, want, self._behind(want, port)))
        for module in (scorer, images):
            monkeypatch.setattr(module, "CERTIFICATES", str(folder / "certs.d"))
        FakeProxy.known, FakeProxy.drained = [], []
        for name, number in (("one", 1.5), ("two", 2.5)):
            (folder / name).mkdir()
            (folder / name / "weights.json").write_text(json.dumps(number))

    @staticmethod
    def _behind(want: t.Any, port: int) -> int:
        return next((front.backend for front in FakeProxy.known if front.port == port), port)

    def service(self, folder: str = "one", **settings: t.Any) -> dict[str, t.Any]:
        return {
            "name": "churn", "port": self.first + 7, "image": IMAGE, "container_port": 8080, "model_mount": "/model", "score_path": "/score",
            "model": {"path": str(self.folder / folder)}, "start_timeout": 1, "probe": ROWS, **settings,
        }  # fmt: skip

    def run(self, *services: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        given = {
            "services": list(services), "directory": str(self.folder / "state"), "docker_socket": str(self.folder / "docker.sock"),
            "backend_port_first": self.first, "backend_port_last": self.first + 6, "sparkflows_release": "3.2.84",
            "registry_username": "deployer", "registry_password": CANARY, **options,
        }  # fmt: skip
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given)
        assert not checked.error_messages
        self.engine.requests.clear()
        return scorer.run(checked.validated_parameters, check)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Host]:
    engine = Engine(tmp_path / "docker.sock")
    yield Host(tmp_path, engine, monkeypatch)
    engine.close()


def test_create_modify_delete_each_checked_run_checked_and_run_again(host: Host) -> None:
    for service, action in ((host.service(), "created"), (host.service("two"), "replaced")):
        former = list(host.engine.containers)
        foreseen = host.run(service, check=True)
        assert foreseen["changed"] and foreseen["services"][0]["action"] == action
        assert host.engine.writes() == []
        done = host.run(service)
        assert done["changed"] and done["services"][0]["action"] == action
        assert done["diff"]["after"] == foreseen["diff"]["after"]
        assert done["diff"]["before"] == foreseen["diff"]["before"]
        (container,) = host.engine.containers
        assert container not in former
        for check in (True, False):
            again = host.run(service, check=check)
            assert not again["changed"] and again["services"][0]["action"] == "unchanged"
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
            assert host.engine.writes() == []
            assert len(host.engine.requests) <= 5
    assert host.run(check=True, state="absent")["changed"]
    assert host.engine.writes() == []
    assert host.run(state="absent")["changed"]
    assert (host.engine.containers, host.engine.images, FakeProxy.known) == ({}, {}, [])
    assert not (host.folder / "state").exists()
    assert not host.run(check=True, state="absent")["changed"]
    assert not host.run(state="absent")["changed"]
    assert not (host.folder / "state").exists()


def test_a_host_without_an_engine_is_told_that_everything_would_come(host: Host) -> None:
    result = host.run(host.service(), check=True, docker_socket=str(host.folder / "none.sock"))
    assert result["changed"] and result["services"][0]["digest"] is None
    with pytest.raises(Problem) as error:
        host.run(host.service(), docker_socket=str(host.folder / "none.sock"))
    assert str(error.value) == (
        f"The docker engine does not answer at {host.folder}/none.sock (No such file or directory). Check that it runs: systemctl status docker."
    )


def differences(result: dict[str, t.Any]) -> list[tuple[str, str, str]]:
    return [(each["item"], each["before"], each["after"]) for each in result["differences"]]


def test_what_differs_reads_well_and_is_the_same_in_a_check(host: Host) -> None:
    secret = {"churn": {"KEY": "secret-of-the-image"}}
    first = host.service(environment={"LEVEL": "info", "API_TOKEN": "secret-in-the-open"})
    assert differences(host.run(first, check=True)) == [("churn", "missing", f"served at port {host.first + 7}")]
    host.run(first)
    steps: list[tuple[dict[str, t.Any], dict[str, t.Any], list[tuple[str, str, str]]]] = [
        (host.service(environment={"LEVEL": "debug", "API_TOKEN": "another"}), {}, [
            ("churn: environment API_TOKEN", "a secret", "a secret"), ("churn: environment LEVEL", "info", "debug"),
        ]),
        (host.service(cpus=0.5), {}, [
            ("churn: environment API_TOKEN", "a secret", "nothing"), ("churn: environment LEVEL", "debug", "nothing"), ("churn: cpus", "1.0", "0.5"),
        ]),
        (host.service(cpus=0.5), {"secret_environment": secret}, [("churn: secret environment", "nothing", '["KEY"]')]),
        (host.service(cpus=0.5), {"secret_environment": {"churn": {"KEY": "x"}}}, [
            ("churn: secret variables", "others (not shown)", "as given (not shown)"),
        ]),
        (host.service(), {"registry_ca": "a certificate\n"}, [
            ("CA of the registry registry.example.com", "missing", "written"),
            ("churn: cpus", "0.5", "1.0"), ("churn: secret environment", '["KEY"]', "nothing"),
        ]),
    ]  # fmt: skip
    for service, options, expected in steps:
        assert differences(host.run(service, check=True, **options)) == expected
        assert differences(host.run(service, **options)) == expected
        assert differences(host.run(service, check=True, **options)) == []
    (host.folder / "state" / "state.json").chmod(0o644)
    (host.folder / "certs.d" / "registry.example.com" / "ca.crt").chmod(0o666)
    expected = [
        ("state.json", "belongs to or is open to others", "closed to others"),
        ("CA of the registry registry.example.com", "belongs to or is open to others", "written"),
    ]
    for check in (True, False):
        assert differences(host.run(host.service(), check=check, registry_ca="a certificate\n")) == expected
    assert differences(host.run(host.service(), check=True, registry_ca="a certificate\n")) == []
    assert differences(host.run(check=True)) == [("churn", "served", "removed")]


def test_a_check_asks_no_registry_that_is_not_trusted_yet(host: Host) -> None:
    host.engine.registry_down = True
    result = host.run(host.service(), check=True, registry_ca="a certificate\n")
    assert ("CA of the registry registry.example.com", "missing", "written") in differences(result)
    assert not [request for request in host.engine.requests if request.startswith("GET /distribution/")]


def test_a_check_does_not_start_an_engine_that_is_stopped(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run(host.service())
    monkeypatch.setattr(scorer, "_stopped", lambda unit: True)
    result = host.run(host.service(), check=True)
    assert host.engine.requests == []
    assert differences(result) == [("churn", "can't be told", "served")]


def test_the_container_is_confined(host: Host) -> None:
    host.run(host.service(environment={"A": "b"}, health_command=["true"], cpus=0.5), secret_environment={"churn": {"KEY": "secret-of-the-image"}})
    (container,) = host.engine.containers.values()
    settings = container["HostConfig"]
    assert settings["ReadonlyRootfs"] and settings["CapDrop"] == ["ALL"] and settings["SecurityOpt"] == ["no-new-privileges"]
    assert settings["Memory"] == settings["MemorySwap"] == 1 << 30 and settings["NanoCpus"] == 500000000 and settings["PidsLimit"] == 256
    assert settings["Binds"] == [f"{host.folder}/one:/model:ro,z"]
    assert settings["RestartPolicy"] == {"Name": "unless-stopped"}
    assert container["User"] == "65534:65534"
    assert container["Env"] == ["A=b", "KEY=secret-of-the-image"]
    assert container["Healthcheck"]["Test"] == ["CMD", "true"]


def test_a_secret_variable_replaces_the_container_and_is_written_nowhere(host: Host) -> None:
    secret = {"churn": {"KEY": "secret-of-the-image"}}
    result = host.run(host.service(), secret_environment=secret)
    assert not host.run(host.service(), secret_environment=secret)["changed"]
    assert host.run(host.service(), secret_environment={"churn": {"KEY": "another-secret"}})["changed"]
    for text in (json.dumps(result), (host.folder / "state" / "state.json").read_text()):
        assert "secret-of-the-image" not in text and CANARY not in text


def test_the_login_goes_to_the_engine_alone(host: Host) -> None:
    host.run(host.service(), registry_ca="-----BEGIN CERTIFICATE-----\n")
    assert host.engine.logins[0] == {"username": "deployer", "password": CANARY, "serveraddress": "registry.example.com"}
    assert (host.folder / "certs.d" / "registry.example.com" / "ca.crt").read_text() == "-----BEGIN CERTIFICATE-----\n"


def test_a_container_that_does_not_score_is_removed_and_the_former_one_stays(host: Host) -> None:
    host.run(host.service())
    before, fronts = dict(host.engine.containers), FakeProxy.known
    for variable, reason in (
        ("FAILS", f"it was not ready within 1 seconds: It at http://127.0.0.1:{host.first + 1} answered 500 to POST /score."),
        ("DIES", "it ended with the exit code 3."),
    ):
        with pytest.raises(Problem) as error:
            host.run(host.service(environment={variable: "yes"}))
        assert str(error.value) == (
            f"The new container of the scorer churn cannot serve: {reason} The former container still serves. The end of its log:\nout of luck"
        )
        assert host.engine.containers == before and FakeProxy.known == fronts
    assert not host.run(host.service())["changed"]


def test_a_wrong_prediction_is_refused_at_once(host: Host) -> None:
    with pytest.raises(Problem, match="its answer to the probe is not the expected one: row 1 is 1.5, expected 9.0 within a relative tolerance"):
        host.run(host.service(probe={**ROWS, "expected": [9.0]}, start_timeout=60))
    assert host.engine.containers == {}


def test_a_switch_that_fails_is_taken_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run(host.service())
    before, fronts = dict(host.engine.containers), FakeProxy.known
    real, calls = FakeProxy.apply, []

    def fail_once(this: FakeProxy, wanted: list[proxy.Front]) -> None:
        calls.append(wanted)
        if len(calls) == 1:
            raise Problem("The proxy is away.")
        real(this, wanted)

    monkeypatch.setattr(FakeProxy, "apply", fail_once)
    with pytest.raises(Problem, match="The scorer churn could not be switched to its new container: The proxy is away. The former container still serves."):
        host.run(host.service("two"))
    assert host.engine.containers == before and FakeProxy.known == fronts


def test_what_an_interrupted_run_left_is_removed(host: Host) -> None:
    host.run(host.service())
    leftover = {"Labels": {scorer.LABEL: "churn", scorer.LABEL + ".backend": "31999"}, "running": False, "Env": []}
    host.engine.containers["leftover"] = leftover
    assert host.run(host.service(), check=True)["changed"]
    assert "leftover" in host.engine.containers
    assert host.run(host.service())["changed"]
    assert "leftover" not in host.engine.containers and 31999 in FakeProxy.drained
    assert not host.run(host.service())["changed"]


def test_a_stopped_container_is_started_and_a_lost_one_made_anew(host: Host) -> None:
    host.run(host.service())
    (name,) = host.engine.containers
    host.engine.answer("POST", f"/containers/{name}/stop", b"")
    stopped = host.run(host.service())["services"][0]
    assert (stopped["action"], stopped["seen"]["state"]) == ("started", "stopped")
    assert list(host.engine.containers) == [name]
    host.engine.answer("DELETE", f"/containers/{name}", b"")
    lost = host.run(host.service())["services"][0]
    assert (lost["action"], lost["seen"]["state"]) == ("replaced", "missing")
    assert host.run(host.service())["services"][0]["seen"]["state"] == "serving"
    assert not host.run(host.service())["changed"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"Memory": 1 << 30}, ("churn: Memory of its container", "1073741824", "1073741824")),
        ({"PidsLimit": 7}, ("churn: PidsLimit of its container", "7", "256")),
        ({"RestartPolicy": {"Name": "no"}}, ("churn: RestartPolicy of its container", "no", "unless-stopped")),
        ({"CpuShares": 2}, ("churn: CpuShares of its container", "2", "none")),
    ],
    ids=lambda value: "",
)
def test_a_container_that_was_changed_by_hand_is_replaced(host: Host, change: dict[str, t.Any], seen: tuple[str, str, str]) -> None:
    host.run(host.service(memory_mb=2048 if "Memory" in change else 512))
    service = host.service(memory_mb=2048 if "Memory" in change else 512)
    (former,) = host.engine.containers
    host.engine.answer("POST", f"/containers/{former}/update", json.dumps(change).encode())
    item, before, after = seen
    wanted = [(item, before, str(2048 << 20) if "Memory" in change else after)]
    assert differences(host.run(service, check=True)) == wanted
    assert list(host.engine.containers) == [former]
    assert differences(host.run(service)) == wanted
    assert former not in host.engine.containers
    assert differences(host.run(service)) == []


def test_a_container_of_an_older_release_is_left_alone(host: Host) -> None:
    """That release remembered no limits."""
    host.run(host.service())
    path = host.folder / "state" / "state.json"
    known = json.loads(path.read_text())
    del known["services"]["churn"]["made"]
    path.write_text(json.dumps(known))
    assert not host.run(host.service())["changed"]


def test_a_folder_that_took_a_models_place_is_mounted_anew(host: Host) -> None:
    """The container still has the one that is gone, whatever files it had."""
    host.run(host.service())
    (former,) = host.engine.containers
    (host.folder / "one").rename(host.folder / "away")
    shutil.copytree(host.folder / "away", host.folder / "one")
    seen = differences(host.run(host.service(), check=True))
    assert seen == [("churn: its model", "of a folder that is gone", "mounted anew")]
    assert differences(host.run(host.service())) == seen
    assert former not in host.engine.containers
    assert not host.run(host.service())["changed"]


def test_a_lost_memory_is_made_anew_at_the_same_port(host: Host) -> None:
    """The proxy holds the port for the scorer that is served already, and is no other program."""
    with socket.socket() as front:
        front.bind(("0.0.0.0", host.first + 7))
        with pytest.raises(Problem, match="is taken by another program"):
            host.run(host.service())
    host.run(host.service())
    (former,) = host.engine.containers
    with socket.socket() as front:
        front.bind(("0.0.0.0", host.first + 7))
        (host.folder / "state" / "state.json").unlink()
        assert host.run(host.service(), check=True)["changed"]
        assert host.run(host.service())["changed"]
    assert len(host.engine.containers) == 1 and former not in host.engine.containers
    assert not host.run(host.service())["changed"]


def test_a_moved_tag_is_reported_and_followed_when_told_so(host: Host) -> None:
    host.run(host.service())
    host.engine.tags["3.2.84"] = LATER
    result = host.run(host.service())
    assert not result["changed"]
    assert result["moved"] == [{"image": IMAGE, "pinned": FIRST, "now": LATER}]
    assert result["notes"] == [f"{IMAGE} is another image now ({LATER}). The pinned {FIRST} stays, as follow_tag is off."]
    assert host.run(host.service(), follow_tag=True, check=True)["services"][0]["digest"] == LATER
    assert host.run(host.service(), follow_tag=True)["services"][0]["action"] == "replaced"
    assert list(host.engine.images) == [LATER]
    assert not host.run(host.service())["changed"]


def test_a_registry_that_is_down_matters_for_a_first_pull_alone(host: Host) -> None:
    host.engine.registry_down = True
    with pytest.raises(Problem) as error:
        host.run(host.service())
    assert str(error.value) == (f"The image is not available: the engine asked about {IMAGE} and was told: Get registry: connection refused for ***.")
    host.engine.registry_down = False
    host.run(host.service())
    host.engine.registry_down = True
    result = host.run(host.service())
    assert not result["changed"] and result["notes"][0].startswith("Whether the image is still what it was could not be told.")


def archive(path: Path, digit: str = "a", count: int = 1) -> None:
    content = json.dumps([{"Config": f"blobs/sha256/{digit * 64}", "RepoTags": [IMAGE]}] * count).encode()
    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))


def test_an_image_comes_from_an_archive(host: Host) -> None:
    path = host.folder / "image.tar"
    archive(path)
    service = host.service(image_archive=str(path))
    assert host.run(service, check=True)["services"][0]["digest"] == "sha256:" + "a" * 64
    assert host.run(service)["services"][0]["digest"] == "sha256:" + "a" * 64
    assert not host.run(service)["changed"]
    assert "POST /images/create" not in host.engine.requests
    archive(path, "b")
    result = host.run(service)
    assert not result["changed"] and result["moved"]
    archive(path, count=2)
    with pytest.raises(Problem, match="holds 2 images. Save exactly one into it"):
        docker.read_archive(str(path))
    path.write_text("no tar")
    with pytest.raises(Problem, match="is not an archive made by 'docker save'"):
        docker.read_archive(str(path))


def test_services_come_and_go_and_move(host: Host) -> None:
    other = host.service("two", name="risk", port=host.first + 6, image=IMAGE)
    options: dict[str, t.Any] = {"backend_port_last": host.first + 4}
    host.run(host.service(), other, **options)
    assert [front.name for front in FakeProxy.known] == ["churn", "risk"]
    moved = host.service(port=host.first + 5)
    assert host.run(moved, other, check=True, **options)["changed"]
    result = host.run(moved, other, **options)
    assert result["changed"] and [each["action"] for each in result["services"]] == ["unchanged", "unchanged"]
    assert FakeProxy.known[0].port == host.first + 5
    assert host.run(moved, check=True, **options)["removed"] == ["risk"]
    assert host.run(moved, **options)["removed"] == ["risk"]
    assert [front.name for front in FakeProxy.known] == ["churn"] and len(host.engine.containers) == 1
    assert host.run(**options)["removed"] == ["churn"]
    assert FakeProxy.known == []
    assert not host.run(**options)["changed"]


@pytest.mark.parametrize(
    ("image", "release", "fits"),
    [
        ("r.example.com/s:3.2.84", "3.2.84", True),
        ("r.example.com/s:py_3.2.1_3.2.84-rc42", "3.2.84", True),
        ("r.example.com/s:13.2.84", "3.2.84", False),
        ("r.example.com/s:3.2.845", "3.2.84", False),
        ("r.example.com/s:3.1.0", "3.2.84", False),
        ("r.example.com/s@" + FIRST, "3.2.84", False),
    ],
)
def test_the_tag_has_to_hold_the_release(image: str, release: str, fits: bool) -> None:
    pattern = t.cast("dict[str, str]", ARGUMENT_SPEC["release_pattern"])["default"]
    assert images.release_fits(image, release, pattern) is fits


def test_an_image_of_another_release_is_refused_before_anything(host: Host) -> None:
    with pytest.raises(Problem) as error:
        host.run(host.service(), sparkflows_release="3.3.1")
    assert str(error.value).startswith(
        f"The scorer churn would run the image {IMAGE} of release 3.2.84, but Sparkflows has the release 3.3.1. Take the image of that release,"
    )
    assert host.engine.requests == []
    with pytest.raises(Problem, match="The release of Sparkflows is not known"):
        host.run(host.service(), sparkflows_release=None)
    host.run(host.service(), sparkflows_release=None, release_check=False)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "No"}, "'No' is not a valid name for a scorer"),
        ({"image": "UPPER"}, "The image 'UPPER' is not a valid image name."),
        ({"port": 0}, "has the port 0, which is not a valid port"),
        ({"user": "root"}, "would run as root"),
        ({"user": "0:65534"}, "would run as root"),
        ({"model_mount": "model"}, "has the path 'model', but an absolute one without a colon is needed"),
        ({"score_path": "/a b"}, "has the score_path '/a b'"),
        ({"model": {"path": "/a", "id": 7}}, "is given by id and path, but needs exactly one of"),
        ({"model": {"s3_uri": "http://x"}}, "has the s3_uri 'http://x'"),
        ({"model": {"id": 7}}, "is to come from Sparkflows, but there is no sparkflows_url"),
        ({"model": {"path": "/nowhere/at/all"}}, "is not a folder with files at /nowhere/at/all"),
        ({"environment": {"A-B": "c"}}, "has the variable 'A-B'"),
        ({"probe": {"data": [[1, 2]], "columns": ["a"]}}, "Row 1 of the probe of the scorer churn is not a list with one value for each of columns"),
        ({"probe": {**ROWS, "body": {}}}, "has both data and body"),
    ],
)
def test_what_cannot_be_right_is_refused(host: Host, settings: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(Problem) as error:
        host.run(host.service(**settings))
    assert sentence in str(error.value)
    assert host.engine.containers == {}


def test_scorers_must_not_share_a_name_or_a_port(host: Host) -> None:
    with pytest.raises(Problem, match="Several scorers have the name churn"):
        host.run(host.service(), host.service(port=9))
    with pytest.raises(Problem, match="Several scorers have the port"):
        host.run(host.service(), host.service(name="other"))
    with pytest.raises(Problem, match="lies between backend_port_first and backend_port_last"):
        host.run(host.service(port=host.first))
    with pytest.raises(Problem, match="secret_environment names other, but there is no such scorer"):
        host.run(host.service(), secret_environment={"other": {}})


def test_predictions_are_found_where_the_operator_says(host: Host) -> None:
    assert scorer._predictions({"result": {"scores": [1]}}, "result.scores") == [1]
    with pytest.raises(scorer.Unhealthy, match="has no result.scores"):
        scorer._predictions({"result": {}}, "result.scores")
    assert scorer._request({"body": {"rows": [1]}}) == ("application/json", b'{"rows": [1]}')


def test_the_layout_of_the_proxy_knows_all_but_the_containers_ports() -> None:
    one = proxy.configuration_text([proxy.Front("churn", 9001, "/score", 21000)], "0.0.0.0", 60)  # noqa: S104
    switched = proxy.configuration_text([proxy.Front("churn", 9001, "/score", 21001)], "0.0.0.0", 60)  # noqa: S104
    moved = proxy.configuration_text([proxy.Front("churn", 9002, "/score", 21000)], "0.0.0.0", 60)  # noqa: S104
    assert proxy._description(one) == proxy._description(switched) != proxy._description(moved)
    assert "bind 0.0.0.0:9001\n" in one and "server active 127.0.0.1:21000\n" in one
    assert "bind [::]:9001\n" in proxy.configuration_text([proxy.Front("churn", 9001, "/score", 21000)], "::", 60)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    """An S3 with the bucket `models`, and the options that lead to it."""
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    for variable in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://127.0.0.1:%d" % server.get_host_and_port()[1]
    client = boto3.client("s3", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key=CANARY)
    urllib.request.urlopen(urllib.request.Request(url + "/moto-api/reset", method="POST"))
    client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.options = {"s3_endpoint": url, "s3_region": "eu-central-1", "s3_access_key": "key", "s3_secret_key": CANARY}
    yield client
    server.stop()


def test_a_model_in_s3_is_fetched_once_and_again_when_it_changes(host: Host, store: t.Any) -> None:
    service = host.service(model={"s3_uri": "s3://models/churn/3"})
    with pytest.raises(Problem) as error:
        host.run(service, **store.options)
    assert str(error.value) == "There is nothing below s3://models/churn/3. Check the model's s3_uri and the rights of the keys."
    for number in (1.5, 2.5):
        store.put_object(Bucket="models", Key="churn/3/weights.json", Body=json.dumps(number).encode())
        store.put_object(Bucket="models", Key="churn/3/code/model.py", Body=b"pass")
        assert host.run(service, check=True, **store.options)["changed"]
        result = host.run({**service, "probe": {**ROWS, "expected": [number]}}, **store.options)
        assert result["changed"]
        release = host.folder / "state" / "models" / "churn" / "releases" / result["services"][0]["model"][:12]
        assert json.loads((release / "weights.json").read_text()) == number and (release / "code" / "model.py").read_text() == "pass"
        assert not host.run(service, **store.options)["changed"]
        assert [each.name for each in release.parent.iterdir()] == [release.name]
    with pytest.raises(Problem, match=r"has 1 MB, but model_max_mb is 0\. Raise it if that is right"):
        host.run(service, model_max_mb=0, **store.options)
    store.put_object(Bucket="models", Key="churn/3/../evil", Body=b"x")
    with pytest.raises(Problem, match="has an object that cannot be a file of it: '../evil'"):
        host.run(service, **store.options)


@pytest.mark.parametrize("spoil", ["releases/{}/weights.json", "releases/{}/code/model.py", "current"])
def test_a_model_in_s3_that_was_spoilt_is_fetched_again_and_mounted_anew(host: Host, store: t.Any, spoil: str) -> None:
    service = host.service(model={"s3_uri": "s3://models/churn"}, probe={**ROWS, "expected": [1.5]})
    store.put_object(Bucket="models", Key="churn/weights.json", Body=b"1.5")
    store.put_object(Bucket="models", Key="churn/code/model.py", Body=b"pass")
    release = host.run(service, **store.options)["services"][0]["model"][:12]
    (host.folder / "state" / "models" / "churn" / spoil.format(release)).unlink()
    assert host.run(service, check=True, **store.options)["changed"]
    assert host.run(service, **store.options)["changed"]
    (container,) = host.engine.containers.values()
    mounted = Path(container["HostConfig"]["Binds"][0].partition(":")[0])
    assert (mounted / "weights.json").read_text() == "1.5" and (mounted / "code" / "model.py").exists()
    known = json.loads((host.folder / "state" / "state.json").read_text())
    assert known["services"]["churn"]["made"]["model"] == mounted.stat().st_ino
    assert not host.run(service, **store.options)["changed"]


def test_the_model_of_a_container_that_serves_stays_while_new_ones_fail(host: Host, store: t.Any) -> None:
    service = host.service(model={"s3_uri": "s3://models/churn"}, probe={**ROWS, "expected": [1.5]})
    store.put_object(Bucket="models", Key="churn/weights.json", Body=b"1.5")
    host.run(service, **store.options)
    (container,) = host.engine.containers.values()
    for number in (b"2.5", b"3.5"):
        store.put_object(Bucket="models", Key="churn/weights.json", Body=number)
        with pytest.raises(Problem, match="its answer to the probe is not the expected one"):
            host.run(service, **store.options)
    assert Path(container["HostConfig"]["Binds"][0].partition(":")[0], "weights.json").read_text() == "1.5"


def test_a_tree_has_a_digest_of_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "code").mkdir(parents=True)
        (tmp_path / name / "code" / "file").write_text("text")
    assert models.tree_digest(str(tmp_path / "one")) == models.tree_digest(str(tmp_path / "two"))
    (tmp_path / "two" / "code" / "file").rename(tmp_path / "two" / "code" / "other")
    assert models.tree_digest(str(tmp_path / "one")) != models.tree_digest(str(tmp_path / "two"))


def test_a_log_comes_in_frames_or_as_it_is() -> None:
    assert docker.demultiplexed(b"\1\0\0\0\0\0\0\3abc\2\0\0\0\0\0\0\1d") == "abcd"
    assert docker.demultiplexed(b"plain") == "plain"
