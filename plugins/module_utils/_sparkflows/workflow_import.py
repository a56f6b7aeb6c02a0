# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Imports workflows into Sparkflows: what the module sparkflows_workflow does."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse

from ansible.module_utils.urls import prepare_multipart
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import decoded, parsed
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.answers import first_number, matching
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import LoginRefused, Sparkflows, sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflows import WORKFLOW_IDS, means_missing

#: A workflow beyond this many bytes is none.
MAX_BYTES = 16 * 1024 * 1024
#: Names of the part that holds the file: the vendor's curl README has the first, its script import_workflow.py the second.
FIELDS = ("file[]", "file")
#: What is told of one workflow, and the options of the module C(sparkflows_workflow).
WORKFLOW: dict[str, t.Any] = {
    "content": {"type": "raw"},
    "project_id": {"type": "int", "required": True},
    "overwrite": {"type": "str", "choices": ["when_different", "never", "always"], "default": "when_different"},
    "file_field": {"type": "str", "choices": ["auto", *FIELDS], "default": "auto"},
}
ARGUMENT_SPEC: dict[str, t.Any] = {**sparkflows_argument_spec(), "src": {"type": "path"}, **WORKFLOW}

_OVERWRITE = "overwriteWorkflowIfUUIDExistInProject"
# How a server says that it looked for the file under another name: Spring, Django, Flask and their like.
_OTHER_FIELD = re.compile(r"\bparts?\b|multipart|\bfile\b.*(?:missing|required|not present|not found|no file)|no file", re.IGNORECASE)


