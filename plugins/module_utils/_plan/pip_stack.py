# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The rules for the role C(pip_stack)."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip import requirements as _requirements
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import _rules as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._rules import Rule, Settings

#: The role's own locks, and the names by which pip_stack_extras knows those of extras.
LOCKS = os.path.join(os.path.abspath(__file__).rpartition(os.sep + "plugins" + os.sep)[0], "roles", "pip_stack", "files", "locks")
OWN_EXTRAS = ("sklearn", "h2o", "postgresql")
# Any release of the one Python that the stack is made for; locks and markers tell no smaller steps apart.
_PYTHON = "3.7.17"
# uv is a program, and its lock is for no Python in particular.
_PYTHON_OF_UV = "3.9.0"
# pip and uv part their lists there.
_SPLITS = re.compile(r"[\s,]")
_SPLIT = "%s holds a space, a comma or a line break, which pip and uv can't be given. Use another path or address."


def _index(name: str, value: t.Any) -> list[str]:
    """An index may carry a login, so that it is not shown."""
    if not isinstance(value, str):
        return ["%s must be a text; put quotes around it." % name]
    if _SPLITS.search(value):
        return [_SPLIT % name]
    good = value == "" or rules.is_url(value, ("http", "https")) or value.startswith("file:///")
    return [] if good else ["%s is not a URL; one such as https://HOST/simple/ was expected." % name]


def _find_link(name: str, value: str) -> list[str]:
    if _SPLITS.search(value):
        return [_SPLIT % name]
    good = rules.is_url(value, ("http", "https")) or value.startswith("file:///") or os.path.isabs(value)
    return [] if good else ["%s is '%s', but a URL or an absolute path on the host was expected." % (name, rules.shown(value))]


RULES: rules.Table = {
    "pip_stack_prefix": rules.absolute_path(plain=False, deep=True),
    "pip_stack_python": rules.absolute_path(plain=False),
    "pip_stack_lock": rules.one_line("a path on the controller"),
    "pip_stack_extras": rules.texts(),
    "pip_stack_uv_lock": rules.one_line("a path on the controller"),
    "pip_stack_uv": rules.absolute_path(or_nothing=True, plain=False),
    "pip_stack_index_url": Rule(_index),
    "pip_stack_extra_index_urls": rules.texts(Rule(_index)),
    "pip_stack_find_links": rules.texts(Rule(_find_link)),
    "pip_stack_ca_bundle": rules.absolute_path(or_nothing=True, plain=False),
    "pip_stack_environment": rules.environment(),
    "pip_stack_keep": rules.at_least(0),
    "pip_stack_timeout": rules.at_least(1),
}


def problems(settings: Settings) -> list[str]:
    """Sentences for settings of the role that can't be right, the locks on the controller included."""
    if settings["pip_stack_state"] == "absent":
        return rules.judge(rules.only(RULES, "pip_stack_prefix"), settings)
    found = rules.judge(RULES, settings)
    if settings["pip_stack_offline"] and not settings["pip_stack_find_links"]:
        found.append("pip_stack_offline is true, but pip_stack_find_links names no place to install from. Add the folder or URL that holds the wheels.")
    locks = lock_paths(settings)
    lacking = [sentence for path in locks for sentence in _lock_problems([path], _PYTHON)]
    found += lacking or _lock_problems(locks, _PYTHON)
    if uv_lock_path(settings):
        found += _lock_problems([uv_lock_path(settings)], _PYTHON_OF_UV)
    return found


def lock_paths(settings: Settings) -> list[str]:
    """The files on the controller that the stack is installed from, besides the installer."""
    paths = [settings["pip_stack_lock"] or os.path.join(LOCKS, "mlflow.txt")]
    return paths + [os.path.join(LOCKS, extra + ".txt") if extra in OWN_EXTRAS else extra for extra in settings["pip_stack_extras"]]


def lock_text(settings: Settings) -> str:
    """What these files hold, one after the other. Raises OSError or ValueError for one that `problems` refuses."""
    return "\n".join(map(_read, lock_paths(settings)))


def uv_lock_path(settings: Settings) -> str:
    """The file on the controller that pins uv; empty where the host needs none."""
    if settings["pip_stack_installer"] == "pip" or settings["pip_stack_uv"]:
        return ""
    return str(settings["pip_stack_uv_lock"] or os.path.join(LOCKS, "uv.txt"))


def uv_lock_text(settings: Settings) -> str:
    """What that file holds."""
    path = uv_lock_path(settings)
    return _read(path) if path else ""


def pins(settings: Settings) -> t.Optional[t.AbstractSet[str]]:
    """The names of all distributions in the stack, None where a lock can't be used."""
    if _lock_problems(lock_paths(settings), _PYTHON):
        return None
    return set(_requirements.parse_lock(lock_text(settings), _requirements.marker_environment(_PYTHON)))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def _lock_problems(paths: list[str], python: str) -> list[str]:
    """Sentences for locks that are missing, hold a pin without a digest, are made for another Python, or pin one thing twice."""
    contents = []
    for path in paths:
        try:
            contents.append(_read(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            return [
                "The controller can't read the lock %s (%s). pip_stack_lock and pip_stack_uv_lock name files on the controller; pip_stack_extras knows "
                "%s and such files." % (rules.shown(path), reason, ", ".join(OWN_EXTRAS))
            ]
    try:
        _requirements.parse_lock("\n".join(contents), _requirements.marker_environment(python))
    except Problem as problem:
        return ["The lock %s can't be used. %s" % (" with ".join(rules.shown(path) for path in paths), problem)]
    return []
