# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin, run by Ansible itself: what is transferred, and when."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest
from ansible_collections.sparkflows.mlops.plugins.plugin_utils import transfer


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


@pytest.fixture
def large(tmp_path):
    """An archive of three parts, whose bytes no compression makes less."""
    content = os.urandom(2 * transfer.PART + 5)
    with tarfile.open(tmp_path / "large.tar", "w") as file:
        member = tarfile.TarInfo("large/file")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    data = (tmp_path / "large.tar").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    yield {"src": str(tmp_path / "large.tar"), "sha256": digest}, data, tmp_path / "remote" / ("sparkflows-mlops-" + digest[:32])
    (tmp_path / "large.tar").unlink()


def test_a_large_file_is_sent_in_parts(tmp_path, release, large):
    arguments, data, folder = large
    done, output, executions = release("--diff", **arguments)
    assert (done["changed"], executions) == (True, 2)
    assert done["invocation"]["module_args"]["src"] == arguments["src"] and done["invocation"]["module_args"]["parts"] is None
    assert output.count("PUT ") >= 3 and "localhost: large.tar: 67 of 67 MB is there" in output
    assert (tmp_path / "opt" / "current" / "file").stat().st_size == 2 * transfer.PART + 5
    assert not any((tmp_path / "remote").iterdir()), "what was transferred is removed again"


def test_a_transfer_goes_on_where_it_broke_off(tmp_path, release, large):
    arguments, data, folder = large
    folder.mkdir(parents=True)
    (folder / "0000").write_bytes(data[: transfer.PART])
    (folder / "0001").write_bytes(data[transfer.PART : transfer.PART + 1000])
    done, output, dummy = release(**arguments)
    assert done["changed"] and "33 MB of it from an earlier run" in output
    assert "/0000" not in "".join(line for line in output.splitlines() if "PUT " in line), "what is there is not sent again"
    assert not folder.exists()


def test_a_part_that_was_damaged_is_not_believed(tmp_path, release, large):
    arguments, data, folder = large
    folder.mkdir(parents=True)
    (folder / "0001").write_bytes(b"x" * transfer.PART)
    result = release(**arguments)[0]
    assert "has the sha256 " in result["msg"] and not folder.exists()
    assert not (tmp_path / "opt" / "current").exists()
    assert release(**arguments)[0]["changed"], "the next run sends it anew"


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
