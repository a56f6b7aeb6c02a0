# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What an agent serves: told by itself, or, while it does not answer, by the deployments that it keeps on disk."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import registry as mlflow

#: Options of this question: the agent's address, token and systemd unit, where it keeps its deployments, stages of which to find out what is
#: in them (``models:/NAME/STAGE``), and the tracking server that knows.
ARGUMENT_SPEC: dict[str, t.Any] = dict(
    agent.agent_argument_spec(),
    unit={"type": "str", "required": True},
    store={"type": "path", "required": True},
    stages={"type": "list", "elements": "str", "default": []},
    tracking_uri={"type": "str"},
    tracking_ca_path={"type": "path"},
    tracking_username={"type": "str"},
    tracking_password={"type": "str", "no_log": True},
    tracking_token={"type": "str", "no_log": True},
)
#: What is told of each deployment.
_TOLD = ("name", *agent.DECLARED, "resolved_uri", "state", "message", "restarts", "up_to_date")
#: The agent's range of ports holds fewer, and its requests are smaller.
_MOST_FILES, _MOST_BYTES = 4096, 2 * 1024 * 1024
_UNIT_SECONDS = 30


def read(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What is served; nothing is changed.

    ``served`` are the deployments by name, each with what it declares, ``resolved_uri``, ``state``, ``message`` and ``restarts``; ``unmanaged`` those of
    which the agent finds a unit but no description, by name, with its sentence; ``source`` is C(agent), or C(disk) with the agent's silence
    in ``silence``. ``stages`` tells the version that is in each stage, as C(models:/NAME/VERSION); one that can't be learned is left out.
    """
    result = {"changed": False, "unmanaged": {}, "source": "agent", "silence": None, "stages": _stages(params)}
    try:
        if not _runs(params["unit"]):
            # A question to its socket would start it.
            raise Problem("%s does not run." % params["unit"])
        answer = agent.Deployments(agent.agent_client(params)).served(retries=0)
        result["served"] = {seen["name"]: {key: seen.get(key) for key in _TOLD} for seen in answer["deployments"]}
        result["unmanaged"] = {seen["name"]: seen["message"] for seen in answer["unmanaged"]}
    except Problem as error:
        result.update(source="disk", silence=str(error), served=stored(params["store"]))
    return result


def _runs(unit: str) -> bool:
    try:
        return commands.run(["systemctl", "is-active", "--quiet", unit], timeout=_UNIT_SECONDS)[0] == 0
    except (OSError, commands.TooSlow):
        return False


def stored(folder: str) -> dict[str, dict[str, t.Any]]:
    """The deployments below a folder of the agent, by name. The folder is the agent's own, so that anything may lie in it."""
    try:
        names = sorted(os.listdir(folder))[:_MOST_FILES]
    except OSError:
        return {}
    found = {}
    for name in names:
        # A name with a dot is that of a run of a deployment that follows its stage.
        if name.endswith(".json") and "." not in name[:-5]:
            seen = _stored(os.path.join(folder, name))
            if seen is not None:
                found[name[:-5]] = {**{key: seen.get(key) for key in _TOLD}, "name": name[:-5], "state": _state(seen), "message": ""}
    return found


def _state(seen: t.Mapping[str, t.Any]) -> str:
    return "stopping" if seen.get("desired") == "absent" else "unknown"


def _stored(path: str) -> t.Optional[dict[str, t.Any]]:
    with contextlib.suppress(OSError, ValueError, RecursionError), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            seen = json.loads(file.read(_MOST_BYTES).decode("utf-8"))
            return seen if isinstance(seen, dict) else None
    return None


def _stages(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if not params["stages"]:
        return found
    options = {**params, "ca_path": params["tracking_ca_path"], "validate_certs": True, "use_proxy": True}
    with contextlib.suppress(Problem):
        client = mlflow.tracking_client(options)
        client.retries = 0
        registry = mlflow.Registry(client)
        for uri in params["stages"]:
            name, dummy, stage = uri[len("models:/") :].rpartition("/")
            version = registry.version_in(name, stage)
            if version is not None:
                found[uri] = "models:/%s/%s" % (name, version)
    return found
