# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard is one by Grafana's own schema, and dashboard and rules ask for nothing that nobody exports."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.monitoring.exported import SERVERS_OWN, exported
from tests.monitoring.files import DASHBOARD, RULES, alert_rules, expressions

DOCUMENT = json.loads(DASHBOARD.read_text())
PANELS = [panel for panel in DOCUMENT["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="session", autouse=True)
def _plugins() -> None:
    """Makes the schemas of panels and queries known to that of dashboards."""
    register_default_plugins()


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """What is in a document and not in what Grafana's schema keeps of it."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{path}/{key}"
            else:
                yield from lost(value, kept[key], f"{path}/{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, values in enumerate(zip(given, kept, strict=True)):
            yield from lost(*values, f"{path}/{number}")
    elif given != kept:
        yield path


def read_by_grafana(document: dict[str, Any]) -> Any:
    return json.loads(json.dumps(Dashboard.from_json(copy.deepcopy(document)), cls=JSONEncoder))


def test_grafanas_schema_keeps_all_of_it() -> None:
    assert list(lost(DOCUMENT, read_by_grafana(DOCUMENT))) == []


def _misspelt(document: dict[str, Any]) -> str:
    document["tittle"] = "x"
    return "/tittle"


def _of_another_panel(document: dict[str, Any]) -> str:
    document["panels"][1]["options"]["showHeader"] = True
    return "/panels/1/options/showHeader"


def _in_a_query(document: dict[str, Any]) -> str:
    document["panels"][1]["targets"][0]["query"] = "up"
    return "/panels/1/targets/0/query"


@pytest.mark.parametrize("spoil", [_misspelt, _of_another_panel, _in_a_query])
def test_the_schema_would_not_keep_what_it_does_not_know(spoil: Callable[[dict[str, Any]], str]) -> None:
    document = copy.deepcopy(DOCUMENT)
    assert list(lost(document, read_by_grafana(document))) == []
    where = spoil(document)
    assert list(lost(document, read_by_grafana(document))) == [where]


def test_panels_have_a_place_and_a_name_of_their_own() -> None:
    for name in ("id", "title"):
        assert len({panel[name] for panel in DOCUMENT["panels"]}) == len(DOCUMENT["panels"])
    for one, other in combinations([panel["gridPos"] for panel in DOCUMENT["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in DOCUMENT["panels"])


def test_each_panel_says_what_it_shows_and_asks_the_chosen_prometheus() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == chosen and panel["targets"], panel["title"]
        assert all(target["datasource"] == chosen for target in panel["targets"]), panel["title"]
    variables = {variable["name"] for variable in DOCUMENT["templating"]["list"]}
    used = {name for text in expressions(DOCUMENT) for name in re.findall(r"\$\{?(\w+)", text)} - {"__rate_interval"}
    assert used | {"datasource"} == variables


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that its braces name."""
    for name, braces in re.findall(r"\b((?:sparkflows_)?mlops_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", braces))


@pytest.mark.parametrize("expression", [*expressions(DOCUMENT), *(rule["expr"] for rule in alert_rules().values())])
def test_it_asks_for_what_is_exported(expression: str) -> None:
    known = exported()
    metrics = dict(asked(expression))
    assert metrics
    for name, labels in metrics.items():
        assert name in known, f"{name} is exported by nobody"
        assert labels <= known[name] | SERVERS_OWN, f"{name} has no label {labels - known[name]}"
    of_all = set.union(SERVERS_OWN, *(known[name] for name in metrics))
    for grouped in re.findall(r"\b(?:by|on|group_left|group_right|without|ignoring)\s*\(([^)]*)\)", expression):
        # "group_left sum by (…)" has no labels of its own.
        assert {label.strip() for label in grouped.split(",") if label.strip()} <= of_all, expression


def test_what_the_alerts_say_names_labels_that_they_have() -> None:
    known = exported()
    for name, rule in alert_rules().items():
        labels = set.union(SERVERS_OWN, *(known[metric] for metric, dummy in asked(rule["expr"])))
        for text in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, name


def test_what_the_rules_and_the_page_say_of_files_is_there() -> None:
    folder = RULES.parent
    page = (folder.parent / "monitoring.md").read_text()
    for path in folder.iterdir():
        assert f"monitoring/{path.name}" in page, f"docs/monitoring.md does not tell of {path.name}"
    named = set(re.findall(r"`systemctl status ([\w.-]+\.timer)`", RULES.read_text()))
    assert named and all((folder / name).is_file() for name in named)
    assert yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"][0]["job_name"] == "mlops-agent"
