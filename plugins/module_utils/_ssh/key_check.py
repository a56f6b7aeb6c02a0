# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""From the parameters of ssh_key_check and ssh_private_key to all that is to be said about the key."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import login as _ssh_login
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_text import Finding
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import Report, examine, policy_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import obtain

#: What a module returns of a report.
PUBLIC = ("type", "bits", "format", "fingerprint", "public_key", "comment")

# Certificates that no login can be tried with.
_USELESS = {"certificate_unreadable", "certificate_mismatch"}


def report_on(params: t.Mapping[str, t.Any], unattended: bool = False) -> Report:
    """Read the key once and examine it. `Problem` when the options or the source cannot be used."""
    policy = policy_of(params, unattended)
    obtained = obtain(params)
    report = examine(
        obtained.content,
        obtained.what,
        policy,
        passphrase=params.get("passphrase"),
        public_key=params["public_key"],
        certificate=params["certificate"],
        on_disk=params["source"] == "disk",
    )
    report.findings[:0] = [Finding(code, sentence) for code, sentence in obtained.findings]
    return report


def run(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The result of ssh_key_check; raises `Problem` with all findings when they are to be errors."""
    known = _ssh_login.check_params(params)
    report = report_on(params)
    findings = report.layout + report.findings
    login = None
    if known is not None:
        attempt = _ssh_login.Login(params, known, report)
        useless = "the key" if report.loaded is None else "certificate" if _USELESS & {finding.code for finding in findings} else None
        if useless:
            findings.append(Finding("login_impossible", "The login at %s was not tried, because %s cannot be used." % (attempt.where, useless)))
        else:
            attempt.attempt()
        findings.extend(attempt.findings)
        login = attempt.result
    result = {name: getattr(report, name) for name in PUBLIC}
    result.update(findings=[dict(finding._asdict()) for finding in findings], login=login)
    if findings and params["fail_on_findings"]:
        raise Problem(" ".join(finding.sentence for finding in findings), **result)
    return result
