# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How many hosts stand, as one HTML page."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _page
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import CRITICAL, OK, WARNING
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.report import summary
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row

_DESIGN = _page.Design(
    "Health of sparkflows.mlops",
    ("kind", "Kind"),
    "How it stands",
    {
        CRITICAL: _page.Severity(_page.BAD, "does not work, or soon will not"),
        WARNING: _page.Severity(_page.WARN, "works, and wants somebody to look at it"),
        OK: _page.Severity(_page.GOOD, "is well"),
    },
)


def as_html(rows: t.Sequence[Row], made_at: str) -> str:
    """The page; `made_at` is in UTC."""
    lines = [_page.Line(row.severity, row.host, row.kind, row.name, [row.value], row.advice) for row in rows]
    return _page.as_html(_DESIGN, lines, made_at, summary(rows))
