# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Right and wrong settings of ssh_access and sparkflows. Every secret in them is the word geheim."""

from __future__ import annotations

import typing as t

Changes = dict[str, t.Any]

TARGET = {"host": "mlflow-a", "address": "mlflow-a.example.com"}
KEY: Changes = {"ssh_access_enabled": True, "ssh_access_path": "/home/admin/key", "ssh_access_targets": [TARGET]}
VAULT: Changes = {**KEY, "ssh_access_source": "hashicorp_vault", "ssh_access_secret_name": "sparkflows/ssh"}
AWS: Changes = {**KEY, "ssh_access_source": "aws_ssm", "ssh_access_secret_name": "/ssh"}
AZURE: Changes = {**KEY, "ssh_access_source": "azure_keyvault", "ssh_access_secret_name": "ssh", "ssh_access_azure_vault_url": "https://x.vault.azure.net"}
FILE: Changes = {
    "sparkflows_method": "file",
    "sparkflows_configuration_file": "/opt/fire/conf/configuration.properties",
    "sparkflows_restart_command": ["systemctl", "restart", "fire"],
    "sparkflows_token": "",
}
LOCAL: Changes = {"sparkflows_deploy_mode": "local", "sparkflows_tracking_url": "http://127.0.0.1:5000", "sparkflows_mlops_host": ""}
REMOTE: Changes = {
    "sparkflows_deploy_mode": "remote",
    "sparkflows_mlops_host": "",
    "sparkflows_ssh_user": "sparkflows-ssh",
    "sparkflows_ssh_host": "mlflow-a",
    "sparkflows_ssh_key_path": "/home/sparkflows/.ssh/id",
}


def scored(**entry: t.Any) -> Changes:
    """One score workflow."""
    return {"sparkflows_score_workflows": [entry]}


