# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The settings of Sparkflows as plain decisions: which property an option means, what a deploy mode needs, what differs.

A *property* is one entry of what ``GET /api/v1/configurations`` returns. The public names are those of Sparkflows'
documentation (MLOps, Admin Guide). The names of the other properties are not public, only their labels are, so
that they are found by the title that the live server shows.
"""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._deploy_modes import NEEDS, REFUSES
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError, check_base_url

#: The options whose property has a public name.
PUBLIC = {
    "tracking_url": "mlops.mlflow.trackingURL",
    "deploy_mode": "mlops.mlflow.deploy.mode",
    "s3_access_key": "mlops.aws.s3.access.key",
    "s3_secret_key": "mlops.aws.s3.secret.key",
    "s3_endpoint": "mlops.aws.s3.endpoint.url",
    "s3_ignore_tls": "mlops.aws.s3.ignore.tls",
    "sagemaker_region": "mlops.region",
    "sagemaker_account_id": "mlops.aws_id",
    "sagemaker_role_arn": "mlops.arn",
}

#: The two halves that a server may keep in one property, as ``host:port``, and what ``key_names`` calls that one.
HOST, PORT, HOST_PORT = "mlops_host", "mlops_port", "mlops_host_port"

SECRETS = ("tracking_password", "s3_access_key", "s3_secret_key")


class Rule(t.NamedTuple):
    """A title fits when it has a word of each group in ``needs`` and none of ``never``."""

    needs: tuple[frozenset[str], ...]
    never: frozenset[str]

    def fits(self, title: frozenset[str]) -> bool:
        return all(group & title for group in self.needs) and not self.never & title


def _rule(needs: str, never: str = "") -> Rule:
    return Rule(tuple(frozenset(group.split("|")) for group in needs.split()), frozenset(never.split()))


# How the titles of the admin guide's labels look. Where there are two rules, the second one counts only when the first
# one, with the guide's full wording, fits nothing: it does without the product's name.
_TITLES = {
    "tracking_username": (_rule("mlflow|tracking user|username", "password ssh kubeflow"),),
    "tracking_password": (_rule("mlflow|tracking password", "ssh kubeflow"),),
    HOST: (_rule("fire mlops host|hostname", "port ssh"), _rule("mlops host|hostname", "port ssh fire")),
    PORT: (_rule("fire mlops port", "host hostname ssh"), _rule("mlops port", "host hostname ssh fire")),
    HOST_PORT: (_rule("fire mlops host|hostname port", "ssh"), _rule("mlops host|hostname port", "ssh fire")),
    "ssh_user": (_rule("ssh user|username", "password key"),),
    "ssh_host": (_rule("ssh host|hostname", "key port user"),),
    "ssh_key_path": (_rule("ssh key path|file", "vault public"),),
    "ssh_key_vault_reference": (_rule("ssh vault|keyvault"),),
}

#: All friendly options, in the order of the admin guide.
OPTIONS = (
    "tracking_url", "tracking_username", "tracking_password", "deploy_mode", HOST, PORT,
    "ssh_user", "ssh_host", "ssh_key_path", "ssh_key_vault_reference",
    "s3_access_key", "s3_secret_key", "s3_endpoint", "s3_ignore_tls",
    "sagemaker_region", "sagemaker_account_id", "sagemaker_role_arn",
)  # fmt: skip

_SECRET = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|(?:access|private|api|account|encryption|aes)[ ._-]?key|key$", re.IGNORECASE
)
# A URL with login data, or a password among parameters.
_LOGIN = re.compile(r"://[^/@\s]*:[^/@\s]+@|passw(?:or)?d=", re.IGNORECASE)
_MASK = re.compile(r"[*•●∙·]{3,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORD = re.compile(r"[a-z0-9]+")
_CANDIDATES = 10


# ------------------------------------------------------------------------------------------------------- what a server says


class Property:
    """One property as the server returned it. ``entry`` is its JSON object; ``value`` its value as text."""

    def __init__(self, entry: dict[str, t.Any], inner: dict[str, t.Any]) -> None:
        self.entry = entry
        self.name: str = inner["name"]
        self.value = as_text(inner.get("value1"))
        self.title = str(entry.get("title") or inner.get("title") or "")
        self.description = str(entry.get("description") or inner.get("description") or "")
        self.id = inner.get("id")
        self.flagged = entry.get("secret") is True or inner.get("secret") is True

    @property
    def secret(self) -> bool:
        """Whether it holds a secret, by the server's word, by its name or title, or because a password is part of its value."""
        return self.flagged or bool(_SECRET.search(self.name) or _SECRET.search(self.title) or _LOGIN.search(self.value))

    def with_value(self, value: str) -> dict[str, t.Any]:
        """The entry in the shape that was read, with another value."""
        entry = copy.deepcopy(self.entry)
        entry.get("confProperty", entry)["value1"] = value
        return entry

    def __str__(self) -> str:
        return "%s ('%s')" % (self.name, self.title) if self.title else self.name


