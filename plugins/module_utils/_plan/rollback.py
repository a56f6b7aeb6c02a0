# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The way back to the releases that were used before: what is switched, what follows from that, and what stands in the way.

It is told from the reading that a plan is made of, with few questions more. A part goes back from the release that the inventory names to the one used
before it. One that is not what the inventory names was rolled back already, so that a run that was cut short can be repeated: it stays.
"""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_database
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_stores as stores
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts, mlflow_server, mlops_agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Difference, Inputs, Questions, changed_since_start, steps
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import _deployments as deployments
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import pip_stack
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES


class Part(t.NamedTuple):
    """What can go back: the role that leaves it behind, the programs that a release must have, and the variables that name a release."""

    role: str
    programs: t.Sequence[str]
    variables: str


#: By the name that a person gives; the stack before Python, as an environment is known by its interpreter.
PARTS = {
    "stack": Part("pip_stack", ("bin/python", "bin/mlflow"), "pip_stack_lock and pip_stack_extras"),
    "jdk": Part("jdk", ("bin/java",), "jdk_release, jdk_archive_src and jdk_archive_sha256"),
    "python": Part("python", ("bin/python3.7",), "python_release, python_archive_src and python_archive_sha256"),
    "agent": Part("mlops_agent", (), "the release of the collection, which brings the agent"),
}
_VENDOR = "mlops_agent_vendor_release, mlops_agent_vendor_archive_src and mlops_agent_vendor_archive_sha256"
_BACKUPS = "rollback_backups"
_SERVER, _AGENT = "mlflow_server", "mlops_agent"


class Rollback(t.NamedTuple):
    """What a reading comes to: sentences, what is done role by role as in a `hosts.Plan`, the links to switch, and what to know afterwards."""

    findings: list[str]
    roles: dict[str, dict[str, t.Any]]
    switches: list[dict[str, t.Any]]
    afterwards: list[str]

    @property
    def due(self) -> list[str]:
        """The roles of which something changes, or is waited for."""
        return [role for role, part in self.roles.items() if part["steps"]]


def chosen(given: t.Any) -> tuple[list[str], list[str]]:
    """The parts that somebody named, by a list or a text with commas, all where none is; and sentences for names that are none."""
    names = [str(name).strip() for name in (given if isinstance(given, (list, tuple)) else str(given or "").split(","))]
    unknown = [name for name in names if name and name not in PARTS]
    if unknown:
        return [], ["rollback names '%s', but some of %s were expected, separated by commas." % ("', '".join(unknown)[:100], ", ".join(PARTS))]
    return [part for part in PARTS if part in names or not any(names)], []


def with_questions(asked: Questions, parts: t.Iterable[str], settings: Settings) -> Questions:
    """The questions of a plan, and which releases and backups there are."""
    here = [part for part in parts if settings[PARTS[part].role + "_state"] == "present"]
    more = [_question("rollback_" + part, "releases", dest=_prefix(part, settings), programs=list(PARTS[part].programs)) for part in here]
    if "stack" in here and _serves_from_stack(settings):
        directories = {"directory": stores.upgrade_backups(settings), "stack_prefix": settings["pip_stack_prefix"]}
        more.append(_question(_BACKUPS, "mlflow_backups", **directories))
    programs = [*asked.get("commands", ()), "pg_dump", "psql"]
    return {**asked, "commands": list(dict.fromkeys(programs)), "predictions": [*asked.get("predictions", ()), *more]}


def _question(name: str, module: str, **options: t.Any) -> dict[str, t.Any]:
    return {"name": name, "module": module, "options": options}


def _prefix(part: str, settings: Settings) -> str:
    if part == "agent":
        return str(STATES[_AGENT].inputs(settings, None)["prefix"])
    return str(settings[PARTS[part].role + "_prefix"])


def _serves_from_stack(settings: Settings) -> bool:
    return mlflow_server.present(settings) and bool(settings["mlflow_server_stack"] == settings["pip_stack_prefix"] + "/current")


def judge(parts: t.Sequence[str], settings: Settings, plan: hosts.Plan, reading: Reading) -> Rollback:
    """What goes back, and what follows.

    :param plan: what the same reading comes to as a plan; its inputs fill in the roles' tasks.
    :param reading: the answer to `with_questions`.
    """
    back = {part: _of_part(part, settings, reading) for part in parts if "rollback_" + part in reading["predictions"]}
    found = [sentence for way in back.values() for sentence in way.findings]
    differences = [difference for way in back.values() for difference in way.differences]
    switched = [part for part, way in back.items() if way.release and not way.findings]
    restored: dict[str, t.Any] = {}
    if "stack" in back and _serves_from_stack(settings):
        records = _records(settings, reading, back["stack"])
        found, differences, restored = found + records.findings, differences + records.differences, records.inputs
        if not restored:
            reasons = ["the stack changes"] if "stack" in switched else []
            differences += _started(_SERVER, plan.roles[_SERVER]["inputs"]["unit"], reading, reasons, [settings["mlflow_server_stack"]])
    if settings["mlops_agent_state"] == "present":
        differences += _agent(settings, reading, plan.roles[_AGENT]["inputs"], parts, switched)
    roles = {}
    for role, part in plan.roles.items():
        own = [difference for difference in differences if difference.role == role]
        inputs = {**part["inputs"], **(restored if role == _SERVER else {})}
        if role == _AGENT and inputs.get("builtin"):
            inputs["serving"] = deployments.all_served(reading)
        taken = steps(own)
        changes = not set(taken).issubset(STATES[role].proofs)
        roles[role] = {"planned": True, "steps": taken, "changes": changes, "differences": [one._asdict() for one in own], "inputs": inputs}
    left = [part for part, way in back.items() if part in switched or not way.named]
    switches = [{"dest": _prefix(part, settings), "release": back[part].release, "programs": list(PARTS[part].programs)} for part in switched]
    return Rollback(found, roles, switches, [_afterwards(left, settings)] if left else [])


class _Way(t.NamedTuple):
    """What becomes of one part: the release to switch to, if any; ``current`` is the one that the link names, ``named`` whether the inventory does, too."""

    findings: list[str]
    differences: list[Difference]
    release: t.Optional[str]
    current: t.Optional[str]
    named: bool


def _of_part(part: str, settings: Settings, reading: Reading) -> _Way:
    seen, role, link = reading["predictions"]["rollback_" + part], PARTS[part].role, _prefix(part, settings) + "/current"
    if seen["error"]:
        return _Way(["It can't be told which releases of %s there are. %s" % (part, seen["error"])], [], None, None, True)
    if seen["target"] is None:
        return _Way([], [Difference(role, "", link, "missing", "stays so", "nothing of it is installed")], None, None, True)
    at = seen["target"]
    if not _is_named(part, settings, reading, at):
        reason = "not what the inventory names: rolled back already, or site.yml was not run since the inventory changed"
        return _Way([], [Difference(role, "", link, at, "stays", reason)], None, seen["current"], False)
    others = [release for release in seen["releases"] if release["name"] != seen["current"]]
    if not others:
        return _Way([], [Difference(role, "", link, at, "stays", "no former release is there")], None, seen["current"], True)
    if others[0]["lacks"]:
        sentence = "The former release of %s, %s, has no %s that can be run. Leave it out: -e rollback=%s." % (
            part, others[0]["path"], others[0]["lacks"][0], ",".join(other for other in PARTS if other != part),
        )  # fmt: skip
        return _Way([sentence], [], None, seen["current"], True)
    after = "releases/%s" % others[0]["name"]
    return _Way([], [Difference(role, "switch", link, at, after, "used before it")], others[0]["name"], seen["current"], True)


def _is_named(part: str, settings: Settings, reading: Reading, target: str) -> bool:
    """Whether the inventory names what the link leads to."""
    if part == "stack":
        fits = (reading["predictions"].get("pip_stack") or {}).get("fits")
        ours = str(settings["pip_stack_python"]).startswith("%s/" % settings.get("python_prefix"))
        expected = pip_stack.expected(settings, reading) if ours and settings["python_state"] == "present" else None
        return bool(fits) and expected in (None, fits)
    predictions = reading["predictions"]
    seen = predictions.get("python_link" if part == "python" and "python_link" in predictions else PARTS[part].role) or {}
    return bool(posixpath.normpath(posixpath.join(_prefix(part, settings), target)) == seen.get("path"))


# ------------------------------------------------------------------------------------------------------------------------ what follows


class _Records(t.NamedTuple):
    findings: list[str]
    differences: list[Difference]
    inputs: dict[str, t.Any]


def _records(settings: Settings, reading: Reading, way: _Way) -> _Records:
    """Whether the MLflow that comes back knows the schema of the database, and else the backup from before its upgrade."""
    # One that was cut short has switched already.
    release = way.release or (None if way.named else way.current)
    if release is None or way.findings:
        return _Records([], [], {})
    store = settings["mlflow_server_backend_store"]
    seen, named, database = reading["predictions"][_BACKUPS], stores.name(settings), reading["databases"][store]
    known = (seen.get("known") or {}).get(release) or []
    untold = "" if known else "%s/releases/%s does not tell its MLflow's schemas." % (settings["pip_stack_prefix"], release)
    why = seen["error"] or database["error"] or untold
    if why:
        return _Records(["It can't be told whether the MLflow that comes back can use %s. %s" % (named, why)], [], {})
    if tracking_database.standing(dict(database), known) != "newer":
        return _Records([], [], {})
    fitting = [one for one in seen["backups"] if one["records"] == store and one["schema"] == known[-1]]
    if not fitting:
        sentence = (
            "%s has the schema %s, which the MLflow of the former stack %s does not know, and %s has no backup with its schema, %s. Leave the stack out: "
            "-e rollback=jdk,python,agent." % (_first_upper(named), database["revision"], release, stores.upgrade_backups(settings), known[-1])
        )
        return _Records([sentence], [], {})
    lacking = [program for program in ("pg_dump", "psql") if mlflow_server.postgresql(settings) and not reading["commands"].get(program)]
    if lacking:
        return _Records(
            ["%s is to be restored, but the host has no %s. Install the client programs of PostgreSQL." % (_first_upper(named), lacking[0])], [], {}
        )
    backup = fitting[0]
    after = "%s, as in the backup %s of %s" % (backup["schema"], backup["name"], backup["made_at"])
    reason = "its schema was upgraded since; what was recorded after that goes into another backup first"
    return _Records([], [Difference(_SERVER, "restore", "records in %s" % named, database["revision"], after, reason)], {"backup": backup["name"]})


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _agent(settings: Settings, reading: Reading, inputs: Inputs, parts: t.Sequence[str], switched: t.Sequence[str]) -> list[Difference]:
    # It restarts its models by itself, but one that has failed it tries again at once only when it starts.
    reasons = ["%s changes" % words for part, words in (("stack", "the stack"), ("jdk", "the JDK"), ("agent", "its code")) if part in switched]
    links = [path for part, path in (("stack", settings["mlops_agent_stack"]), ("agent", inputs["home"])) if part in parts]
    found = _started(_AGENT, inputs["unit"], reading, reasons, links)
    served = deployments.all_served(reading) if mlops_agent.builtin(settings) else []
    if served and ({"stack", "jdk"}.intersection(switched) or deployments.outdated(reading)):
        found.append(Difference(_AGENT, "models", "served models", ", ".join(served), "restarted one after the other", "the next when the one before scores"))
    return found


def _started(role: str, unit: str, reading: Reading, reasons: list[str], links: t.Iterable[str]) -> list[Difference]:
    """A service that runs from what is switched, or was switched by a run that was cut short."""
    seen = reading["units"][unit]
    if not seen["exists"]:
        return []
    running = seen["active_state"] == "active"
    if not running:
        return [Difference(role, "start", unit, seen["active_state"], "started", ", ".join(reasons))]
    reasons = reasons or ["started before %s changed" % path for path in changed_since_start(seen, links, reading)]
    return [Difference(role, "start", unit, "running", "restarted", ", ".join(reasons))] if reasons else []


def _afterwards(parts: t.Sequence[str], settings: Settings) -> str:
    named = [_VENDOR if part == "agent" and not mlops_agent.builtin(settings) else PARTS[part].variables for part in parts]
    return (
        "The inventory does not name what was rolled back to (%s): the next site.yml goes forward again. To stay, give these their former values first: %s."
        % (", ".join(parts), "; ".join(named))
    )
