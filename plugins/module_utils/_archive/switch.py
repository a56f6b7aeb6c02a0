# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Releases that are there already: which ones a folder has, and a switch of its `current` link to another of them."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Releases

_SHARED: dict[str, t.Any] = {"dest": {"type": "path", "required": True}, "programs": {"type": "list", "elements": "str", "default": []}}
#: The options of the module release_switch.
ARGUMENT_SPEC: dict[str, t.Any] = {**_SHARED, "release": {"type": "str", "required": True}}
#: Those of `look`.
LOOK_SPEC: dict[str, t.Any] = dict(_SHARED)
#: More than any host keeps.
_MOST = 50


def look(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What there is; nothing is changed.

    ``target`` is what the link says, ``current`` the release that it names, and ``releases`` are the complete ones, the one that was used last
    first, each with its ``name``, its ``path`` and those of ``programs`` that it ``lacks``.
    """
    releases = Releases(params["dest"])
    found = [{"name": name, "path": releases.path(name), "lacks": _lacks(releases.path(name), params["programs"])} for name in releases.complete()[:_MOST]]
    return {"changed": False, "target": releases.target(), "current": releases.current(), "releases": found}


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module release_switch returns. Raises `Problem`."""
    releases, name = Releases(params["dest"]), params["release"]
    if check_mode or not os.path.isdir(releases.dest):
        return _switched(releases, name, params["programs"], True)
    with releases.locked():
        return _switched(releases, name, params["programs"], False)


def _switched(releases: Releases, name: str, programs: t.Sequence[str], check_mode: bool) -> dict[str, t.Any]:
    complete = releases.complete()
    if name not in complete:
        there = ", ".join(complete[:10]) or "none"
        raise Problem("%s has no complete release %s. There %s %s." % (releases.dest, name, "are" if len(complete) > 1 else "is", there))
    lacks = _lacks(releases.path(name), programs)
    if lacks:
        raise Problem("%s has no %s that could be run, so nothing is switched to it. Install it anew with site.yml." % (releases.path(name), lacks[0]))
    before, previous, after = releases.target(), releases.current(), os.path.join("releases", name)
    if previous != name and not check_mode:
        releases.switch(after)
    shown = {"before": "current -> %s\n" % before if before else "", "after": "current -> %s\n" % (before if previous == name else after)}
    return {"changed": previous != name, "previous": previous, "diff": shown}


def _lacks(folder: str, programs: t.Iterable[str]) -> list[str]:
    """Those that are not there, or not for this user to run. A link has to lead somewhere, as that of an environment to its interpreter."""
    return [program for program in programs if not os.access(os.path.join(folder, program), os.X_OK)]
