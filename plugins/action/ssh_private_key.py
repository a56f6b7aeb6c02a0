# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a private key on the controller, checks it, and hands it to the module on the host; no credential of a vault leaves the controller."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_check import report_on
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import policy_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import source_argument_spec

MODULE = "sparkflows.mlops.ssh_private_key"
# The options that the host needs to know.
PLACE = {
    "dest": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
# What is known about the key on the controller, and returned.
FACTS = ("fingerprint", "public_key", "type", "bits")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        spec = dict(source_argument_spec(), **policy_argument_spec(), **PLACE)
        checked = ArgumentSpecValidator(spec).validate(dict(self._task.args))
        if checked.error_messages:
            unsupported = isinstance(checked.errors[0], UnsupportedError)
            return dict(result, failed=True, msg=("Unsupported parameters for (%s) module: " % MODULE if unsupported else "") + checked.errors.msg)
        params = checked.validated_parameters
        place = {option: params[option] for option in PLACE if params[option] is not None}
        known = dict.fromkeys(FACTS)
        if params["state"] == "present":
            try:
                # The file on the controller belongs to who runs Ansible, whoever owns the one on the host.
                report = report_on(dict(params, owner=None), unattended=True)
            except Problem as problem:
                return dict(result, failed=True, msg=str(problem))
            if report.findings:
                return dict(
                    result,
                    failed=True,
                    msg=" ".join(finding.sentence for finding in report.findings),
                    findings=[finding._asdict() for finding in report.findings],
                )
            known = {name: getattr(report, name) for name in FACTS}
            known["rewritten"] = [finding._asdict() for finding in report.layout]
            place.update(content=(report.text or b"").decode("ascii"), public_key=report.public_key)
        result.update(self._execute_module(module_name=MODULE, module_args=place, task_vars=task_vars))
        if "invocation" in result:
            shown = result["invocation"]["module_args"]
            result["invocation"]["module_args"] = {option: shown[option] for option in PLACE}
        return result if result.get("failed") else dict(result, **known)
