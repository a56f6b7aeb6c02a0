# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host stands, told from one reading of it."""

from __future__ import annotations

import copy
import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts, validation
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import host, limits
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.states import STATES

ROOT = Path(__file__).resolve().parents[5]
Settings = dict[str, t.Any]
Reading = dict[str, t.Any]
Told = tuple[str, str, str, str]

MLFLOW, SPARKFLOWS, SCORER = ("mlflow_server", "mlops_agent"), ("ssh_access", "sparkflows"), ("scorer",)
AGENT, SERVER, HELPER = "mlops-agent.service", "mlflow-server.service", "mlops-model-helper.socket"
CHURN = {"name": "churn", "model_uri": "models:/churn/3", "port": 5001}
DECLARED: Settings = {"mlops_agent_deployments": [CHURN]}
PEM, CERTIFICATE = "/etc/sparkflows-mlops/mlflow-proxy.pem", "/etc/ssl/agent.crt"
PROXIED: Settings = {"mlflow_server_proxy": "nginx", "mlflow_server_proxy_username": "mlflow", "mlflow_server_proxy_password": "geheim-0123"}
TLS: Settings = {"mlops_agent_tls_certificate": CERTIFICATE, "mlops_agent_tls_private_key": "/etc/ssl/agent.key"}
SCORERS: Settings = {
    "scorer_services": [{"name": "churn", "port": 9001, "model": {"path": "/srv/churn"}}], "scorer_image": "registry.example.com/team/scorer:3.2.85",
    "scorer_container_port": 8080, "scorer_model_mount": "/model", "scorer_score_path": "/score", "scorer_sparkflows_release": "3.2.85",
}  # fmt: skip
TOKEN = "CANARY-0123456789abcdef"

FILE = {"exists": True, "leads_to": [], "text": None, "kind": "file", "owner": "root", "group": "root", "mode": "0600", "mtime": 1.0, "matches": True}


def settings(roles: t.Iterable[str], **changes: t.Any) -> Settings:
    """The settings in force of these roles and of the playbook: their defaults, changed."""
    given: Settings = {name: option.get("default") for name, option in limits.OPTIONS.items()}
    for role in roles:
        given.update(yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()))
    known = {
        "mlops_agent_token": TOKEN, "mlops_agent_tracking_uri": "http://127.0.0.1:5000", "sparkflows_url": "http://127.0.0.1:8080",
        "sparkflows_tracking_url": "https://user:geheim@mlflow:8443", "sparkflows_mlops_host": "mlflow", "sparkflows_model_urls": [],
        "ssh_access_enabled": True, "ssh_access_targets": [{"host": "mlflow", "address": "mlflow"}], "ssh_access_service_group": "sparkflows",
        "ssh_access_key": {"fingerprint": "SHA256:wanted", "public_key": "ssh-ed25519 AAAA", "content": "x", "findings": []},
    }  # fmt: skip
    return {**given, **known, **changes}


