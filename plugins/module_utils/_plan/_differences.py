# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What differs on a host from what a role leaves behind, and the comparisons that several roles share."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings

Questions = t.Dict[str, t.Any]
Inputs = t.Dict[str, t.Any]
#: What the role's templates become, by the path of the file on the host.
Contents = t.Mapping[str, str]
#: The module that reads a host.
HOST = "host_info"
#: Steps that roles before this one are going to take in the same run, by role.
Ahead = t.Mapping[str, t.Sequence[str]]


class Difference(t.NamedTuple):
    """One thing that is not as wanted.

    ``step`` names what mends it, as the role's tasks ask for it; ``item`` is what differs, ``before`` and ``after`` say how, in a few words and
    never with a secret; ``reason`` says what follows from it or why it has to be, where that is not plain.

    With an empty ``step`` it is a note: worth knowing, and nothing that a run of the role would change.
    """

    role: str
    step: str
    item: str
    before: str
    after: str
    reason: str = ""


class File(t.NamedTuple):
    """A file that a role fills in from one of its templates."""

    path: str
    template: str
    step: str
    secret: bool = False
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"


class State(t.NamedTuple):
    """What one role leaves behind on a host: how it is asked for, what would keep the role from making it, and how far the host is from it.

    ``questions(settings)`` are options of the module ``reader``, ``findings(settings, reading)`` sentences. ``inputs(settings, reading)``
    is what the role's tasks and templates are filled with; it is asked for without a reading where a file is compared on the host.
    ``differences(settings, reading, contents, ahead)`` are what is not as wanted.
    ``needs(settings, reading, ahead)`` are further sentences, for what the role needs of roles before it and they are not going to bring.
    ``reader`` is the module that is asked. A role that leaves nothing behind on its host names another one, which the controller runs.
    ``asks(settings)`` are questions to other hosts that the role changes or rests on, a prediction by the host's name. The other parts find the
    answers in ``settings["answers"]``, by the host's name; `findings` and `inputs` are asked for before there are any, `differences` is not.
    ``proofs`` are those of its steps that change nothing: they wait for what has to answer, or fail.
    """

    questions: t.Callable[[Settings], Questions]
    findings: t.Callable[[Settings, Reading], list[str]]
    differences: t.Callable[[Settings, Reading, Contents, Ahead], list[Difference]]
    files: t.Callable[[Settings], list[File]] = lambda settings: []
    inputs: t.Callable[[Settings, t.Optional[Reading]], Inputs] = lambda settings, reading: {}
    needs: t.Callable[[Settings, Reading, Ahead], list[str]] = lambda settings, reading, ahead: []
    asks: t.Callable[[Settings], dict[str, dict[str, t.Any]]] = lambda settings: {}
    reader: str = HOST
    proofs: t.Collection[str] = ()


def steps(differences: t.Iterable[Difference]) -> list[str]:
    """The steps that mend these differences, each once; a note needs none."""
    return list(dict.fromkeys(difference.step for difference in differences if difference.step))


#: Steps that tidy up, after which whatever runs goes on.
_TIDYING = frozenset(("surplus", "bytecode", "tidied"))


def replaces(ahead: Ahead, role: str) -> bool:
    """Whether a role before this one is going to bring something else than what is there."""
    return not _TIDYING.issuperset(ahead.get(role, ()))


def of_files(role: str, files: t.Iterable[File], contents: Contents, reading: Reading) -> list[Difference]:
    """Files that are missing, hold something else, or belong to or are open to others than they should."""
    found = []
    for file in files:
        seen = reading["files"][file.path]
        if not seen["exists"]:
            found.append(Difference(role, file.step, file.path, "missing", "made"))
            continue
        same = seen["matches"] if file.secret else seen["kind"] == "file" and seen["text"] == contents[file.path]
        if not same:
            found.append(Difference(role, file.step, file.path, "holds something else" + (" (not shown)" if file.secret else ""), "written"))
        found += of_attributes(role, file.step, file.path, seen, file.owner, file.group, file.mode)
    return found


def of_attributes(role: str, step: str, path: str, seen: Reading, owner: str, group: str, mode: str) -> list[Difference]:
    """Owner, group and mode of something that exists."""
    return [
        Difference(role, step, "%s: %s" % (path, what), str(seen[what]), wanted)
        for what, wanted in (("owner", owner), ("group", group), ("mode", mode))
        if seen[what] != wanted
    ]


def of_leftovers(role: str, step: str, paths: t.Iterable[str], reading: Reading) -> list[Difference]:
    """Files and folders that should not be there."""
    return [Difference(role, step, path, "there", "removed") for path in paths if reading["files"][path]["exists"]]


