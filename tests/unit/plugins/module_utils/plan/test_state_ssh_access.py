# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ssh_access asks of a Sparkflows host and of those it logs in to, and what it makes of the answers."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import steps
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state.ssh_access import STATE
from tests.unit.plugins.module_utils.plan.readings import NO_FILE
from tests.unit.plugins.module_utils.plan.readings import settings as of_role

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
# As ssh-keygen -l prints them.
HOST_PRINT, OTHER_PRINT = "SHA256:RXm/ruZ0eTzRXKwi1AQEDynB0VgHQ2ac9KPSFdf/YnA", "SHA256:baqJQcVDEweKmw1OiZxGooCG2MGxYtwsQQzzOstxmiA"
KEY = {"fingerprint": "SHA256:new", "public_key": OTHER, "findings": []}
PATH, PINS = "/home/sparkflows/.ssh/sparkflows_mlops", "/home/sparkflows/.ssh/known_hosts"
ATTRIBUTES = {"path": PATH, "fingerprint": "SHA256:new", "mode": "0600", "owner": "sparkflows", "group": "sparkflows"}
TARGETS = [{"host": "mlflow-a", "address": "10.0.0.1"}, {"host": "mlflow-b", "address": "b.example.com", "port": 2222}]
BLOCK = "# BEGIN sparkflows-mlops\n10.0.0.1 %s\n[b.example.com]:2222 %s\n# END sparkflows-mlops\n" % (HOST_KEY, HOST_KEY)
FILE = {**NO_FILE, "exists": True, "kind": "file"}
FOLDER = {**NO_FILE, "exists": True, "kind": "directory"}


def settings(**changes: t.Any) -> dict[str, t.Any]:
    wanted = {"ssh_access_enabled": True, "ssh_access_client": "sparkflows", "ssh_access_targets": TARGETS, "ssh_access_key": KEY}
    return of_role("ssh_access", **{**wanted, **changes})


def answer(**changes: t.Any) -> dict[str, t.Any]:
    """What an MLflow host says that is as wanted."""
    return {"changed": any(changes.get(key) for key in ("added", "updated", "removed")), "error": None, "host_keys": [HOST_KEY], "user": True,
            "added": [], "updated": [], "removed": [], "states": [[], []], **changes}  # fmt: skip


def reading(key: t.Any = None, pins: t.Any = None, logins: t.Any = (), files: t.Any = None, **changes: t.Any) -> dict[str, t.Any]:
    """What a Sparkflows host says that is as wanted, changed."""
    return {
        "packages": None,
        "users": {"sparkflows": {"exists": True}},
        "commands": {"ssh": "/usr/bin/ssh", "runuser": "/usr/sbin/runuser"},
        "files": {PATH: FILE, PATH + ".new": NO_FILE, "/home/sparkflows": FOLDER, **(files or {})},
        "predictions": {
            "ssh_access key": {"changed": False, "error": None, "previous_fingerprint": "SHA256:new", "diff": {"before": {}, "after": {}}, **(key or {})},
            "ssh_access pins": {"changed": False, "error": None, "block": BLOCK, "states": [[], []], **(pins or {})},
            "ssh_access logins": {"changed": False, "error": None, "logins": [{"host": "mlflow-a", "proved": True, "sentence": ""}, *logins]},
        },
        **changes,
    }


def both(a: t.Any = None, b: t.Any = None) -> dict[str, t.Any]:
    return {"mlflow-a": answer(**(a or {})), "mlflow-b": answer(**(b or {}))}


def told(wanted: dict[str, t.Any], seen: dict[str, t.Any]) -> list[tuple[str, str, str, str]]:
    return [(one.step, one.item, one.before, one.after) for one in STATE.differences(wanted, seen, {}, {})]


def key(previous: str | None, **before: str) -> dict[str, t.Any]:
    shown = {**ATTRIBUTES, "fingerprint": previous, **before} if previous else {}
    return {"changed": True, "previous_fingerprint": previous, "diff": {"before": shown, "after": ATTRIBUTES}}


LOGIN = ("login", "login at mlflow-a, mlflow-b", "not proved", "proved")
ON_A = "authorized_keys of sparkflows-ssh on mlflow-a"


def test_what_is_as_wanted_needs_nothing() -> None:
    assert told(settings(answers=both()), reading()) == []
    assert STATE.findings(settings(answers=both()), reading()) == []


