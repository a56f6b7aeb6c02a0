# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(jdk)."""

from __future__ import annotations

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings

#: The releases of Temurin whose digests the role knows.
KNOWN_RELEASES = ("8u462-b08",)


def _archive(settings: Settings) -> bool:
    return bool(settings["jdk_provider"] == "archive")


def _package(settings: Settings) -> bool:
    return bool(settings["jdk_provider"] == "package")


def _preinstalled(settings: Settings) -> bool:
    return bool(settings["jdk_provider"] == "preinstalled")


RULES: rules.Table = {
    "jdk_prefix": rules.absolute_path(plain=False, deep=True),
    "jdk_release": rules.shape(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "a release's name, such as 8u462-b08").when(_archive),
    "jdk_archive_src": rules.one_line("a URL or a path").when(_archive),
    "jdk_archive_sha256": rules.digest(or_nothing=True).when(_archive),
    "jdk_archive_ca_path": rules.absolute_path(or_nothing=True, plain=False).when(_archive),
    "jdk_archive_username": rules.one_line().when(_archive),
    "jdk_archive_password": rules.secret(),
    "jdk_environment": rules.environment(),
    "jdk_package": rules.one_line("a package's name").when(_package),
    "jdk_package_home": rules.absolute_path(or_nothing=True, plain=False).when(_package),
    "jdk_preinstalled_home": rules.absolute_path(plain=False, expected="the absolute path of the JDK on the host, which jdk_provider preinstalled needs,").when(
        _preinstalled
    ),
    "jdk_keep": rules.at_least(0),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right."""
    if settings["jdk_state"] == "absent":
        return rules.judge(rules.only(RULES, "jdk_prefix"), settings)
    found = rules.judge(RULES, settings)
    unknown = settings["jdk_release"] not in KNOWN_RELEASES and rules.fits(RULES, "jdk_release", settings)
    if _archive(settings) and unknown and not settings["jdk_archive_sha256"]:
        found.append(
            "The role does not know the digest of JDK %s. Set jdk_archive_sha256 to the SHA-256 that its publisher names."
            % rules.shown(settings["jdk_release"])
        )
    return found


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    if settings["jdk_state"] == "absent" or not _archive(settings):
        return []
    return rules.archive_on_controller("jdk_archive_src", settings, "jdk_archive_remote_src")
