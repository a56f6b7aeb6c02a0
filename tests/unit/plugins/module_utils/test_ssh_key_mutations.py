# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about the text of a key is what ssh makes of it: ssh-keygen of this machine is the judge of every mutation."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_text import read_text
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.keys import Policy, examine
from tests.unit.plugins.module_utils.key_mutations import mutations

WHAT = "The file /k"
POLICY = Policy(min_rsa_bits=2048)
PASSPHRASE = "CANARY-passphrase"
KINDS = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa": ["-t", "ecdsa"],
    "rsa pem": ["-t", "rsa", "-b", "2048", "-m", "PEM"],
    "ecdsa pem": ["-t", "ecdsa", "-m", "PEM"],
    "ecdsa pkcs8": ["-t", "ecdsa", "-m", "PKCS8"],
}
# Texts that ssh reads by accident (C ends a line at a NUL and takes bytes above 127 for blanks, OpenSSL adds padding and ignores what is behind a
# structure) or with a choice that is not ours; they are refused, never rewritten.
STRICTER = {"twice", "no padding", "bytes behind the key", "nul in the body", "letter in the body", "header without a colon"} | {
    "%s: no-break space" % place for place in ("trailing", "trailing in the body", "behind BEGIN", "behind END")
}  # fmt: skip


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    """`ssh(text, passphrase)` is the public key that ssh-keygen finds in a private one, `None` when it finds none."""
    path = tmp_path_factory.mktemp("judge") / "key"

    def judge(text, passphrase=""):
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(text)
        done = subprocess.run(["ssh-keygen", "-y", "-P", passphrase, "-f", path], capture_output=True, check=False)
        return " ".join(done.stdout.decode().split()[:2]) if done.returncode == 0 else None

    return judge


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """`make(*arguments)` is a private key by ssh-keygen."""

    def run(*arguments, passphrase=""):
        path = tmp_path_factory.mktemp("made") / "key"
        subprocess.run(["ssh-keygen", "-q", "-f", path, "-N", passphrase, "-C", "me", *arguments], check=True, capture_output=True)
        return path.read_bytes()

    return run


def openssl(*arguments, given=None):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=given).stdout


def public(report):
    return " ".join((report.public_key or "").split()[:2]) or None


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_passes_when_ssh_reads_it_and_is_mended_or_refused_when_not(kind, make, ssh):
    key = make(*KINDS[kind])
    right = ssh(key)
    wrong, mended = [], 0
    texts = mutations(key)
    assert len(texts) > 170
    for name, text in texts.items():
        report = examine(text, WHAT, POLICY, on_disk=True)
        passes = not report.findings and not report.layout
        reads = ssh(text) == right
        if passes and not reads or reads and not passes and name not in STRICTER:
            wrong.append((name, "passes" if passes else report.layout + report.findings, "ssh reads it" if reads else "ssh does not read it"))
        if not report.findings:
            mended += not passes
            if ssh(report.text) != right or public(report) != right:
                wrong.append((name, "is no longer the key"))
            if not passes and examine(report.text, WHAT, POLICY, on_disk=True).layout:
                wrong.append((name, "was not mended"))
    assert wrong == []
    assert mended > 25


def test_what_is_rewritten_is_the_same_each_time(make):
    """Else a second run would change the file."""
    key = make("-t", "ed25519")
    for name, text in mutations(key).items():
        found = examine(text, WHAT, POLICY)
        if not found.findings and found.layout:
            assert found.text == key, name


def test_what_other_tools_write(make, ssh, tmp_path):
    """PKCS #12 with its attributes, the parameters of ecparam, curves given by their parameters or with compressed points."""
    folder = str(tmp_path)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder + "/key", "-out", folder + "/crt", "-subj", "/CN=x")
    openssl("pkcs12", "-export", "-inkey", folder + "/key", "-in", folder + "/crt", "-out", folder + "/p12", "-passout", "pass:x", "-name", "me")
    texts = {
        "PKCS #12": openssl("pkcs12", "-in", folder + "/p12", "-nodes", "-passin", "pass:x"),
        "certificate first": (tmp_path / "crt").read_bytes() + (tmp_path / "key").read_bytes(),
        "ecparam": openssl("ecparam", "-name", "prime256v1", "-genkey"),
        "explicit curve": openssl("ecparam", "-name", "prime256v1", "-genkey", "-param_enc", "explicit", "-noout"),
        "compressed point": openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-conv_form", "compressed"),
    }
    assert texts["PKCS #12"].startswith(b"Bag Attributes") and texts["ecparam"].startswith(b"-----BEGIN EC PARAMETERS")
    for name, text in texts.items():
        report = examine(text, WHAT, POLICY, on_disk=True)
        assert (report.findings, report.layout) == ([], []), name
        assert ssh(text) is not None, name
        assert public(report) == ssh(text) == ssh(report.text), name


@pytest.mark.parametrize(
    "arguments",
    [
        ("genpkey", "-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"),
        ("ecparam", "-name", "secp224r1", "-genkey", "-noout"),
        ("ecparam", "-name", "brainpoolP256r1", "-genkey", "-noout"),
        ("ecparam", "-name", "secp256k1", "-genkey", "-noout"),
        ("genpkey", "-algorithm", "ed448"),
        ("genpkey", "-algorithm", "x25519"),
    ],
    ids=lambda arguments: arguments[2],
)
def test_types_that_ssh_has_no_name_for(arguments, ssh):
    text = openssl(*arguments)
    assert ssh(text) is None
    report = examine(text, WHAT, POLICY)
    assert [finding.code for finding in report.findings] == ["type_not_allowed"]
    assert report.public_key is None


