# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A plan as one HTML page."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _page
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.report import Row, summary

_DESIGN = _page.Design(
    "Plan of sparkflows.mlops",
    ("role", "Role"),
    "Is → will be",
    {
        "finding": _page.Severity(_page.BAD, "stops a run until it is mended"),
        "difference": _page.Severity(_page.WARN, "is changed by the next run"),
        "open": _page.Severity(_page.QUIET, "is looked at when its role runs"),
        "note": _page.Severity(_page.NEWS, "is worth knowing, nothing is done"),
        "unchanged": _page.Severity(_page.GOOD, "is as wanted"),
    },
)


def as_html(rows: t.Sequence[Row], made_at: str) -> str:
    """The page; `made_at` is in UTC."""
    lines = [_page.Line(row.severity, row.host, row.role, row.item, [text for text in (row.before, row.after) if text], row.reason) for row in rows]
    return _page.as_html(_DESIGN, lines, made_at, summary(rows))
