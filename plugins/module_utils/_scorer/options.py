# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The options of a scorer, and what can be said against them without asking anybody."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import models
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.engine import parse_reference
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import sparkflows_argument_spec

MODEL = {
    "id": {"type": "int"},
    "uuid": {"type": "str"},
    "name": {"type": "str"},
    "path": {"type": "str"},
    "s3_uri": {"type": "str"},
    "sha256": {"type": "str"},
    "root": {"type": "str"},
}
PROBE = {
    "columns": {"type": "list", "elements": "str"},
    "data": {"type": "list", "elements": "raw"},
    "mlflow_version": {"type": "str", "choices": ["1", "2"], "default": "1"},
    "body": {"type": "raw"},
    "predictions": {"type": "str"},
    "expected": {"type": "list", "elements": "raw"},
    "tolerance": {"type": "float", "default": 1.0e-6},
}
SERVICE: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "image": {"type": "str", "required": True},
    "image_archive": {"type": "path"},
    "model": {"type": "dict", "required": True, "options": MODEL},
    "container_port": {"type": "int", "required": True},
    "model_mount": {"type": "str", "required": True},
    "score_path": {"type": "str", "required": True},
    "health_path": {"type": "str"},
    "environment": {"type": "dict", "default": {}},
    "command": {"type": "list", "elements": "str", "default": []},
    "user": {"type": "str", "default": "65534:65534"},
    "memory_mb": {"type": "int", "default": 1024},
    "cpus": {"type": "float", "default": 1.0},
    "pids": {"type": "int", "default": 256},
    "tmpfs": {"type": "list", "elements": "str", "default": ["/tmp"]},  # noqa: S108
    "health_command": {"type": "list", "elements": "str", "default": []},
    "start_timeout": {"type": "int", "default": 120},
    "probe": {"type": "dict", "default": {}, "options": PROBE},
}
#: The options of the module C(scorer_services). Neither a given release nor a model from elsewhere needs Sparkflows.
ARGUMENT_SPEC: dict[str, t.Any] = {
    **sparkflows_argument_spec(),
    "sparkflows_url": {name: value for name, value in sparkflows_argument_spec()["sparkflows_url"].items() if name != "required"},
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    "secret_environment": {"type": "dict", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "directory": {"type": "path", "default": "/var/lib/sparkflows-mlops/scorer"},
    "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
    "listen_address": {"type": "str", "default": "127.0.0.1"},
    "backend_port_first": {"type": "int", "default": 21000},
    "backend_port_last": {"type": "int", "default": 21199},
    "request_timeout": {"type": "int", "default": 120},
    "drain_timeout": {"type": "int", "default": 300},
    "stop_timeout": {"type": "int", "default": 10},
    "registry_username": {"type": "str"},
    "registry_password": {"type": "str", "no_log": True},
    "registry_ca": {"type": "str"},
    "pull_timeout": {"type": "int", "default": 600},
    "follow_tag": {"type": "bool", "default": False},
    "release_check": {"type": "bool", "default": True},
    "sparkflows_release": {"type": "str"},
    "version_key": {"type": "str", "default": "releaseVersion", "no_log": False},
    "release_pattern": {"type": "str", "default": "(?<![0-9.]){release}(?![0-9])"},
    "model_max_mb": {"type": "int", "default": 8000},
    "model_file_type": {"type": "str", "default": "zipDownload"},
    "model_ignore_metadata": {"type": "list", "elements": "str", "default": []},
    "s3_access_key": {"type": "str", "no_log": False},
    "s3_secret_key": {"type": "str", "no_log": True},
    "s3_endpoint": {"type": "str"},
    "s3_region": {"type": "str"},
}

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ABSOLUTE = re.compile(r"/[^:\x00-\x1f]*\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*\Z")


def service_problems(service: t.Mapping[str, t.Any], secret: t.Any = None) -> list[str]:
    """Sentences for a scorer, all options of V(SERVICE) given, that can't be served as it is.

    :param secret: its secret variables, of which the names are judged and no value is shown.
    """
    name = service["name"]
    if not _NAME.match(name):
        return ["%s is not a valid name for a scorer: 1 to 42 of a-z, 0-9 and '-', with a letter or digit first and last." % ascii(name)]
    who = "The scorer %s" % name
    found = []
    for option in ("port", "container_port"):
        if not 1 <= service[option] <= 65535:
            found.append("%s has the %s %d, which is not a valid port." % (who, option, service[option]))
    for option, least in (("memory_mb", 6), ("pids", 1), ("start_timeout", 1)):
        if service[option] < least:
            found.append("%s has the %s %d; it must be at least %d." % (who, option, service[option], least))
    if service["cpus"] <= 0:
        found.append("%s has the cpus %g; it must be more than 0." % (who, service["cpus"]))
    for path in [service["model_mount"]] + list(service["tmpfs"]):
        if not _ABSOLUTE.match(path) or path == "/":
            found.append("%s has the path %s, but an absolute one without a colon is needed." % (who, ascii(path)))
    for option in ("score_path", "health_path"):
        if service[option] and not _PATH.match(service[option]):
            found.append("%s has the %s %s; a path of letters, digits and . _ ~ - / is needed, with a slash first." % (who, option, ascii(service[option])))
    if re.match(r"(?:0|root)(?::|\Z)", service["user"]):
        found.append("%s would run as root. Name another user, such as 65534:65534." % who)
    if secret is not None and not isinstance(secret, dict):
        found.append("secret_environment for the scorer %s is not a mapping of variables to values." % name)
        secret = None
    for variable in list(service["environment"]) + list(secret or ()):
        if not _VARIABLE.match(str(variable)):
            found.append("%s has the variable %s, which is not a valid name for one." % (who, ascii(variable)))
    for judge in (lambda: parse_reference(service["image"]), lambda: models.check(name, service["model"])):
        try:
            judge()
        except Problem as error:
            found.append(str(error))
    return found + _probe_problems(name, service["probe"])


def _probe_problems(name: str, probe: t.Mapping[str, t.Any]) -> list[str]:
    if probe["data"] is not None and probe["body"] is not None:
        return ["The probe of the scorer %s has both data and body. Give one of them." % name]
    return [
        "Row %d of the probe of the scorer %s is not a list with one value for each of columns." % (number, name)
        for number, row in enumerate(probe["data"] or (), 1)
        if not isinstance(row, list) or len(row) != len(probe["columns"] or [])
    ]


def joint_problems(services: t.Sequence[t.Mapping[str, t.Any]], shared: t.Mapping[str, t.Any], prefix: str = "") -> list[str]:
    """Sentences for what does not go together between the scorers of a host.

    :param shared: the options of all scorers.
    :param prefix: what stands before the names of these where the admin gives them.
    """
    found = []
    names, ports = [service["name"] for service in services], [service["port"] for service in services]
    for what, values in (("name", names), ("port", ports)):
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            found.append("Several scorers have the %s %s. Give each its own." % (what, ", ".join(twice)))
    strangers = sorted(set(shared[prefix + "secret_environment"] or {}) - set(names))
    if strangers:
        found.append("%ssecret_environment names %s, but there is no such scorer." % (prefix, ", ".join(map(str, strangers))))
    first, last = shared[prefix + "backend_port_first"], shared[prefix + "backend_port_last"]
    if not 1024 <= first <= last <= 65535 or last - first < len(names):
        found.append(
            "%sbackend_port_first and %sbackend_port_last are %d and %d; %d scorers need %d ports from 1024 on, one of them for a replacement."
            % (prefix, prefix, first, last, len(names), len(names) + 1)
        )
    inside = [str(port) for port in ports if 1024 <= first <= port <= last]
    if inside:
        found.append("The port %s lies between %sbackend_port_first and %sbackend_port_last, which are for the containers." % (inside[0], prefix, prefix))
    pattern = shared[prefix + "release_pattern"]
    if shared[prefix + "release_check"] and "{release}" not in pattern:
        found.append("%srelease_pattern is %s; it needs {release} in it." % (prefix, ascii(pattern)))
    return found
