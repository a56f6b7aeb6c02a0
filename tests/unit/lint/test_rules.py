# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each of the collection's own rules finds what it is for and leaves good work alone."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lint import rules

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files, a dictionary from path to text, below a fresh root."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    return write


def role(defaults: str, options: str) -> dict[str, str]:
    return {
        "roles/jdk/defaults/main.yml": defaults,
        "roles/jdk/meta/argument_specs.yml": "argument_specs:\n  main:\n    options:\n" + textwrap.indent(textwrap.dedent(options), " " * 6),
    }


@pytest.mark.parametrize(
    ("defaults", "options", "expected"),
    [
        ("jdk_keep: 2\n", "jdk_keep: {type: int, default: 2, description: x}", []),
        ("jdk_keep: 2\n", "jdk_keep: {type: int, default: 3, description: x}", ["jdk_keep is 2 in defaults/main.yml and 3"]),
        ("jdk_keep: true\n", "jdk_keep: {type: int, default: 1, description: x}", ["jdk_keep is True"]),
        ("jdk_other: 2\n", "jdk_home: {type: str, description: x}", ["jdk_other has a default but no specification"]),
        ("{}\n", "jdk_keep: {type: int, default: 3, description: x}", ["none in defaults/main.yml"]),
        ("{}\n", "jdk_home: {type: str}", ["jdk_home has no description"]),
        ("{}\n", "jdk_url_password: {type: str, description: x}", ["must be of type raw"]),
        ("{}\n", "jdk_url_password: {type: raw, description: x}", []),
    ],
)
def test_defaults_equal_specs(tree: Tree, defaults: str, options: str, expected: list[str]) -> None:
    found = list(rules.defaults_equal_specs(tree(role(defaults, options))))
    assert len(found) == len(expected), found
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True))


TASKS = "roles/agent/tasks/main.yml"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ('{key: "{{ jdk_password }}"}', ["key hands jdk_password on"]),
        ('{key: "{{ jdk_password | default(omit, true) }}"}', ["key hands jdk_password on"]),
        ('{key: "{{ jdk_password | string | default(omit, true) }}"}', []),
        ('{jdk_password: "{{ jdk_password }}"}', []),
        ('{key: "{{ jdk_environment }}"}', []),
        ("{content: \"{{ lookup('ansible.builtin.file', 'x.json') }}\"}", ["content hands lookup('ansible.builtin.file', 'x.json') on"]),
        ("{content: \"{{ lookup('ansible.builtin.file', 'x.json') | string }}\"}", []),
    ],
)
def test_texts_stay_texts(tree: Tree, task: str, expected: list[str]) -> None:
    options = "jdk_password: {type: raw, default: '', description: x}\njdk_environment: {type: raw, default: {}, description: x}\n"
    found = list(rules.texts_stay_texts(tree({**role("{}\n", options), TASKS: f"- name: Work\n  sparkflows.mlops.example: {task}\n"})))
    assert len(found) == len(expected), found
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("{ansible.builtin.uri: {url: x, headers: {Authorization: 'Bearer {{ agent_token }}'}}}", 1),
        ("{ansible.builtin.set_fact: {agent_password: x}}", 1),
        ("{ansible.builtin.set_fact: {agent_password: x}, no_log: true}", 0),
        ("{ansible.builtin.set_fact: {agent_port: 1}}", 0),
        ("{block: [{ansible.builtin.set_fact: {agent_password: x}}]}", 1),
        ("{block: [{ansible.builtin.set_fact: {agent_password: x}}], no_log: true}", 0),
        ("{ansible.builtin.debug: {msg: 'set agent_token first'}}", 0),
    ],
)
def test_secrets_are_not_logged(tree: Tree, task: str, count: int) -> None:
    assert len(list(rules.secrets_are_not_logged(tree({TASKS: f"- {task}\n"})))) == count


@pytest.mark.parametrize(
    ("task", "count"),
    [
        ("{ansible.builtin.stat: {path: x}, delegate_to: localhost}", 1),
        ("{ansible.builtin.stat: {path: x}, delegate_to: localhost, become: true}", 1),
        ("{ansible.builtin.stat: {path: x}, delegate_to: localhost, become: false}", 0),
        ("{ansible.builtin.stat: {path: x}}", 0),
    ],
)
def test_controller_tasks_do_not_become(tree: Tree, task: str, count: int) -> None:
    assert len(list(rules.controller_tasks_do_not_become(tree({TASKS: f"- {task}\n"})))) == count


