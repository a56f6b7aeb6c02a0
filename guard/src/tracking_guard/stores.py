# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's stores and artifact repositories, confined to the places for artifacts.

They are registered by scheme, MLflow's own way of exchanging them. What reaches them has been parsed by MLflow already, so no
spelling of a request means one thing to the check and another to MLflow.
"""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import typing as t

import sqlparse
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server import handlers
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as ModelRegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from . import filters, uris

F = t.TypeVar("F", bound=t.Callable[..., t.Any])


def _answered(function: F) -> F:
    """Turn a refusal into MLflow's own error, which its handlers answer with status 400 and a JSON body."""

    @functools.wraps(function)
    def wrapper(*args: t.Any, **kwargs: t.Any) -> t.Any:
        try:
            return function(*args, **kwargs)
        except uris.Refused as refusal:
            raise MlflowException(str(refusal), error_code=INVALID_PARAMETER_VALUE) from None

    return t.cast(F, wrapper)


def install(places: uris.Places) -> None:
    """Make this process's MLflow server record and open nothing outside the places. Before its first request."""
    for engine in DATABASE_ENGINES:
        handlers._tracking_store_registry.register(engine, functools.partial(_ConfinedTrackingStore.of, places))
        handlers._model_registry_store_registry.register(engine, functools.partial(_ConfinedModelRegistryStore.of, places))
    registry = artifact_repository_registry._artifact_repository_registry
    for scheme, kind in list(registry._registry.items()):
        registry.register(scheme, _confined(kind, places))
    sqlparse.parse = filters.bounded(sqlparse.parse)
    # MLflow turns an error of these two into a response, which the caller takes for a repository or a list and so answers 500.
    for name in ("_get_artifact_repo", "_list_artifacts_for_proxied_run_artifact_root"):
        function = getattr(handlers, name)
        setattr(handlers, name, getattr(function, "__wrapped__", function))


class _ConfinedTrackingStore(TrackingStore):
    places: uris.Places

    @classmethod
    def of(cls, places: uris.Places, store_uri: str, artifact_uri: str) -> _ConfinedTrackingStore:
        store = cls(store_uri, artifact_uri)
        store.places = places
        return store

    @_answered
    def create_experiment(self, name: str, artifact_location: t.Optional[str] = None, tags: t.Any = None) -> str:
        if artifact_location:
            self.places.check_location(artifact_location)
        number: str = super().create_experiment(name, artifact_location, tags)
        return number


class _ConfinedModelRegistryStore(ModelRegistryStore):
    places: uris.Places

    @classmethod
    def of(cls, places: uris.Places, store_uri: str) -> _ConfinedModelRegistryStore:
        store = cls(store_uri)
        store.places = places
        return store

    @_answered
    def create_registered_model(self, name: str, tags: t.Any = None, description: t.Optional[str] = None) -> t.Any:
        uris.check_model_name(name)
        return super().create_registered_model(name, tags, description)

    @_answered
    def rename_registered_model(self, name: str, new_name: str) -> t.Any:
        uris.check_model_name(new_name)
        return super().rename_registered_model(name, new_name)

    @_answered
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: t.Optional[str] = None,
        tags: t.Any = None,
        run_link: t.Optional[str] = None,
        description: t.Optional[str] = None,
    ) -> t.Any:
        self.places.check_source(source)
        uris.check_link(run_link or "")
        return super().create_model_version(name, source, run_id, tags, run_link, description)


class _Confined:
    """Comes before an artifact repository's own class and checks each path before that class sees it."""

    places: uris.Places
    artifact_uri: str

    @_answered
    def __init__(self, artifact_uri: str) -> None:
        self.places.check_opened(artifact_uri)
        super().__init__(artifact_uri)  # type: ignore[call-arg]

    def check(self, path: t.Optional[str]) -> None:
        """Raise uris.Refused when an artifact's path leads out of the repository."""
        if path:
            uris.check_path(path)

    @_answered
    def list_artifacts(self, path: t.Optional[str] = None) -> t.Any:
        self.check(path)
        return super().list_artifacts(path)  # type: ignore[misc]

    @_answered
    def download_artifacts(self, artifact_path: str, dst_path: t.Optional[str] = None) -> str:
        self.check(artifact_path)
        return super().download_artifacts(artifact_path, dst_path)  # type: ignore[misc,no-any-return]

    @_answered
    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self.check(remote_file_path)
        super()._download_file(remote_file_path, local_path)  # type: ignore[misc]

    @_answered
    def log_artifact(self, local_file: str, artifact_path: t.Optional[str] = None) -> None:
        self.check(os.path.join(artifact_path or "", os.path.basename(local_file)))
        super().log_artifact(local_file, artifact_path)  # type: ignore[misc]

    @_answered
    def delete_artifacts(self, artifact_path: t.Optional[str] = None) -> None:
        if not (artifact_path or "").strip("./"):
            raise uris.Refused("The whole artifact store can't be deleted by a request.")
        self.check(artifact_path)
        self.delete_checked(t.cast(str, artifact_path))

    def delete_checked(self, artifact_path: str) -> None:
        super().delete_artifacts(artifact_path)  # type: ignore[misc]


class _ConfinedLocal(_Confined, LocalArtifactRepository):
    def check(self, path: t.Optional[str]) -> None:
        super().check(path)
        # Links too: whoever can write into the store from elsewhere must not have the server follow them out.
        if not uris.is_inside(os.path.join(self.artifact_dir, path or ""), self.artifact_dir):
            raise uris.Refused("The artifact path %r leads out of the artifact store." % path)

    def delete_checked(self, artifact_path: str) -> None:
        # MLflow decodes the path once more at this place: CVE-2023-6831, CVE-2024-1560.
        path = os.path.join(self.artifact_dir, artifact_path)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)


class _ConfinedS3(_Confined, S3ArtifactRepository):
    def delete_checked(self, artifact_path: str) -> None:
        # MLflow deletes all keys that begin with the path: with "0/ab" it would delete what is in "0/abc" too.
        bucket, prefix = self.parse_s3_uri(self.artifact_uri)
        wanted = os.path.join(prefix, artifact_path.rstrip("/"))
        client = self._get_s3_client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=wanted):
            for key in (entry["Key"] for entry in page.get("Contents", [])):
                if key == wanted or key.startswith(wanted + "/"):
                    client.delete_object(Bucket=bucket, Key=key)


def _confined(kind: t.Any, places: uris.Places) -> t.Callable[[str], t.Any]:
    """A class, or a function in place of one, that makes artifact repositories of this kind inside the places alone."""
    if kind is LocalArtifactRepository or kind is S3ArtifactRepository:
        return type("Confined", (_ConfinedLocal if kind is LocalArtifactRepository else _ConfinedS3,), {"places": places})
    if inspect.isclass(kind):
        return type("Confined", (_Confined, kind), {"places": places})

    @_answered
    def make(artifact_uri: str) -> t.Any:
        places.check_opened(artifact_uri)
        return kind(artifact_uri)

    return make
