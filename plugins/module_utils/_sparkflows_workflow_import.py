# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Imports workflows into Sparkflows: what the module sparkflows_workflow does."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible.module_utils.urls import prepare_multipart
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import Sparkflows

_OVERWRITE = "overwriteWorkflowIfUUIDExistInProject"


def read_export(text: str) -> dict[str, t.Any]:
    """An exported workflow; :class:`ClientError` when the text is none or has no UUID to know it by."""
    try:
        workflow = json.loads(text)
    except ValueError as error:
        raise ClientError("content is no JSON (%s). Give the text of a workflow that was exported from Sparkflows." % error) from None
    if not isinstance(workflow, dict):
        raise ClientError("content is JSON, but no object. Give the text of a single workflow that was exported from Sparkflows.")
    if not isinstance(workflow.get("uuid"), str) or not workflow["uuid"].strip():
        raise ClientError("The workflow in content has no uuid, by which it would be found again. Export it anew from Sparkflows.")
    return workflow


def run(params: t.Mapping[str, t.Any], client: Sparkflows, check_mode: bool) -> dict[str, t.Any]:
    """Make the server have the workflow (in check mode only compare) and return the result of sparkflows_workflow."""
    if params["project_id"] < 1:
        raise ClientError("project_id is %d; it must be at least 1." % params["project_id"])
    wanted = read_export(params["content"])
    found = _by_uuid(client, wanted["uuid"])
    kept = _content(found)
    differing = _differing(wanted, kept) if kept is not None else []
    changed = found is None or params["overwrite"] == "always" or (params["overwrite"] == "when_different" and bool(differing))
    if changed and not check_mode:
        _import(client, params, wanted)
        found = _by_uuid(client, wanted["uuid"])
        if found is None:
            raise ClientError(
                "Sparkflows at %s said that it imported the workflow %s, but does not have it. Check that the user may write to project %d."
                % (client.url, wanted["uuid"], params["project_id"])
            )
    shown = sorted(wanted) if kept is None else differing
    return {
        "changed": changed,
        "workflow": {"id": (found or {}).get("id"), "uuid": wanted["uuid"], "name": wanted.get("name")},
        "differing": differing,
        "diff": {
            "before": {name: kept.get(name) for name in shown if name in kept} if changed and kept is not None else {},
            "after": {name: wanted[name] for name in shown} if changed else {},
        },
    }


def _by_uuid(client: Sparkflows, uuid: str) -> t.Optional[dict[str, t.Any]]:
    try:
        answer = client.get("/api/v1/workflows/uuid/%s" % urllib.parse.quote(uuid, safe=""))
    except HttpError as error:
        if error.status == 404:
            return None
        raise
    found = [each for each in (answer if isinstance(answer, list) else [answer]) if isinstance(each, dict) and each]
    return found[0] if found else None


def _content(found: t.Optional[t.Mapping[str, t.Any]]) -> t.Optional[dict[str, t.Any]]:
    """The exported form within what the server tells of a workflow; ``None`` when it tells none."""
    content = (found or {}).get("workflow")
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except ValueError:
            return None
    return content if isinstance(content, dict) else None


def _differing(wanted: t.Mapping[str, t.Any], kept: t.Mapping[str, t.Any]) -> list[str]:
    """The parts of the file that the server has otherwise. What it adds of its own does not count."""
    return sorted(name for name in wanted if wanted[name] != kept.get(name))


def _import(client: Sparkflows, params: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> None:
    kind, body = prepare_multipart(
        {"file[]": {"filename": "workflow.json", "content": json.dumps(wanted), "mime_type": "application/json"}}
    )
    query = urllib.parse.urlencode({"projectId": params["project_id"], "uuidOption": _OVERWRITE})
    answer = client.request("POST", "/api/v1/workflows/import?" + query, body, {"Content-Type": kind})
    try:
        told = json.loads(answer.text)
    except ValueError:
        return
    if isinstance(told, dict) and str(told.get("fail", "0")) not in ("0", ""):
        raise ClientError(
            "Sparkflows at %s could not import the workflow %s. Its log may say why; check project_id and that the file fits this release."
            % (client.url, wanted["uuid"])
        )
