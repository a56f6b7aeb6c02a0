# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a client in a user's authorized_keys, and nothing else in that file."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import subprocess
import threading

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import authorized_keys
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import user_files
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import KEY_TYPES, public_key

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
ONE_PRINT = public_key(ONE).fingerprint
TWO_PRINT = public_key(TWO).fingerprint
FOREIGN = b"# by hand\r\n\r\n" + TWO.encode() + b' somebody@home\ncommand="echo \\"a b\\" # sparkflows-mlops:a" ' + ONE.encode() + b"\n\xff\xfe no key\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of the user lara, who is whoever runs the tests."""
    place = tmp_path / "lara"
    place.mkdir(mode=0o755)
    lara = pwd.struct_passwd(("lara", "x", os.getuid(), os.getgid(), "", str(place), "/bin/sh"))
    known = {"lara": lara}
    monkeypatch.setattr(user_files.pwd, "getpwnam", lambda name: known[name])
    monkeypatch.setattr(user_files.pwd, "getpwuid", lambda uid: {os.getuid(): lara}[uid])
    return place


def run(check_mode=False, **options):
    params = {"user": "lara", "client": "a", "keys": [ONE], "from": [], "options": [], "exclusive": True, "state": "present", **options}
    return authorized_keys.run(params, check_mode)


def tree(home):
    """Every file and folder below a home with its mode, time of change and content."""
    found = {}
    for path in sorted(home.rglob("*")):
        status = path.lstat()
        found[str(path)] = (stat.S_IMODE(status.st_mode), status.st_ctime_ns, path.read_bytes() if path.is_file() else None)
    return found


def twice(home, **options):
    """Check, run, check, run: the prediction is the result, and the second run changes nothing. Returns what the first run said."""
    before = tree(home)
    predicted = run(check_mode=True, **options)
    assert tree(home) == before
    done = run(**options)
    assert predicted == done
    after = tree(home)
    for again in (run(check_mode=True, **options), run(**options)):
        assert (again["changed"], again["added"], again["updated"], again["removed"]) == (False, [], [], [])
        assert again["diff"]["before"] == again["diff"]["after"]
    assert tree(home) == after
    return done


def test_create_modify_remove(home):
    path = home / ".ssh" / "authorized_keys"
    done = twice(home)
    assert (done["changed"], done["added"], done["path"]) == (True, [ONE_PRINT], str(path))
    assert done["diff"]["before"] == "%s is missing\n%s is missing\n" % (path.parent, path)
    assert done["diff"]["after"] == "%s is owned by lara with mode 0700\n%s is owned by lara with mode 0600\n%s sparkflows-mlops:a\n" % (path.parent, path, ONE)
    assert path.read_text() == ONE + " sparkflows-mlops:a\n"
    assert (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)

    restricted = {"from": ["10.1.0.0/16", "!10.1.2.3"], "options": ["restrict", 'command="/bin/only \\"this\\""']}
    done = twice(home, **restricted)
    assert (done["added"], done["updated"], done["removed"]) == ([], [ONE_PRINT], [])
    entry = 'from="10.1.0.0/16,!10.1.2.3",restrict,command="/bin/only \\"this\\"" %s sparkflows-mlops:a\n' % ONE
    assert path.read_text() == entry

    done = twice(home, state="absent", keys=[])
    assert (done["changed"], done["removed"]) == (True, [ONE_PRINT])
    assert (done["diff"]["before"], done["diff"]["after"]) == (entry, "")
    assert path.read_bytes() == b""


def test_rotation_puts_one_key_beside_the_other(home):
    path = home / ".ssh" / "authorized_keys"
    run()
    done = twice(home, keys=[TWO], exclusive=False, options=["restrict"])
    assert (done["added"], done["updated"], done["removed"]) == ([TWO_PRINT], [], [])
    assert path.read_text() == "%s sparkflows-mlops:a\nrestrict %s sparkflows-mlops:a\n" % (ONE, TWO)
    done = twice(home, keys=[TWO], options=["restrict"])
    assert (done["added"], done["updated"], done["removed"]) == ([], [], [ONE_PRINT])


