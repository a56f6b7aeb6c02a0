# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person wants to see at the end: hosts, versions, URLs that answer, predictions."""

from __future__ import annotations

import http.client
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testbed import hosts
from testbed.common import TestbedError, run, succeeds

REPORT = Path(__file__).with_name("report.py")
# Where the double of Sparkflows answers on its own host, see tests/doubles/sparkflows.
SPARKFLOWS = "http://127.0.0.1:8080"
TITLES = ("MLflow Tracking URL", "MLflow Login Username", "MLflow Deploy Mode", "Fire MLOps Host", "Fire MLOps Port")


class Answer(io.BytesIO):
    """Bytes that arrived, in the shape in which http.client wants a socket."""

    def makefile(self, *_mode: str) -> Answer:
        return self


def ssh(name: str, *words: str) -> list[str]:
    """Return the beginning of an ssh command to the hosts of a testbed."""
    return ["ssh", "-F", str(hosts.folder(name) / "ssh_config"), "-o", "BatchMode=yes", *words]


def report(name: str, host: str) -> dict[str, Any]:
    """Return what a host says about itself, see report.py."""
    said = run(ssh(name, host, "sudo -n python3 -"), what=f"Asking {host} what it runs", stdin=REPORT.read_bytes(), timeout=180)
    found: dict[str, Any] = json.loads(said)
    return found


def post(name: str, host: str, url: str, body: object) -> object:
    """Send JSON from this machine to a URL of a host, through SSH as models listen on the host alone; return the answer.

    Raises TestbedError when the answer is not a success.
    """
    address = urlsplit(url)
    data = json.dumps(body).encode()
    head = [f"POST {address.path} HTTP/1.1", f"Host: {address.netloc}", "Content-Type: application/json"]
    head += [f"Content-Length: {len(data)}", "Connection: close", "", ""]
    tunnel = ssh(name, "-W", f"{address.hostname}:{address.port}", host)
    said = run(tunnel, what=f"Scoring {url} on {host}", stdin="\r\n".join(head).encode() + data, timeout=120)
    answer = http.client.HTTPResponse(Answer(said.encode()))  # type: ignore[arg-type]
    answer.begin()
    text = answer.read().decode()
    if answer.status != 200:
        raise TestbedError(f"Scoring {url} on {host} failed with status {answer.status}: {text[:300]}")
    return json.loads(text)


def score(name: str, host: str, deployment: dict[str, Any]) -> str:
    """Return one line: what a deployed model answers to the probe that is stored with it."""
    title = f"{deployment['name']} ({deployment['model_uri']}, port {deployment['port']})"
    if deployment["state"] != "ready" or not deployment.get("probe"):
        return f"{title}: {deployment['state']}. {deployment.get('message') or ''}".rstrip()
    predictions = post(name, host, f"http://127.0.0.1:{deployment['port']}/invocations", deployment["probe"])
    rows = deployment["probe"].get("data", deployment["probe"])
    return f"{title}: {json.dumps(rows)} gave {json.dumps(predictions)}"


def sparkflows(name: str, host: str) -> dict[str, str] | None:
    """Return what the double of Sparkflows on a host is set to, by title; None for a host that runs none."""
    token = hosts.folder(name) / "sparkflows_token"
    if not token.exists() or not succeeds(ssh(name, host, f"curl --silent --fail {SPARKFLOWS}/healthcheck")):
        return None
    # The header comes through standard input, as an argument would show the token.
    ask = ssh(name, host, f"curl --silent --show-error --fail --header @- {SPARKFLOWS}/api/v1/configurations")
    said = run(ask, what=f"Asking the double of Sparkflows on {host}", stdin=f"token: {token.read_text().strip()}\n".encode())
    found = {entry["title"]: entry["confProperty"]["value1"] for entry in json.loads(said)}
    return {title: found.get(title, "") for title in TITLES}


def workflow_results(name: str, host: str) -> dict[str, str]:
    """Return what the last run of each workflow put out, by the workflow's name."""
    executions = json.loads(run(ssh(name, host, f"curl --silent --show-error --fail {SPARKFLOWS}/_double/executions"), what="Asking for the workflows' runs"))
    return {execution["record"]["name"]: ", ".join(execution["script"]["results"]) for execution in executions}


