#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_key_check
short_description: Tell all that is wrong with a private SSH key, on disk or in a key vault
version_added: "1.0.0"
description:
  - Reads a private key once and tells every finding about it at once, each with a code and a sentence.
  - With O(host) it also logs in there with the key, and says which step failed - name resolution, TCP, host key, authentication or command.
  - Never returns the private key.
  - Runs on the host that has the key and can reach the vault, usually the controller (C(delegate_to=localhost)).
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
  - sparkflows.mlops._key_source
  - sparkflows.mlops._key_source.policy
options:
  passphrase:
    description:
      - Passphrase of the private key.
    type: str
  owner:
    description:
      - The user that the file has to belong to, by name or number, with O(source=disk). Without it, the user that runs the module or C(root).
    type: str
  fail_on_findings:
    description:
      - Whether a finding is an error. Otherwise the findings are only returned.
    type: bool
    default: true
  host:
    description:
      - Host to log in to with the key. Without it, no login is tried.
    type: str
  port:
    description:
      - Port of the SSH server.
    type: int
    default: 22
  user:
    description:
      - Who logs in. Required with O(host).
    type: str
  host_key:
    description:
      - Public keys of O(host), as C(ssh-ed25519 AAAA…), or their fingerprints, as C(SHA256:…). The host has to show one of them.
      - A host whose key is neither here nor in O(known_hosts) is a finding, and nothing is sent to it.
    type: list
    elements: str
  known_hosts:
    description:
      - A known_hosts file with the key of O(host). Lines that are hashed or marked as revoked are understood, certificate authorities are not.
    type: path
  login_timeout:
    description:
      - Seconds that the whole login may take, O(login_command) included.
    type: int
    default: 10
  login_command:
    description:
      - A command to run after the login. It has to end with the exit status 0.
    type: str
requirements:
  - cryptography
  - bcrypt, for a key of OpenSSH's own format with O(passphrase)
  - paramiko, with O(host)
  - boto3, with O(source=aws_secretsmanager) and O(source=aws_ssm)
  - azure-identity and azure-keyvault-secrets, with O(source=azure_keyvault)
  - hvac, with O(source=hashicorp_vault)
seealso:
  - module: sparkflows.mlops.ssh_private_key
"""

EXAMPLES = r"""
- name: Check a key on the controller
  sparkflows.mlops.ssh_key_check:
    path: "{{ lookup('env', 'HOME') }}/.ssh/sparkflows_mlops"
  delegate_to: localhost
  become: false

- name: Check a key in HashiCorp Vault or OpenBao, and log in with it
  sparkflows.mlops.ssh_key_check:
    source: hashicorp_vault
    vault_url: https://vault.example.com:8200
    vault_role_id: "{{ vault_role_id }}"
    vault_secret_id: "{{ vault_secret_id }}"
    secret_name: sparkflows/ssh
    secret_field: private_key
    host: mlflow.example.com
    user: sparkflows
    host_key:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr
    login_command: "true"
  delegate_to: localhost
  become: false

- name: Tell what is wrong with a key in AWS Secrets Manager, and go on
  sparkflows.mlops.ssh_key_check:
    source: aws_secretsmanager
    aws_region: eu-central-1
    secret_name: sparkflows/ssh
    allowed_types: [rsa]
    fips: true
    fail_on_findings: false
  delegate_to: localhost
  become: false
  register: key

- name: Show the findings
  ansible.builtin.debug:
    msg: "{{ key.findings | map(attribute='sentence') }}"
"""

RETURN = r"""
findings:
  description:
    - All that is wrong.
    - Codes about where the key is - V(missing), V(unreadable), V(not_a_file), V(file_permissions), V(file_owner), V(folder_permissions), V(folder_owner).
    - Codes about the text - V(empty), V(not_a_private_key), V(format_putty), V(format_unknown), V(format_not_allowed), V(damaged), V(several_keys).
    - Codes about a key that ssh does not find in its text, or not before OpenSSH 9.6, and that M(sparkflows.mlops.ssh_private_key) rewrites -
      V(line_breaks_lost), V(lines_joined), V(indented), V(blank_lines), V(crlf), V(leading_junk), V(trailing_junk), V(no_final_newline), V(ed25519_pkcs8).
    - Codes about the key - V(passphrase_needed), V(passphrase_wrong), V(type_not_allowed), V(dsa), V(rsa_too_short), V(fips), V(comment),
      V(public_key_unreadable), V(public_key_mismatch), V(certificate_unreadable), V(certificate_mismatch), V(certificate_kind),
      V(certificate_expired), V(certificate_not_yet_valid).
    - Codes about the login - V(login_resolution), V(login_tcp), V(login_protocol), V(host_key_unknown), V(host_key_mismatch),
      V(host_key_revoked), V(login_authentication), V(login_command), V(login_impossible).
  returned: when the options are right and the source answered
  type: list
  elements: dict
  contains:
    code:
      description: What it is about, for a program.
      type: str
    sentence:
      description: What it is about, for an admin.
      type: str
  sample:
    - code: rsa_too_short
      sentence: The file /home/admin/.ssh/id_rsa is an RSA key of 2048 bits, and min_rsa_bits is 3072. Make a longer one, or one of another type.
type:
  description: Type of the key, like V(ed25519), V(ecdsa), V(rsa) or V(dsa). C(null) when it cannot be known, like the following values.
  returned: when the options are right and the source answered
  type: str
  sample: ed25519
bits:
  description: Size of the key.
  returned: when the options are right and the source answered
  type: int
  sample: 256
format:
  description: One of V(openssh), V(pem) and V(pkcs8).
  returned: when the options are right and the source answered
  type: str
  sample: openssh
fingerprint:
  description: Fingerprint of the public key, as ssh-keygen prints it.
  returned: when the options are right and the source answered
  type: str
  sample: SHA256:oPhBPdEAqBWTaS1v5tOnj5WJpgGrmpZWWmgCKVJYJTE
public_key:
  description: The public key, as a line for authorized_keys.
  returned: when the options are right and the source answered
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr sparkflows
comment:
  description: Comment of the key. Only the format V(openssh) has one, and a passphrase hides it.
  returned: when the options are right and the source answered
  type: str
  sample: sparkflows
login:
  description: What the login showed. C(null) without O(host).
  returned: when the options are right and the source answered
  type: dict
  contains:
    succeeded:
      description: Whether all steps succeeded.
      type: bool
    stage:
      description: The last step that was tried - V(resolution), V(tcp), V(host_key), V(authentication) or V(command).
      type: str
    address:
      description: The address that answered.
      type: str
    server:
      description: What the server calls itself.
      type: str
    host_key:
      description: The host key that the server showed. Whether it is the right one only its host can tell.
      type: str
    host_key_fingerprint:
      description: Fingerprint of that key.
      type: str
    exit_status:
      description: Exit status of O(login_command).
      type: int
    output:
      description: What O(login_command) printed, at most 10000 bytes of it.
      type: str
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_check import run
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import policy_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.login import login_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import source_argument_spec


def main() -> None:
    run_module(
        lambda module: run(module.params),
        dict(
            source_argument_spec(),
            **policy_argument_spec(),
            **login_argument_spec(),
            passphrase={"type": "str", "no_log": True},
            owner={"type": "str"},
            fail_on_findings={"type": "bool", "default": True},
        ),
        reads=True,
    )


if __name__ == "__main__":
    main()
