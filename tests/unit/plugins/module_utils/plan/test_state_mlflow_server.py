# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is from a tracking server, told from one reading of it: each thing that may differ, once."""

from __future__ import annotations

import copy
import hashlib
import ssl
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_stores as stores
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import mlflow_server as server
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import tracking_proxy as proxy

ROOT = Path(__file__).resolve().parents[5]
SETTINGS: dict[str, t.Any] = {
    **yaml.safe_load((ROOT / "roles" / "mlflow_server" / "defaults" / "main.yml").read_text()),
    "mlflow_release": "1.30.1",
    "inventory_address": "192.0.2.7",
    "mlflow_server_proxy": "nginx",
    "mlflow_server_proxy_password": "twelve characters",
}
HEALTH, LOGIN_URL = "http://127.0.0.1:5000/health", "https://127.0.0.1:5443/health"
STACK = "/opt/sparkflows/stack/current"
STARTED = 1000.0
DER = b"a certificate as far as this is concerned"
PUBLIC_TEXT = ssl.DER_cert_to_PEM_cert(DER)
CONTENTS = {stores.UNIT_FILE: "the unit\n", proxy.SITE: "the site\n"}
OLDER = "cc1f77228345"


def file(owner: str = "root", group: str = "root", mode: str = "0644", **changes: t.Any) -> dict[str, t.Any]:
    facts = {"exists": True, "kind": "file", "owner": owner, "group": group, "mode": mode, "size": 1, "mtime": STARTED - 10, "leads_to": [],
             "matches": None, "entries": None, "text": None}  # fmt: skip
    return {**facts, **changes}


MISSING = {**dict.fromkeys(file()), "exists": False, "leads_to": [], "matches": False}


