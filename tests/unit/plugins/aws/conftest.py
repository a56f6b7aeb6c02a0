# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS on loopback, with and without a container registry behind its ECR."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import time
import typing as t
import urllib.request
import uuid
from pathlib import Path

import botocore.loaders
import pytest
from moto.server import ThreadedMotoServer

from testbed import debian
from testbed.common import TestbedError
from tests.unit.plugins.aws.cloud import Cloud


@pytest.fixture(scope="session", autouse=True)
def _parsed_once() -> t.Iterator[None]:
    """Each run of a module has a session of its own; the large descriptions of AWS's services are parsed once for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(scope="session")
def moto_port() -> t.Iterator[int]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture(scope="session")
def registry_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Debian's docker-registry, from PATH or else unpacked from its package."""
    for folder in os.environ["PATH"].split(os.pathsep):
        if os.access(os.path.join(folder, "docker-registry"), os.X_OK):
            return os.path.join(folder, "docker-registry")
    cache = Path(os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "sparkflows-mlops")).expanduser()
    kept = cache / "docker-registry"
    if not kept.is_file():
        folder = tmp_path_factory.mktemp("package")
        try:
            debs = debian.download_with_dependencies(["docker-registry"], "bookworm", folder / "apt")
        except TestbedError as error:
            pytest.fail("These tests push to a real registry. Install docker-registry, or let apt fetch it. %s" % error, pytrace=False)
        [package] = [deb for deb in debs if deb.name.startswith("docker-registry_")]
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True, timeout=300)
        cache.mkdir(parents=True, exist_ok=True)
        scratch = cache / ("docker-registry.%s" % uuid.uuid4().hex)
        shutil.copy(folder / "usr/bin/docker-registry", scratch)
        scratch.chmod(0o755)
        scratch.rename(kept)
    return str(kept)


@pytest.fixture(scope="session")
def registry_port(registry_program: str, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[int]:
    folder = tmp_path_factory.mktemp("registry")
    config = {
        "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder)}}, "http": {"addr": "127.0.0.1:0", "relativeurls": True},
    }  # fmt: skip
    (folder / "config.yml").write_text(json.dumps(config))
    # The registry does not say which free port it got, so its own socket is looked up.
    process = subprocess.Popen([registry_program, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _listening_port(process)
    finally:
        process.kill()
        process.wait()


def _listening_port(process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        sockets = set()
        for link in Path("/proc/%d/fd" % process.pid).iterdir():
            target = os.readlink(link) if link.is_symlink() else ""
            sockets.update(re.findall(r"socket:\[(\d+)\]", target))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                return int(words[1].rpartition(":")[2], 16)
        time.sleep(0.05)
    pytest.fail("The registry does not listen.", pytrace=False)


def _reset(moto_port: int) -> None:
    urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:%d/moto-api/reset" % moto_port, method="POST"), timeout=30).close()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No credentials and no endpoint but those that a test gives."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return monkeypatch


@pytest.fixture
def cloud(clean_environment: pytest.MonkeyPatch, moto_port: int) -> t.Iterator[Cloud]:
    """AWS without a registry."""
    _reset(moto_port)
    place = Cloud(moto_port, None)
    yield place
    place.close()


@pytest.fixture
def cloud_with_registry(clean_environment: pytest.MonkeyPatch, moto_port: int, registry_port: int) -> t.Iterator[Cloud]:
    """AWS with a registry behind its ECR."""
    _reset(moto_port)
    place = Cloud(moto_port, registry_port)
    yield place
    place.close()
