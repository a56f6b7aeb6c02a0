# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points at which runs are killed are drawn from their seeds alone, and what is left of a run is told from what belongs there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "molecule"))

from kill_points import KINDS, LONGEST_DELAY, OPERATIONS, SHORT, START, after, drawn, ordered, secrets, shared_out, variables, wanted  # noqa: E402
from traces import Traces, left_behind, left_on_controller  # noqa: E402


def test_a_seed_is_one_point() -> None:
    assert [drawn(seed) for seed in range(300)] == [drawn(seed) for seed in range(300)]
    points = wanted({"SEEDS": "300"})
    assert [point.seed for point in points] == list(range(1, 301))
    assert wanted({"SEED": "17", "SEEDS": "300"}) == [points[16]]
    assert {point.operation for point in points} == set(OPERATIONS) and {point.kind for point in points} == set(KINDS)
    assert all(1 <= point.task <= OPERATIONS[point.operation].tasks and 0 <= point.delay <= LONGEST_DELAY for point in points)


def test_the_short_list_is_quick_and_kills_everything() -> None:
    points = wanted({"SEED": "", "SEEDS": ""})
    assert len(points) == SHORT
    assert all(OPERATIONS[point.operation].quick for point in points)
    assert {point.kind for point in points} == set(KINDS)
    assert {"install", "remove"} < {point.operation for point in points}


def test_every_point_has_one_host_and_a_removal_comes_before_what_sets_up() -> None:
    points = wanted({"SEEDS": "100"})
    queues = shared_out(points, ["one", "two"])
    assert sorted(point.seed for queue in queues.values() for point in queue) == list(range(1, 101))
    names = [point.operation for point in ordered(points)]
    first = names.index("install")
    assert names[first - 1] in ("remove", "uninstall")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_changes_something(name: str) -> None:
    before = {**START, "present": OPERATIONS[name].needs is not False}
    state = after(name, before)
    assert state != before
    assert variables(state, "secret-") != variables(before, "secret-")


def test_a_secret_is_known_after_it_was_replaced() -> None:
    state = after("token", START)
    known = secrets(state, "secret-")
    assert set(known) == {"token 0", "token 1", "password 0"} and len(set(known.values())) == 3
    assert variables(state, "secret-")["mlops_agent_token"] == known["token 1"]


CALM = {"/etc/sparkflows-mlops/mlops-agent.env", "/tmp/.X11-unix"}  # noqa: S108 - names only


@pytest.mark.parametrize(
    "path",
    [
        "/etc/sparkflows-mlops/.tmp-mlops-agent.env-abcdefgh",
        "/etc/sparkflows-mlops/.ansible_tmpabcdefghmlops-agent.env",
        "/etc/sparkflows-mlops/mlflow-proxy.pem.new",
        "/opt/sparkflows/jdk/releases/.tmp-abcdefgh",
        "/opt/sparkflows/stack/.tmp-abcdefgh",
        "/home/admin/.bash_history",
        "/tmp/tmpabcdefgh",  # noqa: S108
        "/etc/systemd/system/mlflow-server.service.former",
        "/etc/nginx/conf.d/mlflow-server.conf.former",
    ],
)
def test_what_does_not_belong_there_is_told(path: str) -> None:
    assert left_behind(Traces(frozenset({*CALM, path}), [], [], [], []), CALM) == [f"{path} was left"]


def test_what_operations_bring_is_not() -> None:
    came = {"/opt/sparkflows/jdk/releases/another-name", "/etc/sparkflows-mlops/firewall.nft", "/opt/sparkflows/stack/releases/0123456789ab"}
    came.add("/tmp/systemd-private-1-mlops-model@doubled.service-abc/tmp")  # noqa: S108 - a name only
    came.add("/home/admin/.ansible/tmp/ansible-tmp-1-2-3")
    assert left_behind(Traces(frozenset({*CALM, *came}), [], [], [], []), CALM) == []


def test_locks_processes_and_secrets_are_told(tmp_path: Path) -> None:
    seen = Traces(frozenset(), ["/opt/sparkflows/jdk/.lock"], ["/opt/sparkflows/jdk/releases/1"], ["tar x"], ["/tmp/x holds token 1"])
    assert left_behind(seen, CALM) == [
        "/opt/sparkflows/jdk/.lock is held", "/opt/sparkflows/jdk/releases/1 is not complete", "a process goes on: tar x", "/tmp/x holds token 1"
    ]  # fmt: skip
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "source").write_text("TOKEN=secret-token1")
    assert left_on_controller(tmp_path, {"token 1": "secret-token1"}) == [f"the controller's {tmp_path}/deep/source holds token 1"]
    assert left_on_controller(tmp_path, {"token 2": "secret-token2"}) == []
