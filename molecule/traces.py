# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed run may leave on a host or its controller, and must not: half-written files, locks, processes, secrets in temporary places."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Where the roles write, and where programs put what they need for a moment.
WATCHED = (
    *("/etc/sparkflows-mlops", "/etc/systemd/system", "/etc/nginx", "/opt/sparkflows", "/var/lib/mlflow-server", "/var/lib/mlops-agent"),
    *("/var/cache/private", "/tmp", "/var/tmp", "/dev/shm", "/home/admin", "/root"),
)  # fmt: skip
#: What a name gives away that was never meant to stay.
TEMPORARY = re.compile(r"\.tmp-|\.ansible_tmp|\.source\.|AnsiballZ_|ansible-tmp-|mlops-packages-|tmp[a-z0-9_]{8}$|.*\.(new|part|partial|tmp|former|upgraded)$")
#: What comes and goes with the operations: releases by their names, the firewall, the units of models.
EXPECTED = re.compile(
    r"/opt/sparkflows/(jdk|python|stack|tracking-guard|mlops-agent)(/releases(/[A-Za-z0-9][\w.+-]*)?|/current|/\.lock|/tools(/.*)?)?$"
    r"|/opt/sparkflows/firewall(/[\w.]+)?$|/etc/sparkflows-mlops/firewall\.nft$"
    r"|/etc/systemd/system/([\w-]+\.wants/)?(sparkflows-mlops|mlops|mlflow)-[^/]*(/[^/]*)?$"
    r"|/etc/systemd/system/[\w-]+\.wants$|/var/lib/mlflow-server/(mlflow\.db-(wal|shm|journal)|artifacts/.*)$|/var/lib/mlops-agent/.*$"
    r"|/tmp/systemd-private-[^/]*(/tmp)?$"
    r"|/var/tmp/systemd-private-[^/]*(/tmp)?$"
)

#: Where Ansible brings files to, and leaves them where it is killed. They are searched for secrets all the same.
_OF_ANSIBLE = re.compile(r"/(home/admin|root)/\.ansible(/|$)")

# On the host, by its own Python, as root and outside of every session.
_LOOK = r"""
import fcntl, glob, json, os, sys, time
watched, deep = json.loads(sys.argv[1]), {"/opt/sparkflows": 3, "/etc/systemd/system": 2, "/home/admin": 4, "/root": 4}
paths = []
for top in watched:
    for folder, folders, names in os.walk(top):
        if folder.count("/") - top.count("/") >= deep.get(top, 6) - 1:
            paths += [os.path.join(folder, name) for name in names + folders]
            folders[:] = []
        else:
            paths += [os.path.join(folder, name) for name in names + folders]
locks = []
for path in glob.glob("/opt/sparkflows/*/.lock"):
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            locks.append(path)
unfinished = [path for path in glob.glob("/opt/sparkflows/*/releases/*") if not os.path.exists(os.path.join(path, ".release.json"))]
processes = []
for folder in glob.glob("/proc/[0-9]*"):
    try:
        group, command = open(folder + "/cgroup").read(), open(folder + "/cmdline", "rb").read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        continue
    of_login = "ssh.service" in group or "user.slice" in group
    if of_login and command and not command.startswith(("sshd", "/usr/sbin/sshd", "/lib/systemd/systemd", "/usr/lib/systemd/systemd", "(sd-pam)")):
        processes.append(command[:160])
secrets = json.load(sys.stdin)
holds = []
for top in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root"):
    for folder, folders, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 1 << 22:
                    with open(path, "rb") as file:
                        held = file.read()
                    holds += ["%s holds %s" % (path, what) for what, secret in secrets.items() if secret.encode() in held]
            except OSError:
                pass
json.dump({"paths": paths, "locks": locks, "unfinished": unfinished, "processes": processes, "secrets": holds}, sys.stdout)
"""


@dataclass(frozen=True)
class Traces:
    """What was seen on a host: paths, held locks, releases without a marker, processes of logins, and files in temporary places that hold a secret."""

    paths: frozenset[str]
    locks: list[str]
    unfinished: list[str]
    processes: list[str]
    secrets: list[str]


def traces(container: str, secrets: Mapping[str, str]) -> Traces:
    """Look at a host, by way of its container, so that the look itself is no login."""
    look = subprocess.run(
        ["docker", "exec", "--interactive", container, "/usr/bin/python3", "-I", "-c", _LOOK, json.dumps(WATCHED)],
        input=json.dumps(secrets), capture_output=True, text=True, check=True,
    )  # fmt: skip
    seen = json.loads(look.stdout)
    return Traces(frozenset(seen["paths"]), seen["locks"], seen["unfinished"], seen["processes"], seen["secrets"])


def left_behind(now: Traces, calm: Collection[str]) -> list[str]:
    """A sentence for each thing that should not be there.

    :param calm: the paths on the same host after a run that nobody killed.
    """
    came = [path for path in sorted(now.paths) if path not in calm and not _OF_ANSIBLE.match(path)]
    found = [f"{path} was left" for path in came if TEMPORARY.match(Path(path).name) or not EXPECTED.match(path)]
    found += [f"{path} is held" for path in now.locks] + [f"{path} is not complete" for path in now.unfinished]
    return found + [f"a process goes on: {command}" for command in now.processes] + now.secrets


def left_on_controller(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """A sentence for each file below the controller's own folders that holds a secret."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [f"the controller's {path} holds {what}" for path in files for what, secret in secrets.items() if secret.encode() in path.read_bytes()]
