# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the agent: python -m mlops_agent --config FILE, with the secrets in the environment."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import ssl
import sys

from tornado.netutil import bind_sockets

from . import __version__, config as settings, systemd
from .health import Health
from .listener import Listener
from .ports import Ports
from .reconciler import Reconciler
from .registry import Registry
from .store import Store
from .units import Units
from .web import Agent, application

LOG = logging.getLogger("mlops_agent")

SECRETS = ("MLOPS_AGENT_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


async def serve(config: settings.Config, secrets: settings.Secrets) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the port or a file cannot be used."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_event_loop().add_signal_handler(number, stopping.set)

    directory = settings.deployments_directory(config)
    # Readable for the launcher, which runs as another user; there is no secret in it.
    os.makedirs(directory, mode=0o755, exist_ok=True)
    store = Store(directory, config.model_roots)
    store.load()
    units = Units(config.helper_socket)
    ports = Ports(
        config.model_address, config.model_port_first, config.model_port_last, settings.reserved_ports(config), units
    )
    registry = Registry(config.tracking_uri, secrets, config.tracking_ca_file, config.tracking_name)
    reconciler = Reconciler(config, store, units, Health(config.health_timeout), ports, registry)
    agent = Agent(config, secrets, store, reconciler, registry, units, ports)

    server = Listener(
        application(agent), ssl_options=_tls(config),
        # The handlers keep the real limit: they answer in JSON, tornado would just hang up.
        max_body_size=1 << 62, body_timeout=30, idle_connection_timeout=60, max_header_size=16384,
    )
    server.add_sockets(_sockets(config))
    reconciler.start()
    beside = [asyncio.ensure_future(systemd.feed_watchdog()), asyncio.ensure_future(agent.watch_tracking())]
    systemd.notify("READY=1")
    LOG.info("version %s listens on %s port %d", __version__, config.listen_address, config.listen_port)
    await stopping.wait()
    systemd.notify("STOPPING=1")
    for task in beside:
        task.cancel()
    server.stop()
    await reconciler.stop()
    await server.close_all_connections()


def _sockets(config: settings.Config) -> list[socket.socket]:
    """The sockets to listen on: systemd's, which nobody else can bind while the agent is away, or our own."""
    sockets = systemd.take_sockets()
    for one in sockets:
        port = one.getsockname()[1]
        if port != config.listen_port:
            raise ValueError("systemd listens on port {}, the settings say {}: restart mlops-agent.socket.".format(
                port, config.listen_port
            ))
    return sockets or bind_sockets(config.listen_port, config.listen_address)


def _tls(config: settings.Config) -> ssl.SSLContext | None:
    if not config.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # Python 3.7's OpenSSL would still offer what RFC 8996 retired.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.tls_certificate, config.tls_private_key)
    return context


def main() -> None:
    parser = argparse.ArgumentParser(prog="mlops_agent", description="Serves MLflow models as systemd units.")
    parser.add_argument("--config", required=True, help="JSON file with the settings")
    parser.add_argument("--version", action="version", version=__version__)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        config, secrets = settings.load(arguments.config), settings.secrets(os.environ)
        for name in SECRETS:
            os.environ.pop(name, None)
        asyncio.run(serve(config, secrets))
    except (OSError, ValueError) as error:
        sys.exit("The agent cannot run: {}".format(error))


if __name__ == "__main__":
    main()
