# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model can and can't do on a real host; docs/agent.md says the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from deployments import agent, eventually
from testinfra.host import Host

PYTHON = "/opt/sparkflows/stack/current/bin/python"
AS_MLFLOW = "cd /tmp && runuser -u mlflow -- env HOME=/tmp GIT_PYTHON_REFRESH=quiet MLFLOW_TRACKING_URI=http://127.0.0.1:5000"

# A model is code: this one runs code when its pickle is loaded, and later what it is given to predict, and says what came out.
WHERE = "'%d %s' % (os.getuid(), os.readlink('/proc/self/ns/mnt'))"
SHELL = f"""
import mlflow
AT_LOAD = '''import os
os.environ['AT_LOAD'] = {WHERE}
print('LOADED' '-BY-%d' % os.getuid(), flush=True)'''
class Trap:
    def __reduce__(self):
        return exec, (AT_LOAD,)
class Shell(mlflow.pyfunc.PythonModel):
    def __init__(self):
        self.trap = Trap()
    def predict(self, context, model_input):
        found = []
        for code in model_input.iloc[:, 0]:
            names = {{}}
            try:
                exec(code, names)
                found.append(str(names.get("said")))
            except BaseException as error:
                found.append(type(error).__name__)
        return found
with mlflow.start_run():
    mlflow.pyfunc.log_model("model", python_model=Shell(), pip_requirements=[], registered_model_name="hostile")
"""


@pytest.fixture(scope="module")
def hostile(host: Host) -> Iterator[dict[str, int]]:
    """Two hostile models; {name: port}. The second has a name that is too long for a user's."""
    host.check_output(f"{AS_MLFLOW} {PYTHON} -c %s", SHELL)
    names = ["hostile", "hostile-with-a-name-of-more-than-31-characters"]
    try:
        for name in names:
            status, answer = agent(host, f"/api/v1/deployments/{name}", "PUT", {"model_uri": "models:/hostile/1"})
            assert status == 201, answer
        for name in names:
            eventually(lambda: agent(host, f"/api/v1/deployments/{name}")[1]["state"] == "ready", f"{name} is ready", 300)  # noqa: B023
        yield {name: agent(host, f"/api/v1/deployments/{name}")[1]["port"] for name in names}
    finally:
        for name in names:
            agent(host, f"/api/v1/deployments/{name}", "DELETE")


@pytest.fixture
def run(host: Host, hostile: dict[str, int]) -> Any:
    """run(code) lets the first hostile model run code; what it leaves in `said`, or the name of its error."""

    def ask(code: str) -> str:
        body = json.dumps({"columns": ["code"], "data": [[code]]})
        answer = host.check_output(
            "curl --silent --show-error --max-time 60 --header 'Content-Type: application/json' --data %s http://127.0.0.1:%s/invocations",
            body, str(hostile["hostile"]),
        )  # fmt: skip
        return str(json.loads(answer)[0])

    return ask


def main_process(host: Host, name: str) -> dict[str, str]:
    shown = host.check_output("systemctl show --property=MainPID,UID,ActiveState %s", f"mlops-model@{name}.service")
    return dict(line.split("=", 1) for line in shown.splitlines())


def started_by_hand(host: Host, how: str) -> None:
    """Start or restart the first model; its unit allows three starts in ten minutes, and these tests need more."""
    host.check_output("systemctl reset-failed mlops-model@hostile.service; systemctl %s mlops-model@hostile.service", how)


def test_each_model_has_a_user_of_its_own(host: Host, hostile: dict[str, int]) -> None:
    users = {name: main_process(host, name)["UID"] for name in [*hostile, "verify-numpy", "verify-spark"]}
    assert len(set(users.values())) == len(users), users
    assert all(61184 <= int(user) <= 65519 for user in users.values()), users


def test_it_cannot_kill_or_trace_another(host: Host, run: Any) -> None:
    for unit in ("mlops-model@verify-numpy.service", "mlops-agent.service", "mlflow-server.service"):
        pid = host.check_output("systemctl show --property=MainPID --value %s", unit)
        assert run(f"import os; os.kill({pid}, 9)") == "PermissionError"
        # PTRACE_ATTACH; -1 is a refusal.
        assert run(f"import ctypes; said = ctypes.CDLL(None).ptrace(16, {pid}, None, None)") == "-1"
        for file in ("environ", "mem", "cmdline"):
            assert run(f"said = open('/proc/{pid}/{file}', 'rb').read(1)") in ("PermissionError", "FileNotFoundError")
        assert host.check_output("systemctl show --property=MainPID --value %s", unit) == pid


