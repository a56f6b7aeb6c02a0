# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The testbed's decisions, and its files on a real file system."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import __main__ as command
from testbed import common, cores, debian, elf, engine, hosts, images, jdk, locks, python37, wheelhouse
from testbed.common import TestbedError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("SPARKFLOWS_MLOPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# ------------------------------------------------------------------------------------------------------------ common


def test_cache_follows_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert common.cache() == tmp_path / "cache"
    monkeypatch.delenv("SPARKFLOWS_MLOPS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert common.cache() == Path("/somewhere/sparkflows-mlops")


def test_a_failing_program_ends_in_a_sentence() -> None:
    with pytest.raises(TestbedError, match=r"Trying failed \(exit code 3\): lost"):
        common.run([sys.executable, "-c", "import sys; print('lost', file=sys.stderr); sys.exit(3)"], what="Trying")
    with pytest.raises(TestbedError, match="the program no-such-program is not installed"):
        common.run(["no-such-program"], what="Trying")
    with pytest.raises(TestbedError, match="no result within"):
        common.run([sys.executable, "-c", "input()"], what="Trying", stdin=None, timeout=0.0)


def test_write_replaces_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "secret"
    common.write(target, "one", mode=0o600)
    common.write(target, "two", mode=0o600)
    assert target.read_text() == "two"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["secret"]


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"a": ')
    (tmp_path / "list.json").write_text("[1]")
    assert [common.read_json(tmp_path / name) for name in ("half.json", "list.json", "missing.json")] == [{}, {}, {}]


def test_digest_keeps_its_parts_apart() -> None:
    assert common.digest("ab", "c") != common.digest("a", "bc")


def test_packing_depends_on_names_modes_and_contents_alone(tmp_path: Path) -> None:
    for name, time in (("one", 1), ("two", 2)):
        tree = tmp_path / name
        (tree / "bin").mkdir(parents=True)
        (tree / "bin" / "tool").write_text("#!/bin/sh\n")
        (tree / "bin" / "tool").chmod(0o755)
        (tree / "link").symlink_to("bin/tool")
        os.utime(tree / "bin" / "tool", (time, time))
        common.pack(tree, tmp_path / f"{name}.tar.gz", top="release")
    assert common.sha256(tmp_path / "one.tar.gz") == common.sha256(tmp_path / "two.tar.gz")
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert archive.getnames() == ["release/bin", "release/bin/tool", "release/link"]
        member = archive.getmember("release/bin/tool")
        assert (member.mode, member.uid, member.uname) == (0o755, 0, "root")


class Files(http.server.BaseHTTPRequestHandler):
    """Serves one file."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"content")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/file"
        served.shutdown()


def test_a_download_is_kept_only_with_the_right_digest(tmp_path: Path, server: str) -> None:
    target = tmp_path / "artifacts" / "file"
    with pytest.raises(TestbedError, match="nothing was kept"):
        common.download(server, target, "0" * 64)
    assert not target.exists()
    assert common.download(server, target, hashlib.sha256(b"content").hexdigest())
    assert target.read_bytes() == b"content"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_download_out_of_reach_is_no_error(tmp_path: Path) -> None:
    assert not common.download("http://127.0.0.1:9/file", tmp_path / "file", "0" * 64, patience=1)


def test_one_run_at_a_time(cache: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with common.alone("part"):
            order.append("second")

    with common.alone("part"):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert (cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


# ------------------------------------------------------------------------------------------------------------ debian


@pytest.mark.parametrize(
    ("release", "like"),
    [
        ("ID=debian\n", True),
        ('NAME="x"\nID=ubuntu\nID_LIKE=debian\n', True),
        ('ID="linuxmint"\nID_LIKE="ubuntu debian"\n', True),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', False),
        ("", False),
    ],
)
def test_debian_like(release: str, like: bool) -> None:
    assert debian.is_debian_like(release) is like


def test_sources_of_both_formats() -> None:
    old = "# deb http://off/debian x main\ndeb [arch=amd64 signed-by=/k] http://one.example/debian trixie main\ndeb-src http://src/debian trixie main\n"
    assert list(debian.one_line_sources(old)) == [("http://one.example/debian", "trixie")]
    new = (
        "Types: deb deb-src\n# a remark\nURIs: http://two.example/debian/\nSuites: trixie\n trixie-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://off.example/debian\nSuites: trixie\nEnabled: no\n\nTypes: deb-src\nURIs: http://src/debian\nSuites: trixie\n"
    )
    assert list(debian.deb822_sources(new)) == [("http://two.example/debian/", "trixie"), ("http://two.example/debian/", "trixie-updates")]


def test_configured_sources_reads_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian trixie main\n")
    (tmp_path / "sources.list.d" / "b.sources").write_text("Types: deb\nURIs: http://b.example/debian-security\nSuites: trixie-security\n")
    found = debian.configured_sources(tmp_path)
    assert debian.mirrors(found) == ("http://a.example/debian", "http://b.example/debian-security")


def test_which_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTBED_DEBIAN_MIRROR", raising=False)
    ubuntu = [("http://archive.example/ubuntu", "noble")]
    assert debian.mirrors(ubuntu, "http://default.example/debian") == ("http://default.example/debian", None)
    with pytest.raises(TestbedError, match="set TESTBED_DEBIAN_MIRROR"):
        debian.mirrors(ubuntu)
    monkeypatch.setenv("TESTBED_DEBIAN_MIRROR", "http://mine.example/debian/")
    assert debian.mirrors(ubuntu) == ("http://mine.example/debian", None)


def test_missing_programs_are_named_where_they_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    debian.require_packages({"sh": "dash"}, "This")
    with pytest.raises(TestbedError, match=r"^This needs a-package: please install it, or run this as root on Debian or Ubuntu\.$"):
        debian.require_packages({"no-such-program": "a-package"}, "This")


# ------------------------------------------------------------------------------------------------- archives and locks


def test_release_name_of_a_jdk() -> None:
    said = 'openjdk version "1.8.0_504"\nOpenJDK Runtime Environment (build 1.8.0_504-8u504-ga-1-b01)\n'
    assert jdk.release_name(said) == "8u504-b01-debian"
    with pytest.raises(TestbedError, match="hold no JDK 1.8"):
        jdk.release_name('openjdk version "17.0.9"')


def test_key_store_ends_with_its_keyed_digest() -> None:
    store = jdk.jks([("one", b"\x30\x03\x02\x01\x01"), ("two", b"\x30\x03\x02\x01\x02")])
    assert store[:12] == b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x02"
    assert store.count(b"\x00\x05X.509") == 2
    password = "changeit".encode("utf-16-be")
    assert store[-20:] == hashlib.sha1(password + b"Mighty Aphrodite" + store[:-20]).digest()


def test_links_out_of_the_tree_become_files(tmp_path: Path) -> None:
    root, home = tmp_path, tmp_path / "usr" / "lib" / "jdk"
    (tmp_path / "etc" / "java").mkdir(parents=True)
    (tmp_path / "etc" / "java" / "a.properties").write_text("a")
    home.mkdir(parents=True)
    (home / "inner").write_text("i")
    (home / "conf").symlink_to("/etc/java")
    (home / "a").symlink_to("/etc/java/a.properties")
    (home / "kept").symlink_to("inner")
    (home / "nowhere").symlink_to("/etc/absent")
    jdk.resolve_links(home, root)
    assert {path.name: path.is_symlink() for path in home.iterdir()} == {"inner": False, "conf": False, "a": False, "kept": True}
    assert (home / "conf" / "a.properties").read_text() == (home / "a").read_text() == "a"


def test_elf_files_are_told_from_others(tmp_path: Path) -> None:
    head = b"\x7fELF" + b"\x02\x01\x01" + b"\x00" * 9
    for name, kind in (("object.o", b"\x01\x00"), ("program", b"\x02\x00"), ("library.so", b"\x03\x00")):
        (tmp_path / name).write_bytes(head + kind + b"\x00" * 40)
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "link").symlink_to("program")
    assert [path.name for path in elf.elf_files(tmp_path)] == ["library.so", "program"]


def test_a_python_named_by_variable_is_the_only_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_PYTHON37", str(tmp_path / "python3.7"))
    assert python37.candidates() == [tmp_path / "python3.7"]
    with pytest.raises(TestbedError, match=r"Ways out: allow .*pyenv install.*TESTBED_PYTHON37"):
        python37.find()


def test_pyenv_versions_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTBED_PYTHON37", raising=False)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    for version in ("3.7.9", "3.7.16", "3.8.1"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
        (tmp_path / "versions" / version / "bin" / "python3.7").touch()
    assert [path.parts[-3] for path in python37.candidates()[:-1]] == ["3.7.16", "3.7.9"]
    assert python37.candidates()[-1] == Path("/nowhere/python3.7")


LOCK = """\
# requires-python: 3.7
h2o-pysparkling-3.2==3.36.1.2.post1 \\
    --hash=sha256:aa
numpy==1.21.6 ; python_version < "3.8" \\
    --hash=sha256:bb \\
    --hash=sha256:cc
"""


def test_lock_entries_and_added_hashes() -> None:
    assert locks.entries(LOCK) == {
        "h2o-pysparkling-3-2": ("h2o-pysparkling-3.2==3.36.1.2.post1", ["sha256:aa"]),
        "numpy": ('numpy==1.21.6 ; python_version < "3.8"', ["sha256:bb", "sha256:cc"]),
    }
    extended = locks.with_hashes(LOCK, {"h2o-pysparkling-3-2": "sha256:dd", "absent": "sha256:ee"})
    assert locks.entries(extended)["h2o-pysparkling-3-2"][1] == ["sha256:dd", "sha256:aa"]
    assert locks.entries(extended)["numpy"] == locks.entries(LOCK)["numpy"]
    assert locks.with_hashes(LOCK, {}) == LOCK


def test_committed_locks_are_complete_and_say_nothing_of_where_they_were_made() -> None:
    stack = locks.entries((common.LOCKS / "mlflow.txt").read_text())
    paths = [*common.LOCKS.glob("*.txt"), *(common.ROOT / "requirements").glob("*.txt"), wheelhouse.BUILD]
    assert len(paths) >= 10
    for path in paths:
        text = path.read_text()
        assert all(hashes for _requirement, hashes in locks.entries(text).values()), path
        assert "://" not in text and str(common.ROOT) not in text and str(Path.home()) not in text, path
        source = path.with_suffix(".in").read_text()
        for name, (requirement, _hashes) in locks.entries(source).items():
            if "==" in requirement:
                assert locks.entries(text)[name][0].split(" ")[0].partition("==")[2] == requirement.partition("==")[2]
    for name in locks.EXTRAS:
        text = (common.LOCKS / f"{name}.txt").read_text()
        assert text.startswith("# requires-python: 3.7\n")
        assert not set(locks.entries(text)) & set(stack)
    assert len(locks.entries((common.LOCKS / "mlflow.in").read_text())) == 9


def test_wheelhouse_is_intact_only_with_every_file_and_digest(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_text("a")
    files = {"a.whl": common.sha256(tmp_path / "a.whl")}
    assert wheelhouse.intact(tmp_path, files)
    assert not wheelhouse.intact(tmp_path, {**files, "b.whl": "0"})
    (tmp_path / "a.whl").write_text("b")
    assert not wheelhouse.intact(tmp_path, files)


# ------------------------------------------------------------------------------------------------------ engine, hosts


def test_a_process_is_known_by_its_start_time() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = engine.start_time(process.pid)
        assert engine.alive(process.pid, started)
        assert not engine.alive(process.pid, "1")
        process.communicate(b"\n")
    assert not engine.alive(process.pid, started)


def test_an_engine_that_was_not_started_here_is_left_alone(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common.write_json(engine.record(), {"pid": os.getpid(), "started": "1"})
    engine.down()
    assert "left alone" in capsys.readouterr().out
    assert not engine.record().exists()


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs docker and dockerd: the one answers as long as the other runs. Returns their folder."""
    (tmp_path / "bin").mkdir()
    for name, script in (
        ("docker", f"test -e {tmp_path}/socket"),
        ("dockerd", f"trap 'rm {tmp_path}/socket; exit' TERM; touch {tmp_path}/socket; while :; do sleep 0.1; done"),
        ("containerd", ""),
        ("iptables", ""),
    ):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(engine, "has_systemd", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path / "bin"


def test_an_engine_is_started_once_and_stopped_by_whoever_started_it(stand_ins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine.up()
    known = common.read_json(engine.record())
    assert engine.alive(known["pid"], known["started"])
    assert os.getsid(known["pid"]) == known["pid"]
    engine.up()
    assert "answers already" in capsys.readouterr().out
    assert common.read_json(engine.record()) == known
    engine.down()
    assert not engine.alive(known["pid"], known["started"])
    assert not engine.answers()


def test_an_engine_that_ends_at_once_shows_the_end_of_its_log(stand_ins: Path) -> None:
    (stand_ins / "dockerd").write_text("#!/bin/sh\necho no room left; exit 1\n")
    with pytest.raises(TestbedError, match="(?s)ended at once.*no room left"):
        engine.up()
    assert not engine.record().exists()


def test_no_engine_and_no_root_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "answers", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(TestbedError, match="please install and start docker"):
        engine.up()


def test_hosts_of_the_command_line() -> None:
    assert hosts.parse(["mlflow-a=debian-13", "b=debian-12"]) == {"mlflow-a": "debian-13", "b": "debian-12"}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (["A=debian-13"], "no name for a host"),
        (["a;b=debian-13"], "no name for a host"),
        (["mirror=debian-13"], "no name for a host"),
        (["a=debian-13", "a=debian-12"], "named twice"),
        (["a=rocky-9"], "no platform 'rocky-9'; known are debian-12, debian-13"),
        (["a"], "no platform ''"),
    ],
)
def test_bad_hosts_are_refused_before_anything_is_made(rows: list[str], complaint: str) -> None:
    with pytest.raises(TestbedError, match=complaint):
        hosts.parse(rows)


def test_bad_testbed_name_is_refused_before_anything_is_made(cache: Path) -> None:
    with pytest.raises(TestbedError, match="no name for a testbed"):
        hosts.up("../up", {"a": "debian-13"})
    assert not cache.exists()


def test_unknown_testbed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["summary", "--name", "absent"]) == 1
    assert "There is no testbed 'absent'" in capsys.readouterr().err


def test_ssh_configuration_is_what_ssh_reads(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(hosts.ssh_config(tmp_path, {"a": {"address": "192.0.2.1"}, "b": {"address": "192.0.2.2"}}))
    said = common.run(["ssh", "-G", "-F", config, "b"], what="Reading it").lower().splitlines()
    wanted = ["hostname 192.0.2.2", "hostkeyalias b", "user admin", "identitiesonly yes", "stricthostkeychecking true"]
    for line in [*wanted, f"identityfile {tmp_path}/id_ed25519"]:
        assert line in said


def test_belongings_give_the_host_its_key_and_nobody_else() -> None:
    with tarfile.open(fileobj=io.BytesIO(hosts.belongings("ssh-ed25519 KEY", b"PRIVATE", "ssh-ed25519 PUBLIC"))) as archive:
        members = {member.name: (member.mode, member.uid) for member in archive.getmembers()}
    assert members["etc/ssh/ssh_host_ed25519_key"] == (0o600, 0)
    assert members["home/admin/.ssh/authorized_keys"] == (0o600, 1000)


def test_image_recipe_knows_its_suite() -> None:
    assert images.recipe("debian-12") != images.recipe("debian-13")


def test_clean_removes_only_what_is_marked_as_its_cache(cache: Path) -> None:
    cache.mkdir()
    (cache / "thing").touch()
    with pytest.raises(TestbedError, match="left alone"):
        command.clean()
    common.prepare_cache()
    command.clean()
    assert not cache.exists()


def test_tools_of_an_older_lock_are_told(tmp_path: Path) -> None:
    lock = tmp_path / "tooling.txt"
    lock.write_text("mypy==1.0\n")
    assert not cores.tools_are_locked(lock, tmp_path), "never set up"
    # As testbed/setup does.
    with lock.open() as stream:
        stamp = subprocess.run(["sha256sum"], stdin=stream, capture_output=True, text=True, check=True).stdout
    (tmp_path / "tooling.sha256").write_text(stamp)
    assert cores.tools_are_locked(lock, tmp_path)
    lock.write_text("mypy==1.0\ntornado==6.2\n")
    assert not cores.tools_are_locked(lock, tmp_path)
