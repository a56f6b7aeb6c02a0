# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published against gunicorn, Werkzeug, Flask, sqlparse and Python itself, played against the server behind its guard."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from conftest import SECRET, SOURCE, Tracking
from exploits import API, ARTIFACTS

CREATE = API + "experiments/create"
POST = b"POST " + CREATE.encode() + b" HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def raw(server: Tracking, request: bytes) -> bytes:
    """All that the server answers until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while True:
            more = connection.recv(65536)
            if not more:
                return answer
            answer += more


def alive(server: Tracking) -> None:
    started = time.monotonic()
    assert server.client().send("GET", "/health") == b"OK"
    assert time.monotonic() - started < 5


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1_0\r\n\r\n",
    ],
)
def test_no_request_is_smuggled(guarded: Tracking, framing: bytes) -> None:
    """CVE-2024-1135, CVE-2024-6827: what follows an ambiguous end is never answered as a second request."""
    answer = raw(guarded, POST + framing + SMUGGLED)
    assert answer.count(b"HTTP/1.") <= 1
    assert b"HTTP/1.1 200" not in answer
    alive(guarded)


def test_each_answer_tells_the_servers_name(serve: t.Callable[..., Tracking], guarded: Tracking) -> None:
    named = serve(TRACKING_GUARD_NAME="MLflow 1: host_a.example")
    asked = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = [raw(named, asked % path) for path in (b"/health", API.encode() + b"registered-models/get?name=nobodys", b"/", b"/..;/")]
    assert [answer[9:12] for answer in answers] == [b"200", b"404", b"200", b"400"]
    assert [answer.count(b"\r\nTracking-Server-Name: MLflow 1: host_a.example\r\n") for answer in answers] == [1, 1, 1, 1]
    assert b"Tracking-Server-Name" not in raw(guarded, asked % b"/health")


@pytest.mark.parametrize("length", [b"-1", b"-5\r\nabcde", b"ffffffffffffffffffff", b"0x5\r\nabcde"])
def test_odd_chunks_end_the_request(guarded: Tracking, length: bytes) -> None:
    answer = raw(guarded, CHUNKED + length + b"\r\n0\r\n\r\n")
    assert b"HTTP/1.1 200" not in answer
    alive(guarded)


def test_parts_are_refused_unread(guarded: Tracking) -> None:
    """CVE-2023-25577, CVE-2023-46136, CVE-2024-49767."""
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % number for number in range(20000)) + b"--b--"
    client = guarded.client()
    client.send("POST", CREATE, body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert client.statuses == [415]
    alive(guarded)


def test_large_bodies_are_refused(guarded: Tracking) -> None:
    client = guarded.client()
    assert b" 413 " in raw(guarded, POST + b"Content-Length: 5000000\r\n\r\n")
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    assert b" 413 " in raw(guarded, CHUNKED + chunk * 4 + b"10\r\n" + b" " * 16 + b"\r\n0\r\n\r\n")
    # An artifact may be as large.
    client.send("PUT", ARTIFACTS + "0/large/artifacts/blob", b"x" * (5 << 20))
    assert client.statuses[-1] == 200


def test_endless_numbers_and_depths(guarded: Tracking) -> None:
    """CVE-2020-10735, and recursion in JSON, sqlparse (CVE-2024-4340) and protobuf (CVE-2025-4565)."""
    client = guarded.client()
    client.send("POST", CREATE, b'{"name": ' + b"9" * 1000000 + b"}")
    assert client.statuses == [400]
    client.send("POST", CREATE, b'{"name": ' + b"[" * 100000 + b"]" * 100000 + b"}")
    client.call("runs/search", experiment_ids=["0"], filter="(" * 10000 + "metrics.a > 1", max_results=1)
    assert 200 not in client.statuses
    alive(guarded)


@pytest.mark.parametrize(
    "filter_",
    ["--\n" * 1300, "/**/" * 900, "#\n" * 1900, "a." * 30000, "(a," * 20000, "metrics.a > 1 -- x", "x" * 60000],
    ids=["comments", "long comments", "hashes", "names", "parentheses", "a comment", "a long name"],
)
def test_a_search_takes_no_time(guarded: Tracking, filter_: str) -> None:
    """CVE-2026-54284, CVE-2026-71491: sqlparse 0.4.4 takes time with the square of a filter's length."""
    client = guarded.client()
    started = time.monotonic()
    client.call("runs/search", experiment_ids=["0"], filter=filter_)
    client.call("runs/search", experiment_ids=["0"], order_by=[filter_])
    client.call("registered-models/search", filter=filter_)
    assert set(client.statuses) <= {400, 404, 405}
    assert time.monotonic() - started < 10


def test_a_search_with_many_orders_is_refused_unread(guarded: Tracking) -> None:
    request = b"POST " + API.encode() + b"runs/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n"
    assert b" 413 " in raw(guarded, request)


