# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the times that ``BENCH_RECORD=FILE python -m tests.benchmarks fleet`` has recorded: ``python -m tests.benchmarks.plot FILE PICTURE.svg``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402 - the backend comes first

LABELS = {"ping": "ansible -m ping", "no change": "site.yml, nothing to do", "ordinary": "ordinary tasks, nothing to do"}
#: Shades that are told apart without colours, too.
STYLES = {"ping": ("#777777", ":", "o"), "no change": ("#0b6e4f", "-", "s"), "ordinary": ("#b5482a", "--", "^")}


def draw(record: dict[str, dict[str, float]], picture: Path) -> None:
    """Seconds over the number of hosts, a line for each kind of run."""
    # The same record makes the same bytes.
    mpl.rcParams.update({"svg.hashsalt": "sparkflows.mlops", "font.size": 10})
    figure, axes = pyplot.subplots(figsize=(7, 4))
    counts = sorted(map(int, record))
    for kind, label in LABELS.items():
        colour, line, marker = STYLES[kind]
        axes.plot(counts, [record[str(count)][kind] for count in counts], color=colour, linestyle=line, marker=marker, label=label)
    # Ordinary tasks take thirty times as long, so that on a plain scale the others would lie on one line.
    axes.set(xlabel="hosts", ylabel="seconds", xticks=counts, yscale="log", title="A run that has nothing to do")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.grid(visible=True, color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(picture, format="svg", bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
