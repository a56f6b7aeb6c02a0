# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(mlops_bundle), and what a bundle says instead of the variables of the roles that install from it."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.archive import Head
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import WHEELS, Runtime
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import pip_stack
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings

#: The roles that install from a bundle, and those of their options that it answers.
OPTIONS: t.Mapping[str, tuple[str, ...]] = {
    "jdk": ("jdk_release", "jdk_archive_src", "jdk_archive_sha256", "jdk_archive_remote_src"),
    "python": ("python_release", "python_archive_src", "python_archive_sha256", "python_archive_remote_src", "python_archive_root"),
    "pip_stack": ("pip_stack_lock", "pip_stack_uv_lock", "pip_stack_extras", "pip_stack_find_links", "pip_stack_offline"),
}
#: Providers with which a role installs nothing that a bundle could hold.
_ELSEWHERE = ("package", "source")


def _source(name: str, value: str) -> list[str]:
    if "://" in value and not rules.is_url(value, ("http", "https")):
        return ["%s is '%s', but a path on the controller or a URL such as https://HOST/bundle.tar.gz was expected." % (name, rules.shown(value))]
    return rules.one_line("a path on the controller or a URL").judge(name, value)


RULES: rules.Table = {
    "mlops_bundle": Rule(_source),
    "mlops_bundle_sha256": rules.digest(or_nothing=True),
    # pip and uv are told of the folder in a list.
    "mlops_bundle_prefix": rules.absolute_path(deep=True),
    "mlops_bundle_keep": rules.at_least(0),
    "mlops_bundle_ca_path": rules.absolute_path(or_nothing=True, plain=False),
    "mlops_bundle_environment": rules.environment(),
}


def given(settings: Settings) -> bool:
    """Whether a host is to install from a bundle."""
    return bool(settings.get("mlops_bundle")) and settings["mlops_bundle_state"] == "present"


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right, and for providers of other roles that install from elsewhere."""
    if settings["mlops_bundle_state"] == "absent":
        found = rules.judge(rules.only(RULES, "mlops_bundle_prefix"), settings)
        if settings.get("mlops_bundle"):
            found.append("mlops_bundle is given, and mlops_bundle_state is absent. Leave one of them out.")
        return found
    found = rules.judge(RULES, settings)
    for role in ("jdk", "python") if given(settings) else ():
        provider = settings.get(role + "_provider")
        if provider in _ELSEWHERE and settings[role + "_state"] == "present":
            found.append(
                "%s_provider is %s, which installs from elsewhere than the bundle that mlops_bundle names. Leave it out, or set it to archive or "
                "preinstalled." % (role, provider)
            )
    return found


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    return rules.archive_on_controller("mlops_bundle", settings) if given(settings) else []


def lock_name(extra: str) -> str:
    """What a bundle calls the lock of an entry of pip_stack_extras, which is a name of the role's own or a path."""
    return extra if extra in pip_stack.OWN_EXTRAS else os.path.splitext(os.path.basename(extra))[0]


def folder(settings: Settings) -> str:
    """Where roles find the bundle on the host."""
    return str(settings["mlops_bundle_prefix"]) + "/current"


def options(settings: Settings, head: Head, locks: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The values of `OPTIONS` with a bundle, for the roles whose settings are given. Raises `Problem` for an extra that the bundle lacks.

    :param locks: paths on the controller of the bundle's locks, by their names.
    """
    found: dict[str, t.Any] = {}
    for role, runtime in (("jdk", head.manifest.jdk), ("python", head.manifest.python)):
        if role + "_state" in settings:
            found.update(_archive(role, runtime, folder(settings), head))
    if "python_state" in settings:
        found["python_archive_root"] = head.manifest.python.root
    if "pip_stack_state" in settings:
        lacking = [extra for extra in settings["pip_stack_extras"] if lock_name(extra) not in locks]
        if lacking or "mlflow" not in locks or "uv" not in locks:
            raise Problem(
                "The bundle has no lock of %s; it has %s. Build it with these among bundle_extras, or take them out of pip_stack_extras."
                % (", ".join(rules.shown(extra) for extra in lacking) or "mlflow and uv", ", ".join(sorted(locks)))
            )
        found.update(
            pip_stack_lock=locks["mlflow"],
            pip_stack_uv_lock=locks["uv"],
            pip_stack_extras=[locks[lock_name(extra)] for extra in settings["pip_stack_extras"]],
            pip_stack_find_links=["%s/%s" % (folder(settings), WHEELS)],
            pip_stack_offline=True,
        )
    return found


def _archive(role: str, runtime: Runtime, place: str, head: Head) -> dict[str, t.Any]:
    return {
        role + "_release": runtime.release,
        role + "_archive_src": "%s/%s" % (place, runtime.file),
        role + "_archive_sha256": head.manifest.files[runtime.file].sha256,
        role + "_archive_remote_src": True,
    }
