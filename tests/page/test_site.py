# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation's site: it is built without a warning, every link within it leads somewhere, and Chromium shows it to a desk and to a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from testbed import site
from testbed.collection import committed
from testbed.common import ROOT, TestbedError
from tests.page.look import DESKTOP, PHONE, Look

FRONT = "index.html"
#: One of each kind, and those that are hard to fit: the widest tables, pictures, plots and lines of commands.
PAGES = (
    FRONT, "README.html", "docs/plan.html", "docs/architecture.html", "docs/benchmarks.html", "docs/install.html", "docs/testing.html",
    "roles/scorer/README.html", "reference/index.html", "reference/host_info_module.html", "reference/mlops_agent_role.html", "reference/brief_callback.html",
)  # fmt: skip


@pytest.fixture(scope="session")
def built() -> Path:
    try:
        return site.build()
    except TestbedError as error:
        pytest.fail(str(error), pytrace=False)


class SiteLook(Look):
    """A page of the site, which may ask for the site's own files."""

    def __init__(self, driver: webdriver.Chrome, folder: Path, built: Path) -> None:
        super().__init__(driver, folder, lambda rows, made_at: "")
        self.root = built.as_uri() + "/"

    def go(self, page: str, size: tuple[int, int]) -> None:
        self.visit(self.root + page, size)

    def is_own(self, address: str) -> bool:
        # What the style sheets of the theme bring along within themselves.
        return address.startswith((self.root, "data:"))

    def wait(self, condition: str) -> None:
        WebDriverWait(self.driver, 20).until(lambda driver: driver.execute_script(condition))

    def lost(self) -> list[str]:
        """What sticks out of the page at its right and cannot be brought into view by scrolling within it."""
        return self.script(
            """
            const width = document.documentElement.clientWidth;
            const scrolls = element => element && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
            const out = [...document.querySelectorAll('article *')].filter(element => element.getBoundingClientRect().right > width + 1);
            return out.filter(element => !scrolls(element)).map(element => element.outerHTML.slice(0, 80));
            """
        )

    def scrolling_options(self) -> list[str]:
        """Tables of options or results that scroll in themselves, by their first words."""
        tables = "[...document.querySelectorAll('.table-wrapper:has(.ansible-option-table)')].filter(table => table.scrollWidth > table.clientWidth + 1)"
        return self.script(f"return {tables}.map(table => table.textContent.trim().slice(0, 80))")

    def smallest(self) -> float:
        """The size in pixels of the smallest text of the page itself."""
        return self.script(
            """
            const says = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && element.getClientRects().length;
            const shown = [...document.querySelectorAll('article *')].filter(says);
            return Math.min(...shown.map(element => parseFloat(getComputedStyle(element).fontSize)));
            """
        )


@pytest.fixture
def look(driver: webdriver.Chrome, tmp_path: Path, built: Path) -> Iterator[SiteLook]:
    page = SiteLook(driver, tmp_path, built)
    page.prefer("light")
    yield page
    assert page.complaints() == []


# ------------------------------------------------------------------------------------------------------------------ links


@dataclass
class Page(HTMLParser):
    """What a page has of links, of anchors, and of what a browser fetches without being asked."""

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.fetched += [given[name] for name in ("src", "srcset", "data", "poster") if name in given]
        if tag == "link" and "href" in given:
            self.fetched.append(given["href"])


@pytest.fixture(scope="session")
def pages(built: Path) -> dict[Path, Page]:
    found = {}
    for path in sorted(built.rglob("*.html")):
        found[path] = Page()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_link_leads_to_a_page_and_a_place_on_it(built: Path, pages: dict[Path, Page]) -> None:
    astray = []
    for path, page in pages.items():
        for link in page.links + page.fetched:
            address = urlsplit(link)
            if address.scheme in ("https", "data"):
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            there = target.is_file() and not address.scheme and not address.netloc
            # An anchor of a page; "#" alone is the top.
            if not there or (address.fragment and target in pages and unquote(address.fragment) not in pages[target].anchors):
                astray.append(f"{path.relative_to(built)}: {link}")
    assert astray == []
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_a_page_fetches_nothing_from_other_hosts(built: Path, pages: dict[Path, Page]) -> None:
    foreign = [f"{path.relative_to(built)}: {link}" for path, page in pages.items() for link in page.fetched if urlsplit(link).netloc]
    sheets = [str(path) for path in built.rglob("*.css") if re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", path.read_text(encoding="utf-8"))]
    assert foreign + sheets == []


def test_links_that_leave_the_site_go_where_something_is(pages: dict[Path, Page]) -> None:
    """The collection is published nowhere, so no page may send a reader to Galaxy or to the example that galaxy.yml has for an address."""
    hosts = {urlsplit(link).netloc for page in pages.values() for link in page.links if urlsplit(link).netloc}
    assert not hosts & {"example.com", "galaxy.ansible.com"}, hosts


# ----------------------------------------------------------------------------------------------------------------- content


def test_every_page_module_and_role_is_there(built: Path) -> None:
    markdown = [name for name in committed("*.md") if not name.startswith("docs/site/")]
    modules = [f"reference/{path.stem}_module" for path in (ROOT / "plugins" / "modules").glob("[!_]*.py")]
    roles = [f"reference/{path.name}_role" for path in (ROOT / "roles").iterdir()]
    wanted = [name.removesuffix(".md") for name in markdown] + modules + roles
    assert [name for name in wanted if not (built / f"{name}.html").is_file()] == []


def test_the_front_page_leads_from_every_task_to_its_page(look: SiteLook) -> None:
    look.go(FRONT, DESKTOP)
    tasks = site.TASKS.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert tasks
    wanted = set(re.findall(r"\]\(([\w./-]+)\.md\)", tasks[1]))
    rows = look.driver.find_elements(By.CSS_SELECTOR, "article table tbody tr")
    links = [link for row in rows for link in row.find_elements(By.TAG_NAME, "a")]
    assert {(link.get_attribute("href") or "").removeprefix(look.root).removesuffix(".html") for link in links} >= wanted
    # By its title, not by its path.
    assert [link.text for link in links if not link.text or link.text.endswith(".md")] == []


def test_a_search_finds_the_module(look: SiteLook) -> None:
    look.go("search.html?q=host_info", DESKTOP)
    look.wait("return document.querySelectorAll('#search-results li a').length > 0")
    found = [link.get_attribute("href") or "" for link in look.driver.find_elements(By.CSS_SELECTOR, "#search-results li a")]
    assert any("reference/host_info_module.html" in link for link in found)


# -------------------------------------------------------------------------------------------------------------------- looks


@pytest.mark.parametrize("page", PAGES)
def test_fits_a_phone_and_a_desk(look: SiteLook, page: str) -> None:
    look.go(page, DESKTOP)
    for size in (DESKTOP, PHONE, (320, 640)):
        look.resize(size)
        assert look.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert look.lost() == []
        assert look.scrolling_options() == []
    assert look.smallest() >= 12


@pytest.mark.parametrize("page", [FRONT, "docs/plan.html", "reference/host_info_module.html", "reference/mlops_agent_role.html"])
def test_can_be_read_by_day_and_by_night(look: SiteLook, page: str) -> None:
    look.go(page, DESKTOP)
    for scheme in ("light", "dark"):
        look.prefer(scheme)
        contrasts = look.contrasts()
        assert len(contrasts) > 10
        assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
