# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Waits until the models that an agent serves run with what their host has now; the agent itself restarts them, one after the other."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent

#: The options of the module mlops_rollout.
ARGUMENT_SPEC: dict[str, t.Any] = dict(
    agent.agent_argument_spec(),
    names={"type": "list", "elements": "str"},
    wait_timeout={"type": "int"},
)
_POLL_SECONDS = 0.5
#: What a model may take to start where the agent does not say, and what it may take beyond that to stop and to get its turn, in seconds.
_START_SECONDS, _GRACE_SECONDS = 600, 60

Seen = t.Dict[str, t.Any]


def run(params: t.Mapping[str, t.Any], deployments: agent.Deployments) -> dict[str, t.Any]:
    """The result of the module: C(models), the names of those that were waited for. Raises `Problem` where one fails or is not ready in time."""
    start, timeout = time.monotonic(), params["wait_timeout"]
    trouble: t.Optional[HttpError] = None
    waiting: list[Seen] = []
    while True:
        try:
            served = deployments.served(retries=0)["deployments"]
            waited_for = _waited_for(params["names"], served)
            trouble, waiting = None, [seen for seen in waited_for if not current(seen)]
            _refuse_failed(waiting, served, deployments)
            if not waiting:
                return {"changed": False, "models": sorted(seen["name"] for seen in waited_for)}
            # One after the other.
            timeout = timeout or sum((seen.get("startup_timeout") or _START_SECONDS) + _GRACE_SECONDS for seen in waited_for)
        except HttpError as error:
            # The agent may be restarting.
            if error.status is not None and error.status < 500:
                raise
            trouble = error
        if time.monotonic() - start >= (timeout or _GRACE_SECONDS):
            raise _late(trouble, waiting, time.monotonic() - start)
        time.sleep(_POLL_SECONDS)


def current(seen: Seen) -> bool:
    """Whether a deployment is ready with the environment, the JDK and the settings that its host has now; an older agent tells no more than ready."""
    return bool(seen.get("state") == "ready" and seen.get("up_to_date") in (True, None))


def _waited_for(names: t.Optional[t.Collection[str]], served: t.Iterable[Seen]) -> list[Seen]:
    return [seen for seen in served if not agent.leaving(seen) and (names is None or seen["name"] in names)]


def _refuse_failed(waiting: t.Sequence[Seen], served: t.Iterable[Seen], deployments: agent.Deployments) -> None:
    """Raise a `Problem` for a model that has failed: one that is waited for, or the one that keeps all of those from their turn."""
    # What serves and has something to say waits for another.
    kept = bool(waiting) and all(seen["state"] == "ready" and seen.get("message") for seen in waiting)
    for seen in served if kept else waiting:
        if seen["state"] == "failed":
            log = "".join("\n  " + line for line in deployments.log(seen))
            message = "The model %s does not serve with what its host has now. %s" % (
                seen["name"],
                sentence(seen.get("message") or "The agent does not say why."),
            )
            raise Problem(message + (" The end of its log:" + log if log else ""), models=[seen["name"]])


def _late(trouble: t.Optional[HttpError], waiting: t.Sequence[Seen], seconds: float) -> Problem:
    if trouble is not None:
        return Problem("Whether the models serve was not told within %d seconds. %s" % (seconds, trouble))
    named = "; ".join("%s is %s. %s" % (seen["name"], seen["state"], sentence(seen.get("message") or "")) for seen in waiting[:3]).strip()
    more = " There are %d more." % (len(waiting) - 3) if len(waiting) > 3 else ""
    return Problem(
        "Not every model serves with what its host has now after %d seconds: %s%s Raise wait_timeout if they only need longer, or read their logs."
        % (seconds, named if named.endswith(".") else named + ".", more),
        models=[seen["name"] for seen in waiting],
    )
