# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What is published against the pins of a bundle, out of data that was fetched before, and where the collection's own table speaks of it.

Shapes from outside: the OSV schema (ossf.github.io/osv-schema), and what C(pip-audit --format json) prints.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
import zipfile

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.requirements import normalized

#: Bytes of one file of data; the largest record of OSV has far less than one MiB, and a list of all that is about the stack a few.
MOST_FILE = 64 << 20
_MOST_RECORDS = 1000000
_ID = re.compile(r"(?P<id>CVE-(?P<year>\d{4})-(?P<number>\d{4,})|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+)|(?P<to>to )?(?<!\w)-(?P<more>\d{3,})(?![\w.])")

Record = t.Mapping[str, t.Any]


class Row(t.NamedTuple):
    """A row of docs/security.md: its line, and its cells up to the one that says what stops it."""

    line: int
    advisory: str
    reached: str
    stopped: str


class Advisory(t.NamedTuple):
    """One advisory about one pin. ``row`` is None where the table does not speak of it."""

    name: str
    version: str
    id: str
    aliases: tuple[str, ...]
    summary: str
    row: t.Optional[Row]


def rows(text: str) -> dict[str, Row]:
    """The rows of the table of advisories by the names that stand in them; a name may be shortened to its number after a full one."""
    found: dict[str, Row] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5:
            continue
        row = Row(number, cells[1], cells[2], cells[3])
        for name in _names(cells[1]):
            found.setdefault(name, row)
    return found


def _names(cell: str) -> t.Iterator[str]:
    year, last = "", 0
    for match in _ID.finditer(cell):
        if match.group("id"):
            year, last = match.group("year") or "", int(match.group("number") or 0)
            yield match.group("id")
        elif year:
            number = int(match.group("more"))
            for each in range(last + 1, number) if match.group("to") and number - last < 1000 else ():
                yield "CVE-%s-%d" % (year, each)
            last = number
            yield "CVE-%s-%s" % (year, match.group("more"))


def about(pins: t.Mapping[str, str], path: str, table: t.Mapping[str, Row]) -> list[Advisory]:
    """The advisories that the data at a path has about pins, those without a row first. Raises `Problem` for what is no such data.

    :param pins: versions by normalized name.
    :param path: a file or folder of OSV records, a zip of them as OSV offers it, or what pip-audit printed.
    :param table: as `rows` gives it.
    """
    found: dict[tuple[str, str], Advisory] = {}
    count = 0
    for content in _contents(path):
        for name, record in _of_content(content, pins, path):
            count += 1
            names = [str(record.get("id") or "?"), *map(str, record.get("aliases") or ())]
            row = next((table[each] for each in names if each in table), None)
            text = str(record.get("summary") or record.get("details") or record.get("description") or "")
            known = next((key for key in found if key[0] == name and set(names) & {key[1], *found[key].aliases}), None)
            if known is None:
                found[name, names[0]] = Advisory(name, pins[name], names[0], tuple(names[1:]), " ".join(text.split())[:200], row)
            else:
                # The same one by another name, as PyPI's and GitHub's databases both have it.
                one = found[known]
                found[known] = one._replace(aliases=tuple(dict.fromkeys([*one.aliases, *(each for each in names if each != one.id)])), row=one.row or row)
    return sorted(found.values(), key=lambda one: (one.row is not None, one.name, one.id))


def _contents(path: str) -> t.Iterator[t.Any]:
    """Each JSON document of the data."""
    try:
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                if name.endswith(".json"):
                    with open(os.path.join(path, name), "rb") as file:
                        yield _parsed(file, "%s/%s" % (path, name))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist()[:_MOST_RECORDS]:
                    if info.filename.endswith(".json"):
                        with archive.open(info) as file:
                            yield _parsed(file, "%s in %s" % (info.filename, path))
        else:
            with open(path, "rb") as file:
                yield _parsed(file, path)
    except OSError as error:
        raise Problem("The advisories at %s can't be read (%s). Correct bundle_advisories." % (path, error.strerror or error)) from None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise Problem("The advisories at %s are damaged: %s. Fetch them again." % (path, error)) from None


