# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said about an inventory before any host is contacted.

For use inside this collection only. Plain functions over dictionaries; the action plugin C(validate_inventory) feeds them.
"""

from __future__ import annotations

import difflib
import itertools
import re

from ansible_collections.sparkflows.mlops.plugins.module_utils import _deploy_modes, _requirements
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem

#: The locks that the role pip_stack brings along, by the names that pip_stack_extras knows.
OWN_EXTRAS = ("sklearn", "h2o", "postgresql")
# Any release of the one Python that the stack is made for; locks and markers tell no smaller steps apart.
_PYTHON = "3.7.17"

#: What the built-in agent takes at least.
TOKEN_LEAST_LENGTH = 16
MODEL_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")
MODEL_URI = re.compile(r"^(?:models:/|runs:/|s3://|mlflow-artifacts:/|/)[A-Za-z0-9._/@:+=-]+\Z")

_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list",
    "dict": "a dictionary",
    "str": "a text",
    "path": "a path",
}


def unknown_variables(options, names):
    """Sentences for names that carry a role's prefix and that no role knows.

    :param options: ``{role: {option: specification}}``, the roles' argument specifications.
    :param names: all variable names that the inventory defines for the host.
    """
    known = {option for role in options.values() for option in role}
    prefixes = tuple(role + "_" for role in options)
    sentences = []
    for name in sorted(names):
        if name in known or not name.startswith(prefixes):
            continue
        close = difflib.get_close_matches(name, sorted(known), n=1)
        hint = "Did you mean %s?" % close[0] if close else "The role's README lists the variables that it knows."
        sentences.append("The variable %s is not known to any role. %s" % (name, hint))
    return sentences


def wrong_values(options, values):
    """Sentences for values whose type or choice does not fit.

    Stricter than Ansible's own conversion: V("yes") for a boolean and V("5000") for a number are refused, since the two
    look alike in an inventory and behave differently in a template. Values are shown only where they can't be a secret.
    """
    sentences = []
    for option, spec in _flat(options):
        if option not in values or values[option] is None:
            continue
        value, kind = values[option], spec.get("type", "str")
        if kind not in _EXPECTED:
            continue
        if not _fits(kind, value):
            hint = " On the command line use JSON: -e '{\"%s\": %s}'." % (option, "true" if kind == "bool" else "5000")
            sentences.append(
                "%s must be %s, but it is %s.%s"
                % (option, _EXPECTED[kind], _shown(value), hint if kind in ("bool", "int") and isinstance(value, str) else "")
            )
        elif spec.get("choices") and value not in spec["choices"]:
            sentences.append("%s is %s; it must be one of %s." % (option, _shown(value), ", ".join(map(str, spec["choices"]))))
    return sentences


def missing_variables(options, values):
    """Sentences for required variables that are not given."""
    return [
        "%s is required and not given. %s" % (option, _first_sentence(spec.get("description", "")))
        for option, spec in _flat(options)
        if spec.get("required") and values.get(option) is None
    ]


def token_errors(values):
    """Sentences for a token of the built-in agent that is missing or too short; the token itself is never shown."""
    if values.get("mlops_agent_state") != "present" or values.get("mlops_agent_provider") != "builtin":
        return []
    token = values.get("mlops_agent_token")
    if isinstance(token, str) and len(token) >= TOKEN_LEAST_LENGTH:
        return []
    return [
        "mlops_agent_token must be a text of at least %d characters; it is %s. Take one from `openssl rand -hex 32` and keep it in a vault."
        % (TOKEN_LEAST_LENGTH, "missing" if not token else "shorter" if isinstance(token, str) else "no text")
    ]


def sparkflows_errors(values):
    """Sentences for variables of the role C(sparkflows) that do not fit the deploy mode, and for a method whose needs are not given.

    :param values: variable name to value, the role's defaults included.
    """
    state, method = values.get("sparkflows_state"), values.get("sparkflows_method")
    sentences = []
    if method == "file" and not (values.get("sparkflows_configuration_file") and values.get("sparkflows_restart_command")):
        sentences.append(
            "sparkflows_method file needs sparkflows_configuration_file, the path of conf/configuration.properties on the host, and "
            "sparkflows_restart_command, such as [systemctl, restart, fire], because Sparkflows reads the file when it starts."
        )
    if method == "rest" and state == "absent":
        sentences.append(
            "sparkflows_state absent needs sparkflows_method file: no public interface of Sparkflows removes a setting that was saved on the "
            "server. Change what is no longer right in Administration, Configuration."
        )
    if method == "rest" and state == "present" and not (values.get("sparkflows_token") or values.get("sparkflows_username")):
        sentences.append(
            "To save settings on %s a login is needed and none is given. Give sparkflows_token, or sparkflows_username and "
            "sparkflows_password; or choose sparkflows_method file." % values.get("sparkflows_url")
        )
    if state == "present":
        options = {name[len("sparkflows_"):]: value for name, value in values.items() if name.startswith("sparkflows_")}
        # The port has a default, which says nothing about the mode.
        if options.get("deploy_mode") != "fire_mlops_server":
            options.pop("mlops_port", None)
        sentences += _deploy_modes.problems(options, "sparkflows_")
    return sentences


def port_conflicts(values):
    """Sentences for ports that are out of range, used twice, or inside the range that is kept for models.

    :param values: variable name to value, the roles' defaults included.
    """
    services = ["mlflow_server_port", "mlops_agent_port"]
    if values.get("mlflow_server_proxy", "none") != "none":
        services.append("mlflow_server_proxy_port")
    sentences = []
    ports = {}
    for option in services + ["mlops_agent_model_port_first", "mlops_agent_model_port_last"]:
        port = values.get(option)
        if not isinstance(port, int) or isinstance(port, bool):
            continue
        if not 1 <= port <= 65535:
            sentences.append("%s is %d; a port lies between 1 and 65535." % (option, port))
            continue
        ports[option] = port
    for one, other in itertools.combinations(services, 2):
        if one in ports and ports[one] == ports.get(other):
            sentences.append("%s and %s are both %d; give each a port of its own." % (one, other, ports[one]))
    first, last = ports.get("mlops_agent_model_port_first"), ports.get("mlops_agent_model_port_last")
    if first is None or last is None:
        return sentences
    if first > last:
        sentences.append("mlops_agent_model_port_first (%d) is greater than mlops_agent_model_port_last (%d)." % (first, last))
    for option in services:
        if option in ports and first <= ports[option] <= last:
            sentences.append(
                "%s is %d, which lies in the range kept for models (%d to %d); move one of them." % (option, ports[option], first, last)
            )
    return sentences


def deployment_errors(deployments, values):
    """Sentences for declared models that can't be served as declared.

    :param deployments: the value of C(mlops_agent_deployments), a list of dictionaries.
    :param values: variable name to value, the roles' defaults included.
    """
    sentences = []
    names, ports = set(), {}
    first, last = values.get("mlops_agent_model_port_first"), values.get("mlops_agent_model_port_last")
    for number, deployment in enumerate(deployments or [], start=1):
        if not isinstance(deployment, dict):
            sentences.append("mlops_agent_deployments: entry %d is not a dictionary with name and model_uri." % number)
            continue
        name, uri, port = deployment.get("name"), deployment.get("model_uri"), deployment.get("port")
        where = "mlops_agent_deployments: %s" % (name if isinstance(name, str) and MODEL_NAME.match(name) else "entry %d" % number)
        if not isinstance(name, str) or not MODEL_NAME.match(name):
            sentences.append("%s needs a name of lower-case letters, digits, '-' and '_', at most 63 characters." % where)
        elif name in names:
            sentences.append("%s is declared twice; a name serves one model." % where)
        else:
            names.add(name)
        if not isinstance(uri, str) or not MODEL_URI.match(uri) or ".." in uri:
            sentences.append(
                "%s has a model_uri that is not a model's address; expected models:/NAME/VERSION, runs:/ID/PATH, s3://… or a path, "
                "without '..' or shell characters." % where
            )
        if port is None:
            continue
        if not isinstance(port, int) or isinstance(port, bool):
            sentences.append("%s has a port that is not a whole number." % where)
        elif isinstance(first, int) and isinstance(last, int) and not first <= port <= last:
            sentences.append("%s wants port %d, which lies outside the range kept for models (%d to %d)." % (where, port, first, last))
        elif port in ports:
            sentences.append("%s wants port %d, which %s has already." % (where, port, ports[port]))
        else:
            ports[port] = name
    if isinstance(first, int) and isinstance(last, int) and len(names) > last - first + 1:
        sentences.append("%d models are declared, but the range kept for models holds %d ports." % (len(names), last - first + 1))
    return sentences


def lock_paths(settings, own):
    """The files on the controller that the stack is installed from.

    :param settings: variable name to value, the roles' defaults included.
    :param own: the folder of the role's own locks.
    """
    if settings.get("pip_stack_state") != "present":
        return []
    extras = settings.get("pip_stack_extras") or []
    return [settings.get("pip_stack_lock") or own + "/mlflow.txt"] + [
        "%s/%s.txt" % (own, extra) if extra in OWN_EXTRAS else extra for extra in extras
    ]


def lock_errors(paths):
    """Sentences for locks that are missing, hold a pin without a digest, or are made for another Python."""
    sentences = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as stream:
                _requirements.parse_lock(stream.read(), _requirements.marker_environment(_PYTHON))
        except OSError as error:
            sentences.append("The controller can't read the lock %s (%s). Check pip_stack_lock and pip_stack_extras." % (path, error.strerror))
        except (Problem, UnicodeDecodeError) as problem:
            sentences.append("The lock %s can't be used. %s" % (path, problem))
    return sentences


def missing_groups(groups, expected):
    """Sentences for groups that playbooks address and the inventory lacks (they may be empty)."""
    return [
        "The inventory has no group %s. Add it, empty if need be; the inventories shipped with the collection show the shape." % name
        for name in expected
        if name not in groups
    ]


def _flat(options):
    for role in sorted(options):
        for option in sorted(options[role]):
            yield option, options[role][option]


def _fits(kind, value):
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "dict":
        return isinstance(value, dict)
    return isinstance(value, str)


def _shown(value):
    kind = "the text" if isinstance(value, str) else "the value"
    return "%s '%s'" % (kind, value) if isinstance(value, (str, bool, int, float)) else "a %s" % ("list" if isinstance(value, (list, tuple)) else "dictionary")


def _first_sentence(description):
    text = description[0] if isinstance(description, list) and description else description
    return str(text)
