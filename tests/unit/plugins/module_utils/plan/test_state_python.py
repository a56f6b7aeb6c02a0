# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is from an interpreter, by provider; and what would keep the role from making one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.python import STATE, VERIFY

from tests.unit.plugins.module_utils.plan.readings import prediction, reading, settings, taken, told

PREFIX = "/opt/sparkflows/python"
OLD, NEW = "releases/3.7.8 sha256:111111111111\n", "releases/3.7.9 sha256:222222222222\n"
LINK = "current -> releases/3.7.9\n"
ARCHIVE = settings("python")
SOURCE = settings("python", python_provider="source")
PACKAGE = settings("python", python_provider="package", python_package="python3.7")
PREINSTALLED = settings("python", python_provider="preinstalled", python_preinstalled_executable="/opt/py/bin/python3.7")
ABSENT = settings("python", python_state="absent")
RELEASED, BUILT = PREFIX + "/releases/3.7.9/bin/python3.7", PREFIX + "/built/3.7.17"
MARK = {BUILT + "/.built.json": {"text": json.dumps({"sha256": SOURCE["python_source_sha256"], "release": "3.7.17"})}}
ANSWERS = {"version_output": "Python 3.7.9"}
NOT_RUNNING = {"changed": True, "error": "It has no bin/python3.7. Check src and root."}


@pytest.mark.parametrize(
    ("wanted", "answers", "differences"),
    [
        (ARCHIVE, {"predictions": {"python": prediction(LINK + NEW, LINK + NEW, **ANSWERS)}}, []),
        (
            ARCHIVE,
            {"predictions": {"python": prediction("", LINK + NEW)}, "packages": {"missing": ["zstd"]}},
            [
                ("packages", "package zstd", "missing", "installed"),
                ("release", PREFIX + "/releases/3.7.9", "missing", "unpacked"),
                ("release", PREFIX + "/current", "missing", "releases/3.7.9"),
            ],
        ),
        (
            ARCHIVE,
            {"predictions": {"python": prediction("current -> releases/3.7.8\n" + OLD + NEW, LINK + OLD + NEW, **ANSWERS)}},
            [("release", PREFIX + "/current", "releases/3.7.8", "releases/3.7.9")],
        ),
        (
            ARCHIVE,
            {"predictions": {"python": prediction(LINK + NEW, LINK + NEW, changed=True)}, "files": {RELEASED: {}}},
            [
                ("packages", "package zstd", "perhaps missing", "installed"),
                ("release", PREFIX + "/releases/3.7.9", "does not work", "unpacked"),
            ],
        ),
        (
            ARCHIVE,
            {"predictions": {"python": prediction(LINK + NEW.replace("2", "3"), LINK + NEW, changed=True)}},
            [("release", PREFIX + "/releases/3.7.9", "holds something else", "unpacked")],
        ),
        (
            ARCHIVE,
            {"predictions": {"python": prediction(LINK + OLD + NEW, LINK + NEW, **ANSWERS)}},
            [("surplus", PREFIX + "/releases/3.7.8", "there", "removed")],
        ),
        (
            SOURCE,
            {"predictions": dict.fromkeys(("python", "python_link"), prediction("", "current -> %s\n" % BUILT)), "packages": {"missing": ["gcc", "make"]}},
            [
                ("packages", "packages gcc, make", "missing", "installed"),
                ("build", BUILT, "missing", "built"),
                ("release", PREFIX + "/current", "missing", BUILT),
            ],
        ),
        (SOURCE, {"predictions": {"python": prediction(**ANSWERS), "python_link": prediction()}, "files": {BUILT + "/bin/python3.7": {}, **MARK}}, []),
        (
            SOURCE,
            {"predictions": {"python": NOT_RUNNING, "python_link": prediction()}, "files": {BUILT + "/bin/python3.7": {}, **MARK}},
            [
                ("packages", "packages gcc, libbz2-dev and 10 more", "perhaps missing", "installed"),
                ("build", BUILT, "does not work", "built"),
            ],
        ),
        (
            SOURCE,
            {"predictions": {"python": prediction(**ANSWERS), "python_link": prediction()}, "files": {BUILT + "/bin/python3.7": {}, BUILT + "-source": {}}},
            [
                ("packages", "packages gcc, libbz2-dev and 10 more", "perhaps missing", "installed"),
                ("build", BUILT, "was cut short, or is of another source", "built"),
            ],
        ),
        (
            SOURCE,
            {
                "predictions": {"python": prediction(**ANSWERS), "python_link": prediction()},
                "files": {BUILT + "/bin/python3.7": {}, BUILT + "-source": {}, **MARK},
            },
            [("tidied", BUILT + "-source", "left by a build", "removed")],
        ),
        (
            PACKAGE,
            {"predictions": {"python": NOT_RUNNING, "python_link": prediction("", "current -> /usr\n")}, "packages": {"missing": ["python3.7"]}},
            [
                ("packages", "package python3.7", "missing", "installed"),
                ("release", "/usr/bin/python3.7", "missing", "tried"),
                ("release", PREFIX + "/current", "missing", "/usr"),
            ],
        ),
        (PACKAGE, {"predictions": {"python": prediction(**ANSWERS), "python_link": prediction()}, "files": {"/usr/bin/python3.7": {}}}, []),
        (
            PREINSTALLED,
            {"predictions": {"python": prediction("", "current -> /opt/py\n", **ANSWERS)}},
            [("release", PREFIX + "/current", "missing", "/opt/py")],
        ),
        (ABSENT, {"predictions": {"python": prediction()}}, []),
        (
            ABSENT,
            {"predictions": {"python": prediction(LINK + NEW, "")}, "files": {PREFIX + "/built": {"kind": "directory"}}},
            [
                ("removed", PREFIX + "/built", "there", "removed"),
                ("removed", PREFIX, "current -> releases/3.7.9, releases/3.7.9 sha256:222222222222", "removed"),
                ("", "package zstd", "", "left as it is"),
            ],
        ),
    ],
)
def test_differences(wanted: dict[str, t.Any], answers: dict[str, t.Any], differences: list[tuple[str, str, str, str]]) -> None:
    assert told(STATE, wanted, **answers) == differences


