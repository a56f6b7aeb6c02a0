# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(mlflow_server)."""

from __future__ import annotations

import posixpath
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings

_ADVICE = "Take one from `openssl rand -base64 24` and keep it in a vault."
_DATA = "/var/lib/mlflow-server"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def present(settings: Settings) -> bool:
    """Whether the role sets the server up."""
    return bool(settings["mlflow_server_state"] == "present")


def proxied(settings: Settings) -> bool:
    """Whether nginx stands before the server."""
    return present(settings) and bool(settings["mlflow_server_proxy"] == "nginx")


def postgresql(settings: Settings) -> bool:
    """Whether the server keeps its registry in PostgreSQL."""
    return present(settings) and bool(settings["mlflow_server_backend_store"] == "postgresql")


def _s3(settings: Settings) -> bool:
    return present(settings) and bool(settings["mlflow_server_artifact_store"] == "s3")


def _s3_login(settings: Settings) -> bool:
    return present(settings) and (_s3(settings) or bool(settings["mlflow_server_backup_s3_uri"]))


def _own_certificate(settings: Settings) -> bool:
    return proxied(settings) and bool(settings["mlflow_server_proxy_certificate"] == "self_signed")


def _given_certificate(settings: Settings) -> bool:
    return proxied(settings) and not _own_certificate(settings)


def _server_name(name: str, value: str) -> list[str]:
    # nginx finds a site by a name, never by an address of IPv6.
    good = value == "" or (rules.is_host(value) and ":" not in value)
    return [] if good else ["%s is '%s', but a host's name or nothing was expected." % (name, rules.shown(value))]


def _certificate_name(name: str, value: str) -> list[str]:
    good = rules.is_host(value[2:] if value.startswith("*.") else value)
    return [] if good else ["%s is '%s', but a host's name or an IP address was expected." % (name, rules.shown(value))]


def _database_host(name: str, value: str) -> list[str]:
    good = rules.is_host(value) and ":" not in value
    return [] if good else ["%s is '%s', but a host's name or an IPv4 address was expected." % (name, rules.shown(value))]


def _artifact_uri(name: str, value: str) -> list[str]:
    good = re.match(r"([a-z][a-z0-9+.-]*://[A-Za-z0-9._@:-]+(/|\Z)|/[A-Za-z0-9._])[A-Za-z0-9._/=@+-]*\Z", value) and ".." not in value.split("/")
    return [] if good else ["%s is '%s', but a URI such as s3://bucket/prefix, or an absolute path, was expected." % (name, rules.shown(value))]


