# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of pip_environment, made with real installers out of small wheels; no network is needed.

Runs with the interpreter named in TEST_PYTHON37 where there is one, else with that of the tests.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import environment as pip_environment
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from tests.unit.plugins.module_utils.kills import EVERY, FIRST

PYTHON = os.environ.get("TEST_PYTHON37") or os.path.realpath(sys.executable)
VERSION = subprocess.run([PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=True).stdout.strip()
UV = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
INSTALLERS = ["uv", "pip"]
HASH = " --hash=sha256:" + "0" * 64


class Maker:
    """Runs the module's function on a folder of its own with small wheels in a folder."""

    def __init__(self, tmp_path, make_wheel):
        self.dest = tmp_path / "opt" / "stack"
        self.wheels = tmp_path / "wheels"
        self.make_wheel = make_wheel
        self.warnings = []
        self.environment = {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path), "PIP_RETRIES": "0"}

    def lock(self, **versions):
        return "".join(self.make_wheel(self.wheels, name, version).pin for name, version in versions.items())

    def params(self, **options):
        return {
            "dest": str(self.dest), "lock": None, "python": PYTHON, "python_version": VERSION, "installer": "uv", "uv": None, "uv_lock": None,
            "index_url": None, "extra_index_urls": [], "find_links": [str(self.wheels)], "offline": True, "ca_bundle": None, "compile": "none",
            "keep": 2, "timeout": 60, "state": "present",
            **({"uv": UV} if options.get("installer", "uv") == "uv" else {}), **options,
        }  # fmt: skip

    def __call__(self, check=False, **options):
        return pip_environment.run(self.params(**options), check, self.environment, self.warnings.append)

    def names(self):
        return sorted(os.listdir(self.dest / "releases"))

    def module(self, name):
        return next((self.dest / "current" / "lib").glob("python*/site-packages/%s.py" % name)).read_text().strip()

    def program(self, code):
        return subprocess.run([self.dest / "current" / "bin" / "python", "-c", code], capture_output=True, text=True, check=False)

    def seen(self):
        """All files and links below the folder but the tools, with their times."""
        found = []
        for parent, folders, files in os.walk(self.dest):
            folders[:] = [name for name in folders if name != "tools"]
            paths = [os.path.join(parent, name) for name in folders + files if name != ".lock"]
            found += [(path, os.lstat(path).st_mtime_ns) for path in paths if os.path.islink(path) or not os.path.isdir(path)]
        return sorted(found)

    def four_steps(self, **options):
        """Predict, do, predict again, do again; returns the result of the change."""
        before = self.seen()
        predicted = self(check=True, **options)
        assert self.seen() == before
        done = self(**options)
        after = self.seen()
        assert predicted["changed"] is done["changed"] is True
        assert {**predicted, "installer": None, "compiled": True} == {**done, "installer": None}
        for check in (True, False):
            again = self(check=check, **options)
            assert again["changed"] is False
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
            assert again["path"] == done["path"]
        assert self.seen() == after
        return done


@pytest.fixture
def make(tmp_path, make_wheel):
    return Maker(tmp_path, make_wheel)


def removed_and_added(result):
    before, after = (set(result["diff"][side].splitlines()) for side in ("before", "after"))
    return sorted(before - after), sorted(after - before)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_create_modify_delete(make, installer):
    one = make.lock(alpha="1.0", beta_tool="2.0.post1")
    result = make.four_steps(lock=one, installer=installer)
    assert (result["installer"], result["previous"]) == (installer, None)
    assert result["installed"] == {"alpha": "1.0", "beta-tool": "2.0.post1"}
    assert make.program("import alpha, beta_tool; print(alpha.VERSION, beta_tool.VERSION)").stdout == "1.0 2.0.post1\n"
    assert make.program("import pip").returncode, "the environment holds what the lock says and no more"
    assert os.readlink(make.dest / "current") == "releases/" + os.path.basename(result["path"])
    assert re.fullmatch("[0-9a-f]{12}", os.path.basename(result["path"]))

    changed = make.four_steps(lock=make.lock(alpha="1.1", gamma="3"), installer=installer)
    assert removed_and_added(changed) == (["alpha 1.0", "beta-tool 2.0.post1"], ["alpha 1.1", "gamma 3"])
    assert changed["previous"] == os.path.basename(result["path"])
    assert make.program("import alpha; print(alpha.VERSION)").stdout == "1.1\n"

    before = make.seen()
    assert make(check=True, state="absent")["changed"] is True
    assert make.seen() == before
    assert make(state="absent")["changed"] is True
    assert not make.dest.exists()
    for check in (True, False):
        assert make(check=check, state="absent")["changed"] is False


