# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Backups of a tracking server: its records and, where they are on disk, its artifacts, in a folder of their own for each backup.

A backup is complete once its manifest is there. It is made under another name and renamed, and in S3 the manifest goes last, so that half a backup
never passes for a whole one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import tempfile
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import backup_streams as streams
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_database

Params = t.Mapping[str, t.Any]
Warn = t.Callable[[str], t.Any]
MANIFEST = "manifest.json"
_SCRATCH = ".tmp-"
_FILES = ("database.sqlite", "database.sql", "artifacts.tar")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_LARGEST_MANIFEST = 100_000
# Seconds that systemd may take to stop or start a unit.
_UNIT_SECONDS = 300

_S3_SPEC: dict[str, t.Any] = {
    "uri": {"type": "str", "required": True},
    "endpoint_url": {"type": "str"},
    "region": {"type": "str"},
    "access_key_id": {"type": "str"},
    "secret_access_key": {"type": "str", "no_log": True},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "python": {"type": "path", "required": True},
}
_POSTGRESQL_SPEC: dict[str, t.Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 5432},
    "dbname": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "sslmode": {"type": "str", "default": "prefer"},
}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "restored"], "default": "present"},
    "directory": {"type": "path", "required": True},
    "name": {"type": "str"},
    "keep": {"type": "int", "default": 7},
    "backup_first": {"type": "bool", "default": False},
    "sqlite_file": {"type": "path"},
    "postgresql": {"type": "dict", "options": _POSTGRESQL_SPEC},
    "artifact_directory": {"type": "path"},
    "user": {"type": "str", "required": True},
    "stack": {"type": "path"},
    "unit": {"type": "str"},
    "s3": {"type": "dict", "options": _S3_SPEC},
    "timeout": {"type": "int", "default": 3600},
}
#: Of `look`: folders of backups, and the stack's releases whose MLflow may have to read them.
LOOK_SPEC: dict[str, t.Any] = {"directory": {"type": "path", "required": True}, "stack_prefix": {"type": "path", "required": True}}
RULES: dict[str, t.Any] = {
    "mutually_exclusive": [("sqlite_file", "postgresql")],
    "required_one_of": [("sqlite_file", "postgresql")],
    "required_if": [("state", "restored", ("name",))],
}


def run(params: Params, check_mode: bool, warn: Warn) -> dict[str, t.Any]:
    """What the module `mlflow_backup` returns. Raises `Problem`."""
    if params["name"] and not re.match(_NAME + r"\Z", params["name"]):
        raise Problem("name is '%s', but letters, digits and . _ - were expected, 64 at most, a letter or digit first." % params["name"][:100])
    if params["keep"] < 0:
        raise Problem("keep is %d, but how many backups are kept was expected, 0 for all." % params["keep"])
    store = Store(params["directory"])
    with store.locked(check_mode):
        return (_restore if params["state"] == "restored" else _make)(params, check_mode, warn, store)


def look(params: Params) -> dict[str, t.Any]:
    """What there is to go back to; nothing is changed.

    ``backups`` are the complete ones, the newest first, each with C(name), C(made_at), C(records) and C(schema); ``known`` are the schemas that the
    MLflow of each release of the stack knows, by its name, the oldest first.
    """
    store, releases = Store(params["directory"]), files.Releases(params["stack_prefix"])
    found = [(name, store.manifest(name)) for name in store.names()]
    backups = [{"name": name, **{key: said[key] for key in ("made_at", "records", "schema")}} for name, said in found if said]
    return {"changed": False, "backups": backups, "known": {name: tracking_database.revisions(releases.path(name)) for name in releases.complete()}}


