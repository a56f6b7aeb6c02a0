# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(mlops_agent)."""

from __future__ import annotations

import math
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings

#: What the built-in agent takes at least.
TOKEN_LEAST_LENGTH = 16
MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")
MODEL_URI = re.compile(r"(?:models:/|runs:/|s3://|mlflow-artifacts:/|/)[A-Za-z0-9._/@+=,:-]+\Z")
STAGE_URI = re.compile(r"models:/[^/]+/(?:none|staging|production|archived)\Z", re.IGNORECASE)
PROBE_FORMS = (("columns", "data"), ("records",), ("inputs",), ("instances",))

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ADVICE = "Take one from `openssl rand -hex 32` and keep it in a vault."


def present(settings: Settings) -> bool:
    """Whether the role sets an agent up."""
    return bool(settings["mlops_agent_state"] == "present")


def builtin(settings: Settings) -> bool:
    """Whether that is the collection's own agent."""
    return present(settings) and bool(settings["mlops_agent_provider"] == "builtin")


def _vendor(settings: Settings) -> bool:
    return present(settings) and not builtin(settings)


RULES: rules.Table = {
    # What stands in a unit or in a path must not be able to say anything else there.
    "mlops_agent_stack": rules.absolute_path().when(present),
    "mlops_agent_jdk_home": rules.absolute_path().when(present),
    "mlops_agent_listen_address": rules.address().when(present),
    "mlops_agent_port": rules.port().when(present),
    "mlops_agent_token": rules.secret(TOKEN_LEAST_LENGTH, 0, "[!-~]", "visible ASCII characters without spaces", _ADVICE).when(builtin),
    "mlops_agent_tls_certificate": rules.absolute_path(or_nothing=True).when(builtin),
    "mlops_agent_tls_private_key": rules.absolute_path(or_nothing=True).when(builtin),
    "mlops_agent_tracking_uri": rules.url(login=False, plain=True).when(present),
    "mlops_agent_tracking_name": rules.header_text().when(builtin),
    "mlops_agent_tracking_username": rules.one_line().when(present),
    "mlops_agent_tracking_password": rules.secret().when(present),
    "mlops_agent_tracking_token": rules.secret().when(present),
    "mlops_agent_ca_bundle": rules.absolute_path(or_nothing=True).when(present),
    "mlops_agent_model_listen_address": rules.address().when(builtin),
    "mlops_agent_model_port_first": rules.between(1024, 65535).when(builtin),
    "mlops_agent_model_port_last": rules.between(1024, 65535).when(builtin),
    "mlops_agent_model_url_host": rules.host_or_nothing().when(builtin),
    "mlops_agent_model_roots": rules.texts(rules.absolute_path(deep=True)).when(builtin),
    "mlops_agent_model_denied_addresses": rules.texts(
        rules.shape(
            r"[0-9a-fA-F.:]+(?:/[0-9]{1,3})?|any|link-local|localhost|multicast",
            "an address, a network such as 10.0.0.0/8, or one of any, link-local, localhost and multicast",
        )
    ).when(builtin),
    "mlops_agent_default_workers": rules.between(1, 64).when(builtin),
    "mlops_agent_default_memory_mb": rules.between(128, 1048576).when(builtin),
    "mlops_agent_default_startup_timeout": rules.between(5, 3600).when(builtin),
    "mlops_agent_health_interval": rules.between(1, 3600).when(builtin),
    "mlops_agent_health_timeout": rules.between(1, 600).when(builtin),
    "mlops_agent_health_failures": rules.between(1, 100).when(builtin),
    "mlops_agent_follow_interval": rules.between(1, 86400).when(builtin),
    "mlops_agent_body_limit": rules.between(1024, 67108864).when(builtin),
    "mlops_agent_s3_endpoint_url": rules.url(or_nothing=True, example="https://s3.example.com").when(present),
    "mlops_agent_s3_region": rules.region(or_nothing=True).when(present),
    "mlops_agent_s3_access_key_id": rules.secret().when(present),
    "mlops_agent_s3_secret_access_key": rules.secret().when(present),
    "mlops_agent_s3_session_token": rules.secret().when(present),
    "mlops_agent_environment": rules.environment().when(present),
    "mlops_agent_vendor_archive_src": rules.shape(r"[^\x00-\x1f]+", "a URL or a path, which mlops_agent_provider vendor needs,").when(_vendor),
    "mlops_agent_vendor_archive_sha256": rules.digest().when(_vendor),
    "mlops_agent_vendor_release": rules.shape(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "a release's name, such as 1.2.0").when(_vendor),
    "mlops_agent_vendor_command": rules.texts().when(_vendor),
    "mlops_agent_vendor_health_port": rules.between(0, 65535).when(_vendor),
    "mlops_agent_vendor_health_path": rules.shape(r"(?:/[A-Za-z0-9._/-]*)?", "a path, such as /health, or nothing").when(_vendor),
    "mlops_agent_vendor_memory_mb": rules.between(64, 1048576).when(_vendor),
    "mlops_agent_start_timeout": rules.at_least(1).when(present),
}
#: What is judged below, entry by entry.
FREE = {"mlops_agent_deployments": "each entry has rules of its own"}

