# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(sparkflows) leaves behind: settings of a Sparkflows server, its score workflows, and that it reaches what it is told of."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._host import reach
from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import tracking_login
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import sparkflows as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Ahead, Contents, Difference, Inputs, Questions, State
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import holds_secret
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.named import named_settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import service_url

#: Tells on the host that the file was changed and Sparkflows not restarted yet.
RESTART_MARKER = "/var/lib/sparkflows-mlops/sparkflows-restart-due"
# A call of MLflow's API: it asks for the login where a health check may not.
_LOGIN_CALL = "/api/2.0/mlflow/experiments/get?experiment_id=0"

_SECRET_OPTIONS = ("tracking_password", "s3_access_key", "s3_secret_key")
_SECRET = ("token", "password", "oauth_client_secret", *_SECRET_OPTIONS)
_PLAIN_OPTIONS = (
    "tracking_url", "tracking_username", "deploy_mode", "mlops_host", "ssh_user", "ssh_host", "ssh_key_path", "ssh_key_vault_reference", "s3_endpoint",
    "sagemaker_region", "sagemaker_account_id", "sagemaker_role_arn",
)  # fmt: skip
# The options of the connection by the part of the variable after sparkflows_.
_CONNECTION = {
    "url": "sparkflows_url", "username": "sparkflows_username", "auth": "sparkflows_auth", "oauth_client_id": "oauth_client_id",
    "ca_path": "ca_path", "validate_certs": "validate_certs", "timeout": "timeout",
}  # fmt: skip
_RENAMED = {"token": "sparkflows_token", "password": "sparkflows_password"}


def plain_options(settings: Settings) -> dict[str, t.Any]:
    """The settings that are ours and no secret, by the options of the module C(sparkflows_config); what is empty is not ours."""
    options = {option: settings["sparkflows_" + option] for option in _PLAIN_OPTIONS}
    if settings["sparkflows_deploy_mode"] == "fire_mlops_server":
        options["mlops_port"] = settings["sparkflows_mlops_port"]
    if settings["sparkflows_s3_endpoint"]:
        options["s3_ignore_tls"] = settings["sparkflows_s3_ignore_tls"]
    return {option: value for option, value in options.items() if value not in ("", None)}


def _prediction(settings: Settings, texts: t.Mapping[str, str]) -> dict[str, t.Any]:
    own = settings["sparkflows_settings"]
    hidden = {name: value for name, value in own.items() if holds_secret(str(value), name)}
    options = {
        **plain_options(settings),
        **{option: settings["sparkflows_" + variable] for variable, option in _CONNECTION.items()},
        "state": settings["sparkflows_state"],
        "method": settings["sparkflows_method"],
        "wait": settings["sparkflows_health_timeout"],
        "login": rules.has_login(settings),
        "token_warn_days": settings["sparkflows_token_warn_days"],
        "settings": {name: value for name, value in own.items() if name not in hidden},
        "key_names": settings["sparkflows_key_names"],
        "normalise": settings["sparkflows_normalise"],
        "update_secrets": settings["sparkflows_update_secrets"],
        "secret_mask": settings["sparkflows_secret_mask"],
        "shadowing_file": settings["sparkflows_configuration_file"],
        "file": settings["sparkflows_configuration_file"],
        "restart_marker": RESTART_MARKER,
        "workflows": [
            {
                "content": texts[entry["file"]],
                **{option: entry[option] for option in ("project_id", "overwrite", "file_field") if entry.get(option) is not None},
            }
            for entry in _files(settings)
        ],
    }
    secrets = {_RENAMED.get(option, option): settings["sparkflows_" + option] for option in _SECRET}
    secrets.update(secret_settings=settings["sparkflows_secret_settings"], hidden_settings=hidden)
    given = [{option: value for option, value in some.items() if value not in ("", None)} for some in (options, secrets)]
    return {"name": "sparkflows", "module": "sparkflows", "options": given[0], "secrets": given[1]}


def _files(settings: Settings) -> list[dict[str, t.Any]]:
    return [entry for entry in settings["sparkflows_score_workflows"] if entry.get("file")] if rules.present(settings) else []


def _tracking(settings: Settings) -> str:
    return str(settings["sparkflows_tracking_url"]).rstrip("/")


def _addresses(settings: Settings) -> list[str]:
    """What has to answer besides the tracking server: the MLOps server, the declared models, and what else the admin names."""
    server = []
    if settings["sparkflows_deploy_mode"] == "fire_mlops_server":
        server.append(service_url(settings["sparkflows_mlops_host"], settings["sparkflows_mlops_port"], "tcp"))
    return list(dict.fromkeys(server + list(settings["sparkflows_model_urls"] or []) + list(settings["sparkflows_reach"])))


