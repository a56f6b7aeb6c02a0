# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host stands, taken down before something is done to it and compared after: files, users, groups, units, packages and firewall."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from testinfra.host import Host

#: Where a host writes by itself, or because somebody logs in or a package manager is asked.
UNCOUNTED = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache/apt", "/var/cache/ldconfig", "/var/cache/debconf", "/var/lib/apt"),
    *("/var/lib/dpkg", "/var/lib/systemd", "/var/lib/sudo", "/var/lib/ucf", "/root/.ansible", "/home/admin/.ansible", "/etc/ld.so.cache"),
)  # fmt: skip
#: A copy of what was before, which useradd and its kin keep.
UNCOUNTED_COPIES = tuple(f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid"))

# Runs on the host, as its own Python does the looking quickest.
_LOOK = r"""
import hashlib, json, os, stat, sys
uncounted = set(sys.argv[1:])
found = {}
for folder, folders, names in os.walk("/"):
    kept = [name for name in folders if os.path.join(folder, name) not in uncounted and name != "__pycache__"]
    links = [name for name in kept if os.path.islink(os.path.join(folder, name))]
    folders[:] = [name for name in kept if name not in links]
    for path in [folder] + [os.path.join(folder, name) for name in names + links]:
        if path in uncounted or path.endswith(".pyc"):
            continue
        try:
            seen = os.lstat(path)
            what = ""
            if stat.S_ISLNK(seen.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    what = hashlib.sha256(file.read()).hexdigest()
            found[path] = [oct(seen.st_mode), seen.st_uid, seen.st_gid, what]
        except FileNotFoundError:
            pass
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True)
class Standing:
    """What a host is made of: by path its mode, owner, group and digest or target; and the lines that its tools say of it, by tool."""

    files: dict[str, list[Any]]
    tools: dict[str, list[str]]

    def differences(self, before: Standing) -> list[str]:
        """A line for each thing that is not as it was."""
        found = [f"{path}: {before.files.get(path)} -> {self.files.get(path)}" for path in _differing(before.files, self.files)]
        for tool in _differing(before.tools, self.tools):
            was, now = before.tools[tool], self.tools[tool]
            found += [f"{tool}: - {line}" for line in was if line not in now] + [f"{tool}: + {line}" for line in now if line not in was]
        return found


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


_TOOLS = {
    "users": "getent passwd",
    "groups": "getent group",
    "units": "systemctl list-unit-files --no-legend --no-pager",
    "failed units": "systemctl list-units --state=failed --no-legend --plain",
    # What is loaded of ours, whatever its file says.
    "our units": "systemctl list-units --all --no-legend --plain --no-pager 'mlops-*' 'mlflow-*' 'sparkflows-*' 'scorer-*'",
    "packages": "dpkg-query --show",
    "firewall": "nft list ruleset 2>/dev/null || true",
}


def standing(host: Host) -> Standing:
    """Take down how a host stands."""
    uncounted = " ".join((*UNCOUNTED, *UNCOUNTED_COPIES))
    files = json.loads(host.check_output(f"/usr/bin/python3 -I -c '{_LOOK}' {uncounted}"))
    return Standing(files, {name: sorted(host.run(command).stdout.splitlines()) for name, command in _TOOLS.items()})
