# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd reads: the text of an environment file.

For use inside this collection only.
"""

from __future__ import annotations

import re

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Up to systemd 246 a unit's environment takes no control character but the tab; a newline or a NUL would end the value or the file.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Within double quotes a backslash takes away the meaning of these and stands for itself before all others (systemd.exec(5), EnvironmentFile=).
_SPECIAL = re.compile(r'["\\$`]')


def environment_file(variables: dict[str, object]) -> str:
    """The lines of an C(EnvironmentFile=) from which a process gets exactly these variables.

    :param variables: values by name; a value is turned into text, and an empty one is left out.
    :returns: one C(NAME="value") a line, in the order of the names, without a newline at the end.
    :raises Problem: for a name or value that no such file can hold; the sentence names the variable and never shows its value.
    """
    lines = []
    for name in sorted(variables):
        value = str(variables[name])
        if not _NAME.match(name):
            raise Problem("%r is not a name for an environment variable: letters, digits and _ are, and no digit comes first." % name)
        if _CONTROL.search(value):
            raise Problem("The value of the environment variable %s has a line break or another control character. Give it as a text of one line." % name)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Problem("The value of the environment variable %s is not valid UTF-8. Give it as text." % name) from None
        if value:
            lines.append('%s="%s"' % (name, _SPECIAL.sub(r"\\\g<0>", value)))
    return "\n".join(lines)
