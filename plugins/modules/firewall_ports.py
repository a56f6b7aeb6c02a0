#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_ports
short_description: Open TCP ports to some hosts only
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Opens TCP ports to given addresses and networks and closes them to everybody else, with firewalld, ufw or nftables, whichever the host runs.
  - Reads the running and the permanent rules, and changes only what differs. Rules of others are left alone.
  - A firewall that is not active is never turned on, and a port of SSH is never closed.
  - With nftables the module writes its rules to C(/etc/sparkflows-mlops/firewall.nft), a program that loads them in one transaction to
    C(/opt/sparkflows/firewall), and the unit C(sparkflows-mlops-firewall.service), which runs it at boot.
options:
  ports:
    description:
      - TCP ports as numbers, or ranges such as V(5001-5100). Needed with O(state=present).
    type: list
    elements: str
    default: []
  sources:
    description:
      - Addresses and networks, IPv4 or IPv6, that may reach O(ports). Names are not resolved. Needed with O(state=present).
    type: list
    elements: str
    default: []
  backend:
    description:
      - What makes the rules. V(auto) takes firewalld or ufw when it is active, else nftables. Any other value is refused where it does not fit
        the host.
    type: str
    choices: [auto, firewalld, ufw, nftables]
    default: auto
  ssh_ports:
    description:
      - Ports of the host's SSH server. None of them may be among O(ports), and neither may the port at which the connection came in that the
        module runs in.
    type: list
    elements: int
    default: [22]
  ansible_port:
    description:
      - The port that the inventory names for Ansible's own connection; it may not be among O(ports) either.
    type: int
  state:
    description:
      - V(present) opens O(ports) to O(sources) only.
      - V(absent) removes every rule, file and unit of the module, whatever the other options say.
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
      - Shows the files of nftables, and for firewalld and ufw the commands.
  idempotent:
    support: full
notes:
  - Needs root and, in a container, the capability NET_ADMIN.
"""

EXAMPLES = r"""
- name: Let nobody but Sparkflows reach the MLOps server and the models
  sparkflows.mlops.firewall_ports:
    ports: [8086, "5001-5050"]
    sources: [192.0.2.10, "2001:db8:17::/64"]

- name: Open them to everybody again, as far as the host's own rules do
  sparkflows.mlops.firewall_ports:
    state: absent
"""

RETURN = r"""
backend:
  description: The firewall of the host that has the rules; null with O(state=absent).
  returned: success
  type: str
  sample: nftables
commands:
  description: The commands of firewalld and ufw that were run, or would be in check mode.
  returned: success
  type: list
  elements: list
  sample: [[/usr/sbin/ufw, prepend, allow, proto, tcp, from, 192.0.2.10, to, any, port, "8086", comment, sparkflows-mlops]]
written:
  description: Files that were written, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/sparkflows-mlops/firewall.nft]
removed:
  description: Files and folders that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: []
differences:
  description: All that was not as wanted, in rules, files, the unit and the kernel. Empty if and only if nothing was changed.
  returned: success
  type: list
  elements: dict
  contains:
    item:
      description: What it is.
      type: str
    before:
      description: How it was.
      type: str
    after:
      description: What became of it, or would in check mode.
      type: str
    reason:
      description: What it follows from, where it follows from another difference.
      type: str
  sample:
    - {item: rules in the kernel, before: not those of /etc/sparkflows-mlops/firewall.nft, after: loaded, reason: their file is written}
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall import _change
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module


def call(module: QuietModule) -> dict[str, t.Any]:
    result = _change.run_module(module.params, module.check_mode)
    module.label(*result["written"])
    return result


def main() -> None:
    run_module(call, _change.ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
