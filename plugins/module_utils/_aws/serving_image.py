# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The folder that a serving image is built from: the recipe, a lock, its wheels, and archives of Python and the JDK.

The files get fixed permissions and only what the lock names is taken, so that every controller comes to the same folder and so to the same image.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import context
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements

#: Any release of the one Python that the stack is made for.
_PYTHON = "3.7.17"
_SCRATCH = ".new-"
_MODE = 0o644
_FOLDER_MODE = 0o755

#: The options of the module serving_image_context.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "dest": {"type": "path", "required": True},
    "recipe": {"type": "path", "required": True},
    "lock": {"type": "path", "required": True},
    "wheelhouse": {"type": "path"},
    "python_archive": {"type": "path"},
    "jdk_archive": {"type": "path"},
}


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Make the folder `dest` hold the files that `params` name, and nothing else. Raises `Problem`."""
    dest = params["dest"]
    if not os.path.isabs(dest) or os.path.normpath(dest) in ("/", os.path.expanduser("~")):
        raise Problem("dest is %r; expected the absolute path of a folder of its own." % dest)
    wanted = wanted_files(params)
    current = sorted(_present(dest))
    if current and "Dockerfile" not in current and not any(os.path.basename(name).startswith(_SCRATCH) for name in current):
        raise Problem("%s has files that are not of a serving image, and they would be removed. Give a folder of its own." % dest)
    stale = [name for name in current if name not in wanted]
    new = [name for name in sorted(wanted) if not _same(wanted[name], os.path.join(dest, name))]
    if not check_mode:
        for name in stale:
            remove(os.path.join(dest, name))
        for name in new:
            _copy(wanted[name], os.path.join(dest, name))
        _sweep_folders(dest)
    return {
        "changed": bool(stale or new),
        "path": dest,
        "files": sorted(wanted),
        "diff": {"before": "".join(name + "\n" for name in current), "after": "".join(name + "\n" for name in sorted(wanted))},
    }


def entries(params: t.Mapping[str, t.Any]) -> list[context.Entry]:
    """What `run` makes the folder hold, with the contents where they come from. Raises `Problem`."""
    return list(context.of_files(wanted_files(params), _MODE, _FOLDER_MODE))


def wanted_files(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Where each file of the folder comes from, by its path in it."""
    recipe = params["recipe"]
    if not os.path.isfile(os.path.join(recipe, "Dockerfile")):
        raise Problem("recipe is %s, but there is no Dockerfile." % recipe)
    wanted = {name: os.path.join(recipe, name) for name in _present(recipe)}
    wanted["inputs/lock.txt"] = params["lock"]
    for option, name in (("python_archive", "inputs/python"), ("jdk_archive", "inputs/jdk")):
        if params[option]:
            wanted[name] = params[option]
    for name, path in sorted(wanted.items()):
        if not os.path.isfile(path):
            raise Problem("%s is to be %s of the image, but there is no such file where the module runs." % (path, name))
    if params["wheelhouse"]:
        wanted.update({"inputs/wheels/" + os.path.basename(path): path for path in wheels_of(params["lock"], params["wheelhouse"])})
    return wanted


def wheels_of(lock: str, wheelhouse: str) -> list[str]:
    """The paths of the wheels in a wheelhouse that a lock names; `Problem` names those that are not there."""
    try:
        with open(lock, encoding="utf-8") as file:
            pins = requirements.parse_lock(file.read(), requirements.marker_environment(_PYTHON))
        names = sorted(os.listdir(wheelhouse))
    except OSError as error:
        raise Problem("%s cannot be read (%s)." % (error.filename, error.strerror)) from None
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        parts = name.split("-")
        if name.endswith(".whl") and len(parts) >= 5:
            found.setdefault((requirements.normalized(parts[0]), requirements.canonical(parts[1])), []).append(os.path.join(wheelhouse, name))
    missing = []
    wheels = []
    for name in sorted(pins):
        of_pin = found.get((name, requirements.canonical(pins[name].version)), [])
        wheels += of_pin
        if not of_pin:
            missing.append("%s==%s" % (name, pins[name].version))
    if missing:
        raise Problem("The wheelhouse %s has no wheel of %s. Add what the lock %s names." % (wheelhouse, ", ".join(missing), lock))
    return wheels


def _present(folder: str) -> t.Iterator[str]:
    """The paths of all files below a folder, relative to it."""
    for root, dummy, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(root, name), folder)


def _same(source: str, path: str) -> bool:
    """Whether a file is the copy of another, with the permissions of a copy. Times can be made; what the image is known by are contents."""
    try:
        there = os.lstat(path)
    except OSError:
        return False
    return (there.st_size, there.st_mode) == (os.stat(source).st_size, stat.S_IFREG | _MODE) and digest_of(source) == digest_of(path)


def _copy(source: str, path: str) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    if os.path.isdir(path) and not os.path.islink(path):
        remove(path)
    descriptor, scratch = tempfile.mkstemp(prefix=_SCRATCH, dir=folder)
    os.close(descriptor)
    try:
        shutil.copyfile(source, scratch)
        status = os.stat(source)
        os.utime(scratch, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.chmod(scratch, _MODE)
        os.rename(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise


def _sweep_folders(dest: str) -> None:
    """Folders have one mode, and empty ones go: both are part of what an image is known by."""
    for root, *dummy in os.walk(dest, topdown=False):
        if not os.listdir(root):
            os.rmdir(root)
        else:
            os.chmod(root, _FOLDER_MODE)
