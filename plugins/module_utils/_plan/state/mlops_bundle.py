# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(mlops_bundle) leaves behind: an unpacked bundle at C(mlops_bundle_prefix)/current, from which other roles install.

Of the bundle itself the settings know what the controller read of it, as C(bundle).
"""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import NAME
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _host_checks as checks
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import (
    Ahead,
    Contents,
    Difference,
    Inputs,
    Questions,
    State,
    of_prediction,
    of_release,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.state import mlflow_server, mlops_agent

ROLE = "mlops_bundle"


class Bundle(t.NamedTuple):
    """What the controller knows of a bundle.

    ``src`` is its URL or path, ``sha256`` the archive's digest, ``manifest`` that of the manifest, ``size`` what it takes unpacked, in bytes, ``code`` the
    digests of the collection's programs in it by their names. ``collection`` and ``architecture`` are as in the manifest.
    """

    src: str
    sha256: str
    manifest: str
    size: int
    collection: str
    architecture: str
    code: t.Mapping[str, str]


def _release(bundle: Bundle) -> dict[str, t.Any]:
    """Options of C(archive_release). The manifest that the host has must be the one that the plan was made with."""
    verify = {"argv": ["/usr/bin/sha256sum", NAME], "pattern": "^%s " % bundle.manifest, "description": "the bundle that the controller read"}
    return {"release": bundle.manifest[:12], "src": bundle.src, "sha256": bundle.sha256, "root": ".", "verify": verify}


def questions(settings: Settings) -> Questions:
    """What is asked of a host; see `State`."""
    prefix, bundle = settings["mlops_bundle_prefix"], settings.get("bundle")
    if settings["mlops_bundle_state"] == "absent":
        return {"predictions": [{"name": ROLE, "module": "archive_release", "options": {"dest": prefix, "state": "absent"}}]}
    if not bundle:
        return {}
    options = {"dest": prefix, "keep": settings["mlops_bundle_keep"], **_release(bundle)}
    return {"paths": [prefix], "predictions": [{"name": ROLE, "module": "archive_release", "options": options}]}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work; see `State`."""
    prefix, bundle = settings["mlops_bundle_prefix"], settings.get("bundle")
    if settings["mlops_bundle_state"] == "absent" or not bundle:
        return checks.foreseen(reading, ROLE)
    found = checks.places(reading, [prefix])
    if bundle.architecture != reading["architecture"]:
        found.append(
            "The bundle is for hosts of the architecture %s; this one has %s. Build one on such a machine." % (bundle.architecture, reading["architecture"])
        )
    if bundle.code != {"agent": mlops_agent.source_digest(), "guard": mlflow_server.guard_digest()}:
        found.append(
            "The bundle was built by release %s of the collection, with other programs than the collection that runs now has. Build it anew with "
            "playbooks/bundle.yml, or run the collection that built it." % bundle.collection
        )
    disk, seen = reading["disks"].get(prefix), reading["predictions"].get(ROLE) or {}
    wanted = 2 * bundle.size // 1000000 + 1
    if disk and seen.get("changed") and not seen.get("version_output") and disk["free_mb"] < wanted:
        found.append(
            "%d MB are free on %s; the bundle needs %d, for its archive and what is in it. Free some, or move mlops_bundle_prefix."
            % (disk["free_mb"], disk["mount"], wanted)
        )
    return found + checks.foreseen(reading, ROLE)


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """Options of C(archive_release): ``release``, ``src``, ``sha256``, ``root`` and ``verify``; none where there is no bundle."""
    return _release(settings["bundle"]) if settings.get("bundle") and settings["mlops_bundle_state"] == "present" else {}


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the host is from it. Steps: C(release), C(surplus) for old bundles, and C(removed) for a role that is absent."""
    prefix = settings["mlops_bundle_prefix"]
    if settings["mlops_bundle_state"] == "absent":
        return of_prediction(ROLE, "removed", prefix, reading, ROLE)
    return of_release(ROLE, prefix, reading, ROLE)


STATE = State(questions, findings, differences, inputs=inputs)