def expiring(days: float) -> Reading:
    """A certificate that has some days left, and a moment."""
    ends = time.time() + days * 86400 + 60
    return {"exists": True, "error": None, "not_after": int(ends), "days_left": int((ends - time.time()) // 86400), "fingerprint": "AA", "names_fit": True}


def well(roles: t.Sequence[str], given: Settings) -> Reading:
    """What a host answers on which all is well."""
    asked = host.with_questions(hosts.questions(roles, given), roles, given)
    unit = {"exists": True, "active_state": "active", "sub_state": "running", "started_at": 1_765_432_100.0, "restarts": 0, "enabled": True}
    disk = {"mount": "/", "total_mb": 20000, "used_mb": 9000, "free_mb": 10000, "total_inodes": 1000, "free_inodes": 900, "read_only": False}
    declared = given.get("mlops_agent_deployments", ())
    served = {entry["name"]: {**entry, "resolved_uri": entry["model_uri"], "state": "ready", "message": "", "restarts": 0} for entry in declared}
    return {
        "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"}, "selinux": "disabled", "memory_mb": {"total": 8000, "available": 6000},
        "disks": {path: {**disk, **({"mount": "/var/log", "used_mb": 0} if path == "/var/log" else {})} for path in asked["paths"]},
        "units": {name: dict(unit) for name in asked.get("units", ())},
        "urls": {entry["url"]: {"status": 200, "error": None} for entry in asked.get("urls", ())},
        "certificates": {entry["path"]: expiring(300) for entry in asked["certificates"]},
        "files": {entry["path"]: dict(FILE) for entry in asked.get("files", ())},
        "databases": {entry["name"]: {} for entry in asked.get("databases", ())},
        "commands": {name: "/usr/bin/" + name for name in asked.get("commands", ())}, "ports": {}, "users": {}, "ipv6": True,
        "predictions": {
            "mlops_agent_deployments": {"error": None, "served": served, "unmanaged": {}, "stages": {}, "source": "agent", "silence": None},
            "scorer": {"error": None, "services": [{"name": "churn", "seen": {"state": "serving", "message": "", "restarts": 0}}]},
            "sparkflows": {"error": None, "server": {"version": "3.2.84", "token": None}, "names": {}, "settings": {}, "workflows": []},
            "ssh_access key": {"changed": False, "error": None, "previous_fingerprint": "SHA256:wanted"},
            "ssh_access logins": {"error": None, "logins": [{"host": "mlflow", "proved": True, "sentence": ""}]},
        },
    }  # fmt: skip


def told(roles: t.Sequence[str], given: Settings, reading: Reading) -> list[Told]:
    plan = hosts.Plan([], {role: {"inputs": STATES[role].inputs(given, reading)} for role in roles}, [])
    return [(row.severity, row.kind, row.name, row.value) for row in host.rows(roles, given, plan, reading)]


def advice(roles: t.Sequence[str], given: Settings, reading: Reading) -> str:
    plan = hosts.Plan([], {role: {"inputs": STATES[role].inputs(given, reading)} for role in roles}, [])
    return " ".join(row.advice for row in host.rows(roles, given, plan, reading))


@pytest.mark.parametrize(
    ("roles", "given", "expected"),
    [
        (MLFLOW, {}, [("unit", SERVER), ("unit", AGENT), ("unit", "mlops-agent.socket"), ("unit", HELPER), ("address", "http://127.0.0.1:5000")]),
        (("mlflow_server",), PROXIED, [("unit", SERVER), ("unit", "nginx.service"), ("certificate", PEM)]),
        (MLFLOW, {**TLS, **DECLARED}, [("unit", SERVER), ("unit", AGENT), ("unit", "mlops-agent.socket"), ("unit", HELPER), ("certificate", CERTIFICATE),
                                       ("address", "http://127.0.0.1:5000"), ("model", "churn")]),
        (SCORER, SCORERS, [("unit", "docker.service"), ("unit", "scorer-proxy.service"), ("scorer", "churn")]),
        (SPARKFLOWS, {}, [("key", "/home/sparkflows/.ssh/sparkflows_mlops"), ("login", "mlflow"), ("sparkflows", "http://127.0.0.1:8080"),
                          ("login", "https://…@mlflow:8443"), ("address", "https://…@mlflow:8443/health"), ("address", "tcp://mlflow:8086")]),
    ],
    ids=["mlflow", "proxy", "tls and model", "scorer", "sparkflows"],
)  # fmt: skip
def test_all_is_well_and_each_thing_has_a_row(roles: tuple[str, ...], given: Settings, expected: list[tuple[str, str]]) -> None:
    wanted = settings(roles, **given)
    found = told(roles, wanted, well(roles, wanted))
    assert {severity for severity, *rest in found} == {"ok"}
    assert [(kind, name) for dummy, kind, name, value in found] == [("host", ""), ("memory", ""), ("disk", "/"), ("disk", "/var/log"), *expected]


@pytest.mark.parametrize("role", ["mlflow_server", "mlops_agent", "scorer", "ssh_access", "sparkflows"])
def test_what_is_to_be_gone_has_no_row(role: str) -> None:
    wanted = settings([role], **{role + "_state": "absent"})
    reading = well([role], wanted)
    assert {kind for dummy, kind, *rest in told([role], wanted, reading)} == {"host", "memory", "disk"}


def put(*keys: t.Any, **facts: t.Any) -> t.Callable[[Reading], None]:
    """A host on which one thing is otherwise."""

    def spoil(reading: Reading) -> None:
        place = reading
        for key in keys:
            place = place[key]
        place.update(facts)

    return spoil


def model(**facts: t.Any) -> t.Callable[[Reading], None]:
    return put("predictions", "mlops_agent_deployments", "served", "churn", **facts)


def silent(unit: Reading) -> t.Callable[[Reading], None]:
    """An agent that does not run, and the unit of its model."""

    def spoil(reading: Reading) -> None:
        reading["units"][AGENT].update(active_state="inactive")
        answer = reading["predictions"]["mlops_agent_deployments"]
        answer.update(source="disk", silence="mlops-agent.service does not run.")
        answer["served"]["churn"].update(state="unknown")
        reading["units"]["mlops-model@churn.service"].update(unit)

    return spoil


STOPPED = ("critical", "unit", AGENT, "stopped")
RUNS = "runs since 2025-12-11T05:48:20Z"
HEALTH = "http://127.0.0.1:5000/health"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (put("units", SERVER, active_state="inactive"), [("critical", "unit", SERVER, "stopped")]),
        (put("units", SERVER, active_state="failed", restarts=5), [("critical", "unit", SERVER, "failed, started again 5 times")]),
        (put("units", SERVER, exists=False, active_state="inactive"), [("critical", "unit", SERVER, "missing")]),
        (put("units", SERVER, active_state="activating", sub_state="auto-restart", restarts=1),
         [("critical", "unit", SERVER, "ends as soon as it is started, started again once")]),
        (put("units", SERVER, active_state="activating", sub_state="start"), [("warning", "unit", SERVER, "activating")]),
        (put("urls", HEALTH, status=None, error="%s does not answer: timed out." % HEALTH), [("critical", "unit", SERVER, "runs, but does not answer")]),
        (put("urls", HEALTH, status=502), [("critical", "unit", SERVER, "runs, but does not answer")]),
        (put("units", SERVER, restarts=2), []),
        (put("units", SERVER, restarts=3), [("warning", "unit", SERVER, RUNS + ", started again 3 times")]),
        (put("units", SERVER, restarts=20), [("critical", "unit", SERVER, RUNS + ", started again 20 times")]),
        (put("units", SERVER, restarts=None), []),
        (put("units", HELPER, active_state="inactive"), [("critical", "unit", HELPER, "stopped")]),
        (put("urls", "http://127.0.0.1:8086/health/tracking", status=503), [("warning", "address", "http://127.0.0.1:5000", "not seen by the agent")]),
        (put("disks", "/", used_mb=16000, free_mb=4000), [("warning", "disk", "/", "80 % used, 4000 MB free, 10 % of inodes used")]),
        (put("disks", "/", used_mb=18000, free_mb=2000), [("critical", "disk", "/", "90 % used, 2000 MB free, 10 % of inodes used")]),
        (put("disks", "/", free_inodes=100), [("critical", "disk", "/", "47 % used, 10000 MB free, 90 % of inodes used")]),
        (put("disks", "/", total_inodes=None, free_inodes=None), []),
        (put("memory_mb", available=800), [("warning", "memory", "", "90 % used, 800 of 8000 MB available")]),
        (put("memory_mb", available=0), [("critical", "memory", "", "100 % used, 0 of 8000 MB available")]),
        (model(state="starting"), [("warning", "model", "churn", "starting, models:/churn/3")]),
        (model(state="unhealthy", restarts=2), [("critical", "model", "churn", "unhealthy, models:/churn/3, started again 2 times")]),
        (model(state="failed"), [("critical", "model", "churn", "failed, models:/churn/3")]),
        (model(state="of another release"), [("critical", "model", "churn", "of another release, models:/churn/3")]),
        (model(restarts=3), [("warning", "model", "churn", "ready, models:/churn/3, started again 3 times")]),
        (lambda reading: reading["predictions"]["mlops_agent_deployments"]["served"].clear(), [("critical", "model", "churn", "not served")]),
        (put("predictions", "mlops_agent_deployments", unmanaged={"stray": "Nothing describes it."}), [("warning", "model", "stray", "is not described")]),
        (put("predictions", "mlops_agent_deployments", error="The agent answered with something else."), [("warning", "model", "", "can't be told")]),
        (silent({}), [STOPPED, ("warning", "model", "churn", "runs, but whether it scores is not known, models:/churn/3")]),
        (silent({"active_state": "failed"}), [STOPPED, ("critical", "model", "churn", "failed, models:/churn/3")]),
        (lambda reading: (silent({"active_state": "inactive"})(reading), model(follow=True)(reading)),
         [STOPPED, ("warning", "model", "churn", "not known, models:/churn/3")]),
        (lambda reading: (silent({})(reading), reading["units"].pop("mlops-model@churn.service")),
         [STOPPED, ("warning", "model", "churn", "not known, models:/churn/3")]),
    ],
)  # fmt: skip
def test_what_is_not_well_on_an_mlflow_host(spoil: t.Callable[[Reading], None], expected: list[Told]) -> None:
    wanted = settings(MLFLOW, **DECLARED)
    reading = copy.deepcopy(well(MLFLOW, wanted))
    # Paths on one file system share their answer.
    spoil(reading)
    for path, disk in reading["disks"].items():
        if path != "/" and disk["mount"] == "/":
            reading["disks"][path] = reading["disks"]["/"]
    found = told(MLFLOW, wanted, reading)
    assert [row for row in found if row[0] != "ok"] == expected
    assert len(advice(MLFLOW, wanted, reading)) > 20 * len(expected)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (expiring(31), None),
        (expiring(30), ("warning", "30 days left, expires ")),
        (expiring(7), ("critical", "7 days left, expires ")),
        (expiring(1), ("critical", "1 day left, expires ")),
        (expiring(-3), ("critical", "expired ")),
        ({**expiring(400), "error": "The private key does not belong to it."}, ("critical", "can't be used")),
        ({"exists": False, "error": "There is none.", "not_after": None, "days_left": None, "fingerprint": None}, ("critical", "missing")),
    ],
)
@pytest.mark.parametrize(("roles", "given", "path"), [(("mlflow_server",), PROXIED, PEM), (("mlops_agent",), TLS, CERTIFICATE)], ids=["proxy", "agent"])
def test_certificates_run_out(roles: tuple[str, ...], given: Settings, path: str, facts: Reading, expected: tuple[str, str] | None) -> None:
    wanted = settings(roles, **given)
    reading = well(roles, wanted)
    reading["certificates"][path] = facts
    found = [row for row in told(roles, wanted, reading) if row[0] != "ok"]
    assert [(row[0], row[1], row[2]) for row in found] == ([(expected[0], "certificate", path)] if expected else [])
    assert not expected or found[0][3].startswith(expected[1])


