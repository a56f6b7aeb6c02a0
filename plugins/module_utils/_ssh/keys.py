# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""All that can be said about a private SSH key: functions over bytes that return findings, each a code and a sentence."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import key_cipher
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_cipher import Container, Encryption, UnknownCipher, WrongPassphrase
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.key_text import Block, Finding, armoured, read_text
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import (
    FOREVER,
    WIRE_TYPES,
    Damaged,
    Reader,
    bits_of,
    field,
    fingerprint,
    parse_certificate,
    parse_public_key,
    public_line,
    rsa_exponent,
    wire_type,
)
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import lacks

TYPES = ("ed25519", "ecdsa", "rsa", "sk-ed25519", "sk-ecdsa")
FORMATS = ("openssh", "pem", "pkcs8")

_FORMATS_BY_LABEL = {
    "OPENSSH PRIVATE KEY": "openssh",
    "RSA PRIVATE KEY": "pem",
    "EC PRIVATE KEY": "pem",
    "DSA PRIVATE KEY": "pem",
    "PRIVATE KEY": "pkcs8",
    "ENCRYPTED PRIVATE KEY": "pkcs8",
}
_FIPS_RSA_BITS = 2048
# FIPS 186-4, appendix B.3.1: the public exponent is odd, above 2^16 and below 2^256.
_FIPS_EXPONENTS = (2**16, 2**256)
_DAMAGED = "%s cannot be decoded; a part of it is missing or changed. Copy it again."


class Policy(t.NamedTuple):
    """What a key is held against; see the doc fragment ``_key_source``."""

    allowed_types: t.Sequence[str] = ("ed25519", "ecdsa", "rsa")
    allowed_formats: t.Sequence[str] = FORMATS
    min_rsa_bits: int = 3072
    fips: bool = False
    #: Whether the key has to work without anybody who types a passphrase.
    unattended: bool = False


class Report:
    """The findings about a key, and what is public about it (``None`` where it cannot be known)."""

    def __init__(self) -> None:
        self.findings: t.List[Finding] = []
        #: What keeps ssh from reading the key as it was given, although ``text`` is the same key in a form that every ssh reads.
        self.layout: t.List[Finding] = []
        self.format: t.Optional[str] = None
        self.type: t.Optional[str] = None
        self.bits: t.Optional[int] = None
        self.comment: t.Optional[str] = None
        self.blob: t.Optional[bytes] = None
        #: The key's lines with a newline at the end, and the key as ``cryptography`` loads it. Neither is to be shown.
        self.text: t.Optional[bytes] = None
        self.loaded: t.Any = None

    def find(self, code: str, sentence: str) -> None:
        self.findings.append(Finding(code, sentence))

    @property
    def fingerprint(self) -> t.Optional[str]:
        return None if self.blob is None else fingerprint(self.blob)

    @property
    def public_key(self) -> t.Optional[str]:
        """The line for ``authorized_keys``."""
        if self.blob is None:
            return None
        line = public_line(self.blob)
        return ("%s %s" % (line, self.comment)).rstrip() if self.comment and self.comment.isprintable() else line


def policy_argument_spec() -> t.Dict[str, t.Any]:
    """The options of the doc fragment ``_key_source.policy``."""
    return {
        "public_key": {"type": "str"},
        "certificate": {"type": "str"},
        "allowed_types": {"type": "list", "elements": "str", "choices": list(TYPES), "default": ["ed25519", "ecdsa", "rsa"]},
        "allowed_formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": list(FORMATS)},
        "min_rsa_bits": {"type": "int", "default": 3072},
        "fips": {"type": "bool", "default": False},
        "check_permissions": {"type": "bool", "default": True},
    }


def policy_of(params: t.Mapping[str, t.Any], unattended: bool = False) -> Policy:
    """The policy that a module's parameters state. `Problem` when no key could follow it."""
    if not params["allowed_types"] or not params["allowed_formats"]:
        raise Problem("%s is empty, so no key would be accepted. Name at least one." % ("allowed_formats" if params["allowed_types"] else "allowed_types"))
    if not 1024 <= params["min_rsa_bits"] <= 16384:
        raise Problem("min_rsa_bits is %d; it must be between 1024 and 16384." % params["min_rsa_bits"])
    return Policy(params["allowed_types"], params["allowed_formats"], params["min_rsa_bits"], params["fips"], unattended)


