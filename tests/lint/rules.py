# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own rules, which no public linter knows.

A rule takes the root of a checkout and yields one sentence per violation, starting with the file it is about.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

SECRET = re.compile(r"(?:^|_)(?:password|passphrase|token|secret|secret_key|secret_access_key)$")
# Modules that put a value where others may read it: on screen, in a fact, in a file, in a request.
REVEALING = {"uri", "set_fact", "copy", "template", "lineinfile", "blockinfile", "command", "shell", "debug"}
# What lies in /usr/sbin on one system at least.
OF_ROOT = {"chpasswd", "getsebool", "groupadd", "nft", "nginx", "restorecon", "runuser", "semanage", "service", "setsebool", "sysctl", "ufw",
           "update-alternatives", "useradd", "usermod"}  # fmt: skip
# Homes of people, of which sparkflows, the user in the vendor's documents, is none; hosts of image registries.
# What else is particular to a machine is read off the one that runs the rule.
HOME = re.compile(r"/home/(?!\{|<|(?:admin|sparkflows)\b)\w+/|/root/\.(?:cache|config|pyenv)\b")
IMAGE_REGISTRY = re.compile(r"\b(?:docker\.io/|quay\.io|ghcr\.io|gcr\.io|mcr\.microsoft\.com)")
# A requirement with its version, in a lock or in what a lock is made from.
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
# What the admin guide prints, which no index has.
GUIDES_SLIP = ("h2o-pysparkling-3-2", "3.36.1.2.post")


class _Loader(yaml.SafeLoader):
    """Reads Ansible's YAML: !vault and !unsafe are values like others."""


class Vaulted(str):
    """A value that is encrypted in the file."""


_Loader.add_constructor("!vault", lambda loader, node: Vaulted(loader.construct_scalar(node)))
_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


