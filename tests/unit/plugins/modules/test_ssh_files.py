# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules ssh_known_hosts and ssh_authorized_keys, run by Ansible itself."""

from __future__ import annotations

import os
import pwd

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
ME = pwd.getpwuid(os.getuid()).pw_name


def test_known_hosts(tmp_path, run_module):
    path = tmp_path / "ssh" / "known_hosts"
    arguments = {"path": str(path), "user": ME, "entries": ["mlflow-a " + KEY]}
    predicted, output = run_module("ssh_known_hosts", arguments, "--check", "--diff", "-vvv")
    assert predicted["changed"] is True and not path.exists()
    assert "WARNING" not in output
    done = run_module("ssh_known_hosts", arguments, "--diff", "-vvv").result
    assert (done["changed"], done["diff"]) == (True, predicted["diff"])
    assert run_module("ssh_known_hosts", arguments).result["changed"] is False
    assert run_module("ssh_known_hosts", dict(arguments, entries=["a b"])).result["msg"].startswith("A public key is one line")
    assert run_module("ssh_known_hosts", dict(arguments, state="absent")).result["changed"] is True
    assert path.read_bytes() == b""


def test_authorized_keys(run_module):
    arguments = {"user": "nobody-by-this-name", "client": "a", "keys": [KEY], "from": ["10.0.0.1"]}
    predicted, output = run_module("ssh_authorized_keys", arguments, "--check", "--diff", "-vvv")
    assert predicted["changed"] is True
    assert predicted["diff"]["after"].endswith('from="10.0.0.1" %s sparkflows-mlops:a\n' % KEY)
    assert "WARNING" not in output
    assert run_module("ssh_authorized_keys", arguments).result["msg"] == "There is no user nobody-by-this-name on this host. Create it, or name another."
    assert run_module("ssh_authorized_keys", dict(arguments, state="absent")).result["changed"] is False
    canary = "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n"
    result, output = run_module("ssh_authorized_keys", dict(arguments, keys=[canary]))
    assert result["msg"] == "A private key was given where a public key belongs. Give the line that 'ssh-keygen -y' prints for it."
    assert "CANARY" not in output
