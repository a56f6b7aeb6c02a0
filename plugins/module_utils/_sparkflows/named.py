# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Options of the module C(sparkflows_config) as settings by the names that Sparkflows gives them, for its own file."""

from __future__ import annotations

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import as_text
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import HOST, HOST_PORT, PORT, PUBLIC
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.values import join_host_port


def named_settings(options: t.Mapping[str, t.Any], names: t.Mapping[str, str]) -> dict[str, str]:
    """Values by name of the setting, without empty ones; :class:`Problem` for options whose names are neither public nor among `names`."""
    known = dict(PUBLIC, **names)
    given = {option: as_text(value) for option, value in options.items() if value not in ("", None)}
    joined = known.get(HOST_PORT) or (known.get(HOST) if known.get(HOST) == known.get(PORT) else None)
    settings = {}
    if joined and HOST in given and PORT in given:
        settings[joined] = join_host_port(given.pop(HOST), given.pop(PORT))
    unnamed = sorted(option for option in given if not known.get(option))
    if unnamed:
        raise Problem(
            "The names of these settings are not public: %s. Name them with sparkflows_key_names, as Administration, Configuration shows them, or give a "
            "login so that they can be found on the running server." % ", ".join(unnamed)
        )
    settings.update((known[option], value) for option, value in given.items())
    return settings
