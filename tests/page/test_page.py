# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan's HTML page, as headless Chromium shows it: on a screen, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import report, report_page
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan.report import Row
from selenium.webdriver.common.by import By

from tests.page.look import DESKTOP, MADE_AT, PHONE, Look


def _role(*differences: tuple[str, str, str, str, str, str], planned: bool = True) -> dict[str, Any]:
    keys = ("role", "step", "item", "before", "after", "reason")
    return {"planned": planned, "differences": [dict(zip(keys, values, strict=True)) for values in differences]}


#: Of every severity, more than one role on a host, and one role on more than one.
ROWS = report.rows(
    {
        "scorer": {"findings": [], "roles": {"scorer": _role()}},
        "mlflow-a": {
            "findings": [],
            "roles": {
                "pip_stack": _role(("pip_stack", "environment", "mlflow", "1.29.0", "1.30.1", "")),
                "mlops_agent": _role(
                    ("mlops_agent", "restart", "mlops-agent.service", "runs", "restarted", "the stack changes, and the models restart with it"),
                    ("mlops_agent", "", "model churn-2024", "served", "not in the inventory", ""),
                ),
            },
        },
        "mlflow-b": {
            "findings": ["Port 8086, wanted for mlops_agent_port, is held by influxd (pid 812). Stop that process, or choose another port."],
            "roles": {"pip_stack": _role(("pip_stack", "environment", "numpy", "1.20.0", "1.21.6", ""))},
        },
        "mlflow-c": None,
        "sparkflows": {
            "findings": [],
            "roles": {
                "sparkflows": _role(("sparkflows", "settings", "setting MLflow Tracking URL", "http://mlflow-a:5000", "https://mlflow-a:5000", "")),
                "ssh_access": _role(planned=False),
            },
        },
    }
)
#: In every place where a host or an inventory puts a text.
HOSTILE_TEXTS = (
    "<script>window.ran = 1</script>", "</td></tr></table><script>window.ran = 1</script>", "</script><script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">', "' onmouseover='window.ran = 1", "<style>body { display: none }</style>", "<!--", "&lt;b&gt;",
    "javascript:window.ran=1",
    "\u202eright to left override", "שלום עולם", "a\u2067isolate that nobody ends", "x" * 10_000, "two words " * 1_000, "half a pair \udc80", "\x1b[31mred\x00",
)  # fmt: skip
HOSTILE = [Row(severity, text, text, text, text, text, text) for severity, text in zip(report.SEVERITIES * 4, HOSTILE_TEXTS, strict=False)]


@pytest.fixture
def as_html() -> Callable[[Sequence[Row], str], str]:
    return report_page.as_html


def rows(fits: Callable[[Row], bool]) -> list[int]:
    return [at for at, row in enumerate(ROWS) if fits(row)]


EVERY = rows(lambda row: True)


def test_requests_and_complaints_would_be_noticed(look: Look) -> None:
    look.show("<!doctype html><link rel='icon' href='data:,'><img src='http://127.0.0.1:9/x.png'><script>console.error('broken')</script>")
    seen = look.complaints()
    assert any("http://127.0.0.1:9/x.png" in line for line in seen) and any("broken" in line for line in seen)


def test_the_worst_stands_first(look: Look) -> None:
    look.open(ROWS)
    tops = look.script("return [...document.querySelectorAll('tbody td.severity')].map(cell => [cell.getBoundingClientRect().top, cell.innerText])")
    assert [severity for dummy, severity in sorted(tops)] == sorted((row.severity for row in ROWS), key=report.SEVERITIES.index)
    assert {severity for dummy, severity in tops} == set(report.SEVERITIES)
    assert report.summary(ROWS) in look.driver.find_element(By.TAG_NAME, "body").text


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("column", ["host", "role", "severity"])
def test_a_filter_shows_the_rows_that_fit_and_no_others(look: Look, column: str, size: tuple[int, int]) -> None:
    look.open(ROWS, size=size)
    assert look.shown() == EVERY
    values = [option.get_attribute("value") for option in look.filter(column.capitalize()).options]
    assert set(values) == {"", *(getattr(row, column) for row in ROWS)}
    for value in filter(None, values):
        look.choose(column.capitalize(), value)
        fitting = rows(lambda row, value=value: getattr(row, column) == value)
        assert look.shown() == fitting and 0 < len(fitting) < len(ROWS)
        assert look.driver.find_element(By.TAG_NAME, "output").text == f"{len(fitting)} of {len(ROWS)} rows"
    look.choose(column.capitalize(), "")
    assert look.shown() == EVERY


