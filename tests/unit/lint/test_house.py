# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of how the house is built find what they are for, and leave good work alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint import house

PLUGINS = "ansible_collections.sparkflows.mlops.plugins"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def importing(*names: str) -> str:
    return "".join(f"from {PLUGINS}.{name.rpartition('.')[0]} import {name.rpartition('.')[2]}\n" for name in names)


HOUSE = {
    "plugins/module_utils/_files.py": "",
    "plugins/module_utils/_ssh/__init__.py": "",
    "plugins/module_utils/_ssh/_key.py": importing("module_utils._files"),
    "plugins/module_utils/_plan/jdk.py": importing("module_utils._ssh._key"),
    "plugins/plugin_utils/reading.py": importing("module_utils._plan.jdk"),
    "plugins/action/plan.py": importing("plugin_utils.reading", "module_utils._plan.jdk"),
    "plugins/modules/key.py": importing("module_utils._ssh._key", "module_utils._files"),
}


def test_imports_that_point_downwards(tmp_path: Path) -> None:
    assert list(house.imports_point_downwards(write(tmp_path, HOUSE))) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("module_utils/_files.py", importing("module_utils._ssh._key"), "plugins/module_utils/_files.py: the ground floor imports module_utils._ssh._key, "),
        ("module_utils/_files.py", f"def late():\n    {importing('module_utils._ssh._key')}", "the ground floor imports module_utils._ssh._key, "),
        ("module_utils/_ssh/_key.py", importing("module_utils._plan.jdk"), "a system imports module_utils._plan.jdk, which is the plan"),
        ("module_utils/_ssh/_key.py", f"import {PLUGINS}.plugin_utils.reading\n", "a system imports plugin_utils.reading, which is plugin_utils"),
        ("module_utils/_plan/jdk.py", importing("plugin_utils.reading"), "the plan imports plugin_utils.reading, which is plugin_utils"),
        ("module_utils/_plan/jdk.py", f"from {PLUGINS}.modules.key import main\n", "the plan imports modules.key, which is a plugin"),
        ("action/plan.py", importing("modules.key"), "a plugin imports modules.key, which is a plugin"),
        ("modules/key.py", importing("module_utils._plan.jdk"), "a module imports module_utils._plan.jdk, which is the controller's"),
        ("modules/key.py", importing("plugin_utils.reading"), "a module imports plugin_utils.reading, which is the controller's"),
    ],
)
def test_imports_that_point_upwards(tmp_path: Path, file: str, text: str, said: str) -> None:
    found = list(house.imports_point_downwards(write(tmp_path, {**HOUSE, f"plugins/{file}": text})))
    assert any(said in sentence for sentence in found)


def test_a_circle_of_imports(tmp_path: Path) -> None:
    files = {
        "plugins/module_utils/_a.py": importing("module_utils._b"),
        "plugins/module_utils/_b.py": importing("module_utils._c"),
        "plugins/module_utils/_c.py": importing("module_utils._b"),
    }
    found = list(house.imports_point_downwards(write(tmp_path, files)))
    assert found == ["plugins/module_utils/_b.py: imports itself by way of module_utils._c"]


ROOT = "class Problem(Exception):\n    pass\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("class Refused(Problem):\n    pass\n", []),
        ("class Gone(_errors.Problem, OSError):\n    pass\n", []),
        ("class Signal:\n    pass\n", []),
        ("class _Inside(Exception):\n    pass\n", []),
        ("class Refused(Exception):\n    pass\n", ["Refused"]),
        ("class Refused(OSError):\n    pass\n\n\nclass Denied(Refused):\n    pass\n", ["Refused", "Denied"]),
        ("class Problem(Exception):\n    pass\n", ["Problem"]),
    ],
)
def test_the_root_of_errors(tmp_path: Path, text: str, found: list[str]) -> None:
    files = {"plugins/module_utils/_errors.py": ROOT, "plugins/module_utils/_ssh/_key.py": text}
    sentences = list(house.errors_have_one_root(write(tmp_path, files)))
    assert [sentence.split(": ")[2].partition(" ")[0] for sentence in sentences] == found
    assert all(sentence.startswith("plugins/module_utils/_ssh/_key.py: line ") for sentence in sentences)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def main():\n    run_module(lambda module: {}, {})\n", None),
        ("def main():\n    run_aws_module(call, {})\n", None),
        ('DOCUMENTATION = "of an action"\n', None),
        ("def main():\n    QuietModule(argument_spec={})\n", "main() is run by none of run_aws_module, run_module"),
        ("def main():\n    run_module(call, {})\n\n\ndef call(module):\n    module.fail_json(msg='no')\n", "has fail_json, which belongs to the helper"),
        ("from ansible.module_utils.basic import AnsibleModule\n", "has AnsibleModule, which belongs to the helper"),
        ("try:\n    run_module(call, {})\nexcept OSError:\n    pass\n", "catches errors"),
    ],
)
def test_thin_modules(tmp_path: Path, text: str, said: str | None) -> None:
    found = list(house.modules_are_thin(write(tmp_path, {"plugins/modules/key.py": text})))
    assert [sentence.startswith("plugins/modules/key.py: " + said) for sentence in found] == [True] if said else found == []


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("module_utils/_new.py", 500, ""),
        ("module_utils/_new.py", 501, "has 501 lines, and 500 are the most"),
    ],
)
def test_sizes(tmp_path: Path, name: str, lines: int, said: str) -> None:
    found = list(house.files_are_short(write(tmp_path, {f"plugins/{name}": "pass\n" * lines})))
    assert bool(found) == bool(said) and all(said in sentence for sentence in found)


def test_documentation_is_not_counted(tmp_path: Path) -> None:
    documentation = 'DOCUMENTATION = r"""\n' + "x\n" * 600 + '"""\n'
    assert list(house.files_are_short(write(tmp_path, {"plugins/modules/new.py": documentation + "pass\n" * 500}))) == []
    assert list(house.files_are_short(write(tmp_path, {"plugins/modules/new.py": documentation + "pass\n" * 501}))) != []


PLANNED = {"plugins/module_utils/_plan/states.py": "STATES = {'jdk': jdk.STATE}\n"}


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ("\"'release' in __jdk_plan.steps\"", ""),
        ("[\"'release' in __jdk_plan.steps\", not ansible_check_mode]", ""),
        ("__jdk_plan.inputs.in_use | length > 0", ""),
        ("__jdk_seen is changed", ""),
        ("__jdk_look.exists", "__jdk_look"),
        ("jdk_provider == 'package'", "jdk_provider"),
        ("[not ansible_check_mode, ansible_facts.os_family == 'Debian']", "ansible_facts"),
    ],
)
def test_conditions_of_tasks(tmp_path: Path, when: str, asked: str) -> None:
    tasks = f"- ping:\n  register: __jdk_seen\n- name: Act\n  block:\n    - name: Do\n      ping:\n      when: {when}\n"
    root = write(tmp_path, {**PLANNED, "roles/jdk/tasks/main.yml": tasks, "roles/scorer/tasks/main.yml": tasks})
    expected = [f"roles/jdk/tasks/main.yml: the task 'Do' asks for {asked}; let the plan decide, and ask for one of its steps"] if asked else []
    assert list(house.tasks_only_carry_out(root)) == expected


def test_the_planned_roles_are_those_of_the_plan() -> None:
    from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES

    assert house._planned_roles(Path(__file__).resolve().parents[3]) == list(STATES)
