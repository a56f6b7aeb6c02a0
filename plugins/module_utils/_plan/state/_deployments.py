# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The models that C(mlops_agent_deployments) declares, beside those that the agent serves."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlops_agent as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Difference
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

#: What the answer to `question` is called in a reading.
NAME = "mlops_agent_deployments"
STEP = "deployments"
Entry = t.Mapping[str, t.Any]


def question(settings: Settings, agent_url: str, unit: str, store: str) -> list[dict[str, t.Any]]:
    """The prediction that tells what is served; none for settings that came without their secrets, which nobody can ask with."""
    if not settings.get("mlops_agent_token"):
        return []
    options = {"agent_url": agent_url, "validate_certs": False, "use_proxy": False, "timeout": 10, "unit": unit, "store": store}
    stages = sorted({entry["model_uri"] for entry in rules.served(settings) if agent.names_stage(entry["model_uri"])})
    secrets = {"agent_token": str(settings["mlops_agent_token"])}
    if stages and settings["mlops_agent_tracking_uri"]:
        options.update(stages=stages, tracking_uri=settings["mlops_agent_tracking_uri"], tracking_ca_path=settings["mlops_agent_ca_bundle"] or None)
        options["tracking_username"] = settings["mlops_agent_tracking_username"] or None
        login = {name: settings["mlops_agent_" + name] for name in ("tracking_password", "tracking_token")}
        secrets.update((name, str(secret)) for name, secret in login.items() if secret)
    return [{"name": NAME, "module": "mlops_deployments", "options": options, "secrets": secrets}]


def entries(settings: Settings, reading: Reading) -> list[Entry]:
    """What is told to the agent, as options of mlops_deployment. What is to go goes first: another model may be declared for its port."""
    unknown = _unknown(settings, reading) if settings["mlops_agent_prune"] else []
    return [{"name": name, "state": "absent"} for name in [entry["name"] for entry in _leaving(settings)] + unknown] + list(rules.served(settings))


def differences(settings: Settings, reading: Reading) -> list[Difference]:
    """Models that are not served as declared, those that should have gone, and a note on each that the inventory does not know."""
    answer = reading["predictions"].get(NAME)
    if answer is None:
        return []
    served = _served(reading)
    found = [_difference(entry["name"], "served", "removed") for entry in _leaving(settings) if entry["name"] in served]
    for name in _unknown(settings, reading):
        uri = served[name]["model_uri"]
        if settings["mlops_agent_prune"]:
            found.append(_difference(name, "serves %s" % uri, "removed", "mlops_agent_deployments does not know it, and mlops_agent_prune is true"))
        else:
            found.append(_note(name, "serves %s" % uri, "mlops_agent_deployments does not know it; mlops_agent_prune: true would remove it"))
    declared = {entry["name"] for entry in settings["mlops_agent_deployments"]}
    found += [_note(name, "is not described", message) for name, message in sorted((answer.get("unmanaged") or {}).items()) if name not in declared]
    for entry in rules.served(settings):
        found += _of_entry(entry, served.get(entry["name"]), answer.get("stages") or {})
    return found


def _of_entry(entry: Entry, current: Entry | None, stages: t.Mapping[str, str]) -> list[Difference]:
    name, uri = entry["name"], entry["model_uri"]
    if current is None:
        return [_difference(name, "not served", "serves %s" % uri)]
    declared = {option: entry[option] for option in agent.DECLARED if entry.get(option) is not None}
    different = agent.differing(declared, current)
    if "state" in different:
        return [_difference(name, "failed", "tried again", current["message"] or "")]
    if different:
        return [_difference(name, _shown(current, different), _shown(declared, different))]
    follows = declared.get("follow", current.get("follow"))
    if not follows and stages.get(uri) not in (None, current["resolved_uri"]):
        return [_difference(name, current["resolved_uri"], stages[uri], "%s is another version by now" % uri)]
    return []


def _shown(options: Entry, names: t.Iterable[str]) -> str:
    # Rows of a probe would fill the page.
    return ", ".join("%s %s" % (name, "of some rows" if name == "probe" and options.get(name) else options.get(name)) for name in names)


def _difference(name: str, before: str, after: str, reason: str = "") -> Difference:
    return Difference("mlops_agent", STEP, "model %s" % name, before, after, reason)


def _note(name: str, before: str, reason: str) -> Difference:
    return Difference("mlops_agent", "", "model %s" % name, before, "stays", reason)


def all_served(reading: Reading) -> list[str]:
    """All models that are not about to go."""
    return sorted(_served(reading))


def serving(reading: Reading) -> list[str]:
    """The models that are ready, whatever they run with."""
    return sorted(name for name, seen in _served(reading).items() if seen["state"] == "ready")


def outdated(reading: Reading) -> list[str]:
    """The models that are served and were never ready with what the host has now."""
    return sorted(name for name, seen in _served(reading).items() if seen.get("up_to_date") is False and seen["state"] != "failed")


def _leaving(settings: Settings) -> list[Entry]:
    return [entry for entry in settings["mlops_agent_deployments"] if entry.get("state") == "absent"]


def _served(reading: Reading) -> dict[str, Entry]:
    served = (reading["predictions"].get(NAME) or {}).get("served") or {}
    return {name: seen for name, seen in served.items() if not agent.leaving(seen)}


def _unknown(settings: Settings, reading: Reading) -> list[str]:
    declared = {entry["name"] for entry in settings["mlops_agent_deployments"]}
    return sorted(name for name in _served(reading) if name not in declared)
