# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placing a key, by Ansible itself: check mode says what a run does, a second run does nothing, and nothing shows the key."""

from __future__ import annotations

import stat
import subprocess
from unittest import mock

import pytest

from ansible_collections.sparkflows.mlops.plugins.action.ssh_private_key import ActionModule

PASSPHRASE = "CANARY-passphrase"


@pytest.fixture
def key(tmp_path):
    """`key(name, *arguments)` makes a private key and returns its path."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)

    def make(name, *arguments, passphrase=""):
        command = ["ssh-keygen", "-q", "-f", str(folder / name), "-N", passphrase, "-C", name, *(arguments or ("-t", "ed25519"))]
        subprocess.run(command, check=True)
        return folder / name

    return make


def fingerprint(path):
    return subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True).stdout.split()[1]


@pytest.fixture
def place(tmp_path, run_module):
    """`place(path, *options, **arguments)` runs the module; returns the result."""
    (tmp_path / "home").mkdir(mode=0o700)

    def run(path, *options, **arguments):
        # Some lines of the file hold the public half.
        public = path.with_suffix(".pub").read_text() if path else ""
        secrets = [line for line in path.read_text().splitlines()[1:-1] if line not in public] if path else []
        arguments = {"dest": str(tmp_path / "home" / ".ssh" / "key"), **({"path": str(path)} if path else {}), **arguments}
        result, output = run_module("ssh_private_key", arguments, "-vvv", *options)
        assert "Traceback" not in output
        for secret in ["PRIVATE KEY", PASSPHRASE, *secrets]:
            assert secret not in output
        assert set(result["invocation"]["module_args"] if "invocation" in result else ()) <= {"dest", "owner", "group", "state"}
        assert output.count("Using module file") == (0 if result.get("findings") else 1)
        return result

    return run


def test_twelve_steps(place, key, tmp_path):
    one, two = key("one"), key("two", "-t", "ecdsa")
    dest = tmp_path / "home" / ".ssh" / "key"
    steps = (
        (one, {}, None, fingerprint(one)),
        (two, {}, fingerprint(one), fingerprint(two)),
        (None, {"state": "absent", "owner": "gone-by-now"}, fingerprint(two), None),
    )
    for path, arguments, previous, current in steps:
        before = dest.read_bytes() if dest.exists() else None
        predicted = place(path, "--check", "--diff", **arguments)
        assert (dest.read_bytes() if dest.exists() else None) == before, "check mode changes nothing"
        done = place(path, "--diff", **arguments)
        assert predicted == done
        assert (done["changed"], done["fingerprint"], done["previous_fingerprint"]) == (True, current, previous)
        shown = done["diff"] if isinstance(done["diff"], dict) else done["diff"][0]
        assert (shown["before"].get("fingerprint"), shown["after"].get("fingerprint")) == (previous, current)
        if path:
            assert dest.read_bytes() == path.read_bytes()
            assert (stat.S_IMODE(dest.stat().st_mode), stat.S_IMODE(dest.parent.stat().st_mode)) == (0o600, 0o700)
            assert done["public_key"] == path.with_suffix(".pub").read_text().strip()
            assert (done["type"], done["bits"]) == (done["public_key"].split("-")[0 if path == two else 1].split()[0], 256)
        else:
            assert not dest.exists()
        for options in (("--check",), ()):
            again = place(path, *options, **arguments)
            assert (again["changed"], again["fingerprint"], again["previous_fingerprint"]) == (False, current, current)


def test_all_findings_before_the_host_is_contacted(place, key, tmp_path):
    path = key("short", "-t", "rsa", "-b", "2048")
    path.chmod(0o644)
    result = place(path, allowed_types=["ed25519"], public_key="x")
    assert [finding["code"] for finding in result["findings"]] == ["file_permissions", "type_not_allowed", "rsa_too_short", "public_key_unreadable"]
    assert result["msg"] == " ".join(finding["sentence"] for finding in result["findings"])
    assert list((tmp_path / "home").iterdir()) == []


def test_a_key_that_no_service_could_use(place, key):
    result = place(key("locked", passphrase=PASSPHRASE))
    assert [finding["code"] for finding in result["findings"]] == ["passphrase_needed"]


def test_a_key_that_only_ssh_does_not_find_is_mended(place, key, tmp_path):
    path = key("one")
    good = path.read_bytes()
    assert place(path)["rewritten"] == []
    path.write_bytes(b"\n" + good.replace(b"\n", b"\r\n"))
    for options in (("--check",), ()):
        result = place(path, *options)
        assert (result["changed"], [finding["code"] for finding in result["rewritten"]]) == (False, ["crlf", "leading_junk"])
    assert (tmp_path / "home" / ".ssh" / "key").read_bytes() == good


def test_what_the_host_is_told(key, monkeypatch):
    """No credential of a vault, no option about the source: the place, the key and its public half."""
    path = key("one")
    sent = []
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **options: sent.append(options["module_args"]) or {"changed": True})
    task = mock.Mock(args={"path": str(path), "dest": "/d", "owner": "me", "vault_token": "CANARY-token"}, async_val=0, check_mode=False)
    plugin = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    result = plugin.run(task_vars={})
    public = path.with_suffix(".pub").read_text().strip()
    assert sent == [{"dest": "/d", "owner": "me", "state": "present", "content": path.read_text(), "public_key": public}]
    assert (result["fingerprint"], result["type"], "content" in result) == (fingerprint(path), "ed25519", False)


def test_wrong_options(run_module):
    for arguments, sentence in (
        ({"path": "/x"}, "missing required arguments: dest"),
        ({"path": "/x", "dest": "/y", "pth": "z"}, "Unsupported parameters for (sparkflows.mlops.ssh_private_key) module: pth."),
        ({"path": "/x", "dest": "/y", "content": "z"}, "Unsupported parameters for (sparkflows.mlops.ssh_private_key) module: content."),
        ({"path": "/x", "dest": "/y", "source": "tape"}, "value of source must be one of: disk, value, aws_secretsmanager"),
        ({"path": "/x", "dest": "/y", "min_rsa_bits": 1}, "min_rsa_bits is 1; it must be between 1024 and 16384."),
        ({"dest": "/y"}, "source is disk, which needs path. Set it."),
    ):
        result, output = run_module("ssh_private_key", arguments)
        assert sentence in result["msg"]
        assert "Traceback" not in output
