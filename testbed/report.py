# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints what one host of a testbed runs, as JSON. It is fed to the host's own Python, as root, through SSH.

The token of the agent is read on the host and never leaves it.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PREFIX = "/opt/sparkflows"
SETTINGS = "/etc/sparkflows-mlops"


def read(path: str) -> str:
    """Return a file's text, empty when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def version(pattern: str, *argv: str) -> str | None:
    """Return what the pattern finds in a program's output, None when it does not run."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, done.stdout)
    return found.group(1) if found else None


def get(url: str, token: str | None = None) -> tuple[Any, str]:
    """Return (status, body) of a URL; the status is a sentence when nothing answers."""
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token} if token else {})
    # On the loopback address a certificate proves nothing that we want to know here.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError as error:
        return str(getattr(error, "reason", error)), ""


def reachable(address: str) -> str:
    """Return an address that reaches a server bound to this one."""
    if address in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return "[%s]" % address if ":" in address else address


def report() -> dict[str, Any]:
    """Return the facts, the URLs with their answers and the deployments of this host."""
    settings = json.loads(read(SETTINGS + "/mlops-agent.json") or "{}")
    scheme = "https" if settings.get("tls_certificate") else "http"
    agent = "%s://%s:%s" % (scheme, reachable(settings.get("listen_address", "127.0.0.1")), settings.get("listen_port", 8086))
    tracking = settings.get("tracking_uri", "http://127.0.0.1:5000").rstrip("/")
    token = re.search(r"""^MLOPS_AGENT_TOKEN=["']?([^"'\n]*)""", read(SETTINGS + "/mlops-agent.env"), re.MULTILINE)
    urls = {url: get(url)[0] for url in (tracking + "/health", agent + "/health")}
    status, body = get(agent + "/api/v1/deployments", token.group(1) if token else None)
    deployments = json.loads(body)["deployments"] if status == 200 else []
    distributions = sorted(Path(PREFIX, "stack/current/lib").glob("python3.*/site-packages/mlflow-*.dist-info"))
    named = re.search(r'^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"), re.MULTILINE)
    return {
        "os": named.group(1) if named else None,
        "java": version(r'version "([^"]+)"', PREFIX + "/jdk/current/bin/java", "-version"),
        "python": version(r"Python (\S+)", PREFIX + "/python/current/bin/python3.7", "--version"),
        "mlflow": distributions[0].name[len("mlflow-") : -len(".dist-info")] if distributions else None,
        "urls": urls,
        "deployments": deployments,
    }


print(json.dumps(report()))
