# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes back to the release before, what follows, and what stands in the way, told from one reading."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts, rollback

from . import readings

SETTINGS: dict[str, t.Any] = {
    name: value for role in ("jdk", "python", "pip_stack", "mlflow_server", "mlops_agent") for name, value in readings.settings(role).items()
}
ALL = list(rollback.PARTS)
OLDER, CURRENT = "cc1f77228345", "97727af70f4d"
STARTED = 1000.0
PYTHON = "/opt/sparkflows/python/releases/%s/bin/python3.7"
BACKUPS = "/var/backups/mlflow-server-upgrades"
AGENT_HOME = "/opt/sparkflows/mlops-agent/current"
Host = dict[str, t.Any]


def release(prefix: str, name: str, *lacks: str) -> dict[str, t.Any]:
    return {"name": name, "path": "/opt/sparkflows/%s/releases/%s" % (prefix, name), "lacks": list(lacks)}


def there(prefix: str, current: str, *former: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"error": None, "target": "releases/" + current, "current": current, "releases": [release(prefix, current), *former]}


def upgraded() -> Host:
    """A host that has of all parts the release that the inventory names, and one that was used before."""
    new_python = PYTHON % SETTINGS["python_release"]
    predictions = {
        "jdk": {"path": "/opt/sparkflows/jdk/releases/new"},
        "python": {"path": "/opt/sparkflows/python/releases/new"},
        "pip_stack": {"fits": new_python},
        "mlops_agent": {"path": "/opt/sparkflows/mlops-agent/releases/new"},
        "mlops_agent_deployments": {"served": {"churn": {"name": "churn", "state": "ready", "up_to_date": True}}},
        "rollback_jdk": there("jdk", "new", release("jdk", "old"), release("jdk", "older")),
        "rollback_python": there("python", "new", release("python", "old")),
        "rollback_stack": there("stack", "new", release("stack", "old")),
        "rollback_agent": there("mlops-agent", "new", release("mlops-agent", "old")),
        "rollback_backups": {"error": None, "backups": [], "known": {"new": [OLDER, CURRENT], "old": [OLDER, CURRENT]}},
    }
    return {
        "predictions": predictions,
        "files": {path: {"mtime": STARTED - 10} for path in (SETTINGS["mlflow_server_stack"], AGENT_HOME)} | {new_python: {"leads_to": []}},
        "units": {name: {"exists": True, "active_state": "active", "started_at": STARTED} for name in ("mlflow-server.service", "mlops-agent.service")},
        "databases": {store: {"exists": True, "error": None, "tables": 16, "revision": CURRENT} for store in ("sqlite", "postgresql")},
        "commands": {"pg_dump": "/usr/bin/pg_dump", "psql": "/usr/bin/psql"},
    }


def judged(host: Host, parts: t.Sequence[str] = (*ALL,), **settings: t.Any) -> rollback.Rollback:
    inputs: dict[str, dict[str, t.Any]] = {
        "mlflow_server": {"unit": "mlflow-server.service"}, "mlops_agent": {"unit": "mlops-agent.service", "home": AGENT_HOME, "builtin": True},
    }  # fmt: skip
    roles = {role: {"inputs": inputs.get(role, {})} for role in ("jdk", "python", "pip_stack", "mlflow_server", "mlops_agent")}
    here = {**host, "predictions": {name: seen for name, seen in host["predictions"].items() if name[:9] != "rollback_" or name[9:] in (*parts, "backups")}}
    return rollback.judge(parts, {**SETTINGS, **settings}, hosts.Plan([], roles, []), here)


def steps(back: rollback.Rollback) -> dict[str, list[str]]:
    return {role: part["steps"] for role, part in back.roles.items() if part["steps"]}


def items(back: rollback.Rollback, step: str) -> list[tuple[str, str, str]]:
    found = [one for part in back.roles.values() for one in part["differences"]]
    return [(one["item"], one["before"], one["after"]) for one in found if one["step"] == step]


