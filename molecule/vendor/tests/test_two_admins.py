# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two admins at once: the second is told who has the host, or waits; one who was killed keeps nobody waiting."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT, SCENARIO, Disk, Operator
from testinfra.host import Host

LOCK = "/run/sparkflows-mlops/lock.json"
SECRETS = "/etc/sparkflows-mlops/mlops-agent.env"
WORDS = r"debian12 is being changed by \S+ .*from \S+ with \S*hold\.yml since 20\S+Z"


Started = tuple[subprocess.Popen[bytes], Path]


def until(happened: Callable[[], bool], what: Path) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end, what.read_text()
        time.sleep(0.2)


@contextmanager
def controller(home: Path, playbook: str, *arguments: str) -> Iterator[Started]:
    """A controller that shares nothing with the test's own, running a playbook, and its output; killed at the end if it lives."""
    home.mkdir()
    environment = {
        **os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(home), "ANSIBLE_SSH_CONTROL_PATH_DIR": f"/tmp/{home.name}-cp",
        "ANSIBLE_INJECT_FACT_VARS": "false", "MOLECULE_SCENARIO_NAME": SCENARIO.name, "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
    }  # fmt: skip
    inventory = ["-i", str(ROOT / "molecule" / "inventory"), "-i", str(SCENARIO / "inventory" / "hosts.yml")]
    path = home / "output"
    with path.open("wb") as output:
        command = ["ansible-playbook", playbook, *inventory, *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process, path
    finally:
        killed(process)


def killed(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def other_admin(host: Host, home: Path, *arguments: str) -> Iterator[Started]:
    """One who has the host."""
    host.check_output("rm -f /run/enough")
    with controller(home, str(SCENARIO / "hold.yml"), *arguments) as (process, output):
        until(lambda: host.file(LOCK).exists or process.poll() is not None, output)
        assert process.poll() is None, output.read_text()
        yield process, output


def test_the_second_is_refused_or_waits(operator: Operator, host: Host, disk: Disk, tmp_path: Path) -> None:
    with other_admin(host, tmp_path / "other") as (other, dummy):
        host.check_output(f"chmod 0640 {SECRETS}")
        before = disk.changes()
        refused = operator.play("site", fails=True)
        assert re.search(WORDS, refused.text) and "Nothing was changed" in refused.text and not refused.changed
        assert re.search(WORDS, operator.play("plan").text)
        assert re.search(WORDS, operator.play("backup", fails=True).text)
        assert disk.changes() == before

        with controller(tmp_path / "patient", "sparkflows.mlops.site", "-e", "mlops_lock_wait=300") as (patient, output):
            until(lambda: "Waiting for at most 300 s" in " ".join(output.read_text().split()) or patient.poll() is not None, output)
            assert patient.poll() is None, output.read_text()
            host.check_output("touch /run/enough")
            assert other.wait(60) == 0
            assert patient.wait(120) == 0, output.read_text()
            assert re.search(WORDS, " ".join(output.read_text().split()))
    assert host.file(SECRETS).mode == 0o600
    assert not host.file(LOCK).exists


def test_who_was_killed_keeps_nobody_waiting(operator: Operator, host: Host, tmp_path: Path) -> None:
    # On the same controller its process is known to be gone.
    with other_admin(host, tmp_path / "killed") as (other, dummy):
        killed(other)
    assert host.file(LOCK).exists
    host.check_output("touch /run/enough")
    operator.play("hold.yml")
    assert not host.file(LOCK).exists
    # Another controller knows nothing of it: the lease ends.
    with other_admin(host, tmp_path / "elsewhere") as (other, dummy):
        killed(other)
    host.check_output(f'touch /run/enough; sed --in-place \'s/"machine": "[^"]*"/"machine": "elsewhere"/\' {LOCK}')
    assert re.search(WORDS, operator.play("hold.yml", fails=True).text)
    host.check_output(f'sed --in-place \'s/"lease": [0-9]*/"lease": 15/\' {LOCK}')
    operator.play("hold.yml", mlops_lock_wait=60)
    assert not host.file(LOCK).exists
