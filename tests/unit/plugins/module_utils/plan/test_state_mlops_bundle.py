# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is from its bundle, what a bundle says instead of variables, and what it is built from."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.archive import Head
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import Entry, Manifest, Runtime
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import bundle_recipe, mlops_bundle
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import mlflow_server, mlops_agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.mlops_bundle import STATE, Bundle

from tests.unit.plugins.module_utils.plan.readings import prediction, reading, settings, told

PREFIX, NAME = "/opt/sparkflows/bundle", "c" * 12
CODE = {"agent": mlops_agent.source_digest(), "guard": mlflow_server.guard_digest()}
BUNDLE = Bundle("/srv/bundle.tar.gz", "a" * 64, "c" * 64, 700000000, "1.0.0", "x86_64", CODE)
GIVEN = settings("mlops_bundle", mlops_bundle="/srv/bundle.tar.gz", bundle=BUNDLE)
ABSENT = settings("mlops_bundle", mlops_bundle_state="absent")
THERE = "current -> releases/%s\nreleases/%s sha256:aaaaaaaaaaaa\n" % (NAME, NAME)
MANIFEST = Manifest(
    "1.0.0", "x86_64", Runtime("8u1-b1", "jdk/j.tar.gz", ""), Runtime("3.7.9", "python/p.tar.gz", "."),
    {"mlflow": "locks/mlflow.txt", "uv": "locks/uv.txt", "h2o": "locks/h2o.txt", "own": "locks/own.txt"}, {},
    {"jdk/j.tar.gz": Entry("d" * 64, 1), "python/p.tar.gz": Entry("e" * 64, 1)},
)  # fmt: skip
LOCKS = {name: "/cache/%s.txt" % name for name in MANIFEST.locks}
ALL = {**settings("jdk"), **settings("python"), **settings("pip_stack"), **settings("mlflow_server"), **GIVEN}


@pytest.mark.parametrize(
    ("wanted", "answers", "differences"),
    [
        (settings("mlops_bundle"), {}, []),
        (GIVEN, {"predictions": {"mlops_bundle": prediction(THERE, THERE, version_output=NAME)}}, []),
        (
            GIVEN,
            {"predictions": {"mlops_bundle": prediction("", THERE)}},
            [("release", f"{PREFIX}/releases/{NAME}", "missing", "unpacked"), ("release", f"{PREFIX}/current", "missing", f"releases/{NAME}")],
        ),
        (
            GIVEN,
            {"predictions": {"mlops_bundle": prediction(THERE + "releases/old sha256:b\n", THERE, version_output=NAME)}},
            [("surplus", f"{PREFIX}/releases/old", "there", "removed")],
        ),
        (ABSENT, {"predictions": {"mlops_bundle": prediction()}}, []),
        (ABSENT, {"predictions": {"mlops_bundle": prediction(THERE)}}, [("removed", PREFIX, ", ".join(THERE.splitlines()), "removed")]),
    ],
)
def test_differences(wanted: dict[str, t.Any], answers: dict[str, t.Any], differences: list[tuple[str, str, str, str]]) -> None:
    assert told(STATE, wanted, **answers) == differences


def test_the_host_has_the_manifest_that_the_plan_was_made_with() -> None:
    options = STATE.questions(GIVEN)["predictions"][0]["options"]
    assert (options["release"], options["sha256"], options["keep"]) == (NAME, "a" * 64, 0)
    assert options["verify"]["argv"] == ["/usr/bin/sha256sum", "manifest.json"] and options["verify"]["pattern"] == f"^{'c' * 64} "
    assert {name: options[name] for name in STATE.inputs(GIVEN, None)} == STATE.inputs(GIVEN, None)


