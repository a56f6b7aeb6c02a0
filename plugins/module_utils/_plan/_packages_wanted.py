# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Packages by distribution or family, as a host is asked about them before it is known which it has."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading

#: By distribution, or else by family, as Ansible's own facts name them.
ByDistribution = t.Mapping[str, t.Any]


def by_distribution(names: ByDistribution, unless: str | None = None) -> list[dict[str, t.Any]]:
    """One question for each package of each distribution; the host answers those that are for it."""
    return [
        {"name": name, "unless": unless, **place(distribution, names)}
        for distribution, given in names.items()
        for name in (given if isinstance(given, (list, tuple)) else [given])
    ]


def place(distribution: str, names: ByDistribution) -> dict[str, t.Any]:
    """For which hosts a question is: those of a distribution or family that no other entry is for."""
    return {"distribution": distribution, "except": [other for other in names if other != distribution]}


def chosen(names: ByDistribution, reading: Reading) -> t.Any:
    """What is meant for the host that was read, or None."""
    return names.get(reading["os"]["distribution"], names.get(reading["os"]["family"]))
