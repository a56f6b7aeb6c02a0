# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How an account stands to what is wanted of it, asked in one session: IAM roles, the serving image, endpoints, and what they answer.

Nothing is changed. The answers are those of the modules that would make the changes, so that the two can't disagree.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws import ecr, endpoint, role, score, serving_image
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.docker import Docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.options import ENDPOINT
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.options import RULES as ENDPOINT_RULES
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.sagemaker import SageMaker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system

Options = t.Dict[str, t.Any]
Answer = t.Dict[str, t.Any]

#: The options of the module sagemaker_info besides the logins; each entry has options of another module.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "roles": {"type": "list", "elements": "dict", "default": []},
    "image": {"type": "dict"},
    "image_files": {"type": "dict"},
    "endpoints": {"type": "list", "elements": "dict", "default": []},
    "probes": {"type": "list", "elements": "dict", "default": []},
}


def look(params: Options, aws: Aws) -> Answer:
    """How the account stands to it.

    Each answer is the result of a module in check mode with C(error), null or a sentence, and C(by_aws), whether AWS refused the question itself.

    :param params: the module's, checked, with those of `Aws` and of the tracking server.
    :return: C(error), a sentence where nothing could be asked; C(roles), a list as in *params*; C(image), null where none was asked for; C(reference), what
        endpoints take that name no image; C(gathered), whether the folder that an image is built from is there; C(endpoints) and C(probes) by the endpoint's
        name. An endpoint that is not as wanted is not probed. Raises `Problem` for entries without a name.
    """
    for option, key in (("endpoints", "name"), ("probes", "endpoint_name")):
        if not all(isinstance(entry.get(key), str) for entry in params[option]):
            raise Problem("An entry of %s has no %s. Each needs one, as its answer is found by it." % (option, key))
    found: Answer = {"error": None, "roles": [], "image": None, "reference": None, "gathered": _gathered(params), "endpoints": {}, "probes": {}}
    try:
        aws.check_account()
    except Problem as problem:
        return dict(found, error=str(problem))
    for options in params["roles"]:
        given = dict(options, fail_on_findings=False)
        found["roles"].append(_answer(role.ARGUMENT_SPEC, {}, given, params, lambda checked: role.run(checked, aws)))
    if params["image"]:
        found["image"] = _image(params, aws)
        if params["image"].get("tag"):
            found["reference"] = _reference(params, found["image"])
    sagemaker = SageMaker(aws)
    for options in params["endpoints"]:
        given = {"image": found["reference"], **options} if options.get("state") != "absent" else options
        found["endpoints"][options["name"]] = _answer(
            ENDPOINT, ENDPOINT_RULES, given, params, lambda checked: endpoint.run(checked, sagemaker, endpoint.registry_of(checked), True)
        )
    for options in params["probes"]:
        if not found["endpoints"].get(options["endpoint_name"], {}).get("changed"):
            found["probes"][options["endpoint_name"]] = _answer(score.ARGUMENT_SPEC, score.RULES, options, params, lambda checked: score.run(checked, aws))
    return found


def _gathered(params: Options) -> bool:
    return os.path.lexists(os.path.expanduser(str((params["image_files"] or {}).get("dest") or "")))


def _image(params: Options, aws: Aws) -> Answer:
    """What ecr_image would do once serving_image_context has gathered its files."""

    def foresee(checked: Options) -> Answer:
        entries = None
        if checked["context"] and params["image_files"]:
            entries = serving_image.entries(_checked(serving_image.ARGUMENT_SPEC, {}, params["image_files"]))
        docker = Docker(aws, checked["build_timeout"], checked["push_timeout"])
        return ecr.foresee(checked, ecr.Repository(aws, checked["name"]), docker, entries)

    return _answer(ecr.ARGUMENT_SPEC, ecr.RULES, params["image"], params, foresee)


def _reference(params: Options, image: Answer) -> str:
    """The image of endpoints that name none: by its digest, or by its tag where that is not known before the push."""
    repository = (image.get("repository") or {}).get("uri") or "%s.dkr.ecr.%s.amazonaws.com/%s" % (
        params["aws_account_id"], params["aws_region"], params["image"].get("name", "")
    )  # fmt: skip
    return str(image.get("image_uri") or "%s:%s" % (repository, params["image"]["tag"]))


def _answer(spec: Options, rules: Options, given: Options, params: Options, call: t.Callable[[Options], Answer]) -> Answer:
    try:
        # A module is given the logins besides its own options.
        return {"error": None, "by_aws": False, **call({**params, **_checked(spec, rules, given)})}
    except Problem as problem:
        return {"changed": True, "error": str(problem), "by_aws": isinstance(problem, AwsError)}
    except OSError as error:
        return {"changed": True, "error": of_the_system(error, str(given.get("name") or "sagemaker_info")), "by_aws": False}


def _checked(spec: Options, rules: Options, given: Options) -> Options:
    """The options as the module has them: with its defaults, and null for what is not given. Raises `Problem`."""
    checked = ArgumentSpecValidator(spec, **rules).validate(given)
    if checked.error_messages:
        raise Problem("%s." % "; ".join(checked.error_messages).rstrip("."))
    return {**dict.fromkeys(spec), **checked.validated_parameters}
