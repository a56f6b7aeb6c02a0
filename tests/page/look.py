# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of many hosts as headless Chromium shows it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

DESKTOP, PHONE = (1280, 800), (360, 740)
MADE_AT = "2026-01-02T03:04:05Z"


class Look:
    """One page in the browser, and what it did on the way: requests that it made, and what it complained of on the console."""

    def __init__(self, driver: webdriver.Chrome, folder: Path, as_html: Callable[[Sequence[Any], str], str]) -> None:
        self.driver, self._as_html = driver, as_html
        self._file = folder / "report.html"

    def open(self, rows: Sequence[Any], address: str = "", size: tuple[int, int] = DESKTOP) -> None:
        self.show(self._as_html(rows, MADE_AT), address, size)

    def show(self, text: str, address: str = "", size: tuple[int, int] = DESKTOP) -> None:
        self._file.write_text(text)
        self.visit(self._file.as_uri() + address, size)

    def visit(self, address: str, size: tuple[int, int] = DESKTOP) -> None:
        self.resize(size)
        # Else an address that differs in its last part only would be no new visit.
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(address)

    def resize(self, size: tuple[int, int]) -> None:
        width, height = size
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def prefer(self, scheme: str) -> None:
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def complaints(self) -> list[str]:
        """What stands on the console, and which addresses but the page's own were asked for, since this was last called."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [entry["message"] for entry in self.driver.get_log("browser")] + [url for url in asked if not self.is_own(url.split("#")[0])]

    def is_own(self, address: str) -> bool:
        """Whether a page may ask for an address: a report is one file, and asks for nothing else."""
        return address == self._file.as_uri()

    def shown(self) -> list[int]:
        """The rows that can be seen, by their numbers."""
        return self.script("return [...document.querySelectorAll('tbody tr')].flatMap((row, at) => row.getClientRects().length ? [at] : [])")

    def filter(self, title: str) -> Select:
        """A filter by what a reader, or a screen reader, calls it."""
        [found] = [element for element in self.driver.find_elements(By.TAG_NAME, "select") if element.accessible_name == title]
        return Select(found)

    def choose(self, title: str, value: str) -> None:
        self.filter(title).select_by_value(value)

    def chosen(self) -> dict[str, str]:
        selects = self.driver.find_elements(By.TAG_NAME, "select")
        return {select.accessible_name: Select(select).first_selected_option.get_attribute("value") or "" for select in selects}

    def too_wide(self) -> list[str]:
        """What makes the page scroll to the side, or sticks out."""
        return self.script(
            """
            const width = document.documentElement.clientWidth;
            const out = [...document.body.querySelectorAll('*:not(option)')].filter(element => element.getBoundingClientRect().right > width + 1);
            const scrolls = document.documentElement.scrollWidth > width ? ['the page'] : [];
            return [...scrolls, ...out.map(element => element.outerHTML.slice(0, 80))];
            """
        )

    def contrasts(self) -> dict[str, float]:
        """The contrast that WCAG 2.1 defines, of each text with the nearest ground that is not transparent."""
        return self.script(
            """
            const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
            const light = colour => numbers(colour).slice(0, 3).map(part => part / 255)
              .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
              .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
            const ground = element => {
              const colour = getComputedStyle(element).backgroundColor;
              return (numbers(colour)[3] ?? 1) === 1 ? colour : ground(element.parentElement);
            };
            const found = {};
            for (const element of document.body.querySelectorAll('*:not(option, script, [disabled])')) {
              const says = element.tagName === 'SELECT' || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
              if (!says || !element.getClientRects().length) continue;
              const pair = [light(getComputedStyle(element).color), light(ground(element))].sort((one, other) => other - one);
              found[`${element.tagName} ${element.parentElement.className} ${element.className}`] = (pair[0] + 0.05) / (pair[1] + 0.05);
            }
            return found;
            """
        )

    def printed(self) -> str:
        """What stands on paper, in the order of the page and without any white space: where a line ends is of no matter."""
        pdf = self._file.with_suffix(".pdf")
        pdf.write_bytes(base64.b64decode(self.driver.print_page()))
        return "".join(subprocess.run(["pdftotext", "-raw", pdf, "-"], check=True, capture_output=True, text=True).stdout.split())
