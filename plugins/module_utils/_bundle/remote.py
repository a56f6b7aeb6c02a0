# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The head of a bundle that lies on a web server; the rest of it is left to the hosts."""

from __future__ import annotations

import http.client
import io
import re
import socket
import typing as t
import urllib.error

from ansible.module_utils import urls
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import archive
from ansible_collections.sparkflows.mlops.plugins.module_utils._deadlines import Clock, within
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import followed
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

#: Seconds that the server may take for what is read of a bundle.
SECONDS = 60

_Read = t.TypeVar("_Read")


def head(url: str, ca_path: str | None) -> archive.Head:
    """The head of the bundle at a URL. Raises `Problem`."""
    label = _label(url)

    def read(response: t.Any) -> archive.Head:
        buffered = t.cast("t.BinaryIO", io.BufferedReader(response))
        magic = buffered.peek(4)[:4]  # type: ignore[attr-defined]
        if archive.is_zstd(magic):
            raise Problem("%s is compressed with zstd, which can't be read by URL. Build the bundle with bundle_compression gz." % label)
        with archive.decompressed(buffered, magic, label) as stream:
            return archive.read_head(stream, label)

    return _asked(url, ca_path, read)


def digest(url: str, ca_path: str | None) -> str:
    """What the file beside the bundle at a URL says as its digest. Raises `Problem`."""
    beside = url + archive.DIGEST_SUFFIX
    try:
        text = _asked(beside, ca_path, lambda response: response.read(archive.MOST_DIGEST).decode("utf-8", "replace"))
    except Problem as problem:
        raise Problem("The digest of the bundle is not known: %s Put that file beside the bundle, or set mlops_bundle_sha256." % problem) from None
    return archive.digest_in(text, _label(beside))


def _label(url: str) -> str:
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _asked(url: str, ca_path: str | None, read: t.Callable[[t.Any], _Read]) -> _Read:
    """What is read of the answer to one request, within `SECONDS`."""

    def opened(place: str, dummy: bool) -> t.Any:
        return urls.open_url(place, timeout=SECONDS, ca_path=ca_path, http_agent="sparkflows-mlops", follow_redirects="none", decompress=False)

    def run() -> _Read:
        with followed(opened, url) as response:
            return read(response)

    try:
        return within(Clock(SECONDS), run)
    except urllib.error.HTTPError as error:
        raise Problem("%s answered the controller %d %s." % (_label(url), error.code, error.reason)) from None
    except socket.timeout:
        raise Problem("%s could not be read by the controller within %d seconds. Check the way to it." % (_label(url), SECONDS)) from None
    except (OSError, http.client.HTTPException, urls.ConnectionError, ValueError) as error:  # OSError: URLError and TLS too
        reason = str(getattr(error, "reason", None) or error).rstrip(".")
        raise Problem("%s could not be read by the controller: %s. Check the address, the proxy and the CA certificates." % (_label(url), reason)) from None
