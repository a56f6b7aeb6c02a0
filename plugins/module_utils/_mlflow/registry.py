# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""MLflow's model registry over REST, as MLflow 1.30.1 speaks it, and what the module mlflow_model decides.

The calls and their answers: https://www.mlflow.org/docs/1.30.1/rest-api.html
"""

from __future__ import annotations

import posixpath
import re
import time
import typing as t
import urllib.parse

from ansible.module_utils.basic import env_fallback
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError, connection_argument_spec, connection_options

STAGES = ("None", "Staging", "Production", "Archived")
#: The stages that hold versions in use. Only from these MLflow archives what was there before.
ACTIVE_STAGES = ("Staging", "Production")
#: As long as MLflow's own client waits for a new version, in seconds.
READY_TIMEOUT = 300

_API = "/api/2.0/mlflow/"
# The names and URIs that the MLOps agent can serve; MLflow itself would take more.
_MODEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")
_URI_OTHER = re.compile(r"[^A-Za-z0-9._@+=,:/-]")


def tracking_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragments ``_tracking`` and ``_connection``."""
    return dict(
        connection_argument_spec(),
        tracking_uri={"type": "str", "required": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_URI"])},
        tracking_username={"type": "str", "fallback": (env_fallback, ["MLFLOW_TRACKING_USERNAME"])},
        tracking_password={"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_PASSWORD"])},
        tracking_token={"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_TOKEN"])},
    )


def tracking_client(params: t.Mapping[str, t.Any]) -> Client:
    """The client for the tracking server that a module's parameters name."""
    return Client(
        params["tracking_uri"],
        what="the tracking server",
        option="tracking_uri",
        credentials="tracking_username and tracking_password, or tracking_token",
        token=params["tracking_token"],
        username=params["tracking_username"],
        password=params["tracking_password"],
        **connection_options(params)
    )


def check_model_uri(uri: str, option: str) -> None:
    """Refuse, with :class:`Problem`, a URI that could become a shell word or lead out of its folder."""
    if re.match(r"^[^/]*://[^/@]*:[^/@]*@", uri):
        raise Problem("%s carries login data, which would be shown in logs. Give the credentials to the server's own configuration." % option)
    others = sorted(set(_URI_OTHER.findall(uri)))
    if not uri or others:
        problem = "has %s in it" % " and ".join(ascii(char) for char in others) if others else "is empty"
        raise Problem("%s %s. A model's URI may have letters, digits and . _ @ + = , : / - only, for example models:/churn/1." % (option, problem))
    if any(part in (".", "..") for part in re.split("[/:]", uri)):
        raise Problem("%s is '%s'; '.' and '..' must not be parts of a model's URI." % (option, uri))
    if ":/" not in uri and not uri.startswith("/"):
        raise Problem("%s is '%s', a relative path. Give an absolute path or a URI such as runs:/RUN_ID/model." % (option, uri))


def split_runs_uri(uri: str) -> tuple[str, str]:
    """The run's id and the path below its artifacts ('' for their root) out of ``runs:/ID/path``."""
    run_id, dummy, path = uri[len("runs:/"):].partition("/")
    if not uri.startswith("runs:/") or not _RUN_ID.fullmatch(run_id):
        raise Problem("source is '%s'; a URI of a run looks like runs:/RUN_ID/path/of/the/model." % uri)
    return run_id, path.strip("/")


def join_artifact_uri(root: str, path: str) -> str:
    """``path`` below the artifact URI ``root``, joined as MLflow's client does it: before a query part."""
    if not path:
        return root
    head, mark, query = root.partition("?")
    return posixpath.join(head, path) + mark + query


