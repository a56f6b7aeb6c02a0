# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where a private SSH key comes from. The argument spec is C(source_argument_spec) of module_utils/_vaults/_sources.py."""

    DOCUMENTATION = r"""
options:
  source:
    description:
      - Where the private key is kept.
      - V(disk) is a file, V(value) is O(value) itself.
      - V(aws_secretsmanager) and V(aws_ssm) are AWS Secrets Manager and the Parameter Store of AWS Systems Manager.
      - V(azure_keyvault) is a secret of an Azure Key Vault, not one of its keys, whose private half never leaves it.
      - V(hashicorp_vault) is the key-value engine, version 1 or 2, of HashiCorp Vault or OpenBao.
    type: str
    choices: [disk, value, aws_secretsmanager, aws_ssm, azure_keyvault, hashicorp_vault]
    default: disk
  path:
    description:
      - The file with the private key. Required with O(source=disk).
    type: path
  value:
    description:
      - The private key itself, as from a lookup or a variable that Ansible Vault encrypts. Required with O(source=value). It is never shown.
    type: raw
  secret_name:
    description:
      - Name of the secret. Required for every source but V(disk) and V(value).
      - Name or ARN of the secret for AWS Secrets Manager, name of the parameter for the Parameter Store, name of the secret for Azure,
        and the path below O(vault_mount), without C(data/), for HashiCorp Vault.
    type: str
  secret_version:
    description:
      - Version of the secret. Without it, the current one is read.
      - For AWS Secrets Manager a version id (32 characters or more) or a staging label such as V(AWSPREVIOUS). For the Parameter Store a
        number or a label. For Azure the version's identifier. For HashiCorp Vault a number; key-value engines of version 1 keep no versions.
    type: str
  secret_field:
    description:
      - The field of the secret that holds the private key.
      - For HashiCorp Vault a field of the secret; a secret with a single field needs no name.
      - For the others, the key of a JSON object that the secret is. Without it, the whole secret is the private key.
    type: str
  vault_url:
    description:
      - Address of HashiCorp Vault or OpenBao, for example V(https://vault.example.com:8200).
      - Without it E(BAO_ADDR) or E(VAULT_ADDR) is read.
    type: str
  vault_namespace:
    description:
      - Namespace of HashiCorp Vault Enterprise or OpenBao. Without it E(BAO_NAMESPACE) or E(VAULT_NAMESPACE) is read.
    type: str
  vault_mount:
    description:
      - Path that the key-value engine is mounted on.
    type: str
    default: secret
  vault_kv_version:
    description:
      - Version of the key-value engine. V(auto) asks the server, which costs one more request.
    type: str
    choices: [auto, '1', '2']
    default: auto
  vault_token:
    description:
      - Token to read the secret with.
      - Without it and without O(vault_role_id), the token of E(BAO_TOKEN), E(VAULT_TOKEN) or of the file C(.vault-token) in the home of the
        user is taken.
    type: str
  vault_role_id:
    description:
      - Role id to log in with by AppRole. Needs O(vault_secret_id), and excludes O(vault_token).
    type: str
  vault_secret_id:
    description:
      - Secret id that belongs to O(vault_role_id).
    type: str
  vault_approle_mount:
    description:
      - Path that the AppRole login is mounted on.
    type: str
    default: approle
  aws_region:
    description:
      - AWS region. Without it, the one of E(AWS_REGION), of E(AWS_DEFAULT_REGION), or of O(aws_profile) in the AWS configuration file is taken.
    type: str
  aws_access_key_id:
    description:
      - AWS access key id. Needs O(aws_secret_access_key), and excludes O(aws_profile).
      - Without it and without O(aws_profile), boto3 looks for credentials itself - in the environment, in the AWS configuration
        files, and on the metadata service of an instance, container or pod.
    type: str
  aws_secret_access_key:
    description:
      - Secret access key that belongs to O(aws_access_key_id).
    type: str
  aws_session_token:
    description:
      - Session token that belongs to temporary AWS credentials.
    type: str
  aws_profile:
    description:
      - Profile of the AWS configuration files to take credentials and region from.
    type: str
  aws_endpoint_url:
    description:
      - Address of the AWS service, for an interface endpoint of a VPC or a compatible service.
    type: str
  azure_vault_url:
    description:
      - Address of the Azure Key Vault, for example V(https://example.vault.azure.net).
    type: str
  azure_tenant_id:
    description:
      - Microsoft Entra tenant of the application O(azure_client_id).
      - Without O(azure_client_secret), azure-identity looks for credentials itself - in the environment, a workload identity, a managed
        identity, and the login of the Azure CLI.
    type: str
  azure_client_id:
    description:
      - Application (client) id to log in with. Needs O(azure_tenant_id) and O(azure_client_secret), or stands alone as the id of a
        user-assigned managed identity.
    type: str
  azure_client_secret:
    description:
      - Client secret of the application O(azure_client_id).
    type: str
  azure_authority_host:
    description:
      - Host that the login goes to, for a cloud other than the public one, for example V(login.microsoftonline.us).
    type: str
  on_missing:
    description:
      - What a key that is not there means. V(finding) tells it beside the other findings; V(fail) ends the task at once.
    type: str
    choices: [fail, finding]
    default: finding
  on_denied:
    description:
      - What a key that may not be read means. V(finding) tells it beside the other findings; V(fail) ends the task at once.
      - A login that fails, a vault that is sealed and a server that cannot be reached always end the task.
    type: str
    choices: [fail, finding]
    default: finding
  validate_certs:
    description:
      - Whether the certificate of the vault is checked. For one of an own authority name the authority with O(ca_path) instead.
    type: bool
    default: true
  ca_path:
    description:
      - PEM file with the authorities to trust.
    type: path
  timeout:
    description:
      - Seconds that reading the key from the vault may take, the login included.
    type: int
    default: 30
notes:
  - The secret is read once. The proxies of the environment are used as the libraries of the vaults do.
"""

    # What a key is held against; the argument spec is C(policy_argument_spec) of module_utils/_ssh_keys.py.
    POLICY = r"""
options:
  public_key:
    description:
      - The public key, as a line of C(authorized_keys) without options, that the private key has to belong to.
    type: str
  certificate:
    description:
      - An OpenSSH user certificate, as in a file C(*-cert.pub), that has to be about the key and valid now.
    type: str
  allowed_types:
    description:
      - Types of key that are accepted.
    type: list
    elements: str
    choices: [ed25519, ecdsa, rsa, sk-ed25519, sk-ecdsa]
    default: [ed25519, ecdsa, rsa]
  allowed_formats:
    description:
      - Formats of the file that are accepted - V(openssh) begins with C(BEGIN OPENSSH PRIVATE KEY), V(pem) with
        C(BEGIN RSA PRIVATE KEY) or C(BEGIN EC PRIVATE KEY), V(pkcs8) with C(BEGIN PRIVATE KEY) or C(BEGIN ENCRYPTED PRIVATE KEY).
      - Name fewer where the program that uses the key cannot read all; older SSH libraries for Java read V(pem) only.
    type: list
    elements: str
    choices: [openssh, pem, pkcs8]
    default: [openssh, pem, pkcs8]
  min_rsa_bits:
    description:
      - Fewest bits of an RSA key.
      - 3072 is the least that NIST SP 800-57 Part 1 Rev. 5 counts as 128 bits of security.
    type: int
    default: 3072
  fips:
    description:
      - Whether the key has to be one that FIPS 186-4 approves - RSA of 2048 bits or more, or ECDSA on a NIST curve.
      - Ed25519 is approved since FIPS 186-5 (February 2023) only, and OpenSSH on hosts in FIPS mode whose cryptographic module was
        validated before refuses it, so it is refused here as well.
    type: bool
    default: false
  check_permissions:
    description:
      - Whether permissions and owner of the file and its folder are looked at, with O(source=disk).
    type: bool
    default: true
"""
