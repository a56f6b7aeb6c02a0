# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of archive_release: each change in check mode, for real, and both again."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import io
import os
import signal
import socket
import tarfile
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._archive import release as archive_release
from ansible_collections.sparkflows.mlops.plugins.module_utils import _files as files
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from tests.unit.plugins.module_utils.kills import EVERY, FIRST

DEFAULTS = {
    "release": "1.0", "src": None, "remote_src": False, "parts": None, "sha256": None, "root": None, "home": None, "verify": None, "owner": None, "group": None,
    "keep": 2, "intact": False, "state": "present", "validate_certs": True,
    "ca_path": None, "use_proxy": True, "timeout": 10, "url_username": None, "url_password": None,
}  # fmt: skip
VERIFY = {"argv": ["bin/tool", "-version"], "pattern": r'version "1\.8', "description": "a JDK 1.8"}


def make_archive(path, version='version "1.8.0"', top="tool", script=None):
    script = script or "#!/bin/sh\necho '%s' >&2\n" % version
    with tarfile.open(path, "w:gz") as archive:
        for name, content, mode in ((top + "/bin/tool", script, 0o755), (top + "/README", version, 0o644)):
            member = tarfile.TarInfo(name.lstrip("/"))
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content.encode()))
    return {"src": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "remote_src": True}


@pytest.fixture
def make(tmp_path):
    """`make(check=…, **options)` runs the module's function on a folder of its own."""

    def run(check=False, **options):
        return archive_release.run({**DEFAULTS, "dest": str(tmp_path / "opt" / "tool"), **options}, check)

    run.dest = tmp_path / "opt" / "tool"
    return run


def tree(folder):
    """All that is below a folder, with links and contents, to see that nothing was touched."""
    return sorted(
        (str(path.relative_to(folder)), os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*") if path.name != ".lock"
    )  # fmt: skip


def four_steps(make, **options):
    """Predict, do, predict again, do again; returns the result of the change."""
    before = tree(make.dest)
    predicted = make(check=True, **options)
    assert tree(make.dest) == before
    done = make(**options)
    after = tree(make.dest)
    assert predicted["changed"] is done["changed"] is True
    assert predicted["diff"] == done["diff"]
    assert {**predicted, "version_output": ""} == {**done, "version_output": ""}
    for check in (True, False):
        again = make(check=check, **options)
        assert again["changed"] is False
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert tree(make.dest) == after
    return done


def test_create_modify_delete(tmp_path, make):
    old = make_archive(tmp_path / "old.tar.gz", 'version "1.8.0_1"')
    new = make_archive(tmp_path / "new.tar.gz", 'version "1.8.0_2"')
    result = four_steps(make, release="8u1", verify=VERIFY, **old)
    assert result["version_output"] == 'version "1.8.0_1"'
    assert result["previous"] is None
    assert result["diff"]["after"].splitlines()[0] == "current -> releases/8u1"
    assert os.readlink(make.dest / "current") == "releases/8u1"
    assert (make.dest / "current" / "README").read_text() == 'version "1.8.0_1"'

    result = four_steps(make, release="8u2", verify=VERIFY, **new)
    assert result["previous"] == "8u1"
    assert (make.dest / "current" / "README").read_text() == 'version "1.8.0_2"'
    assert (make.dest / "releases" / "8u1").is_dir()

    before = tree(make.dest)
    assert make(check=True, state="absent")["changed"] is True
    assert tree(make.dest) == before
    assert make(state="absent")["changed"] is True
    assert not make.dest.exists()
    for check in (True, False):
        assert make(check=check, state="absent")["changed"] is False
    assert not make.dest.exists()


def test_rollback_needs_no_archive(tmp_path, make):
    old = make_archive(tmp_path / "old.tar.gz", "old")
    make(release="1", **old)
    make(release="2", **make_archive(tmp_path / "new.tar.gz", "new"))
    os.unlink(old["src"])
    result = four_steps(make, release="1", **old)
    assert result["previous"] == "2"


def test_other_content_of_the_same_release(tmp_path, make):
    make(**make_archive(tmp_path / "old.tar.gz", "old"))
    link = os.lstat(make.dest / "current").st_mtime_ns
    time.sleep(0.01)
    four_steps(make, **make_archive(tmp_path / "new.tar.gz", "new"))
    assert (make.dest / "current" / "README").read_text() == "new"
    assert os.lstat(make.dest / "current").st_mtime_ns > link, "services see by the link's time that they are stale"


def test_keep(tmp_path, make):
    for number in range(4):
        make(release=str(number), keep=1, **make_archive(tmp_path / ("%d.tar.gz" % number), str(number)))
    assert sorted(path.name for path in (make.dest / "releases").iterdir()) == ["2", "3"]
    four_steps(make, release="3", keep=0, **make_archive(tmp_path / "3.tar.gz", "3"))
    assert [path.name for path in (make.dest / "releases").iterdir()] == ["3"]


@pytest.mark.parametrize(
    ("top", "root", "found"),
    [
        ("tool", None, "bin/tool"),
        ("tool", ".", "tool/bin/tool"),
        ("python/install", "python/install", "bin/tool"),
        ("python/install", None, "install/bin/tool"),
    ],
)
def test_root(tmp_path, make, top, root, found):
    four_steps(make, root=root, **make_archive(tmp_path / "a.tar.gz", top=top))
    assert (make.dest / "current" / found).is_file()


def test_missing_root(tmp_path, make):
    with pytest.raises(Problem, match=r"has no folder 'python/install'; at its top are: tool\. Correct root\."):
        make(root="python/install", **make_archive(tmp_path / "a.tar.gz"))
    assert tree(make.dest) == [("releases", None)]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("#!/bin/sh\necho 'openjdk version \"17.0.2\"' >&2\n", r'is not a JDK 1\.8: `bin/tool -version` printed \'openjdk version "17\.0\.2"\''),
        ("#!/bin/sh\necho broken; exit 3\n", "`bin/tool -version` failed with 'broken'"),
        ("#!/no/such/loader\n", "needs a program loader that this host does not have"),
        ("\x7fELF nonsense", "failed with 'Exec format error'. Is it built for the architecture"),
    ],
)
def test_what_is_not_as_it_should_be_leaves_current_alone(tmp_path, make, script, sentence):
    make(release="good", verify=VERIFY, **make_archive(tmp_path / "good.tar.gz"))
    before = tree(make.dest)
    with pytest.raises(Problem, match=sentence):
        make(release="bad", verify=VERIFY, **make_archive(tmp_path / "bad.tar.gz", script=script))
    assert tree(make.dest) == before


