# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Where distributions come from: the options of a task, else the machine's own pip configuration; for pip and uv alike.

Whatever may carry credentials goes to the installers through their environment, which only they and root can read.
"""

from __future__ import annotations

import configparser
import functools
import html
import io
import os
import re
import shutil
import stat
import typing as t
import urllib.parse
import zipfile

from ansible_collections.sparkflows.mlops.plugins.module_utils._download import download, followed
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of, make_folder, remove
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.requirements import Pin

# Seconds that a server may be silent, and bytes; a wheel of uv has about 25 MiB.
_TIMEOUT = 60
_MOST_PAGE = 16 << 20
_MOST_WHEEL = 256 << 20
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
#: The bundles of Debian's and of Red Hat's ca-certificates, which hold a site's own CA once it was added to the system.
_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


class Sources(t.NamedTuple):
    """Indexes, folders and how to reach them. `given` says whether the task named them, instead of the machine's configuration."""

    index_url: str | None
    extra_index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    offline: bool
    given: bool
    trusted_hosts: tuple[str, ...]
    ca_bundle: str | None
    proxy: str | None
    retries: str | None
    network_timeout: str | None
    environment: dict[str, str]

    def base_environment(self) -> dict[str, str]:
        """What every installer starts with: nothing of Ansible's own environment but the home, the language and the proxies."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.environment.get("HOME") or "/",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }
        if self.proxy:
            environment.update(http_proxy=self.proxy, https_proxy=self.proxy)
        environment.update({name: self.environment[name] for name in _PROXY_VARIABLES if self.environment.get(name)})
        return environment

    def for_pip(self) -> dict[str, str]:
        environment = self.base_environment()
        environment.update(
            PIP_CONFIG_FILE=os.devnull,  # all of it that matters was read already
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PIP_NO_INPUT="1",
            PIP_NO_CACHE_DIR="1",
            PIP_PROGRESS_BAR="off",
            PIP_ROOT_USER_ACTION="ignore",
        )
        if self.offline:
            environment["PIP_NO_INDEX"] = "1"
        else:
            if self.index_url:
                environment["PIP_INDEX_URL"] = self.index_url
            if self.extra_index_urls:
                environment["PIP_EXTRA_INDEX_URL"] = " ".join(self.extra_index_urls)
        if self.find_links:
            environment["PIP_FIND_LINKS"] = " ".join(self.find_links)
        if self.trusted_hosts:
            environment["PIP_TRUSTED_HOST"] = " ".join(self.trusted_hosts)
        if self.ca_bundle:
            environment["PIP_CERT"] = self.ca_bundle
        if self.retries:
            environment["PIP_RETRIES"] = self.retries
        if self.network_timeout:
            environment["PIP_TIMEOUT"] = self.network_timeout
        return environment

    def for_uv(self, cache: str) -> dict[str, str]:
        environment = self.base_environment()
        environment.update(UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1", UV_CACHE_DIR=cache, UV_LINK_MODE="hardlink")
        if self.given or not self._uv_is_configured():
            environment["UV_NO_CONFIG"] = "1"
            if self.index_url and not self.offline:
                environment["UV_DEFAULT_INDEX"] = self.index_url
            if self.extra_index_urls:
                environment["UV_INDEX"] = " ".join(self.extra_index_urls)
                # As pip does it: all indexes count. The hashes of the lock rule out a stranger's file.
                environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        if self.find_links:
            environment["UV_FIND_LINKS"] = ",".join(self.find_links)
        if self.trusted_hosts:
            environment["UV_INSECURE_HOST"] = " ".join(self.trusted_hosts)
        if self.ca_bundle:
            environment["SSL_CERT_FILE"] = self.ca_bundle
        if self.retries:
            environment["UV_HTTP_RETRIES"] = self.retries
        if self.network_timeout:
            environment["UV_HTTP_TIMEOUT"] = self.network_timeout
        return environment

    def local_folders(self) -> list[str]:
        """The folders of this host among `find_links`."""
        folders = []
        for link in self.find_links:
            if link.startswith("file://"):
                folders.append(urllib.parse.unquote(urllib.parse.urlsplit(link).path))
            elif "://" not in link:
                folders.append(link)
        return [folder for folder in folders if os.path.isdir(folder)]

    def pages(self, project: str) -> list[str]:
        """The link pages that may list the files of a project: find_links first, then the indexes (PEP 503)."""
        found = [link for link in self.find_links if re.match(r"https?://", link)]
        if not self.offline:
            found += ["%s/%s/" % (index.rstrip("/"), project) for index in (self.index_url,) + self.extra_index_urls if index]
        return found

    def _uv_is_configured(self) -> bool:
        home = self.environment.get("XDG_CONFIG_HOME") or os.path.join(self.environment.get("HOME") or "/", ".config")
        return any(os.path.exists(path) for path in ("/etc/xdg/uv/uv.toml", "/etc/uv/uv.toml", os.path.join(home, "uv", "uv.toml")))


def sources(params: dict[str, t.Any], environment: t.Mapping[str, str]) -> Sources:
    """The sources that a task's options ask for, completed by the environment and the machine's pip configuration.

    Raises `Problem` for an option that no installer could use.
    """
    configured = pip_configuration(environment)
    find_links = tuple(params["find_links"] or ())
    extra = tuple(params["extra_index_urls"] or ())
    for name, values in (("find_links", find_links), ("extra_index_urls", extra), ("index_url", (params["index_url"] or "",))):
        if any(re.search(r"[\s,]", value) for value in values):
            raise Problem("An entry of %s holds a space or a comma, which pip and uv can't be given. Use another path or address." % name)
    for link in find_links:
        if "://" not in link and not os.path.isabs(link):
            raise Problem("find_links has %r; expected a URL or an absolute path on the host." % link)
    offline = params["offline"]
    given = bool(params["index_url"]) or offline
    if not given:
        find_links += tuple(_words(configured.get("find-links")))
        extra += tuple(_words(configured.get("extra-index-url")))
        offline = configured.get("no-index", "").lower() in ("1", "true", "yes", "on")
    if offline and not find_links:
        raise Problem("Offline, distributions can come from find_links only, but it is empty. Name a folder or a URL with the wheels.")
    bundle = params["ca_bundle"]
    if bundle and not os.path.isfile(bundle):
        raise Problem("The CA bundle %s is not a file on this host. Put it there first, or correct ca_bundle." % bundle)
    bundle = bundle or next(
        (
            path
            for path in (
                environment.get("PIP_CERT"),
                configured.get("cert"),
                environment.get("SSL_CERT_FILE"),
                environment.get("REQUESTS_CA_BUNDLE"),
                *_SYSTEM_BUNDLES,
            )
            if path and os.path.isfile(path)
        ),
        None,
    )
    return Sources(
        index_url=params["index_url"] or (None if given else configured.get("index-url")),
        extra_index_urls=extra,
        find_links=find_links,
        offline=offline,
        given=given,
        trusted_hosts=tuple(_words(configured.get("trusted-host"))),
        ca_bundle=bundle,
        proxy=configured.get("proxy"),
        retries=configured.get("retries"),
        network_timeout=configured.get("timeout") or configured.get("default-timeout"),
        environment=dict(environment),
    )


def pip_configuration(environment: t.Mapping[str, str]) -> dict[str, str]:
    """What pip's configuration files and variables say, the stronger over the weaker one.

    The places and their order are those of pip's documentation ("Configuration").
    """
    home = environment.get("HOME") or "/"
    files = [os.path.join(folder, "pip", "pip.conf") for folder in reversed((environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"))]
    files += ["/etc/pip.conf", os.path.join(home, ".pip", "pip.conf")]
    files.append(os.path.join(environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", "pip.conf"))
    named = environment.get("PIP_CONFIG_FILE")
    if named:
        files = [] if named == os.devnull else files + [named]
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for path in files:
            parser = configparser.RawConfigParser()
            try:
                parser.read(path, encoding="utf-8")
            except (configparser.Error, UnicodeDecodeError, OSError):
                raise Problem("pip's configuration file %s can't be read. Correct it, or name an index_url." % path) from None
            if parser.has_section(section):
                found.update((key.replace("_", "-"), value) for key, value in parser.items(section))
    for key in ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "proxy", "cert", "retries", "timeout", "default-timeout"):
        value = environment.get("PIP_" + key.upper().replace("-", "_"))
        if value is not None:
            found[key] = value
    return found


def fetch_uv(wanted: Sources, pin: Pin, path: str) -> None:
    """Put the uv program of the version and hashes of `pin` at `path`. Raises `Problem` when it can't be had.

    uv's wheels hold the program itself (`uv-<version>.data/scripts/uv`), so neither pip nor a newer Python is needed.
    """
    import http.client  # these take a while to load, and a run that changes nothing does without

    from ansible.module_utils import urls

    make_folder(os.path.dirname(path))
    suffix = "%s_%s.whl" % ("musllinux.*" if _is_musl() else "manylinux.*", os.uname().machine)
    fitting = re.compile(r"uv-%s-py3-none-.*%s\Z" % (re.escape(pin.version), suffix))
    seen = []
    for folder in wanted.local_folders():
        for name in sorted(os.listdir(folder)):
            if fitting.match(name):
                _extract_uv(os.path.join(folder, name), pin, path)
                return
        seen.append(folder)
    scratch = path + ".whl"
    for page in wanted.pages("uv"):
        try:
            address = _linked(wanted, page, fitting)
            if address:
                with open(scratch, "wb") as file:
                    download(functools.partial(_opened, wanted, address), file, _TIMEOUT, _MOST_WHEEL)
                _extract_uv(scratch, pin, path)
                return
            seen.append(hide_credentials(page))
        except (OSError, http.client.HTTPException, urls.ConnectionError, ValueError) as error:  # OSError: URLError and TLS too
            seen.append("%s (%s)" % (hide_credentials(page), str(getattr(error, "reason", None) or error)))
        finally:
            remove(scratch)
    raise Problem(
        "uv %s for %s was found neither in find_links nor in an index; looked at: %s." % (pin.version, os.uname().machine, ", ".join(seen) or "nothing")
    )


def hide_credentials(text: str) -> str:
    """A text without the user and password of any URL in it."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def _opened(wanted: Sources, address: str) -> t.Any:
    """Open a URL as pip would: with the proxies, the CA bundle and the trusted hosts of `wanted`."""
    from ansible.module_utils import urls

    def opened(place: str, dummy: bool) -> t.Any:
        parts = urllib.parse.urlsplit(place)
        return urls.open_url(
            place,
            timeout=_TIMEOUT,
            validate_certs=not {parts.hostname, "%s:%s" % (parts.hostname, parts.port)} & set(wanted.trusted_hosts),
            ca_path=wanted.ca_bundle,
            force_basic_auth="@" in parts.netloc,
            http_agent="sparkflows-mlops",
            follow_redirects="none",
            decompress=False,
        )

    return followed(opened, address)


