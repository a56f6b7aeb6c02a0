# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Which of the MLflow hosts goes first, and how many follow at a time."""

from __future__ import annotations

import re
import typing as t

CANARY, SERIAL, MAX_FAIL = "mlops_canary", "mlops_serial", "mlops_max_fail_percentage"
#: The variables of the playbook that say so.
VARIABLES = (CANARY, SERIAL, MAX_FAIL)
_ALL = "100%"


def problems(values: t.Mapping[str, t.Any], mlflow_hosts: t.Collection[str]) -> list[str]:
    """Sentences for values of `VARIABLES` that can't be right; those that are not given, or are empty, are."""
    found = []
    canary, serial, most = (values.get(name) for name in VARIABLES)
    if canary not in (None, "") and canary not in mlflow_hosts:
        named = ", ".join(sorted(mlflow_hosts)[:5]) + (" and more" if len(mlflow_hosts) > 5 else "")
        found.append("%s is '%s', but that is not a host of mlflow_hosts. Name one of them: %s." % (CANARY, str(canary)[:100], named or "there is none"))
    given = serial if isinstance(serial, (list, tuple)) else [] if serial in (None, "") else [serial]
    if not all(re.match(r"[1-9]\d{0,5}%?\Z", str(one)) and not isinstance(one, bool) for one in given):
        found.append("%s is '%s', but a number of hosts from 1, a part such as 25%%, or a list of them was expected." % (SERIAL, str(serial)[:100]))
    if most not in (None, "") and (isinstance(most, bool) or not re.match(r"(100|\d{1,2})%?\Z", str(most))):
        found.append("%s is '%s', but a number from 0 to 100 was expected." % (MAX_FAIL, str(most)[:100]))
    return found


def with_canary(due: t.Sequence[str], canary: t.Optional[str]) -> list[str]:
    """The hosts in their order: the canary first, also one on which nothing is due, as it has to show that it is well."""
    return [canary, *(host for host in due if host != canary)] if canary and due else list(due)


def sizes(canary: t.Optional[str], serial: t.Any) -> list[t.Any]:
    """How many hosts are taken at a time, as C(serial) of a play takes it."""
    given = list(serial) if isinstance(serial, (list, tuple)) else [serial or _ALL]
    return [1, *given] if canary else given
