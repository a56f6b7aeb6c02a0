# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the pages on their way into the site. tests/page looks at the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import site
from testbed.common import TestbedError

README = """\
# A collection

## Use Cases

| task | page |
|---|---|
| see | [docs/plan.md](docs/plan.md#what-it-prints) |
| install | [docs/install.md](docs/install.md) |

## Testing
"""


@pytest.mark.parametrize(
    ("text", "folder", "expected"),
    [
        ("see [docs/plan.md](docs/plan.md)", "", "see [](docs/plan.md)"),
        ("see [plan.md](plan.md#how-much-it-prints).", "docs", "see [](plan.md#how-much-it-prints)."),
        ("see [`plan.md`](../docs/plan.md)", "roles", "see [`plan.md`](../docs/plan.md)"),
        ("see [the plan](docs/plan.md)", "", "see [the plan](docs/plan.md)"),
        ("a [LICENSE](LICENSE) and [fragments](changelogs/)", "", "a LICENSE and fragments"),
        ("what [is not there](docs/none.md)", "", "what [is not there](docs/none.md)"),
        ("[elsewhere](https://docs.ansible.com/) and [here](#below)", "", "[elsewhere](https://docs.ansible.com/) and [here](#below)"),
        ("![a plot](benchmarks/no-change.svg)", "docs", "![a plot](benchmarks/no-change.svg)"),
    ],
)
def test_links_are_as_the_site_needs_them(text: str, folder: str, expected: str) -> None:
    assert site.for_the_site(text, Path(folder), ["docs/plan.md"]) == expected


def test_pages_are_in_the_order_of_the_tasks_and_none_is_left_out() -> None:
    pages = ["CONTRIBUTING.md", "README.md", "docs/install.md", "docs/plan.md", "docs/security.md", "docs/site/index.md", "roles/jdk/README.md"]
    listed = [line for line in site.contents(pages, README).splitlines() if line.endswith((".md", "/index"))]
    assert listed == ["docs/plan.md", "docs/install.md", "reference/index", "roles/jdk/README.md", "CONTRIBUTING.md", "README.md", "docs/security.md"]


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[there](other.md#a-heading)", ""),
        ("[gone](none.md)", "none.md"),
        ("[no such place](other.md#another-heading)", "another-heading"),
        ("![no picture](none.svg)", "none.svg"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str, complaint: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    source.joinpath("index.md").write_text(f"# Front\n\n{link}\n\n```{{toctree}}\nother.md\n```\n")
    source.joinpath("other.md").write_text("# Other\n\n## A heading\n")
    if complaint:
        with pytest.raises(TestbedError, match=complaint):
            site.render(source, tmp_path / "html")
    else:
        site.render(source, tmp_path / "html")
        assert 'href="other.html#a-heading"' in (tmp_path / "html" / "index.html").read_text()
