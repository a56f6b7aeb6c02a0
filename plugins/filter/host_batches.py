# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: host_batches
short_description: Put a canary first, and say how many hosts are taken at a time
version_added: 1.0.0
description:
  - Of the hosts on which something is due, the one that C(mlops_canary) names is put first and alone. It is there also where nothing is due on it, as it
    has to show that it is well before the others are touched.
  - C(mlops_serial) says how many of the others are taken at a time, as C(serial) of a play does.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, hostvars
options:
  _input:
    description: Names of hosts, as M(sparkflows.mlops.plan) and the filter P(sparkflows.mlops.hosts_due#filter) choose them, or a pattern that matches none.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts by name, as C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Make JDKs, on the canary first
  hosts: "{{ (__due | sparkflows.mlops.host_batches(hostvars)).hosts }}"
  serial: "{{ (__due | sparkflows.mlops.host_batches(hostvars)).sizes }}"
  roles:
    - sparkflows.mlops.jdk
"""

RETURN = r"""
_value:
  description: C(hosts), in their order, and C(sizes), how many are taken at a time.
  type: dict
  sample: {hosts: [mlflow-b, mlflow-a], sizes: [1, "100%"]}
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import batches


def host_batches(due: list[str], hostvars: t.Mapping[str, t.Any]) -> dict[str, list[t.Any]]:
    """``hosts`` and ``sizes``; AnsibleFilterError where this run leaves out the canary."""
    known = [host for host in due if host in hostvars]
    canary, serial = (next(filter(None, (hostvars[host].get(name) for host in known)), None) for name in (batches.CANARY, batches.SERIAL))
    if canary and not (canary in hostvars and hostvars[canary].get("mlops_plan")):
        raise AnsibleFilterError(
            "mlops_canary is %s, and this run leaves that host out, so that it can't go first. Put it among the hosts of --limit, or say that there is no "
            "canary with -e mlops_canary=''." % canary
        )
    return {"hosts": batches.with_canary(due, canary), "sizes": batches.sizes(canary, serial)}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"host_batches": host_batches}
