# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to measure of each unit that serves a model, as of now."""

from __future__ import annotations

import os
import typing as t

from . import files, request_counts, rules
from .supervisor import Supervisor
from .units import HelperError

if t.TYPE_CHECKING:
    from .reconciler import Reconciler
    from .supervisor import Probe
    from .units import Units


class Run(t.NamedTuple):
    """A unit of the deployment name; run is "a" or "b" where that follows its stage, else empty. None is what is not known."""

    name: str
    run: str
    memory_bytes: int | None
    counts: request_counts.Counts | None
    probe: Probe | None


async def measured(reconciler: Reconciler, units: Units, directory: str) -> list[Run]:
    """All units of stored deployments. units: whom to ask for their memory; directory: where their runtime directories are."""
    names = [spec.name for spec in reconciler.store]
    try:
        memory = await units.memory(names)
    except HelperError:
        memory = {}  # the deployments' messages say it when the helper is away
    return [
        Run(rules.deployment_of(name), name.partition(".")[2], memory.get(name), _counts(directory, name), _probe(reconciler, name))
        for name in names
    ]


def _counts(directory: str, name: str) -> request_counts.Counts | None:
    try:
        return request_counts.added_up(files.read_regular(os.path.join(directory, name, request_counts.FILE), request_counts.LIMIT))
    except OSError:
        return None  # it does not run, was started by an earlier release, or has put something else there


def _probe(reconciler: Reconciler, name: str) -> Probe | None:
    watcher = reconciler.supervisor(name)
    return watcher.last_probe if isinstance(watcher, Supervisor) else None
