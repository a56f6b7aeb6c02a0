# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What a rule is, and the few kinds of rules that the roles' tables are made of.

A rule judges one value and knows when it matters. Its sentences name the variable, show what was seen, unless that may be a secret, and
say what was expected. Types and choices are judged by the argument specifications (M(_specs)); a rule sees values of the right type.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
import urllib.parse

#: Variable name to value in force: defaults, inventory and templates worked out.
Settings = t.Mapping[str, t.Any]

_HOST_NAME = re.compile(r"(?![0-9.]+\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BREAKS = re.compile(r"[\r\n\0]")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_LONGEST_SHOWN = 120


def always(_settings: Settings) -> bool:
    """The condition of a rule that always matters."""
    return True


class Rule(t.NamedTuple):
    """``judge`` gives the sentences for a variable's name and value; ``condition`` tells from all settings whether the rule matters."""

    judge: t.Callable[[str, t.Any], list[str]]
    condition: t.Callable[[Settings], bool] = always

    def when(self, condition: t.Callable[[Settings], bool]) -> Rule:
        """The same rule where ``condition`` holds."""
        return self._replace(condition=condition)


Table = t.Mapping[str, Rule]


def judge(table: Table, settings: Settings) -> list[str]:
    """The sentences of all rules of a table that matter, in the table's order. A variable without a value is not judged."""
    found = []
    for name, rule in table.items():
        if settings.get(name) is not None and rule.condition(settings):
            found += rule.judge(name, settings[name])
    return found


def fits(table: Table, name: str, settings: Settings) -> bool:
    """Whether the rule of one variable has nothing to say."""
    return not judge(only(table, name), settings)


def only(table: Table, *names: str) -> dict[str, Rule]:
    """The rules of a table for some of its variables."""
    return {name: table[name] for name in names}


def shown(value: t.Any, longest: int = _LONGEST_SHOWN) -> str:
    """A value as a sentence shows it: on one line, not too long, without the login of a URL."""
    text = _CREDENTIALS.sub("…@", str(value))
    text = re.sub(r"[\x00-\x1f\x7f]", lambda match: ascii(match.group())[1:-1], text)
    return text if len(text) <= longest else text[:longest] + "…"


def _unless(good: bool, name: str, value: t.Any, expected: str) -> list[str]:
    return [] if good else ["%s is '%s', but %s was expected." % (name, shown(value), expected)]


# Kinds of rules


def shape(pattern: str, expected: str) -> Rule:
    """A text that matches a pattern as a whole. The end is that of the text, so no line break slips through behind it."""
    whole = re.compile("(?:%s)\\Z" % pattern)
    return Rule(lambda name, value: _unless(whole.match(str(value)) is not None, name, value, expected))


def between(low: float, high: float) -> Rule:
    """A number within a range."""
    return Rule(lambda name, value: _unless(low <= value <= high, name, value, "a number from %s to %s" % (_plain(low), _plain(high))))


def at_least(low: float) -> Rule:
    """A number that is not too small."""
    return Rule(lambda name, value: _unless(value >= low, name, value, "a number of at least %s" % _plain(low)))


def one_line(expected: str = "a text of one line") -> Rule:
    """A text without line breaks."""
    return Rule(lambda name, value: _unless(not _BREAKS.search(str(value)), name, value, expected))


def free_text() -> Rule:
    """A text of any number of lines, such as a certificate."""
    return Rule(lambda name, value: _unless("\0" not in str(value), name, "…", "a text"))


def absolute_path(or_nothing: bool = False, plain: bool = True, deep: bool = False, expected: str = "") -> Rule:
    """An absolute path.

    :param or_nothing: an empty text is right as well.
    :param plain: of letters, digits and a few signs only, so that it can say nothing else where it stands in a unit or a command.
    :param deep: it is not the root itself.
    :param expected: what the sentence says instead of "an absolute path".
    """
    pattern = re.compile(r"/[A-Za-z0-9._/+@-]+\Z" if plain else r"/[^\x00-\x1f]+\Z")
    expected = expected or "an absolute path%s%s" % (" without spaces" if plain else "", " or nothing" if or_nothing else "")

    def fits(value: str) -> bool:
        parts = [part for part in value.split("/") if part not in ("", ".")]
        return pattern.match(value) is not None and ".." not in parts and len(parts) >= int(deep)

    return Rule(lambda name, value: _unless((or_nothing and value == "") or fits(value), name, value, expected))


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Whether a text is an address or could be a host's name."""
    return is_address(text) or _HOST_NAME.match(text) is not None


def address(names: bool = False, example: str = "127.0.0.1") -> Rule:
    """An IP address to listen at or to reach; with ``names`` a host's name as well."""
    expected = "%s, such as %s" % ("a host's name or an IP address" if names else "an IP address", example)
    return Rule(lambda name, value: _unless(is_host(value) if names else is_address(value), name, value, expected))


def host_or_nothing() -> Rule:
    """A host's name, an address, one of IPv6 with or without brackets, or an empty text."""
    bare = re.compile(r"\[([^\[\]]*:[^\[\]]*)\]\Z")
    return Rule(lambda name, value: _unless(value == "" or is_host(bare.sub(r"\1", value)), name, value, "a host's name, an IP address or nothing"))


def header_text() -> Rule:
    """A text that a header of HTTP can carry as it is, or nothing. Source: RFC 9110, section 5.5."""
    return shape(r"(?:[!-~](?:[ -~]{0,251}[!-~])?)?", "at most 253 ASCII characters on one line, with spaces only between others, or nothing")


def user(expected: str) -> Rule:
    """A user's or a group's name, as useradd takes them."""
    return shape(r"[a-z_][a-z0-9_-]{0,30}", expected + ", such as mlflow")


def region(or_nothing: bool = False) -> Rule:
    """A region of AWS, or whatever another S3 calls its own."""
    return shape(r"[a-z0-9-]%s" % ("*" if or_nothing else "+"), "a region's name, such as eu-central-1%s" % (", or nothing" if or_nothing else ""))


def port() -> Rule:
    """A TCP port."""
    return between(1, 65535)


def digest(or_nothing: bool = False) -> Rule:
    """A SHA-256 in hexadecimal digits."""
    pattern = re.compile(r"[0-9a-fA-F]{64}\Z")
    expected = "a SHA-256, which has 64 hexadecimal digits,"
    return Rule(lambda name, value: _unless((or_nothing and value == "") or pattern.match(value) is not None, name, value, expected))


def is_url(text: str, schemes: t.Sequence[str] = ("http", "https"), login: bool = True) -> bool:
    """Whether a text is a URL with a host, and a port that is one if there is any."""
    if re.search(r"[\s\x00-\x1f]", text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        host, given_port = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(host) and is_host(str(host)) and given_port != 0 and (login or "@" not in parts.netloc)


def url(or_nothing: bool = False, login: bool = True, plain: bool = False, example: str = "http://127.0.0.1:5000") -> Rule:
    """A URL of HTTP.

    :param login: it may carry a user's name and password, which are read wherever the URL is.
    :param plain: host, port and a path of harmless characters only.
    """
    harmless = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?\Z" if plain else "")

    def fits(value: str) -> bool:
        return is_url(value, login=login) and harmless.match(value) is not None

    expected = "a URL%s, such as %s%s" % ("" if login else " without a login", example, ", or nothing" if or_nothing else "")
    return Rule(lambda name, value: _unless((or_nothing and value == "") or fits(value), name, value, expected))


def s3_uri(or_nothing: bool = False) -> Rule:
    """A bucket with or without a prefix. Source of the bucket's shape: Amazon S3 user guide, "General purpose bucket naming rules"."""
    pattern = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9._/=-]*)?\Z")
    expected = "a URI such as s3://bucket/prefix%s" % (" or nothing" if or_nothing else "")

    def fits(value: str) -> bool:
        return pattern.match(value) is not None and ".." not in value

    return Rule(lambda name, value: _unless((or_nothing and value == "") or fits(value), name, value, expected))


