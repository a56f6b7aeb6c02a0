# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are tested here, and what is asked in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
RULES = FOLDER / "rules.yml"
DASHBOARD = FOLDER / "dashboard.json"
SCRAPE = FOLDER / "prometheus.yml"


def alert_rules() -> dict[str, dict[str, Any]]:
    """{name: rule} of all groups."""
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """What all panels ask Prometheus."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
