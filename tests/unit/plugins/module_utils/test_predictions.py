# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that a reading asks what it would do, on real folders and programs: it foresees the change, makes none, and fails in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import predictions

DEBIAN = {"family": "Debian", "distribution": "Debian"}
VERSION = "%d.%d" % sys.version_info[:2]


def foreseen(module: str, options: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    question = {"name": "it", "module": module, "options": options, "secrets": None, "architecture": None, "distribution": None, "except": None, **more}
    return predictions.predictions([question], DEBIAN, "x86_64").get("it", {})


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a program in it that names itself."""
    program = tmp_path / "home" / "bin" / "tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho tool 1.0\n")
    program.chmod(0o755)
    return program.parents[1]


class TestArchiveRelease:
    def test_a_home_that_is_not_in_use_yet_and_then_is(self, tmp_path: Path, home: Path) -> None:
        options = {"dest": str(tmp_path / "opt"), "home": str(home), "verify": {"argv": ["bin/tool"], "pattern": "^tool 1", "description": None}}
        seen = foreseen("archive_release", options)
        assert (seen["changed"], seen["error"], seen["version_output"]) == (True, None, "tool 1.0")
        assert seen["diff"] == {"before": "", "after": "current -> %s\n" % home}
        assert not (tmp_path / "opt").exists()
        archive_release.run({**dict.fromkeys(archive_release.ARGUMENT_SPEC), "keep": 2, "state": "present", **options}, check_mode=False)
        assert foreseen("archive_release", options)["changed"] is False

    def test_a_release_that_is_on_the_controller_is_not_asked_for(self, tmp_path: Path) -> None:
        options = {"dest": str(tmp_path / "opt"), "release": "1.0", "src": "files/tool.tar.gz", "sha256": "0" * 64}
        assert foreseen("archive_release", options)["diff"]["after"] == "current -> releases/1.0\nreleases/1.0 sha256:000000000000\n"

    def test_absent(self, tmp_path: Path) -> None:
        assert foreseen("archive_release", {"dest": str(tmp_path / "opt"), "state": "absent"})["changed"] is False

    def test_a_sentence(self, tmp_path: Path, home: Path) -> None:
        seen = foreseen("archive_release", {"dest": str(tmp_path / "opt"), "home": str(home), "verify": {"argv": ["bin/tool"], "pattern": "^other"}})
        assert seen["changed"] is True
        assert "printed 'tool 1.0'" in seen["error"]


class TestPipLock:
    LOCK = "mlflow==1.30.1 --hash=sha256:%s\n" % ("0" * 64)

    def options(self, tmp_path: Path, **more: t.Any) -> dict[str, t.Any]:
        return {"dest": str(tmp_path / "opt"), "python": os.path.realpath(sys.executable), "python_version": VERSION, "lock": self.LOCK, **more}

    def test_an_environment_that_is_missing(self, tmp_path: Path) -> None:
        seen = foreseen("pip_environment", self.options(tmp_path), secrets={"index_url": "https://reader:geheim@pypi.example.com/simple"})
        assert (seen["changed"], seen["error"], seen["compiled"]) == (True, None, False)
        assert seen["diff"]["before"] == ""
        assert seen["diff"]["after"].splitlines()[1:] == ["mlflow 1.30.1"]
        assert "geheim" not in str(seen)
        assert below(tmp_path) == []

    def test_a_login_that_cannot_be_used_is_not_shown(self, tmp_path: Path) -> None:
        seen = foreseen("pip_environment", self.options(tmp_path), secrets={"index_url": "https://reader:gehe im@pypi.example.com/simple"})
        assert seen["error"].startswith("An entry of index_url holds a space")
        assert "gehe" not in seen["error"]

    def test_an_interpreter_that_is_yet_to_come(self, tmp_path: Path) -> None:
        seen = foreseen("pip_environment", self.options(tmp_path, python=str(tmp_path / "python3.7")))
        assert (seen["changed"], seen["error"], seen["path"]) == (True, None, None)

    def test_a_sentence(self, tmp_path: Path) -> None:
        assert "but CPython 2.7 is needed" in foreseen("pip_environment", self.options(tmp_path, python_version="2.7"))["error"]

    def test_absent(self, tmp_path: Path) -> None:
        assert foreseen("pip_environment", {"dest": str(tmp_path / "opt"), "state": "absent"})["changed"] is False


def test_only_hosts_that_a_question_is_for_answer_it(tmp_path: Path) -> None:
    options = {"dest": str(tmp_path / "opt"), "state": "absent"}
    assert foreseen("archive_release", options, architecture="aarch64") == {}
    assert foreseen("archive_release", options, distribution="RedHat") == {}
    assert foreseen("archive_release", options, distribution="Debian", **{"except": ["Debian"]}) != {}
    assert foreseen("archive_release", options, architecture="x86_64", distribution="Debian")["error"] is None


class TestDeployment:
    def test_a_model_that_is_not_served_yet(self, memory_agent: t.Any) -> None:
        options = {"agent_url": memory_agent.url, "name": "churn", "model_uri": "models:/m/1"}
        seen = foreseen("mlops_deployment", options, secrets={"agent_token": memory_agent.token})
        assert (seen["changed"], seen["error"]) == (True, None)
        assert seen["diff"]["after"] == {"name": "churn", "model_uri": "models:/m/1"}
        assert memory_agent.server.writes == 0
        assert foreseen("mlops_deployment", {**options, "state": "absent"}, secrets={"agent_token": memory_agent.token})["changed"] is False


class TestLogin:
    def test_a_login_that_is_missing_and_then_there(self, tmp_path: Path) -> None:
        options = {"path": str(tmp_path / "htpasswd"), "username": "reader"}
        assert foreseen("login_file", options, secrets={"password": "geheim"}) == {"changed": True, "error": None}
        argv = ["openssl", "passwd", "-6", "-salt", "0123456789abcdef", "geheim"]
        (tmp_path / "htpasswd").write_text("reader:" + subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        assert foreseen("login_file", options, secrets={"password": "geheim"}) == {"changed": False, "error": None}
        assert foreseen("login_file", options, secrets={"password": "other"}) == {"changed": True, "error": None}


#: Options that fit a module's specification and that it can't use, and what it says of them.
UNFIT: list[tuple[str, dict[str, t.Any], str]] = [
    ("archive_release", {"dest": "relative"}, "dest is 'relative'; expected an absolute path"),
    ("pip_environment", {"dest": "relative"}, "dest is 'relative'; expected an absolute path"),
    ("firewall_ports", {"ports": ["http"], "sources": ["192.0.2.1"]}, "firewall_ports: "),
    ("mlops_deployment", {"agent_url": "8086", "agent_token": "geheim-0123456789", "name": "churn"}, "agent_url"),
]


@pytest.mark.parametrize(("module", "options", "said"), UNFIT)
def test_what_a_module_cannot_use_is_a_sentence(module: str, options: dict[str, t.Any], said: str) -> None:
    seen = foreseen(module, options)
    assert seen["changed"] is True
    assert said in seen["error"]
    assert "geheim" not in seen["error"]


@pytest.mark.parametrize("module", sorted(predictions.MODULES))
def test_an_option_that_a_module_does_not_have_is_a_sentence(module: str) -> None:
    seen = foreseen(module, {"unheard_of": True})
    assert seen["changed"] is True
    assert seen["error"].startswith(module + ": ")
    assert "unheard_of" in seen["error"]


@pytest.mark.parametrize(
    ("loaded", "unwanted"),
    [
        ("_plan.validation", "boto3"), ("_plan.hosts", "boto3"), ("_vaults._aws", "boto3"), ("_host.reading", "boto3"),
        ("_host.reading", "_scorer.services"), ("_host.reading", "_sparkflows.standing"), ("_host.reading", "_aws.standing"),
    ],
)  # fmt: skip
def test_a_plan_loads_only_what_it_asks(loaded: str, unwanted: str) -> None:
    """A fresh process, as others in this one have loaded everything."""
    prefix = "ansible_collections.sparkflows.mlops.plugins.module_utils."
    program = f"import sys, {prefix}{loaded}; print([name for name in sys.modules if name.endswith({unwanted!r})])"
    places = os.pathsep.join(place for place in sys.path if place)
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": places}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