class Store:
    """The folder of the backups: a folder for each, and nothing in it is anybody's but root's."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, *names: str) -> str:
        return os.path.join(self.directory, *names)

    def manifest(self, name: str) -> dict[str, t.Any] | None:
        """What a backup says of itself; None where there is none, or only a part of one."""
        return _read_manifest(self.path(name, MANIFEST))

    def names(self) -> list[str]:
        """The complete backups, the newest first."""
        with contextlib.suppress(FileNotFoundError):
            found = {name: self.manifest(name) for name in os.listdir(self.directory) if re.match(_NAME + r"\Z", name)}
            return sorted((name for name, said in found.items() if said), key=lambda name: (found[name] or {})["made_at"], reverse=True)
        return []

    @contextlib.contextmanager
    def locked(self, check_mode: bool) -> t.Iterator[None]:
        """Hold the folder for one at a time, and clear away what a run that was killed left in it."""
        if check_mode:
            yield
            return
        files.make_folder(os.path.dirname(self.directory))
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.directory, 0o700)
        status = os.lstat(self.directory)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise Problem("%s is not a folder of the user who is to make backups there. Choose another." % self.directory)
        os.chmod(self.directory, 0o700)
        with os.fdopen(os.open(self.path(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in os.listdir(self.directory):
                if name.startswith(_SCRATCH):
                    files.remove(self.path(name))
            yield

    def scratch(self) -> str:
        """A new folder for a backup that is being made."""
        return tempfile.mkdtemp(prefix=_SCRATCH, dir=self.directory)

    def keep(self, folder: str, name: str) -> None:
        """Let a folder in which all is written be the backup of this name."""
        for place in (folder, self.directory):
            if place == self.directory:
                os.rename(folder, self.path(name))
            handle = os.open(place, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


# ---------------------------------------------------------------------------------------------------------------------------------- making


def _make(params: Params, check_mode: bool, warn: Warn, store: Store) -> dict[str, t.Any]:
    name = params["name"] or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    there = store.manifest(name)
    if there:
        # An earlier run may not have got it there.
        missing = bool(params["s3"]) and name not in _in_s3(streams.S3(params["s3"], params["user"], params["timeout"]))
        if missing and not check_mode:
            _copy_to_s3(params, store, name, there["files"])
        return {"changed": missing, "name": name, "path": store.path(name), **_shown(there), "removed": [], "msg": _sentence(params, store, there, name)}
    outdated = store.names()[params["keep"] - 1 :] if params["keep"] else []
    if check_mode:
        return {"changed": True, "name": name, "path": store.path(name), "removed": outdated, "msg": "%s would be made." % store.path(name)}
    parts = _parts(params)
    _need_space(params, store)
    folder = store.scratch()
    try:
        # The records first: an artifact is there before the record that names it.
        written = {part.file: streams.dump(part, os.path.join(folder, part.file), params["user"], params["timeout"]) for part in parts}
        manifest = {
            "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "records": _kind(params),
            "schema": _schema(params, os.path.join(folder, parts[0].file)),
            "files": {file: {"sha256": stream.sha256, "size": stream.size} for file, stream in written.items()},
        }
        files.write_atomic(os.path.join(folder, MANIFEST), json.dumps(manifest, indent=2, sort_keys=True) + "\n", 0o600)
        if os.path.lexists(store.path(name)):
            files.remove(store.path(name))
        store.keep(folder, name)
    except BaseException:
        files.remove(folder)
        raise
    for file, stream in written.items():
        if stream.warning:
            warn("%s changed while it was backed up: %s" % (file, stream.warning))
    _copy_to_s3(params, store, name, written)
    for old in outdated:
        files.remove(store.path(old))
    result = {"changed": True, "name": name, "path": store.path(name), **_shown(manifest), "removed": outdated}
    return {**result, "msg": _sentence(params, store, manifest, name, outdated)}


def _sentence(params: Params, store: Store, manifest: t.Mapping[str, t.Any], name: str, removed: t.Sequence[str] = ()) -> str:
    """What somebody who made a backup wants to read."""
    shown = _shown(manifest)
    places = store.path(name) + (" and %s/%s" % (params["s3"]["uri"].rstrip("/"), name) if params["s3"] else "")
    said = "%s, %s: %s." % (places, files.megabytes(shown["size"]), ", ".join(shown["files"]))
    return said + (" Older ones that were removed: %s." % ", ".join(removed) if removed else "")


def _parts(params: Params) -> list[streams.Part]:
    """What a backup consists of, the records first."""
    records = streams.sqlite(params["sqlite_file"]) if params["sqlite_file"] else streams.postgresql(params["postgresql"])
    return [records] + ([streams.artifacts(params["artifact_directory"])] if params["artifact_directory"] else [])


def _kind(params: Params) -> str:
    return "sqlite" if params["sqlite_file"] else "postgresql"


def _schema(params: Params, dumped: str) -> str | None:
    """The revision of the schema in a backup, as Alembic notes it."""
    if params["sqlite_file"]:
        facts = tracking_database.sqlite_facts(dumped)
        if facts["error"]:
            raise Problem("The copy of %s can't be used: %s" % (params["sqlite_file"], facts["error"]))
        return t.cast("str | None", facts["revision"])
    # In a dump in plain text the rows of a table follow the line that names it.
    with open(dumped, encoding="utf-8", errors="replace") as file:
        for line in file:
            if re.match(r"COPY (\S+\.)?alembic_version ", line):
                return next(file, "").strip() or None
    return None


def _need_space(params: Params, store: Store) -> None:
    needed = os.stat(params["sqlite_file"]).st_size if params["sqlite_file"] and os.path.exists(params["sqlite_file"]) else 0
    if params["artifact_directory"]:
        status, said = commands.run(["du", "--summarize", "--bytes", "--", params["artifact_directory"]], timeout=params["timeout"])
        size = re.match(r"\d+", said.splitlines()[-1]) if status in (0, 1) and said.strip() else None
        needed += int(size.group()) if size else 0
    files.need_space(store.directory, needed, "A backup")


def _copy_to_s3(params: Params, store: Store, name: str, written: t.Iterable[str]) -> None:
    """Copy a backup that is on disk, and drop those beyond `keep` there as well."""
    if not params["s3"]:
        return
    place = streams.S3(params["s3"], params["user"], params["timeout"])
    try:
        for file in (*written, MANIFEST):
            place.put(store.path(name, file), "%s/%s" % (name, file))
        if params["keep"]:
            # Names that the module gives sort by time; others are kept.
            dated = [found for found in _in_s3(place) if re.match(r"\d{8}T\d{6}Z\Z", found)]
            for old in sorted(dated, reverse=True)[params["keep"] :]:
                place.delete(old)
    except Problem as problem:
        raise Problem("%s The backup %s is on disk, in %s." % (problem, name, store.path(name))) from None


def _in_s3(place: streams.S3) -> list[str]:
    """The complete backups there."""
    return sorted({name.split("/")[0] for name in place.names() if re.match(_NAME + "/" + re.escape(MANIFEST) + r"\Z", name)})


# ------------------------------------------------------------------------------------------------------------------------------- restoring


def _restore(params: Params, check_mode: bool, warn: Warn, store: Store) -> dict[str, t.Any]:
    name = params["name"]
    result = {"changed": True, "name": name, "path": store.path(name), "removed": [], "before": None, "msg": "%s would be restored." % name}
    manifest = store.manifest(name)
    if manifest is None:
        if check_mode and params["s3"]:
            _find_in_s3(params, store)
            return result
        manifest = _fetch(params, store)
    _refuse_unfit(params, store, manifest)
    result.update(_shown(manifest))
    if check_mode:
        return result
    if params["backup_first"]:
        # All are kept, as the one to be restored may be the oldest.
        result["before"] = _make({**params, "name": None, "keep": 0}, False, warn, store)["name"]
    wanted = {part.file: part for part in _parts(params)}
    missing = [file for file in wanted if file not in manifest["files"]]
    with _stopped(params["unit"]):
        # The artifacts first, so that no record ever names one that is not there.
        for file in reversed(list(wanted)):
            if file not in missing:
                streams.load(wanted[file], store.path(name, file), params["user"], params["timeout"])
    for file in missing:
        warn("The backup %s has no %s, so %s was left as it is." % (name, file, wanted[file].called[0].lower() + wanted[file].called[1:]))
    kept = " What was there before is in %s." % store.path(t.cast(str, result["before"])) if result["before"] else ""
    return {**result, "msg": "%s is restored.%s" % (name, kept)}


def _refuse_unfit(params: Params, store: Store, manifest: t.Mapping[str, t.Any]) -> None:
    """Raise a `Problem` for a backup that is damaged, of the other kind, or of a schema that the stack's MLflow does not know."""
    name = params["name"]
    if manifest["records"] != _kind(params):
        raise Problem("The backup %s is one of %s, but the server's records are in %s." % (name, manifest["records"], _kind(params)))
    known = tracking_database.revisions(params["stack"]) if params["stack"] else []
    if known and manifest["schema"] and manifest["schema"] not in known:
        raise Problem(
            "The backup %s has the schema %s, which the MLflow in %s does not know. Install the stack that it was made with first."
            % (name, manifest["schema"], params["stack"])
        )
    for file, facts in manifest["files"].items():
        path = store.path(name, file)
        if not os.path.isfile(path) or os.path.getsize(path) != facts["size"] or files.digest_of(path) != facts["sha256"]:
            raise Problem("%s is not as it was written: its size or digest differs from the manifest's. Restore another backup." % path)


