#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_switch
short_description: Switch to another release that is there already
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Below O(dest), as M(sparkflows.mlops.archive_release) and M(sparkflows.mlops.pip_environment) lay it out, lie releases in C(releases/NAME), and
    C(current) is a link to one of them.
  - Replaces this link by one to another complete release, in one step. Whoever follows it meanwhile finds the former release or the new one.
  - Installs nothing and removes nothing. What runs from the former release goes on until it is restarted.
options:
  dest:
    description: The folder with the releases and the link.
    type: path
    required: true
  release:
    description: The name of the release to switch to. One that is missing, or was not completely installed, is refused.
    type: str
    required: true
  programs:
    description: Paths within the release that have to be executable files; without them nothing is switched.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: sparkflows.mlops.archive_release
  - module: sparkflows.mlops.pip_environment
"""

EXAMPLES = r"""
- name: Go back to the former JDK
  sparkflows.mlops.release_switch:
    dest: /opt/sparkflows/jdk
    release: 8u452-b09
    programs: [bin/java]
"""

RETURN = r"""
previous:
  description: The release that C(current) named before; null where it named none.
  returned: success
  type: str
  sample: 8u462-b08
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.switch import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(lambda module: run(module.params, module.check_mode), ARGUMENT_SPEC, "dest")


if __name__ == "__main__":
    main()