def test_verify_names_a_missing_program(tmp_path, make):
    with pytest.raises(Problem, match="is not a JDK 1.8: it has no bin/java"):
        make(verify={**VERIFY, "argv": ["bin/java"]}, **make_archive(tmp_path / "a.tar.gz"))


def test_a_release_of_an_images_layer_is_replaced(tmp_path, make, monkeypatch):
    make(**make_archive(tmp_path / "one.tar.gz"))
    (make.dest / "releases" / "1.0" / "README").write_text("spoilt")
    rename = os.rename

    def of_an_overlay(source, target):
        """As overlayfs answers for a folder that is in a layer below."""
        if str(source).endswith("releases/1.0"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", of_an_overlay)
    assert make(**make_archive(tmp_path / "two.tar.gz", version='version "1.8.1"'))["changed"]
    assert (make.dest / "current" / "README").read_text() == 'version "1.8.1"'
    assert make(state="absent")["changed"]
    assert not make.dest.exists()


def test_a_damaged_release_is_unpacked_anew(tmp_path, make):
    archive = make_archive(tmp_path / "a.tar.gz")
    make(verify=VERIFY, **archive)
    (make.dest / "current" / "bin" / "tool").unlink()
    assert make(check=True, verify=VERIFY, **archive)["changed"] is True
    assert make(verify=VERIFY, **archive)["changed"] is True
    assert (make.dest / "current" / "bin" / "tool").exists()


def test_wrong_digest(tmp_path, make):
    archive = make_archive(tmp_path / "a.tar.gz")
    with pytest.raises(
        Problem, match="has the sha256 %s, but %s was expected; it is a gzip archive of 1 MB. Nothing was changed" % (archive["sha256"], "0" * 64)
    ):
        make(**{**archive, "sha256": "0" * 64})
    assert tree(make.dest) == [("releases", None)]


def test_digest_is_taken_as_tools_print_it(tmp_path, make):
    archive = make_archive(tmp_path / "a.tar.gz")
    assert make(**{**archive, "sha256": "sha256:" + archive["sha256"].upper()})["sha256"] == archive["sha256"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"src": "x.tar.gz"}, "sha256 is missing"),
        ({"src": "x.tar.gz", "sha256": "123"}, "expected the 64 hexadecimal digits"),
        ({"src": "x.tar.gz", "sha256": "0" * 64, "release": "../x"}, "release is '../x'; expected letters"),
        ({"src": "x.tar.gz", "sha256": "0" * 64, "release": None}, "release is missing"),
        ({"src": "x.tar.gz", "sha256": "0" * 64, "root": "../x"}, "root is '../x'"),
        ({"src": "ftp://x/y", "sha256": "0" * 64}, "src starts with ftp://; expected http, https or file"),
        ({"src": None}, "Neither src nor home is given"),
        ({"home": "jdk"}, "home is 'jdk'; expected an absolute path"),
        ({"home": "/", "verify": {"argv": [], "pattern": None, "description": None}}, "verify.argv is empty"),
        ({"home": "/", "verify": {"argv": ["x"], "pattern": "(", "description": None}}, "is not a regular expression"),
        ({"home": "/", "keep": -1}, "keep is -1"),
        ({"home": "/", "dest": "relative"}, "dest is 'relative'"),
        ({"home": "/", "dest": "/"}, "dest is '/'"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_bad_options_change_nothing(make, check, options, sentence):
    with pytest.raises(Problem, match=sentence):
        make(check=check, **options)
    assert not make.dest.exists()


def test_home(tmp_path, make):
    home = tmp_path / "jvm"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tool").write_text("#!/bin/sh\necho 'version \"1.8.0\"'\n")
    (home / "bin" / "tool").chmod(0o755)
    result = four_steps(make, home=str(home), verify=VERIFY)
    assert os.readlink(make.dest / "current") == str(home)
    assert (result["release"], result["path"], result["version_output"]) == (None, str(home), 'version "1.8.0"')
    four_steps(make, release="9", **make_archive(tmp_path / "a.tar.gz"))
    assert four_steps(make, home=str(home), verify=VERIFY)["previous"] == "9"


def test_home_that_is_something_else(tmp_path, make):
    home = tmp_path / "jvm"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tool").write_text("#!/bin/sh\necho 'version \"11\"'\n")
    (home / "bin" / "tool").chmod(0o755)
    for check in (True, False):
        with pytest.raises(Problem, match="is not a JDK 1.8"):
            make(check=check, home=str(home), verify=VERIFY)


def test_home_that_is_missing(tmp_path, make):
    assert make(check=True, home=str(tmp_path / "later"), verify=VERIFY)["changed"] is True
    with pytest.raises(Problem, match="later does not exist on this host"):
        make(home=str(tmp_path / "later"), verify=VERIFY)


def test_current_that_is_no_link(make):
    (make.dest / "current").mkdir(parents=True)
    for options in ({"home": "/"}, {"state": "absent"}):
        with pytest.raises(Problem, match="current is not a symbolic link"):
            make(**options)


def test_absent_leaves_what_it_did_not_make(tmp_path, make):
    make(**make_archive(tmp_path / "a.tar.gz"))
    (make.dest / "notes.txt").write_text("mine")
    make(state="absent")
    assert tree(make.dest) == [("notes.txt", b"mine")]


def test_owner(tmp_path, make):
    archive = make_archive(tmp_path / "a.tar.gz")
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    make(**archive)
    four_steps(make, owner="1234", group="daemon", **archive)
    assert {os.lstat(path).st_uid for path in (make.dest / "releases" / "1.0").rglob("*")} == {1234}
    with pytest.raises(Problem, match="There is no user 'nobody-here' on this host"):
        make(owner="nobody-here", **archive)
    assert make(check=True, owner="nobody-here", **archive)["changed"] is False


def test_too_little_space(tmp_path, make, monkeypatch):
    monkeypatch.setattr("ansible_collections.sparkflows.mlops.plugins.module_utils._files.free_bytes", lambda path: 10)
    with pytest.raises(Problem, match="needs about 1 MB below .*tool, but only 0 MB are free there"):
        make(**make_archive(tmp_path / "a.tar.gz"))


@pytest.mark.parametrize(
    ("needed", "free", "said"),
    [(5_300_000, 5_299_999, "about 6 MB below /opt, but only 5 MB"), (7, 6, "about 1 MB below /opt, but only 0 MB")],
)
def test_what_is_free_never_reads_as_enough(monkeypatch, needed, free, said):
    monkeypatch.setattr(files, "free_bytes", lambda path: free)
    with pytest.raises(Problem, match=said):
        files.need_space("/opt", needed, "It")
    monkeypatch.setattr(files, "free_bytes", lambda path: needed)
    files.need_space("/opt", needed, "It")


def test_no_inodes(tmp_path, make, monkeypatch):
    monkeypatch.setattr(files, "free_inodes", lambda path: 0)
    with pytest.raises(Problem, match="needs new files below .*tool, but the file system there has no inodes left. `df -i` shows it"):
        make(**make_archive(tmp_path / "a.tar.gz"))


def test_modes_do_not_depend_on_the_umask(tmp_path, make):
    old = os.umask(0o077)
    try:
        make(**make_archive(tmp_path / "a.tar.gz"))
    finally:
        os.umask(old)
    for path in (make.dest, make.dest / "releases", make.dest / "releases" / "1.0", make.dest / "releases" / "1.0" / "bin"):
        assert path.stat().st_mode & 0o777 == 0o755, path


class TestDownload:
    def test_url(self, tmp_path, make, http_server):
        archive = make_archive(tmp_path / "a.tar.gz")
        http_server.serve_folder("/", tmp_path)
        options = {"src": http_server.url + "/a.tar.gz", "sha256": archive["sha256"]}
        four_steps(make, **options)
        assert http_server.count() == 1, "only the real first run asks the server"

    def test_password(self, tmp_path, make, http_server):
        archive = make_archive(tmp_path / "a.tar.gz")
        expected = "Basic " + base64.b64encode(b"me:secret-canary").decode()
        http_server.route("GET", "/a", lambda request: Path(archive["src"]).read_bytes() if request.headers.get("authorization") == expected else 401)
        options = {"src": http_server.url + "/a", "sha256": archive["sha256"], "url_username": "me"}
        with pytest.raises(Problem, match="answered 401 .*Check the user name and password") as caught:
            make(url_password="wrong-canary", **options)
        assert "canary" not in str(caught.value)
        assert make(url_password="secret-canary", **options)["changed"] is True

    def test_credentials_in_the_address_stay_out_of_messages(self, make, http_server):
        with pytest.raises(Problem, match="answered 404 Not Found. Check the address") as caught:
            make(src=http_server.url.replace("//", "//me:canary@") + "/a", sha256="0" * 64)
        assert "canary" not in str(caught.value)

    def test_error_page(self, make, http_server):
        http_server.route("GET", "/a", b"<html>Please log in</html>")
        with pytest.raises(Problem, match="it is a web page, perhaps an error or a login page"):
            make(src=http_server.url + "/a", sha256="0" * 64)

    def test_nobody_there(self, make):
        with pytest.raises(Problem, match="could not be fetched: .*Connection refused"):
            make(src="http://127.0.0.1:1/a", sha256="0" * 64)

    @pytest.mark.parametrize("knows", ["the rest", "the whole", "another", "nothing after it"])
    def test_a_download_goes_on_where_it_broke_off(self, tmp_path, make, http_server, knows):
        archive = make_archive(tmp_path / "a.tar.gz")
        data, asked = Path(archive["src"]).read_bytes(), []
        cut = len(data) if knows == "nothing after it" else 100

        def answer(request):
            asked.append(request.headers.get("range"))
            if len(asked) == 1:
                first = b"x" * cut if knows == "another" else data[:cut]
                return 200, first, {"Content-Length": str(len(data) + 1)}
            if asked[-1] is None or knows == "the whole":
                return data
            return 416 if knows == "nothing after it" else (206, data[cut:], {"Content-Range": "bytes %d-%d/%d" % (cut, len(data) - 1, len(data))})

        http_server.route("GET", "/a", answer)
        options = {"src": http_server.url + "/a", "sha256": archive["sha256"]}
        with pytest.raises(Problem, match="broke off after %d of %d bytes" % (cut, len(data) + 1)):
            make(**options, timeout=1)
        assert make(check=True, **options)["changed"]
        assert make(**options)["changed"]
        assert asked == [None, "bytes=%d-" % cut, *([None] if knows == "another" else [])], "no byte is asked for twice that is there and right"
        assert [path.name for path in (make.dest / "releases").iterdir()] == ["1.0"]

    def test_what_broke_off_goes_with_another_archive(self, tmp_path, make, http_server):
        http_server.route("GET", "/a", (200, b"abc", {"Content-Length": "300"}))
        for digest in ("0" * 64, "1" * 64):
            with pytest.raises(Problem, match="broke off"):
                make(src=http_server.url + "/a", sha256=digest, timeout=1)
            assert [path.name for path in (make.dest / "releases").iterdir()] == [".part-" + digest]
        make(**make_archive(tmp_path / "a.tar.gz"))
        assert [path.name for path in (make.dest / "releases").iterdir()] == ["1.0"]

    def test_broken_off(self, make, http_server):
        http_server.route("GET", "/a", (200, b"abc", {"Content-Length": "300"}))
        with pytest.raises(Problem, match="broke off after 3 of 300 bytes"):
            make(src=http_server.url + "/a", sha256="0" * 64, timeout=1)

    def test_a_server_that_drips(self, make):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            over = threading.Event()

            def serve():
                with contextlib.suppress(OSError), listener.accept()[0] as connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    while not over.wait(0.2):
                        connection.sendall(b"x")

            threading.Thread(target=serve, daemon=True).start()
            started = time.monotonic()
            with pytest.raises(Problem, match="the server is silent, or sends too little, for more than 1 seconds"):
                make(src="http://127.0.0.1:%d/a" % listener.getsockname()[1], sha256="0" * 64, timeout=1)
            over.set()
            assert time.monotonic() - started < 10

    def test_no_password_for_another_server(self, tmp_path, make, http_server):
        archive = make_archive(tmp_path / "a.tar.gz")
        body = Path(archive["src"]).read_bytes()
        http_server.route("GET", "/a", lambda request: 401 if request.headers.get("authorization") is None else (302, b"", {"Location": other}))
        http_server.route("GET", "/b", lambda request: body if request.headers.get("authorization") is None else 403)
        other = http_server.url.replace("127.0.0.1", "localhost") + "/b"
        assert make(src=http_server.url + "/a", sha256=archive["sha256"], url_username="me", url_password="canary")["changed"] is True

    def test_file_url(self, tmp_path, make):
        archive = make_archive(tmp_path / "a.tar.gz")
        assert make(src="file://" + archive["src"], sha256=archive["sha256"])["changed"] is True


class TestPacking:
    def folder(self, path, mode=0o644):
        (path / "package" / "__pycache__").mkdir(parents=True)
        (path / "package" / "__pycache__" / "x.pyc").write_text("x")
        (path / "package" / "main.py").write_text("print(1)\n")
        (path / "package" / "main.py").chmod(mode)
        (path / "run").write_text("#!/bin/sh\n")
        (path / "run").chmod(0o755)
        (path / "link").symlink_to("run")
        return str(path)

    def test_same_content_same_digest(self, tmp_path):
        one, two = self.folder(tmp_path / "one"), self.folder(tmp_path / "two", mode=0o600)
        os.utime(os.path.join(two, "run"), (1, 1))
        assert archive_release.digest_of_folder(one) == archive_release.digest_of_folder(two)
        (Path(two) / "run").chmod(0o644)
        assert archive_release.digest_of_folder(one) != archive_release.digest_of_folder(two)

    def test_packed_and_unpacked(self, tmp_path, make):
        folder = self.folder(tmp_path / "one")
        with open(tmp_path / "packed", "wb") as file:
            archive_release.pack(folder, file)
        make(src=str(tmp_path / "packed"), remote_src=True, sha256=archive_release.digest_of_folder(folder), root=".")
        current = make.dest / "current"
        assert {path.name for path in current.rglob("*")} == {".release.json", "package", "main.py", "run", "link"}
        assert os.access(current / "run", os.X_OK)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda release: (release / "package" / "main.py").write_text("print(2)\n"),
            lambda release: (release / "package" / "main.py").unlink(),
            lambda release: (release / "package" / "more.py").write_text(""),
            lambda release: (release / "package" / "main.py").chmod(0o666),
            lambda release: (release / "package").chmod(0o777),
            lambda release: ((release / "link").unlink(), (release / "link").symlink_to("/tmp")),
            lambda release: os.mkfifo(release / "pipe"),
        ],
    )
    def test_an_intact_folder_is_put_back(self, tmp_path, make, spoil):
        folder = self.folder(tmp_path / "one")
        with open(tmp_path / "packed", "wb") as file:
            archive_release.pack(folder, file)
        wanted = {"src": str(tmp_path / "packed"), "remote_src": True, "sha256": archive_release.digest_of_folder(folder), "root": ".", "intact": True}
        assert make(**wanted)["changed"]
        assert not make(**wanted)["changed"]
        whole = tree(make.dest)
        spoil(make.dest / "releases" / "1.0")
        assert not make(**{**wanted, "intact": False})["changed"]
        assert make(check=True, **wanted)["changed"]
        assert make(**wanted)["changed"]
        assert tree(make.dest) == whole
        assert not make(**wanted)["changed"]

    def test_only_a_folder_can_be_intact(self, make):
        with pytest.raises(Problem, match="intact is only for a folder as src"):
            make(src="x.tar", remote_src=True, sha256="0" * 64, intact=True)

    def test_a_pipe_is_refused(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Problem, match="is a device, pipe or socket"):
            archive_release.digest_of_folder(str(tmp_path))


