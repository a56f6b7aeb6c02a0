# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host had no network but the controller's SSH, and still serves."""

from __future__ import annotations

import json

from testinfra.host import Host


def test_host_was_cut_off(host: Host) -> None:
    assert host.check_output("ip route show default") == ""
    assert host.run("getent hosts mirror").rc != 0


def test_services_answer(host: Host) -> None:
    assert host.check_output("curl --silent --fail http://127.0.0.1:5000/health") == "OK"
    assert '"ok"' in host.check_output("curl --silent --fail http://127.0.0.1:8086/health")


def test_everything_came_out_of_one_file(host: Host) -> None:
    bundle = "/opt/sparkflows/bundle/current"
    manifest = json.loads(host.check_output(f"cat {bundle}/manifest.json"))
    sums = "".join(f"{entry['sha256']}  {name}\n" for name, entry in manifest["files"].items())
    assert host.run(f"cd {bundle} && printf %s '{sums}' | sha256sum --check --quiet --strict").rc == 0
    for role in ("jdk", "python"):
        mark = json.loads(host.check_output(f"cat /opt/sparkflows/{role}/current/.release.json"))
        assert mark["sha256"] == manifest["files"][manifest[role]["file"]]["sha256"]
    assert host.check_output("ls -A /home/admin/.ansible/tmp") == "", "what was transferred is removed"
