# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties files are read as Java reads them, and edited without touching anything else."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import properties

FILE = """\
# The site's own settings
! old style comment \\
mlops.region = eu-west-1
 mlops.arn:arn:aws:iam::123456789012:role/x

app.list=a,\\
    b,c
with\\ space=1
empty
mlops.region=eu-central-1
path=C:\\\\temp
"""


def test_a_file_is_read_as_java_reads_it() -> None:
    assert properties.values(FILE) == {
        "mlops.region": "eu-central-1",
        "mlops.arn": "arn:aws:iam::123456789012:role/x",
        "app.list": "a,b,c",
        "with space": "1",
        "empty": "",
        "path": "C:\\temp",
    }


def test_nothing_is_lost_in_reading() -> None:
    assert "".join(entry.text for entry in properties.parse(FILE)) == FILE


def test_values_that_stand_there_change_no_byte() -> None:
    assert properties.with_values(FILE, {"app.list": "a,b,c", "path": "C:\\temp", "mlops.arn": "arn:aws:iam::123456789012:role/x"}) == FILE


def test_a_key_keeps_its_place_and_a_new_one_is_appended() -> None:
    text = properties.with_values("# one\na=1\nb=2\n# end", {"a": "9", "c": "3"})
    assert text == "# one\na=9\nb=2\n# end\nc=3\n"


def test_a_key_that_stood_twice_stands_once() -> None:
    assert properties.with_values("a=1\nb=2\na=3\n", {"a": "4"}) == "b=2\na=4\n"


def test_a_key_over_several_lines_is_replaced_as_a_whole() -> None:
    assert properties.with_values("a=1,\\\n  2\nb=2\n", {"a": "3"}) == "a=3\nb=2\n"


def test_keys_are_removed() -> None:
    assert properties.with_values("a=1\nb=2\na=3\n", {"a": None, "z": None}) == "b=2\n"


