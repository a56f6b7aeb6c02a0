# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The folder that an image is built from, and what tells one from another: the digest by which ECR knows an image that was built."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import typing as t


class Entry(t.NamedTuple):
    """A file, folder or link of such a folder: its path in it, its type and permissions as C(st_mode), and where its content can be read."""

    name: str
    mode: int
    path: str


def dockerfile(params: t.Mapping[str, t.Any]) -> str:
    """The path of the file that says how the image is built."""
    return os.path.join(params["context"], params["dockerfile"] or "Dockerfile")


def context_digest(params: t.Mapping[str, t.Any], entries: t.Optional[t.Iterable[Entry]] = None) -> str:
    """A SHA-256 over all that a build is made of: the folder's paths, permissions and contents, and the options of the build.

    Owners and times do not count. What .dockerignore leaves out does count, so that no rule of it is understood differently here.

    :param entries: what is going to be in the folder, in the order of `walk`; without it what is there.
    """
    options = {
        "dockerfile": os.path.relpath(dockerfile(params), params["context"]),
        "build_args": {name: str(value) for name, value in (params["build_args"] or {}).items()},
        "target": params["target"],
        "platform": params["platform"],
    }
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode("utf-8"))
    for entry in walk(params["context"]) if entries is None else entries:
        digest.update(json.dumps([entry.name, stat.S_IFMT(entry.mode), stat.S_IMODE(entry.mode)]).encode("utf-8"))
        if stat.S_ISLNK(entry.mode):
            digest.update(json.dumps(os.readlink(entry.path)).encode("utf-8"))
        elif stat.S_ISREG(entry.mode):
            own = hashlib.sha256()
            with open(entry.path, "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    own.update(block)
            digest.update(own.digest())
    return digest.hexdigest()


def walk(folder: str) -> t.Iterator[Entry]:
    """All that is below a folder, each folder before what is in it, and names in their order."""
    for path in _below(folder):
        yield Entry(os.path.relpath(path, folder), os.lstat(path).st_mode, path)


def of_files(sources: t.Mapping[str, str], mode: int, folder_mode: int) -> t.Iterator[Entry]:
    """What `walk` is going to find once these files are copied into an empty folder.

    :param sources: where each file comes from, by its path in the folder.
    :param mode: the permissions of the copies; *folder_mode* are those of the folders that they are in.
    """
    folders = {folder for name in sources for folder in _above(name)}
    for name in sorted([*sources, *folders], key=lambda name: name.split("/")):
        if name in folders:
            yield Entry(name, stat.S_IFDIR | folder_mode, "")
        else:
            yield Entry(name, stat.S_IFREG | mode, sources[name])


def _above(name: str) -> t.Iterator[str]:
    parts = name.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])


def _below(folder: str) -> t.Iterator[str]:
    with os.scandir(folder) as entries:
        paths = sorted(entry.path for entry in entries)
    for path in paths:
        yield path
        if stat.S_ISDIR(os.lstat(path).st_mode):
            yield from _below(path)
