# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root helper, with stand-ins for systemctl and journalctl that only note their arguments."""

import ast
import json
import os
import socket
import subprocess
import sys

import pytest
from conftest import SOURCE
from mlops_agent import mlops_model_helper as helper

PROGRAM = os.path.join(SOURCE, "mlops_agent", "mlops_model_helper.py")

HOSTILE = [
    "a.c", "a.", ".a", "a.b.a", "a.port", "a.a\n",
    "", "..", "../x", "a/b", "a\n", "a\nUser=root", "%i", "a b", "-a", "--now", "a;id", "$(id)", "`id`", "*", "a.service", "A", "x" * 64,
    None, 1, True, ["a"], {"a": 1}, "a\x00", "a@b", "[Service]",
]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The helper's directories below tmp_path; returns the list of commands it ran."""
    for name in ("UNIT_DIRECTORY", "CACHE_DIRECTORY", "PRIVATE_CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "LOCK_DIRECTORY"):
        directory = tmp_path / name.lower()
        directory.mkdir()
        monkeypatch.setattr(helper, name, str(directory))
    commands = []

    def run(*argv):
        if argv[0] == "rm":
            subprocess.run(argv, check=True)
        else:
            commands.append(argv)
        return ""

    monkeypatch.setattr(helper, "run", run)
    monkeypatch.setattr(helper, "run_until", lambda limit, seconds, *argv: run(*argv).encode())
    return commands


def ask(**request):
    return helper.answer(json.dumps(request).encode() + b"\n")


def tree(directory):
    return sorted(
        os.path.relpath(os.path.join(base, name), directory) for base, dummy, names in os.walk(directory) for name in names
    )


def test_apply_writes_the_limit_and_starts(host, tmp_path):
    assert ask(action="apply", name="my-model", memory_mb=512) == {}
    drop_in = tmp_path / "unit_directory" / "mlops-model@my-model.service.d" / "50-memory.conf"
    assert drop_in.read_text() == (
        "[Service]\nUser=mlops-model-my-model\nMemoryMax=512M\nEnvironment=MLOPS_MODEL_LIMIT_MB=512\n")
    assert [command[1] for command in host] == ["enable", "show", "daemon-reload", "reset-failed", "restart"]
    assert all(command[0] == "systemctl" and command[-1] in ("mlops-model@my-model.service", "daemon-reload") for command in host)


def test_a_reload_only_when_systemd_does_not_know_the_limit(host, monkeypatch):
    known = "MemoryMax=536870912\nNeedDaemonReload=no\nUser=mlops-model-a\n"
    for shown, reloads in ((known, 0), (known.replace("=no", "=yes"), 1), (known.replace("536870912", "infinity"), 1),
                           (known.replace("mlops-model-a", ""), 1), ("", 1)):
        commands = []
        monkeypatch.setattr(helper, "run", lambda *argv, shown=shown, commands=commands: commands.append(argv[1]) or shown)
        ask(action="apply", name="a", memory_mb=512)
        assert commands.count("daemon-reload") == reloads


def test_remove_leaves_nothing(host, tmp_path):
    ask(action="apply", name="a", memory_mb=512)
    (tmp_path / "cache_directory" / "a" / "k").mkdir(parents=True)
    (tmp_path / "runtime_directory" / "a").mkdir()
    assert ask(action="remove", name="a") == {} and ask(action="remove", name="a") == {}
    assert tree(str(tmp_path / "unit_directory")) == [] and os.listdir(str(tmp_path / "cache_directory")) == []


@pytest.mark.parametrize("private", [True, False])
def test_remove_takes_away_what_is_very_deep(host, tmp_path, private):
    """As deep as a model likes: shutil.rmtree gives up at about 1,000."""
    cache = tmp_path / ("private_cache_directory" if private else "cache_directory") / "a"
    cache.mkdir()
    if private:
        (tmp_path / "cache_directory" / "a").symlink_to(cache)
    here = os.getcwd()
    os.chdir(str(cache))
    for dummy in range(3000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(here)
    ask(action="remove", name="a")
    assert os.listdir(str(cache.parent)) == [] and os.listdir(str(tmp_path / "cache_directory")) == []


def test_every_name_has_a_user_of_its_own():
    names = ["a", "agent", "x" * 19, "x" * 20, "x" * 63, "x" * 62 + "y"]
    users = [helper.user_of(name) for name in names]
    assert len(set(users)) == len(names) and all(len(user) <= 31 for user in users)
    assert helper.AGENT_USER not in users and helper.user_of("a") == "mlops-model-a"
    runs = [helper.user_of(name + slot) for name in names for slot in (".a", ".b")]
    assert len(set(runs + users)) == 3 * len(names) and all(len(user) <= 31 and "." not in user for user in runs)
    # Not even a name that is made for it gets the user of another.
    assert helper.user_of(helper.user_of("x" * 63)[len("mlops-model-_"):]) != helper.user_of("x" * 63)


def shown(name, **more):
    fields = {"Id": "mlops-model@{}.service".format(name), "ActiveState": "active", "SubState": "running", "Result": "success", "NRestarts": "1",
              "InvocationID": "0123", "ExecMainStartTimestampMonotonic": "5", "ExecMainStatus": "0", "UID": "65000", "MemoryCurrent": "4096"}
    return "".join("{}={}\n".format(*item) for item in dict(fields, **more).items())


@pytest.mark.parametrize("said, bytes_", [("4096", 4096), ("[not set]", None), ("18446744073709551615", None), ("", None), ("0", 0)])
def test_memory_is_what_systemd_counts(monkeypatch, said, bytes_):
    monkeypatch.setattr(helper, "run", lambda *argv: shown("a", MemoryCurrent=said))
    with helper.Units.changing():
        pass
    assert ask(action="status", names=["a"])["states"]["a"]["memory"] == bytes_


def test_many_questions_are_one_process(monkeypatch):
    asked = []
    monkeypatch.setattr(helper, "run", lambda *argv: asked.append(argv) or shown("a") + "\n" + shown("b", UID="[not set]"))
    with helper.Units.changing():
        pass
    answers = [ask(action="status", names=["a", "b", "c"])["states"] for dummy in range(100)]
    assert len(asked) == 1 and set(answers[0]) == {"a", "b"}
    assert (answers[0]["a"]["uid"], answers[0]["b"]["uid"], answers[0]["a"]["restarts"]) == (65000, None, 1)
    with helper.Units.changing():
        pass
    ask(action="status", names=["a"])
    assert len(asked) == 2, "after a change nothing counts that was known before"


def test_a_refusal_of_systemd_is_not_taken_for_no_units(monkeypatch):
    def run(*argv):
        raise helper.Refused("systemctl failed.")

    monkeypatch.setattr(helper, "run", run)
    for dummy in range(2):
        with helper.Units.changing(), pytest.raises(helper.Refused):
            ask(action="status", names=["a"])
        with pytest.raises(helper.Refused):
            ask(action="status", names=["a"])


def entry(message):
    return json.dumps({"MESSAGE": message})


def test_logs_are_bounded_in_lines_and_in_characters():
    traceback = "\n".join("line {}".format(number) for number in range(101))
    assert helper.last_lines([entry(traceback)], 1) == ["line 100"]
    assert helper.last_lines([entry("newest"), entry("a\nb"), entry("oldest")], 3) == ["a", "b", "newest"]
    assert helper.last_lines([entry("newest"), entry(None)], 5) == ["(an entry that is too long to be shown)", "newest"]
    assert helper.last_lines([entry(list(b"a\x1b[0m\xff")), entry("b")[:-4]], 5)[1] == "a?[0m\ufffd"
    assert helper.last_lines([entry("")], 5) == [""] and helper.last_lines([], 5) == []
    found = helper.last_lines([entry("x" * 5000)] * 1000, 1000)
    assert sum(map(len, found)) <= helper.LOG_LIMIT and len(found[0]) == helper.LINE_LIMIT


def test_a_command_without_end_is_cut():
    assert helper.run_until(1000, 20, "yes") == b"y\n" * 500
    assert helper.run_until(1000, 0.2, "sleep", "60") == b""


def test_remove_does_not_follow_links(host, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    (tmp_path / "cache_directory" / "a").symlink_to(tmp_path / "precious")
    (tmp_path / "cache_directory" / "b").mkdir()
    (tmp_path / "cache_directory" / "b" / "link").symlink_to(tmp_path / "precious")
    ask(action="remove", name="a")
    ask(action="remove", name="b")
    assert (tmp_path / "precious" / "file").exists()


def test_a_run_of_a_following_deployment_is_a_unit_of_its_own(host, tmp_path):
    ask(action="apply", name="churn.b", memory_mb=512)
    drop_in = tmp_path / "unit_directory" / "mlops-model@churn.b.service.d" / "50-memory.conf"
    assert "User=mlops-model-_" in drop_in.read_text() and host[-1] == ("systemctl", "restart", "mlops-model@churn.b.service")
    ask(action="remove", name="churn")
    assert drop_in.exists(), "the deployment's own unit is another one"
    ask(action="remove", name="churn.b")
    assert tree(str(tmp_path / "unit_directory")) == []


@pytest.mark.parametrize("address, listen", [("127.0.0.1", "127.0.0.1:5001"), ("::", "[::]:5001")])
def test_a_port_is_opened_once_and_closed(host, tmp_path, monkeypatch, address, listen):
    state = {"ActiveState": "inactive"}
    drop_in = tmp_path / "unit_directory" / "mlops-port@churn.socket.d" / "50-port.conf"

    def run(*argv):
        host.append(argv)
        state["LoadState"] = "loaded" if drop_in.exists() else "bad-setting"
        if argv[1] == "stop" and argv[2].endswith(".socket"):
            assert state["LoadState"] == "loaded", "systemd refuses that"
        if argv[1] == "start" and argv[2].endswith(".socket"):
            state["ActiveState"] = "active"
        if argv[1] == "show":
            shown = {"Listen": listen + " (Stream)", "NeedDaemonReload": "no", **state}
            return "".join("{}={}\n".format(key, shown[key]) for key in argv[2].partition("=")[2].split(","))
        if argv[0] == "rm":
            subprocess.run(argv, check=True)
        return ""

    monkeypatch.setattr(helper, "run", run)
    assert ask(action="open_port", name="churn", address=address, port=5001) == {"uid": 0}
    assert drop_in.read_text() == "[Socket]\nListenStream={}\n".format(listen)
    assert host[-2:] == [("systemctl", "start", "mlops-port@churn.socket"), ("systemctl", "start", "mlops-port@churn.service")]
    host.clear()
    ask(action="open_port", name="churn", address=address, port=5001)
    assert "stop" not in [command[1] for command in host], "what is open stays open"
    ask(action="close_port", name="churn")
    assert tree(str(tmp_path / "unit_directory")) == [] and ("systemctl", "stop", "mlops-port@churn.socket", "mlops-port@churn.service") in host
    host.clear()
    ask(action="close_port", name="churn")
    assert host == [], "nothing is asked of systemd where nothing is open"
    drop_in.parent.mkdir()  # a helper was killed before it wrote
    ask(action="close_port", name="churn")
    assert tree(str(tmp_path / "unit_directory")) == [] and not drop_in.parent.exists()


@pytest.mark.parametrize("request_", [
    {"name": "churn.a", "address": "127.0.0.1", "port": 5001}, {"name": "churn", "address": "localhost", "port": 5001},
    {"name": "churn", "address": "127.0.0.1\nUser=root", "port": 5001}, {"name": "churn", "address": 2130706433, "port": 5001},
    {"name": "churn", "address": "127.0.0.1", "port": 80}, {"name": "churn", "address": None, "port": 5001},
    {"name": "../x", "address": "127.0.0.1", "port": 5001}, {"name": "churn", "address": "127.0.0.1", "port": "5001"},
], ids=str)
def test_hostile_ports_open_nothing(host, tmp_path, request_):
    with pytest.raises(helper.Refused):
        ask(action="open_port", **request_)
    assert host == [] and tree(str(tmp_path)) == []


@pytest.mark.parametrize("action", ["apply", "stop", "remove", "logs"])
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_run_nothing(host, tmp_path, action, name):
    with pytest.raises(helper.Refused):
        ask(action=action, name=name, memory_mb=512, lines=10)
    with pytest.raises(helper.Refused):
        ask(action="status", names=["a", name])
    assert host == [] and tree(str(tmp_path)) == []


@pytest.mark.parametrize("number", [0, -1, 1.5, True, None, "512", "512M\nUser=root", [512], 10 ** 12])
def test_hostile_numbers_run_nothing(host, tmp_path, number):
    for request in ({"action": "apply", "memory_mb": number}, {"action": "logs", "lines": number}, {"action": "port_owner", "port": number}):
        if request == {"action": "logs", "lines": 512}:
            continue
        with pytest.raises(helper.Refused):
            ask(name="a", **request)
    assert host == [] and tree(str(tmp_path)) == []


@pytest.mark.parametrize("line", [
    b"", b"\n", b"{}\n", b"[]\n", b"null\n", b"{\"action\": 1}\n", b"{\"action\": [\"apply\"]}\n", b"{\"action\": \"run\"}\n",
    b"{\"action\": \"status\"}\n", b"\xff\n", b"{\"action\": \"stop\", \"name\": \"a\"}", b" " * 70000 + b"\n",
])
def test_strange_requests_are_refused(host, line):
    with pytest.raises(helper.Refused):
        helper.answer(line)
    assert host == []


KILLED = """
import os, signal, sys
from mlops_agent import mlops_model_helper as helper
remaining = int(sys.argv[2])
for name in ("UNIT_DIRECTORY", "CACHE_DIRECTORY", "PRIVATE_CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "LOCK_DIRECTORY"):
    setattr(helper, name, os.path.join(sys.argv[1], name.lower()))
def interrupted(function):
    def wrapper(*arguments, **named):
        global remaining
        for done in (False, True):
            remaining -= 1
            if remaining == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if not done:
                result = function(*arguments, **named)
        return result
    return wrapper
helper.run = interrupted(lambda *argv: "")
os.makedirs, os.replace, os.fsync = interrupted(os.makedirs), interrupted(os.replace), interrupted(os.fsync)
helper.applied("a", 512)
print("done")
"""


def test_killed_anywhere_the_next_apply_repairs(host, tmp_path):
    for kill_at in range(1, 100):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), str(kill_at)], stdout=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=SOURCE), check=False)
        directory = tmp_path / "unit_directory" / "mlops-model@a.service.d"
        read_by_systemd = [path.read_text() for path in directory.glob("*.conf")] if directory.exists() else []
        assert all(text.endswith("LIMIT_MB=512\n") for text in read_by_systemd), "never half a file"
        ask(action="apply", name="a", memory_mb=512)
        assert len(list(directory.iterdir())) == 1 and host[-1][1] == "restart"
        ask(action="remove", name="a")
        if done.stdout == b"done\n":
            assert kill_at > 15
            return
    raise AssertionError("the helper never got through")


