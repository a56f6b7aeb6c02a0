# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""Entries of this collection in a user's authorized_keys; all other lines stay as they are, byte by byte.

An entry is one line whose comment is `sparkflows-mlops:` and the name of the client that logs in with it. The file's format is that of sshd(8),
AUTHORIZED_KEYS FILE FORMAT, and what counts as quoted is what sshd takes for it.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import KEY_TYPES, Key, key_of, public_key, words_of
from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.user_files import UserFile

MARKER = "sparkflows-mlops:"
#: The options of the module C(ssh_authorized_keys). The keys are public.
ARGUMENT_SPEC: dict[str, t.Any] = {
    "user": {"type": "str", "required": True},
    "client": {"type": "str", "required": True},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "from": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "list", "elements": "str", "default": []},
    "exclusive": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
_FLAGS = (
    "agent-forwarding", "no-agent-forwarding", "no-port-forwarding", "no-pty", "no-touch-required", "no-user-rc", "no-X11-forwarding",
    "port-forwarding", "pty", "restrict", "user-rc", "verify-required", "X11-forwarding",
)  # fmt: skip
# What the value of an option has to look like once it is unquoted, and whether the option may be there more than once.
_VALUES = {
    "command": (r".*\S.*", "a command", False),
    "environment": (r"[A-Za-z_][A-Za-z0-9_]*=.*", "NAME=value", True),
    "expiry-time": (r"\d{8}(\d{4}(\d{2})?)?Z?", "YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without Z", False),
    "permitlisten": (r"([A-Za-z0-9.*_-]+:|\[[0-9A-Fa-f:*]+\]:)?(\d{1,5}|\*)", "[host:]port", True),
    "permitopen": (r"([A-Za-z0-9.*_-]+:|\[[0-9A-Fa-f:*]+\]:)(\d{1,5}|\*)", "host:port", True),
    "tunnel": (r"\d+|any", "the number of a device", False),
}
# sshd knows one escape within quotes, \" ; any other backslash is itself.
_QUOTED = re.compile(r'"((?:\\"|\\(?!")|[^"\\])*)"')
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class Entry(t.NamedTuple):
    """A line of authorized_keys that lets a key in."""

    options: str
    key: Key
    comment: str


class Revision(t.NamedTuple):
    """A file's new content, and the fingerprints of the entries that make the difference."""

    content: bytes
    added: list[str]
    updated: list[str]
    removed: list[str]


# --------------------------------------------------------------------------------------------------------------- inputs


def entry_options(sources: t.Sequence[str], options: t.Sequence[str]) -> str:
    """The options of an entry as they stand in the file; raises `Problem` for one that sshd would not understand."""
    found = []
    if sources:
        for source in sources:
            _check_source(source)
        if all(source.startswith("!") for source in sources):
            raise Problem("from names only what is excluded, so nobody could log in. Add what is allowed, such as '*'.")
        found.append('from="%s"' % ",".join(sources))
    seen: list[str] = []
    for option in options:
        name = _check_option(option)
        if name in seen and (name not in _VALUES or not _VALUES[name][2]):
            raise Problem("The option %s is given twice. Keep one." % name)
        seen.append(name)
    return ",".join(found + list(options))


def _check_source(source: str) -> None:
    pattern = source[1:] if source.startswith("!") else source
    if not re.fullmatch(r"[A-Za-z0-9.:*?_-]+(/\d{1,3})?", pattern):
        raise Problem("from has %r, but each of its values must be an address, a network, or a host name, in which * and ? may stand." % source)
    if "/" in pattern:
        try:
            ipaddress.ip_network(pattern)
        except ValueError as error:
            # sshd lets nobody in when one network of the list is wrong.
            raise Problem("from has %r, which is not a network: %s." % (source, error)) from None


def _check_option(option: str) -> str:
    name, equals, value = option.partition("=")
    if name == "from":
        raise Problem("options has 'from'; give the addresses with the option from.")
    if name in ("cert-authority", "principals"):
        raise Problem("options has %r, which would make the key an authority over other keys; this module does not write such entries." % name)
    if name not in _FLAGS and name not in _VALUES:
        raise Problem("options has %r, which is not known. Known are %s." % (name, ", ".join(sorted(_FLAGS + tuple(_VALUES), key=str.lower))))
    if name in _FLAGS:
        if equals:
            raise Problem("The option %s takes no value." % name)
        return name
    pattern, expected, dummy = _VALUES[name]
    quoted = _QUOTED.fullmatch(value)
    if not quoted or re.search(r"[\x00-\x1f\x7f]", value):
        raise Problem('The option %s needs a value in double quotes on one line, %s="…", in which a double quote is written as \\".' % (name, name))
    if not re.fullmatch(pattern, quoted.group(1)):
        raise Problem("The value of the option %s must be %s." % (name, expected))
    return name


