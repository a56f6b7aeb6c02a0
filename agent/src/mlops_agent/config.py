# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: a JSON file without secrets, and secrets from the environment."""

from __future__ import annotations

import ipaddress
import json
import os
import typing as t
from urllib.parse import urlsplit

from . import rules

TOKEN_LEAST_LENGTH = 16


class Config(t.NamedTuple):
    """Every setting with its default; one without a default the file must give."""

    tracking_uri: str
    tracking_ca_file: str = ""
    tracking_name: str = ""
    listen_address: str = "127.0.0.1"
    listen_port: int = 8086
    tls_certificate: str = ""
    tls_private_key: str = ""
    model_address: str = "127.0.0.1"
    model_url_host: str = ""
    model_port_first: int = 5001
    model_port_last: int = 5050
    model_roots: list[str] = []
    workers: int = 1
    memory_mb: int = 2048
    startup_timeout: int = 180
    follow_interval: int = 60
    health_interval: int = 10
    health_timeout: int = 10
    health_failures: int = 3
    retry_first: int = 30
    retry_last: int = 600
    body_limit: int = 1048576
    stack: str = "/opt/sparkflows/stack/current"
    jdk_home: str = "/opt/sparkflows/jdk/current"
    model_files: list[str] = []
    state_directory: str = "/var/lib/mlops-agent"
    cache_directory: str = "/var/cache/mlops-models"
    runtime_directory: str = "/run/mlops-models"
    helper_socket: str = "/run/mlops-model-helper/helper.sock"


class Secrets(t.NamedTuple):
    """The token that callers show, and the login at the tracking server; what is not needed there is empty."""

    token: str
    tracking_username: str
    tracking_password: str
    tracking_token: str


class Surroundings(t.NamedTuple):
    """What a model runs with besides its own deployment: it is restarted when this changes.

    The real paths of the Python environment and of the JDK, and the age of the files that the
    model's unit is made from (model_files), as nanoseconds since the epoch, 0 for a missing one.
    """

    stack: str
    jdk: str
    ages: list[int]


def load(path: str) -> Config:
    """Read the settings. Raises OSError, or ValueError with a sentence."""
    with open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    if not isinstance(given, dict):
        raise rules.Invalid("The configuration must be a JSON object.")
    unknown = sorted(set(given) - set(Config._fields))
    if unknown:
        raise rules.Invalid("The configuration has unknown settings: {}.".format(", ".join(unknown)))
    for key in Config._fields:
        default = Config._field_defaults.get(key, "")
        value = given.get(key, Config._field_defaults.get(key))
        if not isinstance(value, type(default)) or isinstance(value, bool):
            raise rules.Invalid("The setting {} must be of type {}.".format(key, type(default).__name__))
        if isinstance(value, list) and not all(isinstance(path, str) for path in value):
            raise rules.Invalid("The setting {} must be a list of paths.".format(key))
    config = Config(**given)
    _check(config)
    return config


def _check(config: Config) -> None:
    for key in ("listen_address", "model_address"):
        try:
            ipaddress.ip_address(getattr(config, key))
        except ValueError:
            raise rules.Invalid("The setting {} must be an IP address, not a name.".format(key))
    first, last = rules.port(config.model_port_first), rules.port(config.model_port_last)
    if first > last:
        raise rules.Invalid("The port range {}-{} of the models is empty.".format(first, last))
    rules.port(config.listen_port, first=1)
    if bool(config.tls_certificate) != bool(config.tls_private_key):
        raise rules.Invalid("TLS needs both tls_certificate and tls_private_key.")
    if urlsplit(config.tracking_uri).scheme not in ("http", "https"):
        raise rules.Invalid("The setting tracking_uri must be an http or https URL.")
    if urlsplit(config.tracking_uri).password:
        raise rules.Invalid("The tracking login belongs into the environment, not into tracking_uri.")
    rules.workers(config.workers)
    rules.memory_mb(config.memory_mb)
    rules.startup_timeout(config.startup_timeout)
    rules.whole_number(config.follow_interval, "pause between two looks at a stage in seconds", 1, 86400)
    rules.whole_number(config.health_interval, "health interval in seconds", 1, 3600)
    rules.whole_number(config.health_timeout, "health timeout in seconds", 1, 600)
    rules.whole_number(config.health_failures, "number of health failures", 1, 100)
    rules.whole_number(config.retry_first, "pause before the first retry in seconds", 1, 3600)
    rules.whole_number(config.retry_last, "longest pause before a retry in seconds", config.retry_first, 86400)
    rules.whole_number(config.body_limit, "body limit in bytes", 1024, 64 * 1024 * 1024)


def secrets(environment: t.Mapping[str, str]) -> Secrets:
    """Take the secrets out of an environment. Raises rules.Invalid for a missing or weak token."""
    token = environment.get("MLOPS_AGENT_TOKEN", "")
    if len(token) < TOKEN_LEAST_LENGTH:
        raise rules.Invalid(
            "The environment variable MLOPS_AGENT_TOKEN must hold a token of at least {} characters.".format(
                TOKEN_LEAST_LENGTH
            )
        )
    return Secrets(
        token,
        environment.get("MLFLOW_TRACKING_USERNAME", ""),
        environment.get("MLFLOW_TRACKING_PASSWORD", ""),
        environment.get("MLFLOW_TRACKING_TOKEN", ""),
    )


def reserved_ports(config: Config) -> dict[int, str]:
    """Ports no model may ever have, each with the name of who has it."""
    reserved = {config.listen_port: "this agent"}
    tracking = urlsplit(config.tracking_uri)
    reserved[tracking.port or (443 if tracking.scheme == "https" else 80)] = "the MLflow tracking server"
    return reserved


def surroundings(config: Config) -> Surroundings:
    """What a model that starts now would run with."""
    ages = []
    for path in config.model_files:
        try:
            ages.append(os.stat(path).st_mtime_ns)
        except OSError:
            ages.append(0)
    return Surroundings(os.path.realpath(config.stack), os.path.realpath(config.jdk_home), ages)


def deployments_directory(config: Config) -> str:
    return os.path.join(config.state_directory, "deployments")


def loopback_for(address: str) -> str:
    """Where a process on this host reaches a socket that is bound to address."""
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified:
        return "127.0.0.1" if parsed.version == 4 else "::1"
    return address


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return "[{}]".format(host) if ":" in host else host


def url(host: str, port: int) -> str:
    return "http://{}:{}".format(bracketed(host), port)
