#!/usr/bin/python
# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: health_report
short_description: Show how all hosts stand in one table, write it to a file, and fail where something is not well
version_added: 1.0.0
description:
  - Puts together what M(sparkflows.mlops.plan), told to look at C(health), left in the variable C(mlops_plan) of each host of the play. A host of the play
    that was not reached, or has no plan, is critical; the others are shown all the same.
  - Rows come worst first. What is critical does not work or soon will not, a warning works and wants somebody to look at it. What a run would change is a
    warning, and what would stop it is critical.
  - Runs on the controller only, once for all hosts.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  show:
    description: What to print, besides one sentence that counts - V(everything), or V(problems) without what is well.
    type: str
    choices: [everything, problems]
    default: everything
  path:
    description:
      - A file on the controller to write the report to, as one HTML page, as JSON, or as text for the textfile collector of Prometheus, by its
        suffix - V(.html), V(.json) or V(.prom).
    type: path
  fail_at:
    description:
      - The severity at which the task fails, so that C(ansible-playbook) ends with 2 - V(warning), which includes what is critical, or V(critical).
        V(true) is V(warning), V(false) is neither.
    type: str
    default: "false"
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    description: Does the same.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    platforms: all
seealso:
  - module: sparkflows.mlops.plan
"""

EXAMPLES = r"""
- name: Look at the host
  sparkflows.mlops.plan:
    site:
      mlflow_hosts: [jdk, python, pip_stack, mlflow_server, mlops_agent, firewall]
    health: true
    refuse: false
  ignore_unreachable: true
  register: mlops_plan

- name: Show how things stand, and end with 2 where something does not work
  sparkflows.mlops.health_report:
    path: /var/lib/node_exporter/textfile/mlops.prom
    fail_at: critical
  run_once: true
"""

RETURN = r"""
severity:
  description: The worst of all rows - V(critical), V(warning) or V(ok).
  returned: always
  type: str
  sample: ok
counts:
  description: How many rows there are, by severity.
  returned: always
  type: dict
  sample: {critical: 0, warning: 2, ok: 61}
summary:
  description: One sentence about all hosts.
  returned: always
  type: str
  sample: 15 of 16 hosts are well, 2 warnings.
"""