def test_all_that_has_a_former_release_goes_back() -> None:
    back = judged(upgraded())
    assert (back.findings, steps(back)) == (
        [],
        {"jdk": ["switch"], "python": ["switch"], "pip_stack": ["switch"], "mlflow_server": ["start"], "mlops_agent": ["switch", "start", "models"]},
    )
    assert [(one["dest"], one["release"]) for one in back.switches] == [
        ("/opt/sparkflows/stack", "old"), ("/opt/sparkflows/jdk", "old"), ("/opt/sparkflows/python", "old"), ("/opt/sparkflows/mlops-agent", "old"),
    ]  # fmt: skip
    assert ("/opt/sparkflows/jdk/current", "releases/new", "releases/old") in items(back, "switch")
    (known,) = back.afterwards
    assert "the next site.yml goes forward again" in known and "pip_stack_lock and pip_stack_extras; jdk_release" in known
    assert back.roles["mlops_agent"]["inputs"]["serving"] == ["churn"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("jdk", {"jdk": ["switch"], "mlops_agent": ["start", "models"]}),
        ("python", {"python": ["switch"]}),  # an environment keeps the interpreter that it was made with
        ("stack", {"pip_stack": ["switch"], "mlflow_server": ["start"], "mlops_agent": ["start", "models"]}),
        ("agent", {"mlops_agent": ["switch", "start"]}),
    ],
)
def test_one_part_alone(part: str, expected: dict[str, list[str]]) -> None:
    assert steps(judged(upgraded(), [part])) == expected


def test_one_that_has_no_former_release_stays() -> None:
    host = upgraded()
    host["predictions"]["rollback_jdk"] = there("jdk", "new")
    back = judged(host, ["jdk"])
    assert (back.findings, steps(back), back.switches, back.afterwards) == ([], {}, [], [])
    assert items(back, "") == [("/opt/sparkflows/jdk/current", "releases/new", "stays")]


def test_a_former_release_that_can_not_run_is_refused() -> None:
    host = upgraded()
    host["predictions"]["rollback_stack"] = there("stack", "new", release("stack", "old", "bin/python"))
    (sentence,) = judged(host).findings
    assert sentence == (
        "The former release of stack, /opt/sparkflows/stack/releases/old, has no bin/python that can be run. Leave it out: -e rollback=jdk,python,agent."
    )


def rolled_back() -> Host:
    """What that has left, as a run finds it that comes afterwards."""
    host = upgraded()
    for part, prefix in (("jdk", "jdk"), ("python", "python"), ("stack", "stack"), ("agent", "mlops-agent")):
        host["predictions"]["rollback_" + part] = there(prefix, "old", release(prefix, "new"))
    # As the former interpreter is the one that is asked, the former environment fits it.
    host["predictions"]["pip_stack"]["fits"] = PYTHON % "old"
    return host


def test_a_second_run_goes_no_further() -> None:
    back = judged(rolled_back())
    assert (back.findings, steps(back), back.switches) == ([], {}, [])
    assert "rolled back already" in back.roles["jdk"]["differences"][0]["reason"]
    assert "goes forward again" in back.afterwards[0]


def test_a_run_that_was_cut_short_after_the_links_is_completed() -> None:
    host = rolled_back()
    host["files"][SETTINGS["mlflow_server_stack"]]["mtime"] = STARTED + 5
    host["predictions"]["mlops_agent_deployments"]["served"]["churn"]["up_to_date"] = False
    assert steps(judged(host)) == {"mlflow_server": ["start"], "mlops_agent": ["start", "models"]}
    host["units"]["mlflow-server.service"].update(active_state="inactive", started_at=None)
    assert ("mlflow-server.service", "inactive", "started") in items(judged(host), "start")


