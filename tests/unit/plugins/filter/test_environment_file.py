# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into an environment file comes out of it, and what can't is refused by name, never by value.

bash reads the same quoting as systemd within double quotes; the scenario `default` asks systemd itself.
"""

from __future__ import annotations

import random
import string
import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.filter.environment_file import environment_file

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " \tÄß€漢😀"
KNOWN = [r"abcdefghijklmnop$x", 'a"b', r"a\b", r"\1", "a`b`", "$HOME ${HOME} $$", "'single'", "# none", "; nor this", " spaces ", "\\", '"', "a\\", "%i %%"]


def as_read(text: str, tmp_path: Path) -> dict[str, str]:
    """What a shell finds in the file."""
    path = tmp_path / "file.env"
    path.write_text(text + "\n", encoding="utf-8")
    done = subprocess.run(["env", "-i", "/bin/bash", "-c", 'set -a; . "$1"; exec /usr/bin/env -0', "bash", str(path)], check=True, capture_output=True)
    return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)


def test_values_come_back_as_they_went_in(tmp_path: Path) -> None:
    seeded = random.Random(20)
    values = KNOWN + ["".join(seeded.choices(PRINTABLE, k=seeded.randint(1, 40))) for dummy in range(500)]
    variables = {f"V{number}": value for number, value in enumerate(values)}
    found = as_read(environment_file(variables), tmp_path)
    assert {name: found[name] for name in variables} == variables


def test_names_are_sorted_and_empty_values_left_out() -> None:
    assert environment_file({"B": 1, "A": "x", "EMPTY": ""}) == 'A="x"\nB="1"'


@pytest.mark.parametrize("value", ["hidden\n", "hid\rden", "hid\0den", "hid\x1bden", "hid\x7fden", "hidden\ud800"])
def test_a_value_that_no_file_can_hold(value: str) -> None:
    with pytest.raises(AnsibleFilterError, match="variable TOKEN") as caught:
        environment_file({"TOKEN": value})
    assert "hid" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A\n", "Ä"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match="is not a name for an environment variable"):
        environment_file({name: "x"})


def test_no_dictionary() -> None:
    with pytest.raises(AnsibleFilterError, match="a dictionary of names and texts, but this is str"):
        environment_file("A=hidden")
