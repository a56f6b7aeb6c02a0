# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(sagemaker)."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.names import check_names
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.options import ENDPOINT, check_params
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _specs
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings

_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+"
#: What all endpoints have unless they say otherwise: the option of the endpoint and the variable.
SHARED = {"bucket": "sagemaker_bucket", "prefix": "sagemaker_prefix", "execution_role_arn": "sagemaker_role_arn"}


def present(settings: Settings) -> bool:
    """Whether the role serves models."""
    return bool(settings["sagemaker_state"] == "present")


def _builds(settings: Settings) -> bool:
    return present(settings) and not settings["sagemaker_image_uri"] and not settings["sagemaker_image"]


RULES: rules.Table = {
    "sagemaker_region": rules.shape(r"[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2}", "a region's name, such as eu-central-1"),
    "sagemaker_account_id": rules.shape(r"[0-9]{12}", "the twelve digits of an account, in quotes so that no leading zero is lost,"),
    "sagemaker_access_key_id": rules.one_line(),
    "sagemaker_secret_access_key": rules.secret(),
    "sagemaker_session_token": rules.secret(),
    "sagemaker_profile": rules.one_line("a profile's name"),
    "sagemaker_endpoint_url": rules.url(or_nothing=True, login=False, example="https://aws.example.com"),
    "sagemaker_service_endpoint_urls": rules.each(rules.url(login=False, example="https://aws.example.com")),
    "sagemaker_ca_path": rules.one_line("a path on the controller"),
    "sagemaker_timeout": rules.at_least(1),
    "sagemaker_image_uri": rules.shape(r"(?:[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254})?", "the name of an image in ECR or nothing"),
    "sagemaker_repository_kms_key": rules.one_line("a key's id or ARN"),
    "sagemaker_repository_tags": rules.each(rules.one_line()),
    "sagemaker_base_image": rules.shape(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*", "an image's name").when(_builds),
    "sagemaker_packages": rules.texts(rules.shape(r"[A-Za-z0-9][A-Za-z0-9.+:~=_-]*", "a package's name")).when(_builds),
    "sagemaker_python_archive": rules.one_line("a path on the controller"),
    "sagemaker_jdk_archive": rules.one_line("a path on the controller"),
    "sagemaker_lock": rules.one_line("a path on the controller"),
    "sagemaker_wheelhouse": rules.one_line("a path on the controller"),
    "sagemaker_pip_index_url": rules.url(or_nothing=True, example="https://HOST/simple/").when(_builds),
    "sagemaker_platform": rules.shape(r"(?:[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9]+)?)?", "a platform such as linux/amd64, or nothing").when(_builds),
    "sagemaker_build_directory": rules.absolute_path(plain=False, deep=True),
    "sagemaker_build_timeout": rules.at_least(1),
    "sagemaker_push_timeout": rules.at_least(1),
    "sagemaker_role_arn": rules.shape("(?:%s)?" % _ROLE, "an ARN such as arn:aws:iam::ACCOUNT:role/NAME, or nothing"),
    "sagemaker_bucket": rules.shape(r"(?:[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", "a bucket's name or nothing"),
    "sagemaker_prefix": rules.shape(r"[A-Za-z0-9!_.*'()/-]*", "a prefix of keys in the bucket or nothing"),
    "sagemaker_tracking_uri": rules.url(or_nothing=True, login=False),
    "sagemaker_tracking_username": rules.one_line(),
    "sagemaker_tracking_password": rules.secret(),
}
#: What is judged below.
FREE = {
    "sagemaker_endpoints": "each entry has rules of its own",
    "sagemaker_image": "judged as the module that pushes it judges it",
    "sagemaker_repository": "judged as the module that makes it judges it",
    "sagemaker_image_tag": "judged as the module that makes it judges it",
    "sagemaker_repository_lifecycle_policy": "its form is AWS's own, and AWS judges it",
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right."""
    found = rules.judge(RULES, settings)
    found += rules.together("sagemaker_access_key_id", "sagemaker_secret_access_key", settings, "A login at AWS")
    if settings["sagemaker_session_token"]:
        found += rules.needed(["sagemaker_access_key_id"], settings, "sagemaker_session_token is given")
    if settings["sagemaker_profile"] and settings["sagemaker_access_key_id"]:
        found.append("sagemaker_profile and sagemaker_access_key_id are two logins. Give one of them.")
    if settings["sagemaker_image"] and settings["sagemaker_image_uri"]:
        found.append("sagemaker_image and sagemaker_image_uri are both given. The one is pushed to ECR, the other is there already; give one of them.")
    elif not settings["sagemaker_image_uri"]:
        found += _repository_problems(settings)
    return found + _endpoint_problems(settings)


def controller_files(settings: Settings) -> list[tuple[str, str]]:
    """Variables, and the files on the controller that they name."""
    names = ["sagemaker_ca_path"]
    if _builds(settings):
        names += ["sagemaker_python_archive", "sagemaker_jdk_archive", "sagemaker_lock", "sagemaker_wheelhouse"]
    return [(name, settings[name]) for name in names if settings[name]]


def _repository_problems(settings: Settings) -> list[str]:
    params = {
        "name": settings["sagemaker_repository"],
        "tag": settings["sagemaker_image_tag"],
        "state": settings["sagemaker_state"],
        "kms_key": settings["sagemaker_repository_kms_key"] or None,
        "encryption": settings["sagemaker_repository_encryption"],
        "image": settings["sagemaker_image"] or None,
        "context": None if settings["sagemaker_image"] else settings["sagemaker_build_directory"],
    }
    try:
        check_names(params)
    except Problem as error:
        return ["sagemaker_repository and its image can't be made as they are: %s" % error]
    return []


def _endpoint_problems(settings: Settings) -> list[str]:
    found: list[str] = []
    names = [entry.get("name") for entry in settings["sagemaker_endpoints"]]
    if None in names or len(set(map(str, names))) < len(names):
        shown = ", ".join(rules.shown(name or "(none)") for name in names)
        found.append("Each endpoint of sagemaker_endpoints needs a name of its own. The names are: %s." % shown)
    for number, entry in enumerate(settings["sagemaker_endpoints"], 1):
        who = "sagemaker_endpoints: %s" % rules.shown(entry.get("name") or "entry %d" % number)
        probe = entry.get("probe")
        if probe is not None and not isinstance(probe, t.Mapping):
            found.append("%s: probe must be a dictionary." % who)
        own = {key: value for key, value in entry.items() if key != "probe" and (key != "name" or value)}
        wrong = _specs.wrong_entry(who, {**ENDPOINT, "name": {**ENDPOINT["name"], "required": False}}, own)
        found += wrong
        if not wrong and own.get("name"):
            found += ["%s: %s" % (who, sentence) for sentence in _one_endpoint(settings, own)]
    return found


def _one_endpoint(settings: Settings, own: t.Mapping[str, t.Any]) -> list[str]:
    shared = {option: settings[variable] for option, variable in SHARED.items() if settings[variable]}
    entry = _specs.with_defaults(ENDPOINT, {**shared, "image": "image-of-the-role", **own})
    if not present(settings):
        entry["state"] = "absent"
    entry["tracking_uri"] = settings["sagemaker_tracking_uri"]
    if entry["state"] == "present":
        lacking = [] if entry["execution_role_arn"] else ["execution_role_arn (sagemaker_role_arn)"]
        lacking += [] if entry["bucket"] or str(entry["artifact"] or "").startswith("s3://") else ["bucket (sagemaker_bucket)"]
        lacking += ["tracking_uri (sagemaker_tracking_uri)"] if entry["model_uri"] and not entry["tracking_uri"] else []
        if lacking:
            return ["it lacks %s. Give it to the endpoint or to all of them." % " and ".join(lacking)]
        if bool(entry["model_uri"]) == bool(entry["artifact"]):
            return ["it needs either model_uri or artifact, the model that it serves."]
        if entry["instance_type"] and entry["serverless"]:
            return ["instance_type and serverless are both given. Say one thing that the model runs on."]
    try:
        check_params(entry)
    except Problem as error:
        return [str(error)]
    return []
