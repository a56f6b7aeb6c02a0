# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until both models of verify.yml predict rightly; runs as root on the host, standard library only.

Restarts the units that are named as arguments first, all at once. Prints one JSON object: the seconds that this took, and for each
unit of the collection the identifier of its present run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

PORTS = {"verify-numpy": 5001, "verify-spark": 5002}
# Both models have the same answer to this row.
ROW, EXPECTED = json.dumps({"columns": ["a", "b"], "data": [[2.0, 1.0]]}).encode(), 6.0
UNITS = ("mlflow-server", "mlops-agent", *("mlops-model@" + name for name in PORTS))


def main(units):
    started = time.monotonic()
    if units:
        subprocess.run(["systemctl", "restart", *units], check=True)
    while not all(predicts(port) for port in PORTS.values()):
        if time.monotonic() > started + 300:
            sys.exit("The models do not predict rightly within 300 seconds.")
        time.sleep(0.02)
    print(json.dumps({"seconds": time.monotonic() - started, "runs": {unit: run_of(unit) for unit in UNITS}}))


def predicts(port):
    request = urllib.request.Request("http://127.0.0.1:%d/invocations" % port, ROW, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return abs(json.loads(answer.read())[0] - EXPECTED) < 1e-6
    except (OSError, ValueError):
        return False


def run_of(unit):
    show = ["systemctl", "show", "--value", "--property=InvocationID", unit]
    return subprocess.run(show, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


main(sys.argv[1:])
