# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the three deploy modes of Sparkflows need, and what contradicts them.

Source: Sparkflows documentation, MLOps admin guide, I(Online model serving): C(local) needs the tracking URL alone, C(remote)
SSH from Sparkflows to the MLflow host as well, C(fire_mlops_server) the host and port of the MLOps server.
"""

from __future__ import annotations

import ipaddress
import typing as t
import urllib.parse

from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import HIDDEN, secret_value

MODES = ("local", "remote", "fire_mlops_server")
_SSH = ("ssh_user", "ssh_host", "ssh_key_path", "ssh_key_vault_reference")
#: What each mode needs; of several options in one place, one is enough.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "local": (("tracking_url",),),
    "remote": (("tracking_url",), ("ssh_user",), ("ssh_host",), ("ssh_key_path", "ssh_key_vault_reference")),
    "fire_mlops_server": (("tracking_url",), ("mlops_host",), ("mlops_port",)),
}
#: What contradicts it.
REFUSES: dict[str, tuple[str, ...]] = {
    "local": ("mlops_host", "mlops_port") + _SSH,
    "remote": ("mlops_host", "mlops_port"),
    "fire_mlops_server": (),
}
_WHY = {
    "local": "Sparkflows and MLflow run on one machine",
    "remote": "Sparkflows reaches the MLflow host by SSH and not through an MLOps server",
}


def problems(options: t.Mapping[str, t.Any], prefix: str = "") -> list[str]:
    """Sentences for what the chosen mode lacks, and for what can't go together with it.

    :param options: option name to value; an empty value is none. Without a C(deploy_mode) nothing is asked for.
    :param prefix: what stands before the options' names where the admin gives them.
    """
    mode = options.get("deploy_mode")
    if not mode:
        return []
    if mode not in MODES:
        return ["%sdeploy_mode is '%s'; it must be one of %s." % (prefix, mode, ", ".join(MODES))]
    sentences = []
    missing = [" or ".join(prefix + name for name in names) for names in NEEDS[mode] if not any(options.get(name) for name in names)]
    if missing:
        sentences.append("The deploy mode %s needs %s. Give %s." % (mode, ", ".join(missing), "it" if len(missing) == 1 else "them"))
    given = [prefix + name for name in REFUSES[mode] if options.get(name)]
    if given:
        sentences.append(
            "The deploy mode %s contradicts %s: in it %s. Take %s out, or choose another mode."
            % (mode, ", ".join(given), _WHY[mode], "it" if len(given) == 1 else "them")
        )
    host = _host_of(options.get("tracking_url"))
    if mode != "local" and _is_loopback(host):
        sentences.append(
            "The deploy mode %s contradicts the %stracking_url %s: in it MLflow runs on another machine, which Sparkflows reaches by name or address."
            % (mode, prefix, HIDDEN if secret_value(options["tracking_url"]) else options["tracking_url"])
        )
    return sentences


def _host_of(url: t.Any) -> str | None:
    try:
        return urllib.parse.urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return None


def _is_loopback(host: str | None) -> bool:
    name = (host or "").rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
