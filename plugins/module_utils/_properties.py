# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Java properties files, edited so that comments, order and foreign entries stay as they are.

The format is that of U(https://docs.oracle.com/javase/8/docs/api/java/util/Properties.html#load-java.io.Reader-).
"""

from __future__ import annotations

import re
import typing as t

_COMMENT = re.compile(r"^[ \t\f]*(?:[#!]|$)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANT = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Entry(t.NamedTuple):
    """One logical line: the text as it stands in the file, and the key and value that it says (``None`` for comments)."""

    text: str
    key: str | None
    value: str


def parse(text: str) -> list[Entry]:
    """The logical lines of a file in their order; joined again their texts are the file."""
    entries, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        if _continues(line) and not (pending == line and _COMMENT.match(line)):
            continue
        entries.append(_entry(pending))
        pending = ""
    if pending:
        entries.append(_entry(pending))
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
            lines.append(entry.text if entry.value == value else _written(entry.key, value))
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    lines += [_written(key, value) for key, value in wanted.items() if value is not None and key not in last]
    return "".join(lines)


def _continues(line: str) -> bool:
    bare = line.rstrip("\r\n")
    return bare != line and (len(bare) - len(bare.rstrip("\\"))) % 2 == 1


def _entry(text: str) -> Entry:
    if _COMMENT.match(text):
        return Entry(text, None, "")
    # A line break behind a backslash, and the white space after it, are no part of the entry.
    logical = re.sub(r"(?<!\\)((?:\\\\)*)\\(?:\r\n|\n|\r)[ \t\f]*", r"\1", text.rstrip("\r\n")).lstrip(" \t\f")
    dummy, key, value = re.split(r"^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*", logical, maxsplit=1, flags=re.DOTALL)
    return Entry(text, _unescaped(key), _unescaped(value))


def _unescaped(text: str) -> str:
    def meant(match: t.Match[str]) -> str:
        word = match.group(1)
        return chr(int(word[1:], 16)) if len(word) == 5 else _MEANT.get(word, word)

    # A character beyond the first 65536 is written as two escapes.
    return _ESCAPE.sub(meant, text).encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _written(key: str, value: str) -> str:
    # Beyond ASCII a reader's character set would decide, so that escapes are the only safe form.
    name = re.sub(r"([=: #!\\])", r"\\\1", key)
    shown = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\f", "\\f")
    if shown.startswith(" "):
        shown = "\\" + shown
    return _ascii("%s=%s\n" % (name, shown))


def _ascii(text: str) -> str:
    units = ("\\u%04x" % int.from_bytes(pair, "big") if pair[0] or pair[1] > 126 else chr(pair[1]) for pair in _utf16(text))
    return "".join(units)


def _utf16(text: str) -> list[bytes]:
    data = text.encode("utf-16-be")
    return [data[start:start + 2] for start in range(0, len(data), 2)]
