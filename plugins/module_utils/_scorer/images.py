# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The images of scorers, each pinned to what its name stood for when it was first fetched."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import as_written, make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.engine import Docker, Reference, parse_reference, read_archive
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer.known import Difference
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import info as sparkflows_info
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows

CERTIFICATES = "/etc/docker/certs.d"


def release_fits(image: str, release: str, pattern: str) -> bool:
    """Whether the tag of an image is one for this release of Sparkflows."""
    try:
        return bool(re.search(pattern.replace("{release}", re.escape(release)), parse_reference(image).tag))
    except re.error as error:
        raise Problem("release_pattern is not a regular expression: %s" % sentence(str(error))) from None


def fitting_release(params: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """The release of Sparkflows that the images have to fit, ``None`` when the guard is off."""
    if not params["release_check"]:
        return None
    release = params["sparkflows_release"]
    if not release and params["sparkflows_url"]:
        release = sparkflows_info.find_version(sparkflows_info.read_release(Sparkflows(params), True), params["version_key"])
    if not release:
        raise Problem(
            "The release of Sparkflows is not known, so that nothing tells whether the scorer image fits it. Give sparkflows_url with a login,"
            " version_key if the server tells it under another name, or sparkflows_release; or turn release_check off."
        )
    for service in params["services"]:
        if not release_fits(service["image"], release, params["release_pattern"]):
            tag = parse_reference(service["image"]).tag or "no tag"
            raise Problem(
                "The scorer %s would run the image %s of release %s, but Sparkflows has the release %s. Take the image of that release,"
                " or correct release_pattern, which is %s." % (service["name"], service["image"], tag, release, params["release_pattern"])
            )
    return str(release)


class Image(t.NamedTuple):
    """An image that is pinned. ``id`` is ``None`` where it still has to be fetched, ``digest`` where even that is unknown."""

    digest: t.Optional[str]
    id: t.Optional[str]
    fetched: bool


class Images:
    """The images of one host.

    :param pins: digest and id by name, as remembered; what is fetched is added.
    :param check_mode: nothing is fetched and nothing written; `blind` also asks no engine.

    ``moved`` are names that stand for another image now, ``notes`` sentences for an admin.
    """

    def __init__(self, params: t.Mapping[str, t.Any], docker: Docker, pins: dict[str, dict[str, str]], check_mode: bool, blind: bool) -> None:
        self.params, self.docker, self.pins, self.check_mode, self.blind = params, docker, pins, check_mode, blind
        self.login = {"username": params["registry_username"], "password": params["registry_password"]} if params["registry_username"] else {}
        self.moved: list[dict[str, str]] = []
        self.notes: list[str] = []
        # Registries that the engine does not trust before their CA is written, so that a check can't ask them.
        self.untrusted: set[str] = set()

    def trust(self, services: t.Sequence[t.Mapping[str, t.Any]]) -> list[Difference]:
        """Let the engine trust the CA of the registries, and tell where it did not, see https://docs.docker.com/engine/security/certificates/"""
        text, found = self.params["registry_ca"], []
        if not text:
            return []
        for registry in sorted({parse_reference(each["image"]).registry for each in services} - {""}):
            path = os.path.join(CERTIFICATES, registry, "ca.crt")
            known = ""
            with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
                known = file.read()
            if known != text:
                self.untrusted.add(registry)
            elif as_written(path):
                continue
            was = "missing" if not os.path.lexists(path) else "another" if known != text else "belongs to or is open to others"
            found.append(Difference("CA of the registry %s" % registry, was, "written"))
            if not self.check_mode:
                make_folder(os.path.dirname(path))
                write_atomic(path, text)
        return found

    def pinned(self, text: str, archive: str) -> Image:
        """An image by its name, or from an archive, fetched unless this is a check; :class:`Problem` when it can't be had."""
        reference, pin = parse_reference(text), self.pins.get(text)
        local = None if self.blind or not pin else self.docker.image(pin["image"])
        if self.blind and not archive:
            return Image(reference.digest or None, None, True)
        now = self._now(reference, archive, bool(local))
        digest = now or (pin or {}).get("digest")
        if pin and now and now != pin["digest"]:
            self.moved.append({"image": text, "pinned": pin["digest"], "now": now})
            if not self.params["follow_tag"]:
                digest = pin["digest"]
                self.notes.append("%s is another image now (%s). The pinned %s stays, as follow_tag is off." % (text, now, digest))
                if not local and archive:
                    raise Problem("The pinned image %s of %s is gone, and %s holds another. Turn follow_tag on to take it." % (digest, text, archive))
            else:
                local = None
        if local and pin:
            return Image(digest, pin["image"], False)
        found = None if self.blind or digest is None else self.docker.image(str(digest) if archive else reference.pinned(str(digest)))
        fetched = not found
        if found:
            image = str(found["Id"])
        elif self.check_mode:
            return Image(digest, None, True)
        elif archive:
            self.docker.load(archive, self.params["pull_timeout"])
            image = str(digest)
            if not self.docker.image(image):
                raise Problem("The engine loaded %s, but has no image %s, which the archive names." % (archive, image))
        else:
            image = self.docker.pull(reference, str(digest), self.login, self.params["pull_timeout"])
        self.pins[text] = {"digest": str(digest), "image": image}
        return Image(digest, image, fetched)

    def _now(self, reference: Reference, archive: str, local: bool) -> t.Optional[str]:
        """The digest that the image's name stands for now; ``None`` when that cannot be told, and need not be."""
        if reference.digest:
            return reference.digest
        if self.check_mode and not archive and reference.registry in self.untrusted:
            return None
        try:
            return read_archive(archive).image if archive else self.docker.tag_digest(reference, self.login)
        except Problem as error:
            if not local:
                raise
            self.notes.append("Whether the image is still what it was could not be told. %s" % error)
            return None
