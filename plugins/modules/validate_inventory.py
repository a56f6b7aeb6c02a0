#!/usr/bin/python
# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory
short_description: Check a host's variables before any host is contacted
version_added: 1.0.0
description:
  - Holds the variables that the inventory gives a host against the argument specifications of this collection's roles and tells
    everything that is wrong at once, one sentence each.
  - Finds misspelt and unknown variables, booleans and numbers that are given as texts, values outside their choices, required
    values that are missing, ports that overlap, declared models that can't be served, and groups that are missing.
  - Runs on the controller only.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  roles:
    description: Names of this collection's roles whose variables are checked.
    type: list
    elements: str
  site:
    description:
      - For each group of the inventory the roles that its hosts have, as for M(sparkflows.mlops.plan). The roles of the host are those of all groups that
        it is in; groups that the inventory lacks are problems, and nothing is said of variables that the rest of the inventory answers.
      - Either O(roles) or O(site) has to be given.
    type: dict
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    description: Reads only, so that check mode does the same.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    platforms: all
"""

EXAMPLES = r"""
- name: Check the variables of the MLflow hosts
  sparkflows.mlops.validate_inventory:
    roles: [jdk, python, pip_stack, mlflow_server, mlops_agent]
"""

RETURN = r"""
problems:
  description: One sentence for each problem; the task fails when there is one.
  returned: always
  type: list
  elements: str
  sample:
    - The variable mlflow_server_prot is not known to any role. Did you mean mlflow_server_port?
settings:
  description: The value in force of each variable of the roles, their defaults included, secrets left out.
  returned: when there is no problem
  type: dict
"""
