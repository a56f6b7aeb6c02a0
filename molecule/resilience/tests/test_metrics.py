# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's /metrics on a host: models in their sandbox count what they are asked, and only that."""

from __future__ import annotations

import json

from deployments import eventually
from prometheus_client.parser import text_string_to_metric_families
from testinfra.host import Host

NAME = "verify-numpy"
BODY = json.dumps({"columns": ["a", "b"], "data": [[1.0, 2.0]]})
READ = (
    """curl --silent --fail --header "Authorization: Bearer $(sed -n 's/^[A-Z_]*TOKEN=//p' /etc/sparkflows-mlops/mlops-agent.env | tr -d '\\"')" """
    "http://127.0.0.1:8086/metrics"
)


def figures(host: Host) -> dict[tuple[str, str], float]:
    """{(name, code or nothing): value} of what concerns the model."""
    families = text_string_to_metric_families(host.check_output(READ))
    return {
        (sample.name, sample.labels.get("code", "")): sample.value
        for family in families for sample in family.samples if sample.labels.get("name") == NAME and "le" not in sample.labels
    }  # fmt: skip


def asked(host: Host, body: str, times: int) -> None:
    port = json.loads(host.check_output("cat /var/lib/mlops-agent/deployments/%s.json", NAME))["port"]
    for dummy in range(times):
        host.check_output("curl --silent --max-time 20 --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations", body, str(port))


def test_a_model_counts_what_it_is_asked(host: Host) -> None:
    before = figures(host)
    asked(host, BODY, 3)
    asked(host, "no row", 2)
    wanted = {("mlops_deployment_requests_total", "2xx"): 3, ("mlops_deployment_requests_total", "4xx"): 2}

    def counted() -> bool:
        now = figures(host)
        return all(now[key] - before[key] == much for key, much in wanted.items())

    eventually(counted, "the agent tells of these requests, and of none that it made itself")
    now = figures(host)
    total = ("mlops_deployment_request_duration_seconds_count", "")
    assert now[total] - before[total] == 5
    assert now["mlops_deployment_last_probe_success", ""] == now["mlops_deployment_ready", ""] == 1
    # Of the user of the model, for the agent to read.
    uid = host.check_output("systemctl show --property=UID --value mlops-model@%s.service", NAME)
    assert host.check_output("stat --format='%%u %%a' /run/mlops-models/%s/requests", NAME) == f"{uid} 644"


def test_memory_is_what_systemd_counts(host: Host) -> None:
    shown = host.check_output("systemctl show --property=MemoryCurrent --value mlops-model@%s.service", NAME)
    counts = shown.isdigit() and int(shown) < 2**64 - 1
    seen = figures(host).get(("mlops_deployment_memory_bytes", ""))
    # Where the kernel lets systemd count it.
    assert (seen is not None) == counts
    assert seen is None or int(shown) / 2 < seen < int(shown) * 2
