# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(mlops_agent) leaves behind: an agent that runs, with all that it reads, and the models that it serves."""

from __future__ import annotations

import functools
import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlops_agent as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    File,
    Inputs,
    Questions,
    State,
    changed_since_start,
    of_attributes,
    of_files,
    of_former_place,
    of_leftovers,
    of_prediction,
    of_user,
    replaces,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import _deployments as deployments
from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import service_url

_ROLE = "mlops_agent"
#: The agent's package, beside the roles in a checkout as in an installed collection; and how the name of its release begins. The rest is a digest, so that
#: another one lies beside it.
SOURCE = os.path.join(os.path.abspath(__file__).rpartition(os.sep + "plugins" + os.sep)[0], "agent", "src")
RELEASE = "1.0.0"

_PREFIX = "/opt/sparkflows/mlops-agent"
_HOME = _PREFIX + "/current"
_CONFIGURATION = "/etc/sparkflows-mlops"
_SETTINGS, _SECRETS, _MODEL_SECRETS = (_CONFIGURATION + "/" + name for name in ("mlops-agent.json", "mlops-agent.env", "model-serving.env"))
_STATE_DIRECTORY, _CACHE_DIRECTORY = "/var/lib/mlops-agent", "/var/cache/mlops-models"
_UNIT_DIRECTORY = "/etc/systemd/system/"
_UNIT, _SOCKET, _HELPER_SOCKET = "mlops-agent.service", "mlops-agent.socket", "mlops-model-helper.socket"
_MODEL_UNIT = "mlops-model@.service"
#: Units of the builtin agent beside its own, each with a template of its name.
_BUILTIN_UNITS = (_MODEL_UNIT, "mlops-port@.socket", "mlops-port@.service", "mlops-model-helper.service", _HELPER_SOCKET, _SOCKET)
#: What an earlier release started for each request.
_FORMER_HELPER = _UNIT_DIRECTORY + "mlops-model-helper@.service"
_USER, _SHELL = "mlops-agent", "/usr/sbin/nologin"
#: In an earlier release all models had one user.
_FORMER_USER = "mlops-model"
#: What only the builtin agent has, beside the units of models.
_BUILTIN_ALONE = (
    *(_UNIT_DIRECTORY + unit for unit in _BUILTIN_UNITS), _SETTINGS, _MODEL_SECRETS, _CACHE_DIRECTORY, "/var/cache/private/mlops-models",
    _FORMER_HELPER, "/run/mlops-models", "/run/mlops-model-helper",
)  # fmt: skip

#: Where the agent says with its status whether it sees the wanted tracking server.
_TRACKING_SEEN = "/health/tracking"

# The tracking server with four workers uses about 350 MB, the agent less than 60 MB, the system the rest.
_BASE_MEMORY_MB = 768


def _declared(settings: Settings, state: str) -> list[t.Mapping[str, t.Any]]:
    return [entry for entry in settings.get("mlops_agent_deployments") or [] if (entry.get("state") or "present") == state]