def run_until(countdown, params):
    """Run the module's function in a child that kills itself before its `countdown`th change to the file system; True when it got so far."""
    child = os.fork()
    if child == 0:
        left = [countdown]

        def watched(function):
            def call(*args, **options):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **options)

            return call

        for name in ("mkdir", "rename", "replace", "unlink", "symlink", "rmdir", "chmod", "utime"):
            setattr(os, name, watched(getattr(os, name)))
        try:
            archive_release.run(params, False)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("release", ["1", "2"], ids=["other content of the release", "new release"])
def test_killed_anywhere_the_next_run_repairs(tmp_path, make, release):
    old = make_archive(tmp_path / "old.tar.gz", "old")
    options = {"release": release, "keep": 0, **make_archive(tmp_path / "new.tar.gz", "new")}
    countdown, killed = FIRST, True
    while killed:
        make(state="absent")
        make(release="1", **old)
        killed = run_until(countdown, {**DEFAULTS, "dest": str(make.dest), **options})
        if (make.dest / "current").exists():
            assert (make.dest / "current" / "README").read_text() in ("old", "new"), "what is current is always whole"
        make(**options)
        assert (make.dest / "current" / "README").read_text() == "new"
        assert [path.name for path in (make.dest / "releases").iterdir()] == [release]
        assert not list(make.dest.glob(".tmp-*"))
        assert make(**options)["changed"] is False
        countdown += EVERY
    assert countdown > 10


