# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(python)."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings

#: The release that the role knows an archive of.
KNOWN_RELEASE = "3.7.9"


def _with(*providers: str) -> t.Callable[[Settings], bool]:
    return lambda settings: settings["python_provider"] in providers


_archive, _source = _with("archive"), _with("source")
_RELEASE = rules.shape(r"3\.7\.[0-9]+", "a release of CPython 3.7, for which the stack is pinned,")
_INTERPRETER = rules.shape(r"/(?:[^\x00-\x1f]*/)?bin/python3\.7", "the path of an interpreter, <somewhere>/bin/python3.7 beginning with a slash,")

RULES: rules.Table = {
    "python_prefix": rules.absolute_path(plain=False, deep=True),
    "python_release": _RELEASE.when(_archive),
    "python_archive_src": rules.one_line("a URL or a path").when(_archive),
    "python_archive_sha256": rules.digest(or_nothing=True).when(_archive),
    "python_archive_root": rules.shape(r"(?!/)(?!(?:.*/)?\.\.(?:/|\Z))[^\x00-\x1f]*", "a path inside the archive or nothing").when(_archive),
    "python_archive_packages": rules.texts().when(_archive),
    "python_archive_ca_path": rules.absolute_path(or_nothing=True, plain=False).when(_archive),
    "python_archive_username": rules.one_line().when(_archive),
    "python_archive_password": rules.secret(),
    "python_source_release": _RELEASE.when(_source),
    "python_source_src": rules.shape(r"[^\x00-\x1f]+", "a URL or a path").when(_source),
    "python_source_sha256": rules.digest().when(_source),
    "python_source_configure_arguments": rules.texts().when(_source),
    "python_package": rules.shape(r"[^\x00-\x1f]+", "a package of your repositories that holds CPython 3.7").when(_with("package")),
    "python_package_executable": _INTERPRETER.when(_with("package")),
    "python_preinstalled_executable": _INTERPRETER.when(_with("preinstalled")),
    "python_environment": rules.environment(),
    "python_keep": rules.at_least(0),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right."""
    if settings["python_state"] == "absent":
        return rules.judge(rules.only(RULES, "python_prefix"), settings)
    found = rules.judge(RULES, settings)
    if _archive(settings) and settings["python_release"] != KNOWN_RELEASE and rules.fits(RULES, "python_release", settings):
        because = "The role knows an archive of CPython %s only, and python_release is %s" % (KNOWN_RELEASE, rules.shown(settings["python_release"]))
        found += rules.needed(("python_archive_src", "python_archive_sha256"), settings, because)
    return found


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    if settings["python_state"] == "absent":
        return []
    if _archive(settings):
        return rules.archive_on_controller("python_archive_src", settings, "python_archive_remote_src")
    if _source(settings):
        return rules.archive_on_controller("python_source_src", settings)
    return []
