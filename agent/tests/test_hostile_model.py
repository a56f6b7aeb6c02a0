# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model is code of a stranger, and so may be what listens on its port."""

import asyncio
import gzip
import json
import os
import resource
import socket
import threading
import time

import pytest
from doubles import Model
from hostile import RawServer
from mlops_agent import files, ports
from mlops_agent.health import Health
from mlops_agent.supervisor import NOTE_LIMIT, Note

ME = os.getuid()
SOMEBODY_ELSE = ME + 1
ROW = {"columns": ["a"], "data": [[1]]}


def ask(port, uid=ME, row=None, timeout=2):
    async def asked():
        return await Health(timeout).problem("127.0.0.1", port, uid, row)

    return asyncio.get_event_loop().run_until_complete(asked())


@pytest.fixture
def serve():
    """serve(answer) starts a server that always says answer; returns its port."""
    servers = []

    def start(answer, **more):
        servers.append(RawServer(answer, **more))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


def answer(body, status="200 OK", headers=""):
    return "HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n".format(status, len(body), headers).encode() + body


# Whose port it is


def test_a_stranger_on_the_port_gets_no_row():
    stranger = Model(0)
    try:
        assert ask(stranger.port, row=ROW) is None, "the model's own user holds it"
        stranger.scored.clear()
        for uid in (SOMEBODY_ELSE, None):
            problem = ask(stranger.port, uid, ROW)
            assert problem.startswith("The port {} is held by a process of the user ".format(stranger.port))
        assert stranger.scored == []
    finally:
        stranger.close()


def test_nobody_on_the_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert ask(bound.getsockname()[1], row=ROW) == "Nothing listens on port {}.".format(bound.getsockname()[1])


def test_a_stranger_is_never_ready(world, agent):
    """The unit runs, but as another user than the one that holds the port."""
    world.host.uid = SOMEBODY_ELSE
    world.host.example = ROW
    agent.deploy("churn", startup_timeout=5)
    failed = agent.wait_for("churn", "failed")
    assert "is held by a process of the user" in failed["message"]
    assert world.host.scored == []


def test_a_stranger_that_takes_the_port_of_a_ready_model_gets_no_row(world, agent):
    agent.deploy("churn", probe=ROW)
    agent.wait_for("churn", "ready")
    with world.host._lock:
        world.host.uid = SOMEBODY_ELSE
        world.host.crash("churn")
        world.host.scored.clear()
    agent.wait_for("churn", "starting", "unhealthy", "failed")
    assert world.host.scored == []


@pytest.mark.parametrize(("bound", "asked", "reached"), [
    ("127.0.0.1", "127.0.0.1", True), ("127.0.0.2", "127.0.0.1", False), ("0.0.0.0", "127.0.0.1", True),
    ("::1", "::1", True), ("::", "::1", True), ("::", "127.0.0.1", True), ("0.0.0.0", "::1", False), ("::1", "127.0.0.1", False),
])
def test_the_listener_that_a_connection_reaches(bound, asked, reached):
    with socket.socket(socket.AF_INET6 if ":" in bound else socket.AF_INET) as listener:
        listener.bind((bound, 0))
        listener.listen(1)
        assert ports.listening_users(asked, listener.getsockname()[1]) == ({os.getuid()} if reached else set())


# What it answers


def test_answers_that_are_no_answer(serve):
    for said in (b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
                 b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100000, answer(b"x" * 10)[:-1], b"HTTP/1.1 100 Continue\r\n\r\n" * 1000):
        problem = ask(serve(said))
        assert problem.startswith("The model does not answer /ping: ") and problem.endswith("."), said[:50]


