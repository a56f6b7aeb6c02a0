# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What concerns several roles: their ports on one host, and what one role needs of another."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _inventory
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings


def missing_groups(groups: t.Container[str], expected: t.Iterable[str]) -> list[str]:
    """Sentences for groups that playbooks address and the inventory lacks; they may be empty."""
    return [
        "The inventory has no group %s. Add it, empty if need be; the inventories shipped with the collection show the shape." % name
        for name in expected
        if name not in groups
    ]


def problems(settings: Settings, roles: t.Container[str]) -> list[str]:
    """Sentences for what does not go together between the roles of one host.

    :param settings: the settings of all these roles.
    :param roles: their names; a host need not have them all.
    """
    return (
        _inventory.token_errors(settings)
        + _inventory.sparkflows_errors(settings)
        + _inventory.port_conflicts(settings)
        + _inventory.deployment_errors(settings.get("mlops_agent_deployments"), settings)
    )
