# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site; testbed/site.py gathers the pages and runs it."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "Sparkflows MLOps collection"
author = "Sparkflows MLOps collection contributors"
html_title = project

extensions = ["myst_parser", "sphinx_antsibull_ext"]
nitpicky = True
# Links to headings have the anchors that forges give them.
myst_heading_anchors = 4
# A block without a language holds commands, output or a picture.
highlight_language = "text"

html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
# A summary of a hit is fetched, which browsers refuse to pages that lie on a disk.
html_show_search_summary = False

# Colours of options in pages of plugins: those of the theme, which has a light and a dark face, and for words that stand out one of each kind.
antsibull_ext_color_scheme = "none"
_COLOURS = {
    "table-background-header": "var(--color-table-header-background)",
    "table-background-even": "var(--color-background-primary)",
    "table-background-odd": "var(--color-background-secondary)",
    "table-border": "var(--color-table-border)",
    "narrowtable-background": "var(--color-background-secondary)",
    "option-sample-header": "inherit",
    "attribute-support-na": "inherit",
    "deprecation-border": "var(--color-background-border)",
    "deprecation-background": "var(--color-background-secondary)",
    "deprecation-color": "inherit",
}
#: What has a colour of its own, with that in the light and that in the dark.
_WORDS = {
    ("option-required", "attribute-support-none"): ("#a3120a", "#ff9a90"),
    ("attribute-support-partial",): ("#7a4b00", "#e3b341"),
    ("option-version-added", "option-aliases", "attribute-support-full"): ("#14611f", "#7ad98a"),
    ("option-default", "option-sample"): ("#1a4fb4", "#a9c4ff"),
    ("option-type", "option-elements"): ("#75308f", "#e3b0f5"),
}


def _colours(face: int) -> dict[str, str]:
    words = {name: colours[face] for names, colours in _WORDS.items() for name in names}
    return {f"antsibull-{name}": colour for name, colour in {**_COLOURS, **words}.items()}


html_theme_options = {"light_css_variables": _colours(0), "dark_css_variables": _colours(1)}

ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
#: Where Ansible's own documentation has what pages of plugins refer to. Its inventory for intersphinx would have to be fetched for each build.
ANSIBLES = {
    "action_plugins": "plugins/action.html#action-plugins",
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "callback_plugins": "plugins/callback.html#callback-plugins",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}


def find_in_ansibles(app: Sphinx, environment: BuildEnvironment, node: pending_xref, shown: nodes.TextElement) -> nodes.reference | None:
    """Return a link to Ansible's documentation for a label, a builtin plugin or a setting of its own; Sphinx complains of all others."""
    target = node["reftarget"]
    address = ANSIBLES.get(target)
    if builtin := re.fullmatch(r"ansible_collections\.(ansible)\.(builtin)\.(\w+)", target):
        address = "collections/{}/{}/{}.html".format(*builtin.groups())
    elif node["reftype"] == "envvar" and target.startswith("ANSIBLE_"):
        address = f"reference_appendices/config.html#envvar-{target}"
    return nodes.reference("", "", shown, internal=False, refuri=ANSIBLE + address) if address else None


def setup(app: Sphinx) -> None:
    app.connect("missing-reference", find_in_ansibles)