def read_properties(answer: t.Any) -> dict[str, Property]:
    """The properties in an answer, by name: wrapped (``confProperty``), flat, or grouped in lists or objects.

    Of a property that is listed in several groups the first one counts. :class:`ClientError` when there is none at all.
    """
    found: dict[str, Property] = {}
    _collect(answer, found)
    if not found:
        raise ClientError(
            "Sparkflows answered with no property in any of the known shapes. Check that sparkflows_url names it and that the login may manage configurations."
        )
    return found


def _collect(node: t.Any, found: dict[str, Property]) -> None:
    if isinstance(node, dict):
        inner = node.get("confProperty", node)
        if isinstance(inner, dict) and isinstance(inner.get("name"), str) and (inner is not node or "value1" in node):
            found.setdefault(inner["name"], Property(node, inner))
            return
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            _collect(each, found)


def as_text(value: t.Any) -> str:
    """A value as Sparkflows keeps it: text, with ``true`` and ``false`` for truth values and nothing for ``null``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_masked(prop: Property, mask: t.Optional[t.Pattern[str]], secret: bool) -> bool:
    """Whether the server shows something else in place of a secret.

    ``mask`` is the operator's pattern for that; without one it is three or more asterisks or bullets.
    """
    if not (secret or prop.secret):
        return False
    return bool(mask.fullmatch(prop.value) if mask is not None else _MASK.search(prop.value))


def mask_pattern(text: t.Optional[str]) -> t.Optional[t.Pattern[str]]:
    """The option ``secret_mask`` compiled; :class:`ClientError` when it is no regular expression."""
    try:
        return None if text is None else re.compile(text, re.DOTALL)
    except re.error as error:
        raise ClientError(
            "secret_mask is no regular expression (%s). Write a character that means itself with a backslash, as in \\*+ for a row of asterisks." % error
        ) from None


# ----------------------------------------------------------------------------------------------- which property is meant


class Names:
    """Which property each friendly option means on this server.

    ``found`` maps an option to the name of its property, ``discovered`` lists the options that were settled by a
    title, ``candidates`` maps each other option to the properties that it could mean and ``problems`` to a sentence.
    """

    def __init__(self, properties: t.Mapping[str, Property], key_names: t.Mapping[str, str]) -> None:
        self.properties = properties
        self.found: dict[str, str] = {}
        self.discovered: list[str] = []
        self.candidates: dict[str, list[Property]] = {}
        self.problems: dict[str, str] = {}
        self._titles = {name: frozenset(_WORD.findall(prop.title.lower())) for name, prop in properties.items()}
        for option in OPTIONS:
            if option in key_names:
                self._named(option, key_names[option])
            elif option in PUBLIC:
                self._public(option)
            elif option not in (HOST, PORT):
                self._titled(option, self._fitting(_TITLES[option][0]))
        self._host_and_port(key_names)

    @property
    def joined(self) -> bool:
        """Whether host and port of the MLOps server are one property."""
        return HOST in self.found and self.found[HOST] == self.found.get(PORT)

    def _named(self, option: str, name: str, key: str = "") -> None:
        if name in self.properties:
            self.found[option] = name
        else:
            self._unknown(option, "key_names.%s is %s, which the server does not list" % (key or option, name), name)

    def _public(self, option: str) -> None:
        name = PUBLIC[option]
        if name in self.properties:
            self.found[option] = name
        else:
            self._unknown(option, "The server does not list %s, the public name of the property for %s" % (name, option), name)

    def _unknown(self, option: str, problem: str, name: str) -> None:
        self.candidates[option] = self.alike(set(_WORD.findall(name.lower())))
        self.problems[option] = "%s. Name the right one in key_names; %s." % (problem, _listed(self.candidates[option]))

    def _fitting(self, rule: Rule) -> list[Property]:
        return [self.properties[name] for name, words in self._titles.items() if rule.fits(words)]

    def _titled(self, option: str, fitting: t.Sequence[Property]) -> None:
        if len(fitting) == 1:
            self.found[option] = fitting[0].name
            self.discovered.append(option)
        elif fitting:
            self.candidates[option] = list(fitting)
            self.problems[option] = "By their titles several properties could be meant by %s. Name the right one in key_names; %s." % (option, _listed(fitting))
        else:
            words = {word for rule in _TITLES[option] for group in rule.needs for word in group}
            self.candidates[option] = self.alike(words)
            self.problems[option] = "No property has a title that fits %s. Name the right one in key_names; %s." % (option, _listed(self.candidates[option]))

    def _host_and_port(self, key_names: t.Mapping[str, str]) -> None:
        if HOST_PORT in key_names:
            for option in (HOST, PORT):
                self._named(option, key_names[HOST_PORT], HOST_PORT)
            return
        halves = [option for option in (HOST, PORT) if option not in key_names]
        together: list[Property] = []
        apart: dict[str, list[Property]] = {option: [] for option in halves}
        for wording in range(len(_TITLES[HOST_PORT])):
            together = self._fitting(_TITLES[HOST_PORT][wording]) if len(halves) == 2 else []
            apart = {option: self._fitting(_TITLES[option][wording]) for option in halves}
            if together or any(apart.values()):
                break
        everything = together + [prop for fitting in apart.values() for prop in fitting]
        for option in halves:
            # Beside a property for both, one for a half leaves open which of them counts.
            self._titled(option, everything if together else apart[option])

    def alike(self, words: t.Collection[str]) -> list[Property]:
        """The properties that share words with an option, the most alike first."""
        common = {"mlops", "url"}  # in so many names that they tell nothing
        scores = []
        for name, title in self._titles.items():
            shared = (title | set(_WORD.findall(name.lower()))) & set(words)
            if shared - common:
                scores.append((-len(shared), name))
        return [self.properties[name] for dummy, name in sorted(scores)[:_CANDIDATES]]


def _listed(candidates: t.Sequence[Property]) -> str:
    if not candidates:
        return "none that the server lists looks like it"
    return "candidates are %s" % ", ".join(str(each) for each in candidates)


# ------------------------------------------------------------------------------------------------------ what is asked for


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of sparkflows_config without asking the server; :class:`ClientError`."""
    check_key_names(params["key_names"])
    for option in OPTIONS:
        value = params[option]
        if isinstance(value, str) and _CONTROL.search(value):
            raise ClientError("%s has a line break or another control character in it. A value read from a file may need its last line break removed." % option)
        if value == "" and option in SECRETS:
            raise ClientError(
                "%s is empty, as it is when a lookup found nothing. To clear the property on the server, name it in settings with an empty value." % option
            )
        if value not in (None, ""):
            check = _CHECKS.get(option)
            if check is not None:
                check(option, value)
    for dictionary in ("settings", "secret_settings"):
        for name, value in params[dictionary].items():
            if not isinstance(value, (str, bool, int, float)):
                kind = "a list" if isinstance(value, list) else "a dictionary" if isinstance(value, dict) else "null"
                raise ClientError("%s.%s is %s; a setting is a text, a number or a truth value. An empty text clears it." % (dictionary, name, kind))
    for name, value in params["secret_settings"].items():
        if value == "":
            raise ClientError("secret_settings.%s is empty, as it is when a lookup found nothing. To clear the property, name it in settings." % name)
    twice = sorted(set(params["settings"]) & set(params["secret_settings"]))
    if twice:
        raise ClientError("%s is given in settings and in secret_settings; give it once." % ", ".join(twice))
    if params["ssh_key_path"] and params["ssh_key_vault_reference"]:
        raise ClientError("ssh_key_path and ssh_key_vault_reference are both given; the key is on disk or in a key vault, so give one of them.")
    mode = params["deploy_mode"]
    against = [option for option in REFUSES.get(mode, ()) if params[option] not in (None, "")]
    if against:
        raise ClientError("deploy_mode is %s, which does not go with %s. Leave out the one or choose another mode." % (mode, ", ".join(against)))
    emptied = [option for need in NEEDS.get(mode, ()) if len(need) == 1 for option in need if params[option] == ""]
    if emptied:
        raise ClientError("deploy_mode is %s, which needs %s, but that is empty." % (mode, " and ".join(emptied)))


