# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as a service of systemd: the socket comes from it, it is told when the agent is ready, and that it lives."""

import os
import socket

import pytest
from conftest import HERE

ACTIVATED = (os.path.join(HERE, "activated_agent.py"),)


@pytest.fixture
def systemd(world):
    """The socket on which systemd listens to its services, and the environment that it gives them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        address = os.path.join(world.directory, "notify")
        channel.bind(address)
        channel.settimeout(10)
        yield channel, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000", "LISTEN_PORT": str(world.config["listen_port"]),
                        "HANG_ON": os.path.join(world.directory, "hang")}


def heard(channel, wanted):
    """Read on until systemd hears this."""
    said = b""
    while said != wanted:
        said = channel.recv(1000)


def test_systemd_hears_that_the_agent_is_ready_and_lives(world, systemd):
    channel, environment = systemd
    agent = world.agent(program=ACTIVATED, environment=environment)
    heard(channel, b"READY=1")
    assert agent.call("GET", "/health")[0] == 200
    for dummy in range(3):
        heard(channel, b"WATCHDOG=1")
    assert agent.stop() == 0
    heard(channel, b"STOPPING=1")


def test_an_event_loop_that_hangs_is_not_said_to_live(world, systemd):
    channel, environment = systemd
    agent = world.agent(program=ACTIVATED, environment=environment)
    heard(channel, b"WATCHDOG=1")
    open(environment["HANG_ON"], "w").close()
    channel.settimeout(1)  # more than systemd's patience
    with pytest.raises(socket.timeout):
        for dummy in range(20):
            heard(channel, b"WATCHDOG=1")
    assert agent.process.poll() is None


def test_a_socket_of_another_port_is_a_sentence(world, systemd):
    dummy, environment = systemd
    agent = world.agent(program=ACTIVATED, environment=dict(environment, LISTEN_PORT=str(world.ports[0])))
    assert agent.process.wait(10) == 1
    assert "restart mlops-agent.socket" in agent.log() and "Traceback" not in agent.log()