@pytest.mark.parametrize(
    "path",
    [
        "/var/cache/mlops-models/verify-numpy", "/var/cache/private/mlops-models/verify-numpy", "/run/mlops-models/verify-numpy",
        "/run/mlops-models/verify-numpy/serving.json", "/var/lib/mlops-agent/deployments/verify-numpy.json", "/var/lib/mlops-agent/deployments",
        "/var/lib/mlflow-server/mlflow.db", "/etc/sparkflows-mlops/mlops-agent.env", "/etc/sparkflows-mlops/model-serving.env", "/etc/shadow",
    ],
)  # fmt: skip
def test_it_reads_and_writes_nothing_of_others(run: Any, path: str) -> None:
    refused = ("PermissionError", "FileNotFoundError", "OSError", "IsADirectoryError", "NotADirectoryError")
    assert run(f"import os; said = os.listdir({path!r})") in (*refused, str(["hostile.json"]))
    assert run(f"said = open({path!r}).read()") in refused
    assert run(f"open({path!r}, 'a')") in refused
    assert run(f"open({path + '/left'!r}, 'w')") in refused


def test_code_in_its_pickle_runs_where_it_predicts(host: Host, run: Any, hostile: dict[str, int]) -> None:
    """CVE-2024-37052 to -37060: loading a model runs what is in it. It is loaded nowhere but in its own unit, which the other tests look out of."""
    users = {f"mlops-model@{name}.service": main_process(host, name)["UID"] for name in hostile}
    assert run("import os; said = os.environ['AT_LOAD']") == run(f"import os; said = {WHERE}")
    printed = host.check_output("journalctl --no-pager --quiet --output=json --output-fields=_SYSTEMD_UNIT,MESSAGE | grep -E 'LOADED-BY-[0-9]+'")
    loaded = [json.loads(line) for line in printed.splitlines()]
    assert {(line["_SYSTEMD_UNIT"], line["MESSAGE"]) for line in loaded} == {(unit, f"LOADED-BY-{user}") for unit, user in users.items()}


def test_it_sees_no_users_of_the_host(run: Any) -> None:
    assert re.fullmatch(r"mlops-model:x:\d+:\d+::/:/usr/sbin/nologin\n", run("said = open('/etc/passwd').read()"))


@pytest.mark.parametrize("path", ["/", "/tmp/../opt/sparkflows", "/run", "/run/mlops-models", "/etc/systemd/system", "/var/lib/mlops-agent", "/home", "/root"])
def test_it_leaves_nothing_elsewhere(run: Any, path: str) -> None:
    assert run(f"open({path + '/left'!r}, 'w')") in ("PermissionError", "OSError", "FileNotFoundError")


def test_its_shared_memory_is_its_own(host: Host, run: Any) -> None:
    host.check_output("install -m 0666 /dev/null /dev/shm/of-the-host")
    assert "of-the-host" not in run("import os; said = os.listdir('/dev/shm')")
    assert run("open('/dev/shm/left', 'w'); said = 1") == "1"
    assert host.check_output("ls /dev/shm").split() == ["of-the-host"]
    host.check_output("rm /dev/shm/of-the-host")


def test_it_does_not_reach_the_helper(run: Any) -> None:
    code = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/mlops-model-helper/helper.sock')"
    assert run(code) in ("PermissionError", "FileNotFoundError")


