# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fit host answers to the questions of one role, to be changed by a test in one place."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import State, steps

ROOT = Path(__file__).resolve().parents[5]
DEBIAN = {"family": "Debian", "distribution": "Debian", "major_version": "13"}
NO_FILE = {"exists": False, "kind": None, "mode": None, "owner": None, "group": None, "mtime": None, "target": None, "matches": False, "text": None}


def settings(role: str, **changes: t.Any) -> dict[str, t.Any]:
    """The settings of a role in force: its defaults, changed."""
    return {**yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()), **changes}


def reading(state: State, wanted: dict[str, t.Any], **answers: t.Any) -> dict[str, t.Any]:
    """The answers of a fit host that has nothing yet, changed; those to files and predictions are changed one by one."""
    asked = state.questions(wanted)
    empty: dict[str, t.Any] = {
        "os": DEBIAN,
        "architecture": "x86_64",
        "service_manager": "systemd",
        "disks": {path: {"mount": "/", "total_mb": 20000, "free_mb": 9000, "free_inodes": 900000, "read_only": False} for path in asked.get("paths", ())},
        "packages": {"missing": [], "unavailable": [], "error": None, "lock": None},
        "files": {file["path"]: NO_FILE for file in asked.get("files", ())},
        "in_use": {path: [] for path in asked.get("in_use", ())},
        "predictions": {},
    }
    seen = {**empty, **answers}
    seen["files"] = {**empty["files"], **{path: {**NO_FILE, "exists": True, "kind": "file", **facts} for path, facts in answers.get("files", {}).items()}}
    return seen


def prediction(before: str = "", after: str = "", **more: t.Any) -> dict[str, t.Any]:
    """What a module says that it would do."""
    return {"changed": before != after, "error": None, "version_output": "", "diff": {"before": before, "after": after}, **more}


def told(state: State, wanted: dict[str, t.Any], ahead: t.Mapping[str, t.Sequence[str]] | None = None, **answers: t.Any) -> list[tuple[str, str, str, str]]:
    """The differences of a reading, without role and reason."""
    found = state.differences(wanted, reading(state, wanted, **answers), {}, ahead or {})
    return [(difference.step, difference.item, difference.before, difference.after) for difference in found]


def taken(state: State, wanted: dict[str, t.Any], **answers: t.Any) -> list[str]:
    """The steps that a reading comes to."""
    return steps(state.differences(wanted, reading(state, wanted, **answers), {}, {}))