def check_key_names(key_names: t.Mapping[str, t.Any]) -> None:
    """Refuse, with :class:`ClientError`, names for what no option is, and what is no name."""
    known = OPTIONS + (HOST_PORT,)
    strange = sorted(set(key_names) - set(known))
    if strange:
        raise ClientError("key_names has %s, which is no option that a property can be named for. There are: %s." % (", ".join(strange), ", ".join(known)))
    for option, name in key_names.items():
        if not isinstance(name, str) or not name.strip():
            raise ClientError("key_names.%s is no name of a property." % option)
    if HOST_PORT in key_names and {HOST, PORT} & set(key_names):
        raise ClientError("key_names has %s, which stands for one property with both, beside %s or %s. Keep the one or the others." % (HOST_PORT, HOST, PORT))


def _check_port(option: str, value: int) -> None:
    if not 1 <= value <= 65535:
        raise ClientError("%s is %d; a port is a number from 1 to 65535." % (option, value))


def _check_host(option: str, value: str) -> None:
    if re.search(r"[/@\s\[]", value) or value.count(":") == 1:
        raise ClientError("%s is '%s'; give a host name or an address alone, without scheme, user, port or path." % (option, value))


def _check_key_path(option: str, value: str) -> None:
    if not value.startswith("/"):
        raise ClientError("%s is '%s'; give the absolute path that the key has on the Sparkflows host." % (option, value))
    if value.endswith("/"):
        raise ClientError("%s is '%s', which is a folder; give the path of the private key in it." % (option, value))