#: Role, what is given, and how the only sentence begins.
WRONG: list[tuple[str, Changes, str]] = [
    ("ssh_access", {**KEY, "ssh_access_user": "root user"}, "ssh_access_user is 'root user', but a user's name"),
    ("ssh_access", {**KEY, "ssh_access_service_user": "a\n"}, "ssh_access_service_user is 'a\\n'"),
    ("ssh_access", {**KEY, "ssh_access_service_group": "A"}, "ssh_access_service_group is 'A', but a group's name"),
    ("ssh_access", {**KEY, "ssh_access_client": "My Host"}, "ssh_access_client is 'My Host', but a name of letters, digits, '.', '_' and '-' was expected."),
    ("ssh_access", {**KEY, "ssh_access_key_path": "/key"}, "ssh_access_key_path is '/key', but the absolute path of a file without spaces was expected."),
    ("ssh_access", {**KEY, "ssh_access_key_path": "/home/../key"}, "ssh_access_key_path is '/home/../key'"),
    ("ssh_access", {**KEY, "ssh_access_known_hosts_path": "/home/a b"}, "ssh_access_known_hosts_path is '/home/a b'"),
    (
        "ssh_access",
        {**KEY, "ssh_access_key_path": "/h/k", "ssh_access_known_hosts_path": "/h/k.new"},
        "ssh_access_known_hosts_path and ssh_access_key_path must be two",
    ),
    ("ssh_access", {**KEY, "ssh_access_login_timeout": 0}, "ssh_access_login_timeout is '0'"),
    ("ssh_access", {**KEY, "ssh_access_timeout": 601}, "ssh_access_timeout is '601'"),
    ("ssh_access", {**KEY, "ssh_access_min_rsa_bits": 512}, "ssh_access_min_rsa_bits is '512', but a number from 1024 to 16384 was expected."),
    ("ssh_access", {**KEY, "ssh_access_from": ["!10.0.0.1"]}, "ssh_access_from and ssh_access_options can't be used. from names only what is excluded"),
    ("ssh_access", {**KEY, "ssh_access_options": ["no-such-option"]}, "ssh_access_from and ssh_access_options can't be used."),
    ("ssh_access", {**KEY, "ssh_access_options": [["x"]]}, "ssh_access_options: entry 1 must be a text, but it is a list."),
    ("ssh_access", {**KEY, "ssh_access_path": ""}, "ssh_access_source is disk, which needs ssh_access_path. Give it."),
    ("ssh_access", {**KEY, "ssh_access_path": "key"}, "ssh_access_path is 'key'"),
    ("ssh_access", {**KEY, "ssh_access_targets": []}, "ssh_access_targets is empty, so there is no MLflow host to log in to."),
    ("ssh_access", {**KEY, "ssh_access_targets": [{"host": "mlflow-a"}]}, "ssh_access_targets: entry 1 lacks address."),
    ("ssh_access", {**KEY, "ssh_access_targets": [{**TARGET, "user": "x"}]}, "ssh_access_targets: entry 1 has user, which is not known there."),
    ("ssh_access", {**KEY, "ssh_access_targets": [{**TARGET, "address": "-oProxyCommand=x"}]}, "ssh_access_targets: entry 1: address is '-oProxyCommand=x'"),
    ("ssh_access", {**KEY, "ssh_access_targets": [{**TARGET, "port": 0}]}, "ssh_access_targets: entry 1: port is '0'"),
    ("ssh_access", {**KEY, "ssh_access_targets": [TARGET, TARGET]}, "ssh_access_targets names a host twice."),
    (
        "ssh_access",
        {**KEY, "ssh_access_targets": [{**TARGET, "host": "elsewhere"}]},
        "ssh_access_targets names the host elsewhere, which the inventory does not have.",
    ),
    ("ssh_access", {**VAULT, "ssh_access_secret_name": ""}, "ssh_access_source is hashicorp_vault, which needs ssh_access_secret_name. Give it."),
    ("ssh_access", {**VAULT, "ssh_access_secret_name": "a\n"}, "ssh_access_secret_name is 'a\\n'"),
    ("ssh_access", {**VAULT, "ssh_access_secret_version": "1\n2"}, "ssh_access_secret_version is '1\\n2'"),
    ("ssh_access", {**VAULT, "ssh_access_secret_field": "a\nb"}, "ssh_access_secret_field is 'a\\nb'"),
    ("ssh_access", {**VAULT, "ssh_access_vault_url": "vault:8200"}, "ssh_access_vault_url is 'vault:8200', but a URL without a login"),
    ("ssh_access", {**VAULT, "ssh_access_vault_namespace": "a\n"}, "ssh_access_vault_namespace is 'a\\n'"),
    ("ssh_access", {**VAULT, "ssh_access_vault_mount": ""}, "ssh_access_vault_mount is '', but the path of a mount"),
    ("ssh_access", {**VAULT, "ssh_access_vault_token": "geheim\n"}, "ssh_access_vault_token must be a text of one line; it is followed by a line break"),
    (
        "ssh_access",
        {**VAULT, "ssh_access_vault_role_id": "geheim"},
        "ssh_access_vault_role_id is given without ssh_access_vault_secret_id. AppRole needs both.",
    ),
    ("ssh_access", {**VAULT, "ssh_access_vault_secret_id": "geheim"}, "ssh_access_vault_secret_id is given without ssh_access_vault_role_id."),
    ("ssh_access", {**VAULT, "ssh_access_vault_approle_mount": "a b"}, "ssh_access_vault_approle_mount is 'a b'"),
    ("ssh_access", {**VAULT, "ssh_access_ca_path": "ca"}, "ssh_access_ca_path is 'ca'"),
    ("ssh_access", {**AWS, "ssh_access_aws_region": "EU"}, "ssh_access_aws_region is 'EU'"),
    ("ssh_access", {**AWS, "ssh_access_aws_access_key_id": "AKIA"}, "ssh_access_aws_access_key_id is given without ssh_access_aws_secret_access_key."),
    ("ssh_access", {**AWS, "ssh_access_aws_secret_access_key": "geheim"}, "ssh_access_aws_secret_access_key is given without"),
    ("ssh_access", {**AWS, "ssh_access_aws_session_token": "geheim\n"}, "ssh_access_aws_session_token must be a text of one line"),
    ("ssh_access", {**AWS, "ssh_access_aws_profile": "a\nb"}, "ssh_access_aws_profile is 'a\\nb'"),
    (
        "ssh_access",
        {**AWS, "ssh_access_aws_profile": "p", "ssh_access_aws_access_key_id": "A", "ssh_access_aws_secret_access_key": "geheim"},
        "ssh_access_aws_profile and ssh_access_aws_access_key_id are two logins. Give one of them.",
    ),
    ("ssh_access", {**AWS, "ssh_access_aws_endpoint_url": "aws"}, "ssh_access_aws_endpoint_url is 'aws'"),
    ("ssh_access", {**AZURE, "ssh_access_azure_vault_url": ""}, "ssh_access_source is azure_keyvault, which needs ssh_access_azure_vault_url. Give it."),
    ("ssh_access", {**AZURE, "ssh_access_azure_vault_url": "x"}, "ssh_access_azure_vault_url is 'x'"),
    ("ssh_access", {**AZURE, "ssh_access_azure_tenant_id": "a\nb"}, "ssh_access_azure_tenant_id is 'a\\nb'"),
    ("ssh_access", {**AZURE, "ssh_access_azure_client_id": "a\nb"}, "ssh_access_azure_client_id is 'a\\nb'"),
    (
        "ssh_access",
        {**AZURE, "ssh_access_azure_client_secret": "geheim"},
        "ssh_access_azure_client_secret is given, which needs ssh_access_azure_tenant_id and",
    ),
    ("ssh_access", {**AZURE, "ssh_access_azure_authority_host": "a\nb"}, "ssh_access_azure_authority_host is 'a\\nb'"),
    ("ssh_access", {**KEY, "ssh_access_allowed_types": []}, "ssh_access_allowed_types is empty, so no key would be accepted."),
    (
        "ssh_access",
        {**KEY, "ssh_access_allowed_formats": ["putty"]},
        "ssh_access_allowed_formats: entry 1 is the text 'putty'; it must be one of openssh, pem, pkcs8.",
    ),
    ("sparkflows", {"sparkflows_url": "sparkflows:8080"}, "sparkflows_url is 'sparkflows:8080', but a URL without a login"),
    ("sparkflows", {"sparkflows_token": ""}, "To save settings on http://127.0.0.1:8080 a login is needed and none is given. Give sparkflows_token,"),
    ("sparkflows", {"sparkflows_token": "geheim\n"}, "sparkflows_token must be a text of one line; it is followed by a line break, which `| trim` takes off."),
    ("sparkflows", {"sparkflows_token": "", "sparkflows_username": "admin"}, "sparkflows_username is given, which needs sparkflows_password. Give it."),
    ("sparkflows", {"sparkflows_password": 5}, "sparkflows_password must be a text of one line"),
    ("sparkflows", {"sparkflows_oauth_client_id": "a\nb"}, "sparkflows_oauth_client_id is 'a\\nb'"),
    ("sparkflows", {"sparkflows_oauth_client_secret": "geheim\r"}, "sparkflows_oauth_client_secret must be a text of one line"),
    ("sparkflows", {"sparkflows_ca_path": "ca"}, "sparkflows_ca_path is 'ca'"),
    ("sparkflows", {"sparkflows_timeout": 0}, "sparkflows_timeout is '0', but a number of at least 1 was expected."),
    ("sparkflows", {"sparkflows_health_timeout": -1}, "sparkflows_health_timeout is '-1'"),
    ("sparkflows", {"sparkflows_token_warn_days": -1}, "sparkflows_token_warn_days is '-1'"),
    ("sparkflows", {**FILE, "sparkflows_configuration_file": ""}, "sparkflows_method file needs sparkflows_configuration_file,"),
    ("sparkflows", {**FILE, "sparkflows_configuration_file": "conf"}, "sparkflows_configuration_file is 'conf'"),
    ("sparkflows", {**FILE, "sparkflows_restart_command": []}, "sparkflows_method file needs sparkflows_configuration_file,"),
    ("sparkflows", {"sparkflows_restart_command": "systemctl restart fire"}, "sparkflows_restart_command must be a list, but it is the text"),
    ("sparkflows", {"sparkflows_secret_mask": "***"}, "sparkflows_secret_mask is not a regular expression (nothing to repeat"),
    ("sparkflows", {"sparkflows_secret_mask": 5}, "sparkflows_secret_mask must be a text"),
    ("sparkflows", {"sparkflows_normalise": {"app.x": "slash"}}, "sparkflows_normalise"),
    ("sparkflows", {"sparkflows_state": "absent"}, "sparkflows_state absent needs sparkflows_method file:"),
    ("sparkflows", {"sparkflows_tracking_url": ""}, "The deploy mode fire_mlops_server needs sparkflows_tracking_url. Give it."),
    ("sparkflows", {"sparkflows_tracking_url": "mlflow:5000"}, "sparkflows_tracking_url is 'mlflow:5000'"),
    ("sparkflows", {"sparkflows_tracking_url": "http://localhost:5000"}, "The deploy mode fire_mlops_server contradicts the sparkflows_tracking_url"),
    ("sparkflows", {"sparkflows_tracking_username": "a\nb"}, "sparkflows_tracking_username is 'a\\nb'"),
    ("sparkflows", {"sparkflows_tracking_password": "geheim\n"}, "sparkflows_tracking_password must be a text of one line"),
    ("sparkflows", {"sparkflows_tracking_ca_path": "x"}, "sparkflows_tracking_ca_path is 'x'"),
    (
        "sparkflows",
        {"sparkflows_mlops_host": "http://host"},
        "sparkflows_mlops_host is 'http://host', but a host's name, an IP address or nothing was expected.",
    ),
    ("sparkflows", {**LOCAL, "sparkflows_mlops_host": "m"}, "The deploy mode local contradicts sparkflows_mlops_host:"),
    ("sparkflows", {"sparkflows_mlops_port": 0}, "sparkflows_mlops_port is '0'"),
    ("sparkflows", {"sparkflows_ssh_user": "a\nb"}, "sparkflows_ssh_user is 'a\\nb'"),
    ("sparkflows", {**REMOTE, "sparkflows_ssh_host": "a b"}, "sparkflows_ssh_host is 'a b'"),
    (
        "sparkflows",
        {**REMOTE, "sparkflows_ssh_key_path": ""},
        "The deploy mode remote needs sparkflows_ssh_key_path or sparkflows_ssh_key_vault_reference. Give it.",
    ),
    ("sparkflows", {**REMOTE, "sparkflows_ssh_key_path": "id"}, "sparkflows_ssh_key_path is 'id'"),
    ("sparkflows", {**REMOTE, "sparkflows_ssh_key_vault_reference": "a\nb"}, "sparkflows_ssh_key_vault_reference is 'a\\nb'"),
    ("sparkflows", {"sparkflows_s3_access_key": 5}, "sparkflows_s3_access_key must be a text of one line"),
    ("sparkflows", {"sparkflows_s3_secret_key": ["geheim"]}, "sparkflows_s3_secret_key must be a text of one line; it is not text."),
    ("sparkflows", {"sparkflows_s3_endpoint": "s3"}, "sparkflows_s3_endpoint is 's3'"),
    ("sparkflows", {"sparkflows_sagemaker_region": "E U"}, "sparkflows_sagemaker_region is 'E U'"),
    (
        "sparkflows",
        {"sparkflows_sagemaker_account_id": "123"},
        "sparkflows_sagemaker_account_id is '123', but the twelve digits of an account or nothing was expected.",
    ),
    ("sparkflows", {"sparkflows_sagemaker_role_arn": "role/x"}, "sparkflows_sagemaker_role_arn is 'role/x'"),
    ("sparkflows", {"sparkflows_settings": {"a\tb": "c"}}, "sparkflows_settings has 'a\\tb', which is not a valid name for a setting."),
    ("sparkflows", {"sparkflows_settings": {"a": ["c"]}}, "sparkflows_settings: a must be a text, a number, true or false."),
    ("sparkflows", {"sparkflows_secret_settings": {"a": 5}}, "sparkflows_secret_settings: a must be a text; put quotes around it."),
    ("sparkflows", {"sparkflows_secret_settings": "geheim"}, "sparkflows_secret_settings must be a dictionary of names and values of settings."),
    ("sparkflows", {"sparkflows_key_names": {"ssh_user": ""}}, "sparkflows_key_names: ssh_user is '', but the name of a setting was expected."),
    (
        "sparkflows",
        {"sparkflows_reach": ["mlflow"]},
        "sparkflows_reach: entry 1 is 'mlflow', but a URL or an address such as tcp://mlops.example.com:8086 was expected.",
    ),
    ("sparkflows", {"sparkflows_model_urls": ["http://::1:5001/ping"]}, "sparkflows_model_urls: entry 1 is 'http://::1:5001/ping'"),
    ("sparkflows", {"sparkflows_reach_timeout": -1}, "sparkflows_reach_timeout is '-1'"),
    ("sparkflows", scored(user="admin"), "sparkflows_score_workflows: entry 1 is named by nothing; exactly one of uuid, id, name and file says which workflow"),
    ("sparkflows", scored(id=7, name="x"), "sparkflows_score_workflows: entry 1 is named by id and name;"),
    ("sparkflows", scored(file="score.json"), "sparkflows_score_workflows: entry 1 has a file, which needs project_id"),
    ("sparkflows", scored(file="missing.json", project_id=1), "sparkflows_score_workflows is 'missing.json', but there is no such file on the controller."),
    ("sparkflows", scored(name="x", wait_timeout=0), "sparkflows_score_workflows: entry 1: wait_timeout is '0'"),
]