def show_sparkflows(name: str, host: str, value: dict[str, str], settings: dict[str, str], served: dict[str, list[dict[str, Any]]]) -> bool:
    """Print what Sparkflows is set to and what it reaches; return whether it reached a model."""
    print(f"\n{host}  a double of Sparkflows, {value['address']}, {value['platform']} in container {value['container']}")
    print(f"  {'answers':<12} {SPARKFLOWS}/healthcheck")
    for title, setting in settings.items():
        print(f"  {'setting':<12} {title}: {setting or '(none)'}")
    for workflow, result in workflow_results(name, host).items():
        print(f"  {'workflow':<12} {workflow}: {result}")
    server = settings["Fire MLOps Host"]
    for row in served.get(server, []):
        rows = row["probe"].get("data", row["probe"])
        predictions = post(name, host, f"http://{server}:{row['port']}/invocations", row["probe"])
        print(f"  {'from here':<12} {row['name']} on {server}:{row['port']}: {json.dumps(rows)} gave {json.dumps(predictions)}")
    return bool(served.get(server))


def scorers(name: str, host: str) -> dict[str, str]:
    """Return the port of each scorer of a host, by name; nothing for a host that has none."""
    asked = subprocess.run(ssh(name, host, "sudo -n cat /etc/sparkflows-mlops/scorer-proxy.cfg"), capture_output=True, text=True, check=False)
    return dict(re.findall(r"^listen (\S+)\n\s+bind \S*:(\d+)$", asked.stdout, re.MULTILINE)) if asked.returncode == 0 else {}


def show_scorers(name: str, host: str, value: dict[str, str], ports: dict[str, str], served: dict[str, list[dict[str, Any]]]) -> bool:
    """Print what scorers answer to the rows that MLflow's model of the same name was asked; return whether one was asked."""
    print(f"\n{host}  scorers in Docker, {value['address']}, {value['platform']} in container {value['container']}")
    probes = {row["name"]: row["probe"] for rows in served.values() for row in rows}
    for scorer, port in sorted(ports.items()):
        if scorer in probes:
            predictions = post(name, host, f"http://127.0.0.1:{port}/invocations", probes[scorer])
            print(f"  {'prediction':<12} {scorer}, port {port}: {json.dumps(probes[scorer].get('data'))} gave {json.dumps(predictions)}")
    return bool(set(ports) & set(probes))


def show(name: str) -> None:
    """Print the summary of a testbed.

    Raises TestbedError when a host has no model whose prediction could be scored.
    """
    silent = []
    everybody = hosts.hosts(name)
    doubles = {host: settings for host in everybody if (settings := sparkflows(name, host)) is not None}
    dockers = {host: ports for host in everybody if (ports := scorers(name, host))}
    served: dict[str, list[dict[str, Any]]] = {}
    for host, value in everybody.items():
        if host in doubles or host in dockers:
            continue
        found = report(name, host)
        ready = [row for row in found["deployments"] if row["state"] == "ready" and row.get("probe")]
        print(f"\n{host}  {found['os']}, {value['address']}, {value['platform']} in container {value['container']}")
        print("  versions     " + ", ".join(f"{part} {found[part.lower()] or 'missing'}" for part in ("Java", "Python", "MLflow")))
        for url, status in found["urls"].items():
            print(f"  {'answers' if status == 200 else 'SILENT':<12} {url}" + ("" if status == 200 else f" ({status})"))
        for row in found["deployments"]:
            print(f"  prediction   {score(name, host, row)}")
        silent += [] if ready and set(found["urls"].values()) == {200} else [host]
        served[host] = ready
    silent += [host for host, settings in doubles.items() if not show_sparkflows(name, host, everybody[host], settings, served)]
    silent += [host for host, ports in dockers.items() if not show_scorers(name, host, everybody[host], ports, served)]
    folder = hosts.folder(name)
    print(f"\nLog in with  ssh -F {folder}/ssh_config HOST   (addresses above are the hosts' own; reach them with ssh -L).")
    if silent:
        raise TestbedError(f"Not all is well on {', '.join(silent)}: no prediction could be scored, or a URL does not answer.")
