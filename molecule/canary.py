# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out whether a run let a secret out: on screen, on a command line, in a journal, or in a file that others can read."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from testinfra.host import Host

PATTERNS, SAMPLES = "/run/canary/patterns", "/run/canary/arguments"
# Notes every command line that it sees, until it is stopped.
SAMPLER = f"""
import pathlib, signal, sys, time
seen, running = set(), [True]
signal.signal(signal.SIGTERM, lambda *rest: running.clear())
while running:
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            seen.add(path.read_bytes())
        except OSError:
            pass
    time.sleep(0.02)
pathlib.Path("{SAMPLES}").write_bytes(b"\\n".join(seen))
"""
# A secret has no business in a file that its owner and root do not have to themselves.
READABLE = "find / -xdev \\( -path /proc -o -path /sys -o -path /run/canary \\) -prune -o -type f -perm /o+r -size -2048k -print0"


class Canary:
    """Secrets by name, and the hosts that are watched."""

    def __init__(self, secrets: Mapping[str, str], hosts: Mapping[str, Host]) -> None:
        assert all(len(secret) >= 12 for secret in secrets.values()), "a canary must not be found by chance"
        self.secrets = secrets
        self.hosts = hosts
        self._local: set[bytes] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Sample the command lines of the hosts and of this machine while the body runs."""
        ended = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(ended,))
        for host in self.hosts.values():
            host.check_output("install -d -m 0700 /run/canary")
            host.check_output("systemd-run --quiet --unit canary --property Type=exec python3 -c %s", SAMPLER)
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            sampler.join()
            for host in self.hosts.values():
                host.check_output("systemctl stop canary.service")

    def _sample(self, ended: threading.Event) -> None:
        while not ended.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._local.add(path.read_bytes())
                except OSError:
                    continue

    def escapes(self, output: str) -> list[str]:
        """Where a secret was found; nothing of it is repeated. `output` is what the run printed."""
        found = [f"{name} in the output" for name, secret in self.secrets.items() if secret in output]
        found += [f"{name} on a command line of this machine" for name, secret in self.secrets.items() if any(secret.encode() in line for line in self._local)]
        for where, host in self.hosts.items():
            found += [f"{place} of {where}" for place in self._on(host)]
        return found

    def _on(self, host: Host) -> Iterator[str]:
        # The patterns go through standard input of a file that only root reads, never through an argument.
        write_private(host, PATTERNS, "\n".join(self.secrets.values()) + "\n")
        try:
            if host.run(f"grep -aqFf {PATTERNS} {SAMPLES}").rc == 0:
                yield "a command line"
            assert host.check_output(f"wc -c < {SAMPLES}") != "0"
            if host.run(f"journalctl --no-pager --output=export | grep -aqFf {PATTERNS}").rc == 0:
                yield "the journal"
            for path in host.run(f"{READABLE} | xargs -0 --no-run-if-empty grep -laFf {PATTERNS}").stdout.splitlines():
                yield f"the file {path}"
        finally:
            host.check_output("rm -r /run/canary")


def write_private(host: Host, path: str, text: str) -> None:
    """Write a file that only root reads, without its text in an argument."""
    command = ["ssh", "-F", host.backend.ssh_config, "-o", "BatchMode=yes", host.backend.host.name, f"sudo sh -c 'umask 077; base64 -d > {path}'"]
    subprocess.run(command, input=base64.b64encode(text.encode()), check=True, capture_output=True)
