# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of package managers, and how their answers are read; the scenario odd_hosts asks real ones."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import packages

DEBIAN = {"distribution": "Debian", "family": "Debian"}
HOLDER = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


def test_a_lock_names_its_holder(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    assert packages.lock_holder([str(path), str(tmp_path / "none")]) is None
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        holder = packages.lock_holder([str(tmp_path / "none"), str(path)])
        process.stdin.close()
    assert (holder["path"], holder["pid"]) == (str(path), process.pid)
    assert holder["process"].startswith("python")
    assert packages.lock_holder([str(path)]) is None


def test_looking_at_a_lock_does_not_take_it(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    assert packages.lock_holder([str(path)]) is None
    with open(path, "rb+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_is_opened_for_reading_alone(tmp_path, monkeypatch):
    """A layered file system takes an opening for writing for a change."""
    modes = []

    def recorded(path, mode="r", **options):
        modes.append(mode)
        return open(path, mode, **options)

    path = tmp_path / "lock"
    path.touch()
    monkeypatch.setattr(packages, "open", recorded, raising=False)
    assert packages.lock_holder([str(path)]) is None
    assert modes == ["rb"]


def test_candidates():
    policy = (
        "nginx:\n  Installed: (none)\n  Candidate: 1.22.1-9\n  Version table:\n     1.22.1-9 500\n        500 http://x bookworm/main amd64 Packages\n"
        "docker.io:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
    )
    assert packages._candidates(policy) == {"nginx"}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("Err:1 http://mirror.example x InRelease\n  Could not resolve 'mirror.example'\nReading package lists...\n", "Could not resolve 'mirror.example'"),
        ("W: Failed to fetch http://x/InRelease  Connection timed out\n", "Failed to fetch http://x/InRelease  Connection timed out"),
        ("Error: Failed to download metadata for repo 'baseos': Cannot prepare\n", "Failed to download metadata for repo 'baseos': Cannot prepare"),
        ("Hit:1 http://x InRelease\nReading package lists...\n", None),
    ],
)
def test_complaints(said, complaint):
    assert packages._complaint(said) == complaint


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (DEBIAN, True),
        ({"distribution": "Linux Mint", "family": "Debian"}, True),
        ({"distribution": "Ubuntu", "family": "Debian"}, False),
        ({"distribution": "Rocky", "family": "RedHat"}, False),
    ],
)
def test_a_package_of_some_distributions(system, expected):
    assert packages.is_for({"name": "docker.io", "distribution": "Debian", "except": ["Ubuntu"]}, system) is expected
    assert packages.is_for({"name": "haproxy"}, system) is True


def test_what_is_there_already_needs_no_package(monkeypatch):
    monkeypatch.setattr(packages, "_run", lambda *arguments: pytest.fail("nothing is to be asked"))
    assert packages.read([{"name": "anything", "unless": "sh"}, {"name": "other", "unless": os.path.realpath("/bin/sh")}], 0, {}, DEBIAN)["missing"] == []


def test_a_proxy_is_handed_on_and_nothing_else(monkeypatch):
    seen = []

    def run(argv, environment, seconds):
        seen.append((argv, environment))
        return ""

    monkeypatch.setattr(packages, "_run", run)
    monkeypatch.setattr(packages.shutil, "which", lambda name, path: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(packages, "lock_holder", lambda: None)
    answer = packages.read([{"name": "nginx"}], 0, {"https_proxy": "http://p:1", "LD_LIBRARY_PATH": "/evil", "PATH": "/evil"}, DEBIAN)
    assert answer == {"missing": ["nginx"], "unavailable": ["nginx"], "error": None, "lock": None}
    update = next(environment for argv, environment in seen if "update" in argv)
    assert update == {"PATH": packages.commands.PATH, "LC_ALL": "C", "https_proxy": "http://p:1"}
