# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain English in what a person reads. docs/style.md has the pairs; this knows the worst of what stands at their left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

#: What no native admin would write, and what is said instead.
FOREIGN = {
    re.compile(pattern, re.IGNORECASE): advice
    for pattern, advice in {
        # "There is no X" and "is no longer" are English, "X is no Y" is not.
        r"(?<!there )\b(?:is|are|was|were|be) no (?!longer\b|more\b|less\b|better\b|worse\b|exception\b|one\b)[\w%{']": "say that it 'is not a …'",
        r"\b(?:could not|cannot|can't|can not|not to) be had\b|\b(?:is|are|was|were) (?:here )?to be had\b": "say that it 'is not available'",
        r"\bst(?:and|ood)(?:s|ing)? in (?:the|its|their) way\b": "say that it 'blocks' or 'would block' something",
        r"\b(?:its|their) own affair\b": "say that it 'is not managed here'",
        r"\bin vain\b": "say that it 'has no effect'",
        r"\b(?:that|which|it|they|\w+s) (?:is|are) none\b(?! of)|\b(?:workflow|file|port|address|answer) is none\b": "say what it is not: 'is not valid'",
        r"\b(?:inventor(?:y|ies)|module|role)s? (?:is|are) cut\b": "say 'structured'",
        r"\bforet(?:ell|old)": "say 'predict'",
        r"\bha(?:s|ve) (?:it|them) not\b": "say 'does not have it'",
        r"\bis no(?:t a)? working command\b": "say 'does not work'",
    }.items()
}
PAGES = ("*.md", "docs/**/*.md", "roles/*/README.md", "testbed/*.md", "tests/doubles/*/README.md")
SETTINGS = ("roles/*/meta/argument_specs.yml", "playbooks/**/*.yml", "roles/*/tasks/**/*.yml")
PROGRAMS = ("plugins/**/*.py", "agent/src/**/*.py", "guard/src/**/*.py")
#: The page that quotes them.
PAIRS = "docs/style.md"


def foreign(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line within a text, the words and the advice for all that is foreign in it."""
    for pattern, advice in FOREIGN.items():
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()), match[0], advice


def texts(root: Path) -> Iterator[tuple[Path, int, str]]:
    """Every text that a person reads, with its file and the line on which it begins."""
    for pattern in PAGES + SETTINGS:
        for path in sorted(root.glob(pattern)):
            if path.relative_to(root).as_posix() != PAIRS:
                text = path.read_text(encoding="utf-8")
                # A comment is for who works on the file.
                yield path, 1, re.sub(r"^ *#.*", "", text, flags=re.MULTILINE) if path.suffix == ".yml" else text
    for pattern in PROGRAMS:
        for path in sorted(root.glob(pattern)):
            for line, text in sentences(path.read_text(encoding="utf-8")):
                yield path, line, text


def sentences(program: str) -> Iterator[tuple[int, str]]:
    """The texts of a program that it may show, so all but the docstrings: line and text."""
    tree = ast.parse(program)
    # What stands alone shows nothing: docstrings.
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def sentences_are_english(root: Path) -> Iterator[str]:
    """What a person reads has none of the patterns that docs/style.md shows."""
    for path, begins, text in texts(root):
        for line, words, advice in foreign(text):
            yield f"{path.relative_to(root)}:{begins + line}: {' '.join(words.split())!r}; {advice} ({PAIRS})"


RULES = (sentences_are_english,)