#: Settings about which nothing is said.
RIGHT: list[tuple[str, Changes]] = [
    ("ssh_access", KEY),
    ("ssh_access", {"ssh_access_targets": [], "ssh_access_path": ""}),
    ("ssh_access", {"ssh_access_state": "absent", "ssh_access_targets": [TARGET]}),
    ("ssh_access", {**KEY, "ssh_access_from": ["10.0.0.0/8", "!10.0.0.1"], "ssh_access_options": ["restrict", "pty"]}),
    ("ssh_access", {**VAULT, "ssh_access_vault_url": "https://vault:8200", "ssh_access_vault_token": "t", "ssh_access_vault_mount": "team/kv"}),
    ("ssh_access", {**AWS, "ssh_access_aws_region": "eu-central-1", "ssh_access_aws_profile": "p"}),
    ("ssh_access", {**AZURE, "ssh_access_azure_client_secret": "s", "ssh_access_azure_tenant_id": "t", "ssh_access_azure_client_id": "c"}),
    ("sparkflows", LOCAL),
    ("sparkflows", REMOTE),
    ("sparkflows", {**FILE, "sparkflows_restart_command": ["sleep", 5]}),
    ("sparkflows", {**FILE, **LOCAL, "sparkflows_state": "absent", "sparkflows_tracking_url": ""}),
    ("sparkflows", {"sparkflows_mlops_host": "2001:db8::1", "sparkflows_reach": ["tcp://[2001:db8::1]:8086"], "sparkflows_model_urls": ["http://a:1/ping"]}),
    ("sparkflows", {"sparkflows_settings": {"a.b": True, "c": 5}, "sparkflows_secret_settings": {"d": "s"}, "sparkflows_key_names": {"ssh_user": "x.y"}}),
    ("sparkflows", {"sparkflows_sagemaker_account_id": "012345678901", "sparkflows_sagemaker_role_arn": "arn:aws:iam::012345678901:role/x"}),
    ("sparkflows", {"sparkflows_token": "", "sparkflows_username": "admin", "sparkflows_password": "p"}),
    ("sparkflows", scored(file="score.json", project_id=1, uuid="6f1c", expected=[0.5, "x"])),
    ("sparkflows", scored(id=7)),
    ("sparkflows", {"sparkflows_mlops_host": "[2001:db8::1]"}),
]
