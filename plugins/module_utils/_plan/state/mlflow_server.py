# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(mlflow_server) leaves behind: a tracking server as a systemd unit, the guard that it runs with, and what stands before it."""

from __future__ import annotations

import functools
import os
import posixpath
import re
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.release import digest_of_folder
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_stores as stores
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlflow_server as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    File,
    Inputs,
    Questions,
    State,
    of_attributes,
    of_files,
    of_former_place,
    of_kept_packages,
    of_prediction,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import tracking_proxy as proxy
from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import bracketed, service_url

ROLE = "mlflow_server"
UNIT = "mlflow-server.service"
CONFIGURATION = "/etc/sparkflows-mlops"
ENVIRONMENT_FILE = CONFIGURATION + "/mlflow-server.env"

# The guard lies beside the roles, in a checkout as in an installed collection.
GUARD_SOURCE = os.path.join(os.path.normpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), *[os.pardir] * 4)), "guard", "src")
GUARD_RELEASE = "1.0.0"
GUARD_PREFIX = "/opt/sparkflows/tracking-guard"
GUARD = GUARD_PREFIX + "/current"

#: What the service sees of the host besides its own. What is not there, as /lib64 on some, is left out by systemd.
_VISIBLE = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    "/etc/pki/tls", "/etc/pki/ca-trust", "/etc/crypto-policies", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf",
    "/etc/gai.conf", "/etc/services", "/etc/localtime", "/etc/mime.types", GUARD_PREFIX,
)  # fmt: skip
#: Where the stack's Python most often is; a host that has a stack tells.
_PYTHON = "/opt/sparkflows/python"
#: What the host may hand to every unit and would change which code runs here.
_FOREIGN = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "VIRTUAL_ENV",
    "SPARK_HOME", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "HADOOP_CONF_DIR", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN", "MLFLOW_ALLOW_FILE_URI_AS_MODEL_VERSION_SOURCE", "FLASK_APP", "FLASK_DEBUG", "FLASK_ENV", "prometheus_multiproc_dir",
)  # fmt: skip
#: Variables that name files, as PGSSLROOTCERT; the value of another may be a secret that begins with a slash.
_NAMES_FILE = re.compile(r".*(FILE|_PATH|_BUNDLE|_DIR|SSLROOTCERT|SSLCERT|SSLKEY|SSLCRL|_CREDENTIALS)\Z")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/+-]+\Z")


@functools.lru_cache(maxsize=None)
def guard_digest() -> str:
    """That of the guard's package."""
    return digest_of_folder(GUARD_SOURCE)


def _url(settings: Settings) -> str:
    return service_url(settings["mlflow_server_listen_address"], settings["mlflow_server_port"])


def _health_url(settings: Settings) -> str:
    return _url(settings) + "/health"


def _own_artifacts(settings: Settings) -> bool:
    """Whether artifacts have a folder that is not below the server's own."""
    return settings["mlflow_server_artifact_store"] == "disk" and not settings["mlflow_server_artifact_directory"].startswith(stores.DIRECTORY + "/")


def _programs_of(settings: Settings) -> dict[str, str]:
    stack = settings["mlflow_server_stack"]
    return {"mlflow": stack + "/bin/mlflow", "python": stack + "/bin/python"}


# ------------------------------------------------------------------------------------------------------------------ questions and findings


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    asked: Questions = {"units": [UNIT], "users": [settings["mlflow_server_user"]]}
    if not rules.present(settings):
        paths = (stores.UNIT_FILE, ENVIRONMENT_FILE, stores.DIRECTORY)
        asked["files"] = [{"path": path} for path in paths]
        asked["predictions"] = [{"name": "mlflow_server_guard", "module": "archive_release", "options": {"dest": GUARD_PREFIX, "state": "absent"}}]
    else:
        paths = (CONFIGURATION, stores.DIRECTORY, settings["mlflow_server_stack"], *_programs_of(settings).values(), GUARD, GUARD_PREFIX)
        asked.update(
            groups=[settings["mlflow_server_group"]],
            ports=[settings["mlflow_server_port"]],
            paths=[stores.DIRECTORY, CONFIGURATION],
            files=[{"path": path} for path in paths] + stores.files(settings),
            urls=[{"url": _health_url(settings)}],
            predictions=[{"name": "mlflow_server_guard", "module": "archive_release", "options": _guard_options()}],
            **stores.questions(settings),
        )
        if settings["mlflow_server_ca_bundle"]:
            asked["files"].append({"path": settings["mlflow_server_ca_bundle"]})
    for option, value in proxy.questions(settings).items():
        asked[option] = asked.get(option, []) + value
    return asked