#: The rules of an entry of mlops_agent_deployments. What the agent itself says of them stands in its rules.
DEPLOYMENT: rules.Table = {
    "port": rules.between(1024, 65535),
    "workers": rules.between(1, 64),
    "memory_mb": rules.between(128, 1048576),
    "startup_timeout": rules.between(5, 3600),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right. Nothing is asked of a role that removes."""
    if not present(settings):
        return []
    found = rules.judge(RULES, settings)
    found += rules.together("mlops_agent_s3_access_key_id", "mlops_agent_s3_secret_access_key", settings, "A login at S3")
    if _vendor(settings):
        return found + _vendor_problems(settings)
    found += rules.together("mlops_agent_tls_certificate", "mlops_agent_tls_private_key", settings, "TLS")
    found += _range_problems(settings)
    return found + _deployment_problems(settings)


def ports(settings: Settings) -> list[tuple[str, t.Any]]:
    """The variables that name a port which the role takes, with their values; those of models are not among them."""
    return [("mlops_agent_port", settings["mlops_agent_port"])] if present(settings) else []


def model_ports(settings: Settings) -> t.Optional[tuple[int, int]]:
    """The first and the last port that is kept for models, None where none is."""
    first, last = settings["mlops_agent_model_port_first"], settings["mlops_agent_model_port_last"]
    fits = all(rules.fits(RULES, "mlops_agent_model_port_" + end, settings) for end in ("first", "last"))
    return (first, last) if builtin(settings) and fits and first <= last else None


def served(settings: Settings) -> list[t.Mapping[str, t.Any]]:
    """The declared models that are to be served."""
    return [entry for entry in settings["mlops_agent_deployments"] if (entry.get("state") or "present") == "present"] if builtin(settings) else []


def tracking_port(settings: Settings) -> int:
    """The port of a tracking server on the same host, 0 for one that is elsewhere."""
    if settings["mlops_agent_tracking_uri"] is None:  # a playbook fills it in with that of the host's own server
        return 0
    parts = urllib.parse.urlsplit(settings["mlops_agent_tracking_uri"])
    return (parts.port or (443 if parts.scheme == "https" else 80)) if parts.hostname in _LOOPBACK else 0


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    return rules.archive_on_controller("mlops_agent_vendor_archive_src", settings, "mlops_agent_vendor_archive_remote_src") if _vendor(settings) else []


def _vendor_problems(settings: Settings) -> list[str]:
    found = []
    command = settings["mlops_agent_vendor_command"]
    program = str(command[0]) if command else ""
    if not re.match(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]*\Z", program) or ".." in program.split("/"):
        found.append(
            "mlops_agent_vendor_command begins with '%s', but a list whose first item is the path of the program inside the archive was expected."
            % rules.shown(program)
        )
    if settings["mlops_agent_deployments"]:
        found.append("mlops_agent_deployments needs mlops_agent_provider builtin; how a vendor's server deploys models is not managed here.")
    return found


def _range_problems(settings: Settings) -> list[str]:
    kept = model_ports(settings)
    first, last = settings["mlops_agent_model_port_first"], settings["mlops_agent_model_port_last"]
    if first > last:
        return ["mlops_agent_model_port_first (%d) is greater than mlops_agent_model_port_last (%d)." % (first, last)]
    # A tracking server that the host has from elsewhere; where the role mlflow_server made it, its own port is compared as well.
    tracking = tracking_port(settings) if rules.fits(RULES, "mlops_agent_tracking_uri", settings) else 0
    if kept and kept[0] <= tracking <= kept[1]:
        return ["mlops_agent_tracking_uri names port %d, which lies in the range kept for models (%d to %d); move one of them." % (tracking, first, last)]
    if tracking and tracking == settings["mlops_agent_port"]:
        return ["mlops_agent_tracking_uri names port %d of this host, which is mlops_agent_port; give each a port of its own." % tracking]
    return []


def _deployment_problems(settings: Settings) -> list[str]:
    found, names = [], set()
    taken: dict[int, str] = {}
    kept = model_ports(settings)
    for number, entry in enumerate(settings["mlops_agent_deployments"], 1):
        name, uri, gone = entry.get("name"), entry.get("model_uri"), entry.get("state") == "absent"
        good = isinstance(name, str) and MODEL_NAME.match(name)
        where = "mlops_agent_deployments: %s" % (name if good else "entry %d" % number)
        if not good:
            found.append("%s needs a name of lower-case letters, digits, '-' and '_', at most 63 characters, with a letter or digit first and last." % where)
        elif name in names:
            found.append("%s is declared twice; a name serves one model." % where)
        names.add(name)
        if gone:
            continue
        if not isinstance(uri, str) or not MODEL_URI.match(uri) or {".", ".."} & set(uri.split("/")):
            found.append(
                "%s has a model_uri that is not a model's address; expected models:/NAME/VERSION, runs:/ID/PATH, s3://… or a path, "
                "without '..' or shell characters." % where
            )
        judged = rules.judge(DEPLOYMENT, entry)
        found += ["%s: %s" % (where, sentence) for sentence in judged] + _probe_problems(where, entry.get("probe"))
        if entry.get("follow") and isinstance(uri, str) and not STAGE_URI.match(uri):
            found.append("%s has follow, but its model_uri names no stage to follow; expected models:/NAME/STAGE." % where)
        port = entry.get("port")
        if port is None or any(sentence.startswith("port ") for sentence in judged):
            continue
        if kept and not kept[0] <= port <= kept[1]:
            found.append("%s wants port %d, which lies outside the range kept for models (%d to %d)." % (where, port, kept[0], kept[1]))
        elif port in taken:
            found.append("%s wants port %d, which %s has already." % (where, port, taken[port]))
        taken.setdefault(port, str(name))
    if kept and ports_needed(settings) > kept[1] - kept[0] + 1:
        following = sum(1 for entry in served(settings) if entry.get("follow"))
        found.append(
            "%d models are declared%s, but the range kept for models holds %d ports."
            % (len(served(settings)), ", %d with follow, which take three ports each" % following if following else "", kept[1] - kept[0] + 1)
        )
    return found


def ports_needed(settings: Settings) -> int:
    """Ports of the range for the declared models: one that follows its stage has one that stays, and one for each of two runs."""
    return sum(3 if entry.get("follow") else 1 for entry in served(settings))


def _probe_problems(where: str, probe: t.Any) -> list[str]:
    if probe is None:
        return []
    if tuple(sorted(probe)) not in PROBE_FORMS:
        return ["%s has a probe with %s; either columns and data, or records, or inputs, or instances were expected." % (where, _listed(probe))]
    unlisted = sorted(key for key in probe if key != "inputs" and not isinstance(probe[key], (list, tuple)))
    if unlisted:
        return ["%s: %s of the probe must be a list." % (where, " and ".join(unlisted))]
    if "data" in probe and any(not isinstance(row, (list, tuple)) or len(row) != len(probe["columns"]) for row in probe["data"]):
        return ["%s has a probe in which a row of data is not a list with one value for each of columns." % where]
    return ["%s has a probe with NaN or an infinite number, which JSON does not know." % where] if _has_no_number(probe) else []


def _has_no_number(value: t.Any) -> bool:
    if isinstance(value, t.Mapping):
        return any(_has_no_number(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_no_number(inner) for inner in value)
    return isinstance(value, float) and not math.isfinite(value)


def _listed(probe: t.Mapping[str, t.Any]) -> str:
    return ", ".join(rules.shown(key) for key in sorted(map(str, probe))) or "nothing"
