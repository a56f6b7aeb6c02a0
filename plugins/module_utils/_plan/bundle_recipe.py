# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a bundle is built from, out of the settings of the hosts that it is for."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.advisories import Row, rows
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.archive import SUFFIXES
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.build import Source
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlops_bundle, pip_stack
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings, shown
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import jdk, mlflow_server, mlops_agent, python
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES

#: The roles whose settings count.
ROLES = ("jdk", "python", "pip_stack", "mlflow_server")
_BUILD_LOCK = os.path.join(pip_stack.LOCKS.rpartition(os.sep + "pip_stack" + os.sep)[0], "mlops_bundle", "files", "build-3.7.txt")


class Options(t.NamedTuple):
    """Where the bundle goes, how it is compressed, the extras whose distributions are in it, as pip_stack_extras names them, whether it has a bill of
    materials, and where data about advisories is, if any.
    """

    dest: str
    compression: str
    extras: t.Sequence[str]
    sbom: bool
    advisories: str


def options(args: t.Mapping[str, t.Any]) -> Options:
    """The options of a task. Raises `Problem` for one that can't be right."""
    compression = args.get("compression") or "gz"
    if compression not in SUFFIXES:
        raise Problem("bundle_compression is '%s'; it must be one of %s." % (shown(compression), ", ".join(SUFFIXES)))
    extras = args["extras"] if args.get("extras") is not None else pip_stack.OWN_EXTRAS
    if isinstance(extras, str) or not all(isinstance(extra, str) for extra in extras):
        raise Problem("bundle_extras must be a list of texts, such as [h2o, sklearn].")
    if not args.get("dest"):
        raise Problem("bundle_dest is empty, but a folder on the controller was expected.")
    return Options(str(args["dest"]), compression, extras, args.get("sbom") is not False, str(args.get("advisories") or ""))


def problems(settings: Settings, machine: str) -> list[str]:
    """Sentences for settings of a host that no bundle can be built from on this machine."""
    found = []
    for role in ("jdk", "python"):
        if settings[role + "_provider"] != "archive":
            found.append("%s_provider is %s, but a bundle holds archives. Set it to archive." % (role, settings[role + "_provider"]))
        elif settings[role + "_archive_remote_src"]:
            found.append("%s_archive_remote_src is true, but a bundle is built on the controller. Name a URL or a path there." % role)
        elif not all(archives(settings, machine)[role][1:3]):
            found.append(
                "The role %s knows no archive for the architecture %s, which this machine and the hosts of its bundle have. Set %s_archive_src and "
                "%s_archive_sha256." % (role, machine, role, role)
            )
    return found


def archives(settings: Settings, machine: str) -> dict[str, Source]:
    """The archives of JDK and Python for hosts of the architecture of this machine, by role; a digest or a source that nobody knows is empty."""
    found = {}
    for role, (src, sha256, root) in (("jdk", (*jdk.archive(settings, machine), "")), ("python", python.archive(settings, machine))):
        login = {"url_" + name: settings["%s_archive_%s" % (role, name)] or None for name in ("username", "password")}
        access = {"ca_path": settings[role + "_archive_ca_path"] or None, **login}
        found[role] = Source(settings[role + "_release"], src, sha256.lower(), root, access)
    return found


def locks(settings: Settings, extras: t.Iterable[str]) -> dict[str, str]:
    """The texts of the stack's locks, of its extras' and of the installer's, by the names that they have in a bundle."""
    named = dict.fromkeys([*settings["pip_stack_extras"], *extras])
    paths = {"mlflow": settings["pip_stack_lock"] or os.path.join(pip_stack.LOCKS, "mlflow.txt")}
    paths.update((mlops_bundle.lock_name(extra), os.path.join(pip_stack.LOCKS, extra + ".txt") if extra in pip_stack.OWN_EXTRAS else extra) for extra in named)
    paths["uv"] = settings["pip_stack_uv_lock"] or os.path.join(pip_stack.LOCKS, "uv.txt")
    return {name: _text(path) for name, path in paths.items()}


def build_lock() -> str:
    """What builds wheels of source distributions."""
    return _text(_BUILD_LOCK)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise Problem(
            "The controller can't read the lock %s (%s). bundle_extras knows %s and such files." % (path, reason, ", ".join(pip_stack.OWN_EXTRAS))
        ) from None


def table_of_advisories() -> dict[str, Row]:
    """The rows of docs/security.md, none where the collection came without its documents."""
    try:
        return rows(_text(os.path.join(pip_stack.LOCKS.rpartition(os.sep + "roles" + os.sep)[0], "docs", "security.md")))
    except Problem:
        return {}


def own_code() -> dict[str, str]:
    """The folders of the programs that the collection brings itself, by the names that they have in a bundle."""
    return {"agent": mlops_agent.SOURCE, "guard": mlflow_server.GUARD_SOURCE}


def index(settings: Settings) -> dict[str, t.Any]:
    """Where distributions come from, as options of C(pip_environment)."""
    same = ("index_url", "extra_index_urls", "find_links", "offline", "ca_bundle")
    return {name: settings["pip_stack_" + name] or None for name in same}


def os_packages(settings: Settings) -> dict[str, list[str]]:
    """The packages of the operating system that roles install on hosts with these settings, by distribution or family, C(any) for all."""
    found: dict[str, list[str]] = {}
    # In a bundle the archive of Python is one that needs no program to be unpacked.
    given = {**settings, "python_archive_src": "python.tar.gz"}
    for role in ROLES:
        for package in STATES[role].questions(given).get("packages", ()):
            names = found.setdefault(package.get("distribution") or "any", [])
            if package["name"] not in names:
                names.append(package["name"])
    return found
