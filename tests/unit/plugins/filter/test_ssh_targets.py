# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sparkflows logs in where Ansible does: at its address and at its port."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.filter.ssh_targets import ssh_targets
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.known_hosts import pins
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.ssh_access import TARGET

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr"


@pytest.mark.parametrize(
    ("variables", "address", "port"),
    [
        ({}, "a", 22),
        ({"ansible_host": "10.1.2.3"}, "10.1.2.3", 22),
        ({"ansible_host": "10.1.2.3", "ansible_port": 2222}, "10.1.2.3", 2222),
        ({"ansible_port": "2222"}, "a", 2222),
        ({"ansible_ssh_host": "b", "ansible_ssh_port": 23}, "b", 23),
        ({"ansible_host": "2001:db8::1", "ansible_port": 2222}, "2001:db8::1", 2222),
        ({"ansible_host": "[2001:db8::1]"}, "2001:db8::1", 22),
    ],
)
def test_where_ansible_reaches_a_host(variables: dict[str, t.Any], address: str, port: int) -> None:
    [target] = ssh_targets(["a"], {"a": variables})
    assert target == {"host": "a", "address": address, "port": port}
    assert rules.judge(TARGET, target) == []
    # As ssh looks it up, and as the role pins it.
    name = address if port == 22 else "[%s]:%d" % (address, port)
    assert pins(["%s %s" % (name, KEY)]) == ["%s %s" % (name, KEY)]


@pytest.mark.parametrize("port", [70000, "ssh", -1])
def test_a_port_that_is_none(port: t.Any) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        ssh_targets(["a"], {"a": {"ansible_port": port}})
    assert str(caught.value).startswith("ansible_port of a is ")
    assert "a port is a number from 1 to 65535." in str(caught.value)
