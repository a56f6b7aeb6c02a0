# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(mlflow_server) leaves behind of nginx, which stands before the server with TLS and a login: packages, certificate, login and site."""

from __future__ import annotations

import hashlib
import ssl
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import mlflow_server as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Contents,
    Difference,
    File,
    Inputs,
    Questions,
    of_attributes,
    of_files,
    steps,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._urls import bracketed, service_url

_ROLE = "mlflow_server"
UNIT = "nginx.service"
PROGRAMS = ("nginx", "openssl")
SITE = "/etc/nginx/conf.d/mlflow-server.conf"
#: The site that worked, while another is tried.
FORMER_SITE = SITE + ".former"
DEFAULT_SITE = "/etc/nginx/sites-enabled/default"
#: How one begins that the role put there.
OWN_DEFAULT_SITE = "# Made by the role sparkflows.mlops.mlflow_server:"
LOGIN = "/etc/sparkflows-mlops/mlflow-proxy.login"
#: Key and certificate in one file, so that one rename replaces both; and the certificate for those who are to trust it.
PEM = "/etc/sparkflows-mlops/mlflow-proxy.pem"
NEW_PEM = PEM + ".new"
PUBLIC = "/etc/sparkflows-mlops/mlflow-proxy.crt"
_SITE_FILES = (SITE, FORMER_SITE)
_OF_NGINX = (*_SITE_FILES, DEFAULT_SITE)
_CERTIFICATE_FILES = (PEM, NEW_PEM, PUBLIC)
#: A certificate that has no more days than this is made anew.
LEAST_DAYS = 30
#: What nginx itself answers to a login that it does not take, or can't look up.
_REFUSALS = (401, 403, 500)


def _own_certificate(settings: Settings) -> bool:
    return bool(settings["mlflow_server_proxy_certificate"] == "self_signed")


def pair(settings: Settings) -> dict[str, t.Any]:
    """The files of the certificate in force and of its key."""
    if _own_certificate(settings):
        return {"path": PEM, "private_key": PEM}
    return {"path": settings["mlflow_server_proxy_certificate_path"], "private_key": settings["mlflow_server_proxy_private_key_path"]}


def names(settings: Settings) -> list[str]:
    """Names in the self-signed certificate. The host's further addresses come and go, and a new certificate has to reach all who trust the old."""
    listens = settings["mlflow_server_proxy_listen_address"]
    wanted = ["localhost", "127.0.0.1", settings.get("inventory_address") or "localhost", settings["mlflow_server_proxy_server_name"]]
    wanted += [listens] if listens not in ("0.0.0.0", "::") else []  # noqa: S104
    wanted += settings["mlflow_server_proxy_certificate_names"]
    return sorted({str(name) for name in wanted if _rules.is_host(str(name)[2:] if str(name).startswith("*.") else str(name))})


def health_url(settings: Settings) -> str:
    """Where nginx is asked, from the host itself."""
    return service_url(settings["mlflow_server_proxy_listen_address"], settings["mlflow_server_proxy_port"], "https", "/health")


# ------------------------------------------------------------------------------------------------------------------ questions and findings


def questions(settings: Settings) -> Questions:
    """What is asked of a host; all values are lists."""
    asked: Questions = {"units": [UNIT], "files": [{"path": path} for path in (*_SITE_FILES, *_CERTIFICATE_FILES, LOGIN)]}
    if not rules.proxied(settings):
        asked["files"] += [{"path": DEFAULT_SITE, "text": True}]
        return asked
    username, password = settings["mlflow_server_proxy_username"], str(settings["mlflow_server_proxy_password"])
    asked["files"] += [{"path": DEFAULT_SITE}]
    if _own_certificate(settings):
        asked["files"] = [entry for entry in asked["files"] if entry["path"] != PUBLIC] + [{"path": PUBLIC, "text": True}]
    asked["ports"] = [settings["mlflow_server_proxy_port"], 80]
    asked["commands"] = list(PROGRAMS)
    asked["packages"] = [{"name": name, "unless": name} for name in PROGRAMS]
    asked["certificates"] = [{**pair(settings), **({"names": names(settings)} if _own_certificate(settings) else {})}]
    # The password goes to nobody but the holder of the certificate's key; it may be another process that listens there.
    asked["urls"] = [{"url": health_url(settings), "certificate": pair(settings)["path"], "username": username, "password": password}]
    asked["predictions"] = [
        {"name": "mlflow_server_login", "module": "login_file", "options": {"path": LOGIN, "username": username}, "secrets": {"password": password}}
    ]
    return asked


def ports(settings: Settings, reading: Reading) -> dict[int, tuple[str, tuple[str, ...]]]:
    """The ports that have to be free or nginx's, as `checks.ports` wants them."""
    if not rules.proxied(settings):
        return {}
    wanted: dict[int, tuple[str, tuple[str, ...]]] = {settings["mlflow_server_proxy_port"]: ("mlflow_server_proxy_port", (UNIT,))}
    if reading["commands"].get("nginx") is None:
        wanted[80] = ("the default site that the package nginx starts with", (UNIT,))
    return wanted


