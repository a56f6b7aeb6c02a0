# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a host's firewall does, what it is to do, and the steps from the one to the other."""

from __future__ import annotations

import os
import shlex
import typing as t
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem, make_folder, remove, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._firewalld import Firewalld
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nft_loader import RULES, run, text
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nftables import PROGRAM, UNIT, UNIT_FILE, Nftables
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._ufw import Ufw
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Wish, read_wish

#: The options of the module.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "ports": {"type": "list", "elements": "str", "default": []},
    "sources": {"type": "list", "elements": "str", "default": []},
    "backend": {"type": "str", "choices": ["auto", "firewalld", "ufw", "nftables"], "default": "auto"},
    "ssh_ports": {"type": "list", "elements": "int", "default": [22]},
    "ansible_port": {"type": "int"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
Backend = t.Union[Firewalld, Ufw, Nftables]


class Change(t.NamedTuple):
    """What is to be done: commands of firewalld and ufw; and for nftables files to write and whether to load them, or what of ours to remove."""

    backend: str | None
    commands: list[list[str]]
    write: dict[Path, str]
    load: bool
    remove: list[Path]
    unload: bool

    @property
    def empty(self) -> bool:
        return not (self.commands or self.write or self.load or self.remove or self.unload)


def fits(path: Path, content: str) -> bool:
    """Whether a file has this content and belongs to root, as nobody else may decide on what root runs."""
    if not path.is_file() or path.is_symlink():
        return False
    seen = path.stat()
    return text(path) == content and (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (0, 0, 0o644)


def choose(asked: str, firewalld: Firewalld, ufw: Ufw, nftables: Nftables, problems: list[str]) -> Backend:
    """The backend that the host runs, after what speaks against it was added to `problems`."""
    backends: list[Backend] = [firewalld, ufw, nftables]
    running = next((backend for backend in backends[:2] if backend.active), None)
    if asked == "auto":
        if running is None and not nftables.active:
            problems.append(
                "No firewall was found: neither firewalld nor ufw is active, and there is no nft. Install nftables, or start the firewall of your choice."
            )
        return running or nftables
    chosen = next(backend for backend in backends if backend.name == asked)
    if running is not None and running is not chosen:
        problems.append(f"firewall_backend is {asked}, but {running.name} is active and would have the last word. Choose {running.name} or auto.")
    elif not chosen.command:
        problems.append(f"firewall_backend is {asked}, but the host has no {asked}. Install it, or choose auto.")
    elif not chosen.active:
        problems.append(f"firewall_backend is {asked}, but {asked} is not active. Turning it on could lock you out, so the role leaves that to you.")
    return chosen


def decide(given: dict[str, t.Any]) -> Change:
    """Look at the host and compare it with the module's options; changes nothing.

    :raises Problem: with all that speaks against it, before anything was changed.
    :raises OSError: when a firewall can't be read.
    """
    problems: list[str] = []
    firewalld, ufw, nftables = Firewalld(), Ufw(), Nftables()
    backend: Backend | None = None
    commands: list[list[str]] = []
    files: dict[Path, str] = {}
    if given["state"] == "present":
        wish: Wish = read_wish(given, problems)
        backend = choose(given["backend"], firewalld, ufw, nftables, problems)
        if not problems and isinstance(backend, Nftables):
            backend.check(wish, problems)
            files = backend.files(wish)
        elif not problems and not isinstance(backend, Nftables):
            commands = backend.present(wish, problems)
    if problems:
        raise Problem("Nothing was changed on this host. " + " ".join(problems))
    # The host may have another firewall than in the last run.
    for other in (firewalld, ufw):
        if other is not backend:
            commands += other.absent()
    used = backend is nftables
    write = {path: content for path, content in files.items() if not fits(path, content)}
    if RULES in write:
        nftables.check_syntax(write[RULES])
    return Change(
        backend=backend.name if backend else None,
        commands=commands,
        write=write,
        load=used and nftables.needs_load(),
        remove=[path for path in (RULES, PROGRAM, UNIT_FILE) if not used and os.path.lexists(path)],
        unload=not used and nftables.leftover(),
    )


def carry_out(change: Change) -> None:
    """Do what was decided; raises OSError, with the command's own words, when a command fails."""
    for path, content in change.write.items():
        make_folder(str(path.parent))
        write_atomic(str(path), content, owner=(0, 0))
    if change.write or change.load:
        run("systemctl", "daemon-reload")
        run("systemctl", "enable", UNIT)
        # A restart would leave a moment without rules.
        running = run("systemctl", "show", "--property", "ActiveState", "--value", UNIT).strip() == "active"
        run("systemctl", "reload" if running else "start", UNIT)
    for command in change.commands:
        run(*command)
    if UNIT_FILE in change.remove:
        run("systemctl", "disable", "--now", UNIT)
    if change.unload:
        Nftables().unload()
    for path in change.remove:
        remove(str(path))
    if PROGRAM in change.remove:
        remove(str(PROGRAM.parent))
    if change.remove:
        run("systemctl", "daemon-reload")


def difference(change: Change) -> list[dict[str, str]]:
    """The change as Ansible's diff shows it. The program that loads the rules is left out: the rules are what matters."""
    shown = [
        {"before_header": str(path), "after_header": str(path), "before": text(path), "after": content}
        for path, content in change.write.items()
        if path != PROGRAM
    ]
    shown += [{"before_header": str(path), "after_header": str(path), "before": text(path), "after": ""} for path in change.remove if path != PROGRAM]
    if change.commands:
        lines = "".join(" ".join(shlex.quote(word) for word in command) + "\n" for command in change.commands)
        shown.append({"before_header": "commands", "after_header": "commands", "before": "", "after": lines})
    return shown
