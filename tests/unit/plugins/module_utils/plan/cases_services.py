# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Right and wrong settings of mlflow_server, mlops_agent and firewall. Every secret in them is the word geheim, with more where it must be longer."""

from __future__ import annotations

import typing as t

Changes = dict[str, t.Any]
D = "a" * 64
LONG = "geheim-0123456789"

POSTGRESQL: Changes = {"mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_password": "geheim"}
S3: Changes = {"mlflow_server_artifact_store": "s3", "mlflow_server_s3_uri": "s3://bucket/prefix"}
NGINX: Changes = {"mlflow_server_proxy": "nginx", "mlflow_server_proxy_password": LONG}
PATHS: Changes = {
    **NGINX,
    "mlflow_server_proxy_certificate": "path",
    "mlflow_server_proxy_certificate_path": "/etc/ssl/m.crt",
    "mlflow_server_proxy_private_key_path": "/etc/ssl/m.key",
}
VENDOR: Changes = {
    "mlops_agent_provider": "vendor",
    "mlops_agent_token": "",
    "mlops_agent_vendor_archive_src": "https://example.com/mlops.tar.gz",
    "mlops_agent_vendor_archive_sha256": D,
    "mlops_agent_vendor_command": ["bin/start", "--port", 8086],
}
ON: Changes = {"firewall_enabled": True, "firewall_ports": ["8086", "5001-5050"], "firewall_sources": ["192.0.2.10"]}


def deployed(*entries: t.Any) -> Changes:
    """These declared models."""
    return {"mlops_agent_deployments": list(entries)}


def model(name: str = "churn", **more: t.Any) -> Changes:
    """A model that can be served, with more."""
    return {"name": name, "model_uri": "models:/churn/1", **more}


