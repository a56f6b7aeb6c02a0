# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Repositories of Amazon ECR, and what the module ecr_image decides.

The calls and their answers: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.context import Entry, context_digest, dockerfile
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.docker import Docker
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.names import CONTEXT_TAG, TAG, check_names
from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.session import Aws, AwsError, merged_tags, tag_dict, tag_list
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: The options of the module ecr_image besides the login at AWS.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "tag": {"type": "str"},
    "image": {"type": "str"},
    "context": {"type": "path"},
    "dockerfile": {"type": "str"},
    "build_args": {"type": "dict"},
    "target": {"type": "str"},
    "platform": {"type": "str"},
    "scan_on_push": {"type": "bool"},
    "immutable_tags": {"type": "bool"},
    "encryption": {"type": "str", "choices": ["aes256", "kms"]},
    "kms_key": {"type": "str", "no_log": False},
    "lifecycle_policy": {"type": "dict"},
    "tags": {"type": "dict"},
    "purge_tags": {"type": "bool", "default": True},
    "force": {"type": "bool", "default": False},
    "build_timeout": {"type": "int", "default": 1800},
    "push_timeout": {"type": "int", "default": 1800},
}
RULES: dict[str, t.Any] = {"mutually_exclusive": [("image", "context")]}

#: ECR gives a manifest only in a type that it is asked for: an image of docker or OCI, or an index of several.
MANIFESTS = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
]
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")


