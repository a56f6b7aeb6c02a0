# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scorer's model says when it cannot be had from the double: the scorer, and the options as its declaration has them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._scorer import models as scorer_models


@pytest.mark.parametrize("model, given, words", [
    ({"id": 4711}, {}, "has no model with the id 4711. Check model.id, and"), ({"name": "nobody"}, {}, "Check model.name, and"),
    ({"id": 0}, {}, "model.id is 0; it must be at least 1."), ({"id": 1}, {"model_max_mb": 0}, "model_max_mb is 0; it must be at least 1."),
    ({"id": 1}, {"model_file_type": "a b"}, "model_file_type is 'a b'; expected"),
    ({"id": 1}, {"model_file_type": "mojo"}, "and give that as model_file_type."),
    ({"id": 1}, {"sparkflows_token": "a-wrong-token"}, "Check sparkflows_token, that"),
])  # fmt: skip
def test_errors_name_what_was_declared(sparkflows_double: t.Any, tmp_path: Path, model: dict[str, t.Any], given: dict[str, t.Any], words: str) -> None:
    params = {
        "sparkflows_url": sparkflows_double.url, "sparkflows_token": sparkflows_double.token, "sparkflows_username": None, "sparkflows_password": None,
        "sparkflows_auth": "auto", "oauth_client_id": "sparkflows", "oauth_client_secret": None, "retries": 0, "retry_delay": 0.0, "rate_limit": None,
        "validate_certs": True, "ca_path": None, "use_proxy": False, "timeout": 10,
        "directory": str(tmp_path), "model_file_type": "zip", "model_max_mb": 10, "model_ignore_metadata": [], **given,
    }  # fmt: skip
    wanted = {**dict.fromkeys((*scorer_models.SOURCES, "sha256", "root")), **model}
    with pytest.raises((Problem, Problem)) as caught:
        scorer_models.fetch(params, "churn", wanted, False)
    text = str(caught.value)
    assert text.startswith("The model of the scorer churn is not available: ") and words in text
    assert not any(name in text.replace("model_file_type", "") for name in ("model_id", "model_name", "max_download_mb", "file_type"))
