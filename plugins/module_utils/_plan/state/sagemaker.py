# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(sagemaker) leaves behind in an account of AWS: a repository with the serving image, and endpoints. The controller asks, and acts."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import sagemaker as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Ahead, Contents, Difference, Inputs, Questions, State
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import _endpoints

_ROLE = "sagemaker"
#: Options of the modules that a variable gives, by the variable's name without sagemaker_; what is empty is not given.
_LOGIN = ("region", "account_id", "access_key_id", "secret_access_key", "session_token", "profile", "endpoint_url", "service_endpoint_urls")
_PLAIN = ("ca_path", "validate_certs", "timeout", "tracking_uri", "tracking_username", "tracking_password")
_FILES = ("wheelhouse", "python_archive", "jdk_archive")
_ECR = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.[a-z0-9.-]+/(?P<repository>[^:@]+)")


def _given(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {option: value for option, value in options.items() if value not in ("", None)}


def _makes_image(settings: Settings) -> bool:
    """Whether the repository is the role's, and not an image that somebody else keeps in ECR."""
    return not settings["sagemaker_image_uri"]


def _builds(settings: Settings) -> bool:
    return _makes_image(settings) and not settings["sagemaker_image"]


def _wanted(settings: Settings) -> list[dict[str, t.Any]]:
    """The endpoints as sagemaker_endpoint takes them, each with what all of them have unless it says otherwise."""
    shared = {option: settings[variable] for option, variable in rules.SHARED.items()}
    shared["image"] = settings["sagemaker_image_uri"]
    found = []
    for entry in settings["sagemaker_endpoints"]:
        merged = {**shared, **{option: value for option, value in entry.items() if option != "probe"}}
        # An empty prefix is one: archives are then put at the top of the bucket.
        options = {**_given(merged), "prefix": merged["prefix"] or ""}
        found.append(dict(options, state=options.get("state", "present") if rules.present(settings) else "absent"))
    return found


def _probes(settings: Settings) -> list[dict[str, t.Any]]:
    """The rows to send, as sagemaker_score takes them."""
    if not rules.present(settings):
        return []
    served = {entry["name"] for entry in _wanted(settings) if entry["state"] == "present"}
    return [{"endpoint_name": entry["name"], **entry["probe"]} for entry in settings["sagemaker_endpoints"] if entry["name"] in served and entry.get("probe")]


def _role_checks(settings: Settings) -> list[dict[str, t.Any]]:
    """What is asked of each IAM role that an endpoint is served with, as sagemaker_role_check takes it."""
    if settings["sagemaker_role_check"] == "none":
        return []
    checks: dict[str, dict[str, t.Any]] = {}
    for entry in _wanted(settings):
        if entry["state"] != "present":
            continue
        empty = {"model_uris": [], "capture_uris": [], "kms_keys": [], "vpc": False}
        check = checks.setdefault(entry["execution_role_arn"], {"role_arn": entry["execution_role_arn"], "method": settings["sagemaker_role_check"], **empty})
        place = "s3://" + "/".join(filter(None, (entry.get("bucket"), entry["prefix"], entry["name"])))
        check["model_uris"].append(entry["artifact"] if entry.get("artifact", "").startswith("s3://") else place)
        check["capture_uris"] += [entry["data_capture"]["s3_uri"]] if entry.get("data_capture") else []
        check["kms_keys"] += [entry["artifact_kms_key"]] if entry.get("artifact_kms_key") else []
        check["vpc"] = check["vpc"] or bool(entry.get("subnet_ids"))
    return [{**check, **_pulled(settings)} for check in checks.values()]


def _pulled(settings: Settings) -> dict[str, str]:
    """The repository that a role has to pull from; none where the image is in no ECR."""
    if _makes_image(settings):
        return {"repository_account_id": settings["sagemaker_account_id"], "repository": settings["sagemaker_repository"]}
    match = _ECR.match(settings["sagemaker_image_uri"])
    return {"repository_account_id": match["account"], "repository": match["repository"]} if match else {}


def _image(settings: Settings) -> t.Optional[dict[str, t.Any]]:
    """The repository and the image in it, as ecr_image takes them."""
    if not _makes_image(settings):
        return None
    if not rules.present(settings):
        return {"name": settings["sagemaker_repository"], "state": "absent", "force": True}
    image = {"name": settings["sagemaker_repository"], "tag": settings["sagemaker_image_tag"], "image": settings["sagemaker_image"]}
    for option in ("scan_on_push", "immutable_tags", "encryption", "kms_key", "lifecycle_policy", "tags"):
        image[option] = settings["sagemaker_repository_" + option]
    if _builds(settings):
        image.update(context=settings["sagemaker_build_directory"], platform=settings["sagemaker_platform"], build_args=_build_args(settings))
    return _given(image)


def _build_args(settings: Settings) -> dict[str, str]:
    return {
        "BASE_IMAGE": settings["sagemaker_base_image"],
        "PACKAGES": " ".join(settings["sagemaker_packages"]),
        "PIP_INDEX_URL": settings["sagemaker_pip_index_url"],
    }


def _image_files(settings: Settings) -> t.Optional[dict[str, t.Any]]:
    """What the image is built from, as serving_image_context takes it."""
    if not _builds(settings):
        return None
    roles = settings["roles_directory"]
    lock = settings["sagemaker_lock"] or roles + "/pip_stack/files/locks/mlflow.txt"
    files = {option: settings["sagemaker_" + option] for option in _FILES}
    return _given({"dest": settings["sagemaker_build_directory"], "recipe": roles + "/sagemaker/files/image", "lock": lock, **files})


def questions(settings: Settings) -> Questions:
    """The options of C(sagemaker_info), with their secrets; see `State`."""
    login = {"aws_" + name: settings["sagemaker_" + name] or None for name in _LOGIN}
    asked = {**login, **{name: settings["sagemaker_" + name] for name in _PLAIN}, "image": _image(settings), "image_files": _image_files(settings)}
    roles = _role_checks(settings) if rules.present(settings) else []
    return {**_given(asked), "roles": roles, "endpoints": _wanted(settings), "probes": _probes(settings)}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`. A model that the tracking server does not have yet may come in the same run."""
    if reading["error"]:
        return [_in_variables(reading["error"])]
    found = []
    for answer in [*reading["roles"], reading["image"] or {}]:
        found += [answer["error"]] if answer.get("error") else []
        found += [finding["sentence"] for finding in answer.get("findings") or []]
    for entry in _wanted(settings):
        answer = reading["endpoints"][entry["name"]]
        if answer["error"] and (answer["by_aws"] or not entry.get("model_uri")):
            found.append(answer["error"] if answer["by_aws"] else "sagemaker_endpoints: %s: %s" % (entry["name"], answer["error"]))
    return [_in_variables(sentence) for sentence in dict.fromkeys(found)]


def _in_variables(sentence: str) -> str:
    """A sentence of a module with the names of the role's variables for those of the module's options."""
    return re.sub(r"\baws_(%s)\b" % "|".join(_LOGIN), r"sagemaker_\1", sentence)


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """What the tasks are filled with.

    ``builds`` says whether the role builds an image, and ``image_files`` and ``build_args`` what from; ``image_uri`` is what endpoints take that name no image,
    where none is pushed; ``endpoints`` are those to change, as sagemaker_endpoint takes them.
    """
    differing = [entry for entry in _wanted(settings) if reading and reading["endpoints"].get(entry["name"], {}).get("changed")]
    return {
        "builds": _builds(settings),
        "image_files": _image_files(settings) or {},
        "build_args": _build_args(settings) if _builds(settings) else {},
        "image_uri": (reading or {}).get("reference") or "",
        "endpoints": differing,
    }


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the account is from it.

    Steps: C(image) (with its repository), C(endpoints), C(score) (what serves changes, or does not answer as it should); and for a role that is absent
    C(endpoints), C(repository) and C(folder), that which the image was built from.
    """
    if findings(settings, reading):
        return []
    image, found = reading["image"], []
    if image and image["changed"] and rules.present(settings):
        found += _of_image(settings, image)
    comes = bool(found) and image["image_uri"] is None
    for entry in _wanted(settings):
        words = _endpoints.words(entry, reading["endpoints"][entry["name"]], comes and "image" not in entry)
        found += [Difference(_ROLE, "endpoints", *line) for line in words]
    if image and image["changed"] and not rules.present(settings):
        item = "repository %s" % settings["sagemaker_repository"]
        found.append(Difference(_ROLE, "repository", item, "there", "removed", "with all images in it"))
    if reading["gathered"] and not rules.present(settings):
        found.append(Difference(_ROLE, "folder", settings["sagemaker_build_directory"], "there", "removed"))
    return found + _scores(settings, reading)


def _of_image(settings: Settings, seen: Reading) -> list[Difference]:
    """The repository's settings, and which image its tag means."""
    before, after = seen["diff"]["before"], seen["diff"]["after"]
    repository = "repository %s" % settings["sagemaker_repository"]
    lines = _endpoints.of_values(repository, before, after, skip=("name", "images")) if before else [(repository, "missing", "made")]
    was, comes = (side.get("images") or {} for side in (before, after))
    if was != comes:
        image = "image %s:%s" % (settings["sagemaker_repository"], settings["sagemaker_image_tag"])
        done = "built and pushed" if seen["built"] else "pushed"
        lines.append((image, _endpoints.short(seen["previous_digest"] or "missing"), done if seen["digest"] is None else _endpoints.short(seen["digest"])))
    return [Difference(_ROLE, "image", *line) for line in lines]


def _scores(settings: Settings, reading: Reading) -> list[Difference]:
    """The endpoints to score: those that change, and those that do not answer as they should."""
    found = []
    for probe in _probes(settings):
        name = probe["endpoint_name"]
        item = "endpoint %s: prediction" % name
        if reading["endpoints"][name]["changed"]:
            found.append(Difference(_ROLE, "score", item, "not proved", "proved", "What it is made by changes."))
        elif reading["probes"][name]["error"]:
            found.append(Difference(_ROLE, "score", item, "fails", "proved", reading["probes"][name]["error"]))
    return found


STATE = State(questions, findings, differences, inputs=inputs, reader="sagemaker_info", proofs=("score",))
