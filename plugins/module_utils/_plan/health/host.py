# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How one host stands, told from the reading that its plan is made of."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Questions
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import roles as of_roles
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import OK
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row, of_disks, of_memory

#: A run waits for what is about to start. Here that it is not up is the answer, and all hosts wait for it.
IMPATIENT: Settings = {"sparkflows_health_timeout": 0}


def with_questions(asked: Questions, roles: t.Container[str], settings: Settings) -> Questions:
    """The questions of a plan, and those that it does not ask.

    :param asked: options of C(host_info).
    """
    more = of_roles.questions(roles, settings)
    known = {entry["path"] for entry in asked.get("certificates", ())}
    return {
        **asked,
        "package_lock_wait": 0,
        "paths": list(dict.fromkeys([*asked.get("paths", ()), *more["paths"]])),
        "certificates": [*asked.get("certificates", ()), *(entry for entry in more.get("certificates", ()) if entry["path"] not in known)],
    }


def rows(roles: t.Iterable[str], settings: Settings, plan: hosts.Plan, reading: Reading) -> list[Row]:
    """A row for the host itself, its memory, each of its file systems, and each thing that its roles left behind.

    :param reading: the answer to `with_questions`.
    """
    found = [Row(OK, "host", "", "reached, %s %s" % (reading["os"]["distribution"], reading["os"]["major_version"]), "", 1)]
    found += [of_memory(settings, reading), *of_disks(settings, reading)]
    for role in roles:
        if role in of_roles.HEALTH:
            found += of_roles.HEALTH[role](settings, plan.roles[role]["inputs"], reading)
    return found
