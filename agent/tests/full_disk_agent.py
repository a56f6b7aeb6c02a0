# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent on a disk that is full while there is a file called full beside its settings."""

import errno
import os
import sys

from mlops_agent import __main__ as agent

fsync = os.fsync


def fsync_when_there_is_room(descriptor):
    if os.path.exists(os.path.join(os.path.dirname(sys.argv[-1]), "full")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fsync(descriptor)


os.fsync = fsync_when_there_is_room

if __name__ == "__main__":
    sys.argv[0] = "mlops_agent"
    agent.main()