# Each text with what java.util.Properties of JDK 8 and 17 reads out of its ISO 8859-1 bytes.
JAVA: list[tuple[str, dict[str, str]]] = [
    ("a=1\x85b=2\nc=3", {"a": "1\x85b=2", "c": "3"}),
    ("a=1\x0bb=2\x1cc\x1dd\x1ee\n", {"a": "1\x0bb=2\x1cc\x1dd\x1ee"}),
    ("a=1\fb=2\n", {"a": "1\fb=2"}),
    ("\f\ta\f=\f1", {"a": "1"}),
    ("a=1\rb=2\r\nc=3\n\rd=4", {"a": "1", "b": "2", "c": "3", "d": "4"}),
    ("a=1\\\r\n   2\\\r\t3\\\n4\nb=5", {"a": "1234", "b": "5"}),
    ("a=1\\\n\nb=2", {"a": "1", "b": "2"}),
    ("a=1\\\n# part\nb=2", {"a": "1# part", "b": "2"}),
    ("a=1\\\\\nb=2", {"a": "1\\", "b": "2"}),
    ("# no end\\\na=1", {"a": "1"}),
    ("a=1\\", {"a": "1"}),
    ("a=1\\\n", {"a": "1"}),
    ("a==1\nb = = 2\nc:=3\nd 4 = 5", {"a": "=1", "b": "= 2", "c": "=3", "d": "4 = 5"}),
    ("a\\=b\\:c\\ d\\te\\\\=1", {"a=b:c d\te\\": "1"}),
    ("a=\\u0041\\z\\n\\u00fc\\ud83d\\ude00", {"a": "Azn\xfc\U0001f600".replace("zn", "z\n")}),
    ("\\#a=1\n\\!b=2\n !c\n#d\n", {"#a": "1", "!b": "2"}),
    ("=1", {"": "1"}),
    ("a\xa0=1\u00fc  ", {"a\xa0": "1\xfc  "}),
    ("\xef\xbb\xbfa=1", {"\xef\xbb\xbfa": "1"}),
    ("a\x00=\x00", {"a\x00": "\x00"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), JAVA)
def test_texts_mean_what_they_mean_to_java(text: str, expected: dict[str, str]) -> None:
    assert properties.values(text) == expected
    assert "".join(entry.text for entry in properties.parse(text)) == text


@pytest.mark.parametrize(("text", "read"), JAVA)
def test_what_is_added_to_any_text_harms_nothing(text: str, read: dict[str, str]) -> None:
    after = properties.with_values(text, {"new": "v", "a": None})
    assert properties.values(after) == {**{key: value for key, value in read.items() if key != "a"}, "new": "v"}


@pytest.mark.parametrize("text", ["a=\\u12", "a=1\n\\uxyz=2", "a=\\u"])
def test_what_java_refuses_is_told_with_its_line(text: str) -> None:
    with pytest.raises(Problem, match="^Line %d of the properties file has a .u without four hexadecimal digits" % (1 + text.count("\n"))):
        properties.values(text)


@pytest.mark.parametrize(
    "value",
    ["", " leading", "trailing ", "a=b:c", "#no comment", "back\\slash", "two\nlines",
     "tab\t", "ümläut", "😀", "\\u0041", "\x85\x0b\f\x1c", "\x00", "\ud800", "end\\"],  # fmt: skip
)
@pytest.mark.parametrize("key", ["some key", "tab\tkey", "two\nlines", "a=b:c", "#x", "!y", "\x85\x0b\f", "back\\", "ü😀"])
def test_what_is_written_is_read_again(key: str, value: str) -> None:
    text = properties.with_values("", {key: value})
    assert text.isascii() and text.count("\n") == 1 and not [char for char in text[:-1] if char < " "]
    assert properties.values(text) == {key: value}


def test_any_text_is_edited_without_harm() -> None:
    """What was not named stays as it is, byte by byte and in meaning, whatever the file holds."""
    dice = random.Random(8)
    parts = [
        "a", "b", "k", "=", ":", " ", "\t", "\f", "\\\\", "\n", "\r", "\r\n", "#", "!", "\x85", "\x0b", "\x1c", "\\u0041", "\\n",
        "\xfc", "a\\\n", "b\\\r\n  ", "k\\\r",
    ]  # fmt: skip
    for dummy in range(2000):
        text = "".join(dice.choices(parts, k=dice.randint(0, 25)))
        before = properties.values(text)
        gone = dice.choice([*before, "x"])
        wanted: dict[str, str | None] = {"k": "v\x85 \\\n=", "n k:=\t\n#\x0b": " x", gone: None}
        after = properties.with_values(text, wanted)
        expected = {**before, **{key: value for key, value in wanted.items() if value is not None}}
        expected.pop(gone, None)
        assert properties.values(after) == expected, text
        assert properties.with_values(after, wanted) == after
        foreign = [entry.text for entry in properties.parse(text) if entry.key not in wanted]
        assert all(entry.strip("\r\n") in after for entry in foreign)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines_stay(end: str) -> None:
    assert properties.with_values("a=1%sb=2%s" % (end, end), {"a": "3"}) == "a=3%sb=2%s" % (end, end)


def test_a_file_is_read_without_risk(tmp_path: Path) -> None:
    path = tmp_path / "configuration.properties"
    assert properties.read(str(path)) == ("", None)
    path.write_bytes(b"a=\xfc\r\n")
    path.chmod(0o640)
    assert properties.read(str(path)) == ("a=\xfc\r\n", 0o640)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", properties.MAX_BYTES + 1)
    for name, cause in (("pipe", "is not a regular file"), ("large", "has 8388609 bytes"), ("no/x", "There is no folder"), (".", "read|not a regular")):
        with pytest.raises(Problem, match=cause):
            properties.read(str(tmp_path / name))
    with pytest.raises(Problem, match="^conf/x is not an absolute path"):
        properties.read("conf/x")