def test_nothing_foreign_is_touched(home):
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    path = folder / "authorized_keys"
    path.write_bytes(FOREIGN.rstrip(b"\n"))
    path.chmod(0o600)
    twice(home)
    twice(home, client="b", keys=[ONE, TWO])
    assert path.read_bytes() == FOREIGN + b"%s sparkflows-mlops:a\n%s sparkflows-mlops:b\n%s sparkflows-mlops:b\n" % (ONE.encode(), ONE.encode(), TWO.encode())
    done = twice(home, state="absent")
    assert done["removed"] == [ONE_PRINT]
    assert path.read_bytes() == FOREIGN + b"%s sparkflows-mlops:b\n%s sparkflows-mlops:b\n" % (ONE.encode(), TWO.encode())
    path.chmod(0o640)
    twice(home, client="b", state="absent")
    assert path.read_bytes() == FOREIGN
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_entry_stays_in_its_place_and_doubles_go(home):
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    path = folder / "authorized_keys"
    path.write_text("# first\npty %s sparkflows-mlops:a\r\n# second\n%s sparkflows-mlops:a\n%s sparkflows-mlops:a" % (ONE, ONE, TWO))
    path.chmod(0o600)
    done = twice(home)
    assert (done["added"], done["updated"], done["removed"]) == ([], [ONE_PRINT], [ONE_PRINT, TWO_PRINT])
    assert path.read_text() == "# first\n%s sparkflows-mlops:a\n# second\n" % ONE


def test_modes_are_repaired(home):
    run()
    folder = home / ".ssh"
    folder.chmod(0o775)
    (folder / "authorized_keys").chmod(0o664)
    done = twice(home)
    assert done["changed"] is True
    assert done["diff"]["before"].startswith("%s is owned by lara with mode 0775\n%s/authorized_keys is owned by lara with mode 0664\n" % (folder, folder))


def test_absent_makes_nothing(home):
    assert twice(home, state="absent")["changed"] is False
    assert list(home.iterdir()) == []
    home.rmdir()
    assert run(state="absent")["changed"] is False


def test_missing_user_is_expected_in_check_mode_alone(home):
    done = run(check_mode=True, user="nobody-yet")
    assert (done["changed"], done["added"], done["path"]) == (True, [ONE_PRINT], "~nobody-yet/.ssh/authorized_keys")
    assert refusal(user="nobody-yet") == "There is no user nobody-yet on this host. Create it, or name another."
    assert run(user="nobody-yet", state="absent")["changed"] is False


def test_what_a_killed_run_left_is_cleared(home):
    run()
    scratch = home / ".ssh" / ".authorized_keys.sparkflows-mlops"
    scratch.write_text("half")
    run(keys=[TWO])
    assert [path.name for path in (home / ".ssh").iterdir()] == ["authorized_keys"]


