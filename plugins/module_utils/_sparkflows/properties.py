# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Java properties files, edited so that comments, order and foreign entries stay as they are.

The format is that of U(https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-): a line ends at LF, CR or
both, and at nothing else; white space is blank, tab and form feed. A file is read as ISO 8859-1, as Java reads a stream; what is
written is ASCII alone, so that it means the same in every character set.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: More than any properties file of Sparkflows has; what is larger is something else.
MAX_BYTES = 8 * 1024 * 1024

# Not str.splitlines(), which also splits at characters that are text to Java.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_COMMENT = re.compile(r"[ \t\f]*(?:[#!]|[\r\n]|\Z)")
_JOINT = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:\r\n|\n|\r)[ \t\f]*")
_KEY = re.compile(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.|\Z)", re.DOTALL)
_MEANT = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_TO_ESCAPE = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\\": "\\\\"}


class Entry(t.NamedTuple):
    """One logical line: the text as it stands in the file, and the key and value that it says (``None`` for comments)."""

    text: str
    key: str | None
    value: str


class File(t.NamedTuple):
    """A file as it was read; ``mode`` is ``None`` when there is none yet, and the text is empty then."""

    text: str
    mode: int | None


def read(path: str) -> File:
    """The file of this path; :class:`Problem` when it is no regular file of a sensible size that can be read.

    Its folder has to exist. A pipe or device is never opened for reading, so that it cannot block.
    """
    folder = os.path.dirname(path)
    if not os.path.isabs(path):
        raise Problem("%s is not an absolute path. Name the file by its whole path, from / on." % path)
    if not os.path.isdir(folder):
        raise Problem("There is no folder %s. Check that the path names the conf folder of an installed Sparkflows." % folder)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, encoding="latin-1", newline="") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise Problem("%s is not a regular file. Name the properties file itself." % path)
            if state.st_size > MAX_BYTES:
                raise Problem("%s has %d bytes, so it is not a properties file of Sparkflows. Name the right file." % (path, state.st_size))
            return File(file.read(MAX_BYTES), stat.S_IMODE(state.st_mode))
    except FileNotFoundError:
        return File("", None)
    except OSError as error:
        raise Problem("%s can't be read (%s). Name a file, and give the task the rights to read it." % (path, os.strerror(error.errno or 0))) from None


def parse(text: str) -> list[Entry]:
    """The logical lines of a file in their order; joined again their texts are the file.

    :class:`Problem` for what Java itself refuses, a ``\\u`` without four hexadecimal digits.
    """
    entries, pending, number = [], "", 0
    for count, match in enumerate(_LINE.finditer(text), 1):
        line = match.group()
        number = number or count
        pending += line
        if _continues(line) and not (pending == line and _COMMENT.match(line)):
            continue
        entries.append(_entry(pending, number))
        pending, number = "", 0
    if pending:
        entries.append(_entry(pending, number))
    return entries


def values(text: str) -> dict[str, str]:
    """What a server reads out of a file: of a key that is set twice the last value counts."""
    return {entry.key: entry.value for entry in parse(text) if entry.key is not None}


def with_values(text: str, wanted: t.Mapping[str, str | None]) -> str:
    """``text`` with these keys set, or removed where the value is ``None``; nothing else is touched.

    A key that is there keeps its place, and loses what is written of it elsewhere; a new one is appended.
    """
    entries = parse(text)
    last = {entry.key: number for number, entry in enumerate(entries) if entry.key is not None}
    lines = []
    for number, entry in enumerate(entries):
        if entry.key is None or entry.key not in wanted:
            lines.append(entry.text)
            continue
        value = wanted[entry.key]
        if value is not None and last[entry.key] == number:
            lines.append(entry.text if entry.value == value else written(entry.key, value) + _end_of(entry.text))
    added = [written(key, value) + "\n" for key, value in wanted.items() if value is not None and key not in last]
    if lines and added:
        if not lines[-1].endswith(("\n", "\r")):
            lines[-1] += "\n"
        if _continues(_LINE.findall(lines[-1])[-1]) and not _COMMENT.match(lines[-1]):
            # The last entry would go on in the first line that is added. CR and LF together were one end of a line.
            lines[-1] += _end_of(lines[-1])
    return "".join(lines + added)


def written(key: str, value: str) -> str:
    """The line, without its end, that says this key and value."""
    name = re.sub(r"([=: #!])", r"\\\1", _escaped(key))
    shown = _escaped(value)
    return "%s=%s" % (name, "\\" + shown if shown.startswith(" ") else shown)


def _continues(line: str) -> bool:
    bare = line.rstrip("\r\n")
    return bare != line and (len(bare) - len(bare.rstrip("\\"))) % 2 == 1


def _end_of(text: str) -> str:
    match = re.search(r"(?:\r\n|\r|\n)\Z", text)
    return match.group() if match else "\n"


def _entry(text: str, number: int) -> Entry:
    if _COMMENT.match(text):
        return Entry(text, None, "")
    # A line break behind a backslash, and the white space after it, are no part of the entry.
    logical = _JOINT.sub(r"\1", text).rstrip("\r\n").lstrip(" \t\f")
    if not logical:
        return Entry(text, None, "")
    match = t.cast("re.Match[str]", _KEY.match(logical))
    key, value = match.group(1), logical[match.end():]
    return Entry(text, _unescaped(key, number), _unescaped(value, number))


def _unescaped(text: str, number: int) -> str:
    def meant(match: t.Match[str]) -> str:
        word = match.group(1)
        if word == "u":
            raise Problem(
                "Line %d of the properties file has a \\u without four hexadecimal digits behind it, for which Java refuses the whole file. Mend it." % number
            )
        return chr(int(word[1:], 16)) if len(word) == 5 else _MEANT.get(word, word)

    # A character beyond the first 65536 is written as two escapes.
    return _ESCAPE.sub(meant, text).encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


def _escaped(text: str) -> str:
    return "".join(_TO_ESCAPE.get(char) or (char if " " <= char <= "~" else _unicode_escapes(char)) for char in text)


def _unicode_escapes(char: str) -> str:
    data = char.encode("utf-16-be", "surrogatepass")
    return "".join("\\u%04x" % int.from_bytes(data[start:start + 2], "big") for start in range(0, len(data), 2))
