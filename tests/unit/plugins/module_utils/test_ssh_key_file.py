# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file with a private key: who may read it, what is refused, and what an interrupted run leaves."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import key_file
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_file import KeyFile, fingerprint_of

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "home" / ".ssh" / "key"


def place(dest, content=b"one\n", owner=None, group=None, check=False):
    return KeyFile(str(dest), owner, group, check).make(content, "SHA256:" + content.decode().strip())


def refusal(dest, **options):
    texts = []
    for check in (True, False):
        with pytest.raises(Problem) as caught:
            place(dest, check=check, **options)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    return texts[0]


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_file_and_folder_are_for_the_owner_alone(dest, umask):
    dest.parent.parent.mkdir()
    before = os.umask(umask)
    try:
        assert place(dest)["changed"] is True
    finally:
        os.umask(before)
    assert (mode(dest), mode(dest.parent), dest.read_bytes()) == (0o600, 0o700, b"one\n")
    assert os.listdir(dest.parent) == ["key"] and os.listdir(dest.parent.parent) == [".ssh"]
    assert place(dest)["changed"] is False


def test_a_folder_further_up_that_anybody_can_write(dest, tmp_path):
    dest.parent.parent.mkdir()
    dest.parent.parent.chmod(0o777)
    expected = "The folder %s/home, above the key, has the mode 0777, so anybody could replace the key. Run: chmod o-w %s/home" % (tmp_path, tmp_path)
    assert refusal(dest) == expected
    dest.parent.mkdir(mode=0o700)
    assert refusal(dest) == expected
    dest.parent.parent.chmod(0o1777)
    assert place(dest)["changed"] is True


def test_a_mode_that_let_others_in_is_repaired(dest):
    dest.parent.mkdir(parents=True, mode=0o700)
    dest.write_bytes(b"one\n")
    dest.chmod(0o644)
    predicted, done = place(dest, check=True), place(dest)
    assert predicted == done
    assert (done["changed"], done["previous_fingerprint"]) == (True, "SHA256:one")
    assert (done["diff"]["before"]["mode"], done["diff"]["after"]["mode"]) == ("0644", "0600")
    assert mode(dest) == 0o600


@root_only
def test_owner_and_group(dest):
    dest.parent.parent.mkdir()
    assert place(dest, owner="nobody")["diff"]["after"]["owner"] == "nobody"
    assert {path.owner() for path in (dest, dest.parent)} == {"nobody"} and dest.group() == "nogroup"
    assert place(dest, owner="nobody")["changed"] is False
    done = place(dest, owner="65534", group="daemon")
    assert (done["changed"], dest.group(), done["diff"]["before"]["group"]) == (True, "daemon", "nogroup")
    assert place(dest, owner="nobody", group="daemon", check=True)["changed"] is False


def test_an_owner_that_an_earlier_task_would_make(dest):
    assert place(dest, owner="nobody-yet", group="no-group-yet", check=True)["changed"] is True
    after = place(dest, owner="nobody-yet", check=True)["diff"]["after"]
    assert (after["owner"], after["group"]) == ("not there yet", "not there yet")
    for options, sentence in (
        ({"owner": "nobody-yet"}, "owner is nobody-yet, but there is no such user on this host. Create it first, or correct owner."),
        ({"group": "no-group-yet"}, "group is no-group-yet, but there is no such group on this host. Create it first, or correct group."),
    ):
        with pytest.raises(Problem) as caught:
            place(dest, **options)
        assert str(caught.value) == sentence


def test_folders(dest):
    assert place(dest, check=True)["changed"] is True, "an earlier task would have made the home"
    with pytest.raises(Problem) as caught:
        place(dest)
    assert str(caught.value) == "There is no folder %s, in which %s is to be made. Create it first, or correct dest." % (dest.parent.parent, dest.parent)
    dest.parent.mkdir(parents=True)
    folder = dest.parent
    for wrong, sentence in (
        (0o777, "The folder %s has the mode 0777, so others than its owner could replace the key. Run: chmod go-w %s" % (folder, folder)),
        (0o720, "The folder %s has the mode 0720, so others than its owner could replace the key. Run: chmod go-w %s" % (folder, folder)),
        (0o755, "The folder %s has the mode 0755, so others can read it. Run: chmod o-rwx %s" % (folder, folder)),
    ):
        folder.chmod(wrong)
        assert refusal(dest) == sentence
    for right in (0o700, 0o711, 0o750):
        folder.chmod(right)
        place(dest)
    assert mode(folder) == 0o750, "a folder that is there keeps its mode"