def test_it_is_kept_from_metadata_services_or_says_that_it_is_not(host: Host, run: Any) -> None:
    """systemd drops a unit's packets where there is cgroup version 2, be it beside version 1. Elsewhere the unit asks for it in vain, and the log tells."""
    metadata = "169.254.169.254"
    assert "169.254.0.0/16" in host.check_output("systemctl show --property=IPAddressDeny mlops-model@hostile.service")
    enforced = any(host.file(f"/sys/fs/cgroup/{folder}cgroup.controllers").exists for folder in ("", "unified/"))
    host.check_output("ip address add %s/32 dev lo && systemd-run --quiet --unit=metadata python3 -I -m http.server --bind %s 80", metadata, metadata)
    try:
        eventually(lambda: host.socket(f"tcp://{metadata}:80").is_listening, "somebody answers there")
        asked = run(f"import socket; said = socket.create_connection(({metadata!r}, 80), 5).getpeername()[1]")
        assert asked == "80" if not enforced else asked != "80"
    finally:
        host.check_output("systemctl stop metadata; ip address delete %s/32 dev lo", metadata)
    log = "\n".join(agent(host, "/api/v1/deployments/hostile/logs?lines=1000")[1]["lines"])
    assert ("no cgroup version 2, so the model can talk to link-local" in log) == (not enforced)


def test_it_cannot_take_the_agents_port(run: Any) -> None:
    for address in ("127.0.0.1", "0.0.0.0"):
        assert run(f"import socket; s = socket.socket(); s.setsockopt(1, 2, 1); s.setsockopt(1, 15, 1); s.bind(({address!r}, 8086)); s.listen()") == "OSError"


def test_a_module_that_it_leaves_is_not_there_at_the_next_start(host: Host, run: Any, hostile: dict[str, int]) -> None:
    assert run("open('argparse.py', 'w').write('raise SystemExit(66)'); said = 1") == "1"
    assert run("import os; open(os.path.expanduser('~/mlflow.py'), 'w').write('raise SystemExit(66)'); said = 1") == "1"
    assert run("import os; os.makedirs('../lib'); open('../argparse.py', 'w').write('raise SystemExit(66)'); said = 1") == "1"
    started_by_hand(host, "restart")
    # The agent looks at it now and then, and calls it ready until then.
    eventually(lambda: host.run("curl --silent --fail --max-time 5 http://127.0.0.1:%s/ping", str(hostile["hostile"])).rc == 0, "it answers again", 300)
    eventually(lambda: agent(host, "/api/v1/deployments/hostile")[1]["state"] == "ready", "it is ready again", 300)
    assert run("import os; said = sorted(os.listdir('.'))").count("py") == 0


def test_its_pipe_does_not_hang_the_agent(host: Host, run: Any, hostile: dict[str, int]) -> None:
    path = "/run/mlops-models/hostile/serving.json"
    assert run(f"import os; os.unlink({path!r}); os.mkfifo({path!r}); said = 1") == "1"
    pid = host.check_output("systemctl show --property=MainPID --value mlops-agent.service")
    for dummy in range(20):
        assert agent(host, "/api/v1/deployments/hostile")[0] == 200
    assert host.check_output("systemctl show --property=MainPID --value mlops-agent.service") == pid
    started_by_hand(host, "restart")
    # The agent looks at it now and then, and calls it ready until then.
    eventually(lambda: host.run("curl --silent --fail --max-time 5 http://127.0.0.1:%s/ping", str(hostile["hostile"])).rc == 0, "it answers again", 300)
    eventually(lambda: agent(host, "/api/v1/deployments/hostile")[1]["state"] == "ready", "it is ready again", 300)


# Answers as a model does, and keeps the rows that it is sent.
STRANGER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        open("/tmp/rows", "a").write(self.path)
        self.do_GET()
