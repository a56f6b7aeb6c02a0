# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""serving_image_context: create, modify and take away, each predicted, done, predicted again and done again."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import serving_image as _serving_image
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.context import context_digest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

LOCK = "some-thing==1.0 \\\n    --hash=sha256:%s\nother==2.0.post1 \\\n    --hash=sha256:%s\n" % ("0" * 64, "1" * 64)
WHEELS = ["Some_Thing-1.0-py3-none-any.whl", "other-2.0.post1-cp37-cp37m-manylinux1_x86_64.whl", "other-3.0-py3-none-any.whl"]


@pytest.fixture
def params(tmp_path: Path) -> dict[str, t.Any]:
    for folder in ("recipe", "wheels"):
        (tmp_path / folder).mkdir()
    (tmp_path / "recipe" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "recipe" / "serve").write_text("#!/bin/sh\n")
    (tmp_path / "recipe" / "serve").chmod(0o700)
    (tmp_path / "lock.txt").write_text(LOCK)
    for name in WHEELS:
        (tmp_path / "wheels" / name).write_text(name)
    (tmp_path / "python.tar.gz").write_text("python")
    return {
        "dest": str(tmp_path / "cache" / "image"), "recipe": str(tmp_path / "recipe"), "lock": str(tmp_path / "lock.txt"),
        "wheelhouse": str(tmp_path / "wheels"), "python_archive": None, "jdk_archive": None,
    }  # fmt: skip


def found(dest: str) -> dict[str, str]:
    return {str(path.relative_to(dest)): path.read_text() for path in sorted(Path(dest).rglob("*")) if path.is_file()}


def four(params: dict[str, t.Any]) -> list[bool]:
    """Whether check, run, check and run say that something changes; the checks must change nothing."""
    said = []
    for check_mode in (True, False, True, False):
        before = found(params["dest"])
        said.append(_serving_image.run(params, check_mode)["changed"])
        assert not check_mode or found(params["dest"]) == before
    return said


def test_life(params, tmp_path):
    assert four(params) == [True, True, False, False]
    wheels = {"inputs/wheels/" + name: name for name in WHEELS[:2]}
    assert found(params["dest"]) == {"Dockerfile": "FROM scratch\n", "inputs/lock.txt": LOCK, "serve": "#!/bin/sh\n", **wheels}
    modes = {stat.S_IMODE(os.stat(path).st_mode) for path in Path(params["dest"]).rglob("*") if path.is_file()}
    assert modes == {0o644}

    (tmp_path / "recipe" / "serve").write_text("#!/bin/sh\nexec true\n")
    assert four(dict(params, python_archive=str(tmp_path / "python.tar.gz"))) == [True, True, False, False]
    assert found(params["dest"])["inputs/python"] == "python"

    assert four(dict(params, wheelhouse=None)) == [True, True, False, False]
    assert sorted(os.listdir(os.path.join(params["dest"], "inputs"))) == ["lock.txt"]


def test_what_the_image_is_known_by_is_told_before_anything_is_gathered(params):
    os.symlink(params["lock"], os.path.join(params["recipe"], "also-the-lock"))
    build = {"context": params["dest"], "dockerfile": None, "build_args": {"A": "1"}, "target": None, "platform": None}
    foreseen = context_digest(build, _serving_image.entries(params))
    assert not os.path.exists(params["dest"])
    _serving_image.run(params, False)
    assert context_digest(build) == foreseen


def test_a_copy_that_was_spoiled_without_a_trace_is_made_anew(params):
    _serving_image.run(params, False)
    copy = os.path.join(params["dest"], "Dockerfile")
    times = os.stat(copy)
    Path(copy).write_text("FROM scritch\n")
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert four(params) == [True, True, False, False]
    assert found(params["dest"])["Dockerfile"] == "FROM scratch\n"


def test_what_a_killed_run_left_is_removed(params):
    _serving_image.run(params, False)
    Path(params["dest"], "inputs", ".new-abc").write_text("half")
    os.unlink(os.path.join(params["dest"], "Dockerfile"))
    assert _serving_image.run(params, False)["changed"]
    assert ".new-abc" not in os.listdir(os.path.join(params["dest"], "inputs"))
    assert not _serving_image.run(params, False)["changed"]


def test_bad_input(params, tmp_path):
    def refused(**given: t.Any) -> str:
        with pytest.raises(Problem) as caught:
            _serving_image.run(dict(params, **given), False)
        assert not os.path.exists(params["dest"])
        return str(caught.value)

    assert refused(dest="image") == "dest is 'image'; expected the absolute path of a folder of its own."
    assert refused(recipe=str(tmp_path)) == "recipe is %s, but there is no Dockerfile." % tmp_path
    assert refused(jdk_archive="/no/jdk") == "/no/jdk is to be inputs/jdk of the image, but there is no such file where the module runs."
    (tmp_path / "wheels" / WHEELS[1]).unlink()
    assert refused() == "The wheelhouse %s has no wheel of other==2.0.post1. Add what the lock %s names." % (params["wheelhouse"], params["lock"])


def test_a_folder_of_somebody_else_is_left_alone(params, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    with pytest.raises(Problem) as caught:
        _serving_image.run(dict(params, dest=str(tmp_path / "home")), False)
    assert str(caught.value) == ("%s has files that are not of a serving image, and they would be removed. Give a folder of its own." % (tmp_path / "home"))
    assert (tmp_path / "home" / "letter").exists()
