# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the double keeps: its database in state.json, and the files in conf/ that it reads when it starts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import tempfile
import typing as t
from pathlib import Path

from . import RELEASE
from .control import Switches
from .settings import BY_NAME, HOST, HOST_AND_PORT, PORT, SETTINGS, Setting

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def read_properties(path: Path) -> dict[str, str]:
    """A Java properties file as `java.util.Properties` reads it; nothing where there is none."""
    try:
        text = path.read_bytes().decode("latin-1")
    except FileNotFoundError:
        return {}
    found = {}
    lines = iter(re.split(r"\r\n|\r|\n", text))
    for line in lines:
        line = line.lstrip(" \t\f")
        if not line or line[0] in "#!":
            continue
        while len(line) - len(line.rstrip("\\")) & 1:
            line = line[:-1] + next(lines, "").lstrip(" \t\f")
        match = t.cast("re.Match[str]", re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", line, re.DOTALL))
        found[_unescaped(match[1])] = _unescaped(match[2])
    return found


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])

    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", plain, text)


class Store:
    """The state of one server below `home`. Secrets lie in state.json as they are, which only its user can read."""

    def __init__(self, home: Path) -> None:
        self.home = home
        conf = home / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        for name, text in (("application.properties", ""), ("configuration.properties", ""), ("version.txt", "releaseVersion=%s\n" % RELEASE)):
            with contextlib.suppress(FileExistsError), (conf / name).open("x", encoding="utf-8") as file:
                file.write(text)
        self.application = read_properties(conf / "application.properties")
        self.file_values = read_properties(conf / "configuration.properties")
        self.is_new = not (home / "state.json").exists()
        self.state: dict[str, t.Any] = _first_state() if self.is_new else json.loads((home / "state.json").read_text(encoding="utf-8"))
        self.switches = Switches(**self.state["switches"])
        self.save()

    def save(self) -> None:
        """Write the state, whole or not at all."""
        self.state["switches"] = dataclasses.asdict(self.switches)
        handle, name = tempfile.mkstemp(dir=self.home, prefix=".state.")  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.state, file, indent=1)
            os.replace(name, self.home / "state.json")
        except BaseException:
            os.unlink(name)
            raise

    def next_id(self, kind: str) -> int:
        """An id that no execution, setting, token or user, whichever is asked for, has had."""
        self.state["last_ids"][kind] += 1
        return t.cast(int, self.state["last_ids"][kind])

    # Settings.

    def settings(self) -> list[Setting]:
        """The settings that this server has, in the order of their ids."""
        without = {HOST, PORT} if self.switches.join_host_and_port else {HOST_AND_PORT}
        made = [Setting(made["id"], name, name, "", "Other") for name, made in self.state["made_settings"].items()]
        return [
            setting._replace(title=self.switches.titles.get(setting.name, setting.title))
            for setting in (*SETTINGS, *made)
            if setting.name not in without and setting.name not in self.switches.hidden
        ]

    def saved(self, name: str) -> str:
        """The value in the database."""
        return t.cast(str, self.state["configurations"].get(name, BY_NAME[name].default if name in BY_NAME else ""))

    def value(self, name: str) -> str:
        """The value in use: the properties file wins over the database."""
        return self.file_values.get(name, self.saved(name))

    def is_secret(self, name: str) -> bool:
        return name in BY_NAME and BY_NAME[name].secret


def _first_state() -> dict[str, t.Any]:
    return {
        "last_ids": {"execution": 161, "setting": 1000, "token": 0, "user": 2},  # the documented example has execution 162
        "jwt_key": secrets.token_hex(64),
        "switches": {},
        "configurations": {},
        "rests": {},  # what came with a saved value: value2 and fields that the double does not know
        "made_settings": {},
        "users": [
            _user(1, "admin", "admin", ["ADMIN"], True),
            _user(2, "test", "test", ["ANALYST"], False),
        ],
        "tokens": [],
        "workflows": [],
        "executions": [],
        "models": [],
    }


def _user(number: int, username: str, password: str, roles: list[str], superuser: bool) -> dict[str, t.Any]:
    return {
        "id": number, "username": username, "password": password, "firstName": username, "lastName": "", "email": "",
        "isSuperuser": superuser, "isActive": True, "roles": roles, "groups": [],
    }  # fmt: skip
