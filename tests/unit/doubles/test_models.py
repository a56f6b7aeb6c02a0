# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model repository and its downloads."""

from __future__ import annotations

import hashlib
import http.client
import io
import typing as t
import zipfile

import pytest

ZIP = "/api/v1/mlmodel/outputModel/1/download/zipDownload"


def test_list_and_details(call: t.Any) -> None:
    listed = call("GET", "/api/v1/mlmodel/OutputModels").json()
    assert listed == call("GET", "/api/v1/mlmodel/outputModel").json()
    assert call("GET", "/api/v1/mlmodel/OutputModelsById/1").json() == listed[0]
    assert call("GET", "/api/v1/mlmodel/outputModelByModelUuid/" + listed[0]["uuid"]).json() == listed[0]
    assert call("GET", "/api/v1/mlmodel/OutputModelsById/99").status == 404


def test_download(call: t.Any) -> None:
    made = call("POST", "/_double/models", {"name": "big", "files": {"MLmodel": "flavors: {}\n"}, "padding": 100000}).json()
    answer = call("GET", "/api/v1/mlmodel/outputModel/%d/download/zip" % made["id"])
    assert (answer.status, len(answer.body), hashlib.sha256(answer.body).hexdigest()) == (200, made["size"], made["sha256"])
    assert answer.headers["content-type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(answer.body)).read("MLmodel") == b"flavors: {}\n"
    assert call("GET", "/api/v1/mlmodel/outputModel/1/download/tar").status == 400
    assert call("GET", "/api/v1/mlmodel/outputModel/99/download/zip").status == 404


def test_a_broken_download_is_resumed(call: t.Any, sparkflows_double: t.Any) -> None:
    whole = call("GET", ZIP).body
    sparkflows_double.faults(break_download=100)
    with pytest.raises(http.client.IncompleteRead) as broken:
        call("GET", ZIP)
    assert broken.value.partial == whole[:100]
    rest = call("GET", ZIP, headers={"Range": "bytes=100-"})
    assert (rest.status, rest.headers["content-range"]) == (206, "bytes 100-%d/%d" % (len(whole) - 1, len(whole)))
    assert whole[:100] + rest.body == whole
    assert call("GET", ZIP, headers={"Range": "bytes=%d-" % len(whole)}).status == 416


def test_only_after_a_login(call: t.Any) -> None:
    answer = call("GET", ZIP, anonymous=True)
    assert (answer.status, answer.headers["location"]) == (302, "/login")