def _urls(settings: Settings) -> list[dict[str, t.Any]]:
    """Nobody is waited for here: what does not answer yet is asked again by the step that proves it."""
    login: dict[str, t.Any] = {"validate_certs": settings["sparkflows_tracking_validate_certs"]}
    if settings["sparkflows_tracking_username"]:
        login.update(username=settings["sparkflows_tracking_username"], password=settings["sparkflows_tracking_password"])
    if settings["sparkflows_tracking_ca_path"]:
        login["ca_path"] = settings["sparkflows_tracking_ca_path"]
    asked = [{"url": _tracking(settings) + call, **login} for call in (_LOGIN_CALL, "/health")]
    return asked + [{"url": address} for address in _addresses(settings)]


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`. C(workflow_texts) of the settings are the files of workflows, by their names."""
    asked: Questions = {"predictions": [_prediction(settings, settings.get("workflow_texts") or {})]}
    if rules.present(settings):
        asked["urls"] = _urls(settings)
    return asked


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`. A server that is not up or does not let in is among it."""
    error = reading["predictions"]["sparkflows"]["error"]
    return [error] if error else []


def login_problem(settings: Settings, reading: Reading) -> str:
    """Why the tracking server does not take the login that Sparkflows is told; an empty text where it does."""
    answer = reading["urls"][_tracking(settings) + _LOGIN_CALL]
    return tracking_login.problem(answer, settings["sparkflows_tracking_url"], bool(settings["sparkflows_tracking_username"]))


def _notes(settings: Settings, seen: Reading) -> list[str]:
    """What an admin should know although no run changes it."""
    found = []
    token = (seen.get("server") or {}).get("token")
    if token and token["about_to_expire"]:
        found.append("sparkflows_token expires on %s. Make a new one in good time." % token["expires_at"])
    shadowed = seen["settings"].get("shadowed")
    if shadowed:
        found.append(
            "%s also sets %s. What stands there wins over what is saved on the server. Take it out of the file, or choose sparkflows_method file."
            % (settings["sparkflows_configuration_file"], ", ".join(shadowed))
        )
    return found


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """What the tasks are filled with.

    ``options`` and ``names`` are settings by option and their names, ``settings`` both together for Sparkflows' own file, without those that
    are secret; ``absent`` are the names to take out of it. ``login_url``, ``health_url`` and ``addresses`` are what has to answer and be waited
    for, ``login_wait`` the seconds that are worth waiting for the first. ``workflows`` are to be imported, ``version`` is the server's release,
    ``notes`` are sentences, and ``result`` is what the modules say of a server on which nothing differs.
    """
    seen = reading["predictions"]["sparkflows"] if reading else {}
    if reading is None or seen.get("error"):
        return {}
    found: Inputs = {
        "options": plain_options(settings),
        "names": seen["names"],
        "restart_marker": RESTART_MARKER,
        "notes": _notes(settings, seen),
        "version": (seen.get("server") or {}).get("version"),
        "result": {key: value for key, value in seen["settings"].items() if key not in ("diff", "differences")},
    }
    if settings["sparkflows_method"] == "file":
        found["settings"] = named_settings(plain_options(settings), seen["names"])
        secret = named_settings({option: settings["sparkflows_" + option] for option in _SECRET_OPTIONS}, seen["names"])
        found["absent"] = [*found["settings"], *secret, *settings["sparkflows_settings"], *settings["sparkflows_secret_settings"]]
    if rules.present(settings):
        login_url = _tracking(settings) + _LOGIN_CALL
        found.update(
            login_url=login_url,
            login_wait=settings["sparkflows_reach_timeout"] if tracking_login.pending(reading["urls"][login_url]) else 0,
            health_url=_tracking(settings) + "/health",
            addresses=[{"url": address, "wait": settings["sparkflows_reach_timeout"]} for address in _addresses(settings)],
            workflows=[entry for entry, workflow in zip(_files(settings), seen["workflows"]) if workflow["changed"]],
        )
    return found


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the server is from it.

    Steps: C(login) (to prove it before anything is saved), C(settings), C(restart), C(workflows), C(reach), and C(removed) for a role that is absent.
    What does not answer is a difference and no finding: roles of this run may be about to start it. The step waits for it, and fails if it stays away.
    """
    seen = reading["predictions"]["sparkflows"]
    if seen.get("error"):
        return []
    present = rules.present(settings)
    found = []
    if present and login_problem(settings, reading):
        where = "login at %s" % settings["sparkflows_tracking_url"]
        found.append(Difference("sparkflows", "login", where, "not proved", "proved", login_problem(settings, reading)))
    found += [Difference("sparkflows", "settings" if present else "removed", **difference) for difference in seen["settings"]["differences"]]
    if seen["settings"].get("restart_due"):
        reason = "Sparkflows reads the file when it starts." if seen["settings"]["changed"] else "A run ended before it restarted Sparkflows."
        found.append(Difference("sparkflows", "restart", "Sparkflows", "runs with older settings", "restarted", reason))
    if present:
        for entry, workflow in zip(_files(settings), seen["workflows"]):
            if workflow["changed"]:
                found.append(
                    Difference("sparkflows", "workflows", "workflow %s" % (workflow["workflow"]["name"] or entry["file"]), _standing(workflow), "imported")
                )
        found += _unreached(settings, reading)
        found += [Difference("sparkflows", "", "note", note, "") for note in _notes(settings, seen)]
    return found


def _standing(workflow: Reading) -> str:
    if workflow["differing"]:
        return "differs in %s" % ", ".join(workflow["differing"])
    return "as in the file" if workflow["workflow"]["id"] else "missing"


def unanswered(settings: Settings, reading: Reading) -> dict[str, str]:
    """For each address that Sparkflows is told of, why it does not answer as it should; an empty text where it does."""
    addresses = [_tracking(settings) + "/health", *_addresses(settings)]
    return {address: " ".join(reach.problems({address: reading["urls"][address]}, "the Sparkflows host")) for address in addresses}


def _unreached(settings: Settings, reading: Reading) -> list[Difference]:
    return [
        Difference("sparkflows", "reach", address, "does not answer as it should", "answers", problem)
        for address, problem in unanswered(settings, reading).items()
        if problem
    ]


STATE = State(questions, findings, differences, inputs=inputs, proofs=("login", "reach"))
