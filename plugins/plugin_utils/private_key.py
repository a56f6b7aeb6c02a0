# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The private key of the role C(ssh_access), read and judged on the controller for its plan."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import ssh_access
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_check import report_on
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import policy_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import source_argument_spec


def private_key(settings: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The ``content`` of the key (secret, and None where it can't be used), its ``fingerprint`` and ``public_key``, and ``findings``, sentences.

    :param settings: those of the role, with their secrets. Where it places no key, none is read.
    """
    nothing: dict[str, t.Any] = {"content": None, "fingerprint": None, "public_key": None, "findings": []}
    if not ssh_access.present(settings):
        return nothing
    spec = {**source_argument_spec(), **policy_argument_spec()}
    given = {option: settings.get("ssh_access_" + option) for option in spec}
    # A secret may be a number in the inventory.
    texts = {option: str(value) if spec[option]["type"] in ("str", "raw") else value for option, value in given.items() if value not in ("", None)}
    checked = ArgumentSpecValidator(spec).validate(texts)
    if checked.error_messages:
        return {**nothing, "findings": list(checked.error_messages)}
    try:
        # The file on the controller belongs to who runs Ansible, whoever owns the one on the host.
        report = report_on({**checked.validated_parameters, "owner": None}, unattended=True)
    except Problem as problem:
        return {**nothing, "findings": [str(problem)]}
    if report.findings or report.text is None:
        return {**nothing, "findings": [finding.sentence for finding in report.findings]}
    return {"content": report.text.decode("ascii"), "fingerprint": report.fingerprint, "public_key": report.public_key, "findings": []}
