# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the text of a private key on its way through editors, clipboards, YAML, vaults and tools: one key in, many texts out."""

from __future__ import annotations

import base64
from collections.abc import Iterable

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
BEFORE = {
    "blank": b"\n", "space": b" ", "tab": b"\t",
    "bom": b"\xef\xbb\xbf", "text": b"my key:\n", "blank of windows": b"\r\n", "line of spaces": b"   \n", "nul": b"\0",
    "form feed": b"\f", "vertical tab": b"\v\n", "comment": b"# x\n", "dashes": b"-----\n", "long line": b"x" * 300 + b"\n", "certificate": CERTIFICATE,
    "bag attributes": b"Bag Attributes\n    localKeyID: 01 \nKey Attributes: <No Attributes>\n", "public key": b"ssh-ed25519 AAAA x\n",
    "parameters": b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", "yaml": b"|\n", "quote": b'"', "fence": b"```\n",
}  # fmt: skip
AFTER = {
    "blank": b"\n\n", "text": b"done", "line": b"done\n", "spaces": b"  \n", "nul": b"\0", "certificate": CERTIFICATE, "binary": b"\xff\xfe",
    "much": b"x" * 5000, "fence": b"```\n",
}  # fmt: skip
FILLS = {
    "space": b" ", "tab": b"\t", "spaces": b"    ", "return": b"\r", "no-break space": b"\xa0", "form feed": b"\f", "vertical tab": b"\v", "quote": b"> ",
}  # fmt: skip


def lines(parts: Iterable[bytes], end: bytes = b"\n") -> bytes:
    return end.join(parts) + end


def mutations(key: bytes) -> dict[str, bytes]:
    """Texts with a key in them, or with what is left of it, by name."""
    begin, *body, end = key.splitlines()
    flat = b"".join(body)
    found = {"as it is": key}
    found.update({"before: " + name: text + key for name, text in BEFORE.items()})
    found.update({"behind: " + name: key + text for name, text in AFTER.items()})
    for name, fill in FILLS.items():
        found.update(
            {
                "indented: " + name: lines(fill + line for line in [begin, *body, end]),
                "body indented: " + name: lines([begin, *(fill + line for line in body), end]),
                "first line indented: " + name: lines([begin, fill + body[0], *body[1:], end]),
                "all but the first indented: " + name: lines([begin, *(fill + line for line in [*body, end])]),
                "END indented: " + name: lines([begin, *body, fill + end]),
                "trailing: " + name: lines(line + fill for line in [begin, *body, end]),
                "trailing in the body: " + name: lines([begin, *(line + fill for line in body), end]),
                "behind BEGIN: " + name: lines([begin + fill, *body, end]),
                "behind END: " + name: lines([begin, *body, end + fill]),
                "within lines: " + name: lines([begin, *(line[:20] + fill + line[20:] for line in body), end]),
            }
        )
    for width in (1, 10, 48, 60, 63, 64, 65, 70, 72, 76, 77, 100, 250, 254, 255, 256, 300, 1000, 100000):
        found["lines of %d" % width] = lines([begin, *(flat[place : place + width] for place in range(0, len(flat), width)), end])
    found.update(
        {
            "BEGIN joined": lines([begin + body[0], *body[1:], end]),
            "BEGIN joined by a space": lines([begin + b" " + body[0], *body[1:], end]),
            "END joined": lines([begin, *body[:-1], body[-1] + end]),
            "END joined by a space": lines([begin, *body[:-1], body[-1] + b" " + end]),
            "both joined": lines([begin + body[0], *body[1:-1], body[-1] + end]),
            "no line breaks": lines([begin + flat + end]),
            "spaces for line breaks": lines([b" ".join([begin, *body, end])]),
            "escaped line breaks": lines([b"\\n".join([begin, *body, end, b""])]),
            "escaped line breaks in quotes": b'"' + b"\\n".join([begin, *body, end, b""]) + b'"\n',
            "windows": lines([begin, *body, end], b"\r\n"),
            "windows without a last line break": b"\r\n".join([begin, *body, end]),
            "old mac": lines([begin, *body, end], b"\r"),
            "line ends the wrong way round": lines([begin, *body, end], b"\n\r"),
            "no last line break": key.rstrip(b"\n"),
            "glued text": key.rstrip(b"\n") + b"done\n",
            "uneven lines": lines([begin, flat[:10], flat[10:50], *(flat[place : place + 64] for place in range(50, len(flat), 64)), end]),
            "blank line in the middle": lines([begin, *body[:2], b"", *body[2:], end]),
            "blank line first": lines([begin, b"", *body, end]),
            "blank line last": lines([begin, *body, b"", end]),
            "two blank lines first": lines([begin, b"", b"", *body, end]),
            "double spaced": lines([begin, *body, end], b"\n\n"),
            "line of a space in the middle": lines([begin, *body[:2], b" ", *body[2:], end]),
            "line of a space first": lines([begin, b" ", *body, end]),
            "header": lines([begin, b"Comment: x", b"", *body, end]),
            "header without a blank line": lines([begin, b"Comment: x", *body, end]),
            "header without a colon": lines([begin, b"Comment", b"", *body, end]),
            "four dashes": key.replace(b"-----", b"----"),
            "six dashes": key.replace(b"-----", b"------"),
            "a dash less behind BEGIN": lines([begin[:-1], *body, end]),
            "a dash less behind END": lines([begin, *body, end[:-1]]),
            "a dash more behind END": lines([begin, *body, end + b"-"]),
            "lower case": key.replace(b"BEGIN", b"begin"),
            "other END": lines([begin, *body, end.replace(b"PRIVATE", b"PUBLIC")]),
            "no END": lines([begin, *body]),
            "no BEGIN": lines([*body, end]),
            "END twice": key + end + b"\n",
            "BEGIN twice": lines([begin, begin, *body, end]),
            "no padding": lines([begin, *(line.rstrip(b"=") for line in body), end]),
            "more padding": lines([begin, *body[:-1], body[-1] + b"=", end]),
            "line of padding": lines([begin, *body, b"====", end]),
            "mark in the body": lines([begin, body[0] + b"!", *body[1:], end]),
            "dash in the body": lines([begin, body[0] + b"-", *body[1:], end]),
            "comment in the body": lines([begin, body[0], b"# note", *body[1:], end]),
            "nul in the body": lines([begin, body[0] + b"\0", *body[1:], end]),
            "letter in the body": lines([begin, body[0] + "é".encode(), *body[1:], end]),
            "alphabet of URLs": lines([begin, *(line.replace(b"+", b"-").replace(b"/", b"_") for line in body), end]),
            "line lost": lines([begin, body[0], *body[2:], end]),
            "letter lost": lines([begin, body[0][:-1], *body[1:], end]),
            "letter changed": lines([begin, body[0], body[1][:-1] + (b"B" if body[1].endswith(b"A") else b"A"), *body[2:], end]),
            "lines swapped": lines([begin, body[1], body[0], *body[2:], end]),
            "line twice": lines([begin, body[0], *body, end]),
            "bytes behind the key": lines([begin, base64.b64encode(base64.b64decode(flat) + b"xxx"), end]),
            "yaml": b"key: |\n" + lines(b"  " + line for line in [begin, *body, end]),
            "utf-16": key.decode().encode("utf-16"),
            "encoded again": base64.encodebytes(key),
            "twice": key + key,
        }
    )
    return found