def findings(settings: Settings, reading: Reading) -> list[str]:
    """A certificate that can't be used, and a port that is another site's."""
    if not rules.proxied(settings):
        return []
    found = []
    if not _own_certificate(settings):
        options = ("mlflow_server_proxy_certificate_path", "mlflow_server_proxy_private_key_path")
        found += checks.certificate(reading, settings[options[0]], *options)
    port = settings["mlflow_server_proxy_port"]
    holder = reading["ports"].get(str(port)) or {}
    if holder.get("unit") == UNIT and not any(reading["files"][path]["exists"] for path in (SITE, FORMER_SITE, LOGIN)):
        found.append(
            "Port %d, wanted for mlflow_server_proxy_port, is held by another site of nginx. Choose another port, or run `systemctl reload nginx` "
            "if that site was removed by hand." % port
        )
    return found


# ----------------------------------------------------------------------------------------------------------------------- files and inputs


def files(settings: Settings) -> list[File]:
    """The site."""
    return [File(SITE, "nginx-site.conf.j2", "site")] if rules.proxied(settings) else []


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """As C(proxy): names of files, addresses, the group that nginx's workers run with, and the files that go."""
    shared: Inputs = {"site": SITE, "former_site": FORMER_SITE, "login": LOGIN, "pem": PEM, "new_pem": NEW_PEM, "public": PUBLIC}
    if reading is None:
        return {"proxy": shared}
    if not rules.proxied(settings):
        there = _leaving_files(reading)
        leaving = {"sites": [path for path in there if path in _OF_NGINX], "rest": [path for path in there if path not in _OF_NGINX]}
        return {"proxy": {**shared, "leaving": leaving}}
    debian = reading["os"]["family"] == "Debian"
    return {
        "proxy": {
            **shared,
            "apt": debian,
            "programs": list(PROGRAMS),
            "group": "www-data" if debian else "nginx",
            "default_site": DEFAULT_SITE,
            "own_default_site": OWN_DEFAULT_SITE,
            "bind": bracketed(settings["mlflow_server_proxy_listen_address"]),
            "health_url": health_url(settings),
            "pair": pair(settings),
            "names": names(settings),
            "leftovers": _leftovers(settings, reading),
        }
    }


# ------------------------------------------------------------------------------------------------------------------------------ differences


def differences(settings: Settings, reading: Reading, contents: Contents) -> list[Difference]:
    """How far the host is from it.

    Steps, in the order in which they are taken: C(default_site), C(proxy_packages), C(certificate), C(public_certificate), C(login), C(site),
    C(selinux), C(reload), or C(first_load) where systemd does not know nginx yet, C(proxy_leftovers); or C(proxy_removed) and C(proxy_forgotten)
    where nothing stands before the server.
    """
    if not rules.proxied(settings):
        return _leaving(reading)
    found = _packages(reading) + _certificate(settings, reading) + _login(settings, reading)
    found += of_files(_ROLE, files(settings), contents, reading)
    found += _reload(settings, reading, found)
    if {"reload", "first_load"} & set(steps(found)) and reading["selinux"] != "disabled":
        found.append(Difference(_ROLE, "selinux", "rules of SELinux for a proxy", "not looked at", "set"))
    return found + [Difference(_ROLE, "proxy_leftovers", path, "there", "removed") for path in _leftovers(settings, reading)]


def _packages(reading: Reading) -> list[Difference]:
    seen = reading["commands"]
    found = [Difference(_ROLE, "proxy_packages", "package " + name, "missing", "installed") for name in PROGRAMS if seen[name] is None]
    if reading["os"]["family"] == "Debian" and seen["nginx"] is None and not reading["ipv6"] and not reading["files"][DEFAULT_SITE]["exists"]:
        # nginx would not start, and the package would not configure.
        reason = "the package's own asks for IPv6, which the host does not have"
        found.insert(0, Difference(_ROLE, "default_site", DEFAULT_SITE, "missing", "empty", reason))
    return found


def _certificate(settings: Settings, reading: Reading) -> list[Difference]:
    if not _own_certificate(settings):
        return []
    facts, seen = reading["certificates"][PEM], reading["files"][PEM]
    found = []
    if not seen["exists"]:
        found.append(Difference(_ROLE, "certificate", PEM, "missing", "made"))
    elif facts["error"]:
        found.append(Difference(_ROLE, "certificate", PEM, "can't be used", "made anew", facts["error"]))
    else:
        if not facts["names_fit"]:
            found.append(Difference(_ROLE, "certificate", PEM + ": names", ", ".join(facts["names"]) or "none", ", ".join(names(settings))))
        if facts["days_left"] < LEAST_DAYS:
            before = "%d days left" % facts["days_left"] if facts["days_left"] >= 0 else "expired"
            found.append(Difference(_ROLE, "certificate", PEM, before, "made anew"))
        # A key that others could read is no key any more.
        found += [
            difference._replace(reason="others may have the key, so that another is made")
            for difference in of_attributes(_ROLE, "certificate", PEM, seen, "root", "root", "0600")
        ]
    return found + _public(reading, bool(found))


