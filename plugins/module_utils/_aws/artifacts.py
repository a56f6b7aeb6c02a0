# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Models on their way to SageMaker: where they come from, what tells one from another, and the archive that SageMaker unpacks.

SageMaker wants a gzipped tar in S3 and unpacks it to /opt/ml/model:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import abc
import contextlib
import gzip
import hashlib
import json
import os
import posixpath
import re
import stat
import tarfile
import tempfile
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.names import split_s3_uri
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import STAGES, Registry

_PROXIED = "/api/2.0/mlflow-artifacts/artifacts"
_MODEL_URI = re.compile(r"models:/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<which>[A-Za-z0-9]+)")
_MISSING = ("404", "NoSuchKey", "NotFound")


class Source:
    """A model. ``digest`` (hexadecimal SHA-256) stands for its content, ``version`` for its number in the registry."""

    def __init__(self, digest: str, version: t.Optional[int] = None) -> None:
        self.digest = digest
        self.version = version

    def place(self, key: str) -> t.Optional[str]:
        """The S3 URI where the archive is already, ``None`` when it is to be uploaded under ``key``."""
        return None


class PackedSource(Source, abc.ABC):
    """A model whose archive is made here and uploaded."""

    @abc.abstractmethod
    def archive(self) -> t.ContextManager[t.BinaryIO]:
        """The archive as a file, at its beginning."""


class UploadedSource(Source):
    """A model.tar.gz that is in S3 already. It is known by its version or its entity tag there, not downloaded."""

    def __init__(self, uri: str, aws: Aws) -> None:
        bucket, key = split_s3_uri(uri, "artifact")
        head = head_object(aws, bucket, key)
        if head is None:
            raise Problem("artifact is %s, but there is no such object. Check its name, and that the credentials may list the bucket." % uri)
        identity = [uri, head.get("VersionId"), head.get("ETag"), head.get("ContentLength")]
        super().__init__(hashlib.sha256(json.dumps(identity).encode("utf-8")).hexdigest())
        self.uri = uri

    def place(self, key: str) -> t.Optional[str]:
        return self.uri


class ArchiveSource(PackedSource):
    """A model.tar.gz on this host, taken as it is."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with tarfile.open(path, "r:gz") as archive:
                archive.next()
            super().__init__(digest_of(path))
        except (OSError, EOFError, tarfile.TarError) as error:
            raise Problem("artifact is %s, which is not a readable gzipped tar (%s). Give a folder to have it packed." % (path, error)) from None

    @contextlib.contextmanager
    def archive(self) -> t.Iterator[t.BinaryIO]:
        with open(self.path, "rb") as file:
            yield file


class FolderSource(PackedSource):
    """A model's folder on this host, with MLmodel and what belongs to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.files = sorted(_files(path))
        if not self.files:
            raise Problem("artifact is %s, an empty folder. Give the folder of a model." % path)
        content = [[name, digest_of(os.path.join(path, name))] for name in self.files]
        super().__init__(hashlib.sha256(json.dumps(content).encode("utf-8")).hexdigest())

    @contextlib.contextmanager
    def archive(self) -> t.Iterator[t.BinaryIO]:
        with tempfile.TemporaryFile() as file:
            pack(self.path, self.files, file)
            file.seek(0)
            yield file


class RegisteredSource(PackedSource):
    """A version in MLflow's registry.

    It is known by its run, its place, its list of files with their sizes, and its MLmodel, in which MLflow writes an id and the time of each model it
    logs. The files themselves are fetched only when the archive is wanted.
    """

    def __init__(self, uri: str, registry: Registry, aws: Aws) -> None:
        name, version = find_version(uri, registry)
        self.uri = uri
        self.store = _store(uri, version["source"], registry.client, aws)
        self.files = dict(sorted(self.store.files()))
        if "MLmodel" not in self.files:
            raise Problem("%s has no file MLmodel at %s, so there is no model to serve." % (uri, version["source"]))
        with tempfile.TemporaryFile() as file:
            self.store.fetch("MLmodel", file)
            file.seek(0)
            description = hashlib.sha256(file.read()).hexdigest()
        identity = [name, version["version"], version["source"], version["run_id"], list(self.files.items()), description]
        super().__init__(hashlib.sha256(json.dumps(identity).encode("utf-8")).hexdigest(), version["version"])

    @contextlib.contextmanager
    def archive(self) -> t.Iterator[t.BinaryIO]:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as packed:
            for name, size in self.files.items():
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    self.store.fetch(name, file)
                    if file.seek(0, os.SEEK_END) != size:
                        raise Problem("%s of %s arrived with %d bytes instead of %d. Run again." % (name, self.uri, file.tell(), size))
            pack(folder, list(self.files), packed)
            packed.seek(0)
            yield packed


class _ProxiedStore:
    """Artifacts that the tracking server hands out itself (``mlflow-artifacts:``)."""

    def __init__(self, client: Client, root: str) -> None:
        self._client = client
        self._root = root.strip("/")

    def files(self, below: str = "") -> t.Iterator[tuple[str, int]]:
        answer = self._client.get(_PROXIED, {"path": posixpath.join(self._root, below).rstrip("/")}) or {}
        for entry in answer.get("files", []):
            name = posixpath.join(below, _plain(posixpath.basename(entry["path"])))
            if entry.get("is_dir"):
                yield from self.files(name)
            else:
                yield name, int(entry.get("file_size") or 0)

    def fetch(self, name: str, file: t.BinaryIO) -> None:
        self._client.request("GET", "%s/%s" % (_PROXIED, urllib.parse.quote(posixpath.join(self._root, name))), into=file)