@pytest.mark.parametrize("installer", INSTALLERS)
def test_rollback_installs_nothing(make, installer):
    one, two = make.lock(alpha="1.0"), make.lock(alpha="1.1")
    first = make(lock=one, installer=installer)
    make(lock=two, installer=installer)
    shutil.rmtree(make.wheels)
    make.wheels.mkdir()
    back = make.four_steps(lock=one, installer=installer)
    assert (back["path"], back["installer"]) == (first["path"], None)


def test_what_is_no_part_of_the_pins_changes_nothing(make):
    lock = make.lock(alpha="1.0")
    make(lock=lock)
    assert make(lock="# requires-python: %s\n# a comment\n%s" % (VERSION, lock.replace(" --hash", " \\\n    --hash")))["changed"] is False


@pytest.mark.parametrize("damage", ["extra", "missing", "interpreter"])
def test_a_damaged_environment_is_made_anew_beside_the_old_one(make, damage):
    lock = make.lock(alpha="1.0", beta="2.0")
    first = make(lock=lock)
    site_packages = next((make.dest / "current" / "lib").glob("python*/site-packages"))
    if damage == "extra":
        (site_packages / "stray-1.0.dist-info").mkdir()
    elif damage == "missing":
        shutil.rmtree(site_packages / "beta-2.0.dist-info")
    else:
        (make.dest / "current" / "bin" / "python").unlink()
        (make.dest / "current" / "bin" / "python").symlink_to("/nowhere")
    repaired = make.four_steps(lock=lock)
    assert repaired["path"] == first["path"] + "-2"
    assert make.names() == [os.path.basename(repaired["path"])]
    assert make.program("import alpha, beta").returncode == 0


def test_another_interpreter_means_another_environment(make, tmp_path):
    lock = make.lock(alpha="1.0")
    first = make(lock=lock)
    link = tmp_path / "python"
    link.symlink_to(PYTHON)
    assert make(lock=lock, python=str(link))["changed"] is False, "the same interpreter by another name"
    script = tmp_path / "other"
    script.write_text('#!/bin/sh\nexec %s "$@"\n' % PYTHON)
    script.chmod(0o755)
    assert make(lock=lock, python=str(script))["path"] == first["path"], "it is asked for its own path"


def test_keep(make):
    for version in ("1", "2", "3", "4"):
        make(lock=make.lock(alpha=version), keep=1)
    assert len(make.names()) == 2
    make.four_steps(lock=make.lock(alpha="4"), keep=0)
    assert len(make.names()) == 1


def test_the_cache_holds_only_what_is_installed(make):
    for version in ("1", "2", "3"):
        make(lock=make.lock(alpha=version, beta="1"), keep=1)
    archives = list((make.dest / "tools" / "uv-cache").glob("archive-*/*"))
    assert len(archives) == 3, "alpha 2 and 3, and beta"
    assert (make.dest / "tools" / "uv-cache").stat().st_mode & 0o777 == 0o700
    assert not [path for path in make.dest.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002], "nobody else can write anywhere"
    assert make(lock=make.lock(alpha="1", beta="1"), keep=1)["changed"] is True, "uv copes with what was removed from its cache"


def test_a_disk_that_was_full_gets_back_what_did_not_fit(make, tmp_path):
    uv = tmp_path / "uv"
    full = 'mkdir -p "$UV_CACHE_DIR/archive-v0/x"; echo "error: failed to copy: No space left on device (os error 28)" >&2; exit 2'
    uv.write_text(f'#!/bin/sh\n[ "$1" = --version ] || {{ {full}; }}\n')
    uv.chmod(0o755)
    with pytest.raises(Problem, match="The disk was full before all was installed"):
        make(lock=make.lock(alpha="1"), uv=str(uv))
    assert not (make.dest / "tools" / "uv-cache").exists() and make.names() == []
    assert make(lock=make.lock(alpha="1"))["changed"] is True


