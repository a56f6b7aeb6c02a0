# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""One thing of a host and how it stands, and what several roles have to say of units, certificates and disks."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._forms import moment
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import shown
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.limits import CRITICAL, OK, WARNING, severity, worst
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import secret_value

_LONGEST = 600
#: How units are called that do not run, by systemd's word.
STOPPED = {"inactive": "stopped", "failed": "failed"}


class Row(t.NamedTuple):
    """How one thing of a host stands.

    ``kind`` says what it is, ``name`` which one of its kind. ``value`` is what was seen, ``advice`` what to do about it, empty where all is well.
    ``number`` is what can be measured of it, in the unit that C(health.report) names for its kind; None where that is not known.
    """

    severity: str
    kind: str
    name: str
    value: str
    advice: str = ""
    number: t.Optional[float] = None
    host: str = ""


def plain(text: t.Any) -> str:
    """What a host said, on one line, not too long, without the login of a URL."""
    return shown(" ".join(str(text).split()), _LONGEST)


def told(message: t.Any) -> str:
    """What a program said by itself, which nobody has looked through for secrets."""
    text = plain(message)
    hidden = secret_value(text)
    return "What it says is not shown, as it may hold a secret: read its log." if hidden else text


def often(restarts: t.Any) -> str:
    """How often something was started again, as the rest of what is said of it."""
    return ", started again %s" % ("once" if restarts == 1 else "%d times" % restarts) if restarts else ""


def of_unit(settings: Settings, reading: Reading, name: str, answer: t.Optional[Reading] = None) -> Row:
    """A unit that should run.

    :param answer: what its address says, where it has one: C(status) and C(error).
    """
    unit = reading["units"][name]
    log = "`journalctl -u %s` tells more." % name
    state, restarts = unit["active_state"], unit.get("restarts") or 0
    if not unit["exists"]:
        return Row(CRITICAL, "unit", name, "missing", "site.yml makes it.", 0)
    if state in STOPPED:
        return Row(CRITICAL, "unit", name, STOPPED[state] + often(restarts), "site.yml starts it. " + log, 0)
    if unit.get("sub_state") == "auto-restart":
        return Row(CRITICAL, "unit", name, "ends as soon as it is started" + often(restarts), log, 0)
    if state != "active":
        return Row(WARNING, "unit", name, state + often(restarts), "It is on its way. Look again in a minute.", 0)
    problem = "" if answer is None else silence(answer)
    if problem:
        return Row(CRITICAL, "unit", name, "runs, but does not answer" + often(restarts), "%s %s" % (problem, log), 0)
    since = " since %s" % moment(unit["started_at"]) if unit.get("started_at") else ""
    found = severity(settings, "restarts", restarts)
    return Row(found, "unit", name, "runs" + since + often(restarts), "" if found == OK else "It ended by itself. " + log, 1)


def silence(answer: Reading) -> str:
    """Why an answer is none, as a sentence; an empty text where it is one."""
    if answer["error"]:
        return plain(answer["error"])
    return "It answers with status %d." % answer["status"] if (answer["status"] or 0) >= 400 else ""


def of_certificate(settings: Settings, path: str, facts: Reading, advice: str) -> Row:
    """A certificate that others are shown."""
    if facts["error"]:
        value = "can't be used" if facts["exists"] else "missing"
        return Row(CRITICAL, "certificate", path, value, "%s %s" % (plain(facts["error"]), advice), facts["not_after"])
    days = facts["days_left"]
    found = CRITICAL if days < 0 else severity(settings, "certificate_days", days)
    value = ("expired %s" if days < 0 else "%d day%s left, expires %%s" % (days, "" if days == 1 else "s")) % moment(facts["not_after"])
    return Row(found, "certificate", path, value, "" if found == OK else advice, facts["not_after"])


def of_disks(settings: Settings, reading: Reading) -> list[Row]:
    """Each file system once, whichever paths are on it, by its space and its inodes."""
    found = {}
    for disk in reading["disks"].values():
        # As df counts: what is kept for root is neither used nor free.
        space = _percent(disk["used_mb"], disk["used_mb"] + disk["free_mb"])
        inodes = _percent((disk["total_inodes"] or 0) - (disk["free_inodes"] or 0), disk["total_inodes"] or 0)
        how = worst(severity(settings, "disk_used_percent", used) for used in (space, inodes))
        value = "%d %% used, %d MB free" % (space, disk["free_mb"]) + (", %d %% of inodes used" % inodes if disk["total_inodes"] else "")
        advice = "Make room: `du -xd1 %s %s` shows what takes most." % ("--inodes" if inodes > space else "-h", disk["mount"])
        found[disk["mount"]] = Row(how, "disk", disk["mount"], value, "" if how == OK else advice, round(max(space, inodes) / 100, 4))
    return [found[mount] for mount in sorted(found)]


def of_memory(settings: Settings, reading: Reading) -> Row:
    """The memory that programs can't have any more."""
    memory = reading["memory_mb"]
    used = _percent(memory["total"] - memory["available"], memory["total"])
    found = severity(settings, "memory_used_percent", used)
    value = "%d %% used, %d of %d MB available" % (used, memory["available"], memory["total"])
    advice = "" if found == OK else "Give the host more, or serve fewer models on it: `systemd-cgtop -m` shows who has most."
    return Row(found, "memory", "", value, advice, round(used / 100, 4))


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0