def secret(least: int = 0, most: int = 0, character: str = "", characters: str = "characters", advice: str = "") -> Rule:
    """A text of one line that is never shown.

    :param least: least number of characters; at 0 it may be empty.
    :param most: greatest number of characters, 0 for any.
    :param character: a regular expression for one of the characters that it may be made of.
    :param characters: what these are called.
    :param advice: where to take a good one from.
    """
    allowed = re.compile("(?:%s)*\\Z" % character) if character else None
    length = "%d to %d" % (least, most) if least and most else "at least %d" % least if least else "at most %d" % most if most else ""
    expected = "a text of %s" % ("%s %s on one line" % (length, characters) if length else "one line")

    def fault(value: t.Any) -> str:
        if not isinstance(value, str):
            return "not text, so put quotes around it" if isinstance(value, (int, float)) else "not text"
        if not value:
            return "missing" if least else ""
        if _BREAKS.search(value):
            lonely = not _BREAKS.search(value.rstrip("\r\n"))
            return "followed by a line break, which `| trim` takes off" if lonely else "more than one line"
        if len(value) < least:
            return "shorter"
        if most and len(value) > most:
            return "longer"
        return "" if not allowed or allowed.match(value) else "of other characters"

    def judged(name: str, value: t.Any) -> list[str]:
        seen = fault(value)
        return ["%s must be %s; it is %s.%s" % (name, expected, seen, " " + advice if advice else "")] if seen else []

    return Rule(judged)


