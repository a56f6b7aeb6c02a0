# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the role C(ssh_access) leaves behind: a key and pinned host keys on the Sparkflows host, and entries in authorized_keys on the hosts it logs in to."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan import ssh_access as rules
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._differences import Ahead, Contents, Difference, Inputs, Questions, State
from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading, Settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh import known_hosts
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import fingerprint, parse_public_key

_ROLE = "ssh_access"
#: What answers are called in a reading.
KEY, LOGINS, _PINS, _TARGET = "ssh_access key", "ssh_access logins", "ssh_access pins", "ssh_access target"
#: What proves a login, and the packages that bring it.
_COMMANDS = {
    "ssh": "openssh-client (Debian, Ubuntu) or openssh-clients (RHEL, Amazon Linux)",
    "runuser": "util-linux",
}


#: What tasks are filled with where the role does nothing: they are passed by, and Ansible wants their words all the same.
_NOTHING: Inputs = {
    "key": None,
    "pending": "",
    "rotates": False,
    "proved_key": "",
    "proof": {},
    "consolation": "",
    "userless": [],
    "entries": [],
    "retire": [],
    "pins": [],
    "settings": {},
}


def _key(settings: Settings) -> Reading:
    """What the controller says of the key: C(fingerprint), C(public_key) and C(findings), and before the host is read the C(content)."""
    return settings.get("ssh_access_key") or {"fingerprint": None, "public_key": None, "findings": []}


def _pending(settings: Settings) -> str:
    """Where a new key waits until it is proved."""
    return str(settings["ssh_access_key_path"]) + ".new"


def _above(settings: Settings) -> str:
    """The folder in which the key's folder is made when it is missing."""
    return os.path.dirname(os.path.dirname(str(settings["ssh_access_key_path"])))


def _targets(settings: Settings) -> list[dict[str, t.Any]]:
    return list(settings["ssh_access_targets"] or [])


def _answers(settings: Settings) -> list[tuple[dict[str, t.Any], Reading]]:
    """The targets that were read, each with what it said."""
    answers = settings.get("answers") or {}
    return [(target, answers[target["host"]]) for target in _targets(settings) if target["host"] in answers]


def questions(settings: Settings) -> Questions:
    """What is asked of the Sparkflows host; see `State`."""
    if not rules.acts(settings):
        return {}
    place = {"user": settings["ssh_access_service_user"], "state": settings["ssh_access_state"]}
    asked: Questions = {
        "users": [settings["ssh_access_service_user"]],
        "commands": list(_COMMANDS),
        "files": [{"path": path} for path in (settings["ssh_access_key_path"], _pending(settings), _above(settings))],
        "predictions": [{"name": _PINS, "module": "ssh_pins", "options": {"path": settings["ssh_access_known_hosts_path"], **place}}],
    }
    key = _key(settings)
    if rules.present(settings) and key.get("content"):
        owner = {"owner": settings["ssh_access_service_user"], "group": settings["ssh_access_service_group"]}
        options = {"dest": settings["ssh_access_key_path"], "public_key": key["public_key"], **owner}
        asked["predictions"].append({"name": KEY, "module": "ssh_private_key", "options": options, "secrets": {"content": key["content"]}})
        asked["predictions"].append(_proof(settings, settings["ssh_access_key_path"]))
    return asked


def _proof(settings: Settings, path: str) -> dict[str, t.Any]:
    """The question whether the logins work with a key."""
    options = {
        "service_user": settings["ssh_access_service_user"],
        "key": path,
        "known_hosts": settings["ssh_access_known_hosts_path"],
        "user": settings["ssh_access_user"],
        "client": settings["ssh_access_client"],
        "targets": _targets(settings),
        "forced": any(option.startswith("command=") for option in settings["ssh_access_options"]),
        "timeout": settings["ssh_access_login_timeout"],
    }
    return {"name": LOGINS, "module": "ssh_logins", "options": options}


def asks(settings: Settings) -> dict[str, dict[str, t.Any]]:
    """What is asked of the hosts to log in to; see `State`."""
    if not rules.acts(settings):
        return {}
    options = {"user": settings["ssh_access_user"], "client": settings["ssh_access_client"], "state": settings["ssh_access_state"]}
    if rules.present(settings):
        keys = [line for line in [_key(settings)["public_key"]] if line]
        options.update(keys=keys, options=settings["ssh_access_options"], **{"from": settings["ssh_access_from"]})
    return {target["host"]: {"name": _TARGET, "module": "ssh_target", "options": options} for target in _targets(settings)}


