# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scorer of the test image: an MLflow model behind POST /score.

SCORER_SECONDS makes each answer take that long, and SCORER_FAULT makes each scoring fail with these words.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow.pyfunc
import pandas


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = None

    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {"status": "UP"})

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8"))
        time.sleep(float(os.environ.get("SCORER_SECONDS", "0")))
        fault = os.environ.get("SCORER_FAULT")
        if fault:
            print("cannot score:", fault, flush=True)
            self.answer(500, {"message": fault})
        elif self.path == "/score":
            frame = pandas.DataFrame(rows["data"], columns=rows["columns"])
            self.answer(200, {"predictions": [float(value) for value in self.model.predict(frame)]})
        else:
            self.answer(404, {"message": "POST rows to /score"})

    def answer(self, status, content):
        body = json.dumps(content).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    Handler.model = mlflow.pyfunc.load_model(os.environ["MODEL_DIRECTORY"])
    server = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
    signal.signal(signal.SIGTERM, lambda *arguments: threading.Thread(target=server.shutdown).start())
    print("serving", flush=True)
    server.serve_forever()


main()
