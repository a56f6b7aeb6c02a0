# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Requirements locks: reading them, evaluating their markers, and comparing them with what is installed.

Sources: PEP 503 (names), PEP 440 (versions), PEP 508 (markers), PEP 376 and 427 (names of installed distributions),
and pip's description of the requirements file format.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*==\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"\s*(?:;(?P<marker>.*))?\Z"
)
_HASH = re.compile(r"--hash[=\s]\s*([A-Za-z0-9]+:[0-9A-Za-z]+)")
_STRONG = re.compile(r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\Z")
# What a lock says about its Python: our own header, and what pip-compile and `uv pip compile` write.
_FOR_PYTHON = (
    re.compile(r"#\s*requires-python:\s*(\S.*?)\s*\Z", re.I),
    re.compile(r"#.*\bpip-compile with Python (\d+\.\d+)\s*\Z"),
    re.compile(r"#\s+uv pip compile\b.*\s--python-version[=\s](\d+\.\d+)"),
)
_CLAUSE = re.compile(r"(==|!=|<=|>=|<|>|~=)?\s*(\d+(?:\.\d+)*)(\.\*)?\Z")


class Pin(t.NamedTuple):
    """One line of a lock that applies to the host; `hashes` are like `sha256:…`, `line` counts from 1."""

    name: str
    version: str
    hashes: tuple[str, ...]
    line: int


def normalized(name: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def canonical(version: str) -> str:
    """A version in the form in which PEP 440 compares it, as far as equality needs it."""
    text = version.strip().lower().lstrip("v").replace("_", "-")
    text, plus, local = text.partition("+")
    text = re.sub(r"^0+!", "", text)
    text = re.sub(r"-(\d+)$", r".post\1", text)
    text = re.sub(r"[-.]?(alpha|beta|preview|pre|rc|a|b|c)[-.]?(\d*)", lambda m: _PRE[m.group(1)] + str(int(m.group(2) or 0)), text)
    text = re.sub(r"[-.]?(?:post|rev|r(?!c))[-.]?(\d*)", lambda m: ".post" + str(int(m.group(1) or 0)), text)
    text = re.sub(r"[-.]?dev[-.]?(\d*)", lambda m: ".dev" + str(int(m.group(1) or 0)), text)
    match = re.match(r"((?:\d+!)?)(\d+(?:\.\d+)*)(.*)\Z", text)
    if match:
        numbers = [str(int(part)) for part in match.group(2).split(".")]
        while len(numbers) > 1 and numbers[-1] == "0":
            numbers.pop()
        text = match.group(1) + ".".join(numbers) + match.group(3)
    return text + (plus and "+" + re.sub(r"[-_.]", ".", local))


_PRE = {"alpha": "a", "a": "a", "beta": "b", "b": "b", "preview": "rc", "pre": "rc", "rc": "rc", "c": "rc"}


def parse_lock(text: str, environment: dict[str, str]) -> dict[str, Pin]:
    """The pins of a lock that apply in a marker environment, by normalized name.

    `text` may be several locks one after the other; a name that is in more than one of them has to have one version.
    Raises `Problem` for anything but `name==version` with a strong hash, and for a lock that is made for another Python.
    """
    check_python(text, environment["python_full_version"])
    pins: dict[str, Pin] = {}
    for number, line in _logical_lines(text):
        pin = _parse_line(line, number, environment)
        if pin is None:
            continue
        name = normalized(pin.name)
        known = pins.get(name)
        if known is None:
            pins[name] = pin
        elif canonical(known.version) != canonical(pin.version):
            raise Problem(
                "The lock pins %s twice: %s in line %d and %s in line %d. Compile the requirements together."
                % (name, known.version, known.line, pin.version, pin.line)
            )
        else:
            pins[name] = known._replace(hashes=tuple(dict.fromkeys(known.hashes + pin.hashes)))
    if not pins:
        raise Problem("The lock holds no requirement. Give the text of a requirements file with one name==version and its hashes each.")
    return pins


def rendered(pins: dict[str, Pin]) -> str:
    """A requirements file with these pins, sorted: what the installers are given, and what a digest is taken of."""
    lines = []
    for name in sorted(pins):
        lines.append("%s==%s" % (name, pins[name].version) + "".join(" \\\n    --hash=%s" % item for item in sorted(pins[name].hashes)))
    return "\n".join(lines) + "\n"


def python_version_of(text: str) -> list[tuple[int, str]]:
    """What the comments of a lock say about the Python it is made for: line numbers and version specifiers."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for pattern in _FOR_PYTHON:
            match = pattern.match(line)
            if match:
                found.append((number, match.group(1)))
    return found


def check_python(text: str, version: str) -> None:
    """Raise `Problem` when a lock says that it is made for another Python than `version` (like 3.7.9)."""
    for number, specifier in python_version_of(text):
        clauses = [_CLAUSE.match(part.strip()) for part in specifier.split(",")]
        if None in clauses:
            raise Problem("Line %d of the lock asks for the Python %r; expected a version like 3.7 or a range like >=3.7,<3.8." % (number, specifier))
        if not all(_satisfies(version, *clause.groups()) for clause in clauses):  # type: ignore[union-attr]
            raise Problem(
                "The lock is made for Python %s (line %d), but the interpreter is %s. Compile the lock for %s, or name another interpreter."
                % (specifier, number, version, ".".join(version.split(".")[:2]))
            )


def installed(site_packages: str) -> dict[str, str]:
    """The distributions in a site-packages folder: versions by normalized name, read from folder names alone."""
    found: dict[str, str] = {}
    try:
        names = os.listdir(site_packages)
    except FileNotFoundError:
        return found
    for name in names:
        stem, extension = os.path.splitext(name)
        if extension not in (".dist-info", ".egg-info"):
            continue
        project, dash, version = stem.partition("-")
        if dash:
            if extension == ".egg-info":
                version = re.sub(r"-py\d.*\Z", "", version)
            found[normalized(project)] = version.replace("_", "-") if "+" not in version else version
    return found


def compare(pins: dict[str, Pin], found: dict[str, str]) -> dict[str, t.Any]:
    """How installed distributions differ from a lock: `missing` and `unexpected` names, and `different` versions."""
    return {
        "missing": sorted(set(pins) - set(found)),
        "unexpected": sorted(set(found) - set(pins)),
        "different": [
            {"name": name, "installed": found[name], "locked": pins[name].version}
            for name in sorted(set(pins) & set(found))
            if canonical(pins[name].version) != canonical(found[name])
        ],
    }


def equals(pins: dict[str, Pin], found: dict[str, str]) -> bool:
    return not any(compare(pins, found).values())


def site_packages_of(venv: str) -> str | None:
    """The site-packages folder of a virtual environment, or None when there is none."""
    library = os.path.join(venv, "lib")
    try:
        names = os.listdir(library)
    except OSError:
        return None
    for name in sorted(names):
        if re.match(r"python\d+\.\d+\Z", name) and os.path.isdir(os.path.join(library, name, "site-packages")):
            return os.path.join(library, name, "site-packages")
    return None


def marker_environment(version: str) -> dict[str, str]:
    """The PEP 508 variables of a CPython `version` (like 3.7.9) on this host."""
    system = os.uname()
    return {
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_machine": system.machine,
        "platform_system": system.sysname,
        "platform_release": system.release,
        "platform_version": system.version,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "implementation_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "extra": "",
    }


def _logical_lines(text: str) -> t.Iterator[tuple[int, str]]:
    """The lines without comments, with continued ones joined, and the number of their first line."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines() + [""], 1):
        if not pending:
            start = number
        elif line.lstrip().startswith("#"):  # pip allows a comment inside a continued requirement
            continue
        line = re.sub(r"(?:\A|\s)#.*\Z", "", line)
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        joined = (pending + line).strip()
        pending = ""
        if joined:
            yield start, joined


def _parse_line(line: str, number: int, environment: dict[str, str]) -> Pin | None:
    hashes = _HASH.findall(line)
    requirement = _HASH.sub("", line).strip()
    shown = requirement if len(requirement) < 120 else requirement[:117] + "..."
    shown = re.sub(r"(?<=://)[^/@\s]*@", "", shown)
    if requirement == "--require-hashes":
        return None
    if re.match(r"(-e|--editable)\b", requirement):
        raise Problem("Line %d of the lock is editable (%s). A lock holds released versions only: write name==version with its hashes." % (number, shown))
    if re.match(r"(-r|--requirement|-c|--constraint)\b", requirement):
        raise Problem("Line %d of the lock names another file (%s), which the host does not have. Put its lines into the lock." % (number, shown))
    if requirement.startswith("-"):
        raise Problem(
            "Line %d of the lock is an option (%s). Give an index, mirror or folder as an option of the task, and only pins in the lock."
            % (number, shown.split()[0].split("=")[0])
        )
    if "://" in requirement or " @ " in requirement or requirement.startswith(("./", "../", "/", "file:")):
        raise Problem(
            "Line %d of the lock is an address or a path (%s). Write name==version with its hashes and put the file into find_links." % (number, shown)
        )
    match = _PIN.match(requirement)
    if match is None:
        raise Problem(
            "Line %d of the lock is not an exact pin (%s). Write name==version with its hashes, as `uv pip compile --generate-hashes` does." % (number, shown)
        )
    weak = [item for item in hashes if not _STRONG.match(item)]
    if weak:
        raise Problem(
            "Line %d of the lock pins %s with the hash %s; expected sha256, sha384 or sha512 in full length." % (number, match.group("name"), weak[0])
        )
    if not hashes:
        raise Problem(
            "Line %d of the lock pins %s without a hash. Compile the lock with hashes, for example `uv pip compile --generate-hashes`."
            % (number, match.group("name"))
        )
    if match.group("marker") and not applies(match.group("marker"), environment, number):
        return None
    return Pin(match.group("name"), match.group("version"), tuple(dict.fromkeys(hashes)), number)


_TOKEN = re.compile(r"\s*(?:(?P<op>===|==|~=|!=|<=|>=|<|>|\(|\)|\bnot\s+in\b|\bin\b|\band\b|\bor\b)|(?P<string>'[^']*'|\"[^\"]*\")|(?P<name>[a-z_]+))")
_VERSIONED = ("python_version", "python_full_version", "implementation_version")


def applies(marker: str, environment: dict[str, str], line: int = 0) -> bool:
    """Whether a PEP 508 marker is true in an environment. Raises `Problem` when it cannot be read."""
    tokens: list[tuple[str, str]] = []
    rest = marker.strip()
    while rest:
        match = _TOKEN.match(rest)
        if match is None or match.lastgroup is None:
            raise _unreadable(marker, line)
        tokens.append((match.lastgroup, re.sub(r"\s+", " ", match.group(match.lastgroup))))
        rest = rest[match.end() :].strip()

    def peek() -> tuple[str, str]:
        return tokens[0] if tokens else ("end", "")

    def any_of() -> bool:
        value = all_of()
        while peek() == ("op", "or"):
            tokens.pop(0)
            value = all_of() or value
        return value

    def all_of() -> bool:
        value = atom()
        while peek() == ("op", "and"):
            tokens.pop(0)
            value = atom() and value
        return value

    def atom() -> bool:
        if peek() == ("op", "("):
            tokens.pop(0)
            value = any_of()
            if peek() != ("op", ")"):
                raise _unreadable(marker, line)
            tokens.pop(0)
            return value
        left_name, left = operand()
        kind, operator = tokens.pop(0) if tokens else ("end", "")
        if kind != "op" or operator in ("and", "or", "(", ")"):
            raise _unreadable(marker, line)
        right_name, right = operand()
        return _compared(left, operator, right, left_name in _VERSIONED or right_name in _VERSIONED)

    def operand() -> tuple[str, str]:
        kind, text = tokens.pop(0) if tokens else ("end", "")
        if kind == "string":
            return "", text[1:-1]
        if kind == "name" and text in environment:
            return text, environment[text]
        raise _unreadable(marker, line)

    value = any_of()
    if tokens:
        raise _unreadable(marker, line)
    return value


def _unreadable(marker: str, line: int) -> Problem:
    return Problem(
        "Line %d of the lock has the marker %r, which can't be read. Compile the lock for one Python and platform, so that it needs none."
        % (line, marker.strip())
    )


def _compared(left: str, operator: str, right: str, versions: bool) -> bool:
    if operator in ("in", "not in"):
        among = left in re.split(r"[\s,]+", right) if versions else left in right
        return among == (operator == "in")
    if operator == "===":
        return left == right
    if versions and re.match(r"\d+(?:\.\d+)*(?:\.\*)?\Z", right) and re.match(r"\d", left):
        wildcard = right.endswith(".*")
        return _satisfies(left, operator, right[:-2] if wildcard else right, ".*" if wildcard else None)
    if versions and re.match(r"\d+(?:\.\d+)*\Z", left):  # the literal came first
        turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        return _satisfies(right, turned, left, None)
    return {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        ">": left > right,
        "<=": left <= right,
        ">=": left >= right,
    }.get(operator, False)


def _satisfies(version: str, operator: str | None, wanted: str, wildcard: str | None) -> bool:
    """Whether a version meets one clause of a specifier; without an operator, `3.7` means any 3.7."""
    found = _numbers(version)
    other = _numbers(wanted)
    if operator is None or wildcard:
        width = min(len(found), len(other))
        same = found[:width] == other[:width]
        return not same if operator == "!=" else same
    if operator == "~=":
        return found >= other and found[: len(other) - 1] == other[:-1]
    width = max(len(found), len(other))
    found += (0,) * (width - len(found))
    other += (0,) * (width - len(other))
    return {"==": found == other, "!=": found != other, "<": found < other, ">": found > other, "<=": found <= other, ">=": found >= other}[operator]


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