def _name(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


# ---------------------------------------------------------------------------------------------------------------- roles


def defaults_equal_specs(root: Path) -> Iterator[str]:
    """A role's defaults/main.yml and its argument specification name the same variables with the same defaults."""
    for role in sorted(path for path in (root / "roles").glob("*") if path.is_dir()):
        defaults_file, specs_file = role / "defaults" / "main.yml", role / "meta" / "argument_specs.yml"
        where = f"roles/{role.name}"
        if not specs_file.is_file():
            yield f"{where}: there is no meta/argument_specs.yml"
            continue
        options = _load(specs_file)["argument_specs"]["main"]["options"]
        defaults = (_load(defaults_file) or {}) if defaults_file.is_file() else {}
        for name in sorted(defaults.keys() - options.keys()):
            yield f"{where}: {name} has a default but no specification"
        for name, option in sorted(options.items()):
            if not option.get("description"):
                yield f"{where}: {name} has no description"
            if name not in defaults and "default" in option:
                yield f"{where}: {name} has the default {option['default']!r} in its specification and none in defaults/main.yml"
            if name in defaults and not _same(defaults[name], option.get("default")):
                yield f"{where}: {name} is {defaults[name]!r} in defaults/main.yml and {option.get('default')!r} in its specification"
            if SECRET.search(name) and (option.get("type", "str") != "raw" or "choices" in option):
                # A specification prints the value that does not fit.
                yield f"{where}: {name} is a secret and must be of type raw, without choices"


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


# ---------------------------------------------------------------------------------------------------------------- tasks


def _tasks(content: Any) -> Iterator[dict[str, Any]]:
    """Every task of a task file or playbook, those within blocks included."""
    for item in content if isinstance(content, list) else []:
        if not isinstance(item, dict):
            continue
        nested = [item[key] for key in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers") if key in item]
        if not nested and "hosts" not in item:
            yield item
        for group in nested:
            for task in _tasks(group):
                # What a block says holds for its tasks.
                yield {**{key: item[key] for key in ("no_log", "become", "delegate_to") if key in item}, **task}


def _task_files(root: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for pattern in ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml", "playbooks/**/*.yml"):
        for path in sorted(root.glob(pattern)):
            yield _name(path, root), list(_tasks(_load(path)))


def secrets_are_not_logged(root: Path) -> Iterator[str]:
    """A task that hands a secret to a module which could show it says no_log."""
    for where, tasks in _task_files(root):
        for task in tasks:
            if "no_log" in task:
                continue
            for key, value in task.items():
                if key.rpartition(".")[2] in REVEALING:
                    names = {word for text in _strings(value) for word in re.findall(r"\w+", text) if SECRET.search(word)}
                    if names:
                        yield f"{where}: the task {task.get('name', key)!r} handles {', '.join(sorted(names))} without no_log"


def programs_of_root_have_their_path(root: Path) -> Iterator[str]:
    """A program of /usr/sbin is named with its folder: root by `su`, or without a login shell, has it not on its PATH."""
    for where, tasks in _task_files(root):
        for task in tasks:
            for key, value in task.items():
                argv = value.get("argv", "") if key.rpartition(".")[2] == "command" and isinstance(value, dict) else ""
                # A list, or a template that begins with one.
                words = argv if isinstance(argv, list) else re.findall(r"[\w/.-]+", argv)
                program = words[0] if words else ""
                if program in OF_ROOT:
                    yield f"{where}: the task {task.get('name', key)!r} runs {program} without its folder"


def _strings(value: Any) -> Iterator[str]:
    """The names and templates within a task's arguments; a plain text holds no variable."""
    if isinstance(value, str):
        yield from re.findall(r"\{[{%].*?[%}]\}", value, re.DOTALL)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def internal_variables_are_there(root: Path) -> Iterator[str]:
    """A role's internal variable that is used is set somewhere in the role: in vars, by a task, or by a template's set or for."""
    for role in sorted(path for path in (root / "roles").glob("*") if path.is_dir()):
        files = [path for kind in ("tasks", "vars", "templates") for path in sorted((role / kind).rglob("*")) if path.is_file()]
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        name = rf"__{role.name}_\w+"
        there = {
            *re.findall(rf"^[ -]*({name}):", text, re.MULTILINE),
            *re.findall(rf"(?:register|loop_var|index_var): ({name})", text),
            *re.findall(rf"\{{%-? *(?:set|for) ({name})", text),
        }
        for missing in sorted(set(re.findall(rf"(?<!\w){name}", text)) - there):
            yield f"roles/{role.name}: {missing} is used and set nowhere"


# A secret that is handed on as it is, or the text of a file that a module gets.
HANDED_ON = re.compile(r"\{\{\s*(\w+)(?:\s*\|\s*default\([^()]*\))*\s*\}\}")
FILE_TEXT = re.compile(r"\{\{\s*(lookup\('ansible\.builtin\.(?:file|template)', [^{}|]*\))\s*\}\}")


def texts_stay_texts(root: Path) -> Iterator[str]:
    """A text that may look like data is handed on with the filter string.

    ansible-core before 2.19 turns what a lone template yields into a list or a dictionary when it looks like one, unless the
    last filter but default is one of its STRING_TYPE_FILTERS.
    """
    secrets = set()
    for specs in sorted((root / "roles").glob("*/meta/argument_specs.yml")):
        options = _load(specs)["argument_specs"]["main"]["options"]
        secrets |= {name for name, option in options.items() if option.get("type") == "raw" and not isinstance(option.get("default"), (dict, list))}
    for pattern in ("roles/*/tasks/**/*.yml", "roles/*/vars/**/*.yml", "playbooks/**/*.yml"):
        for path in sorted(root.glob(pattern)):
            for name, value in _leaves(_load(path)):
                handed = HANDED_ON.fullmatch(value.strip()) if isinstance(value, str) else None
                read = FILE_TEXT.fullmatch(value.strip()) if isinstance(value, str) and name in ("content", "stdin") else None
                # What only judges a secret must see it as it is.
                if handed and handed[1] in secrets and name != handed[1]:
                    yield f"{_name(path, root)}: {name} hands {handed[1]} on without `| string`"
                if read:
                    yield f"{_name(path, root)}: {name} hands {read[1]} on without `| string`"


def controller_tasks_do_not_become(root: Path) -> Iterator[str]:
    """A task on the controller says become: false, or it would ask for sudo there."""
    for where, tasks in _task_files(root):
        for task in tasks:
            if task.get("delegate_to") in ("localhost", "127.0.0.1") and task.get("become") is not False:
                yield f"{where}: the task {task.get('name')!r} runs on the controller without become: false"


# ---------------------------------------------------------------------------------------------------------- inventories


def inventories_have_one_shape(root: Path) -> Iterator[str]:
    """All inventories have the same files and groups, and a file named for a role holds that role's variables."""
    folders = [folder for folder in sorted((root / "inventories").glob("*")) if folder.is_dir()]
    shapes = {folder.name: _shape(folder) for folder in folders}
    everything = set().union(*shapes.values())
    for inventory, shape in shapes.items():
        for missing in sorted(everything - shape):
            yield f"inventories/{inventory}: {missing} is missing, another inventory has it"
    for role in sorted(path.name for path in (root / "roles").glob("*") if path.is_dir()):
        for path in sorted((root / "inventories").glob(f"*/*_vars/*/{role}.yml")):
            for variable in _load(path) or {}:
                if not variable.startswith(f"{role}_"):
                    yield f"{_name(path, root)}: {variable} is not a variable of the role {role}"


def _shape(folder: Path) -> set[str]:
    shape = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            shape.add(f"the file {_name(path, folder)}")
            if path.parent == folder and path.suffix == ".yml":
                shape.update(f"the group {group} of {path.name}" for group in _groups(_load(path)))
    return shape


def _groups(content: dict[str, Any]) -> Iterator[str]:
    for group, body in content.items():
        yield group
        yield from _groups((body or {}).get("children") or {})


def inventories_hold_no_secret(root: Path) -> Iterator[str]:
    """A secret in an inventory is a reference to a vault or to the environment, never a value."""
    for path in sorted((root / "inventories").rglob("*.yml")):
        for name, value in _leaves(_load(path)):
            where = f"{_name(path, root)}: {name}"
            if isinstance(value, Vaulted) or not isinstance(value, str):
                continue
            if SECRET.search(name) and value and not re.fullmatch(r"\s*\{\{.*\}\}\s*", value, re.DOTALL):
                yield f"{where} holds a secret as a value; refer to a vaulted variable or to the environment"
            if re.search(r"://[^/@{\s]+:[^/@{\s]+@", value):
                yield f"{where} holds a URL with a password"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        yield name, value


# ------------------------------------------------------------------------------------------------------------ documents


def _pages(root: Path) -> Iterator[tuple[str, str]]:
    for path in (root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md")), *sorted(root.glob("roles/*/README.md"))):
        if path.is_file():
            yield _name(path, root), path.read_text(encoding="utf-8")


def documents_state_locked_versions(root: Path) -> Iterator[str]:
    """Every `name==version` in the documents is a pin of a committed lock."""
    pins: dict[str, set[str]] = {}
    for lock in sorted(root.glob("roles/pip_stack/files/locks/*.txt")):
        for name, version in _PIN.findall(lock.read_text()):
            pins.setdefault(_canonical(name), set()).add(version)
    for where, text in _pages(root):
        for name, version in re.findall(r"\b([A-Za-z][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.+!]*[A-Za-z0-9])", text):
            locked = pins.get(_canonical(name))
            if (_canonical(name), version) == GUIDES_SLIP:
                continue
            if not locked:
                yield f"{where}: {name}=={version} is in no lock"
            elif version not in locked:
                yield f"{where}: {name}=={version}, but the lock says {', '.join(sorted(locked))}"


def tools_take_the_stacks_pins(root: Path) -> Iterator[str]:
    """What the tools pin for the agent's sake, for mypy or its tests, is the version that the stack has."""
    lock = root / "roles/pip_stack/files/locks/mlflow.txt"
    pins = dict(_PIN.findall(lock.read_text())) if lock.is_file() else {}
    for path in (root / "requirements/tooling.in", root / "agent/requirements-test.in"):
        for name, version in _PIN.findall(path.read_text()) if path.is_file() else []:
            stack = pins.get(_canonical(name), version)
            if stack != version:
                yield f"{_name(path, root)}: {name}=={version}, but the stack has {stack}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def support_table_is_true(root: Path) -> Iterator[str]:
    """The README calls a system tested only when a Molecule scenario runs on it, and a core only when a gate runs it."""
    readme = root / "README.md"
    if not readme.is_file():
        return
    hosts = {
        f"{system.title()} {release}"
        for path in (root / "molecule").glob("*/inventory/hosts.yml")
        for system, release in re.findall(r"\b(debian|ubuntu|rocky)-([0-9.]+)\b", path.read_text())
    }
    cores = _cores(root / "testbed" / "cores.py")
    rows = re.findall(r"^\| *((?:Debian|Ubuntu|RHEL|Rocky|Amazon Linux|ansible-core)[^|]*?) *\|(.*)\|$", readme.read_text(), re.MULTILINE)
    if not rows:
        yield "README.md: there is no support table"
    for name, cells in rows:
        if not re.search(r"\btested\b", cells) or re.search(r"\bnot tested\b", cells):
            continue
        core = re.fullmatch(r"ansible-core ([0-9.]+)", name)
        if core and core[1] not in cores:
            yield f"README.md: {name} is called tested, but testbed/cores.py knows {', '.join(sorted(cores))} only"
        if not core and name not in hosts:
            yield f"README.md: {name} is called tested, but no Molecule scenario runs on it"


def _cores(cores: Path) -> set[str]:
    """The ansible-core versions that the scenario `cores` runs, read from the program without running it."""
    for node in ast.parse(cores.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CORES":
            return set(ast.literal_eval(node.value))
    return set()


def documents_name_real_targets(root: Path) -> Iterator[str]:
    """Each `make TARGET` in the documents is a target of the Makefile."""
    makefile = root / "Makefile"
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile.read_text(), re.MULTILINE)) if makefile.is_file() else set()
    for where, text in _pages(root):
        for target in sorted(set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", text, re.MULTILINE)) - targets):
            yield f"{where}: the Makefile has no target {target}"


def documents_name_what_production_needs(root: Path) -> Iterator[str]:
    """Each variable of the controller's environment that the production inventory reads stands in docs/install.md."""
    page = root / "docs" / "install.md"
    text = page.read_text() if page.is_file() else ""
    for path in sorted((root / "inventories" / "production").rglob("*.yml")):
        for name in re.findall(r"ansible\.builtin\.env', *'(\w+)'", path.read_text()):
            if f"`{name}`" not in text:
                yield f"{_name(path, root)}: docs/install.md does not say that {name} has to be in the environment"


# ------------------------------------------------------------------------------------------------------------- all files


def package_hosts() -> set[str]:
    """The hosts that this machine's apt and pip fetch packages from."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(path.read_text(errors="replace") for path in files if path.is_file())
    urls = set(re.findall(r"https?://(?:[^@\s/]*@)?([A-Za-z0-9.-]+)", text))
    show = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    asked = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=False)
    return urls | set(asked.stdout.split())


def nothing_of_one_machine(root: Path) -> Iterator[str]:
    """No committed file names a path of the machine it was written on, or the host of a package or image registry."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True)
    own = {"tests/lint/rules.py", "tests/unit/lint/test_rules.py"}
    hosts = "|".join(map(re.escape, sorted(package_hosts())))
    here = "|".join(re.escape(str(path)) + r"\b" for path in (Path.home() / ".pyenv", root.resolve()))
    forbidden = (
        ("a path of one machine", HOME),
        ("a path of one machine", re.compile(here)),
        ("the registry host", IMAGE_REGISTRY),
        ("the registry host", re.compile(rf"\b(?:{hosts})\b" if hosts else r"(?!)")),
    )
    for name in sorted(set(listing.stdout.split("\0")) - own - {""}):
        path = root / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, OSError):
            continue
        for number, line in enumerate(lines, start=1):
            for what, pattern in forbidden:
                match = pattern.search(line)
                if match:
                    yield f"{name}:{number}: {what} {match[0]}"


RULES: tuple[Callable[[Path], Iterator[str]], ...] = (
    defaults_equal_specs,
    secrets_are_not_logged,
    programs_of_root_have_their_path,
    internal_variables_are_there,
    texts_stay_texts,
    controller_tasks_do_not_become,
    inventories_have_one_shape,
    inventories_hold_no_secret,
    documents_state_locked_versions,
    tools_take_the_stacks_pins,
    support_table_is_true,
    documents_name_real_targets,
    documents_name_what_production_needs,
    nothing_of_one_machine,
)