def examine(
    content: t.Optional[bytes],
    what: str,
    policy: Policy,
    passphrase: t.Optional[str] = None,
    public_key: t.Optional[str] = None,
    certificate: t.Optional[str] = None,
    on_disk: bool = False,
    now: t.Optional[float] = None,
) -> Report:
    """All findings about a private key at once, and what was wrong with its layout alone.

    ``content`` is ``None`` when there is no key to look at; the certificate is looked at all the same. ``what`` names the key
    as the subject of a sentence ("The file /x"), ``now`` is in seconds since the epoch. `Problem` when the Python package
    ``cryptography`` is missing.
    """
    report = Report()
    if content is not None:
        found = read_text(content, what, on_disk)
        report.layout.extend(found.layout)
        report.findings.extend(found.faults)
        if found.block is not None:
            _look_inside(found.block, what, policy, passphrase, report)
            _hold_against_policy(what, policy, report)
    if public_key is not None:
        _compare_public_key(public_key, what, report)
    if certificate is not None:
        _compare_certificate(certificate, what, report, time.time() if now is None else now)
    return report


# -------------------------------------------------------------------------------------------------------------- the key


def _look_inside(block: Block, what: str, policy: Policy, passphrase: t.Optional[str], report: Report) -> None:
    report.text = block.text
    report.format = _FORMATS_BY_LABEL.get(block.label)
    if report.format is None:
        report.find("format_unknown", "%s has a private key of a kind that ssh does not know (%s). Make a key with ssh-keygen." % (what, block.label))
        return
    if block.label.startswith("DSA"):
        report.type = "dsa"
        return
    try:
        if report.format == "openssh":
            _look_at_openssh(block, what, policy, passphrase, report)
        else:
            _look_at_pem(block, what, policy, passphrase, report)
    except Damaged:
        report.find("damaged", _DAMAGED % what)
    except WrongPassphrase:
        report.find("passphrase_wrong", "%s does not open with the passphrase that is given. Correct passphrase." % what)
    except UnknownCipher as unknown:
        report.find(
            "format_unknown",
            "%s is encrypted with %s, which cannot be opened here. Encrypt a copy of it anew with: ssh-keygen -p -f FILE" % (what, unknown.name),
        )


def _look_at_openssh(block: Block, what: str, policy: Policy, passphrase: t.Optional[str], report: Report) -> None:
    container = key_cipher.read_container(block.body)
    name = wire_type(container.blob)
    if name in WIRE_TYPES:
        report.type, report.bits, report.blob = WIRE_TYPES[name][0], bits_of(container.blob), container.blob
        if parse_public_key(public_line(container.blob)) is None:
            raise Damaged
    else:
        report.type = name if name.isprintable() else "unknown"
    if report.type == "dsa" or container.encrypted and _lacks_passphrase(what, policy, passphrase, report):
        return
    if name not in WIRE_TYPES and not container.encrypted:
        return
    opened = key_cipher.open_container(container, passphrase)
    report.comment = key_cipher.check_private(container, opened)
    if report.type in ("ed25519", "ecdsa", "rsa"):
        # The library opens few of OpenSSH's ciphers, so it gets the key without one.
        plain = armoured(block.label, key_cipher.write_container(container.blob, _without_padding(container, opened)))
        _load(what, plain, None, report)


def _without_padding(container: Container, opened: bytes) -> bytes:
    reader = Reader(opened)
    for dummy in range(WIRE_TYPES[wire_type(container.blob)][2] + 2):
        reader.field()
    return opened[: reader.place]


