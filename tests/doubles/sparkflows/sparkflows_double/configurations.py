# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of Administration → Configuration over REST."""

from __future__ import annotations

import dataclasses
import typing as t

from flask import Blueprint, Response, jsonify

from .auth import demand
from .control import OtherAdmin
from .settings import INFERRED, Setting
from .store import Store
from .world import Failure, json_body, text, world

# How a server may write down what it was sent.
_SPELLINGS: dict[str, t.Callable[[str], str]] = {
    "as_sent": lambda value: value,
    "slash": lambda value: value + "/" if "://" in value and not value.endswith("/") else value,
    "trimmed": str.strip,
    "blanks": lambda value: " %s " % value,
    "capital": lambda value: value.capitalize() if value in ("true", "false") else value,
    "digit": lambda value: {"true": "1", "false": "0"}.get(value, value),
    "point": lambda value: value + ".0" if value.isdigit() else value,
    "small": str.lower,
}

configurations = Blueprint("configurations", __name__)


def _flat(store: Store, setting: Setting, value: str) -> dict[str, t.Any]:
    """One property as the server shows it: documented are id, name, value1 and value2."""
    shown: str | None = value
    if value and setting.secret and store.switches.mask_secrets:
        shown = store.switches.mask
    rest = store.state["rests"].get(setting.name, {"value2": "", **store.switches.extra_fields})
    return {"id": setting.id, "name": setting.name, "value1": shown, **rest}


def _wrapped(store: Store, setting: Setting, value: str) -> dict[str, t.Any]:
    return {"confProperty": _flat(store, setting, value), "title": setting.title, "description": setting.description}


def _shaped(store: Store, values: list[tuple[Setting, str]], shape: str) -> list[t.Any]:
    if shape == "flat":
        return [_flat(store, setting, value) for setting, value in values]
    if shape == "wrapped":
        return [_wrapped(store, setting, value) for setting, value in values]
    tabs = dict.fromkeys(setting.tab for setting, dummy in values)
    return [{"title": tab, "configurations": [_wrapped(store, setting, value) for setting, value in values if setting.tab == tab]} for tab in tabs]


def _values_in_use(store: Store) -> list[tuple[Setting, str]]:
    return [(setting, store.value(setting.name)) for setting in store.settings()]


@configurations.get("/api/v1/configurations")
def read() -> Response:
    store = world().store
    if store.switches.reading_needs_permission:
        demand("configurations.manage")
    answer = jsonify(_shaped(store, _values_in_use(store), store.switches.get_shape))
    _let_other_admin_save("read")
    return answer


@configurations.get("/api/v1/configurations/infer")
def infer() -> Response:
    store = world().store
    demand("configurations.manage")
    return jsonify([_wrapped(store, setting, value) for setting, value in _values_in_use(store) if setting.name in INFERRED])


@configurations.post("/api/v1/configurations")
def save() -> Response:
    demand("configurations.manage")
    store = world().store
    # Nothing is kept of a request of which one part is bad.
    entries = [_checked(store, entry) for entry in json_body(list, "a list")]
    known = {setting.name: setting for setting in store.settings()}
    if store.switches.unknown_names == "create":
        for entry in entries:
            if entry["name"] not in known:
                store.state["made_settings"][entry["name"]] = {"id": store.next_id("setting")}
        known = {setting.name: setting for setting in store.settings()}
    # The answer tells what came in, also where the properties file goes on winning.
    saved = [(known[entry["name"]], entry.get("value1", "")) for entry in entries if entry["name"] in known]
    for entry in entries:
        if entry["name"] in known:
            _keep(store, known[entry["name"]], entry)
    _treat_others(store, {entry["name"] for entry in entries})
    store.save()
    _let_other_admin_save("save")
    shape = store.switches.post_reply
    if shape in ("flat", "wrapped"):
        return jsonify(_shaped(store, saved, shape))
    return text("" if shape == "empty" else "Configurations saved successfully")


def _checked(store: Store, entry: t.Any) -> dict[str, t.Any]:
    """The flat property within one entry, which must have the shape that this server shows."""
    if store.switches.get_shape != "flat":
        entry = entry.get("confProperty") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise Failure(400, "JSON parse error: an entry has no property with a name in it")
    for field in ("value1", "value2"):
        if not isinstance(entry.get(field, ""), str):
            raise Failure(400, "JSON parse error: %s of %s is not a string" % (field, entry["name"]))
    setting = next((setting for setting in store.settings() if setting.name == entry["name"]), None)
    if setting is None and store.switches.unknown_names == "refuse":
        raise Failure(400, "There is no property %s" % entry["name"])
    if setting and entry.get("id", None if store.switches.id_required else setting.id) != setting.id:
        raise Failure(400, "The id of %s is not %r" % (entry["name"], entry.get("id")))
    return t.cast("dict[str, t.Any]", entry)


def _keep(store: Store, setting: Setting, entry: dict[str, t.Any]) -> None:
    if setting.name in world().control.faults.lose:
        return
    value = entry.get("value1", "")
    if not (setting.secret and store.switches.mask_secrets and value == store.switches.mask):
        store.state["configurations"][setting.name] = value if setting.secret else _SPELLINGS[store.switches.spelling](value)
    # What is left out of an entry is lost, as with any server that stores the entry it was given.
    store.state["rests"][setting.name] = {field: entry.get(field, "" if field == "value2" else None) for field in ("value2", *store.switches.extra_fields)}


def _treat_others(store: Store, sent: set[str]) -> None:
    """What happens to settings that a save left out, as with a server that takes each save for the whole."""
    others = [setting.name for setting in store.settings() if setting.name not in sent]
    if store.switches.on_save_others == "drop":
        store.switches = dataclasses.replace(store.switches, hidden=store.switches.hidden + others)
    elif store.switches.on_save_others == "blank":
        store.state["configurations"].update(dict.fromkeys(others, ""))


def _let_other_admin_save(after: str) -> None:
    here = world()
    other: OtherAdmin | None = here.control.faults.other_admin
    if other and other.after == after:
        here.control.faults.other_admin = None
        here.store.state["configurations"].update(other.values)
        here.store.save()
