# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.named import named_settings as _named

DOCUMENTATION = r"""
name: named_settings
short_description: Turn options into settings by the names that Sparkflows gives them
version_added: 1.0.0
description:
  - Turns options of M(sparkflows.mlops.sparkflows_config) into settings for C(conf/configuration.properties), by their names in
    Administration, Configuration. Empty values are left out.
  - Fails when an option has a value and its name is neither public nor given.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
positional: _input, names
options:
  _input:
    description: Values by option.
    type: dict
    required: true
  names:
    description:
      - Names by option, as RV(sparkflows.mlops.sparkflows_config_info#module:names) or O(sparkflows.mlops.sparkflows_config#module:key_names).
      - Where the MLOps host and port are one setting, its name is that of C(mlops_host_port).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the lines for configuration.properties
  ansible.builtin.debug:
    msg: "{{ {'deploy_mode': 'local', 'ssh_user': ''} | sparkflows.mlops.named_settings }}"
"""

RETURN = r"""
_value:
  description: Values by name of the setting.
  type: dict
  sample: {mlops.mlflow.deploy.mode: local}
"""


def named_settings(options: t.Mapping[str, t.Any], names: t.Mapping[str, str] | None = None) -> dict[str, t.Any]:
    """Values by name of the setting; AnsibleFilterError for options whose names nobody knows."""
    try:
        return _named(options, names or {})
    except Problem as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter's registration."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"named_settings": named_settings}
