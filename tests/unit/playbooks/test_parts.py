# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of `site.yml` works by itself, by tags and from a task on. Nothing listens at the inventory's host, so whatever gets past its checks fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = ["mlops_bundle", "jdk", "python", "pip_stack", "mlflow_server", "mlops_agent", "firewall", "ssh_access", "sparkflows", "scorer", "sagemaker"]
GROUPS = ("mlflow_hosts", "sparkflows_hosts", "scorer_hosts")
SPARKFLOWS = {
    "sparkflows_url": "http://127.0.0.1:8080",
    "sparkflows_token": "0123456789abcdef",
    "sparkflows_deploy_mode": "local",
    "sparkflows_tracking_url": "http://127.0.0.1:5000",
}


def play(folder: Path, playbook: str, *arguments: str, groups: t.Iterable[str] = GROUPS, **variables: t.Any) -> tuple[int, str]:
    """Run a playbook over one host that is in these groups; exit code and output."""
    host = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0, "mlops_agent_token": "0123456789abcdef", **SPARKFLOWS, **variables}
    inventory = {"all": {"children": {group: {"hosts": {"host-1": host} if group in groups else {}} for group in GROUPS}}}
    (folder / "inventory.json").write_text(json.dumps(inventory))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), f"playbooks/{playbook}.yml", "-i", str(folder / "inventory.json"), *arguments],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    output = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in output and "is undefined" not in output
    return done.returncode, output


@pytest.mark.parametrize(
    ("playbook", "arguments", "wrong", "sentence"),
    [
        ("mlflow_hosts", [], {"mlflow_server_port": 80}, "mlflow_server_port is '80', but a number from 1024 to 65535 was expected."),
        ("sparkflows_hosts", [], {"sparkflows_url": "sparkflows"}, "sparkflows_url is 'sparkflows', but a URL"),
        ("scorer_hosts", [], {"scorer_request_timeout": 0}, "scorer_request_timeout is '0'"),
        ("site", ["--tags", "mlflow_server"], {"mlflow_server_port": 80}, "mlflow_server_port is '80'"),
        ("site", [], {"mlops_bundle": "/etc/hostname"}, "/etc/hostname is not a bundle: a .tar.gz or .tar.zst that playbooks/bundle.yml made was expected."),
        ("site", [], {"mlops_bundle": "/etc"}, "mlops_bundle is /etc, which is a folder. Name the archive that lies beside it"),
        ("site", [], {"mlops_bundle": "/etc/hostname", "jdk_provider": "package"}, "jdk_provider is package, which installs from elsewhere than the bundle"),
        ("bundle", ["-e", "bundle_compression=xz"], {}, "bundle_compression is 'xz'; it must be one of gz, zstd."),
        ("bundle", ["-e", "bundle_advisories=/etc/hostname"], {}, "/etc/hostname is not JSON."),
        ("bundle", [], {"python_provider": "source"}, "python_provider is source, but a bundle holds archives."),
        ("mlflow_hosts", ["--tags", "jdk"], {"jdk_archive_sha256": "abc"}, "jdk_archive_sha256 is 'abc'"),
        ("uninstall", [], {"jdk_prefix": "jdk"}, "jdk_prefix is 'jdk'"),
    ],
)
def test_a_part_checks_the_variables_first(tmp_path: Path, playbook: str, arguments: list[str], wrong: dict[str, t.Any], sentence: str) -> None:
    code, output = play(tmp_path, playbook, *arguments, **wrong)
    assert code != 0 and sentence in output
    assert "unreachable=1" not in output


def test_a_bundle_is_foretold_without_any_host(tmp_path: Path) -> None:
    code, output = play(tmp_path, "bundle", "--check", "-e", f"bundle_dest={tmp_path}/out")
    assert code == 0 and "changed=1" in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--start-at-task", "Make the JDK"], ["--skip-tags", "always"]])
def test_a_run_without_the_plan_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    code, output = play(tmp_path, "site", *arguments)
    assert code != 0 and "No host has a plan, so it is not known what is to be done." in output
    assert "changed=1" not in output


def test_sagemaker_alone_asks_aws_and_no_host(tmp_path: Path) -> None:
    login = {"sagemaker_access_key_id": "AKIACANARY", "sagemaker_secret_access_key": "CANARY-secret"}
    wanted = {"sagemaker_region": "eu-central-1", "sagemaker_account_id": "012345678901", "sagemaker_timeout": 1, **login}
    code, output = play(tmp_path, "sagemaker", groups=["sparkflows_hosts"], sagemaker_endpoint_url="http://127.0.0.1:1", **wanted)
    assert code == 0 and "skipping: no hosts matched" in output, "not turned on"
    code, output = play(
        tmp_path, "sagemaker", "-vvv", groups=["sparkflows_hosts"], sagemaker_enabled=True, sagemaker_endpoint_url="http://127.0.0.1:1", **wanted
    )
    assert code != 0 and "sts:GetCallerIdentity got no answer in eu-central-1" in output
    assert "unreachable=1" not in output and "CANARY-secret" not in output


