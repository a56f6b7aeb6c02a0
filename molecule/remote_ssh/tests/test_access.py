# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Sparkflows host logs in to MLflow hosts with the key that a vault holds, whatever happens to the runs that see to it.

The tests go on from each other in this order: as converged, refused, rotated, failing, taken away.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hvac
import pytest
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parent.parent
ROOT = SCENARIO.parent.parent
sys.path.insert(0, str(SCENARIO))
import vault  # noqa: E402

USER = "sparkflows-ssh"
KEY = "/home/sparkflows/.ssh/sparkflows_mlops"
PINS = "/home/sparkflows/.ssh/known_hosts"
ENTRIES = f"/home/{USER}/.ssh/authorized_keys"
FOREIGN = "# somebody's own\n"
#: A public key that nobody has the private half of.
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILxfmlzPtxAAZFWMOqXjlvCLBRcw9MbPWMqCxzKVAx9o"
CHANGES = "find /home -newer /etc/hostname -printf '%%p %%C@\\n' | sort"


@pytest.fixture(scope="module")
def sparkflows(on: Callable[[str], Host]) -> Host:
    return on("sparkflows")


@pytest.fixture(scope="module")
def targets(on: Callable[[str], Host], containers: dict[str, dict[str, str]]) -> list[tuple[Host, str, int]]:
    """The MLflow hosts, and the address and port by which Sparkflows reaches them."""
    return [(on("debian13"), "debian13", 22), (on("debian12"), containers["debian12"]["address"], 2222)]


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """Where the vault is and how to log in to it."""
    cache = Path(os.environ.get("SPARKFLOWS_MLOPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparkflows-mlops")
    return dict(json.loads((cache / "testbeds" / "molecule-remote-ssh" / "vault.json").read_text()))


@pytest.fixture(scope="module")
def rotate(known: dict[str, str]) -> Callable[[], str]:
    """Put a new key into the vault; returns it."""
    return lambda: vault.put_key(hvac.Client(url=known["url"], token=known["token"]))


def login(sparkflows: Host, address: str, port: int) -> str:
    """The name of the user that a login as Sparkflows would do it ends up as, or what went wrong."""
    options = f"-F none -i {KEY} -oBatchMode=yes -oIdentitiesOnly=yes -oStrictHostKeyChecking=yes -oUserKnownHostsFile={PINS} -oConnectTimeout=5"
    result = sparkflows.run(f"runuser -u sparkflows -- ssh -n {options} -p {port} {USER}@{address} id -un")
    return str(result.stdout.strip() or result.stderr)


def works(sparkflows: Host, targets: list[tuple[Host, str, int]]) -> bool:
    return all(login(sparkflows, address, port) == USER for dummy, address, port in targets)


def entries(host: Host) -> list[str]:
    return str(host.file(ENTRIES).content_string).splitlines()


def public_half(sparkflows: Host, path: str = KEY) -> str:
    return " ".join(sparkflows.check_output("ssh-keygen -y -f %s", path).split()[:2])


# --------------------------------------------------------------------------------------------------------- as converged


def test_login_is_proved_and_ends_as_an_unprivileged_user(sparkflows: Host, targets: Any) -> None:
    for host, address, port in targets:
        assert login(sparkflows, address, port) == USER
        assert host.check_output("id -Gn %s", USER) == USER
        assert host.check_output("getent shadow %s", USER).split(":")[1] == "*"


def test_files_are_private(sparkflows: Host, targets: Any) -> None:
    assert sparkflows.check_output("stat -c '%%a %%U %%G' %s %s %s", "/home/sparkflows/.ssh", KEY, PINS).splitlines() == [
        "700 sparkflows sparkflows", "600 sparkflows sparkflows", "600 sparkflows sparkflows"
    ]  # fmt: skip
    assert sparkflows.check_output("ls -A /home/sparkflows/.ssh").split() == ["known_hosts", "sparkflows_mlops"]
    for host, _address, _port in targets:
        assert host.check_output("stat -c '%%a %%U %%G' %s %s", f"/home/{USER}/.ssh", ENTRIES).splitlines() == [f"700 {USER} {USER}", f"600 {USER} {USER}"]
        assert host.check_output("ls -A %s", f"/home/{USER}/.ssh") == "authorized_keys"


def test_entry_holds_what_was_asked(sparkflows: Host, targets: Any, containers: dict[str, dict[str, str]]) -> None:
    entry = f'from="{containers["sparkflows"]["address"]}",no-agent-forwarding,no-X11-forwarding {public_half(sparkflows)} sparkflows-mlops:sparkflows'
    assert [entries(host) for host, _address, _port in targets] == [[entry], [entry]]


def test_host_keys_are_those_of_the_hosts(sparkflows: Host, targets: Any) -> None:
    pinned = sparkflows.file(PINS).content_string.splitlines()
    expected = []
    for host, address, port in targets:
        key = " ".join(host.file("/etc/ssh/ssh_host_ed25519_key.pub").content_string.split()[:2])
        expected.append(f"{address if port == 22 else f'[{address}]:{port}'} {key}")
    assert pinned == ["# BEGIN sparkflows-mlops", *sorted(expected), "# END sparkflows-mlops"]


# ------------------------------------------------------------------------------------------------------------- by a plan


ENTRY = "/sparkflows-mlops:sparkflows/"
#: What is spoiled together: for each a host, a command, and the row of the plan that names it.
SPOILED: dict[str, list[tuple[str, str, tuple[str, str, str]]]] = {
    "open, forgotten, unpinned": [
        ("sparkflows", f"chmod 0640 {KEY}", (f"{KEY}: mode", "0640", "0600")),
        ("sparkflows", f"install -m 0600 /dev/null {KEY}.new", (f"{KEY}.new", "there", "removed")),
        ("sparkflows", f"sed -i '/^debian13 /d' {PINS}", (f"{PINS}: host key of debian13 ssh-ed25519", "missing", "SHA256:")),
        ("debian13", f"sed -i '{ENTRY}d' {ENTRIES}", (f"authorized_keys of {USER} on debian13: SHA256:", "missing", "lets in")),
    ],
    "somebody else's": [
        ("sparkflows", f"chown root {KEY}", (f"{KEY}: owner", "root", "sparkflows")),
        ("sparkflows", f"sed -i 's/^debian13 ssh-ed25519 .*/debian13 {OTHER}/' {PINS}", (f"{PINS}: host key of debian13 ssh-ed25519", "SHA256:", "SHA256:")),
        ("debian12", f"sed -i '{ENTRY}s/^from=[^ ]* //' {ENTRIES}", (f"authorized_keys of {USER} on debian12: SHA256:", "has other options", "as wanted")),
        ("debian12", f"sh -c 'echo {OTHER} sparkflows-mlops:sparkflows >> {ENTRIES}'",
         (f"authorized_keys of {USER} on debian12: SHA256:", "lets in", "removed")),
        ("debian13", f"chmod 0644 {ENTRIES}", (f"authorized_keys of {USER} on debian13", "with mode 0644", "with mode 0600")),
    ],
    "gone": [
        ("sparkflows", f"rm {KEY} {PINS}", (KEY, "missing", "SHA256:")),
        ("debian13", f"userdel -r {USER}", (f"user {USER} on debian13", "missing", "made")),
        ("debian12", f"chmod 0755 /home/{USER}/.ssh", (f"authorized_keys of {USER} on debian12", "with mode 0755", "with mode 0700")),
    ],
}  # fmt: skip


def rows(operator: Any, path: Path) -> list[dict[str, str]]:
    """What a plan says of the hosts, but that there is nothing to do; it changes nothing."""
    assert operator.play("plan.yml", plan_report=str(path)).unchanged
    return [row for row in json.loads(path.read_text())["rows"] if row["severity"] != "unchanged"]


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_is_spoiled_is_named_and_put_right(operator, on: Callable[[str], Host], sparkflows: Host, targets: Any, spoil: str, tmp_path: Path) -> None:
    for host, command, _row in SPOILED[spoil]:
        on(host).check_output(command)
    seen = rows(operator, tmp_path / "plan.json")
    assert {(row["severity"], row["host"], row["role"]) for row in seen} == {("difference", "sparkflows", "ssh_access")}
    for _host, _command, (item, before, after) in SPOILED[spoil]:
        assert [row for row in seen if row["item"].startswith(item) and before in row["before"] and after in row["after"]], (item, seen)
    operator.play("site.yml")
    assert works(sparkflows, targets)
    assert rows(operator, tmp_path / "plan.json") == []


def test_a_login_that_stopped_working_differs_until_it_works(operator, on: Callable[[str], Host], sparkflows: Host, tmp_path: Path) -> None:
    on("debian13").check_output("usermod --shell /bin/false %s", USER)
    (row,) = rows(operator, tmp_path / "plan.json")
    said = f"The login of sparkflows as {USER} at debian13 port 22 failed at the command: "
    assert (row["item"], row["before"], row["after"]) == ("login at debian13", "fails", "proved")
    assert row["reason"].startswith(said)
    assert said in operator.play("site.yml", fails=True).text
    assert sparkflows.run("pgrep -u sparkflows ssh").stdout == "", "a login that was tried has ended"
    on("debian13").check_output("usermod --shell /bin/bash %s", USER)
    assert rows(operator, tmp_path / "plan.json") == []


def test_a_plan_reads_each_host_once(operator) -> None:
    connections = re.findall(r"<(\S+)> ESTABLISH SSH CONNECTION", operator.play("plan.yml", "-vvv").output)
    assert sorted(connections) == ["debian12", "debian13", "sparkflows"]


def test_findings_of_all_hosts_are_told_before_anything_is_changed(operator, sparkflows: Host, targets: Any) -> None:
    hosts = [sparkflows, *(host for host, _address, _port in targets)]
    before = [host.check_output(CHANGES) for host in hosts]
    wrong = {
        "ssh_access_service_user": "ghost", "ssh_access_user": "ghost-ssh", "ssh_access_create_user": False, "ssh_access_key_path": "/home/sparkflows/.ssh",
        "ssh_access_source": "value", "ssh_access_value": "no key at all", "ssh_access_secret_field": "",
    }  # fmt: skip
    for playbook in ("site.yml", "converge.yml"):
        said = operator.play(playbook, fails=True, **wrong).text
        assert "Nothing was changed" in said
        assert "The host has no user ghost, who would use the key." in said
        assert "/home/sparkflows/.ssh is a folder, but ssh_access_key_path is the path of a file" in said
        assert "The key given with value is not a private key" in said
        for name in ("debian13", "debian12"):
            assert f"{name} has no user ghost-ssh to log in as." in said
    assert [host.check_output(CHANGES) for host in hosts] == before


# -------------------------------------------------------------------------------------------------------------- refused


BAD = {
    "switch as text": ({"ssh_access_create_user": "yes"}, "ssh_access_create_user must be true or false, but it is the text 'yes'."),
    "unknown host": (
        {"ssh_access_targets": [{"host": "debian11", "address": "debian11"}]},
        "ssh_access_targets names the host debian11, which the inventory does not have.",
    ),
    "secret that is not there": ({"ssh_access_secret_name": "sparkflows/other"}, "sparkflows/other"),
    "option that sshd does not know": ({"ssh_access_options": ["no-such"]}, "options has 'no-such', which is not known."),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_bad_input(operator, sparkflows: Host, targets: Any, fault: str) -> None:
    variables, sentence = BAD[fault]
    before = [host.check_output(CHANGES) for host in (sparkflows, targets[0][0])]
    assert sentence in operator.play("converge.yml", fails=True, **variables).text
    assert [host.check_output(CHANGES) for host in (sparkflows, targets[0][0])] == before


# -------------------------------------------------------------------------------------------------------------- rotated


def killed_at(task: str) -> None:
    """Run the role and kill it, and all that it started, as it begins a task."""
    process = subprocess.Popen(
        ["ansible-playbook", SCENARIO / "converge.yml", "-i", ROOT / "molecule" / "inventory", "-i", SCENARIO / "inventory" / "hosts.yml"],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_FORCE_COLOR": "false",
            "MOLECULE_SCENARIO_NAME": SCENARIO.name,
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    output = []
    try:
        for line in process.stdout:
            output.append(line)
            if line.startswith("TASK") and task in line:
                return
        pytest.fail(f"the run ended before {task!r}:\n{''.join(output[-40:])}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_rotation_may_be_interrupted_anywhere(operator, sparkflows: Host, targets: Any, rotate: Callable[[], str], known: Any, canary: Any) -> None:
    first = public_half(sparkflows)
    rotate()
    killed_at("Prove | Log in from the Sparkflows host")
    second = public_half(sparkflows, f"{KEY}.new")
    assert public_half(sparkflows) == first != second
    assert works(sparkflows, targets)

    rotate()
    killed_at("Put the proved key in the place of the old one")
    third = public_half(sparkflows, f"{KEY}.new")
    assert public_half(sparkflows) == first and third not in (first, second)
    assert works(sparkflows, targets)
    for host, _address, _port in targets:
        assert [key in "\n".join(entries(host)) for key in (first, second, third)] == [True, True, True]

    killed_at("Let the old key in no longer")
    assert public_half(sparkflows) == third
    assert works(sparkflows, targets)

    fourth = rotate()
    secrets = {"the key": fourth.splitlines()[2], "the secret ID": known["secret_id"], "the role ID": known["role_id"]}
    watch = canary(secrets)
    with watch.watching():
        run = operator.play("converge.yml", "--diff", "-vvv")
    assert watch.escapes(run.output) == []
    assert works(sparkflows, targets)
    now = public_half(sparkflows)
    assert now not in (first, second, third)
    assert not sparkflows.file(f"{KEY}.new").exists
    for host, _address, _port in targets:
        assert [line.split()[-2] for line in entries(host)] == [now.split()[1]]
    assert operator.play("converge.yml").unchanged


def test_key_as_a_value_spoiled_by_its_way(operator, sparkflows: Host, targets: Any, rotate: Callable[[], str], canary: Any, tmp_path: Path) -> None:
    """Indented by a template, with the line ends of Windows: placed so that ssh reads it, and shown nowhere."""
    key = rotate()
    spoiled = "".join(f"  {line}\r\n" for line in key.splitlines())
    given = tmp_path / "variables.json"
    given.touch(0o600)
    given.write_text(json.dumps({"ssh_access_source": "value", "ssh_access_value": spoiled, "ssh_access_secret_field": ""}))
    watch = canary({"the key": key.splitlines()[2]})
    with watch.watching():
        run = operator.play("converge.yml", "--diff", "-vvv", "-e", f"@{given}")
    assert watch.escapes(run.output) == []
    assert "\r" not in sparkflows.file(KEY).content_string
    assert works(sparkflows, targets)
    assert operator.play("converge.yml", "-e", f"@{given}").unchanged
    assert operator.play("converge.yml").unchanged, "the vault has the same key"


# -------------------------------------------------------------------------------------------------------------- failing


def test_failed_login_names_its_step(operator, sparkflows: Host, targets: Any, containers: dict[str, dict[str, str]]) -> None:
    wrong = [{"host": "debian13", "address": "nowhere.invalid"}, {"host": "debian12", "address": "debian12", "port": 2}]
    said = operator.play("converge.yml", fails=True, ssh_access_targets=wrong, ssh_access_login_timeout=5).text
    assert re.search(r"The login of sparkflows as sparkflows-ssh at nowhere\.invalid port 22 failed at name resolution: .*Could not resolve hostname", said)
    assert re.search(r"The login of sparkflows as sparkflows-ssh at debian12 port 2 failed at TCP: .*Connection refused", said)

    # Here the first address leads to the second host.
    wrong = [{"host": "debian13", "address": containers["debian12"]["address"]}, {"host": "debian12", "address": "debian12"}]
    said = operator.play("converge.yml", fails=True, ssh_access_targets=wrong, ssh_access_from=["192.0.2.1"]).text
    assert f"at {containers['debian12']['address']} port 22 failed at the host key: Host key verification failed." in said
    assert re.search(r"at debian12 port 22 failed at authentication: .*Permission denied \(publickey\)", said)

    for host, _address, _port in targets:
        host.check_output("printf %s >> %s", FOREIGN, ENTRIES)
    sparkflows.check_output("printf %s >> %s", FOREIGN, PINS)
    forced = ['command="echo only this; exit 3"', "restrict"]
    assert operator.play("converge.yml", ssh_access_options=forced).code == 0
    assert login(sparkflows, "debian13", 22) == "only this"


# ----------------------------------------------------------------------------------------------------------- taken away


def test_absent_leaves_what_is_not_ours(operator, sparkflows: Host, targets: Any) -> None:
    operator.play("converge.yml", ssh_access_state="absent")
    assert sparkflows.check_output("ls -A /home/sparkflows/.ssh") == "known_hosts"
    assert sparkflows.file(PINS).content_string == FOREIGN
    for host, _address, _port in targets:
        assert host.file(ENTRIES).content_string == FOREIGN
        assert host.user(USER).exists
    assert operator.play("converge.yml", ssh_access_state="absent").unchanged
