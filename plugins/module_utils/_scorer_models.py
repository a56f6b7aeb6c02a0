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

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.sparkflows.mlops.plugins.module_utils import _sparkflows_models as sparkflows_models
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem, Releases, digest_of, make_folder, megabytes, need_space, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError

try:
    import boto3
    import botocore.config
    import botocore.exceptions

    HAS_BOTO3 = True
except ImportError:
    HAS_BOTO3 = False

SOURCES = ("id", "uuid", "name", "path", "s3_uri")
_S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)\Z")
_MEGA = 1000000
_ALL = 1 << 30
# What the options of sparkflows_model are called by who declares a scorer, and with scorer_ before it in the role.
_OPTIONS = {
    "model_id": "model.id", "model_uuid": "model.uuid", "model_name": "model.name", "file_type": "model_file_type",
    "max_download_mb": "model_max_mb", "max_unpacked_mb": "model_max_mb", "ignore_metadata": "model_ignore_metadata",
}  # fmt: skip
_OPTION = re.compile(r"\b(?:%s)\b" % "|".join(_OPTIONS))


class Model(t.NamedTuple):
    """A model on the host. ``path`` and ``digest`` are ``None`` while it still has to be fetched."""

    source: str
    path: t.Optional[str]
    digest: t.Optional[str]


def check(scorer: str, model: t.Mapping[str, t.Any]) -> None:
    """Refuse a model that is not named in exactly one way."""
    given = [option for option in SOURCES if model[option] is not None]
    if len(given) != 1:
        seen = " and ".join(given) or "nothing"
        raise ClientError("The model of the scorer %s is given by %s, but needs exactly one of %s." % (scorer, seen, ", ".join(SOURCES)))
    if model["path"] is not None and not re.match(r"/[^:\x00-\x1f]+\Z", model["path"]):
        raise ClientError("The model of the scorer %s has the path %s; an absolute one without a colon is needed." % (scorer, ascii(model["path"])))
    if model["s3_uri"] is not None and not _S3_URI.match(model["s3_uri"]):
        raise ClientError("The model of the scorer %s has the s3_uri %s; one looks like s3://bucket/folder." % (scorer, ascii(model["s3_uri"])))


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
    """The model of a scorer, brought to the host unless this is a check. Raises `Problem` or :class:`ClientError`."""
    if model["path"] is not None:
        return _local(scorer, model["path"], check_mode)
    if model["s3_uri"] is not None:
        return _S3(params, model["s3_uri"]).fetch(Releases(_dest(params, scorer)), check_mode)
    if not params["sparkflows_url"]:
        raise ClientError("The model of the scorer %s is to come from Sparkflows, but there is no sparkflows_url." % scorer)
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
    except ClientError as error:
        raise ClientError(_named(scorer, error), **error.result) from None
    except Problem as error:
        raise Problem(_named(scorer, error)) from None
    path = os.path.realpath(found["path"]) if found["release"] else None
    return Model("Sparkflows %s" % (found["model"]["uuid"] or found["model"]["id"]), path, found["sha256"])


def _named(scorer: str, error: Exception) -> str:
    """The words of sparkflows_model with the names that the options have here."""
    return "The model of the scorer %s cannot be had: %s" % (scorer, _OPTION.sub(lambda found: _OPTIONS[found.group()], str(error)))


def _local(scorer: str, path: str, check_mode: bool) -> Model:
    real = os.path.realpath(path)
    if not os.path.isdir(real) or not os.listdir(real):
        if check_mode and not os.path.lexists(path):
            return Model(path, None, None)  # an earlier task may be about to put it there
        raise ClientError("The model of the scorer %s is no folder with files at %s. Put it there, or correct model.path." % (scorer, path))
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


class _S3:
    """A folder of a bucket. Its digest is made of the names, sizes and ETags of its objects, so that no download is needed to compare."""

    def __init__(self, params: t.Mapping[str, t.Any], uri: str) -> None:
        if not HAS_BOTO3:
            raise ClientError(sentence(missing_required_lib("boto3")) + " A model from S3 needs it.")
        self._uri = uri
        self._bucket, dummy, key = uri[len("s3://") :].partition("/")
        self._prefix = key.rstrip("/") + "/"
        self._limit = params["model_max_mb"] * _MEGA
        self._secret = params["s3_secret_key"]
        try:
            self._client = boto3.client(
                "s3",
                aws_access_key_id=params["s3_access_key"],
                aws_secret_access_key=params["s3_secret_key"],
                endpoint_url=params["s3_endpoint"],
                region_name=params["s3_region"],
                config=botocore.config.Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}),
            )
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> ClientError:
        words = sentence(str(error))
        if self._secret:
            words = words.replace(self._secret, "***")
        return ClientError("The model %s cannot be had: %s Check its address, s3_endpoint and the keys." % (self._uri, words))

    def _objects(self) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
                for each in page.get("Contents") or []:
                    name = each["Key"][len(self._prefix) :]
                    if name and not name.endswith("/"):
                        found[name] = (each["Size"], each["ETag"])
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise self._failure(error) from None
        bad = [name for name in found if name.startswith("/") or set(name.split("/")) & {"", ".", ".."} or "\0" in name]
        if bad:
            raise ClientError("The model %s has an object that cannot be a file of it: %s." % (self._uri, ascii(bad[0])))
        if not found:
            raise ClientError("There is nothing below %s. Check the model's s3_uri and the rights of the keys." % self._uri)
        size = sum(each[0] for each in found.values())
        if size > self._limit:
            raise ClientError("The model %s has %s, but model_max_mb is %d. Raise it if that is right." % (self._uri, megabytes(size), self._limit // _MEGA))
        return found

    def fetch(self, releases: Releases, check_mode: bool) -> Model:
        objects = self._objects()
        digest = hashlib.sha256(repr(sorted(objects.items())).encode("utf-8")).hexdigest()
        name = digest[:12]
        if releases.current() == name and releases.marker(name):
            return Model(self._uri, releases.path(name), digest)
        if check_mode:
            return Model(self._uri, None, digest)
        with releases.locked():
            releases.sweep()
            if not releases.marker(name):
                self._download(releases, objects, name, digest)
            releases.switch(os.path.join("releases", name))
        return Model(self._uri, releases.path(name), digest)

    def _download(self, releases: Releases, objects: t.Mapping[str, tuple[int, str]], name: str, digest: str) -> None:
        scratch = releases.scratch()
        os.chmod(scratch, 0o755)
        need_space(scratch, sum(each[0] for each in objects.values()), "The model")
        for file, (size, etag) in sorted(objects.items()):
            path = os.path.join(scratch, file)
            make_folder(os.path.dirname(path))
            try:
                # A model that is written anew meanwhile is refused instead of mixed.
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + file, IfMatch=etag)
                with open(path, "wb") as target:
                    for block in answer["Body"].iter_chunks(1 << 20):
                        target.write(block)
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                raise self._failure(error) from None
            if os.path.getsize(path) != size:
                raise ClientError("The file %s of the model %s came with %d of its %d bytes. Try again." % (file, self._uri, os.path.getsize(path), size))
            os.chmod(path, 0o644)
        releases.mark(scratch, {"digest": digest, "source": self._uri})
        remove(releases.path(name))
        os.rename(scratch, releases.path(name))
