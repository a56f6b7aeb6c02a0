# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS on loopback, with and without a container registry behind its ECR."""

from __future__ import annotations

import functools
import os
import typing as t
import urllib.request
from pathlib import Path

import botocore.loaders
import pytest
from moto.server import ThreadedMotoServer

from testbed.common import TestbedError
from tests.unit.plugins.aws import registry
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
def registry_port(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[int]:
    """The port of a real registry."""
    try:
        process, port = registry.start(registry.program(tmp_path_factory.mktemp("package")), tmp_path_factory.mktemp("registry"))
    except TestbedError as error:
        pytest.fail("These tests push to a real registry. Install docker-registry, or let apt fetch it. %s" % error, pytrace=False)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


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
