# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""How private keys are encrypted: the container of OpenSSH (PROTOCOL.key) with all its ciphers, and what PEM and PKCS #8 say about theirs (RFC 8018)."""

from __future__ import annotations

import hashlib
import struct
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import WIRE_TYPES, Damaged, Reader, field, wire_type
from ansible_collections.sparkflows.mlops.plugins.module_utils._vaults._base import lacks

_MAGIC = b"openssh-key-v1\0"
# Cipher → length of key, of initialisation vector, of a block.
_CIPHERS = {
    "3des-cbc": (24, 8, 8),
    "aes128-cbc": (16, 16, 16),
    "aes192-cbc": (24, 16, 16),
    "aes256-cbc": (32, 16, 16),
    "aes128-ctr": (16, 16, 16),
    "aes192-ctr": (24, 16, 16),
    "aes256-ctr": (32, 16, 16),
    "aes128-gcm@openssh.com": (16, 12, 16),
    "aes256-gcm@openssh.com": (32, 12, 16),
    "chacha20-poly1305@openssh.com": (64, 0, 8),
}
_TAG = 16
_WITH_TAG = "chacha20"
# ssh-keygen takes 16 or 24 rounds of its own accord. More than this would take minutes.
_MOST_ROUNDS = 2000


class WrongPassphrase(Problem):
    """What comes out is no key: another passphrase, or an encrypted part that was changed."""

    def __init__(self) -> None:
        super().__init__("A private key does not open with the passphrase that is given. Correct passphrase.")


class UnknownCipher(Problem):
    """An encryption that is not opened here; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__("A private key is encrypted with %s, which cannot be opened here." % name)
        self.name = name


class Container(t.NamedTuple):
    """An OpenSSH private key as far as it is open."""

    cipher: str
    kdf: str
    kdf_options: bytes
    blob: bytes
    private: bytes
    tag: bytes

    @property
    def encrypted(self) -> bool:
        return self.cipher != "none"


def read_container(data: bytes) -> Container:
    """The parts of an OpenSSH private key; raises `Damaged`."""
    if not data.startswith(_MAGIC):
        raise Damaged
    reader = Reader(data[len(_MAGIC) :])
    cipher, kdf, options = reader.text(), reader.text(), reader.field()
    if reader.number() != 1:
        raise Damaged
    blob, private = reader.field(), reader.field()
    container = Container(cipher, kdf, options, blob, private, reader.data[reader.place :])
    if len(container.tag) != (_TAG if cipher.startswith(_WITH_TAG) or "-gcm" in cipher else 0):
        raise Damaged
    return container


def open_container(container: Container, passphrase: t.Optional[str]) -> bytes:
    """The private part: fields behind the two equal numbers. Raises `WrongPassphrase`, `UnknownCipher` or `Damaged`."""
    private = container.private
    if container.encrypted:
        private = _decrypt(container, (passphrase or "").encode("utf-8"))
    reader = Reader(private)
    if reader.take(4) != reader.take(4):
        raise WrongPassphrase if container.encrypted else Damaged
    return private[8:]


def check_private(container: Container, opened: bytes) -> t.Optional[str]:
    """The comment of an opened private part, which has to be of the type of the public half; ``None`` for types that are not looked into."""
    reader = Reader(opened)
    name = wire_type(container.blob)
    if reader.text() != name:
        raise Damaged
    if not WIRE_TYPES.get(name, ("", 0, 0))[2]:
        return None
    for dummy in range(WIRE_TYPES[name][2]):
        reader.field()
    comment = reader.text()
    padding = opened[reader.place :]
    if padding != bytes(range(1, len(padding) + 1)):
        raise Damaged
    return comment


def write_container(blob: bytes, opened: bytes) -> bytes:
    """An OpenSSH private key without a passphrase, of a public half and the fields of the private one. The same key gives the same bytes."""
    number = hashlib.sha256(blob).digest()[:4]
    private = number * 2 + opened
    padding = bytes(range(1, -len(private) % 8 + 1))
    return _MAGIC + field(b"none") * 2 + field(b"") + struct.pack(">I", 1) + field(blob) + field(private + padding)


def _decrypt(container: Container, passphrase: bytes) -> bytes:
    if container.cipher not in _CIPHERS or container.kdf != "bcrypt":
        raise UnknownCipher("%s with %s" % (ascii(container.cipher), ascii(container.kdf)))
    key_length, vector_length, block = _CIPHERS[container.cipher]
    if len(container.private) % block:
        raise Damaged
    options = Reader(container.kdf_options)
    salt, rounds = options.field(), options.number()
    if not salt or not rounds:
        raise Damaged
    if rounds > _MOST_ROUNDS:
        raise UnknownCipher("%d rounds of bcrypt" % rounds)
    try:
        import bcrypt
    except ImportError:
        raise lacks("bcrypt", "Opening a key with a passphrase") from None
    if not passphrase:
        raise WrongPassphrase
    derived = bcrypt.kdf(passphrase, salt, key_length + vector_length, rounds, ignore_few_rounds=True)
    key, vector = derived[:key_length], derived[key_length:]
    if container.cipher.startswith(_WITH_TAG):
        return _open_chacha(key, container)
    return _open_block_cipher(key, vector, container)


def _open_block_cipher(key: bytes, vector: bytes, container: Container) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    mode: t.Any = modes.CTR(vector) if container.cipher.endswith("ctr") else modes.CBC(vector)
    if "-gcm" in container.cipher:
        mode = modes.GCM(vector, container.tag)
    if container.cipher.startswith("3des"):
        try:  # where later versions of cryptography have it
            from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
        except ImportError:
            TripleDES = algorithms.TripleDES  # type: ignore[misc]
        algorithm: t.Any = TripleDES(key)
    else:
        algorithm = algorithms.AES(key)
    opener = Cipher(algorithm, mode).decryptor()
    try:
        return opener.update(container.private) + opener.finalize()
    except InvalidTag:
        raise WrongPassphrase from None


def _open_chacha(key: bytes, container: Container) -> bytes:
    """OpenSSH's PROTOCOL.chacha20poly1305, for the sequence number 0 and without a length in front."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    def stream(counter: int, data: bytes) -> bytes:
        nonce = struct.pack("<Q", counter) + bytes(8)
        return Cipher(algorithms.ChaCha20(key[:32], nonce), None).decryptor().update(data)

    try:
        Poly1305.verify_tag(stream(0, bytes(32)), container.private, container.tag)
    except InvalidSignature:
        raise WrongPassphrase from None
    return stream(1, container.private)


