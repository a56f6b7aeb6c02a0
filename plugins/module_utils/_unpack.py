# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Unpacks tar and zip archives that nobody vouches for: nothing is ever written outside the folder given."""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import lzma
import os
import posixpath
import shutil
import stat
import tarfile
import time
import typing as t
import zipfile
import zlib

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
#: How many times its size an archive may take when it does not say so itself.
_TYPICAL_RATIO = 6
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError)
#: Deeper than any release or model, and shallow enough for whoever walks through it.
_MAX_DEPTH = 100
_MAX_NAME_BYTES, _MAX_PATH_BYTES = 255, 1024


class Entry(t.NamedTuple):
    """One member: `kind` is file, folder, link (symbolic) or hardlink; `opened` gives a file's bytes."""

    name: str
    kind: str
    mode: int
    mtime: float
    target: str
    opened: t.Callable[[], t.IO[bytes]] | None


def kind_of(path: str) -> str | None:
    """`gzip`, `xz`, `bzip2`, `zstd`, `zip` or `tar` by the content of a file; None when it is none of these."""
    with open(path, "rb") as file:
        head = file.read(512)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "tar" if head[257:262] == b"ustar" else None


def looks_like(path: str) -> str:
    """What a file that is no archive seems to be, for an error message."""
    with open(path, "rb") as file:
        head = file.read(512)
    if not head:
        return "an empty file"
    if b"<html" in head.lower() or head.lower().lstrip().startswith(b"<!doctype"):
        return "a web page, perhaps an error or a login page"
    return "a %s archive" % kind_of(path) if kind_of(path) else "not an archive of a known kind"


def unpacked_size(path: str) -> int:
    """The bytes that an archive takes when unpacked: exact for tar and zip, near enough for the others."""
    size = os.path.getsize(path)
    kind = kind_of(path)
    if kind == "zip":
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            return sum(info.file_size for info in archive.infolist())
    if kind == "gzip" and size >= 18:
        with open(path, "rb") as file:
            file.seek(-4, os.SEEK_END)
            return max(size, int.from_bytes(file.read(4), "little"))
    return size if kind == "tar" else size * _TYPICAL_RATIO


def unpack(path: str, folder: str, name: str) -> None:
    """Unpack the archive `path` into the existing empty `folder`; `name` is what to call it in messages.

    Raises `Problem` for a member that would land outside the folder, a device, a set-user-ID file, or a damaged archive.
    """
    kind = kind_of(path)
    if kind is None:
        raise Problem("%s is %s; expected .tar.gz, .tar.xz, .tar.bz2, .tar.zst, .tar or .zip." % (name, looks_like(path)))
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                _write_all(_zip_entries(archive, name), folder, name)
        else:
            with _decompressed(path, kind, name) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
                _write_all(_tar_entries(archive, name), folder, name)
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(name, error) from None  # how gzip and bz2 say that a sum is wrong
    except _BROKEN as error:
        raise _damaged(name, error) from None


def _damaged(name: str, error: BaseException) -> Problem:
    return Problem("%s is damaged or not what it says: %s. Fetch or build it again." % (name, str(error).rstrip(".") or type(error).__name__))


@contextlib.contextmanager
def _decompressed(path: str, kind: str, name: str) -> t.Iterator[t.IO[bytes]]:
    if kind != "zstd":
        opener = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open, "tar": open}[kind]
        with opener(path, "rb") as stream:  # type: ignore[operator]
            yield stream
        return
    if shutil.which("zstd", path=commands.PATH) is None:
        raise Problem("%s is compressed with zstd, but the command zstd is not on this host. Install the package zstd, or give a .tar.gz or .tar.xz." % name)
    process = commands.start(["zstd", "-dcq", path], {"PATH": commands.PATH}, separate_errors=True)
    try:
        yield process.stdout  # type: ignore[misc]
    except BaseException:
        process.kill()
        process.communicate()
        raise
    dummy, complaint = process.communicate()  # reads the padding after the last member too
    if process.returncode:
        raise Problem("%s is damaged: zstd says: %s" % (name, complaint.decode(errors="replace").strip()))