def test_a_proxy_is_not_blamed_for_the_server_behind_it() -> None:
    wanted = settings(["mlflow_server"], **PROXIED)
    reading = well(["mlflow_server"], wanted)
    [through] = [url for url in reading["urls"] if url.startswith("https:")]
    reading["urls"][through] = {"status": 502, "error": None}
    assert [row[:3] for row in told(["mlflow_server"], wanted, reading) if row[0] != "ok"] == [("critical", "unit", "nginx.service")]
    reading["units"][SERVER]["active_state"] = "inactive"
    assert [row[:3] for row in told(["mlflow_server"], wanted, reading) if row[0] != "ok"] == [("critical", "unit", SERVER)]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"state": "stopped"}, ("critical", "stopped at port 9001")),
        ({"state": "missing"}, ("critical", "missing at port 9001")),
        ({"state": "unhealthy", "message": "its answer to the probe is not the expected one."}, ("critical", "does not score as it should at port 9001")),
        ({"state": "running"}, ("warning", "runs at port 9001")),
        ({"state": "unknown"}, ("warning", "not known at port 9001")),
        ({"restarts": 3}, ("warning", "scores at port 9001, started again 3 times")),
    ],
)
def test_what_is_not_well_with_scorers(seen: Reading, expected: tuple[str, str]) -> None:
    wanted = settings(SCORER, **SCORERS)
    reading = copy.deepcopy(well(SCORER, wanted))
    reading["predictions"]["scorer"]["services"][0]["seen"].update(seen)
    assert [row for row in told(SCORER, wanted, reading) if row[0] != "ok"] == [(expected[0], "scorer", "churn", expected[1])]
    # What the module could not tell is not well.
    reading["predictions"]["scorer"] = {"error": "The registry does not answer."}
    assert ("warning", "scorer", "churn", "not known at port 9001") in told(SCORER, wanted, reading)