@root_only
def test_the_folder_of_another(dest):
    dest.parent.mkdir(parents=True, mode=0o700)
    os.chown(dest.parent, 1, -1)
    assert refusal(dest, owner="nobody") == (
        "The folder %s belongs to daemon, who could replace the key. Give it to nobody, or choose another dest." % dest.parent
    )


def test_links_are_refused(dest, tmp_path):
    dest.parent.mkdir(parents=True, mode=0o700)
    (tmp_path / "elsewhere").write_bytes(b"mine\n")
    dest.symlink_to(tmp_path / "elsewhere")
    assert refusal(dest) == "%s is a symbolic link. A key is not placed through a link; remove it, or name its target in dest." % dest
    with pytest.raises(Problem, match="is a symbolic link"):
        KeyFile(str(dest), None, None, False).remove()
    assert (tmp_path / "elsewhere").read_bytes() == b"mine\n"
    (tmp_path / "link").symlink_to(dest.parent)
    assert refusal(tmp_path / "link" / "key") == (
        "%s/link is a symbolic link. A key is not placed through a link; name the folder itself in dest." % tmp_path
    )


def test_what_is_in_the_way(dest, tmp_path):
    dest.parent.mkdir(parents=True, mode=0o700)
    dest.mkdir()
    assert refusal(dest) == "%s is a folder, but the key is to be a file there. Remove it, or correct dest." % dest
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "key") == "%s/file is not a folder, but the key is to be in it. Correct dest." % tmp_path
    for wrong in ("key", "/folder/", "/a/../key", "/"):
        assert refusal(wrong).startswith("dest is %s; give the whole path of a file, " % wrong)


def test_removal(dest):
    assert KeyFile(str(dest), None, None, False).remove()["changed"] is False
    dest.parent.parent.mkdir()
    place(dest)
    assert KeyFile(str(dest), None, None, True).remove()["changed"] is True
    done = KeyFile(str(dest), None, None, False).remove()
    assert (done["changed"], done["diff"]["after"], dest.parent.exists(), dest.exists()) == (True, {}, True, False)
    assert done["diff"]["before"]["fingerprint"] == "not a key without a passphrase"
    place(dest)
    dest.parent.chmod(0o777)
    assert KeyFile(str(dest), None, None, False).remove()["changed"] is True, "also out of a folder that is not fit for a key"


@pytest.mark.parametrize("where", ["rename", "fsync", "fchmod", "mkdir", "fchown"])
def test_a_run_that_is_killed_is_completed_by_the_next(dest, monkeypatch, where):
    class Killed(BaseException):
        pass

    def die(*dummy, **options):
        raise Killed

    dest.parent.parent.mkdir()
    if where != "mkdir":
        place(dest, b"old\n")
    with monkeypatch.context() as patched:
        patched.setattr(os, where, die)
        # Nobody cleans up after a process that was killed.
        patched.setattr(os, "unlink", lambda *arguments, **options: None)
        patched.setattr(key_file.KeyFile, "_give", lambda self, descriptor: os.fchown(descriptor, self.uid, self.gid))
        with pytest.raises(Killed):
            place(dest, b"new\n")
    assert not dest.exists() or dest.read_bytes() == b"old\n"
    left = list(dest.parent.parent.rglob(".tmp-key-*"))
    assert all(mode(path) == 0o600 for path in left)
    place(dest, b"new\n")
    assert (os.listdir(dest.parent), dest.read_bytes()) == (["key"], b"new\n")


def test_a_folder_that_a_killed_run_left(dest):
    (dest.parent.parent / ".tmp-.ssh").mkdir(parents=True)
    place(dest)
    assert os.listdir(dest.parent.parent) == [".ssh"]


@pytest.mark.parametrize("form", [(), ("-m", "PEM"), ("-m", "PKCS8")])
def test_fingerprints_of_what_was_there(tmp_path, form):
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "k"), *form], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k")], check=True, capture_output=True, text=True).stdout
    assert fingerprint_of((tmp_path / "k").read_bytes()) == shown.split()[1]


def test_fingerprints_that_nobody_can_tell(monkeypatch):
    assert fingerprint_of(b"no key\n") is None
    assert fingerprint_of(b"x" * 100000) is None
    monkeypatch.setattr(commands, "PATH", "/nowhere")
    assert fingerprint_of(b"no key\n") is None
