# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options become settings by public names and by names that were given, and by no guess."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.sparkflows.mlops.plugins.filter.named_settings import named_settings


def test_public_names_and_given_ones() -> None:
    options = {"tracking_url": "http://m:5000", "s3_ignore_tls": False, "ssh_user": "", "tracking_username": "fire"}
    assert named_settings(options, {"tracking_username": "some.name"}) == {
        "mlops.mlflow.trackingURL": "http://m:5000",
        "mlops.aws.s3.ignore.tls": "false",
        "some.name": "fire",
    }


@pytest.mark.parametrize("names", [{"mlops_host_port": "both"}, {"mlops_host": "both", "mlops_port": "both"}])
def test_host_and_port_in_one_setting(names: dict[str, str]) -> None:
    assert named_settings({"mlops_host": "m", "mlops_port": 8086}, names) == {"both": "m:8086"}
    for host in ("2001:db8::1", "[2001:db8::1]"):
        assert named_settings({"mlops_host": host, "mlops_port": 8086}, names) == {"both": "[2001:db8::1]:8086"}


def test_host_and_port_apart() -> None:
    assert named_settings({"mlops_host": "m", "mlops_port": 8086}, {"mlops_host": "h", "mlops_port": "p"}) == {"h": "m", "p": "8086"}


def test_a_name_that_nobody_knows_is_no_guess() -> None:
    with pytest.raises(AnsibleFilterError, match="^The names of these settings are not public: mlops_host, ssh_user. Name them with sparkflows_key_names"):
        named_settings({"mlops_host": "m", "ssh_user": "u", "deploy_mode": "remote"})
