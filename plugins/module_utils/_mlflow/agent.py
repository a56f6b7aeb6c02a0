# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The MLOps agent over REST, and what the module mlops_deployment decides.

The interface is described by the agent itself, at ``/openapi.json``.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible.module_utils.basic import env_fallback
from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import Client, HttpError, connection_argument_spec, connection_options
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.registry import check_model_uri

#: What a deployment declares, as the agent and the module both name it.
DECLARED = ("model_uri", "port", "workers", "memory_mb", "startup_timeout", "probe", "follow")
#: What the agent tells about a deployment besides.
OBSERVED = ("resolved_uri", "state", "message", "url", "flavors", "restarts", "log", "updated_at")

# The lines of a model's log that a failure shows.
_LOG_LINES = 30
_POLL_SECONDS = 0.2
# Beyond the time that the agent gives a model to start, and for a model to stop.
_GRACE_SECONDS = 60
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")


def agent_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragments ``_agent`` and ``_connection``."""
    return dict(
        connection_argument_spec(),
        agent_url={"type": "str", "required": True, "fallback": (env_fallback, ["MLOPS_AGENT_URL"])},
        agent_token={"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["MLOPS_AGENT_TOKEN"])},
    )


#: The options of the module mlops_deployment.
ARGUMENT_SPEC: dict[str, t.Any] = dict(
    agent_argument_spec(),
    name={"type": "str", "required": True},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    model_uri={"type": "str"},
    port={"type": "int"},
    workers={"type": "int"},
    memory_mb={"type": "int"},
    startup_timeout={"type": "int"},
    probe={"type": "dict"},
    follow={"type": "bool"},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "int"},
)


def agent_client(params: t.Mapping[str, t.Any]) -> Client:
    """The client for the agent that a module's parameters name."""
    return Client(
        params["agent_url"],
        what="the MLOps agent",
        option="agent_url",
        credentials="agent_token",
        token=params["agent_token"],
        **connection_options(params)
    )


class Deployments:
    """The agent's deployments. Each is the agent's own object, a dict."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def _call(self, method: str, path: str, body: t.Any = None, **kwargs: t.Any) -> dict[str, t.Any]:
        try:
            answer = self.client.json(method, ("/api/v1/deployments/" + path).rstrip("/"), body, **kwargs)
        except HttpError as error:
            # The agent names each of its own errors; a 404 without a name comes from something else.
            if error.status in (404, 405) and not error.code:
                raise _not_the_agent(self.client.url) from None
            raise
        if not isinstance(answer, dict):
            raise _not_the_agent(self.client.url)
        return answer

    def served(self, **kwargs: t.Any) -> dict[str, t.Any]:
        """C(deployments), all that are described, and C(unmanaged), each with a name and a sentence: units without a description."""
        answer = self._call("GET", "", **kwargs)
        listed = {kind: answer.get(kind) for kind in ("deployments", "unmanaged")}
        for entries in listed.values():
            if not isinstance(entries, list) or not all(isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in entries):
                raise _not_the_agent(self.client.url)
        return listed

    def get(self, name: str, **kwargs: t.Any) -> t.Optional[dict[str, t.Any]]:
        """The deployment, or ``None`` when there is none of this name."""
        try:
            return self._call("GET", name, **kwargs)
        except HttpError as error:
            if error.status == 404:
                return None
            raise

    def put(self, name: str, declared: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        return self._call("PUT", name, declared)

    def delete(self, name: str) -> None:
        """Have the deployment removed. The agent answers when the model has stopped, or after a minute."""
        try:
            self._call("DELETE", name, timeout=max(self.client.timeout, 2 * _GRACE_SECONDS))
        except HttpError as error:
            if error.status != 404 and error.code != "not_removed_yet":
                raise

    def log(self, deployment: t.Mapping[str, t.Any]) -> list[str]:
        """The last lines that the model wrote; none where the agent cannot tell."""
        lines = deployment.get("log")
        if not lines:
            try:
                lines = self._call("GET", "%s/logs?lines=%d" % (deployment["name"], _LOG_LINES)).get("lines")
            except Problem:
                lines = None
        return list(lines or [])[-_LOG_LINES:]

    def await_ready(self, deployment: dict[str, t.Any], timeout: t.Optional[float]) -> dict[str, t.Any]:
        """The deployment once it is ready; :class:`Problem` when it failed or ``timeout`` seconds are over."""
        name = deployment["name"]
        if timeout is None:
            timeout = (deployment.get("startup_timeout") or 0) + _GRACE_SECONDS

        def ready(seen: dict[str, t.Any]) -> bool:
            if seen["state"] == "removed":
                raise Problem("Deployment '%s' was removed by somebody else while it was waited for." % name)
            if seen["state"] == "failed":
                lines = "\n".join("  " + line for line in self.log(seen))
                message = "Deployment '%s' failed. %s" % (name, sentence(seen.get("message") or "The agent does not say why."))
                raise Problem(message + ("\nThe end of its log:\n" + lines if lines else ""), deployment=seen)
            return bool(seen["state"] == "ready")

        return self._poll(deployment, ready, timeout, "ready")

    def await_removed(self, deployment: dict[str, t.Any], timeout: t.Optional[float]) -> None:
        """Return once the agent has forgotten the deployment; :class:`Problem` when ``timeout`` seconds are over."""
        self._poll(deployment, lambda seen: bool(seen["state"] == "removed"), _GRACE_SECONDS if timeout is None else timeout, "removed")

    def _poll(
        self, seen: dict[str, t.Any], arrived: t.Callable[[dict[str, t.Any]], bool], timeout: float, goal: str
    ) -> dict[str, t.Any]:
        """Ask until ``arrived``. An agent that is away for a moment, because it restarts, is waited for as well."""
        name = seen["name"]
        start = time.monotonic()
        trouble: t.Optional[HttpError] = None
        while trouble is not None or not arrived(seen):
            elapsed = time.monotonic() - start
            if elapsed >= timeout:
                if trouble is not None:
                    raise Problem("Deployment '%s' was not seen %s within %g seconds. %s" % (name, goal, timeout, trouble))
                raise Problem(
                    "Deployment '%s' is not %s after %g seconds: its state is '%s'. %s Raise wait_timeout if the model only needs longer, or read its log."
                    % (name, goal, timeout, seen["state"], sentence(seen.get("message") or "")),
                    deployment=seen,
                )
            # Small models are ready within seconds, so look often in the beginning.
            time.sleep(min(_POLL_SECONDS * max(1, elapsed // 10), timeout - elapsed))
            try:
                seen, trouble = self.get(name, retries=0) or {"name": name, "state": "removed"}, None
            except HttpError as error:
                if error.status is not None and error.status < 500:
                    raise
                trouble = error
        return seen


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of mlops_deployment without asking the agent."""
    if not _NAME.fullmatch(params["name"]):
        raise Problem(
            "name is %s; a deployment's name has at most 63 lower-case letters, digits, '-' and '_', and begins and ends with a letter or digit."
            % ascii(params["name"])
        )
    if params["state"] == "absent":
        return
    check_model_uri(params["model_uri"], "model_uri")
    if params["port"] is not None and not 1 <= params["port"] <= 65535:
        raise Problem("port is %d; a port is a number from 1 to 65535." % params["port"])
    for option in ("workers", "memory_mb", "startup_timeout"):
        if params[option] is not None and params[option] < 1:
            raise Problem("%s is %d; it must be at least 1." % (option, params[option]))
    if params["follow"] and not names_stage(params["model_uri"]):
        raise Problem("follow is true, but model_uri is %s, which names no stage to follow; give models:/NAME/STAGE." % ascii(params["model_uri"]))


