# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches the two models that verify.yml leaves serving; runs as root on the host, standard library only.

    runs              waits until both predict rightly
    first RUNS        waits until the first of those that have been restarted since predicts rightly; RUNS is what `runs` printed before
    restart UNIT...   restarts units, all at once

Prints one JSON object: the time of the host's clock in seconds, and for each unit the identifier of its present run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request

MODELS = {"mlops-model@verify-numpy": 5001, "mlops-model@verify-spark": 5002}
# Both models have the same answer to this row.
ROW, EXPECTED = json.dumps({"columns": ["a", "b"], "data": [[2.0, 1.0]]}).encode(), 6.0
UNITS = ("mlflow-server", "mlops-agent", *MODELS)


def main(action, *given):
    if action == "restart":
        subprocess.run(["systemctl", "restart", *given], check=True)
    elif action == "first":
        before = json.loads(given[0])
        wait_until(lambda: any(run_of(unit) != before[unit] and predicts(port) for unit, port in MODELS.items()))
    else:
        wait_until(lambda: all(predicts(port) for port in MODELS.values()))
    print(json.dumps({"time": time.time(), "runs": {unit: run_of(unit) for unit in UNITS}}))


def wait_until(condition):
    limit = time.monotonic() + 300
    while not condition():
        if time.monotonic() > limit:
            sys.exit("The models do not predict rightly within 300 seconds.")
        time.sleep(0.1)


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


main(*sys.argv[1:])
