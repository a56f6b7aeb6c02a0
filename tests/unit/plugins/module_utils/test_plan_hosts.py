# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found on a host before anything is changed, told from one reading of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_stores as stores
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES

ROOT = Path(__file__).resolve().parents[4]
MLFLOW = ("jdk", "python", "pip_stack", "mlflow_server", "mlops_agent")


def defaults(*roles: str, **changes: Any) -> dict[str, Any]:
    """The roles' settings in force: their defaults, changed."""
    settings: dict[str, Any] = {"mlflow_release": "1.30.1"}
    for role in roles:
        settings.update(yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()))
    return {**settings, **changes}


def reading(settings: dict[str, Any], roles=MLFLOW, **changes: Any) -> dict[str, Any]:
    """What a fit and empty host answers to the questions of the roles."""
    asked = hosts.questions(roles, settings)
    answer = {
        "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"}, "architecture": "x86_64", "service_manager": "systemd",
        "memory_mb": {"total": 8000, "available": 7000}, "packages": None,
        "disks": {path: {"mount": "/", "total_mb": 20000, "free_mb": 9000, "free_inodes": 900000, "read_only": False} for path in asked.get("paths", [])},
        "ports": {str(port): None for port in asked.get("ports", [])},
        "units": {unit: {"active_state": "inactive", "exists": False} for unit in asked.get("units", [])},
        "files": {file["path"]: {"exists": False, "entries": None, "contains": {}} for file in asked.get("files", [])},
        "commands": dict.fromkeys(asked.get("commands", [])), "certificates": {},
        "databases": {item["name"]: {"exists": False, "standing": "new", "error": None} for item in asked.get("databases", [])},
    }  # fmt: skip
    return {**copy.deepcopy(answer), **changes}


def found(settings: dict[str, Any], roles=MLFLOW, **changes: Any) -> list[str]:
    return hosts.findings(roles, settings, reading(settings, roles, **changes))


SETTINGS = defaults(*MLFLOW)
LOCK = {"path": "/var/lib/dpkg/lock", "pid": 12, "process": "unattended-upgrade"}


