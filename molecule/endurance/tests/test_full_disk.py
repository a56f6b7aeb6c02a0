# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system that fills up in the middle of a run, after preflight found room: a sentence, and the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from testinfra.host import Host

ALONE = ("--limit", "second")


@pytest.fixture(scope="module")
def host(operator: Any, on: Any) -> Host:
    operator.play("site", *ALONE)
    return on("second")


@contextmanager
def filled_when(host: Host, path: str, folder: str, size_mb: int) -> Iterator[None]:
    """A small file system on a folder, which somebody fills to the last byte as soon as a path is there."""
    host.check_output("mkdir -p %s && mount -t tmpfs -o mode=755,size=%s small %s", folder, f"{size_mb}m", folder)
    program = f"until test -e {path}; do sleep 0.02; done; dd if=/dev/zero of={folder}/filler bs=1M 2>/dev/null; touch /run/filled"
    host.check_output("rm -f /run/filled; systemd-run --quiet --unit=filler sh -c %s", program)
    try:
        yield
    finally:
        host.run("systemctl stop filler")
        host.run("rm -f %s/filler", folder)


def unmount(host: Host, folder: str) -> None:
    host.check_output("umount --lazy %s", folder)


def test_the_servers_disk(operator: Any, host: Host) -> None:
    folder, guard = "/var/lib/mlflow-server", "/opt/sparkflows/tracking-guard"
    host.check_output("systemctl stop mlflow-server && rm -r %s", guard)
    try:
        with filled_when(host, f"{guard}/current", folder, 1100):
            run = operator.play("site", *ALONE, fails=True)
            assert host.file("/run/filled").exists
            assert "mlflow-server.service" in run.text and "A file system is full: its journal says" in run.text
        operator.play("site", *ALONE)
        assert operator.differing(*ALONE) == []
    finally:
        host.check_output("systemctl stop mlflow-server")
        unmount(host, folder)
    operator.play("site", *ALONE)
    assert operator.differing(*ALONE) == []


def test_the_programs_disk(operator: Any, host: Host) -> None:
    """The stack is unpacked into a file system that is full after its first files."""
    folder = "/srv/stack"
    moved = {"pip_stack_prefix": folder, "mlflow_server_stack": f"{folder}/current", "mlops_agent_stack": f"{folder}/current"}
    with filled_when(host, f"{folder}/releases/*/bin", folder, 2600):
        run = operator.play("site", *ALONE, fails=True, **moved)
        assert host.file("/run/filled").exists
        assert "The disk was full before all was installed." in run.text
        assert not host.file(f"{folder}/tools/uv-cache").exists
        # What runs, runs on from where it was.
        assert host.check_output("curl --silent --fail http://127.0.0.1:5000/health") == "OK"
    operator.play("site", *ALONE, **moved)
    assert operator.differing(*ALONE, **moved) == []
    operator.play("site", *ALONE)
    unmount(host, folder)
    assert operator.differing(*ALONE) == []