def test_filters_are_combined_kept_in_the_address_and_taken_back(look: Look) -> None:
    look.open(ROWS)
    look.choose("Host", "mlflow-a")
    look.choose("Severity", "difference")
    assert look.shown() == rows(lambda row: (row.host, row.severity) == ("mlflow-a", "difference"))
    look.choose("Role", "mlops_agent")
    wanted = rows(lambda row: (row.host, row.severity, row.role) == ("mlflow-a", "difference", "mlops_agent"))
    assert look.shown() == wanted and len(wanted) == 1
    look.choose("Host", "scorer")
    assert look.shown() == []
    look.choose("Host", "mlflow-a")
    address = look.script("return location.hash")
    # Whoever is sent this address, or reloads the page, sees the same rows.
    look.open(ROWS, address)
    assert look.shown() == wanted
    look.driver.refresh()
    assert look.shown() == wanted
    look.driver.find_element(By.TAG_NAME, "button").click()
    assert look.shown() == EVERY and look.chosen() == {"Host": "", "Role": "", "Severity": ""}


def test_the_address_chooses_rows(look: Look) -> None:
    look.open(ROWS, "#severity=finding")
    assert look.shown() == rows(lambda row: row.severity == "finding")
    assert look.chosen() == {"Host": "", "Role": "", "Severity": "finding"}
    # Typed into a page that is open already.
    look.script("return new Promise(done => { addEventListener('hashchange', () => done()); location.hash = '#host=sparkflows&severity=open' })")
    assert look.shown() == rows(lambda row: (row.host, row.severity) == ("sparkflows", "open"))


@pytest.mark.parametrize("address", ["#host=nobody", "#severity=%22%3E%3Cscript%3Ewindow.ran=1%3C/script%3E", "#%", "#role=constructor&x[]=1"])
def test_an_address_that_chooses_nothing_hides_nothing(look: Look, address: str) -> None:
    look.open(ROWS, address)
    assert look.shown() == EVERY and look.chosen() == {"Host": "", "Role": "", "Severity": ""}
    assert look.script("return window.ran") is None


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 600), (900, 600)], ids=lambda size: str(size[0]))
@pytest.mark.parametrize("given", [ROWS, HOSTILE], ids=["usual", "hostile"])
def test_nothing_scrolls_to_the_side(look: Look, given: list[Row], size: tuple[int, int]) -> None:
    look.open(given, size=size)
    assert look.script("return innerWidth") == size[0]
    assert look.too_wide() == []


def test_a_phone_needs_no_zoom(look: Look) -> None:
    look.open(ROWS, size=PHONE)
    sizes = "return [...document.body.querySelectorAll('*')].filter(each => each.innerText).map(each => parseFloat(getComputedStyle(each).fontSize))"
    assert min(look.script(sizes)) >= 13
    controls = "return [...document.querySelectorAll('select, button')].map(element => element.getBoundingClientRect().height)"
    assert min(look.script(controls)) >= 40
    # A host, its role and what is wrong stand below each other: a row has the width of the screen.
    assert min(look.script("return [...document.querySelectorAll('td.item')].map(cell => cell.getBoundingClientRect().width)")) > 300


