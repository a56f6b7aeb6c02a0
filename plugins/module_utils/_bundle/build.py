# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Builds a bundle: one folder, and its archive, with everything that hosts install from."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import tempfile
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _unpack
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import fetch
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as releases
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import archive, sbom
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import LOCKS, NAME, WHEELS, Entry, Manifest, Runtime
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.telling import Say, Telling
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.wheels import Maker
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of, make_folder, remove, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.installers import Runner
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.sources import Sources

#: Kinds of archives that a host unpacks with its own Python alone.
_PLAIN = ("gzip", "xz", "bzip2", "tar")


class Source(t.NamedTuple):
    """An archive to fetch: the release's name, a URL or a path on this machine, its SHA-256, the folder in it, and how a server is asked.

    ``access`` may hold ``ca_path``, ``url_username`` and ``url_password``.
    """

    release: str
    src: str
    sha256: str
    root: str
    access: t.Mapping[str, t.Optional[str]]


class Recipe(t.NamedTuple):
    """All that a bundle is built from.

    ``name`` is that of the folder and, with a suffix, of the archive. ``locks`` are texts by name, ``build_lock`` pins what builds wheels. ``code`` are
    folders of the collection's own programs by name. ``compression`` is a key of `archive.SUFFIXES`. ``timeout`` is the limit of each step, in seconds.
    With ``sbom`` a bill of materials is among the files.
    """

    name: str
    collection: str
    architecture: str
    jdk: Source
    python: Source
    locks: t.Mapping[str, str]
    build_lock: str
    code: t.Mapping[str, str]
    os_packages: t.Mapping[str, t.Sequence[str]]
    sources: Sources
    compression: str
    timeout: int
    sbom: bool


