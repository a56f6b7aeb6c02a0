# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Logs in from this host by its own ssh, as the user of a service would: with one key and one file of host keys, and nothing else that may be around."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import threading
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils import _commands as commands

#: C(targets) are dictionaries with C(host), C(address) and C(port). Where a command is C(forced), it does not run, and an accepted key is the proof.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "service_user": {"type": "str", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "known_hosts": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "client": {"type": "str", "required": True},
    "targets": {"type": "list", "elements": "dict", "required": True},
    "forced": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 20},
}
_ACCEPTED = re.compile(r"^Authenticated to", re.MULTILINE)
_MOST_CHARACTERS = 64 * 1024

#: By what ssh prints: which step of the login failed, and what to try. The first that fits counts.
_FAILURES = (
    (_ACCEPTED.pattern, "the command", "The key was accepted, but the user could not run a command. Give the user a shell that can."),
    (r"Could not resolve hostname", "name resolution", "Correct the address in ssh_access_targets, or let the Sparkflows host resolve it."),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known",
        "the host key",
        "Another server answers than the one that Ansible reached, or it has a host key that is not in /etc/ssh. Correct the address in ssh_access_targets.",
    ),
    (
        r"Permission denied|Too many authentication failures",
        "authentication",
        "Look at ssh_access_from, at AllowUsers, AuthorizedKeysFile and PubkeyAcceptedAlgorithms in sshd_config, and at who may write the user's home.",
    ),
    (
        r"^Load key|bad permissions|invalid format|error in libcrypto",
        "the key",
        "The ssh of the Sparkflows host cannot use this key. Use another type or format.",
    ),
    (
        r"connect to (?:host|address) |Connection (?:closed|reset|timed out|refused)|Broken pipe|kex_exchange_identification|banner exchange",
        "TCP",
        "Look at whether sshd runs there, at the port, and at firewalls between the hosts.",
    ),
    ("", "the connection", "Log in by hand as the service user to see more."),
)


def look(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Log in at all targets at once. ``logins`` has for each ``host``, ``proved``, and a ``sentence`` where it is not."""
    import concurrent.futures  # takes a while to load

    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, max(1, len(params["targets"])))) as pool:
        return {"changed": False, "logins": list(pool.map(lambda target: _login(params, target), params["targets"]))}


def _login(params: dict[str, t.Any], target: dict[str, t.Any]) -> dict[str, t.Any]:
    port = int(target.get("port") or 22)
    where = "The login of %s as %s at %s port %d" % (params["client"], params["user"], target["address"], port)
    if not os.path.isfile(params["key"]):
        return {"host": target["host"], "proved": False, "sentence": "%s was not tried: there is no key %s." % (where, params["key"])}
    try:
        status, output = _attempt(_argv(params, target["address"], port), params["timeout"] + 5, until_accepted=params["forced"])
    except OSError as error:
        return {"host": target["host"], "proved": False, "sentence": "%s was not tried: %s: %s." % (where, error.filename, error.strerror)}
    proved = status == 0 or (params["forced"] and _ACCEPTED.search(output) is not None)
    return {"host": target["host"], "proved": proved, "sentence": "" if proved else "%s failed at %s" % (where, explained(output))}


def explained(output: str) -> str:
    """What ssh printed of a login that failed, as the rest of a sentence: the step, its last line about it, and what to try."""
    pattern, step, advice = next(failure for failure in _FAILURES if re.search(failure[0], output, re.MULTILINE))
    lines = [line.strip(". \r") for line in output.splitlines() if re.search(pattern, line)]
    said = next((line for line in reversed(lines) if line), "")
    return "%s%s. %s" % (step, ": " + said if said else "", advice)


def _argv(params: dict[str, t.Any], address: str, port: int) -> list[str]:
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": params["timeout"],
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "LogLevel": "VERBOSE",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": params["known_hosts"],
    }
    return [
        "runuser", "--user=%s" % params["service_user"], "--", "ssh", "-nT", "-F", "none", "-i", params["key"],
        *("-o%s=%s" % option for option in options.items()),
        # Without a session the server starts nothing.
        *(["-N"] if params["forced"] else []),
        "-p", str(port), "-l", params["user"], "--", address, *([] if params["forced"] else ["true"]),
    ]  # fmt: skip


def _attempt(argv: t.Sequence[str], seconds: float, until_accepted: bool) -> tuple[int, str]:
    """The status of a program, and what it printed. It is ended after that time, and, where that is all, once the key is accepted. Raises `OSError`."""
    process = commands.start(argv, {"PATH": commands.PATH, "LC_ALL": "C"}, cwd="/")
    stream = t.cast(io.BufferedReader, process.stdout)
    watchdog = threading.Timer(seconds, _end, [process])
    watchdog.start()
    output = ""
    accepted = False
    try:
        for piece in iter(lambda: stream.read1(4096), b""):
            output = (output + piece.decode("utf-8", "replace"))[:_MOST_CHARACTERS]
            accepted = until_accepted and _ACCEPTED.search(output) is not None
            if accepted:
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0 if accepted else 5)
    finally:
        watchdog.cancel()
        _end(process)
        process.wait()
        stream.close()
    return process.returncode, output


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, unless it has ended by itself."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
