# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The properties of a Sparkflows server: each is one entry of what ``GET /api/v1/configurations`` returns."""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import holds_secret, secret_name, secret_value

_MASK = re.compile(r"[*•●∙·]{3,}")
# Where an answer is grouped, the group's name stands in one of these, or is the key of its list unless that is a mere word for a list.
_LABELS = ("tab", "title", "name", "label", "group", "category", "section")
_MERE_LISTS = frozenset(
    ("children", "configuration", "configurations", "content", "data", "groups", "items", "list", "properties", "result", "results", "rows", "sections",
     "settings", "tabs", "values")
)  # fmt: skip


class Property:
    """One property as the server returned it.

    ``entry`` is its JSON object; ``value`` and ``value2`` are its values as texts; ``tab`` names the groups that it was found in,
    the outermost first, and is empty where the server does not group.
    """

    def __init__(self, entry: dict[str, t.Any], inner: dict[str, t.Any], tab: str = "") -> None:
        self.entry = entry
        self.tab = tab
        self.name: str = inner["name"]
        self.value = as_text(inner.get("value1"))
        self.value2 = as_text(inner.get("value2"))
        self.title = str(entry.get("title") or inner.get("title") or "")
        self.description = str(entry.get("description") or inner.get("description") or "")
        self.id = inner.get("id")
        self.flagged = entry.get("secret") is True or inner.get("secret") is True

    @property
    def secret(self) -> bool:
        """Whether it holds a secret, by the server's word, by its name or title, or by the shape of its value."""
        return self.flagged or secret_name(self.name, self.title) or secret_value(self.value)

    def hides(self, value: str) -> bool:
        """Whether ``value`` must not be shown as that of this property."""
        return self.flagged or holds_secret(value, self.name, self.title)

    def with_value(self, value: str) -> dict[str, t.Any]:
        """The entry in the shape that was read, with another value."""
        entry = copy.deepcopy(self.entry)
        entry.get("confProperty", entry)["value1"] = value
        return entry

    def __str__(self) -> str:
        return "%s ('%s')" % (self.name, self.title) if self.title else self.name


def read_properties(answer: t.Any) -> dict[str, Property]:
    """The properties in an answer, by name: wrapped (``confProperty``), flat, or grouped in lists or objects.

    Of a property that is listed in several groups the first one counts. :class:`Problem` when there is none at all.
    """
    found: dict[str, Property] = {}
    _collect(answer, found, ())
    if not found:
        raise Problem(
            "Sparkflows answered with no property in any of the known shapes. Check that sparkflows_url names it and that the login may manage configurations."
        )
    return found


def _collect(node: t.Any, found: dict[str, Property], groups: tuple[str, ...]) -> None:
    if isinstance(node, dict):
        inner = node.get("confProperty", node)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str) and (inner is not node or "value1" in node):
            said = [node[label] for label in ("tab", "group", "category", "section") if isinstance(node.get(label), str)]
            found.setdefault(inner["name"], Property(node, inner, " / ".join(groups + tuple(said))))
            return
        label = next((node[key] for key in _LABELS if isinstance(node.get(key), str)), "")
        for key, child in node.items():
            own = label or ("" if key.lower() in _MERE_LISTS else key)
            _collect(child, found, groups + ((own,) if own else ()))
    elif isinstance(node, list):
        for each in node:
            _collect(each, found, groups)


def as_text(value: t.Any) -> str:
    """A value as Sparkflows keeps it: text, with ``true`` and ``false`` for truth values and nothing for ``null``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_masked(prop: Property, mask: t.Optional[t.Pattern[str]], secret: bool) -> bool:
    """Whether the server shows something else in place of a secret.

    ``mask`` is the operator's pattern for that; without one it is three or more asterisks or bullets.
    """
    if not secret and (not prop.secret or prop.value in ("true", "false")):
        return False
    return bool(mask.fullmatch(prop.value) if mask is not None else _MASK.search(prop.value))


def mask_pattern(text: t.Optional[str]) -> t.Optional[t.Pattern[str]]:
    """The option ``secret_mask`` compiled; :class:`Problem` when it is no regular expression."""
    try:
        return None if text is None else re.compile(text, re.DOTALL)
    except re.error as error:
        raise Problem(
            "secret_mask is not a regular expression (%s). Write a character that means itself with a backslash, as in \\*+ for a row of asterisks." % error
        ) from None
