# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of roles that do not go together on one host, and of the variables as a whole."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _specs, pip_stack, site, validation

ROOT = Path(__file__).resolve().parents[5]
ROLES = ("jdk", "python", "pip_stack", "mlflow_server", "mlops_agent", "firewall")
TOKEN = {"mlops_agent_token": "0123456789abcdef"}
NGINX = {"mlflow_server_proxy": "nginx", "mlflow_server_proxy_password": "0123456789ab"}
POSTGRESQL = {"mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_password": "x"}
SERVED = {"name": "churn", "model_uri": "models:/churn/1"}

Changes = dict[str, t.Any]


def problems(changes: Changes, roles: t.Sequence[str] = ROLES) -> list[str]:
    options = {role: yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"] for role in roles}
    variables = validation.Variables(options, {**TOKEN, **changes}, {}, {}, changes, derived=["firewall_ports", "firewall_sources", "mlops_agent_tracking_uri"])
    return validation.problems(variables, lambda role, path: True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mlflow_server_port": 8086}, "mlflow_server_port and mlops_agent_port are both 8086; give each a port of its own."),
        ({**NGINX, "mlflow_server_proxy_port": 8086}, "mlflow_server_proxy_port and mlops_agent_port are both 8086; give each a port of its own."),
        ({"mlflow_server_port": 5002}, "mlflow_server_port is 5002, which lies in the range kept for models (5001 to 5050); move one of them."),
        (
            {**NGINX, "mlflow_server_proxy_port": 5002},
            "mlflow_server_proxy_port is 5002, which lies in the range kept for models (5001 to 5050); move one of them.",
        ),
        ({"jdk_prefix": "/srv/jdk"}, "jdk_prefix is /srv/jdk, but mlops_agent_jdk_home is still /opt/sparkflows/jdk/current. Set it to /srv/jdk/current."),
        ({"python_prefix": "/srv/p"}, "python_prefix is /srv/p, but pip_stack_python is still /opt/sparkflows/python/current/bin/python3.7. Set it to"),
        (POSTGRESQL, "mlflow_server_backend_store is postgresql, but the stack has no psycopg2. Add postgresql to pip_stack_extras."),
    ],
)
def test_what_does_not_go_together_is_told(changes: Changes, sentence: str) -> None:
    assert [found for found in problems(changes) if found.startswith(sentence)], problems(changes)


SCORER = {
    "scorer_image": "registry.example.com/scorer:1", "scorer_container_port": 8080, "scorer_model_mount": "/model", "scorer_score_path": "/score",
}  # fmt: skip


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        (8086, "mlops_agent_port and scorer_services (port of churn) are both 8086; give each a port of its own."),
        (5000, "mlflow_server_port and scorer_services (port of churn) are both 5000; give each a port of its own."),
        (5007, "scorer_services (port of churn) is 5007, which lies in the range kept for models (5001 to 5050); move one of them."),
        (9001, None),
    ],
)
def test_a_scorer_beside_mlflow_has_a_port_of_its_own(port: int, sentence: str | None) -> None:
    scorers = {**SCORER, "scorer_services": [{"name": "churn", "port": port, "model": {"path": "/srv/churn"}}]}
    assert problems(scorers, [*ROLES, "scorer"]) == ([sentence] if sentence else [])
    assert problems({**scorers, "scorer_state": "absent"}, [*ROLES, "scorer"]) == []


def test_a_moved_stack_is_told_of_each_role_that_would_miss_it() -> None:
    told = [re.findall(r"but (\w+) is still", sentence) for sentence in problems({"pip_stack_prefix": "/srv/stack"})]
    assert told == [["mlflow_server_stack"], ["mlops_agent_stack"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # The agent follows the server of its host unless the inventory names another.
        {"mlflow_server_port": 5060, "mlops_agent_model_port_first": 5000},
        {"mlflow_server_port": 5060, "mlops_agent_tracking_uri": "http://127.0.0.1:5060"},
        {"mlflow_server_proxy_port": 8086},
        # What is removed, or served by another, takes no port.
        {"mlflow_server_state": "absent", "mlflow_server_port": 8086},
        {"mlops_agent_state": "absent", "mlflow_server_port": 8086},
        {"mlops_agent_state": "absent", "mlflow_server_port": 5002},
        {
            "mlops_agent_provider": "vendor",
            "mlops_agent_vendor_archive_src": "a",
            "mlops_agent_vendor_archive_sha256": "0" * 64,
            "mlops_agent_vendor_command": ["start"],
            "mlflow_server_port": 5002,
            "mlops_agent_tracking_uri": "http://127.0.0.1:5002",
        },
        {**POSTGRESQL, "pip_stack_extras": ["postgresql"]},
        {**POSTGRESQL, "mlflow_server_stack": "/opt/of-another"},
        {**POSTGRESQL, "pip_stack_state": "absent"},
        {"firewall_enabled": True},
    ],
)
def test_what_goes_together_is_not_spoken_of(changes: Changes) -> None:
    assert problems(changes) == []


