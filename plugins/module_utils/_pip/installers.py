# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Runs uv or pip on a lock, and turns what they complain about into sentences."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import OUT_OF_INODES, free_inodes, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import Sources, hide_credentials

# Prints where pip's own code can be had: as a wheel that Python brings (ensurepip), or as an installed package.
_PIP_PLACES = """
import glob, os, sysconfig
places = []
try:
    import ensurepip
    places += glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
except ImportError:
    pass
places += glob.glob("/usr/share/python-wheels/pip-*.whl")
places += [os.path.join(sysconfig.get_paths()["purelib"], "pip")]
print("\\n".join(place for place in places if os.path.exists(place)))
"""

# Prints the index that pip asks where nothing is configured.
_PIP_DEFAULT_INDEX = (
    _PIP_PLACES
    + """
import sys
sys.path.insert(0, next(place if place.endswith(".whl") else os.path.dirname(place) for place in places if os.path.exists(place)))
from pip._internal.models.index import PyPI
print("index " + PyPI.simple_url)
"""
)


class Runner:
    """Runs programs with a time limit; they keep the file descriptor `lock` open, so that one that outlives us is waited for."""

    def __init__(self, lock: int, timeout: int) -> None:
        self.lock = lock
        self.timeout = timeout

    def run(self, argv: list[str], environment: dict[str, str], what: str) -> tuple[int, str]:
        """The exit status of a program and all that it printed. Raises `Problem` when it can't be started or takes too long."""
        try:
            return commands.run(argv, environment, self.timeout, pass_fds=(self.lock,))
        except OSError as error:
            raise Problem("%s failed: %s can't be run (%s)." % (what, argv[0], error.strerror)) from None
        except commands.TooSlow:
            raise Problem("%s did not end within %d seconds. Check the network, or raise timeout." % (what, self.timeout)) from None


def make_environment(runner: Runner, python: str, path: str, sources: Sources) -> None:
    """Make a virtual environment without pip."""
    status, output = runner.run([python, "-I", "-m", "venv", "--without-pip", path], sources.base_environment(), "Making the virtual environment")
    if status:
        raise Problem(
            "%s could not make a virtual environment: %s. On Debian and Ubuntu a packaged Python needs its venv package." % (python, _last_line(output))
        )


def default_index(runner: Runner, python: str, sources: Sources) -> str | None:
    """The index that the pip which `python` brings asks where nothing is configured, or None when it brings none."""
    dummy, output = runner.run([python, "-I", "-c", _PIP_DEFAULT_INDEX], sources.base_environment(), "Asking pip for its index")
    return next((line[len("index ") :] for line in output.splitlines() if line.startswith("index ")), None)


def sync_with_uv(runner: Runner, uv: str, path: str, lock: str, sources: Sources, cache: str) -> None:
    """Make the virtual environment `path` equal the file `lock` with uv."""
    argv = [uv, "pip", "sync", "--quiet", "--python", os.path.join(path, "bin", "python"), "--require-hashes"]
    if sources.offline:
        argv.append("--no-index")
    status, output = runner.run(argv + [lock], sources.for_uv(cache), "uv")
    if status and cache in output:
        # A cache that lost or damaged something, when the machine lost power perhaps.
        remove(cache)
        status, output = runner.run(argv + [lock], sources.for_uv(cache), "uv")
    if status:
        if _DISK_FULL.search(output):
            remove(cache)  # or what it holds of an installation that did not fit keeps the next one from fitting
        raise Problem(explained(output, "uv", sources, path))
    remove(os.path.join(path, ".lock"))  # uv leaves it, and lets everybody write to it


def trim_cache(cache: str) -> None:
    """Remove from uv's cache what no environment uses and what a next installation can do without.

    The cache holds unpacked wheels, whose files are links to those in the environments, so what still counts costs no
    space. Sources of what was built, and the wheels that came of it, take as much again, and only their unpacked form is needed.
    """
    buckets = [os.path.join(cache, name) for name in _listed(cache)]
    unused = {
        os.path.join(bucket, name)
        for bucket in buckets
        if os.path.basename(bucket).startswith("archive-")
        for name in _listed(bucket)
        if not _is_linked(os.path.join(bucket, name))
    }
    # First what refers to an archive, then the archive: uv fails on a reference to nothing.
    for bucket in buckets:
        if os.path.basename(bucket).startswith(("wheels-", "sdists-")):
            for parent, folders, files in os.walk(bucket):
                for name in folders + files:
                    path = os.path.join(parent, name)
                    if os.path.islink(path) and (not os.path.exists(path) or os.path.realpath(path) in unused):
                        for other in _listed(parent):
                            if other.startswith(name + ".") or other == name or other == "metadata.msgpack":
                                remove(os.path.join(parent, other))
                    elif name == "src" or name.endswith((".whl", ".lock")):  # uv lets everybody write to its locks
                        remove(path)
                folders[:] = [name for name in folders if os.path.isdir(os.path.join(parent, name))]
    for path in unused:
        remove(path)
    remove(os.path.join(cache, ".lock"))


def _is_linked(folder: str) -> bool:
    """Whether a file below a folder has another name somewhere."""
    return any(os.lstat(os.path.join(parent, name)).st_nlink > 1 for parent, dummy, files in os.walk(folder) for name in files)