# ------------------------------------------------------------------------------------------------------------ PEM and PKCS #8


class Encryption(t.NamedTuple):
    """How a PEM key is encrypted: its name, whether today's ssh opens it, whether FIPS 140 allows it, and whether it can be opened here."""

    name: str
    read_by_ssh: bool
    fips: bool
    known: bool


# Object identifiers of RFC 8018, PKCS #12 (RFC 7292, appendix C), NIST's AES and RFC 3657. OpenSSL 3 has DES, RC2 and RC4 in its legacy provider alone.
_SCHEMES = {
    "1.2.840.113549.1.5.3": Encryption("PBES1 with MD5 and DES", False, False, True),
    "1.2.840.113549.1.5.6": Encryption("PBES1 with MD5 and RC2", False, False, False),
    "1.2.840.113549.1.5.10": Encryption("PBES1 with SHA-1 and DES", False, False, True),
    "1.2.840.113549.1.5.11": Encryption("PBES1 with SHA-1 and RC2", False, False, False),
    "1.2.840.113549.1.12.1.1": Encryption("PBES1 with SHA-1 and RC4", False, False, True),
    "1.2.840.113549.1.12.1.2": Encryption("PBES1 with SHA-1 and RC4", False, False, True),
    "1.2.840.113549.1.12.1.3": Encryption("PBES1 with SHA-1 and 3DES", True, False, True),
    "1.2.840.113549.1.12.1.4": Encryption("PBES1 with SHA-1 and 3DES", True, False, True),
    "1.2.840.113549.1.12.1.5": Encryption("PBES1 with SHA-1 and RC2", False, False, True),
    "1.2.840.113549.1.12.1.6": Encryption("PBES1 with SHA-1 and RC2", False, False, True),
    "1.2.840.113549.3.2": Encryption("RC2", False, False, True),
    "1.2.840.113549.3.4": Encryption("RC4", False, False, False),
    "1.3.14.3.2.7": Encryption("DES", False, False, True),
    "1.2.840.113549.3.7": Encryption("3DES", True, True, True),
    "2.16.840.1.101.3.4.1.2": Encryption("AES-128", True, True, True),
    "2.16.840.1.101.3.4.1.22": Encryption("AES-192", True, True, True),
    "2.16.840.1.101.3.4.1.42": Encryption("AES-256", True, True, True),
}
_PBES2 = "1.2.840.113549.1.5.13"
_RSA_PSS = "1.2.840.113549.1.1.10"
# What the headers of PEM name; the key is derived with MD5, which FIPS does not allow.
_DEK = ("AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC")
_DEK_LEGACY = ("DES-", "RC2-", "RC4", "BF-", "CAST5-", "IDEA-", "SEED-")


def pem_encryption(headers: t.Mapping[str, str], length: int) -> Encryption:
    """What the headers of an encrypted PEM key of ``length`` bytes say; raises `Damaged` when there cannot be such a body."""
    name = headers.get("DEK-Info", "").partition(",")[0].strip()
    if not name or length % 8 or (name.startswith("AES") and length % 16):
        raise Damaged
    legacy = name.startswith(_DEK_LEGACY) and name not in _DEK
    return Encryption(name, not legacy, False, name in _DEK)


def pkcs8_encryption(data: bytes) -> Encryption:
    """What an encrypted PKCS #8 key says of its encryption; raises `Damaged`."""
    outer = _elements(_element(data))
    if len(outer) != 2:
        raise Damaged
    algorithm = _elements(outer[0])
    name = _oid(algorithm[0])
    if name == _PBES2:
        parameters = _elements(algorithm[1]) if len(algorithm) > 1 else []
        if len(parameters) != 2:
            raise Damaged
        name = _oid(_elements(parameters[1])[0])
    return _SCHEMES.get(name, Encryption("the encryption %s" % name, True, False, False))


def is_rsa_pss(data: bytes) -> bool:
    """Whether a PKCS #8 key is for RSASSA-PSS alone, which SSH has no name for; raises `Damaged`."""
    outer = _elements(_element(data))
    if len(outer) < 3:
        raise Damaged
    return _oid(_elements(outer[1])[0]) == _RSA_PSS


def _element(data: bytes) -> bytes:
    """The content of the one DER element that ``data`` is."""
    content, rest = _next(data)
    if rest:
        raise Damaged
    return content


def _elements(data: bytes) -> t.List[bytes]:
    """The contents of the DER elements that ``data`` is made of."""
    found = []
    while data:
        content, data = _next(data)
        found.append(content)
    if not found:
        raise Damaged
    return found


def _next(data: bytes) -> t.Tuple[bytes, bytes]:
    reader = Reader(data)
    reader.take(1)
    length = reader.take(1)[0]
    if length & 0x80:
        length = int.from_bytes(reader.take(length & 0x7F), "big")
    return reader.take(length), data[reader.place :]


def _oid(content: bytes) -> str:
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise Damaged
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first] + numbers[1:]))