def test_a_peer_that_is_not_the_agent_is_refused(monkeypatch):
    here, there = socket.socketpair()
    with here, there:
        monkeypatch.setattr(helper, "AGENT_USER", "daemon")
        if os.getuid() == 0:
            helper.check_peer(here)
        real = socket.socket.getsockopt
        monkeypatch.setattr(socket.socket, "getsockopt", lambda *arguments: real(*arguments)[:4] + (65534).to_bytes(4, sys.byteorder) * 2)
        with pytest.raises(helper.Refused, match="may not talk to this helper"):
            helper.check_peer(here)


@pytest.fixture
def listening(tmp_path):
    """A helper, started as systemd does: with the listening socket as descriptor 3. Returns (process, path)."""
    path = str(tmp_path / "helper.sock")
    program = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable, '-I', '-S', sys.argv[2]])"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(listener.fileno()), PROGRAM], pass_fds=[listener.fileno()], stderr=subprocess.PIPE)
    yield process, path
    process.kill()
    assert process.communicate()[1] == b""


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.settimeout(30)
    return connection


def test_a_whole_exchange_over_a_socket(listening):
    with connect(listening[1]) as here:
        here.sendall(b'{"action": "stop", ')
        here.sendall(b'"name": "../../etc"}\n')
        reply = json.loads(here.makefile().readline())
    assert reply["ok"] is False and "error" in reply