def _guard_options() -> dict[str, t.Any]:
    return {"dest": GUARD_PREFIX, "release": GUARD_RELEASE, "src": GUARD_SOURCE, "sha256": guard_digest(), "root": ".", "intact": True}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    if not rules.present(settings):
        return []
    found = checks.system(reading) + checks.places(reading, [stores.DIRECTORY, CONFIGURATION])
    found += checks.present(reading, {"mlflow_server_ca_bundle": settings["mlflow_server_ca_bundle"]})
    found += checks.ports(reading, {settings["mlflow_server_port"]: ("mlflow_server_port", (UNIT,)), **proxy.ports(settings, reading)})
    found += proxy.findings(settings, reading)
    if reading["units"].get(UNIT, {}).get("active_state") != "active":
        found += _room(settings, reading)
    return found + stores.findings(settings, reading)


def _room(settings: Settings, reading: Reading) -> list[str]:
    found = []
    disk, least = reading["disks"].get(stores.DIRECTORY), settings["mlflow_server_min_free_mb"]
    if disk and disk["free_mb"] < least:
        found.append(
            "%d MB are free on %s, where the tracking server keeps its data, but mlflow_server_min_free_mb asks for %d. Make room, or lower it."
            % (disk["free_mb"], disk["mount"], least)
        )
    memory, least = reading["memory_mb"], settings["mlflow_server_min_memory_mb"]
    if memory["available"] < least:
        found.append(
            "%d of %d MB of memory are available, but mlflow_server_min_memory_mb asks for %d. Give the host more, or lower it."
            % (memory["available"], memory["total"], least)
        )
    return found


def needs(settings: Settings, reading: Reading, ahead: Ahead) -> list[str]:
    """What the stack lacks, unless the role C(pip_stack) is about to bring another; see `State`."""
    if not rules.present(settings) or _of_stack(settings, ahead):
        return []
    programs = {name: reading["files"][path]["exists"] for name, path in _programs_of(settings).items()}
    if not programs["mlflow"]:
        return ["%s has no bin/mlflow. Run the role pip_stack first, or name the environment with mlflow_server_stack." % settings["mlflow_server_stack"]]
    database = reading["databases"][settings["mlflow_server_backend_store"]]
    if rules.postgresql(settings) and programs["python"] and database["exists"] is None and not database["error"]:
        return ["mlflow_server_backend_store is postgresql, but %s has no psycopg2. Add postgresql to pip_stack_extras." % settings["mlflow_server_stack"]]
    return stores.schema(settings, reading)


def _of_stack(settings: Settings, ahead: Ahead) -> t.Sequence[str]:
    """The steps that the role C(pip_stack) is going to take for the environment that the server runs in."""
    stack = settings["mlflow_server_stack"]
    ours = settings.get("pip_stack_prefix", posixpath.dirname(stack)) + "/current" == stack
    return ahead.get("pip_stack", ()) if ours and settings.get("pip_stack_state") != "absent" else ()


def _stack_changes(settings: Settings, ahead: Ahead) -> bool:
    """Whether the server is going to find another environment than the one that it runs in."""
    return "environment" in _of_stack(settings, ahead)


# ----------------------------------------------------------------------------------------------------------------------- files and inputs


def _server_files(settings: Settings) -> list[File]:
    if not rules.present(settings):
        return []
    return [
        File(ENVIRONMENT_FILE, "mlflow-server.env.j2", "environment", secret=True, mode="0600"),
        File(stores.UNIT_FILE, "mlflow-server.service.j2", "unit"),
    ]


