#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_private_key
short_description: Place a checked private SSH key on a host
version_added: "1.0.0"
description:
  - Reads a private key B(on the controller), from disk or from a key vault, once. Checks it as M(sparkflows.mlops.ssh_key_check) does, and
    refuses it with all findings before the host is contacted.
  - Makes O(dest) on the host equal that key, with the mode V(0600), in one step. The folder is made with the mode V(0700) when it is missing, and
    refused when others can read it or when its group or others can write it. Symbolic links are refused.
  - A key that is protected by a passphrase is refused, because a service could not use it.
  - A run that was interrupted anywhere is completed by the next one.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._key_source
  - sparkflows.mlops._key_source.policy
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows fingerprints, mode, owner and group, and nothing of the key itself.
  idempotent:
    support: full
options:
  dest:
    description:
      - The file on the host. The folder that holds the file's folder has to exist.
    type: path
    required: true
  owner:
    description:
      - The user that the file, and the folder when it is made, belong to. Without it, the user that runs the module.
    type: str
  group:
    description:
      - The group of the file, and of the folder when it is made. Without it, the primary group of O(owner).
    type: str
  state:
    description:
      - With V(present) the key is in O(dest).
      - With V(absent) O(dest) is removed, whatever key is in it, and no source is read. The folder stays.
    type: str
    choices: [present, absent]
    default: present
  content:
    description:
      - The private key itself, which is filled in on the controller after it was read from O(source) and checked. A task that sets it is refused.
    type: str
requirements:
  - On the controller, cryptography, and the libraries of the source that M(sparkflows.mlops.ssh_key_check) names.
notes:
  - O(path), O(ca_path) and all that is taken from the environment are those of the controller.
  - The options about the source stay on the controller. The host is given the key alone, over Ansible's own connection.
  - What only keeps OpenSSH from finding the key in its text is mended - blanks and lines before it, indentation, lost or foreign line breaks, an Ed25519
    key in PKCS #8, which OpenSSH reads since 9.6. The key is written in lines that every OpenSSH reads, and RV(rewritten) says why.
seealso:
  - module: sparkflows.mlops.ssh_key_check
"""

EXAMPLES = r"""
- name: Place a key out of HashiCorp Vault or OpenBao
  sparkflows.mlops.ssh_private_key:
    source: hashicorp_vault
    vault_url: https://vault.example.com:8200
    vault_token: "{{ vault_token }}"
    secret_name: sparkflows/ssh
    secret_field: private_key
    dest: /home/sparkflows/.ssh/sparkflows_mlops
    owner: sparkflows
    group: sparkflows
  register: key

- name: Show which one it is
  ansible.builtin.debug:
    msg: "{{ key.type }} {{ key.fingerprint }}"

- name: Place a key that is on the controller, in a format that older SSH libraries for Java read
  sparkflows.mlops.ssh_private_key:
    path: "{{ inventory_dir }}/keys/sparkflows_mlops"
    allowed_formats: [pem]
    dest: /home/sparkflows/.ssh/sparkflows_mlops
    owner: sparkflows

- name: Take it away
  sparkflows.mlops.ssh_private_key:
    dest: /home/sparkflows/.ssh/sparkflows_mlops
    state: absent
"""

RETURN = r"""
fingerprint:
  description: Fingerprint of the key. C(null) with O(state=absent), like the following values but the last.
  returned: success
  type: str
  sample: SHA256:oPhBPdEAqBWTaS1v5tOnj5WJpgGrmpZWWmgCKVJYJTE
public_key:
  description: The public key, as a line for authorized_keys.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr sparkflows
type:
  description: Type of the key.
  returned: success
  type: str
  sample: ed25519
bits:
  description: Size of the key.
  returned: success
  type: int
  sample: 256
previous_fingerprint:
  description: Fingerprint of the key that was in O(dest) before. C(null) when there was none, or one that ssh-keygen on the host cannot read.
  returned: success
  type: str
  sample: SHA256:oPhBPdEAqBWTaS1v5tOnj5WJpgGrmpZWWmgCKVJYJTE
rewritten:
  description:
    - Why the key was written in another layout than it has at its source, each with C(code) and C(sentence) as M(sparkflows.mlops.ssh_key_check) returns
      them. Empty when it was not.
  returned: when a key is placed
  type: list
  elements: dict
  sample:
    - code: crlf
      sentence: "The secret sparkflows/ssh of AWS Secrets Manager has the line ends of Windows, which ssh does not read in this format. Convert it with:
        sed -i 's/\\r$//' FILE"
findings:
  description: All that is wrong with the key, each with C(code) and C(sentence), as M(sparkflows.mlops.ssh_key_check) returns it.
  returned: when the key is refused
  type: list
  elements: dict
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_file import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import policy_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import source_argument_spec


def main() -> None:
    run_module(
        lambda module: run(module.params, module.check_mode),
        # The action plugin sets content, and public_key to the public half.
        {**source_argument_spec(), **policy_argument_spec(), **ARGUMENT_SPEC},
        place="dest",
    )


if __name__ == "__main__":
    main()
