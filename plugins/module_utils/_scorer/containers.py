# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a scorer's container is made of, and whether it still is what was made: part of it can be changed by hand while it runs."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.known import Difference

# What `docker update` changes, see https://docs.docker.com/reference/api/engine/ (ContainerUpdate).
_ALTERABLE = (
    "Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "BlkioWeight",
    "PidsLimit", "RestartPolicy",
)  # fmt: skip


def settings(
    service: t.Mapping[str, t.Any], image: t.Optional[str], model: t.Optional[str], environment: t.Mapping[str, str], labels: t.Mapping[str, str], backend: int
) -> dict[str, t.Any]:
    """What the engine is asked for: a container of this image that answers at a port of the loopback and may do nothing but score."""
    port = "%d/tcp" % service["container_port"]
    memory = service["memory_mb"] << 20
    found: dict[str, t.Any] = {
        "Image": image,
        "User": service["user"],
        "Env": ["%s=%s" % pair for pair in sorted(environment.items())],
        "Labels": dict(labels),
        "ExposedPorts": {port: {}},
        "HostConfig": {
            # "z" lets containers read it under SELinux, and means nothing elsewhere.
            "Binds": ["%s:%s:ro,z" % (model, service["model_mount"])],
            "PortBindings": {port: [{"HostIp": "127.0.0.1", "HostPort": str(backend)}]},
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": int(service["cpus"] * 1e9),
            "PidsLimit": service["pids"],
            "ReadonlyRootfs": True,
            "Tmpfs": dict.fromkeys(service["tmpfs"], "rw,nosuid,nodev,size=64m,mode=1777"),
            "SecurityOpt": ["no-new-privileges"],
            "CapDrop": ["ALL"],
            "Init": True,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            # One that has not proved itself yet is not started again.
            "RestartPolicy": {"Name": "no"},
        },
    }
    if service["command"]:
        found["Cmd"] = service["command"]
    if service["health_command"]:
        found["Healthcheck"] = {
            "Test": ["CMD"] + service["health_command"],
            "Interval": 30 * 10**9,
            "Timeout": 10 * 10**9,
            "Retries": 3,
            "StartPeriod": service["start_timeout"] * 10**9,
        }
    return found


def made(container: t.Mapping[str, t.Any], model: t.Optional[str]) -> dict[str, t.Any]:
    """What is to be remembered of a container that was made: what the engine kept of its limits, which may be less than it was asked for, and its model."""
    host = container.get("HostConfig") or {}
    return {"limits": {key: host.get(key) for key in _ALTERABLE}, "model": _identity(model)}


def altered(name: str, known: t.Mapping[str, t.Any], container: t.Mapping[str, t.Any], model: t.Optional[str]) -> list[Difference]:
    """How a container differs from what was remembered of it; nothing where that was made by an older release, which remembered nothing."""
    before, now = known.get("made"), made(container, model)
    if not before:
        return []
    found = [
        Difference("%s: %s of its container" % (name, key), _words(now["limits"][key]), _words(value), "It was changed by hand.")
        for key, value in before["limits"].items()
        if now["limits"].get(key) != value
    ]
    # It still mounts the folder that was there when it started, which may have lost its files.
    if None not in (before["model"], now["model"]) and before["model"] != now["model"]:
        found.append(Difference("%s: its model" % name, "of a folder that is gone", "mounted anew", "The folder was replaced."))
    return found


def _identity(folder: t.Optional[str]) -> t.Optional[int]:
    """What tells a folder from another one that took its name."""
    return os.stat(folder).st_ino if folder and os.path.isdir(folder) else None


def _words(value: t.Any) -> str:
    if isinstance(value, dict):
        return str(value.get("Name") or json.dumps(value, sort_keys=True))
    return "none" if value in (None, "", 0) else str(value)
