# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints with the collection's callback: what there is to know, and nothing of hosts on which nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PLAYBOOK = """
- name: Work
  hosts: all
  gather_facts: false
  tasks:
    - name: Silent
      ansible.builtin.ping:
    - name: Silent items
      ansible.builtin.ping:
      loop: [1, 2]
    - name: Skipped
      ansible.builtin.ping:
      when: false
    - name: Skipped items
      ansible.builtin.ping:
      loop: [1, 2]
      when: false
    - name: Told
      ansible.builtin.debug:
        msg: a word to {{ inventory_hostname }}
    - name: Told items
      ansible.builtin.debug:
        msg: word {{ item }}
      loop: [first, second]
    - name: Warned
      warned:
    - name: Warned items
      warned:
      loop: [1]
    - name: Silent again
      ansible.builtin.ping:
    - name: Of a role
      ansible.builtin.include_role:
        name: quiet
    - name: Changed
      ansible.builtin.command: "true"
      changed_when: true
    - name: Failed
      ansible.builtin.fail:
        msg: for a reason
"""
WARNED = """
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({})
module.warn("a warning of a task that is ok")
module.exit_json()
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The lines of a run on two hosts, without and with `-v`."""
    tmp_path = tmp_path_factory.mktemp("brief")
    role = tmp_path / "roles" / "quiet" / "tasks" / "main.yml"
    role.parent.mkdir(parents=True)
    role.write_text("- name: Silent in a role\n  ansible.builtin.ping:\n")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "warned.py").write_text(WARNED)
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    found = {}
    for options in ("", "-v"):
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "a,b,", "-c", "local", str(tmp_path / "play.yml"), *options.split()],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        )  # fmt: skip
        assert done.returncode == 2, done.stdout + done.stderr
        found[options] = (done.stdout + done.stderr).splitlines()
    return found


def headings(lines: list[str]) -> list[str]:
    return [line.partition("[")[2].partition("]")[0] for line in lines if line.startswith("TASK")]


def test_of_what_is_as_it_was_nothing_is_printed(printed: dict[str, list[str]]) -> None:
    told = ["Told", "Told items", "Warned", "Warned items", "Of a role", "quiet : Silent in a role", "Changed", "Failed"]
    assert headings(printed[""]) == told
    assert not [line for line in printed[""] if line.startswith("skipping:")]
    text = "\n".join(printed[""])
    for seen in ("a word to a", "a word to b", "word first", "word second", "a warning of a task that is ok", "changed: [a]", "changed: [b]", "for a reason"):
        assert seen in text, seen
    # Those that told something, but not the host of a role's task, which has its heading alone.
    assert sum(line.startswith("ok:") for line in printed[""]) == 2 + 4 + 2 + 2


def test_a_role_says_what_it_is_at(printed: dict[str, list[str]]) -> None:
    lines = printed[""]
    heading = next(number for number, line in enumerate(lines) if "quiet : Silent in a role" in line)
    assert lines[heading + 1] == ""


def test_nothing_is_left_out_when_more_is_asked_for(printed: dict[str, list[str]]) -> None:
    everything = {"Silent", "Silent items", "Skipped", "Skipped items", "Silent again"}
    assert everything <= set(headings(printed["-v"]))
    assert sum(line.startswith("skipping:") for line in printed["-v"]) >= 4
