# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How what each role leaves behind stands on a host: its units, certificates, models, scorers, keys, and what it reaches.

Each function takes the settings in force, the inputs that the plan worked out for the role, and the reading. Roles that leave nothing that runs have none.
"""

from __future__ import annotations

import calendar
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow import agent
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlflow_server, mlops_agent, scorer, sparkflows, ssh_access
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Inputs, Questions
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._forms import moment
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import CRITICAL, OK, WARNING, severity
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import STOPPED, Row, of_certificate, of_unit, often, plain, told
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import _deployments as deployments
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import scorer as scorer_state
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import sparkflows as sparkflows_state
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import ssh_access as ssh_access_state
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import tracking_proxy

_UNSEEN_TRACKING = "Models go on serving, but nothing can be registered or deployed. Look at the tracking server, then at mlops_agent_tracking_uri."
#: How a model stands that the agent finds in this state.
_OF_STATE = {"ready": OK, "stopping": OK, "starting": WARNING}
_OF_SCORER = {"serving": OK, "running": WARNING, "unknown": WARNING}


def questions(roles: t.Container[str], settings: Settings) -> Questions:
    """What is asked of a host beside what its roles' plan asks: file systems that fill up, and certificates that no plan looks into."""
    asked: Questions = {"paths": ["/", "/tmp", "/var/log"]}  # noqa: S108
    if "mlops_agent" in roles and _agents_certificate(settings):
        asked["certificates"] = [_agents_certificate(settings)]
    return asked


# ------------------------------------------------------------------------------------------------------------------ the tracking server


def _of_mlflow_server(settings: Settings, inputs: Inputs, reading: Reading) -> list[Row]:
    if not mlflow_server.present(settings):
        return []
    found = [of_unit(settings, reading, inputs["unit"], reading["urls"].get(inputs["health_url"]))]
    if mlflow_server.proxied(settings):
        proxy = inputs["proxy"]
        # What it answers is the server's, which has a row of its own.
        answer = reading["urls"].get(proxy["health_url"]) if found[0].number else None
        found.append(of_unit(settings, reading, tracking_proxy.UNIT, answer))
        path = proxy["pair"]["path"]
        own = settings["mlflow_server_proxy_certificate"] == "self_signed"
        advice = "site.yml makes a new one; hand it to all who trust the old one." if own else "Put a new one there, then run site.yml."
        found.append(of_certificate(settings, path, reading["certificates"][path], advice))
    return found


# ------------------------------------------------------------------------------------------------------------------ the agent and its models


def _agents_certificate(settings: Settings) -> dict[str, str]:
    """The question for the certificate that the agent shows; empty where it shows none."""
    if not (mlops_agent.present(settings) and mlops_agent.builtin(settings) and settings["mlops_agent_tls_certificate"]):
        return {}
    return {"path": settings["mlops_agent_tls_certificate"], "private_key": settings["mlops_agent_tls_private_key"]}


def _of_mlops_agent(settings: Settings, inputs: Inputs, reading: Reading) -> list[Row]:
    if not mlops_agent.present(settings):
        return []
    found = [of_unit(settings, reading, inputs["unit"], reading["urls"].get(inputs["health_url"]))]
    if not inputs["builtin"]:
        return found
    runs = bool(found[0].number)
    found += [of_unit(settings, reading, socket) for socket in (inputs["socket"], inputs["helper_socket"])]
    certificate = _agents_certificate(settings)
    if certificate:
        path = certificate["path"]
        found.append(of_certificate(settings, path, reading["certificates"][path], "Put a new one there, then run site.yml."))
    if runs:
        seen = reading["urls"][inputs["tracking_seen_url"]]["status"] == 200
        how, value, advice = (OK, "seen by the agent", "") if seen else (WARNING, "not seen by the agent", _UNSEEN_TRACKING)
        found.append(Row(how, "address", plain(settings["mlops_agent_tracking_uri"]), value, advice, int(seen)))
    return found + _of_models(settings, reading)


