# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of an MLflow host, decided from one reading of it.

For use inside this collection only. Plain functions over the answer of C(mlflow_host_info) and the settings in force.
"""

from __future__ import annotations

SUPPORTED_FAMILIES = ("Debian", "RedHat")
SUPPORTED_ARCHITECTURES = ("x86_64", "aarch64")

# Installed sizes were measured on x86_64: the stack takes 870 to 950 MB, its download and the switch from an old release as
# much again; a JDK 105 to 200 MB, CPython 60 to 130 MB.
STACK_MB = 2500
RUNTIMES_MB = 500
# The tracking server with four workers uses about 350 MB, the agent less than 60 MB, the system the rest.
BASE_MEMORY_MB = 768


def findings(host, settings):
    """All that keeps the roles from doing their work on a host.

    :param host: what C(mlflow_host_info) returned as V(host).
    :param settings: the roles' settings in force, as C(validate_inventory) returns them.
    :returns: a list of sentences: what is wrong, what was seen, what to try.
    """
    return _system(host) + _memory(host, settings) + _disk(host, settings) + _ports(host, settings)


def _system(host):
    found = []
    system = host["os"]
    if system["family"] not in SUPPORTED_FAMILIES:
        found.append(
            "The operating system %s %s is not supported; use one of the families %s."
            % (system["distribution"], system["major_version"], " and ".join(SUPPORTED_FAMILIES))
        )
    if host["architecture"] not in SUPPORTED_ARCHITECTURES:
        found.append("The architecture %s is not supported; use %s." % (host["architecture"], " or ".join(SUPPORTED_ARCHITECTURES)))
    if host["service_manager"] != "systemd":
        found.append("The services need systemd as init; this host runs %s." % host["service_manager"])
    return found


def _memory(host, settings):
    default = settings.get("mlops_agent_default_memory_mb") or 0
    declared = sum(deployment.get("memory_mb", default) for deployment in _served(settings))
    total = host["memory_mb"]["total"]
    if total >= BASE_MEMORY_MB + declared:
        return []
    return [
        "The host has %d MB of memory; %d MB are needed: %d for the services and %d for the declared models. "
        "Give it more, or lower memory_mb in mlops_agent_deployments." % (total, BASE_MEMORY_MB + declared, BASE_MEMORY_MB, declared)
    ]


def _disk(host, settings):
    if host.get("distributions"):
        return []
    needed = {}
    for option, size in (("jdk_prefix", RUNTIMES_MB), ("python_prefix", RUNTIMES_MB), ("pip_stack_prefix", STACK_MB)):
        disk = host["disks"].get(settings.get(option))
        if disk:
            wanted, free = needed.get(disk["mount"], (0, 0))
            needed[disk["mount"]] = (wanted + size, disk["free_mb"])
    return [
        "%d MB are free on %s; %d MB are needed for what is to be installed there. Free some, or move jdk_prefix, python_prefix "
        "or pip_stack_prefix to another file system." % (free, mount, wanted)
        for mount, (wanted, free) in sorted(needed.items())
        if free < wanted
    ]


def _ports(host, settings):
    ours = {}
    if settings.get("mlflow_server_state") == "present":
        ours[settings.get("mlflow_server_port")] = ("mlflow_server_port", "mlflow-server.service")
        if settings.get("mlflow_server_proxy") == "nginx":
            ours[settings.get("mlflow_server_proxy_port")] = ("mlflow_server_proxy_port", "nginx.service")
    if settings.get("mlops_agent_state") == "present":
        ours[settings.get("mlops_agent_port")] = ("mlops_agent_port", "mlops-agent.service")
        for deployment in _served(settings):
            if deployment.get("port"):
                ours[deployment["port"]] = ("the declared model %s" % deployment["name"], "mlops-model@%s.service" % deployment["name"])
    found = []
    for port, (purpose, unit) in sorted(ours.items()):
        holder = host["ports"].get(str(port))
        if holder and not _is_ours(holder, unit, host["units"]):
            found.append(
                "Port %d, wanted for %s, is held by %s. Stop that process, or choose another port." % (port, purpose, _named(holder))
            )
    return found


def _served(settings):
    return [deployment for deployment in settings.get("mlops_agent_deployments") or [] if deployment.get("state", "present") == "present"]


def _is_ours(holder, unit, units):
    if holder.get("unit") or holder.get("pid"):
        return holder.get("unit") == unit
    # Where root may not look into others' processes, as in some containers, the holder has no name; it is ours if ours runs.
    return units.get(unit, {}).get("active_state") == "active"


def _named(holder):
    if not holder.get("pid"):
        return "a process that can't be seen from here"
    unit = " of %s" % holder["unit"] if holder.get("unit") else ""
    return "%s (pid %d)%s" % (holder.get("process") or "a process", holder["pid"], unit)