class Registry:
    """The model registry behind a :class:`Client`. A version is a dict, see :meth:`_version`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def _call(self, method: str, call: str, body: t.Any = None, query: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        path = _API + call + ("?" + urllib.parse.urlencode(query) if query else "")
        try:
            answer = self.client.json(method, path, body)
        except HttpError as error:
            # MLflow names each of its own errors; a 404 without a name comes from something else.
            if error.status in (404, 405) and not error.code:
                raise Problem(
                    "The server at %s does not know MLflow's REST interface (%s to %s). Check that tracking_uri is the address"
                    " of an MLflow tracking server, not of a served model or of the MLOps agent." % (self.client.url, error.status, _API + call)
                ) from None
            raise
        if not isinstance(answer or {}, dict):
            raise Problem("The tracking server at %s answered %s with something unexpected. Check tracking_uri." % (self.client.url, _API + call))
        return answer or {}

    @staticmethod
    def _version(raw: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        return {
            "version": int(raw["version"]),
            "stage": raw.get("current_stage", "None"),
            "source": raw.get("source", ""),
            "run_id": raw.get("run_id", ""),
            "description": raw.get("description", ""),
            "tags": {tag["key"]: tag.get("value", "") for tag in raw.get("tags", [])},
            "status": raw.get("status", "READY"),
            "status_message": raw.get("status_message", ""),
        }

    def exists(self, name: str) -> bool:
        """Whether the registered model ``name`` exists, with or without versions."""
        try:
            self._call("GET", "registered-models/get", query={"name": name})
        except HttpError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return True

    def versions(self, name: str) -> dict[int, dict[str, t.Any]]:
        """Number → version for all versions of ``name`` that are not deleted; empty when there is no such model."""
        found, token = {}, ""
        while True:
            query = {"filter": "name='%s'" % name}
            if token:
                query["page_token"] = token
            answer = self._call("GET", "model-versions/search", query=query)
            for raw in answer.get("model_versions", []):
                if raw["name"] == name:
                    version = self._version(raw)
                    found[version["version"]] = version
            token = answer.get("next_page_token", "")
            if not token:
                return found

    def version_in(self, name: str, stage: str) -> t.Optional[int]:
        """The newest version of a model that is in a stage, which is the one that ``models:/NAME/STAGE`` means."""
        try:
            found = self._call("POST", "registered-models/get-latest-versions", {"name": name, "stages": [stage]}).get("model_versions", [])
        except HttpError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return int(found[0]["version"]) if found else None

    def run(self, run_id: str) -> dict[str, t.Any]:
        """The ``info`` of a run that exists and is not deleted, ``artifact_uri`` among it."""
        try:
            info: dict[str, t.Any] = self._call("GET", "runs/get", query={"run_id": run_id})["run"]["info"]
        except HttpError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise Problem(
                "The tracking server at %s has no run '%s'. Check the run id, and that the run was logged to this server." % (self.client.url, run_id)
            ) from None
        if info.get("lifecycle_stage") == "deleted":
            raise Problem(
                "Run '%s' was deleted on the tracking server at %s. Restore it with 'mlflow runs restore' or name another run." % (run_id, self.client.url)
            )
        return info

    def check_artifact(self, run_id: str, path: str) -> None:
        """Refuse a path of a run that holds no model. Says nothing where the server cannot list the artifacts itself."""
        query = {"run_id": run_id}
        if path:
            query["path"] = path
        try:
            files = self._call("GET", "artifacts/list", query=query).get("files", [])
        except HttpError:
            return
        if not any(posixpath.basename(entry["path"]) == "MLmodel" for entry in files):
            raise Problem(
                "Run '%s' has no model at '%s': there is no file MLmodel. The path behind the run id is the name that the model was logged under."
                % (run_id, path or "/")
            )

    def create_model(self, name: str) -> None:
        try:
            self._call("POST", "registered-models/create", {"name": name})
        except HttpError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise

    def create_version(self, name: str, wanted: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        body = {
            "name": name,
            "source": wanted["source"],
            "run_id": wanted["run_id"],
            "description": wanted["description"],
            "tags": [{"key": key, "value": value} for key, value in sorted(wanted["tags"].items())],
        }
        return self._version(self._call("POST", "model-versions/create", body)["model_version"])

    def await_ready(self, name: str, version: dict[str, t.Any]) -> None:
        """Wait until ``version`` is registered; :class:`Problem` when that failed or takes too long."""
        deadline = time.monotonic() + READY_TIMEOUT
        while version["status"] == "PENDING_REGISTRATION":
            if time.monotonic() > deadline:
                raise Problem(
                    "Version %d of '%s' is still not registered after %d seconds. Look into the log of the tracking server."
                    % (version["version"], name, READY_TIMEOUT)
                )
            time.sleep(0.5)
            version = self._version(self._call("GET", "model-versions/get", query={"name": name, "version": version["version"]})["model_version"])
        if version["status"] != "READY":
            raise Problem(
                "Version %d of '%s' could not be registered (%s). %s" % (version["version"], name, version["status"], sentence(version["status_message"]))
            )

    def describe(self, name: str, version: int, description: str) -> None:
        self._call("PATCH", "model-versions/update", {"name": name, "version": str(version), "description": description})

    def tag(self, name: str, version: int, key: str, value: str) -> None:
        self._call("POST", "model-versions/set-tag", {"name": name, "version": str(version), "key": key, "value": value})

    def promote(self, name: str, version: int, stage: str, archive_existing: bool) -> None:
        body = {"name": name, "version": str(version), "stage": stage, "archive_existing_versions": archive_existing}
        self._call("POST", "model-versions/transition-stage", body)

    def delete(self, name: str, version: t.Optional[int] = None) -> None:
        """Delete one version, or the whole model; whatever is gone already is no error."""
        try:
            if version is None:
                self._call("DELETE", "registered-models/delete", {"name": name})
            else:
                self._call("DELETE", "model-versions/delete", {"name": name, "version": str(version)})
        except HttpError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of mlflow_model without asking the server."""
    if not _MODEL_NAME.fullmatch(params["name"]) or ".." in params["name"]:
        raise Problem(
            "name is %s; the name of a registered model has at most 255 letters, digits, '.', '_' and '-' and begins with a letter or digit."
            % ascii(params["name"])
        )
    if params["version"] is not None and params["version"] < 1:
        raise Problem("version is %d; versions count from 1." % params["version"])
    if params["state"] == "absent":
        extra = [option for option in ("source", "run_id", "stage", "description", "tags") if params[option] is not None]
        if extra:
            raise Problem("state=absent deletes the version that version names, or the whole model; %s cannot be given with it." % " and ".join(extra))
        return
    if params["source"] is None and params["version"] is None:
        raise Problem("state=present needs source, to register a version, or version, to name one that exists.")
    if params["archive_existing"] and params["stage"] not in ACTIVE_STAGES:
        raise Problem("archive_existing goes with stage=Staging or stage=Production only; stage is %s." % (params["stage"] or "not given"))
    if params["run_id"] is not None and not _RUN_ID.fullmatch(params["run_id"]):
        raise Problem("run_id is %s, which is not a run id of MLflow." % ascii(params["run_id"]))
    source = params["source"]
    if source is not None:
        check_model_uri(source, "source")
        if source.startswith("models:"):
            raise Problem("source is '%s'; a version is registered from its files, such as runs:/RUN_ID/model, not from another version." % source)
        if source.startswith("runs:"):
            run_id, dummy = split_runs_uri(source)
            if params["run_id"] not in (None, run_id):
                raise Problem("run_id is '%s', but source names the run '%s'. Leave run_id out." % (params["run_id"], run_id))
        elif _local_path(source) is not None and params["run_id"] is None:
            raise Problem(
                "source is a path on the tracking server ('%s'). MLflow takes that only together with run_id, the run whose"
                " artifacts it belongs to. Give run_id, or runs:/RUN_ID/path as source." % source
            )