def test_tasks_of_a_playbook_are_seen(tree: Tree) -> None:
    root = tree({"playbooks/site.yml": "- hosts: all\n  tasks:\n    - {ansible.builtin.stat: {path: x}, delegate_to: localhost}\n"})
    assert len(list(rules.controller_tasks_do_not_become(root))) == 1


def test_inventories_have_one_shape(tree: Tree) -> None:
    same = {
        "inventories/{}/hosts.yml": "all: {children: {mlflow_hosts: {}}}\n",
        "inventories/{}/group_vars/all/jdk.yml": "jdk_keep: 1\n",
        "roles/jdk/README.md": "",
    }
    root = tree({name.format(inventory): text for name, text in same.items() for inventory in ("staging", "production")})
    assert list(rules.inventories_have_one_shape(root)) == []
    tree(
        {
            "inventories/production/hosts.yml": "all: {children: {other: {}}}\n",
            "inventories/production/group_vars/all/jdk.yml": "python_keep: 1\n",
            "inventories/staging/group_vars/all/python.yml": "python_keep: 1\n",
        }
    )
    assert set(rules.inventories_have_one_shape(root)) == {
        "inventories/production: the file group_vars/all/python.yml is missing, another inventory has it",
        "inventories/production: the group mlflow_hosts of hosts.yml is missing, another inventory has it",
        "inventories/staging: the group other of hosts.yml is missing, another inventory has it",
        "inventories/production/group_vars/all/jdk.yml: python_keep is not a variable of the role jdk",
    }


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("mlops_agent_token: \"{{ lookup('ansible.builtin.env', 'TOKEN') }}\"", 0),
        ('mlops_agent_token: "{{ vault_mlops_agent_token }}"', 0),
        ("mlops_agent_token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00", 0),
        ("mlops_agent_token: hunter2", 1),
        ("settings: [{db_password: hunter2}]", 1),
        ("mlflow_server_uri: postgresql://user:hunter2@db/mlflow", 1),
        ("mlflow_server_uri: postgresql://db/mlflow", 0),
        ("mlops_agent_port: 8086", 0),
    ],
)
def test_inventories_hold_no_secret(tree: Tree, line: str, count: int) -> None:
    assert len(list(rules.inventories_hold_no_secret(tree({"inventories/staging/group_vars/all/x.yml": line + "\n"})))) == count


def test_documents_state_locked_versions(tree: Tree) -> None:
    root = tree(
        {
            "roles/pip_stack/files/locks/mlflow.txt": "mlflow==1.30.1 \\\n    --hash=sha256:00\n",
            "README.md": "Installs `mlflow==1.30.1`.\n",
        }
    )
    assert list(rules.documents_state_locked_versions(root)) == []
    tree({"README.md": "`mlflow==1.30.0` and `numpy==1.0`\n"})
    assert list(rules.documents_state_locked_versions(root)) == [
        "README.md: mlflow==1.30.0, but the lock says 1.30.1",
        "README.md: numpy==1.0 is in no lock",
    ]


def test_tools_take_the_stacks_pins(tree: Tree) -> None:
    root = tree(
        {
            "roles/pip_stack/files/locks/mlflow.txt": "prometheus-client==0.17.1 \\\n    --hash=sha256:00\ntornado==6.2\n",
            "requirements/tooling.in": "mypy\nuv==0.13.9\nprometheus_client==0.17.1\ntornado==6.2\n",
            "agent/requirements-test.in": "tornado==6.2\npytest\n",
        }
    )
    assert list(rules.tools_take_the_stacks_pins(root)) == []
    tree({"roles/pip_stack/files/locks/mlflow.txt": "prometheus-client==0.17.1\ntornado==6.3\n"})
    assert list(rules.tools_take_the_stacks_pins(root)) == [
        "requirements/tooling.in: tornado==6.2, but the stack has 6.3",
        "agent/requirements-test.in: tornado==6.2, but the stack has 6.3",
    ]


