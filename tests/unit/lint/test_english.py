# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule finds what docs/style.md calls foreign, wherever a person reads it, and leaves alone what that page writes instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lint import english

PAGE = (Path(__file__).resolve().parents[3] / english.PAIRS).read_text(encoding="utf-8")
PAIRS = re.findall(r"^\| (.+) \| (.+) \|$", PAGE.partition("## Pairs")[2].partition("\n## ")[0].partition("|---|---|\n")[2], re.MULTILINE)


def test_the_page_has_pairs_for_every_pattern() -> None:
    unused = [pattern.pattern for pattern in english.FOREIGN if not any(pattern.search(bad) for bad, dummy in PAIRS)]
    assert unused == []


@pytest.mark.parametrize(("bad", "good"), PAIRS)
def test_the_left_is_found_and_the_right_is_not(bad: str, good: str) -> None:
    assert list(english.foreign(bad))
    assert list(english.foreign(good)) == []


@pytest.mark.parametrize(
    "text",
    ["There is no file /x on this host.", "There are no credentials.", "It is no longer used.", "It is no more than a warning.", "It is none of ours."],
)
def test_what_is_english_is_left_alone(text: str) -> None:
    assert list(english.foreign(text)) == []


FOUND = "x: which is no port"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("README.md", f"# A\n\n{FOUND}\n", 3),
        ("docs/plan.md", f"# A\n{FOUND}\n", 2),
        ("docs/style.md", f"{FOUND}\n", None),
        ("roles/jdk/README.md", FOUND, 1),
        ("roles/jdk/meta/argument_specs.yml", f"---\ndescription: {FOUND}\n", 2),
        ("roles/jdk/tasks/main.yml", f"---\n# {FOUND}\n- name: A\n", None),
        ("playbooks/site.yml", f"---\n- name: {FOUND}\n", 2),
        ("plugins/modules/x.py", f'DOCUMENTATION = r"""\n---\ndescription: {FOUND}\n"""\n', 3),
        ("plugins/module_utils/_x.py", f'def check():\n    raise Problem("%s {FOUND}" % 1)\n', 2),
        ("plugins/module_utils/_x.py", f'def check(x):\n    raise Problem(f"{{x}} {FOUND}")\n', 2),
        ("plugins/module_utils/_x.py", f'def check():\n    """None for {FOUND}."""\n    # {FOUND}\n', None),
        ("agent/src/mlops_agent/web.py", f'SAID = "{FOUND}"\n', 1),
        ("guard/src/tracking_guard/uris.py", f'SAID = "{FOUND}"\n', 1),
    ],
)
def test_it_looks_where_a_person_reads(tmp_path: Path, name: str, text: str, line: int | None) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = [finding.split(": ")[0] for finding in english.sentences_are_english(tmp_path)]
    assert found == ([f"{name}:{line}"] if line else [])
