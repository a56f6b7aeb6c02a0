# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is from a JDK, by provider; and what would keep the role from making one."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import jdk
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.jdk import ALTERNATIVES, STATE, TEMURIN_DIGESTS, VERIFY

from tests.unit.plugins.module_utils.plan.readings import prediction, reading, settings, told

PREFIX = "/opt/sparkflows/jdk"
RELEASE, OLD, LINK = "releases/8u462-b08 sha256:222222222222\n", "releases/8u452-b09 sha256:111111111111\n", "current -> releases/8u462-b08\n"
ARCHIVE = settings("jdk")
PACKAGE = settings("jdk", jdk_provider="package")
PREINSTALLED = settings("jdk", jdk_provider="preinstalled", jdk_preinstalled_home="/usr/lib/jvm/java-8")
ABSENT = settings("jdk", jdk_state="absent")
ANSWERS = {"version_output": 'openjdk version "1.8.0_462"'}
UBUNTU = {"family": "Debian", "distribution": "Ubuntu", "major_version": "24"}
ROCKY = {"family": "RedHat", "distribution": "Rocky", "major_version": "9"}
AMAZON = {"family": "RedHat", "distribution": "Amazon", "major_version": "2023"}
UBUNTUS_HOME = "/usr/lib/jvm/java-8-openjdk-amd64"


@pytest.mark.parametrize(
    ("wanted", "answers", "differences"),
    [
        (ARCHIVE, {"predictions": {"jdk": prediction(LINK + RELEASE, LINK + RELEASE, **ANSWERS)}}, []),
        (
            ARCHIVE,
            {"predictions": {"jdk": prediction("", LINK + RELEASE)}},
            [("release", PREFIX + "/releases/8u462-b08", "missing", "unpacked"), ("release", PREFIX + "/current", "missing", "releases/8u462-b08")],
        ),
        (
            ARCHIVE,
            {"predictions": {"jdk": prediction(LINK + RELEASE, LINK + RELEASE, changed=True)}},
            [("release", PREFIX + "/releases/8u462-b08", "does not work", "unpacked")],
        ),
        (
            ARCHIVE,
            {"predictions": {"jdk": prediction(LINK + OLD + RELEASE, LINK + RELEASE, **ANSWERS)}},
            [("surplus", PREFIX + "/releases/8u452-b09", "there", "removed")],
        ),
        (
            PACKAGE,
            {"os": UBUNTU, "predictions": {"jdk": prediction("", "current -> %s\n" % UBUNTUS_HOME)}},
            [("package", "package openjdk-8-jdk-headless", "missing", "installed"), ("release", PREFIX + "/current", "missing", UBUNTUS_HOME)],
        ),
        (PACKAGE, {"os": UBUNTU, "predictions": {"jdk": prediction(**ANSWERS)}}, []),
        (
            PREINSTALLED,
            {"predictions": {"jdk": {"changed": True, "error": "It is not a JDK 1.8."}}},
            [("release", PREFIX, "can't be told", "as wanted")],
        ),
        (ABSENT, {"predictions": {"jdk": prediction()}}, []),
        (
            ABSENT,
            {"predictions": {"jdk": prediction(LINK + RELEASE)}},
            [("removed", PREFIX, "current -> releases/8u462-b08, releases/8u462-b08 sha256:222222222222", "removed")],
        ),
        (
            {**PACKAGE, "jdk_state": "absent"},
            {"os": UBUNTU, "predictions": {"jdk": prediction("current -> %s\n" % UBUNTUS_HOME)}},
            [("removed", PREFIX, "current -> %s" % UBUNTUS_HOME, "removed"), ("", "package openjdk-8-jdk-headless", "", "left as it is")],
        ),
    ],
)
def test_differences(wanted: dict[str, t.Any], answers: dict[str, t.Any], differences: list[tuple[str, str, str, str]]) -> None:
    assert told(STATE, wanted, **answers) == differences


