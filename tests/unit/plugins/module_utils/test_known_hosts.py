# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A block of pinned host keys, and nothing else in that file."""

from __future__ import annotations

import os
import pwd
import stat

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import known_hosts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
ME = pwd.getpwuid(os.getuid()).pw_name


def run(path, check_mode=False, **options):
    return known_hosts.run({"path": str(path), "user": ME, "entries": ["mlflow-a " + KEY], "state": "present", **options}, check_mode)


def twice(path, **options):
    """Check, run, check, run: the prediction is the result, and the second run changes nothing. Returns what the first run said."""
    before = path.read_bytes() if path.exists() else None
    predicted = run(path, check_mode=True, **options)
    assert (path.read_bytes() if path.exists() else None) == before
    done = run(path, **options)
    assert predicted == done
    after = path.stat().st_ctime_ns if path.exists() else None
    assert [run(path, check_mode=True, **options)["changed"], run(path, **options)["changed"]] == [False, False]
    assert (path.stat().st_ctime_ns if path.exists() else None) == after
    return done


def test_create_modify_remove(tmp_path):
    path = tmp_path / "ssh" / "known_hosts"
    block = "# BEGIN sparkflows-mlops\nmlflow-a %s\n# END sparkflows-mlops\n" % KEY
    done = twice(path)
    assert done["changed"] is True
    assert done["diff"]["after"] == "%s is owned by %s with mode 0700\n%s is owned by %s with mode 0600\n%s" % (path.parent, ME, path, ME, block)
    assert path.read_text() == block
    assert (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    twice(path, entries=["[10.0.0.1]:2222 %s root@mlflow-b" % OTHER, "mlflow-a " + KEY, "mlflow-a " + KEY])
    assert path.read_text() == "# BEGIN sparkflows-mlops\n[10.0.0.1]:2222 %s\nmlflow-a %s\n# END sparkflows-mlops\n" % (OTHER, KEY)
    assert twice(path, state="absent", entries=[])["changed"] is True
    assert path.read_bytes() == b""


def test_lines_around_the_block_and_modes_stay(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_bytes(b"|1|hashed= ssh-rsa AAAA\r\n\xff\n@revoked * ssh-rsa AAAA")
    path.chmod(0o644)
    tmp_path.chmod(0o750)
    twice(path)
    path.write_bytes(path.read_bytes() + b"# after\n")
    twice(path, entries=["mlflow-b " + KEY])
    text = b"|1|hashed= ssh-rsa AAAA\r\n\xff\n@revoked * ssh-rsa AAAA\n# BEGIN sparkflows-mlops\nmlflow-b %s\n# END sparkflows-mlops\n# after\n" % KEY.encode()
    assert path.read_bytes() == text
    twice(path, state="absent")
    assert path.read_bytes() == b"|1|hashed= ssh-rsa AAAA\r\n\xff\n@revoked * ssh-rsa AAAA\n# after\n"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(tmp_path.stat().st_mode)) == (0o644, 0o750)


def test_absent_makes_nothing(tmp_path):
    path = tmp_path / "a" / "b" / "known_hosts"
    assert twice(path, state="absent")["changed"] is False
    assert list(tmp_path.iterdir()) == []


NAME = "but a host name or an IP address was expected, and with another port than 22 the form [address]:port."
BAD = {
    "nothing": ([], "entries is empty. Give the host keys to pin, or set state to absent."),
    "pattern": (["* " + KEY], "An entry begins with '*', " + NAME),
    "two names": (["a,b " + KEY], "An entry begins with 'a,b', " + NAME),
    "port": (["[a]:70000 " + KEY], "An entry begins with '[a]:70000', " + NAME),
    "marker": (["@cert-authority a " + KEY], "An entry begins with '@cert-authority', " + NAME),
    "no key": (["mlflow-a"], "A public key is one line of the form 'type base64 comment', as 'ssh-keygen -y' prints it; something else was given."),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input(tmp_path, fault):
    entries, sentence = BAD[fault]
    with pytest.raises(Problem) as caught:
        run(tmp_path / "ssh" / "known_hosts", entries=entries)
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_half_a_block_is_not_guessed_at(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text("# BEGIN sparkflows-mlops\nmlflow-a %s\n" % KEY)
    with pytest.raises(Problem) as caught:
        run(path)
    assert str(caught.value) == (
        "The file has the line '# BEGIN sparkflows-mlops' and no line '# END sparkflows-mlops' after it. Remove what is left of the block."
    )


@pytest.mark.parametrize(
    "there",
    [
        None, "", "mlflow-b x\n", "# BEGIN sparkflows-mlops\nmlflow-a %s\n# END sparkflows-mlops\n" % KEY,
        "# BEGIN sparkflows-mlops\nmlflow-a %s\n# END sparkflows-mlops" % KEY, "# BEGIN sparkflows-mlops\nmlflow-a %s\n# END sparkflows-mlops\n" % OTHER,
        "# BEGIN sparkflows-mlops\n# END sparkflows-mlops\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_look_tells_what_a_run_would_change_before_the_keys_are_known(tmp_path, there, state):
    path = tmp_path / "known_hosts"
    if there is not None:
        path.write_text(there)
    seen = known_hosts.look({"path": str(path), "user": ME, "state": state})
    wanted = known_hosts.render(known_hosts.pins(["mlflow-a " + KEY] if state == "present" else [])).decode()
    foreseen = seen["block"] != wanted or seen["states"][0] != seen["states"][1]
    assert foreseen == run(path, state=state, check_mode=True)["changed"] == run(path, state=state)["changed"]


def test_a_look_refuses_what_a_run_refuses(tmp_path):
    path = tmp_path / "known_hosts"
    path.write_bytes(b"# BEGIN sparkflows-mlops\n")
    with pytest.raises(Problem, match="no line '# END sparkflows-mlops' after it"):
        known_hosts.look({"path": str(path), "user": ME, "state": "present"})
