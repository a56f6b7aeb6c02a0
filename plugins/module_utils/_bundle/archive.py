# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The archive of a bundle: written so that equal folders give equal bytes, and its head read without the rest."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import tarfile
import typing as t
import zlib

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import manifest as manifests
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle.manifest import LOCKS, MOST_HEAD, NAME, Manifest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import digest_of, remove

#: Suffix by compression.
SUFFIXES = {"gz": ".tar.gz", "zstd": ".tar.zst"}
#: What `sha256sum` writes beside an archive, and how large that may be, in bytes.
DIGEST_SUFFIX = ".sha256"
MOST_DIGEST = 4096
#: The time of every file, in seconds since 1970: the first day of 2020. The formats of wheels know none before 1980.
EPOCH = 1577836800
# Of a whole head, in bytes.
_MOST_READ = 64 << 20
# Wheels and the archives of JDK and Python are compressed already, and what is not compressed again has the same bytes with every release of zlib.
_GZIP_LEVEL = 0
_ZSTD = ["zstd", "-1", "-q", "-f", "--single-thread"]
_ZSTD_SECONDS = 1800


class Head(t.NamedTuple):
    """What the controller reads of a bundle: its manifest, the SHA-256 of that file, and the texts of the locks by their names."""

    manifest: Manifest
    digest: str
    locks: dict[str, str]


class _Digesting:
    """A file that is written, and its SHA-256 on the way."""

    def __init__(self, file: t.BinaryIO) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


class _Limited:
    """A stream of which no more is read than a head may have, whatever its compression or its member's headers promise."""

    def __init__(self, stream: t.BinaryIO, label: str) -> None:
        self._stream, self._label, self._left = stream, label, _MOST_READ

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise Problem("%s is not a bundle: its head has more than %d MiB." % (self._label, _MOST_READ >> 20))
        return data


def pack(folder: str, target: str, compression: str) -> str:
    """Write the archive of a bundle's folder and return its SHA-256. It depends on names, contents and execute bits alone, and on the compressor's release.

    Raises `Problem` where the program zstd is wanted and missing, or fails.
    """
    if compression == "gz":
        with open(target, "wb") as file:
            digesting = _Digesting(file)
            # Without a name and a time in the header of the stream.
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, t.cast("t.BinaryIO", digesting), 0) as stream:
                _write(folder, t.cast("t.BinaryIO", stream))
        return digesting.digest.hexdigest()
    if shutil.which("zstd", path=commands.PATH) is None:
        raise Problem("The command zstd is not on this machine. Install the package zstd, or set bundle_compression to gz.")
    plain = target + ".tar"
    try:
        with open(plain, "wb") as file:
            _write(folder, file)
        status, output = commands.run([*_ZSTD, plain, "-o", target], timeout=_ZSTD_SECONDS)
    finally:
        remove(plain)
    if status:
        raise Problem("zstd could not compress the bundle: %s" % output.strip()[-300:])
    return digest_of(target)


def _write(folder: str, stream: t.BinaryIO) -> None:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in _in_order(folder):
            path = os.path.join(folder, name)
            member = tarfile.TarInfo(name)
            member.size, member.mtime = os.path.getsize(path), EPOCH
            member.mode = 0o755 if os.stat(path).st_mode & 0o100 else 0o644
            member.uname = member.gname = "root"
            with open(path, "rb") as content:
                archive.addfile(member, content)


def _in_order(folder: str) -> list[str]:
    """The paths of all files: the manifest, the locks, then the rest by name."""
    names = [os.path.relpath(os.path.join(parent, name), folder) for parent, dummy, files in os.walk(folder) for name in files]
    return sorted(names, key=lambda name: (name != NAME, not name.startswith(LOCKS + "/"), name))


@contextlib.contextmanager
def head_of_file(path: str) -> t.Iterator[t.BinaryIO]:
    """The bytes of a bundle's archive on this machine, decompressed as they are read. Raises `Problem` for what is no such archive."""
    # Without a buffer, so that a program which goes on reading begins where this one is.
    with open(path, "rb", buffering=0) as file:
        magic = file.read(4)
        file.seek(0)
        with decompressed(t.cast("t.BinaryIO", file), magic, path) as stream:
            yield stream


def is_zstd(magic: bytes) -> bool:
    """Whether what begins with these four bytes is compressed with zstd."""
    return magic == b"\x28\xb5\x2f\xfd"


@contextlib.contextmanager
def decompressed(file: t.BinaryIO, magic: bytes, label: str) -> t.Iterator[t.BinaryIO]:
    """A stream that gives what is compressed in another one; ``magic`` are its first four bytes, which ``file`` gives once more."""
    if magic.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            yield t.cast("t.BinaryIO", stream)
    elif is_zstd(magic):
        if shutil.which("zstd", path=commands.PATH) is None:
            raise Problem("%s is compressed with zstd, but the command zstd is not on the controller. Install the package zstd there." % label)
        process = commands.start(["zstd", "-dcq"], {"PATH": commands.PATH}, separate_errors=True, stdin=file)
        try:
            yield process.stdout  # type: ignore[misc]
        finally:
            process.kill()
            process.communicate()
    else:
        raise Problem("%s is not a bundle: a .tar.gz or .tar.zst that playbooks/bundle.yml made was expected." % label)


def read_head(stream: t.BinaryIO, label: str) -> Head:
    """The head of a bundle out of its decompressed archive; what comes after it is not read.

    Raises `Problem` for an archive that does not begin with a manifest, or whose locks are not those that the manifest names.
    """
    try:
        with tarfile.open(fileobj=t.cast("t.BinaryIO", _Limited(stream, label)), mode="r|") as archive:
            text = _next(archive, label)
            if text is None or text[0] != NAME:
                raise Problem("%s is not a bundle: its first file is not %s. Name an archive that playbooks/bundle.yml made." % (label, NAME))
            manifest = manifests.parsed(text[1].decode("utf-8", "replace"), label)
            wanted = {path: name for name, path in manifest.locks.items()}
            locks: dict[str, str] = {}
            while len(locks) < len(wanted):
                member = _next(archive, label)
                if member is None or hashlib.sha256(member[1]).hexdigest() != (manifest.files[member[0]].sha256 if member[0] in wanted else ""):
                    raise Problem("%s is damaged: its locks are not those that its manifest names. Fetch it again." % label)
                locks[wanted[member[0]]] = member[1].decode("utf-8")
    except (tarfile.TarError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Problem("%s is damaged: %s. Fetch it again." % (label, str(error).rstrip(".") or type(error).__name__)) from None
    return Head(manifest, hashlib.sha256(text[1]).hexdigest(), locks)


def _next(archive: tarfile.TarFile, label: str) -> tuple[str, bytes] | None:
    member = archive.next()
    if member is None:
        return None
    if not member.isreg() or member.size > MOST_HEAD:
        raise Problem("%s is not a bundle: %r at its head is not a file of at most %d MiB." % (label, member.name[:60], MOST_HEAD >> 20))
    content = archive.extractfile(member)
    return member.name, content.read() if content else b""


def digest_in(text: str, label: str) -> str:
    """The digest in what `sha256sum` wrote of one file. Raises `Problem`."""
    found = re.match(r"([0-9a-f]{64})(?:\s|\Z)", text)
    if not found:
        raise Problem("%s holds no SHA-256 of 64 hexadecimal digits, as `sha256sum` writes it. Write it anew, or set mlops_bundle_sha256." % label)
    return found[1]
