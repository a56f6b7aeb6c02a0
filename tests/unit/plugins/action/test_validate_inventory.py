# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""validate.yml run for real over inventories made here; no host is contacted, so none is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
SECRET = "canary-8f3a6c2e7b"


GROUPS = ("mlflow_hosts", "sparkflows_hosts", "scorer_hosts")


def validate(folder, variables, groups=GROUPS, members=(("host-1", "mlflow_hosts"),)):
    """Run validate.yml over one host, or these members of groups, with these variables; return exit code and output."""
    children = {group: {"hosts": {host: {} for host, its in members if its == group}} for group in groups}
    inventory = {"all": {"vars": {"mlops_agent_token": SECRET, **variables}, "children": children}}
    (folder / "inventory.json").write_text(json.dumps(inventory))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/validate.yml", "-vvv"]
    done = subprocess.run(
        [*command, "-i", str(folder / "inventory.json")],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_good_inventory_passes_and_shows_no_secret(tmp_path):
    code, output = validate(tmp_path, {"mlflow_server_port": 5000, "jdk_prefix": "/srv/{{ 'jdk' }}", "mlops_agent_jdk_home": "{{ jdk_prefix }}/current"})
    assert code == 0, output
    assert "/srv/jdk" in output
    assert SECRET not in output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"mlflow_server_prot": 5000}, "The variable mlflow_server_prot is not known to any role."),
        ({"mlflow_server_serve_artifacts": "yes"}, "mlflow_server_serve_artifacts must be true or false"),
        ({"mlflow_server_port": 5005}, "lies in the range kept for models"),
        ({"mlops_agent_token": SECRET + "\n"}, "it is followed by a line break, which `| trim` takes off"),
        ({"jdk_prefix": "{{ nowhere }}"}, "The value of jdk_prefix can't be worked out"),
        ({"mlops_agent_deployments": [{"name": "a", "model_uri": "models:/a/1;id"}]}, "is not a model's address"),
        ({"mlops_canary": "host-2"}, "mlops_canary is 'host-2', but that is not a host of mlflow_hosts. Name one of them: host-1."),
    ],
)
def test_a_bad_variable_stops_the_run_with_its_sentence(tmp_path, variables, said):
    code, output = validate(tmp_path, variables)
    assert code != 0
    assert said in output
    assert "Traceback" not in output
    assert SECRET not in output


def test_all_problems_are_told_in_one_run(tmp_path):
    code, output = validate(tmp_path, {"mlflow_server_port": "5000", "jdk_stat": "present"}, groups=("mlflow_hosts", "scorer_hosts"))
    assert code != 0
    for said in ("no group sparkflows_hosts", "mlflow_server_port must be a whole number", "Did you mean jdk_state?"):
        assert said in output


def test_hosts_of_all_groups_are_told_in_one_run(tmp_path):
    variables = {"mlflow_server_port": 80, "scorer_request_timeout": 0, "sparkflows_token": SECRET, "sparkflows_url": "nowhere"}
    members = [("both", "mlflow_hosts"), ("both", "sparkflows_hosts"), ("scorer", "scorer_hosts")]
    code, output = validate(tmp_path, variables, members=members)
    assert code != 0
    for said in ("mlflow_server_port is '80'", "sparkflows_url is 'nowhere'", "scorer_request_timeout is '0'"):
        assert said in output
    assert SECRET not in output


def test_a_secret_that_cannot_be_worked_out_is_not_quoted(tmp_path):
    code, output = validate(tmp_path, {"mlops_agent_token": "{{ ('%s' | from_json).token }}" % SECRET})
    assert code != 0
    assert "The value of mlops_agent_token can't be worked out" in output
    # The template itself stands in the inventory; what Ansible says of its value must not be repeated by the task.
    assert "Ansible says" not in output


VAULTED = """!vault |
  $ANSIBLE_VAULT;1.2;AES256;prod
  33353131386239333064633565653435656231633535613834333530363737323939313636633765
"""


def test_an_encrypted_value_without_its_password_names_the_vault(tmp_path):
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("vault_token: %smlflow_server_postgresql_password: %s" % (VAULTED, VAULTED))
    code, output = validate(tmp_path, {"mlops_agent_token": "{{ vault_token }}"})
    assert code != 0
    assert "vault_token, which mlops_agent_token refers to, is encrypted, and no password that was given opens its vault prod." in output
    assert "mlflow_server_postgresql_password is encrypted, and no password that was given opens its vault prod. Give it with --vault-id prod@prompt" in output


def test_a_value_derived_from_the_hosts_name_says_so(tmp_path):
    code, output = validate(tmp_path, {"mlflow_server_stack": "/opt/{{ inventory_hostname }} x"})
    assert code != 0
    assert "Its value comes from /opt/{{ inventory_hostname }} x, the host's name in the inventory. Give the host another name or set" in output
