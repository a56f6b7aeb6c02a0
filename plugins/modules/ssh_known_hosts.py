#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_known_hosts
short_description: Pin the keys of SSH servers in a block of a known_hosts file
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Manages one block between C(# BEGIN sparkflows-mlops) and C(# END sparkflows-mlops). All other lines stay as they are, byte by byte.
  - The file is replaced in one step. Symbolic links, and files and folders of other users than O(user) and root, are refused, so root
    can use it in the home of a user.
  - It pins what it is given and asks no server. Read the keys where nobody can forge them, which is on the servers themselves.
options:
  path:
    description:
      - The file. It is made with the mode 0600 when missing, and so is the folder that it is in, with the mode 0700.
    type: path
    required: true
  user:
    description:
      - The user who reads the file, and who owns it when it is made. In check mode a missing user is taken for one that an earlier task would
        have made.
    type: str
    required: true
  entries:
    description:
      - The servers and their keys, each as one line, C(name type base64). A comment that follows is ignored. Needed with O(state=present).
      - The name is what the user calls the server, a host name or an IP address, and V([name]:port) where the port is not 22.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) makes the block hold O(entries).
      - V(absent) removes the block, and nothing else.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the block, and owners and modes of what is made. Other lines of the file are not shown.
  idempotent:
    support: full
seealso:
  - module: sparkflows.mlops.ssh_authorized_keys
  - module: ansible.builtin.known_hosts
"""

EXAMPLES = r"""
- name: Read the host keys over the connection that Ansible trusts already
  ansible.builtin.shell:
    cmd: awk '{ print "[mlflow-a.example.com]:2222", $1, $2 }' /etc/ssh/ssh_host_*_key.pub
  changed_when: false
  delegate_to: mlflow-a
  register: host_keys

- name: Pin them for the service user
  sparkflows.mlops.ssh_known_hosts:
    path: /home/sparkflows/.ssh/known_hosts
    user: sparkflows
    entries: "{{ host_keys.stdout_lines }}"
"""

RETURN = r""" # """

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.known_hosts import run


def call(module: QuietModule) -> dict[str, t.Any]:
    result = run(module.params, module.check_mode)
    if result["changed"]:
        module.label(module.params["path"])
    return result


def main() -> None:
    run_module(
        call,
        {
            "path": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "entries": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        place="path",
    )


if __name__ == "__main__":
    main()