def test_modes_do_not_depend_on_the_umask(make):
    old = os.umask(0o077)
    try:
        make(lock=make.lock(alpha="1.0"))
    finally:
        os.umask(old)
    for path in (make.dest, make.dest / "releases", make.dest / "current" / "bin", next((make.dest / "current" / "lib").glob("python*/site-packages"))):
        assert path.stat().st_mode & 0o777 == 0o755, path
    assert next((make.dest / "current" / "lib").glob("python*/site-packages/alpha.py")).stat().st_mode & 0o444 == 0o444


def test_programs_run_from_the_link(make, make_wheel):
    entry = {"tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n", "tool.py": "import sys\ndef main():\n    print(sys.prefix)\n"}
    result = make(lock=make_wheel(make.wheels, "tool", "1.0", entry).pin)
    assert subprocess.run([make.dest / "current" / "bin" / "tool"], capture_output=True, text=True, check=True).stdout == result["path"] + "\n"


def test_an_interpreter_that_is_gone_for_a_while(make, tmp_path):
    """The environment is known to fit the interpreter that it was made with, unless the lock or what is installed differs."""
    link = tmp_path / "python"
    link.symlink_to(PYTHON)
    lock = make.lock(alpha="1.0")
    done = make(lock=lock, python=str(link))
    assert done["fits"] is None
    link.unlink()
    seen = make(check=True, lock=lock, python=str(link))
    assert (seen["changed"], seen["path"], seen["fits"]) == (True, None, os.path.realpath(PYTHON))
    assert make(check=True, lock=make.lock(alpha="1.1"), python=str(link))["fits"] is None
    next((make.dest / "current" / "lib").glob("python*/site-packages/alpha-1.0.dist-info")).rename(tmp_path / "away")
    assert make(check=True, lock=lock, python=str(link))["fits"] is None


@pytest.mark.parametrize("compile_", ["foreground", "background"])
def test_compile(make, monkeypatch, compile_):
    monkeypatch.setattr(os.path, "isdir", lambda path, real=os.path.isdir: path != "/run/systemd/system" and real(path))
    lock = make.lock(alpha="1.0")
    make.four_steps(lock=lock, compile=compile_)
    site_packages = next((make.dest / "current" / "lib").glob("python*/site-packages"))
    assert list((site_packages / "__pycache__").glob("alpha.*.pyc"))
    (make.dest / "current" / ".compiled").unlink()
    assert make(check=True, lock=lock, compile=compile_)["compiled"] is False
    again = make(lock=lock, compile=compile_)
    assert (again["changed"], again["compiled"]) == (False, True)
    assert (make.dest / "current" / ".compiled").exists(), "a compilation that was interrupted starts again, without a word"


