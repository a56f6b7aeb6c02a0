# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(jdk) leaves behind: a JDK 1.8 at C(jdk_prefix)/current."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _packages_wanted as packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import site
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    Inputs,
    Questions,
    State,
    of_kept_packages,
    of_prediction,
    of_release,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

#: Eclipse Temurin, as published in Adoptium's own container files: the name of an architecture in its file names, and digests by release.
_TEMURIN = {"x86_64": "x64", "aarch64": "aarch64"}
TEMURIN_DIGESTS = {
    "8u462-b08": {
        "x86_64": "5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79",
        "aarch64": "19552c1cf7f5c18290a6bdcd6757f70ea5c331a2bc0dd7a3b3120e8dbc4b4891",
    }
}
_TEMURIN_URL = "https://github.com/adoptium/temurin8-binaries/releases/download/jdk%s/OpenJDK8U-jdk_%s_linux_hotspot_%s.tar.gz"

#: The package of JDK 1.8 by distribution or family, and where it puts it. Debian's stable releases have none.
PACKAGES = {"Ubuntu": "openjdk-8-jdk-headless", "RedHat": "java-1.8.0-openjdk-devel", "Amazon": "java-1.8.0-amazon-corretto-devel"}
_PACKAGE_HOMES = {
    "Ubuntu": "/usr/lib/jvm/java-8-openjdk-%s",
    "RedHat": "/usr/lib/jvm/java-1.8.0-openjdk",
    "Amazon": "/usr/lib/jvm/java-1.8.0-amazon-corretto.%s",
}

#: `java -version` says 'openjdk version "1.8.0_462"', Oracle's 'java version "1.8.0_401"'.
VERIFY = {"argv": ["bin/java", "-version"], "pattern": r'version "1\.8\.', "description": "a JDK 1.8"}
#: The links by which a host finds its default Java, which a package would take over.
ALTERNATIVES = ("/etc/alternatives/java", "/etc/alternatives/javac")


def _present(settings: Settings) -> bool:
    return bool(settings["jdk_state"] == "present")


def archive(settings: Settings, architecture: str) -> tuple[str, str]:
    """Address or path of the archive, and its digest; both empty where the role knows none for an architecture."""
    release = settings["jdk_release"]
    name = _TEMURIN.get(architecture, "")
    url = _TEMURIN_URL % (release, name, release.replace("-", "")) if name else ""
    return settings["jdk_archive_src"] or url, settings["jdk_archive_sha256"] or TEMURIN_DIGESTS.get(release, {}).get(architecture, "")


def _package_homes(settings: Settings) -> dict[str, str]:
    """Where the package puts its JDK, by distribution; `%s` stands for the architecture."""
    return dict.fromkeys(PACKAGES, str(settings["jdk_package_home"])) if settings["jdk_package_home"] else _PACKAGE_HOMES