def test_another_source_of_the_same_release_is_built() -> None:
    other = {**SOURCE, "python_source_sha256": "0" * 64}
    answers: dict[str, t.Any] = {"predictions": {"python": prediction(**ANSWERS), "python_link": prediction()}}
    assert "build" in taken(STATE, other, files={BUILT + "/bin/python3.7": {}, **MARK}, **answers)
    assert "build" in taken(STATE, SOURCE, files={BUILT + "/bin/python3.7": {}, BUILT + "/.built.json": {"text": "{cut"}}, **answers)


@pytest.mark.parametrize(
    ("wanted", "answers", "said"),
    [
        (ARCHIVE, {"architecture": "aarch64"}, "No archive of CPython 3.7 for aarch64 is known to the role python."),
        (
            {**ARCHIVE, "python_archive_src": "/srv/python.tar.gz"},
            {"architecture": "aarch64"},
            "The role python does not know the digest of an archive of CPython 3.7.9 for aarch64. Set python_archive_sha256",
        ),
        (PREINSTALLED, {}, "python_preinstalled_executable is /opt/py/bin/python3.7, but the host has no such file."),
        (
            PREINSTALLED,
            {"files": {"/opt/py/bin/python3.7": {}}, "predictions": {"python": NOT_RUNNING}},
            "It has no bin/python3.7.",
        ),
        (ARCHIVE, {"predictions": {"python": NOT_RUNNING}}, "It has no bin/python3.7."),
        (PACKAGE, {"predictions": {"python": NOT_RUNNING, "python_link": {"error": "current is not a link."}}}, "current is not a link."),
        (ABSENT, {"predictions": {"python": {"error": "current is not a link."}}}, "current is not a link."),
        ({**ABSENT, "pip_stack_state": "present", "pip_stack_python": PREFIX + "/current/bin/python3.7"}, {}, "python_state is absent, but pip_stack runs"),
    ],
)
def test_findings(wanted: dict[str, t.Any], answers: dict[str, t.Any], said: str) -> None:
    (sentence,) = STATE.findings(wanted, reading(STATE, wanted, **answers))
    assert sentence.startswith(said)


def test_an_archive_of_the_site_needs_no_digest_of_the_known_release() -> None:
    wanted = {**ARCHIVE, "python_archive_src": "https://files.example.com/python.tar.zst"}
    assert STATE.findings(wanted, reading(STATE, wanted)) == []
    given = STATE.inputs(wanted, reading(STATE, wanted))
    assert (given["src"], given["root"]) == (wanted["python_archive_src"], "python/install")
    assert given["sha256"].startswith("c6d6256d")
    assert STATE.inputs({**wanted, "python_archive_sha256": "0" * 64}, reading(STATE, wanted))["root"] == ""


@pytest.mark.parametrize(
    ("wanted", "seen", "tried"),
    [(ARCHIVE, {}, True), (PREINSTALLED, {}, True), (SOURCE, {}, False), (PACKAGE, NOT_RUNNING, False), (PACKAGE, ANSWERS, True), (SOURCE, ANSWERS, True)],
)
def test_check_mode_tries_what_can_be_there(wanted: dict[str, t.Any], seen: dict[str, t.Any], tried: bool) -> None:
    assert STATE.inputs(wanted, reading(STATE, wanted, predictions={"python": seen}))["tried_in_check_mode"] is tried


def test_packages_are_asked_for_where_the_interpreter_is_missing() -> None:
    asked = STATE.questions({**ARCHIVE, "python_archive_src": "/srv/python.tar.gz", "python_archive_packages": ["libssl3"]})
    assert asked["packages"] == [{"name": "libssl3", "unless": RELEASED}]
    assert {package["distribution"] for package in STATE.questions(SOURCE)["packages"]} == {"Debian", "RedHat"}


def test_the_login_of_a_download_is_not_sent_to_the_host() -> None:
    asked = STATE.questions({**ARCHIVE, "python_archive_username": "reader", "python_archive_password": "geheim"})
    assert "geheim" not in str(asked)


def test_the_program_that_tries_an_interpreter_runs() -> None:
    """On the interpreter of the tests, whose version alone is another."""
    argv = [sys.executable, *t.cast("list[str]", VERIFY["argv"])[1:]]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout
    assert said == "Python %d.%d.%d\n" % sys.version_info[:3]
