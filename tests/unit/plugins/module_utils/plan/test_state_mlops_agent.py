# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the role mlops_agent would change on a host, and what would stop it, told from one reading."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import mlops_agent as state

ROOT = Path(__file__).resolve().parents[5]
Settings = dict[str, t.Any]
Reading = dict[str, t.Any]
Row = tuple[str, str, str, str, str]

STARTED = 1000.0
UNIT, SOCKET, HELPER = "mlops-agent.service", "mlops-agent.socket", "mlops-model-helper.socket"
SYSTEM = "/etc/systemd/system/"
JSON, ENV, MODEL_ENV = "/etc/sparkflows-mlops/mlops-agent.json", "/etc/sparkflows-mlops/mlops-agent.env", "/etc/sparkflows-mlops/model-serving.env"
HEALTH, TRACKING = "http://127.0.0.1:8086/health", "http://127.0.0.1:5000/health"
STACK = "/opt/sparkflows/stack/current"
CHURN = {"name": "churn", "model_uri": "models:/churn/3", "memory_mb": 512}
VENDOR = {
    "mlops_agent_provider": "vendor", "mlops_agent_vendor_archive_src": "/srv/server.tar.gz", "mlops_agent_vendor_archive_sha256": "0" * 64,
    "mlops_agent_vendor_command": ["bin/start"],
}  # fmt: skip


def settings(**changes: t.Any) -> Settings:
    given: Settings = yaml.safe_load((ROOT / "roles/mlops_agent/defaults/main.yml").read_text())
    return {**given, "mlops_agent_token": "geheim-0123456789", **changes}


SETTINGS = settings()


def planned(given: Settings, ahead: t.Mapping[str, t.Sequence[str]] | None = None) -> hosts.Planned:
    return hosts.Planned(["mlops_agent"], given, lambda role, template, inputs: "text of %s" % template, ahead or {})


def thing(kind: str | None = "file", mode: str | None = "0644", **facts: t.Any) -> Reading:
    return {"exists": True, "kind": kind, "mode": mode, "owner": "root", "group": "root", "mtime": STARTED - 100, "matches": None, "text": None, **facts}


GONE = thing(exists=False, kind=None, mode=None, owner=None, group=None, mtime=None)


def converged(given: Settings) -> Reading:
    """What a host answers that a run has left."""
    asked = planned(given).questions()
    reading: Reading = {
        "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"}, "architecture": "x86_64", "service_manager": "systemd",
        "selinux": "disabled", "memory_mb": {"total": 8000, "available": 7000}, "disks": {}, "packages": None,
        "ports": {str(port): None for port in asked.get("ports", [])},
        "units": {unit: {"exists": False, "active_state": "inactive", "enabled": False, "started_at": None, "needs_reload": False} for unit in asked["units"]},
        "urls": {entry["url"]: {"status": 200, "error": None} for entry in asked.get("urls", [])},
        "users": dict.fromkeys(asked["users"], {"exists": True, "group": "mlops-agent", "home": "/var/lib/mlops-agent", "shell": "/usr/sbin/nologin"}),
        "groups": dict.fromkeys(asked.get("groups", []), {"exists": True, "gid": 990}),
        "files": {file["path"]: thing() for file in asked["files"]},
        "predictions": {"mlops_agent": {"changed": False, "error": None}},
    }  # fmt: skip
    files = reading["files"]
    for file in state.files(given):
        files[file.path] = thing(mode=file.mode, **({"matches": True} if file.secret else {"text": "text of %s" % file.template}))
    files["/etc/sparkflows-mlops"] = thing("directory", "0755")
    if given["mlops_agent_state"] == "present":
        files[SYSTEM + "mlops-model-helper@.service"] = GONE
        if given["mlops_agent_provider"] == "vendor":
            files.update((path, GONE) for path in state.inputs(given, None)["builtin_alone"])
        for unit in (UNIT, SOCKET, HELPER) if given["mlops_agent_provider"] == "builtin" else (UNIT,):
            reading["units"][unit] = {"exists": True, "active_state": "active", "enabled": True, "started_at": STARTED, "needs_reload": False}
        reading["ports"][str(given["mlops_agent_port"])] = {"address": "127.0.0.1", "pid": 1, "process": "systemd", "unit": UNIT}
    served = {entry["name"]: told(**entry) for entry in given["mlops_agent_deployments"] if entry.get("state") != "absent"}
    reading["predictions"]["mlops_agent_deployments"] = {
        "changed": False, "error": None, "served": served, "unmanaged": {}, "stages": {}, "source": "agent", "silence": None,
    }  # fmt: skip
    return reading


