# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a host's firewall does, what it is to do, and the steps from the one to the other."""

from __future__ import annotations

import os
import shlex
import stat
import typing as t
from pathlib import Path

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import SHARED, make_folder, remove, remove_empty, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._firewalld import Firewalld
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nft_loader import RULES, run, text
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._nftables import IN_THE_KERNEL, PROGRAM, UNIT, UNIT_FILE, Nftables
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._ufw import Ufw
from ansible_collections.sparkflows.mlops.plugins.module_utils._firewall._wish import Difference, Wish, read_wish

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
    """What is to be done, and why.

    ``commands`` are those of firewalld and ufw. For nftables there are ``folders`` to give back to root, files to ``write``, and whether to ``load``
    them, or what of ours to ``remove`` and ``unload``. ``differences`` is empty if and only if nothing is to be done.
    """

    backend: str | None
    commands: list[list[str]]
    folders: list[Path]
    write: dict[Path, str]
    load: bool
    remove: list[Path]
    unload: bool
    differences: list[Difference]


def _belongs(path: Path, mode: int) -> bool:
    """Whether something belongs to root and has this mode, as nobody else may decide on what root runs."""
    seen = path.stat()
    return (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (0, 0, mode)


def fits(path: Path, content: str) -> bool:
    """Whether a file has this content and is root's."""
    return path.is_file() and not path.is_symlink() and text(path) == content and _belongs(path, 0o644)


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
    differences: list[Difference] = []
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
        raise Problem(" ".join(problems))
    for each in (firewalld, ufw):
        # The host may have another firewall than in the last run.
        ours = commands if each is backend else each.absent()
        commands = commands if each is backend else commands + ours
        differences += each.differences(ours)
    used = backend is nftables
    # The folder of the rules is that of other roles, too, and theirs to look after.
    folders = [folder for folder in (PROGRAM.parent,) if used and folder.is_dir() and not _belongs(folder, 0o755)]
    differences += [Difference(str(folder), "not root's alone", "root's, with mode 0755") for folder in folders]
    write = {path: content for path, content in files.items() if not fits(path, content)}
    differences += [_of_file(path, content) for path, content in write.items()]
    if RULES in write:
        nftables.check_syntax(write[RULES])
    stale = nftables.stale(write) if used else []
    removed = [path for path in (RULES, PROGRAM.parent, UNIT_FILE) if not used and os.path.lexists(path)]
    unload = not used and nftables.leftover()
    differences += stale + [Difference(str(path), "there", "removed") for path in removed]
    differences += [Difference(IN_THE_KERNEL, "there", "removed")] if unload else []
    return Change(backend.name if backend else None, commands, folders, write, bool(stale), removed, unload, differences)


def _of_file(path: Path, content: str) -> Difference:
    """How a file that does not fit differs, line by line where these are few."""
    if not os.path.lexists(path):
        return Difference(str(path), "missing", "written")
    if not path.is_file() or path.is_symlink():
        return Difference(str(path), "not a file", "written")
    before, after = text(path).splitlines(), content.splitlines()
    if before == after:
        return Difference(str(path), "not root's alone", "root's, with mode 0644")
    gone, come = ([line.strip() for line in one if line not in other] for one, other in ((before, after), (after, before)))
    short = path == RULES and max(len(gone), len(come)) <= 2
    return Difference(str(path), ", ".join(gone) if short and gone else "holds something else", ", ".join(come) if short and come else "written")


def carry_out(change: Change) -> None:
    """Do what was decided; raises OSError, with the command's own words, when a command fails."""
    for folder in change.folders:
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o755)
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
    if change.remove:
        run("systemctl", "daemon-reload")
        remove_empty(*SHARED)


def difference(change: Change) -> list[dict[str, str]]:
    """The change as Ansible's diff shows it. The program that loads the rules is left out: the rules are what matters."""
    shown = [
        {"before_header": str(path), "after_header": str(path), "before": text(path), "after": content}
        for path, content in change.write.items()
        if path != PROGRAM
    ]
    shown += [{"before_header": str(path), "after_header": str(path), "before": text(path), "after": ""} for path in change.remove if path != PROGRAM.parent]
    if change.commands:
        lines = "".join(" ".join(shlex.quote(word) for word in command) + "\n" for command in change.commands)
        shown.append({"before_header": "commands", "after_header": "commands", "before": "", "after": lines})
    return shown


def run_module(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Make the firewall do what the module's options say, or with `check_mode` only tell; returns the module's result.

    :raises Problem: when the options don't fit the host, or the firewall can't be read or changed.
    """
    try:
        change = decide(params)
    except OSError as error:
        raise Problem(
            "The firewall of this host could not be read: %s. That needs root (become: true) and, in a container, the capability NET_ADMIN." % error
        ) from None
    shown = difference(change)
    if not check_mode:
        try:
            carry_out(change)
        except OSError as error:
            raise Problem("The firewall of this host could not be changed: %s. The next run goes on from where this one stopped." % error) from None
    return {
        "changed": bool(change.differences),
        "backend": change.backend,
        "commands": change.commands,
        "written": [str(path) for path in change.write],
        "removed": [str(path) for path in change.remove],
        "differences": [each._asdict() for each in change.differences],
        "diff": shown,
    }
