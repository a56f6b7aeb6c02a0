# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JDK 1.8 archive: Temurin's where it can be reached, else one made of Debian unstable's packages."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import ssl
import struct
from pathlib import Path

from testbed import debian, elf
from testbed.common import TestbedError, cache, digest, download, pack, read_json, run, say, scratch, sha256, step, write_json

# As published in Adoptium's own container files for jdk8u462-b08.
TEMURIN_RELEASE = "8u462-b08"
TEMURIN_BASE = "https://github.com/adoptium/temurin8-binaries/releases/download/jdk8u462-b08/"
TEMURIN = {
    "x86_64": (
        "OpenJDK8U-jdk_x64_linux_hotspot_8u462b08.tar.gz",
        "5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79",
    ),
    "aarch64": (
        "OpenJDK8U-jdk_aarch64_linux_hotspot_8u462b08.tar.gz",
        "19552c1cf7f5c18290a6bdcd6757f70ea5c331a2bc0dd7a3b3120e8dbc4b4891",
    ),
}
PREFIX = "/opt/sparkflows/jdk/releases"
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
# Libraries of glibc that a native library inside some jar may open by name; all must be of one build.
GLIBC = "libBrokenLocale libanl libc libc_malloc_debug libdl libm libmvec libnss_compat libnss_dns libnss_files libpthread libresolv librt libthread_db libutil"


def jks(certificates: list[tuple[str, bytes]]) -> bytes:
    """Return a Java key store (format JKS, password "changeit") that trusts DER certificates, given with their names.

    The layout is the one that sun.security.provider.JavaKeyStore reads: header, entries of type 2, keyed SHA-1 at the end.
    """

    def text(value: str) -> bytes:
        data = value.encode()
        return struct.pack(">H", len(data)) + data

    body = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for name, der in certificates:
        body += struct.pack(">I", 2) + text(name) + struct.pack(">Q", 0) + text("X.509") + struct.pack(">I", len(der)) + der
    return body + hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body, usedforsecurity=False).digest()


def release_name(version_output: str) -> str:
    """Return the release, like 8u504-b01-debian, from what `java -version` says.

    Raises TestbedError when that is no JDK 1.8.
    """
    match = re.search(r'version "1\.8\.0_(\d+)', version_output)
    build = re.search(r"build 1\.8\.0_\d+(?:-[^)\s]*?)?-b(\d+)", version_output)
    if not match:
        raise TestbedError(f"Debian's openjdk-8 packages hold no JDK 1.8: {version_output.strip()!r}.")
    return f"8u{match[1]}-b{build[1] if build else '00'}-debian"


def resolve_links(home: Path, root: Path) -> None:
    """Turn links that lead out of the JDK (into /etc/java-8-openjdk, say) into files; drop those that lead nowhere."""
    for path in sorted(home.rglob("*")):
        if not path.is_symlink():
            continue
        target = str(path.readlink())
        if not target.startswith("/") and (path.parent / target).resolve().is_relative_to(home):
            continue
        inside = root / target.lstrip("/") if target.startswith("/") else path.parent / target
        path.unlink()
        if inside.is_dir():
            shutil.copytree(inside, path)
        elif inside.exists():
            shutil.copy2(inside, path)


def build(folder: Path) -> tuple[Path, str]:
    """Make a JDK tree out of Debian unstable's packages; return it with the name of its release."""
    machine = platform.machine()
    with step("Downloading openjdk-8 of Debian unstable with the libraries below it"):
        packages = ["openjdk-8-jdk-headless", "libstdc++6", "libgcc-s1", "zlib1g", "ca-certificates"]
        debs = debian.download_with_dependencies(packages, "sid", folder / "apt")
    root = folder / "root"
    with step("Unpacking and making it independent of the host's libraries"):
        # Merged /usr: packages that still ship /lib would otherwise hide half of the libraries from us.
        (root / "usr" / "lib").mkdir(parents=True)
        (root / "lib").symlink_to("usr/lib")
        for deb in debs:
            unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
            run(["bash", "-o", "pipefail", "-c", unpack, "-", deb, root], what=f"Unpacking {deb.name}")
        home = next((root / "usr" / "lib" / "jvm").glob("java-8-openjdk-*"))
        resolve_links(home, root)
        write_cacerts(root, home)
        libraries = home / "lib" / "glibc"
        release = relocate(home, root, libraries, machine)
    return home, release