def test_failed_write_changes_nothing(home, monkeypatch):
    run()
    before = (home / ".ssh" / "authorized_keys").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(user_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run(keys=[TWO])
    assert [path.name for path in (home / ".ssh").iterdir()] == ["authorized_keys"]
    assert (home / ".ssh" / "authorized_keys").read_bytes() == before


def test_writers_wait_for_each_other(home):
    threads = [threading.Thread(target=run, kwargs={"client": "host-%d" % number}) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    comments = sorted(line.split()[2] for line in (home / ".ssh" / "authorized_keys").read_text().splitlines())
    assert comments == ["sparkflows-mlops:host-%d" % number for number in range(8)]


def test_lock_that_stays_is_named(home, monkeypatch):
    run()
    monkeypatch.setattr(user_files, "_PATIENCE", 0.2)
    descriptor = os.open(home / ".ssh", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        sentence = refusal(keys=[TWO])
        assert sentence.startswith("%s/.ssh has been locked by somebody else for 0 seconds." % home)
        assert run(check_mode=True, keys=[TWO])["changed"] is True
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------------------ refusals


def refusal(**options):
    with pytest.raises(Problem) as caught:
        run(**options)
    return str(caught.value)


def test_links_are_refused(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / ".ssh").symlink_to(elsewhere)
    assert refusal() == "%s/.ssh is a symbolic link or no folder. Replace it by a folder that lara owns." % home
    (home / ".ssh").unlink()
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "authorized_keys").symlink_to(elsewhere / "keys")
    assert refusal() == "%s/.ssh/authorized_keys is a symbolic link. Replace it by a file that lara owns." % home
    assert refusal(state="absent") == "%s/.ssh/authorized_keys is a symbolic link. Replace it by a file that lara owns." % home
    (home / ".ssh" / "authorized_keys").unlink()
    (elsewhere / "shadow").write_text("secret\n")
    os.link(elsewhere / "shadow", home / ".ssh" / "authorized_keys")
    assert refusal() == "%s/.ssh/authorized_keys has a second name elsewhere (a hard link). Replace it by a copy." % home
    assert list(elsewhere.iterdir()) == [elsewhere / "shadow"]
    (home / ".ssh" / "authorized_keys").unlink()
    os.mkfifo(home / ".ssh" / "authorized_keys")
    assert refusal() == "%s/.ssh/authorized_keys is not a file. Move it away." % home


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_strangers_are_refused(home):
    run()
    os.chown(home / ".ssh" / "authorized_keys", 12345, -1)
    assert "authorized_keys is owned by 12345, but only lara or root may own it." in refusal()
    os.chown(home / ".ssh", 12345, -1)
    assert refusal().startswith("%s/.ssh is owned by 12345, but only lara or root may own it." % home)


def test_missing_home_is_named(home):
    home.rmdir()
    assert refusal() == "The folder %s, in which %s/.ssh would be, is not there. Create it, or choose another place." % (home, home)


LINE = "A public key is one line of the form 'type base64 comment', as 'ssh-keygen -y' prints it; something else was given."
DAMAGED = "A public key says that it is %s, but what follows is damaged or another kind of key. Copy the whole line."
SOURCE = "from has %r, but each of its values must be an address, a network, or a host name, in which * and ? may stand."
QUOTES = 'The option command needs a value in double quotes on one line, command="…", in which a double quote is written as \\".'
BAD = {
    "no key": ({"keys": []}, "keys is empty. Name the public keys to let in, or set state to absent."),
    "private key": (
        {"keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----\n"]},
        "A private key was given where a public key belongs. Give the line that 'ssh-keygen -y' prints for it.",
    ),
    "half a key": ({"keys": ["ssh-ed25519"]}, LINE),
    "two keys": ({"keys": [ONE + "\n" + TWO]}, LINE),
    "DSA": (
        {"keys": ["ssh-dss AAAAB3NzaC1kc3M="]},
        "A public key begins with 'ssh-dss', which is not a type of key that this module takes: %s." % ", ".join(KEY_TYPES),
    ),
    "damaged": ({"keys": [ONE[:-9]]}, DAMAGED % "ssh-ed25519"),
    "other type": ({"keys": [ONE.replace("ssh-ed25519", "ssh-rsa", 1)]}, DAMAGED % "ssh-rsa"),
    "client": ({"client": "a b"}, "client is 'a b', but it must be a name of letters, digits, '.', '_' and '-', with a letter or digit first."),
    "quote in from": ({"from": ['10.0.0.1",pty,x="']}, SOURCE % '10.0.0.1",pty,x="'),
    "two addresses in one": ({"from": ["10.0.0.1,10.0.0.2"]}, SOURCE % "10.0.0.1,10.0.0.2"),
    "bits outside the mask": ({"from": ["10.0.0.1/8"]}, "from has '10.0.0.1/8', which is not a network: 10.0.0.1/8 has host bits set."),
    "nobody": ({"from": ["!10.0.0.1"]}, "from names only what is excluded, so nobody could log in. Add what is allowed, such as '*'."),
    "from among the options": ({"options": ['from="*"']}, "options has 'from'; give the addresses with the option from."),
    "authority": (
        {"options": ["cert-authority"]},
        "options has 'cert-authority', which would make the key an authority over other keys; this module does not write such entries.",
    ),
    "unknown option": (
        {"options": ["no-such"]},
        (
            "options has 'no-such', which is not known. Known are agent-forwarding, command, environment, expiry-time, no-agent-forwarding, "
            "no-port-forwarding, no-pty, no-touch-required, no-user-rc, no-X11-forwarding, permitlisten, permitopen, port-forwarding, pty, restrict, "
            "tunnel, user-rc, verify-required, X11-forwarding."
        ),
    ),
    "value of a flag": ({"options": ['no-pty="yes"']}, "The option no-pty takes no value."),
    "unquoted": ({"options": ["command=/bin/true"]}, QUOTES),
    "open quote": ({"options": ['command="a\\\\"']}, QUOTES),
    "quote that ends early": ({"options": ['command="a",pty']}, QUOTES),
    "two lines": ({"options": ['command="a\nssh-rsa AAAA"']}, QUOTES),
    "no date": (
        {"options": ['expiry-time="tomorrow"']},
        "The value of the option expiry-time must be YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without Z.",
    ),
    "no destination": ({"options": ['permitopen="8086"']}, "The value of the option permitopen must be host:port."),
    "twice": ({"options": ["no-pty", "no-pty"]}, "The option no-pty is given twice. Keep one."),
    "two commands": ({"options": ['command="a"', 'command="b"']}, "The option command is given twice. Keep one."),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input(home, fault):
    options, sentence = BAD[fault]
    assert refusal(**options) == sentence
    assert list(home.iterdir()) == []


def test_good_options_are_taken():
    options = [
        'command="a \\"b\\" \\n"',
        'environment="A=b"',
        'environment="C="',
        'permitopen="*:8086"',
        'permitopen="[::1]:80"',
        'expiry-time="20300101Z"',
        'tunnel="any"',
    ]
    assert authorized_keys.entry_options(["*.example.com", "2001:db8::/32", "10.0.0.?"], options) == 'from="*.example.com,2001:db8::/32,10.0.0.?",' + ",".join(
        options
    )


def test_fingerprint_is_that_of_openssh(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True, text=True).stdout
    assert public_key((tmp_path / "key.pub").read_text()).fingerprint == shown.split()[1]