def test_a_fit_host_has_no_findings():
    assert found(SETTINGS) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"os": {"family": "Suse", "distribution": "SLES", "major_version": "15"}}, "The operating system SLES 15 is not supported; use Debian 12 or 13"),
        ({"os": {"family": "Debian", "distribution": "Debian", "major_version": "10"}}, "The operating system Debian 10 is not supported"),
        ({"os": {"family": "RedHat", "distribution": "Fedora", "major_version": "40"}}, "The operating system Fedora 40 is not supported"),
        ({"os": {"family": "Debian", "distribution": "Ubuntu", "major_version": "18"}}, "The operating system Ubuntu 18 is not supported"),
        ({"architecture": "ppc64le"}, "The architecture ppc64le is not supported; use x86_64 or aarch64."),
        ({"service_manager": "runit"}, "this host runs runit"),
        ({"memory_mb": {"total": 700, "available": 600}}, "The host has 700 MB of memory; 768 MB are needed"),
        ({"memory_mb": {"total": 8000, "available": 100}}, "100 of 8000 MB of memory are available, but mlflow_server_min_memory_mb asks for 512"),
        (
            {"ports": {"5000": {"address": "0.0.0.0", "pid": 7, "process": "registry", "unit": None}}},
            "Port 5000, wanted for mlflow_server_port, is held by registry (pid 7). Stop that process",
        ),
        (
            {"ports": {"8086": {"address": "::", "pid": 9, "process": "influxd", "unit": "influxdb.service"}}},
            "Port 8086, wanted for mlops_agent_port, is held by influxd (pid 9) of influxdb.service.",
        ),
        (
            {"packages": {"missing": ["zstd"], "unavailable": ["zstd"], "error": "Could not resolve 'mirror.example'", "lock": None}},
            "The package zstd will be needed, but no package source of the host offers it. The package manager says: Could not resolve 'mirror.example'.",
        ),
        (
            {"packages": {"missing": ["zstd"], "unavailable": [], "error": None, "lock": LOCK}},
            "lock /var/lib/dpkg/lock is held by unattended-upgrade (pid 12), and zstd must be installed. Let it finish, then run again.",
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_one_sentence(change, said):
    (sentence,) = found(SETTINGS, **change)
    assert said in sentence


@pytest.mark.parametrize(
    ("name", "version"), [("Debian", "12"), ("Ubuntu", "22"), ("Ubuntu", "24"), ("RedHat", "8"), ("Rocky", "9"), ("AlmaLinux", "9"), ("Amazon", "2023")]
)
def test_systems_that_the_roles_know(name, version):
    family = "Debian" if name in ("Debian", "Ubuntu") else "RedHat"
    assert found(SETTINGS, os={"family": family, "distribution": name, "major_version": version}) == []


def test_every_finding_is_told_at_once_and_once():
    assert len(found(SETTINGS, architecture="s390x", service_manager="openrc", memory_mb={"total": 700, "available": 600})) == 3


class TestSpace:
    def test_the_needs_of_all_prefixes_on_one_file_system_are_added_up(self):
        changed = reading(SETTINGS)
        for disk in changed["disks"].values():
            disk["free_mb"] = 3000
        (sentence,) = hosts.findings(MLFLOW, SETTINGS, changed)
        assert "3000 MB are free on /; 3500 MB are needed" in sentence

    def test_the_stack_that_is_there_needs_no_room(self):
        changed = reading(SETTINGS, predictions={"pip_stack": {"error": None, "diff": {"before": "python 3.7.9\nmlflow 1.30.1\n"}}})
        changed["disks"]["/opt/sparkflows/stack"]["free_mb"] = 10
        assert hosts.findings(MLFLOW, SETTINGS, changed) == []

    def test_inodes(self):
        changed = reading(SETTINGS)
        changed["disks"]["/opt/sparkflows/stack"].update(mount="/opt", free_inodes=500)
        assert "500 inodes are free on /opt; the stack needs 40000" in hosts.findings(MLFLOW, SETTINGS, changed)[0]
        changed["disks"]["/var/lib/mlflow-server"].update(mount="/var", free_inodes=0)
        assert any("/var has no inodes left" in sentence for sentence in hosts.findings(MLFLOW, SETTINGS, changed))

    def test_read_only(self):
        changed = reading(SETTINGS)
        changed["disks"]["/opt/sparkflows/jdk"].update(mount="/opt", read_only=True)
        (sentence,) = hosts.findings(MLFLOW, SETTINGS, changed)
        assert sentence.startswith("/opt is mounted read-only, but /opt/sparkflows/jdk is to be written there.")

    def test_a_full_var(self):
        changed = reading(SETTINGS)
        changed["disks"]["/var/lib/mlflow-server"].update(mount="/var", free_mb=3)
        (sentence,) = hosts.findings(MLFLOW, SETTINGS, changed)
        assert sentence.startswith("3 MB are free on /var, where the tracking server keeps its data, but mlflow_server_min_free_mb asks for 1024.")


class TestPorts:
    def test_our_own_services_may_hold_their_ports(self):
        settings = {**SETTINGS, "mlops_agent_deployments": [{"name": "churn", "port": 5002}]}
        ports = {
            "5000": {"address": "127.0.0.1", "pid": 11, "process": "gunicorn", "unit": "mlflow-server.service"},
            "8086": {"address": "127.0.0.1", "pid": 12, "process": "python", "unit": "mlops-agent.service"},
            "5002": {"address": "127.0.0.1", "pid": 13, "process": "gunicorn", "unit": "mlops-model@churn.service"},
        }
        assert found(settings, ports=ports) == []

    @pytest.mark.parametrize("pid", [None, 1])
    def test_a_holder_that_cannot_be_seen_is_ours_only_where_ours_runs(self, pid):
        unseen = {"address": "127.0.0.1", "pid": pid, "process": None, "unit": None}
        changed = reading(SETTINGS, ports={"5000": unseen, "8086": unseen})
        changed["units"]["mlops-agent.socket"]["active_state"] = "active"
        (sentence,) = hosts.findings(MLFLOW, SETTINGS, changed)
        assert "Port 5000, wanted for mlflow_server_port, is held by " in sentence


def test_the_port_of_the_proxy_is_nginxs():
    settings = {**SETTINGS, "mlflow_server_proxy": "nginx"}
    holder = {"address": "0.0.0.0", "pid": 7, "process": "apache2", "unit": "apache2.service"}
    (sentence,) = found(settings, ports={"5443": holder})
    assert sentence.startswith("Port 5443, wanted for mlflow_server_proxy_port, is held by apache2 (pid 7) of apache2.service.")
    (sentence,) = found(settings, ports={"80": holder})
    assert "Port 80, wanted for the default site that the package nginx starts with, is held by apache2" in sentence
    ours = reading(settings, ports={"5443": {**holder, "process": "nginx", "unit": "nginx.service"}})
    assert "is held by another site of nginx" in hosts.findings(MLFLOW, settings, ours)[0]
    ours["files"]["/etc/nginx/conf.d/mlflow-server.conf"]["exists"] = True
    assert hosts.findings(MLFLOW, settings, ours) == []


def test_files_that_variables_name_have_to_be_there():
    settings = {**SETTINGS, "mlops_agent_tls_certificate": "/etc/ssl/a.crt", "mlops_agent_tls_private_key": "/etc/ssl/a.key"}
    assert found(settings)[0] == "mlops_agent_tls_certificate is /etc/ssl/a.crt, but the host has no such file. Put it there first, or correct the variable."
    assert len(found(settings)) == 2
    settings = {**SETTINGS, "mlflow_server_proxy": "nginx", "mlflow_server_proxy_certificate": "path",
                "mlflow_server_proxy_certificate_path": "/etc/ssl/m.crt", "mlflow_server_proxy_private_key_path": "/etc/ssl/m.key"}  # fmt: skip
    (sentence,) = found(settings, certificates={"/etc/ssl/m.crt": {"error": "/etc/ssl/m.crt does not exist.", "days_left": None}})
    assert sentence.startswith("/etc/ssl/m.crt does not exist. mlflow_server_proxy_certificate_path and mlflow_server_proxy_private_key_path must name")
    (sentence,) = found(settings, certificates={"/etc/ssl/m.crt": {"error": None, "days_left": -3, "not_after": 1700000000}})
    assert "expired on 2023-11-14" in sentence


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("jdk", "jdk_state is absent, but mlops_agent runs from /opt/sparkflows/jdk. Set mlops_agent_state to absent as well"),
        ("python", "python_state is absent, but pip_stack runs from /opt/sparkflows/python."),
        ("pip_stack", "pip_stack_state is absent, but mlflow_server and mlops_agent run from /opt/sparkflows/stack."),
    ],
)
def test_what_others_run_from_does_not_go_alone(gone, said):
    (sentence,) = found({**SETTINGS, gone + "_state": "absent"})
    assert sentence.startswith(said)
    assert found({**SETTINGS, **{role + "_state": "absent" for role in MLFLOW}}) == []