BY_FILE = {"sparkflows_method": "file", "sparkflows_configuration_file": "/srv/configuration.properties", "sparkflows_restart_command": ["true"]}


@pytest.mark.parametrize("method", [{}, {"sparkflows_method": "rest"}, BY_FILE])
def test_a_removal_wants_nothing_that_it_does_not_need(tmp_path: Path, method: dict[str, t.Any]) -> None:
    """No secret matters to what goes; the host is asked, however Sparkflows was set."""
    code, output = play(tmp_path, "uninstall", mlops_agent_token="", jdk_state="present", **method)
    assert code != 0 and "unreachable=1" in output and "Nothing was changed" not in output


def test_sparkflows_alone(tmp_path: Path) -> None:
    assert play(tmp_path, "validate", groups=["sparkflows_hosts"])[0] == 0


def test_each_role_has_its_name_as_a_tag(tmp_path: Path) -> None:
    code, output = play(tmp_path, "site", "--list-tags")
    assert code == 0
    for role in ROLES:
        assert re.search(rf"\[(?:[\w ,]*, )?{role}(?:,[\w ,]*)?\]", output), role


def test_the_summary_says_that_the_pins_are_old(tmp_path: Path) -> None:
    code, output = play(tmp_path, "parts/summary")
    assert code == 0
    assert "are old and get no corrections any more: docs/security.md of the collection says" in output


# What sagemaker does is no host's matter, and is not locked.
@pytest.mark.parametrize("role", sorted(path.parents[1].name for path in ROOT.glob("roles/*/tasks/main.yml") if path.parents[1].name != "sagemaker"))
def test_a_role_gives_the_lock_of_its_host_back(role: str) -> None:
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text())
    assert tasks[-1]["sparkflows.mlops.host_lock"] == {"state": "released"} and tasks[-1]["when"] == f"__{role}_plan.locked"


CHANGING = ("parts/mlflow_hosts", "parts/sparkflows_hosts", "parts/scorer_hosts", "uninstall", "rollback")


@pytest.mark.parametrize("playbook", CHANGING)
def test_too_many_failures_end_a_run(tmp_path: Path, playbook: str) -> None:
    """How a play that changes hosts ends where one fails, with something harmless in place of what it does."""
    changing = next(play for play in yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text()) if "max_fail_percentage" in play)
    [task] = changing["tasks"]
    assert set(task) == {"name", "block", "rescue"}, "with an always, Ansible would not count the failure"
    assert task["block"][-1]["sparkflows.mlops.host_lock"] == {"state": "released"}
    [end] = task["rescue"]
    included = end["ansible.builtin.include_tasks"]
    file = ROOT / "playbooks/tasks" / Path(included if isinstance(included, str) else included["file"]).name
    rescue = {"name": end["name"], "ansible.builtin.include_tasks": str(file)}
    work: dict[str, t.Any] = {"name": "Work", "ansible.builtin.fail": {"msg": "It broke."}, "when": "inventory_hostname == 'host-1'"}
    plays = [
        {"hosts": "all", "gather_facts": False, "serial": 2, "max_fail_percentage": 0, "tasks": [{"name": "Work", "block": [work], "rescue": [rescue]}]},
        {"hosts": "all", "gather_facts": False, "tasks": [{"name": "Go on", "ansible.builtin.debug": {"msg": "went on"}}]},
    ]
    (tmp_path / "plays.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    hosts = ",".join(f"host-{number}" for number in range(1, 5))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), str(tmp_path / "plays.yml"), "-i", hosts, "-c", "local"],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and "The run ends here for host-1, as 'Work' failed." in done.stdout
    assert "host-3" not in done.stdout and "went on" not in done.stdout


def test_everything_that_site_makes_is_taken_away() -> None:
    def play(name: str, title: str) -> dict[str, t.Any]:
        [found] = [play for play in yaml.safe_load((ROOT / "playbooks" / name).read_text()) if play["name"] == title]
        return dict(found)

    made = play("parts/mlflow_hosts.yml", "Make MLflow hosts")["vars"]["__roles"]
    removal = play("uninstall.yml", "Take everything away from MLflow hosts")["vars"]
    assert set(removal["__roles"]) == set(made)
    absent = {name.removesuffix("_state") for name, value in removal.items() if name.endswith("_state") and value == "absent"}
    assert absent == {path.name for path in ROOT.glob("roles/*")}