def _check_form(pattern: str, form: str) -> t.Callable[[str, str], None]:
    def check(option: str, value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise ClientError("%s is '%s'; it has the form %s." % (option, value, form))

    return check


def _check_url(option: str, value: str) -> None:
    check_base_url(value, option)


_CHECKS: dict[str, t.Callable[[str, t.Any], None]] = {
    "tracking_url": _check_url,
    HOST: _check_host,
    PORT: _check_port,
    "ssh_host": _check_host,
    "ssh_key_path": _check_key_path,
    "s3_endpoint": _check_form(r"(?:https?://)?[^\s/@]+(?:/[^\s@]*)?", "HOST:PORT or https://HOST:PORT, without login data"),
    "sagemaker_region": _check_form(r"[a-z]{2}(?:-[a-z]+)+-[0-9]+", "eu-central-1"),
    "sagemaker_account_id": _check_form(r"[0-9]{12}", "of twelve digits; write it in quotes, or YAML takes leading zeros away"),
    "sagemaker_role_arn": _check_form(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", "arn:aws:iam::123456789012:role/NAME"),
}


def secret_texts(params: t.Mapping[str, t.Any], properties: t.Optional[t.Mapping[str, Property]] = None) -> set[str]:
    """The texts to be hidden: ``secret_settings``, and what ``settings`` hold for a property that is secret.

    As long as it is not known what the server lists, the names alone tell what is secret.
    """
    values = list(params["secret_settings"].values())
    for name, value in params["settings"].items():
        if _SECRET.search(name) or (properties and name in properties and properties[name].secret):
            values.append(value)
    # A truth value tells nothing, and hiding it would blank the word everywhere.
    return set(_texts(values)) - {"", "true", "false"}


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    else:
        yield as_text(value)


class Wanted(t.NamedTuple):
    """A value that a property shall have. ``source`` names the option that says so."""

    value: str
    secret: bool
    source: str


def wanted_values(params: t.Mapping[str, t.Any], names: Names) -> dict[str, Wanted]:
    """The value that each property shall have, by the property's name; :class:`ClientError` with every problem at once."""
    problems: list[str] = []
    wanted: dict[str, Wanted] = {}

    def want(name: str, value: str, secret: bool, source: str) -> None:
        other = wanted.get(name)
        if other is not None:
            problems.append("%s and %s both mean the property %s; give one of them." % (other.source, source, name))
        wanted[name] = Wanted(value, secret, source)

    for option in OPTIONS:
        if params[option] is None or (names.joined and option in (HOST, PORT)):
            continue
        if option in names.problems:
            problems.append(names.problems[option])
        else:
            want(names.found[option], as_text(params[option]), option in SECRETS, option)
    if names.joined and (params[HOST] is not None or params[PORT] is not None):
        host, port = split_host_port(names.properties[names.found[HOST]].value)
        host = host if params[HOST] is None else params[HOST]
        port = port if params[PORT] is None else as_text(params[PORT])
        if host and not port:
            problems.append("The server keeps host and port of the MLOps server in one property, %s: mlops_port is missing." % names.found[HOST])
        if port and not host:
            problems.append("The server keeps host and port of the MLOps server in one property, %s: mlops_host is missing." % names.found[HOST])
        want(names.found[HOST], join_host_port(host, port), False, " and ".join(option for option in (HOST, PORT) if params[option] is not None))
    for dictionary in ("settings", "secret_settings"):
        for name, value in params[dictionary].items():
            if name not in names.properties:
                near = [str(prop) for prop in names.alike(set(_WORD.findall(name.lower())))]
                hint = "; alike are %s" % ", ".join(near) if near else ""
                problems.append("%s.%s is no property that the server lists%s." % (dictionary, name, hint))
            else:
                want(name, as_text(value), dictionary == "secret_settings", "%s.%s" % (dictionary, name))
    problems.extend(_unmet_needs(params, names))
    if problems:
        raise ClientError("\n".join(dict.fromkeys(problems)))
    return wanted


def _unmet_needs(params: t.Mapping[str, t.Any], names: Names) -> list[str]:
    mode = params["deploy_mode"]
    unmet = [need for need in NEEDS.get(mode, ()) if not any(_is_met(option, params, names) for option in need)]
    if not unmet:
        return []
    shown = ", ".join(" or ".join(need) for need in unmet)
    unknown = [names.problems[option] for need in unmet for option in need if option in names.problems]
    return ["deploy_mode is %s, which needs %s: not given, and not set on the server." % (mode, shown)] + unknown


def _is_met(option: str, params: t.Mapping[str, t.Any], names: Names) -> bool:
    if params[option] is not None:
        return bool(params[option] != "")
    name = names.found.get(option)
    if name is None:
        return False
    given = params["settings"].get(name, params["secret_settings"].get(name))
    value = names.properties[name].value if given is None else as_text(given)
    return bool(split_host_port(value)[0 if option == HOST else 1] if names.joined and option in (HOST, PORT) else value)


def split_host_port(value: str) -> tuple[str, str]:
    """``host:port`` in its halves; an IPv6 address stands in brackets. A half that is not there is empty."""
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:]*))(?::([0-9]*))?", value)
    if match is None:
        return value, ""
    return match.group(1) or match.group(2) or "", match.group(3) or ""


