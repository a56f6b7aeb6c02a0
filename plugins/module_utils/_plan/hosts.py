# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What each role has to know of a host before anything is changed, and what it then finds there.

`questions` makes the one reading of a host for all its roles, as options of the module C(mlflow_host_info); `findings` judges it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_stores as stores
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

Questions = t.Dict[str, t.Any]
#: The packages that a role installs: by role, then by distribution or family.
Packages = t.Mapping[str, t.Mapping[str, t.Any]]

# Installed sizes were measured on x86_64: the stack takes 870 to 950 MB, its download and the switch from an old release as
# much again; a JDK 105 to 200 MB, CPython 60 to 130 MB.
STACK_MB = 2500
RUNTIMES_MB = 500
# The tracking server with four workers uses about 350 MB, the agent less than 60 MB, the system the rest.
BASE_MEMORY_MB = 768
#: What the collection's modules run on.
_LEAST_PYTHON = (3, 7)
#: How long an upgrade that runs on the host by itself is waited for, in seconds.
LOCK_WAIT = 300

_SERVER_UNIT, _AGENT_UNITS, _PROXY_UNIT = "mlflow-server.service", ("mlops-agent.service", "mlops-agent.socket"), "nginx.service"
_PROXY_SITE = "/etc/nginx/conf.d/mlflow-server.conf"


def least_python(of_core: t.Any) -> tuple[tuple[int, int], str]:
    """The oldest Python that a host must have, and who wants it.

    :param of_core: the running ansible-core's own least version, ``_PY_MIN`` of its module_utils.basic; no version in 2.16, which takes older ones.
    """
    if isinstance(of_core, tuple) and of_core > _LEAST_PYTHON:
        return t.cast("tuple[int, int]", of_core[:2]), "The running ansible-core"
    return _LEAST_PYTHON, "The collection"


def _here(settings: Settings, role: str) -> bool:
    return bool(settings.get(role + "_state") == "present")


def _served(settings: Settings, state: str = "present") -> list[dict[str, t.Any]]:
    return [entry for entry in settings.get("mlops_agent_deployments") or [] if entry.get("state", "present") == state]


def _model_units(entry: t.Mapping[str, t.Any]) -> tuple[str, ...]:
    """Who may hold the port of a model: the model, or systemd for one that follows its stage."""
    return ("mlops-model@%s.service" % entry["name"], "mlops-port@%s.socket" % entry["name"], "mlops-port@%s.service" % entry["name"])


# ------------------------------------------------------------------------------------------------------------- jdk, python, pip_stack


def _by_distribution(names: t.Mapping[str, t.Any], unless: str | None = None) -> list[dict[str, t.Any]]:
    """One question for each package of each distribution; the host answers those that are for it."""
    return [
        {"name": name, "distribution": distribution, "unless": unless, "except": [other for other in names if other != distribution]}
        for distribution, given in names.items()
        for name in (given if isinstance(given, list) else [given])
    ]


def _jdk_questions(settings: Settings, packages: Packages) -> Questions:
    asked: Questions = {"paths": [settings["jdk_prefix"]]}
    if _here(settings, "jdk") and settings["jdk_provider"] == "package":
        asked["packages"] = [{"name": settings["jdk_package"]}] if settings["jdk_package"] else _by_distribution(packages["jdk"])
    return asked


def _jdk_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "jdk"):
        return _still_needed(settings, "jdk")
    found = checks.system(reading) + checks.places(reading, [settings["jdk_prefix"]])
    if settings["jdk_provider"] == "package" and not settings["jdk_package"] and reading["os"]["distribution"] == "Debian":
        found.append("Debian has no package of JDK 1.8. Use jdk_provider archive, or name a package of your own with jdk_package and jdk_package_home.")
    return found


def _python_questions(settings: Settings, packages: Packages) -> Questions:
    if not _here(settings, "python"):
        return {}
    interpreter = settings["python_prefix"] + "/current/bin/python3.7"
    names = list(settings["python_archive_packages"]) if settings["python_provider"] == "archive" else []
    if settings["python_provider"] == "archive" and (settings["python_archive_src"] or ".zst").endswith((".zst", ".tzst")):
        names.append("zstd")
    if settings["python_provider"] == "package" and settings["python_package"]:
        names.append(settings["python_package"])
    asked = [{"name": name, "unless": interpreter} for name in names]
    if settings["python_provider"] == "source":
        asked += _by_distribution(packages["python"], interpreter)
    return {"paths": [settings["python_prefix"]], "packages": asked}


