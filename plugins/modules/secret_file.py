#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Write a file that holds secrets, by way of no other file
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Makes a file hold O(content), and gives it owner, group and mode before it takes the place of the former one, in one step.
  - M(ansible.builtin.template) and M(ansible.builtin.copy) bring their content as a file in a temporary folder, on the controller and on the host, and both
    stay where the run is killed. This module is given it as an option, which with pipelining comes to the host through the connection alone.
options:
  path:
    description:
      - The file. Its folder has to be there.
    type: path
    required: true
  content:
    description:
      - What it is to hold. It is neither shown nor logged.
    type: str
    required: true
  owner:
    description:
      - The user that it belongs to. Left out, it is the user that the module runs as.
    type: str
  group:
    description:
      - The group that it belongs to. Left out, it is that of the user that the module runs as. In check mode a missing group is taken for one that an
        earlier task would have made.
    type: str
  mode:
    description:
      - Who may do what with it, in octal digits.
    type: str
    default: "0600"
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - A difference would show secrets.
  idempotent:
    support: full
seealso:
  - module: ansible.builtin.template
"""

EXAMPLES = r"""
- name: Write the environment of a service
  sparkflows.mlops.secret_file:
    path: /etc/example/example.env
    content: "{{ lookup('ansible.builtin.template', 'example.env.j2') | string }}"
    owner: root
    group: root
"""

RETURN = r""" # """

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._host.secret_file import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module


def call(module: QuietModule) -> dict[str, t.Any]:
    result = run(module.params, module.check_mode)
    if result["changed"]:
        module.label(module.params["path"])
    return result


def main() -> None:
    run_module(call, ARGUMENT_SPEC, place="path")


if __name__ == "__main__":
    main()
