# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Public SSH keys, their fingerprints and certificates.

Formats: RFC 4251, section 5 (fields) and RFC 4253, section 6.6 (public keys); OpenSSH's PROTOCOL.u2f (keys of hardware tokens) and
PROTOCOL.certkeys (certificates). What separates words and lines is what OpenSSH takes for it: space, tab and line feed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

# Type names on the wire → (our name, number of fields of the public half behind the name, of the private half).
WIRE_TYPES = {
    "ssh-ed25519": ("ed25519", 1, 2),
    "ssh-rsa": ("rsa", 2, 6),
    "ssh-dss": ("dsa", 4, 5),
    "ecdsa-sha2-nistp256": ("ecdsa", 2, 3),
    "ecdsa-sha2-nistp384": ("ecdsa", 2, 3),
    "ecdsa-sha2-nistp521": ("ecdsa", 2, 3),
    "sk-ssh-ed25519@openssh.com": ("sk-ed25519", 2, 0),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("sk-ecdsa", 3, 0),
}
#: Types of keys that may be in authorized_keys and known_hosts: OpenSSH does not take DSA any more.
KEY_TYPES = tuple(sorted(set(WIRE_TYPES) - {"ssh-dss"}))
CERTIFICATE = "-cert-v01@openssh.com"
FOREVER = 2**64 - 1
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_WORDS = re.compile(r"[ \t]+")
_DAMAGED = "damaged"


class Damaged(Problem):
    """Bytes that end too early or say what cannot be."""

    def __init__(self) -> None:
        super().__init__("A key of SSH ends too early or says what cannot be. Copy the whole of it.")


class Reader:
    """Reads the fields of SSH's binary format; raises `Damaged`."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        if length > len(self.data) - self.place:
            raise Damaged
        self.place += length
        return self.data[self.place - length : self.place]

    def number(self, size: int = 4) -> int:
        """The next integer, of 4 or 8 bytes."""
        return t.cast(int, struct.unpack(">I" if size == 4 else ">Q", self.take(size))[0])

    def field(self) -> bytes:
        """The next string."""
        return self.take(self.number())

    def text(self) -> str:
        """The next string, as text."""
        return self.field().decode("utf-8", "replace")


def field(data: bytes) -> bytes:
    """A string in SSH's binary format."""
    return struct.pack(">I", len(data)) + data


def decode_base64(text: bytes) -> bytes:
    """Strictly decoded base64, unlike Python's own decoder, which takes too much padding; raises `Damaged`."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise Damaged
    return base64.b64decode(text)


def fingerprint(blob: bytes) -> str:
    """``SHA256:…`` of a binary public key, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode("ascii")


def wire_type(blob: bytes) -> str:
    """The type of a binary public key as SSH names it."""
    return Reader(blob).text()


def bits_of(blob: bytes) -> int:
    """The size of a binary public key, as ssh-keygen counts it."""
    reader = Reader(blob)
    name = reader.text()
    if name == "ssh-rsa":
        reader.field()
    if name in ("ssh-rsa", "ssh-dss"):
        return int.from_bytes(reader.field(), "big").bit_length()
    return int(re.sub(r"\D", "", name.rpartition("nistp")[2])) if "nistp" in name else 256


def rsa_exponent(blob: bytes) -> int:
    """The public exponent of a binary public key of the type ``ssh-rsa``."""
    reader = Reader(blob)
    reader.field()
    return int.from_bytes(reader.field(), "big")


def public_line(blob: bytes) -> str:
    """A binary public key as ``type base64``."""
    return "%s %s" % (wire_type(blob), base64.b64encode(blob).decode("ascii"))


def parse_public_key(line: str) -> t.Optional[bytes]:
    """The binary public key in a line ``type base64 [comment]``; ``None`` when there is none in it, or more than one line."""
    line = line.strip(" \t\r\n")
    words = _WORDS.split(line)
    if "\n" in line or "\r" in line or len(words) < 2:
        return None
    try:
        blob = decode_base64(words[1].encode("utf-8", "surrogateescape"))
        reader = Reader(blob)
        name = reader.text()
        if name != words[0]:
            return None
        if name in WIRE_TYPES:
            fields = [reader.field() for dummy in range(WIRE_TYPES[name][1])]
            if reader.place != len(blob) or not all(fields) or (name.endswith("ed25519") and len(fields[0]) != 32):
                return None
        return blob
    except Damaged:
        return None


def words_of(line: str) -> list[str]:
    """Type, base64 text and comment, as far as there are any."""
    return _WORDS.split(line, maxsplit=2)


class Key(t.NamedTuple):
    """The public half of a key pair: its type, its base64 text and its fingerprint (``SHA256:…``, or ``damaged``)."""

    type: str
    text: str
    fingerprint: str


def key_of(kind: str, text: str) -> Key:
    """The key of a type and a base64 text, whether or not it is whole."""
    blob = parse_public_key("%s %s" % (kind, text))
    return Key(kind, text, _DAMAGED if blob is None else fingerprint(blob))


def public_key(text: str) -> Key:
    """The key in a line ``type base64 [comment]``; raises `Problem` for anything else, without showing it."""
    if "PRIVATE KEY" in text:
        raise Problem("A private key was given where a public key belongs. Give the line that 'ssh-keygen -y' prints for it.")
    words = words_of(text.strip(" \t\r\n"))
    if len(words) < 2 or "\n" in text.strip() or "\r" in text.strip():
        raise Problem("A public key is one line of the form 'type base64 comment', as 'ssh-keygen -y' prints it; something else was given.")
    if words[0] not in KEY_TYPES:
        raise Problem("A public key begins with %r, which is not a type of key that this module takes: %s." % (words[0], ", ".join(KEY_TYPES)))
    key = key_of(words[0], words[1])
    if key.fingerprint == _DAMAGED:
        raise Problem("A public key says that it is %s, but what follows is damaged or another kind of key. Copy the whole line." % key.type)
    return key


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
    reader = Reader(blob)
    try:
        name = reader.text()
        base = name.replace(CERTIFICATE, "@openssh.com" if name.startswith("sk-") else "")
        if not name.endswith(CERTIFICATE) or base not in WIRE_TYPES:
            return None
        reader.field()  # the nonce
        start = reader.place
        for dummy in range(WIRE_TYPES[base][1]):
            reader.field()
        public = field(base.encode("ascii")) + reader.data[start : reader.place]
        reader.number(8)  # the serial number
        kind = {1: "user", 2: "host"}.get(reader.number(), "unknown")
        reader.field()  # the key id
        reader.field()  # the principals
        after, before = reader.number(8), reader.number(8)
        for dummy in range(5):  # critical options, extensions, a reserved field, the authority's key and its signature
            reader.field()
        return Certificate(public, kind, after, before) if reader.place == len(blob) else None
    except Damaged:
        return None