KEY = "/home/sparkflows/.ssh/sparkflows_mlops"
TOKEN_FACTS = {"expires_at": "2026-01-02T03:04:05Z", "days_left": 9.5, "about_to_expire": True}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (put("files", KEY, exists=False), ("critical", "key", KEY, "missing")),
        (put("predictions", "ssh_access key", previous_fingerprint="SHA256:old"), ("warning", "key", KEY, "another than the wanted one: SHA256:old")),
        (put("predictions", "ssh_access key", error="It is a folder."), ("critical", "key", KEY, "can't be used")),
        (put("predictions", "ssh_access logins", logins=[{"host": "mlflow", "proved": False, "sentence": "It failed at TCP."}]),
         ("critical", "login", "mlflow", "fails")),
        (put("predictions", "ssh_access logins", error="There is no runuser."), ("warning", "login", "", "not tried")),
        (put("predictions", "sparkflows", error="It does not answer."), ("critical", "sparkflows", "http://127.0.0.1:8080", "does not answer as it should")),
        (put("predictions", "sparkflows", server={"version": None, "token": TOKEN_FACTS}),
         ("warning", "token", "sparkflows_token", "9 days left, expires 2026-01-02T03:04:05Z")),
        (put("predictions", "sparkflows", server={"version": None, "token": {**TOKEN_FACTS, "days_left": -1.0}}),
         ("critical", "token", "sparkflows_token", "expired 2026-01-02T03:04:05Z")),
        (put("urls", "tcp://mlflow:8086", status=None, error="tcp://mlflow:8086 does not answer: refused."),
         ("critical", "address", "tcp://mlflow:8086", "no answer")),
        (put("urls", "https://user:geheim@mlflow:8443/api/2.0/mlflow/experiments/get?experiment_id=0", status=401),
         ("critical", "login", "https://…@mlflow:8443", "fails")),
    ],
)  # fmt: skip
def test_what_is_not_well_on_a_sparkflows_host(spoil: t.Callable[[Reading], None], expected: Told) -> None:
    wanted = settings(SPARKFLOWS)
    reading = copy.deepcopy(well(SPARKFLOWS, wanted))
    spoil(reading)
    assert [row for row in told(SPARKFLOWS, wanted, reading) if row[0] != "ok"] == [expected]
    assert "geheim" not in str(told(SPARKFLOWS, wanted, reading)) + advice(SPARKFLOWS, wanted, reading)