def _listed(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def install_with_pip(runner: Runner, python: str, path: str, lock: str, sources: Sources) -> None:
    """Install the file `lock` into the fresh virtual environment `path` with the pip that `python` brings; pip itself stays out of it."""
    scratch = tempfile.mkdtemp(prefix=".tmp-", dir=os.path.dirname(path))
    try:
        _borrow_pip(runner, python, scratch, sources)
        environment = dict(sources.for_pip(), PYTHONPATH=scratch, PYTHONDONTWRITEBYTECODE="1", TMPDIR=scratch)
        argv = [
            os.path.join(path, "bin", "python"),
            "-m",
            "pip",
            "install",
            "-vv",
            "--no-compile",
            "--no-deps",
            "--require-hashes",
            "--use-pep517",
            "--ignore-installed",
            "-r",
            lock,
        ]
        status, output = runner.run(argv, environment, "pip")
    finally:
        remove(scratch)
    if status:
        raise Problem(explained(output, "pip", sources, path))


def _borrow_pip(runner: Runner, python: str, scratch: str, sources: Sources) -> None:
    dummy, output = runner.run([python, "-I", "-c", _PIP_PLACES], sources.base_environment(), "Looking for pip")
    place = next((line for line in output.splitlines() if os.path.isabs(line)), None)
    if place is None:
        raise Problem("%s brings no pip (its ensurepip is missing). Install the venv package of this Python, or let uv install." % python)
    if place.endswith(".whl"):
        with zipfile.ZipFile(place) as archive:
            archive.extractall(scratch)
    else:
        shutil.copytree(place, os.path.join(scratch, "pip"))


def explained(output: str, installer: str, sources: Sources, path: str) -> str:
    """One or two sentences for what an installer printed when it failed to fill the environment at `path`."""
    text = hide_credentials(re.sub(r"\x1b\[[0-9;]*m", "", output))
    flat = re.sub(r"\s+", " ", text)
    places = list(sources.find_links)
    if not sources.offline:
        places += [sources.index_url or "the default index", *sources.extra_index_urls]
    looked = "Looked in: %s." % ", ".join(hide_credentials(place) for place in places)

    mismatch = _HASH_MISMATCH.search(flat)
    if mismatch:
        name, found = (group for group in mismatch.groups() if group)
        return (
            "%s does not have a hash that the lock lists; the file has %s. It was not installed. "
            "Fetch the file again, or add its hash to the lock when you built it yourself. %s" % (name, found, looked)
        )
    if _DISK_FULL.search(flat):
        if free_inodes(path) == 0:
            return "The file system of %s ran out of inodes before all was installed. %s" % (path, OUT_OF_INODES)
        return "The disk was full before all was installed. Free some space or choose another dest."
    if _BAD_CERTIFICATE.search(flat):
        return "The certificate of the index is not trusted on this host: %s. Name the CA certificates with ca_bundle. %s" % (_cause(text), looked)
    if _REFUSED.search(flat):
        return "The index refused the user name or password. %s" % looked
    if _UNREACHABLE.search(flat):
        return (
            "%s could not reach where the distributions come from (%s). Check the address, the proxy variables of the task's environment "
            "and the network, or use find_links with offline. %s" % (installer, _cause(text), looked)
        )
    missing = _MISSING.search(flat)
    if missing:
        name = next(group for group in missing.groups() if group)
        return "%s was not found. %s Add the file, or name an index that has it." % (name.rstrip(",."), looked)
    return "%s failed: %s. %s" % (installer, _last_line(text), looked)


# What uv and pip say. Where both print a text of their own, the first group is uv's.
_HASH_MISMATCH = re.compile(r"Hash mismatch for `([^`]+)`.*?Computed: (\S+)|DO NOT MATCH THE HASHES.*? (\S+==\S+) from .*?Got (\S+)")
_DISK_FULL = re.compile(r"No space left on device|os error 28\b")
_BAD_CERTIFICATE = re.compile(r"invalid peer certificate|certificate verify failed|CERTIFICATE_VERIFY_FAILED", re.I)
_REFUSED = re.compile(r"\b40[13] (?:Unauthorized|Forbidden)|\((?:401|403)\b|\b40[13] (?:Client )?Error|HTTP status client error \(40[13]")
_UNREACHABLE = re.compile(
    r"Could not connect|Connection refused|dns error|Name or service not known|Temporary failure in name resolution|timed out"
    r"|error sending request|NewConnectionError|Network is unreachable|unable to get|Failed to fetch",
    re.I,
)
_MISSING = re.compile(
    r"Because (\S+) was not found|Because there is no version of (\S+)|No matching distribution found for (\S+)|there is no version of (\S+) and"
    r"|no wheels? (?:are|is) usable .*?(\S+==\S+)"
)


def _cause(text: str) -> str:
    """The root of the error: the last cause that uv names, or the system's own words that pip quotes."""
    quoted = re.findall(r"(\[Errno -?\d+\][^'\")]*)", text)
    return quoted[-1].strip().rstrip(".") if quoted else _last_line(text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("WARNING")]
    line = re.sub(r"^(?:error|cause|caused by|hint)\s*:\s*", "", lines[-1] if lines else "it said nothing", flags=re.I)
    return line.rstrip(".")[:400]
