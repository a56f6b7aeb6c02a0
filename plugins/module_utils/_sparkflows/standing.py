# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How a Sparkflows server stands to what the role C(sparkflows) wants of it, asked with one login: health, release, settings, workflows.

Nothing is changed. The answers are those of the modules that would make the changes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import config, info, properties_file, workflow_import
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.named import named_settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.settings import SECRETS
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import OPTIONS

#: Those of sparkflows_config and sparkflows_info, and what the role does besides. ``hidden_settings`` are those of ``settings`` that may be secret.
ARGUMENT_SPEC: dict[str, t.Any] = {
    **config.ARGUMENT_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "method": {"type": "str", "choices": ["rest", "file"], "default": "rest"},
    "wait": {"type": "int", "default": 0},
    "login": {"type": "bool", "default": True},
    "token_warn_days": {"type": "int", "default": 14, "no_log": False},
    "version_key": {"type": "str", "default": "releaseVersion", "no_log": False},
    "hidden_settings": {"type": "dict", "default": {}, "no_log": True},
    "file": {"type": "path"},
    "restart_marker": {"type": "path"},
    "workflows": {"type": "list", "elements": "dict", "default": [], "options": workflow_import.WORKFLOW},
}


def run(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """What is told of the server, and what the modules would change.

    C(server) is the result of sparkflows_info (null where the settings are to go), C(names) are names of settings by option, C(settings) the
    result of sparkflows_config or sparkflows_properties, C(workflows) those of sparkflows_workflow. Raises :class:`Problem` and `Problem`.
    """
    params = dict(params, settings={**params["settings"], **params["hidden_settings"]})
    present = params["state"] == "present"
    client = Sparkflows(params)
    server = info.run(params, client) if present else None
    if params["method"] == "rest":
        settings = config.run(params, client, True, _shown_as_words)
        names = settings["names"]
    else:
        names = config.info(params, client)["names"] if params["login"] else params["key_names"]
        settings = properties_file.run(_of_file(params, names), True, _shown_as_words)
    workflows = [workflow_import.run({**params, **workflow}, client, True) for workflow in params["workflows"]] if present else []
    changed = settings["changed"] or bool(settings.get("restart_due")) or any(workflow["changed"] for workflow in workflows)
    return {"changed": changed, "server": server, "names": names, "settings": settings, "workflows": [_without_diff(workflow) for workflow in workflows]}


def _of_file(params: t.Mapping[str, t.Any], names: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The options of sparkflows_properties."""
    options = {option: params[option] for option in OPTIONS}
    plain = {**named_settings({option: value for option, value in options.items() if option not in SECRETS}, names), **params["settings"]}
    secret = {**named_settings({option: options[option] for option in SECRETS}, names), **params["secret_settings"]}
    shared = {"path": params["file"], "restart_marker": params["restart_marker"]}
    if params["state"] == "absent":
        # What the variables declare and nothing else: an admin may keep other settings of MLOps in the same file.
        return {**shared, "settings": {}, "secret_settings": {}, "absent": [*plain, *secret]}
    return {**shared, "settings": plain, "secret_settings": secret, "absent": []}


def _shown_as_words(_values: t.Iterable[str]) -> None:
    """What must not be shown stands in no result but as words."""


def _without_diff(workflow: dict[str, t.Any]) -> dict[str, t.Any]:
    """A workflow's own text may be long."""
    return {key: value for key, value in workflow.items() if key != "diff"}
