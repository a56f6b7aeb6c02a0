# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._preflight import findings

DOCUMENTATION = r"""
name: preflight_findings
short_description: Tell what keeps a host from becoming an MLflow host
version_added: 1.0.0
description:
  - Decides from one reading of a host, and from the settings in force, what stands in the way of the roles.
  - Looks at operating system, architecture, init, memory for the declared models, free disk space, and ports that another
    process holds.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, settings
options:
  _input:
    description: What M(sparkflows.mlops.mlflow_host_info) returned as RV(sparkflows.mlops.mlflow_host_info#module:host).
    type: dict
    required: true
  settings:
    description: The settings in force, as RV(sparkflows.mlops.validate_inventory#module:settings).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a host that can't serve
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | join('\n') }}"
  vars:
    findings: "{{ reading.host | sparkflows.mlops.preflight_findings(validated.settings) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each finding; empty when the host is fit.
  type: list
  elements: str
"""


class FilterModule:
    """The filter's registration."""

    def filters(self):
        return {"preflight_findings": findings}