@pytest.mark.parametrize(
    ("seen", "answers", "differing"),
    [
        (reading(key=key(None)), both(), [("key", PATH, "missing", "SHA256:new"), LOGIN]),
        (reading(key=key("SHA256:old")), both(), [("key", PATH, "SHA256:old", "SHA256:new"), LOGIN]),
        (reading(key=key("SHA256:new", mode="0640", owner="root")), both(), [
            ("key", PATH + ": owner", "root", "sparkflows"), ("key", PATH + ": mode", "0640", "0600"), LOGIN]),
        (reading(key=key("SHA256:new")), both(), []),  # the same key, in lines of another length
        (reading(files={PATH + ".new": FILE}), both(), [("leftover", PATH + ".new", "there", "removed")]),
        (reading(), both({"user": False, "added": ["SHA256:new"]}), [
            ("user", "user sparkflows-ssh on mlflow-a", "missing", "made"), ("entries", ON_A + ": SHA256:new", "missing", "lets in"), LOGIN]),
        (reading(), both({"updated": ["SHA256:new"], "removed": ["SHA256:old"]}), [
            ("entries", ON_A + ": SHA256:new", "has other options", "as wanted"), ("entries", ON_A + ": SHA256:old", "lets in", "removed"), LOGIN]),
        (reading(), both({"changed": True, "states": [["is owned by root"], ["is owned by sparkflows-ssh"]]}), [
            ("entries", ON_A, "is owned by root", "is owned by sparkflows-ssh"), LOGIN]),
        (reading(pins={"block": "", "states": [[PINS + " is missing"], [PINS + " is owned by sparkflows with mode 0600"]]}), both(), [
            ("pins", PINS, PINS + " is missing", PINS + " is owned by sparkflows with mode 0600"),
            ("pins", PINS + ": host key of 10.0.0.1 ssh-ed25519", "missing", HOST_PRINT),
            ("pins", PINS + ": host key of [b.example.com]:2222 ssh-ed25519", "missing", HOST_PRINT), LOGIN]),
        (reading(pins={"block": BLOCK.replace("# END", "gone %s\n# END" % OTHER)}), both(), [
            ("pins", PINS + ": host key of gone ssh-ed25519", OTHER_PRINT, "removed"), LOGIN]),
        (reading(pins={"block": BLOCK.rstrip("\n")}), both(), [("pins", PINS + ": host keys", "in another order or form", "written"), LOGIN]),
        (reading(logins=[{"host": "mlflow-b", "proved": False, "sentence": "…"}]), both(), [("login", "login at mlflow-b", "fails", "proved")]),
    ],
)  # fmt: skip
def test_what_differs(seen: dict[str, t.Any], answers: dict[str, t.Any], differing: list[tuple[str, str, str, str]]) -> None:
    assert told(settings(answers=answers), seen) == differing


@pytest.mark.parametrize(
    ("wanted", "seen", "answers", "said"),
    [
        ({"ssh_access_key": {**KEY, "fingerprint": None, "public_key": None, "findings": ["The key is a DSA key."]}}, {}, both(), ["The key is a DSA key."]),
        ({}, {"users": {"sparkflows": {"exists": False}}}, both(), ["The host has no user sparkflows, who would use the key."]),
        ({}, {"files": {"/home/sparkflows": NO_FILE}}, both(), ["The host has no folder /home/sparkflows, below which the key is to be."]),
        ({}, {"commands": {"ssh": None, "runuser": "/usr/sbin/runuser"}}, both(), ["The host has no command ssh, with which"]),
        ({}, {"files": {PATH: FOLDER}, "key": {"error": "is a folder"}}, both(), [PATH + " is a folder, but ssh_access_key_path is the path of a file"]),
        ({}, {"files": {PATH + ".new": {**FILE, "kind": "link"}}}, both(), [PATH + ".new is not a regular file"]),
        ({}, {"key": {"error": "The folder has the mode 0777."}}, both(), ["The folder has the mode 0777."]),
        ({}, {"pins": {"error": "The file is a symbolic link."}}, both(), ["The file is a symbolic link."]),
        ({}, {}, both({"host_keys": []}), ["mlflow-a has no public host key in /etc/ssh/ssh_host_*_key.pub that could be pinned."]),
        ({"ssh_access_create_user": False}, {}, both({"user": False}, {"user": False}), ["mlflow-a has no user sparkflows-ssh", "mlflow-b has no user"]),
        ({}, {}, both(b={"error": "It is a symbolic link."}), ["mlflow-b: It is a symbolic link."]),
        ({"ssh_access_create_user": False}, {"users": {"sparkflows": {"exists": False}}}, both({"user": False}), ["The host has no user", "mlflow-a has"]),
    ],
)  # fmt: skip
def test_what_is_found(wanted: dict[str, t.Any], seen: dict[str, t.Any], answers: dict[str, t.Any], said: list[str]) -> None:
    found = STATE.findings(settings(answers=answers, **wanted), reading(**seen))
    assert len(found) == len(said) and all(sentence.startswith(start) for sentence, start in zip(found, said)), found
    assert told(settings(answers=answers, **wanted), reading(**seen)) == []


def test_the_tasks_are_filled_with_what_differs() -> None:
    wanted = settings(answers=both({"changed": True, "removed": ["SHA256:old"]}, {"user": False, "added": ["SHA256:new"]}))
    new = STATE.inputs(wanted, reading(key=key("SHA256:old")))
    assert (new["rotates"], new["proved_key"], new["proof"]["options"]["key"]) == (True, PATH + ".new", PATH + ".new")
    assert [[one["host"] for one in new[of]] for of in ("userless", "entries", "retire")] == [["mlflow-b"], ["mlflow-a", "mlflow-b"], ["mlflow-a"]]
    assert new["pins"] == BLOCK.splitlines()[1:-1]
    assert new["consolation"] == "The key that was in use until now stays in use."
    same = STATE.inputs(wanted, reading())
    assert (same["rotates"], same["proved_key"], same["retire"], same["consolation"]) == (False, PATH, [], "")