def reading(settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a host answers that has all that the role leaves behind."""
    asked = server.questions(settings)
    files = {entry["path"]: dict(MISSING) for entry in asked["files"]}
    files.update(
        {
            server.CONFIGURATION: file(mode="0755", kind="directory"),
            stores.DIRECTORY: file("mlflow", "mlflow", "0750", kind="directory"),
            server.ENVIRONMENT_FILE: file(mode="0600", matches=True),
            stores.UNIT_FILE: file(text=CONTENTS[stores.UNIT_FILE]),
            server.GUARD: file(mode="0777", kind="link"),
            server.GUARD_PREFIX: file(mode="0755", kind="directory"),
            STACK: file(mode="0777", kind="link", leads_to=["/opt/sparkflows/stack/releases/1"]),
            STACK + "/bin/mlflow": file(mode="0755"),
            STACK + "/bin/python": file(mode="0777", kind="link", leads_to=["/opt/sparkflows/python/releases/3.7/bin/python3.7"]),
            proxy.SITE: file(text=CONTENTS[proxy.SITE]),
            proxy.LOGIN: file(group="www-data", mode="0640"),
            proxy.PEM: file(mode="0600"),
            proxy.PUBLIC: file(text=PUBLIC_TEXT),
        }
    )
    running = {"exists": True, "active_state": "active", "enabled": True, "started_at": STARTED, "reloaded_at": STARTED, "needs_reload": False}
    answers = {
        "os": {"family": "Debian", "distribution": "Debian", "major_version": "13"}, "architecture": "x86_64", "service_manager": "systemd",
        "selinux": "disabled", "ipv6": True, "memory_mb": {"total": 8000, "available": 7000}, "packages": None, "files": files,
        "disks": {path: {"mount": "/", "total_mb": 20000, "free_mb": 9000, "free_inodes": 900000, "read_only": False} for path in asked.get("paths", [])},
        "ports": {str(port): None for port in asked.get("ports", [])},
        "units": {unit: dict(running) for unit in asked["units"]},
        "users": {"mlflow": {"exists": True}}, "groups": {"mlflow": {"exists": True}},
        "commands": {"nginx": "/usr/sbin/nginx", "openssl": "/usr/bin/openssl"},
        "urls": {HEALTH: {"status": 200, "error": None}, LOGIN_URL: {"status": 200, "error": None}},
        "predictions": {"mlflow_server_guard": {"changed": False, "error": None}, "mlflow_server_login": {"changed": False, "error": None}},
        "certificates": {
            proxy.PEM: {"error": None, "names": ["localhost"], "names_fit": True, "days_left": 3000,
                        "fingerprint": ":".join("%02X" % byte for byte in hashlib.sha256(DER).digest())},
        },
        "databases": {
            store: {"exists": True, "tables": 16, "revision": "97727af70f4d", "expected": "97727af70f4d", "standing": "current", "error": None,
                    "runs": 4, "registered_models": 2, "model_versions": 3}
            for store in ("sqlite", "postgresql")
        },
    }  # fmt: skip
    return copy.deepcopy(answers)


def changed(settings: dict[str, t.Any], changes: dict[str, t.Any]) -> dict[str, t.Any]:
    """The host, but with some facts of a part of the reading, such as ``files``, changed."""
    answers = reading(settings)
    for part, items in changes.items():
        if not isinstance(items, dict):
            answers[part] = items
            continue
        for name, facts in items.items():
            known = answers[part].get(name)
            answers[part][name] = {**known, **facts} if isinstance(known, dict) and isinstance(facts, dict) else facts
    return answers


def differences(settings: dict[str, t.Any], changes: dict[str, t.Any], ahead: dict[str, list[str]] | None = None) -> list[tuple[str, str]]:
    """The steps with what they are for."""
    found = server.differences(settings, changed(settings, changes), CONTENTS, ahead or {})
    assert all(difference.role == "mlflow_server" and difference.before != difference.after for difference in found)
    return [(difference.step, difference.item) for difference in found]


def reasons(settings: dict[str, t.Any], changes: dict[str, t.Any], ahead: dict[str, list[str]] | None = None) -> list[str]:
    return [found.reason for found in server.differences(settings, changed(settings, changes), CONTENTS, ahead or {}) if found.reason]


START, RELOAD = ("start", server.UNIT), ("reload", proxy.UNIT)
NGINX, SERVER = {"units": {proxy.UNIT: {"active_state": "inactive"}}}, {"units": {server.UNIT: {"active_state": "failed", "started_at": None}}}


def test_a_host_that_has_all_differs_in_nothing() -> None:
    assert differences(SETTINGS, {}) == []
    assert server.findings(SETTINGS, reading(SETTINGS)) == server.needs(SETTINGS, reading(SETTINGS), {}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"groups": {"mlflow": {"exists": False}}}, [("group", "group mlflow"), START]),
        ({"users": {"mlflow": {"exists": False}}}, [("user", "user mlflow"), START]),
        ({"files": {server.CONFIGURATION: MISSING}}, [("configuration", server.CONFIGURATION)]),
        ({"files": {server.CONFIGURATION: {"mode": "0700"}}}, [("configuration", server.CONFIGURATION + ": mode")]),
        ({"files": {server.GUARD_PREFIX: {"owner": "eve"}}}, [("guard", server.GUARD_PREFIX + ": owner"), START]),
        ({"predictions": {"mlflow_server_guard": {"changed": True}}}, [("guard", server.GUARD_PREFIX), START]),
        ({"files": {server.ENVIRONMENT_FILE: {"matches": False}}}, [("environment", server.ENVIRONMENT_FILE), START]),
        ({"files": {server.ENVIRONMENT_FILE: {"mode": "0644"}}}, [("environment", server.ENVIRONMENT_FILE + ": mode")]),
        ({"files": {server.ENVIRONMENT_FILE: MISSING}}, [("environment", server.ENVIRONMENT_FILE), START]),
        ({"files": {stores.UNIT_FILE: {"text": "another\n"}}}, [("unit", stores.UNIT_FILE), START]),
        ({"files": {stores.UNIT_FILE: {"group": "adm"}}}, [("unit", stores.UNIT_FILE + ": group")]),
        ({"files": {stores.DIRECTORY: {"mode": "0777"}}}, [("start", stores.DIRECTORY + ": mode"), START]),
        ({"files": {stores.DIRECTORY: MISSING}}, [("start", stores.DIRECTORY), START]),
        (SERVER, [START]),
        ({"units": {server.UNIT: {"exists": False, "active_state": "inactive", "started_at": None}}}, [("first_start", server.UNIT)]),
        ({"units": {server.UNIT: {"needs_reload": True}}}, [START]),
        ({"units": {server.UNIT: {"enabled": False}}}, [("enabled", server.UNIT + ": starts at boot")]),
        ({"units": {server.UNIT: {"enabled": False, "active_state": "inactive"}}}, [START, ("start", server.UNIT + ": starts at boot")]),
        ({"urls": {HEALTH: {"status": None, "error": "It does not answer."}}}, [START]),
        ({"urls": {HEALTH: {"status": 500}}}, [START]),
        ({"commands": {"nginx": None}}, [("proxy_packages", "package nginx")]),
        ({"commands": {"openssl": None}}, [("proxy_packages", "package openssl")]),
        ({"commands": {"nginx": None}, "ipv6": False}, [("default_site", proxy.DEFAULT_SITE), ("proxy_packages", "package nginx")]),
        ({"files": {proxy.PEM: MISSING}, "certificates": {proxy.PEM: {"error": "It does not exist.", "fingerprint": None}}},
         [("certificate", proxy.PEM), ("public_certificate", proxy.PUBLIC), RELOAD]),
        ({"certificates": {proxy.PEM: {"error": "It is damaged.", "fingerprint": None}}},
         [("certificate", proxy.PEM), ("public_certificate", proxy.PUBLIC), RELOAD]),
        ({"certificates": {proxy.PEM: {"names_fit": False}}}, [("certificate", proxy.PEM + ": names"), ("public_certificate", proxy.PUBLIC), RELOAD]),
        ({"certificates": {proxy.PEM: {"days_left": 29}}}, [("certificate", proxy.PEM), ("public_certificate", proxy.PUBLIC), RELOAD]),
        ({"files": {proxy.PEM: {"mode": "0644"}}}, [("certificate", proxy.PEM + ": mode"), ("public_certificate", proxy.PUBLIC), RELOAD]),
        ({"files": {proxy.PUBLIC: MISSING}}, [("public_certificate", proxy.PUBLIC)]),
        ({"files": {proxy.PUBLIC: {"text": PUBLIC_TEXT + "x\n"}}}, [("public_certificate", proxy.PUBLIC)]),
        ({"files": {proxy.PUBLIC: {"text": ssl.DER_cert_to_PEM_cert(b"another")}}}, [("public_certificate", proxy.PUBLIC)]),
        ({"files": {proxy.PUBLIC: {"mode": "0666"}}}, [("public_certificate", proxy.PUBLIC + ": mode")]),
        ({"files": {proxy.LOGIN: MISSING}}, [("login", proxy.LOGIN)]),
        ({"files": {proxy.LOGIN: {"group": "root"}}}, [("login", proxy.LOGIN + ": group")]),
        ({"predictions": {"mlflow_server_login": {"changed": True}}, "urls": {LOGIN_URL: {"status": 401}}}, [("login", proxy.LOGIN)]),
        ({"files": {proxy.SITE: {"text": "another\n"}}}, [("site", proxy.SITE), RELOAD]),
        ({"files": {proxy.SITE: MISSING}}, [("site", proxy.SITE), RELOAD]),
        ({"files": {proxy.SITE: {"mtime": STARTED + 1}}}, [RELOAD]),
        ({"files": {proxy.SITE: {"mtime": STARTED + 1}}, "selinux": "enforcing"}, [RELOAD, ("selinux", "rules of SELinux for a proxy")]),
        ({"files": {proxy.FORMER_SITE: file()}}, [RELOAD]),
        (NGINX, [RELOAD]),
        ({"units": {proxy.UNIT: {"exists": False, "active_state": "inactive", "enabled": False}}}, [("first_load", proxy.UNIT)]),
        ({"units": {proxy.UNIT: {"enabled": False}}}, [("reload", proxy.UNIT + ": starts at boot")]),
        ({"urls": {LOGIN_URL: {"status": None, "error": "Another certificate is shown."}}}, [RELOAD]),
        ({"urls": {LOGIN_URL: {"status": 401}}}, [RELOAD]),
        ({"urls": {LOGIN_URL: {"status": 502}}}, []),
        ({"files": {proxy.NEW_PEM: file()}}, [("proxy_leftovers", proxy.NEW_PEM)]),
    ],
)  # fmt: skip
def test_each_thing_that_differs_is_named(changes: dict[str, t.Any], expected: list[tuple[str, str]]) -> None:
    assert differences(SETTINGS, changes) == expected


@pytest.mark.parametrize(
    ("path", "what"), [(stores.UNIT_FILE, "its unit"), (server.ENVIRONMENT_FILE, "its settings"), (STACK, "the stack"), (server.GUARD, "the guard")]
)
def test_a_service_that_started_before_what_it_reads_changed(path: str, what: str) -> None:
    newer = {"files": {path: {"mtime": STARTED + 1}}}
    assert differences(SETTINGS, newer) == [START]
    assert reasons(SETTINGS, newer) == ["started before %s changed" % what]


def test_why_the_service_starts_again() -> None:
    changes = {"files": {stores.UNIT_FILE: {"text": "another\n"}}, "predictions": {"mlflow_server_guard": {"changed": True}}}
    assert "its unit changes, the guard changes" in reasons(SETTINGS, changes)
    assert reasons(SETTINGS, {"urls": {HEALTH: {"status": 503}}}) == ["it answers %s with status 503" % HEALTH]
    assert reasons(SETTINGS, {"urls": {HEALTH: {"status": None, "error": "It is silent."}}}) == ["It is silent"]


def test_another_stack_restarts_the_server() -> None:
    assert reasons(SETTINGS, {}, {"pip_stack": ["environment"]}) == ["the stack changes"]
    elsewhere = {**SETTINGS, "pip_stack_prefix": "/srv/stack", "pip_stack_state": "present"}
    assert differences(elsewhere, {}, {"pip_stack": ["environment"]}) == []
    assert differences(SETTINGS, {}, {"pip_stack": ["surplus", "bytecode"]}) == []


def test_the_place_of_the_former_stack_is_named() -> None:
    moved = {"files": {stores.UNIT_FILE: {"text": "ExecStart=/srv/stack/current/bin/mlflow server \\\n"}}}
    notes = [found for found in server.differences(SETTINGS, changed(SETTINGS, moved), CONTENTS, {}) if not found.step]
    assert [(note.item, note.after) for note in notes] == [("/srv/stack", "left as it is")]
    assert STACK in notes[0].reason


def test_the_guard_is_put_back_where_a_file_of_it_was_changed() -> None:
    same = {"before": "current -> releases/1.0.0\n", "after": "current -> releases/1.0.0\n"}
    found = server.differences(SETTINGS, changed(SETTINGS, {"predictions": {"mlflow_server_guard": {"changed": True, "diff": same}}}), CONTENTS, {})
    assert (found[0].before, found[0].after) == ("changed since it was laid", "as wanted")
    astray = {"before": "releases/1.0.0 sha256:1\n", "after": "current -> releases/1.0.0\nreleases/1.0.0 sha256:1\n"}
    found = server.differences(SETTINGS, changed(SETTINGS, {"predictions": {"mlflow_server_guard": {"changed": True, "diff": astray}}}), CONTENTS, {})
    assert (found[0].before, found[0].after) == ("not pointed to", "current -> releases/1.0.0")
    guard = server.questions(SETTINGS)["predictions"][0]["options"]
    assert Path(guard["src"], "tracking_guard", "requests.py").is_file()
    assert guard["intact"]
    assert guard["root"] == "."


class TestArtifacts:
    FOLDER = "/srv/artifacts"
    SETTINGS: t.ClassVar = {**SETTINGS, "mlflow_server_artifact_directory": FOLDER}

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            (MISSING, [FOLDER]),
            (file("root", "root", "0755", kind="directory"), [FOLDER + ": owner", FOLDER + ": group", FOLDER + ": mode"]),
            (file("mlflow", "mlflow", "0777", kind="directory"), [FOLDER + ": mode"]),
            (file("mlflow", "mlflow", "0750", kind="directory"), []),
            (file("backup", "backup", "0770", kind="directory"), []),
            (file("root", "root", "0777", kind="link"), []),
        ],
    )
    def test_a_folder_of_its_own_unless_it_is_somebody_elses(self, facts: dict[str, t.Any], expected: list[str]) -> None:
        assert differences(self.SETTINGS, {"files": {self.FOLDER: facts}}) == [("artifacts", item) for item in expected]


class TestDatabase:
    ALLOWED: t.ClassVar = {**SETTINGS, "mlflow_server_database_upgrade": True}
    OLD: t.ClassVar = {"databases": {"sqlite": {"standing": "older", "revision": OLDER}}}

    def test_an_older_one_is_upgraded_where_that_is_allowed(self) -> None:
        assert server.needs(self.ALLOWED, changed(self.ALLOWED, self.OLD), {}) == []
        backup = ("backup", "backup of " + stores.SQLITE_FILE)
        assert differences(self.ALLOWED, self.OLD) == [backup, ("copy", stores.SQLITE_FILE), ("upgrade", "schema of " + stores.SQLITE_FILE), START]

    def test_one_in_postgresql_is_backed_up_as_well_or_left_alone(self) -> None:
        settings = {**self.ALLOWED, "mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_password": "x"}
        host = changed(settings, {"databases": {"postgresql": {"standing": "older", "revision": OLDER}}, "commands": {"pg_dump": "/usr/bin/pg_dump"}})
        assert server.needs(settings, host, {}) == []
        named = "the PostgreSQL database mlflow"
        found = server.differences(settings, host, CONTENTS, {})
        assert [(one.step, one.item) for one in found] == [("backup", "backup of " + named), ("upgrade", "schema of " + named), START]
        host["commands"]["pg_dump"] = None
        (sentence,) = server.needs(settings, host, {})
        assert sentence.startswith("The PostgreSQL database mlflow is to be upgraded, but the host has no pg_dump to back it up first. Install the client")

    @pytest.mark.parametrize(
        ("standing", "revision", "said"),
        [
            ("older", OLDER, "Set mlflow_server_database_upgrade to true"),
            ("newer", "abc", "has the schema abc of a newer or another MLflow"),
            ("foreign", None, "holds 16 tables, but none that tells MLflow's schema"),
        ],
    )
    def test_one_that_the_installed_mlflow_would_refuse(self, standing: str, revision: str | None, said: str) -> None:
        (sentence,) = server.needs(SETTINGS, changed(SETTINGS, {"databases": {"sqlite": {"standing": standing, "revision": revision}}}), {})
        assert said in sentence

    def test_another_stack_is_judged_by_its_lock(self) -> None:
        ahead, host = {"pip_stack": ["environment"]}, changed(self.ALLOWED, self.OLD)
        assert server.needs(SETTINGS, host, ahead) == []
        assert ("upgrade", "schema of " + stores.SQLITE_FILE) in differences(self.ALLOWED, self.OLD, ahead)
        assert [step for step, dummy in differences({**self.ALLOWED, "mlflow_release": "2.9.0"}, self.OLD, ahead)] == ["start"]


class TestNeeds:
    def test_a_stack_without_mlflow(self) -> None:
        host = changed(SETTINGS, {"files": {STACK + "/bin/mlflow": MISSING}})
        (sentence,) = server.needs(SETTINGS, host, {})
        assert sentence.startswith("/opt/sparkflows/stack/current has no bin/mlflow. Run the role pip_stack first")
        assert server.needs(SETTINGS, host, {"pip_stack": ["environment"]}) == []

    def test_postgresql_without_its_driver(self) -> None:
        settings = {**SETTINGS, "mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_password": "x"}
        host = changed(settings, {"databases": {"postgresql": {"exists": None, "standing": "unknown"}}})
        (sentence,) = server.needs(settings, host, {})
        assert "has no psycopg2. Add postgresql to pip_stack_extras" in sentence
        assert server.needs(settings, host, {"pip_stack": ["environment"]}) == []


class TestInputs:
    def seen(self, leads_to: list[str], python: list[str], **settings: t.Any) -> list[str]:
        host = changed(SETTINGS, {"files": {STACK: {"leads_to": leads_to}, STACK + "/bin/python": {"leads_to": python}}})
        return t.cast("list[str]", server.inputs({**SETTINGS, **settings}, host)["visible"])

    def test_what_the_service_sees_of_stack_and_python(self) -> None:
        elsewhere = self.seen(["/data/stack/releases/9", "/mnt/stack"], ["/srv/python/releases/3/bin/python3.7", "/usr/bin/python3.7"])
        assert {"/data/stack", "/mnt/stack", "/srv/python", "/opt/sparkflows/stack"} <= set(elsewhere)
        assert "/opt/sparkflows/python" not in elsewhere
        assert "/opt/sparkflows/python" in self.seen([], [])

    def test_files_that_the_environment_names(self) -> None:
        given = {"PGSSLROOTCERT": "/etc/db.crt", "SOME_FILE": "/etc/../shadow", "TOKEN": "/a/secret", "CERT_FILE": "/x y"}
        found = self.seen([], [], mlflow_server_environment=given, mlflow_server_readable_paths=["/srv/more"])
        assert [path for path in found if path in (*given.values(), "/srv/more")] == ["/etc/db.crt", "/srv/more"]

    def test_a_variable_of_the_operator_is_not_taken_from_the_service(self) -> None:
        found = server.inputs({**SETTINGS, "mlflow_server_environment": {"JAVA_HOME": "/opt/java"}}, reading(SETTINGS))["foreign_environment"]
        assert "JAVA_HOME" not in found
        assert "PYTHONPATH" in found

    def test_addresses(self) -> None:
        settings = {**SETTINGS, "mlflow_server_listen_address": "::1", "mlflow_server_backend_store": "postgresql", "mlflow_server_postgresql_user": "a@b"}
        found = server.inputs(settings, reading(settings))
        assert (found["bind"], found["url"]) == ("[::1]", "http://[::1]:5000")
        assert found["backend_uri"] == "postgresql://a%40b@127.0.0.1:5432/mlflow"

    def test_selinux_labels(self) -> None:
        assert server.inputs(SETTINGS, reading(SETTINGS))["labelled"] == []
        labelled = server.inputs(SETTINGS, changed(SETTINGS, {"selinux": "enforcing"}))["labelled"]
        assert labelled == ["/opt/sparkflows/stack", "/opt/sparkflows/python/releases/3.7/bin"]


class TestProxy:
    def test_names_in_the_certificate(self) -> None:
        settings = {**SETTINGS, "mlflow_server_proxy_certificate_names": ["*.example.com", "::1"], "mlflow_server_proxy_server_name": "m.example.com",
                    "inventory_address": "not a host", "mlflow_server_proxy_listen_address": "192.0.2.9"}  # fmt: skip
        assert proxy.names(settings) == ["*.example.com", "127.0.0.1", "192.0.2.9", "::1", "localhost", "m.example.com"]
        assert "192.0.2.7" in proxy.names(SETTINGS)

    def test_a_given_certificate_leaves_none_of_its_own(self) -> None:
        settings = {**SETTINGS, "mlflow_server_proxy_certificate": "path", "mlflow_server_proxy_certificate_path": "/etc/ssl/m.crt",
                    "mlflow_server_proxy_private_key_path": "/etc/ssl/m.key"}  # fmt: skip
        assert differences(settings, {}) == [("proxy_leftovers", proxy.PEM), ("proxy_leftovers", proxy.PUBLIC)]
        assert server.inputs(settings, reading(settings))["proxy"]["leftovers"] == [proxy.PEM, proxy.PUBLIC]

    def test_nothing_before_the_server(self) -> None:
        settings = {**SETTINGS, "mlflow_server_proxy": "none"}
        gone = [proxy.SITE, proxy.PEM, proxy.PUBLIC, proxy.LOGIN]
        assert differences(settings, {}) == [*(("proxy_removed", path) for path in gone), ("proxy_forgotten", proxy.UNIT)]
        assert differences(settings, NGINX) == [("proxy_removed", path) for path in gone]
        assert differences(settings, {"files": dict.fromkeys(gone, MISSING)}) == []
        own = {**dict.fromkeys(gone, MISSING), proxy.DEFAULT_SITE: {"text": proxy.OWN_DEFAULT_SITE + " the default site asks for IPv6."}}
        assert differences(settings, {"files": own}) == [("proxy_removed", proxy.DEFAULT_SITE), ("proxy_forgotten", proxy.UNIT)]
        seen = reading(settings)
        seen["files"][proxy.DEFAULT_SITE] = file(text=proxy.OWN_DEFAULT_SITE)
        assert server.inputs(settings, seen)["proxy"]["leaving"] == {"sites": [proxy.SITE, proxy.DEFAULT_SITE], "rest": gone[1:]}

    def test_the_password_is_asked_about_in_secret(self) -> None:
        (asked,) = (entry for entry in server.questions(SETTINGS)["predictions"] if entry["module"] == "login_file")
        assert asked["secrets"] == {"password": "twelve characters"}
        assert "password" not in asked["options"]


class TestAbsent:
    SETTINGS: t.ClassVar = {**SETTINGS, "mlflow_server_state": "absent"}
    KEPT = ("", "packages nginx, openssl")
    NO_PROXY: t.ClassVar = dict.fromkeys((proxy.SITE, proxy.PEM, proxy.PUBLIC, proxy.LOGIN), MISSING)
    GONE: t.ClassVar = {
        "files": {**NO_PROXY, stores.UNIT_FILE: MISSING, server.ENVIRONMENT_FILE: MISSING},
        "units": {server.UNIT: {"active_state": "inactive", "exists": False}},
    }

    def test_a_service_goes_and_its_data_stays(self) -> None:
        changes = {"files": self.NO_PROXY, "predictions": {"mlflow_server_guard": {"changed": True}}}
        assert differences(self.SETTINGS, changes) == [
            ("stopped", server.UNIT), ("removed", stores.UNIT_FILE), ("removed", server.ENVIRONMENT_FILE), ("removed", server.GUARD_PREFIX), self.KEPT
        ]  # fmt: skip
        assert differences({**self.SETTINGS, "mlflow_server_proxy": "none"}, changes)[-1] == ("removed", server.GUARD_PREFIX)
        assert differences(self.SETTINGS, self.GONE) == []

    def test_a_purge_takes_data_and_user(self) -> None:
        purged = {**self.SETTINGS, "mlflow_server_purge": True}
        assert differences(purged, self.GONE) == [("data_removed", stores.DIRECTORY), ("user_removed", "user mlflow"), self.KEPT]
        nothing = {**self.GONE, "files": {**self.GONE["files"], stores.DIRECTORY: MISSING}, "users": {"mlflow": {"exists": False}}}
        assert differences(purged, nothing) == []

    def test_systemd_forgets_a_unit_whose_file_went(self) -> None:
        changes = {**self.GONE, "units": {server.UNIT: {"active_state": "inactive", "needs_reload": True}}}
        assert differences(self.SETTINGS, changes) == [("removed", server.UNIT), self.KEPT]