def _look_at_pem(block: Block, what: str, policy: Policy, passphrase: t.Optional[str], report: Report) -> None:
    encryption: t.Optional[Encryption] = None
    if block.label.startswith("ENCRYPTED"):
        encryption = key_cipher.pkcs8_encryption(block.body)
    elif block.headers:
        encryption = key_cipher.pem_encryption(block.headers, len(block.body))
    elif report.format == "pkcs8" and key_cipher.is_rsa_pss(block.body):
        report.type = "rsa-pss"
        return
    if encryption is None:
        _load(what, block.text, None, report)
        _rewrite_ed25519(what, policy, report)
        return
    if not encryption.read_by_ssh:
        report.find("format_unknown", "%s is encrypted with %s, which ssh no longer reads. Encrypt a copy of it anew." % (what, encryption.name))
    elif policy.fips and not encryption.fips:
        report.find("fips", "%s is encrypted with %s, which FIPS 140 does not allow. Encrypt a copy of it anew." % (what, encryption.name))
    if _lacks_passphrase(what, policy, passphrase, report):
        return
    if not encryption.known:
        raise UnknownCipher(encryption.name)
    _load(what, block.text, passphrase, report)
    _rewrite_ed25519(what, policy, report)


def _lacks_passphrase(what: str, policy: Policy, passphrase: t.Optional[str], report: Report) -> bool:
    if policy.unattended:
        report.find(
            "passphrase_needed",
            "%s is protected by a passphrase, which no service could type. Store the key without one, as with: ssh-keygen -p -f FILE" % what,
        )
    elif not passphrase:
        report.find("passphrase_needed", "%s is protected by a passphrase, and none is given. Set passphrase." % what)
    return policy.unattended or not passphrase


def _load(what: str, text: bytes, passphrase: t.Optional[str], report: Report) -> None:
    """Load the key with ``cryptography``, which proves that it is whole and that the passphrase fits. Raises `Damaged` and `WrongPassphrase`."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import dsa
    except ImportError:
        raise lacks("cryptography", "Checking a key") from None
    load = serialization.load_ssh_private_key if report.format == "openssh" else serialization.load_pem_private_key
    try:
        loaded = load(text, None if passphrase is None else passphrase.encode("utf-8"))
    except UnsupportedAlgorithm:
        report.find("format_unknown", "%s has an encryption or a type that the library of this host does not know. Make a key with ssh-keygen." % what)
        return
    except Exception:  # the library's own errors are of many kinds, and their texts say nothing to an admin
        raise (Damaged if passphrase is None else WrongPassphrase) from None
    if isinstance(loaded, dsa.DSAPrivateKey):
        report.type, report.bits = "dsa", loaded.key_size
        return
    try:
        line = loaded.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except Exception:  # a curve or type that SSH has no name for
        curve = getattr(getattr(loaded, "curve", None), "name", "")
        report.type = curve or type(loaded).__name__.lstrip("_").replace("PrivateKey", "").lower() or "unknown"
        return
    blob = parse_public_key(line.decode("ascii"))
    if blob is None:
        raise Damaged
    if report.blob is not None and report.blob != blob:
        report.find("damaged", "The public and the private part of %s do not belong together. Copy the key again." % _within(what))
        return
    report.blob = blob
    report.type, report.bits = WIRE_TYPES[wire_type(blob)][0], bits_of(blob)
    report.loaded = loaded


def _rewrite_ed25519(what: str, policy: Policy, report: Report) -> None:
    """Ed25519 in PKCS #8 is read by OpenSSH 9.6 and newer (its release notes); OpenSSH's own format by all."""
    if report.type != "ed25519" or report.loaded is None or report.blob is None:
        return
    from cryptography.hazmat.primitives import serialization

    finding = Finding(
        "ed25519_pkcs8",
        "%s is an Ed25519 key in the format PKCS #8, which ssh before OpenSSH 9.6 does not read. Convert it with a newer one: ssh-keygen -p -f FILE" % what,
    )
    if "openssh" not in policy.allowed_formats:
        report.findings.append(finding)
        return
    seed = report.loaded.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = report.blob[-32:]
    opened = field(b"ssh-ed25519") + field(public) + field(seed + public) + field(b"")
    report.layout.append(finding)
    report.text = armoured("OPENSSH PRIVATE KEY", key_cipher.write_container(report.blob, opened))