def findings(settings: Settings, reading: Reading) -> list[str]:
    """What would keep the role from its work, on all hosts that were read; see `State`."""
    if not rules.acts(settings):
        return []
    present = rules.present(settings)
    found = list(_key(settings)["findings"]) + (_lacking(settings, reading) if present else [])
    folders = _in_the_way(settings, reading)
    foreseen = [reading["predictions"].get(name) or {} for name in (KEY, _PINS)]
    # Of a folder in its place the key's own sentence says the same.
    errors = [seen.get("error") for number, seen in enumerate(foreseen) if number > 0 or not folders]
    found += folders + [error for error in errors if error]
    for target, answer in _answers(settings):
        if answer["error"]:
            found.append("%s: %s" % (target["host"], answer["error"]))
        elif present:
            found += _unfit(settings, target["host"], answer)
    return found


def _lacking(settings: Settings, reading: Reading) -> list[str]:
    """Who would use the key, and what proves the login."""
    user = settings["ssh_access_service_user"]
    found = []
    if not reading["users"][user]["exists"]:
        found.append(
            "The host has no user %s, who would use the key. Install Sparkflows first, or name the user that it runs as with ssh_access_service_user." % user
        )
    elif reading["files"][_above(settings)]["kind"] not in ("directory", "link"):
        found.append(
            "The host has no folder %s, below which the key is to be. Create it, or choose another place with ssh_access_key_path." % _above(settings)
        )
    for command, package in _COMMANDS.items():
        if reading["commands"][command] is None:
            found.append("The host has no command %s, with which the login would be proved. Install %s." % (command, package))
    return found


def _in_the_way(settings: Settings, reading: Reading) -> list[str]:
    found = []
    for path in (settings["ssh_access_key_path"], _pending(settings)):
        kind = reading["files"][path]["kind"]
        if kind == "directory":
            found.append("%s is a folder, but ssh_access_key_path is the path of a file, beside which a new key waits. Name a file in it." % path)
        elif path == _pending(settings) and kind not in (None, "file"):
            found.append("%s is not a regular file, but a new key would wait there until it is proved. Remove it." % path)
    return found


def _unfit(settings: Settings, host: str, answer: Reading) -> list[str]:
    found = []
    if not answer["host_keys"]:
        found.append("%s has no public host key in /etc/ssh/ssh_host_*_key.pub that could be pinned. Install and start sshd there." % host)
    if not answer["user"] and not settings["ssh_access_create_user"]:
        found.append(
            "%s has no user %s to log in as. Create it, name another with ssh_access_user, or let the role create it with ssh_access_create_user."
            % (host, settings["ssh_access_user"])
        )
    return found


def _pins(settings: Settings) -> list[str]:
    """The lines to pin: each target's host keys under the name by which ssh looks it up, of which the port is a part unless it is the usual one."""
    lines = []
    for target, answer in _answers(settings):
        port = target.get("port") or 22
        name = target["address"] if port == 22 else "[%s]:%d" % (target["address"], port)
        lines += ["%s %s" % (name, key) for key in answer["host_keys"]]
    return known_hosts.pins(lines)


def _rotates(settings: Settings, reading: Reading) -> bool:
    """Whether the key in use is another one, or there is none: the key is proved before it takes that place."""
    return bool(_key(settings)["fingerprint"] != reading["predictions"].get(KEY, {}).get("previous_fingerprint"))


def inputs(settings: Settings, reading: t.Optional[Reading]) -> Inputs:
    """What the tasks are filled with.

    ``key`` is the key's C(fingerprint) and C(public_key), or None; ``pending`` where a new one waits; ``rotates`` whether it takes the place of another
    or of none, and ``proved_key`` the file to log in with. Of the targets, ``userless`` lack the user, ``entries`` have other lines than they should, and
    ``retire`` let another key in. ``pins`` are the lines to pin, ``proof`` is the question of C(host_info) whether the logins work, and ``consolation`` a
    sentence for when they do not. ``settings`` is what the plan needs again once the targets answered.
    """
    if reading is None or not rules.acts(settings):
        return dict(_NOTHING)
    key = {name: _key(settings)[name] for name in ("fingerprint", "public_key", "findings")}
    rotates = rules.present(settings) and _rotates(settings, reading)
    answers = _answers(settings)
    proved_key = _pending(settings) if rotates else settings["ssh_access_key_path"]
    replaces = rotates and reading["files"][settings["ssh_access_key_path"]]["exists"]
    return {
        "key": {name: key[name] for name in ("fingerprint", "public_key")} if key["fingerprint"] else None,
        "pending": _pending(settings),
        "rotates": rotates,
        "proved_key": proved_key,
        "proof": _proof(settings, proved_key),
        "consolation": "The key that was in use until now stays in use." if replaces else "",
        "userless": [target for target, answer in answers if not answer.get("user")] if rules.present(settings) else [],
        "entries": [target for target, answer in answers if answer.get("changed")],
        "retire": [target for target, answer in answers if answer.get("removed")] if rotates else [],
        "pins": _pins(settings) if rules.present(settings) else [],
        "settings": {"ssh_access_key": key} if rules.present(settings) else {},
    }