RULES: rules.Table = {
    # What stands in the unit or in a path must not be able to say anything else there.
    "mlflow_server_stack": rules.absolute_path(),
    "mlflow_server_user": rules.user("a user's name"),
    "mlflow_server_group": rules.user("a group's name"),
    "mlflow_server_listen_address": rules.address(names=True),
    "mlflow_server_name": rules.header_text(),
    "mlflow_server_port": rules.between(1024, 65535),
    "mlflow_server_artifact_directory": rules.absolute_path(deep=True),
    "mlflow_server_workers": rules.between(1, 64).when(present),
    "mlflow_server_request_timeout": rules.between(30, 86400).when(present),
    "mlflow_server_readable_paths": rules.texts(rules.absolute_path()).when(present),
    "mlflow_server_further_artifact_uris": rules.texts(Rule(_artifact_uri)).when(present),
    "mlflow_server_health_timeout": rules.between(1, 3600).when(present),
    "mlflow_server_backup_directory": rules.absolute_path(deep=True).when(present),
    "mlflow_server_backup_keep": rules.at_least(0).when(present),
    "mlflow_server_backup_s3_uri": rules.s3_uri(or_nothing=True).when(present),
    "mlflow_server_backup_timeout": rules.between(1, 86400).when(present),
    "mlflow_server_min_free_mb": rules.at_least(0).when(present),
    "mlflow_server_min_memory_mb": rules.at_least(0).when(present),
    "mlflow_server_ca_bundle": rules.absolute_path(or_nothing=True, plain=False).when(present),
    "mlflow_server_environment": rules.environment().when(present),
    "mlflow_server_postgresql_host": Rule(_database_host).when(postgresql),
    "mlflow_server_postgresql_port": rules.port().when(postgresql),
    "mlflow_server_postgresql_name": rules.shape(r"[A-Za-z0-9_.-]+", "a database's name").when(postgresql),
    "mlflow_server_postgresql_user": rules.shape(r"[A-Za-z0-9_.@-]+", "a database user's name").when(postgresql),
    "mlflow_server_postgresql_password": rules.secret(least=1, advice="It is the password of mlflow_server_postgresql_user.").when(postgresql),
    "mlflow_server_s3_uri": rules.s3_uri().when(_s3),
    "mlflow_server_s3_endpoint_url": rules.url(or_nothing=True, example="https://s3.example.com").when(_s3_login),
    "mlflow_server_s3_region": rules.region(or_nothing=True).when(_s3_login),
    "mlflow_server_s3_access_key_id": rules.secret().when(_s3_login),
    "mlflow_server_s3_secret_access_key": rules.secret().when(_s3_login),
    "mlflow_server_proxy_listen_address": rules.address(names=True, example="192.0.2.10").when(proxied),
    # nginx binds before it gives up root, and no other privileged port is its own here.
    "mlflow_server_proxy_port": rules.between(443, 65535).when(proxied),
    "mlflow_server_proxy_server_name": Rule(_server_name).when(proxied),
    "mlflow_server_proxy_username": rules.shape(r"[A-Za-z0-9._@-]{1,64}", "a name of letters, digits and . _ @ -").when(proxied),
    # Beyond printable ASCII, browsers and libraries do not agree on how a password is sent; beyond 128 characters, openssl cuts it.
    "mlflow_server_proxy_password": rules.secret(12, 128, "[ -~]", "printable ASCII characters", _ADVICE).when(proxied),
    "mlflow_server_proxy_certificate_path": rules.absolute_path().when(_given_certificate),
    "mlflow_server_proxy_private_key_path": rules.absolute_path().when(_given_certificate),
    "mlflow_server_proxy_certificate_names": rules.texts(Rule(_certificate_name)).when(_own_certificate),
    "mlflow_server_proxy_certificate_days": rules.between(90, 7300).when(_own_certificate),
    "mlflow_server_proxy_timeout": rules.between(1, 86400).when(proxied),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right."""
    found = rules.judge(RULES, settings)
    # The guard on the host refuses this too: what is in the store is shown to every client.
    if present(settings) and settings["mlflow_server_artifact_store"] == "disk" and rules.fits(RULES, "mlflow_server_artifact_directory", settings):
        directory = posixpath.normpath(settings["mlflow_server_artifact_directory"])
        if (_DATA + "/").startswith(directory.rstrip("/") + "/"):
            found.append(
                "mlflow_server_artifact_directory is %s, which holds the server's database, and every client may read artifacts. "
                "Give them a folder of their own, such as %s/artifacts." % (rules.shown(settings["mlflow_server_artifact_directory"]), _DATA)
            )
    if proxied(settings) and settings["mlflow_server_listen_address"] not in _LOOPBACK and rules.fits(RULES, "mlflow_server_listen_address", settings):
        found.append(
            "mlflow_server_listen_address is %s, where the server could be reached without the login. With mlflow_server_proxy it must be 127.0.0.1; "
            "mlflow_server_proxy_listen_address says where nginx listens." % settings["mlflow_server_listen_address"]
        )
    if _s3_login(settings):
        found += rules.together("mlflow_server_s3_access_key_id", "mlflow_server_s3_secret_access_key", settings, "A login at S3")
    return found


def ports(settings: Settings) -> list[tuple[str, t.Any]]:
    """The variables that name a port which the role takes, with their values."""
    names = [name for name, taken in (("mlflow_server_port", present), ("mlflow_server_proxy_port", proxied)) if taken(settings)]
    return [(name, settings[name]) for name in names]
