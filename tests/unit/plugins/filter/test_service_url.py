# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The URL of a service by the address that it listens at."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

import pytest
from ansible_collections.sparkflows.mlops.plugins.filter.service_url import FilterModule

ROOT = Path(__file__).resolve().parents[4]
service_url = FilterModule().filters()["service_url"]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8086/health"),
        ("0.0.0.0", "http://127.0.0.1:8086/health"),
        ("::", "http://[::1]:8086/health"),
        ("[::]", "http://[::1]:8086/health"),
        ("::1", "http://[::1]:8086/health"),
        ("[2001:db8::5]", "http://[2001:db8::5]:8086/health"),
        ("mlflow.example.com", "http://mlflow.example.com:8086/health"),
    ],
)
def test_url(address: str, url: str) -> None:
    assert service_url(address, 8086, path="/health") == url
    assert urllib.parse.urlsplit(url).port == 8086


def test_another_scheme() -> None:
    assert service_url("::1", "5443", "https") == "https://[::1]:5443"
    assert service_url("2001:db8::5", 8086, scheme="tcp") == "tcp://[2001:db8::5]:8086"


def test_nothing_else_puts_an_address_before_a_port() -> None:
    """An address that a variable holds may be one of IPv6, so that no template joins it to a port by itself."""
    joined = re.compile(r"://\{\{[^}]*(?:address|host)\b[^}]*\}\}:|://%s:%[sd]")
    files = [path for pattern in ("playbooks/**/*.yml", "roles/*/tasks/*.yml", "roles/*/vars/*.yml") for path in ROOT.glob(pattern)]
    assert len(files) > 50
    assert [str(path.relative_to(ROOT)) for path in files if joined.search(path.read_text())] == []
