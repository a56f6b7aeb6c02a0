# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a Sparkflows host asks of MLflow hosts, and the key that the controller reads for it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import other_hosts
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.private_key import private_key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).resolve().parents[4]
QUESTION = {"name": "ssh_access target", "module": "ssh_target", "options": {"user": "u"}}


def waiting(*hosts: str) -> dict[str, t.Any]:
    return {"ssh_access": {"planned": False, "inputs": {"asks": [{"host": host, "predictions": [QUESTION]} for host in hosts]}}}


def variables(host: str, **plans: t.Any) -> dict[str, t.Any]:
    return {"inventory_hostname": host, "hostvars": {name: {} if plan is None else {"mlops_plan": plan} for name, plan in plans.items()}}


def test_a_host_is_asked_for_others_in_its_own_reading() -> None:
    plans = {"one": {"roles": waiting("mlflow", "other")}, "two": {"roles": waiting("other")}, "three": {"unreachable": True}, "four": None}
    asked, names = other_hosts.with_questions_of({"ports": [1], "predictions": [{"name": "jdk"}]}, [*plans, "gone"], variables("mlflow", **plans))
    assert names == {"one": "asked by one"}
    assert asked == {"ports": [1], "predictions": [{"name": "jdk"}, {**QUESTION, "name": "asked by one"}]}
    assert other_hosts.with_questions_of({"ports": [1]}, plans, variables("nobody-asks", **plans)) == ({"ports": [1]}, {})


def test_answers_come_from_plans_and_from_tasks() -> None:
    roles = waiting("a", "b", "c")
    plans = {"a": {"roles": {}, "answers": {"me": {"user": True}, "another": {"user": False}}}, "b": {"answers": {"another": {}}}, "c": None}
    read = [{"item": {"host": "c"}, "host": {"predictions": {"ssh_access target": {"user": False}}}}, {"item": {"host": "b"}, "failed": True}]
    assert other_hosts.answers(roles, read, variables("me", **plans)) == {"a": {"user": True}, "c": {"user": False}}


def test_a_host_that_was_planned_in_vain_is_not_read_again() -> None:
    plans = {"limited": None, "together": {"roles": {"ssh_access": {}}}, "unreachable": {"unreachable": True}, "refused": {"roles": {}, "findings": ["…"]}}
    roles = waiting(*plans)
    unread = other_hosts.to_be_read(roles, variables("me", **plans))["ssh_access"]["inputs"]["unread"]
    assert [entry["host"] for entry in unread] == ["limited", "together"]
    alone = other_hosts.to_be_read(waiting(*plans))["ssh_access"]["inputs"]["unread"]
    assert len(alone) == 4


def key() -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    return Ed25519PrivateKey.generate().private_bytes(*form).decode()


def settings(**changes: t.Any) -> dict[str, t.Any]:
    defaults = yaml.safe_load((ROOT / "roles" / "ssh_access" / "defaults" / "main.yml").read_text())
    return {**defaults, "ssh_access_enabled": True, **changes}


def test_a_key_is_read_for_a_plan() -> None:
    text = key()
    seen = private_key(settings(ssh_access_source="value", ssh_access_value="  " + text.replace("\n", "\r\n")))
    assert ("".join(seen["content"].split()), seen["findings"]) == ("".join(text.split()), [])
    assert "\r" not in seen["content"] and not seen["content"].startswith(" ")
    assert seen["fingerprint"].startswith("SHA256:") and seen["public_key"].startswith("ssh-ed25519 ")


@pytest.mark.parametrize("change", [{"ssh_access_enabled": False}, {"ssh_access_state": "absent"}])
def test_a_key_that_is_not_wanted_is_not_read(change: dict[str, t.Any]) -> None:
    nothing = {"content": None, "fingerprint": None, "public_key": None, "findings": []}
    assert private_key(settings(ssh_access_path="/nowhere", **change)) == nothing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ssh_access_source": "value", "ssh_access_value": "geheim"}, "is not a private key"),
        ({"ssh_access_path": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"ssh_access_source": "value", "ssh_access_value": key(), "ssh_access_allowed_types": ["rsa"]}, "of the type ed25519, and allowed_types has rsa"),
        ({"ssh_access_source": "hashicorp_vault", "ssh_access_secret_name": "a", "ssh_access_vault_url": "http://127.0.0.1:1",
          "ssh_access_vault_token": 12345678}, "127.0.0.1:1"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_a_finding(change: dict[str, t.Any], said: str) -> None:
    seen = private_key(settings(**change))
    assert (seen["content"], seen["fingerprint"], seen["public_key"]) == (None, None, None)
    assert said in " ".join(seen["findings"])
    assert "geheim" not in str(seen) and "12345678" not in str(seen) and "PRIVATE KEY-----\n" not in str(seen)
