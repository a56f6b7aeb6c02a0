# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How every module of the collection runs: its options, one call, its result, and its failure as a sentence. No secret gets into the host's journal."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem, of_the_system
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

    def label(self, *paths: str) -> None:
        """Give files that were written the SELinux context of their place, where there is SELinux and this is no check mode."""
        if not self.check_mode and self.selinux_enabled():
            for path in paths:
                self.set_default_selinux_context(path, False)


def run_module(
    call: t.Callable[[QuietModule], dict[str, t.Any]], argument_spec: dict[str, t.Any], place: str = "", reads: bool = False, **rules: t.Any
) -> None:
    """Run a module of the collection, which knows check mode: its result is what `call` returns, and unchanged unless that says otherwise.

    A `Problem` fails the module with its sentences and with what it holds beside them, an error of the operating system with a sentence of its own.

    :param call: is given the module, for its ``params``, ``check_mode``, ``warn``, ``no_log_values`` and ``label``.
    :param reads: whether it changes nothing on its host, so that it is no sign of life of the run that has the host's lock.
    :param place: the option that says where the module writes, for an error of the operating system that says it of no file.
    :param rules: what `AnsibleModule` has to know about the options besides, such as ``required_if``.
    """
    module = QuietModule(argument_spec=argument_spec, supports_check_mode=True, **rules)
    try:
        with contextlib.nullcontext() if reads or module.check_mode else _host_lock.busy():
            result = call(module)
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.result)
    except OSError as error:
        module.fail_json(msg="%s Check the path, the space and the permissions there." % of_the_system(error, module.params.get(place)))
    module.exit_json(**dict({"changed": False}, **result))


def _plain(value: t.Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and not secret_value(value))