http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
"""


def test_a_stranger_on_the_port_is_never_the_model(host: Host, hostile: dict[str, int]) -> None:
    """A local process takes the port while the model is away."""
    port = hostile["hostile"]
    stranger = STRANGER.replace("PORT", str(port))
    host.check_output("systemctl stop mlops-model@hostile.service")
    host.check_output("systemd-run --unit=stranger --property=User=nobody --property=ReadWritePaths=/tmp /usr/bin/python3 -c %s", stranger)
    try:
        eventually(lambda: host.socket(f"tcp://127.0.0.1:{port}").is_listening, "the stranger listens")
        started_by_hand(host, "start")
        eventually(lambda: "nobody" in agent(host, "/api/v1/deployments/hostile")[1]["message"], "the agent names the stranger's user")
        assert agent(host, "/api/v1/deployments/hostile")[1]["state"] != "ready"
        assert not host.file("/tmp/rows").exists
    finally:
        host.check_output("systemctl stop stranger.service")
    agent(host, "/api/v1/deployments/hostile", "PUT", {"model_uri": "models:/hostile/1"})
    eventually(lambda: agent(host, "/api/v1/deployments/hostile")[1]["state"] == "ready", "the model is ready again", 300)


# An entry of 9 MiB, as sd_journal_send(3) hands over large ones: a sealed memory file. The numbers are MFD_ALLOW_SEALING, F_ADD_SEALS and all seals.
LARGE_ENTRY = """
import ctypes, fcntl, os, socket, struct
file = ctypes.CDLL(None).memfd_create(b"entry", 2)
os.write(file, b"MESSAGE\\n" + struct.pack("<Q", 9 << 20) + b"x" * (9 << 20) + b"\\n")
fcntl.fcntl(file, 1033, 15)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
journal.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))])
os.close(file)
said = 1
"""


def test_large_and_many_journal_entries_are_bounded(host: Host, run: Any) -> None:
    for dummy in range(5):
        assert run(LARGE_ENTRY) == "1"
    assert run("import sys; print('\\n'.join(map(str, range(300))), file=sys.stderr, flush=True); said = 1") == "1"
    for lines in (1, 20, 1000):
        status, answer = agent(host, f"/api/v1/deployments/hostile/logs?lines={lines}")
        assert status == 200, answer
        assert len(answer["lines"]) <= lines
        assert sum(map(len, answer["lines"])) < 300_000
    peak = host.run("systemctl show --property=MemoryPeak --value mlops-model-helper.service").stdout.strip()
    assert not peak.isdigit() or int(peak) < 128 << 20


def test_the_helpers_socket_survives_a_crowd(host: Host) -> None:
    crowd = "import socket\nfor n in range(400):\n s = socket.socket(socket.AF_UNIX); s.connect('/run/mlops-model-helper/helper.sock'); s.close()"
    host.check_output("/usr/bin/python3 -c %s", crowd)
    assert host.service("mlops-model-helper.socket").is_running
    assert agent(host, "/api/v1/deployments/verify-numpy/logs?lines=1")[0] == 200
    assert host.service("mlops-model-helper.socket").is_running


@pytest.mark.parametrize("unit", ["mlops-model-helper.service", "mlops-agent.service", "mlops-model@verify-numpy.service"])
def test_exposure(host: Host, unit: str) -> None:
    """What systemd's own measure says of the sandbox; 0 is best, 10 is worst."""
    said = host.check_output("systemd-analyze security --no-pager %s", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found and float(found[1]) <= 3.0, said


def test_a_deep_cache_can_be_deleted(host: Host, run: Any, hostile: dict[str, int]) -> None:
    name = "hostile-with-a-name-of-more-than-31-characters"
    assert run("import os\nfor n in range(1500):\n os.mkdir('d'); os.chdir('d')\nos.chdir('/')\nsaid = 1") == "1"
    for gone in ("hostile", name):
        assert agent(host, f"/api/v1/deployments/{gone}", "DELETE")[0] == 200
        eventually(lambda: agent(host, f"/api/v1/deployments/{gone}")[0] == 404, f"{gone} is gone")  # noqa: B023
        assert host.run("ls -d /var/cache/mlops-models/%s /var/cache/private/mlops-models/%s /run/mlops-models/%s", gone, gone, gone).stdout == ""


#: Ports of an MLflow host that docs/install.md names, and what models listen on for themselves, on the loopback alone.
NAMED = {22, 5000, 8086, *range(5001, 5051)}


def test_nothing_listens_but_what_the_documentation_names(host: Host) -> None:
    """With a numpy and a Spark model served: no web interface of Spark's, and everything on the loopback but ssh."""
    listening = [line.split()[3] for line in host.check_output("ss --no-header --listening --tcp --numeric").splitlines()]
    assert any(one.endswith(":5001") for one in listening), listening
    open_ = {(address, int(port)) for address, port in (one.rsplit(":", 1) for one in listening)}
    elsewhere = {one for one in open_ if not re.match(r"127\.|\[::1\]|\[::ffff:127\.", one[0])}
    assert {port for dummy, port in elsewhere} == {22}, elsewhere
    assert not {port for dummy, port in open_ if 4040 <= port < 4060}, open_