def _of_models(settings: Settings, reading: Reading) -> list[Row]:
    """The models that the agent serves, those that it should serve, and those of which it finds a unit alone."""
    answer = reading["predictions"].get(deployments.NAME) or {}
    if answer.get("error"):
        return [Row(WARNING, "model", "", "can't be told", plain(answer["error"]))]
    served = answer.get("served") or {}
    found = [_of_model(settings, reading, served[name], answer.get("silence")) for name in sorted(served)]
    for entry in mlops_agent.served(settings):
        if entry["name"] not in served:
            found.append(Row(CRITICAL, "model", entry["name"], "not served", "mlops_agent_deployments declares it: site.yml deploys it.", 0))
    for name, message in sorted((answer.get("unmanaged") or {}).items()):
        found.append(Row(WARNING, "model", plain(name), "is not described", told(message), 0))
    return found


def _of_model(settings: Settings, reading: Reading, model: t.Mapping[str, t.Any], silent: t.Any) -> Row:
    name, state, restarts = plain(model["name"]), plain(model["state"]), model.get("restarts") or 0
    what = plain(model.get("resolved_uri") or model.get("model_uri") or "no model") + often(restarts)
    if silent and not agent.leaving(model):
        # One that follows its stage has a unit for each of its runs.
        unit = None if model.get("follow") else reading["units"].get("mlops-model@%s.service" % name)
        return _of_unseen_model(unit, name, what, plain(silent))
    found = _OF_STATE.get(state, CRITICAL)
    advice = "" if found == OK else told(model.get("message") or "") or "Read its log: the agent shows it at /api/v1/deployments/%s/logs." % name
    if found == OK and severity(settings, "restarts", restarts) != OK:
        found, advice = severity(settings, "restarts", restarts), "It ended by itself, or stopped scoring. Read its log: /api/v1/deployments/%s/logs." % name
    return Row(found, "model", name, "%s, %s" % (state, what), advice, int(state == "ready"))


def _of_unseen_model(unit: t.Optional[Reading], name: str, what: str, silence: str) -> Row:
    """A model while the agent is silent: whether it scores is not known, but its unit may be."""
    state = unit["active_state"] if unit else ""
    if state in STOPPED:
        return Row(CRITICAL, "model", name, "%s, %s" % (STOPPED[state], what), silence, 0)
    value = "runs, but whether it scores is not known" if state == "active" else "not known"
    return Row(WARNING, "model", name, "%s, %s" % (value, what), "Only the agent knows: " + silence)


# ------------------------------------------------------------------------------------------------------------------ scorers


def _of_scorer(settings: Settings, inputs: Inputs, reading: Reading) -> list[Row]:
    if not scorer.present(settings) or not settings["scorer_services"]:
        return []
    found = [of_unit(settings, reading, unit) for unit in (scorer_state.ENGINE_UNIT, scorer_state.PROXY_UNIT)]
    listed = {service["name"]: service for service in reading["predictions"]["scorer"].get("services") or []}
    for entry in settings["scorer_services"]:
        seen = (listed.get(entry["name"]) or {}).get("seen") or {"state": "unknown", "message": "", "restarts": None}
        how = _OF_SCORER.get(seen["state"], CRITICAL)
        restarts = seen["restarts"] or 0
        advice = "" if how == OK else told(seen["message"]) or _ADVICE.get(seen["state"], "site.yml makes it anew.")
        if how == OK and severity(settings, "restarts", restarts) != OK:
            how, advice = severity(settings, "restarts", restarts), "Its container ended by itself: `docker logs` tells more."
        value = "%s at port %d%s" % (_WORDS.get(seen["state"], seen["state"]), entry["port"], often(restarts))
        found.append(Row(how, "scorer", entry["name"], value, advice, int(seen["state"] == "serving") if seen["state"] != "unknown" else None))
    return found


