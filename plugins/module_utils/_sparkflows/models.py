# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Models of Sparkflows' model repository on a host, and what the module sparkflows_model does.

A model is `dest/releases/<first 12 digits of its zip file's SHA-256>`, with `dest/current` switched to it.
"""

from __future__ import annotations

import filecmp
import os
import re
import stat
import struct
import typing as t
import zipfile

from ansible_collections.sparkflows.mlops.plugins.module_utils import _unpack
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import fetch
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import (
    MARKER,
    Releases,
    digest_of,
    megabytes,
    moved,
    need_space,
    remove,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.repository import MEGA, Model, Repository, digest_of_field

_FILE_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_UNKNOWN = "<digest of the download>"


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Do what the module `sparkflows_model` documents and return its result. Raises `Problem` or :class:`Problem`."""
    os.umask(0o022)
    check_params(params)
    releases = Releases(params["dest"])
    if params["state"] == "absent":
        return _absent(releases, check_mode)
    client = Repository(params)
    owner = archive_release._owner(params, check_mode)
    releases.target()
    model = client.find(params)
    if check_mode:
        result = _Present(releases, params, client, model, owner).predict()
    else:
        with releases.locked():
            releases.sweep()
            result = _Present(releases, params, client, model, owner).make()
    return dict(result, requests=client.requests)


def check_params(params: dict[str, t.Any]) -> None:
    """Refuse what cannot be right without asking anybody, and bring `sha256` and `root` into one form. Raises `Problem`."""
    if not os.path.isabs(params["dest"]) or os.path.normpath(params["dest"]) == "/":
        raise Problem("dest is %r; expected an absolute path of its own, like /opt/sparkflows/models/churn." % params["dest"])
    if params["state"] == "absent":
        return
    for option, least in (("model_id", 1), ("keep", 0), ("max_download_mb", 1), ("max_unpacked_mb", 1), ("max_entries", 1)):
        if params[option] is not None and params[option] < least:
            raise Problem("%s is %d; it must be at least %d." % (option, params[option], least))
    for option in ("model_uuid", "model_name"):
        if params[option] is not None and not params[option].strip():
            raise Problem("%s is empty; name a model." % option)
    if not _FILE_TYPE.match(params["file_type"]):
        raise Problem("file_type is %r; expected letters, digits and . _ - only, like zipDownload." % params["file_type"])
    params["sha256"] = archive_release.sha256_of_text(params["sha256"]) if params["sha256"] else None
    params["root"] = root = params["root"] or None
    if root and (root.startswith("/") or ".." in root.split("/")):
        raise Problem("root is %r; expected a path inside the zip file, without .. parts." % root)


def _absent(releases: Releases, check_mode: bool) -> dict[str, t.Any]:
    doomed = releases.removable()
    before = _text(releases.target(), _digests(releases), _marker(releases, releases.current()))
    if doomed and not check_mode:
        with releases.locked():
            releases.remove_all()
    return {"changed": bool(doomed), "requests": 0, "diff": {"before": before, "after": ""}}


