#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_findings
short_description: Read a host once and tell what keeps roles of this collection from their work there
version_added: 1.0.0
description:
  - Asks the host, in one round trip, everything that the named roles have to know before they change anything, and judges the answer.
  - Looks at operating system, architecture and init, at memory, disk space, inodes and file systems that are mounted read-only, at ports that
    others hold, at packages that will be needed and the package manager's lock, at certificates and files that variables name, and at the
    database and the artifacts of a tracking server.
  - Where no module can run on the host it says which Python the host has and which one the running ansible-core wants.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  roles:
    description: Names of this collection's roles that are to work on the host.
    type: list
    elements: str
    required: true
  settings:
    description:
      - The roles' settings in force, as RV(sparkflows.mlops.validate_inventory#module:settings).
      - Without them the variables of the host are validated first, as M(sparkflows.mlops.validate_inventory) does.
    type: dict
  refuse:
    description: Whether the task fails when something is found.
    type: bool
    default: true
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
    platforms: posix
seealso:
  - module: sparkflows.mlops.mlflow_host_info
  - module: sparkflows.mlops.validate_inventory
"""

EXAMPLES = r"""
- name: Refuse a host on which the role could not do its work
  sparkflows.mlops.host_findings:
    roles: [mlflow_server]
"""

RETURN = r"""
findings:
  description: One sentence for each finding; empty when the host is fit.
  returned: always
  type: list
  elements: str
  sample:
    - Port 5000, wanted for mlflow_server_port, is held by registry (pid 812). Stop that process, or choose another port.
"""
