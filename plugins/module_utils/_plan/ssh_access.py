# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(ssh_access)."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.authorized_keys import entry_options

#: What each source can't do without.
NEEDS = {
    "disk": ("ssh_access_path",),
    "value": ("ssh_access_value",),
    "aws_secretsmanager": ("ssh_access_secret_name",),
    "aws_ssm": ("ssh_access_secret_name",),
    "azure_keyvault": ("ssh_access_secret_name", "ssh_access_azure_vault_url"),
    "hashicorp_vault": ("ssh_access_secret_name",),
}


def present(settings: Settings) -> bool:
    """Whether the role places a key."""
    return bool(settings["ssh_access_enabled"]) and bool(settings["ssh_access_state"] == "present")


def acts(settings: Settings) -> bool:
    """Whether the role does anything on a host."""
    return bool(settings["ssh_access_enabled"]) or bool(settings["ssh_access_state"] == "absent")


def _from(*sources: str) -> t.Callable[[Settings], bool]:
    return lambda settings: present(settings) and settings["ssh_access_source"] in sources


_aws = _from("aws_secretsmanager", "aws_ssm")
_azure, _hashicorp, _disk = _from("azure_keyvault"), _from("hashicorp_vault"), _from("disk")
_vault = _from("aws_secretsmanager", "aws_ssm", "azure_keyvault", "hashicorp_vault")
_VAULT_URL = rules.url(or_nothing=True, login=False, example="https://vault.example.com:8200")
_MOUNT = rules.shape(r"[^\x00-\x20]+", "the path of a mount, such as secret")
_FILE = rules.shape(r"(?!(?:.*/)?\.\.?(?:/|\Z))(?:/[A-Za-z0-9._+-]+){2,}", "the absolute path of a file without spaces")

