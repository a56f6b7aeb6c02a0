# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(scorer) leaves behind: an engine, a proxy, and the scorers of C(scorer_services)."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _packages_wanted as packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import derived
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import scorer as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Ahead, Contents, Difference, Inputs, Questions, State, of_kept_packages
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.images import fitting_release

#: The package of a docker engine by distribution or family; RHEL and its rebuilds have none.
ENGINES = {"Debian": "docker.io", "Ubuntu": "docker.io", "Amazon": "docker"}
ENGINE_UNIT, PROXY_UNIT = "docker.service", "scorer-proxy.service"
#: What SELinux's policy lets HAProxy connect to; the kernel tells the value in force and the one that is to come.
BOOLEAN = "/sys/fs/selinux/booleans/haproxy_connect_any"

# Variables that the module knows by the same name without scorer_, and those that are secret.
_SHARED = (
    "docker_socket", "listen_address", "backend_port_first", "backend_port_last", "request_timeout", "drain_timeout", "stop_timeout",
    "registry_username", "registry_ca", "pull_timeout", "follow_tag", "release_check", "release_pattern", "version_key", "sparkflows_release",
    "sparkflows_url", "sparkflows_username", "sparkflows_auth", "model_max_mb", "model_file_type", "model_ignore_metadata", "s3_endpoint", "s3_region",
)  # fmt: skip
_RENAMED = {"ca_path": "sparkflows_ca_path", "validate_certs": "sparkflows_validate_certs"}
_SECRET = ("secret_environment", "registry_password", "sparkflows_token", "sparkflows_password", "s3_access_key", "s3_secret_key")


def services(settings: Settings) -> list[dict[str, t.Any]]:
    """The scorers with what they leave to the role's variables, as the module C(scorer_services) takes them."""
    shared = {option: settings["scorer_" + option] for option in rules.SHARED}
    optional = {option: value for option, value in shared.items() if value not in ("", None) or option not in ("image_archive", "health_path")}
    return [{**optional, **entry} for entry in settings["scorer_services"]]


def _knows_release(settings: Settings) -> bool:
    return bool(settings["scorer_sparkflows_release"] or settings["scorer_sparkflows_url"])


def _release_here(settings: Settings, reading: Reading) -> str:
    """The release that the images have to fit, where nothing but the same reading tells it: of the Sparkflows on this host. Else empty."""
    return derived.release_here(reading) if settings["scorer_release_check"] and not _knows_release(settings) else ""


def _unfitting(settings: Settings, reading: Reading) -> list[str]:
    """An image of another release than the Sparkflows on this host, which the prediction did not know."""
    release = _release_here(settings, reading)
    try:
        if release:
            fitting_release(
                {"release_check": True, "sparkflows_release": release, "services": services(settings), "release_pattern": settings["scorer_release_pattern"]}
            )
    except Problem as problem:
        return [str(problem)]
    return []


def _prediction(settings: Settings) -> dict[str, t.Any]:
    options = {option: settings["scorer_" + option] for option in _SHARED}
    options.update((option, settings["scorer_" + variable]) for option, variable in _RENAMED.items())
    options["state"] = settings["scorer_state"]
    if rules.present(settings):
        options["services"] = services(settings)
        # Where nothing tells the release, the role says so as it runs; see `differences`.
        options["release_check"] = settings["scorer_release_check"] and _knows_release(settings)
    secrets = {option: settings["scorer_" + option] for option in _SECRET}
    given = [{option: value for option, value in some.items() if value not in ("", None)} for some in (options, secrets)]
    return {"name": "scorer", "module": "scorer_services", "options": given[0], "secrets": given[1]}


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    asked: Questions = {"predictions": [_prediction(settings)]}
    if rules.present(settings):
        asked.update(
            units=[ENGINE_UNIT, PROXY_UNIT],
            commands=["haproxy"],
            ports=[entry["port"] for entry in settings["scorer_services"]],
            paths=["/var/lib/sparkflows-mlops", "/etc/sparkflows-mlops"],
            files=[{"path": BOOLEAN, "text": True}],
            packages=[{"name": "haproxy", "unless": "haproxy"}] + (packages.by_distribution(ENGINES, "dockerd") if settings["scorer_install_docker"] else []),
        )
    return asked


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    foreseen = [reading["predictions"]["scorer"]["error"]] if reading["predictions"]["scorer"]["error"] else []
    if not rules.present(settings):
        return foreseen
    found = checks.system(reading, checks.SCORER_SYSTEMS) + checks.places(reading, ["/var/lib/sparkflows-mlops"])
    if not _has_engine(reading):
        if not settings["scorer_install_docker"]:
            found.append("The host has no docker engine. Install one, or let scorer_install_docker do so.")
        elif packages.chosen(ENGINES, reading) is None:
            found.append("The host has no docker engine, and its distribution offers none: install docker-ce from its own repository.")
    wanted = {entry["port"]: ("the scorer %s" % entry["name"], (PROXY_UNIT,)) for entry in settings["scorer_services"]}
    return found + checks.ports(reading, wanted) + foreseen + _unfitting(settings, reading)