def test_a_role_alone_is_not_asked_about_others() -> None:
    assert problems({"mlflow_server_port": 8086}, ["mlflow_server"]) == []
    assert problems({"pip_stack_prefix": "/srv/stack"}, ["pip_stack"]) == []


def test_a_derived_list_may_be_empty_and_one_that_is_given_is_judged() -> None:
    assert problems({"firewall_enabled": True, "firewall_ports": ["0"]})[0].startswith("firewall_ports: entry 1 is '0'")


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems({"jdk_stat": "present", "mlflow_server_workers": "2", "mlops_agent_token": "", "python_keep": -1})
    assert len(found) == 4


def test_a_value_that_cannot_be_worked_out_has_one_sentence() -> None:
    options = {"mlops_agent": _options("mlops_agent")}
    variables = validation.Variables(options, {}, {"mlops_agent_token": "The value of mlops_agent_token can't be worked out."}, {}, ())
    assert validation.problems(variables, lambda role, path: True) == ["The value of mlops_agent_token can't be worked out."]


def test_a_missing_group_is_told_and_an_empty_one_is_not() -> None:
    (sentence,) = site.missing_groups({"all": [], "mlflow_hosts": []}, ["mlflow_hosts", "scorer_hosts"])
    assert "no group scorer_hosts" in sentence


def test_unknown_variables_are_told_with_the_one_that_was_meant() -> None:
    options = _options("mlflow_server")
    assert _specs.unknown_variables(
        options, ["mlflow_server"], ["mlflow_server_prot", "mlflow_server_port", "ansible_host", "__mlflow_server_x", "mlflow"]
    ) == ["The variable mlflow_server_prot is not known to any role. Did you mean mlflow_server_port?"]
    # Where a role is used among others' variables, a name that looks like none of ours is theirs.
    assert _specs.unknown_variables(options, ["mlflow_server"], ["mlflow_server_rack_position"], near=True) == []
    assert len(_specs.unknown_variables(options, ["mlflow_server"], ["mlflow_server_prot"], near=True)) == 1


def test_a_required_variable_that_is_missing_is_told_with_its_meaning() -> None:
    options = {"a": {"required": True, "description": ["Where it is.", "More."]}}
    assert _specs.missing_variables(options, {}) == {"a": "a is required and not given. Where it is."}
    assert _specs.missing_variables(options, {"a": "t"}) == {}


PIN = "numpy==1.21.6 --hash=sha256:%s\n" % ("0" * 64)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("numpy==1.21.6\n", "can't be used"),
        ("numpy>=1.21.6\n", "can't be used"),
        ("# requires-python: 3.9\n" + PIN, "made for Python 3.9"),
        (PIN.replace("numpy", "mlflow") + PIN.replace("numpy", "mlflow").replace("1.21.6", "1.21.7"), "pins mlflow twice"),
        ("\udcff", "it is not text in UTF-8"),
    ],
)
def test_a_lock_that_cannot_be_used_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "lock.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    (sentence,) = problems({"pip_stack_lock": str(tmp_path / "lock.txt")})
    assert said in sentence


def test_locks_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("# requires-python: 3.7\n" + PIN.replace("1.21.6", "1.0"))
    (sentence,) = problems({"pip_stack_extras": [str(tmp_path / "lock.txt")]})
    assert "pins numpy twice" in sentence


def test_the_locks_of_the_stack_are_the_own_ones_and_those_named() -> None:
    settings = {"pip_stack_lock": "", "pip_stack_extras": ["h2o", "/srv/extra.txt"]}
    own = ROOT / "roles/pip_stack/files/locks"
    paths = pip_stack.lock_paths(settings)
    assert [Path(path).resolve() for path in paths] == [own / "mlflow.txt", own / "h2o.txt", Path("/srv/extra.txt")]
    assert pip_stack.lock_paths({**settings, "pip_stack_lock": "/srv/lock.txt"})[0] == "/srv/lock.txt"


def _options(role: str) -> dict[str, dict[str, t.Any]]:
    options: dict[str, dict[str, t.Any]] = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    return options