def of_former_place(role: str, path: str, pattern: str, wanted: str, reading: Reading) -> list[Difference]:
    """A note on the folder with releases that a file on the host names and that is used no more: another prefix leaves the former one alone.

    :param pattern: finds the folder's C(current) in the file, as its one group.
    """
    found = re.search(pattern, reading["files"][path].get("text") or "", re.MULTILINE)
    if not found or found[1] == wanted or not found[1].endswith("/current"):
        return []
    former = found[1][: -len("/current")]
    return [Difference(role, "", former, "in use", "left as it is", "now %s is used; remove it when there is no need to go back" % wanted)]


def of_user(role: str, step: str, name: str, reading: Reading, group: str, shell: str) -> list[Difference]:
    """A service's user and its group. Its home is left alone, which matters to no service and can't be changed while one runs."""
    found = [] if reading["groups"][group]["exists"] else [Difference(role, step, "group %s" % group, "missing", "made")]
    seen = reading["users"][name]
    if not seen["exists"]:
        return [*found, Difference(role, step, "user %s" % name, "missing", "made")]
    wanted = {"group": group, "shell": shell}
    return found + [Difference(role, step, "user %s: %s" % (name, what), str(seen[what]), after) for what, after in wanted.items() if seen[what] != after]


def changed_since_start(unit: Reading, paths: t.Iterable[str], reading: Reading) -> list[str]:
    """Of the paths that a running unit read when it started, those that changed since; none of one that does not run."""
    started = unit["started_at"]
    return [path for path in paths if started is not None and (reading["files"][path]["mtime"] or 0) > started]


def of_prediction(role: str, step: str, item: str, reading: Reading, name: str) -> list[Difference]:
    """What a module would change, line by line where its diff is short."""
    seen = reading["predictions"].get(name)
    if seen is None or not seen["changed"]:
        return []
    if seen["error"]:
        return [Difference(role, step, item, "can't be told", "as wanted", seen["error"])]
    before, after = (str((seen.get("diff") or {}).get(side) or "").splitlines() for side in ("before", "after"))
    gone, come = [line for line in before if line not in after], [line for line in after if line not in before]
    return [Difference(role, step, item, _short(gone) or ("as it is" if before else "missing"), _short(come) or ("as wanted" if after else "removed"))]


def of_release(role: str, prefix: str, reading: Reading, name: str) -> list[Difference]:
    """What C(archive_release) would change, told to verify: steps C(release), and C(surplus) for old releases alone, after which nothing restarts."""
    seen = reading["predictions"].get(name)
    if seen is None or not seen["changed"]:
        return []
    if seen["error"]:
        return [Difference(role, "release", prefix, "can't be told", "as wanted", seen["error"])]
    before, after = (dict(re.split(r" (?:-> )?", line, maxsplit=1) for line in seen["diff"][side].splitlines()) for side in ("before", "after"))
    wanted = after["current"]
    found = []
    if wanted in after and not seen["version_output"]:
        was = "missing" if wanted not in before else "does not work" if before[wanted] == after[wanted] else "holds something else"
        found.append(Difference(role, "release", "%s/%s" % (prefix, wanted), was, "unpacked"))
    if before.get("current") != wanted:
        found.append(Difference(role, "release", prefix + "/current", before.get("current", "missing"), wanted))
    surplus = [name for name in before if name not in after]
    return found + [Difference(role, "surplus", "%s/%s" % (prefix, name), "there", "removed", "more old ones than are kept") for name in surplus]


def of_packages(role: str, names: t.Iterable[str], reading: Reading, asked: bool) -> list[Difference]:
    """Packages to install: those that are missing, or all where the host was not asked about them. Step C(packages)."""
    names = [name for name in names if not asked or name in (reading["packages"] or {}).get("missing", ())]
    if not names:
        return []
    item = "package%s %s" % ("" if len(names) == 1 else "s", _short(names))
    return [Difference(role, "packages", item, "missing" if asked else "perhaps missing", "installed")]


def of_kept_packages(role: str, names: t.Iterable[str], removed: t.Sequence[Difference]) -> list[Difference]:
    """A note on packages that a role may have installed and leaves where it goes: other software may have come to need them.

    :param removed: what of the role goes; where that is nothing, nothing is said.
    """
    names = sorted(names) if removed else []
    if not names:
        return []
    return [Difference(role, "", "package%s %s" % ("" if len(names) == 1 else "s", ", ".join(names)), "", "left as it is", "other software may use it")]


def _short(lines: t.Sequence[str]) -> str:
    return ", ".join(lines) if len(lines) <= 3 else "%s and %d more" % (", ".join(lines[:2]), len(lines) - 2)
