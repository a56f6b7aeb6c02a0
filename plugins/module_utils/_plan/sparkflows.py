# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(sparkflows)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import deploy_modes as _deploy_modes
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.values import KINDS


def present(settings: Settings) -> bool:
    """Whether the role configures Sparkflows."""
    return bool(settings["sparkflows_state"] == "present")


def has_login(settings: Settings) -> bool:
    """Whether there is a login at the server."""
    return bool(settings["sparkflows_token"] or settings["sparkflows_username"])


def _address(name: str, value: str) -> list[str]:
    tcp = value.startswith("tcp://") and value.rpartition(":")[2].isdigit() and rules.is_url(value, ("tcp",), login=False)
    if tcp or rules.is_url(value):
        return []
    return ["%s is '%s', but a URL or an address such as tcp://mlops.example.com:8086 was expected." % (name, rules.shown(value))]


def _mask(name: str, value: t.Any) -> list[str]:
    if not isinstance(value, str):
        return ["%s must be a text; put quotes around it." % name]
    try:
        re.compile(value)
    except re.error as error:
        return ["%s is not a regular expression (%s). Write a character that means itself with a backslash, as in \\*+." % (name, error)]
    return []


def _named_values(secret: bool) -> Rule:
    """Settings by the name that Sparkflows gives them; what is secret is not shown."""

    def judged(name: str, value: t.Any) -> list[str]:
        if not isinstance(value, t.Mapping):
            return ["%s must be a dictionary of names and values of settings." % name]
        found = []
        for key, content in value.items():
            if not isinstance(key, str) or not key.strip() or any(sign in key for sign in "\r\n\t\0"):
                found.append("%s has '%s', which is not a valid name for a setting." % (name, rules.shown(key)))
            elif content is None or isinstance(content, (t.Mapping, list, tuple)):
                found.append("%s: %s must be a text, a number, true or false." % (name, key))
            elif secret and not isinstance(content, str):
                found.append("%s: %s must be a text; put quotes around it." % (name, key))
        return found

    return Rule(judged)


