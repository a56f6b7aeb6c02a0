# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as a fixture of unit tests."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from .auth import make_token
from .control import changed_switches
from .server import Double
from .world import World

FLAGS = "fire.cors.enable=true\nfire.security.csrf.enable=false\n"


class DoubleForTests(Double):
    """A running double that allows access tokens, with handles for what tests ask of it most.

    `token` is a personal access token of the user in `admin`, `other` a user without the permission
    configurations.manage.
    """

    admin = ("admin", "admin")
    other = ("test", "test")

    def __init__(self, home: Path, **options: t.Any) -> None:
        super().__init__(home, **options)
        self.write("application.properties", FLAGS)
        self.start()
        self.token = self.make_token()

    def write(self, name: str, text: str) -> None:
        """Write a file of conf/, which the server reads at its next restart."""
        (self.home / "conf").mkdir(parents=True, exist_ok=True)
        (self.home / "conf" / name).write_text(text, encoding="utf-8")

    @property
    def _now(self) -> World:
        assert self.world is not None
        return self.world

    def make_token(self, username: str = "admin", expires_in: float = 90 * 86400) -> str:
        """A personal access token that is good for so many seconds, or expired when they are negative."""
        with self._now.lock:
            return t.cast(str, make_token(self._now, username, time.time() + expires_in)["accessToken"])

    def counters(self) -> dict[str, t.Any]:
        """`requests`, `writes` (without logins) and `by_path`, since the start or the last reset."""
        return self.control.counters()

    def reset_counters(self) -> None:
        self.control.reset_counters()

    def faults(self, **wanted: t.Any) -> None:
        """Replace all faults, see `control.Faults`."""
        self.control.set_faults(**wanted)

    def switches(self, **wanted: t.Any) -> None:
        """Set switches, see `control.Switches`; the others stay."""
        with self._now.lock:
            self._now.store.switches = changed_switches(self._now.store.switches, wanted)
            self._now.store.save()

    def value(self, name: str) -> str:
        """The value of a setting that the server works with."""
        with self._now.lock:
            return self._now.store.value(name)

    @property
    def properties(self) -> dict[str, dict[str, t.Any]]:
        """All settings by name: id, title, description, tab, default, secret, `value` in use and `saved` in the database."""
        with self._now.lock:
            store = self._now.store
            return {setting.name: dict(setting._asdict(), value=store.value(setting.name), saved=store.saved(setting.name)) for setting in store.settings()}

    def save(self, **values: str) -> None:
        """Put values into the database, as somebody else would; names with dots go in as `**{"a.b": "c"}`."""
        with self._now.lock:
            self._now.store.state["configurations"].update(values)
            self._now.store.save()
