# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The model repository of Sparkflows: which model is meant, and its file.

The paths are those of Sparkflows' own documentation, https://docs.sparkflows.io (REST API, model-controller), which says nothing
about the fields of a model's metadata. So all of them count when it is to be told whether a model is another one.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import megabytes, need_space
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Answer, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.answers import first_number, matching
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflows import another, means_missing

MODELS = "/api/v1/mlmodel"
SELECTORS = ("model_id", "model_uuid", "model_name")
MEGA = 1000000

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)\Z")
# What the fields may be called; the first that is there counts.
_IDS, _UUIDS, _NAMES = ("id", "modelId"), ("uuid", "modelUuid"), ("name", "modelName")


class Model(t.NamedTuple):
    """One model as the server describes it. `fields` holds a short digest of each field of its metadata."""

    id: int
    uuid: str | None
    name: str | None
    fields: dict[str, str]

    @property
    def label(self) -> str:
        return "The model %s (id %d)" % (self.name, self.id) if self.name else "The model with the id %d" % self.id

    def facts(self) -> dict[str, t.Any]:
        return {"id": self.id, "uuid": self.uuid, "name": self.name}


class Download:
    """The file that a download goes into, for `Client.request`.

    After a broken connection it takes up where that ended, if the server gave something to tell by that the rest belongs to
    the same bytes (RFC 9110, sections 13.1.5 and 14); otherwise it starts again. `total` is None when the server does not tell.
    """

    def __init__(self, file: t.IO[bytes], label: str, limit: int) -> None:
        self.received = 0
        self.total: int | None = None
        self._file = file
        self._label = label
        self._limit = limit
        self._validator = ""

    def headers(self) -> dict[str, str]:
        """What to ask for: the rest, or nothing in particular."""
        if not (self.received and self._validator):
            return {}
        return {"Range": "bytes=%d-" % self.received, "If-Range": self._validator}

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.received, self.total, self._validator = 0, None, ""

    def begin(self, response: t.Any) -> None:
        """Look at an answer before its body is read. Raises `Problem` when that is too large."""
        if response.status == 206:
            if not self._is_rest(response.headers.get("Content-Range") or ""):
                self.restart()
                raise http.client.HTTPException("another part came than was asked for")
            return
        self.restart()
        # The length of what is zipped says nothing about what it is unzipped.
        self.total = None if response.headers.get("Content-Encoding") else response.length
        if not response.headers.get("Content-Encoding"):
            etag = response.headers.get("ETag") or ""
            weak = not etag or etag.startswith("W/")
            self._validator = (response.headers.get("Last-Modified") or "") if weak else etag
        self._check(self.total or 0)
        need_space(os.path.dirname(self._file.name), self.total or 0, "Downloading it")

    def write(self, data: bytes) -> int:
        self._check(self.received + len(data))
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise Problem("%s cannot be written to %s: %s. Check the space there." % (self._label, self._file.name, error.strerror)) from None
        self.received += len(data)
        return len(data)

    def seek(self, place: int) -> None:
        """`begin` has found the right place already."""

    def truncate(self) -> None:
        """`begin` has cut off what is not wanted already."""

    def _is_rest(self, content_range: str) -> bool:
        found = _CONTENT_RANGE.match(content_range)
        if not found:
            return False
        start, end = int(found.group(1)), int(found.group(2)) + 1
        return start == self.received and end == (self.total or end) and found.group(3) in ("*", str(end))

    def _check(self, size: int) -> None:
        if size > self._limit:
            known = megabytes(size) if size == self.total else "more than %s" % megabytes(self._limit)
            raise Problem(
                "%s is a download of %s, but max_download_mb is %d. Nothing was changed. Raise max_download_mb if a model of this size is right."
                % (self._label, known, self._limit // MEGA)
            )


class _Opener:
    """Opens as `opener` does, and shows an answer to `download` before its body is read."""

    def __init__(self, opener: t.Any) -> None:
        self._opener = opener
        self.download: Download | None = None

    def open(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        response = self._opener.open(*args, **kwargs)
        try:
            if self.download is not None:
                self.download.begin(response)
        except BaseException:
            response.close()
            raise
        return response


class Repository(Sparkflows):
    """The model repository of one Sparkflows server."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        super().__init__(params)
        self._opener = _Opener(self._opener)

    def find(self, params: t.Mapping[str, t.Any]) -> Model:
        """The model that is meant, by one request; :class:`Problem` when it is none or more than one."""
        option = next(option for option in SELECTORS if params[option] is not None)
        given, kind = str(params[option]), option[len("model_") :]
        others = ""
        if option == "model_name":
            listed = self._listed()
            found = [record for record in listed if str(_first(record, _NAMES)) == given]
            names = sorted({str(_first(record, _NAMES)) for record in listed})
            others = " It shows %s%s." % (", ".join(names[:8]), " and others" if len(names) > 8 else "") if names else " It shows none at all."
        elif option == "model_id":
            found, others = self._one("OutputModelsById", given, _IDS)
        else:
            found, others = self._one("outputModelByModelUuid", given, _UUIDS)
        if not found:
            raise Problem(
                "Sparkflows at %s has no model with the %s %s.%s Check %s, and that its user may see the project." % (self.url, kind, given, others, option)
            )
        if len(found) > 1:
            candidates = ", ".join("%s (uuid %s)" % (_first(record, _IDS), _first(record, _UUIDS)) for record in found)
            raise Problem(
                "Several models on Sparkflows at %s have the %s %s: their ids are %s. Give one as model_id." % (self.url, kind, given, candidates)
            )
        number = params["model_id"] if option == "model_id" else first_number(found[0], _IDS)
        if number is None:
            raise Problem("Sparkflows at %s tells no id of the model with the %s %s. Give its id as model_id." % (self.url, kind, given))
        uuid, name = _first(found[0], _UUIDS), _first(found[0], _NAMES)
        fields = {field: digest_of_field(value) for field, value in found[0].items()}
        return Model(number, None if uuid is None else str(uuid), None if name is None else str(name), fields)

    def _one(self, call: str, given: str, keys: t.Sequence[str]) -> tuple[list[dict[str, t.Any]], str]:
        """The models that a look-up finds, and a sentence about what it answered with instead."""
        try:
            answer = self.get("%s/%s/%s" % (MODELS, call, urllib.parse.quote(given, safe="")), empty_allowed=True)
        except HttpError as error:
            if not means_missing(error):
                raise
            return [], ""
        return matching(answer, keys, given, _IDS), another(answer, keys)

    def _listed(self) -> list[dict[str, t.Any]]:
        answer = self.get(MODELS + "/OutputModels")
        if isinstance(answer, dict):  # a list in a wrapper, such as one page of it
            lists = [value for value in answer.values() if isinstance(value, list)]
            answer = lists[0] if len(lists) == 1 else answer
        if answer is None:
            return []
        if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
            raise Problem(
                "Sparkflows at %s answered GET %s/OutputModels with something that is not a list of models. Give model_id or model_uuid." % (self.url, MODELS)
            )
        return answer

    def download(self, model: Model, file_type: str, path: str, limit: int) -> None:
        """Bring a model as one file of at most `limit` bytes. Raises `Problem` or :class:`Problem`."""
        with open(path, "wb") as file:
            download = Download(file, model.label, limit)
            try:
                self.request(
                    "GET",
                    "%s/outputModel/%d/download/%s" % (MODELS, model.id, file_type),
                    headers={"Accept": "*/*"},
                    into=t.cast(t.BinaryIO, download),
                )
            except HttpError as error:
                if error.may_pass and download.received:
                    size = "" if download.total is None else " of %s" % megabytes(download.total)
                    raise Problem(
                        "%s broke off after %s%s, also when tried again (retries is %d). Nothing was changed. %s"
                        % (model.label, megabytes(download.received), size, self.retries, error)
                    ) from None
                if error.status in (400, 404, 405, 406, 415, 500):
                    raise Problem(
                        "%s cannot be downloaded as '%s'. %s Check what this release of Sparkflows calls it, and give that as file_type."
                        % (model.label, file_type, sentence(str(error)))
                    ) from None
                raise

    def _once(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: t.Mapping[str, str] | None,
        timeout: float,
        into: t.Any,
    ) -> Answer:
        self._opener.download = into
        rest = {} if into is None else into.headers()
        try:
            return super()._once(method, path, data, dict(headers or {}, **rest), timeout, into)
        except HttpError as error:
            if not rest or error.status != 416:
                raise
        into.restart()  # the file on the server ends before the place where the rest was to begin
        return self._once(method, path, data, headers, timeout, into)


def digest_of_field(value: t.Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("utf-8")).hexdigest()[:12]


def _first(record: t.Mapping[str, t.Any], keys: t.Sequence[str]) -> t.Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)
