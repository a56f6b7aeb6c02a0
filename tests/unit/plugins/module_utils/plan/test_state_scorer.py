# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a reading of a host to what the role scorer would do there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import scorer
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.options import ARGUMENT_SPEC

ROOT = Path(__file__).resolve().parents[5]
SERVICE = {"name": "churn", "port": 9001, "model": {"path": "/srv/churn"}}
SETTINGS: dict[str, Any] = {
    **yaml.safe_load((ROOT / "roles" / "scorer" / "defaults" / "main.yml").read_text()),
    "scorer_services": [SERVICE], "scorer_image": "registry.example.com/team/scorer:3.2.85", "scorer_container_port": 8080,
    "scorer_model_mount": "/model", "scorer_score_path": "/score", "scorer_sparkflows_release": "3.2.85",
}  # fmt: skip
ABSENT = {**SETTINGS, "scorer_state": "absent"}
RUNNING = {"exists": True, "active_state": "active", "enabled": True}
UNCHANGED = {"changed": False, "error": None, "differences": [], "notes": []}


def reading(**changes: Any) -> dict[str, Any]:
    """A host on which nothing differs."""
    return {
        "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"}, "architecture": "x86_64", "service_manager": "systemd",
        "disks": {}, "ports": {"9001": None}, "units": {"docker.service": RUNNING, "scorer-proxy.service": RUNNING}, "selinux": "disabled",
        "commands": {"haproxy": "/usr/sbin/haproxy"}, "files": {scorer.BOOLEAN: {"text": None}}, "predictions": {"scorer": UNCHANGED}, **changes,
    }  # fmt: skip


def told(settings: dict[str, Any] = SETTINGS, **changes: Any) -> list[tuple[str, ...]]:
    return [tuple(difference[1:]) for difference in scorer.differences(settings, reading(**changes), {}, {})]


def foreseen(**changes: Any) -> dict[str, Any]:
    return {"scorer": {**UNCHANGED, **changes}}


def test_nothing_differs() -> None:
    assert told() == told(ABSENT) == []
    assert scorer.findings(SETTINGS, reading()) == scorer.findings(ABSENT, reading()) == []