def run(params: t.Mapping[str, t.Any], deployments: Deployments, check_mode: bool) -> dict[str, t.Any]:
    """Make the agent's deployment as ``params`` say (in check mode only find out how) and return the module's result."""
    check_params(params)
    current = deployments.get(params["name"])
    if params["state"] == "absent":
        return _absent(current, params, deployments, check_mode)
    if current is not None and leaving(current):
        if not check_mode:
            deployments.await_removed(current, params["wait_timeout"])
        current = None

    declared = {option: params[option] for option in DECLARED if params[option] is not None}
    different = differing(declared, current)
    if check_mode:
        deployment = dict(current or dict.fromkeys(DECLARED + OBSERVED, None), name=params["name"], **declared)
        if different:
            deployment["state"] = "starting"
    elif current is None or different or names_stage(declared["model_uri"]):
        deployment = deployments.put(params["name"], declared)
        if current is not None and not different and current.get("resolved_uri") != deployment.get("resolved_uri"):
            different.append("resolved_uri")
    else:
        deployment = current
    after = _shown(deployment, different)
    if "state" in different:
        after["state"] = "starting"

    if params["wait"] and not check_mode:
        deployment = deployments.await_ready(deployment, params["wait_timeout"])
    return {
        "changed": bool(different),
        "deployment": deployment,
        "diff": {"before": _shown(current, different), "after": after},
    }


def _absent(
    current: t.Optional[dict[str, t.Any]], params: t.Mapping[str, t.Any], deployments: Deployments, check_mode: bool
) -> dict[str, t.Any]:
    changed = current is not None and not leaving(current)
    if not check_mode:
        if changed:
            deployments.delete(params["name"])
        if current is not None and params["wait"]:
            deployments.await_removed(current, params["wait_timeout"])
    shown = [option for option in DECLARED if changed and (current or {}).get(option) is not None]
    return {"changed": changed, "deployment": None, "diff": {"before": _shown(current, shown), "after": {}}}


def differing(declared: t.Mapping[str, t.Any], current: t.Optional[t.Mapping[str, t.Any]]) -> list[str]:
    """The options in which a deployment is not as declared, all of them where there is none; C(state) for one that failed."""
    different = [option for option in declared if current is None or current.get(option) != declared[option]]
    if current is not None and current["state"] == "failed":
        # Declaring a failed deployment anew makes the agent try it again.
        different.append("state")
    return different


def leaving(deployment: t.Mapping[str, t.Any]) -> bool:
    """Whether the deployment was told to go and is only still being stopped."""
    return deployment["state"] in ("stopping", "removed")


def names_stage(model_uri: str) -> bool:
    """Whether a model URI names a stage, of which the agent has to look up which version it means today."""
    return model_uri.startswith("models:/") and not model_uri.rpartition("/")[2].isdigit()


def _shown(deployment: t.Optional[t.Mapping[str, t.Any]], options: list[str]) -> dict[str, t.Any]:
    """What a diff shows of a deployment: its name and the options in question."""
    if deployment is None or not options:
        return {}
    return dict({"name": deployment["name"]}, **{option: deployment.get(option) for option in options})


def _not_the_agent(url: str) -> Problem:
    return Problem(
        "The server at %s does not know the MLOps agent's interface. Check that agent_url is the address of the agent (port 8086 by default),"
        " not of the tracking server or of a served model." % url
    )