def join_host_port(host: str, port: str) -> str:
    """The value of a property that keeps both; empty without both."""
    if not host and not port:
        return ""
    return "%s:%s" % ("[%s]" % host if ":" in host else host, port)


# ---------------------------------------------------------------------------------------------------------- what differs


def differing(
    wanted: t.Mapping[str, Wanted],
    properties: t.Mapping[str, Property],
    policy: str,
    mask: t.Optional[t.Pattern[str]],
    known: t.Callable[[str, str], bool],
) -> list[str]:
    """The names of the properties to save.

    A secret that the server masks cannot be compared: ``policy`` decides. With ``when_changed_here`` it is saved
    unless ``known(name, value)`` says that this very value was saved from here before; with ``always`` it is
    saved; with ``on_create`` it is left as it is, because something is there.
    """
    names = []
    for name, want in wanted.items():
        prop = properties[name]
        if prop.value == want.value:
            continue
        if is_masked(prop, mask, want.secret) and (policy == "on_create" or (policy == "when_changed_here" and known(name, want.value))):
            continue
        names.append(name)
    return names


def shown_diff(names: t.Sequence[str], wanted: t.Mapping[str, Wanted], properties: t.Mapping[str, Property]) -> dict[str, dict[str, str]]:
    """Before and after of these properties for the diff, secrets only as words."""
    before, after = {}, {}
    for name in names:
        hidden = wanted[name].secret or properties[name].secret
        before[name], after[name] = properties[name].value, wanted[name].value
        if hidden:
            after[name] = ("another secret" if before[name] else "a secret") if after[name] else ""
            before[name] = "a secret" if before[name] else ""
    return {"before": before, "after": after}


class Kept(t.NamedTuple):
    """What a server made of saved properties, by name: kept them, still has the old value, or has yet another one."""

    kept: list[str]
    unchanged: list[str]
    other: list[str]


def read_back(
    names: t.Sequence[str],
    wanted: t.Mapping[str, Wanted],
    before: t.Mapping[str, Property],
    after: t.Mapping[str, Property],
    mask: t.Optional[t.Pattern[str]],
) -> Kept:
    """Compare what was read after saving. A masked secret cannot be compared and passes for kept."""
    result = Kept([], [], [])
    for name in names:
        prop = after.get(name)
        if prop is not None and (prop.value == wanted[name].value or is_masked(prop, mask, wanted[name].secret)):
            result.kept.append(name)
        elif prop is not None and prop.value == before[name].value:
            result.unchanged.append(name)
        else:
            result.other.append(name)
    return result


def overruled(names: t.Sequence[str], wanted: t.Mapping[str, Wanted], file: t.Mapping[str, str]) -> list[str]:
    """Those of the properties to which a properties file gives another value than the wanted one."""
    return [name for name in names if name in file and file[name] != wanted[name].value]
