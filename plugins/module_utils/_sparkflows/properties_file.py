# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the module C(sparkflows_properties) does: settings in Sparkflows' own file, and a note of the restart that is then due."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import holds_secret
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import properties

ARGUMENT_SPEC: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "absent": {"type": "list", "elements": "str", "default": []},
    "restart_marker": {"type": "path"},
}


def text_of(name: str, value: t.Any) -> str:
    """A value as it stands in the file; raises Problem for one that has no such form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Problem("The value of %s is a %s; a properties file holds texts, numbers and booleans." % (name, type(value).__name__))


def write(path: str, text: str, mode: int) -> None:
    """Put the text there in one step, with the owner of the old file, or else of the folder."""
    owner = os.stat(path if os.path.exists(path) else os.path.dirname(path))
    try:
        write_atomic(os.path.realpath(path), text, mode, (owner.st_uid, owner.st_gid), "latin-1")
    except OSError as error:
        raise Problem("%s can't be written (%s). Give the task the rights, or the file system some room." % (path, os.strerror(error.errno or 0))) from None


def check_marker(marker: str) -> None:
    """Refuse, before anything is changed, a marker that could not be made; raises Problem."""
    if not os.path.isabs(marker):
        raise Problem("restart_marker is %s, which is not an absolute path. Name the marker by its whole path, from / on." % marker)
    if os.path.isdir(marker):
        raise Problem("restart_marker is %s, which is a folder. Name a file, which need not exist." % marker)


def mark(marker: str, path: str) -> None:
    """Note that a restart is due."""
    try:
        make_folder(os.path.dirname(marker))
        write_atomic(marker, path + "\n")
    except OSError as error:
        raise Problem("restart_marker %s can't be made (%s). Nothing was changed. Choose another place." % (marker, os.strerror(error.errno or 0))) from None


def shown(values: t.Mapping[str, str], names: t.Iterable[str], secrets: t.Container[str], label: str) -> str:
    """The lines of ``names`` as a diff may show them; ``secrets`` are those with a value that is not shown in any case.

    ``label`` keeps hidden values of before and after apart.
    """
    lines = []
    for name in names:
        if name in values:
            hidden = name in secrets or holds_secret(values[name], name)
            lines.append("%s=*** (%s)" % (name, label) if hidden else properties.written(name, values[name]))
    return "".join(line + "\n" for line in lines)


def run(params: t.Mapping[str, t.Any], check_mode: bool, hide: t.Callable[[list[str]], None]) -> dict[str, t.Any]:
    """Do what the module C(sparkflows_properties) documents and return its result; `hide` is told values that must not be shown. Raises `Problem`."""
    path, marker = params["path"], params["restart_marker"]
    secrets = {name: text_of(name, value) for name, value in params["secret_settings"].items()}
    wanted: dict[str, t.Optional[str]] = dict({name: text_of(name, value) for name, value in params["settings"].items()}, **secrets)
    looks_secret = [value for name, value in wanted.items() if value is not None and holds_secret(value, name)]
    hide(looks_secret)
    twice = sorted(set(params["absent"]) & set(wanted))
    if twice:
        raise Problem("%s is to be set and to be removed; decide for one." % ", ".join(twice))
    wanted.update(dict.fromkeys(params["absent"]))
    if "" in wanted:
        raise Problem("One of the keys is empty. Give each value the name that it has in Administration, Configuration.")
    if marker:
        check_marker(marker)

    before, mode = properties.read(path)
    after = properties.with_values(before, wanted)
    new_mode = mode if mode is not None else 0o640
    if secrets or looks_secret:
        new_mode &= ~0o007
    old, new = properties.values(before), properties.values(after)
    names = [name for name in wanted if old.get(name) != new.get(name)]
    changed = before != after or (mode is not None and mode != new_mode)
    if changed and not check_mode:
        if marker and before != after:
            mark(marker, path)
        write(path, after, new_mode)
    # Nothing tells whether what is taken out was a secret.
    hidden = set(secrets) | set(params["absent"])
    due = bool(marker) and (os.path.exists(marker) or before != after)
    return {
        "changed": changed,
        "names": names,
        "differences": _differences(path, names, (old, new), hidden, (mode, new_mode)) if changed else [],
        "restart_due": due,
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": shown(old, names, hidden, "before"),
            "after": shown(new, names, hidden, "after"),
        },
    }


def _differences(
    path: str, names: t.Sequence[str], values: tuple[dict[str, str], dict[str, str]], hidden: t.Container[str], modes: tuple[t.Optional[int], int]
) -> list[dict[str, str]]:
    """What differs in an admin's words."""

    def word(name: str, value: t.Optional[str]) -> str:
        if value is None:
            return "nothing"
        return "(not shown)" if name in hidden or holds_secret(value, name) else value or "an empty text"

    found = [{"item": "setting %s in %s" % (name, path), "before": word(name, values[0].get(name)), "after": word(name, values[1].get(name))} for name in names]
    if modes[0] not in (None, modes[1]):
        found.append({"item": path + ": mode", "before": "%04o" % modes[0], "after": "%04o" % modes[1]})
    return found or [{"item": path, "before": "sets a key more than once", "after": "sets each once"}]
