# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as systemd starts it, with a listening socket as its descriptor 3.

HANG_ON: the path of a file; once it is there, the event loop turns no more.
"""

import asyncio
import os
import socket
import sys
import time

from mlops_agent import __main__ as agent

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ["LISTEN_PORT"])))
listener.listen(16)
os.dup2(listener.fileno(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="mlops-agent", WATCHDOG_PID=str(os.getpid()))


async def hang():
    while not os.path.exists(os.environ["HANG_ON"]):
        await asyncio.sleep(0.05)
    time.sleep(60)


serve = agent.serve


async def serve_until_it_hangs(config, secrets):
    asyncio.ensure_future(hang())
    await serve(config, secrets)


agent.serve = serve_until_it_hangs

if __name__ == "__main__":
    sys.argv[0] = "mlops_agent"
    agent.main()