def test_a_jdk_elsewhere_is_nobodys_business():
    assert found({**SETTINGS, "jdk_state": "absent", "mlops_agent_jdk_home": "/usr/lib/jvm/java-8"}) == []


class TestStores:
    def facts(self, **changes: Any) -> dict[str, Any]:
        facts = {"exists": True, "tables": 16, "revision": "97727af70f4d", "expected": "97727af70f4d", "standing": "current", "error": None,
                 "runs": 4, "registered_models": 2, "model_versions": 3}  # fmt: skip
        return {"sqlite": {**facts, **changes}}

    @pytest.mark.parametrize(
        ("revision", "said"),
        [
            ("cc1f77228345", "has the schema cc1f77228345 of an older MLflow; the one to be installed wants 97727af70f4d. Set mlflow_server_database_upgrade"),
            ("abc", "has the schema abc of a newer or another MLflow"),
            (None, "/var/lib/mlflow-server/mlflow.db holds 16 tables, but none that tells MLflow's schema."),
        ],
    )
    def test_another_schema_than_that_of_the_mlflow_to_come(self, revision, said):
        databases = self.facts(revision=revision)
        (sentence,) = found(SETTINGS, databases=databases)
        assert said in sentence
        allowed = {**SETTINGS, "mlflow_server_database_upgrade": True}
        assert (found(allowed, databases=databases) == []) == (revision == "cc1f77228345")
        assert found({**SETTINGS, "mlflow_release": "2.9.0"}, databases=databases) == []

    def test_postgresql_that_refuses(self):
        settings = {**SETTINGS, "mlflow_server_backend_store": "postgresql"}
        said = "PostgreSQL does not let the tracking server in: FATAL: password authentication failed."
        assert found(settings, databases={"postgresql": {"exists": None, "standing": "unknown", "error": said}, **self.facts()}) == [said]

    def unit(self, *texts: str) -> dict[str, Any]:
        return {stores.UNIT_FILE: {"exists": True, "text": "ExecStart=mlflow server %s" % " ".join(texts)}}

    def test_records_are_not_left_behind_unless_told(self):
        settings = {**SETTINGS, "mlflow_server_backend_store": "postgresql"}
        databases = {**self.facts(), "postgresql": {"exists": True, "tables": 0, "standing": "new", "error": None}}
        files = self.unit("sqlite:///" + stores.SQLITE_FILE)
        (sentence,) = found(settings, databases=databases, files=files)
        assert "in SQLite, 4 runs and 2 registered models, and is to keep them in PostgreSQL" in sentence
        assert found({**settings, "mlflow_server_leave_behind": True}, databases=databases, files=files) == []
        assert found(settings, databases=databases) == [], "the switch was made in an earlier run"
        empty = {**databases, **self.facts(runs=0, registered_models=0)}
        assert found(settings, databases=empty, files=files) == []

    def test_artifacts_are_not_left_behind_unless_told(self):
        settings = {**SETTINGS, "mlflow_server_artifact_store": "s3", "mlflow_server_s3_uri": "s3://models/x"}
        folder = settings["mlflow_server_artifact_directory"]
        files = {**self.unit(folder), folder: {"exists": True, "entries": 2}}
        (sentence,) = found(settings, files=files)
        assert "Copy the folder's content to s3://models/x first and set mlflow_server_leave_behind to true" in sentence
        assert found({**settings, "mlflow_server_leave_behind": True}, files=files) == []
        assert found(settings, files={**files, folder: {"exists": True, "entries": 0}}) == []
        assert found(settings, files={**files, **self.unit()}) == []


