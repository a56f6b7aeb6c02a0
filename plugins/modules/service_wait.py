#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_wait
short_description: Wait until a service that was started answers, but not for one that fails
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Asks a URL on the host until it answers with a status below 400.
  - Ends at once when the systemd unit has failed, or when systemd has restarted it three times meanwhile. The message then says what systemd
    makes of it, such as V(216/GROUP), and shows the end of the unit's journal, or says in its place that a file system is full.
options:
  unit:
    description: The systemd unit that was started.
    type: str
    required: true
  url:
    description:
      - The address to ask, with C(GET). Of an address such as V(tcp://127.0.0.1:8086) it is only found out whether a connection is accepted.
      - Certificates are not checked; the host asks itself.
    type: str
    required: true
  timeout:
    description: How many seconds to wait at most.
    type: int
    default: 120
  journal_lines:
    description: How many lines of the journal the message shows when there is no answer.
    type: int
    default: 30
  secrets:
    description: Texts that are masked where the journal holds them.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
notes:
  - The journal of a system unit is readable to root, and so needs C(become).
seealso:
  - module: sparkflows.mlops.host_info
"""

EXAMPLES = r"""
- name: Wait until the tracking server answers
  sparkflows.mlops.service_wait:
    unit: mlflow-server.service
    url: http://127.0.0.1:5000/health
    timeout: 120
"""

RETURN = r"""
seconds:
  description: After how many seconds the answer came.
  returned: success
  type: float
  sample: 3.5
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._host.service_wait import run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(
        lambda module: run(module.params),
        {
            "unit": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 120},
            "journal_lines": {"type": "int", "default": 30},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
    )


if __name__ == "__main__":
    main()