def test_who_removes_the_last_thing_takes_shared_folders_along(tmp_path, make, monkeypatch):
    prefixes, configuration = tmp_path / "opt", tmp_path / "etc"
    monkeypatch.setattr(files, "SHARED", (str(prefixes), str(configuration)))
    configuration.mkdir()
    archive = make_archive(tmp_path / "a.tar.gz")
    make(**archive)
    other = {"dest": str(prefixes / "other")}
    make(**other, **archive)
    (configuration / "settings").write_text("of somebody")
    make(state="absent")
    assert sorted(path.name for path in prefixes.iterdir()) == ["other"] and configuration.exists()
    make(state="absent", **other)
    assert not prefixes.exists()
    assert (configuration / "settings").read_text() == "of somebody"
    assert make(state="absent")["changed"] is False
    # The run that removed the last thing ended before it came to the folder.
    (configuration / "settings").unlink()
    for changed in (True, False):
        assert make(check=True, state="absent")["changed"] is changed
        assert make(state="absent")["changed"] is changed
        assert not configuration.exists()


def test_a_removal_that_is_killed_anywhere_is_ended_by_the_next(tmp_path, make):
    countdown, killed = 0, True
    while killed:
        make(**make_archive(tmp_path / "a.tar.gz"))
        killed = run_until(countdown, {**DEFAULTS, "dest": str(make.dest), "state": "absent"})
        left = os.path.lexists(make.dest)
        assert make(check=True, state="absent")["changed"] is left
        assert make(state="absent")["changed"] is left
        assert not make.dest.exists()
        countdown += 1
    assert countdown > 4