def test_ed25519_in_pkcs8_is_written_for_older_ssh(ssh):
    text = openssl("genpkey", "-algorithm", "ed25519")
    report = examine(text, WHAT, POLICY, on_disk=True)
    assert (report.findings, [finding.code for finding in report.layout]) == ([], ["ed25519_pkcs8"])
    assert (report.type, report.format) == ("ed25519", "pkcs8")
    assert ssh(report.text) == public(report)
    assert examine(text, WHAT, POLICY).text == report.text, "each run writes the same"
    assert examine(report.text, WHAT, POLICY, on_disk=True).layout == []
    assert [finding.code for finding in examine(text, WHAT, Policy(allowed_formats=("pkcs8",))).findings] == ["ed25519_pkcs8"]


CIPHERS = subprocess.run(["ssh", "-Q", "cipher"], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("cipher", CIPHERS)
def test_ciphers_of_ssh_keygen(cipher, make, ssh):
    for kind in ("ed25519", "ecdsa"):
        text = make(*KINDS[kind], "-Z", cipher, passphrase=PASSPHRASE)
        report = examine(text, WHAT, POLICY, passphrase=PASSPHRASE)
        assert (report.findings, report.layout, report.comment) == ([], [], "me")
        assert ssh(text, PASSPHRASE) is not None
        assert public(report) == ssh(text, PASSPHRASE)
        wrong = examine(text, WHAT, POLICY, passphrase=PASSPHRASE + "x")
        assert [finding.code for finding in wrong.findings] == ["passphrase_wrong"]


LEGACY = ("-provider", "default", "-provider", "legacy")


@pytest.mark.parametrize(
    ("arguments", "read", "fips"),
    [
        (("-v2", "aes-256-cbc"), True, True),
        (("-v2", "des3"), True, True),
        (("-scrypt",), True, True),
        (("-v1", "PBE-SHA1-3DES"), True, False),
        (("-v1", "PBE-MD5-DES"), False, False),
        (("-v1", "PBE-SHA1-RC2-40"), False, False),
        (("-v1", "PBE-SHA1-RC4-128"), False, False),
        (("-v2", "rc2"), False, False),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_encryptions_of_pkcs8(arguments, read, fips, make, ssh):
    text = openssl("pkcs8", "-topk8", "-passout", "pass:" + PASSPHRASE, *LEGACY, *arguments, given=make(*KINDS["rsa pem"]))
    assert bool(ssh(text, PASSPHRASE)) is read
    report = examine(text, WHAT, POLICY, passphrase=PASSPHRASE)
    assert [finding.code for finding in report.findings] == ([] if read else ["format_unknown"])
    strict = examine(text, WHAT, POLICY._replace(fips=True), passphrase=PASSPHRASE)
    assert [finding.code for finding in strict.findings] == ([] if fips else ["fips"] if read else ["format_unknown"])
    wrong = [finding.code for finding in examine(text, WHAT, POLICY, passphrase="other-one").findings]
    assert wrong == ([] if read else ["format_unknown"]) + ["passphrase_wrong"]


def test_a_damaged_key_is_not_a_wrong_passphrase(make):
    for kind in ("ed25519", "rsa pem", "ecdsa pkcs8"):
        begin, *body, end = make(*KINDS[kind], passphrase=PASSPHRASE).splitlines()
        # Half a line less, which no cipher's blocks allow.
        text = b"\n".join([begin, *body[:-3], body[-3][:32], *body[-2:], end, b""])
        report = examine(text, WHAT, POLICY, passphrase=PASSPHRASE)
        assert [finding.code for finding in report.findings] == ["damaged"], kind


def test_a_cipher_that_cannot_be_opened_is_named(make):
    key = make(*KINDS["rsa pem"])
    for command in (("rsa", "-traditional", "-camellia128"), ("pkcs8", "-topk8", "-v2", "camellia-256-cbc")):
        text = openssl(*command, "-passout", "pass:" + PASSPHRASE, given=key)
        [finding] = examine(text, WHAT, POLICY, passphrase=PASSPHRASE).findings
        assert finding.code == "format_unknown"
        assert "which cannot be opened here" in finding.sentence and ("CAMELLIA-128-CBC" in finding.sentence or "1.2.392" in finding.sentence)


@pytest.mark.parametrize(("exponent", "fips"), [(3, False), (65537, True), (2**64 + 13, True), (2**256 + 297, False)])
def test_rsa_exponents_and_fips(exponent, fips, ssh):
    text = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:%d" % exponent)
    assert ssh(text)
    assert examine(text, WHAT, POLICY).findings == []
    assert [finding.code for finding in examine(text, WHAT, POLICY._replace(fips=True)).findings] == ([] if fips else ["fips"])


def test_no_text_is_too_odd(make):
    """Bytes changed at random places end in findings, not in errors."""
    key = make("-t", "ed25519")
    state = 1
    for dummy in range(2000):
        text = bytearray(key)
        for dummy in range(3):
            state = state * 6364136223846793005 + 1442695040888963407 & 2**64 - 1
            text[(state >> 33) % len(text)] = state >> 24 & 0xFF
        report = examine(bytes(text), WHAT, POLICY, on_disk=True)
        assert report.findings or report.layout or bytes(text) == key or report.text == key or report.public_key
    assert read_text(b"-----BEGIN PRIVATE KEY-----" * 2000, WHAT, True).block is None
    assert read_text(os.urandom(70000), WHAT, True).faults[0].code == "not_a_private_key"
