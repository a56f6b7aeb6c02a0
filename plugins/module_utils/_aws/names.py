# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Names that AWS takes, judged without asking it, and without boto3, which would be a good part of the time that a plan takes."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
#: An image that was built gets a second tag, made of the digest of what it was built from: the only memory that every machine shares.
CONTEXT_TAG = re.compile(r"context-[0-9a-f]{64}")
_REPOSITORY = re.compile(r"(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^?#\x00-\x1f]*)")


def check_names(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the names of repository, tag, key and image."""
    if not _REPOSITORY.fullmatch(params["name"]):
        raise Problem(
            "name is %s; a repository's name has 2 to 256 lower-case letters and digits, with a '.', '_', '-' or '/' between them." % ascii(params["name"])
        )
    tag = params["tag"]
    if tag is not None and (not TAG.fullmatch(tag) or CONTEXT_TAG.fullmatch(tag)):
        raise Problem(
            "tag is %s; a tag has at most 128 letters, digits, '_', '.' and '-', does not begin with '.' or '-', and is not one of the"
            " tags context-<digest> that the module makes itself." % ascii(tag)
        )
    if params["state"] == "absent":
        return
    if params["kms_key"] and params["encryption"] != "kms":
        raise Problem("kms_key goes with encryption=kms only; encryption is %s." % (params["encryption"] or "not given"))
    if (params["kms_key"] or "").startswith("alias/") or ":alias/" in (params["kms_key"] or ""):
        raise Problem("kms_key is %s, an alias. ECR tells a key by its ARN, so give its id or ARN." % ascii(params["kms_key"]))
    image, context = params["image"], params["context"]
    if bool(image or context) != bool(tag):
        raise Problem("tag goes with image or context: the image to push and the tag to push it under. Give both, or neither for the repository alone.")
    if image and not _REFERENCE.fullmatch(image):
        raise Problem("image is %s, which is not a valid image name. Give one such as scoring:1.0." % ascii(image))


def split_s3_uri(uri: str, what: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI; *what* names it where it is none. Raises `Problem`."""
    match = _S3_URI.fullmatch(uri)
    if not match:
        raise Problem("%s is %s; an S3 URI looks like s3://bucket/path." % (what, ascii(uri)))
    return match["bucket"], match["key"]