def _python_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "python"):
        return _still_needed(settings, "python")
    found = checks.system(reading) + checks.places(reading, [settings["python_prefix"]])
    if settings["python_provider"] == "archive" and not settings["python_archive_src"] and reading["architecture"] == "aarch64":
        found.append(
            "No archive of CPython 3.7 for aarch64 is known to the role python. Set python_archive_src and python_archive_sha256 to an archive of "
            "your own, or use python_provider source."
        )
    return found


def _stack_questions(settings: Settings, packages: Packages) -> Questions:
    if not _here(settings, "pip_stack"):
        return {}
    return {"paths": [settings["pip_stack_prefix"]], "venv": settings["pip_stack_prefix"] + "/current"}


def _stack_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "pip_stack"):
        return _still_needed(settings, "pip_stack")
    found = checks.system(reading) + checks.places(reading, [settings["pip_stack_prefix"]])
    return found + _room(settings, reading)


#: Variables by which one role runs from what another leaves behind, and the role that has them.
_RUNS_FROM = {
    "jdk": {"mlops_agent_jdk_home": "mlops_agent"},
    "python": {"pip_stack_python": "pip_stack"},
    "pip_stack": {"mlflow_server_stack": "mlflow_server", "mlops_agent_stack": "mlops_agent"},
}


def _still_needed(settings: Settings, role: str) -> list[str]:
    """A role that is to go while another, which runs from it, is to stay."""
    prefix = settings[role + "_prefix"]
    stay = [name for option, name in _RUNS_FROM[role].items() if _here(settings, name) and str(settings[option]).startswith("%s/" % prefix)]
    if not stay:
        return []
    return [
        "%s_state is absent, but %s %s from %s. Set %s to absent as well, or leave the role %s present."
        % (role, " and ".join(stay), "run" if len(stay) > 1 else "runs", prefix, " and ".join(name + "_state" for name in stay), role)
    ]


def _room(settings: Settings, reading: Reading) -> list[str]:
    """Space and inodes for all three prefixes, added up where they share a file system."""
    if reading.get("distributions"):
        return []
    found = []
    needed: dict[str, tuple[int, int]] = {}
    for option, size in (("jdk_prefix", RUNTIMES_MB), ("python_prefix", RUNTIMES_MB), ("pip_stack_prefix", STACK_MB)):
        disk = reading["disks"].get(settings.get(option))
        if disk:
            needed[disk["mount"]] = (needed.get(disk["mount"], (0, 0))[0] + size, disk["free_mb"])
    for mount, (wanted, free) in sorted(needed.items()):
        if free < wanted:
            found.append(
                "%d MB are free on %s; %d MB are needed for what is to be installed there. Free some, or move jdk_prefix, python_prefix "
                "or pip_stack_prefix to another file system." % (free, mount, wanted)
            )
    disk = reading["disks"].get(settings["pip_stack_prefix"]) or {}
    inodes = disk.get("free_inodes")
    if inodes is not None and inodes < checks.STACK_INODES:
        found.append(
            "%d inodes are free on %s; the stack needs %d, as it has many small files. `df -i` shows it; free some, or move pip_stack_prefix."
            % (inodes, disk["mount"], checks.STACK_INODES)
        )
    return found


# ----------------------------------------------------------------------------------------------------------------------- the services


def _server_questions(settings: Settings, packages: Packages) -> Questions:
    if not _here(settings, "mlflow_server"):
        return {}
    asked: Questions = {
        "units": [_SERVER_UNIT, _PROXY_UNIT],
        "ports": [settings["mlflow_server_port"]],
        "users": [settings["mlflow_server_user"]],
        "groups": [settings["mlflow_server_group"]],
        "paths": ["/var/lib/mlflow-server", "/etc/sparkflows-mlops"],
        "files": [{"path": settings["mlflow_server_ca_bundle"]}] if settings["mlflow_server_ca_bundle"] else [],
        **stores.questions(settings),
    }
    asked["files"] = asked["files"] + stores.files(settings)
    if settings["mlflow_server_proxy"] == "nginx":
        asked["ports"] += [settings["mlflow_server_proxy_port"], 80]
        asked["files"] += [{"path": _PROXY_SITE}]
        asked["commands"] = ["nginx", "openssl"]
        asked["packages"] = [{"name": name, "unless": name} for name in ("nginx", "openssl")]
        if settings["mlflow_server_proxy_certificate"] == "path":
            asked["certificates"] = [
                {"path": settings["mlflow_server_proxy_certificate_path"], "private_key": settings["mlflow_server_proxy_private_key_path"]}
            ]
    return asked


