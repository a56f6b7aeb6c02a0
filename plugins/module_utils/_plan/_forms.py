# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What reports of many hosts share: times, lines for a terminal, and families of metrics for Prometheus."""

from __future__ import annotations

import shutil
import textwrap
import time
import typing as t

#: The values of one metric, by its labels in the order in which they are written.
Samples = t.Mapping[t.Tuple[t.Tuple[str, str], ...], float]


def moment(seconds: float) -> str:
    """Seconds since the epoch as a date and time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def wrapped(rows: t.Iterable[tuple[str, str]], width: int | None = None) -> list[str]:
    """Lines for a terminal: of each row its head, and beside it its text, which goes on below itself.

    :param width: of a line; else that of the terminal, and 100 at least.
    """
    width = width or max(100, shutil.get_terminal_size((160, 40)).columns)
    lines: list[str] = []
    for head, text in rows:
        lines += textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False, break_on_hyphens=False)
    return lines


def family(name: str, meaning: str, samples: Samples) -> list[str]:
    """The lines of one gauge, without a line break at their ends. Source: https://prometheus.io/docs/instrumenting/exposition_formats/"""
    lines = ["# HELP %s %s" % (name, meaning), "# TYPE %s gauge" % name]
    for labels, value in samples.items():
        written = ",".join('%s="%s"' % (label, _escaped(text)) for label, text in labels)
        lines.append("%s%s %s" % (name, "{%s}" % written if written else "", repr(value) if isinstance(value, float) else value))
    return lines


def _escaped(text: str) -> str:
    """What is no character, such as half of a pair, can't be written as UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
