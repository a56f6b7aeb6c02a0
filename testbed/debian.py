# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages without touching the machine's own: which mirror to use, and a private apt to download from it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from testbed.common import TestbedError, run

APT = Path("/etc/apt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def is_debian_like(os_release: str) -> bool:
    """Tell from the text of /etc/os-release whether apt rules this machine."""
    words = re.findall(r"^ID(?:_LIKE)?=(.*)$", os_release, re.MULTILINE)
    return any(word in ("debian", "ubuntu") for line in words for word in line.strip("\"'").split())


def require_packages(programs: dict[str, str], purpose: str) -> None:
    """Install what is missing from the distribution.

    *programs* maps a program (or an absolute path) to the package that brings it. Raises TestbedError with one
    sentence when this machine or this user cannot install packages.
    """
    absent = (package for program, package in programs.items() if not (shutil.which(program) or Path(program).is_file()))
    missing = list(dict.fromkeys(absent))
    if not missing:
        return
    release = Path("/etc/os-release")
    like = is_debian_like(release.read_text()) if release.exists() else False
    if os.geteuid() != 0 or not like or not shutil.which("apt-get"):
        raise TestbedError(f"{purpose} needs {', '.join(missing)}: please install it, or run this as root on Debian or Ubuntu.")
    install(missing)


def install(packages: Iterable[str]) -> None:
    """Install packages of the machine's own distribution, without recommended ones."""
    # In runlevel 1 packages do not start their services where systemd is not the init: that is our part.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run(["apt-get", "update", "-q"], what="Updating the package lists", env=quiet)
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]
    run(command, what=f"Installing {', '.join(packages)}", env=quiet)


def one_line_sources(text: str) -> Iterator[tuple[str, str]]:
    """Yield (URI, suite) of every binary entry in a sources.list."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
        if match:
            yield match[1], match[2]


def deb822_sources(text: str) -> Iterator[tuple[str, str]]:
    """Yield (URI, suite) of every enabled binary entry in a .sources file."""
    for stanza in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)):
        fields = {key.lower(): value.split() for key, value in re.findall(r"^(\S+?):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)}
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"])[0].lower() != "no":
            for uri in fields.get("uris", []):
                for suite in fields.get("suites", []):
                    yield uri, suite


def configured_sources(apt: Path = APT) -> list[tuple[str, str]]:
    """Return (URI, suite) of all archives that the machine's apt is configured for."""
    found: list[tuple[str, str]] = []
    for path in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if path.is_file():
            reader = deb822_sources if path.suffix == ".sources" else one_line_sources
            found += reader(path.read_text(errors="replace"))
    return found


def mirrors(sources: Iterable[tuple[str, str]], default: str | None = None) -> tuple[str, str | None]:
    """Return the Debian archive and, where it has a place of its own, the Debian security archive.

    The variable TESTBED_DEBIAN_MIRROR wins, then the machine's own sources, then *default*. An archive counts as
    Debian's when its address ends in /debian, its security archive in /debian-security or /security.
    """
    chosen = os.environ.get("TESTBED_DEBIAN_MIRROR", "").rstrip("/")
    plain = [uri.rstrip("/") for uri, _suite in sources]
    security = next((uri for uri in plain if re.search(r"/(debian-)?security$", uri)), None)
    if chosen:
        return chosen, None
    archive = next((uri for uri in plain if uri.startswith("http") and uri.endswith("/debian")), default)
    if archive is None:
        raise TestbedError("No Debian mirror is known on this machine; set TESTBED_DEBIAN_MIRROR to the address of one.")
    return archive, security


def machine_mirrors() -> tuple[str, str | None]:
    """Return the mirrors of this machine; on one without Debian sources, the one that mmdebstrap itself uses."""
    program = shutil.which("mmdebstrap")
    known = re.search(r"https?://[\w.]+/debian\b", Path(program).read_text(errors="replace")) if program else None
    return mirrors(configured_sources(), known[0] if known else None)


def source_lines(suite: str) -> list[str]:
    """Return the sources.list lines for a Debian suite on this machine's mirror."""
    archive, security = machine_mirrors()
    lines = [f"deb {archive} {suite} main"]
    if suite not in ("sid", "unstable"):
        lines.append(f"deb {archive} {suite}-updates main")
        if security:
            lines.append(f"deb {security} {suite}-security main")
    return lines


def download_with_dependencies(packages: list[str], suite: str, folder: Path) -> list[Path]:
    """Download packages and all they depend on from a suite into *folder*; apt checks the signatures.

    The apt root below *folder* is private: neither the machine's package lists nor its package database are touched.
    """
    require_packages({"apt-get": "apt", str(KEYRING): "debian-archive-keyring"}, "Downloading Debian packages")
    for name in ("etc/apt/preferences.d", "state/lists/partial", "cache/archives/partial", "log"):
        (folder / name).mkdir(parents=True)
    status = folder / "state" / "status"
    status.touch()
    sources = folder / "etc" / "apt" / "sources.list"
    lines = [line.replace("deb ", f"deb [signed-by={KEYRING} check-valid-until=no] ", 1) for line in source_lines(suite)]
    sources.write_text("\n".join(lines) + "\n")
    options = {
        "Dir::Etc": folder / "etc/apt",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": folder / "etc/none",
        "Dir::State": folder / "state",
        "Dir::State::status": status,
        "Dir::Cache": folder / "cache",
        "Dir::Log": folder / "log",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    run([*apt, "update"], what=f"Reading the package lists of Debian {suite}")
    run([*apt, "install", "-y", "--download-only", *packages], what=f"Downloading {', '.join(packages)} of Debian {suite}")
    return sorted((folder / "cache" / "archives").glob("*.deb"))