def differences(settings: Settings, reading: Reading, contents: Contents, ahead: Ahead) -> list[Difference]:
    """How far the hosts are from it.

    Steps: C(user) (on targets), C(entries), C(key), C(pins), C(login) (proved, as one of the others changes what it rests on, or it does not work), C(leftover)
    for a new key that nobody waits for; and for a role that is absent C(entries_removed), C(key_removed) and C(pins_removed).
    """
    if not rules.acts(settings) or findings(settings, reading):
        return []
    if not rules.present(settings):
        return _removals(settings, reading)
    found = [
        Difference(_ROLE, "user", "user %s on %s" % (settings["ssh_access_user"], target["host"]), "missing", "made")
        for target, answer in _answers(settings)
        if not answer["user"]
    ]
    for target, answer in _answers(settings):
        found += _entries(settings, target["host"], answer, "entries")
    found += _key_differences(settings, reading) + _pin_differences(settings, reading)
    found += _logins(settings, reading, bool(found))
    if not _rotates(settings, reading) and reading["files"][_pending(settings)]["exists"]:
        found.append(Difference(_ROLE, "leftover", _pending(settings), "there", "removed", "The key is in use already."))
    return found


def _logins(settings: Settings, reading: Reading, changes: bool) -> list[Difference]:
    """The logins to prove: all where something changes that they rest on, else those that were tried and do not work."""
    if changes:
        hosts = ", ".join(target["host"] for target in _targets(settings))
        return [Difference(_ROLE, "login", "login at %s" % hosts, "not proved", "proved", "What it rests on changes.")]
    tried = reading["predictions"][LOGINS].get("logins") or []
    return [Difference(_ROLE, "login", "login at %s" % one["host"], "fails", "proved", one["sentence"]) for one in tried if not one["proved"]]


def _removals(settings: Settings, reading: Reading) -> list[Difference]:
    found = []
    for target, answer in _answers(settings):
        found += _entries(settings, target["host"], answer, "entries_removed")
    for path in (_pending(settings), settings["ssh_access_key_path"]):
        if reading["files"][path]["exists"]:
            found.append(Difference(_ROLE, "key_removed", path, "there", "removed"))
    if reading["predictions"][_PINS]["block"]:
        found.append(Difference(_ROLE, "pins_removed", "%s: host keys" % settings["ssh_access_known_hosts_path"], "pinned", "removed"))
    return found


def _entries(settings: Settings, host: str, answer: Reading, step: str) -> list[Difference]:
    """How the entries of this Sparkflows host differ on a target; keys are named by their fingerprints, which everybody may know."""
    item = "authorized_keys of %s on %s" % (settings["ssh_access_user"], host)
    words = {"added": ("missing", "lets in"), "updated": ("has other options", "as wanted"), "removed": ("lets in", "removed")}
    found = [
        Difference(_ROLE, step, "%s: %s" % (item, mark), before, after) for change, (before, after) in words.items() for mark in answer[change]
    ]
    return found + [Difference(_ROLE, step, item, before, after) for before, after in zip(*answer["states"])]


def _key_differences(settings: Settings, reading: Reading) -> list[Difference]:
    """Which key it is, and who may read it. The same key in another form that ssh reads may stay."""
    path, seen = settings["ssh_access_key_path"], reading["predictions"][KEY]
    if not seen["changed"]:
        return []
    before, after = (seen["diff"][side] for side in ("before", "after"))
    if not before:
        return [Difference(_ROLE, "key", path, "missing", after["fingerprint"])]
    return [
        Difference(_ROLE, "key", path if what == "fingerprint" else "%s: %s" % (path, what), before[what], after[what])
        for what in ("fingerprint", "owner", "group", "mode")
        if before[what] != after[what]
    ]


def _pin_differences(settings: Settings, reading: Reading) -> list[Difference]:
    path, seen = settings["ssh_access_known_hosts_path"], reading["predictions"][_PINS]
    found = [Difference(_ROLE, "pins", path, before, after) for before, after in zip(*seen["states"])]
    wanted, there = _pins(settings), seen["block"].splitlines()[1:-1]
    if seen["block"] == known_hosts.render(wanted).decode():
        return found
    gone, come = ({_name(line): _print(line) for line in some if line not in others} for some, others in ((there, wanted), (wanted, there)))
    for name in [*come, *(name for name in gone if name not in come)]:
        item = "%s: host key of %s" % (path, name)
        found.append(Difference(_ROLE, "pins", item, gone.get(name, "missing"), come.get(name, "removed")))
    return found if gone or come else [*found, Difference(_ROLE, "pins", "%s: host keys" % path, "in another order or form", "written")]


def _name(line: str) -> str:
    """Server and type of a pinned key."""
    return " ".join(line.split()[:2])


def _print(line: str) -> str:
    """The fingerprint of a pinned key."""
    blob = parse_public_key(" ".join(line.split()[1:3]))
    return "unreadable" if blob is None else fingerprint(blob)


STATE = State(questions, findings, differences, inputs=inputs, asks=asks, proofs=("login",))