def _model_units(entry: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """Who may hold the port of a model: the model, or systemd for one that follows its stage."""
    return ("mlops-model@%s.service" % entry["name"], "mlops-port@%s.socket" % entry["name"], "mlops-port@%s.service" % entry["name"])


def _port(settings: Settings) -> int:
    """The port by which the agent shows that it is up."""
    vendor = not rules.builtin(settings)
    return int((vendor and settings["mlops_agent_vendor_health_port"]) or settings["mlops_agent_port"])


def _tls(settings: Settings) -> bool:
    return rules.builtin(settings) and bool(settings["mlops_agent_tls_certificate"])


def _url(settings: Settings, scheme: str = "", path: str = "") -> str:
    return service_url(settings["mlops_agent_listen_address"], _port(settings), scheme or ("https" if _tls(settings) else "http"), path)


def _health_url(settings: Settings) -> str:
    """Where the agent is asked from its own host; empty for a vendor's server of which nothing is known to ask."""
    path = "/health" if rules.builtin(settings) else settings["mlops_agent_vendor_health_path"]
    return _url(settings, path=path) if path else ""


def _tracking_health_url(settings: Settings) -> str:
    return str(settings["mlops_agent_tracking_uri"] or "").rstrip("/") + "/health"


def _is_from(settings: Settings, path: str, role: str) -> bool:
    """Whether a path is below what a role leaves behind; where that role is not part of the plan, it is taken for granted."""
    prefix = settings.get(role + "_prefix")
    return prefix is None or str(settings[path]).startswith("%s/" % prefix)


def _named_files(settings: Settings) -> dict[str, str]:
    return {name: settings[name] for name in ("mlops_agent_tls_certificate", "mlops_agent_tls_private_key", "mlops_agent_ca_bundle")}


def _read_at_start(settings: Settings) -> list[str]:
    """What a running agent knows from its start. The models' secrets are not among it: each model reads them itself."""
    read = [file.path for file in files(settings) if file.path != _MODEL_SECRETS] + [_HOME, settings["mlops_agent_stack"]]
    return read + ([settings["mlops_agent_tls_certificate"], settings["mlops_agent_tls_private_key"]] if _tls(settings) else [])


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    if not rules.present(settings):
        return {
            "units": [_UNIT, _SOCKET, _HELPER_SOCKET],
            "users": [_USER, _FORMER_USER],
            "files": [{"path": path} for path in (*_BUILTIN_ALONE, _UNIT_DIRECTORY + _UNIT, _SECRETS, _STATE_DIRECTORY)],
            "predictions": [{"name": _ROLE, "module": "archive_release", "options": {"dest": _PREFIX, "state": "absent"}}],
        }
    stack = settings["mlops_agent_stack"]
    looked_at = [_HOME, _CONFIGURATION, stack, *filter(None, _named_files(settings).values())]
    declared = _declared(settings, "present")
    asked: Questions = {
        "units": [_UNIT, _SOCKET, _HELPER_SOCKET] + [unit for entry in [*declared, *_declared(settings, "absent")] for unit in _model_units(entry)],
        "ports": [_port(settings)] + [entry["port"] for entry in declared if entry.get("port")],
        "users": [_USER],
        "groups": [_USER],
        "paths": [_STATE_DIRECTORY, _CACHE_DIRECTORY],
        "urls": [{"url": _health_url(settings), "unit": _UNIT, "validate_certs": False}] if _health_url(settings) else [],
        "predictions": [{"name": _ROLE, "module": "archive_release", "options": _code(settings)}],
    }
    if rules.builtin(settings):
        looked_at += [stack + "/bin/mlflow", _FORMER_HELPER]
        asked["predictions"] += deployments.question(settings, _url(settings), _UNIT, _STATE_DIRECTORY + "/deployments")
        asked["urls"].append({"url": _url(settings, path=_TRACKING_SEEN), "unit": _UNIT, "validate_certs": False})
        if settings["mlops_agent_tracking_uri"]:  # where a playbook fills it in, it may be unknown yet
            asked["urls"].append({"url": _tracking_health_url(settings), "ca_path": settings["mlops_agent_ca_bundle"] or None})
    else:
        looked_at += _BUILTIN_ALONE
    asked["files"] = [{"path": path} for path in looked_at]
    return asked


@functools.lru_cache(maxsize=None)
def source_digest() -> str:
    """That of the agent's package, which each template's inputs name again."""
    return archive_release.digest_of_folder(SOURCE)


def _code(settings: Settings) -> dict[str, t.Any]:
    if rules.builtin(settings):
        return {"dest": _PREFIX, "release": "%s-%s" % (RELEASE, source_digest()[:12]), "src": SOURCE, "sha256": source_digest(), "root": ".", "intact": True}
    given = {name: settings["mlops_agent_vendor_archive_" + name] for name in ("src", "sha256", "remote_src")}
    return {"dest": _PREFIX, "release": settings["mlops_agent_vendor_release"], **given}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    if not rules.present(settings):
        return []
    found = checks.system(reading) + checks.places(reading, [_STATE_DIRECTORY, _CACHE_DIRECTORY])
    found += checks.present(reading, _named_files(settings))
    wanted: dict[int, tuple[str, tuple[str, ...]]] = {_port(settings): ("mlops_agent_port", (_UNIT, _SOCKET))}
    # A model that is declared absent gives its port up in the same run.
    leaving = tuple(unit for entry in _declared(settings, "absent") for unit in _model_units(entry))
    for entry in _declared(settings, "present"):
        if entry.get("port"):
            wanted[entry["port"]] = ("the declared model %s" % entry["name"], (*_model_units(entry), *leaving))
    return found + checks.ports(reading, wanted) + _memory(settings, reading)


def _memory(settings: Settings, reading: Reading) -> list[str]:
    default = settings["mlops_agent_default_memory_mb"]
    # One that follows its stage has two runs while it moves to another version.
    declared = sum((entry.get("memory_mb") or default) * (2 if entry.get("follow") else 1) for entry in _declared(settings, "present"))
    total, needed = reading["memory_mb"]["total"], _BASE_MEMORY_MB + declared
    if total >= needed:
        return []
    return [
        "The host has %d MB of memory; %d MB are needed: %d for the services and %d for the declared models. "
        "Give it more, or lower memory_mb in mlops_agent_deployments." % (total, needed, _BASE_MEMORY_MB, declared)
    ]


def needs(settings: Settings, reading: Reading, ahead: Ahead) -> list[str]:
    """What the builtin agent works with, other roles leave behind, and is neither there nor going to be; see `State`."""
    if not rules.builtin(settings):
        return []
    found = []
    stack, tracking = settings["mlops_agent_stack"], reading["urls"].get(_tracking_health_url(settings))
    if not reading["files"][stack + "/bin/mlflow"]["exists"] and not replaces(ahead, "pip_stack"):
        found.append("%s has no bin/mlflow. Run the role pip_stack first, or name the environment with mlops_agent_stack." % stack)
    if tracking and tracking["error"] and not ahead.get("mlflow_server"):
        found.append("%s The agent needs it: start the tracking server (role mlflow_server), or correct mlops_agent_tracking_uri." % tracking["error"])
    return found


def files(settings: Settings) -> list[File]:
    """Settings, secrets and units; see `State`."""
    if not rules.present(settings):
        return []
    if not rules.builtin(settings):
        return [File(_SECRETS, "vendor.env.j2", "secrets", True, mode="0600"), File(_UNIT_DIRECTORY + _UNIT, "vendor.service.j2", "files")]
    return [
        File(_SETTINGS, "mlops-agent.json.j2", "files"),
        File(_SECRETS, "mlops-agent.env.j2", "secrets", True, mode="0600"),
        File(_MODEL_SECRETS, "model-serving.env.j2", "secrets", True, mode="0600"),
        *(File(_UNIT_DIRECTORY + unit, unit + ".j2", "files") for unit in (*_BUILTIN_UNITS, _UNIT)),
    ]


def inputs(settings: Settings, reading: Reading | None) -> Inputs:
    """Paths, ``source`` and ``release`` of the code, addresses, units, ``files`` by step, and the ``deployments`` that are told to the agent.

    ``at_boot`` are units that start, or do not start, at boot against what is wanted, ``holders`` those in the way of the agent's socket.
    """
    given: Inputs = {
        "prefix": _PREFIX, "home": _HOME, "configuration": _CONFIGURATION, "settings_file": _SETTINGS, "environment_file": _SECRETS,
        "model_environment_file": _MODEL_SECRETS, "model_unit_file": _UNIT_DIRECTORY + _MODEL_UNIT, "unit_directory": _UNIT_DIRECTORY.rstrip("/"),
        "unit_file": _UNIT_DIRECTORY + _UNIT, "former_helper": _FORMER_HELPER, "state_directory": _STATE_DIRECTORY, "builtin_alone": list(_BUILTIN_ALONE),
        "unit": _UNIT, "socket": _SOCKET, "helper_socket": _HELPER_SOCKET, "user": _USER, "shell": _SHELL, "users": [_USER, _FORMER_USER],
    }  # fmt: skip
    if not rules.present(settings):
        return given
    builtin = rules.builtin(settings)
    given.update(
        builtin=builtin, tls=_tls(settings), url=_url(settings), health_url=_health_url(settings), wait_url=_health_url(settings) or _url(settings, "tcp"),
        tracking_seen_url=_url(settings, path=_TRACKING_SEEN),
        code=_code(settings), files={"files": [], "secrets": []}, sockets=[_HELPER_SOCKET] if builtin else [],
    )  # fmt: skip
    for file in files(settings):
        given["files"][file.step].append({"path": file.path, "template": file.template})
    if reading is not None:
        units = reading["units"]
        given["selinux"] = reading["selinux"] != "disabled"
        given["at_boot"] = [unit for unit in _own_units(settings) if units[unit]["exists"] and units[unit]["enabled"] != settings["mlops_agent_enabled"]]
        # A service that opened the port itself.
        given["holders"] = [_UNIT] if builtin and not _active(units[_SOCKET]) and _active(units[_UNIT]) else []
        given["deployments"] = deployments.entries(settings, reading) if builtin else []
        # One that did not serve before need not begin to.
        given["serving"] = sorted({*deployments.serving(reading), *deployments.outdated(reading)}) if builtin else []
    return given


def _own_units(settings: Settings) -> list[str]:
    return [_SOCKET, _HELPER_SOCKET, _UNIT] if rules.builtin(settings) else [_UNIT]


def _active(unit: Reading) -> bool:
    return bool(unit["active_state"] == "active")


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it.

    Steps, in their order: C(users), C(configuration), C(former_helper), C(builtin_removed), C(code), C(files), C(secrets), C(enabled),
    C(port_socket), C(start), C(tracking), C(deployments) and C(models); C(stopped), C(builtin_removed), C(removed) and C(purged) for a role that is absent.
    """
    if not rules.present(settings):
        return _to_remove(settings, reading)
    found = of_user(_ROLE, "users", _USER, reading, group=_USER, shell=_SHELL)
    found += _configuration(reading, ahead)
    if rules.builtin(settings):
        found += of_leftovers(_ROLE, "former_helper", [_FORMER_HELPER], reading)
    else:
        found += _builtin_to_remove(reading)
    found += _code_to_lay_down(reading)
    found += of_files(_ROLE, files(settings), contents, reading)
    found += _at_boot(settings, reading)
    found += _to_start(settings, reading, found, ahead)
    if rules.builtin(settings):
        found += _tracking(settings, reading, found)
        found += deployments.differences(settings, reading)
        found += _models(settings, reading, found, ahead)
        found += of_former_place(_ROLE, _SETTINGS, r'^ *"jdk_home": "([^"]+)"', settings["mlops_agent_jdk_home"], reading)
    return found


def _models(settings: Settings, reading: Reading, found: t.Sequence[Difference], ahead: Ahead) -> list[Difference]:
    """The agent restarts models one after the other when what they run with changes; the run waits until each is ready with it."""
    rewritten = {difference.item for difference in found if difference.step in ("files", "secrets")}
    reasons = ["the JDK changes"] if replaces(ahead, "jdk") and _is_from(settings, "mlops_agent_jdk_home", "jdk") else []
    reasons += ["the stack changes"] if replaces(ahead, "pip_stack") and _is_from(settings, "mlops_agent_stack", "pip_stack") else []
    reasons += ["%s changes" % path for path in (_UNIT_DIRECTORY + _MODEL_UNIT, _MODEL_SECRETS) if path in rewritten]
    if not reasons and deployments.outdated(reading):
        reasons = ["not all serve with what the host has now"]
    if not reasons or not (deployments.serving(reading) or deployments.outdated(reading)):
        return []
    return [Difference(_ROLE, "models", "served models", "running", "restarted one after the other", ", ".join(reasons))]


def _code_to_lay_down(reading: Reading) -> list[Difference]:
    found = of_prediction(_ROLE, "code", _PREFIX, reading, _ROLE)
    seen = reading["predictions"][_ROLE]
    if found and not seen["error"] and seen["diff"]["before"] == seen["diff"]["after"]:
        return [found[0]._replace(item=_HOME, before="holds something else", after="laid down anew")]
    return found


def _configuration(reading: Reading, ahead: Ahead) -> list[Difference]:
    # The role mlflow_server has the folder as well, and comes first.
    if "configuration" in ahead.get("mlflow_server", ()):
        return []
    seen = reading["files"][_CONFIGURATION]
    if not seen["exists"]:
        return [Difference(_ROLE, "configuration", _CONFIGURATION, "missing", "made")]
    return of_attributes(_ROLE, "configuration", _CONFIGURATION, seen, "root", "root", "0755")


def _at_boot(settings: Settings, reading: Reading) -> list[Difference]:
    words = ("starts at boot", "does not start at boot")
    before, after = words[::-1] if settings["mlops_agent_enabled"] else words
    return [Difference(_ROLE, "enabled", unit, before, after) for unit in inputs(settings, reading)["at_boot"]]


def _to_start(settings: Settings, reading: Reading, found: t.Sequence[Difference], ahead: Ahead) -> list[Difference]:
    """What does not run, and what runs with something that was there before."""
    unit = reading["units"][_UNIT]
    running = _active(unit) and unit["started_at"] is not None
    rewritten = {difference.item for difference in found if difference.step in ("files", "secrets")}
    sockets = _sockets(reading, rewritten) if rules.builtin(settings) else []
    reasons = ["%s opens anew" % difference.item for difference in sockets]
    stale = changed_since_start(unit, _read_at_start(settings), reading)
    reasons += ["%s changed since its start" % path for path in stale if path not in rewritten]
    if unit["needs_reload"]:
        reasons.append("systemd has not read its unit since that changed")
    # A file that only belongs to somebody else says the same as before.
    reasons += ["%s changes" % file.path for file in files(settings) if file.path in rewritten]
    steps = {difference.step for difference in found}
    reasons += [words for step, words in (("code", "its code changes"), ("builtin_removed", "the builtin agent is removed")) if step in steps]
    if replaces(ahead, "pip_stack") and _is_from(settings, "mlops_agent_stack", "pip_stack"):
        reasons.append("the stack changes, and the models restart with it")
    if running and not _healthy(settings, reading):
        reasons.append("it does not answer")
    if running and not reasons:
        return []
    before = "runs" if running else unit["active_state"] if unit["exists"] else "missing"
    if not running:
        reasons = ["it needs %s" % difference.item for difference in sockets]
    return sockets + [Difference(_ROLE, "start", _UNIT, before, "restarted" if running else "started", "; ".join(reasons))]


def _tracking(settings: Settings, reading: Reading, found: t.Sequence[Difference]) -> list[Difference]:
    """A run that ended because of what is at the tracking URI has to end there again; a stranger may have come since."""
    seen = reading["urls"][_url(settings, path=_TRACKING_SEEN)]["status"]
    if seen == 200 or any(difference.step == "start" for difference in found):
        return []
    return [Difference(_ROLE, "tracking", "mlops_agent_tracking_uri", "the agent does not see the wanted tracking server", "looked at")]


def _sockets(reading: Reading, rewritten: t.Container[str]) -> list[Difference]:
    """Sockets that are closed, and that of the port where it is for another address; else no moment may come in which somebody else could bind it."""
    found = []
    port, helper = reading["units"][_SOCKET], reading["units"][_HELPER_SOCKET]
    path = _UNIT_DIRECTORY + _SOCKET
    if not _active(port):
        found.append(Difference(_ROLE, "port_socket", _SOCKET, "closed" if port["exists"] else "missing", "open"))
    elif path in rewritten or port["needs_reload"] or changed_since_start(port, [path], reading):
        found.append(Difference(_ROLE, "port_socket", _SOCKET, "open", "opened anew", "%s changed since" % path))
    if not _active(helper):
        found.append(Difference(_ROLE, "start", _HELPER_SOCKET, "closed" if helper["exists"] else "missing", "open"))
    return found


def _healthy(settings: Settings, reading: Reading) -> bool:
    url = _health_url(settings)
    return bool(reading["urls"][url]["status"] == 200 if url else reading["ports"][str(_port(settings))])


def _to_remove(settings: Settings, reading: Reading) -> list[Difference]:
    unit = reading["units"][_UNIT]
    found = []
    if unit["exists"] and (_active(unit) or unit["enabled"]):
        found.append(Difference(_ROLE, "stopped", _UNIT, "runs" if _active(unit) else "starts at boot", "stopped and disabled"))
    found += _builtin_to_remove(reading)
    found += of_leftovers(_ROLE, "removed", [_UNIT_DIRECTORY + _UNIT, _SECRETS], reading)
    found += of_prediction(_ROLE, "removed", _PREFIX, reading, _ROLE)
    if settings["mlops_agent_purge"]:
        found += of_leftovers(_ROLE, "purged", [_STATE_DIRECTORY], reading)
    return found + [Difference(_ROLE, "removed", "user %s" % user, "there", "removed") for user in (_USER, _FORMER_USER) if reading["users"][user]["exists"]]


def _builtin_to_remove(reading: Reading) -> list[Difference]:
    """The builtin agent where there is to be none. Units of models go before these, so that whatever ended a removal, some of these are left."""
    return of_leftovers(_ROLE, "builtin_removed", _BUILTIN_ALONE, reading)


STATE = State(questions, findings, differences, files, inputs, needs, proofs=("tracking", "models"))