def test_hostile_texts_are_shown_and_do_nothing(look: Look) -> None:
    look.open(HOSTILE)
    assert look.shown() == list(range(len(HOSTILE)))
    for at, row in enumerate(HOSTILE):
        # As HTML has it: no half pair, no null.
        text = row.host.encode(errors="replace").decode().replace("\0", "")
        cells = look.script("return [...document.querySelectorAll('tbody tr')[arguments[0]].cells].map(cell => cell.textContent.replaceAll('\ufffd', ''))", at)
        assert cells == [row.severity, text, text, text, f"{text} → {text}{text}"], at
        look.filter("Host").select_by_index(1)
    assert look.script("return [window.ran ?? 0, document.title, document.querySelectorAll('script, style, img').length]") == [0, "Plan of sparkflows.mlops", 2]


def test_every_hostile_name_can_be_chosen(look: Look) -> None:
    look.open(HOSTILE)
    for at in range(len(HOSTILE)):
        look.filter("Host").select_by_index(1 + at)
        assert len(look.shown()) == 1
    look.open(HOSTILE, look.script("return location.hash"))
    assert len(look.shown()) == 1


def test_hostile_texts_leave_the_columns_where_they_are(look: Look) -> None:
    look.open([*ROWS, *HOSTILE])
    places = look.script(
        "return [...document.querySelectorAll('tr')].map(row => [...row.cells].map(cell => Math.round(cell.getBoundingClientRect().left)).slice(0, 4))"
    )
    assert {tuple(place) for place in places} == {tuple(places[0])}
    widths = look.script("return [...document.querySelectorAll('th')].map(cell => cell.getBoundingClientRect().width)")
    assert min(widths) > 100
    # What is comes before what will be, whichever way either is written.
    look.open([Row("difference", "a", "b", "c", "\u202ebefore", "אחרי", "")])
    before, after = look.script("return [...document.querySelectorAll('td.change bdi')].map(text => text.getBoundingClientRect().left)")
    assert before < after


def test_a_script_that_got_in_would_not_run(look: Look) -> None:
    text = report_page.as_html(ROWS, MADE_AT)
    look.show(text.replace("<body>", "<body><script>window.ran = 1</script><img src='http://127.0.0.1:9/x.png' onerror='window.ran = 1'>"))
    assert look.shown() == EVERY and look.script("return window.ran") is None
    refused = [line for line in look.complaints() if "Content Security Policy" in line]
    assert len(refused) >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(look: Look, scheme: str) -> None:
    look.prefer(scheme)
    look.open(ROWS, "#host=mlflow-a")
    look.script("for (const row of document.querySelectorAll('tr')) row.hidden = false")
    contrasts = look.contrasts()
    assert len(contrasts) > 10
    assert {name: contrast for name, contrast in contrasts.items() if contrast < 4.5} == {}


def test_paper_has_every_row_and_no_controls(look: Look) -> None:
    look.prefer("dark")
    look.open(ROWS, "#severity=finding", PHONE)
    assert len(look.shown()) < len(ROWS)
    text = look.printed()
    for row in ROWS:
        for part in row:
            assert "".join(part.split()) in text, row
    for control in ("Showall", "ofrows", f"{len(look.shown())}of{len(ROWS)}", "finding(2)"):
        assert control not in text


def test_without_scripts_every_row_is_there_and_no_dead_control(look: Look) -> None:
    look.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        look.open(ROWS, "#severity=finding")
        seen = look.driver.find_element(By.TAG_NAME, "body").text
    finally:
        look.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert all(row.item in seen for row in ROWS) and "Show all" not in seen


def test_a_large_plan_is_filtered_at_once(look: Look) -> None:
    many = [Row("difference", f"host-{at % 200:03}", "pip_stack", f"package {at}", "1", "2", "") for at in range(5_000)]
    look.open(many)
    took = look.script(
        "const begun = performance.now(); const s = document.querySelector('select'); s.value = 'host-007';"
        "s.dispatchEvent(new Event('change', {bubbles: true})); document.body.offsetHeight; return performance.now() - begun"
    )
    assert len(look.shown()) == 25
    assert took < 2_000
