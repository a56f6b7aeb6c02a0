# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What to do about an address that does not answer as it should: a firewall is no reason for a status."""

from __future__ import annotations

import re
import typing as t

_SILENT = "Check that the services run, and that no firewall on the way or on their host keeps %s out."
_TLS = re.compile(r"certificate|\bssl\b|\btls\b", re.IGNORECASE)
_NAME = re.compile(r"name or service|resol|nodename|no address associated", re.IGNORECASE)


def problems(answers: t.Mapping[str, t.Mapping[str, t.Any]], host: str) -> list[str]:
    """A sentence for each address that does not answer as it should, and after them what to do, each advice once.

    ``answers`` has ``status`` and ``error`` by URL, as ``host_info`` reads them from ``host``.
    """
    seen: list[str] = []
    advice: list[str] = []
    for url, answer in answers.items():
        status, error = answer["status"], answer["error"]
        if error is not None:
            seen.append(str(error))
            advice.append(_for_error(str(error), host))
        elif status is not None and status >= 400:
            seen.append("%s answers with status %d." % (re.sub(r"(?<=://)[^/@]*@", "", url), status))
            advice.append(_for_status(status))
    return seen + list(dict.fromkeys(advice))


def _for_error(error: str, host: str) -> str:
    if _TLS.search(error):
        return "Check the certificate there and the authority that %s is told to trust." % host
    if _NAME.search(error):
        return "Check the spelling of the name, and that %s can resolve it." % host
    return _SILENT % host


def _for_status(status: int) -> str:
    if status == 401:
        return "It runs and does not accept the login: check the user name and the password for it."
    if status == 403:
        return "It runs and forbids this: check what the login may do, and whether a proxy before it lets this host in."
    if status in (404, 405, 410):
        return "Something runs there, but not what is meant, or below another path: check the address."
    if status in (502, 503, 504):
        return "A proxy runs there, but not the service behind it: check that one, it may still be starting."
    if status >= 500:
        return "It runs, but fails: look into its log."
    return "It runs, but does not take the question: check that the address is that of the right service."
