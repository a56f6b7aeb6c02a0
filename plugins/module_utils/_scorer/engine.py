# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The Docker Engine's own interface over its socket: no client program is needed, and a login is in no argument and in no file.

The calls and their answers: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import tarfile
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._answers import sentence
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_NAME = r"(?:[a-z0-9]+(?:[._-]+[a-z0-9]+)*/)*[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:))(?::[0-9]+)?"
_TAG, _DIGEST = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", r"sha256:[0-9a-f]{64}"
_REFERENCE = re.compile(r"(?:(?P<host>%s)/)?(?P<name>%s)(?::(?P<tag>%s))?(?:@(?P<digest>%s))?\Z" % (_HOST, _NAME, _TAG, _DIGEST))


class DockerError(Problem):
    """A call that failed; ``status`` is the engine's HTTP status, ``None`` when there was no answer."""

    def __init__(self, message: str, status: t.Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status


class Reference(t.NamedTuple):
    """An image's name. ``registry`` is empty for Docker Hub, ``tag`` and ``digest`` when they were not given."""

    registry: str
    name: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        return "%s/%s" % (self.registry, self.name) if self.registry else self.name

    def pinned(self, digest: str) -> str:
        return "%s@%s" % (self.repository, digest)


def parse_reference(text: str) -> Reference:
    """The parts of an image's name. The tag is ``latest`` when there is neither a tag nor a digest. :class:`Problem` for no name."""
    found = _REFERENCE.match(text)
    if not found:
        raise Problem("The image %s is not a valid image name. Give one such as registry.example.com/team/scorer:3.2.84." % ascii(text))
    tag, digest = found.group("tag") or "", found.group("digest") or ""
    return Reference(found.group("host") or "", found.group("name"), tag or ("" if digest else "latest"), digest)


class Archive(t.NamedTuple):
    """What an archive of ``docker save`` says about its only image."""

    image: str
    tags: list[str]


def read_archive(path: str) -> Archive:
    """The id and the tags of the image in an archive, without loading it; :class:`Problem` when there is not exactly one."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("manifest.json")
            listed = json.load(member) if member else []
    except FileNotFoundError:
        raise Problem("The image archive %s does not exist on the host. Put it there, or correct image_archive." % path) from None
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError) as error:
        raise Problem("%s is not an archive made by 'docker save': %s" % (path, sentence(str(error)))) from None
    found = re.search(r"([0-9a-f]{64})(?:\.json)?\Z", str(listed[0].get("Config", ""))) if len(listed) == 1 else None
    if not found:
        raise Problem("The image archive %s holds %d images. Save exactly one into it." % (path, len(listed)))
    return Archive("sha256:" + found.group(1), listed[0].get("RepoTags") or [])


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Docker:
    """One engine. ``secrets`` are texts that no error may show."""

    def __init__(self, path: str, secrets: t.Sequence[str] = (), timeout: float = 60) -> None:
        self._path = path
        self._secrets = [secret for secret in secrets if secret]
        self._timeout = timeout

    def mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def there(self) -> bool:
        """Whether there is a socket at all."""
        return os.path.exists(self._path)

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, data: t.Any = None, headers: t.Optional[dict[str, str]] = None, timeout: t.Optional[float] = None
    ) -> t.Iterator[http.client.HTTPResponse]:
        connection = _Connection(self._path, timeout or self._timeout)
        try:
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            if response.status >= 400:
                raise DockerError(self._words(response.read()), response.status)
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise DockerError(
                "The docker engine does not answer at %s (%s). Check that it runs: systemctl status docker."
                % (self._path, getattr(error, "strerror", None) or error.__class__.__name__)
            ) from None
        finally:
            connection.close()

    def _words(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, AttributeError):
            text = str(json.loads(text).get("message") or text)
        return self.mask(sentence(text))

    def _json(self, method: str, path: str, body: t.Any = None, headers: t.Optional[dict[str, str]] = None, timeout: t.Optional[float] = None) -> t.Any:
        data = None if body is None else json.dumps(body).encode("utf-8")
        sent = dict(headers or {}, **({} if data is None else {"Content-Type": "application/json"}))
        with self._answer(method, path, data, sent, timeout) as response:
            text = response.read()
        try:
            return json.loads(text.decode("utf-8")) if text.strip() else None
        except ValueError:
            raise DockerError("The docker engine answered %s %s with something that is not JSON." % (method, path.partition("?")[0])) from None

    def _unless_missing(self, method: str, path: str, body: t.Any = None) -> t.Any:
        try:
            return self._json(method, path, body)
        except DockerError as error:
            if error.status != 404:
                raise
            return None

    # Images

    def image(self, reference: str) -> t.Any:
        """What the engine knows of a local image, ``None`` when it has none of this name or id."""
        return self._unless_missing("GET", "/images/%s/json" % urllib.parse.quote(reference, safe=":/@"))

    def tag_digest(self, reference: Reference, login: t.Mapping[str, str]) -> str:
        """The digest that a tag has in its registry now."""
        path = "/distribution/%s:%s/json" % (reference.repository, reference.tag)
        try:
            return str(self._json("GET", path, headers=_login(reference, login))["Descriptor"]["digest"])
        except DockerError as error:
            if error.status is None:
                raise
            raise DockerError(_refused("asked about %s:%s" % (reference.repository, reference.tag), error), error.status) from None

    def pull(self, reference: Reference, digest: str, login: t.Mapping[str, str], timeout: float) -> str:
        """Pull the image with this digest and return its id."""
        pinned = reference.pinned(digest)
        query = urllib.parse.urlencode({"fromImage": pinned})
        try:
            with self._answer("POST", "/images/create?" + query, headers=_login(reference, login), timeout=timeout) as response:
                self._progress(response)
        except DockerError as error:
            raise DockerError(_refused("asked for %s" % pinned, error), error.status) from None
        found = self.image(pinned)
        if not found:
            raise DockerError("The docker engine ended the pull of %s, but has no such image." % pinned)
        return str(found["Id"])

    def load(self, path: str, timeout: float) -> None:
        """Load the images of an archive."""
        with open(path, "rb") as file:
            headers = {"Content-Type": "application/x-tar", "Content-Length": str(os.fstat(file.fileno()).st_size)}
            with self._answer("POST", "/images/load?quiet=1", file, headers, timeout) as response:
                self._progress(response)

    def _progress(self, response: http.client.HTTPResponse) -> None:
        """Read the engine's reports until the end; a failure is one of them, as the status was sent long before."""
        for line in response:
            with contextlib.suppress(ValueError):
                report = json.loads(line.decode("utf-8"))
                if "error" in report:
                    raise DockerError(self.mask(sentence(str(report["error"]))), 500)

    def remove_image(self, image: str) -> bool:
        """Remove an image that no container uses; ``False`` when one does."""
        try:
            self._unless_missing("DELETE", "/images/%s?force=0&noprune=0" % image)
        except DockerError as error:
            if error.status != 409:
                raise
            return False
        return True

    # Containers

    def containers(self, label: str) -> list[dict[str, t.Any]]:
        """All containers with a label, running or not, as the engine lists them."""
        query = urllib.parse.urlencode({"all": "1", "filters": json.dumps({"label": [label]})})
        return self._json("GET", "/containers/json?" + query) or []

    def container(self, name: str) -> t.Any:
        """What the engine knows of a container, ``None`` when there is none."""
        return self._unless_missing("GET", "/containers/%s/json" % name)

    def create(self, name: str, settings: t.Mapping[str, t.Any]) -> str:
        return str(self._json("POST", "/containers/create?" + urllib.parse.urlencode({"name": name}), settings)["Id"])

    def start(self, name: str) -> None:
        self._json("POST", "/containers/%s/start" % name)

    def restart_always(self, name: str) -> None:
        """Let the engine start a container again whenever it ends or the engine itself starts."""
        self._json("POST", "/containers/%s/update" % name, {"RestartPolicy": {"Name": "unless-stopped"}})

    def remove(self, name: str, grace: int) -> None:
        """End a container, at once when it has not ended by itself after `grace` seconds, and remove it with its volumes."""
        self._unless_missing("POST", "/containers/%s/stop?t=%d" % (name, grace))
        self._unless_missing("DELETE", "/containers/%s?force=1&v=1" % name)

    def log_tail(self, name: str, lines: int = 15) -> str:
        """The last lines that a container has printed."""
        with self._answer("GET", "/containers/%s/logs?stdout=1&stderr=1&tail=%d" % (name, lines)) as response:
            return self.mask("\n".join(demultiplexed(response.read()).splitlines()[-lines:]))


def demultiplexed(data: bytes) -> str:
    """The text of a log, without the frames that it comes in: a byte for the stream, three of zero, four of length."""
    parts, place = [], 0
    while data[place + 1 : place + 4] == b"\0\0\0" and len(data) >= place + 8:
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        parts.append(data[place + 8 : place + 8 + size])
        place += 8 + size
    return (b"".join(parts) if parts else data).decode("utf-8", "replace")


def _login(reference: Reference, login: t.Mapping[str, str]) -> dict[str, str]:
    if not login:
        return {}
    content = dict(login, serveraddress=reference.registry)
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(content).encode("utf-8")).decode("ascii")}


def _refused(asked: str, error: DockerError) -> str:
    words = str(error)
    hint = ""
    if re.search(r"unauthorized|authentication required|no basic auth|denied", words):
        hint = " Check registry_username and registry_password."
    elif re.search(r"x509|certificate", words):
        hint = " Give the registry's CA with registry_ca."
    elif re.search(r"manifest unknown|not found", words):
        hint = " Check the image's name and tag."
    return "The image is not available: the engine %s and was told: %s%s" % (asked, words, hint)