def _hold_against_policy(what: str, policy: Policy, report: Report) -> None:
    if report.format is not None and report.format not in policy.allowed_formats:
        how = {"openssh": "ssh-keygen -p -N '' -f FILE", "pem": "ssh-keygen -p -m PEM -N '' -f FILE", "pkcs8": "ssh-keygen -p -m PKCS8 -N '' -f FILE"}
        report.find(
            "format_not_allowed",
            "%s has the format %s, and allowed_formats has %s. Convert a copy of it with: %s"
            % (what, report.format, ", ".join(policy.allowed_formats), how[policy.allowed_formats[0]]),
        )
    if report.type is None:
        return
    if report.type == "dsa":
        report.find("dsa", "%s is a DSA key, which OpenSSH no longer accepts. Make a new one with: ssh-keygen -t ed25519" % what)
        return
    if report.type not in policy.allowed_types:
        report.find(
            "type_not_allowed",
            "%s is of the type %s, and allowed_types has %s. Use a key of one of these." % (what, report.type, ", ".join(policy.allowed_types)),
        )
    if report.comment and not report.comment.isprintable():
        report.find("comment", "%s has control characters in its comment, which would break authorized_keys. Change it with: ssh-keygen -c -f FILE" % what)
    bits = report.bits or 0
    if report.type == "rsa" and bits < policy.min_rsa_bits:
        report.find(
            "rsa_too_short",
            "%s is an RSA key of %d bits, and min_rsa_bits is %d. Make a longer one, or one of another type." % (what, bits, policy.min_rsa_bits),
        )
    if policy.fips:
        _hold_against_fips(what, bits, report)


def _hold_against_fips(what: str, bits: int, report: Report) -> None:
    if report.type not in ("rsa", "ecdsa") or (report.type == "rsa" and bits < _FIPS_RSA_BITS):
        report.find(
            "fips",
            "%s is a key (%s, %d bits) that FIPS 186-4 does not approve. Use RSA of %d bits or more, or ECDSA." % (what, report.type, bits, _FIPS_RSA_BITS),
        )
    elif report.type == "rsa" and report.blob is not None and not _FIPS_EXPONENTS[0] < rsa_exponent(report.blob) < _FIPS_EXPONENTS[1]:
        report.find(
            "fips",
            "%s is an RSA key whose public exponent FIPS 186-4 does not approve: it has to be above 2^16 and below 2^256. Make a key with ssh-keygen." % what,
        )


# ------------------------------------------------------------------------------------------------------ what belongs to it


def _compare_public_key(line: str, what: str, report: Report) -> None:
    blob = parse_public_key(line)
    if blob is None or wire_type(blob) not in WIRE_TYPES:
        report.find("public_key_unreadable", "public_key is not a public key of SSH. Give one line such as 'ssh-ed25519 AAAA…'.")
    elif report.blob is not None and report.blob != blob:
        report.find(
            "public_key_mismatch",
            "%s does not belong to public_key: its fingerprint is %s, and that of public_key is %s." % (what, report.fingerprint, fingerprint(blob)),
        )


def _compare_certificate(line: str, what: str, report: Report, now: float) -> None:
    found = parse_certificate(line)
    if found is None:
        report.find("certificate_unreadable", "certificate is not a certificate of OpenSSH. Give the line of a file *-cert.pub.")
        return
    if report.blob is not None and report.blob != found.blob:
        report.find(
            "certificate_mismatch",
            "%s does not belong to certificate: its fingerprint is %s, and that of the certified key is %s."
            % (what, report.fingerprint, fingerprint(found.blob)),
        )
    if found.kind != "user":
        report.find("certificate_kind", "certificate is one for a %s, and a login needs one for a user. Have it signed anew without -h." % found.kind)
    if found.before != FOREVER and now >= found.before:
        report.find("certificate_expired", "certificate expired on %s. Have it signed anew." % _date(found.before))
    elif now < found.after:
        report.find("certificate_not_yet_valid", "certificate is not valid before %s. Check the clocks, or wait." % _date(found.after))


def _date(seconds: int) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "a day beyond all calendars"


def _within(what: str) -> str:
    return what[:1].lower() + what[1:]
