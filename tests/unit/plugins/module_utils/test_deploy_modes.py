# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each deploy mode needs what the admin guide says, and contradictions are told."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.deploy_modes import problems

URL = "https://mlflow.example.com:5443"
SSH = {"ssh_user": "mlops", "ssh_host": "mlflow.example.com", "ssh_key_path": "/home/sparkflows/.ssh/key"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"deploy_mode": "", "tracking_url": "http://127.0.0.1:5000"},
        {"deploy_mode": "local", "tracking_url": "http://127.0.0.1:5000"},
        {"deploy_mode": "remote", "tracking_url": URL, **SSH},
        {"deploy_mode": "remote", "tracking_url": URL, **SSH, "ssh_key_path": "", "ssh_key_vault_reference": "store/key"},
        {"deploy_mode": "fire_mlops_server", "tracking_url": URL, "mlops_host": "mlflow.example.com", "mlops_port": 8086},
        {"deploy_mode": "fire_mlops_server", "tracking_url": URL, "mlops_host": "mlflow.example.com", "mlops_port": 8086, **SSH},
    ],
)
def test_what_fits(options: dict[str, t.Any]) -> None:
    assert problems(options) == []


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        ({"deploy_mode": "kubeflow"}, ["x_deploy_mode is 'kubeflow'; it must be one of local, remote, fire_mlops_server."]),
        ({"deploy_mode": "local"}, ["The deploy mode local needs x_tracking_url. Give it."]),
        (
            {"deploy_mode": "local", "tracking_url": URL, "mlops_host": "h"},
            [
                "The deploy mode local contradicts x_mlops_host: in it Sparkflows and MLflow run on one machine. Take it out, or choose another mode."
            ],
        ),
        (
            {"deploy_mode": "remote", "tracking_url": URL},
            ["The deploy mode remote needs x_ssh_user, x_ssh_host, x_ssh_key_path or x_ssh_key_vault_reference. Give them."],
        ),
        (
            {"deploy_mode": "fire_mlops_server", "tracking_url": "http://localhost:5000", "mlops_host": "h"},
            [
                "The deploy mode fire_mlops_server needs x_mlops_port. Give it.",
                (
                    "The deploy mode fire_mlops_server contradicts the x_tracking_url http://localhost:5000: in it MLflow runs on another machine, "
                    "which Sparkflows reaches by name or address."
                ),
            ],
        ),
    ],
)
def test_what_does_not_fit(options: dict[str, t.Any], sentences: list[str]) -> None:
    assert problems(options, "x_") == sentences


@pytest.mark.parametrize(
    "url", ["http://[::1]:5000", "http://127.0.0.2:5000", "http://localhost.:5000", "http://[0:0:0:0:0:0:0:1]", "http://u:CANARY@127.0.0.1"]
)
def test_every_spelling_of_this_machine(url: str) -> None:
    (sentence,) = problems({"deploy_mode": "remote", "tracking_url": url, **SSH})
    assert sentence.startswith("The deploy mode remote contradicts the tracking_url ") and "CANARY" not in sentence
    assert problems({"deploy_mode": "local", "tracking_url": url}) == []