class _Present:
    """One run that makes a model the current release of `dest`."""

    def __init__(self, releases: Releases, params: dict[str, t.Any], client: Repository, model: Model, owner: tuple[int, int]) -> None:
        self.releases, self.params, self.client, self.model, self.owner = releases, params, client, model, owner
        self.target = releases.target()
        self.previous = releases.current()
        self.before = _text(self.target, _digests(releases), _marker(releases, self.previous))
        self.ready = self._find_ready()
        self.downloads = params["force"] or self.ready is None
        known = _marker(releases, self.previous)
        self.metadata_changed = self._metadata_changed(known) if known and self.downloads else []

    def predict(self) -> dict[str, t.Any]:
        """The result that `make` would have, as far as that is known without the download."""
        name, marker = self.ready, _marker(self.releases, self.ready)
        if self.downloads:
            name = self.params["sha256"][:12] if self.params["sha256"] else None
            marker = self._facts(self.params["sha256"], None, None)
        surplus = self.releases.surplus(name, self.params["keep"])
        return self._result(name, marker, surplus, self._changes(surplus))

    def make(self) -> dict[str, t.Any]:
        if self.downloads:
            name = self._install()
            surplus = self.releases.surplus(name, self.params["keep"])
            changed = True
        else:
            name = t.cast(str, self.ready)
            surplus = self.releases.surplus(name, self.params["keep"])
            changed = self._changes(surplus)
            self._chown(name)
        result = self._result(name, _marker(self.releases, name), surplus, changed)
        target = os.path.join("releases", name)
        if self.releases.target() != target:
            self.releases.switch(target)
        for old in surplus:
            remove(self.releases.path(old))
        return result

    def _changes(self, surplus: t.Sequence[str]) -> bool:
        if self.downloads or surplus or self.target != os.path.join("releases", t.cast(str, self.ready)):
            return True
        return not archive_release._owned(self.releases.path(t.cast(str, self.ready)), self.owner)

    def _find_ready(self) -> str | None:
        """A release on the host that is the wanted model and whole, the current one if possible."""
        for name in ([self.previous] if self.previous else []) + self.releases.complete():
            marker = _marker(self.releases, name)
            if self._fits(marker) and _whole(self.releases.path(name), marker["files"]):
                return name
        return None

    def _fits(self, marker: dict[str, t.Any]) -> bool:
        if not isinstance(marker.get("files"), dict) or marker.get("root") != self.params["root"]:
            return False
        if self.params["sha256"]:
            return bool(marker.get("sha256") == self.params["sha256"])
        same_source = (marker.get("url"), marker.get("file_type")) == (self.client.url, self.params["file_type"])
        return same_source and not self._metadata_changed(marker)

    def _metadata_changed(self, marker: dict[str, t.Any]) -> list[str]:
        """The fields of the metadata that differ from those of a release, without the ones to ignore."""
        old, new = marker.get("metadata") or {}, self.model.fields
        return sorted(field for field in set(old) | set(new) if old.get(field) != new.get(field) and field not in self.params["ignore_metadata"])

    def _facts(self, sha256: str | None, size: int | None, files: dict[str, int] | None) -> dict[str, t.Any]:
        """What a marker says about a release made of this model."""
        return {
            "sha256": sha256, "size": size, "files": files, "root": self.params["root"], "url": self.client.url, "file_type": self.params["file_type"],
            "model": self.model.facts(), "metadata": self.model.fields,
        }  # fmt: skip

    def _install(self) -> str:
        """Download, check and unpack the model and put it into place; returns the release's name."""
        label = self.model.label
        scratch = self.releases.scratch()
        try:
            archive = os.path.join(scratch, "download")
            self.client.download(self.model, self.params["file_type"], archive, self.params["max_download_mb"] * MEGA)
            if self.params["sha256"]:
                fetch.check_digest(archive, self.params["sha256"], label)
            need_space(self.releases.dest, int(_checked_size(archive, label, self.params) * 1.05), "Unpacking it")
            tree = os.path.join(scratch, "tree")
            os.mkdir(tree)
            _unpack.unpack(archive, tree, label)
            folder = archive_release.root_of(tree, self.params["root"], label)
            if os.path.lexists(os.path.join(folder, MARKER)):
                raise Problem("%s holds a file %s, which is the name of the file that describes a release here. Choose another root." % (label, MARKER))
            os.chmod(folder, 0o755)
            sha256 = digest_of(archive)
            facts = self._facts(sha256, os.path.getsize(archive), _files(folder))
            name = sha256[:12]
            self._place(folder, name, facts, os.path.join(scratch, "replaced"))
            self.releases.mark(self.releases.path(name), facts)
            os.chown(os.path.join(self.releases.path(name), MARKER), *self.owner)
        finally:
            remove(scratch)
        return name

    def _place(self, folder: str, name: str, facts: dict[str, t.Any], replaced: str) -> None:
        """Make a folder the release `name`. One that is there and has the same files stays, because somebody may have them open."""
        path = self.releases.path(name)
        old = _marker(self.releases, name)
        if old.get("root") == facts["root"] and old.get("files") == facts["files"] and _same(path, folder, facts["files"]):
            self._chown(name)
            return
        archive_release._chown(folder, self.owner)
        if os.path.lexists(path):
            if not moved(path, replaced):
                remove(path)
        os.rename(folder, path)

    def _chown(self, name: str) -> None:
        if not archive_release._owned(self.releases.path(name), self.owner):
            archive_release._chown(self.releases.path(name), self.owner)

    def _result(self, name: str | None, marker: dict[str, t.Any], surplus: t.Sequence[str], changed: bool) -> dict[str, t.Any]:
        digests = {release: digest for release, digest in _digests(self.releases).items() if release not in surplus}
        digests[name or _UNKNOWN] = marker["sha256"] or ""
        return {
            "changed": changed,
            "model": self.model.facts(),
            "release": name,
            "path": name and self.releases.path(name),
            "current": self.releases.link,
            "previous": self.previous if self.previous != name else None,
            "sha256": marker["sha256"],
            "download_size": marker["size"],  # Ansible puts the size of `path` into "size"
            "files": marker["files"] and sorted(marker["files"]),
            "downloaded": self.downloads,
            "metadata_changed": self.metadata_changed,
            "diff": {"before": self.before, "after": _text(os.path.join("releases", name or _UNKNOWN), digests, marker)},
        }


