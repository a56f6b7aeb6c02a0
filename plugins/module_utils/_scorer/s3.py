# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Models that scorers mount from a folder of a bucket."""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import boto
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Releases, make_folder, megabytes, need_space, remove

try:
    import botocore.exceptions
except ImportError:
    pass  # boto3 brings it, and whoever has none is told when a session is made

_MEGA = 1000000


class Folder:
    """A folder of a bucket. Its digest is made of the names, sizes and ETags of its objects, so that no download is needed to compare."""

    def __init__(self, params: t.Mapping[str, t.Any], uri: str) -> None:
        self._uri = uri
        self._bucket, dummy, key = uri[len("s3://") :].partition("/")
        self._prefix = key.rstrip("/") + "/"
        self._limit = params["model_max_mb"] * _MEGA
        self._secret = params["s3_secret_key"]
        try:
            session = boto.session(params["s3_region"], params["s3_access_key"], params["s3_secret_key"])
            self._client = boto.client(session, "s3", params["s3_endpoint"], None, connect=10, read=60)
        except ImportError:
            raise Problem(sentence(missing_required_lib("boto3")) + " A model from S3 needs it.") from None
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> Problem:
        words = sentence(str(error))
        if self._secret:
            words = words.replace(self._secret, "***")
        return Problem("The model %s is not available: %s Check its address, s3_endpoint and the keys." % (self._uri, words))

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
            raise Problem("The model %s has an object that cannot be a file of it: %s." % (self._uri, ascii(bad[0])))
        if not found:
            raise Problem("There is nothing below %s. Check the model's s3_uri and the rights of the keys." % self._uri)
        size = sum(each[0] for each in found.values())
        if size > self._limit:
            raise Problem("The model %s has %s, but model_max_mb is %d. Raise it if that is right." % (self._uri, megabytes(size), self._limit // _MEGA))
        return found

    def fetch(self, releases: Releases, check_mode: bool) -> tuple[t.Optional[str], str, bool]:
        """Path and digest of the model, and whether what is on the host had to change; in a check there is no path before it was downloaded.

        :class:`Problem` when it can't be had.
        """
        objects = self._objects()
        digest = hashlib.sha256(repr(sorted(objects.items())).encode("utf-8")).hexdigest()
        name = digest[:12]
        whole = bool(releases.marker(name)) and _whole(releases.path(name), objects)
        if releases.current() == name and whole:
            return releases.path(name), digest, False
        if check_mode:
            return None, digest, True
        with releases.locked():
            releases.sweep()
            if not whole:
                self._download(releases, objects, name, digest)
            releases.switch(os.path.join("releases", name))
        return releases.path(name), digest, True

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
                raise Problem("The file %s of the model %s came with %d of its %d bytes. Try again." % (file, self._uri, os.path.getsize(path), size))
            os.chmod(path, 0o644)
        releases.mark(scratch, {"digest": digest, "source": self._uri})
        remove(releases.path(name))
        os.rename(scratch, releases.path(name))


def _whole(folder: str, objects: t.Mapping[str, tuple[int, str]]) -> bool:
    """Whether all files are there with their sizes."""
    try:
        return all(os.path.getsize(os.path.join(folder, name)) == size for name, (size, dummy) in objects.items())
    except OSError:
        return False