def _tar_entries(archive: tarfile.TarFile, name: str) -> t.Iterator[Entry]:
    for member in archive:
        if member.isreg():
            found = "file"
        elif member.isdir():
            found = "folder"
        elif member.issym():
            found = "link"
        elif member.islnk():
            found = "hardlink"
        else:
            raise Problem("%s holds the device or pipe %r, which no release needs. Use an archive without it." % (name, member.name))
        yield Entry(
            member.name,
            found,
            member.mode,
            member.mtime,
            member.linkname,
            functools.partial(_member, archive, member),
        )


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> t.IO[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.TarError("%s is not a file" % member.name)
    return content


def _zip_entries(archive: zipfile.ZipFile, name: str) -> t.Iterator[Entry]:
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise Problem("%s is encrypted (%r). Use an archive without a password." % (name, info.filename))
        mode = info.external_attr >> 16
        target = ""
        if info.filename.endswith("/"):
            found = "folder"
        elif stat.S_ISLNK(mode):
            found, target = "link", archive.read(info).decode("utf-8", "surrogateescape")
        elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
            found = "file"
        else:
            raise Problem("%s holds the device or pipe %r, which no release needs. Use an archive without it." % (name, info.filename))
        mtime = time.mktime(info.date_time + (0, 0, -1))
        default = 0o755 if found == "folder" else 0o644
        yield Entry(info.filename, found, stat.S_IMODE(mode) or default, mtime, target, lambda info=info: archive.open(info))  # type: ignore[misc]


def _write_all(entries: t.Iterator[Entry], folder: str, name: str) -> None:
    written: dict[str, str] = {"": "folder"}
    for entry in entries:
        _write(entry, folder, written, name)


def _write(entry: Entry, folder: str, written: dict[str, str], name: str) -> None:
    place = _inside(entry.name)
    if place is None:
        raise Problem("%s holds the member %r, which would land outside the release. Use an archive without it." % (name, entry.name))
    if not place:
        return
    parts = [os.fsencode(part) for part in place.split("/")]
    if len(parts) > _MAX_DEPTH or sum(map(len, parts)) + len(parts) > _MAX_PATH_BYTES or max(map(len, parts)) > _MAX_NAME_BYTES:
        raise Problem(
            "%s holds a member %d folders deep with a path of %d characters, %r…, which no release needs. Use an archive with shorter paths."
            % (name, len(parts) - 1, len(place), place[:60])
        )
    if entry.mode & (stat.S_ISUID | stat.S_ISGID) and entry.kind == "file":
        raise Problem("%s holds %r with a set-user-ID or set-group-ID bit, which no release needs. Use an archive without it." % (name, entry.name))
    _make_parents(place, folder, written, name)
    path = os.path.join(folder, place)
    if entry.kind == "folder":
        if written.get(place) not in (None, "folder"):
            raise Problem("%s holds %r twice, once as a folder. Use a sound archive." % (name, entry.name))
        if place not in written:
            os.mkdir(path)
        os.chmod(path, entry.mode & 0o755 | 0o700)
        written[place] = "folder"
        return
    if written.get(place) == "folder":
        raise Problem("%s holds %r twice, once as a folder. Use a sound archive." % (name, entry.name))
    if place in written:
        os.unlink(path)
    if entry.kind == "link":
        if _inside(posixpath.join(posixpath.dirname(place), entry.target)) is None or entry.target.startswith("/"):
            raise Problem(
                "%s holds the link %r to %r, which leads outside the release. Use an archive whose links stay inside." % (name, entry.name, entry.target)
            )
        os.symlink(entry.target, path)
    elif entry.kind == "hardlink":
        source = _inside(entry.target)
        if source is None or written.get(source) != "file":
            raise Problem("%s holds the link %r to %r, which is not a file of this archive. Use a sound archive." % (name, entry.name, entry.target))
        os.link(os.path.join(folder, source), path)
    else:
        _write_file(entry, path)
    written[place] = "link" if entry.kind == "link" else "file"


def _write_file(entry: Entry, path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if entry.opened is not None:
            with entry.opened() as content:
                shutil.copyfileobj(content, file, 1 << 20)
        os.fchmod(file.fileno(), entry.mode & 0o755 | 0o600)  # only the owner may write
    os.utime(path, (entry.mtime, entry.mtime))


def _make_parents(place: str, folder: str, written: dict[str, str], name: str) -> None:
    """Make the parents of a member; one that is a link could lead anywhere, so it is refused."""
    parts = place.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        kind = written.get(parent)
        if kind is None:
            os.mkdir(os.path.join(folder, parent))
            os.chmod(os.path.join(folder, parent), 0o755)
            written[parent] = "folder"
        elif kind != "folder":
            raise Problem("%s holds %r below %r, which is a %s. Use a sound archive." % (name, place, parent, kind))


def _inside(name: str) -> str | None:
    """The clean relative path of a member ("" for the top itself), or None when it leads outside, if only on the way."""
    if name.startswith("/") or "\0" in name:
        return None
    depth = 0
    for part in name.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return None
    clean = posixpath.normpath(name)
    return "" if clean == "." else clean
