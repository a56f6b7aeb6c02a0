#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_properties
short_description: Set configuration values in a properties file of Sparkflows
version_added: 1.0.0
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Sets or removes keys of a Java properties file such as C(conf/configuration.properties) and leaves comments, order and all other
    entries as they are.
  - The file is read by the rules of C(java.util.Properties) (escapes, lines that go on in the next one, ISO 8859-1), and what is written
    is ASCII with escapes, so that Java reads exactly the given value.
  - Sparkflows reads this file when it starts. A key in it always wins over what is saved in Administration, Configuration
    (source, Sparkflows documentation, I(Different default values at startup)), so that a change needs a restart.
  - For a new Sparkflows an older edition of that page wants the file filled before C(create-*-db.sh) runs, so use this module before it.
  - With O(restart_marker) the module remembers that a restart is due until the marker is removed, also when the run ends in between.
options:
  path:
    description:
      - Absolute path of the file on the host. Its folder must exist. A missing file is made.
    type: path
    required: true
  settings:
    description:
      - Keys and values to set. Booleans are written as V(true) and V(false).
    type: dict
    default: {}
  secret_settings:
    description:
      - Keys and values to set that are never shown. A file with such a key, or with a value in O(settings) that looks like a secret, loses
        all permissions of others.
    type: dict
    default: {}
  absent:
    description:
      - Keys to remove.
    type: list
    elements: str
    default: []
  restart_marker:
    description:
      - Absolute path of a file that is made before O(path) is changed. Remove it once Sparkflows was restarted.
    type: path
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the keys that change. Of O(secret_settings) and O(absent) it shows no values, and of O(settings) none, old or new, that is a
        secret by its key or by its shape, such as a password, a token, a private key, a webhook or a URL with a login.
  idempotent:
    support: full
seealso:
  - module: sparkflows.mlops.sparkflows_config
"""

EXAMPLES = r"""
- name: Set what Sparkflows reads at its next start
  sparkflows.mlops.sparkflows_properties:
    path: /home/sparkflows/fire/conf/configuration.properties
    settings:
      mlops.mlflow.trackingURL: https://mlflow.example.com:5443
      mlops.mlflow.deploy.mode: fire_mlops_server
    secret_settings:
      mlops.aws.s3.secret.key: "{{ vaulted_secret_key }}"
  register: properties
"""

RETURN = r"""
differences:
  description: What was not as wanted, in the words of an admin. Secrets are not shown.
  returned: success
  type: list
  elements: dict
  contains:
    item:
      description: What differs.
      type: str
    before:
      description: How it was.
      type: str
    after:
      description: How it is now, or would be.
      type: str
  sample:
    - {item: "setting mlops.mlflow.deploy.mode in /opt/fire/conf/configuration.properties", before: nothing, after: "local"}
names:
  description: The keys that were, or in check mode would be, set or removed.
  returned: success
  type: list
  elements: str
  sample: [mlops.mlflow.trackingURL]
restart_due:
  description: Whether the file was changed, now or earlier, and O(restart_marker) still stands.
  returned: success
  type: bool
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.properties_file import ARGUMENT_SPEC, run


def main() -> None:
    run_module(lambda module: run(module.params, module.check_mode, module.no_log_values.update), ARGUMENT_SPEC, place="path")


if __name__ == "__main__":
    main()