def _has_engine(reading: Reading) -> bool:
    return bool(reading["units"][ENGINE_UNIT]["exists"])


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """``services`` for the module, and which ``packages`` are missing.

    With these: what else is ``recommended`` with them, whether ``apt`` installs them, and whether ``engine`` or ``proxy`` are among them.
    ``notes`` are sentences for an admin, and ``result`` is what the module says of a host on which nothing differs.
    """
    if reading is None or not rules.present(settings):
        return {"services": [], "notes": []}
    engine = [] if _has_engine(reading) else [packages.chosen(ENGINES, reading)]
    missing = engine + (["haproxy"] if reading["commands"]["haproxy"] is None else [])
    apt = reading["os"]["family"] == "Debian"
    seen = dict(reading["predictions"]["scorer"])
    seen["release"] = seen.get("release") or _release_here(settings, reading) or None
    return {
        "services": services(settings),
        "apt": apt,
        "packages": missing,
        # What the engine needs where the kernel has AppArmor is only recommended by its package.
        "recommended": ["apparmor"] if engine and apt else [],
        "engine": bool(engine),
        "proxy": "haproxy" in missing,
        "notes": seen.get("notes") or [],
        "result": {key: seen.get(key) for key in ("services", "removed", "moved", "release", "notes")},
    }


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it.

    Steps: C(packages), C(engine) (started), C(selinux), C(services), and C(removed) for a role that is absent.
    """
    seen = reading["predictions"]["scorer"]
    step = "services" if rules.present(settings) else "removed"
    foreseen = [Difference("scorer", step, **difference) for difference in seen.get("differences") or []]
    if not rules.present(settings):
        engine = packages.chosen(ENGINES, reading) if settings["scorer_install_docker"] else None
        return foreseen + of_kept_packages("scorer", [*filter(None, [engine]), "haproxy"], foreseen)
    values = inputs(settings, reading)
    found = [Difference("scorer", "packages", "package %s" % name, "missing", "installed") for name in values["packages"]]
    unit = reading["units"][ENGINE_UNIT]
    if not unit["exists"] or unit["active_state"] != "active" or not unit["enabled"]:
        before = "missing" if not unit["exists"] else "%s, %s" % (unit["active_state"], "enabled" if unit["enabled"] else "not enabled")
        found.append(Difference("scorer", "engine", ENGINE_UNIT, before, "active, enabled"))
    if reading["selinux"] == "enforcing" and not str(reading["files"][BOOLEAN]["text"] or "").startswith("1"):
        found.append(Difference("scorer", "selinux", "haproxy_connect_any", "off", "on", "SELinux keeps HAProxy from the ports of the scorers."))
    if settings["scorer_release_check"] and not _knows_release(settings) and not _release_here(settings, reading):
        found.append(Difference("scorer", "services", "release of Sparkflows", "not known", "compared with the images", "Give scorer_sparkflows_release."))
    notes = [Difference("scorer", "", "note", sentence, "") for sentence in values["notes"]]
    return found + foreseen + notes


STATE = State(questions, findings, differences, inputs=inputs)
