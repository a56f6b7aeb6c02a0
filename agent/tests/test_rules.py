# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may come in, and what may not."""

import os

import pytest
from mlops_agent import rules
from mlops_agent.spec import Spec, ask_the_same


@pytest.mark.parametrize("name", ["a", "7", "churn", "my-model_2", "a--b", "x" * 63])
def test_good_names(name):
    assert rules.deployment_name(name) == name


@pytest.mark.parametrize("name", [
    "", "-a", "a-", "_", "A", "a.b", "a b", "a\n", "\na", "a\x00", "../a", "a/b", "a@b", "%i", "a%", "$(id)", "`id`", "a;b", "ä", "x" * 64,
    None, 1, ["a"], "a\\x2d", "a.service", "[Service]",
])
def test_bad_names(name):
    with pytest.raises(rules.Invalid) as error:
        rules.deployment_name(name)
    assert b"\n" not in str(error.value).encode("ascii")


@pytest.mark.parametrize("uri, kind", [
    ("models:/churn/1", "models"), ("models:/Churn.v2_x/Production", "models"), ("models:/churn/staging", "models"),
    ("runs:/0123456789abcdef/model", "runs"), ("runs:/abc/deep/er/model", "runs"), ("s3://bucket/a/b=1/model", "s3"),
    ("mlflow-artifacts:/1/abc/artifacts/model", "mlflow-artifacts"),
])
def test_good_uris(uri, kind):
    assert rules.model_uri(uri).kind == kind


def test_paths_only_below_the_roots(tmp_path):
    root = tmp_path / "models"
    (root / "churn").mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    (tmp_path / "models-of-others").mkdir()
    assert rules.model_uri(str(root / "churn"), [str(root)]).path == os.path.realpath(str(root / "churn"))
    for path in (root, root / "out", root / "out" / "ssl", tmp_path / "models-of-others", root / ".." / "models-of-others"):
        with pytest.raises(rules.Invalid):
            rules.model_uri(str(path), [str(root)])
    with pytest.raises(rules.Invalid):
        rules.model_uri(str(root / "churn"))


def test_stages_are_spelled_as_the_registry_does():
    assert [rules.stage(text) for text in ("production", "STAGING", "Archived", "none")] == [
        "Production", "Staging", "Archived", "None"]


def test_a_stored_spec_is_read_as_strictly_as_a_request():
    stored = {
        "name": "churn", "model_uri": "models:/churn/1", "resolved_uri": "models:/churn/1", "source": "", "port": 5001, "workers": 1,
        "memory_mb": 512, "startup_timeout": 30, "probe": None, "desired": "present", "updated_at": "",
    }
    new = {"follow": False, "slot": None}
    assert Spec.from_stored(stored).as_stored() == dict(stored, **new), "as an earlier release wrote it"
    assert Spec.from_stored(dict(stored, **new)).as_stored() == dict(stored, **new)
    assert Spec.from_stored(dict(stored, name="churn.b")).is_slot
    for change in ({"name": "../x"}, {"port": "5001; id"}, {"resolved_uri": "/etc"}, {"workers": True}, {"desired": "maybe"},
                   {"memory_mb": "2G"}, {"extra": 1}, {"source": 1}, {"follow": 1}, {"slot": "c"}, {"name": "churn.c"}, {"name": "churn.a.b"}):
        with pytest.raises(rules.Invalid):
            Spec.from_stored(dict(stored, **change))


BASE = dict(name="a", model_uri="models:/a/1", resolved_uri="models:/a/1", source="s", port=5001, workers=1, memory_mb=512,
            startup_timeout=30, probe=None, follow=False, slot=None, desired="present", updated_at="")


def test_the_digest_tells_what_needs_a_restart():
    spec = Spec(**BASE)
    digest = spec.digest(512, "127.0.0.1", "/stack")
    for change in ({"port": 5002}, {"workers": 2}, {"resolved_uri": "models:/a/2"}, {"source": "t"}):
        assert spec._replace(**change).digest(512, "127.0.0.1", "/stack") != digest
    for change in ({"probe": {"inputs": 1}}, {"updated_at": "x"}, {"model_uri": "models:/a/Production"}):
        assert spec._replace(**change).digest(512, "127.0.0.1", "/stack") == digest
    assert len({spec.digest(513, "127.0.0.1", "/stack"), spec.digest(512, "::1", "/stack"), digest}) == 3


def test_the_digest_tells_a_request_from_the_settings_of_the_host():
    spec = Spec(**BASE)
    digest = spec.digest(512, "127.0.0.1", "/stack")
    assert ask_the_same(digest, spec.digest(512, "::1", "/new"))
    assert not ask_the_same(digest, spec.digest(513, "127.0.0.1", "/stack"))
    assert not ask_the_same(digest, spec._replace(resolved_uri="models:/a/2").digest(512, "127.0.0.1", "/stack"))
