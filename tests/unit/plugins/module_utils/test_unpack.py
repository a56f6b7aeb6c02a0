# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacking archives that nobody vouches for."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import zipfile

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files
from ansible_collections.sparkflows.mlops.plugins.module_utils import _unpack as unpack
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem


def tar_member(name, kind=tarfile.REGTYPE, content=b"", mode=0o644, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size, member.mtime = kind, mode, target, len(content), 1000
    return member, content


def make_tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def unpacked(path, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir(parents=True)
    unpack.unpack(str(path), str(folder), "tool.tar.gz")
    return folder


GOOD = (
    tar_member("tool", tarfile.DIRTYPE, mode=0o700),
    tar_member("tool/bin/run", content=b"#!/bin/sh\n", mode=0o777),
    tar_member("tool/lib/a.txt", content=b"a" * 5000),
    tar_member("tool/lib/link", tarfile.SYMTYPE, target="../bin/run"),
    tar_member("tool/lib/same", tarfile.LNKTYPE, target="tool/lib/a.txt"),
)


@pytest.mark.parametrize(("suffix", "mode"), [("tar.gz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2"), ("tar", "w")])
def test_tar(tmp_path, suffix, mode):
    path = make_tar(tmp_path / ("misleading.zip." + suffix), *GOOD, mode=mode)
    folder = unpacked(path, tmp_path) / "tool"
    assert (folder / "lib" / "link").resolve() == folder / "bin" / "run"
    assert (folder / "lib" / "same").stat().st_ino == (folder / "lib" / "a.txt").stat().st_ino
    assert stat.S_IMODE((folder / "bin" / "run").stat().st_mode) == 0o755
    assert (folder / "bin" / "run").stat().st_mtime == 1000


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the command zstd is not installed")
def test_zstd(tmp_path):
    path = make_tar(tmp_path / "a.tar", *GOOD, mode="w")
    os.system("zstd -q '%s' -o '%s.zst'" % (path, path))
    assert (unpacked(path + ".zst", tmp_path) / "tool" / "lib" / "a.txt").read_bytes() == b"a" * 5000


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the command zstd is not installed")
def test_damaged_zstd(tmp_path):
    path = make_tar(tmp_path / "a.tar", *GOOD, tar_member("tool/random", content=os.urandom(100000)), mode="w")
    os.system("zstd -q '%s' -o '%s.zst'" % (path, path))
    broken = tmp_path / "broken.zst"
    broken.write_bytes((tmp_path / "a.tar.zst").read_bytes()[:-5000])
    with pytest.raises(Problem, match="tool.tar.gz is damaged"):
        unpacked(broken, tmp_path)


def test_zstd_without_the_command(tmp_path, monkeypatch):
    path = tmp_path / "a.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    monkeypatch.setattr(commands, "PATH", "/nowhere")
    with pytest.raises(Problem, match="Install the package zstd, or give a .tar.gz"):
        unpacked(path, tmp_path)


def test_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        run = zipfile.ZipInfo("tool/bin/run", (2020, 1, 1, 0, 0, 0))
        run.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(run, "#!/bin/sh\n")
        link = zipfile.ZipInfo("tool/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "bin/run")
        archive.writestr("tool/plain.txt", "x")
        archive.getinfo("tool/plain.txt").external_attr = 0  # as archives made on other systems have it
        archive.writestr("tool/empty/", "")
    folder = unpacked(path, tmp_path) / "tool"
    assert os.access(folder / "bin" / "run", os.X_OK)
    assert os.readlink(folder / "link") == "bin/run"
    assert stat.S_IMODE((folder / "plain.txt").stat().st_mode) == 0o644
    assert (folder / "empty").is_dir()


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ([tar_member("../evil", content=b"x")], "would land outside the release"),
        ([tar_member("a/../../evil", content=b"x")], "would land outside the release"),
        ([tar_member("/etc/evil", content=b"x")], "would land outside the release"),
        ([tar_member("null", tarfile.CHRTYPE)], "device or pipe 'null'"),
        ([tar_member("pipe", tarfile.FIFOTYPE)], "device or pipe 'pipe'"),
        ([tar_member("su", content=b"x", mode=0o4755)], "set-user-ID"),
        ([tar_member("sg", content=b"x", mode=0o2755)], "set-user-ID or set-group-ID"),
        ([tar_member("link", tarfile.SYMTYPE, target="/etc/passwd")], "leads outside the release"),
        ([tar_member("a/link", tarfile.SYMTYPE, target="../../x")], "leads outside the release"),
        ([tar_member("a/hard", tarfile.LNKTYPE, target="/etc/passwd")], "is not a file of this archive"),
        ([tar_member("d", tarfile.SYMTYPE, target="."), tar_member("d/x", content=b"x")], "below 'd', which is a link"),
        ([tar_member("d", content=b"x"), tar_member("d", tarfile.DIRTYPE)], "twice"),
        ([tar_member("d", tarfile.DIRTYPE), tar_member("d", content=b"x")], "twice"),
        ([tar_member("l", tarfile.SYMTYPE, target="x"), tar_member("h", tarfile.LNKTYPE, target="l")], "not a file of this archive"),
    ],
)
def test_hostile_members(tmp_path, members, sentence):
    path = make_tar(tmp_path / "a.tar.gz", *members)
    with pytest.raises(Problem, match=sentence):
        unpacked(path, tmp_path)
    assert not (tmp_path / "evil").exists()


def test_a_file_replaces_a_link_instead_of_following_it(tmp_path):
    (tmp_path / "victim").write_text("safe")
    path = make_tar(tmp_path / "a.tar.gz", tar_member("x", tarfile.SYMTYPE, target="y"), tar_member("x", content=b"new"))
    folder = unpacked(path, tmp_path)
    assert not (folder / "x").is_symlink()
    assert not (folder / "y").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is an empty file"),
        (b"<!DOCTYPE html><html>Log in</html>", "a web page"),
        (b"MZ something else entirely", "not an archive of a known kind"),
    ],
)
def test_what_is_no_archive(tmp_path, content, sentence):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(Problem, match=sentence):
        unpacked(path, tmp_path)


