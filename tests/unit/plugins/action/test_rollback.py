# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback.yml run for real on this host, with releases of a JDK in a folder of the test; and who goes first where a canary is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]


def play(playbook: Path, inventory: dict[str, Any], *options: str) -> tuple[int, str]:
    """Run a playbook over an inventory of hosts that are this one; its exit code and what it printed."""
    place = playbook.parent / "inventory.json" if playbook.parent != ROOT / "playbooks" else Path(inventory.pop("place"))
    place.write_text(json.dumps({"all": inventory}))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(place), *options],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def jdk(tmp_path: Path) -> Path:
    """Two releases of a JDK, of which the one that the inventory names is current."""
    folder = tmp_path / "jdk"
    for second, name in enumerate(("old", "new")):
        java = folder / "releases" / name / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_1\"' >&2\n")
        java.chmod(0o755)
        marker = folder / "releases" / name / ".release.json"
        marker.write_text("{}")
        os.utime(marker, (second, second))
    (folder / "current").symlink_to("releases/new")
    return folder


def test_there_and_no_further(tmp_path: Path, jdk: Path) -> None:
    variables = {
        "ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable, "mlops_agent_token": "0123456789abcdef",
        "jdk_prefix": str(jdk), "mlops_agent_jdk_home": "%s/current" % jdk, "jdk_release": "new", "jdk_archive_src": "/nowhere/jdk.tar.gz",
        "jdk_archive_sha256": "0" * 64, "jdk_archive_remote_src": True,
    }  # fmt: skip
    hosts = {"vars": variables, "children": {"mlflow_hosts": {"hosts": {"one": None}}}}

    def back(*options: str) -> tuple[int, str]:
        return play(ROOT / "playbooks" / "rollback.yml", {**hosts, "place": str(tmp_path / "inventory.json")}, "-e", "rollback=jdk", *options)

    code, foretold = back("--check")
    assert code == 0 and os.readlink(jdk / "current") == "releases/new", foretold
    # A long path may be cut by the table's width.
    assert "releases/new → releases/old" in " ".join(foretold.split()) and "one: would change in jdk" in foretold
    code, done = back()
    assert code == 0 and os.readlink(jdk / "current") == "releases/old", done
    assert "one: changed in jdk" in done and "the next site.yml goes forward again" in done
    code, again = back()
    assert code == 0 and os.readlink(jdk / "current") == "releases/old", again
    assert "1 of 1 host unchanged." in again and "rolled back already" in " ".join(again.split())


BATCHES = """
- hosts: mlflow_hosts
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        mlops_plan: {due: [jdk]}

- hosts: "{{ (__due | sparkflows.mlops.host_batches(hostvars | default({}))).hosts }}"
  serial: "{{ (__due | sparkflows.mlops.host_batches(hostvars | default({}))).sizes }}"
  max_fail_percentage: "{{ mlops_max_fail_percentage | default(0) }}"
  gather_facts: false
  vars:
    __due: "{{ groups['mlflow_hosts'] | sparkflows.mlops.hosts_due(hostvars | default({}), ['jdk']) }}"
  tasks:
    - ansible.builtin.debug:
        msg: "at a time: {{ ansible_play_batch | join(' ') }};"
      failed_when: inventory_hostname == fails | default('')
"""


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ((), ["b", "a c", "a c"]),
        (("-e", "mlops_serial=1"), ["b", "a", "c"]),
        # The canary is a batch of its own, so no share of failures lets the others go on.
        (("-e", "fails=b", "-e", "mlops_max_fail_percentage=100"), ["b"]),
    ],
)
def test_the_canary_goes_first_and_alone(tmp_path: Path, options: tuple[str, ...], batches: list[str]) -> None:
    """As the play of MLflow hosts asks the filter, in a play that does nothing."""
    shipped = (ROOT / "playbooks" / "parts" / "mlflow_hosts.yml").read_text()
    assert all(line.lstrip("- ") in shipped for line in BATCHES.splitlines() if "host_batches" in line or "max_fail" in line)
    playbook = tmp_path / "play.yml"
    playbook.write_text(BATCHES)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "mlops_canary": "b"}
    code, output = play(playbook, {"vars": variables, "children": {"mlflow_hosts": {"hosts": dict.fromkeys("abc")}}}, *options)
    assert [line.partition("at a time: ")[2].partition(";")[0] for line in output.splitlines() if '"msg": "at a time: ' in line] == batches, output
    assert (code == 0) == (len(batches) == 3), output
