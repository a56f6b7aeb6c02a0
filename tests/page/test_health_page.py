# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health report's HTML page, which shares the design of the plan's: what is its own, and that nothing of the design got lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health import page, report
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.health.rows import Row
from selenium.webdriver.common.by import By

from tests.page.look import DESKTOP, PHONE, Look

REACHED = Row("ok", "host", "", "reached, Debian 13", "", 1)


def _plan(*rows: Row, findings: Sequence[str] = ()) -> dict[str, object]:
    return {"findings": findings, "roles": {}, "health": [row._asdict() for row in (REACHED, *rows)]}


#: Of every severity, more than one kind on a host, and one kind on more than one.
ROWS = report.rows(
    {
        "mlflow-a": _plan(
            Row("ok", "unit", "mlflow-server.service", "runs since 2026-01-01T00:00:00Z", "", 1),
            Row("warning", "certificate", "/etc/sparkflows-mlops/mlflow-proxy.pem", "29 days left, expires 2026-01-31T00:00:00Z", "Renew it.", 1),
            Row("ok", "model", "churn", "ready, models:/churn/3", "", 1),
        ),
        "mlflow-b": _plan(
            Row("critical", "unit", "mlflow-server.service", "failed, started again 5 times", "site.yml starts it. `journalctl` tells more.", 0),
            Row("critical", "model", "churn", "not served", "site.yml deploys it.", 0),
            findings=["Port 8086, wanted for mlops_agent_port, is held by influxd (pid 812). Stop that process, or choose another port."],
        ),
        "mlflow-c": {"unreachable": True, "msg": "Failed to connect to the host via ssh."},
    }
)
TEXTS = (
    "<script>window.ran = 1</script>", '"><img src=x onerror="window.ran = 1">', "</script><script>window.ran = 1</script>", "x" * 10_000,
    "\u202eright to left", "half a pair \udc80", "\x1b[31mred\x00",
)  # fmt: skip
HOSTILE = [Row(severity, text, text, text, text, 1, text) for severity, text in zip(("critical", "warning", "ok") * 3, TEXTS, strict=False)]


@pytest.fixture
def as_html() -> Callable[[Sequence[Row], str], str]:
    return page.as_html


def test_the_worst_stands_first_under_the_summary(look: Look) -> None:
    look.open(ROWS)
    cells = look.script("return [...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))")
    assert [cell[0] for cell in cells] == [row.severity for row in ROWS]
    assert {cell[0] for cell in cells} == {"critical", "warning", "ok"}
    text = look.driver.find_element(By.TAG_NAME, "body").text
    assert "Health of sparkflows.mlops" in text and report.summary(ROWS) in text and "does not work, or soon will not" in text
    assert ["critical", "mlflow-b", "model", "churn", "not served\nsite.yml deploys it."] in cells


def test_filters_by_host_kind_and_severity_and_the_address(look: Look) -> None:
    look.open(ROWS)
    assert look.chosen() == {"Host": "", "Kind": "", "Severity": ""}
    for title, column in (("Host", "host"), ("Kind", "kind"), ("Severity", "severity")):
        for value in sorted({getattr(row, column) for row in ROWS}):
            look.choose(title, value)
            assert look.shown() == [at for at, row in enumerate(ROWS) if getattr(row, column) == value]
        look.choose(title, "")
    look.open(ROWS, "#severity=critical&kind=unit")
    assert [ROWS[at].host for at in look.shown()] == ["mlflow-b"]


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 600)], ids=lambda size: str(size[0]))
@pytest.mark.parametrize("given", [ROWS, HOSTILE], ids=["usual", "hostile"])
def test_nothing_scrolls_to_the_side_and_nothing_of_a_host_runs(look: Look, given: list[Row], size: tuple[int, int]) -> None:
    look.open(given, size=size)
    assert look.too_wide() == []
    assert look.script("return [window.ran ?? 0, document.querySelectorAll('script, style, img').length]") == [0, 2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(look: Look, scheme: str) -> None:
    look.prefer(scheme)
    look.open(ROWS)
    contrasts = look.contrasts()
    assert len(contrasts) > 10 and {name: contrast for name, contrast in contrasts.items() if contrast < 4.5} == {}


def test_paper_has_every_row(look: Look) -> None:
    look.open(ROWS, "#severity=critical")
    text = look.printed()
    for row in ROWS:
        for part in (row.severity, row.host, row.kind, row.name, row.value, row.advice):
            assert "".join(part.split()) in text, row
