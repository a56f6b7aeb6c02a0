# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for a vendor's MLOps server: says over HTTP how it was started, secrets apart."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        seen = {
            "arguments": sys.argv[1:],
            "user": os.getuid(),
            "java_home": os.environ.get("JAVA_HOME"),
            "tracking_uri": os.environ.get("MLFLOW_TRACKING_URI"),
            "has_password": bool(os.environ.get("VENDOR_PASSWORD")),
        }
        body = json.dumps(seen).encode()
        self.send_response(200 if self.path in ("/up", "/seen") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(os.environ["SERVER_PORT"])), Handler).serve_forever()
