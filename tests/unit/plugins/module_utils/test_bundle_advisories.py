# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published against pins, and which row of docs/security.md speaks of it."""

from __future__ import annotations

import json
import re
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._bundle import advisories
from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import bundle_recipe

SECURITY = Path(__file__).resolve().parents[4] / "docs" / "security.md"
PINS = {"mlflow": "1.30.1", "pyspark": "3.2.1", "sqlparse": "0.4.4"}


def record(name: str, **parts: t.Any) -> dict[str, t.Any]:
    """A record of OSV about one distribution."""
    affected = {"package": {"ecosystem": "PyPI", "name": "MLflow"}, **parts.pop("affected", {"versions": ["1.30.1"]})}
    return {"id": name, "summary": "A <b>summary</b> | with | cells", "affected": [affected], **parts}


def events(*pairs: tuple[str, str]) -> dict[str, t.Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{what: version} for what, version in pairs]}]}


def found(tmp_path: Path, content: t.Any) -> list[advisories.Advisory]:
    (tmp_path / "data.json").write_text(json.dumps(content))
    return advisories.about(PINS, str(tmp_path / "data.json"), bundle_recipe.table_of_advisories())


def test_the_rows_of_the_page() -> None:
    lines = SECURITY.read_text().splitlines()
    rows = bundle_recipe.table_of_advisories()
    for name in re.findall(
        r"CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+", "\n".join(line.split("|")[1] for line in lines if line.startswith("|"))
    ):
        assert name in lines[rows[name].line - 1], "every full name leads to the line in which it stands"
    assert "CVE-2024-37052 to -37060" in lines[rows["CVE-2024-37055"].line - 1], "and so do those within a range"
    assert rows["CVE-2024-37060"] == rows["CVE-2024-37052"]
    assert ", -6015," in lines[rows["CVE-2023-6015"].line - 1], "and those of which the number alone stands there"
    assert rows["CVE-2026-49855"] == rows["CVE-2026-49853"]


@pytest.mark.parametrize(
    ("affected", "hit"),
    [
        ({"versions": ["1.30.0", "1.30.1"]}, True),
        ({"versions": ["1.30.0"]}, False),
        (events(("introduced", "0"), ("fixed", "2.0.1")), True),
        (events(("introduced", "0"), ("fixed", "1.30.1")), False),
        (events(("introduced", "0"), ("last_affected", "1.30.1")), True),
        (events(("introduced", "0"), ("last_affected", "1.30.0")), False),
        (events(("introduced", "1.9"), ("fixed", "1.10"), ("introduced", "1.30"), ("fixed", "1.31")), True),
        (events(("introduced", "0"), ("fixed", "1.9"), ("introduced", "2.0")), False),
        (events(("fixed", "2.0.1"), ("introduced", "0")), True),
        (events(("introduced", "0"), ("fixed", "no version")), True),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, False),
        ({"package": {"ecosystem": "npm", "name": "mlflow"}, "versions": ["1.30.1"]}, False),
        ({"package": {"ecosystem": "PyPI", "name": "mlflow-skinny"}, "versions": ["1.30.1"]}, False),
    ],
)
def test_which_records_are_about_a_pin(tmp_path: Path, affected: dict[str, t.Any], hit: bool) -> None:
    assert bool(found(tmp_path, record("X-1", affected=affected))) == hit


def test_each_advisory_has_the_link_to_its_row(tmp_path: Path) -> None:
    listed = [
        record("GHSA-xxxx-xxxx-xxxx", aliases=["CVE-2023-1177"]),
        record("PYSEC-2023-9999", aliases=["CVE-2023-1177", "GHSA-xxxx-xxxx-xxxx"]),
        record("CVE-2099-1234"),
        record("CVE-2099-1235", withdrawn="2026-01-01T00:00:00Z"),
    ]
    one, two = found(tmp_path, listed)
    assert (one.id, one.row) == ("CVE-2099-1234", None), "what nobody has judged comes first"
    assert (two.id, two.aliases) == ("GHSA-xxxx-xxxx-xxxx", ("CVE-2023-1177", "PYSEC-2023-9999")), "one by its three names"
    line = next(number for number, text in enumerate(SECURITY.read_text().splitlines(), 1) if text.startswith("| CVE-2023-1176, CVE-2023-1177"))
    text = advisories.as_markdown([one, two], "data.json")
    assert f"[GHSA-xxxx-xxxx-xxxx, CVE-2023-1177, PYSEC-2023-9999](docs/security.md#L{line}) | yes | guard; unit |" in text
    assert "| mlflow 1.30.1 | **CVE-2099-1234**: A  b summary /b    with   cells | no row, to be judged |  |" in text
    report = json.loads(advisories.as_json([one, two]))
    assert report["without_row"] == 1 and report["advisories"][1]["row"]["link"] == f"docs/security.md#L{line}"


def test_the_forms_of_the_data(tmp_path: Path) -> None:
    assert [one.id for one in found(tmp_path, {"dependencies": [
        {"name": "MLflow", "version": "1.30.1", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2023-1177"], "fix_versions": [], "description": "x"}]},
        {"name": "pyspark", "version": "3.3.0", "vulns": [{"id": "PYSEC-2", "aliases": []}]}, {"name": "left-out", "skip_reason": "x"},
    ]})] == ["PYSEC-1"]  # fmt: skip
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.json").write_text(json.dumps(record("X-1")))
    (tmp_path / "folder" / "readme.txt").write_text("no JSON")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "folder" / "one.json", "one.json")
    for name in ("folder", "all.zip"):
        assert [one.id for one in advisories.about(PINS, str(tmp_path / name), {})] == ["X-1"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("[" * 100000, "is not JSON"),
        ("[1]", "holds something else than OSV's records"),
        ('{"affected": 1}', "holds something else than OSV's records"),
        ('{"dependencies": {"a": 1}}', "holds something else than OSV's records"),
    ],
)
def test_data_that_is_none(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(Problem, match=sentence):
        advisories.about(PINS, str(tmp_path / "data.json"), {})
    with pytest.raises(Problem, match="can't be read"):
        advisories.about(PINS, str(tmp_path / "gone.json"), {})
