# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser that the tests of pages share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from testbed import debian
from testbed.common import TestbedError
from tests.page.look import Look

PROGRAMS = {"chromium": "chromium", "chromedriver": "chromium-driver", "pdftotext": "poppler-utils"}


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    try:
        debian.require_packages(PROGRAMS, "Looking at the pages of reports")
    except TestbedError as error:
        pytest.fail(str(error), pytrace=False)
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for word in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(word)
    if os.geteuid() == 0:
        # Chromium's sandbox refuses root; the only page that it opens is ours.
        options.add_argument("--no-sandbox")
    # Both are named, so that selenium looks for none on the network.
    with webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver")) as browser:
        yield browser


@pytest.fixture
def look(driver: webdriver.Chrome, tmp_path: Path, as_html: Callable[[Sequence[Any], str], str]) -> Iterator[Look]:
    """A page that has to be silent: no test may end with a complaint that it did not read. Each file of tests has its own `as_html`."""
    page = Look(driver, tmp_path, as_html)
    page.prefer("light")
    yield page
    assert page.complaints() == []