#: Role, what is given, and how the only sentence begins.
WRONG: list[tuple[str, Changes, str]] = [
    ("mlflow_server", {"mlflow_server_stack": "/opt/my stack"}, "mlflow_server_stack is '/opt/my stack', but an absolute path without spaces was expected."),
    ("mlflow_server", {"mlflow_server_user": "Mlflow"}, "mlflow_server_user is 'Mlflow', but a user's name, such as mlflow was expected."),
    ("mlflow_server", {"mlflow_server_user": "mlflow\n"}, "mlflow_server_user is 'mlflow\\n'"),
    ("mlflow_server", {"mlflow_server_group": "my group"}, "mlflow_server_group is 'my group', but a group's name"),
    ("mlflow_server", {"mlflow_server_listen_address": "0.0.0.0\n"}, "mlflow_server_listen_address is '0.0.0.0\\n', but a host's name or an IP address"),
    ("mlflow_server", {"mlflow_server_listen_address": "256.1.1.1"}, "mlflow_server_listen_address is '256.1.1.1'"),
    ("mlflow_server", {"mlflow_server_listen_address": "[::1]"}, "mlflow_server_listen_address is '[::1]'"),
    ("mlflow_server", {"mlflow_server_port": 80}, "mlflow_server_port is '80', but a number from 1024 to 65535 was expected."),
    ("mlflow_server", {"mlflow_server_name": "mlflow\r\nSet-Cookie: a"}, "mlflow_server_name is 'mlflow\\r\\nSet-Cookie: a', but at most 253 ASCII characters"),
    ("mlflow_server", {"mlflow_server_name": "rechner-ä"}, "mlflow_server_name is 'rechner-ä'"),
    ("mlflow_server", {"mlflow_server_name": " mlflow"}, "mlflow_server_name is ' mlflow'"),
    ("mlflow_server", {"mlflow_server_name": "m" * 254}, "mlflow_server_name is 'mmm"),
    ("mlflow_server", {"mlflow_server_port": 65536}, "mlflow_server_port is '65536'"),
    ("mlflow_server", {"mlflow_server_artifact_directory": "artifacts"}, "mlflow_server_artifact_directory is 'artifacts'"),
    (
        "mlflow_server",
        {"mlflow_server_artifact_directory": "/var//lib/mlflow-server/."},
        "mlflow_server_artifact_directory is /var//lib/mlflow-server/., which holds the server's database",
    ),
    ("mlflow_server", {"mlflow_server_artifact_directory": "/var"}, "mlflow_server_artifact_directory is /var, which holds the server's database"),
    ("mlflow_server", {"mlflow_server_request_timeout": 5}, "mlflow_server_request_timeout is '5', but a number from 30 to 86400 was expected."),
    ("mlflow_server", {"mlflow_server_readable_paths": ["etc"]}, "mlflow_server_readable_paths: entry 1 is 'etc', but an absolute path"),
    (
        "mlflow_server",
        {"mlflow_server_further_artifact_uris": ["s3://team/../x"]},
        "mlflow_server_further_artifact_uris: entry 1 is 's3://team/../x', but a URI such as s3://bucket/prefix",
    ),
    ("mlflow_server", {"mlflow_server_further_artifact_uris": ["//etc"]}, "mlflow_server_further_artifact_uris: entry 1 is '//etc'"),
    ("mlflow_server", {"mlflow_server_workers": 0}, "mlflow_server_workers is '0', but a number from 1 to 64 was expected."),
    ("mlflow_server", {"mlflow_server_health_timeout": 3601}, "mlflow_server_health_timeout is '3601'"),
    ("mlflow_server", {"mlflow_server_min_free_mb": -1}, "mlflow_server_min_free_mb is '-1'"),
    ("mlflow_server", {"mlflow_server_min_memory_mb": -1}, "mlflow_server_min_memory_mb is '-1'"),
    ("mlflow_server", {"mlflow_server_backup_directory": "/"}, "mlflow_server_backup_directory is '/'"),
    ("mlflow_server", {"mlflow_server_backup_keep": -1}, "mlflow_server_backup_keep is '-1'"),
    ("mlflow_server", {"mlflow_server_backup_s3_uri": "bucket"}, "mlflow_server_backup_s3_uri is 'bucket', but a URI such as s3://bucket/prefix or nothing"),
    ("mlflow_server", {"mlflow_server_backup_timeout": 0}, "mlflow_server_backup_timeout is '0'"),
    (
        "mlflow_server",
        {"mlflow_server_backup_s3_uri": "s3://bucket/prefix", "mlflow_server_s3_endpoint_url": "s3.example.com"},
        "mlflow_server_s3_endpoint_url is 's3.example.com'",
    ),
    ("mlflow_server", {"mlflow_server_ca_bundle": "ca.pem"}, "mlflow_server_ca_bundle is 'ca.pem'"),
    ("mlflow_server", {"mlflow_server_environment": "A=geheim"}, "mlflow_server_environment must be a dictionary of variable names and texts of one line."),
    ("mlflow_server", {"mlflow_server_environment": {"A": "geheim\n"}}, "mlflow_server_environment: A must be a text of one line."),
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_host": "::1"}, "mlflow_server_postgresql_host is '::1', but a host's name or an IPv4 address"),
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_port": 0}, "mlflow_server_postgresql_port is '0', but a number from 1 to 65535"),
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_name": "ml flow"}, "mlflow_server_postgresql_name is 'ml flow'"),
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_user": "a:b"}, "mlflow_server_postgresql_user is 'a:b'"),
    (
        "mlflow_server",
        {**POSTGRESQL, "mlflow_server_postgresql_password": ""},
        "mlflow_server_postgresql_password must be a text of at least 1 characters on one",
    ),
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_password": "geheim\n"}, "mlflow_server_postgresql_password must be a text"),
    ("mlflow_server", {**S3, "mlflow_server_s3_uri": "s3:/bucket"}, "mlflow_server_s3_uri is 's3:/bucket', but a URI such as s3://bucket/prefix was expected."),
    ("mlflow_server", {**S3, "mlflow_server_s3_uri": ""}, "mlflow_server_s3_uri is ''"),
    ("mlflow_server", {**S3, "mlflow_server_s3_uri": "s3://bucket/../x"}, "mlflow_server_s3_uri is 's3://bucket/../x'"),
    ("mlflow_server", {**S3, "mlflow_server_s3_endpoint_url": "s3.example.com"}, "mlflow_server_s3_endpoint_url is 's3.example.com'"),
    ("mlflow_server", {**S3, "mlflow_server_s3_region": "EU"}, "mlflow_server_s3_region is 'EU', but a region's name, such as eu-central-1, or nothing"),
    ("mlflow_server", {**S3, "mlflow_server_s3_access_key_id": "AKIA"}, "mlflow_server_s3_access_key_id is given without mlflow_server_s3_secret_access_key."),
    ("mlflow_server", {**S3, "mlflow_server_s3_secret_access_key": "geheim"}, "mlflow_server_s3_secret_access_key is given without"),
    (
        "mlflow_server",
        {**NGINX, "mlflow_server_listen_address": "0.0.0.0"},
        "mlflow_server_listen_address is 0.0.0.0, where the server could be reached without",
    ),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_listen_address": "eth0 "}, "mlflow_server_proxy_listen_address is 'eth0 '"),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_port": 80}, "mlflow_server_proxy_port is '80', but a number from 443 to 65535 was expected."),
    (
        "mlflow_server",
        {**NGINX, "mlflow_server_proxy_port": 5000},
        "mlflow_server_port and mlflow_server_proxy_port are both 5000; give each a port of its own.",
    ),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_server_name": "My Host"}, "mlflow_server_proxy_server_name is 'My Host', but a host's name or nothing"),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_username": "a:b"}, "mlflow_server_proxy_username is 'a:b'"),
    (
        "mlflow_server",
        {**NGINX, "mlflow_server_proxy_password": ""},
        "mlflow_server_proxy_password must be a text of 12 to 128 printable ASCII characters on one line; it is missing. Take",
    ),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_password": "geheim"}, "mlflow_server_proxy_password must be a text of 12 to 128"),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_password": "geheim" * 22}, "mlflow_server_proxy_password must be a text of 12 to 128"),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_password": LONG + "é"}, "mlflow_server_proxy_password must be a text of 12 to 128"),
    ("mlflow_server", {**PATHS, "mlflow_server_proxy_certificate_path": ""}, "mlflow_server_proxy_certificate_path is '', but an absolute path without spaces"),
    ("mlflow_server", {**PATHS, "mlflow_server_proxy_private_key_path": "m.key"}, "mlflow_server_proxy_private_key_path is 'm.key'"),
    (
        "mlflow_server",
        {**NGINX, "mlflow_server_proxy_certificate_names": ["a b"]},
        "mlflow_server_proxy_certificate_names: entry 1 is 'a b', but a host's name",
    ),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_certificate_days": 30}, "mlflow_server_proxy_certificate_days is '30', but a number from 90 to 7300"),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_timeout": 0}, "mlflow_server_proxy_timeout is '0'"),
    ("mlops_agent", {"mlops_agent_stack": "stack"}, "mlops_agent_stack is 'stack'"),
    ("mlops_agent", {"mlops_agent_jdk_home": "/opt/my jdk"}, "mlops_agent_jdk_home is '/opt/my jdk'"),
    (
        "mlops_agent",
        {"mlops_agent_listen_address": "0.0.0.0\n"},
        "mlops_agent_listen_address is '0.0.0.0\\n', but an IP address, such as 127.0.0.1 was expected.",
    ),
    ("mlops_agent", {"mlops_agent_port": 0}, "mlops_agent_port is '0', but a number from 1 to 65535 was expected."),
    (
        "mlops_agent",
        {"mlops_agent_token": ""},
        "mlops_agent_token must be a text of at least 16 visible ASCII characters without spaces on one line; it is missing. Take one from",
    ),
    ("mlops_agent", {"mlops_agent_token": "geheim"}, "mlops_agent_token must be a text of at least 16"),
    (
        "mlops_agent",
        {"mlops_agent_token": LONG + " " + LONG},
        "mlops_agent_token must be a text of at least 16 visible ASCII characters without spaces on one line; it is of other",
    ),
    (
        "mlops_agent",
        {"mlops_agent_token": LONG + "\n"},
        "mlops_agent_token must be a text of at least 16 visible ASCII characters without spaces on one line; it is followed by a line",
    ),
    ("mlops_agent", {"mlops_agent_token": 1234567890123456}, "mlops_agent_token must be a text of at least 16"),
    ("mlops_agent", {"mlops_agent_tls_certificate": "/etc/a.crt"}, "mlops_agent_tls_certificate is given without mlops_agent_tls_private_key. TLS needs both."),
    ("mlops_agent", {"mlops_agent_tls_certificate": "a.crt", "mlops_agent_tls_private_key": "/k"}, "mlops_agent_tls_certificate is 'a.crt'"),
    ("mlops_agent", {"mlops_agent_tls_certificate": "/c", "mlops_agent_tls_private_key": "/a b"}, "mlops_agent_tls_private_key is '/a b'"),
    ("mlops_agent", {"mlops_agent_tracking_uri": "127.0.0.1:5000"}, "mlops_agent_tracking_uri is '127.0.0.1:5000', but a URL without a login"),
    ("mlops_agent", {"mlops_agent_tracking_uri": "http://u:geheim@host"}, "mlops_agent_tracking_uri is 'http://…@host', but a URL without a login"),
    ("mlops_agent", {"mlops_agent_tracking_name": "mlflow\n"}, "mlops_agent_tracking_name is 'mlflow\\n', but at most 253 ASCII characters"),
    ("mlops_agent", {"mlops_agent_tracking_uri": "http://127.0.0.1:5005"}, "mlops_agent_tracking_uri names port 5005, which lies in the range kept for models"),
    ("mlops_agent", {"mlops_agent_tracking_uri": "http://[::1]:8086"}, "mlops_agent_tracking_uri names port 8086 of this host, which is mlops_agent_port"),
    ("mlops_agent", {"mlops_agent_tracking_username": "a\nb"}, "mlops_agent_tracking_username is 'a\\nb'"),
    ("mlops_agent", {"mlops_agent_tracking_password": "geheim\nx"}, "mlops_agent_tracking_password must be a text of one line; it is more than one line."),
    ("mlops_agent", {"mlops_agent_tracking_token": 5}, "mlops_agent_tracking_token must be a text of one line"),
    ("mlops_agent", {"mlops_agent_ca_bundle": "x"}, "mlops_agent_ca_bundle is 'x'"),
    ("mlops_agent", {"mlops_agent_model_listen_address": "localhost"}, "mlops_agent_model_listen_address is 'localhost'"),
    ("mlops_agent", {"mlops_agent_model_port_first": 80}, "mlops_agent_model_port_first is '80', but a number from 1024 to 65535 was expected."),
    ("mlops_agent", {"mlops_agent_model_port_first": 6000}, "mlops_agent_model_port_first (6000) is greater than mlops_agent_model_port_last (5050)."),
    ("mlops_agent", {"mlops_agent_model_port_last": 65536}, "mlops_agent_model_port_last is '65536'"),
    ("mlops_agent", {"mlops_agent_port": 5003}, "mlops_agent_port is 5003, which lies in the range kept for models (5001 to 5050); move one of them."),
    ("mlops_agent", {"mlops_agent_model_url_host": "a b"}, "mlops_agent_model_url_host is 'a b'"),
    ("mlops_agent", {"mlops_agent_model_roots": ["models"]}, "mlops_agent_model_roots: entry 1 is 'models'"),
    ("mlops_agent", {"mlops_agent_model_denied_addresses": ["10.0.0.0/8 \nUser=root"]}, "mlops_agent_model_denied_addresses: entry 1 is '"),
    ("mlops_agent", {"mlops_agent_default_workers": 65}, "mlops_agent_default_workers is '65', but a number from 1 to 64 was expected."),
    ("mlops_agent", {"mlops_agent_default_memory_mb": 1}, "mlops_agent_default_memory_mb is '1', but a number from 128 to 1048576 was expected."),
    ("mlops_agent", {"mlops_agent_default_startup_timeout": 4}, "mlops_agent_default_startup_timeout is '4'"),
    ("mlops_agent", {"mlops_agent_health_interval": 0}, "mlops_agent_health_interval is '0'"),
    ("mlops_agent", {"mlops_agent_health_timeout": 601}, "mlops_agent_health_timeout is '601'"),
    ("mlops_agent", {"mlops_agent_health_failures": 0}, "mlops_agent_health_failures is '0'"),
    ("mlops_agent", {"mlops_agent_follow_interval": 0}, "mlops_agent_follow_interval is '0'"),
    ("mlops_agent", {"mlops_agent_body_limit": 1}, "mlops_agent_body_limit is '1'"),
    ("mlops_agent", {"mlops_agent_s3_endpoint_url": "http://a b"}, "mlops_agent_s3_endpoint_url is 'http://a b'"),
    ("mlops_agent", {"mlops_agent_s3_region": "a b"}, "mlops_agent_s3_region is 'a b'"),
    ("mlops_agent", {"mlops_agent_s3_access_key_id": "AKIA"}, "mlops_agent_s3_access_key_id is given without mlops_agent_s3_secret_access_key."),
    ("mlops_agent", {"mlops_agent_s3_secret_access_key": "geheim"}, "mlops_agent_s3_secret_access_key is given without"),
    ("mlops_agent", {"mlops_agent_s3_session_token": "geheim\n"}, "mlops_agent_s3_session_token must be a text of one line"),
    ("mlops_agent", {"mlops_agent_environment": {"A-B": "geheim"}}, "mlops_agent_environment has 'A-B'"),
    ("mlops_agent", {"mlops_agent_start_timeout": 0}, "mlops_agent_start_timeout is '0'"),
    ("mlops_agent", deployed(model("Churn")), "mlops_agent_deployments: entry 1 needs a name of lower-case letters"),
    ("mlops_agent", deployed(model("c\n")), "mlops_agent_deployments: entry 1 needs a name"),
    ("mlops_agent", deployed(model(), model()), "mlops_agent_deployments: churn is declared twice; a name serves one model."),
    ("mlops_agent", deployed({"name": "churn"}), "mlops_agent_deployments: churn has a model_uri that is not a model's address"),
    ("mlops_agent", deployed(model(model_uri="models:/a/../../etc")), "mlops_agent_deployments: churn has a model_uri"),
    ("mlops_agent", deployed(model(model_uri="models:/a/$(id)")), "mlops_agent_deployments: churn has a model_uri"),
    ("mlops_agent", deployed(model(model_uri="runs:/1/m;reboot")), "mlops_agent_deployments: churn has a model_uri"),
    ("mlops_agent", deployed(model(model_uri="models:/a/1\n")), "mlops_agent_deployments: churn has a model_uri"),
    ("mlops_agent", deployed(model(model_uri="file:///etc/passwd")), "mlops_agent_deployments: churn has a model_uri"),
    ("mlops_agent", deployed(model(memory=5)), "mlops_agent_deployments: churn has memory, which is not known there. Did you mean memory_mb?"),
    ("mlops_agent", deployed({"model_uri": "models:/a/1"}), "mlops_agent_deployments: entry 1 lacks name."),
    ("mlops_agent", deployed(model(port="5001")), "mlops_agent_deployments: churn: port must be a whole number, but it is the text '5001'."),
    ("mlops_agent", deployed(model(port=5051)), "mlops_agent_deployments: churn wants port 5051, which lies outside the range kept for models (5001 to 5050)."),
    ("mlops_agent", deployed(model(port=80)), "mlops_agent_deployments: churn: port is '80', but a number from 1024 to 65535 was expected."),
    ("mlops_agent", deployed(model("a", port=5001), model("b", port=5001)), "mlops_agent_deployments: b wants port 5001, which a has already."),
    ("mlops_agent", deployed(model(workers=0)), "mlops_agent_deployments: churn: workers is '0'"),
    ("mlops_agent", deployed(model(memory_mb=64)), "mlops_agent_deployments: churn: memory_mb is '64', but a number from 128 to 1048576 was expected."),
    ("mlops_agent", deployed(model(startup_timeout=1)), "mlops_agent_deployments: churn: startup_timeout is '1'"),
    ("mlops_agent", deployed(model(probe={})), "mlops_agent_deployments: churn has a probe with nothing; either columns and data, or records"),
    ("mlops_agent", deployed(model(probe={"columns": ["a"], "data": [[1, 2]]})), "mlops_agent_deployments: churn has a probe in which a row of data"),
    ("mlops_agent", deployed(model(probe={"records": {}})), "mlops_agent_deployments: churn: records of the probe must be a list."),
    ("mlops_agent", deployed(model(probe={"inputs": [float("nan")]})), "mlops_agent_deployments: churn has a probe with NaN or an infinite number"),
    (
        "mlops_agent",
        {"mlops_agent_model_port_last": 5002, **deployed(*(model(name) for name in "abc"))},
        "3 models are declared, but the range kept for models holds 2 ports.",
    ),
    (
        "mlops_agent",
        {"mlops_agent_model_port_last": 5003, **deployed(model("a", model_uri="models:/a/Production", follow=True), model("b"))},
        "2 models are declared, 1 with follow, which take three ports each, but the range kept for models holds 3 ports.",
    ),
    (
        "mlops_agent",
        deployed(model(model_uri="models:/a/3", follow=True)),
        "mlops_agent_deployments: churn has follow, but its model_uri names no stage to follow",
    ),
    ("mlops_agent", deployed(model(follow="yes")), "mlops_agent_deployments: churn: follow must be true or false"),
    ("mlops_agent", {**VENDOR, **deployed(model())}, "mlops_agent_deployments needs mlops_agent_provider builtin"),
    (
        "mlops_agent",
        {**VENDOR, "mlops_agent_vendor_archive_src": ""},
        "mlops_agent_vendor_archive_src is '', but a URL or a path, which mlops_agent_provider vendor",
    ),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_archive_src": "missing.tar"}, "mlops_agent_vendor_archive_src is 'missing.tar', but there is no such file"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_archive_sha256": ""}, "mlops_agent_vendor_archive_sha256 is '', but a SHA-256"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_release": "../x"}, "mlops_agent_vendor_release is '../x'"),
    (
        "mlops_agent",
        {**VENDOR, "mlops_agent_vendor_command": []},
        "mlops_agent_vendor_command begins with '', but a list whose first item is the path of the program",
    ),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_command": ["/bin/sh"]}, "mlops_agent_vendor_command begins with '/bin/sh'"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_command": ["bin/start", "a\nb"]}, "mlops_agent_vendor_command: entry 2 is 'a\\nb'"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_health_port": -1}, "mlops_agent_vendor_health_port is '-1'"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_health_path": "health"}, "mlops_agent_vendor_health_path is 'health'"),
    ("mlops_agent", {**VENDOR, "mlops_agent_vendor_memory_mb": 1}, "mlops_agent_vendor_memory_mb is '1'"),
    ("firewall", {"firewall_enabled": "yes"}, "firewall_enabled must be true or false, but it is the text 'yes'."),
    ("firewall", {**ON, "firewall_ports": []}, "firewall_ports is empty, which would open nothing to anybody."),
    ("firewall", {**ON, "firewall_sources": []}, "firewall_sources is empty, which would open nothing to anybody."),
    ("firewall", {**ON, "firewall_ssh_ports": []}, "firewall_ssh_ports is empty, which would open nothing to anybody."),
    ("firewall", {"firewall_ports": "8086"}, "firewall_ports must be a list, but it is the text '8086'."),
    ("firewall", {"firewall_ports": [0]}, "firewall_ports: entry 1 is '0', but a port from 1 to 65535 or a range such as 5001-5100 was expected."),
    ("firewall", {"firewall_ports": ["5001-5100\n"]}, "firewall_ports: entry 1 is '5001-5100\\n'"),
    ("firewall", {"firewall_ports": ["5100-5001"]}, "firewall_ports: entry 1 is 5100-5001, which ends before it begins; give 5001-5100."),
    ("firewall", {**ON, "firewall_ports": ["20-30"]}, "firewall_ports has port 22, but firewall_ssh_ports names it as a port of SSH."),
    ("firewall", {"firewall_sources": ["sparkflows.example.com"]}, "firewall_sources: entry 1 is 'sparkflows.example.com', but an address or a network"),
    ("firewall", {"firewall_sources": ["0.0.0.0/0"]}, "firewall_sources: entry 1 is 0.0.0.0/0, which is everybody or half of them"),
    (
        "firewall",
        {"firewall_sources": ["192.0.2.10/24"]},
        "firewall_sources: entry 1 is 192.0.2.10/24, an address within 192.0.2.0/24; give 192.0.2.0/24, or 192.0.2.10",
    ),
    ("firewall", {"firewall_ssh_ports": [65536]}, "firewall_ssh_ports: entry 1 is '65536', but a port was expected."),
]

