# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of hosts that have JDK, Python and the pinned stack as the roles make them: where the promise of a scenario begins after that."""

from __future__ import annotations

import json

from testbed import artifacts, collection, hosts, images
from testbed.common import ROOT, alone, digest, run, say, scratch, step

TAG = "runtimes"
ROLES = ("jdk", "python", "pip_stack")
#: Named as a scenario would be, so that the inventory of the scenarios finds it.
TESTBED = f"molecule-{TAG}"
#: What decides how these roles leave a host.
SOURCES = (
    *("plugins/module_utils/_archive", "plugins/module_utils/_pip", "plugins/modules/archive_release.py", "plugins/modules/pip_environment.py"),
    *(f"roles/{role}" for role in ROLES),
)


def name(platform: str) -> str:
    """Return the platform of hosts that are like *platform* and have the runtimes."""
    return f"{platform}@{TAG}"


def recipe(platform: str) -> str:
    """Return a digest of all that decides what the image holds: the platform, what the hosts get, and who gives it to them."""
    files = [(ROOT / path).read_bytes() for path in collection.committed(*SOURCES)]
    return digest(images.recipe(platform), (artifacts.folder() / "artifacts.json").read_bytes(), *files)


def current(platform: str) -> bool:
    """Tell whether the image is there and was made by this recipe."""
    return images.made_by(name(platform)) == recipe(platform)


def ensure() -> None:
    """Make the images of all platforms, at once, unless they are there."""
    with alone(TAG):
        platforms = [platform for platform in sorted(images.PLATFORMS) if not current(platform)]
        for platform in sorted(set(images.PLATFORMS) - set(platforms)):
            say(f"Image {images.name(name(platform))}: present")
        if platforms:
            for platform in platforms:
                images.ensure(platform)
            with step(f"Making images with {', '.join(ROLES)}: {', '.join(platforms)}"):
                make(platforms)


def make(platforms: list[str]) -> None:
    """Have the roles run on a new host of each platform, and keep it."""
    wanted = {platform: platform for platform in platforms}
    try:
        hosts.up(TESTBED, wanted)
        groups = {"mlflow_hosts": {"hosts": {host: {"testbed_platform": platform} for host, platform in wanted.items()}}}
        with scratch(hosts.folder(TESTBED)) as place:
            (place / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
            run(
                [ROOT / ".venv/bin/ansible-playbook", ROOT / "playbooks/site.yml", "-i", ROOT / "molecule/inventory", "-i", place / "hosts.json"]
                # Byte code as part of the installation: otherwise it would be made after it, in each copy of the host again.
                + ["--tags", ",".join(ROLES), "-e", json.dumps({"pip_stack_compile": "foreground"})],
                what="Making the runtimes",
                env={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "MOLECULE_SCENARIO_NAME": TAG, "MOLECULE_PROJECT_DIRECTORY": str(ROOT)},
            )
        for host, platform in wanted.items():
            hosts.keep(TESTBED, {host: name(platform)}, recipe(platform))
    finally:
        hosts.down(TESTBED)
