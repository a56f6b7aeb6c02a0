# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sparkflows_model, run by Ansible itself: options, results, and no secret in the most talkative output."""

from __future__ import annotations

import os


def test_create_and_delete(run_module, sparkflows_double, tmp_path):
    dest = tmp_path / "model"
    arguments = {
        "sparkflows_url": sparkflows_double.url, "sparkflows_token": sparkflows_double.token, "model_name": "model-of-a-double", "dest": str(dest),
    }  # fmt: skip
    result, output = run_module("sparkflows_model", arguments, "--check", "--diff", "-vvv")
    assert (result["changed"], result["downloaded"], result["release"], dest.exists()) == (True, True, None, False)
    assert sparkflows_double.token not in output and "WARNING" not in output

    result, output = run_module("sparkflows_model", arguments, "--diff", "-vvv")
    assert (result["changed"], result["files"], result["requests"]) == (True, ["MLmodel", "README"], 2)
    assert result["download_size"] == (sparkflows_double.home / "models" / "1.zip").stat().st_size
    assert os.readlink(dest / "current") == "releases/" + result["release"] == "releases/" + result["sha256"][:12]
    assert sparkflows_double.token not in output and "WARNING" not in output
    marker = (dest / "current" / ".release.json").read_text()
    assert sparkflows_double.token not in marker and result["sha256"] in marker

    sparkflows_double.reset_counters()
    assert run_module("sparkflows_model", arguments).result["changed"] is False
    assert sparkflows_double.counters()["by_path"] == {"GET /api/v1/mlmodel/OutputModels": 1}

    result, output = run_module("sparkflows_model", {"dest": str(dest), "state": "absent"})
    assert (result["changed"], result["requests"], dest.exists()) == (True, 0, False)


def test_what_is_missing(run_module, sparkflows_double, tmp_path):
    def refused(**options):
        result, output = run_module("sparkflows_model", {"dest": str(tmp_path / "model"), **options})
        assert "Traceback" not in output
        return result["msg"]

    url = sparkflows_double.url
    assert refused(model_id=1) == "state is present but all of the following are missing: sparkflows_url"
    assert refused(sparkflows_url=url) == "state is present but any of the following are missing: model_id, model_uuid, model_name"
    assert refused(sparkflows_url=url, model_id=1, sparkflows_token=sparkflows_double.token, dest="/proc/model") == (
        "/proc/model: No such file or directory. Check the path, the space and the permissions there."
    )


def test_wrong_token(run_module, sparkflows_double, tmp_path):
    arguments = {"sparkflows_url": sparkflows_double.url, "sparkflows_token": "CANARY-token", "model_id": 1, "dest": str(tmp_path / "model")}
    result, output = run_module("sparkflows_model", arguments, "-vvv")
    assert "so it does not accept the token. Check sparkflows_token" in result["msg"]
    assert "CANARY-token" not in output and "Traceback" not in output
