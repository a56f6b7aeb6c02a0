# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of MLflow's REST interface (version 1.30; https://mlflow.org/docs/1.30.1/rest-api.html).

The agent does not import MLflow: that alone would take several times the agent's memory.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import typing as t
from urllib.parse import urlencode

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from . import http1, rules

if t.TYPE_CHECKING:
    from .config import Secrets

    #: An object of JSON as the tracking server gave it; _as_mlflow stands around whatever looks into one.
    Document = t.Dict[str, t.Any]

#: A listing of 10,000 versions is smaller.
ANSWER_LIMIT = 32 * 1024 * 1024

#: By which the collection's tracking server tells its name in each answer; see guard/src/tracking_guard/requests.py.
NAME_HEADER = "Tracking-Server-Name"


class Resolved(t.NamedTuple):
    """A fixed version of a model: uri is what the launcher fetches, source where the bytes lie."""

    uri: str
    source: str


class Version(t.NamedTuple):
    """A version of a registered model. source is where the bytes lie, stage the registry's spelling."""

    name: str
    version: str
    source: str
    stage: str

    @classmethod
    def of(cls, document: Document) -> Version:
        """Take a version as MLflow describes it. Raises TypeError or KeyError for another form."""
        version = cls(
            document["name"], document["version"], document.get("source", ""), document.get("current_stage", "None")
        )
        if not all(isinstance(text, str) for text in version):
            raise TypeError
        return version


class RegistryError(Exception):
    """The tracking server refused a request. The text is a sentence; code is MLflow's, such as
    RESOURCE_DOES_NOT_EXIST."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class RegistryUnreachable(Exception):
    """The tracking server did not answer, or refused the login. The text is a sentence; status is the word for programs."""

    status = "unreachable"


class NotMlflow(RegistryUnreachable):
    """Something answers at the tracking URI, but it is no MLflow tracking server."""

    status = "not_mlflow"


class AnotherServer(RegistryUnreachable):
    """A tracking server answers at the tracking URI, but not the one that was wanted there."""

    status = "another_server"


@contextlib.contextmanager
def _as_mlflow() -> t.Iterator[None]:
    """Whoever takes apart an answer that has not MLflow's form has met a stranger."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError):
        raise NotMlflow("What answers at the tracking URI does not answer as an MLflow tracking server does.")


#: No model has this name; MLflow says so in its own way.
NOBODYS_MODEL = "a-model-that-the-mlops-agent-asks-for"