@pytest.mark.parametrize("length", [30, 400])
def test_truncated(tmp_path, length):
    path = make_tar(tmp_path / "a.tar.gz", *GOOD, tar_member("tool/random", content=os.urandom(3000)))
    os.truncate(path, length)
    with pytest.raises(Problem, match="damaged or not what it says"):
        unpacked(path, tmp_path)


def test_encrypted_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "x")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Problem, match="encrypted"):
        unpacked(path, tmp_path)


def test_unpacked_size(tmp_path):
    assert unpack.unpacked_size(make_tar(tmp_path / "a.tar.gz", *GOOD)) >= 5000
    assert unpack.unpacked_size(make_tar(tmp_path / "a.tar", *GOOD, mode="w")) >= 5000
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", "x" * 9999)
    assert unpack.unpacked_size(str(tmp_path / "a.zip")) == 9999


def make_zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    return str(path)


@pytest.mark.parametrize("name", ["a/" * 3000 + "b", "a/" * 101 + "b", "x" * 256, "ü" * 200, ("y" * 200 + "/") * 6 + "z"])
def test_paths_that_nobody_can_walk(tmp_path, name):
    with pytest.raises(Problem, match="which no release needs. Use an archive with shorter paths."):
        unpacked(make_zip(tmp_path / "a.zip", "fine", name), tmp_path)
    assert unpacked(make_zip(tmp_path / "b.zip", "a/" * 99 + "b", "x" * 255), tmp_path / "other").joinpath("x" * 255).read_bytes() == b"x"


@pytest.mark.parametrize(("mode", "cut", "patch"), [("w:gz", 25000, None), ("w:bz2", 25000, None), ("w:xz", 25000, None), ("w:bz2", None, 25000),
                                                    ("w", 700, None)])
def test_an_archive_that_is_cut_short_or_spoilt(tmp_path, mode, cut, patch):
    path = tmp_path / "a.tar"
    make_tar(path, tar_member("a", content=os.urandom(50000)), mode=mode)
    data = bytearray(path.read_bytes())
    if patch is not None:
        data[patch] ^= 0xFF
    path.write_bytes(bytes(data[:cut]))
    with pytest.raises(Problem, match="tool.tar.gz is damaged or not what it says: "):
        unpacked(path, tmp_path)


def test_a_time_that_no_clock_knows(tmp_path):
    member, content = tar_member("a", content=b"x")
    member.mtime = 1e30
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(Problem, match="is damaged or not what it says"):
        unpacked(path, tmp_path)


def test_what_an_older_run_left_so_deep_is_swept(tmp_path):
    releases = files.Releases(str(tmp_path / "dest"))
    here = os.open(releases.scratch(), os.O_RDONLY)
    for dummy in range(3000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    releases.sweep()
    assert os.listdir(releases.folder) == []
