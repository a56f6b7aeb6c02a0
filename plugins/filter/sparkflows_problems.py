# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._inventory import sparkflows_errors

DOCUMENTATION = r"""
name: sparkflows_problems
short_description: Tell what is missing or contradictory in the variables of the role sparkflows
version_added: 1.0.0
description:
  - Holds the variables against what the admin guide says that the chosen deploy mode needs, and against what the chosen method needs.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  _input:
    description: Variables of the role C(sparkflows) with their values, defaults included. An empty value is none.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse settings that do not fit the deploy mode
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ {'sparkflows_state': 'present', 'sparkflows_deploy_mode': 'remote'} | sparkflows.mlops.sparkflows_problems }}"
"""

RETURN = r"""
_value:
  description: One sentence for each problem; empty when the settings fit.
  type: list
  elements: str
"""


class FilterModule:
    """The filter's registration."""

    def filters(self):
        return {"sparkflows_problems": sparkflows_errors}
