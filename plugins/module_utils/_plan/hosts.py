# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What each role has to know of a host before anything is changed, and what it then finds there.

`questions` makes the one reading of a host for all its roles, as options of the module C(host_info); `findings` judges it. A role that leaves nothing behind
on its host is read by itself, see `reader`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import HOST, Ahead, File, Questions, steps
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES

#: What the collection's modules run on.
_LEAST_PYTHON = (3, 7)
#: How long an upgrade that runs on the host by itself is waited for, in seconds.
LOCK_WAIT = 300


def least_python(of_core: t.Any) -> tuple[tuple[int, int], str]:
    """The oldest Python that a host must have, and who wants it.

    :param of_core: the running ansible-core's own least version, ``_PY_MIN`` of its module_utils.basic; no version in 2.16, which takes older ones.
    """
    if isinstance(of_core, tuple) and of_core > _LEAST_PYTHON:
        return t.cast("tuple[int, int]", of_core[:2]), "The running ansible-core"
    return _LEAST_PYTHON, "The collection"


def reader(roles: t.Iterable[str]) -> t.Optional[str]:
    """The module that is asked for these roles in one reading: that of hosts, or else the one of the first; None without any role."""
    readers = [STATES[role].reader for role in roles]
    return HOST if HOST in readers else next(iter(readers), None)


def questions(roles: t.Iterable[str], settings: Settings) -> Questions:
    """The options of C(host_info) that answer what all these roles have to know."""
    asked: Questions = {"package_lock_wait": LOCK_WAIT}
    for role in roles:
        for option, value in STATES[role].questions(settings).items():
            if isinstance(value, list):
                asked[option] = asked.get(option, []) + [item for item in value if item not in asked.get(option, [])]
            else:
                asked[option] = value
    return asked


def findings(roles: t.Collection[str], settings: Settings, reading: Reading) -> list[str]:
    """All that keeps these roles from doing their work on a host, each thing once.

    :param settings: the roles' settings in force.
    :param reading: the answer to `questions`.
    """
    found: list[str] = []
    for role in roles:
        found += STATES[role].findings(settings, reading)
    if reader(roles) == HOST:
        found += checks.packages(reading)
    return list(dict.fromkeys(found))