def _parsed(file: t.IO[bytes], label: str) -> t.Any:
    data = file.read(MOST_FILE + 1)
    if len(data) > MOST_FILE:
        raise Problem("%s has more than %d MiB, which no list of advisories for a stack needs. Correct bundle_advisories." % (label, MOST_FILE >> 20))
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Problem("%s is not JSON. OSV's records, or what `pip-audit --format json` prints, were expected." % label) from None


def _of_content(content: t.Any, pins: t.Mapping[str, str], label: str) -> t.Iterator[tuple[str, Record]]:
    """The records of one document that are about a pin, each with the pin's name."""
    try:
        if isinstance(content, dict) and "dependencies" in content:
            for dependency in content["dependencies"]:
                name = normalized(dependency["name"])
                if pins.get(name) == dependency.get("version"):
                    yield from ((name, record) for record in dependency.get("vulns") or ())
            return
        for record in content if isinstance(content, list) else [content]:
            for name in {normalized(part["package"]["name"]) for part in record["affected"] if part["package"]["ecosystem"] == "PyPI"} & set(pins):
                if not record.get("withdrawn") and _affected(record, name, pins[name]):
                    yield name, record
    except (KeyError, TypeError, AttributeError):
        raise Problem("%s holds something else than OSV's records, or what `pip-audit --format json` prints. Correct bundle_advisories." % label) from None


def _affected(record: Record, name: str, version: str) -> bool:
    """Whether a version is among those that a record of OSV names, or within one of its ranges. The schema says how to evaluate both."""
    parts = [part for part in record["affected"] if part["package"]["ecosystem"] == "PyPI" and normalized(part["package"]["name"]) == name]
    return any(
        version in (part.get("versions") or ()) or any(_within(version, one["events"]) for one in part.get("ranges") or () if one.get("type") == "ECOSYSTEM")
        for part in parts
    )


def _within(version: str, events: t.Iterable[t.Mapping[str, str]]) -> bool:
    from packaging.version import InvalidVersion, Version  # ansible-core brings it

    wanted = Version(version)
    inside = False
    try:
        ordered = sorted(events, key=lambda event: (Version(next(iter(event.values()))), "introduced" not in event))
    except InvalidVersion:
        # A version that can't be told is none that could exclude this one.
        return True
    for event in ordered:
        if "introduced" in event and (event["introduced"] == "0" or wanted >= Version(event["introduced"])):
            inside = True
        elif ("fixed" in event and wanted >= Version(event["fixed"])) or ("last_affected" in event and wanted > Version(event["last_affected"])):
            inside = False
    return inside


def as_json(found: t.Sequence[Advisory]) -> str:
    """The report for programs."""
    listed = [{**one._asdict(), "row": {**one.row._asdict(), "link": _link(one.row)} if one.row else None} for one in found]
    return json.dumps({"advisories": listed, "without_row": sum(one.row is None for one in found)}, indent=1, sort_keys=True) + "\n"


def as_markdown(found: t.Sequence[Advisory], source: str) -> str:
    """The report for people."""
    lines = ["# Advisories about the pins", "", "By %s. Links lead to the row of docs/security.md that says what stops it." % source, ""]
    lines += ["| pin | advisory | reached here | what stops it |", "|---|---|---|---|"]
    for one in found:
        names = ", ".join((one.id, *one.aliases))
        row = one.row
        advisory = "[%s](%s)" % (names, _link(row)) if row else "**%s**: %s" % (names, _cell(one.summary))
        lines.append("| %s %s | %s | %s | %s |" % (one.name, one.version, advisory, row.reached if row else "no row, to be judged", row.stopped if row else ""))
    return "\n".join(lines) + "\n"


def _link(row: Row) -> str:
    return "docs/security.md#L%d" % row.line


def _cell(text: str) -> str:
    """A text of others as a table of Markdown takes it: without what would begin another cell, a link or a tag."""
    return re.sub(r"[|<>\[\]`\\]", " ", text)
