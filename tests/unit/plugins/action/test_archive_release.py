# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin, run by Ansible itself: what is transferred, and when."""

from __future__ import annotations

import hashlib
import os
import tarfile

import pytest


@pytest.fixture
def release(tmp_path, run_module):
    """`release(*options, **arguments)` runs the module with a folder of its own; returns result, output and module executions."""

    def run(*options, **arguments):
        result, output = run_module("archive_release", {"dest": str(tmp_path / "opt"), "release": "1.0", **arguments}, *options, "-vvv")
        assert "Traceback" not in output
        assert "needed" not in result
        return result, output, output.count("Using module file")

    return run


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "tree" / "bin").mkdir(parents=True)
    (tmp_path / "tree" / "bin" / "tool").write_text("#!/bin/sh\necho tool 1.0\n")
    (tmp_path / "tree" / "bin" / "tool").chmod(0o755)
    with tarfile.open(tmp_path / "tool.tar.gz", "w:gz") as file:
        file.add(tmp_path / "tree", "tool")
    return {
        "src": str(tmp_path / "tool.tar.gz"),
        "sha256": hashlib.sha256((tmp_path / "tool.tar.gz").read_bytes()).hexdigest(),
        "verify": {"argv": ["bin/tool"], "pattern": "tool 1"},
    }


def test_a_file_of_the_controller(tmp_path, release, archive):
    predicted, dummy, executions = release("--check", "--diff", **archive)
    assert (predicted["changed"], executions) == (True, 1)
    assert not (tmp_path / "opt").exists()
    done, output, executions = release("--diff", **archive)
    assert (done["changed"], executions, done["version_output"]) == (True, 2, "tool 1.0")
    assert predicted["diff"] == done["diff"]
    assert done["invocation"]["module_args"]["src"] == archive["src"]
    for options in ((), ("--check",)):
        again, dummy, executions = release(*options, **archive)
        assert (again["changed"], executions) == (False, 1)
    assert not any((tmp_path / "remote").iterdir()), "what was transferred is removed again"


def test_a_directory_of_the_controller(tmp_path, release, archive):
    arguments = {"src": str(tmp_path / "tree")}
    predicted, dummy, executions = release("--check", **arguments)
    assert (predicted["changed"], executions) == (True, 1)
    done, dummy, executions = release(**arguments)
    assert (done["changed"], executions, done["sha256"]) == (True, 2, predicted["sha256"])
    assert os.access(tmp_path / "opt" / "current" / "bin" / "tool", os.X_OK), "a directory is its own root, even with a single folder in it"
    again, dummy, executions = release(**arguments)
    assert (again["changed"], executions) == (False, 1)
    (tmp_path / "tree" / "bin" / "tool").write_text("#!/bin/sh\necho tool 1.1\n")
    assert release(**arguments)[0]["changed"] is True


def test_a_wrong_digest_is_found_before_anything_is_sent(tmp_path, release, archive):
    for options in ((), ("--check",)):
        result, dummy, executions = release(*options, **{**archive, "sha256": "0" * 64})
        assert executions == 0
        assert result["msg"] == (
            "%s on the controller has the sha256 %s, but %s was expected. Nothing was transferred. Fetch it again or correct sha256."
            % (archive["src"], archive["sha256"], "0" * 64)
        )
    assert not (tmp_path / "opt").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"src": "no-such-file.tar.gz", "sha256": "0" * 64}, "There is no file or directory no-such-file.tar.gz on the controller."),
        ({"src": "/etc/hostname"}, "sha256 is missing; no archive is used before its digest was compared."),
        ({"src": "/etc/hostname", "sha256": "12"}, "expected the 64 hexadecimal digits"),
        ({"src": "/x", "home": "/y"}, "parameters are mutually exclusive: src|home"),
        ({"home": "/no/such/home"}, "The directory /no/such/home does not exist on this host."),
    ],
)
def test_refusals(release, arguments, sentence):
    result = release(**arguments)[0]
    assert sentence in result["msg"]


def test_on_the_host(tmp_path, release, archive, http_server):
    http_server.serve_folder("/", tmp_path)
    canary = "CANARY-secret-0123"
    url = {**archive, "src": http_server.url + "/tool.tar.gz", "url_username": "me", "url_password": canary}
    for arguments in (url, {**archive, "remote_src": True, "release": "1.1"}):
        result, output, executions = release(**arguments)
        assert (result["changed"], executions) == (True, 1)
        assert canary not in output
    result, dummy, executions = release(state="absent")
    assert (result["changed"], executions) == (True, 1)