def test_a_wanted_key_that_could_not_be_read_is_not_taken_for_the_one_in_use() -> None:
    wanted = settings(SPARKFLOWS, ssh_access_key={"fingerprint": None, "public_key": None, "findings": ["The vault is sealed."]})
    reading = well(SPARKFLOWS, wanted)
    for name in ("ssh_access key", "ssh_access logins"):
        del reading["predictions"][name]
    assert [row[:3] for row in told(SPARKFLOWS, wanted, reading) if row[1] == "key"] == [("warning", "key", KEY)]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("The model\x1b[31m does\nnot answer.", "The model\\x1b[31m does not answer."),
        ("x" * 5000, "x" * 600 + "…"),
        ("password=%s" % TOKEN, "may hold a secret"),
    ],
)
def test_what_a_model_says_is_one_plain_line_without_a_secret(message: str, shown: str) -> None:
    wanted = settings(MLFLOW, **DECLARED)
    reading = copy.deepcopy(well(MLFLOW, wanted))
    model(state="failed", message=message)(reading)
    said = advice(MLFLOW, wanted, reading)
    assert shown in said and TOKEN not in said


def test_a_plan_asks_the_same_and_more() -> None:
    roles = MLFLOW
    wanted = settings(roles, **PROXIED, **TLS)
    plain = hosts.questions(roles, wanted)
    asked = host.with_questions(plain, roles, wanted)
    assert {option: value for option, value in asked.items() if value != plain.get(option)}.keys() == {"paths", "certificates", "package_lock_wait"}
    # Nobody is waited for: a lock of the package manager, or a Sparkflows that is not up, is the answer.
    assert asked["package_lock_wait"] == 0
    [question] = hosts.questions(["sparkflows"], settings(["sparkflows"], **host.IMPATIENT))["predictions"]
    assert question["options"]["wait"] == 0
    assert asked["paths"] == [*plain["paths"], "/", "/tmp", "/var/log"]
    assert [entry["path"] for entry in asked["certificates"]] == [PEM, CERTIFICATE]
    # One certificate for both: the plan's own question stays, with the names that it asks for.
    both = settings(roles, **PROXIED, **{**TLS, "mlops_agent_tls_certificate": PEM})
    assert host.with_questions(hosts.questions(roles, both), roles, both)["certificates"] == hosts.questions(roles, both)["certificates"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, []),
        ({"health_certificate_days_warning": 90, "health_certificate_days_critical": 90}, []),
        ({"health_certificate_days_critical": 60}, ["health_certificate_days_warning is 30 and health_certificate_days_critical is 60; what is critical"]),
        ({"health_disk_used_percent_warning": 95}, ["health_disk_used_percent_warning is 95 and health_disk_used_percent_critical is 90; what is critical"]),
        ({"health_disk_used_percent_critical": 120}, ["health_disk_used_percent_critical is '120', but a number from 1 to 100 was expected."]),
        ({"health_restarts_warning": 0}, ["health_restarts_warning is '0', but a number of at least 1 was expected."]),
        ({"health_memory_used_percent_warning": "70"}, ["health_memory_used_percent_warning must be a whole number, but it is the text '70'."]),
        ({"health_certifcate_days_warning": 3}, ["The variable health_certifcate_days_warning is not known to any role. Did you mean health_certificate_days"]),
        ({"health_report": "a.html", "health_exit_code": "true", "health_show": "problems"}, []),
    ],
)
def test_limits_are_checked_like_the_variables_of_roles(given: Settings, said: list[str]) -> None:
    known = {name: value for name, value in given.items() if name in limits.OPTIONS}
    found = validation.problems(validation.Variables({"health": limits.OPTIONS}, known, {}, {}, given), lambda role, path: True)
    assert len(found) == len(said) and all(sentence.startswith(begin) for sentence, begin in zip(found, said, strict=True))


def test_a_host_has_limits_of_its_own() -> None:
    wanted = settings(MLFLOW, health_disk_used_percent_warning=40, health_disk_used_percent_critical=99, health_restarts_warning=1)
    reading = well(MLFLOW, wanted)
    reading["units"][SERVER]["restarts"] = 1
    assert [row[:3] for row in told(MLFLOW, wanted, reading) if row[0] != "ok"] == [("warning", "disk", "/"), ("warning", "unit", SERVER)]
