# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle is built by a real pip, equal from run to run, and its head is believed only when it is sound."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import archive, manifest, remote, wheels
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.build import Recipe, Source, build
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import sources
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

# Builds a wheel of its own source without any build tool. Without SOURCE_DATE_EPOCH each wheel is another.
BACKEND = """
import os, time, zipfile
def build_wheel(folder, settings=None, metadata=None):
    stamp = os.environ.get("SOURCE_DATE_EPOCH") or str(time.time_ns())
    with zipfile.ZipFile(os.path.join(folder, "built-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in (("built.py", "stamp = " + stamp), ("built-1.0.dist-info/RECORD", ""),
                           ("built-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n"),
                           ("built-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")):
            wheel.writestr(zipfile.ZipInfo(name), text)
    return "built-1.0-py3-none-any.whl"
"""


def wheel(folder: Path, name: str) -> None:
    """A wheel with nothing in it."""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{name}-1.0.dist-info/RECORD", "")


def packed(path: Path, files: t.Mapping[str, str], mode: int = 0o755) -> str:
    """An archive with these texts; returns its digest."""
    with tarfile.open(path, "w:gz") as file:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), mode
            file.addfile(member, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pin(path: Path) -> str:
    return f"{path.name.split('-')[0]}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def recipe(tmp_path: Path) -> t.Callable[..., Recipe]:
    """What a small bundle is built from: an interpreter that is this one, one wheel, one source distribution, and an installer."""
    house, code = tmp_path / "house", tmp_path / "code"
    house.mkdir()
    code.mkdir()
    (code / "agent.py").write_text("pass\n")
    wheel(house, "plain")
    wheel(house, "uv")
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "built"\nversion = "1.0"\n'
    about = "Metadata-Version: 2.1\nName: built\nVersion: 1.0\n"
    packed(house / "built-1.0.tar.gz", {"built-1.0/pyproject.toml": pyproject, "built-1.0/backend.py": BACKEND, "built-1.0/PKG-INFO": about})
    python = packed(tmp_path / "python.tar.gz", {"bin/python3.7": f'#!/bin/sh\nexec {sys.executable} "$@"\n', "lib/empty": ""})
    jdk = packed(tmp_path / "jdk.tar.gz", {"jdk/bin/java": "java"})
    locks = {"mlflow": pin(house / "plain-1.0-py3-none-any.whl") + pin(house / "built-1.0.tar.gz"), "uv": pin(house / "uv-1.0-py3-none-any.whl")}
    options = {"index_url": None, "extra_index_urls": None, "find_links": [str(house)], "offline": True, "ca_bundle": None}

    def made(**changes: t.Any) -> Recipe:
        given = {
            "name": "bundle-1", "collection": "1.0.0", "architecture": "x86_64", "compression": "gz", "timeout": 300, "build_lock": "", "locks": locks,
            "jdk": Source("8u1-b1", str(tmp_path / "jdk.tar.gz"), jdk, "", {}), "python": Source("3.7.1", str(tmp_path / "python.tar.gz"), python, "", {}),
            "code": {"agent": str(code)}, "os_packages": {"any": ["nginx", "gzip"]}, "sources": sources(options, {"HOME": "/nonexistent"}), "sbom": True,
        }  # fmt: skip
        return Recipe(**{**given, **changes})

    return made


def silent(text: str) -> None:
    """Nobody is told."""


def test_two_builds_are_equal(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    told: list[str] = []
    one = build(recipe(), str(tmp_path / "one"), told.append)
    before = os.umask(0o077)
    try:
        two = build(recipe(), str(tmp_path / "two"), silent)
    finally:
        os.umask(before)
    assert one["changed"] and one["sha256"] == two["sha256"] == hashlib.sha256(Path(one["path"]).read_bytes()).hexdigest()
    assert Path(one["path"] + ".sha256").read_text() == f"{one['sha256']}  bundle-1.tar.gz\n"
    assert "Building a wheel of built-1.0.tar.gz …" in told
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [".bundle.lock", "bundle-1", "bundle-1.tar.gz", "bundle-1.tar.gz.sha256"]
    again = build(recipe(), str(tmp_path / "one"), silent)
    assert (again["changed"], again["sha256"]) == (False, one["sha256"])


def test_what_a_bundle_holds(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    made = build(recipe(), str(tmp_path / "out"), silent)
    folder = Path(made["folder"])
    with archive.head_of_file(made["path"]) as stream:
        head = archive.read_head(stream, "it")
    found = head.manifest
    assert sorted(found.files) == [
        "code/agent.tar", "jdk/jdk-8u1-b1.tar.gz", "locks/mlflow.txt", "locks/uv.txt", "python/python-3.7.1.tar.gz", "sbom.cdx.json",
        "wheels/built-1.0-py3-none-any.whl", "wheels/plain-1.0-py3-none-any.whl", "wheels/uv-1.0-py3-none-any.whl",
    ]  # fmt: skip
    assert (found.jdk.release, found.python.release, found.os_packages) == ("8u1-b1", "3.7.1", {"any": ["gzip", "nginx"]})
    for name, entry in found.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry.sha256 and (folder / name).stat().st_size == entry.size
    assert head.digest == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert f"--hash=sha256:{found.files['wheels/built-1.0-py3-none-any.whl'].sha256}" in head.locks["mlflow"], "the lock admits what was built"
    with tarfile.open(made["path"]) as packed_again:
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in packed_again} == {(archive.EPOCH, 0, 0, "root")}


def test_the_bill_of_materials(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    """By CycloneDX's own schema, and with the digest of every file that is installed from."""
    folder = Path(build(recipe(), str(tmp_path / "out"), silent)["folder"])
    text = (folder / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"application"', '"nonsense"')) is not None, "the schema is there to object"
    bill = json.loads(text)
    found = {part["purl"]: part["hashes"][0]["content"] for part in bill["components"]}
    files = {
        "pkg:generic/jdk@8u1-b1": "jdk/jdk-8u1-b1.tar.gz", "pkg:generic/cpython@3.7.1": "python/python-3.7.1.tar.gz",
        "pkg:pypi/plain@1.0": "wheels/plain-1.0-py3-none-any.whl", "pkg:pypi/built@1.0": "wheels/built-1.0-py3-none-any.whl",
        "pkg:pypi/uv@1.0": "wheels/uv-1.0-py3-none-any.whl", "pkg:generic/sparkflows-mlops-agent@1.0.0": "code/agent.tar",
    }  # fmt: skip
    assert found == {purl: hashlib.sha256((folder / path).read_bytes()).hexdigest() for purl, path in files.items()}
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["timestamp"]) == ("bundle-1", "2020-01-01T00:00:00+00:00")


def test_a_controller_without_the_library(tmp_path: Path, recipe: t.Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyclonedx", None)
    with pytest.raises(Problem, match="The bill of materials needs the Python package cyclonedx-python-lib"):
        build(recipe(), str(tmp_path / "out"), silent)
    assert not (tmp_path / "out").exists()
    assert not (Path(build(recipe(sbom=False), str(tmp_path / "out"), silent)["folder"]) / "sbom.cdx.json").exists()


def test_a_python_in_zstd_is_packed_for_hosts_without_that_program(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    tree = tmp_path / "tree" / "python" / "install" / "bin"
    tree.mkdir(parents=True)
    (tree / "python3.7").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tree / "python3.7").chmod(0o755)
    subprocess.run(["tar", "-C", tmp_path / "tree", "--zstd", "-cf", tmp_path / "python.tar.zst", "python"], check=True)
    digest = hashlib.sha256((tmp_path / "python.tar.zst").read_bytes()).hexdigest()
    made = build(recipe(python=Source("3.7.9", str(tmp_path / "python.tar.zst"), digest, "python/install", {})), str(tmp_path / "out"), silent)
    found = manifest.parsed((Path(made["folder"]) / "manifest.json").read_text(), "it")
    assert found.python == manifest.Runtime("3.7.9", "python/python-3.7.9.tar.gz", ".")
    with tarfile.open(Path(made["folder"]) / found.python.file) as file:
        assert "bin/python3.7" in file.getnames()


def test_a_bundle_in_zstd(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    one, two = (build(recipe(compression="zstd"), str(tmp_path / name), silent) for name in ("one", "two"))
    assert one["sha256"] == two["sha256"] and one["path"].endswith(".tar.zst")
    with archive.head_of_file(one["path"]) as stream:
        assert set(archive.read_head(stream, "it").locks) == {"mlflow", "uv"}


def test_a_wrong_digest_and_a_missing_wheel_leave_the_old_bundle(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    made = build(recipe(), str(tmp_path / "out"), silent)
    (tmp_path / "out" / ".new-killed").mkdir()
    for changes, sentence in (
        ({"jdk": Source("8u1-b1", str(tmp_path / "jdk.tar.gz"), "0" * 64, "", {})}, "jdk.tar.gz has the sha256 "),
        ({"locks": {"mlflow": f"gone==1.0 --hash=sha256:{'0' * 64}\n"}}, "gone==1.0 was not found."),
    ):
        with pytest.raises(Problem, match=sentence):
            build(recipe(**changes), str(tmp_path / "out"), silent)
        assert hashlib.sha256(Path(made["path"]).read_bytes()).hexdigest() == made["sha256"]
        assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".new-")]


def test_one_build_at_a_time(tmp_path: Path, recipe: t.Callable[..., Recipe]) -> None:
    with open(tmp_path / ".bundle.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Problem, match="Another run builds a bundle in "):
            build(recipe(), str(tmp_path), silent)


def test_locks_admit_what_was_built() -> None:
    text = "# a lock\nA.b[c]==1 ; python_version < '4' \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nd==2 --hash=sha256:3\ne==3 --hash=sha256:4\n"
    assert wheels.with_hashes(text, {"a-b": "sha256:9", "d": "sha256:8", "e": "sha256:4"}) == (
        "# a lock\nA.b[c]==1 ; python_version < '4' --hash=sha256:9 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nd==2 --hash=sha256:8 --hash=sha256:3\n"
        "e==3 --hash=sha256:4\n"
    )


def test_a_long_step_goes_on_telling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import telling

    monkeypatch.setattr(telling, "WORD", 0.05)
    told: list[str] = []
    with telling.Telling(told.append)("Working", str(tmp_path)):
        (tmp_path / "file").write_bytes(bytes(2000000))
        until = time.monotonic() + 10
        while len(told) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert told[0] == "Working …" and "2 MB" in told[2]


# ---------------------------------------------------------------------------------------------------------------- the head of an archive

LOCK = b"a==1\n"
GOOD: dict[str, t.Any] = {
    "format": 1, "collection": "1.0.0", "architecture": "x86_64", "jdk": {"release": "8", "file": "jdk/j", "root": ""},
    "python": {"release": "3", "file": "python/p", "root": "."}, "locks": {"mlflow": "locks/mlflow.txt"}, "os_packages": {},
    "files": {
        "jdk/j": {"sha256": "a" * 64, "size": 1}, "python/p": {"sha256": "b" * 64, "size": 1},
        "locks/mlflow.txt": {"sha256": hashlib.sha256(LOCK).hexdigest(), "size": 5},
    },
}  # fmt: skip


def head(content: t.Any, lock: bytes = LOCK, first: str = "manifest.json") -> archive.Head:
    """What is read of an archive with this manifest and lock."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, data in ((first, text), ("locks/mlflow.txt", lock)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    file.seek(0)
    return archive.read_head(file, "it")


def test_a_sound_head() -> None:
    assert head(GOOD).locks == {"mlflow": "a==1\n"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({**GOOD, "format": 2}, "The bundle it has the format 2, and this release of the collection reads format 1."),
        (b"{", "The manifest of the bundle it is damaged."),
        (b"[" * 100000, "The manifest of the bundle it is damaged."),
        ([], "The manifest of the bundle it is damaged."),
        ({**GOOD, "files": {**GOOD["files"], "../etc/x": {"sha256": "a" * 64, "size": 1}}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "files": {**GOOD["files"], "/etc/x": {"sha256": "a" * 64, "size": 1}}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "files": {**GOOD["files"], "a": {"sha256": "A" * 64, "size": 1}}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "jdk": {"release": "../8", "file": "jdk/j", "root": ""}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "jdk": {"release": "8", "file": "jdk/other", "root": ""}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "python": {"release": "3", "file": "python/p", "root": "../.."}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "locks": {"../x": "locks/mlflow.txt"}}, "The manifest of the bundle it is damaged."),
        ({**GOOD, "locks": {"mlflow": "locks/other.txt"}}, "The manifest of the bundle it is damaged."),
        (b" " * (manifest.MOST_HEAD + 1), "it is not a bundle: 'manifest.json' at its head is not a file of at most 4 MiB."),
    ],
)
def test_a_manifest_that_is_none(content: t.Any, sentence: str) -> None:
    with pytest.raises(Problem) as caught:
        head(content)
    assert str(caught.value).startswith(sentence)


def test_a_head_that_is_none() -> None:
    with pytest.raises(Problem, match="its locks are not those that its manifest names"):
        head(GOOD, lock=b"evil==1\n")
    with pytest.raises(Problem, match=r"its first file is not manifest\.json"):
        head(GOOD, first="other.json")
    with pytest.raises(Problem, match="it is damaged"):
        archive.read_head(io.BytesIO(b"not an archive" * 100), "it")


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfdbroken", b"\x1f\x8b\x08\x00broken"])
def test_a_file_that_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Problem), archive.head_of_file(str(tmp_path / "file")) as stream:
        archive.read_head(stream, "it")


def test_a_head_that_never_ends() -> None:
    """A header of tar may promise any size, and gzip makes a thousandfold of it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * (65 << 20)}):
        pass
    file.seek(0)
    with pytest.raises(Problem, match="its head has more than 64 MiB"):
        archive.read_head(file, "it")


def test_the_digest_beside_an_archive() -> None:
    assert archive.digest_in("a" * 64 + "  bundle.tar.gz\n", "it") == "a" * 64
    with pytest.raises(Problem, match="it holds no SHA-256"):
        archive.digest_in(base64.b64encode(b"x" * 48).decode(), "it")


# ---------------------------------------------------------------------------------------------------------------- on a web server


@pytest.fixture
def mirror(tmp_path: Path) -> t.Iterator[tuple[str, list[int]]]:
    """A web server for a folder, and how many bytes of each answer were taken from it."""
    sent: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = tmp_path / self.path.strip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            done = 0
            with contextlib.suppress(OSError):
                while done < len(data):
                    done += self.wfile.write(data[done : done + 65536])
            sent.append(done)

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()


def test_the_head_of_a_bundle_on_a_web_server(tmp_path: Path, mirror: tuple[str, list[int]]) -> None:
    folder = tmp_path / "bundle"
    (folder / "locks").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(GOOD))
    (folder / "locks" / "mlflow.txt").write_bytes(LOCK)
    (folder / "wheels").write_bytes(bytes(40 << 20))
    digest = archive.pack(str(folder), str(tmp_path / "b.tar.gz"), "gz")
    (tmp_path / "b.tar.gz.sha256").write_text(f"{digest}  b.tar.gz\n")
    url = mirror[0] + "/b.tar.gz"
    assert remote.head(url, None).locks == {"mlflow": "a==1\n"}
    assert remote.digest(url, None) == digest
    until = time.monotonic() + 20
    while len(mirror[1]) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert max(mirror[1]) < 20 << 20, "the rest is not fetched"
    (tmp_path / "b.tar.gz.sha256").unlink()
    with pytest.raises(Problem, match=r"The digest of the bundle is not known: http.* answered the controller 404 .*set mlops_bundle_sha256\."):
        remote.digest(url, None)
    with pytest.raises(Problem, match="answered the controller 404"):
        remote.head(mirror[0] + "/other", None)
    archive.pack(str(folder), str(tmp_path / "b.tar.zst"), "zstd")
    with pytest.raises(Problem, match="Build the bundle with bundle_compression gz"):
        remote.head(mirror[0] + "/b.tar.zst", None)


def test_a_server_that_is_silent_or_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = "http://user:geheim@127.0.0.1:%d/b.tar.gz" % server.getsockname()[1]
        with pytest.raises(Problem, match="could not be read by the controller within 1 seconds") as caught:
            remote.head(url, None)
        assert "geheim" not in str(caught.value)
    with pytest.raises(Problem, match="could not be read by the controller: .*refused"):
        remote.head(url, None)