RULES: rules.Table = {
    "sparkflows_url": rules.url(login=False, example="https://sparkflows.example.com:8443"),
    "sparkflows_token": rules.secret(),
    "sparkflows_username": rules.one_line(),
    "sparkflows_password": rules.secret(),
    "sparkflows_oauth_client_id": rules.one_line(),
    "sparkflows_oauth_client_secret": rules.secret(),
    "sparkflows_ca_path": rules.absolute_path(or_nothing=True, plain=False),
    "sparkflows_timeout": rules.at_least(1),
    "sparkflows_health_timeout": rules.at_least(0).when(present),
    "sparkflows_token_warn_days": rules.at_least(0).when(present),
    "sparkflows_configuration_file": rules.absolute_path(or_nothing=True, plain=False),
    "sparkflows_restart_command": rules.texts(),
    "sparkflows_tracking_url": rules.url(or_nothing=True, example="https://mlflow.example.com:5443"),
    "sparkflows_tracking_username": rules.one_line(),
    "sparkflows_tracking_password": rules.secret(),
    "sparkflows_tracking_ca_path": rules.absolute_path(or_nothing=True, plain=False).when(present),
    "sparkflows_mlops_host": rules.host_or_nothing(),
    "sparkflows_mlops_port": rules.port(),
    "sparkflows_ssh_user": rules.one_line(),
    "sparkflows_ssh_host": rules.host_or_nothing(),
    "sparkflows_ssh_key_path": rules.absolute_path(or_nothing=True, plain=False),
    "sparkflows_ssh_key_vault_reference": rules.one_line(),
    "sparkflows_s3_access_key": rules.secret(),
    "sparkflows_s3_secret_key": rules.secret(),
    "sparkflows_s3_endpoint": rules.url(or_nothing=True, example="https://s3.example.com"),
    "sparkflows_sagemaker_region": rules.region(or_nothing=True),
    "sparkflows_sagemaker_account_id": rules.shape(r"(?:[0-9]{12})?", "the twelve digits of an account or nothing"),
    "sparkflows_sagemaker_role_arn": rules.shape(r"(?:arn:[a-z-]+:iam::[0-9]{12}:role/\S+)?", "an ARN such as arn:aws:iam::ACCOUNT:role/NAME, or nothing"),
    "sparkflows_settings": _named_values(secret=False),
    "sparkflows_secret_settings": _named_values(secret=True),
    "sparkflows_key_names": rules.each(rules.shape(r"[^\x00-\x1f]+", "the name of a setting")),
    "sparkflows_secret_mask": Rule(_mask),
    "sparkflows_normalise": rules.each(rules.shape("|".join(KINDS), "one of %s" % ", ".join(KINDS))),
    "sparkflows_reach": rules.texts(Rule(_address)).when(present),
    "sparkflows_model_urls": rules.texts(Rule(_address)).when(present),
    "sparkflows_reach_timeout": rules.at_least(0).when(present),
}
#: What is judged below, entry by entry.
FREE = {"sparkflows_score_workflows": "each entry has rules of its own"}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right, do not fit the deploy mode, or lack what the chosen method needs."""
    found = rules.judge(RULES, settings)
    state, method = settings["sparkflows_state"], settings["sparkflows_method"]
    if method == "file" and not (settings["sparkflows_configuration_file"] and settings["sparkflows_restart_command"]):
        found.append(
            "sparkflows_method file needs sparkflows_configuration_file, the path of conf/configuration.properties on the host, and "
            "sparkflows_restart_command, such as [systemctl, restart, fire], because Sparkflows reads the file when it starts."
        )
    if method == "rest" and state == "absent":
        found.append(
            "sparkflows_state absent needs sparkflows_method file: no public interface of Sparkflows removes a setting that was saved on the "
            "server. Change what is no longer right in Administration, Configuration."
        )
    if method == "rest" and state == "present" and not has_login(settings):
        found.append(
            "To save settings on %s a login is needed and none is given. Give sparkflows_token, or sparkflows_username and "
            "sparkflows_password; or choose sparkflows_method file." % rules.shown(settings["sparkflows_url"])
        )
    if settings["sparkflows_username"] and not settings["sparkflows_token"]:
        found += rules.needed(["sparkflows_password"], settings, "sparkflows_username is given")
    if state == "present":
        options = {name[len("sparkflows_") :]: value for name, value in settings.items() if name.startswith("sparkflows_")}
        # The port has a default, which says nothing about the mode.
        if options.get("deploy_mode") != "fire_mlops_server":
            options.pop("mlops_port", None)
        elif not rules.fits(RULES, "sparkflows_mlops_port", settings):
            options["mlops_port"] = 8086
        found += _deploy_modes.problems(options, "sparkflows_")
        found += _workflow_problems(settings["sparkflows_score_workflows"])
    return found


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    return [("sparkflows_score_workflows", entry["file"]) for entry in settings["sparkflows_score_workflows"] if entry.get("file")] if present(settings) else []


def _workflow_problems(workflows: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    found = []
    for number, entry in enumerate(workflows, 1):
        where = "sparkflows_score_workflows: entry %d" % number
        file = entry.get("file")
        named = [key for key in ("uuid", "id", "name") if entry.get(key) is not None and not (file and key == "name")]
        if (file and "id" in named) or (not file and len(named) != 1):
            seen = " and ".join(named + (["file"] if file else [])) or "nothing"
            found.append("%s is named by %s; exactly one of uuid, id, name and file says which workflow it is." % (where, seen))
        if file and entry.get("project_id") is None:
            found.append("%s has a file, which needs project_id, the project to import it into." % where)
        if entry.get("wait_timeout") is not None:
            found += ["%s: %s" % (where, sentence) for sentence in rules.at_least(1).judge("wait_timeout", entry["wait_timeout"])]
    return found