IMAGE = {"item": "churn: image", "before": "registry.example.com/team/scorer:3.2.84", "after": "registry.example.com/team/scorer:3.2.85", "reason": ""}
NO_ENGINE = {"units": {"docker.service": {"exists": False, "active_state": "inactive", "enabled": False}, "scorer-proxy.service": RUNNING}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"predictions": foreseen(differences=[IMAGE])}, [("services", *IMAGE.values())]),
        ({"predictions": foreseen(notes=["The tag moved."])}, [("", "note", "The tag moved.", "", "")]),
        ({"commands": {"haproxy": None}}, [("packages", "package haproxy", "missing", "installed", "")]),
        (
            NO_ENGINE,
            [("packages", "package docker.io", "missing", "installed", ""), ("engine", "docker.service", "missing", "active, enabled", "")],
        ),
        (
            {"units": {"docker.service": {**RUNNING, "active_state": "failed"}}},
            [("engine", "docker.service", "failed, enabled", "active, enabled", "")],
        ),
        (
            {"units": {"docker.service": {**RUNNING, "enabled": False}}},
            [("engine", "docker.service", "active, not enabled", "active, enabled", "")],
        ),
        (
            {"selinux": "enforcing", "files": {scorer.BOOLEAN: {"text": "0 0"}}},
            [("selinux", "haproxy_connect_any", "off", "on", "SELinux keeps HAProxy from the ports of the scorers.")],
        ),
        ({"selinux": "enforcing", "files": {scorer.BOOLEAN: {"text": "1 1"}}}, []),
        ({"selinux": "permissive", "files": {scorer.BOOLEAN: {"text": "0 0"}}}, []),
    ],
)
def test_a_difference(changes: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    assert told(**changes) == expected


def test_a_scorer_that_goes() -> None:
    gone = {"item": "churn", "before": "served", "after": "removed", "reason": ""}
    kept = ("", "packages docker.io, haproxy", "", "left as it is", "other software may use it")
    assert told(ABSENT, predictions=foreseen(differences=[gone])) == [("removed", *gone.values()), kept]


def test_a_release_that_nothing_tells_is_left_to_the_run() -> None:
    settings = {**SETTINGS, "scorer_sparkflows_release": ""}
    (question,) = scorer.questions(settings)["predictions"]
    assert question["options"]["release_check"] is False
    (difference,) = told(settings)
    assert difference[:2] == ("services", "release of Sparkflows")
    (question,) = scorer.questions({**settings, "scorer_sparkflows_url": "http://sparkflows:8080"})["predictions"]
    assert question["options"]["release_check"] is True
    assert told({**settings, "scorer_sparkflows_url": "http://sparkflows:8080"}) == []


def test_the_release_of_a_sparkflows_on_the_same_host_is_in_the_same_reading() -> None:
    """Host and scorer are planned together, so that no plan of the Sparkflows host tells it before."""
    settings = {**SETTINGS, "scorer_sparkflows_release": ""}
    here = {"predictions": {"scorer": UNCHANGED, "sparkflows": {"error": None, "server": {"version": "3.2.85"}}}}
    assert told(settings, **here) == scorer.findings(settings, reading(**here)) == []
    assert scorer.inputs(settings, reading(**here))["result"]["release"] == "3.2.85"
    here["predictions"]["sparkflows"]["server"]["version"] = "3.2.84"
    (sentence,) = scorer.findings(settings, reading(**here))
    assert sentence.startswith("The scorer churn would run the image registry.example.com/team/scorer:3.2.85 of release 3.2.85, but Sparkflows has the release")
    assert scorer.findings({**settings, "scorer_release_check": False}, reading(**here)) == []
    # What the admin gives is asked for in the reading itself.
    assert scorer.findings(SETTINGS, reading(**here)) == told(SETTINGS, **here) == []


def test_what_would_fail_is_found_before() -> None:
    refused = foreseen(error="The scorer churn would run the image of another release.")
    for settings in (SETTINGS, ABSENT):
        assert scorer.findings(settings, reading(predictions=refused)) == ["The scorer churn would run the image of another release."]
    (sentence,) = scorer.findings(SETTINGS, reading(os={"family": "RedHat", "distribution": "Rocky", "major_version": "8"}))
    assert "Rocky 8 is not supported; use Debian 12 or 13, Ubuntu 22.04 or 24.04, RHEL or a rebuild 9" in sentence
    (sentence,) = scorer.findings({**SETTINGS, "scorer_install_docker": False}, reading(**NO_ENGINE))
    assert sentence == "The host has no docker engine. Install one, or let scorer_install_docker do so."
    (sentence,) = scorer.findings(SETTINGS, reading(os={"family": "RedHat", "distribution": "Rocky", "major_version": "9"}, **NO_ENGINE))
    assert "its distribution offers none: install docker-ce" in sentence
    holder = {"address": "0.0.0.0", "pid": 7, "process": "java", "unit": None}
    (sentence,) = scorer.findings(SETTINGS, reading(ports={"9001": holder}))
    assert sentence.startswith("Port 9001, wanted for the scorer churn, is held by java (pid 7).")
    assert scorer.findings(SETTINGS, reading(ports={"9001": {**holder, "process": "haproxy", "unit": "scorer-proxy.service"}})) == []


def test_the_module_takes_what_it_is_asked() -> None:
    settings = {**SETTINGS, "scorer_registry_username": "deployer", "scorer_registry_password": "s3cret", "scorer_secret_environment": {"churn": {"KEY": "x"}}}
    for of_state in (settings, {**settings, "scorer_state": "absent"}):
        (question,) = scorer.questions(of_state)["predictions"]
        assert "s3cret" not in repr(question["options"])
        assert question["secrets"] == {"registry_password": "s3cret", "secret_environment": {"churn": {"KEY": "x"}}}
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate({**question["options"], **question["secrets"]})
        assert checked.error_messages == []
    (service,) = scorer.services(settings)
    assert service["image"] == settings["scorer_image"] and service["memory_mb"] == 1024 and "health_path" not in service
    assert scorer.services({**settings, "scorer_services": [{**SERVICE, "memory_mb": 64}]})[0]["memory_mb"] == 64


def test_packages_by_distribution() -> None:
    names = {(package["name"], package.get("distribution")) for package in scorer.questions(SETTINGS)["packages"]}
    assert names == {("haproxy", None), ("docker.io", "Debian"), ("docker.io", "Ubuntu"), ("docker", "Amazon")}
    values = scorer.inputs(SETTINGS, reading(**NO_ENGINE))
    assert (values["packages"], values["recommended"], values["apt"], values["engine"]) == (["docker.io"], ["apparmor"], True, True)
    assert "packages" not in scorer.questions(ABSENT)
