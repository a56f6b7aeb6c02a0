# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus, promtool and node_exporter out of Debian's packages, unpacked into the cache, so that no service is started."""

from __future__ import annotations

import os
from pathlib import Path

from testbed import debian
from testbed.common import TestbedError, alone, cache, run, scratch

PACKAGES = ("prometheus", "prometheus-node-exporter")


def programs() -> Path:
    """Return the folder that holds `prometheus`, `promtool` and `prometheus-node-exporter`.

    Raises TestbedError with a sentence where they can't be had.
    """
    place = cache() / "prometheus"
    with alone("prometheus"):
        if not place.exists():
            with scratch(cache()) as folder:
                _unpack(folder)
                (folder / "tree").rename(place)
    return place / "usr" / "bin"


def _unpack(folder: Path) -> None:
    debian.require_packages({"apt-get": "apt", "dpkg-deb": "dpkg"}, "Checking alert rules")
    if os.geteuid() == 0:
        run(["apt-get", "update", "-q"], what="Updating the package lists")
    # Of the machine's own release, so that the libraries fit; apt checks it against the signed lists, and downloads to where it is called.
    command = ["sh", "-c", 'cd "$0" && exec apt-get download -q -o APT::Sandbox::User=root "$@"', folder, *PACKAGES]
    run(command, what=f"Downloading {', '.join(PACKAGES)}")
    for package in PACKAGES:
        found = list(folder.glob(f"{package}_*.deb"))
        if len(found) != 1:
            raise TestbedError(f"Checking alert rules needs the package {package}, and apt-get has downloaded {len(found)} of that name.")
        run(["dpkg-deb", "-x", found[0], folder / "tree"], what=f"Unpacking {package}")
