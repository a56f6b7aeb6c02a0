# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""From where on a value is worth a warning, and from where on it is critical: variables of the playbook C(health), which a host may have of its own."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Settings

#: How things may stand, worst first.
SEVERITIES = CRITICAL, WARNING, OK = "critical", "warning", "ok"
#: Two limits for each value: the warning's and the critical one's; and the rule that both follow.
_LIMITS: dict[str, tuple[int, int, rules.Rule]] = {
    "certificate_days": (30, 7, rules.between(0, 3650)),
    "disk_used_percent": (80, 90, rules.between(1, 100)),
    "memory_used_percent": (90, 95, rules.between(1, 100)),
    "restarts": (3, 20, rules.at_least(1)),
}
#: Of these, less is worse.
_FALLING = ("certificate_days",)
#: What the playbook hands on as it is.
_PLAYBOOKS_OWN = ("health_report", "health_show", "health_exit_code")

#: The variables, as an argument specification describes them.
OPTIONS: dict[str, dict[str, t.Any]] = {
    **{
        "health_%s_%s" % (what, severity): {"type": "int", "default": default}
        for what, (warning, critical, dummy) in _LIMITS.items()
        for severity, default in ((WARNING, warning), (CRITICAL, critical))
    },
    **{name: {"type": "raw"} for name in _PLAYBOOKS_OWN},
}


def problems(settings: Settings) -> list[str]:
    """Sentences for limits that can't be right."""
    table = {"health_%s_%s" % (what, severity): rule for what, (dummy, dummy, rule) in _LIMITS.items() for severity in (WARNING, CRITICAL)}
    found = rules.judge(table, settings)
    for what in _LIMITS:
        names = ["health_%s_%s" % (what, severity) for severity in (WARNING, CRITICAL)]
        first, last = (settings[name] for name in names)
        if first < last if what in _FALLING else first > last:
            words = "lower" if what in _FALLING else "higher"
            found.append("%s is %s and %s is %s; what is critical has to be the %s one." % (names[0], first, names[1], last, words))
    return found


def severity(settings: Settings, what: str, value: float) -> str:
    """How a value stands to its limits, each of which counts itself."""
    for found in (CRITICAL, WARNING):
        limit = settings["health_%s_%s" % (what, found)]
        if value <= limit if what in _FALLING else value >= limit:
            return found
    return OK


def worst(severities: t.Iterable[str]) -> str:
    """The worst of some, C(ok) of none."""
    return min([OK, *severities], key=SEVERITIES.index)
