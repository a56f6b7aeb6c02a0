# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent, killed with SIGKILL at its KILL_AT-th write: before it is done, or right after.

Every system call by which the agent changes something, and every request to the root helper that
changes something, counts as a write. The agent's own code is not aware of any of this. With STEPS
in the environment, each change as a whole counts once: it is killed between two of them.
"""

import os
import signal
import sys

from mlops_agent import __main__ as agent
from mlops_agent import units

remaining = int(os.environ["KILL_AT"])
steps = "STEPS" in os.environ


def step():
    global remaining
    remaining -= 1
    if remaining == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def interrupted(function, is_write=lambda *arguments: True):
    def wrapper(*arguments, **named):
        if not is_write(*arguments):
            return function(*arguments, **named)
        if not steps:
            step()
        result = function(*arguments, **named)
        step()
        return result
    return wrapper


class InterruptedUnits(units.Units):
    async def _ask(self, **request):
        if request["action"] not in ("apply", "stop", "remove", "open_port", "close_port"):
            return await super()._ask(**request)
        if not steps:
            step()
        reply = await super()._ask(**request)
        step()
        return reply


if not steps:
    os.open = interrupted(os.open, lambda path, flags, *more: flags & os.O_CREAT)
    os.fsync = interrupted(os.fsync)
os.replace = interrupted(os.replace)
os.unlink = interrupted(os.unlink)
agent.Units = InterruptedUnits

if __name__ == "__main__":
    sys.argv[0] = "mlops_agent"
    agent.main()
