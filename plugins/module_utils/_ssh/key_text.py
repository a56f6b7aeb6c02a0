# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The text of a private key: where in a file it is, whether ssh finds it there, and the same key in lines that every ssh reads.

What ssh finds was observed with OpenSSH 9.2 and 10.0 (OpenSSL 3.0 and 3.5); the test ``test_ssh_key_mutations.py`` asks ssh-keygen itself. OpenSSH's own
format has to begin with the first byte of the file, and its first and last line are compared byte by byte. In PEM, text around the key is skipped
and blanks at the ends of lines do not count, but BEGIN and END have to begin their lines.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._ssh.public_key import Damaged, decode_base64

MOST_BYTES = 64 * 1024
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_PLAIN = re.compile(rb"\n(?:[A-Za-z0-9+/]+={0,2}\n)+")
_BLANKS = b" \t\r\n\v\f"
_PEM_LINE = 64
_OPENSSH_LINE = 70
_PUBLIC_TYPES = ("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


class Finding(t.NamedTuple):
    """Something that is wrong: a stable code, and a sentence for an admin."""

    code: str
    sentence: str


class Block(t.NamedTuple):
    """A private key within a text: what its BEGIN line says, the headers of an encrypted PEM key, and its decoded body."""

    label: str
    headers: t.Dict[str, str]
    body: bytes
    #: The key in lines that every ssh reads, as they were if they are. Not to be shown.
    text: bytes


class Text(t.NamedTuple):
    """What a text holds. ``block`` is missing when ``faults`` say why. ``layout`` is what keeps ssh from finding the key, and `Block.text` mends."""

    block: t.Optional[Block]
    faults: t.List[Finding]
    layout: t.List[Finding]


def read_text(content: bytes, what: str, on_disk: bool) -> Text:
    """Find the private key in ``content``. ``what`` names it as the subject of a sentence ("The file /x").

    With ``on_disk`` a line break that is missing at the end is told, else it is only appended: vaults drop it.
    """
    if not content.strip():
        return _fault("empty", "%s is empty. Put the private key into it." % what)
    if len(content) > MOST_BYTES:
        return _fault("not_a_private_key", "%s is larger than any private key. Check that the right one is named." % what)
    fields = _json_object(content)
    private = [match for match in _BEGIN.finditer(content) if match.group(1).endswith(b"PRIVATE KEY")] if fields is None else []
    if not private:
        return _fault(*_not_private(content, what, fields))
    begin = private[0]
    end = b"-----END " + begin.group(1) + b"-----"
    stop = content.find(end, begin.end())
    if stop < 0:
        return _fault("damaged", "%s begins as a private key, but the line %s is missing. It was cut off; copy it again." % (what, end.decode("ascii")))
    if _BEGIN.search(content, stop + len(end)) and any(match.start() > stop for match in private):
        return _fault("several_keys", "%s has another private key behind its first one. Leave the one that is meant." % what)
    label = begin.group(1).decode("ascii")
    look = _look_at_openssh if label == "OPENSSH PRIVATE KEY" else _look_at_pem
    parts = _Parts(content[: begin.start()], begin.group(0), content[begin.end() : stop], end, content[stop + len(end) :])
    layout = look(parts, what, on_disk)
    block = _block(label, parts)
    if block is None:
        return Text(None, [Finding("damaged", "%s cannot be decoded; a part of it is missing or changed. Copy it again." % what)], layout)
    return Text(block, [], layout)


class _Parts(t.NamedTuple):
    """A text cut up at the BEGIN and the END of a private key."""

    before: bytes
    begin: bytes
    body: bytes
    end: bytes
    after: bytes


def _fault(code: str, sentence: str) -> Text:
    return Text(None, [Finding(code, sentence)], [])


# ----------------------------------------------------------------------------------------------- what keeps ssh from finding it


def _look_at_openssh(parts: _Parts, what: str, on_disk: bool) -> t.List[Finding]:
    found: t.Dict[str, str] = {}
    if _on_one_line(parts.body):
        return _line_breaks_lost(what)
    if parts.body.startswith(b"\r") or parts.after.startswith(b"\r"):
        found["crlf"] = "%s has the line ends of Windows, which ssh does not read in this format. Convert it with: sed -i 's/\\r$//' FILE" % what
    elif not parts.body.startswith(b"\n"):
        found["lines_joined"] = "%s has something behind BEGIN in the same line, and ssh then does not read it. Put a line break there." % what
    elif not parts.body.endswith(b"\n"):
        found.update(_indented(what, parts.body))
    if parts.before:
        found["leading_junk"] = "%s has %s before its private key, and ssh then does not read it. Remove everything before BEGIN." % (
            what, "something" if parts.before.strip() else "blanks or empty lines",
        )  # fmt: skip
    if not parts.after:
        if on_disk:
            found["no_final_newline"] = "%s does not end with a line break, and ssh then does not read it. Append one." % what
    elif not parts.after.startswith((b"\n", b"\r")):
        found["trailing_junk"] = "%s has something behind END in the same line, and ssh then does not read it. Put a line break there." % what
    return [Finding(*item) for item in found.items()]


def _look_at_pem(parts: _Parts, what: str, dummy: bool) -> t.List[Finding]:
    """OpenSSL's PEM_read_bio(3): everything before a BEGIN at the start of a line is skipped, what is behind END as well."""
    found: t.Dict[str, str] = {}
    before = parts.before.rpartition(b"\n")[2]
    if _on_one_line(parts.body):
        return _line_breaks_lost(what)
    if b"\n" not in parts.body:
        found["crlf"] = "%s has the line ends of old Macs, which ssh does not read. Convert it with: tr '\\r' '\\n'" % what
    elif parts.body.partition(b"\n")[0].strip(_BLANKS):
        found["lines_joined"] = "%s has something behind BEGIN in the same line, and ssh then does not read it. Put a line break there." % what
    elif not parts.body.endswith(b"\n"):
        found.update(_indented(what, parts.body))
    elif _has_stray_lines(parts.body):
        found["blank_lines"] = "%s has empty lines or lines of uneven length within its private key, and ssh then does not read it. Remove them." % what
    elif re.search(rb"[\f\v][^\x00- ]", parts.body):
        found["indented"] = "%s has form feeds or vertical tabs within its private key, and ssh then does not read it. Remove them." % what
    if before and not (before == b"\xef\xbb\xbf" and before == parts.before):
        found["leading_junk"] = "%s has %s before BEGIN in the same line, and ssh then does not read it. Remove it." % (
            what, "something" if before.strip() else "blanks",
        )  # fmt: skip
    if parts.after.partition(b"\n")[0].strip(_BLANKS):
        found["trailing_junk"] = "%s has something behind END in the same line, and ssh then does not read it. Put a line break there." % what
    return [Finding(*item) for item in found.items()]


def _on_one_line(body: bytes) -> bool:
    return b"\n" not in body.strip(b" \t") and b"\r" not in body


def _line_breaks_lost(what: str) -> t.List[Finding]:
    advice = "Store it from its file, as with KEY=@FILE or file://FILE, instead of pasting it as one line."
    return [Finding("line_breaks_lost", "%s is a private key without its line breaks. %s" % (what, advice))]


def _indented(what: str, body: bytes) -> t.Dict[str, str]:
    if body.rpartition(b"\n")[2].strip(_BLANKS):
        return {"lines_joined": "%s has something before END in the same line, and ssh then does not read it. Put a line break there." % what}
    return {"indented": "%s is indented, and ssh then does not read it. Remove the blanks before END and the lines above it." % what}


def _has_stray_lines(body: bytes) -> bool:
    """Whether PEM_read_bio would end too early: an empty line ends the headers, so there may be one, and the lines behind it have 64 characters."""
    lines = [line.rstrip(bytes(range(33))) for line in body.split(b"\n")[1:-1]]
    blank = [index for index, line in enumerate(lines) if not line]
    if not blank:
        return False
    if len(blank) > 1 or any(b":" not in line and not _continues(lines, index) for index, line in enumerate(lines[: blank[0]])):
        return True
    data = lines[blank[0] + 1 :]
    return any(len(line) != _PEM_LINE for line in data[:-1]) or len(data[-1]) > _PEM_LINE if data else True


def _continues(lines: t.List[bytes], index: int) -> bool:
    return index > 0 and lines[index - 1].endswith(b",")


# ------------------------------------------------------------------------------------------------------------ what it holds


def _block(label: str, parts: _Parts) -> t.Optional[Block]:
    body = parts.body
    if _on_one_line(body):
        body = body.replace(b"\\r", b"").replace(b"\\n", b"\n")
    headers, data = _headers(body)
    try:
        decoded = decode_base64(data.translate(None, _BLANKS))
    except Damaged:
        return None
    if not decoded:
        return None
    if _PLAIN.fullmatch(parts.body):
        return Block(label, headers, decoded, parts.begin + parts.body + parts.end + b"\n")
    head = "".join("%s: %s\n" % item for item in headers.items()) + "\n" if headers else ""
    return Block(label, headers, decoded, armoured(label, decoded, head))


def armoured(label: str, data: bytes, head: str = "") -> bytes:
    """``data`` between BEGIN and END, in lines as long as OpenSSH and OpenSSL write them."""
    width = _OPENSSH_LINE if label.startswith("OPENSSH") else _PEM_LINE
    text = base64.b64encode(data).decode("ascii")
    lines = [text[place : place + width] for place in range(0, len(text), width)]
    return ("-----BEGIN %s-----\n%s%s\n-----END %s-----\n" % (label, head, "\n".join(lines), label)).encode("ascii")


def _headers(body: bytes) -> t.Tuple[t.Dict[str, str], bytes]:
    """The headers of RFC 1421 that OpenSSL writes above an encrypted body, and what is below them."""
    if b"Proc-Type:" not in body:
        return {}, body
    headers = {}
    lines = body.strip(_BLANKS).replace(b"\r\n", b"\n").split(b"\n")
    while lines and b":" in lines[0]:
        name, dummy, value = lines.pop(0).decode("ascii", "replace").partition(":")
        headers[name.strip()] = value.strip()
    return headers, b"\n".join(lines)


# --------------------------------------------------------------------------------------------------------- what it is instead


def _json_object(content: bytes) -> t.Optional[t.Dict[str, t.Any]]:
    if not content.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _not_private(content: bytes, what: str, fields: t.Optional[t.Dict[str, t.Any]]) -> t.Tuple[str, str]:
    """What something without a private key in it is, as code and sentence."""
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    first = text.split(None, 1)[0].decode("ascii", "replace")
    label = _BEGIN.search(text)
    if fields is not None:
        names = ", ".join(sorted(map(ascii, fields))) or "none"
        return (
            "not_a_private_key",
            "%s is not a private key but an object of JSON with the fields %s. Name the field that holds the key with secret_field." % (what, names),
        )
    if text.startswith(b"PuTTY-User-Key-File-"):
        return (
            "format_putty",
            "%s is a key in the format of PuTTY, which OpenSSH does not read. Convert it with: puttygen KEY.ppk -O private-openssh -o KEY" % what,
        )
    if text.startswith((b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", b"SSH PRIVATE KEY FILE FORMAT 1.1")):
        return (
            "format_unknown",
            "%s is a key in a format of SSH Communications or of SSH 1, which OpenSSH does not read. Make a new key with ssh-keygen." % what,
        )
    kind = ""
    if first.endswith("-cert-v01@openssh.com"):
        kind = "an SSH certificate"
    elif first.startswith(_PUBLIC_TYPES) or text.startswith(b"---- BEGIN SSH2 PUBLIC KEY") or label and label.group(1).endswith(b"PUBLIC KEY"):
        kind = "the public half of a key"
    elif label:
        kind = "a PEM file with a %s" % label.group(1).decode("ascii").lower()
    elif text.startswith(b"$ANSIBLE_VAULT"):
        kind = "encrypted with Ansible Vault, which is not opened here,"
    elif text.startswith(b"{"):
        return "not_a_private_key", "%s is not a private key but what looks like JSON and cannot be read as JSON. Store it anew." % what
    elif _is_base64_of_key(text):
        return "not_a_private_key", "%s is a private key that was encoded with base64 once more. Store it as it is." % what
    if kind:
        return "not_a_private_key", "%s is %s and no private key. Name the one that begins with -----BEGIN … PRIVATE KEY-----." % (what, kind.rstrip(","))
    return "not_a_private_key", "%s is not a private key: it has no line -----BEGIN … PRIVATE KEY-----. Check that the right one is named." % what


def _is_base64_of_key(text: bytes) -> bool:
    try:
        return bool(_BEGIN.search(base64.b64decode(b"".join(text.split()), validate=True)))
    except binascii.Error:
        return False
