# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch to a release that is there already, and what is told of releases and backups before."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import switch
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Releases
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.predictions import predictions

PROGRAMS = ["bin/java"]


@pytest.fixture
def jdk(tmp_path: Path) -> Releases:
    """Releases a, b and c, of which c was used last and is current; d was not completely unpacked."""
    releases = Releases(str(tmp_path / "jdk"))
    for number, name in enumerate("abcd"):
        program = Path(releases.path(name), "bin", "java")
        program.parent.mkdir(parents=True)
        program.touch(0o755)
        if name != "d":
            releases.mark(releases.path(name), {"release": name})
            releases.switch("releases/" + name)
            os.utime(os.path.join(releases.path(name), ".release.json"), (number, number))
    return releases


def run(releases: Releases, release: str, check_mode: bool = False) -> dict[str, t.Any]:
    return switch.run({"dest": releases.dest, "release": release, "programs": PROGRAMS}, check_mode)


def test_there_and_back(jdk: Releases) -> None:
    for name, former in (("b", "c"), ("c", "b")):
        foretold = run(jdk, name, check_mode=True)
        assert jdk.current() == former
        done = run(jdk, name)
        assert foretold == done == {
            "changed": True, "previous": former, "diff": {"before": "current -> releases/%s\n" % former, "after": "current -> releases/%s\n" % name},
        }  # fmt: skip
        assert jdk.current() == name and jdk.complete()[0] == name
        assert [run(jdk, name, check_mode)["changed"] for check_mode in (True, False)] == [False, False]
    assert sorted(os.listdir(jdk.folder)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("name", "said"),
    [("d", "has no complete release d. There are c, b, a."), ("../a", "has no complete release ../a."), ("a", "/releases/a has no bin/java that could be run")],
)
def test_what_is_refused(jdk: Releases, name: str, said: str, check_mode: bool) -> None:
    os.chmod(os.path.join(jdk.path("a"), "bin", "java"), 0o644)
    with pytest.raises(Problem) as caught:
        run(jdk, name, check_mode)
    assert said in str(caught.value)
    assert jdk.target() == "releases/c"


def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"has no complete release a\. There is none\."):
        run(Releases(str(tmp_path / "none")), "a")
    assert not list(tmp_path.iterdir())


def seen(module: str, **options: t.Any) -> dict[str, t.Any]:
    return predictions([{"name": "it", "module": module, "options": options}], {"family": "Debian", "distribution": "Debian"}, "x86_64")["it"]


def test_what_is_told_of_releases(jdk: Releases) -> None:
    os.unlink(os.path.join(jdk.path("a"), "bin", "java"))
    os.symlink("/nowhere/java", os.path.join(jdk.path("a"), "bin", "java"))
    told = seen("releases", dest=jdk.dest, programs=PROGRAMS)
    assert (told["error"], told["target"], told["current"]) == (None, "releases/c", "c")
    assert [(release["name"], release["lacks"]) for release in told["releases"]] == [("c", []), ("b", []), ("a", PROGRAMS)]
    assert seen("releases", dest=jdk.dest + "-none")["releases"] == []


def test_what_is_told_of_backups(tmp_path: Path) -> None:
    stack, backups = Releases(str(tmp_path / "stack")), tmp_path / "backups"
    for name, made_at in (("first", "2026-01-01T00:00:00Z"), ("second", "2026-02-01T00:00:00Z"), ("half", "")):
        (backups / name).mkdir(parents=True)
        if made_at:
            text = '{"made_at": "%s", "records": "sqlite", "schema": "r1", "files": {"database.sqlite": {"size": 1, "sha256": "0"}}}' % made_at
            (backups / name / "manifest.json").write_text(text)
    versions = Path(stack.path("old"), "lib", "python3.7", "site-packages", "mlflow", "store", "db_migrations", "versions")
    versions.mkdir(parents=True)
    (versions / "r1_first.py").write_text('revision = "r1"\ndown_revision = None\n')
    stack.mark(stack.path("old"), {})
    told = seen("mlflow_backups", directory=str(backups), stack_prefix=stack.dest)
    assert [(one["name"], one["schema"]) for one in told["backups"]] == [("second", "r1"), ("first", "r1")]
    assert told["known"] == {"old": ["r1"]}
    assert seen("mlflow_backups", directory=str(tmp_path / "none"), stack_prefix=stack.dest)["backups"] == []
