# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import service_url

DOCUMENTATION = r"""
name: service_url
short_description: Make the URL at which a service that listens at an address is asked
version_added: 1.0.0
description:
  - Puts an IPv6 address into brackets. For V(0.0.0.0) and V(::), which stand for all addresses, the loopback of the family is taken.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, port
options:
  _input:
    description: A host's name or address, with or without brackets.
    type: str
    required: true
  port:
    description: The port.
    type: int
    required: true
  scheme:
    description: What the URL begins with.
    type: str
    default: http
  path:
    description: What follows the port.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show http://[::1]:8086/health
  ansible.builtin.debug:
    msg: "{{ '::' | sparkflows.mlops.service_url(8086, path='/health') }}"
"""

RETURN = r"""
_value:
  description: The URL.
  type: str
"""


class FilterModule:
    """The filter's registration."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"service_url": service_url}