def _home(home: str, distribution: str, architecture: str) -> str:
    return home.replace("%s", {"x86_64": "amd64", "aarch64": "arm64"}[architecture] if distribution == "Ubuntu" else architecture)


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    prefix = settings["jdk_prefix"]
    if not _present(settings):
        return {"in_use": [prefix], "predictions": [{"name": "jdk", "module": "archive_release", "options": {"dest": prefix, "state": "absent"}}]}
    asked: Questions = {"paths": [prefix], "files": [{"path": path} for path in ALTERNATIVES], "predictions": []}
    shared = {"dest": prefix, "keep": settings["jdk_keep"], "verify": VERIFY}
    if settings["jdk_provider"] == "archive":
        for architecture in _TEMURIN:
            src, sha256 = archive(settings, architecture)
            options = {**shared, "release": settings["jdk_release"], "src": src, "sha256": sha256, "remote_src": settings["jdk_archive_remote_src"]}
            asked["predictions"].append({"name": "jdk", "module": "archive_release", "options": options, "architecture": architecture})
    elif settings["jdk_provider"] == "preinstalled":
        asked["files"].append({"path": settings["jdk_preinstalled_home"]})
        asked["predictions"].append({"name": "jdk", "module": "archive_release", "options": {**shared, "home": settings["jdk_preinstalled_home"]}})
    else:
        asked["packages"] = [{"name": settings["jdk_package"]}] if settings["jdk_package"] else packages.by_distribution(PACKAGES)
        homes = _package_homes(settings)
        asked["predictions"] += [
            {
                "name": "jdk",
                "module": "archive_release",
                "options": {**shared, "home": _home(home, distribution, architecture)},
                "architecture": architecture,
                **(packages.place(distribution, homes) if not settings["jdk_package_home"] else {}),
            }
            for distribution, home in homes.items()
            for architecture in _TEMURIN
        ]
    return asked


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    if not _present(settings):
        return site.still_needed(settings, "jdk") + checks.foreseen(reading, "jdk")
    found = checks.system(reading) + checks.places(reading, [settings["jdk_prefix"]])
    system = reading["os"]
    if settings["jdk_provider"] == "package" and not settings["jdk_package"] and packages.chosen(PACKAGES, reading) is None:
        found.append(
            "%s %s has no package of JDK 1.8. Use jdk_provider archive, or name a package of your own with jdk_package and jdk_package_home."
            % (system["distribution"], system["major_version"])
        )
    if settings["jdk_provider"] == "package" and settings["jdk_package"] and not settings["jdk_package_home"] and packages.chosen(PACKAGES, reading) is None:
        found.append("jdk_package is %s, but nothing says where it puts its JDK. Set jdk_package_home." % settings["jdk_package"])
    if settings["jdk_provider"] == "preinstalled":
        found += checks.present(reading, {"jdk_preinstalled_home": settings["jdk_preinstalled_home"]}) or checks.foreseen(reading, "jdk")
    # What a package is yet to bring need not answer.
    return found + (checks.foreseen(reading, "jdk") if settings["jdk_provider"] == "archive" else [])


def _package(settings: Settings, reading: Reading) -> list[str]:
    """The package that brings the JDK, where one does."""
    name = (settings["jdk_package"] or packages.chosen(PACKAGES, reading)) if settings["jdk_provider"] == "package" else None
    return [str(name)] if name else []


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """``src`` and ``sha256`` of the archive, or ``home`` of a JDK that is there.

    For a package also its name, whether ``apt`` installs it, and ``alternatives``, the host's links with their targets.
    """
    if reading is None or not _present(settings):
        return {"in_use": reading["in_use"].get(settings["jdk_prefix"], []) if reading else []}
    architecture = reading["architecture"]
    if settings["jdk_provider"] == "archive":
        src, sha256 = archive(settings, architecture)
        return {"verify": VERIFY, "src": src, "sha256": sha256}
    if settings["jdk_provider"] == "preinstalled":
        return {"verify": VERIFY, "home": settings["jdk_preinstalled_home"]}
    home = packages.chosen(_package_homes(settings), reading) or settings["jdk_package_home"]
    seen = {path: reading["files"][path] for path in ALTERNATIVES}
    return {
        "verify": VERIFY,
        "apt": reading["os"]["family"] == "Debian",
        "home": _home(home, reading["os"]["distribution"], architecture),
        "package": settings["jdk_package"] or packages.chosen(PACKAGES, reading),
        "alternatives": [{"name": path.rpartition("/")[2], "target": facts["target"]} for path, facts in seen.items() if facts["target"]],
    }


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it. Steps: C(package), C(release), C(surplus), and C(removed) for a role that is absent."""
    if not _present(settings):
        found = of_prediction("jdk", "removed", settings["jdk_prefix"], reading, "jdk")
        return found + of_kept_packages("jdk", _package(settings, reading), found)
    found = of_release("jdk", settings["jdk_prefix"], reading, "jdk")
    seen = reading["predictions"].get("jdk") or {}
    if settings["jdk_provider"] == "package" and not seen.get("version_output") and not seen.get("error"):
        package = settings["jdk_package"] or packages.chosen(PACKAGES, reading)
        found.insert(0, Difference("jdk", "package", "package %s" % package, "missing", "installed"))
    return found


STATE = State(questions, findings, differences, inputs=inputs)
