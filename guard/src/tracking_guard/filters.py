# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters and orders of searches, kept to what sqlparse 0.4.4 reads in a moment.

Its time grows with the square of the length, most of all with comments (CVE-2026-54284, CVE-2026-71491): 8000 characters keep a worker
for 20 seconds.
"""

from __future__ import annotations

import re
import typing as t

from . import uris

#: About what fits into the request line of a GET.
LIMIT = 4000
# What stands in quotes is a value or a name, whatever is in it; MLflow's filters know no comments.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_COMMENT = re.compile(r"--|/\*|#")


def bounded(parse: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """sqlparse's function for long texts and comments refused; MLflow answers its errors with status 400."""

    def wrapper(sql: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
        if len(sql) > LIMIT:
            raise uris.Refused("A filter or an order has more than %d characters." % LIMIT)
        if _COMMENT.search(_QUOTED.sub("", sql)):
            raise uris.Refused("A filter or an order has a comment in it.")
        return parse(sql, *args, **kwargs)

    return wrapper
