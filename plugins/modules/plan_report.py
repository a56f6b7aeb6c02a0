#!/usr/bin/python
# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan_report
short_description: Show the plan of all hosts in one table, write it to a file, and refuse to go on where it has findings
version_added: 1.0.0
description:
  - Puts together what M(sparkflows.mlops.plan) left in the variable C(mlops_plan) of each host of the play. A host of the play without one could
    not be read, which is a finding.
  - Rows come worst first. A finding would stop a run, a difference is what a run would change, a note is worth knowing.
  - Runs on the controller only, once for all hosts.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  show:
    description:
      - What to print, besides one sentence that counts. V(everything) is the table, V(differences) the table without hosts that have nothing to do,
        V(done) a line for each host about what a run that has carried the plan out changed.
      - Nothing is printed unless this is given.
    type: str
    choices: [everything, differences, done]
  note:
    description: A sentence to print after what was done.
    type: str
  path:
    description:
      - A file on the controller to write the report to, as one HTML page, as JSON, or as text for the textfile collector of Prometheus, by its
        suffix - V(.html), V(.json) or V(.prom).
    type: path
  refuse:
    description: Whether the task fails when there is a finding.
    type: bool
    default: false
  fail_on_difference:
    description: Whether the task fails when there is a finding or a difference, so that C(ansible-playbook) ends with 2.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    description: Does the same, and says what would have been changed where it says what was.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    platforms: all
seealso:
  - module: sparkflows.mlops.plan
"""

EXAMPLES = r"""
- name: Show the plan and write it as a page
  sparkflows.mlops.plan_report:
    show: everything
    path: plan.html
  run_once: true
"""

RETURN = r"""
counts:
  description: How many rows there are, by severity.
  returned: always
  type: dict
  sample: {finding: 0, difference: 2, open: 0, note: 0, unchanged: 15}
summary:
  description: One sentence about the plan.
  returned: always
  type: str
  sample: 15 of 16 hosts have nothing to do, 2 differences.
"""
