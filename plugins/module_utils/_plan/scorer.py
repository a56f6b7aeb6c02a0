# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(scorer)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _specs
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import options as _scorer_options

#: What a scorer may leave to a variable of the role, and what nothing public tells, so that it has to be given.
SHARED = tuple(option for option in _scorer_options.SERVICE if option not in ("name", "port", "model"))
NEEDED = ("image", "container_port", "model_mount", "score_path")


def present(settings: Settings) -> bool:
    """Whether the role serves models."""
    return bool(settings["scorer_state"] == "present")


def ports(settings: Settings) -> list[tuple[str, t.Any]]:
    """What names a port that the role takes, with the port; those of containers are not among them."""
    return [("scorer_services (port of %s)" % rules.shown(entry["name"]), entry["port"]) for entry in settings["scorer_services"]] if present(settings) else []


def _pattern(name: str, value: str) -> list[str]:
    try:
        re.compile(value.replace("{release}", "1"))
    except re.error as error:
        return ["%s is '%s', which is not a regular expression: %s." % (name, rules.shown(value), error)]
    return []


def _secrets(name: str, value: t.Any) -> list[str]:
    return (
        rules.each(rules.environment()).judge(name, value)
        if isinstance(value, t.Mapping)
        else ["%s must be a dictionary of scorers and their variables." % name]
    )


RULES: rules.Table = {
    "scorer_secret_environment": Rule(_secrets).when(present),
    "scorer_environment": rules.environment().when(present),
    "scorer_command": rules.texts().when(present),
    "scorer_health_command": rules.texts().when(present),
    "scorer_listen_address": rules.address(names=True).when(present),
    "scorer_request_timeout": rules.at_least(1).when(present),
    "scorer_drain_timeout": rules.at_least(0).when(present),
    "scorer_stop_timeout": rules.at_least(0).when(present),
    "scorer_registry_username": rules.one_line().when(present),
    "scorer_registry_password": rules.secret().when(present),
    "scorer_registry_ca": rules.free_text().when(present),
    "scorer_pull_timeout": rules.at_least(1).when(present),
    "scorer_sparkflows_release": rules.one_line("a release such as 3.2.84").when(present),
    "scorer_release_pattern": Rule(_pattern).when(present),
    "scorer_version_key": rules.one_line("a key").when(present),
    "scorer_sparkflows_url": rules.url(or_nothing=True, login=False, example="https://sparkflows.example.com:8443").when(present),
    "scorer_sparkflows_token": rules.secret().when(present),
    "scorer_sparkflows_username": rules.one_line().when(present),
    "scorer_sparkflows_password": rules.secret().when(present),
    "scorer_sparkflows_ca_path": rules.absolute_path(or_nothing=True, plain=False).when(present),
    "scorer_model_max_mb": rules.at_least(1).when(present),
    "scorer_model_file_type": rules.one_line("a file type").when(present),
    "scorer_model_ignore_metadata": rules.texts().when(present),
    "scorer_s3_access_key": rules.secret().when(present),
    "scorer_s3_secret_key": rules.secret().when(present),
    "scorer_s3_endpoint": rules.url(or_nothing=True, example="https://s3.example.com").when(present),
    "scorer_s3_region": rules.region(or_nothing=True).when(present),
    "scorer_docker_socket": rules.absolute_path(plain=False, deep=True),
}
#: What is judged below, with what each scorer says itself.
FREE = {
    **{"scorer_" + option: "judged for each scorer" for option in SHARED if "scorer_" + option not in RULES},
    "scorer_services": "each entry has rules of its own",
    "scorer_backend_port_first": "judged with the ports of the scorers",
    "scorer_backend_port_last": "judged with the ports of the scorers",
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right. Nothing is asked of a role that removes."""
    found = rules.judge(RULES, settings)
    if not present(settings):
        return found
    found += rules.together("scorer_registry_username", "scorer_registry_password", settings, "A login at the registry")
    found += rules.together("scorer_s3_access_key", "scorer_s3_secret_key", settings, "A login at S3")
    secret = settings["scorer_secret_environment"] if rules.fits(RULES, "scorer_secret_environment", settings) else {}
    whole = []
    for service in settings["scorer_services"]:
        entry = {option: settings["scorer_" + option] for option in SHARED}
        entry.update((key, value) for key, value in service.items() if value is not None)
        who = "scorer_services: %s" % rules.shown(entry["name"])
        lacking = [option for option in NEEDED if not entry[option]]
        if lacking:
            found.append(
                "The scorer %s has no %s. Set it for the scorer, or for all of them as %s. The documentation of the image tells its value; nothing public does."
                % (rules.shown(entry["name"]), ", ".join(lacking), ", ".join("scorer_" + option for option in lacking))
            )
        options = {key: spec for key, spec in _scorer_options.SERVICE.items() if key not in lacking}
        wrong = _specs.wrong_entry(who, options, {key: value for key, value in entry.items() if value != "" and key not in lacking})
        found += wrong
        if not lacking and not wrong:
            whole.append(_specs.with_defaults(_scorer_options.SERVICE, entry))
            found += _scorer_options.service_problems(whole[-1], secret.get(entry["name"]))
    if len(whole) == len(settings["scorer_services"]):
        found += _scorer_options.joint_problems(whole, dict(settings, scorer_secret_environment=secret), "scorer_")
    return found
