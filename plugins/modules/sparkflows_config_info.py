#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_config_info
short_description: Read the settings of Sparkflows
version_added: "1.0.0"
description:
  - Reads the settings under Administration, Configuration of Sparkflows with one request, without the secrets among them.
  - Tells which property each option of M(sparkflows.mlops.sparkflows_config) means on this server, and for what is not settled
    the properties that it could be.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._sparkflows.actiongroup_sparkflows
  - sparkflows.mlops._sparkflows
  - sparkflows.mlops._connection
options:
  key_names:
    description: Names of properties by option, as in M(sparkflows.mlops.sparkflows_config).
    type: dict
    default: {}
seealso:
  - module: sparkflows.mlops.sparkflows_config
"""

EXAMPLES = r"""
- name: See which properties the options mean on this server
  sparkflows.mlops.sparkflows_config_info:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
  register: found

- name: Show what has to be named with key_names
  ansible.builtin.debug:
    var: found.unresolved
"""

RETURN = r"""
configurations:
  description: All settings by the name of their property.
  returned: success
  type: dict
  contains:
    value:
      description:
        - The value as text, C(null) for what holds a secret, by the server's word, by its name or title, or by its shape, such as a URL with a
          login, a connection string, a webhook or a private key.
      type: str
    title:
      description: Title as the administration page shows it, empty where the server returns none.
      type: str
    description:
      description: Description as the administration page shows it, empty where the server returns none.
      type: str
    id:
      description: Number of the property on this server.
      type: int
  sample:
    mlops.mlflow.trackingURL:
      value: https://mlflow.example.com:5443
      title: MLflow Tracking URL
      description: Address of the MLflow tracking server
      id: 60
names:
  description: The property that each option means, for those that are settled.
  returned: success
  type: dict
  sample: {tracking_url: mlops.mlflow.trackingURL}
discovered:
  description: The options whose property was found by its title.
  returned: success
  type: list
  elements: str
  sample: [tracking_username]
unresolved:
  description: For each option that is not settled, the properties that it could mean, with their titles. The list can be empty.
  returned: success
  type: dict
  sample: {ssh_host: ["a.host ('SSH Host')", "b.host ('Host for SSH')"]}
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows, sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.config import info


def main() -> None:
    run_module(
        lambda module: info(module.params, Sparkflows(module.params)),
        dict(sparkflows_argument_spec(), key_names={"type": "dict", "default": {}, "no_log": False}),
        reads=True,
    )


if __name__ == "__main__":
    main()
