# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model repository: a list, and a zip file of each model."""

from __future__ import annotations

import hashlib
import io
import typing as t
import uuid
import zipfile

from flask import Blueprint, Response, jsonify, send_file

from .faults import connection, cut
from .store import Store
from .world import Failure, world

models = Blueprint("models", __name__)

#: The documentation tells no value of {fileType}; "zipDownload" is what it calls the download.
FILE_TYPES = ("zip", "zipDownload")


def add(store: Store, name: str, files: dict[str, str], padding: int = 0) -> dict[str, t.Any]:
    """Keep a model of these files, and of `padding` bytes that no compression makes fewer."""
    number = len(store.state["models"]) + 1
    members = {path: text.encode() for path, text in files.items()}
    if padding:
        members["padding.bin"] = hashlib.shake_128(name.encode()).digest(padding)
    folder = store.home / "models"
    folder.mkdir(exist_ok=True)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(path), content)
    (folder / ("%d.zip" % number)).write_bytes(data.getvalue())
    model = {
        "id": number, "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, "double:%d:%s" % (number, name))), "name": name, "modelType": "double",
        "analysisFlowId": 1, "projectId": 1, "size": len(data.getvalue()), "sha256": hashlib.sha256(data.getvalue()).hexdigest(),
    }  # fmt: skip
    store.state["models"].append(model)
    store.save()
    return model


def _shown(model: dict[str, t.Any]) -> dict[str, t.Any]:
    """A model as the server shows it; what only tests want to know is left out."""
    return {key: value for key, value in model.items() if key not in ("size", "sha256")}


def _find(key: str, value: t.Any) -> dict[str, t.Any]:
    for model in world().store.state["models"]:
        if model[key] == value:
            return t.cast("dict[str, t.Any]", model)
    raise Failure(404, "There is no model with the %s %s" % (key, value))


@models.get("/api/v1/mlmodel/OutputModels")
@models.get("/api/v1/mlmodel/outputModel")
def list_models() -> Response:
    return jsonify([_shown(model) for model in world().store.state["models"]])


@models.get("/api/v1/mlmodel/OutputModelsById/<int:number>")
def by_id(number: int) -> Response:
    return jsonify(_shown(_find("id", number)))


@models.get("/api/v1/mlmodel/outputModelByModelUuid/<value>")
def by_uuid(value: str) -> Response:
    return jsonify(_shown(_find("uuid", value)))


@models.get("/api/v1/mlmodel/outputModel/<int:number>/download/<kind>")
def download(number: int, kind: str) -> Response:
    here = world()
    model = _find("id", number)
    if kind not in FILE_TYPES:
        raise Failure(400, "The file type %s is not known" % kind)
    path = (here.store.home / "models" / ("%d.zip" % number)).resolve()
    # Answers a request for a range of bytes with just these.
    answer = send_file(path, mimetype="application/zip", as_attachment=True, download_name="%s.zip" % model["name"], conditional=True, etag=model["sha256"])
    limit, here.control.faults.break_download = here.control.faults.break_download, None
    return answer if limit is None else _broken(answer, limit)


def _broken(answer: Response, limit: int) -> Response:
    """The same answer, of which only `limit` bytes arrive."""
    answer.direct_passthrough = False
    data, line = answer.get_data(), connection()

    def body() -> t.Iterator[bytes]:
        yield data[:limit]
        cut(line)

    answer.response = body()
    answer.headers["Content-Length"] = str(len(data))
    return answer
