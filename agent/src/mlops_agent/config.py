# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: a JSON file without secrets, and secrets from the environment."""

import ipaddress
import json
import os
from collections import namedtuple
from urllib.parse import urlsplit

from . import rules

#: Every setting with its default; None means that the file must give it.
DEFAULTS = {
    "listen_address": "127.0.0.1",
    "listen_port": 8086,
    "tls_certificate": "",
    "tls_private_key": "",
    "tracking_uri": None,
    "tracking_ca_file": "",
    "tracking_name": "",
    "model_address": "127.0.0.1",
    "model_url_host": "",
    "model_port_first": 5001,
    "model_port_last": 5050,
    "model_roots": [],
    "workers": 1,
    "memory_mb": 2048,
    "startup_timeout": 180,
    "follow_interval": 60,
    "health_interval": 10,
    "health_timeout": 10,
    "health_failures": 3,
    "retry_first": 30,
    "retry_last": 600,
    "body_limit": 1048576,
    "stack": "/opt/sparkflows/stack/current",
    "jdk_home": "/opt/sparkflows/jdk/current",
    "model_files": [],
    "state_directory": "/var/lib/mlops-agent",
    "cache_directory": "/var/cache/mlops-models",
    "runtime_directory": "/run/mlops-models",
    "helper_socket": "/run/mlops-model-helper/helper.sock",
}

TOKEN_LEAST_LENGTH = 16

Config = namedtuple("Config", sorted(DEFAULTS))
Secrets = namedtuple("Secrets", "token tracking_username tracking_password tracking_token")


def load(path):
    """Read the settings. Raises OSError, or ValueError with a sentence."""
    with open(path, encoding="utf-8") as stream:
        given = json.load(stream)
    if not isinstance(given, dict):
        raise rules.Invalid("The configuration must be a JSON object.")
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise rules.Invalid("The configuration has unknown settings: {}.".format(", ".join(unknown)))
    values = dict(DEFAULTS, **given)
    for key, default in DEFAULTS.items():
        expected = str if default is None else type(default)
        if not isinstance(values[key], expected) or isinstance(values[key], bool):
            raise rules.Invalid("The setting {} must be of type {}.".format(key, expected.__name__))
    config = Config(**values)
    _check(config)
    return config


def _check(config):
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


def secrets(environment):
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


def reserved_ports(config):
    """Ports no model may ever have, each with the name of who has it."""
    reserved = {config.listen_port: "this agent"}
    tracking = urlsplit(config.tracking_uri)
    reserved[tracking.port or (443 if tracking.scheme == "https" else 80)] = "the MLflow tracking server"
    return reserved


def surroundings(config):
    """What a model runs with besides its own deployment: it is restarted when this changes.

    The real paths of the Python environment and of the JDK, and the age of the files that the
    model's unit is made from (model_files), as nanoseconds since the epoch, 0 for a missing one.
    """
    ages = []
    for path in config.model_files:
        try:
            ages.append(os.stat(path).st_mtime_ns)
        except OSError:
            ages.append(0)
    return [os.path.realpath(config.stack), os.path.realpath(config.jdk_home), ages]


def deployments_directory(config):
    return os.path.join(config.state_directory, "deployments")


def loopback_for(address):
    """Where a process on this host reaches a socket that is bound to address."""
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified:
        return "127.0.0.1" if parsed.version == 4 else "::1"
    return address


def url(host, port):
    return "http://{}:{}".format("[{}]".format(host) if ":" in host else host, port)
