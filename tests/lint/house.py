# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the house is built: which room may look into which, how large a room may be, and who decides. docs/architecture.md has the reasons."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes
import yaml

PLUGINS = "ansible_collections.sparkflows.mlops.plugins"
#: Parts of module_utils that know no system: what everybody else may build on, and what builds on nothing but its like.
GROUND = ("_answers", "_commands", "_deadlines", "_download", "_errors", "_files", "_host_lock", "_http", "_module", "_redaction", "_unpack", "_urls")
STOREYS = ("the ground floor", "a system", "the plan", "plugin_utils", "a plugin")
MOST_LINES = 500
#: Where the root of all errors is, and its name.
ROOT = ("module_utils._errors", "Problem")
#: What runs a module.
HELPERS = {"run_module", "run_aws_module"}
DOCUMENTED_IN = ("DOCUMENTATION", "EXAMPLES", "RETURN")


# ---------------------------------------------------------------------------------------------------------------- imports


def _sources(root: Path) -> dict[str, ast.Module]:
    """The plugins' files by their dotted name below `plugins`."""
    found = {}
    for path in sorted((root / "plugins").rglob("*.py")):
        name = ".".join(path.relative_to(root / "plugins").with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def _imports(tree: ast.Module, known: Mapping[str, Any]) -> Iterator[str]:
    """What a file imports of the collection, by dotted names as in `known`, also where it does so late."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            below = name.removeprefix(PLUGINS + ".")
            if below != name:
                # Either a module, or something in one.
                yield below if below in known else below.rpartition(".")[0]


def _storey(name: str) -> int:
    """How high a file stands."""
    kind, *rest = name.split(".")
    if kind != "module_utils":
        return 3 if kind == "plugin_utils" else 4
    return 2 if rest[:1] == ["_plan"] else 0 if rest and rest[0] in GROUND else 1


def imports_point_downwards(root: Path) -> Iterator[str]:
    """Plugins build on plugin_utils, that on the plan, that on the systems, and these on the ground floor; nothing builds on itself.

    What runs on a host is a module and what it imports, so a module has nothing of the plan and of plugin_utils, which are the controller's.
    """
    sources = _sources(root)
    uses = {name: sorted(set(_imports(tree, sources)) - {name}) for name, tree in sources.items()}
    for name, used in uses.items():
        for other in used:
            here, there = _storey(name), _storey(other)
            where = f"plugins/{name.replace('.', '/')}.py"
            if there > here or here == there == 4:
                yield f"{where}: {STOREYS[here]} imports {other}, which is {STOREYS[there]}"
            elif name.startswith("modules.") and there in (2, 3):
                yield f"{where}: a module imports {other}, which is the controller's"
    for circle in _circles(uses):
        yield f"plugins/{circle[0].replace('.', '/')}.py: imports itself by way of {', '.join(circle[1:]) or 'nothing else'}"


def _circles(uses: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Each way by which a file comes back to itself, once."""
    done: set[str] = set()
    way: list[str] = []

    def walk(name: str) -> Iterator[list[str]]:
        if name in way:
            yield way[way.index(name) :]
        elif name not in done:
            way.append(name)
            for other in uses.get(name, ()):
                yield from walk(other)
            way.pop()
            done.add(name)

    for name in uses:
        yield from walk(name)


# ----------------------------------------------------------------------------------------------------------------- errors


def errors_have_one_root(root: Path) -> Iterator[str]:
    """Every error that can leave its file, so one without an underscore, is a `Problem`: who catches that has caught all that can go wrong."""
    classes = {(name, node.name): node for name, tree in _sources(root).items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    bases = {node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases] for node in classes.values()}

    def ancestors(name: str) -> Iterator[str]:
        for base in bases.get(name, ()):
            yield base
            yield from ancestors(base)

    for (file, name), node in classes.items():
        above = set(ancestors(name))
        error = any(isinstance(kind := getattr(builtins, base, None), type) and issubclass(kind, BaseException) for base in above)
        if error and ROOT[1] not in above and not name.startswith("_") and (file, name) != ROOT:
            yield f"plugins/{file.replace('.', '/')}.py: line {node.lineno}: {name} is an error, and no {ROOT[1]}"


def modules_are_thin(root: Path) -> Iterator[str]:
    """A module hands one call to the helper that runs them all; that alone makes results of errors."""
    for path in sorted((root / "plugins" / "modules").glob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in nodes) and not called & HELPERS:
            yield f"{path.relative_to(root)}: main() is run by none of {', '.join(sorted(HELPERS))}"
        for name in sorted(used & {"AnsibleModule", "exit_json", "fail_json"}):
            yield f"{path.relative_to(root)}: has {name}, which belongs to the helper that runs modules"
        if any(isinstance(node, ast.Try) for node in nodes):
            yield f"{path.relative_to(root)}: catches errors; what is called raises them as a {ROOT[1]}, and the helper that runs modules tells them"


# ------------------------------------------------------------------------------------------------------------------ sizes


def files_are_short(root: Path) -> Iterator[str]:
    """No file of the plugins has more than 500 lines. A module's documentation is not counted: it grows with each option, as it should."""
    for path in sorted((root / "plugins").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        documentation = sum(
            (node.end_lineno or node.lineno) - node.lineno + 1
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in DOCUMENTED_IN
        )
        name, lines = str(path.relative_to(root)), text.count("\n") - documentation
        if lines > MOST_LINES:
            yield f"{name}: has {lines} lines, and {MOST_LINES} are the most; give a part of it a file of its own"


# -------------------------------------------------------------------------------------------------------------- decisions


def _planned_roles(root: Path) -> list[str]:
    """The roles that plan before they act: the keys of STATES, read without running the file."""
    path = root / "plugins" / "module_utils" / "_plan" / "states.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == "STATES" and isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            return [str(ast.literal_eval(key)) for key in node.value.keys if key is not None]
    return []


def tasks_only_carry_out(root: Path) -> Iterator[str]:
    """The tasks of a role that plans decide nothing: `when` asks the plan, check mode, or a result of the same file, and no setting and no fact."""
    environment = jinja2.Environment()
    for role in _planned_roles(root):
        for path in sorted((root / "roles" / role / "tasks").glob("**/*.yml")):
            text = path.read_text(encoding="utf-8")
            known = {f"__{role}_plan", "ansible_check_mode", "item", *re.findall(r"(?:register|loop_var|index_var): (\w+)", text)}
            for task in _conditional(yaml.safe_load(text)):
                conditions = task["when"] if isinstance(task["when"], list) else [task["when"]]
                names = {name.name for one in conditions for name in environment.parse("{{ %s }}" % one).find_all(jinja2.nodes.Name)}
                if names - known:
                    yield (
                        f"{path.relative_to(root)}: the task {task.get('name', '')!r} asks for {', '.join(sorted(names - known))}; "
                        "let the plan decide, and ask for one of its steps"
                    )


def _conditional(content: Any) -> Iterator[dict[str, Any]]:
    """Every task and block that has a condition."""
    for item in content if isinstance(content, list) else []:
        if isinstance(item, dict):
            if "when" in item:
                yield item
            for part in ("block", "rescue", "always"):
                yield from _conditional(item.get(part))


RULES = (imports_point_downwards, errors_have_one_root, modules_are_thin, files_are_short, tasks_only_carry_out)
