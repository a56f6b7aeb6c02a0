#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_lock
short_description: Let one run at a time change a host
version_added: 1.0.0
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Takes or gives back the lock of a host, a record in C(/run/sparkflows-mlops) that says who changes the host, from where, since when and with which
    playbook. Another run that wants it is refused with these words.
  - M(sparkflows.mlops.plan) takes it for a role that has something to change, and refuses where it stands. Use this module in a playbook that changes hosts
    in another way.
  - The lock ends by itself when its run has given no sign of life for O(lease) seconds. Each task of this collection is one; while a module of the collection
    changes the host the lock does not end. A run that had the lock of the same process twice has it once.
  - A run that was started on the same controller and has died is known to be over, and its lock is taken at once.
  - It is gone with the boot.
options:
  state:
    description:
      - V(held) takes the lock, or fails where another run has it.
      - V(awaited) waits until nobody has it, or fails.
      - V(released) gives it back. Nothing happens where another run has it.
    type: str
    choices: [held, awaited, released]
    default: held
  wait:
    description: How many seconds to wait for another run. The variable C(mlops_lock_wait) of the host, or else 0, unless it is given.
    type: int
  lease:
    description:
      - After how many seconds without a sign of life the run counts as dead for others. The variable C(mlops_lock_lease) of the host, or else 600, unless
        it is given. A task that is none of this collection's and may take longer needs a longer one.
    type: int
  name:
    description: For whom the run holds the lock, which goes with the last of them. The host of the play unless it is given.
    type: str
  holder:
    description: The run, filled in by the controller.
    type: dict
    suboptions:
      run:
        description: What no other run is called.
        type: str
        required: true
      user:
        description: Who started it.
        type: str
        required: true
      controller:
        description: Where it was started.
        type: str
        required: true
      playbook:
        description: What was started.
        type: str
        required: true
      since:
        description: When it began with this, in UTC.
        type: str
        required: true
      machine:
        description: Where its process is found, and nowhere else; empty where that can't be told.
        type: str
        required: true
      pid:
        description: Its process.
        type: int
        required: true
      start:
        description: When that process was started, as the kernel counts it.
        type: str
        required: true
  over:
    description: Runs that are known to have died, filled in by the controller.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
    details:
      - Neither takes nor waits.
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - Needs root on the host, that is C(become).
  - It never reports a change, as it leaves nothing behind.
seealso:
  - module: sparkflows.mlops.plan
"""

EXAMPLES = r"""
- name: Change a host with nobody between
  block:
    - name: Keep others away
      sparkflows.mlops.host_lock:
    - name: Change it
      ansible.builtin.command: /usr/local/sbin/change
      changed_when: true
  always:
    - name: Let others change it
      sparkflows.mlops.host_lock:
        state: released
"""

RETURN = r"""
lock:
  description: The lock of another run that blocks this one; null otherwise.
  returned: always
  type: dict
  contains:
    user:
      description: Who started the run.
      returned: always
      type: str
    controller:
      description: Where it was started.
      returned: always
      type: str
    playbook:
      description: What was started.
      returned: always
      type: str
    since:
      description: When it began to change the host, in UTC.
      returned: always
      type: str
    silent:
      description: How many seconds ago it gave a sign of life.
      returned: always
      type: int
    busy:
      description: Whether a module of this collection changes the host just now.
      returned: always
      type: bool
    lease:
      description: How many seconds it may be silent.
      returned: always
      type: int
    names:
      description: For whom it holds the lock.
      returned: always
      type: list
      elements: str
    path:
      description: The record on the host.
      returned: always
      type: str
  sample: null
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _host_lock
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import QuietModule, run_module

_TEXT = {"type": "str", "required": True}
ARGUMENT_SPEC: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["held", "awaited", "released"], "default": "held"},
    "wait": {"type": "int"},
    "lease": {"type": "int"},
    "name": {"type": "str"},
    "holder": {
        "type": "dict",
        "options": {
            "run": _TEXT, "user": _TEXT, "controller": _TEXT, "playbook": _TEXT, "since": _TEXT, "machine": _TEXT,
            "pid": {"type": "int", "required": True}, "start": _TEXT,
        },
    },
    "over": {"type": "list", "elements": "str", "default": []},
}  # fmt: skip


def call(module: QuietModule) -> dict[str, t.Any]:
    return {"lock": _host_lock.carried_out(module.params, module.check_mode)}


def main() -> None:
    run_module(call, ARGUMENT_SPEC, reads=True)


if __name__ == "__main__":
    main()
