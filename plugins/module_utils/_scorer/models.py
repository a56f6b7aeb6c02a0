# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The models that scorers mount: from Sparkflows, from S3, or from a folder of the host.

A model that is fetched is a release `<directory>/models/<scorer>/releases/<first 12 digits of its digest>`. A container mounts the
release itself and not the link to it, so that the one that serves keeps its model until it ends.
"""

from __future__ import annotations

import hashlib
import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Releases, digest_of, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import models as sparkflows_models

SOURCES = ("id", "uuid", "name", "path", "s3_uri")
_S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)\Z")
_ALL = 1 << 30
# What the options of sparkflows_model are called by who declares a scorer, and with scorer_ before it in the role.
_OPTIONS = {
    "model_id": "model.id", "model_uuid": "model.uuid", "model_name": "model.name", "file_type": "model_file_type",
    "max_download_mb": "model_max_mb", "max_unpacked_mb": "model_max_mb", "ignore_metadata": "model_ignore_metadata",
}  # fmt: skip
_OPTION = re.compile(r"\b(?:%s)\b" % "|".join(_OPTIONS))


class Model(t.NamedTuple):
    """A model on the host. ``path`` and ``digest`` are ``None`` while it still has to be fetched, ``changed`` when what was fetched is not as it was left."""

    source: str
    path: t.Optional[str]
    digest: t.Optional[str]
    changed: bool = False


def check(scorer: str, model: t.Mapping[str, t.Any]) -> None:
    """Refuse a model that is not named in exactly one way."""
    given = [option for option in SOURCES if model[option] is not None]
    if len(given) != 1:
        seen = " and ".join(given) or "nothing"
        raise Problem("The model of the scorer %s is given by %s, but needs exactly one of %s." % (scorer, seen, ", ".join(SOURCES)))
    if model["path"] is not None and not re.match(r"/[^:\x00-\x1f]+\Z", model["path"]):
        raise Problem("The model of the scorer %s has the path %s; an absolute one without a colon is needed." % (scorer, ascii(model["path"])))
    if model["s3_uri"] is not None and not _S3_URI.match(model["s3_uri"]):
        raise Problem("The model of the scorer %s has the s3_uri %s; one looks like s3://bucket/folder." % (scorer, ascii(model["s3_uri"])))


def _dest(params: t.Mapping[str, t.Any], scorer: str) -> str:
    return os.path.join(params["directory"], "models", scorer)


def surplus(params: t.Mapping[str, t.Any], wanted: set[str]) -> list[str]:
    """The scorers of which models are kept though they are not wanted any more."""
    folder = os.path.join(params["directory"], "models")
    return sorted(set(os.listdir(folder)) - wanted) if os.path.isdir(folder) else []


def prune(params: t.Mapping[str, t.Any], scorer: str, model: Model) -> None:
    """Remove the releases that no container mounts now that the one with this model serves."""
    releases = Releases(_dest(params, scorer))
    for name in releases.complete():
        if releases.path(name) != model.path:
            remove(releases.path(name))


def remove_all(params: t.Mapping[str, t.Any], scorer: str) -> None:
    remove(_dest(params, scorer))


def fetch(params: t.Mapping[str, t.Any], scorer: str, model: t.Mapping[str, t.Any], check_mode: bool) -> Model:
    """The model of a scorer, brought to the host unless this is a check. Raises `Problem` or :class:`Problem`."""
    if model["path"] is not None:
        return _local(scorer, model["path"], check_mode)
    if model["s3_uri"] is not None:
        # Loads boto3, which takes a while and which few scorers need.
        from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import s3

        return Model(model["s3_uri"], *s3.Folder(params, model["s3_uri"]).fetch(Releases(_dest(params, scorer)), check_mode))
    if not params["sparkflows_url"]:
        raise Problem("The model of the scorer %s is to come from Sparkflows, but there is no sparkflows_url." % scorer)
    options = dict(
        params,
        model_id=model["id"],
        model_uuid=model["uuid"],
        model_name=model["name"],
        sha256=model["sha256"],
        root=model["root"],
        file_type=params["model_file_type"],
        max_download_mb=params["model_max_mb"],
        max_unpacked_mb=params["model_max_mb"],
        max_entries=20000,
        ignore_metadata=params["model_ignore_metadata"],
        dest=_dest(params, scorer),
        state="present",
        force=False,
        owner=None,
        group=None,
        # Which ones have to go is known when the new container serves.
        keep=_ALL,
    )
    try:
        found = sparkflows_models.run(options, check_mode)
    except Problem as error:
        raise Problem(_named(scorer, error), **error.result) from None
    path = os.path.realpath(found["path"]) if found["release"] else None
    return Model("Sparkflows %s" % (found["model"]["uuid"] or found["model"]["id"]), path, found["sha256"], bool(found["changed"]))


def _named(scorer: str, error: Exception) -> str:
    """The words of sparkflows_model with the names that the options have here."""
    return "The model of the scorer %s is not available: %s" % (scorer, _OPTION.sub(lambda found: _OPTIONS[found.group()], str(error)))


def _local(scorer: str, path: str, check_mode: bool) -> Model:
    real = os.path.realpath(path)
    if not os.path.isdir(real) or not os.listdir(real):
        if check_mode and not os.path.lexists(path):
            return Model(path, None, None)  # an earlier task may be about to put it there
        raise Problem("The model of the scorer %s is not a folder with files at %s. Put it there, or correct model.path." % (scorer, path))
    return Model(path, real, tree_digest(real))


def tree_digest(folder: str) -> str:
    """A digest of the names and contents of all files below a folder."""
    total = hashlib.sha256()
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            total.update(("%s\0%s\n" % (os.path.relpath(path, folder), digest_of(path))).encode("utf-8", "surrogateescape"))
    return total.hexdigest()