def _server_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "mlflow_server"):
        return []
    found = checks.system(reading) + checks.places(reading, ["/var/lib/mlflow-server", "/etc/sparkflows-mlops"])
    found += checks.present(reading, {"mlflow_server_ca_bundle": settings["mlflow_server_ca_bundle"]})
    wanted = {settings["mlflow_server_port"]: ("mlflow_server_port", (_SERVER_UNIT,))}
    if settings["mlflow_server_proxy"] == "nginx":
        wanted[settings["mlflow_server_proxy_port"]] = ("mlflow_server_proxy_port", (_PROXY_UNIT,))
        names = ("mlflow_server_proxy_certificate_path", "mlflow_server_proxy_private_key_path")
        found += checks.certificate(reading, settings[names[0]], *names)
        port = settings["mlflow_server_proxy_port"]
        holder = reading["ports"].get(str(port)) or {}
        if holder.get("unit") == _PROXY_UNIT and not reading["files"][_PROXY_SITE]["exists"]:
            found.append("Port %d, wanted for mlflow_server_proxy_port, is held by another site of nginx. Choose another port." % port)
        if reading["commands"].get("nginx") is None:
            wanted[80] = ("the default site that the package nginx starts with", (_PROXY_UNIT,))
    found += checks.ports(reading, wanted)
    if reading["units"].get(_SERVER_UNIT, {}).get("active_state") != "active":
        found += _server_room(settings, reading)
    return found + stores.findings(settings, reading)


def _server_room(settings: Settings, reading: Reading) -> list[str]:
    found = []
    disk, least = reading["disks"].get("/var/lib/mlflow-server"), settings["mlflow_server_min_free_mb"]
    if disk and disk["free_mb"] < least:
        found.append(
            "%d MB are free on %s, where the tracking server keeps its data, but mlflow_server_min_free_mb asks for %d. Make room, or lower it."
            % (disk["free_mb"], disk["mount"], least)
        )
    memory, least = reading["memory_mb"], settings["mlflow_server_min_memory_mb"]
    if memory["available"] < least:
        found.append(
            "%d of %d MB of memory are available, but mlflow_server_min_memory_mb asks for %d. Give the host more, or lower it."
            % (memory["available"], memory["total"], least)
        )
    return found


def _agent_port(settings: Settings) -> int:
    vendor = settings["mlops_agent_provider"] == "vendor"
    return int(settings["mlops_agent_vendor_health_port"] or settings["mlops_agent_port"]) if vendor else int(settings["mlops_agent_port"])


def _agent_files(settings: Settings) -> dict[str, str]:
    return {name: settings[name] for name in ("mlops_agent_tls_certificate", "mlops_agent_tls_private_key", "mlops_agent_ca_bundle")}


def _agent_questions(settings: Settings, packages: Packages) -> Questions:
    if not _here(settings, "mlops_agent"):
        return {}
    return {
        "units": list(_AGENT_UNITS) + [unit for entry in _served(settings) + _served(settings, "absent") for unit in _model_units(entry)],
        "ports": [_agent_port(settings)] + [entry["port"] for entry in _served(settings) if entry.get("port")],
        "files": [{"path": path} for path in _agent_files(settings).values() if path],
        "paths": ["/var/lib/mlops-agent", "/var/cache/mlops-models"],
    }


