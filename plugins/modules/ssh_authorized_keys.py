#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_authorized_keys
short_description: Let a Sparkflows host log in as a user, by its own entries in authorized_keys
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Manages the lines of C(~/.ssh/authorized_keys) whose comment is C(sparkflows-mlops:) and the name of a client. All other lines stay as
    they are, byte by byte.
  - Several clients can have entries in one file. The file is locked while it is changed, and replaced in one step.
  - With O(state=present) the folder C(~/.ssh) is made when missing, and it and the file are given to the user with the modes 0700 and 0600.
  - Symbolic links, and files and folders of other users than O(user) and root, are refused.
options:
  user:
    description:
      - The user to log in as. In check mode a missing user is taken for one that an earlier task would have made.
    type: str
    required: true
  client:
    description:
      - The name of the host that logs in. It marks the entries that this module owns.
      - Letters, digits, C(.), C(_) and C(-), a letter or digit first.
    type: str
    required: true
  keys:
    description:
      - The public keys that let the client in, each as one line, C(type base64). A comment that follows is ignored.
      - Ed25519, ECDSA, RSA and security keys are taken. Needed with O(state=present).
    type: list
    elements: str
    default: []
  from:
    description:
      - Where the client may come from - addresses, networks like V(10.1.0.0/16), or host names, in which V(*) and V(?) may stand.
        V(!) before one excludes it.
      - Empty means from everywhere.
    type: list
    elements: str
    default: []
  options:
    description:
      - Further options of the entries as sshd(8) describes them, like V(restrict), V(no-pty) or V(command="/usr/local/bin/only-this"). Values stand in
        double quotes.
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Whether entries of the client with other keys than O(keys) are removed. V(false) puts a new key beside an old one.
    type: bool
    default: true
  state:
    description:
      - V(present) makes the client's entries be O(keys).
      - V(absent) removes all entries of the client, and nothing else. Of the other options only O(user) and O(client) matter then.
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
      - Shows the client's entries, and owners and modes that differ. Other lines of the file are not shown.
  idempotent:
    support: full
notes:
  - Where sshd_config names another C(AuthorizedKeysFile), sshd does not read what this module writes.
  - Editors and other tools do not know of the lock; don't edit the file while a playbook runs.
seealso:
  - module: sparkflows.mlops.ssh_private_key
  - module: sparkflows.mlops.ssh_key_check
"""

EXAMPLES = r"""
- name: Let the Sparkflows host log in from its address alone, without a terminal and without forwarding
  sparkflows.mlops.ssh_authorized_keys:
    user: mlops-ssh
    client: sparkflows-a
    keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILxfmlzPtxAAZFWMOqXjlvCLBRcw9MbPWMqCxzKVAx9o
    from: [10.1.2.3]
    options: [restrict]

- name: Put a new key beside the one in use
  sparkflows.mlops.ssh_authorized_keys:
    user: mlops-ssh
    client: sparkflows-a
    keys: ["{{ new_public_key }}"]
    exclusive: false

- name: Let it in no longer
  sparkflows.mlops.ssh_authorized_keys:
    user: mlops-ssh
    client: sparkflows-a
    state: absent
"""

RETURN = r"""
path:
  description: The file. In check mode, for a user who is yet to be made, V(~user/.ssh/authorized_keys).
  returned: success
  type: str
  sample: /home/mlops-ssh/.ssh/authorized_keys
added:
  description: Fingerprints of the keys that got an entry.
  returned: success
  type: list
  elements: str
  sample: ["SHA256:Ck5ULOKSSjoXAoN1BFjTSBzJ7vOyp8cHAJS3fFGvJkI"]
updated:
  description: Fingerprints of the keys whose entry had other options.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Fingerprints of the keys whose entry was removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.authorized_keys import ARGUMENT_SPEC, run


def call(module: QuietModule) -> dict[str, t.Any]:
    result = run(module.params, module.check_mode)
    if result["changed"]:
        module.label(result["path"].rpartition("/")[0], result["path"])
    return result


def main() -> None:
    run_module(call, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
