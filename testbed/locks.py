# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement locks: reading them, and compiling them anew with `make lock`."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path

from testbed.common import LOCKS, ROOT, TestbedError, run, say, scratch, write

# The Python of the served models: 3.7 alone would mean 3.7.0, for which other versions are chosen.
MODELS_PYTHON = "3.7.16"
EXTRAS = ("sklearn", "h2o", "postgresql")


def entries(text: str) -> dict[str, tuple[str, list[str]]]:
    """Return {normalized name: (requirement with its marker, hashes)} of a lock.

    A hash is written as in the file, like sha256:….
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.strip()
        if line and not line.startswith(("#", "-")):
            requirement = re.split(r"\s+--hash|\s+#", line)[0].strip()
            found[normalize(re.split(r"[=\[; ]", requirement)[0])] = (requirement, re.findall(r"--hash=(\S+)", line))
    return found


def normalize(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def with_hashes(text: str, added: dict[str, str]) -> str:
    """Return a lock in which each named distribution (normalized) admits one more hash, like sha256:…"""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", line)
        extra = added.get(normalize(match[1])) if match else None
        if extra:
            lines.append(f"    --hash={extra} \\")
    return "\n".join(lines) + "\n"


def compile_lock(source: Path, target: Path, *options: str | Path, header: str, without: Collection[str] = ()) -> None:
    """Resolve a requirements file into a lock with hashes; names in *without* are left out of it."""
    uv = Path(sys.executable).parent / "uv"
    with scratch(target.parent) as folder:
        out = folder / target.name
        # The versions of the last lock are kept as long as they fit.
        if target.exists():
            out.write_text(target.read_text())
        run(
            [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--generate-hashes"]
            + [*options, *(word for name in sorted(without) for word in ("--no-emit-package", name)), source, "-o", out],
            what=f"Resolving {source.relative_to(ROOT)}",
        )
        text = out.read_text()
    if not entries(text):
        raise TestbedError(f"Resolving {source.relative_to(ROOT)} failed: the lock would be empty.")
    write(target, f"{header}# Made by `make lock` from {source.name}; do not edit.\n{text}")
    say(f"{target.relative_to(ROOT)}: {len(entries(text))} distributions")


def compile_all(python37: Path) -> None:
    """Compile every committed lock of the repository. *python37* is the interpreter that source distributions are asked with."""
    models = ("--python-version", MODELS_PYTHON, "--python", python37)
    header = "# requires-python: 3.7\n"
    stack = LOCKS / "mlflow.txt"
    compile_lock(LOCKS / "mlflow.in", stack, *models, header=header)
    present = set(entries(stack.read_text()))
    for name in EXTRAS:
        compile_lock(LOCKS / f"{name}.in", LOCKS / f"{name}.txt", *models, "--constraints", stack, header=header, without=present)
    # The installer is a program of its own: it runs on no Python, and on any.
    compile_lock(LOCKS / "uv.in", LOCKS / "uv.txt", "--universal", "--python-version", "3.8", header="")
    requirements = ROOT / "requirements"
    build = ROOT / "roles" / "mlops_bundle" / "files" / "build-3.7.in"
    compile_lock(build, build.with_suffix(".txt"), *models, header=header)
    agent = ROOT / "agent" / "requirements-test.in"
    if agent.exists():
        compile_lock(agent, agent.with_suffix(".txt"), *models, "--constraints", stack, header=header, without=present)
    for source, python in (("tooling", "3.11"), ("core-2.16", "3.11"), ("core-2.18", "3.11"), ("core-newest", "3.12")):
        target = requirements / f"{source}.txt"
        compile_lock(requirements / f"{source}.in", target, "--universal", "--python-version", python, header=f"# requires-python: >={python}\n")