def run(params: t.Mapping[str, t.Any], registry: Registry, check_mode: bool) -> dict[str, t.Any]:
    """Make the registry as ``params`` say (in check mode only find out how) and return the module's result."""
    check_params(params)
    if params["state"] == "absent":
        return _absent(params["name"], params["version"], registry, check_mode)
    return _present(params, registry, check_mode)


def _absent(name: str, number: t.Optional[int], registry: Registry, check_mode: bool) -> dict[str, t.Any]:
    versions = registry.versions(name)
    if number is None:
        changed = bool(versions) or registry.exists(name)
        remaining = None
    else:
        changed = number in versions
        remaining = {key: version for key, version in versions.items() if key != number}
        versions = {key: version for key, version in versions.items() if key == number}
    if changed and not check_mode:
        registry.delete(name, number)
    before = _shown(name, versions) if changed else {}
    after = {"name": name, "versions": {}} if changed and remaining is not None else {}
    return {"changed": changed, "name": name, "version": number, "diff": {"before": before, "after": after}}


def _present(params: t.Mapping[str, t.Any], registry: Registry, check_mode: bool) -> dict[str, t.Any]:
    name, stage = params["name"], params["stage"]
    source, run_id = _resolve(params, registry)
    versions = registry.versions(name)
    current = _existing(name, params["version"], source, versions, registry)
    if current is None:
        if params["source"].startswith("runs:"):
            registry.check_artifact(*split_runs_uri(params["source"]))
        wanted: dict[str, t.Any] = {"version": max(versions, default=0) + 1, "stage": "None", "source": source, "run_id": run_id, "description": "", "tags": {}}
    else:
        registry.await_ready(name, current)
        wanted = dict(current)
    if params["description"] is not None:
        wanted["description"] = params["description"]
    wanted["tags"] = dict(wanted["tags"], **{key: _text(value) for key, value in (params["tags"] or {}).items()})
    if stage is not None:
        wanted["stage"] = stage
    archived = sorted(
        number for number, version in versions.items()
        if params["archive_existing"] and version["stage"] == stage and number != wanted["version"]
    )

    if not check_mode:
        current = _apply(name, current, wanted, archived, registry)
        wanted["version"] = current["version"]

    touched = archived + ([wanted["version"]] if wanted["version"] in versions else [])
    before = {number: versions[number] for number in touched}
    after = {number: dict(versions[number], stage="Archived") for number in archived}
    after[wanted["version"]] = wanted
    diff = {"before": _shown(name, before), "after": _shown(name, after)}
    return {
        "changed": diff["before"] != diff["after"],
        "name": name,
        "version": wanted["version"],
        "stage": wanted["stage"],
        "source": wanted["source"],
        "run_id": wanted["run_id"],
        "model_uri": "models:/%s/%d" % (name, wanted["version"]),
        "archived": archived,
        "diff": diff,
    }