def test_two_hundred_at_once_are_all_answered(listening):
    """More than work at a time wait for their turn; some hang up."""
    process, path = listening
    waiting = [connect(path) for dummy in range(100)]
    for connection in waiting:
        connection.sendall(b"x" * 10 + b"\n")
        connect(path).close()
    for connection in waiting:
        assert b"not JSON" in connection.recv(1000) or os.getuid() != 0
        connection.close()
    assert process.poll() is None


def test_the_owner_of_a_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        owner = ask(action="port_owner", port=port)["owner"]
        assert owner["pid"] == os.getpid() and owner["process"]
    assert ask(action="port_owner", port=port) == {"owner": None}


def test_it_imports_the_standard_library_only_and_never_a_shell():
    with open(PROGRAM) as stream:
        tree_ = ast.parse(stream.read())
    imported = {alias.name for node in ast.walk(tree_) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {
        "contextlib", "fcntl", "hashlib", "ipaddress", "json", "os", "pwd", "re", "socket", "subprocess", "sys", "threading", "time",
        "typing"}
    assert [node.module for node in ast.walk(tree_) if isinstance(node, ast.ImportFrom)] == ["__future__"]
    assert not any(isinstance(node, ast.keyword) and node.arg == "shell" for node in ast.walk(tree_))