class TestRecords:
    """The former MLflow does not know the schema that the database has by now."""

    BACKUP: t.ClassVar = {"name": "20260131T235900Z", "made_at": "2026-01-31T23:59:00Z", "records": "sqlite", "schema": OLDER}

    def host(self, host: Host, *backups: dict[str, t.Any]) -> Host:
        host["predictions"]["rollback_backups"].update(backups=list(backups), known={"new": [OLDER, CURRENT], "old": ["0", OLDER]})
        return host

    @pytest.mark.parametrize("made", [upgraded, rolled_back])
    def test_they_come_from_the_newest_backup_with_the_schema_of_the_former(self, made: t.Callable[[], Host]) -> None:
        later = {**self.BACKUP, "name": "later", "schema": CURRENT}
        back = judged(self.host(made(), later, self.BACKUP, {**self.BACKUP, "name": "earlier"}))
        assert back.findings == [] and back.roles["mlflow_server"]["steps"] == ["restore"]
        assert back.roles["mlflow_server"]["inputs"]["backup"] == "20260131T235900Z"
        named = "records in /var/lib/mlflow-server/mlflow.db"
        assert items(back, "restore") == [(named, CURRENT, "%s, as in the backup 20260131T235900Z of 2026-01-31T23:59:00Z" % OLDER)]

    @pytest.mark.parametrize("other", [{"records": "postgresql"}, {"schema": CURRENT}, {"schema": "0"}])
    def test_without_one_the_stack_stays(self, other: dict[str, str]) -> None:
        (sentence,) = judged(self.host(upgraded(), {**self.BACKUP, **other})).findings
        assert sentence.startswith(
            "/var/lib/mlflow-server/mlflow.db has the schema %s, which the MLflow of the former stack old does not know, and %s has no backup with its "
            "schema, %s. Leave the stack out" % (CURRENT, BACKUPS, OLDER)
        )
        assert judged(self.host(upgraded()), ["jdk", "python", "agent"]).findings == []

    def test_postgresql_needs_its_programs(self) -> None:
        host = self.host(upgraded(), {**self.BACKUP, "records": "postgresql"})
        assert judged(host, mlflow_server_backend_store="postgresql").roles["mlflow_server"]["steps"] == ["restore"]
        host["commands"]["psql"] = None
        (sentence,) = judged(host, mlflow_server_backend_store="postgresql").findings
        assert sentence.startswith("The PostgreSQL database mlflow is to be restored, but the host has no psql.")

    @pytest.mark.parametrize("spoiled", [("databases", "sqlite", {"error": "It is damaged."}), ("predictions", "rollback_backups", {"known": {}})])
    def test_what_can_not_be_told_is_refused(self, spoiled: tuple[str, str, dict[str, t.Any]]) -> None:
        host = self.host(upgraded(), self.BACKUP)
        host[spoiled[0]][spoiled[1]].update(spoiled[2])
        (sentence,) = judged(host).findings
        assert sentence.startswith("It can't be told whether the MLflow that comes back can use /var/lib/mlflow-server/mlflow.db. ")


@pytest.mark.parametrize(
    ("given", "parts"),
    [("", ALL), (None, ALL), ([], ALL), ("jdk, stack", ["stack", "jdk"]), (["agent"], ["agent"])],
)
def test_what_is_named(given: t.Any, parts: list[str]) -> None:
    assert rollback.chosen(given) == (parts, [])


def test_what_is_no_part() -> None:
    assert rollback.chosen("jdk,java") == ([], ["rollback names 'java', but some of stack, jdk, python, agent were expected, separated by commas."])


def test_the_questions() -> None:
    asked = rollback.with_questions({"commands": ["nginx"], "predictions": [{"name": "jdk"}]}, ["jdk", "stack"], SETTINGS)
    assert asked["commands"] == ["nginx", "pg_dump", "psql"]
    assert [question["name"] for question in asked["predictions"]] == ["jdk", "rollback_jdk", "rollback_stack", "rollback_backups"]
    assert asked["predictions"][-1]["options"]["directory"] == BACKUPS