def test_absent_removes_what_is_there_and_reads_no_key() -> None:
    wanted = settings(ssh_access_state="absent", ssh_access_key=None, answers=both({"changed": True, "removed": ["SHA256:old"]}))
    seen = reading(files={PATH: FILE, PATH + ".new": FILE})
    assert [one[:2] for one in told(wanted, seen)] == [
        ("entries_removed", ON_A + ": SHA256:old"), ("key_removed", PATH + ".new"), ("key_removed", PATH), ("pins_removed", PINS + ": host keys"),
    ]  # fmt: skip
    gone = settings(ssh_access_state="absent", ssh_access_key=None, answers=both())
    assert told(gone, reading(files={PATH: NO_FILE}, pins={"block": ""})) == []
    # Nobody needs to be there for that.
    assert STATE.findings(wanted, reading(users={"sparkflows": {"exists": False}}, commands={"ssh": None, "runuser": None})) == []


def test_the_key_is_a_secret_of_the_question_and_the_targets_get_its_public_half() -> None:
    wanted = settings(ssh_access_key={**KEY, "content": "geheim"}, ssh_access_options=['command="x"'])
    (of_key,) = [one for one in STATE.questions(wanted)["predictions"] if one["module"] == "ssh_private_key"]
    assert of_key["secrets"] == {"content": "geheim"} and "geheim" not in str(of_key["options"])
    (logins,) = [one for one in STATE.questions(wanted)["predictions"] if one["module"] == "ssh_logins"]
    assert logins["options"]["forced"] is True
    asked = STATE.asks(wanted)
    assert list(asked) == ["mlflow-a", "mlflow-b"] and asked["mlflow-a"]["options"]["keys"] == [OTHER]
    assert "geheim" not in str(asked) + str(STATE.inputs(wanted, reading()))


def test_a_role_that_is_not_enabled_asks_nobody_anything() -> None:
    wanted = settings(ssh_access_enabled=False)
    assert (STATE.questions(wanted), STATE.asks(wanted), STATE.findings(wanted, {}), told(wanted, {})) == ({}, {}, [], [])
    assert hosts.Planned(["ssh_access"], wanted, lambda role, template, inputs: "", {}).judge({"packages": None}).due == []


def test_a_plan_waits_for_all_targets_and_is_then_complete() -> None:
    wanted = settings(ssh_access_key={**KEY, "content": "geheim"})
    plan = hosts.Planned(["ssh_access"], wanted, lambda role, template, inputs: "", {}).judge(reading())
    part = plan.roles["ssh_access"]
    assert (part["planned"], part["steps"]) == (False, [])
    assert "geheim" not in str(part)
    assert [entry["host"] for entry in part["inputs"]["asks"]] == ["mlflow-a", "mlflow-b"]
    public = {name: value for name, value in settings().items() if name != "ssh_access_key"}

    assert hosts.complete(plan.roles, public, {"mlflow-a": answer(added=["SHA256:new"])}) == []
    part = plan.roles["ssh_access"]
    assert part["planned"] is False and [entry["host"] for entry in part["inputs"]["asks"]] == ["mlflow-b"]

    assert hosts.complete(plan.roles, public, {"mlflow-b": answer(host_keys=[])}) == [
        "mlflow-b has no public host key in /etc/ssh/ssh_host_*_key.pub that could be pinned. Install and start sshd there."
    ]
    assert plan.roles["ssh_access"]["planned"] is True

    plan = hosts.Planned(["ssh_access"], wanted, lambda role, template, inputs: "", {}).judge(reading())
    assert plan.due == ["ssh_access"]
    assert hosts.complete(plan.roles, public, both({"added": ["SHA256:new"]}, {})) == []
    assert (plan.roles["ssh_access"]["planned"], plan.roles["ssh_access"]["steps"]) == (True, ["entries", "login"])
    # Nothing more is to be learned.
    assert hosts.complete(plan.roles, public, both()) == [] and hosts.due(plan.roles) == ["ssh_access"]


def test_steps_have_names_of_their_own() -> None:
    found = STATE.differences(settings(answers=both({"user": False, "added": ["SHA256:new"]})), reading(key=key(None), pins={"block": ""}), {}, {})
    assert steps(found) == ["user", "entries", "key", "pins", "login"]


def test_tasks_have_all_their_words_where_the_role_is_off() -> None:
    on = STATE.inputs({**settings(), "answers": both()}, reading())
    off = STATE.inputs(settings(ssh_access_enabled=False), reading())
    assert set(off) == set(on)
    assert off["entries"] == off["retire"] == off["userless"] == []
