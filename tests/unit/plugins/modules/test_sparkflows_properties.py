# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module sparkflows_properties, run by Ansible on real files."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

CANARY = "CANARY-properties-5f3a"


def diff_in(output: str) -> str:
    """The lines of a diff within what Ansible printed."""
    return "\n".join(line for line in output.splitlines() if line.startswith(("+", "-")))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    return folder / "configuration.properties"


def test_life_of_a_key(run_module: t.Any, conf: Path) -> None:
    """Create, modify and remove: predicted, done, predicted again as nothing, and nothing done."""
    steps: list[tuple[dict[str, t.Any], str]] = [
        ({"settings": {"a": 1, "b": True}}, "# mine\na=1\nb=true\n"),
        ({"settings": {"a": "2", "b": True}}, "# mine\na=2\nb=true\n"),
        ({"absent": ["a"]}, "# mine\nb=true\n"),
    ]
    conf.write_text("# mine\n")
    for arguments, expected in steps:
        before = conf.read_bytes()
        predicted = run_module("sparkflows_properties", {"path": str(conf), **arguments}, "--check", "--diff")
        assert predicted.result["changed"] and conf.read_bytes() == before
        done = run_module("sparkflows_properties", {"path": str(conf), **arguments}, "--diff")
        assert done.result["changed"] and conf.read_text() == expected
        assert diff_in(predicted.output) == diff_in(done.output) and "a=" in diff_in(done.output)
        assert predicted.result["names"] == done.result["names"]
        for options in (["--check"], []):
            assert not run_module("sparkflows_properties", {"path": str(conf), **arguments}, *options).result["changed"]


def test_secrets_are_written_and_not_shown(run_module: t.Any, conf: Path) -> None:
    conf.write_text("mlops.x=old-%s\n" % CANARY)
    conf.chmod(0o644)
    done = run_module("sparkflows_properties", {"path": str(conf), "secret_settings": {"mlops.x": CANARY}}, "--diff", "-vvv")
    assert done.result["changed"] and done.result["names"] == ["mlops.x"]
    assert conf.read_text() == "mlops.x=%s\n" % CANARY and conf.stat().st_mode & 0o777 == 0o640
    assert CANARY not in done.output


def test_foreign_bytes_stay(run_module: t.Any, conf: Path) -> None:
    conf.write_bytes(b"# f\xfcr uns\r\nname=J\xf6rg\na=1\n")
    assert run_module("sparkflows_properties", {"path": str(conf), "settings": {"a": "2"}}).result["changed"]
    assert conf.read_bytes() == b"# f\xfcr uns\r\nname=J\xf6rg\na=2\n"


def test_a_due_restart_is_remembered_until_it_is_done(run_module: t.Any, conf: Path, tmp_path: Path) -> None:
    marker = tmp_path / "state" / "restart-due"
    arguments = {"path": str(conf), "settings": {"a": "1"}, "restart_marker": str(marker)}
    assert run_module("sparkflows_properties", arguments, "--check").result["restart_due"] and not marker.exists()
    assert run_module("sparkflows_properties", arguments).result["restart_due"] and marker.exists()
    again = run_module("sparkflows_properties", arguments).result
    assert again["restart_due"] and not again["changed"]
    marker.unlink()
    assert not run_module("sparkflows_properties", arguments).result["restart_due"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"settings": {"a": [1]}}, "The value of a is a list; a properties file holds texts, numbers and booleans."),
        ({"settings": {"a": 1}, "absent": ["a"]}, "a is to be set and to be removed; decide for one."),
    ],
)
def test_bad_input_is_refused(run_module: t.Any, conf: Path, arguments: dict[str, t.Any], message: str) -> None:
    conf.write_text("a=0\n")
    result = run_module("sparkflows_properties", {"path": str(conf), **arguments}).result
    assert result["msg"] == message
    assert conf.read_text() == "a=0\n"


def test_a_wrong_path_is_refused(run_module: t.Any, tmp_path: Path) -> None:
    missing = run_module("sparkflows_properties", {"path": str(tmp_path / "no" / "x"), "settings": {"a": 1}}).result
    assert missing["msg"] == "There is no folder %s. Check that the path names the conf folder of an installed Sparkflows." % (tmp_path / "no")
    folder = run_module("sparkflows_properties", {"path": str(tmp_path), "settings": {"a": 1}}).result
    assert folder["msg"] == "%s can't be read (Is a directory). Name a file, and give the task the rights to read it." % tmp_path