def test_no_model_has_the_name_of_another(guarded: Tracking) -> None:
    """CVE-2024-3099: a name that is another one in percent-encoding."""
    client = guarded.client()
    for name, status in (("twin", 200), ("tw%69n", 400), ("tw%2569n", 400), ("50% off", 200)):
        client.call("registered-models/create", name=name)
        assert client.statuses[-1] == status, name


def test_searches_work(guarded: Tracking) -> None:
    client = guarded.client()
    wanted = "tags.`a#b` = 'x -- y' and metrics.a > 1 and params.\"/*\" = '" + "z" * 3000 + "'"
    client.call("runs/search", experiment_ids=[str(number) for number in range(5000)], filter=wanted, order_by=["metrics.a DESC", "attribute.start_time"])
    assert client.statuses == [200], client.heard


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_pages_of_others_change_nothing(guarded: Tracking, kind: str) -> None:
    """CVE-2023-43472: a browser sends such a request for any page, and asks nobody."""
    client = guarded.client()
    client.send("POST", CREATE, json.dumps({"name": "planted " + kind}).encode(), {"Content-Type": kind, "Origin": "http://attacker.example"})
    client.send("POST", CREATE, json.dumps({"name": "planted " + kind}).encode(), {"Content-Type": kind, "Origin": "null"})
    assert client.statuses == [403, 403]
    own = {"Content-Type": kind, "Origin": guarded.url}
    assert "experiment_id" in json.loads(client.send("POST", CREATE, json.dumps({"name": "own " + kind}).encode(), own))


def test_scripts_stay_files(guarded: Tracking) -> None:
    """CVE-2024-27132, -27133 and CVE-2023-6568: what somebody uploaded is never shown as a page of the server's."""
    client = guarded.client()
    client.send("PUT", ARTIFACTS + "0/page/artifacts/a.html", b"<script>alert(1)</script>")
    answer = raw(guarded, b"GET " + ARTIFACTS.encode() + b"0/page/artifacts/a.html HTTP/1.1\r\nHost: x\r\n\r\n").lower()
    assert b"content-disposition: attachment" in answer
    assert b"x-content-type-options: nosniff" in answer


def test_records_of_before_are_not_opened(serve: t.Callable[..., Tracking]) -> None:
    """Somebody may have planted a record before the guard came."""
    server = serve()
    client = server.client()
    run = client.run()
    name = client.model("mlflow-artifacts:/0/a/artifacts/model")
    with sqlite3.connect(server.world.database) as database:
        for source in ("//" + server.world.outside.lstrip("/"), "mlflow-artifacts:/" + server.world.away, server.world.outside):
            database.execute("UPDATE model_versions SET source = ? WHERE name = ?", (source, name))
            database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (source, run))
            database.commit()
            client.statuses.clear()
            client.read_model(name, "secret.txt")
            client.read_run(run, "secret.txt")
            client.look(run)
            assert client.statuses == [400, 400, 400]
    assert SECRET.encode() not in b"".join(client.heard)


def test_links_in_the_store_lead_nowhere(guarded: Tracking) -> None:
    link = Path(guarded.world.store) / "0" / "link"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(guarded.world.outside)
    client = guarded.client()
    client.send("GET", ARTIFACTS + "0/link/secret.txt")
    client.send("PUT", ARTIFACTS + "0/link/planted", b"planted")
    client.send("DELETE", ARTIFACTS + "0/link")
    assert SECRET.encode() not in b"".join(client.heard)
    assert guarded.secret.exists() and not (guarded.secret.parent / "planted").exists()


def test_own_artifacts_can_be_deleted(guarded: Tracking) -> None:
    client = guarded.client()
    for path in ("0/gone/artifacts/a", "0/gone/artifacts/b"):
        client.send("PUT", ARTIFACTS + path, b"x")
    client.send("DELETE", ARTIFACTS + "0/gone/artifacts/a")
    assert [path.name for path in (Path(guarded.world.store) / "0/gone/artifacts").iterdir()] == ["b"]
    client.send("DELETE", ARTIFACTS + "0/gone")
    assert not (Path(guarded.world.store) / "0/gone").exists()
    assert client.statuses == [200] * 4


def test_database_in_the_store_is_refused(tmp_path: Path) -> None:
    """The store is shown to every client, so nothing else may lie in it."""
    for name in ("outside", "store"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "store"
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlflow"), "server", "--port", "1", "--workers", "1", "--backend-store-uri", "sqlite:///%s/mlflow.db" % folder,
         "--serve-artifacts", "--artifacts-destination", str(folder),
         "--gunicorn-opts", "--bind unix:%s/socket --config %s" % (tmp_path, SOURCE / "gunicorn.conf.py")],
        cwd=str(tmp_path), env={"PATH": "%s:/usr/bin:/bin" % Path(sys.executable).parent, "GIT_PYTHON_REFRESH": "quiet"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert b"lies in the artifact store" in done.stdout