class Repository:
    """One repository of ECR in the account that was named, also when the credentials belong to another."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.aws = aws
        self.name = name

    def _call(self, operation: str, **params: t.Any) -> dict[str, t.Any]:
        return self.aws.call("ecr", operation, registryId=self.aws.account, repositoryName=self.name, **params)

    def _unless(self, code: str, operation: str, **params: t.Any) -> t.Optional[dict[str, t.Any]]:
        try:
            return self._call(operation, **params)
        except AwsError as error:
            if error.code != code:
                raise
            return None

    def describe(self, with_tags: bool, with_policy: bool) -> t.Optional[dict[str, t.Any]]:
        """The repository with its settings, named as the module's options; ``None`` when there is none."""
        try:
            raw = self.aws.call("ecr", "describe_repositories", registryId=self.aws.account, repositoryNames=[self.name])["repositories"][0]
        except AwsError as error:
            if error.code == "RepositoryNotFoundException":
                return None
            raise
        encryption = raw.get("encryptionConfiguration") or {}
        found: dict[str, t.Any] = {
            "arn": raw["repositoryArn"],
            "uri": raw["repositoryUri"],
            "scan_on_push": bool((raw.get("imageScanningConfiguration") or {}).get("scanOnPush")),
            "mutability": raw.get("imageTagMutability", "MUTABLE"),
            "encryption": "kms" if encryption.get("encryptionType", "").startswith("KMS") else "aes256",
            "kms_key": encryption.get("kmsKey"),
        }
        if with_tags:
            found["tags"] = tag_dict(self.aws.call("ecr", "list_tags_for_resource", resourceArn=found["arn"])["tags"])
        if with_policy:
            policy = self._unless("LifecyclePolicyNotFoundException", "get_lifecycle_policy")
            found["lifecycle_policy"] = json.loads(policy["lifecyclePolicyText"]) if policy else {}
        return found

    def create(self, wanted: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        encryption = {"encryptionType": "KMS" if wanted["encryption"] == "kms" else "AES256"}
        if wanted["kms_key"]:
            encryption["kmsKey"] = wanted["kms_key"]
        raw = self._call(
            "create_repository",
            imageTagMutability=wanted["mutability"],
            imageScanningConfiguration={"scanOnPush": wanted["scan_on_push"]},
            encryptionConfiguration=encryption,
            tags=tag_list(wanted.get("tags") or {}),
        )["repository"]
        return dict(wanted, arn=raw["repositoryArn"], uri=raw["repositoryUri"], lifecycle_policy={})

    def update(self, current: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> None:
        """Make the settings of the repository those that are wanted."""
        if current["mutability"] != wanted["mutability"]:
            self._call("put_image_tag_mutability", imageTagMutability=wanted["mutability"])
        if current["scan_on_push"] != wanted["scan_on_push"]:
            self._call("put_image_scanning_configuration", imageScanningConfiguration={"scanOnPush": wanted["scan_on_push"]})
        if "lifecycle_policy" in wanted and current["lifecycle_policy"] != wanted["lifecycle_policy"]:
            if wanted["lifecycle_policy"]:
                self._call("put_lifecycle_policy", lifecyclePolicyText=json.dumps(wanted["lifecycle_policy"], sort_keys=True))
            else:
                self._call("delete_lifecycle_policy")
        if "tags" in wanted and current["tags"] != wanted["tags"]:
            gone = sorted(current["tags"].keys() - wanted["tags"].keys())
            if gone:
                self.aws.call("ecr", "untag_resource", resourceArn=current["arn"], tagKeys=gone)
            new = {key: value for key, value in wanted["tags"].items() if current["tags"].get(key) != value}
            if new:
                self.aws.call("ecr", "tag_resource", resourceArn=current["arn"], tags=tag_list(new))

    def image(self, tag: str) -> t.Optional[dict[str, t.Any]]:
        """The image with this tag as ``{digest, manifest, media_type}``, ``None`` when there is none."""
        answer = self._call("batch_get_image", imageIds=[{"imageTag": tag}], acceptedMediaTypes=MANIFESTS)
        for failure in answer.get("failures") or []:
            if failure.get("failureCode") != "ImageNotFound":
                raise Problem(
                    "ECR cannot give the image %s:%s. It says: %s" % (self.name, tag, sentence(failure.get("failureReason") or failure["failureCode"]))
                )
        images = answer.get("images") or []
        if not images:
            return None
        return {
            "digest": images[0]["imageId"]["imageDigest"],
            "manifest": images[0]["imageManifest"],
            "media_type": images[0].get("imageManifestMediaType"),
        }

    def put_tag(self, tag: str, image: t.Mapping[str, t.Any]) -> None:
        """Give an image of the repository one more tag, or move that tag to it."""
        media_type = {"imageManifestMediaType": image["media_type"]} if image["media_type"] else {}
        self._unless("ImageAlreadyExistsException", "put_image", imageManifest=image["manifest"], imageTag=tag, imageDigest=image["digest"], **media_type)

    def tags_beside(self, tag: str) -> t.Optional[list[str]]:
        """The tags of the image that has ``tag``, itself among them; ``None`` when there is no such image."""
        try:
            answer = self._unless("RepositoryNotFoundException", "describe_images", imageIds=[{"imageTag": tag}])
        except AwsError as error:
            if error.code != "ImageNotFoundException":
                raise
            answer = None
        details = (answer or {}).get("imageDetails") or []
        return sorted(details[0].get("imageTags") or [tag]) if details else None

    def delete_tags(self, tags: list[str]) -> None:
        answer = self._call("batch_delete_image", imageIds=[{"imageTag": tag} for tag in tags])
        for failure in answer.get("failures") or []:
            if failure.get("failureCode") != "ImageNotFound":
                raise Problem("ECR did not delete the image from %s. It says: %s" % (self.name, sentence(failure.get("failureReason") or "")))

    def is_empty(self) -> bool:
        return not self._call("list_images", maxResults=1)["imageIds"]

    def delete(self, force: bool) -> None:
        self._unless("RepositoryNotFoundException", "delete_repository", force=force)

    def password(self) -> str:
        """A new password for the user `AWS`, good for twelve hours in every registry that the credentials may use."""
        token = self.aws.call("ecr", "get_authorization_token")["authorizationData"][0]["authorizationToken"]
        self.aws.keep_secret(token)
        try:
            user, dummy, password = base64.b64decode(token).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if user != "AWS" or not password:
            raise Problem("ECR's login token is not of the form AWS:password. Check the endpoint of the service.")
        return password


def check_params(params: t.Mapping[str, t.Any], gathered: bool = True) -> None:
    """What can be said against the parameters of ecr_image without asking AWS or docker.

    :param gathered: whether the folder to build from has to be there.
    """
    check_names(params)
    if params["state"] == "absent":
        return
    extra = [option for option in ("dockerfile", "build_args", "target", "platform") if params[option]]
    if extra and not params["context"]:
        raise Problem("%s can only be given with context." % " and ".join(extra))
    if params["context"]:
        if gathered:
            _check_folder(params)
        _check_build(params)


def _check_folder(params: t.Mapping[str, t.Any]) -> None:
    if not os.path.isdir(params["context"]):
        raise Problem("context is %s, which is not a folder where the module runs." % params["context"])
    if not os.path.isfile(dockerfile(params)):
        raise Problem("There is no file %s to build the image by. Check context and dockerfile." % dockerfile(params))


def _check_build(params: t.Mapping[str, t.Any]) -> None:
    if os.path.relpath(dockerfile(params), params["context"]).startswith(".."):
        raise Problem("dockerfile is %s, which is not below context. Put it there, so that a change of it is seen." % params["dockerfile"])
    for name in sorted(params["build_args"] or {}):
        if not _ARGUMENT.fullmatch(name):
            raise Problem("build_args has %s, which is not a valid name for a build argument." % ascii(name))
    if params["platform"] and not _PLATFORM.fullmatch(params["platform"]):
        raise Problem("platform is %s; a single platform such as linux/amd64 is needed." % ascii(params["platform"]))
    if params["target"] and not TAG.fullmatch(params["target"]):
        raise Problem("target is %s, which is not a valid name for a build stage." % ascii(params["target"]))


def run(params: t.Mapping[str, t.Any], repository: Repository, docker: Docker, check_mode: bool) -> dict[str, t.Any]:
    """Make the repository and its image as ``params`` say (in check mode only find out how) and return the module's result."""
    check_params(params)
    if params["state"] == "absent":
        return _absent(params, repository, check_mode)
    return _present(params, repository, docker, check_mode, context_digest(params) if params["context"] else None)


def foresee(params: t.Mapping[str, t.Any], repository: Repository, docker: Docker, entries: t.Optional[t.Iterable[Entry]] = None) -> dict[str, t.Any]:
    """The result of `run` in check mode, for a folder ``context`` that need not be gathered yet and is going to hold these *entries*."""
    check_params(params, gathered=False)
    if params["state"] == "absent":
        return _absent(params, repository, True)
    return _present(params, repository, docker, True, context_digest(params, entries) if params["context"] else None)


def _absent(params: t.Mapping[str, t.Any], repository: Repository, check_mode: bool) -> dict[str, t.Any]:
    name, tag = params["name"], params["tag"]
    if tag is not None:
        beside = repository.tags_beside(tag)
        gone: list[str] = []
        if beside is not None:
            others = [other for other in beside if other != tag and not CONTEXT_TAG.fullmatch(other)]
            gone = [tag] if others else beside
            if not check_mode:
                repository.delete_tags(gone)
        before = {"name": name, "tags_of_the_image": beside} if beside is not None else {}
        after = {"name": name, "tags_of_the_image": [other for other in beside if other not in gone]} if beside is not None else {}
        return {"changed": bool(gone), "repository": None, "diff": {"before": before, "after": after}}
    current = repository.describe(False, False)
    if current is not None:
        if not params["force"] and not repository.is_empty():
            raise Problem("The repository %s still holds images, so it was not deleted. Delete them, or give force=true to delete all of them." % name)
        if not check_mode:
            repository.delete(params["force"])
    return {"changed": current is not None, "repository": None, "diff": {"before": _shown(name, current, None), "after": {}}}


def _present(params: t.Mapping[str, t.Any], repository: Repository, docker: Docker, check_mode: bool, built_from: t.Optional[str]) -> dict[str, t.Any]:
    tag = params["tag"]
    current = repository.describe(params["tags"] is not None, params["lifecycle_policy"] is not None)
    wanted = _wanted(params, current)
    local = _local_image(params, docker)
    kept = "context-" + built_from if built_from else tag
    there = repository.image(tag) if tag and current is not None else None
    known_image = repository.image(kept) if tag and current is not None and kept != tag else there

    previous = there["digest"] if there else None
    if not tag:
        action, digest = "none", None
    elif known_image and (params["context"] or _is_image(known_image, t.cast(str, local))):
        digest = known_image["digest"]
        action = "none" if digest == previous else "retag"
    else:
        action, digest = "push", None
    if action != "none" and previous is not None and wanted["mutability"] == "IMMUTABLE":
        raise Problem(
            "The tag %s of the repository %s holds another image already (%s), and the repository's tags are immutable. Push under a new tag."
            % (tag, params["name"], previous)
        )

    known = current
    if not check_mode:
        if known is None:
            known = repository.create(wanted)
        repository.update(known, wanted)
        if action == "push":
            known_image = _push(params, known["uri"], kept, repository, docker)
            digest = known_image["digest"]
        if action != "none" and kept != tag:
            repository.put_tag(tag, t.cast("dict[str, t.Any]", known_image))
            _checked(repository, tag, digest)
        known = dict(known, **wanted)

    before = _shown(params["name"], current, {tag: previous} if previous else {})
    after = _shown(params["name"], wanted, {tag: digest or "known after the push"} if tag else {})
    uri = (known or {}).get("uri")
    return {
        "changed": action != "none" or before != after,
        "repository": dict(_shown(params["name"], dict(wanted), None), arn=(known or {}).get("arn"), uri=uri),
        "built": action == "push" and bool(params["context"]),
        "pushed": action == "push",
        "digest": digest,
        "previous_digest": previous,
        "image_uri": "%s@%s" % (uri, digest) if uri and digest else None,
        "diff": {"before": before, "after": after},
    }


def _wanted(params: t.Mapping[str, t.Any], current: t.Optional[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The settings that the repository shall have: those given, else those it has, else those of a new one."""
    known = current or {"scan_on_push": True, "mutability": "MUTABLE", "encryption": "aes256", "kms_key": None}
    wanted: dict[str, t.Any] = {option: known[option] for option in ("scan_on_push", "mutability", "encryption", "kms_key")}
    if params["scan_on_push"] is not None:
        wanted["scan_on_push"] = params["scan_on_push"]
    if params["immutable_tags"] is not None:
        wanted["mutability"] = "IMMUTABLE" if params["immutable_tags"] else "MUTABLE"
    for option in ("encryption", "kms_key"):
        if params[option] is not None and params[option] != known[option]:
            # AWS gives the key's ARN, whichever way it was named.
            if current is not None and not (option == "kms_key" and str(known[option]).endswith("/" + params[option].rpartition("/")[2])):
                raise Problem(
                    "The repository %s has %s=%s, which ECR cannot change to %s. Delete the repository, or give what it has."
                    % (params["name"], option, known[option] or "none", params[option])
                )
            wanted[option] = known[option] if current is not None else params[option]
    if params["tags"] is not None:
        wanted["tags"] = merged_tags((current or {}).get("tags") or {}, params["tags"], params["purge_tags"])
    if params["lifecycle_policy"] is not None:
        wanted["lifecycle_policy"] = params["lifecycle_policy"]
    return wanted


def _local_image(params: t.Mapping[str, t.Any], docker: Docker) -> t.Optional[str]:
    if not params["image"]:
        return None
    local = docker.image_id(params["image"])
    if local is None:
        raise Problem("The docker engine has no image %s. Build or pull it first, or give context to have it built." % params["image"])
    return local


def _is_image(found: t.Mapping[str, t.Any], local: str) -> bool:
    """Whether an image in ECR is the local one.

    An engine's id of an image is the digest of its configuration, which its manifest names, or with containerd's image store the digest of the
    manifest itself.
    """
    if found["digest"] == local:
        return True
    try:
        config = json.loads(found["manifest"]).get("config") or {}
    except ValueError:
        return False
    return bool(config.get("digest") == local)


def _push(params: t.Mapping[str, t.Any], uri: str, kept: str, repository: Repository, docker: Docker) -> dict[str, t.Any]:
    """Build or name the image, push it, and return it as ECR has it, with the digest on which docker and ECR agree."""
    reference = "%s:%s" % (uri, kept)
    if params["context"]:
        docker.build(params, reference)
    else:
        docker.tag(params["image"], reference)
    return _checked(repository, kept, docker.push(reference, repository.password()))


def _checked(repository: Repository, tag: str, digest: t.Optional[str]) -> dict[str, t.Any]:
    """The image that ECR has under a tag; :class:`Problem` when it is not the one that was sent there."""
    found = repository.image(tag)
    if found is None or found["digest"] != digest:
        raise Problem(
            "The image was pushed to %s:%s as %s, but ECR has %s under this tag. Somebody else may push there at the same time; run again."
            % (repository.name, tag, digest, found["digest"] if found else "nothing")
        )
    return found


def _shown(name: str, settings: t.Optional[t.Mapping[str, t.Any]], images: t.Optional[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """What a diff shows of a repository."""
    if settings is None:
        return {}
    shown = {"name": name, "immutable_tags": settings["mutability"] != "MUTABLE"}
    for option in ("scan_on_push", "encryption", "kms_key", "tags", "lifecycle_policy"):
        if option in settings:
            shown[option] = settings[option]
    if images is not None:
        shown["images"] = dict(images)
    return shown