@pytest.mark.parametrize(
    ("wanted", "answers", "said"),
    [
        (PACKAGE, {}, "Debian 13 has no package of JDK 1.8. Use jdk_provider archive"),
        ({**PACKAGE, "jdk_package": "zulu-8"}, {}, "jdk_package is zulu-8, but nothing says where it puts its JDK. Set jdk_package_home."),
        (PREINSTALLED, {}, "jdk_preinstalled_home is /usr/lib/jvm/java-8, but the host has no such file."),
        (
            PREINSTALLED,
            {"files": {"/usr/lib/jvm/java-8": {"kind": "directory"}}, "predictions": {"jdk": {"error": "It is not a JDK 1.8."}}},
            "It is not a JDK 1.8.",
        ),
        (ARCHIVE, {"predictions": {"jdk": {"error": "current is not a link."}}}, "current is not a link."),
        ({**ABSENT, "mlops_agent_state": "present", "mlops_agent_jdk_home": PREFIX + "/current"}, {}, "jdk_state is absent, but mlops_agent runs"),
    ],
)
def test_findings(wanted: dict[str, t.Any], answers: dict[str, t.Any], said: str) -> None:
    (sentence,) = STATE.findings(wanted, reading(STATE, wanted, **answers))
    assert sentence.startswith(said)


@pytest.mark.parametrize(
    ("system", "architecture", "package", "home"),
    [
        (UBUNTU, "x86_64", "openjdk-8-jdk-headless", UBUNTUS_HOME),
        (UBUNTU, "aarch64", "openjdk-8-jdk-headless", "/usr/lib/jvm/java-8-openjdk-arm64"),
        (ROCKY, "x86_64", "java-1.8.0-openjdk-devel", "/usr/lib/jvm/java-1.8.0-openjdk"),
        (AMAZON, "aarch64", "java-1.8.0-amazon-corretto-devel", "/usr/lib/jvm/java-1.8.0-amazon-corretto.aarch64"),
    ],
)
def test_the_package_of_a_distribution(system: dict[str, str], architecture: str, package: str, home: str) -> None:
    given = STATE.inputs(PACKAGE, reading(STATE, PACKAGE, os=system, architecture=architecture))
    assert (given["package"], given["home"]) == (package, home)
    assert home in [question["options"]["home"] for question in STATE.questions(PACKAGE)["predictions"]]


def test_a_package_leaves_the_default_java_alone() -> None:
    given = STATE.inputs(PACKAGE, reading(STATE, PACKAGE, os=UBUNTU, files={ALTERNATIVES[0]: {"kind": "link", "target": "/usr/lib/jvm/java-21/bin/java"}}))
    assert given["alternatives"] == [{"name": "java", "target": "/usr/lib/jvm/java-21/bin/java"}]


def test_the_archive_fits_the_architecture() -> None:
    asked = {question["architecture"]: question["options"] for question in STATE.questions(ARCHIVE)["predictions"]}
    assert asked["aarch64"]["src"].endswith("/jdk8u462-b08/OpenJDK8U-jdk_aarch64_linux_hotspot_8u462b08.tar.gz")
    assert asked["aarch64"]["sha256"] != asked["x86_64"]["sha256"]
    assert set(TEMURIN_DIGESTS) == set(jdk.KNOWN_RELEASES)


def test_the_login_of_a_download_is_not_sent_to_the_host() -> None:
    assert "geheim" not in str(STATE.questions({**ARCHIVE, "jdk_archive_password": "geheim"}))


@pytest.mark.parametrize(
    ("said", "fits"), [('openjdk version "1.8.0_462"', True), ('java version "1.8.0_401"', True), ('openjdk version "11.0.2"', False), ("1.8.0", False)]
)
def test_what_a_jdk_says_of_itself(said: str, fits: bool) -> None:
    assert bool(re.search(t.cast(str, VERIFY["pattern"]), said)) is fits
