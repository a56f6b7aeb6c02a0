# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the checkout in the current folder against the collection's own rules: `python -m tests.lint`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.lint import english, house, rules

RULES = rules.RULES + house.RULES + english.RULES


def main() -> int:
    count = 0
    for rule in RULES:
        for finding in rule(Path.cwd()):
            print(f"{rule.__name__}: {finding}")
            count += 1
    print(f"{len(RULES)} rules, {count} findings")
    return 1 if count else 0


sys.exit(main())