def write_cacerts(root: Path, home: Path) -> None:
    """Write jre/lib/security/cacerts from the certificates in Debian's ca-certificates package."""
    found = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    store = jks([(path.stem.lower(), ssl.PEM_cert_to_DER_cert(path.read_text())) for path in found])
    target = home / "jre" / "lib" / "security" / "cacerts"
    target.unlink(missing_ok=True)
    target.write_bytes(store)


def relocate(home: Path, root: Path, libraries: Path, machine: str) -> str:
    """Put unstable's C library beside the JDK and let every ELF file in it use that one; return the release's name.

    Debian 12's C library is older than the one these binaries were built with, so they bring their own. The kernel
    wants an absolute path to the loader: such a JDK runs from its own place below /opt only.
    """
    triplet = f"{machine}-linux-gnu"
    places = [root / "usr/lib" / triplet, root / "lib" / triplet]
    loader = LOADERS[machine]
    files = list(elf.elf_files(home))
    own = {path.name for path in files}
    libraries.mkdir()
    extra = [place / f"{name}.so{suffix}" for place in places[:1] for name in GLIBC.split() for suffix in (".6", ".2", ".1", ".0")]
    wanted = {path.name: path.resolve() for path in extra if path.exists()}
    wanted |= elf.closure([*files, *wanted.values()], places, own | set(wanted))
    wanted[loader] = places[0] / loader
    for name, path in wanted.items():
        shutil.copy(path, libraries / name)
    executables = [path for path in files if path.stat().st_mode & 0o111 and has_interpreter(path)]
    for path in files:
        elf.set_rpath(path, libraries, inherited=path in executables)
    for name in wanted:
        if name != loader and not name.startswith(("libc.so", "libpthread.so", "libdl.so")):
            elf.set_rpath(libraries / name, libraries)
    # The name of the release is part of the loader's path, and java alone can tell it: ask a copy that runs from here.
    trial = home / "jre" / "bin" / "java-trial"
    shutil.copy2(home / "jre" / "bin" / "java", trial)
    elf.patchelf("--set-interpreter", libraries / loader, trial)
    release = release_name(run(["sh", "-c", '"$1" -version 2>&1', "-", trial], what="Starting the new JDK"))
    trial.unlink()
    for path in executables:
        elf.patchelf("--set-interpreter", f"{PREFIX}/{release}/lib/glibc/{loader}", path)
    return release


def has_interpreter(path: Path) -> bool:
    """Tell whether an ELF file is a program, which names a loader, and not a library."""
    try:
        return bool(elf.patchelf("--print-interpreter", path).strip())
    except TestbedError:
        return False


def artifact(folder: Path) -> dict[str, str]:
    """Return {"release", "file", "sha256"} of the JDK archive in *folder*, making it when it is not there."""
    machine = platform.machine()
    if machine not in TEMURIN:
        raise TestbedError(f"There is no JDK 1.8 archive for {machine}; x86_64 and aarch64 are supported.")
    record = folder / "jdk.json"
    recipe = digest(machine, *(Path(module.__file__ or "").read_bytes() for module in (elf,)), Path(__file__).read_bytes())
    known = read_json(record)
    if known.get("recipe") == recipe and (folder / known["file"]).is_file() and sha256(folder / known["file"]) == known["sha256"]:
        say(f"JDK {known['release']}: present, digest checked")
        return {key: known[key] for key in ("release", "file", "sha256")}
    name, expected = TEMURIN[machine]
    say("JDK: asking for Temurin's archive")
    if download(TEMURIN_BASE + name, folder / name, expected):
        made = {"release": TEMURIN_RELEASE, "file": name, "sha256": expected}
    else:
        say("JDK: Temurin's archive is out of reach; making one of Debian unstable's packages")
        with scratch(cache()) as work:
            home, release = build(work)
            name = f"jdk-{release}-{machine}.tar.gz"
            with step(f"Packing {name}"):
                pack(home, folder / name, top=f"jdk{release}")
        made = {"release": release, "file": name, "sha256": sha256(folder / name)}
    write_json(record, {**made, "recipe": recipe})
    return made