@pytest.mark.parametrize(
    ("bundle", "free", "said"),
    [
        (BUNDLE, 9000, ""),
        (BUNDLE._replace(architecture="aarch64"), 9000, "The bundle is for hosts of the architecture aarch64; this one has x86_64."),
        (BUNDLE._replace(code={**CODE, "agent": "0" * 64}), 9000, "The bundle was built by release 1.0.0 of the collection, with other programs than"),
        (BUNDLE, 1400, "1400 MB are free on /; the bundle needs 1401, for its archive and what is in it."),
    ],
)
def test_findings(bundle: Bundle, free: int, said: str) -> None:
    disks = {PREFIX: {"mount": "/", "total_mb": 20000, "free_mb": free, "free_inodes": 900000, "read_only": False}}
    wanted = {**GIVEN, "bundle": bundle}
    found = STATE.findings(wanted, reading(STATE, wanted, disks=disks, predictions={"mlops_bundle": prediction("", THERE)}))
    assert (found == []) if not said else (len(found) == 1 and found[0].startswith(said))
    assert not STATE.findings(GIVEN, reading(STATE, GIVEN, disks=disks, predictions={"mlops_bundle": prediction(THERE, THERE, version_output=NAME)}))


def test_a_bundle_answers_every_source() -> None:
    found = mlops_bundle.options({**ALL, "pip_stack_extras": ["h2o", "/srv/locks/own.txt"]}, Head(MANIFEST, "", {}), LOCKS)
    assert set(found) == {option for options in mlops_bundle.OPTIONS.values() for option in options}
    assert found["jdk_archive_src"] == f"{PREFIX}/current/jdk/j.tar.gz" and found["jdk_archive_sha256"] == "d" * 64
    assert (found["python_release"], found["python_archive_root"], found["python_archive_remote_src"]) == ("3.7.9", ".", True)
    assert found["pip_stack_find_links"] == [f"{PREFIX}/current/wheels"] and found["pip_stack_offline"]
    assert found["pip_stack_extras"] == ["/cache/h2o.txt", "/cache/own.txt"]
    with pytest.raises(Problem, match="The bundle has no lock of sklearn; it has h2o, mlflow, own, uv. Build it with these among bundle_extras"):
        mlops_bundle.options({**ALL, "pip_stack_extras": ["sklearn"]}, Head(MANIFEST, "", {}), LOCKS)


def test_a_provider_that_installs_from_elsewhere_is_refused() -> None:
    assert mlops_bundle.problems(ALL) == []
    assert mlops_bundle.problems({**ALL, "jdk_provider": "preinstalled"}) == []
    for changes in ({"jdk_provider": "package"}, {"python_provider": "source"}):
        (found,) = mlops_bundle.problems({**ALL, **changes})
        assert "which installs from elsewhere than the bundle" in found
        assert mlops_bundle.problems({**ALL, **changes, "mlops_bundle": None}) == []


def test_what_a_bundle_is_built_from() -> None:
    assert bundle_recipe.problems(ALL, "x86_64") == []
    assert set(bundle_recipe.locks(ALL, ("h2o", "sklearn"))) == {"mlflow", "h2o", "sklearn", "uv"}
    assert "setuptools==" in bundle_recipe.build_lock()
    assert bundle_recipe.archives(ALL, "x86_64")["python"].root == "python/install"
    assert bundle_recipe.os_packages({**ALL, "python_archive_packages": ["libx"]}) == {"any": ["libx"]}, "what is packed here needs no zstd"
    assert bundle_recipe.os_packages({**ALL, "mlflow_server_proxy": "nginx"})["any"][:1] == ["nginx"]
    for changes, machine, sentence in (
        ({"jdk_provider": "package"}, "x86_64", "jdk_provider is package, but a bundle holds archives."),
        ({"python_archive_remote_src": True}, "x86_64", "python_archive_remote_src is true, but a bundle is built on the controller."),
        ({}, "aarch64", "The role python knows no archive for the architecture aarch64"),
    ):
        (found,) = bundle_recipe.problems({**ALL, **changes}, machine)
        assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"dest": "/srv", "compression": "xz"}, "bundle_compression is 'xz'; it must be one of gz, zstd."),
        ({"dest": "/srv", "extras": "h2o"}, "bundle_extras must be a list of texts"),
        ({"dest": ""}, "bundle_dest is empty"),
    ],
)
def test_options_of_the_build_that_are_none(args: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(Problem, match=sentence.split(";", maxsplit=1)[0]):
        bundle_recipe.options(args)
