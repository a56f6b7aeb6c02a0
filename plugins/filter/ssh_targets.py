# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.ssh_access import target_of

DOCUMENTATION = r"""
name: ssh_targets
short_description: Say where hosts of the inventory are reached by SSH
version_added: 1.0.0
description:
  - Turns names of hosts into targets of the role P(sparkflows.mlops.ssh_access#role) - where Ansible reaches them, by C(ansible_host) and C(ansible_port),
    is where Sparkflows is told to reach them. An IPv6 address loses its brackets.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, hostvars
options:
  _input:
    description: Names of hosts of the inventory.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of the hosts by name, as C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show where the MLflow hosts are reached
  ansible.builtin.debug:
    msg: "{{ groups['mlflow_hosts'] | sparkflows.mlops.ssh_targets(hostvars) }}"
"""

RETURN = r"""
_value:
  description: Host, address and port of each.
  type: list
  elements: dict
  sample:
    - {host: mlflow-a, address: 10.1.2.4, port: 2222}
"""


def ssh_targets(hosts: t.Iterable[str], hostvars: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """Targets of ssh_access; AnsibleFilterError for a port that is none."""
    try:
        return [target_of(host, hostvars[host]) for host in hosts]
    except Problem as problem:
        raise AnsibleFilterError(str(problem)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"ssh_targets": ssh_targets}
