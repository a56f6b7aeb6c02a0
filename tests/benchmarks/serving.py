# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times a model from command to first correct prediction; runs as root on the host, standard library only.

The same registered model is served in turn by a bare ``mlflow models serve`` and by the agent. Both start from nothing: the
model's files are fetched anew each time. Prints one JSON object: seconds of each attempt, and the agent's memory in MiB.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROW = json.dumps({"columns": ["a", "b"], "data": [[1.0, 2.0]]}).encode()
EXPECTED = [6.0]
MODEL = "verify-numpy"
NAME = "bench"
STACK = "/opt/sparkflows/stack/current"
AGENT = "http://127.0.0.1:8086/api/v1/deployments/" + NAME


def main(attempts):
    version = latest_version()
    token = agent_token()
    uri = "models:/%s/%s" % (MODEL, version)
    pairs = [(serve_bare(uri), serve_by_agent(uri, token)) for attempt in range(attempts)]
    bare, agent = zip(*pairs)
    print(json.dumps({"bare": bare, "agent": agent, "agent_memory_mib": agent_memory()}))


def latest_version():
    url = "http://127.0.0.1:5000/api/2.0/mlflow/registered-models/get?name=" + MODEL
    return call(url)["registered_model"]["latest_versions"][0]["version"]


def agent_token():
    with open("/etc/sparkflows-mlops/mlops-agent.env", encoding="utf-8") as stream:
        return re.search(r'^MLOPS_AGENT_TOKEN="?([^"\n]+)"?$', stream.read(), re.MULTILINE).group(1)


def serve_bare(uri):
    port = free_port()
    user = pwd.getpwnam("mlops-agent")
    environment = {
        "PATH": STACK + "/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
        "GIT_PYTHON_REFRESH": "quiet",
    }

    def as_model_user():
        os.setsid()
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    command = [STACK + "/bin/mlflow", "models", "serve", "-m", uri, "-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]
    started = time.monotonic()
    server = subprocess.Popen(
        command,
        env=environment,
        cwd="/tmp",
        preexec_fn=as_model_user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return seconds_to_prediction(port, started)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def serve_by_agent(uri, token):
    started = time.monotonic()
    deployment = call(AGENT, method="PUT", token=token, body={"model_uri": uri})
    try:
        return seconds_to_prediction(deployment["port"], started)
    finally:
        call(AGENT, method="DELETE", token=token)
        wait_until(lambda: not answers(deployment["port"]), 30)


def seconds_to_prediction(port, started):
    wait_until(lambda: prediction(port) == EXPECTED, 120)
    return time.monotonic() - started


def prediction(port):
    try:
        return call("http://127.0.0.1:%d/invocations" % port, method="POST", body=ROW)
    except (OSError, ValueError):
        return None


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, seconds):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            sys.exit("Nothing came of it within %d seconds." % seconds)
        time.sleep(0.02)


def call(url, method="GET", token=None, body=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def agent_memory():
    """Proportional set size of the agent's processes, in MiB."""
    show = subprocess.run(
        ["systemctl", "show", "--value", "--property=MainPID", "mlops-agent.service"], stdout=subprocess.PIPE, check=True
    )
    with open("/proc/%d/smaps_rollup" % int(show.stdout), encoding="ascii") as stream:
        return int(re.search(r"^Pss:\s+(\d+) kB", stream.read(), re.MULTILINE).group(1)) / 1024


main(int(sys.argv[1]))
