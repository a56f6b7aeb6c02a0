# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What is remembered of scorers between runs, and how one that serves differs from what is wanted, in an admin's words."""

from __future__ import annotations

import json
import os
import re
import secrets
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import as_written, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import HIDDEN, holds_secret

_STATE_MODE = 0o600


class Difference(t.NamedTuple):
    """One thing that is not as wanted. ``reason`` is a sentence where item, before and after do not say all."""

    item: str
    before: str
    after: str
    reason: str = ""


class State:
    """What is remembered between runs: which digest each image is pinned to, and which container serves."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "state.json")
        try:
            with open(self._path, encoding="utf-8") as file:
                known = json.load(file)
        except FileNotFoundError:
            known = {}
        except ValueError:
            raise Problem("%s is damaged. Move it away: containers that serve are then replaced without an interruption." % self._path) from None
        self.pins: dict[str, dict[str, str]] = known.get("images") or {}
        self.active: dict[str, dict[str, t.Any]] = known.get("services") or {}
        self.salt: str = known.get("salt") or secrets.token_hex(16)

    def save(self) -> None:
        known = {"images": self.pins, "services": self.active, "salt": self.salt}
        write_atomic(self._path, json.dumps(known, indent=2, sort_keys=True) + "\n", _STATE_MODE)

    def exposed(self) -> bool:
        """Whether the file belongs to or is open to others than it should."""
        return os.path.lexists(self._path) and not as_written(self._path, _STATE_MODE)


def settings_that_differ(name: str, before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> list[Difference]:
    """For what the container of a scorer is replaced, as both may be shown; of secret variables alone where these are the same."""
    found = []
    for option, value in after.items():
        former = before.get(option)
        if isinstance(value, dict) and isinstance(former, dict):
            for key in sorted(set(value) | set(former)):
                if value.get(key) != former.get(key):
                    found.append(Difference("%s: %s %s" % (name, label(option), key), _words(former.get(key), key), _words(value.get(key), key)))
        elif former != value:
            found.append(Difference("%s: %s" % (name, label(option)), _words(former), _words(value)))
    return found or [Difference("%s: secret variables" % name, "others (not shown)", "as given (not shown)")]


def label(name: str) -> str:
    """A setting's name in plain words."""
    return {"digest": "image's digest", "model_digest": "model's digest"}.get(name, name.replace("_", " "))


def _words(value: t.Any, name: str = "") -> str:
    """A setting in a few words, a digest by its first digits, and nothing that looks like a secret."""
    if value in (None, "", [], {}):
        return "nothing"
    if not isinstance(value, str):
        return json.dumps(value, sort_keys=True)
    return HIDDEN if holds_secret(value, name) else re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1", value)
