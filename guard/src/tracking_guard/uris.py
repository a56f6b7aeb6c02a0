# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which URIs may be recorded and opened, and which paths lie inside an artifact store. Knows nothing of MLflow."""

from __future__ import annotations

import os
import re
import typing as t
from urllib.parse import unquote

# More layers of percent-encoding than any client or proxy adds.
_DECODINGS = 4
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PROXIED = "mlflow-artifacts"
# What cuts a URI short for one parser and not for another: CVE-2024-1483, -1593, -1594, -2928, -3848.
_DIVIDERS = re.compile(r"[?#;]")


class Refused(ValueError):
    """What was asked for is outside the artifact store; the message is a sentence for the client."""


def check_path(path: str) -> None:
    """Refuse a path, relative to a store, that could lead out of it in any number of percent-decodings.

    Raises:
        Refused: it is absolute, holds `..` as a segment, a backslash or a control character, or is encoded too often.
    """
    for form in _decoded(path):
        if form.startswith("/"):
            raise Refused("The artifact path %r is absolute. Give one that is relative to the run's artifacts." % path)
        _check_segments(form, path)


def check_url_path(raw: str) -> None:
    """Refuse the path of a request's URL as it came, when no client sends such a one.

    Raises:
        Refused: as `check_path`, or it holds `;` or `#`, which servers and proxies read in different ways.
    """
    for form in _decoded(raw):
        if ";" in form or "#" in form:
            raise Refused("The path of the URL holds ';' or '#', which no client of MLflow needs.")
        _check_segments(form, raw)


def check_model_name(name: str) -> None:
    """Refuse the name of a registered model that reads as a path to another folder.

    Raises:
        Refused: it is absolute, holds `..` as a segment, a backslash or a control character, or reads as another name once it is decoded.
    """
    try:
        check_path(name)
    except Refused:
        raise Refused("The model's name %r can't be used: it reads as a path. Use letters, digits, spaces, '-', '_' and '.'." % name) from None
    # Two models would go by one name where a URL is decoded once more: CVE-2024-3099.
    if unquote(name) != name:
        raise Refused("The model's name %r can't be used: in a URL it reads as %r." % (name, unquote(name)))


def check_link(link: str) -> None:
    """Refuse a link that the user interface would follow into a script.

    Raises:
        Refused: it is not empty and neither http nor https.
    """
    if link and not re.match(r"https?://[^\s\x00-\x1f]+\Z", link):
        raise Refused("run_link %r must be an http or https URL." % link)


class Places:
    """Where artifacts may lie.

    Args:
        root: what the server keeps artifacts in: an absolute folder, or a URI such as `s3://bucket/prefix`.
        proxied: whether clients reach it through the server, by URIs of the scheme `mlflow-artifacts`.
        further: prefixes of URIs and absolute folders besides, which the operator has allowed.
    """

    def __init__(self, root: str, proxied: bool, further: t.Sequence[str] = ()) -> None:
        self.root = root
        self.proxied = proxied
        self.further = tuple(further)

    def check_location(self, uri: str) -> None:
        """Refuse an `artifact_location` of an experiment that is not a place for artifacts.

        Raises:
            Refused: with a sentence that says where artifacts may lie.
        """
        self._check_form(uri)
        if not self._is_proxied(uri) and not self._is_known(uri):
            raise Refused("artifact_location %r is not where this server keeps artifacts. Leave it out%s" % (uri, self._or_below()))

    def check_source(self, uri: str) -> None:
        """Refuse a `source` of a model version that does not lie in a place for artifacts.

        Raises:
            Refused: with a sentence that says where artifacts may lie.
        """
        self._check_form(uri)
        # Clients resolve it to what the run names, and that was checked; the server never opens it.
        if re.match(r"runs:/[0-9a-f]{32}/[^/]", uri):
            return
        if self._is_proxied(uri) and _rest(uri).strip("/"):
            return
        if not self._is_known(uri):
            raise Refused("source %r is not where this server keeps artifacts. Register the model by its run, as runs:/<run id>/<path>%s"
                          % (uri, self._or_below()))

    def check_opened(self, uri: str) -> None:
        """Refuse a URI that the server itself is about to open, wherever it comes from.

        Raises:
            Refused: it is not in the store. An older record may hold such a one.
        """
        self._check_form(uri)
        if not self._is_known(uri):
            raise Refused("%r is outside the places where this server keeps artifacts, so it is not opened." % uri)

    def holds(self, path: str) -> bool:
        """Whether a file of this host lies in the store."""
        return not _scheme(self.root) and is_inside(path, self.root)

    def _check_form(self, uri: str) -> None:
        for form in _decoded(uri):
            if _DIVIDERS.search(form):
                raise Refused("%r holds '?', '#' or ';', which no place of artifacts may." % uri)
            _check_segments(form, uri)

    def _is_proxied(self, uri: str) -> bool:
        # A host in it would be sent the login of whoever downloads the model.
        return self.proxied and bool(re.match(r"mlflow-artifacts:/(//)?([^/]|\Z)", uri))

    def _is_known(self, uri: str) -> bool:
        return any(_is_below(uri, place) for place in (self.root, *self.further) if not place.startswith(_PROXIED + ":"))

    def _or_below(self) -> str:
        return ", or give one of the places that mlflow_server_further_artifact_uris allows." if self.further else "."


def is_inside(path: str, folder: str) -> bool:
    """Whether a path on this host, all links followed, is a folder or lies below it."""
    real, base = os.path.realpath(path), os.path.realpath(folder)
    return real == base or real.startswith(base.rstrip("/") + "/")


def _is_below(uri: str, place: str) -> bool:
    if _scheme(uri) != _scheme(place):
        return False
    if not _scheme(place):
        # Two leading slashes are one to the system and a host to a URL's parser.
        return uri.startswith("/") and not uri.startswith("//") and is_inside(unquote(uri), place) and is_inside(uri, place)
    prefix = place.rstrip("/")
    return uri.rstrip("/") == prefix or uri.startswith(prefix + "/")


def _scheme(uri: str) -> str:
    match = _SCHEME.match(uri)
    return match.group(1) if match else ""


def _rest(uri: str) -> str:
    return uri[len(_scheme(uri)) + 1 :]


def _decoded(text: str) -> t.List[str]:
    """The text and what each further percent-decoding makes of it, until nothing changes."""
    forms = [text]
    while True:
        further = unquote(forms[-1])
        if further == forms[-1]:
            return forms
        if len(forms) > _DECODINGS:
            raise Refused("%r is percent-encoded more than %d times." % (text[:200], _DECODINGS))
        forms.append(further)


def _check_segments(form: str, original: str) -> None:
    if _CONTROL.search(form) or "\\" in form:
        raise Refused("%r holds a backslash or a control character." % original)
    if ".." in form.split("/"):
        raise Refused("%r holds '..', which could lead out of the artifact store." % original)