def due(roles: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """The roles that have to run: the first that differs, and all after it, as it may change what they find. Each plans again for itself.

    What a role finds that leaves nothing behind on its host, no other role changes.

    :param roles: what a plan says of each.
    """
    differing = [name for name, part in roles.items() if part["steps"] or not part["planned"]]
    first = next((name for name in differing if STATES[name].reader == HOST), None)
    after = list(roles)[list(roles).index(first) :] if first else []
    return [name for name in roles if name in differing or (name in after and STATES[name].reader == HOST)]


class Plan(t.NamedTuple):
    """What a reading comes to: sentences, and for each role its ``steps``, whether one of them ``changes`` something, its ``differences`` and ``inputs``, and
    whether it is ``planned`` at all.

    ``diff`` shows files that are not secret, as Ansible shows differences.
    """

    findings: list[str]
    roles: dict[str, dict[str, t.Any]]
    diff: list[dict[str, str]]

    @property
    def due(self) -> list[str]:
        """See `due`."""
        return due(self.roles)


class Planned:
    """The roles of one host, between the question and the answer.

    :param roles: their names, in the order in which they run. Those that another module than `reader` answers stay open.
    :param settings: in force, with their secrets.
    :param fill_in: makes the content of a file: the role's name, the template's, and the values that the role works out.
    :param ahead: steps of roles that came before these and, in check mode, were not really taken.
    """

    def __init__(self, roles: t.Sequence[str], settings: Settings, fill_in: t.Callable[[str, str, t.Mapping[str, t.Any]], str], ahead: Ahead) -> None:
        self.roles, self.settings, self._fill_in, self._ahead = roles, settings, fill_in, ahead
        self.reader = reader(roles)
        self._here = [role for role in roles if STATES[role].reader == self.reader]

    def questions(self) -> Questions:
        """The options of the module `reader`: what the roles ask, and the files that they fill in."""
        if self.reader != HOST:
            return {option: value for role in self._here for option, value in STATES[role].questions(self.settings).items()}
        asked = questions(self._here, self.settings)
        for role, file in self._files():
            content = {"content": self._filled(role, file, None)} if file.secret else {"text": True}
            asked["files"] = [entry for entry in asked.get("files", []) if entry["path"] != file.path] + [{"path": file.path, **content}]
        return asked

    def judge(self, reading: Reading) -> Plan:
        """What the answer comes to."""
        roles: dict[str, dict[str, t.Any]] = {}
        ahead = dict(self._ahead)
        needed: list[str] = []
        diff = []
        for role in self.roles:
            state = STATES[role]
            if role not in self._here:
                roles[role] = _undecided({})
                ahead[role] = ["undecided"]
                continue
            asked = state.asks(self.settings)
            if set(asked) - set(self.settings.get("answers") or {}):
                seen = _part(state.questions(self.settings), reading)
                roles[role] = _undecided({**state.inputs(self.settings, reading), "seen": seen, "asks": _by_host(asked), "answers": {}})
                ahead[role] = ["undecided"]
                continue
            contents = {file.path: self._filled(role, file, reading) for of_role, file in self._files() if of_role == role and not file.secret}
            needed += state.needs(self.settings, reading, ahead)
            found = state.differences(self.settings, reading, contents, ahead)
            ahead[role] = steps(found)
            roles[role] = {
                "planned": True,
                "steps": ahead[role],
                "changes": not set(ahead[role]).issubset(state.proofs),
                "differences": [difference._asdict() for difference in found],
                "inputs": state.inputs(self.settings, reading),
            }
            diff += [
                {"before_header": path, "after_header": path, "before": reading["files"][path]["text"] or "", "after": content}
                for path, content in contents.items()
                if reading["files"][path]["text"] != content
            ]
        return Plan(list(dict.fromkeys(findings(self._here, self.settings, reading) + needed)), roles, diff)

    def _files(self) -> list[tuple[str, File]]:
        return [(role, file) for role in self._here for file in STATES[role].files(self.settings)]

    def _filled(self, role: str, file: File, reading: Reading | None) -> str:
        return self._fill_in(role, file.template, STATES[role].inputs(self.settings, reading))


def _undecided(values: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a plan says of a role that it can't judge, or not yet."""
    return {"planned": False, "steps": [], "changes": False, "differences": [], "inputs": values}


def _by_host(asked: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """Questions to other hosts, as tasks are filled with them: C(host), and C(predictions) for C(host_info)."""
    return [{"host": host, "predictions": [question]} for host, question in asked.items()]


def _part(asked: Questions, reading: Reading) -> Reading:
    """Of a reading, the answers to the questions of one role."""
    names = {option: [entry if isinstance(entry, str) else entry.get("path", entry.get("name")) for entry in value] for option, value in asked.items()}
    return {"packages": None, **{option: {name: reading[option][name] for name in some if name in reading[option]} for option, some in names.items()}}


def complete(roles: dict[str, dict[str, t.Any]], settings: Settings, answers: t.Mapping[str, t.Any]) -> list[str]:
    """Judge the roles that waited for other hosts and have all answers now, in place; returns what is found.

    :param roles: what the plan says of each role.
    :param settings: those in force, without secrets.
    :param answers: by host, what it said to the question in ``asks``.
    """
    found: list[str] = []
    for role, part in roles.items():
        waits = part["inputs"]
        if part["planned"] or not waits.get("asks"):
            continue
        got = {**waits["answers"], **{asked["host"]: answers[asked["host"]] for asked in waits["asks"] if asked["host"] in answers}}
        left = [asked for asked in waits["asks"] if asked["host"] not in got]
        if left:
            roles[role] = _undecided({**waits, "asks": left, "answers": got})
            continue
        known = {**settings, **waits["settings"], "answers": got}
        plan = Planned([role], known, lambda role, template, inputs: "", {}).judge(waits["seen"])
        roles[role] = plan.roles[role]
        found += plan.findings
    return found


def joined(plan: t.Mapping[str, t.Any], part: dict[str, t.Any]) -> dict[str, t.Any]:
    """A plan of a host with what was planned afterwards of roles that stayed open in it.

    :param plan: what the action C(plan) returned for the host; *part* for these roles alone.
    """
    roles = {**(plan.get("roles") or {}), **part["roles"]}
    values = {name: {**(plan.get(name) or {}), **(part.get(name) or {})} for name in ("settings", "derived", "answers")}
    return {**part, **values, "roles": roles, "due": due(roles), "findings": list(dict.fromkeys([*(plan.get("findings") or ()), *part["findings"]]))}
