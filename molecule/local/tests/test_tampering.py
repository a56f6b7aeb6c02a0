# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody changes a setting of Sparkflows by hand, on its pages or in its file: the plan names it, check mode foretells the repair, site.yml does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Operator
from spoils import PROPERTIES_SPOILS, SERVER_SPOILS, Spoil
from tampered import check, name_of, planned, rounds
from testinfra.host import Host

OWN: dict[str, Any] = {"sparkflows_settings": {"app.runOnCluster": "false"}, "sparkflows_secret_settings": {"mlops.kubeflow.password": "of a test"}}
SERVER, FILE = {**OWN, "sparkflows_method": "rest"}, OWN


@pytest.fixture(scope="module")
def saved(operator: Operator, on: Callable[[str], Host]) -> None:
    """What stands in the file wins over what is saved, so that it goes first. A masked secret can't be compared, and what was saved is remembered."""
    switch = "curl -sSf -X PUT -H 'Content-Type: application/json' -d '{\"mask_secrets\": true}' http://127.0.0.1:8080/_double/switches"
    on("allinone").check_output(switch)
    operator.play("site", **OWN, sparkflows_state="absent")
    operator.play("site", **SERVER)


@pytest.fixture(scope="module")
def written(operator: Operator) -> None:
    operator.play("site", **FILE)


def test_nothing_differs_on_a_server_that_nobody_touched(operator: Operator, tmp_path: Path, saved: None) -> None:
    assert not planned(operator, tmp_path, **SERVER)


@pytest.mark.parametrize("spoils", rounds(SERVER_SPOILS, 1), ids=name_of)
def test_what_was_saved_by_hand_is_put_right(
    operator: Operator, tmp_path: Path, on: Callable[[str], Host], saved: None, spoils: list[Spoil]
) -> None:
    check(operator, tmp_path, on, {"allinone": spoils[0]}, **SERVER)


@pytest.mark.parametrize("spoils", rounds(PROPERTIES_SPOILS, 1), ids=name_of)
def test_what_was_written_by_hand_is_put_right(
    operator: Operator, tmp_path: Path, on: Callable[[str], Host], written: None, spoils: list[Spoil]
) -> None:
    check(operator, tmp_path, on, {"allinone": spoils[0]}, **FILE)
