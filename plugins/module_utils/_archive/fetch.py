# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""An archive on this host, wherever it comes from, and the comparison of its digest."""

from __future__ import annotations

import os
import re
import shutil
import socket
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _unpack
from ansible_collections.sparkflows.mlops.plugins.module_utils._download import download, followed
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of, free_bytes, megabytes, need_space, remove


def is_url(src: str | None) -> bool:
    """Whether a source is a URL of any kind."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", src or "") is not None


def label_of(params: dict[str, t.Any]) -> str:
    """What to call an archive in messages: its source without a login."""
    return re.sub(r"(?<=://)[^/@]*@", "", params["src"])


def fetched(params: dict[str, t.Any], scratch: str, partial: str = "") -> str:
    """The path of the archive on this host, downloaded into `scratch` where it has to be.

    :param partial: a file that keeps what was downloaded when that breaks off, and that a next call goes on with. Without it that is lost.
    """
    if not is_url(params["src"]):
        path = str(params["src"])
        if params.get("parts"):
            return _joined(path, params["parts"], os.path.join(scratch, "archive"))
        if not os.path.isfile(path):
            raise Problem("%s is not a file on this host. Check src, or leave remote_src out if the archive is on the controller." % path)
        return path
    path = os.path.join(scratch, "archive")
    part = partial or path
    there = os.path.getsize(part) if os.path.exists(part) else 0
    _download(params, part, there)
    if there and digest_of(part) != params["sha256"]:
        # What was there is of another archive, or was damaged.
        remove(part)
        _download(params, part, 0)
    if part != path:
        os.replace(part, path)
    return path


def _joined(folder: str, count: int, path: str) -> str:
    """One file out of the parts that the action plugin sent, which are removed one by one, so that no more space is needed than for one of them."""
    with open(path, "wb") as whole:
        for number in range(count):
            part = os.path.join(folder, "%04d" % number)
            need_space(path, os.path.getsize(part), "Putting together what was transferred")
            with open(part, "rb") as content:
                shutil.copyfileobj(content, whole, 1 << 20)
            remove(part)
    return path


def _download(params: dict[str, t.Any], path: str, there: int) -> None:
    """Download an archive, or what is missing of it: ``there`` is how many bytes of it the file has, and the server need not know how to go on."""
    label = label_of(params)
    import http.client  # these take a while to load, and a run that changes nothing does without
    import urllib.error

    from ansible.module_utils import urls

    def opened(place: str, home: bool) -> t.Any:
        return urls.open_url(
            place,
            headers={"Range": "bytes=%d-" % there} if there else None,
            timeout=params["timeout"],
            validate_certs=params["validate_certs"],
            ca_path=params["ca_path"],
            use_proxy=params["use_proxy"],
            url_username=params["url_username"] if home else None,
            url_password=params["url_password"] if home else None,
            force_basic_auth=home and bool(params["url_username"]),
            http_agent="sparkflows-mlops",
            follow_redirects="none",
            decompress=False,
        )

    sizes: list[int] = []
    try:
        with open(path, "ab") as file:

            def begun(response: t.Any) -> None:
                if not _goes_on(response, there):
                    os.truncate(path, 0)
                sizes.append(int(response.headers.get("Content-Length") or 0))
                need_space(path, sizes[0], "Downloading %s" % label)

            response = download(lambda: followed(opened, params["src"]), file, params["timeout"], free_bytes(path), begun)
        size = sizes[0] + (there if _goes_on(response, there) else 0)
        if sizes[0] and os.path.getsize(path) != size:
            raise Problem("%s broke off after %d of %d bytes. Try again." % (label, os.path.getsize(path), size))
        sizes.clear()
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:
            # There is nothing after what is there: it is all, or more than that.
            return
        hint = "Check the user name and password." if error.code in (401, 403, 407) else "Check the address."
        raise Problem("%s answered %d %s. %s" % (label, error.code, error.reason, hint)) from None
    except socket.timeout:
        raise Problem(
            "%s could not be fetched: the server is silent, or sends too little, for more than %d seconds. Check the way to it, or raise timeout."
            % (label, params["timeout"])
        ) from None
    except (OSError, http.client.HTTPException, urls.ConnectionError, ValueError) as error:  # OSError: URLError and TLS too
        reason = getattr(error, "reason", None) or error
        raise Problem(
            "%s could not be fetched: %s. Check the address, the proxy and the CA certificates, or give the archive as a file."
            % (label, str(reason).rstrip("."))
        ) from None
    finally:
        if sizes == [0]:
            # Of what a server sends without an end, nothing stays on the disk.
            remove(path)


def _goes_on(response: t.Any, there: int) -> bool:
    """Whether an answer begins after the bytes that are there."""
    return bool(there) and getattr(response, "status", 0) == 206 and str(response.headers.get("Content-Range")).startswith("bytes %d-" % there)


def check_digest(path: str, expected: str, label: str) -> None:
    found = digest_of(path)
    if found != expected:
        raise Problem(
            "%s has the sha256 %s, but %s was expected; it is %s of %s. Nothing was changed. Fetch it again or correct sha256."
            % (label, found, expected, _unpack.looks_like(path), megabytes(os.path.getsize(path)))
        )
