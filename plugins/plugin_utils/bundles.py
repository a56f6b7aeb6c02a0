# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the controller reads of the bundle that a host is to install from: its manifest and locks, and not the rest."""

from __future__ import annotations

import os
import typing as t

from ansible import constants
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.fetch import is_url
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import archive, remote
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlops_bundle
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.mlops_bundle import Bundle

Settings = t.Mapping[str, t.Any]


def read(settings: Settings, find: t.Callable[[str], str]) -> tuple[archive.Head, Bundle] | None:
    """The head of a host's bundle and what a plan has to know of it; None for a host without one. Raises `Problem`.

    :param find: the path on the controller of what a variable names, as the role's tasks would look for it.
    """
    if not mlops_bundle.given(settings):
        return None
    src = str(settings["mlops_bundle"])
    digest = settings["mlops_bundle_sha256"].lower()
    if is_url(src):
        path, ca_path = src, settings["mlops_bundle_ca_path"] or None
        head = remote.head(src, ca_path)
        digest = digest or remote.digest(src, ca_path)
    else:
        path = find(src)
        head = _of_file(path, src)
        digest = digest or archive.digest_in(_beside(path), src + archive.DIGEST_SUFFIX)
    files = head.manifest.files
    code = {name[len("code/") : -len(".tar")]: entry.sha256 for name, entry in files.items() if name.startswith("code/")}
    size = sum(entry.size for entry in files.values())
    return head, Bundle(path, digest, head.digest, size, head.manifest.collection, head.manifest.architecture, code)


def _of_file(path: str, src: str) -> archive.Head:
    """The head of a bundle on the controller."""
    if os.path.isdir(path):
        raise Problem("mlops_bundle is %s, which is a folder. Name the archive that lies beside it, %s.tar.gz or %s.tar.zst." % (src, src, src))
    try:
        with archive.head_of_file(path) as stream:
            return archive.read_head(stream, src)
    except OSError as error:
        raise Problem("The bundle %s can't be read (%s)." % (src, error.strerror or error)) from None


def _beside(path: str) -> str:
    """What lies beside an archive as its digest."""
    try:
        with open(path + archive.DIGEST_SUFFIX, encoding="utf-8", errors="replace") as stream:
            return stream.read(archive.MOST_DIGEST)
    except OSError as error:
        raise Problem(
            "The digest of the bundle %s is not known: %s%s can't be read (%s). bundle.yml writes it; put it beside the bundle, or set mlops_bundle_sha256."
            % (path, path, archive.DIGEST_SUFFIX, error.strerror)
        ) from None


def options(settings: Settings, head: archive.Head) -> dict[str, t.Any]:
    """What the bundle says instead of the variables of other roles. Its locks are laid down on the controller, where roles look for locks."""
    place = os.path.join(constants.config.get_config_value("ANSIBLE_HOME"), "sparkflows-mlops", "bundles", head.digest[:12])
    locks = {name: os.path.join(place, name + ".txt") for name in head.locks}
    try:
        make_folder(place)
        for name, path in locks.items():
            if _text(path) != head.locks[name]:
                write_atomic(path, head.locks[name])
    except OSError as error:
        sentence = "The locks of the bundle can't be laid down in %s (%s). Set ANSIBLE_HOME to a folder that can be written to."
        raise Problem(sentence % (place, error.strerror)) from None
    return mlops_bundle.options(settings, head, locks)


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError):
        return None
