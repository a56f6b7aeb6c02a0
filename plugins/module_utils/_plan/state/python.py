# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(python) leaves behind: a CPython 3.7 at C(python_prefix)/current."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _packages_wanted as packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import python as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import site
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    Inputs,
    Questions,
    State,
    of_kept_packages,
    of_packages,
    of_prediction,
    of_release,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

#: python-build-standalone's last build of 3.7 (August 2020). It was never built for aarch64.
_STANDALONE_ARCHITECTURE = "x86_64"
_STANDALONE_URL = (
    "https://github.com/astral-sh/python-build-standalone/releases/download/20200822/cpython-3.7.9-x86_64-unknown-linux-gnu-pgo-20200823T0036.tar.zst"
)
_STANDALONE_SHA256 = "c6d6256d13e929e77e7ee6e53470fe63ad19d173fee6d56bb1b2dbda67081543"
_STANDALONE_ROOT = "python/install"

#: Compiler and headers by family, for the libraries that the stack needs.
BUILD_PACKAGES: t.Mapping[str, t.Sequence[str]] = {
    "Debian": (
        "gcc", "libbz2-dev", "libffi-dev", "liblzma-dev", "libncurses-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev", "make", "uuid-dev",
        "xz-utils", "zlib1g-dev",
    ),
    "RedHat": (
        "bzip2-devel", "gcc", "libffi-devel", "libuuid-devel", "make", "ncurses-devel", "openssl-devel", "readline-devel", "sqlite-devel", "tar", "xz",
        "xz-devel", "zlib-devel",
    ),
}  # fmt: skip

#: The stack needs more than a bare interpreter: a Python built without one of these libraries fails much later.
VERIFY = {
    "argv": [
        "bin/python3.7",
        "-I",
        "-c",
        'import bz2, ctypes, ensurepip, hashlib, lzma, sqlite3, ssl, sys, venv, zlib; print("Python", sys.version.split()[0])',
    ],
    "pattern": r"^Python 3\.7\.",
    "description": "a CPython 3.7 with bz2, ctypes, ensurepip, lzma, sqlite3, ssl, venv and zlib",
}


def _present(settings: Settings) -> bool:
    return bool(settings["python_state"] == "present")


def archive(settings: Settings, architecture: str) -> tuple[str, str, str]:
    """Address or path of the archive, its digest, and the folder in it; empty where the role knows none for an architecture."""
    known = settings["python_release"] == rules.KNOWN_RELEASE and architecture == _STANDALONE_ARCHITECTURE
    sha256 = settings["python_archive_sha256"] or (_STANDALONE_SHA256 if known else "")
    root = settings["python_archive_root"] or (_STANDALONE_ROOT if sha256.lower() == _STANDALONE_SHA256 else "")
    return settings["python_archive_src"] or (_STANDALONE_URL if known else ""), sha256, root


def _archive_packages(settings: Settings) -> list[str]:
    """What unpacking the archive, and its interpreter, need from the distribution."""
    packed = (settings["python_archive_src"] or _STANDALONE_URL).endswith((".zst", ".tzst"))
    return list(dict.fromkeys([*settings["python_archive_packages"], *(["zstd"] if packed else [])]))


def _built(settings: Settings) -> str:
    """Where an interpreter is built. It knows its own path, so that is where it stays."""
    return "%s/built/%s" % (settings["python_prefix"], settings["python_source_release"])


def _marker(settings: Settings) -> dict[str, str]:
    """What the last file that a build writes says: a tree without it was cut short, one with another is of another source."""
    return {"release": settings["python_source_release"], "sha256": settings["python_source_sha256"]}


def _home(settings: Settings) -> str:
    """The folder with C(bin/python3.7) in it that the link is to point to."""
    if settings["python_provider"] == "archive":
        return "%s/releases/%s" % (settings["python_prefix"], settings["python_release"])
    if settings["python_provider"] == "source":
        return _built(settings)
    path: str = settings["python_%s_executable" % settings["python_provider"]]
    return path[: -len("/bin/python3.7")] or "/"