class Registry:
    """The model registry at tracking_uri; secrets hold its login, and name is what the server must call itself, empty for any."""

    def __init__(
        self, tracking_uri: str, secrets: Secrets, ca_file: str = "", name: str = "", timeout: float = 20
    ) -> None:
        self._base = tracking_uri.rstrip("/") + "/api/2.0/mlflow/"
        self._secrets = secrets
        self._name = name
        self._timeout = timeout
        self._tls = ssl.create_default_context(cafile=ca_file or None)
        self._client = http1.client(ANSWER_LIMIT)

    async def check(self) -> None:
        """See that what answers is an MLflow, the wanted one, and lets the agent in. Raises RegistryUnreachable or a kind of it."""
        try:
            with _as_mlflow():
                (await self._get("registered-models/get", name=NOBODYS_MODEL))["registered_model"]["name"]
        except RegistryError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise RegistryUnreachable("The tracking server does not tell of its models: {}".format(error))

    async def resolve(self, uri: rules.ModelUri) -> Resolved:
        """Turn a checked ModelUri into a Resolved. Raises RegistryError when there is no such model."""
        if uri.kind == "models":
            with _as_mlflow():
                found = await (self._version(uri) if uri.version.isdigit() else self._latest(uri))
                version, source = str(found["version"]), found["source"]
                if found["name"] != uri.name or (uri.version.isdigit() and version != uri.version) or not isinstance(source, str):
                    raise NotMlflow("The tracking server was asked for {} and tells of another model.".format(uri.text))
            return Resolved("models:/{}/{}".format(uri.name, version), source)
        if uri.kind == "runs":
            return Resolved(uri.text, await self._artifact_uri(uri))
        return Resolved(uri.text, uri.text)

    async def register(
        self, name: str, uri: rules.ModelUri, run_id: str = "", description: str = ""
    ) -> tuple[Version, bool]:
        """Register a model version of a checked ModelUri unless its source is registered already.

        Returns (version, whether it is new).
        """
        with _as_mlflow():
            return await self._register(name, uri, run_id, description)

    async def _register(
        self, name: str, uri: rules.ModelUri, run_id: str, description: str
    ) -> tuple[Version, bool]:
        source = uri.text
        if uri.kind == "runs":
            source, run_id = await self._artifact_uri(uri), run_id or uri.run_id
        elif uri.kind == "models":
            source = (await self.resolve(uri)).source
        try:
            await self._post("registered-models/create", name=name)
        except RegistryError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        known = await self._get("model-versions/search", filter="name='{}'".format(name), max_results=10000)
        for version in known.get("model_versions", []):
            if version["source"] == source and version.get("status") == "READY":
                return Version.of(version), False
        created = await self._post(
            "model-versions/create", name=name, source=source, run_id=run_id, description=description
        )
        return Version.of(created["model_version"]), True

    async def promote(self, name: str, version: str, stage: str, archive_existing: bool) -> Version:
        """Move a version to a stage. Returns it as it is then."""
        with _as_mlflow():
            moved = await self._post(
                "model-versions/transition-stage",
                name=name, version=version, stage=stage, archive_existing_versions=archive_existing,
            )
            return Version.of(moved["model_version"])

    async def _version(self, uri: rules.ModelUri) -> Document:
        try:
            answer = await self._get("model-versions/get", name=uri.name, version=uri.version)
        except RegistryError as error:
            raise RegistryError(
                "The registry has no version {} of the model {}: {}".format(uri.version, uri.name, error), error.code
            )
        found: Document = answer["model_version"]
        return found

    async def _latest(self, uri: rules.ModelUri) -> Document:
        try:
            answer = await self._post("registered-models/get-latest-versions", name=uri.name, stages=[uri.version])
        except RegistryError as error:
            raise RegistryError("The registry has no model {}: {}".format(uri.name, error), error.code)
        versions: list[Document] = answer.get("model_versions", [])
        if not versions:
            raise RegistryError("No version of the model {} is in the stage {}: promote one first.".format(
                uri.name, uri.version
            ), "RESOURCE_DOES_NOT_EXIST")
        return versions[0]

    async def _artifact_uri(self, uri: rules.ModelUri) -> str:
        with _as_mlflow():
            return await self._model_of_run(uri)

    async def _model_of_run(self, uri: rules.ModelUri) -> str:
        try:
            run = (await self._get("runs/get", run_id=uri.run_id))["run"]
            listing = await self._get("artifacts/list", run_id=uri.run_id, path=uri.path)
        except RegistryError as error:
            raise RegistryError("The run {} cannot be read: {}".format(uri.run_id, error), error.code)
        if not any(entry["path"].endswith("/MLmodel") for entry in listing.get("files", [])):
            raise RegistryError(
                "The run {} holds no model at {}.".format(uri.run_id, uri.path), "RESOURCE_DOES_NOT_EXIST"
            )
        return "{}/{}".format(run["info"]["artifact_uri"].rstrip("/"), uri.path)

    async def _get(self, endpoint: str, **query: str | int) -> Document:
        return await self._call(endpoint + "?" + urlencode(query), "GET", None)

    async def _post(self, endpoint: str, **body: object) -> Document:
        return await self._call(endpoint, "POST", json.dumps(body))

    async def _call(self, endpoint: str, method: str, body: str | None) -> Document:
        username = self._secrets.tracking_username or None
        headers = {"Content-Type": "application/json"}
        if self._secrets.tracking_token and username is None:
            headers["Authorization"] = "Bearer " + self._secrets.tracking_token
        request = HTTPRequest(
            self._base + endpoint, method=method, body=body, headers=headers, ssl_options=self._tls,
            connect_timeout=self._timeout, request_timeout=self._timeout,
            auth_username=username, auth_password=self._secrets.tracking_password, auth_mode="basic",
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            raise RegistryUnreachable("The tracking server cannot be reached: {}.".format(error))
        return self._document(response)

    def _document(self, response: HTTPResponse) -> Document:
        if response.code in (401, 403):
            raise RegistryUnreachable(
                "The tracking server refuses the agent's login (status {}).".format(response.code)
            )
        if response.code >= 500:
            raise RegistryUnreachable("The tracking server is out of order: {}.".format(response.error))
        try:
            document: Document = json.loads(response.body.decode())
            refusal = None
            if response.code != 200 or not isinstance(document, dict):
                refusal = RegistryError(str(document["message"]), str(document["error_code"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise NotMlflow(
                "What answers at the tracking URI (status {}) is not an MLflow tracking server.".format(response.code)
            )
        self._check_name(response.headers.get(NAME_HEADER, ""))
        if refusal is not None:
            raise refusal
        return document

    def _check_name(self, seen: str) -> None:
        if self._name and seen != self._name:
            raise AnotherServer("The MLflow tracking server {} was expected at the tracking URI, but {} answers there.".format(
                rules.shown(self._name), rules.shown(seen) if seen else "one without a name"
            ))