def _agent_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "mlops_agent"):
        return []
    found = checks.system(reading) + checks.places(reading, ["/var/lib/mlops-agent", "/var/cache/mlops-models"])
    found += checks.present(reading, _agent_files(settings))
    wanted = {_agent_port(settings): ("mlops_agent_port", _AGENT_UNITS)}
    # A model that is declared absent gives its port up in the same run.
    leaving = tuple(unit for entry in _served(settings, "absent") for unit in _model_units(entry))
    for entry in _served(settings):
        if entry.get("port"):
            wanted[entry["port"]] = ("the declared model %s" % entry["name"], (*_model_units(entry), *leaving))
    found += checks.ports(reading, wanted)
    default = settings["mlops_agent_default_memory_mb"]
    # One that follows its stage has two runs while it moves to another version.
    declared = sum((entry.get("memory_mb") or default) * (2 if entry.get("follow") else 1) for entry in _served(settings))
    total = reading["memory_mb"]["total"]
    if total < BASE_MEMORY_MB + declared:
        found.append(
            "The host has %d MB of memory; %d MB are needed: %d for the services and %d for the declared models. "
            "Give it more, or lower memory_mb in mlops_agent_deployments." % (total, BASE_MEMORY_MB + declared, BASE_MEMORY_MB, declared)
        )
    return found


# -------------------------------------------------------------------------------------------------------------------------- the others


def _scorer_questions(settings: Settings, packages: Packages) -> Questions:
    if not _here(settings, "scorer"):
        return {}
    return {
        "units": ["docker.service", "scorer-proxy.service"],
        "commands": ["dockerd", "haproxy"],
        "ports": [entry["port"] for entry in settings["scorer_services"] if isinstance(entry, dict) and entry.get("port")],
        "paths": ["/var/lib/sparkflows-mlops", "/etc/sparkflows-mlops"],
        "packages": [{"name": "haproxy", "unless": "haproxy"}] + (_by_distribution(packages["scorer"], "dockerd") if settings["scorer_install_docker"] else []),
    }


def _scorer_findings(settings: Settings, reading: Reading) -> list[str]:
    if not _here(settings, "scorer"):
        return []
    found = checks.system(reading, checks.SCORER_SYSTEMS) + checks.places(reading, ["/var/lib/sparkflows-mlops"])
    if not reading["units"].get("docker.service", {}).get("exists") and reading["commands"].get("dockerd") is None:
        offers = reading["os"]["family"] == "Debian" or reading["os"]["distribution"] == "Amazon"
        if not settings["scorer_install_docker"]:
            found.append("The host has no docker engine. Install one, or let scorer_install_docker do so.")
        elif not offers:
            found.append("The host has no docker engine, and its distribution offers none: install docker-ce from its own repository.")
    wanted = {
        entry["port"]: ("the scorer %s" % entry.get("name"), ("scorer-proxy.service",))
        for entry in settings["scorer_services"]
        if isinstance(entry, dict) and entry.get("port")
    }
    return found + checks.ports(reading, wanted)


class _Role(t.NamedTuple):
    questions: t.Callable[[Settings, Packages], Questions]
    findings: t.Callable[[Settings, Reading], list[str]]


ROLES = {
    "jdk": _Role(_jdk_questions, _jdk_findings),
    "python": _Role(_python_questions, _python_findings),
    "pip_stack": _Role(_stack_questions, _stack_findings),
    "mlflow_server": _Role(_server_questions, _server_findings),
    "mlops_agent": _Role(_agent_questions, _agent_findings),
    "scorer": _Role(_scorer_questions, _scorer_findings),
}


def questions(roles: t.Iterable[str], settings: Settings, packages: Packages) -> Questions:
    """The options of C(mlflow_host_info) that answer what all these roles have to know; a role that is not in `ROLES` asks nothing."""
    asked: Questions = {"package_lock_wait": LOCK_WAIT}
    for role in roles:
        if role not in ROLES:
            continue
        for option, value in ROLES[role].questions(settings, packages).items():
            if isinstance(value, list):
                asked[option] = asked.get(option, []) + [item for item in value if item not in asked.get(option, [])]
            else:
                asked[option] = value
    return asked


def findings(roles: t.Iterable[str], settings: Settings, reading: Reading) -> list[str]:
    """All that keeps these roles from doing their work on a host, each thing once.

    :param settings: the roles' settings in force, as C(validate_inventory) returns them.
    :param reading: the answer to `questions`.
    """
    found: list[str] = []
    for role in roles:
        if role in ROLES:
            found += ROLES[role].findings(settings, reading)
    found += checks.packages(reading)
    return list(dict.fromkeys(found))
