# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""All that can be said about a private SSH key: functions over bytes that return findings, each a code and a sentence.

Formats: OpenSSH's PROTOCOL.key (private keys), PROTOCOL.certkeys (certificates) and RFC 4253, section 6.6 (public keys).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import lacks

TYPES = ("ed25519", "ecdsa", "rsa", "sk-ed25519", "sk-ecdsa")
FORMATS = ("openssh", "pem", "pkcs8")

_MAGIC = b"openssh-key-v1\0"
_MOST_BYTES = 64 * 1024
_FIPS_RSA_BITS = 2048
# Type names on the wire → (our name, number of fields of the public half, of the private half).
_WIRE_TYPES = {
    "ssh-ed25519": ("ed25519", 1, 2),
    "ssh-rsa": ("rsa", 2, 6),
    "ssh-dss": ("dsa", 4, 5),
    "ecdsa-sha2-nistp256": ("ecdsa", 2, 3),
    "ecdsa-sha2-nistp384": ("ecdsa", 2, 3),
    "ecdsa-sha2-nistp521": ("ecdsa", 2, 3),
    "sk-ssh-ed25519@openssh.com": ("sk-ed25519", 2, 0),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("sk-ecdsa", 3, 0),
}
_CERTIFICATE = "-cert-v01@openssh.com"
_FOREVER = 2**64 - 1
_DAMAGED = "%s cannot be decoded; a part of it is missing or changed. Copy it again."
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")


class Finding(t.NamedTuple):
    """Something that is wrong: a stable code, and a sentence for an admin."""

    code: str
    sentence: str


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
        self.format: t.Optional[str] = None
        self.type: t.Optional[str] = None
        self.bits: t.Optional[int] = None
        self.comment: t.Optional[str] = None
        self.blob: t.Optional[bytes] = None
        #: The key's own lines with a newline at the end, and the key as ``cryptography`` loads it. Neither is to be shown.
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
        line = "%s %s" % (_Reader(self.blob).text(), base64.b64encode(self.blob).decode("ascii"))
        return ("%s %s" % (line, self.comment)).rstrip() if self.comment and self.comment.isprintable() else line


class _Damaged(Exception):
    """Bytes that end too early or say what cannot be."""


class _Reader:
    """Reads the fields of SSH's binary format (RFC 4251, section 5)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.place:
            raise _Damaged
        self.place += length
        return self.data[self.place - length : self.place]

    def number(self, size: int = 4) -> int:
        return t.cast(int, struct.unpack(">I" if size == 4 else ">Q", self.take(size))[0])

    def field(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.field().decode("utf-8", "replace")


def fingerprint(blob: bytes) -> str:
    """``SHA256:…`` of a public key, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode("ascii")


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
    """All findings about a private key at once.

    ``content`` is ``None`` when there is no key to look at; the certificate is looked at all the same. ``what`` names the key
    as the subject of a sentence ("The file /x"), ``now`` is in seconds since the epoch. `Problem` when the Python package
    ``cryptography`` is missing.
    """
    report = Report()
    if content is not None:
        block = _private_block(content, what, report, on_disk)
        if block is not None:
            _look_inside(block, what, policy, passphrase, report)
            _hold_against_policy(what, policy, report)
    if public_key is not None:
        _compare_public_key(public_key, what, report)
    if certificate is not None:
        _compare_certificate(certificate, what, report, time.time() if now is None else now)
    return report


# ------------------------------------------------------------------------------------------------------------- the text


class _Block(t.NamedTuple):
    label: str
    text: bytes


