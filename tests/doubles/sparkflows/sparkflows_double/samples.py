# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new double holds, so that there is something to run and to download."""

from __future__ import annotations

from . import models, workflows
from .store import Store

WORKFLOW = {"name": "Score with a double", "category": "-", "description": "Nothing is scored", "nodes": [], "edges": []}


def add_to(store: Store) -> None:
    workflows.add(store, WORKFLOW, project=1)
    models.add(store, "model-of-a-double", {"MLmodel": "flavors: {}\n", "README": "A model of a double of Sparkflows.\n"})