def build(recipe: Recipe, dest: str, say: Say) -> dict[str, t.Any]:
    """Build a bundle below the folder `dest`, and return ``path``, the archive, ``folder``, ``sha256`` and ``changed``. Raises `Problem`.

    An archive that was there before is replaced when the new one is complete, or left alone where it is the same.
    """
    os.umask(0o022)
    if recipe.sbom:
        sbom.wanted_library()
    make_folder(dest)
    with open(os.path.join(dest, ".bundle.lock"), "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Problem("Another run builds a bundle in %s. Let it finish, or name another folder." % dest) from None
        _sweep(dest)
        scratch = tempfile.mkdtemp(prefix=".new-", dir=dest)
        try:
            return _built(recipe, dest, scratch, Runner(lock.fileno(), recipe.timeout), say)
        finally:
            remove(scratch)


def _sweep(dest: str) -> None:
    """Remove what a build that was killed left behind."""
    for name in os.listdir(dest):
        if name.startswith(".new-"):
            remove(os.path.join(dest, name))


def _built(recipe: Recipe, dest: str, scratch: str, runner: Runner, say: Say) -> dict[str, t.Any]:
    telling = Telling(say)
    folder = os.path.join(scratch, recipe.name)
    os.mkdir(folder)
    jdk = _fetched("jdk", recipe.jdk, folder, scratch, telling)
    python = _fetched("python", recipe.python, folder, scratch, telling)
    tree = os.path.join(scratch, "python")
    os.mkdir(tree)
    with telling("Unpacking CPython %s" % python.release, tree):
        _unpack.unpack(os.path.join(folder, python.file), tree, os.path.basename(python.file))
        home = releases.root_of(tree, python.root, python.file)
        if _unpack.kind_of(os.path.join(folder, python.file)) not in _PLAIN:
            python = _repacked(python, home, folder)
    wheels = os.path.join(folder, WHEELS)
    os.mkdir(wheels)
    maker = Maker(runner, os.path.join(home, "bin", "python3.7"), recipe.sources, scratch, telling)
    maker.prepare(recipe.build_lock)
    locks = maker.fill(wheels, recipe.locks)
    return _assembled(recipe, dest, folder, (jdk, python), locks, telling)


def _assembled(recipe: Recipe, dest: str, folder: str, runtimes: tuple[Runtime, Runtime], locks: t.Mapping[str, str], telling: Telling) -> dict[str, t.Any]:
    """Add what is made here to a folder that has the archives and the wheels, pack it, and put both into place."""
    os.mkdir(os.path.join(folder, LOCKS))
    for name, text in locks.items():
        write_atomic(os.path.join(folder, LOCKS, name + ".txt"), text)
    os.mkdir(os.path.join(folder, "code"))
    for name, source in recipe.code.items():
        with open(os.path.join(folder, "code", name + ".tar"), "wb") as file:
            releases.pack(source, file)
    if recipe.sbom:
        write_atomic(os.path.join(folder, sbom.NAME), sbom.made(folder, recipe.name, recipe.collection, runtimes, locks))
    with telling("Taking digests", folder):
        files = {os.path.relpath(path, folder): Entry(digest_of(path), os.path.getsize(path)) for path in _files(folder)}
    manifest = Manifest(
        collection=recipe.collection,
        architecture=recipe.architecture,
        jdk=runtimes[0],
        python=runtimes[1],
        locks={name: "%s/%s.txt" % (LOCKS, name) for name in locks},
        os_packages={family: sorted(names) for family, names in recipe.os_packages.items()},
        files=files,
    )
    write_atomic(os.path.join(folder, NAME), manifest.text())
    name = recipe.name + archive.SUFFIXES[recipe.compression]
    packed = os.path.join(os.path.dirname(folder), name)
    with telling("Packing %s" % name, packed):
        digest = archive.pack(folder, packed, recipe.compression)
    target = os.path.join(dest, name)
    record = target + archive.DIGEST_SUFFIX
    changed = not (os.path.isfile(target) and digest_of(target) == digest)
    if changed:
        # The old digest goes first: it never stands beside an archive that it is not of.
        remove(record)
        os.replace(packed, target)
    place = os.path.join(dest, recipe.name)
    remove(place)
    os.rename(folder, place)
    write_atomic(record, "%s  %s\n" % (digest, name))
    return {"changed": changed, "path": target, "folder": place, "sha256": digest, "size": os.path.getsize(target)}


def _files(folder: str) -> list[str]:
    return sorted(os.path.join(parent, name) for parent, dummy, files in os.walk(folder) for name in files)


def _fetched(kind: str, wanted: Source, folder: str, scratch: str, telling: Telling) -> Runtime:
    """Bring an archive into the folder of the bundle, once its digest was compared."""
    label = wanted.src.rpartition("/")[2] or kind
    with telling("Fetching %s" % label, scratch):
        path = fetch.fetched({"src": wanted.src, "timeout": 60, "validate_certs": True, "use_proxy": True, **_NO_ACCESS, **wanted.access}, scratch)
        fetch.check_digest(path, wanted.sha256, label)
    name = "%s/%s-%s.%s" % (kind, kind, wanted.release, _SUFFIXES[_unpack.kind_of(path) or ""])
    os.mkdir(os.path.join(folder, kind))
    if os.path.dirname(path) == scratch:
        os.replace(path, os.path.join(folder, name))
    else:
        shutil.copyfile(path, os.path.join(folder, name))
    return Runtime(wanted.release, name, wanted.root)


_NO_ACCESS = {"ca_path": None, "url_username": None, "url_password": None}
_SUFFIXES = {"gzip": "tar.gz", "xz": "tar.xz", "bzip2": "tar.bz2", "zstd": "tar.zst", "zip": "zip", "tar": "tar", "": "archive"}


def _repacked(python: Runtime, home: str, folder: str) -> Runtime:
    """The same release as an archive that a host unpacks without a program of its own, which a host without a network may lack."""
    name = "python/python-%s.tar.gz" % python.release
    with open(os.path.join(folder, name), "wb") as file, gzip.GzipFile("", "wb", 6, file, 0) as stream:
        releases.pack(home, t.cast("t.BinaryIO", stream))
    os.unlink(os.path.join(folder, python.file))
    return Runtime(python.release, name, ".")
