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


# Secrets by their keys, by their shapes, and those that nothing tells.
OLD = "x.password=CANARY-1\nhook=https://hooks.slack.com/services/T1/B2/CANARY3\nurl=https://u:CANARY-4@h\nplain=old\nnothing.tells=CANARY-5\n"


def test_no_diff_shows_an_old_secret(run_module: t.Any, conf: Path) -> None:
    conf.write_text(OLD)
    arguments = {
        "settings": {"x.password": "CANARY-6", "hook": "none", "url": "jdbc:mysql://h/db?user=u&password=CANARY-7", "plain": "new"},
        "absent": ["nothing.tells"],
    }
    for options in (["--check"], []):
        done = run_module("sparkflows_properties", {"path": str(conf), **arguments}, "--diff", "-vvv", *options)
        assert done.result["changed"] and "CANARY" not in done.output
        assert {"-plain=old", "+plain=new", "+hook=none", "-nothing.tells=*** (before)", "+x.password=*** (after)"} <= set(diff_in(done.output).splitlines())
    assert "CANARY-6" in conf.read_text() and "CANARY-5" not in conf.read_text()


def test_a_secret_that_is_taken_out_is_not_shown(run_module: t.Any, conf: Path) -> None:
    conf.write_text(OLD)
    keys = [line.partition("=")[0] for line in OLD.splitlines()]
    done = run_module("sparkflows_properties", {"path": str(conf), "absent": keys}, "--diff", "-vvv")
    assert conf.read_text() == "" and "CANARY" not in done.output


def test_a_strange_key_corrupts_nothing(run_module: t.Any, conf: Path) -> None:
    conf.write_text("a=1\nb=2\\\n")
    for dummy in range(2):
        done = run_module("sparkflows_properties", {"path": str(conf), "settings": {"x\ny\tz = 1": "v\nw"}})
    assert conf.read_text() == "a=1\nb=2\\\n\nx\\ny\\tz\\ \\=\\ 1=v\\nw\n" and not done.result["changed"]


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
        ({"settings": {"": 1}}, "One of the keys is empty. Give each value the name that it has in Administration, Configuration."),
        (
            {"settings": {"a": 1}, "restart_marker": "due"},
            "restart_marker is due, which is not an absolute path. Name the marker by its whole path, from / on.",
        ),
        ({"settings": {"a": 1}, "restart_marker": "/"}, "restart_marker is /, which is a folder. Name a file, which need not exist."),
        (
            {"settings": {"a": 1}, "restart_marker": "/dev/null/due"},
            "/dev/null is not a folder, but one is needed there. Move it away or choose another path.",
        ),
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