@pytest.mark.parametrize(
    ("tasks", "missing"),
    [
        ("- debug: {msg: '{{ __jdk_seen }}'}\n  register: __jdk_done\n", ["__jdk_seen"]),
        ("- stat: {path: /}\n  register: __jdk_seen\n- debug: {msg: '{{ __jdk_seen }}'}\n", []),
        ("- debug: {msg: '{{ __jdk_seen }}'}\n  vars:\n    __jdk_seen: 1\n", []),
    ],
)
def test_internal_variables_are_there(tree: Tree, tasks: str, missing: list[str]) -> None:
    found = list(rules.internal_variables_are_there(tree({"roles/jdk/tasks/main.yml": tasks, "roles/jdk/vars/main.yml": "---\n__jdk_other: 1\n"})))
    assert [sentence.split()[1] for sentence in found] == missing


def test_support_table_is_true(tree: Tree) -> None:
    table = "| Debian 13 | tested |\n| Ubuntu 24.04 | not tested |\n| ansible-core 2.16 | tested |\n"
    files = {"molecule/default/inventory/hosts.yml": "hosts: debian-13\n", "testbed/cores.py": 'CORES = {"2.16": ("3.11",)}\n', "README.md": table}
    root = tree(files)
    assert list(rules.support_table_is_true(root)) == []
    tree({"README.md": "| Debian 12 | tested |\n| ansible-core 2.17 | tested |\n"})
    assert len(list(rules.support_table_is_true(root))) == 2
    tree({"README.md": "nothing\n"})
    assert list(rules.support_table_is_true(root)) == ["README.md: there is no support table"]


def test_documents_name_real_targets(tree: Tree) -> None:
    root = tree({"Makefile": "test: setup\n\nsetup:\n", "README.md": "Run `make test`.\n"})
    assert list(rules.documents_name_real_targets(root)) == []
    tree({"docs/install.md": "    make things better\nmake quickstart\n"})
    assert list(rules.documents_name_real_targets(root)) == ["docs/install.md: the Makefile has no target quickstart"]


@pytest.mark.parametrize(
    ("argv", "count"),
    [("[nginx, -t]", 1), ("[/usr/sbin/nginx, -t]", 0), ("\"{{ ['restorecon', '-R'] + folders }}\"", 1), ("[mv, a, b]", 0), ('"{{ command }}"', 0)],
)
def test_programs_of_root_have_their_path(tree: Tree, argv: str, count: int) -> None:
    root = tree({"roles/a/tasks/main.yml": f"- name: Run\n  ansible.builtin.command:\n    argv: {argv}\n- name: Say\n  ansible.builtin.command: id\n"})
    assert len(list(rules.programs_of_root_have_their_path(root))) == count


def test_documents_name_what_production_needs(tree: Tree) -> None:
    variable = """mlops_agent_token: "{{ lookup('ansible.builtin.env', 'AGENT_TOKEN') }}"\n"""
    root = tree({"inventories/production/group_vars/all.yml": variable, "docs/install.md": "Set `AGENT_TOKEN`.\n"})
    assert list(rules.documents_name_what_production_needs(root)) == []
    tree({"docs/install.md": "Set `AGENT_TOKEN_2`.\n"})
    expected = "inventories/production/group_vars/all.yml: docs/install.md does not say that AGENT_TOKEN has to be in the environment"
    assert list(rules.documents_name_what_production_needs(root)) == [expected]


@pytest.mark.parametrize(("line", "count"), [("/home/someone/file", 1), ("FROM quay.io/debian", 1), ("ProtectHome=/home", 0), ("/opt/sparkflows", 0)])
def test_nothing_of_one_machine(tree: Tree, line: str, count: int) -> None:
    root = tree({"file.txt": line + "\n"})
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    assert len(list(rules.nothing_of_one_machine(root))) == count


def test_the_hosts_and_paths_of_this_machine_are_refused(tree: Tree) -> None:
    root = tree({})
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    for number, text in enumerate([*rules.package_hosts(), str(root)]):
        (root / f"{number}.txt").write_text(f"see {text} for more\n")
        assert list(rules.nothing_of_one_machine(root)), text
        (root / f"{number}.txt").unlink()