class _S3Store:
    """Artifacts in S3, read with the AWS credentials of the module."""

    def __init__(self, aws: Aws, uri: str) -> None:
        self._aws = aws
        self._bucket, key = split_s3_uri(uri, "The source of the version")
        self._prefix = key.rstrip("/") + "/"

    def files(self) -> t.Iterator[tuple[str, int]]:
        for entry in self._aws.pages("s3", "list_objects_v2", "Contents", Bucket=self._bucket, Prefix=self._prefix):
            name = entry["Key"][len(self._prefix):]
            if name and not name.endswith("/"):
                yield "/".join(_plain(part) for part in name.split("/")), int(entry["Size"])

    def fetch(self, name: str, file: t.BinaryIO) -> None:
        with self._aws.failures("s3", "get_object"):
            self._aws.client("s3").download_fileobj(self._bucket, self._prefix + name, file)


def find_version(uri: str, registry: Registry) -> tuple[str, dict[str, t.Any]]:
    """The name of the registered model and the version that ``models:/NAME/VERSION`` or ``models:/NAME/STAGE`` means."""
    match = _MODEL_URI.fullmatch(uri)
    if not match or not (match["which"].isdigit() or match["which"] in STAGES):
        raise Problem("model_uri is %s; give models:/NAME/VERSION or models:/NAME/STAGE with a stage out of %s." % (ascii(uri), ", ".join(STAGES)))
    name, which = match["name"], match["which"]
    versions = registry.versions(name)
    found = [version for number, version in sorted(versions.items()) if which in (str(number), version["stage"])]
    if not found:
        there = ", ".join("%d (%s)" % (number, version["stage"]) for number, version in sorted(versions.items())) or "none"
        raise Problem("There is no %s on the tracking server at %s. Versions of '%s' are: %s." % (uri, registry.client.url, name, there))
    if found[-1]["status"] != "READY":
        raise Problem("Version %d of '%s' is not ready (%s). Look into the tracking server." % (found[-1]["version"], name, found[-1]["status"]))
    return name, found[-1]


def _store(uri: str, source: str, client: Client, aws: Aws) -> t.Any:
    parts = urllib.parse.urlsplit(source)
    if parts.scheme == "mlflow-artifacts":
        return _ProxiedStore(client, urllib.parse.unquote(parts.path))
    if parts.scheme == "s3":
        return _S3Store(aws, source)
    raise Problem(
        "%s lies at %s, where this module cannot fetch it from. Give its folder as artifact, on the host that has it." % (uri, source.partition("?")[0])
    )


def source_of(params: t.Mapping[str, t.Any], registry: t.Callable[[], Registry], aws: Aws) -> Source:
    """The model that the parameters name."""
    if params["model_uri"]:
        try:
            return RegisteredSource(params["model_uri"], registry(), aws)
        except HttpError as error:
            raise Problem("%s cannot be read. %s" % (params["model_uri"], error)) from None
    artifact = params["artifact"]
    if artifact.startswith("s3://"):
        return UploadedSource(artifact, aws)
    if os.path.isdir(artifact):
        return FolderSource(artifact)
    if os.path.isfile(artifact):
        return ArchiveSource(artifact)
    raise Problem("artifact is %s, which does not exist where the module runs. Give a folder, a .tar.gz or an s3:// URI." % artifact)


def head_object(aws: Aws, bucket: str, key: str) -> t.Optional[dict[str, t.Any]]:
    """What S3 says about an object, ``None`` when there is none."""
    try:
        return aws.call("s3", "head_object", Bucket=bucket, Key=key)
    except AwsError as error:
        if error.code not in _MISSING:
            raise
        return None


def upload(aws: Aws, source: PackedSource, bucket: str, key: str, kms_key: t.Optional[str]) -> None:
    """Put the archive of a model into S3, where it appears as a whole or not at all, and see that all of it is there."""
    options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    with source.archive() as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        with aws.failures("s3", "put_object"):
            aws.client("s3").upload_fileobj(file, bucket, key, ExtraArgs=options)
    head = head_object(aws, bucket, key)
    if head is None or head["ContentLength"] != size:
        raise Problem("The model was uploaded to s3://%s/%s, but S3 does not have all %d bytes of it. Run again." % (bucket, key, size))


def pack(folder: str, names: t.Sequence[str], file: t.BinaryIO) -> None:
    """Write the files of a folder as a gzipped tar: the same bytes for the same contents, whoever packs it and when."""
    zipped = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6)
    with zipped, tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(names):
            with open(os.path.join(folder, name), "rb") as content:
                member = tarfile.TarInfo(name)
                member.size = os.fstat(content.fileno()).st_size
                member.mode = 0o644
                archive.addfile(member, content)


def _files(root: str) -> t.Iterator[str]:
    """The paths of all files below a folder. What is neither file nor folder could mean something else inside the container, so it is refused."""
    for folder, folders, names in os.walk(root):
        for name in sorted(folders + names):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                yield os.path.relpath(path, root)
            elif not stat.S_ISDIR(mode):
                raise Problem("%s is neither a file nor a folder, so it cannot be packed with the model. Replace it by what it stands for." % path)


def _plain(name: str) -> str:
    """A single path component out of a listing; one that leads elsewhere is refused."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise Problem("The list of the model's files has an entry %s, which is not a plain name." % ascii(name))
    return name