def test_compile_in_the_background_asks_systemd(make, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemd-run").write_text('#!/bin/sh\nprintf "%%s\\n" "$@" > %s/asked\n' % tmp_path)
    (tmp_path / "bin" / "systemd-run").chmod(0o755)
    monkeypatch.setattr(commands, "PATH", "%s:%s" % (tmp_path / "bin", commands.PATH))
    monkeypatch.setattr(os.path, "isdir", lambda path, real=os.path.isdir: path == "/run/systemd/system" or real(path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    result = make(lock=make.lock(alpha="1.0"), compile="background")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "--unit=sparkflows-compile-%s.service" % os.path.basename(result["path"]) in asked
    assert "--property=CPUSchedulingPolicy=idle" in asked
    start = asked.index("/bin/sh")
    assert not (make.dest / "current" / ".compiled").exists()
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\nexit $(cat %s/inactive)\n" % tmp_path)
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    for inactive in (0, 3):
        (tmp_path / "inactive").write_text(str(inactive))
        assert make(check=True, lock=make.lock(alpha="1.0"), compile="background")["compiled"] is not bool(inactive)
    subprocess.run(asked[start:], check=True)
    assert (make.dest / "current" / ".compiled").exists()
    assert list((make.dest / "current" / "lib").glob("python*/site-packages/__pycache__/alpha.*.pyc"))


class TestRefusals:
    """Each is one sentence or two, and leaves the environment in use as it was."""

    def refused(self, make, sentence, check=False, **options):
        before = make.seen()
        with pytest.raises(Problem, match=sentence) as caught:
            make(check=check, **options)
        assert make.seen() == before
        assert "Traceback" not in str(caught.value) and "canary" not in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("installer", INSTALLERS)
    def test_wrong_hash(self, make, installer):
        make(lock=make.lock(alpha="1.0"), installer=installer)
        lock = make.lock(alpha="1.1", beta="1.0")
        message = self.refused(
            make, "alpha.*1.1.* does not have a hash that the lock lists", lock=re.sub("sha256:.{64}", HASH[8:], lock, count=1), installer=installer
        )
        assert re.search("the file has (sha256:)?[0-9a-f]{64}", message)

    @pytest.mark.parametrize("installer", INSTALLERS)
    def test_missing_file(self, make, installer):
        make(lock=make.lock(alpha="1.0"), installer=installer)
        self.refused(make, r"delta.* was not found\. Looked in: %s" % make.wheels, lock="delta==1.0" + HASH, installer=installer)

    @pytest.mark.parametrize("installer", INSTALLERS)
    def test_unreachable_index(self, make, installer):
        message = "%s could not reach where the distributions come from .*Connection refused.*Looked in: .*http://127.0.0.1:1/simple" % installer
        self.refused(
            make, message, lock="alpha==1.0" + HASH, installer=installer, offline=False, find_links=[], index_url="http://me:canary@127.0.0.1:1/simple",
            extra_index_urls=["http://me:canary@127.0.0.1:1/more"],
        )  # fmt: skip

    @pytest.mark.parametrize("installer", INSTALLERS)
    def test_index_refuses_the_password(self, make, installer, http_server):
        http_server.route("GET", "/*", (401, b"no", {"WWW-Authenticate": "Basic realm=x"}))
        self.refused(
            make, "The index refused the user name or password", lock="alpha==1.0" + HASH, installer=installer, offline=False, find_links=[],
            index_url=http_server.url.replace("//", "//me:canary@"),
        )  # fmt: skip

    @pytest.mark.parametrize("installer", INSTALLERS)
    def test_too_slow(self, make, installer, http_server):
        http_server.route("GET", "/*", lambda request: time.sleep(10))
        options = {"offline": False, "find_links": [], "index_url": http_server.url, "timeout": 2}
        self.refused(make, "did not end within 2 seconds", lock="alpha==1.0" + HASH, installer=installer, **options)

    @pytest.mark.parametrize("check", [True, False])
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"lock": "alpha==1.0"}, "pins alpha without a hash"),
            ({"lock": "# requires-python: 2.7\nalpha==1.0" + HASH}, "made for Python 2.7"),
            ({"python_version": "3.2"}, "is CPython %s.*, but CPython 3.2 is needed" % re.escape(VERSION)),
            ({"python_version": "3"}, "expected two numbers"),
            ({"python": "python3"}, "expected the absolute path of an interpreter"),
            ({"python": "/bin/ls"}, "/bin/ls is not a Python interpreter that runs here"),
            ({"dest": "opt"}, "dest is 'opt'"),
            ({"keep": -1}, "keep is -1"),
            ({"find_links": []}, "find_links only, but it is empty"),
            ({"uv": None}, "neither uv nor uv_lock says where it comes from"),
            ({"uv": None, "uv_lock": "uv==1"}, "uv_lock can't be used. Line 1 of the lock pins uv without a hash"),
            ({"uv": None, "uv_lock": "uvx==1" + HASH}, "uv_lock pins uvx; expected uv alone"),
        ],
    )
    def test_bad_options(self, make, check, options, sentence):
        self.refused(make, sentence, check, **{"lock": "alpha==1.0" + HASH, **options})
        assert not make.dest.exists()

    def test_missing_interpreter(self, make, tmp_path):
        options = {"lock": make.lock(alpha="1.0"), "python": str(tmp_path / "later")}
        self.refused(make, "There is no Python interpreter at .*later. Install Python .* first", **options)
        predicted = make(check=True, **options)
        assert (predicted["changed"], predicted["path"], predicted["installed"]) == (True, None, {"alpha": "1.0"})

    def test_too_little_space(self, make, monkeypatch):
        monkeypatch.setattr("ansible_collections.sparkflows.mlops.plugins.module_utils._files.free_bytes", lambda path: 1)
        with pytest.raises(Problem, match="The stack needs about .* MB below .*, but only 0 MB are free there"):
            make(lock=make.lock(alpha="1.0"))

    def test_missing_uv(self, make):
        with pytest.raises(Problem, match="uv failed: /nowhere/uv can't be run"):
            make(lock=make.lock(alpha="1.0"), uv="/nowhere/uv")


