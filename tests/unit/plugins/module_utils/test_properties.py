# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties files are read as Java reads them, and edited without touching anything else."""

from __future__ import annotations

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _properties as properties

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


@pytest.mark.parametrize("value", ["", " leading", "trailing ", "a=b:c", "#no comment", "back\\slash", "two\nlines", "tab\t", "ümläut", "😀", "\\u0041"])
def test_what_is_written_is_read_again(value: str) -> None:
    text = properties.with_values("", {"some key": value})
    assert text.isascii() and text.count("\n") == 1
    assert properties.values(text) == {"some key": value}


def test_windows_line_ends_stay() -> None:
    assert properties.with_values("a=1\r\nb=2\r\n", {"b": "3"}) == "a=1\r\nb=3\n"
