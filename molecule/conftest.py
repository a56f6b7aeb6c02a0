# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios' tests share: their hosts over SSH, and playbooks run as an operator runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from canary import Canary

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY") or Path.cwd())
CACHE = Path(os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparkflows-mlops")
TESTBED = CACHE / "testbeds" / f"molecule-{SCENARIO.name.replace('_', '-')}"
HOSTS = list(yaml.safe_load((SCENARIO / "inventory" / "hosts.yml").read_text())["all"]["children"]["mlflow_hosts"]["hosts"])


def pytest_configure(config: pytest.Config) -> None:
    """Point testinfra at the scenario's hosts, as root."""
    config.option.hosts = ",".join(f"ssh://{name}" for name in HOSTS)
    config.option.ssh_config = str(TESTBED / "ssh_config")
    config.option.sudo = True


@dataclass(frozen=True)
class Run:
    """How a playbook ended: its exit code, all it printed, and the (task, host) pairs that it reported as changed."""

    code: int
    output: str = field(repr=False)
    changed: list[tuple[str, str]]

    @property
    def text(self) -> str:
        """What was printed, without the line breaks and quotes of the YAML that it was printed as."""
        return " ".join(self.output.replace("''", "'").split())

    @property
    def unchanged(self) -> bool:
        return self.code == 0 and not self.changed and all(count == "0" for count in re.findall(r"changed=(\d+)", self.output))


class Operator:
    """Runs playbooks of the collection against the scenario's hosts, with the tooling's ansible-playbook and the checkout unless told otherwise."""

    def __init__(self, program: Path | str = "ansible-playbook", environment: dict[str, str] | None = None) -> None:
        self.program = str(program)
        self.environment = environment or {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

    def play(self, playbook: str, *arguments: str, fails: bool | None = False, **variables: Any) -> Run:
        """Run a playbook of the collection (`site`), or of the scenario (`remove.yml`), with extra variables.

        The run must succeed unless it is said to fail, or None says that it may, and must print neither warnings nor tracebacks.
        """
        command, environment = self.command(playbook, *arguments, **variables)
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        output = result.stdout + result.stderr
        print("\n".join(output.splitlines()[-100:]))
        # First, as the log of a model that failed may well hold a traceback.
        assert fails is None or (result.returncode != 0) == fails, f"{playbook} ended with {result.returncode}"
        assert "Traceback" not in output
        assert not re.findall(r"^\[(?:WARNING|DEPRECATION)[^\n]*", output, re.MULTILINE)
        return Run(result.returncode, output, list(_changed(output)))

    def command(self, playbook: str, *arguments: str, **variables: Any) -> tuple[list[str], dict[str, str]]:
        """What `play` runs, and the environment that it runs in."""
        name = str(SCENARIO / playbook) if playbook.endswith(".yml") else f"sparkflows.mlops.{playbook}"
        words = [self.program, name, "-i", str(ROOT / "molecule" / "inventory"), "-i", str(SCENARIO / "inventory" / "hosts.yml")]
        environment = {
            **self.environment,
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_FORCE_COLOR": "false",
            "ANSIBLE_NOCOLOR": "true",
            "MOLECULE_SCENARIO_NAME": SCENARIO.name,
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        }
        return [*words, *arguments, "-e", json.dumps(variables)], environment

    def differing(self, *arguments: str, **variables: Any) -> list[dict[str, str]]:
        """What the plan finds: the rows of its report that are no mere notes."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "plan.json")
            self.play("plan", *arguments, plan_report=str(report), **variables)
            return [row for row in json.loads(report.read_text())["rows"] if row["severity"] in ("difference", "finding")]


def _changed(output: str) -> Iterator[tuple[str, str]]:
    task = ""
    for line in output.splitlines():
        if header := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", line):
            task = header[1]
        elif result := re.match(r"changed: \[([^\] ]+)", line):
            yield task, result[1]


@pytest.fixture(scope="session")
def operator() -> Operator:
    return Operator()


@pytest.fixture(scope="session")
def artifacts() -> dict[str, Any]:
    """The testbed's archives and wheelhouse, see `python -m testbed artifacts`."""
    return dict(json.loads((CACHE / "artifacts" / "artifacts.json").read_text()))


@pytest.fixture(scope="session")
def containers() -> dict[str, dict[str, str]]:
    """Container, address and platform of each host."""
    return dict(json.loads((TESTBED / "hosts.json").read_text()))


@pytest.fixture(scope="session")
def on() -> Callable[[str], testinfra.host.Host]:
    """Any host of the scenario, by its name; the fixture `host` goes through the MLflow hosts alone."""

    def get(name: str) -> testinfra.host.Host:
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(TESTBED / "ssh_config"), sudo=True)

    return get


@pytest.fixture
def canary(on: Callable[[str], testinfra.host.Host], containers: dict[str, dict[str, str]]) -> Callable[[dict[str, str]], Canary]:
    """`canary(secrets)` watches all hosts of the scenario, see canary.py."""
    return lambda secrets: Canary(secrets, {name: on(name) for name in containers})


@pytest.fixture(scope="session")
def lets_in() -> Callable[[str], bool]:
    """Whether a host, given by its name, accepts a login; testinfra itself takes a refused one for an error."""

    def ask(name: str) -> bool:
        login = ["ssh", "-F", str(TESTBED / "ssh_config"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", name, "true"]
        return subprocess.run(login, capture_output=True, check=False).returncode == 0

    return ask


def processes(host: testinfra.host.Host, unit: str) -> list[str]:
    """The process ids of a service, of which there must be some."""
    group = host.check_output("systemctl show --value --property=ControlGroup %s", f"{unit}.service")
    assert group, unit
    found = host.run("grep --files-with-matches --fixed-strings -- %s /proc/[0-9]*/cgroup", group).stdout.split()
    assert found, unit
    return [path.split("/")[2] for path in found]


class Disk:
    """Notices whether files of a host change. What a login itself writes is not counted."""

    _UNCOUNTED = ("/proc", "/sys", "/run", "/dev", "/tmp", "/var/tmp", "/var/log", "/var/lib/systemd", "/var/lib/sudo", "/var/cache/ldconfig",
                  "/home", "/root/.ansible")  # fmt: skip

    def __init__(self, host: testinfra.host.Host) -> None:
        self._host = host
        self._host.check_output("touch /run/disk-mark; sleep 0.01")

    def changes(self) -> list[str]:
        """Paths whose content or attributes changed since this object was made."""
        prune = " -o ".join(f"-path {path}" for path in self._UNCOUNTED)
        return str(self._host.check_output(f"find / -xdev \\( {prune} \\) -prune -o -cnewer /run/disk-mark -print")).splitlines()


@pytest.fixture
def disk(host: testinfra.host.Host) -> Disk:
    return Disk(host)
