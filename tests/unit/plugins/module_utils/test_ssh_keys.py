# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about private keys: keys of many kinds, good and bad, made by ssh-keygen and by the library."""

from __future__ import annotations

import base64
import json
import os
import pwd
import struct
import subprocess
import sys
import textwrap

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import Policy, examine, policy_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import parse_certificate
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._sources import obtain, source_argument_spec

PASSPHRASE = "CANARY-passphrase"
WHAT = "The file /k"


def keygen(*arguments):
    return subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """`made(name, *arguments)` makes a key with ssh-keygen, once, and returns its path."""
    folder = tmp_path_factory.mktemp("keys")

    def make(name, *arguments, passphrase=""):
        path = folder / name
        if not path.exists():
            keygen("-q", "-f", path, "-N", passphrase, "-C", name + "@test", *arguments)
        return path

    return make


def codes(report):
    return [finding.code for finding in report.layout + report.findings]


def sentences(report):
    return [finding.sentence for finding in report.layout + report.findings]


def pem(key, form=serialization.PrivateFormat.PKCS8, passphrase=None):
    encryption = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def container(blob, private, cipher=b"none", kdf=b"none", options=b""):
    """An OpenSSH private key around given parts."""

    def field(data):
        return struct.pack(">I", len(data)) + data

    data = b"openssh-key-v1\0" + field(cipher) + field(kdf) + field(options) + struct.pack(">I", 1) + field(blob) + field(private)
    lines = textwrap.wrap(base64.b64encode(data).decode(), 70)
    return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]).encode()


