# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight finds on a host, told from one reading of it."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._preflight import findings

HOST = {
    "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"},
    "architecture": "x86_64",
    "service_manager": "systemd",
    "memory_mb": {"total": 8000, "available": 7000},
    "disks": {
        "/opt/sparkflows/jdk": {"mount": "/", "total_mb": 20000, "free_mb": 9000},
        "/opt/sparkflows/python": {"mount": "/", "total_mb": 20000, "free_mb": 9000},
        "/opt/sparkflows/stack": {"mount": "/", "total_mb": 20000, "free_mb": 9000},
    },
    "distributions": None,
    "ports": {"5000": None, "8086": None},
    "units": {"mlflow-server.service": {"active_state": "inactive"}, "mlops-agent.service": {"active_state": "active"}},
}
SETTINGS = {
    "jdk_prefix": "/opt/sparkflows/jdk",
    "python_prefix": "/opt/sparkflows/python",
    "pip_stack_prefix": "/opt/sparkflows/stack",
    "mlflow_server_state": "present",
    "mlflow_server_port": 5000,
    "mlops_agent_state": "present",
    "mlops_agent_port": 8086,
    "mlops_agent_default_memory_mb": 2048,
    "mlops_agent_deployments": [],
}


def reading(**changes):
    return {**copy.deepcopy(HOST), **changes}


def test_a_fit_host_has_no_findings():
    assert findings(HOST, SETTINGS) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"os": {"family": "Suse", "distribution": "SLES", "major_version": "15"}}, "The operating system SLES 15 is not supported"),
        ({"architecture": "ppc64le"}, "The architecture ppc64le is not supported; use x86_64 or aarch64."),
        ({"service_manager": "runit"}, "this host runs runit"),
        ({"memory_mb": {"total": 512, "available": 400}}, "The host has 512 MB of memory; 768 MB are needed"),
        (
            {"ports": {"5000": {"address": "0.0.0.0", "pid": 7, "process": "registry", "unit": None}, "8086": None}},
            "Port 5000, wanted for mlflow_server_port, is held by registry (pid 7).",
        ),
        (
            {"ports": {"5000": None, "8086": {"address": "::", "pid": 9, "process": "influxd", "unit": "influxdb.service"}}},
            "Port 8086, wanted for mlops_agent_port, is held by influxd (pid 9) of influxdb.service.",
        ),
    ],
)
def test_what_stands_in_the_way_is_one_sentence(change, said):
    (sentence,) = findings(reading(**change), SETTINGS)
    assert said in sentence


def test_the_needs_of_all_prefixes_on_one_file_system_are_added_up():
    disks = {path: dict(disk, free_mb=3000) for path, disk in HOST["disks"].items()}
    (sentence,) = findings(reading(disks=disks), SETTINGS)
    assert "3000 MB are free on /; 3500 MB are needed" in sentence


def test_disk_is_no_matter_where_the_stack_is_installed():
    disks = {path: dict(disk, free_mb=10) for path, disk in HOST["disks"].items()}
    assert findings(reading(disks=disks, distributions={"installed": {"mlflow": "1.30.1"}}), SETTINGS) == []


def test_declared_models_count_against_memory():
    deployments = [{"name": "a", "memory_mb": 4096}, {"name": "b"}, {"name": "c"}]
    (sentence,) = findings(HOST, {**SETTINGS, "mlops_agent_deployments": deployments})
    assert "8960 MB are needed: 768 for the services and 8192 for the declared models" in sentence


def test_our_own_services_may_hold_their_ports():
    ports = {
        "5000": {"address": "127.0.0.1", "pid": 1, "process": "gunicorn", "unit": "mlflow-server.service"},
        "8086": {"address": "127.0.0.1", "pid": 2, "process": "python", "unit": "mlops-agent.service"},
        "5002": {"address": "127.0.0.1", "pid": 3, "process": "gunicorn", "unit": "mlops-model@churn.service"},
    }
    settings = {**SETTINGS, "mlops_agent_deployments": [{"name": "churn", "port": 5002}]}
    assert findings(reading(ports=ports), settings) == []


def test_a_holder_that_cannot_be_seen_is_ours_only_where_ours_runs():
    unseen = {"address": "127.0.0.1", "pid": None, "process": None, "unit": None}
    (sentence,) = findings(reading(ports={"5000": unseen, "8086": unseen}), SETTINGS)
    assert "Port 5000, wanted for mlflow_server_port, is held by a process that can't be seen from here." in sentence


def test_every_finding_is_told_at_once():
    assert len(findings(reading(architecture="s390x", service_manager="openrc", memory_mb={"total": 1, "available": 1}), SETTINGS)) == 3


def test_the_port_of_the_proxy_is_nginxs():
    settings = dict(SETTINGS, mlflow_server_proxy="nginx", mlflow_server_proxy_port=5443)
    holder = {"address": "0.0.0.0", "pid": 7, "process": "apache2", "unit": "apache2.service"}
    (found,) = findings(reading(ports={"5443": holder}), settings)
    assert found.startswith("Port 5443, wanted for mlflow_server_proxy_port, is held by apache2 (pid 7) of apache2.service.")
    assert findings(reading(ports={"5443": dict(holder, process="nginx", unit="nginx.service")}), settings) == []
    assert findings(reading(ports={"5443": holder}), dict(settings, mlflow_server_proxy="none")) == []