def told(**declared: t.Any) -> dict[str, t.Any]:
    """A deployment, as the agent tells of it."""
    defaults = {"port": 5001, "workers": 1, "memory_mb": 2048, "startup_timeout": 180, "probe": None, "follow": False, "state": "ready", "message": ""}
    return {**defaults, "resolved_uri": declared.get("model_uri"), **declared}


def rows(given: Settings, reading: Reading, **ahead: list[str]) -> list[Row]:
    plan = planned(given, ahead).judge(reading)
    return [tuple(row[key] for key in ("step", "item", "before", "after", "reason")) for row in plan.roles["mlops_agent"]["differences"]]


def restart(reason: str) -> Row:
    return ("start", UNIT, "runs", "restarted", reason)


def change(*keys: str, **facts: t.Any) -> t.Callable[[Reading], None]:
    """A host on which one thing is otherwise."""

    def spoil(reading: Reading) -> None:
        place = reading
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = {**(place[keys[-1]] or {}), **facts}

    return spoil


@pytest.mark.parametrize(
    "given",
    [
        SETTINGS,
        settings(**VENDOR),
        settings(**VENDOR, mlops_agent_vendor_health_path="/up"),
        settings(mlops_agent_deployments=[CHURN, {"name": "old", "state": "absent"}]),
        settings(mlops_agent_tls_certificate="/etc/ssl/a.crt", mlops_agent_tls_private_key="/etc/ssl/a.key", mlops_agent_listen_address="::"),
    ],
)
def test_a_host_as_a_run_has_left_it_needs_nothing(given: Settings) -> None:
    assert rows(given, converged(given)) == []


