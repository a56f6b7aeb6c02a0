# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""One reading by an action plugin, of a host or of what a role has elsewhere, and a sentence for a host that can't be read."""

from __future__ import annotations

import os
import re
import typing as t

from ansible.module_utils import basic
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import HOST
from ansible_collections.sparkflows.mlops.plugins.plugin_utils.inventory_settings import ROLES

# In sh, as there may be nothing else: each Python on the host with its version.
_PYTHONS = (
    "for p in /usr/bin/python3* /usr/libexec/platform-python /usr/local/bin/python3*; do "
    'test -x "$p" && "$p" -c \'import sys; print("%s=%d.%d" % ((sys.executable,) + sys.version_info[:2]))\' 2>/dev/null; done; echo end'
)


class Unreachable(Problem):
    """The host does not answer; ``result`` is what Ansible says of it."""

    def __init__(self, result: dict[str, t.Any]) -> None:
        super().__init__(str(result.get("msg") or "The host does not answer."))
        self.result = result


#: What the modules that read call their answer.
_ANSWERS = {"host_info": "host", "sagemaker_info": "aws"}


def read(action: t.Any, reader: str | None, asked: dict[str, t.Any], task_vars: t.Mapping[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """What the module *reader* answers to these questions, and why there is no answer, in which case the first is empty. Raises `Unreachable`."""
    if reader is None:
        return {}, []
    answer = action._execute_module("sparkflows.mlops." + reader, module_args=asked, task_vars=task_vars)
    if _ANSWERS[reader] in answer:
        return answer[_ANSWERS[reader]], []
    if answer.get("unreachable"):
        raise Unreachable(answer)
    # Whoever runs this module ran Ansible itself; it has a sentence for what it can't do.
    return {}, [_why_unread(action, answer) if reader == HOST else str(answer.get("msg") or "%s does not answer." % reader)]


def _why_unread(action: t.Any, read: t.Mapping[str, t.Any]) -> str:
    """A sentence for a host on which no module ran: mostly its Python is missing or too old for the running ansible-core."""
    wanted, who = hosts.least_python(getattr(basic, "_PY_MIN", None))
    answer = action._low_level_execute_command(_PYTHONS, sudoable=False)
    found = [(path, tuple(map(int, version.split(".")))) for path, version in re.findall(r"^(\S+)=(\d+\.\d+)\s*$", answer.get("stdout", ""), re.M)]
    if "end" in answer.get("stdout", "") and not any(version >= wanted for dummy, version in found):
        seen = ", ".join(sorted({"%s (%d.%d)" % (path, *version) for path, version in found})) or "none at all"
        return (
            "%s wants Python %d.%d or newer on the host, and the host has %s. Install one, and name it with "
            "ansible_python_interpreter." % (who, *wanted, seen)
        )
    said = str(read.get("module_stderr") or read.get("msg") or "nothing")
    # A shell that does not know the locale of the login complains first.
    lines = [line.strip() for line in said.splitlines() if line.strip() and "setlocale" not in line]
    usable = ["%s (%d.%d)" % (path, *version) for path, version in found if version >= wanted]
    hint = " Its Pythons are %s; ansible_python_interpreter has to name one of them." % ", ".join(usable) if usable and read.get("rc") == 127 else ""
    return "The host could not be read: %s.%s" % (" ".join(lines)[:400].rstrip("."), hint)


def mlflow_release(lock: str | None) -> str:
    """The release of MLflow that a lock pins, or else the role's own lock; empty when it can't be told."""
    path = lock or os.path.join(ROLES, "pip_stack", "files", "locks", "mlflow.txt")
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            pin = re.search(r"^mlflow==([^\s;\\]+)", stream.read(), re.M)
    except OSError:
        return ""
    return pin.group(1) if pin else ""
