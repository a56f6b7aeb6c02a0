# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows_property import as_text
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows_titles import HOST, HOST_PORT, PORT, PUBLIC
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows_values import join_host_port

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


def named_settings(options, names=None):
    """Values by name of the setting; AnsibleFilterError for options whose names nobody knows."""
    known = dict(PUBLIC, **(names or {}))
    given = {option: as_text(value) for option, value in options.items() if value not in ("", None)}
    joined = known.get(HOST_PORT) or (known.get(HOST) if known.get(HOST) == known.get(PORT) else None)
    settings = {}
    if joined and HOST in given and PORT in given:
        settings[joined] = join_host_port(given.pop(HOST), given.pop(PORT))
    unnamed = sorted(option for option in given if not known.get(option))
    if unnamed:
        raise AnsibleFilterError(
            "The names of these settings are not public: %s. Name them with sparkflows_key_names, as Administration, Configuration shows them, or give a "
            "login so that they can be found on the running server." % ", ".join(unnamed)
        )
    settings.update((known[option], value) for option, value in given.items())
    return settings


class FilterModule:
    """The filter's registration."""

    def filters(self):
        return {"named_settings": named_settings}