class TestAuto:
    def test_without_uv_it_is_pip(self, make):
        assert make(lock=make.lock(alpha="1.0"), installer="auto")["installer"] == "pip"
        assert make.warnings == []

    def test_uv_that_cannot_be_had(self, make):
        assert make(lock=make.lock(alpha="1.0"), installer="auto", uv_lock="uv==9.9.9" + HASH)["installer"] == "pip"
        assert len(make.warnings) == 1
        assert re.match("pip installs, which takes longer, because uv was not available. uv 9.9.9 for .* was found neither", make.warnings[0])
        with pytest.raises(Problem, match="was found neither"):
            make(lock=make.lock(alpha="1.1"), uv=None, uv_lock="uv==9.9.9" + HASH)

    def test_uv_out_of_its_wheel(self, make, make_wheel):
        tag = "py3-none-manylinux_2_17_%s.manylinux2014_%s" % (os.uname().machine, os.uname().machine)
        script = '#!/bin/sh\nexec %s "$@"\n' % UV
        for version in ("9.9.9", "9.9.10"):
            uv_lock = make_wheel(make.wheels, "uv", version, {"uv-%s.data/scripts/uv" % version: script}, tag).pin
            result = make(lock=make.lock(alpha=version), installer="auto", uv_lock=uv_lock)
            assert result["installer"] == "uv"
            assert sorted(os.listdir(make.dest / "tools")) == ["uv-" + version, "uv-cache"]
        assert make.warnings == []


@pytest.mark.parametrize("installer", INSTALLERS)
def test_secrets_stay_off_command_lines(make, installer, monkeypatch, http_server):
    seen = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda argv, **options: seen.append(argv) or real(argv, **options))
    lock = make.lock(alpha="1.0")
    make.wheels.rename(make.wheels.parent / "alpha")
    http_server.serve_folder("/simple", make.wheels.parent)
    make(lock=lock, installer=installer, offline=False, find_links=[], index_url=http_server.url.replace("//", "//me:canary@") + "/simple")
    assert len(seen) > 2
    assert "canary" not in json.dumps([[str(part) for part in argv] for argv in seen])


def run_until(point, params, environment):
    """Run in a child that dies at a named point of the work; True when it got so far."""
    child = os.fork()
    if child == 0:
        left = [point]

        def watched(function):
            def call(*args, **options):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **options)

            return call

        for name in ("mkdir", "rename", "replace", "unlink", "symlink", "rmdir", "chmod", "utime"):
            setattr(os, name, watched(getattr(os, name)))
        subprocess.Popen.communicate = watched(subprocess.Popen.communicate)
        try:
            pip_environment.run(params, False, environment, print)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_killed_anywhere_the_next_run_repairs(make):
    old, new = make.lock(alpha="1.0", beta="1.0"), make.lock(alpha="1.1", gamma="1.0")
    point, killed = FIRST, True
    while killed:
        make(lock=old, keep=0)
        killed = run_until(point, make.params(lock=new, keep=0), make.environment)
        assert make.module("alpha") in ("VERSION = '1.0'", "VERSION = '1.1'"), "what is current is always whole"
        result = make(lock=new, keep=0)
        assert make.names() == [os.path.basename(result["path"])]
        assert (make.module("alpha"), make.module("gamma")) == ("VERSION = '1.1'", "VERSION = '1.0'")
        assert make(lock=new, keep=0)["changed"] is False
        point += EVERY  # some forty changes in all, each costing three installations here
    assert point > 10


def test_an_installer_that_outlives_its_run_is_waited_for(make, tmp_path):
    """The child of a killed run goes on writing; the next run must not begin before it has ended."""
    slow = tmp_path / "slow-uv"
    slow.write_text('#!/bin/sh\n[ "$1" = --version ] && exit\ntouch %s/began; sleep 1; touch %s/ended; exit 1\n' % (tmp_path, tmp_path))
    slow.chmod(0o755)
    lock = make.lock(alpha="1.0")
    child = os.fork()
    if child == 0:
        try:
            pip_environment.run(make.params(lock=lock, uv=str(slow)), False, make.environment, print)
        finally:
            os._exit(0)
    deadline = time.monotonic() + 30
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not (tmp_path / "ended").exists()
    make(lock=lock, installer="pip")
    assert (tmp_path / "ended").exists()