def read_file(path: str) -> str:
    """The text of an exported workflow, in any of the encodings that tools save JSON in. Raises :class:`Problem`."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Problem("src is %s, which cannot be read (%s)." % (path, error.strerror)) from None
    if len(data) > MAX_BYTES:
        raise Problem("src is %s, which has more than %d MiB. Name the file of a single workflow that was exported." % (path, MAX_BYTES >> 20))
    return decoded(data)


def read_export(content: t.Any) -> dict[str, t.Any]:
    """An exported workflow, from its text or from what that means; :class:`Problem` when it is none or has no UUID to know it by."""
    if isinstance(content, str):
        try:
            content = parsed(content.lstrip("\ufeff"))
        except ValueError as error:
            raise Problem("content is not JSON (%s). Give the text of a workflow that was exported from Sparkflows." % error) from None
    if not isinstance(content, dict):
        raise Problem("content is JSON, but no object. Give the text of a single workflow that was exported from Sparkflows.")
    if not isinstance(content.get("uuid"), str) or not content["uuid"].strip():
        raise Problem("The workflow in content has no uuid, by which it would be found again. Export it anew from Sparkflows.")
    return content


def run(params: t.Mapping[str, t.Any], client: Sparkflows, check_mode: bool) -> dict[str, t.Any]:
    """Make the server have the workflow (in check mode only compare) and return the result of sparkflows_workflow."""
    if params["project_id"] < 1:
        raise Problem("project_id is %d; it must be at least 1." % params["project_id"])
    wanted = read_export(params["content"])
    found = _by_uuid(client, wanted["uuid"])
    kept = _content(found)
    differing = _differing(wanted, kept) if kept is not None else []
    changed = found is None or params["overwrite"] == "always" or (params["overwrite"] == "when_different" and bool(differing))
    warnings = []
    if changed and not check_mode:
        found = _import(client, params, wanted, found)
        after = _content(found)
        reshaped = _differing(wanted, after) if after is not None else []
        if reshaped:
            warnings.append(
                "Sparkflows at %s keeps %s of the workflow %s in another form than the file has, so that it differs in each run."
                " Export the workflow anew, or set overwrite to never." % (client.url, ", ".join(reshaped), wanted["uuid"])
            )
    shown = sorted(wanted) if kept is None else differing
    return {
        "changed": changed,
        "workflow": {"id": first_number(found or {}, WORKFLOW_IDS), "uuid": wanted["uuid"], "name": wanted.get("name")},
        "differing": differing,
        "diff": {
            "before": {name: kept.get(name) for name in shown if name in kept} if changed and kept is not None else {},
            "after": {name: wanted[name] for name in shown} if changed else {},
        },
        **({"warnings": warnings} if warnings else {}),
    }


def _by_uuid(client: Sparkflows, uuid: str) -> t.Optional[dict[str, t.Any]]:
    """What the server tells of the workflow; ``None`` when it has none, or answers with another one."""
    try:
        answer = client.get("/api/v1/workflows/uuid/%s" % urllib.parse.quote(uuid, safe=""), empty_allowed=True)
    except HttpError as error:
        if means_missing(error):
            return None
        raise
    return next(iter(matching(answer, ("uuid",), uuid, WORKFLOW_IDS)), None)


def _content(found: t.Optional[t.Mapping[str, t.Any]]) -> t.Optional[dict[str, t.Any]]:
    """The exported form within what the server tells of a workflow; ``None`` when it tells none."""
    content = (found or {}).get("workflow")
    if isinstance(content, str):
        try:
            content = parsed(content)
        except ValueError:
            return None
    return content if isinstance(content, dict) else None


def _differing(wanted: t.Mapping[str, t.Any], kept: t.Mapping[str, t.Any]) -> list[str]:
    """The parts of the file that the server has otherwise. What it adds of its own does not count."""
    return sorted(name for name in wanted if wanted[name] != kept.get(name))


def _import(
    client: Sparkflows, params: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], before: t.Optional[t.Mapping[str, t.Any]]
) -> dict[str, t.Any]:
    """Import the workflow and return what the server tells of it then; :class:`Problem` when that is not what was sent.

    A server that looks for the file under one name may ignore a part with another name, with or without a word.
    """
    fields = FIELDS if params["file_field"] == "auto" else (params["file_field"],)
    problem = ""
    for field in fields:
        try:
            _send(client, params, wanted, field)
        except HttpError as error:
            if not _may_be_the_field(error):
                raise Problem(_refused(error, client, params, wanted)) from None
            # A server that took the other name has told more already.
            problem = problem or _refused(error, client, params, wanted)
            continue
        after = _by_uuid(client, wanted["uuid"])
        stale = _stale(wanted, before, after)
        if after is not None and not stale:
            return after
        problem = "Sparkflows at %s said that it imported the workflow %s, but %s. Check that the user may write to project %d%s" % (
            client.url,
            wanted["uuid"],
            "does not have it" if after is None else "still has the older %s" % ", ".join(stale),
            params["project_id"],
            "." if after is None else " and that nobody has the workflow locked; its log, log/fireserver.log, may say why.",
        )
    raise Problem(problem)


def _stale(wanted: t.Mapping[str, t.Any], before: t.Optional[t.Mapping[str, t.Any]], after: t.Optional[t.Mapping[str, t.Any]]) -> list[str]:
    """The parts that differed before and are still as they were then."""
    old, new = _content(before), _content(after)
    if old is None or new is None:
        return []
    return [name for name in _differing(wanted, old) if new.get(name) == old.get(name)]


def _may_be_the_field(error: HttpError) -> bool:
    if isinstance(error, LoginRefused) or error.status is None or error.status in (403, 404):
        return False
    return bool(_OTHER_FIELD.search(error.reason))


def _refused(error: HttpError, client: Sparkflows, params: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> str:
    if isinstance(error, LoginRefused) or error.status is None or error.status in (403, 429) or error.status >= 500:
        return str(error)
    return "Sparkflows at %s could not import the workflow %s into project %d. %s Check project_id and that the file fits this release." % (
        client.url, wanted["uuid"], params["project_id"], error,
    )  # fmt: skip


def _send(client: Sparkflows, params: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], field: str) -> None:
    kind, body = prepare_multipart({field: {"filename": "workflow.json", "content": json.dumps(wanted), "mime_type": "application/json"}})
    query = urllib.parse.urlencode({"projectId": params["project_id"], "uuidOption": _OVERWRITE})
    client.request("POST", "/api/v1/workflows/import?" + query, body, {"Content-Type": kind}, json_due=False)
