# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules pip_environment, host_info, secret_file and service_wait, run by Ansible itself: options, results, and no secret in the most talkative output."""

from __future__ import annotations

import os
import sys

CANARY = "CANARY-secret-0123456789"


def test_pip_lock(tmp_path, run_module, make_wheel):
    wheel = make_wheel(tmp_path / "wheels", "alpha", "1.0")
    arguments = {
        "dest": str(tmp_path / "opt"), "python": os.path.realpath(sys.executable), "python_version": "%d.%d" % sys.version_info[:2],
        "lock": wheel.pin, "installer": "pip", "find_links": [str(tmp_path / "wheels")], "offline": True,
        "index_url": "https://me:%s@mirror.example.org" % CANARY, "extra_index_urls": ["https://me:%s@more.example.org" % CANARY],
    }  # fmt: skip
    predicted, output = run_module("pip_environment", arguments, "--check", "--diff", "-vvv")
    assert predicted["changed"] is True
    assert CANARY not in output and "WARNING" not in output
    done, output = run_module("pip_environment", arguments, "--diff", "-vvv")
    assert (done["changed"], done["installed"], done["installer"]) == (True, {"alpha": "1.0"}, "pip")
    assert predicted["diff"] == done["diff"]
    assert CANARY not in output and "WARNING" not in output
    assert run_module("pip_environment", arguments).result["changed"] is False
    assert run_module("pip_environment", {"dest": str(tmp_path / "opt"), "state": "absent"}).result["changed"] is True


def test_pip_lock_refuses(tmp_path, run_module):
    arguments = {"dest": str(tmp_path / "opt"), "python": sys.executable, "lock": "alpha==1.0", "python_version": "%d.%d" % sys.version_info[:2]}
    result, output = run_module("pip_environment", arguments)
    assert result["msg"].startswith("Line 1 of the lock pins alpha without a hash.")
    assert "Traceback" not in output
    assert "state is present but all of the following are missing: lock, python" in run_module("pip_environment", {"dest": "/x"}).result["msg"]


def test_mlflow_host_info(tmp_path, run_module):
    (tmp_path / "secret.env").write_text("PASSWORD=%s\n" % CANARY)
    arguments = {
        "python": sys.executable, "units": ["no-such-unit"], "ports": [1], "users": ["root"], "paths": ["/opt"], "commands": ["sh"],
        "files": [{"path": str(tmp_path / "secret.env"), "content": "PASSWORD=%s\n" % CANARY}],
        "urls": [{"url": "http://127.0.0.1:1/", "username": "me", "password": CANARY}],
        "certificates": [{"path": str(tmp_path / "secret.env"), "private_key": str(tmp_path / "secret.env")}],
    }  # fmt: skip
    result, output = run_module("host_info", arguments, "--check", "-vvv")
    assert result["changed"] is False
    assert result["host"]["files"][str(tmp_path / "secret.env")]["matches"] is True
    assert result["host"]["ports"] == {"1": None}
    assert result["host"]["certificates"][str(tmp_path / "secret.env")]["error"] == "%s holds no certificate in PEM format." % (tmp_path / "secret.env")
    assert CANARY not in output and "WARNING" not in output


def test_service_wait(http_server, run_module):
    http_server.route("GET", "/health", b"ok")
    result, output = run_module("service_wait", {"unit": "no-such.service", "url": http_server.url + "/health"}, "-vvv")
    assert (result["changed"], result["seconds"] < 5) == (False, True)
    http_server.route("GET", "/health", 503)
    arguments = {"unit": "no-such.service", "url": http_server.url + "/health", "timeout": 1, "secrets": [CANARY]}
    result, output = run_module("service_wait", arguments, "-vvv")
    assert "but within 1 seconds there was no answer. %s/health answers with status 503." % http_server.url in result["msg"]
    assert CANARY not in output and "Traceback" not in output


def test_secret_file(tmp_path, run_module):
    path = tmp_path / "service.env"
    arguments = {"path": str(path), "content": 'PASSWORD="%s"\nOTHER="\\$"\n' % CANARY}
    for mode, options in ((0o600, {}), (0o640, {"mode": "0640"}), (0o640, {"mode": "0640", "content": CANARY})):
        before = path.read_text() if path.exists() else None
        predicted, output = run_module("secret_file", {**arguments, **options}, "--check", "--diff", "-vvv")
        assert (path.read_text() if path.exists() else None) == before
        assert predicted["changed"] is True and CANARY not in output and "WARNING" not in output
        done, output = run_module("secret_file", {**arguments, **options}, "--diff", "-vvv")
        assert done["changed"] is True and CANARY not in output and "WARNING" not in output
        assert path.read_text() == {**arguments, **options}["content"] and path.stat().st_mode & 0o777 == mode
        assert run_module("secret_file", {**arguments, **options}).result["changed"] is False
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".tmp-")] == []


def test_secret_file_refuses(tmp_path, run_module):
    arguments = {"path": str(tmp_path / "service.env"), "content": CANARY}
    for options, sentence in (
        ({"mode": "rw"}, "mode is 'rw'; expected octal digits, like 0600."),
        ({"group": "nobody-here"}, "There is no group 'nobody-here' on this host. Create it first, or correct group."),
        ({"path": str(tmp_path)}, "%s is a folder, but a file is to be written there. Move it away." % tmp_path),
        ({"path": str(tmp_path / "none" / "service.env")}, "No such file or directory"),
    ):
        result, output = run_module("secret_file", {**arguments, **options}, "-vvv")
        assert sentence in result["msg"]
        assert CANARY not in output and "Traceback" not in output
