# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m sparkflows_double serve`: run the double."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path

from .server import Double


def main() -> None:
    parser = argparse.ArgumentParser(prog="sparkflows_double", description=__doc__)
    serve = parser.add_subparsers(dest="command", required=True).add_parser("serve", help="serve until a signal ends it")
    serve.add_argument("--listen", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8080)
    serve.add_argument("--home", type=Path, required=True, help="folder of conf/ and state.json; made where missing")
    serve.add_argument("--tls-certificate", default="", help="PEM file; with it the double speaks https")
    serve.add_argument("--tls-key", default="", help="PEM file of the private key")
    serve.add_argument("--slow-start", type=float, default=0, help="seconds to wait before anything listens")
    chosen = parser.parse_args()
    if bool(chosen.tls_certificate) != bool(chosen.tls_key):
        parser.error("--tls-certificate and --tls-key belong together")
    double = Double(chosen.home, chosen.listen, chosen.port, chosen.tls_certificate, chosen.tls_key, quiet=False)
    time.sleep(chosen.slow_start)
    double.start()
    print("A double of Sparkflows, not the product, listens on %s" % double.url, flush=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *dummy: ended.set())
    ended.wait()
    double.stop()


main()