@contextlib.contextmanager
def _stopped(unit: str | None) -> t.Iterator[None]:
    """A time without the server; it is started again whatever happens meanwhile."""
    if not unit:
        yield
        return
    _systemctl("stop", unit)
    try:
        yield
    except BaseException as failure:
        try:
            _systemctl("start", unit)
        except Problem as further:
            raise Problem("%s %s" % (failure, further)) from failure
        raise
    _systemctl("start", unit)


def _systemctl(action: str, unit: str) -> None:
    status, said = commands.run(["systemctl", action, unit], timeout=_UNIT_SECONDS)
    if status:
        raise Problem("%s could not be %s: %s" % (unit, "stopped" if action == "stop" else "started", (said.strip().splitlines() or ["nothing was said."])[0]))


def _fetch(params: Params, store: Store) -> dict[str, t.Any]:
    """Bring a backup from S3 to the disk; its manifest."""
    place = _find_in_s3(params, store)
    name, folder = params["name"], store.scratch()
    try:
        place.get("%s/%s" % (name, MANIFEST), os.path.join(folder, MANIFEST))
        manifest = _read_manifest(os.path.join(folder, MANIFEST))
        if manifest is None:
            raise Problem("%s is not a manifest of a backup." % place.uri("%s/%s" % (name, MANIFEST)))
        files.need_space(store.directory, sum(facts["size"] for facts in manifest["files"].values()), "The backup")
        for file in manifest["files"]:
            place.get("%s/%s" % (name, file), os.path.join(folder, file))
        store.keep(folder, name)
    except BaseException:
        files.remove(folder)
        raise
    return manifest


