# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a host that is to be logged in to, and what is said of a login that failed."""

from __future__ import annotations

import os
import pwd
import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host import predictions
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import service_login, target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
ME = pwd.getpwuid(os.getuid()).pw_name
OPTIONS: dict[str, t.Any] = {"user": "nobody-by-this-name", "client": "sparkflows", "keys": [KEY], "from": ["10.0.0.1"], "options": [], "state": "present"}


def asked(module: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
    return predictions.predictions([{"name": "it", "module": module, "options": options}], {"family": "Debian", "distribution": "Debian"}, "x86_64")["it"]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(target, "HOST_KEYS", str(tmp_path / "ssh_host_*_key.pub"))
    return tmp_path


def test_host_keys_are_lines_that_can_be_pinned(etc: Path) -> None:
    (etc / "ssh_host_ed25519_key.pub").write_text("%s root@mlflow-a\n\n" % KEY)
    (etc / "ssh_host_again_key.pub").write_text(KEY)
    (etc / "ssh_host_dsa_key.pub").write_text("ssh-dss AAAAB3NzaC1kc3M=\n")
    (etc / "ssh_host_damaged_key.pub").write_bytes(b"ssh-ed25519 AAAA\xff\n")
    (etc / "ssh_host_folder_key.pub").mkdir()
    assert asked("ssh_target", OPTIONS)["host_keys"] == [KEY]


def test_a_user_who_is_yet_to_be_made_gets_the_key(etc: Path) -> None:
    seen = asked("ssh_target", OPTIONS)
    assert (seen["user"], seen["changed"], seen["error"], seen["host_keys"]) == (False, True, None, [])
    assert [len(seen[change]) for change in ("added", "updated", "removed")] == [1, 0, 0]
    assert all("sparkflows-mlops:" not in line for side in seen["states"] for line in side)
    assert asked("ssh_target", {**OPTIONS, "state": "absent"})["changed"] is False


def test_without_a_key_host_keys_and_user_are_told_all_the_same(etc: Path) -> None:
    seen = asked("ssh_target", {**OPTIONS, "user": ME, "keys": []})
    assert (seen["user"], seen["changed"], seen["error"], "added" in seen) == (True, False, None, False)


def test_what_the_module_would_refuse_is_a_sentence_beside_the_rest(etc: Path) -> None:
    (etc / "ssh_host_ed25519_key.pub").write_text(OTHER)
    seen = asked("ssh_target", {**OPTIONS, "options": ["no-such"]})
    assert seen["error"].startswith("options has 'no-such', which is not known.")
    assert seen["host_keys"] == [OTHER]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ssh: Could not resolve hostname nowhere.invalid: Name or service not known\r\n", "name resolution: ssh: Could not resolve hostname nowhere.invalid:"),
        ("ssh: connect to host mlflow-a port 22: Connection refused\r\n", "TCP: ssh: connect to host mlflow-a port 22: Connection refused. Look at whether"),
        ("No ED25519 host key is known for a and you have requested strict checking.\r\nHost key verification failed.\r\n",
         "the host key: Host key verification failed. Another server"),
        ("a@mlflow-a: Permission denied (publickey).\r\n", "authentication: a@mlflow-a: Permission denied (publickey). Look at ssh_access_from"),
        ('Load key "/k": invalid format\r\na: Permission denied\r\n', "authentication: "),
        ("Unable: bad permissions\r\n", "the key: Unable: bad permissions. "),
        ('Authenticated to mlflow-a ([::1]:22) using "publickey".\r\nThis account is not available.\r\n', "the command: Authenticated to mlflow-a"),
        ("", "the connection. Log in by hand"),
        ("what nobody has seen yet\n", "the connection: what nobody has seen yet. Log in by hand"),
    ],
)  # fmt: skip
def test_a_failed_login_names_its_step(output: str, said: str) -> None:
    assert service_login.explained(output).startswith(said)


LOGIN = {"service_user": ME, "known_hosts": "/dev/null", "user": "u", "client": "sparkflows", "targets": [{"host": "a", "address": "192.0.2.1"}], "timeout": 1}


def test_without_a_key_no_login_is_tried(tmp_path: Path) -> None:
    (login,) = asked("ssh_logins", {**LOGIN, "key": str(tmp_path / "key")})["logins"]
    assert login == {
        "host": "a", "proved": False,
        "sentence": "The login of sparkflows as u at 192.0.2.1 port 22 was not tried: there is no key %s." % (tmp_path / "key"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("script", "accepted", "status"),
    [
        ("echo said >&2; exit 3", False, 3),
        ('echo "Authenticated to a" >&2; sleep 60 & sleep 60', True, -9),
        # Whoever writes without end is ended, and what was written is not kept.
        ("exec yes", False, -9),
        ("sleep 60", False, -9),
    ],
)
def test_an_attempt_ends(script: str, accepted: bool, status: int) -> None:
    code, output = service_login._attempt(["sh", "-c", script], 2, until_accepted=accepted)
    assert code == status
    assert len(output) <= 64 * 1024
