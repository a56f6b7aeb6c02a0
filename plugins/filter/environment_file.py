# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import systemd as _systemd

DOCUMENTATION = r"""
name: environment_file
short_description: Write variables as an environment file of systemd
version_added: 1.0.0
description:
  - Turns a dictionary into the lines of an C(EnvironmentFile=), quoted so that the process reads the very same values, whatever printable
    characters they have.
  - Names are sorted. An empty value is left out.
  - Fails for a name that is not one, and for a value with a line break or another control character; the value is never shown.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  _input:
    description: Values by the name of the environment variable.
    type: dict
    required: true
seealso:
  - name: systemd.exec
    description: The manual page, under C(EnvironmentFile=).
    link: https://www.freedesktop.org/software/systemd/man/systemd.exec.html
"""

EXAMPLES = r"""
- name: Write a service's environment
  ansible.builtin.copy:
    content: "{{ {'PASSWORD': 'a$b', 'EMPTY': ''} | sparkflows.mlops.environment_file }}"
    dest: /etc/example.env
    mode: "0600"
"""

RETURN = r"""
_value:
  description: The lines, without a newline at the end.
  type: str
  sample: PASSWORD="a\$b"
"""


def environment_file(variables: t.Any) -> str:
    """The lines of an environment file; AnsibleFilterError for what such a file can't hold."""
    if not isinstance(variables, dict):
        raise AnsibleFilterError("An environment is a dictionary of names and texts, but this is %s." % type(variables).__name__)
    try:
        return _systemd.environment_file(variables)
    except Problem as problem:
        raise AnsibleFilterError(str(problem)) from None


class FilterModule:
    """The filter's registration."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"environment_file": environment_file}