def files(settings: Settings) -> list[File]:
    """The files that are filled in from templates; see `State`."""
    return _server_files(settings) + proxy.files(settings)


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """Names of files and units, addresses, what the unit lets the service see, and the files that go."""
    shared = {
        "unit": UNIT,
        "unit_file": stores.UNIT_FILE,
        "environment_file": ENVIRONMENT_FILE,
        "configuration": CONFIGURATION,
        "directory": stores.DIRECTORY,
        "guard": GUARD,
        "guard_prefix": GUARD_PREFIX,
        **proxy.inputs(settings, reading),
    }
    if reading is None:
        return shared
    if not rules.present(settings):
        return {**shared, "leaving": [path for path in (stores.UNIT_FILE, ENVIRONMENT_FILE) if reading["files"][path]["exists"]]}
    return {
        **shared,
        "guard_release": GUARD_RELEASE,
        "guard_source": GUARD_SOURCE,
        "bind": bracketed(settings["mlflow_server_listen_address"]),
        "url": _url(settings),
        "health_url": _health_url(settings),
        "backend_uri": _backend_uri(settings),
        "artifact_uri": settings["mlflow_server_s3_uri" if settings["mlflow_server_artifact_store"] == "s3" else "mlflow_server_artifact_directory"],
        "own_artifacts": _own_artifacts(settings),
        "visible": _visible(settings, reading),
        "foreign_environment": sorted(set(_FOREIGN) - set(settings["mlflow_server_environment"])),
        "labelled": _labelled(settings, reading),
        "database": _database(settings, reading),
    }


def _backend_uri(settings: Settings) -> str:
    """Without a password: libpq takes that from PGPASSWORD, so that no process list shows it."""
    if not rules.postgresql(settings):
        return "sqlite:///" + stores.SQLITE_FILE
    user, host, port, name = (settings["mlflow_server_postgresql_" + option] for option in ("user", "host", "port", "name"))
    return "postgresql://%s@%s:%s/%s" % (urllib.parse.quote(user), host, port, urllib.parse.quote(name))


def _database(settings: Settings, reading: Reading) -> dict[str, t.Any]:
    """Of the database its schema, the one that is wanted, and where it is backed up; of a file also what is made of it; and the URI of what is upgraded."""
    seen = reading["databases"][settings["mlflow_server_backend_store"]]
    revisions = {"revision": seen.get("revision"), "expected": seen.get("expected"), "backups": stores.upgrade_backups(settings)}
    if rules.postgresql(settings):
        return {**revisions, "uri": _backend_uri(settings)}
    upgraded = stores.SQLITE_FILE + ".upgraded"
    return {**revisions, "uri": "sqlite:///" + upgraded, "file": stores.SQLITE_FILE, "upgraded": upgraded}


def _visible(settings: Settings, reading: Reading) -> list[str]:
    """All that the service sees of the host."""
    given = settings["mlflow_server_environment"].items()
    named = [str(value) for name, value in given if _NAMES_FILE.match(name) and _PLAIN_PATH.match(str(value)) and ".." not in str(value)]
    wanted = [
        *_VISIBLE,
        posixpath.dirname(settings["mlflow_server_stack"]),
        *(_programs(settings, reading) or [_PYTHON]),
        settings["mlflow_server_ca_bundle"],
        *named,
        *settings["mlflow_server_readable_paths"],
    ]
    return list(dict.fromkeys(path for path in wanted if path))


def _programs(settings: Settings, reading: Reading) -> list[str]:
    """Every folder, with all its releases, on the way from the stack to its files and to its Python, as links name them and as they are."""
    stack = settings["mlflow_server_stack"]
    python = reading["files"][_programs_of(settings)["python"]]["leads_to"]
    ways = reading["files"][stack]["leads_to"] + [posixpath.dirname(posixpath.dirname(path)) for path in python]
    folders = dict.fromkeys(re.sub(r"/releases/[^/]+\Z", "", way) for way in ways)
    return [folder for folder in folders if not re.match(r"/(usr|bin)?(/|\Z)", folder) and folder not in (stack, posixpath.dirname(stack))]


def _labelled(settings: Settings, reading: Reading) -> list[str]:
    """Folders with programs: SELinux' policy knows those below /opt, but labels them only when asked to."""
    if reading["selinux"] == "disabled":
        return []
    python = reading["files"][_programs_of(settings)["python"]]["leads_to"]
    return [posixpath.dirname(settings["mlflow_server_stack"])] + [posixpath.dirname(path) for path in python[-1:]]