def test_a_compressed_answer_stays_compressed(serve):
    """2 MB that unpack to 2 GB."""
    # Members of a gzip file may follow each other.
    bomb = gzip.compress(bytes(16 * 1024 * 1024), 9) * 128
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ask(serve(answer(bomb, headers="Content-Encoding: gzip\r\n")), timeout=20) is None
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024, "{} MiB".format(grown // 1024)


def test_an_answer_without_end_is_bounded(serve):
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (17 * 1024 * 1024)
    assert ask(serve(endless), timeout=20) == "The model does not answer /ping: its body is too large."


def test_a_deeply_nested_message_is_no_reason(serve):
    body = b'{"message": ' + b"[" * 30000 + b"]" * 30000 + b"}"
    assert ask(serve(answer(body, "500 Oh"))) == "The model answers /ping with status 500."


def test_a_long_message_is_cut(serve):
    problem = ask(serve(answer(json.dumps({"message": "no " * 10000}).encode(), "400 No")))
    assert len(problem) < 400 and problem.startswith("The model answers /ping with status 400: no no")


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\n", answer(b"x" * 100)[:-90]])
def test_a_deadline_for_the_whole_exchange(drip):
    """One byte at a time, for ever."""
    ended = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def dribble():
            connection = listener.accept()[0]
            connection.sendall(drip)
            with connection:
                while not ended.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=dribble)
        thread.start()
        started = time.monotonic()
        assert "does not answer /ping" in ask(listener.getsockname()[1], timeout=1)
        assert time.monotonic() - started < 3
        ended.set()
        thread.join()


# What it leaves in files


@pytest.fixture
def note(tmp_path):
    """Path of the note of the deployment churn."""
    (tmp_path / "churn").mkdir()
    return str(tmp_path / "churn" / "serving.json")


def read_note(path):
    return Note.read(os.path.dirname(os.path.dirname(path)), "churn")


def written(path, text):
    with open(path, "w") as stream:
        stream.write(text)


GOOD = '{"digest": "0", "invocation": "0", "port": 5001, "flavors": ["spark"], "example": {"inputs": [1]}}'


def test_a_good_note(note):
    written(note, GOOD)
    assert read_note(note).flavors == ["spark"]


def test_a_pipe_does_not_hang_the_reader(note):
    os.mkfifo(note)
    assert read_note(note) is None


def test_a_link_is_not_followed(note, tmp_path):
    written(str(tmp_path / "secret"), GOOD)
    os.symlink(str(tmp_path / "secret"), note)
    assert read_note(note) is None


def test_other_things_that_are_no_note(note):
    os.mkdir(note)
    assert read_note(note) is None
    os.rmdir(note)
    for text in ("", "[]", "[" * 100000, '{"a":' * 100000, GOOD + " " * NOTE_LIMIT, GOOD.replace('["spark"]', "[1]"),
                 GOOD.replace('["spark"]', '"spark"'), GOOD.replace('{"inputs": [1]}', "[1]"),
                 GOOD.replace('"digest": "0"', '"digest": 0'), GOOD.replace('"invocation": "0"', '"invocation": ["0"]'),
                 GOOD.replace("5001", '"5001"')):
        written(note, text)
        assert read_note(note) is None, text[:50]
    with socket.socket(socket.AF_UNIX) as listener:
        os.unlink(note)
        listener.bind(note)
        assert read_note(note) is None


def test_an_example_that_is_nested_deeply(note):
    depth = 900
    written(note, GOOD.replace("[1]", "[" * depth + "]" * depth))
    found = read_note(note)
    # Whether it can be read and said again is Python's affair; it must not raise.
    assert found is None or ask(1, row=found.example)


def test_a_pipe_in_place_of_the_note_does_not_hang_the_agent(world, agent):
    agent.deploy("churn")
    agent.wait_for("churn", "ready")
    path = os.path.join(world.config["runtime_directory"], "churn", "serving.json")
    os.unlink(path)
    os.mkfifo(path)
    for dummy in range(20):
        assert agent.call("GET", "/health", timeout=2)[0] == 200
        time.sleep(0.1)


def test_reading_is_bounded(tmp_path):
    path = str(tmp_path / "sparse")
    with open(path, "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(OSError, match="larger than 10 bytes"):
        files.read_regular(path, 10)
