# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Options of roles that the whole inventory answers where a host's own variables are silent."""

from __future__ import annotations

import typing as t


def derive(roles: t.Iterable[str], task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options of some roles that can be derived for a host, by name; None for one that is left to the host's own variables.

    :param task_vars: the variables of the host, C(groups) and C(hostvars) among them.
    """
    return {}