# ------------------------------------------------------------------------------------------------------------------------------ differences


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it.

    Steps, in the order in which they are taken: C(group), C(user), C(artifacts), C(configuration), C(guard), C(environment), C(unit),
    C(backup), C(copy) and C(upgrade), C(start), with C(first_start) for a unit that systemd does not know yet, C(enabled); C(stopped), C(removed),
    C(data_removed) and C(user_removed) for a role that is absent; and those of `tracking_proxy`.
    """
    if not rules.present(settings):
        found = _leaving(settings, reading) + proxy.differences(settings, reading, contents)
        return found + of_kept_packages(ROLE, proxy.PROGRAMS if settings["mlflow_server_proxy"] == "nginx" else (), found)
    found = _account(settings, reading) + _folders(settings, reading) + _guard(reading)
    found += of_files(ROLE, _server_files(settings), contents, reading)
    found += of_former_place(ROLE, stores.UNIT_FILE, r"^ExecStart=(\S+)/bin/mlflow ", settings["mlflow_server_stack"], reading)
    upgrade = _upgrade(settings, reading, ahead)
    start = _start(settings, reading, found + upgrade, _stack_changes(settings, ahead))
    return found + upgrade + start + _enabled(settings, reading, bool(start)) + proxy.differences(settings, reading, contents)


def _account(settings: Settings, reading: Reading) -> list[Difference]:
    """The user may be there already, with a primary group of another name."""
    group, user = settings["mlflow_server_group"], settings["mlflow_server_user"]
    found = []
    if not reading["groups"][group]["exists"]:
        found.append(Difference(ROLE, "group", "group " + group, "missing", "made"))
    if not reading["users"][user]["exists"]:
        found.append(Difference(ROLE, "user", "user " + user, "missing", "made"))
    return found


def _folders(settings: Settings, reading: Reading) -> list[Difference]:
    found = []
    if _own_artifacts(settings):
        path, user = settings["mlflow_server_artifact_directory"], settings["mlflow_server_user"]
        seen = reading["files"][path]
        if not seen["exists"]:
            found.append(Difference(ROLE, "artifacts", path, "missing", "made"))
        # A link, or a folder of somebody else, is so on purpose.
        elif seen["kind"] == "directory" and seen["owner"] in ("root", user):
            found += of_attributes(ROLE, "artifacts", path, seen, user, settings["mlflow_server_group"], "0750")
    seen = reading["files"][CONFIGURATION]
    if not seen["exists"]:
        found.append(Difference(ROLE, "configuration", CONFIGURATION, "missing", "made"))
    else:
        found += of_attributes(ROLE, "configuration", CONFIGURATION, seen, "root", "root", "0755")
    return found


def _guard(reading: Reading) -> list[Difference]:
    found = []
    if reading["files"][GUARD_PREFIX]["exists"]:
        found = of_attributes(ROLE, "guard", GUARD_PREFIX, reading["files"][GUARD_PREFIX], "root", "root", "0755")
    laid = of_prediction(ROLE, "guard", GUARD_PREFIX, reading, "mlflow_server_guard")
    # Where a release is there by its name and digest, it is either not the current one, or something in it is not as it was laid.
    words = {"as wanted": "changed since it was laid"}
    return found + [one._replace(before=words.get(one.after, "not pointed to")) if one.before == "as it is" else one for one in laid]


def _upgrade(settings: Settings, reading: Reading, ahead: Ahead) -> list[Difference]:
    database = reading["databases"][settings["mlflow_server_backend_store"]]
    comes = _stack_changes(settings, ahead)
    standing = stores.to_come(settings, database) if comes else stores.installed(database)
    if standing.name != "older":
        return []
    kept = "made in %s" % stores.upgrade_backups(settings)
    found = [Difference(ROLE, "backup", "backup of %s" % stores.name(settings), "missing", kept, "its schema is upgraded")]
    if not rules.postgresql(settings):
        # Migrations of SQLite are no transactions.
        found.append(Difference(ROLE, "copy", stores.SQLITE_FILE, "as it is", "copied", "the copy is upgraded and takes its place"))
    reason = "the stack changes" if comes else "the stack wants another"
    return [*found, Difference(ROLE, "upgrade", "schema of %s" % stores.name(settings), database["revision"], str(standing.expected), reason)]


def _start(settings: Settings, reading: Reading, found: t.Sequence[Difference], stack_changes: bool) -> list[Difference]:
    """Whether the service has to be started, or started again, and why."""
    unit = reading["units"][UNIT]
    result = _data(settings, reading)
    items, steps = {difference.item for difference in found}, {difference.step for difference in found}
    read_at_start = (
        ("its unit", stores.UNIT_FILE, stores.UNIT_FILE in items),
        ("its settings", ENVIRONMENT_FILE, ENVIRONMENT_FILE in items),
        ("the stack", settings["mlflow_server_stack"], stack_changes),
        ("the guard", GUARD, "guard" in steps),
    )
    reasons = ["%s changes" % what if what != "its settings" else "its settings change" for what, dummy, changes in read_at_start if changes]
    first = (("user", "its user is made"), ("group", "its group is made"), ("upgrade", "its database is upgraded"))
    reasons += [words for step, words in first if step in steps]
    if not unit["exists"]:
        return [*result, Difference(ROLE, "first_start", UNIT, "missing", "running", ", ".join(reasons))]
    if unit["started_at"] is None or unit["active_state"] != "active":
        return [*result, Difference(ROLE, "start", UNIT, unit["active_state"], "running", ", ".join(reasons))]
    reasons += [
        "started before %s changed" % what
        for what, path, changes in read_at_start
        if not changes and (reading["files"][path]["mtime"] or 0) > unit["started_at"]
    ]
    if unit["needs_reload"]:
        reasons.append("systemd has not read its unit as it is now")
    answer = reading["urls"][_health_url(settings)]
    if answer["status"] != 200:
        reasons.append(answer["error"].rstrip(".") if answer["error"] else "it answers %s with status %s" % (_health_url(settings), answer["status"]))
    if result:
        reasons.append("systemd hands its folder over at a start")
    if reasons:
        result.append(Difference(ROLE, "start", UNIT, "running", "restarted", ", ".join(reasons)))
    return result


def _data(settings: Settings, reading: Reading) -> list[Difference]:
    """The server's own folder, which systemd makes and hands over at a start (StateDirectory=)."""
    seen = reading["files"][stores.DIRECTORY]
    if not seen["exists"]:
        return [Difference(ROLE, "start", stores.DIRECTORY, "missing", "made")]
    if seen["kind"] != "directory":
        return []
    return of_attributes(ROLE, "start", stores.DIRECTORY, seen, settings["mlflow_server_user"], settings["mlflow_server_group"], "0750")