SPOILED: list[tuple[t.Callable[[Reading], None], list[Row]]] = [
    (change("users", "mlops-agent", exists=False), [("users", "user mlops-agent", "missing", "made", "")]),
    (change("users", "mlops-agent", shell="/bin/bash"), [("users", "user mlops-agent: shell", "/bin/bash", "/usr/sbin/nologin", "")]),
    (change("users", "mlops-agent", group="users"), [("users", "user mlops-agent: group", "users", "mlops-agent", "")]),
    (change("groups", "mlops-agent", exists=False), [("users", "group mlops-agent", "missing", "made", "")]),
    (change("files", "/etc/sparkflows-mlops", **GONE), [("configuration", "/etc/sparkflows-mlops", "missing", "made", "")]),
    (change("files", "/etc/sparkflows-mlops", mode="0777"), [("configuration", "/etc/sparkflows-mlops: mode", "0777", "0755", "")]),
    (
        change("files", SYSTEM + "mlops-model-helper@.service", **thing()),
        [("former_helper", SYSTEM + "mlops-model-helper@.service", "there", "removed", "")],
    ),
    (
        change("predictions", "mlops_agent", changed=True, diff={"before": "", "after": "current -> releases/1.0.0\n"}),
        [("code", "/opt/sparkflows/mlops-agent", "missing", "current -> releases/1.0.0", ""), restart("its code changes")],
    ),
    (
        change("predictions", "mlops_agent", changed=True, diff={"before": "current -> releases/1.0.0\n", "after": "current -> releases/1.0.0\n"}),
        [("code", "/opt/sparkflows/mlops-agent/current", "holds something else", "laid down anew", ""), restart("its code changes")],
    ),
    (change("files", JSON, text="{}"), [("files", JSON, "holds something else", "written", ""), restart(JSON + " changes")]),
    (
        change("files", JSON, text='{\n    "jdk_home": "/srv/jdk/current"\n}'),
        [
            ("files", JSON, "holds something else", "written", ""),
            restart(JSON + " changes"),
            ("", "/srv/jdk", "in use", "left as it is", "now /opt/sparkflows/jdk/current is used; remove it when there is no need to go back"),
        ],
    ),
    (change("files", ENV, matches=False), [("secrets", ENV, "holds something else (not shown)", "written", ""), restart(ENV + " changes")]),
    (change("files", MODEL_ENV, **GONE), [("secrets", MODEL_ENV, "missing", "made", ""), restart(MODEL_ENV + " changes")]),
    # Whoever owns a file, it says the same.
    (change("files", ENV, mode="0644"), [("secrets", ENV + ": mode", "0644", "0600", "")]),
    (change("files", JSON, owner="nobody", group="nogroup"), [
        ("files", JSON + ": owner", "nobody", "root", ""), ("files", JSON + ": group", "nogroup", "root", ""),
    ]),
    (
        change("files", SYSTEM + SOCKET, text="another address"),
        [
            ("files", SYSTEM + SOCKET, "holds something else", "written", ""),
            ("port_socket", SOCKET, "open", "opened anew", SYSTEM + SOCKET + " changed since"),
            restart("mlops-agent.socket opens anew; %s%s changes" % (SYSTEM, SOCKET)),
        ],
    ),
    (change("units", SOCKET, active_state="inactive"), [("port_socket", SOCKET, "closed", "open", ""), restart("mlops-agent.socket opens anew")]),
    (change("units", HELPER, active_state="failed"), [("start", HELPER, "closed", "open", ""), restart("mlops-model-helper.socket opens anew")]),
    (change("units", SOCKET, needs_reload=True), [
        ("port_socket", SOCKET, "open", "opened anew", SYSTEM + SOCKET + " changed since"), restart("mlops-agent.socket opens anew"),
    ]),
    (change("units", UNIT, active_state="inactive", started_at=None), [("start", UNIT, "inactive", "started", "")]),
    (change("units", UNIT, active_state="activating"), [("start", UNIT, "activating", "started", "")]),
    (change("units", UNIT, needs_reload=True), [restart("systemd has not read its unit since that changed")]),
    (change("urls", HEALTH, status=500), [restart("it does not answer")]),
    (change("urls", HEALTH, status=None), [restart("it does not answer")]),
    # What a run that was killed has left: written, and read by nobody yet.
    (change("files", JSON, text="text of mlops-agent.json.j2", mtime=STARTED + 1), [restart(JSON + " changed since its start")]),
    (change("files", SYSTEM + "mlops-model-helper.service", mtime=STARTED + 1), [restart(SYSTEM + "mlops-model-helper.service changed since its start")]),
    (change("files", "/opt/sparkflows/mlops-agent/current", mtime=STARTED + 1), [restart("/opt/sparkflows/mlops-agent/current changed since its start")]),
    (change("files", STACK, mtime=STARTED + 1), [restart(STACK + " changed since its start")]),
    (change("files", SYSTEM + SOCKET, mtime=STARTED + 1), [
        ("port_socket", SOCKET, "open", "opened anew", SYSTEM + SOCKET + " changed since"),
        restart("mlops-agent.socket opens anew; %s%s changed since its start" % (SYSTEM, SOCKET)),
    ]),
    # Models read their secrets themselves.
    (change("files", MODEL_ENV, mtime=STARTED + 1), []),
    (change("units", UNIT, enabled=False), [("enabled", UNIT, "does not start at boot", "starts at boot", "")]),
    (change("units", SOCKET, enabled=False), [("enabled", SOCKET, "does not start at boot", "starts at boot", "")]),
    (change("units", HELPER, enabled=False), [("enabled", HELPER, "does not start at boot", "starts at boot", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "expected"), SPOILED)
def test_what_was_spoiled_is_named_and_nothing_else(spoil: t.Callable[[Reading], None], expected: list[Row]) -> None:
    reading = converged(SETTINGS)
    spoil(reading)
    assert rows(SETTINGS, reading) == expected


def test_a_host_that_has_nothing_gets_everything() -> None:
    given = settings(mlops_agent_deployments=[CHURN])
    reading = converged(given)
    reading["files"] = dict.fromkeys(reading["files"], GONE)
    reading["users"] = reading["groups"] = dict.fromkeys(["mlops-agent"], {"exists": False})
    reading["units"] = {
        unit: {**facts, "exists": False, "active_state": "inactive", "enabled": False, "started_at": None} for unit, facts in reading["units"].items()
    }
    reading["urls"][HEALTH] = {"status": None, "error": "refused"}
    reading["predictions"] = {
        "mlops_agent": {"changed": True, "error": None, "diff": {"before": "", "after": "current -> releases/1.0.0\n"}},
        "mlops_agent_deployments": {"changed": False, "error": None, "served": {}, "unmanaged": {}, "stages": {}, "source": "disk", "silence": "refused"},
    }
    plan = planned(given, {"pip_stack": ["environment"], "mlflow_server": ["configuration", "start"]}).judge(reading)
    assert plan.findings == []
    assert plan.roles["mlops_agent"]["steps"] == ["users", "code", "files", "secrets", "port_socket", "start", "deployments"]
    assert rows(given, reading)[-1] == ("deployments", "model churn", "not served", "serves models:/churn/3", "")
    assert ("configuration", "/etc/sparkflows-mlops", "missing", "made", "") in rows(given, reading)


def test_an_agent_that_went_with_its_socket_says_so() -> None:
    reading = converged(SETTINGS)
    for unit in (HELPER, UNIT):
        reading["units"][unit].update(active_state="inactive", started_at=None)
    assert rows(SETTINGS, reading) == [
        ("start", HELPER, "closed", "open", ""), ("start", UNIT, "inactive", "started", "it needs mlops-model-helper.socket"),
    ]  # fmt: skip


def test_a_service_that_opened_the_port_itself_is_in_the_way_of_the_socket() -> None:
    reading = converged(SETTINGS)
    assert state.inputs(SETTINGS, reading)["holders"] == []
    reading["units"][SOCKET]["active_state"] = "inactive"
    assert state.inputs(SETTINGS, reading)["holders"] == [UNIT]


def models(reason: str) -> Row:
    return ("models", "served models", "running", "restarted one after the other", reason)


@pytest.mark.parametrize("state_now", ["ready", "starting"])
def test_models_that_serve_with_what_was_there_before_are_waited_for(state_now: str) -> None:
    """As after a run that was killed when the JDK had been switched."""
    given = settings(mlops_agent_deployments=[CHURN])
    reading = converged(given)
    reading["predictions"]["mlops_agent_deployments"]["served"]["churn"].update(state=state_now, up_to_date=False)
    assert rows(given, reading) == [models("not all serve with what the host has now")]
    assert state.inputs(given, reading)["serving"] == ["churn"]


def test_what_earlier_roles_change() -> None:
    reading = converged(SETTINGS)
    assert rows(SETTINGS, reading, pip_stack=["environment"]) == [restart("the stack changes, and the models restart with it")]
    assert rows(SETTINGS, reading, jdk=["release"]) == []
    served = reading["predictions"]["mlops_agent_deployments"]["served"] = {"churn": told(**CHURN, up_to_date=True)}
    given = settings(mlops_agent_deployments=[CHURN])
    for role, step, said in (("jdk", "release", "the JDK changes"), ("pip_stack", "environment", "the stack changes")):
        assert rows(given, converged(given) | {"predictions": reading["predictions"]}, **{role: [step]})[-1] == models(said)
    part = planned(SETTINGS, {"jdk": ["release"]}).judge(reading).roles["mlops_agent"]
    assert (part["steps"], part["changes"], part["inputs"]["serving"]) == (["models"], False, ["churn"])
    served["churn"]["state"] = "failed"
    assert "models" not in planned(SETTINGS, {"jdk": ["release"]}).judge(reading).roles["mlops_agent"]["steps"]
    served.clear()
    elsewhere = {**SETTINGS, "pip_stack_prefix": "/srv/stack", "jdk_prefix": "/srv/jdk"}
    assert rows(elsewhere, reading, pip_stack=["environment"], jdk=["release"]) == []


def test_not_starting_at_boot_may_be_wanted() -> None:
    given = settings(mlops_agent_enabled=False)
    assert rows(given, converged(given)) == [("enabled", unit, "starts at boot", "does not start at boot", "") for unit in (SOCKET, HELPER, UNIT)]


class TestDeployments:
    def rows(self, declared: list[dict[str, t.Any]], served: dict[str, t.Any], prune: bool = False, **answer: t.Any) -> list[Row]:
        given = settings(mlops_agent_deployments=declared, mlops_agent_prune=prune)
        reading = converged(given)
        reading["predictions"]["mlops_agent_deployments"].update(served=served, **answer)
        return rows(given, reading)

    @pytest.mark.parametrize(
        ("declared", "served", "expected"),
        [
            ([CHURN], {}, ("model churn", "not served", "serves models:/churn/3", "")),
            ([CHURN], {"churn": told(**CHURN, state="stopping")}, ("model churn", "not served", "serves models:/churn/3", "")),
            ([CHURN], {"churn": told(**{**CHURN, "memory_mb": 256})}, ("model churn", "memory_mb 256", "memory_mb 512", "")),
            ([{**CHURN, "probe": {"records": [{"a": 1}]}}], {"churn": told(**CHURN)}, ("model churn", "probe None", "probe of some rows", "")),
            ([CHURN], {"churn": told(**CHURN, state="failed", message="It has no MLmodel.")}, ("model churn", "failed", "tried again", "It has no MLmodel.")),
            ([{"name": "churn", "state": "absent"}], {"churn": told(**CHURN)}, ("model churn", "served", "removed", "")),
        ],
    )
    def test_a_model_that_is_not_served_as_declared(self, declared: list[dict[str, t.Any]], served: dict[str, t.Any], expected: tuple[str, ...]) -> None:
        assert self.rows(declared, served) == [("deployments", *expected)]

    def test_one_that_is_on_its_way_is_left_alone(self) -> None:
        assert self.rows([CHURN], {"churn": told(**CHURN, state="starting")}) == []
        assert self.rows([{"name": "churn", "state": "absent"}], {"churn": told(**CHURN, state="stopping")}) == []

    def test_a_stage_that_means_another_version_by_now(self) -> None:
        pinned = {"name": "churn", "model_uri": "models:/churn/Production"}
        served = {"churn": told(**pinned, resolved_uri="models:/churn/3") | {"resolved_uri": "models:/churn/3"}}
        moved = {"models:/churn/Production": "models:/churn/4"}
        assert self.rows([pinned], served, stages={"models:/churn/Production": "models:/churn/3"}) == []
        assert self.rows([pinned], served, stages={}) == []
        assert self.rows([pinned], served, stages=moved) == [
            ("deployments", "model churn", "models:/churn/3", "models:/churn/4", "models:/churn/Production is another version by now")
        ]
        # One that follows its stage gets there by itself.
        assert self.rows([{**pinned, "follow": True}], {"churn": {**served["churn"], "follow": True}}, stages=moved) == []

    def test_a_model_that_the_inventory_does_not_know_is_a_note_until_it_is_pruned(self) -> None:
        served = {"churn": told(**CHURN), "stray": told(name="stray", model_uri="models:/stray/1")}
        assert self.rows([CHURN], served) == [
            ("", "model stray", "serves models:/stray/1", "stays", "mlops_agent_deployments does not know it; mlops_agent_prune: true would remove it")
        ]
        assert self.rows([CHURN], served, prune=True) == [
            ("deployments", "model stray", "serves models:/stray/1", "removed", "mlops_agent_deployments does not know it, and mlops_agent_prune is true")
        ]

    def test_what_is_to_go_is_told_first(self) -> None:
        for prune, gone in ((False, ["old"]), (True, ["old", "stray"])):
            given = settings(mlops_agent_deployments=[CHURN, {"name": "old", "state": "absent"}], mlops_agent_prune=prune)
            reading = converged(given)
            reading["predictions"]["mlops_agent_deployments"]["served"]["stray"] = told(name="stray")
            assert state.inputs(given, reading)["deployments"] == [{"name": name, "state": "absent"} for name in gone] + [CHURN]

    def test_a_unit_without_a_description_is_told_of(self) -> None:
        told_of = self.rows([], {}, unmanaged={"churn": "Its file can't be read."})
        assert told_of == [("", "model churn", "is not described", "stays", "Its file can't be read.")]

    def test_nobody_is_asked_without_the_token(self) -> None:
        """As preflight does, whose settings have no secrets."""
        given = {option: value for option, value in SETTINGS.items() if option != "mlops_agent_token"}
        assert [entry["name"] for entry in state.questions(given)["predictions"]] == ["mlops_agent"]

    def test_secrets_travel_apart(self) -> None:
        pinned = [{"name": "churn", "model_uri": "models:/churn/Production"}]
        (question,) = state.questions(settings(mlops_agent_deployments=pinned, mlops_agent_tracking_password="geheim"))["predictions"][1:]  # noqa: S106
        assert "geheim" not in str(question["options"])
        assert question["secrets"] == {"agent_token": "geheim-0123456789", "tracking_password": "geheim"}
        assert question["options"]["stages"] == ["models:/churn/Production"]


class TestVendor:
    GIVEN = settings(**VENDOR)

    def test_the_builtin_agent_goes(self) -> None:
        reading = converged(self.GIVEN)
        reading["files"][SYSTEM + "mlops-model@.service"] = thing()
        assert rows(self.GIVEN, reading) == [
            ("builtin_removed", SYSTEM + "mlops-model@.service", "there", "removed", ""), restart("the builtin agent is removed")
        ]  # fmt: skip

    def test_it_is_up_when_its_port_is_held(self) -> None:
        reading = converged(self.GIVEN)
        reading["ports"]["8086"] = None
        assert rows(self.GIVEN, reading) == [restart("it does not answer")]

    def test_or_when_its_path_answers(self) -> None:
        given = settings(**VENDOR, mlops_agent_vendor_health_path="/up", mlops_agent_vendor_health_port=9000)
        reading = converged(given)
        reading["urls"]["http://127.0.0.1:9000/up"]["status"] = 503
        assert rows(given, reading) == [restart("it does not answer")]

    def test_its_archive_is_compared_by_the_digest_that_was_given(self) -> None:
        (question,) = state.questions(self.GIVEN)["predictions"]
        assert (question["options"]["sha256"], question["options"]["src"]) == ("0" * 64, "/srv/server.tar.gz")


class TestAbsent:
    GIVEN = settings(mlops_agent_state="absent")

    def empty(self, given: Settings) -> Reading:
        reading = converged(given)
        reading["files"] = dict.fromkeys(reading["files"], GONE)
        reading["users"] = dict.fromkeys(reading["users"], {"exists": False})
        return reading

    def test_a_host_without_the_agent_needs_nothing(self) -> None:
        assert rows(self.GIVEN, self.empty(self.GIVEN)) == []

    @pytest.mark.parametrize(
        ("spoil", "expected"),
        [
            (change("units", UNIT, exists=True, active_state="active"), ("stopped", UNIT, "runs", "stopped and disabled")),
            (change("units", UNIT, exists=True, enabled=True), ("stopped", UNIT, "starts at boot", "stopped and disabled")),
            (change("files", SYSTEM + UNIT, **thing()), ("removed", SYSTEM + UNIT, "there", "removed")),
            (change("files", ENV, **thing()), ("removed", ENV, "there", "removed")),
            (change("files", JSON, **thing()), ("builtin_removed", JSON, "there", "removed")),
            (change("files", "/var/cache/mlops-models", **thing()), ("builtin_removed", "/var/cache/mlops-models", "there", "removed")),
            (change("users", "mlops-model", exists=True), ("removed", "user mlops-model", "there", "removed")),
            (
                change("predictions", "mlops_agent", changed=True, diff={"before": "current -> releases/1.0.0\n", "after": ""}),
                ("removed", "/opt/sparkflows/mlops-agent", "current -> releases/1.0.0", "removed"),
            ),
        ],
    )
    def test_what_is_left_is_named(self, spoil: t.Callable[[Reading], None], expected: tuple[str, ...]) -> None:
        reading = self.empty(self.GIVEN)
        spoil(reading)
        assert rows(self.GIVEN, reading) == [(*expected, "")]

    def test_the_deployments_stay_unless_they_are_purged(self) -> None:
        reading = self.empty(self.GIVEN)
        reading["files"]["/var/lib/mlops-agent"] = thing("directory")
        assert rows(self.GIVEN, reading) == []
        assert rows({**self.GIVEN, "mlops_agent_purge": True}, reading) == [("purged", "/var/lib/mlops-agent", "there", "removed", "")]


class TestFindings:
    def found(self, given: Settings, spoil: t.Callable[[Reading], None] = lambda reading: None, **ahead: list[str]) -> list[str]:
        reading = converged(given)
        spoil(reading)
        return planned(given, ahead).judge(reading).findings

    def test_a_stack_without_mlflow(self) -> None:
        lost = change("files", STACK + "/bin/mlflow", **GONE)
        (sentence,) = self.found(SETTINGS, lost)
        assert sentence == STACK + " has no bin/mlflow. Run the role pip_stack first, or name the environment with mlops_agent_stack."
        assert self.found(SETTINGS, lost, pip_stack=["environment"]) == []
        assert self.found(settings(**VENDOR)) == []

    def test_a_tracking_server_that_does_not_answer_and_is_not_going_to_be_made(self) -> None:
        silent = change("urls", TRACKING, status=None, error=TRACKING + " does not answer: Connection refused.")
        (sentence,) = self.found(SETTINGS, silent)
        assert sentence.startswith(TRACKING + " does not answer: Connection refused. The agent needs it: start the tracking server")
        assert self.found(SETTINGS, silent, mlflow_server=["start"]) == []
        # One that wants a login does answer.
        assert self.found(SETTINGS, change("urls", TRACKING, status=401)) == []
        assert self.found({**SETTINGS, "mlops_agent_tracking_uri": None}) == []

    def test_declared_models_count_against_memory(self) -> None:
        following = {**CHURN, "model_uri": "models:/m/Production", "memory_mb": 4096, "follow": True}
        (sentence,) = self.found(settings(mlops_agent_deployments=[following, {"name": "b", "model_uri": "models:/b/1"}]))
        assert "The host has 8000 MB of memory; 11008 MB are needed: 768 for the services and 10240 for the declared models." in sentence

    @pytest.mark.parametrize("unit", ["mlops-model@churn.service", "mlops-port@churn.socket"])
    def test_a_model_may_hold_its_port(self, unit: str) -> None:
        given = settings(mlops_agent_deployments=[{**CHURN, "port": 5002}])
        assert self.found(given, change("ports", "5002", address="127.0.0.1", pid=13, process="gunicorn", unit=unit)) == []
        (sentence,) = self.found(given, change("ports", "5002", address="127.0.0.1", pid=13, process="gunicorn", unit="mlops-model@old.service"))
        assert sentence.endswith("That is another model of the agent: declare it with state absent, or choose another port.")

    def test_a_model_takes_the_port_of_one_that_is_declared_absent(self) -> None:
        given = settings(mlops_agent_deployments=[{**CHURN, "port": 5002}, {"name": "old", "state": "absent"}])
        assert self.found(given, change("ports", "5002", address="127.0.0.1", pid=13, process="gunicorn", unit="mlops-model@old.service")) == []

    def test_a_stranger_at_the_agents_port(self) -> None:
        (sentence,) = self.found(SETTINGS, change("ports", "8086", address="::", pid=9, process="influxd", unit="influxdb.service"))
        assert sentence.startswith("Port 8086, wanted for mlops_agent_port, is held by influxd (pid 9) of influxdb.service.")

    def test_files_that_variables_name(self) -> None:
        given = settings(mlops_agent_ca_bundle="/etc/ssl/ca.pem")
        assert self.found(given, change("files", "/etc/ssl/ca.pem", **GONE)) == [
            "mlops_agent_ca_bundle is /etc/ssl/ca.pem, but the host has no such file. Put it there first, or correct the variable."
        ]


def test_the_release_is_the_agents_version() -> None:
    (version,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "agent/src/mlops_agent/__init__.py").read_text(), re.MULTILINE)
    assert version == state.RELEASE