_WORDS = {"serving": "scores", "running": "runs", "unhealthy": "does not score as it should", "unknown": "not known"}
_ADVICE = {
    "running": "It was not asked for a score, as it is not as wanted: the drift says in what.",
    "unknown": "Only the docker engine knows, and it was not asked.",
    "stopped": "site.yml starts it.",
}


# ------------------------------------------------------------------------------------------------------------------ Sparkflows hosts


def _of_ssh_access(settings: Settings, inputs: Inputs, reading: Reading) -> list[Row]:
    if not (ssh_access.acts(settings) and ssh_access.present(settings)):
        return []
    path = settings["ssh_access_key_path"]
    seen = reading["predictions"].get(ssh_access_state.KEY) or {}
    there, used = reading["files"][path]["exists"], seen.get("previous_fingerprint")
    wanted = inputs["key"]["fingerprint"] if inputs.get("key") else None
    if seen.get("error"):
        key = Row(CRITICAL, "key", path, "can't be used", plain(seen["error"]), 0)
    elif not there:
        key = Row(CRITICAL, "key", path, "missing", "site.yml places it.", 0)
    elif wanted is None:
        key = Row(WARNING, "key", path, "not known whether it is the wanted one", "The wanted key could not be read on the controller: the drift says why.")
    elif used != wanted:
        key = Row(WARNING, "key", path, "another than the wanted one: %s" % (used or "not readable"), "site.yml proves %s, then replaces it." % wanted, 0)
    else:
        key = Row(OK, "key", path, str(used), "", 1)
    logins = reading["predictions"].get(ssh_access_state.LOGINS) or {}
    if logins.get("error"):
        return [key, Row(WARNING, "login", "", "not tried", plain(logins["error"]))]
    return [key, *(_of_login(plain(one["host"]), plain(one["sentence"])) for one in logins.get("logins") or [])]


def _of_login(name: str, problem: str) -> Row:
    return Row(CRITICAL if problem else OK, "login", name, "fails" if problem else "works", problem, int(not problem))


def _of_sparkflows(settings: Settings, inputs: Inputs, reading: Reading) -> list[Row]:
    if not sparkflows.present(settings):
        return []
    seen, url = reading["predictions"]["sparkflows"], plain(settings["sparkflows_url"])
    if seen["error"]:
        found = [Row(CRITICAL, "sparkflows", url, "does not answer as it should", plain(seen["error"]), 0)]
    else:
        server = seen["server"]
        release = "release %s" % plain(server["version"]) if server.get("version") else "does not tell its release"
        found = [Row(OK, "sparkflows", url, "answers, %s" % release, "", 1)]
        if server.get("token"):
            found.append(_of_token(server["token"]))
    found.append(_of_login(plain(settings["sparkflows_tracking_url"]), plain(sparkflows_state.login_problem(settings, reading))))
    for address, problem in sparkflows_state.unanswered(settings, reading).items():
        found.append(Row(CRITICAL if problem else OK, "address", plain(address), "no answer" if problem else "answers", plain(problem), int(not problem)))
    return found


def _of_token(token: Reading) -> Row:
    """The token that Sparkflows is asked with; sparkflows_token_warn_days says how early it is worth a warning."""
    ends = calendar.timegm(time.strptime(token["expires_at"], "%Y-%m-%dT%H:%M:%SZ"))
    over = token["days_left"] < 0
    how = CRITICAL if over else WARNING if token["about_to_expire"] else OK
    value = "expired %s" % moment(ends) if over else "%d days left, expires %s" % (token["days_left"], moment(ends))
    return Row(how, "token", "sparkflows_token", value, "" if how == OK else "Make a new one on Sparkflows' pages, and put it into the inventory.", ends)


HEALTH: dict[str, t.Callable[[Settings, Inputs, Reading], list[Row]]] = {
    "mlflow_server": _of_mlflow_server,
    "mlops_agent": _of_mlops_agent,
    "scorer": _of_scorer,
    "ssh_access": _of_ssh_access,
    "sparkflows": _of_sparkflows,
}