def _enabled(settings: Settings, reading: Reading, starts: bool) -> list[Difference]:
    wanted, seen = bool(settings["mlflow_server_enabled"]), bool(reading["units"][UNIT]["enabled"])
    if wanted == seen:
        return []
    words = {True: "yes", False: "no"}
    reason = "" if reading["files"][stores.UNIT_FILE]["exists"] else "its unit is missing"
    return [Difference(ROLE, "start" if starts else "enabled", "%s: starts at boot" % UNIT, words[seen], words[wanted], reason)]


def _leaving(settings: Settings, reading: Reading) -> list[Difference]:
    unit, seen = reading["units"][UNIT], reading["files"]
    found = []
    if seen[stores.UNIT_FILE]["exists"] or unit["active_state"] == "active":
        found.append(Difference(ROLE, "stopped", UNIT, unit["active_state"], "stopped"))
    found += [Difference(ROLE, "removed", path, "there", "removed") for path in (stores.UNIT_FILE, ENVIRONMENT_FILE) if seen[path]["exists"]]
    if unit["needs_reload"] and not found:
        found.append(Difference(ROLE, "removed", UNIT, "known to systemd", "forgotten"))
    found += of_prediction(ROLE, "removed", GUARD_PREFIX, reading, "mlflow_server_guard")
    if settings["mlflow_server_purge"]:
        if seen[stores.DIRECTORY]["exists"]:
            found.append(Difference(ROLE, "data_removed", stores.DIRECTORY, "there", "removed"))
        if reading["users"][settings["mlflow_server_user"]]["exists"]:
            found.append(Difference(ROLE, "user_removed", "user " + settings["mlflow_server_user"], "there", "removed"))
    return found


STATE = State(questions, findings, differences, files, inputs, needs)