def test_a_host_is_asked_once_for_all_its_roles():
    settings = {**SETTINGS, **defaults("scorer")}
    asked = hosts.questions((*MLFLOW, "scorer"), settings)
    assert asked["paths"].count("/etc/sparkflows-mlops") == 1
    assert {"mlflow-server.service", "docker.service"} <= set(asked["units"])
    assert {package["name"] for package in asked["packages"]} == {"zstd", "haproxy", "docker.io", "docker"}


def test_roles_that_go_ask_for_no_packages():
    settings = {**defaults(*MLFLOW, "scorer"), **{role + "_state": "absent" for role in (*MLFLOW, "scorer")}}
    assert hosts.questions((*MLFLOW, "scorer"), settings).get("packages", []) == []


@pytest.mark.parametrize(
    ("of_core", "least"),
    [
        # ansible-core 2.16 has a truth value there.
        (True, ((3, 7), "The collection")),
        (None, ((3, 7), "The collection")),
        ((3, 7), ((3, 7), "The collection")),
        ((3, 8), ((3, 8), "The running ansible-core")),
        ((3, 10), ((3, 10), "The running ansible-core")),
    ],
)
def test_the_least_python_of_a_host(of_core: object, least: tuple[tuple[int, int], str]) -> None:
    assert hosts.least_python(of_core) == least


def test_proofs_are_steps_of_their_role() -> None:
    for role, state in STATES.items():
        tasks = "".join(path.read_text() for path in (ROOT / "roles" / role / "tasks").glob("*.yml"))
        for proof in state.proofs:
            assert f"'{proof}' in __{role}_plan.steps" in tasks or f"'{proof}']) | length > 0" in tasks, f"{role}: {proof}"


def test_a_role_that_differs_is_due_and_so_is_what_follows() -> None:
    done: dict[str, Any] = {"planned": True, "steps": [], "differences": [], "inputs": {}}
    roles = {"jdk": done, "python": {**done, "steps": ["release"]}, "pip_stack": done}
    assert hosts.due(roles) == ["python", "pip_stack"]
    assert hosts.due({**roles, "jdk": {**done, "planned": False}}) == list(roles)
    assert hosts.due({"jdk": done}) == []