RULES: rules.Table = {
    # What stands in a command, a path or a file of SSH must not be able to say anything else there.
    "ssh_access_user": rules.user("a user's name").when(acts),
    "ssh_access_service_user": rules.user("a user's name").when(acts),
    "ssh_access_service_group": rules.user("a group's name").when(acts),
    "ssh_access_client": rules.shape(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", "a name of letters, digits, '.', '_' and '-'").when(acts),
    "ssh_access_key_path": _FILE.when(acts),
    "ssh_access_known_hosts_path": _FILE.when(acts),
    "ssh_access_login_timeout": rules.between(1, 600).when(present),
    "ssh_access_timeout": rules.between(1, 600).when(present),
    "ssh_access_min_rsa_bits": rules.between(1024, 16384).when(present),
    "ssh_access_from": rules.texts().when(present),
    "ssh_access_options": rules.texts().when(present),
    "ssh_access_path": rules.absolute_path(or_nothing=True, plain=False, deep=True).when(_disk),
    "ssh_access_secret_name": rules.one_line("a secret's name").when(_vault),
    "ssh_access_secret_version": rules.one_line("a secret's version").when(_vault),
    "ssh_access_secret_field": rules.one_line("a field's name").when(_vault),
    "ssh_access_vault_url": _VAULT_URL.when(_hashicorp),
    "ssh_access_vault_namespace": rules.one_line("a namespace").when(_hashicorp),
    "ssh_access_vault_mount": _MOUNT.when(_hashicorp),
    "ssh_access_vault_token": rules.secret().when(_hashicorp),
    "ssh_access_vault_role_id": rules.secret().when(_hashicorp),
    "ssh_access_vault_secret_id": rules.secret().when(_hashicorp),
    "ssh_access_vault_approle_mount": _MOUNT.when(_hashicorp),
    "ssh_access_aws_region": rules.region(or_nothing=True).when(_aws),
    "ssh_access_aws_access_key_id": rules.secret().when(_aws),
    "ssh_access_aws_secret_access_key": rules.secret().when(_aws),
    "ssh_access_aws_session_token": rules.secret().when(_aws),
    "ssh_access_aws_profile": rules.one_line("a profile's name").when(_aws),
    "ssh_access_aws_endpoint_url": rules.url(or_nothing=True, login=False, example="https://aws.example.com").when(_aws),
    "ssh_access_azure_vault_url": rules.url(or_nothing=True, login=False, example="https://NAME.vault.azure.net").when(_azure),
    "ssh_access_azure_tenant_id": rules.one_line().when(_azure),
    "ssh_access_azure_client_id": rules.one_line().when(_azure),
    "ssh_access_azure_client_secret": rules.secret().when(_azure),
    "ssh_access_azure_authority_host": rules.one_line().when(_azure),
    "ssh_access_ca_path": rules.absolute_path(or_nothing=True, plain=False).when(_vault),
}
#: What is judged below or by its specification, and why there is no rule for it.
FREE = {
    "ssh_access_targets": "each entry has rules of its own",
    "ssh_access_value": "the module looks into the key, and nothing of it is to be shown",
}

#: The rules of an entry of ssh_access_targets.
TARGET: rules.Table = {
    "address": rules.shape(r"[A-Za-z0-9:][A-Za-z0-9.:_-]*", "a host's name or an IP address"),
    "port": rules.port(),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right. Targets that are None are filled in by a playbook."""
    found = rules.judge(RULES, settings)
    if not acts(settings):
        return found
    key, pinned = settings["ssh_access_key_path"], settings["ssh_access_known_hosts_path"]
    if pinned in (key, key + ".new"):
        found.append("ssh_access_known_hosts_path and ssh_access_key_path must be two files, but both lead to %s." % rules.shown(pinned))
    found += _target_problems(settings["ssh_access_targets"])
    return found + _source_problems(settings) if present(settings) else found


def _target_problems(targets: t.Optional[t.Sequence[t.Mapping[str, t.Any]]]) -> list[str]:
    if targets is None:
        return []
    if not targets:
        return [
            "ssh_access_targets is empty, so there is no MLflow host to log in to. Name each as {host: its inventory name, address: how Sparkflows reaches it}."
        ]
    found = []
    for number, target in enumerate(targets, 1):
        found += ["ssh_access_targets: entry %d: %s" % (number, sentence) for sentence in rules.judge(TARGET, target)]
    hosts = [target.get("host") for target in targets]
    if len(set(hosts)) < len(hosts):
        found.append("ssh_access_targets names a host twice. Each MLflow host is one target with one address.")
    return found


def target_of(host: str, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A target for a host of the inventory: where Ansible reaches it. `Problem` for a port that is none."""
    address = str(variables.get("ansible_host") or variables.get("ansible_ssh_host") or host)
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    given = variables.get("ansible_port") or variables.get("ansible_ssh_port") or 22
    try:
        port = int(given)
    except (TypeError, ValueError):
        port = 0
    if not 1 <= port <= 65535:
        raise Problem("ansible_port of %s is %s; a port is a number from 1 to 65535." % (host, rules.shown(given)))
    return {"host": host, "address": address, "port": port}


def unknown_targets(settings: Settings, hosts: t.Container[str]) -> list[str]:
    """Sentences for targets that the inventory does not have; each is logged in to by Ansible as well."""
    if not acts(settings):
        return []
    return [
        "ssh_access_targets names the host %s, which the inventory does not have. host is the name there, address how Sparkflows reaches it."
        % rules.shown(target["host"])
        for target in settings["ssh_access_targets"] or ()
        if target.get("host") and target["host"] not in hosts
    ]


def _source_problems(settings: Settings) -> list[str]:
    source = settings["ssh_access_source"]
    found = rules.needed(NEEDS[source], settings, "ssh_access_source is %s" % source)
    if _hashicorp(settings):
        found += rules.together("ssh_access_vault_role_id", "ssh_access_vault_secret_id", settings, "AppRole")
    if _aws(settings):
        found += rules.together("ssh_access_aws_access_key_id", "ssh_access_aws_secret_access_key", settings, "A login at AWS")
        if settings["ssh_access_aws_profile"] and settings["ssh_access_aws_access_key_id"]:
            found.append("ssh_access_aws_profile and ssh_access_aws_access_key_id are two logins. Give one of them.")
    if _azure(settings) and settings["ssh_access_azure_client_secret"]:
        needs = ("ssh_access_azure_tenant_id", "ssh_access_azure_client_id")
        found += rules.needed(needs, settings, "ssh_access_azure_client_secret is given")
    for name in ("ssh_access_allowed_types", "ssh_access_allowed_formats"):
        if not settings[name]:
            found.append("%s is empty, so no key would be accepted. Name at least one." % name)
    if rules.fits(RULES, "ssh_access_from", settings) and rules.fits(RULES, "ssh_access_options", settings):
        try:
            entry_options(settings["ssh_access_from"], settings["ssh_access_options"])
        except Problem as problem:
            found.append("ssh_access_from and ssh_access_options can't be used. %s" % problem)
    return found