def _marker(releases: Releases, name: str | None) -> dict[str, t.Any]:
    return (releases.marker(name) if name else None) or {}


def _digests(releases: Releases) -> dict[str, str]:
    return {name: str(_marker(releases, name).get("sha256", "")) for name in releases.complete()}


def _text(target: str | None, digests: dict[str, str], marker: dict[str, t.Any]) -> str:
    """The state that a diff shows: where the link points, the releases with their digests, and the current one's origin and files."""
    lines = [] if target is None else ["current -> %s" % target]
    lines += ["releases/%s sha256:%s" % (name, digests[name] or "known after the download") for name in sorted(digests)]
    if marker.get("model"):
        model = marker["model"]
        lines.append("model %s %s, uuid %s, metadata %s" % (model["id"], model["name"], model["uuid"], digest_of_field(marker.get("metadata"))))
        files = marker.get("files")
        lines += ["files known after the download"] if files is None else ["current/%s %d bytes" % (path, files[path]) for path in sorted(files)]
    return "".join(line + "\n" for line in lines)


def _files(folder: str) -> dict[str, int]:
    """The files below a folder, by their path in it, with their sizes in bytes."""
    found = {}
    for parent, dummy, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = os.path.getsize(path)
    return found


def _whole(folder: str, files: t.Mapping[str, int]) -> bool:
    """Whether all files of a release are there with their sizes. Others, such as compiled Python, do no harm."""
    for path, size in files.items():
        try:
            status = os.lstat(os.path.join(folder, path))
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
    return True


def _same(one: str, other: str, files: t.Mapping[str, int]) -> bool:
    if not _whole(one, files):
        return False
    return all(filecmp.cmp(os.path.join(one, path), os.path.join(other, path), shallow=False) for path in files)


def _checked_size(path: str, label: str, params: t.Mapping[str, t.Any]) -> int:
    """The bytes that a zip file takes when unpacked. Raises `Problem` when it is none, or holds what a model has no need of.

    What a member says of its size is also the most that is unpacked of it.
    """
    stays = "The model in place stays as it is."
    if _unpack.kind_of(path) != "zip":
        raise Problem(
            "%s came as %s of %d bytes and not as a zip file. %s Check file_type and sparkflows_url."
            % (label, _unpack.looks_like(path), os.path.getsize(path), stays)
        )
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, struct.error) as error:
        raise Problem(
            "%s came as a zip file that is cut off or damaged: %s %s Try again, and look into the log of Sparkflows if it stays so."
            % (label, sentence(str(error)), stays)
        ) from None
    if not members:
        raise Problem("%s came as an empty zip file. %s Check the model in Sparkflows." % (label, stays))
    if len(members) > params["max_entries"]:
        raise Problem(
            "%s holds %d files and folders, but max_entries is %d. %s Raise it if that is right." % (label, len(members), params["max_entries"], stays)
        )
    for member in members:
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Problem("%s holds %r, which is a link, a device or a pipe and nothing that a model needs. %s" % (label, member.filename, stays))
    size = sum(member.file_size for member in members)
    if size > params["max_unpacked_mb"] * MEGA:
        raise Problem(
            "%s takes %s when unpacked, but max_unpacked_mb is %d. %s Raise it if that is right." % (label, megabytes(size), params["max_unpacked_mb"], stays)
        )
    return size
