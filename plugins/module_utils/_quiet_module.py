# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The module class of this collection, which hands no secret to the journal of the host that it runs on."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import secret_value

_NOT_LOGGED = "NOT_LOGGING_PARAMETER"


class QuietModule(AnsibleModule):
    """An `AnsibleModule` that logs of its options no more than simple values in which nothing looks like a secret.

    AnsibleModule writes its options to syslog or the journal before the module runs. Lists and dictionaries it writes as Python does, and a
    secret within them that has a quote, a backslash or a line break is no longer known again as the value of an option with ``no_log``.
    What the module adds to ``no_log_values`` a moment later was written, too.
    """

    params: dict[str, t.Any]

    def _log_invocation(self) -> None:
        given = self.params
        self.params = {name: value if _plain(value) else _NOT_LOGGED for name, value in given.items()}
        try:
            super()._log_invocation()
        finally:
            self.params = given


def _plain(value: t.Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and not secret_value(value))