def _private_block(content: bytes, what: str, report: Report, on_disk: bool) -> t.Optional[_Block]:
    """The lines of the private key within ``content``; findings about all that is around them."""
    if not content.strip():
        report.find("empty", "%s is empty. Put the private key into it." % what)
        return None
    if len(content) > _MOST_BYTES:
        report.find("not_a_private_key", "%s is larger than any private key. Check that the right one is named." % what)
        return None
    private = [match for match in _BEGIN.finditer(content) if match.group(1).endswith(b"PRIVATE KEY")]
    if not private:
        report.find(*_not_private(content, what))
        return None
    begin = private[0]
    label = begin.group(1)
    end = b"-----END " + label + b"-----"
    stop = content.find(end, begin.end())
    if stop < 0:
        report.find("damaged", "%s begins as a private key, but the line %s is missing. It was cut off; copy it again." % (what, end.decode("ascii")))
        return None
    body = content[begin.end() : stop]
    if b"\n" not in body.strip(b" ") and b"\r" not in body:
        report.find(
            "line_breaks_lost",
            "%s is a private key without its line breaks. Store it from its file, as with KEY=@FILE or file://FILE, instead of pasting it as one line." % what,
        )
        return None
    block = content[begin.start() : stop + len(end)]
    if b"\r" in content:
        report.find("crlf", "%s has the line ends of Windows, which ssh does not read. Convert it with: sed -i 's/\\r$//' FILE" % what)
    if content[: begin.start()].strip():
        report.find("leading_junk", "%s has something before its private key. Remove everything above the line %s." % (what, begin.group(0).decode("ascii")))
    rest = content[stop + len(end) :]
    if rest.strip():
        report.find(
            "trailing_junk",
            "%s has %s behind its private key. Remove everything below the line %s."
            % (what, "another key" if _BEGIN.search(rest) else "something", end.decode("ascii")),
        )
    elif on_disk and not rest.startswith((b"\n", b"\r\n")):
        report.find("no_final_newline", "%s does not end with a line break, and ssh then does not read it. Append one." % what)
    return _Block(label.decode("ascii"), block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n")


def _not_private(content: bytes, what: str) -> t.Tuple[str, str]:
    """What something without a private key in it is, as code and sentence."""
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    first = text.split(None, 1)[0].decode("ascii", "replace")
    label = _BEGIN.search(text)
    if text.startswith(b"PuTTY-User-Key-File-"):
        return (
            "format_putty",
            "%s is a key in the format of PuTTY, which OpenSSH does not read. Convert it with: puttygen KEY.ppk -O private-openssh -o KEY" % what,
        )
    if text.startswith((b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", b"SSH PRIVATE KEY FILE FORMAT 1.1")):
        return (
            "format_unknown",
            "%s is a key in a format of SSH Communications or of SSH 1, which OpenSSH does not read. Make a new key with ssh-keygen." % what,
        )
    kind = ""
    if first.endswith(_CERTIFICATE):
        kind = "an SSH certificate"
    elif first in _WIRE_TYPES or text.startswith(b"---- BEGIN SSH2 PUBLIC KEY") or label and label.group(1).endswith(b"PUBLIC KEY"):
        kind = "the public half of a key"
    elif label:
        kind = "a PEM file with a %s" % label.group(1).decode("ascii").lower()
    elif text.startswith(b"$ANSIBLE_VAULT"):
        kind = "encrypted with Ansible Vault, which is not opened here,"
    elif text.startswith(b"{"):
        return "not_a_private_key", "%s is no private key but an object of JSON. Name the field that holds the key with secret_field." % what
    elif _is_base64_of_key(text):
        return "not_a_private_key", "%s is a private key that was encoded with base64 once more. Store it as it is." % what
    if kind:
        return "not_a_private_key", "%s is %s and no private key. Name the one that begins with -----BEGIN … PRIVATE KEY-----." % (what, kind.rstrip(","))
    return "not_a_private_key", "%s is no private key: it has no line -----BEGIN … PRIVATE KEY-----. Check that the right one is named." % what


def _is_base64_of_key(text: bytes) -> bool:
    try:
        return bool(_BEGIN.search(base64.b64decode(b"".join(text.split()), validate=True)))
    except binascii.Error:
        return False


# -------------------------------------------------------------------------------------------------------------- the key


def _look_inside(block: _Block, what: str, policy: Policy, passphrase: t.Optional[str], report: Report) -> None:
    if not block.text.isascii():
        report.find("damaged", _DAMAGED % what)
        return
    report.text = block.text
    dsa = False
    if block.label == "OPENSSH PRIVATE KEY":
        report.format = "openssh"
        try:
            encrypted = _read_openssh(block.text, report)
        except _Damaged:
            report.find("damaged", _DAMAGED % what)
            return
        dsa = report.type == "dsa"
    elif block.label in ("RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"):
        report.format = "pem"
        encrypted = b"Proc-Type: 4,ENCRYPTED" in block.text
        dsa = block.label.startswith("DSA")
    elif block.label in ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"):
        report.format = "pkcs8"
        encrypted = block.label.startswith("ENCRYPTED")
    else:
        report.find("format_unknown", "%s has a private key of a kind that ssh does not know (%s). Make a key with ssh-keygen." % (what, block.label))
        return
    if dsa:
        report.type = "dsa"
        return
    if report.type is not None and report.type not in ("ed25519", "ecdsa", "rsa"):
        # What is in the file refers to a hardware token, or is of a type that the library cannot know either.
        return
    if encrypted and policy.unattended:
        report.find(
            "passphrase_needed",
            "%s is protected by a passphrase, which no service could type. Store the key without one, as with: ssh-keygen -p -f FILE" % what,
        )
        return
    if encrypted and not passphrase:
        report.find("passphrase_needed", "%s is protected by a passphrase, and none is given. Set passphrase." % what)
        return
    _load(what, block.text, passphrase if encrypted else None, report)


def _read_openssh(text: bytes, report: Report) -> bool:
    """Read what is open in an OpenSSH private key. Returns whether the rest is encrypted."""
    try:
        data = base64.b64decode(b"".join(text.split(b"\n")[1:-2]), validate=True)
    except binascii.Error:
        raise _Damaged from None
    if not data.startswith(_MAGIC):
        raise _Damaged
    reader = _Reader(data[len(_MAGIC) :])
    cipher = reader.field()
    reader.field()  # the name and
    reader.field()  # the options of the key derivation
    if reader.number() != 1:
        raise _Damaged
    blob = reader.field()
    private = reader.field()
    wire_type = _Reader(blob).text()
    if wire_type not in _WIRE_TYPES:
        report.type = wire_type if wire_type.isprintable() else "unknown"
    else:
        report.type, report.bits = _WIRE_TYPES[wire_type][0], _bits(blob)
        report.blob = blob
    if cipher != b"none":
        return True
    if wire_type in _WIRE_TYPES and _WIRE_TYPES[wire_type][2]:
        reader = _Reader(private)
        if reader.take(4) != reader.take(4) or reader.text() != wire_type:
            raise _Damaged
        for dummy in range(_WIRE_TYPES[wire_type][2]):
            reader.field()
        report.comment = reader.text()
    return False


def _bits(blob: bytes) -> int:
    """The size of a public key, as ssh-keygen counts it."""
    reader = _Reader(blob)
    wire_type = reader.text()
    if wire_type == "ssh-rsa":
        reader.field()
    if wire_type in ("ssh-rsa", "ssh-dss"):
        return int.from_bytes(reader.field(), "big").bit_length()
    return int(re.sub(r"\D", "", wire_type.rpartition("nistp")[2])) if "nistp" in wire_type else 256


def _load(what: str, text: bytes, passphrase: t.Optional[str], report: Report) -> None:
    """Load the key with ``cryptography``, which proves that it is whole and that the passphrase fits."""
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
        if passphrase is not None:
            report.find("passphrase_wrong", "%s does not open with the passphrase that is given. Correct passphrase." % what)
        else:
            report.find("damaged", _DAMAGED % what)
        return
    if isinstance(loaded, dsa.DSAPrivateKey):
        report.type, report.bits = "dsa", loaded.key_size
        return
    try:
        line = loaded.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        blob = base64.b64decode(line.split()[1])
    except Exception:  # a curve or type that SSH has no name for
        curve = getattr(getattr(loaded, "curve", None), "name", "")
        report.type = curve or type(loaded).__name__.lstrip("_").replace("PrivateKey", "").lower() or "unknown"
        return
    if report.blob is not None and report.blob != blob:
        report.find("damaged", "The public and the private part of %s do not belong together. Copy the key again." % _within(what))
        return
    report.blob = blob
    report.type, report.bits = _WIRE_TYPES[_Reader(blob).text()][0], _bits(blob)
    report.loaded = loaded


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
    if policy.fips and (report.type not in ("rsa", "ecdsa") or (report.type == "rsa" and bits < _FIPS_RSA_BITS)):
        report.find(
            "fips",
            "%s is a key (%s, %d bits) that FIPS 186-4 does not approve. Use RSA of %d bits or more, or ECDSA." % (what, report.type, bits, _FIPS_RSA_BITS),
        )


# ------------------------------------------------------------------------------------------------------ what belongs to it


def parse_public_key(line: str) -> t.Optional[bytes]:
    """The binary public key in a line of ``authorized_keys`` without options; ``None`` when there is none in it."""
    words = line.split()
    if len(line.strip().splitlines()) != 1 or len(words) < 2:
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
        return blob if _Reader(blob).text() == words[0] else None
    except (binascii.Error, ValueError, _Damaged):
        return None


def _compare_public_key(line: str, what: str, report: Report) -> None:
    blob = parse_public_key(line)
    if blob is None or _Reader(blob).text() not in _WIRE_TYPES:
        report.find("public_key_unreadable", "public_key is no public key of SSH. Give one line such as 'ssh-ed25519 AAAA…'.")
    elif report.blob is not None and report.blob != blob:
        report.find(
            "public_key_mismatch",
            "%s does not belong to public_key: its fingerprint is %s, and that of public_key is %s." % (what, report.fingerprint, fingerprint(blob)),
        )


class Certificate(t.NamedTuple):
    """What a certificate states: the binary public key, ``user`` or ``host``, and from when until when (seconds since the epoch)."""

    blob: bytes
    kind: str
    after: int
    before: int


def parse_certificate(line: str) -> t.Optional[Certificate]:
    """The certificate in a line as ssh-keygen writes it to ``*-cert.pub``; ``None`` when there is none in it."""
    blob = parse_public_key(line)
    if blob is None:
        return None
    reader = _Reader(blob)
    try:
        wire_type = reader.text()
        base = wire_type.replace(_CERTIFICATE, "@openssh.com" if wire_type.startswith("sk-") else "")
        if not wire_type.endswith(_CERTIFICATE) or base not in _WIRE_TYPES:
            return None
        reader.field()  # the nonce
        start = reader.place
        for dummy in range(_WIRE_TYPES[base][1]):
            reader.field()
        public = struct.pack(">I", len(base)) + base.encode("ascii") + reader.data[start : reader.place]
        reader.number(8)  # the serial number
        kind = {1: "user", 2: "host"}.get(reader.number(), "unknown")
        reader.field()  # the key id
        reader.field()  # the principals
        return Certificate(public, kind, reader.number(8), reader.number(8))
    except _Damaged:
        return None


def _compare_certificate(line: str, what: str, report: Report, now: float) -> None:
    found = parse_certificate(line)
    if found is None:
        report.find("certificate_unreadable", "certificate is no certificate of OpenSSH. Give the line of a file *-cert.pub.")
        return
    if report.blob is not None and report.blob != found.blob:
        report.find(
            "certificate_mismatch",
            "%s does not belong to certificate: its fingerprint is %s, and that of the certified key is %s."
            % (what, report.fingerprint, fingerprint(found.blob)),
        )
    if found.kind != "user":
        report.find("certificate_kind", "certificate is one for a %s, and a login needs one for a user. Have it signed anew without -h." % found.kind)
    if found.before != _FOREVER and now >= found.before:
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