def _find_in_s3(params: Params, store: Store) -> streams.S3:
    if not params["s3"]:
        raise _no_such(params["name"], store.names(), store.directory)
    place = streams.S3(params["s3"], params["user"], params["timeout"])
    found = _in_s3(place)
    if params["name"] not in found:
        raise _no_such(params["name"], sorted({*store.names(), *found}, reverse=True), "%s and %s" % (store.directory, place.uri()))
    return place


def _no_such(name: str, there: t.Sequence[str], place: str) -> Problem:
    known = ", ".join(there[:10]) + (" and more" if len(there) > 10 else "")
    return Problem("There is no complete backup %s in %s. There %s %s." % (name, place, "are" if len(there) > 1 else "is", known or "none"))


# -------------------------------------------------------------------------------------------------------------------------------- manifests


def _read_manifest(path: str) -> dict[str, t.Any] | None:
    """A manifest; None for anything that is not one."""
    try:
        with open(path, encoding="utf-8") as file:
            said = json.loads(file.read(_LARGEST_MANIFEST))
    except (OSError, ValueError, RecursionError):
        return None
    return said if _is_manifest(said) else None


def _is_manifest(said: t.Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("files"), dict):
        return False
    schema = said.get("schema")
    good = isinstance(said.get("made_at"), str) and said.get("records") in ("sqlite", "postgresql") and (schema is None or isinstance(schema, str))
    return good and all(file in _FILES and _is_entry(facts) for file, facts in said["files"].items())


def _is_entry(facts: t.Any) -> bool:
    return isinstance(facts, dict) and isinstance(facts.get("size"), int) and isinstance(facts.get("sha256"), str)


def _shown(manifest: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a result tells of a backup."""
    return {
        "made_at": manifest["made_at"],
        "schema": manifest["schema"],
        "files": sorted(manifest["files"]),
        "size": sum(facts["size"] for facts in manifest["files"].values()),
    }