def check_client(client: str) -> None:
    """Raise `Problem` for a name that could not stand in a comment."""
    if not _CLIENT.fullmatch(client):
        raise Problem("client is %r, but it must be a name of letters, digits, '.', '_' and '-', with a letter or digit first." % client)


# ------------------------------------------------------------------------------------------------------------- the file


def entry(line: bytes) -> Entry | None:
    """What a line lets in, or None for an empty line, a comment, or what sshd could not read either."""
    text = line.decode("utf-8", "surrogateescape").strip(" \t\r\n")
    if not text or text.startswith("#"):
        return None
    options = ""
    words = words_of(text)
    if words[0] not in KEY_TYPES:
        end = _end_of_options(text)
        options, words = text[:end], words_of(text[end:].lstrip(" \t"))
    if len(words) < 2 or words[0] not in KEY_TYPES:
        return None
    # A damaged key lets nobody in, but the line is still an entry that can be removed.
    return Entry(options, key_of(words[0], words[1]), words[2] if len(words) > 2 else "")


def _end_of_options(text: str) -> int:
    quoted = False
    position = 0
    while position < len(text) and (quoted or text[position] not in " \t"):
        if text[position : position + 2] == '\\"':
            position += 1
        elif text[position] == '"':
            quoted = not quoted
        position += 1
    return position


def revise(content: bytes, client: str, keys: t.Sequence[Key], options: str, exclusive: bool) -> Revision:
    """Make the entries of a client be those of `keys` with `options`; without `exclusive`, its entries of other keys stay."""
    marker = MARKER + client
    wanted = {key.text: _render(options, key, marker) for key in keys}
    missing = dict.fromkeys(wanted)
    lines: list[bytes] = []
    added, updated, removed = [], [], []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", content):
        found = entry(line)
        if found is None or found.comment != marker:
            lines.append(line)
        elif found.key.text in missing:
            del missing[found.key.text]
            kept = line if line.rstrip(b"\n") == wanted[found.key.text] else wanted[found.key.text] + b"\n"
            if kept != line:
                updated.append(found.key.fingerprint)
            lines.append(kept)
        elif found.key.text in wanted or exclusive:
            removed.append(found.key.fingerprint)
        else:
            lines.append(line)
    for key in keys:
        if key.text in missing:
            if lines and not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
            lines.append(wanted[key.text] + b"\n")
            added.append(key.fingerprint)
    return Revision(b"".join(lines), added, updated, removed)


def _render(options: str, key: Key, marker: str) -> bytes:
    return " ".join(([options] if options else []) + [key.type, key.text, marker]).encode("utf-8", "surrogateescape")


def _own(content: bytes, client: str) -> list[str]:
    """The entries of a client, as text."""
    lines = content.split(b"\n")
    found = [(line, entry(line)) for line in lines]
    return [line.decode("utf-8", "replace").strip() for line, what in found if what is not None and what.comment == MARKER + client]


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Make a user's authorized_keys hold what `params` (the module's options) say, or with `check_mode` only tell; returns the module's result."""
    client, present = params["client"], params["state"] == "present"
    check_client(client)
    keys = [public_key(text) for text in params["keys"]] if present else []
    options = entry_options(params["from"], params["options"]) if present else ""
    if present and not keys:
        raise Problem("keys is empty. Name the public keys to let in, or set state to absent.")
    file = UserFile(params["user"], ".ssh/authorized_keys", home=True)
    edit = file.edit(lambda content: revise(content, client, keys, options, params["exclusive"]).content, check_mode, create=present, repair=present)
    revision = revise(edit.before, client, keys, options, params["exclusive"])
    before, after = ("".join(line + "\n" for line in states + _own(content, client)) for states, content in zip(edit.states, (edit.before, edit.after)))
    return {
        "changed": edit.changed,
        "path": file.path,
        "added": revision.added,
        "updated": revision.updated,
        "removed": revision.removed,
        "diff": {"before_header": file.path, "after_header": file.path, "before": before, "after": after},
    }