def _public(reading: Reading, renewed: bool) -> list[Difference]:
    seen, fingerprint = reading["files"][PUBLIC], reading["certificates"][PEM]["fingerprint"]
    if not seen["exists"]:
        return [Difference(_ROLE, "public_certificate", PUBLIC, "missing", "made")]
    found = of_attributes(_ROLE, "public_certificate", PUBLIC, seen, "root", "root", "0644")
    if renewed:
        found.append(Difference(_ROLE, "public_certificate", PUBLIC, "the former certificate", "the new one", "the certificate changes"))
    elif _fingerprint(seen["text"] or "") != fingerprint:
        found.append(Difference(_ROLE, "public_certificate", PUBLIC, "holds something else", "written"))
    return found


def _fingerprint(text: str) -> t.Optional[str]:
    """The SHA-256 of the one certificate that a text is, as openssl writes it; None for a text that is anything else, or more."""
    try:
        der = ssl.PEM_cert_to_DER_cert(text)
    except ValueError:
        return None
    return ":".join("%02X" % byte for byte in hashlib.sha256(der).digest()) if ssl.DER_cert_to_PEM_cert(der) == text else None


def _login(settings: Settings, reading: Reading) -> list[Difference]:
    seen = reading["files"][LOGIN]
    if not seen["exists"]:
        return [Difference(_ROLE, "login", LOGIN, "missing", "made")]
    found = of_attributes(_ROLE, "login", LOGIN, seen, "root", "www-data" if reading["os"]["family"] == "Debian" else "nginx", "0640")
    if reading["predictions"]["mlflow_server_login"]["changed"]:
        found.insert(0, Difference(_ROLE, "login", LOGIN, "holds another login (not shown)", "written"))
    return found


def _reload(settings: Settings, reading: Reading, found: t.Sequence[Difference]) -> list[Difference]:
    """Whether nginx has to be started or to read its files again. It reads that of the login at each request, the others at a start or reload."""
    unit, answer, due = reading["units"][UNIT], reading["urls"][health_url(settings)], steps(found)
    reasons = [words for step, words in (("site", "its site changes"), ("certificate", "its certificate changes")) if step in due]
    result = []
    if not unit["enabled"]:
        result.append(Difference(_ROLE, "reload", UNIT + ": starts at boot", "no", "yes"))
    if not unit["exists"]:
        return [Difference(_ROLE, "first_load", UNIT, "missing", "running", ", ".join(reasons))]
    if unit["active_state"] != "active":
        return [Difference(_ROLE, "reload", UNIT, unit["active_state"], "running", ", ".join(reasons)), *result]
    if "site" not in due and (reading["files"][SITE]["mtime"] or 0) > (unit["reloaded_at"] or 0):
        reasons.append("its site is newer than its start or reload")
    if reading["files"][FORMER_SITE]["exists"]:
        reasons.append("a run was cut short while it tried a site")
    if not reasons and answer["status"] is None:
        # Whoever shows another certificate gets no answer here.
        reasons.append(answer["error"].rstrip("."))
    elif answer["status"] in _REFUSALS and "login" not in due:
        reasons.append("it answers the login with status %s" % answer["status"])
    return ([Difference(_ROLE, "reload", UNIT, "running", "reloaded", ", ".join(reasons))] if reasons else []) + result


def _leftovers(settings: Settings, reading: Reading) -> list[str]:
    """What a certificate that is no longer used, or a run that was cut short, left behind."""
    if _own_certificate(settings):
        gone: tuple[str, ...] = () if "certificate" in steps(_certificate(settings, reading)) else (NEW_PEM,)
    else:
        gone = _CERTIFICATE_FILES
    return [path for path in gone if reading["files"][path]["exists"]]


def _leaving_files(reading: Reading) -> list[str]:
    seen = reading["files"]
    own = [DEFAULT_SITE] if str(seen[DEFAULT_SITE]["text"] or "").startswith(OWN_DEFAULT_SITE) else []
    return [path for path in (*_SITE_FILES, *_CERTIFICATE_FILES, LOGIN) if seen[path]["exists"]] + own


def _leaving(reading: Reading) -> list[Difference]:
    found = [Difference(_ROLE, "proxy_removed", path, "there", "removed") for path in _leaving_files(reading)]
    if found and reading["units"][UNIT]["active_state"] == "active":
        found.append(Difference(_ROLE, "proxy_forgotten", UNIT, "running", "reloaded", "its site goes"))
    return found
