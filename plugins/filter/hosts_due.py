# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: hosts_due
short_description: Choose the hosts on which a plan lets roles run
version_added: 1.0.0
description:
  - Keeps of some hosts those whose plan, as M(sparkflows.mlops.plan) left it in the variable C(mlops_plan), names one of the roles in C(due).
  - Where no host is left it gives a pattern that matches none, so that C(hosts) of a play takes it without a warning.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, hostvars, roles
options:
  _input:
    description: Names of hosts of the inventory.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts by name, as C(hostvars). Where it is empty, as when tags are only listed, all hosts are kept.
    type: dict
    required: true
  roles:
    description: Names of roles.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Make JDKs
  hosts: "{{ groups['mlflow_hosts'] | sparkflows.mlops.hosts_due(hostvars, ['jdk']) }}"
  roles:
    - sparkflows.mlops.jdk
"""

RETURN = r"""
_value:
  description: The hosts, or a pattern that matches none.
  type: list
  elements: str
  sample: [mlflow-a]
"""


def hosts_due(hosts: list[str], hostvars: t.Mapping[str, t.Any], roles: t.Collection[str]) -> list[str]:
    """The hosts on which one of the roles is due; AnsibleFilterError where nothing was planned at all."""
    if not hostvars:
        # Where tags, tasks or hosts are only listed, nothing was planned, and any host may be due.
        return hosts or ["!all"]
    plans = {host: hostvars[host].get("mlops_plan") for host in hosts}
    if plans and not any(plans.values()) and not any(hostvars[host].get("mlops_plan") for host in hostvars):
        raise AnsibleFilterError("No host has a plan, so it is not known what is to be done. Run the playbook without --start-at-task and --skip-tags always.")
    return [host for host, plan in plans.items() if set(roles) & set((plan or {}).get("due") or ())] or ["!all"]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"hosts_due": hosts_due}