def executable(settings: Settings) -> str:
    """The interpreter itself, to which the link leads."""
    return _home(settings).rstrip("/") + "/bin/python3.7"


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    prefix, provider = settings["python_prefix"], settings["python_provider"]
    if not _present(settings):
        prediction = {"name": "python", "module": "archive_release", "options": {"dest": prefix, "state": "absent"}}
        return {"in_use": [prefix], "files": [{"path": prefix + "/built"}], "predictions": [prediction]}
    shared = {"dest": prefix, "keep": settings["python_keep"]}
    asked: Questions = {"paths": [prefix], "files": [{"path": executable(settings)}], "predictions": []}
    if provider == "archive":
        asked["packages"] = [{"name": name, "unless": executable(settings)} for name in _archive_packages(settings)]
        for architecture in checks.ARCHITECTURES:
            src, sha256, root = archive(settings, architecture)
            release = {"release": settings["python_release"], "src": src, "sha256": sha256, "root": root, "remote_src": settings["python_archive_remote_src"]}
            if src and sha256:
                options = {**shared, **release, "verify": VERIFY}
                asked["predictions"].append({"name": "python", "module": "archive_release", "options": options, "architecture": architecture})
        return asked
    options = {**shared, "home": _home(settings)}
    asked["predictions"] = [{"name": "python", "module": "archive_release", "options": {**options, "verify": VERIFY}}]
    if provider == "package":
        asked["packages"] = [{"name": settings["python_package"], "unless": executable(settings)}]
    if provider == "source":
        asked["packages"] = packages.by_distribution(BUILD_PACKAGES, executable(settings))
        asked["files"] += [{"path": _built(settings) + "/.built.json", "text": True}, {"path": _built(settings) + "-source"}]
    if provider != "preinstalled":
        # One that is yet to come does not answer, and the link is judged all the same.
        asked["predictions"].append({"name": "python_link", "module": "archive_release", "options": options})
    return asked


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    if not _present(settings):
        return site.still_needed(settings, "python") + checks.foreseen(reading, "python")
    found = checks.system(reading) + checks.places(reading, [settings["python_prefix"]])
    if settings["python_provider"] == "archive" and reading["architecture"] in checks.ARCHITECTURES:
        src, sha256, dummy = archive(settings, reading["architecture"])
        if not src:
            found.append(
                "No archive of CPython 3.7 for %s is known to the role python. Set python_archive_src and python_archive_sha256 to an archive of "
                "your own, or use python_provider source." % reading["architecture"]
            )
        elif not sha256:
            found.append(
                "The role python does not know the digest of an archive of CPython %s for %s. Set python_archive_sha256 to the SHA-256 that its "
                "publisher names." % (settings["python_release"], reading["architecture"])
            )
    if settings["python_provider"] == "preinstalled":
        found += checks.present(reading, {"python_preinstalled_executable": executable(settings)}) or checks.foreseen(reading, "python")
        return found
    # One that a package or a build is yet to bring need not answer.
    return found + checks.foreseen(reading, "python" if settings["python_provider"] == "archive" else "python_link")


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """``packages``, ``src``, ``sha256`` and ``root`` of an archive or ``home`` of another interpreter, and what ``build`` makes and marks it with.

    ``tried_in_check_mode`` says whether the interpreter can be: one that is yet to be installed or built can't.
    """
    if reading is None or not _present(settings):
        return {"in_use": reading["in_use"].get(settings["python_prefix"], []) if reading else []}
    given: Inputs = {"verify": VERIFY, "apt": reading["os"]["family"] == "Debian", "packages": _packages(settings, reading)}
    given["tried_in_check_mode"] = _answers(reading) or settings["python_provider"] in ("archive", "preinstalled")
    if settings["python_provider"] == "archive":
        given["src"], given["sha256"], given["root"] = archive(settings, reading["architecture"])
    else:
        given["home"] = _home(settings)
    if settings["python_provider"] == "source":
        home = _built(settings)
        given["build"] = {"tree": home + "-source", "marker": home + "/.built.json", "mark": _marker(settings)}
    return given


def _answers(reading: Reading) -> bool:
    return bool((reading["predictions"].get("python") or {}).get("version_output"))


def _packages(settings: Settings, reading: Reading) -> list[str]:
    provider = settings["python_provider"]
    if provider == "source":
        return list(packages.chosen(BUILD_PACKAGES, reading) or ())
    return {"archive": _archive_packages(settings), "package": [settings["python_package"]]}.get(provider, [])


def _is_marked(settings: Settings, reading: Reading) -> bool:
    try:
        return bool(json.loads(reading["files"][_built(settings) + "/.built.json"]["text"] or "null") == _marker(settings))
    except ValueError:
        return False


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it.

    Steps: C(packages), C(build), C(tidied) for what a build left, C(release), C(surplus), and C(removed) for a role that is absent.
    """
    prefix, provider = settings["python_prefix"], settings["python_provider"]
    if not _present(settings):
        built = prefix + "/built"
        found = [Difference("python", "removed", built, "there", "removed")] if reading["files"][built]["exists"] else []
        found += of_prediction("python", "removed", prefix, reading, "python")
        return found + of_kept_packages("python", _packages(settings, reading), found)
    if provider in ("archive", "preinstalled"):
        found = of_release("python", prefix, reading, "python")
        needed = provider == "archive" and not _answers(reading) and bool(found)
    else:
        found, needed = [], not _answers(reading)
        there = reading["files"][executable(settings)]["exists"]
        error = reading["predictions"]["python"]["error"] if there else ""
        if provider == "source":
            needed = needed or not _is_marked(settings, reading)
            if needed:
                was = ("was cut short, or is of another source" if _answers(reading) else "does not work") if there else "missing"
                found.append(Difference("python", "build", _built(settings), was, "built", error or ""))
            elif reading["files"][_built(settings) + "-source"]["exists"]:
                found.append(Difference("python", "tidied", _built(settings) + "-source", "left by a build", "removed"))
        elif needed:
            # Without another word where the link is right: the package may bring it, and trying it says so.
            found.append(Difference("python", "release", executable(settings), "does not work" if there else "missing", "tried", error or ""))
        found += of_release("python", prefix, reading, "python_link")
    if needed:
        found = of_packages("python", _packages(settings, reading), reading, not reading["files"][executable(settings)]["exists"]) + found
    return found


STATE = State(questions, findings, differences, inputs=inputs)
