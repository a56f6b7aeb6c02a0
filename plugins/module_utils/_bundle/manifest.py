# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a bundle holds: its manifest, which comes first in its archive and names every other file with its digest."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: The shape of the manifest that this collection writes and reads.
FORMAT = 1
NAME = "manifest.json"
LOCKS, WHEELS = "locks", "wheels"
#: What the controller has to know of a bundle lies at the head of its archive: the manifest, then the locks. Each is smaller than this, in bytes.
MOST_HEAD = 4 << 20

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
# Slashes part folders; no part begins with a dot, so that none leads out.
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*)*\Z")


class Runtime(t.NamedTuple):
    """JDK or Python: the name of its release, its archive's path in the bundle, and the folder in the archive that becomes the release."""

    release: str
    file: str
    root: str


class Entry(t.NamedTuple):
    """A file: its SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


class Manifest(t.NamedTuple):
    """``locks`` are paths in the bundle by the lock's name, ``os_packages`` names by family of distributions, ``files`` all files but the manifest.

    ``collection`` is the version of the collection that built the bundle, ``architecture`` that of the hosts, as ``uname -m`` says it.
    """

    collection: str
    architecture: str
    jdk: Runtime
    python: Runtime
    locks: dict[str, str]
    os_packages: dict[str, list[str]]
    files: dict[str, Entry]

    def text(self) -> str:
        """The manifest as its file holds it; equal manifests have equal texts."""
        content = {
            **self._asdict(),
            "format": FORMAT,
            "jdk": self.jdk._asdict(),
            "python": self.python._asdict(),
            "files": {path: entry._asdict() for path, entry in self.files.items()},
        }
        return json.dumps(content, indent=1, sort_keys=True) + "\n"


def parsed(text: str, label: str) -> Manifest:
    """The manifest in a text. Raises `Problem` for one that is damaged, hostile, or of another shape than `FORMAT`.

    :param label: what to call the bundle in messages.
    """
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise Problem(
                "The bundle %s has the format %s, and this release of the collection reads format %d. Build it anew with playbooks/bundle.yml of this release."
                % (label, str(content["format"])[:20], FORMAT)
            )
        files = {_path(path): Entry(_matching(_DIGEST, entry["sha256"]), int(entry["size"])) for path, entry in content["files"].items()}
        found = Manifest(
            collection=str(content["collection"]),
            architecture=_matching(_RELEASE, content["architecture"]),
            jdk=_runtime(content["jdk"], files),
            python=_runtime(content["python"], files),
            locks={_matching(_RELEASE, name): _known(path, files) for name, path in content["locks"].items()},
            os_packages={str(family): [str(name) for name in names] for family, names in content["os_packages"].items()},
            files=files,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Problem("The manifest of the bundle %s is damaged. Fetch the bundle again, or build it anew with playbooks/bundle.yml." % label) from None
    return found


def _matching(pattern: t.Pattern[str], value: t.Any) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise ValueError(value)
    return value


def _path(value: t.Any) -> str:
    return _matching(_PATH, value)


def _known(value: t.Any, files: t.Container[str]) -> str:
    if value not in files:
        raise ValueError(value)
    return str(value)


def _runtime(value: t.Mapping[str, t.Any], files: t.Container[str]) -> Runtime:
    root = value["root"]
    return Runtime(_matching(_RELEASE, value["release"]), _known(value["file"], files), _path(root) if root not in ("", ".") else root)