def _resolve(params: t.Mapping[str, t.Any], registry: Registry) -> tuple[str, str]:
    """The source as the registry stores it, and the id of the run it belongs to."""
    source, run_id = params["source"] or "", params["run_id"] or ""
    if source.startswith("runs:"):
        run_id, path = split_runs_uri(source)
        return join_artifact_uri(registry.run(run_id)["artifact_uri"], path), run_id
    if source and run_id:
        root, local = _local_path(registry.run(run_id)["artifact_uri"]), _local_path(source)
        if local is not None and (root is None or posixpath.commonpath([root, local]) != root):
            raise Problem(
                "source is '%s', which is not below the artifacts of run '%s' (%s). MLflow refuses that." % (source, run_id, root or "not on the server's disk")
            )
    return source, run_id


def _existing(
    name: str, number: t.Optional[int], source: str, versions: dict[int, dict[str, t.Any]], registry: Registry
) -> t.Optional[dict[str, t.Any]]:
    """The version that the parameters mean, or ``None`` when one is to be registered from ``source``."""
    if number is None:
        return max((version for version in versions.values() if version["source"] == source), key=lambda version: version["version"], default=None)
    if number not in versions:
        there = "It has %s" % ", ".join(str(key) for key in sorted(versions)) if versions else "The model has no version"
        if not versions and not registry.exists(name):
            there = "There is no registered model of this name"
        raise Problem(
            "Version %d of '%s' does not exist on the tracking server at %s. %s. To register one, give source without version."
            % (number, name, registry.client.url, there)
        )
    if source and versions[number]["source"] != source:
        raise Problem(
            "Version %d of '%s' comes from %s, not from %s. The source of a version cannot be changed: leave version out to register a new one."
            % (number, name, versions[number]["source"], source)
        )
    return versions[number]


def _apply(
    name: str, current: t.Optional[dict[str, t.Any]], wanted: dict[str, t.Any], archived: list[int], registry: Registry
) -> dict[str, t.Any]:
    """Bring the registry from ``current`` to ``wanted``; each step left out by a killed run is taken by the next."""
    if current is None:
        registry.create_model(name)
        current = registry.create_version(name, wanted)
        registry.await_ready(name, current)
        current.update(description=wanted["description"], tags=wanted["tags"])
    number = current["version"]
    if current["description"] != wanted["description"]:
        registry.describe(name, number, wanted["description"])
    for key, value in sorted(wanted["tags"].items()):
        if current["tags"].get(key) != value:
            registry.tag(name, number, key, value)
    if archived or current["stage"] != wanted["stage"]:
        registry.promote(name, number, wanted["stage"], bool(archived))
    return current


def _shown(name: str, versions: t.Mapping[int, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """What a diff shows of a model and the versions in question."""
    if not versions:
        return {}
    keys = ("stage", "source", "description", "tags")
    return {"name": name, "versions": {str(number): {key: version[key] for key in keys} for number, version in sorted(versions.items())}}


def _local_path(uri: str) -> t.Optional[str]:
    """The path that ``uri`` means on the server's own disk, or ``None`` when it is elsewhere."""
    if uri.startswith("/"):
        return posixpath.normpath(uri)
    if uri.startswith("file:"):
        return posixpath.normpath(urllib.parse.unquote(urllib.parse.urlsplit(uri).path))
    return None


def _text(value: t.Any) -> str:
    """A tag's value as MLflow keeps it: text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
