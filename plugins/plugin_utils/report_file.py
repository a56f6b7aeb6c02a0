# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""A report on the controller, in the form that the suffix of its file names."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._files import write_atomic


def write(option: str, path: str, forms: t.Mapping[str, t.Callable[[float], str]]) -> str | None:
    """Write the report, readable to all; a sentence where that can't be done.

    :param option: the variable that names the path.
    :param forms: by suffix, what makes the report's text of the seconds since the epoch.
    """
    path = os.path.abspath(os.path.expanduser(path))
    form = forms.get(os.path.splitext(path)[1])
    if form is None:
        return "%s is %s; its suffix must be one of %s." % (option, path, ", ".join(sorted(forms)))
    try:
        write_atomic(path, form(time.time()), mode=0o644)
    except OSError as error:
        return "The report could not be written to %s: %s. Name another path with %s." % (path, error.strerror, option)
    return None