GOOD = {
    "ed25519": (("-t", "ed25519"), "ed25519", 256, "openssh"),
    "rsa3072": (("-t", "rsa", "-b", "3072"), "rsa", 3072, "openssh"),
    "rsa4096-pem": (("-t", "rsa", "-b", "4096", "-m", "PEM"), "rsa", 4096, "pem"),
    "rsa3072-pkcs8": (("-t", "rsa", "-b", "3072", "-m", "PKCS8"), "rsa", 3072, "pkcs8"),
    "ecdsa256": (("-t", "ecdsa", "-b", "256"), "ecdsa", 256, "openssh"),
    "ecdsa384-pem": (("-t", "ecdsa", "-b", "384", "-m", "PEM"), "ecdsa", 384, "pem"),
    "ecdsa521-pkcs8": (("-t", "ecdsa", "-b", "521", "-m", "PKCS8"), "ecdsa", 521, "pkcs8"),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_good_keys(made, name):
    arguments, kind, bits, form = GOOD[name]
    path = made(name, *arguments)
    report = examine(path.read_bytes(), WHAT, Policy(), on_disk=True, public_key=path.with_suffix(".pub").read_text())
    assert report.findings == []
    assert (report.type, report.bits, report.format) == (kind, bits, form)
    assert report.fingerprint == keygen("-lf", path).split()[1]
    public = path.with_suffix(".pub").read_text().strip()
    # Only OpenSSH's own format keeps a comment.
    assert report.public_key == (public if form == "openssh" else public.rpartition(" ")[0])
    assert report.comment == (name + "@test" if form == "openssh" else None)


def test_ed25519_in_pkcs8():
    report = examine(pem(ed25519.Ed25519PrivateKey.generate()), WHAT, Policy())
    assert (report.findings, report.type, report.bits, report.format) == ([], "ed25519", 256, "pkcs8")


@pytest.mark.parametrize("form", ["openssh", "PEM", "PKCS8"])
def test_passphrases(made, form):
    arguments = ("-t", "rsa", "-b", "3072") + (() if form == "openssh" else ("-m", form))
    content = made("locked-" + form, *arguments, passphrase=PASSPHRASE).read_bytes()
    assert examine(content, WHAT, Policy(), passphrase=PASSPHRASE).findings == []
    assert sentences(examine(content, WHAT, Policy())) == ["The file /k is protected by a passphrase, and none is given. Set passphrase."]
    wrong = examine(content, WHAT, Policy(), passphrase=PASSPHRASE + "x")
    assert sentences(wrong) == ["The file /k does not open with the passphrase that is given. Correct passphrase."]
    unattended = examine(content, WHAT, Policy(unattended=True))
    assert codes(unattended) == ["passphrase_needed"]
    assert "which no service could type" in sentences(unattended)[0]


def test_a_passphrase_hides_little_of_an_openssh_key(made):
    path = made("locked-short", "-t", "rsa", "-b", "2048", passphrase=PASSPHRASE)
    report = examine(path.read_bytes(), WHAT, Policy())
    assert codes(report) == ["passphrase_needed", "rsa_too_short"]
    assert (report.type, report.bits, report.comment) == ("rsa", 2048, None)
    assert report.fingerprint == keygen("-lf", path).split()[1]


def test_a_passphrase_that_is_not_needed_does_no_harm(made):
    assert examine(made("ed25519", "-t", "ed25519").read_bytes(), WHAT, Policy(), passphrase="x").findings == []


PUTTY = b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: x\r\nPublic-Lines: 2\r\n"


def no_keys(made):
    path = made("ed25519", "-t", "ed25519")
    keygen("-q", "-s", path, "-I", "me", "-n", "me", path.with_suffix(".pub"))
    certificate = path.with_name("ed25519-cert.pub").read_bytes()
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return {
        "empty": (b"", "empty", "is empty"),
        "blank": (b" \n\n", "empty", "is empty"),
        "putty": (PUTTY, "format_putty", "puttygen KEY.ppk -O private-openssh -o KEY"),
        "public": (path.with_suffix(".pub").read_bytes(), "not_a_private_key", "is the public half of a key and no private key"),
        "pem public": (
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "not_a_private_key",
            "is the public half of a key",
        ),
        "rfc4716": (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", "not_a_private_key", "is the public half of a key"),
        "certificate": (certificate, "not_a_private_key", "is an SSH certificate and no private key"),
        "x509": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not_a_private_key", "is a PEM file with a certificate and no private key"),
        "ansible vault": (b"$ANSIBLE_VAULT;1.1;AES256\n3132\n", "not_a_private_key", "is encrypted with Ansible Vault"),
        "json": (b'{"private_key": "x"}', "not_a_private_key", "with the fields 'private_key'. Name the field that holds the key with secret_field."),
        "json with a key": (json.dumps({"key": path.read_text(), "user": "x"}).encode(), "not_a_private_key", "with the fields 'key', 'user'. Name the field"),
        "half of json": (b'{"private_key": "x', "not_a_private_key", "what looks like JSON and cannot be read as JSON"),
        "base64": (base64.b64encode(path.read_bytes()), "not_a_private_key", "encoded with base64 once more"),
        "text": (b"hunter2\n", "not_a_private_key", "it has no line -----BEGIN"),
        "ssh.com": (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n", "format_unknown", "SSH Communications"),
        "other": (b"-----BEGIN ANY PRIVATE KEY-----\nAAAA\n-----END ANY PRIVATE KEY-----\n", "format_unknown", "of a kind that ssh does not know"),
        "cut": (path.read_bytes()[:200], "damaged", "the line -----END OPENSSH PRIVATE KEY----- is missing"),
        "huge": (b"x" * 70000, "not_a_private_key", "is larger than any private key"),
        "binary": (bytes(range(256)), "not_a_private_key", "it has no line -----BEGIN"),
    }


def test_what_is_no_private_key(made):
    for name, (content, code, part) in no_keys(made).items():
        report = examine(content, WHAT, Policy())
        assert codes(report) == [code], name
        assert part in sentences(report)[0], name
        assert sentences(report)[0].startswith("The file /k ") and "hunter2" not in sentences(report)[0]
        assert report.fingerprint is None


def test_changed_bytes_are_found(made):
    for name in ("ed25519", "rsa3072", "rsa4096-pem", "ecdsa521-pkcs8"):
        lines = made(name, *GOOD[name][0]).read_bytes().splitlines(keepends=True)
        shorter = b"".join(lines[:2] + lines[3:])
        assert codes(examine(shorter, WHAT, Policy())) == ["damaged"], name
    one = made("ed25519", "-t", "ed25519").read_bytes()
    for text in (one.replace(b"\n", b" "), one.replace(b"\n", b"\\n")):
        lost = examine(text, WHAT, Policy())
        assert (codes(lost), lost.findings, lost.text) == (["line_breaks_lost"], [], one)
        assert "without its line breaks" in sentences(lost)[0]
    no_base64 = b"-----BEGIN OPENSSH PRIVATE KEY-----\n!\n-----END OPENSSH PRIVATE KEY-----\n"
    for content in (container(b"", b""), container(b"\0\0\0\7ssh-rsa", b"", b"aes"), no_base64):
        assert codes(examine(content, WHAT, Policy(), passphrase="x")) == ["damaged"]
    report = examine(b"-----BEGIN RSA PRIVATE KEY-----\n\xff\n-----END RSA PRIVATE KEY-----\n", WHAT, Policy())
    assert sentences(report) == ["The file /k cannot be decoded; a part of it is missing or changed. Copy it again."]


def test_the_text_around_a_key(made):
    content = made("ed25519", "-t", "ed25519").read_bytes()
    cases = {
        content.replace(b"\n", b"\r\n"): ["crlf"],
        b"\xef\xbb\xbf" + content: ["leading_junk"],
        b"my key:\n" + content: ["leading_junk"],
        content + b"done\n": [],
        content[:-1] + b"done\n": ["trailing_junk"],
        content.rstrip(b"\n"): ["no_final_newline"],
        b"x\r\n" + content.replace(b"\n", b"\r\n") + b"y": ["crlf", "leading_junk"],
        b"\n\n" + content + b"\n\n": ["leading_junk"],
    }
    for text, expected in cases.items():
        report = examine(text, WHAT, Policy(), on_disk=True)
        assert codes(report) == expected
        assert (report.text, report.type) == (content, "ed25519"), "what is around it does not hide the key"
    assert examine(content.rstrip(b"\n"), WHAT, Policy()).findings == [], "vaults drop the last line break; it is appended"
    assert "another private key" in sentences(examine(content * 2, WHAT, Policy()))[0]


def test_policy(made):
    small = made("rsa2048", "-t", "rsa", "-b", "2048").read_bytes()
    edwards = made("ed25519", "-t", "ed25519").read_bytes()
    report = examine(small, WHAT, Policy(allowed_types=("ed25519",), allowed_formats=("pem", "pkcs8"), fips=True))
    assert sentences(report) == [
        "The file /k has the format openssh, and allowed_formats has pem, pkcs8. Convert a copy of it with: ssh-keygen -p -m PEM -N '' -f FILE",
        "The file /k is of the type rsa, and allowed_types has ed25519. Use a key of one of these.",
        "The file /k is an RSA key of 2048 bits, and min_rsa_bits is 3072. Make a longer one, or one of another type.",
    ]
    assert examine(small, WHAT, Policy(min_rsa_bits=2048, fips=True)).findings == []
    assert sentences(examine(edwards, WHAT, Policy(fips=True))) == [
        "The file /k is a key (ed25519, 256 bits) that FIPS 186-4 does not approve. Use RSA of 2048 bits or more, or ECDSA."
    ]
    tiny = pem(rsa.generate_private_key(65537, 1024))
    assert codes(examine(tiny, WHAT, Policy(fips=True))) == ["rsa_too_short", "fips"]


def test_types_that_ssh_has_no_use_for():
    old = dsa.generate_private_key(1024)
    for content in (pem(old, serialization.PrivateFormat.TraditionalOpenSSL), pem(old)):
        report = examine(content, WHAT, Policy())
        assert (codes(report), report.type) == (["dsa"], "dsa")
    assert sentences(examine(pem(old), WHAT, Policy())) == [
        "The file /k is a DSA key, which OpenSSH no longer accepts. Make a new one with: ssh-keygen -t ed25519"
    ]
    assert codes(examine(container(_dsa_blob(old), b"locked", b"aes256-ctr"), WHAT, Policy())) == ["dsa"]
    bitcoin = examine(pem(ec.generate_private_key(ec.SECP256K1())), WHAT, Policy())
    assert sentences(bitcoin) == ["The file /k is of the type secp256k1, and allowed_types has ed25519, ecdsa, rsa. Use a key of one of these."]
    assert codes(examine(pem(x25519.X25519PrivateKey.generate()), WHAT, Policy())) == ["type_not_allowed"]


def _dsa_blob(key):
    numbers = key.public_key().public_numbers()
    parts = [b"ssh-dss"]
    for number in (numbers.parameter_numbers.p, numbers.parameter_numbers.q, numbers.parameter_numbers.g, numbers.y):
        parts.append(b"\0" + number.to_bytes((number.bit_length() + 7) // 8, "big"))
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def test_keys_of_hardware_tokens():
    name = b"sk-ssh-ed25519@openssh.com"
    blob = b"".join(struct.pack(">I", len(part)) + part for part in (name, b"\1" * 32, b"ssh:"))
    report = examine(container(blob, b"x" * 8 + blob), WHAT, Policy())
    assert (codes(report), report.type, report.bits) == (["type_not_allowed"], "sk-ed25519", 256)
    unknown = struct.pack(">I", 3) + b"new"
    assert sentences(examine(container(unknown, b""), WHAT, Policy())) == [
        "The file /k is of the type new, and allowed_types has ed25519, ecdsa, rsa. Use a key of one of these."
    ]


def test_a_comment_cannot_add_a_line_to_authorized_keys(tmp_path):
    keygen("-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key", "-C", "x\nssh-ed25519 AAAA evil")
    report = examine((tmp_path / "key").read_bytes(), WHAT, Policy())
    assert codes(report) == ["comment"]
    assert "\n" not in report.public_key and "evil" not in report.public_key


def test_a_public_key_of_another(made):
    one, other = made("ed25519", "-t", "ed25519"), made("ecdsa256", "-t", "ecdsa", "-b", "256")
    report = examine(one.read_bytes(), WHAT, Policy(), public_key=other.with_suffix(".pub").read_text())
    assert sentences(report) == [
        "The file /k does not belong to public_key: its fingerprint is %s, and that of public_key is %s."
        % (keygen("-lf", one).split()[1], keygen("-lf", other).split()[1])
    ]
    for junk in ("", "x", "ssh-ed25519 !", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGc0VZ1bH0xVYhRNLyb2JzOXKsFa5rAhyPrUNCsPS4Lr", "a b\nc d"):
        assert codes(examine(one.read_bytes(), WHAT, Policy(), public_key=junk)) == ["public_key_unreadable"]


def certify(made, folder, key, *arguments):
    """The line of a certificate for a key, signed by another."""
    ca = made("ca", "-t", "ed25519")
    public = folder / "c.pub"
    public.write_bytes(key.with_suffix(".pub").read_bytes())
    keygen("-q", "-s", ca, "-I", "id", "-n", "me", *arguments, public)
    return (folder / "c-cert.pub").read_text()


def test_keys_of_hardware_tokens_with_a_passphrase():
    name = b"sk-ssh-ed25519@openssh.com"
    blob = b"".join(struct.pack(">I", len(part)) + part for part in (name, b"\1" * 32, b"ssh:"))
    policy = Policy(allowed_types=("sk-ed25519",))
    assert examine(container(blob, b"x" * 8 + blob), WHAT, policy).findings == []
    locked = container(blob, b"x" * 64, b"aes256-ctr", b"bcrypt", struct.pack(">I", 16) + b"s" * 16 + struct.pack(">I", 4))
    assert codes(examine(locked, WHAT, policy)) == ["passphrase_needed"]
    assert codes(examine(locked, WHAT, policy._replace(unattended=True))) == ["passphrase_needed"]
    assert codes(examine(locked, WHAT, policy, passphrase="x")) == ["passphrase_wrong"]


def test_an_endless_key_derivation_is_not_begun(made):
    blob = examine(made("ed25519", "-t", "ed25519").read_bytes(), WHAT, Policy()).blob
    slow = container(blob, b"x" * 64, b"aes256-ctr", b"bcrypt", struct.pack(">I", 16) + b"s" * 16 + struct.pack(">I", 2**31))
    assert sentences(examine(slow, WHAT, Policy(), passphrase="x"))[0].startswith("The file /k is encrypted with 2147483648 rounds of bcrypt, which cannot be")


@pytest.mark.parametrize("name", ["ed25519", "rsa3072", "ecdsa256"])
def test_certificates(made, tmp_path, name):
    key = made(name, *GOOD[name][0])
    now = 1800000000  # 2027-01-15 08:00:00 UTC
    private = key.read_bytes()

    def found(line, at=now, content=private):
        return examine(content, WHAT, Policy(), certificate=line, now=at)

    forever = certify(made, tmp_path, key)
    assert found(forever).findings == []
    bounded = certify(made, tmp_path, key, "-V", "20270101000000Z:20270201000000Z")
    assert found(bounded).findings == []
    assert sentences(found(bounded, now + 10**8)) == ["certificate expired on 2027-02-01 00:00:00 UTC. Have it signed anew."]
    assert sentences(found(bounded, now - 10**8)) == ["certificate is not valid before 2027-01-01 00:00:00 UTC. Check the clocks, or wait."]
    assert codes(found(certify(made, tmp_path, key, "-h"))) == ["certificate_kind"]
    other = certify(made, tmp_path, made("rsa2048", "-t", "rsa", "-b", "2048"), "-V", "20200101000000Z:20200201000000Z")
    assert codes(found(other)) == ["certificate_mismatch", "certificate_expired"]
    assert codes(found(other, content=None)) == ["certificate_expired"], "told although there is no key"
    assert codes(found("nothing")) == codes(found(key.with_suffix(".pub").read_text())) == ["certificate_unreadable"]
    cut = base64.b64encode(base64.b64decode(forever.split()[1])[:90]).decode()
    assert parse_certificate("%s %s" % (forever.split()[0], cut)) is None


def test_policies_that_no_key_can_follow():
    good = {"allowed_types": ["rsa"], "allowed_formats": ["pem"], "min_rsa_bits": 3072, "fips": False}
    assert policy_of(good) == Policy(["rsa"], ["pem"], 3072, False, False)
    for change, sentence in (
        ({"allowed_types": []}, "allowed_types is empty, so no key would be accepted. Name at least one."),
        ({"allowed_formats": []}, "allowed_formats is empty, so no key would be accepted. Name at least one."),
        ({"min_rsa_bits": 512}, "min_rsa_bits is 512; it must be between 1024 and 16384."),
    ):
        with pytest.raises(Problem) as caught:
            policy_of(dict(good, **change))
        assert str(caught.value) == sentence


def test_without_the_library(monkeypatch, made):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(Problem) as caught:
        examine(made("ed25519", "-t", "ed25519").read_bytes(), WHAT, Policy())
    assert str(caught.value).startswith("Checking a key needs the Python package cryptography, which %s on the host " % sys.executable)
    assert "'pip install cryptography'" in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------- on disk


def from_disk(path, **options):
    defaults = {name: option.get("default") for name, option in source_argument_spec().items()}
    return obtain(dict(defaults, path=str(path), check_permissions=True, **options))


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_file(folder):
    (folder / "key").write_bytes(b"text")
    (folder / "key").chmod(0o600)
    obtained = from_disk(folder / "key")
    assert (obtained.content, obtained.findings, obtained.what) == (b"text", [], "The file %s/key" % folder)


def test_files_that_hold_no_key(folder):
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for name, code, part in (
        ("none", "missing", "does not exist on "),
        ("folder", "not_a_file", "is a folder. Name the file with the private key in it."),
        ("pipe", "not_a_file", "is not a regular file."),
        ("folder/none/at/all", "missing", "does not exist on "),
    ):
        obtained = from_disk(folder / name)
        assert (obtained.content, obtained.findings[0][0]) == (None, code)
        assert part in obtained.findings[0][1]
    with pytest.raises(Problem, match="does not exist on "):
        from_disk(folder / "none", on_missing="fail")
    with pytest.raises(Problem) as caught:
        from_disk("key")
    assert str(caught.value) == "path is key; give the whole path, beginning with a slash."
    with pytest.raises(Problem) as caught:
        from_disk("")
    assert str(caught.value) == "source is disk, which needs path. Set it."


def test_all_about_permissions_at_once(folder):
    (folder / "key").write_bytes(b"x")
    (folder / "key").chmod(0o644)
    folder.chmod(0o777)
    obtained = from_disk(folder / "key", owner="nobody")
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert [code for code, dummy in obtained.findings][:3] == ["file_permissions", "file_owner", "folder_permissions"]
    assert obtained.findings[0][1] == (
        "The file %s/key has the mode 0644, so others than its owner have access; ssh refuses such a key. Run: chmod 600 %s/key" % (folder, folder)
    )
    assert "belongs to %s instead of nobody." % me in obtained.findings[1][1]
    assert obtained.content == b"x", "told beside all that is to be said about the content"


def test_folders_of_a_link_and_of_its_target(folder):
    for name in ("one", "two"):
        (folder / name).mkdir()
    (folder / "one" / "key").write_bytes(b"x")
    (folder / "one" / "key").chmod(0o600)
    (folder / "two" / "key").symlink_to(folder / "one" / "key")
    (folder / "one").chmod(0o770)
    assert [code for code, dummy in from_disk(folder / "two" / "key").findings] == ["folder_permissions"]
    (folder / "two").chmod(0o707)
    assert [code for code, dummy in from_disk(folder / "two" / "key").findings] == ["folder_permissions"] * 2
    for name in ("one", "two"):
        (folder / name).chmod(0o1777)
    assert from_disk(folder / "two" / "key").findings == [], "nobody can replace what is another's in such a folder"


def test_permissions_are_not_looked_at_when_told_so(folder):
    (folder / "key").write_bytes(b"x")
    (folder / "key").chmod(0o644)
    defaults = {name: option.get("default") for name, option in source_argument_spec().items()}
    assert obtain(dict(defaults, path=str(folder / "key"), check_permissions=False)).findings == []


def test_a_folder_further_up_that_anybody_can_write(folder):
    below = folder / "open" / "closed"
    below.mkdir(parents=True)
    for one in (below, below.parent):
        one.chmod(0o755)
    (below / "key").write_bytes(b"x")
    (below / "key").chmod(0o600)
    assert from_disk(below / "key").findings == []
    below.parent.chmod(0o777)
    [(code, text)] = from_disk(below / "key").findings
    assert (code, text) == (
        "folder_permissions",
        "The folder %s/open has the mode 0777, so others than its owner can replace the key. Run: chmod go-w %s/open" % (folder, folder),
    )
    below.parent.chmod(0o1777)
    assert from_disk(below / "key").findings == []
    below.parent.chmod(0o775)
    assert from_disk(below / "key").findings == [], "as usual where each user has a group of his own"


def test_an_owner_by_number(folder):
    (folder / "key").write_bytes(b"x")
    (folder / "key").chmod(0o600)
    assert from_disk(folder / "key", owner=str(os.geteuid())).findings == []
    assert "file_owner" in [code for code, dummy in from_disk(folder / "key", owner=str(os.geteuid() + 1)).findings]
    with pytest.raises(Problem) as caught:
        from_disk(folder / "key", owner="no-such-user")
    assert str(caught.value).startswith("owner is no-such-user, but ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another(folder):
    (folder / "key").write_bytes(b"x")
    (folder / "key").chmod(0o600)
    os.chown(folder / "key", 65534, -1)
    os.chown(folder, 65534, -1)
    assert [code for code, dummy in from_disk(folder / "key").findings] == ["file_owner", "folder_owner"]
    assert from_disk(folder / "key", owner="nobody").findings == []
