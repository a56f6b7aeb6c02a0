# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._host.reach import problems

DOCUMENTATION = r"""
name: reach_problems
short_description: Tell which addresses do not answer as they should, and what to do about it
version_added: 1.0.0
description:
  - Judges the answers of addresses that were asked from a host. The advice fits what was seen, such as a status or a refused connection.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, host
options:
  _input:
    description: The addresses with their answers, RV(sparkflows.mlops.host_info#module:host.urls).
    type: dict
    required: true
  host:
    description: Name of the host that asked, for the sentences.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse what does not answer
  ansible.builtin.assert:
    that: seen | length == 0
    fail_msg: "{{ seen | join(' ') }}"
  vars:
    seen: "{{ {'http://mlflow:5000/health': {'status': 401, 'error': none}} | sparkflows.mlops.reach_problems('sparkflows') }}"
"""

RETURN = r"""
_value:
  description: One sentence for each address, then one for each advice; empty when all answer as they should.
  type: list
  elements: str
"""


class FilterModule:
    """The filter's registration."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"reach_problems": problems}
