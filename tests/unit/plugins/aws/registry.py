# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real container registry on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from pathlib import Path

from testbed import debian
from testbed.common import TestbedError


def program(scratch: Path) -> str:
    """Debian's docker-registry, from PATH or else unpacked from its package; :class:`TestbedError` when apt does not fetch it."""
    for folder in os.environ["PATH"].split(os.pathsep):
        if os.access(os.path.join(folder, "docker-registry"), os.X_OK):
            return os.path.join(folder, "docker-registry")
    cache = Path(os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "sparkflows-mlops")).expanduser()
    kept = cache / "docker-registry"
    if not kept.is_file():
        debs = debian.download_with_dependencies(["docker-registry"], "bookworm", scratch / "apt")
        [package] = [deb for deb in debs if deb.name.startswith("docker-registry_")]
        subprocess.run(["dpkg-deb", "--extract", package, scratch], check=True, timeout=300)
        cache.mkdir(parents=True, exist_ok=True)
        new = cache / ("docker-registry.%s" % uuid.uuid4().hex)
        shutil.copy(scratch / "usr/bin/docker-registry", new)
        new.chmod(0o755)
        new.rename(kept)
    return str(kept)


def start(executable: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a registry that keeps all in a folder; return its process and the port it listens on."""
    config = {
        "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder)}}, "http": {"addr": "127.0.0.1:0", "relativeurls": True},
    }  # fmt: skip
    (folder / "config.yml").write_text(json.dumps(config))
    process = subprocess.Popen([executable, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process, _listening_port(process)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _listening_port(process: subprocess.Popen[bytes]) -> int:
    """The registry does not say which free port it got, so its own socket is looked up."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        sockets = set()
        for link in Path("/proc/%d/fd" % process.pid).iterdir():
            target = os.readlink(link) if link.is_symlink() else ""
            sockets.update(re.findall(r"socket:\[(\d+)\]", target))
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in sockets:
                return int(words[1].rpartition(":")[2], 16)
        time.sleep(0.05)
    raise TestbedError("The registry does not listen.")