def _linked(wanted: Sources, page: str, fitting: t.Pattern[str]) -> str | None:
    """The address of the first file of a link page whose name fits."""
    body = io.BytesIO()
    base = download(functools.partial(_opened, wanted, page), body, _TIMEOUT, _MOST_PAGE).geturl()
    text = body.getvalue().decode("utf-8", "replace")
    for link in re.findall(r"""<a\b[^>]*\bhref\s*=\s*["']([^"']+)["']""", text, re.I):
        address = urllib.parse.urljoin(base, html.unescape(link)).split("#")[0]
        if fitting.match(urllib.parse.unquote(address.rsplit("/", 1)[-1])):
            parts, source = urllib.parse.urlsplit(address), urllib.parse.urlsplit(page)
            if "@" in source.netloc and "@" not in parts.netloc and parts.hostname == source.hostname:
                address = urllib.parse.urlunsplit(parts._replace(netloc=source.netloc))
            return str(address)
    return None


def _extract_uv(wheel: str, pin: Pin, path: str) -> None:
    name = os.path.basename(wheel)
    if "sha256:" + digest_of(wheel) not in pin.hashes:
        raise Problem("The file %s found for uv %s has a sha256 that its lock does not list. It was not used." % (name, pin.version))
    scratch = path + ".new"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open("uv-%s.data/scripts/uv" % pin.version) as content, open(scratch, "wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
            os.fchmod(file.fileno(), stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        os.replace(scratch, path)
    except (KeyError, zipfile.BadZipFile):
        raise Problem(
            "The wheel of uv %s does not hold the program where its releases do. Pin another version of uv, or name one with uv." % pin.version
        ) from None
    finally:
        remove(scratch)


def _is_musl() -> bool:
    return any(name.startswith("ld-musl") for name in os.listdir("/lib"))


def _words(text: str | None) -> list[str]:
    return (text or "").split()