#: Settings about which nothing is said.
RIGHT: list[tuple[str, Changes]] = [
    ("mlflow_server", {**POSTGRESQL, "mlflow_server_postgresql_user": "mlflow@corp", "mlflow_server_postgresql_password": "p@ss:%40w/rd#\"'$1\\x"}),
    ("mlflow_server", {**S3, "mlflow_server_s3_endpoint_url": "http://[::1]:9000", "mlflow_server_s3_region": "eu-central-1"}),
    ("mlflow_server", {**S3, "mlflow_server_s3_access_key_id": "AKIA", "mlflow_server_s3_secret_access_key": "x y"}),
    ("mlflow_server", {**NGINX, "mlflow_server_proxy_password": "p@ss:%40w/rd#\"'$1\\x", "mlflow_server_proxy_certificate_names": ["*.example.com", "::1"]}),
    ("mlflow_server", {**PATHS, "mlflow_server_proxy_server_name": "mlflow-1.example.com", "mlflow_server_listen_address": "::1"}),
    ("mlflow_server", {"mlflow_server_name": ""}),
    ("mlflow_server", {"mlflow_server_name": "MLflow 1: host_a.example"}),
    ("mlflow_server", {"mlflow_server_listen_address": "::", "mlflow_server_environment": {"A": 1, "B": "c d"}}),
    ("mlflow_server", {"mlflow_server_state": "absent", **POSTGRESQL, "mlflow_server_postgresql_password": "", "mlflow_server_workers": 0}),
    ("mlflow_server", {"mlflow_server_s3_uri": "?", "mlflow_server_proxy_password": "x"}),
    (
        "mlops_agent",
        {"mlops_agent_token": "abcdefghijklmnop$x\"'\\`", "mlops_agent_listen_address": "::", "mlops_agent_tracking_uri": "https://mlflow.example.com/ml"},
    ),
    ("mlops_agent", {"mlops_agent_tls_certificate": "/etc/c", "mlops_agent_tls_private_key": "/etc/k", "mlops_agent_model_roots": ["/srv/models"]}),
    ("mlops_agent", {"mlops_agent_s3_access_key_id": "A", "mlops_agent_s3_secret_access_key": "b", "mlops_agent_environment": {"A": True}}),
    ("mlops_agent", {"mlops_agent_state": "absent", "mlops_agent_token": "", "mlops_agent_port": 5001}),
    ("mlops_agent", {"mlops_agent_tracking_name": "MLflow 1: host_a.example"}),
    ("mlops_agent", VENDOR),
    ("mlops_agent", {**VENDOR, "mlops_agent_port": 5001, "mlops_agent_vendor_archive_src": "missing", "mlops_agent_vendor_archive_remote_src": True}),
    ("mlops_agent", deployed(model(port=5002, memory_mb=2048, workers=2), {"name": "price-2", "model_uri": "s3://bucket/models/price"})),
    ("mlops_agent", deployed({"name": "churn", "state": "absent"})),
    # Renamed on its port in one run, in either order.
    ("mlops_agent", deployed(model("old", port=5001, state="absent"), model("new", port=5001))),
    ("mlops_agent", deployed(model("new", port=5001), {"name": "old", "port": 5001, "state": "absent"})),
    ("mlops_agent", deployed(model(probe={"columns": ["a"], "data": [["NaN"], [1]]}), model("b", probe=None, port=None, model_uri="/srv/m@1,2"))),
    (
        "mlops_agent",
        {"mlops_agent_model_port_last": 5001, **deployed(model("a"), {"name": "b", "state": "absent"}, {"name": "c", "state": "absent"})},
    ),
    ("firewall", ON),
    ("firewall", {**ON, "firewall_ports": [8086, "5001-5100"], "firewall_sources": ["192.0.2.0/24", "2001:db8::/64", "::1"], "firewall_ssh_ports": ["22"]}),
    ("firewall", {"firewall_enabled": False}),
    ("firewall", {"firewall_enabled": True, "firewall_state": "absent"}),
]
