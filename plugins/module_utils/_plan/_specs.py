# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the argument specifications of roles say about values: names, types, choices, what is required, and the keys of nested options.

Stricter than Ansible's own conversion: V("yes") for a boolean and V("5000") for a number are refused, since the two look alike in an
inventory and behave differently in a template. A value is shown only where it can't be a secret, which a specification says by type V(raw).
"""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import shown

#: Option name to what meta/argument_specs.yml says about it.
Options = t.Mapping[str, t.Mapping[str, t.Any]]

_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list",
    "dict": "a dictionary",
    "str": "a text",
    "path": "a path",
}


def unknown_variables(options: Options, prefixes: t.Iterable[str], names: t.Iterable[str], near: bool = False) -> list[str]:
    """Sentences for names that carry a role's prefix and that no role knows.

    :param options: the options of all roles whose variables are checked.
    :param prefixes: the names of these roles.
    :param names: all variable names that are defined for the host.
    :param near: only those that look like a slip of the pen, as where a role is used among others' variables.
    """
    beginnings = tuple(role + "_" for role in prefixes)
    found = []
    for name in sorted(names):
        if name in options or not name.startswith(beginnings):
            continue
        close = difflib.get_close_matches(name, sorted(options), n=1, cutoff=0.85 if near else 0.6)
        if close or not near:
            hint = "Did you mean %s?" % close[0] if close else "The role's README lists the variables that it knows."
            found.append("The variable %s is not known to any role. %s" % (name, hint))
    return found


def missing_variables(options: Options, settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A sentence by option for each required variable that is not given."""
    return {
        option: "%s is required and not given. %s" % (option, _first_sentence(spec.get("description", "")))
        for option, spec in sorted(options.items())
        if spec.get("required") and settings.get(option) is None
    }


def wrong_values(options: Options, given: t.Mapping[str, t.Any]) -> dict[str, list[str]]:
    """Sentences by option for values whose type, choice or keys do not fit."""
    found = {}
    for option, spec in sorted(options.items()):
        if option in given:
            sentences = _wrong(option, spec, given[option])
            if sentences:
                found[option] = sentences
    return found


def _wrong(name: str, spec: t.Mapping[str, t.Any], value: t.Any, top: bool = True, element: bool = False) -> list[str]:
    kind = spec.get("type", "str")
    if value is None:
        hint = "Write '' for an empty text, or take the line out to have the default."
        return ["%s is given without a value (null). %s" % (name, hint)] if top and not spec.get("required") else []
    if kind not in _EXPECTED:
        return []
    if not _fits(kind, value) and not (element and _fits_as_element(kind, value)):
        hint = " On the command line use JSON: -e '{\"%s\": %s}'." % (name, "true" if kind == "bool" else "5000")
        return [
            "%s must be %s, but it is %s.%s" % (name, _EXPECTED[kind], _seen(value), hint if top and kind in ("bool", "int") and isinstance(value, str) else "")
        ]
    choices = spec.get("choices")
    if kind == "list":
        found = []
        of_each = {"type": spec.get("elements", "raw"), "options": spec.get("options"), "choices": choices}
        for number, entry in enumerate(value, 1):
            named = entry.get("name") if isinstance(entry, t.Mapping) else None
            where = "%s: %s" % (name, shown(named) if named and isinstance(named, str) else "entry %d" % number)
            found += ["%s is given without a value (null)." % where] if entry is None else _wrong(where, of_each, entry, False, True)
        return found
    if choices and value not in choices:
        return ["%s is %s; it must be one of %s." % (name, _seen(value), ", ".join(map(str, choices)))]
    if kind == "dict" and spec.get("options"):
        return _wrong_keys(name, spec["options"], value)
    return []


def wrong_entry(name: str, options: Options, value: t.Mapping[str, t.Any]) -> list[str]:
    """Sentences for one dictionary that has options of its own."""
    return _wrong_keys(name, options, value)


def with_defaults(options: Options, value: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A dictionary with a value for each of its options, as a module would have it."""
    whole: dict[str, t.Any] = {}
    for key, spec in options.items():
        whole[key] = value[key] if value.get(key) is not None else spec.get("default")
        if spec.get("type") == "dict" and spec.get("options") and whole[key] is not None:
            whole[key] = with_defaults(spec["options"], whole[key])
    return whole


def _wrong_keys(name: str, options: Options, value: t.Mapping[str, t.Any]) -> list[str]:
    found = []
    for key in sorted(map(str, value)):
        if key not in options:
            close = difflib.get_close_matches(key, sorted(options), n=1)
            hint = "Did you mean %s?" % close[0] if close else "Known are %s." % ", ".join(sorted(options))
            found.append("%s has %s, which is not known there. %s" % (name, shown(key), hint))
    for key, spec in sorted(options.items()):
        if value.get(key) is not None:
            found += _wrong("%s: %s" % (name, key), spec, value[key], False)
        elif spec.get("required"):
            found.append("%s lacks %s." % (name, key))
    return found


def _fits(kind: str, value: t.Any) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "dict":
        return isinstance(value, t.Mapping)
    return isinstance(value, str)


def _fits_as_element(kind: str, value: t.Any) -> bool:
    """Within a list no template depends on whether 8086 or V("8086") is given."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (kind in ("str", "path") and number) or (kind == "int" and isinstance(value, str) and value.isdigit())


def _seen(value: t.Any) -> str:
    if isinstance(value, (str, bool, int, float)):
        return "%s '%s'" % ("the text" if isinstance(value, str) else "the value", shown(value))
    return "a list" if isinstance(value, (list, tuple)) else "a dictionary"


def _first_sentence(description: t.Any) -> str:
    return str(description[0] if isinstance(description, list) and description else description)