def environment() -> Rule:
    """Variables for a process: names to texts of one line. A value may be a secret, so that none is shown."""

    def judged(name: str, value: t.Any) -> list[str]:
        if not isinstance(value, t.Mapping):
            return ["%s must be a dictionary of variable names and texts of one line." % name]
        found = []
        for variable, content in value.items():
            if not isinstance(variable, str) or not _VARIABLE.match(variable):
                found.append("%s has '%s', which is not a valid name for a variable: use letters, digits and '_', no digit first." % (name, shown(variable)))
            elif isinstance(content, (t.Mapping, list, tuple)) or _BREAKS.search(str(content)):
                found.append("%s: %s must be a text of one line." % (name, variable))
        return found

    return Rule(judged)


def each(rule: Rule) -> Rule:
    """A rule for every entry of a list, or every value of a dictionary."""

    def judged(name: str, value: t.Any) -> list[str]:
        entries = value.items() if isinstance(value, t.Mapping) else enumerate(value, 1)
        kind = "%s: %s" if isinstance(value, t.Mapping) else "%s: entry %s"
        return [sentence for key, entry in entries for sentence in rule.judge(kind % (name, shown(key)), entry)]

    return Rule(judged)


def texts(rule: t.Optional[Rule] = None) -> Rule:
    """A list of texts of one line, each of which may have a rule of its own. A number stands for its digits."""
    of_each = rule or one_line()

    def judged(name: str, value: t.Any) -> list[str]:
        if not isinstance(value, (list, tuple)):
            return ["%s must be a list of texts." % name]
        found = []
        for number, entry in enumerate(value, 1):
            where = "%s: entry %d" % (name, number)
            good = isinstance(entry, (str, int, float)) and not isinstance(entry, bool)
            found += of_each.judge(where, str(entry)) if good else ["%s must be a text; put quotes around it." % where]
        return found

    return Rule(judged)


def together(first: str, second: str, settings: Settings, what: str) -> list[str]:
    """A sentence when one of two variables is given without the other."""
    if bool(settings.get(first)) == bool(settings.get(second)):
        return []
    given, lacking = (first, second) if settings.get(first) else (second, first)
    return ["%s is given without %s. %s needs both." % (given, lacking, what)]


def needed(names: t.Sequence[str], settings: Settings, because: str) -> list[str]:
    """A sentence for variables that have to be given, and why."""
    lacking = [name for name in names if not settings.get(name)]
    return ["%s, which needs %s. Give %s." % (because, " and ".join(lacking), "it" if len(lacking) == 1 else "them")] if lacking else []


def archive_on_controller(option: str, settings: Settings, on_host: str = "") -> list[tuple[str, str]]:
    """The variable and the archive that it names, where that is on the controller; ``on_host`` names the variable that says it is not."""
    src = settings[option]
    elsewhere = bool(on_host and settings[on_host]) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", src)
    return [] if not src or elsewhere else [(option, src)]


def _plain(number: float) -> str:
    return "%d" % number if float(number).is_integer() else "%g" % number
