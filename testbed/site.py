# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation as a site: the repository's pages, and what antsibull-docs tells of plugins and roles, put together by Sphinx."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from testbed.collection import committed
from testbed.common import ROOT, alone, run, say
from testbed.cores import BIN

FOLDER = ROOT / "build" / "site"
SETTINGS = "docs/site"
#: Where the task table of the README stands, which is also the order of the pages.
TASKS = re.compile(r"^## Use Cases$(.*?)^## ", re.MULTILINE | re.DOTALL)
#: A link of Markdown to a place in the repository.
LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(((?!\w+:|#)[^)#\s]+)(#[\w-]+)?\)")
#: In what antsibull-docs writes: a table of contents, which the theme has at the side, and the link to galaxy.yml's example of an address.
UNWANTED = re.compile(r"^\.\. (?:contents|ansible-links)::\n(?:\n|[ ]+\S.*\n)+", re.MULTILINE)


def build() -> Path:
    """Build the site below build/ and return its folder; no network is needed.

    Raises TestbedError with the complaints of antsibull-docs or Sphinx: a warning is an error.
    """
    with alone("site"):
        # From nothing each time: a page that has gone must not be found by a link.
        shutil.rmtree(FOLDER, ignore_errors=True)
        source, html = FOLDER / "source", FOLDER / "html"
        gather(source)
        document_plugins(source / "reference")
        render(source, html)
    say(f"The site is {html / 'index.html'}")
    return html


def render(source: Path, html: Path) -> None:
    """Have Sphinx make HTML of gathered pages; raises TestbedError with its warnings."""
    options = ["--builder", "html", "--conf-dir", ROOT / SETTINGS, "--doctree-dir", html.with_name("doctrees"), "--jobs", "auto"]
    run([BIN / "sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", *options, source, html], what="Building the site")


def gather(source: Path) -> None:
    """Copy the pages to where Sphinx reads them, each at its place in the repository, so that links between them hold."""
    names = committed("*.md", "docs/benchmarks")
    for name in names:
        place = Path(name.removeprefix(f"{SETTINGS}/"))
        target = source / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix == ".md":
            target.write_text(for_the_site((ROOT / name).read_text(encoding="utf-8"), place.parent, names), encoding="utf-8")
        else:
            shutil.copy2(ROOT / name, target)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with (source / "index.md").open("a", encoding="utf-8") as front:
        front.write(contents(committed("*.md"), readme))


def for_the_site(text: str, folder: Path, names: Collection[str]) -> str:
    """Return the text of a page in *folder* with links as the site needs them; *names* are the files that the site has.

    A link that shows the path of a page shows its title instead. A file or folder of the repository that is not part of the site is
    named without a link. A link to what is not there stays one, so that Sphinx complains of it.
    """

    def changed(link: re.Match[str]) -> str:
        shown, address, anchor = link[1], link[2], link[3] or ""
        place = os.path.normpath(folder / address)
        if place not in names and (ROOT / place).exists():
            return shown
        by_path = shown.strip("`").lstrip("./") == address.lstrip("./") and address.endswith(".md")
        return f"[]({address}{anchor})" if by_path else link[0]

    return LINK.sub(changed, text)


def contents(pages: list[str], readme: str) -> str:
    """Return the tables of contents for the side of each page: tasks in the README's order, then the rest of the pages by their folders."""
    found = TASKS.search(readme)
    tasks = list(dict.fromkeys(re.findall(r"\]\(([\w./-]+\.md)", found[1]))) if found else []
    rest = [page for page in pages if page not in tasks and not page.startswith((f"{SETTINGS}/", "roles/"))]
    parts = {
        "Tasks": tasks,
        "Reference": ["reference/index", *(page for page in pages if page.startswith("roles/"))],
        "About the collection": sorted(rest, key=lambda page: (page.count("/"), page)),
    }
    return "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n" for caption, names in parts.items())


def document_plugins(folder: Path) -> None:
    """Have antsibull-docs write a page for each plugin and role of the checkout."""
    folder.mkdir(mode=0o755)
    antsibull = [BIN / "antsibull-docs", "--config-file", ROOT / SETTINGS / "antsibull-docs.cfg", "collection", "--use-current", "--squash-hierarchy"]
    options = ["--fail-on-error", "--no-add-antsibull-docs-version", "--dest-dir", folder, "sparkflows.mlops"]
    # antsibull-docs starts ansible-doc by its name.
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    run([*antsibull, *options], what="Documenting the plugins and roles", env=environment)
    for page in folder.glob("*.rst"):
        page.write_text(UNWANTED.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
