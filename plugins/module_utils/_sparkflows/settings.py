# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""The settings of Sparkflows as plain decisions: what is asked for, what a deploy mode needs, what differs, what was kept or lost."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import check_base_url
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import HIDDEN, secret_name, secret_value, shown
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.deploy_modes import NEEDS, REFUSES
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import Property, as_text, is_masked
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import HOST, HOST_PORT, OPTIONS, PORT, Names, hint
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.values import KINDS, Address, kind_of, read_address, same

SECRETS = ("tracking_password", "s3_access_key", "s3_secret_key")

#: The options whose values are compared as what they are; the others exactly.
_OPTION_KINDS = {
    "tracking_url": "url", "s3_endpoint": "url", HOST: "host", PORT: "number", "ssh_host": "host", "s3_ignore_tls": "boolean", "deploy_mode": "trimmed",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# ------------------------------------------------------------------------------------------------------ what is asked for


def check_params(params: t.Mapping[str, t.Any]) -> None:
    """What can be said against the parameters of sparkflows_config without asking the server; :class:`Problem`."""
    check_key_names(params["key_names"])
    for name, kind in params["normalise"].items():
        if kind not in KINDS:
            raise Problem("normalise.%s is %s; a kind is one of %s." % (name, shown(kind), ", ".join(KINDS)))
    for option in OPTIONS:
        value = params[option]
        if isinstance(value, str) and _CONTROL.search(value):
            raise Problem("%s has a line break or another control character in it. A value read from a file may need its last line break removed." % option)
        if value == "" and option in SECRETS:
            raise Problem(
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
                raise Problem("%s.%s is %s; a setting is a text, a number or a truth value. An empty text clears it." % (dictionary, name, kind))
    for name, value in params["secret_settings"].items():
        if value == "":
            raise Problem("secret_settings.%s is empty, as it is when a lookup found nothing. To clear the property, name it in settings." % name)
    twice = sorted(set(params["settings"]) & set(params["secret_settings"]))
    if twice:
        raise Problem("%s is given in settings and in secret_settings; give it once." % ", ".join(twice))
    if params["ssh_key_path"] and params["ssh_key_vault_reference"]:
        raise Problem("ssh_key_path and ssh_key_vault_reference are both given; the key is on disk or in a key vault, so give one of them.")
    mode = params["deploy_mode"]
    against = [option for option in REFUSES.get(mode, ()) if params[option] not in (None, "")]
    if against:
        raise Problem("deploy_mode is %s, which does not go with %s. Leave out the one or choose another mode." % (mode, ", ".join(against)))
    emptied = [option for need in NEEDS.get(mode, ()) if len(need) == 1 for option in need if params[option] == ""]
    if emptied:
        raise Problem("deploy_mode is %s, which needs %s, but that is empty." % (mode, " and ".join(emptied)))


def check_key_names(key_names: t.Mapping[str, t.Any]) -> None:
    """Refuse, with :class:`Problem`, names for what no option is, and what is no name."""
    known = OPTIONS + (HOST_PORT,)
    strange = sorted(set(key_names) - set(known))
    if strange:
        raise Problem("key_names has %s, which is not an option that a property can be named for. There are: %s." % (", ".join(strange), ", ".join(known)))
    for option, name in key_names.items():
        if not isinstance(name, str) or not name.strip():
            raise Problem("key_names.%s is not the name of a property." % option)
    if HOST_PORT in key_names and {HOST, PORT} & set(key_names):
        raise Problem("key_names has %s, which stands for one property with both, beside %s or %s. Keep the one or the others." % (HOST_PORT, HOST, PORT))


def _check_port(option: str, value: int) -> None:
    if not 1 <= value <= 65535:
        raise Problem("%s is %d; a port is a number from 1 to 65535." % (option, value))


def _check_host(option: str, value: str) -> None:
    # Whether Sparkflows wants an IPv6 address of its MLOps server in brackets is not documented, so both forms are taken there.
    bare = value[1:-1] if option == HOST and re.fullmatch(r"\[[^\[\]]*:[^\[\]]*\]", value) else value
    if ":" in bare and bare.count(":") != 1 and not re.search(r"[/@\s\[]", bare):
        try:
            ipaddress.IPv6Address(bare.partition("%")[0])
        except ValueError:
            raise Problem("%s is %s, which is not an IPv6 address. Check its colons, and give no port." % (option, shown(value))) from None
    elif re.search(r"[/@\s\[]", bare) or ":" in bare:
        raise Problem("%s is %s; give a host name or an address alone, without scheme, user, port or path." % (option, shown(value)))


def _check_key_path(option: str, value: str) -> None:
    if not value.startswith("/"):
        raise Problem("%s is %s; give the absolute path that the key has on the Sparkflows host." % (option, shown(value)))
    if value.endswith("/"):
        raise Problem("%s is %s, which is a folder; give the path of the private key in it." % (option, shown(value)))


def _check_form(pattern: str, form: str) -> t.Callable[[str, str], None]:
    def check(option: str, value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise Problem("%s is %s; it has the form %s." % (option, shown(value), form))

    return check


def _check_url(option: str, value: str) -> None:
    _check_brackets(option, value)
    check_base_url(value, option)


def _check_endpoint(option: str, value: str) -> None:
    _check_form(r"(?:https?://)?[^\s/@]+(?:/[^\s@]*)?", "HOST:PORT or https://HOST:PORT, without login data")(option, value)
    _check_brackets(option, value)


def _check_brackets(option: str, value: str) -> None:
    host = re.sub(r"^\w+://", "", value).partition("/")[0]
    if host.count(":") > 1 and "@" not in host and "[" not in host:
        raise Problem("%s is %s; write an IPv6 address in brackets, as in [2001:db8::1]:9000." % (option, shown(value)))


_CHECKS: dict[str, t.Callable[[str, t.Any], None]] = {
    "tracking_url": _check_url,
    HOST: _check_host,
    PORT: _check_port,
    "ssh_host": _check_host,
    "ssh_key_path": _check_key_path,
    "s3_endpoint": _check_endpoint,
    "sagemaker_region": _check_form(r"[a-z]{2}(?:-[a-z]+)+-[0-9]+", "eu-central-1"),
    "sagemaker_account_id": _check_form(r"[0-9]{12}", "of twelve digits; write it in quotes, or YAML takes leading zeros away"),
    "sagemaker_role_arn": _check_form(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", "arn:aws:iam::123456789012:role/NAME"),
}


def secret_texts(params: t.Mapping[str, t.Any], properties: t.Optional[t.Mapping[str, Property]] = None) -> set[str]:
    """The texts to be hidden: ``secret_settings``, and what ``settings`` hold for a property, or in a shape, that is secret.

    As long as it is not known what the server lists, names and shapes alone tell what is secret.
    """
    values = list(params["secret_settings"].values())
    for name, value in params["settings"].items():
        listed = (properties or {}).get(name)
        if secret_name(name) or (listed and listed.secret):
            values.append(value)
        else:
            values.extend(text for text in _texts(value) if secret_value(text))
    # A truth value tells nothing, and hiding it would blank the word everywhere.
    return set(_texts(values)) - {"", "true", "false"}


def _texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    else:
        yield as_text(value)


class Wanted(t.NamedTuple):
    """A value that a property shall have. ``source`` names the option that says so, ``kind`` how it is compared."""

    value: str
    secret: bool
    source: str
    kind: str = "exact"

    def met_by(self, value: str) -> bool:
        return same(self.value, value, self.kind)


def wanted_values(params: t.Mapping[str, t.Any], names: Names) -> dict[str, Wanted]:
    """The value that each property shall have, by the property's name; :class:`Problem` with every problem at once."""
    problems: list[str] = []
    wanted: dict[str, Wanted] = {}
    kinds = {names.found[option]: kind for option, kind in _OPTION_KINDS.items() if option in names.found}
    kinds.update(params["normalise"])

    def want(name: str, value: str, secret: bool, source: str, kind: str = "exact") -> None:
        other = wanted.get(name)
        if other is not None:
            problems.append("%s and %s both mean the property %s; give one of them." % (other.source, source, name))
        # A secret has no other spelling.
        wanted[name] = Wanted(value, secret, source, "exact" if secret else kinds.get(name, kind))

    for option in OPTIONS:
        if params[option] is None or (names.joined and option in (HOST, PORT)):
            continue
        if option in names.problems:
            problems.append(names.problems[option])
        else:
            want(names.found[option], as_text(params[option]), option in SECRETS, option)
    if names.joined and (params[HOST] is not None or params[PORT] is not None):
        address, problem = _joined(params[HOST], params[PORT], names.properties[names.found[HOST]])
        problems.extend([problem] if problem else [])
        source = " and ".join(option for option in (HOST, PORT) if params[option] is not None)
        kinds[names.found[HOST]] = params["normalise"].get(names.found[HOST], "url" if address.before else "host")
        want(names.found[HOST], str(address), False, source)
    for dictionary in ("settings", "secret_settings"):
        for name, value in params[dictionary].items():
            if name not in names.properties:
                problems.append("%s.%s is not a property that the server lists%s." % (dictionary, name, hint(names, name)))
            else:
                want(name, as_text(value), dictionary == "secret_settings", "%s.%s" % (dictionary, name), kind_of(value))
    problems.extend(
        "normalise.%s is not a property that the server lists%s." % (name, hint(names, name)) for name in params["normalise"] if name not in names.properties
    )
    problems.extend(_unmet_needs(params, names))
    if problems:
        raise Problem("\n".join(dict.fromkeys(problems)))
    return wanted


def _joined(host: t.Optional[str], port: t.Optional[int], prop: Property) -> tuple[Address, str]:
    """The address for a property that keeps host and port, and what is wrong with it: the half that is not given stays as it is."""
    old = read_address(prop.value)
    if old is None and (host is None or port is None):
        value = HIDDEN if prop.hides(prop.value) else "'%s'" % prop.value
        return Address("", "", "", ""), (
            "The server keeps host and port of the MLOps server in one property, %s, whose value %s is neither HOST:PORT nor a URL:"
            " give both mlops_host and mlops_port." % (prop.name, value)
        )
    before, old_host, old_port, after = old or Address("", "", "", "")
    address = Address(before, old_host if host is None else host.strip("[]"), old_port if port is None else as_text(port), after)
    missing = PORT if address.host and not address.port and not before else HOST if address.port and not address.host else ""
    return address, "The server keeps host and port of the MLOps server in one property, %s: %s is missing." % (prop.name, missing) if missing else ""


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
    if names.joined and option in (HOST, PORT):
        address = read_address(value)
        return bool(value) if address is None else bool(address.host if option == HOST else address.port or address.before)
    return bool(value)


# ---------------------------------------------------------------------------------------------------------- what differs


def differing(
    wanted: t.Mapping[str, Wanted],
    properties: t.Mapping[str, Property],
    policy: str,
    mask: t.Optional[t.Pattern[str]],
    known: t.Callable[[str, str], bool],
    shows_nothing: t.Callable[[str], bool],
) -> list[str]:
    """The names of the properties to save.

    A secret that the server masks cannot be compared: ``policy`` decides. With ``when_changed_here`` it is saved
    unless ``known(name, value)`` says that this very value was saved from here before; with ``always`` it is saved; with ``on_create``
    it is left as it is, because something is there. An empty text is a mask only where ``shows_nothing(name)`` says that the server is
    known to show that in place of the secret.
    """
    names = []
    for name, want in wanted.items():
        prop = properties[name]
        if want.met_by(prop.value):
            continue
        if is_masked(prop, mask, want.secret) and (prop.value or shows_nothing(name)):
            if policy == "on_create" or (policy == "when_changed_here" and known(name, want.value)):
                continue
        names.append(name)
    return names


def shown_diff(names: t.Sequence[str], wanted: t.Mapping[str, Wanted], properties: t.Mapping[str, Property]) -> dict[str, dict[str, str]]:
    """Before and after of these properties for the diff, secrets only as words."""
    before, after = {}, {}
    for name in names:
        prop = properties[name]
        before[name], after[name] = prop.value, wanted[name].value
        if wanted[name].secret or prop.secret or prop.hides(before[name]) or prop.hides(after[name]):
            after[name] = ("another secret" if before[name] else HIDDEN) if after[name] else ""
            before[name] = HIDDEN if before[name] else ""
    return {"before": before, "after": after}


class Kept(t.NamedTuple):
    """What a server made of saved properties, by name: kept them, still has the old value, shows nothing of a secret, or has yet another value."""

    kept: list[str]
    unchanged: list[str]
    emptied: list[str]
    other: list[str]


def read_back(
    names: t.Sequence[str],
    wanted: t.Mapping[str, Wanted],
    before: t.Mapping[str, Property],
    after: t.Mapping[str, Property],
    mask: t.Optional[t.Pattern[str]],
) -> Kept:
    """Compare what was read after saving. A masked secret cannot be compared and passes for kept."""
    result = Kept([], [], [], [])
    for name in names:
        prop = after.get(name)
        if prop is not None and (wanted[name].met_by(prop.value) or is_masked(prop, mask, wanted[name].secret)):
            result.kept.append(name)
        elif prop is not None and not prop.value and (wanted[name].secret or prop.secret):
            result.emptied.append(name)
        elif prop is not None and prop.value == before[name].value:
            result.unchanged.append(name)
        else:
            result.other.append(name)
    return result


class Lost(t.NamedTuple):
    """What a save has taken from properties that were not sent, by name."""

    gone: list[str]
    emptied: list[str]

    def __bool__(self) -> bool:
        return bool(self.gone or self.emptied)


def losses(sent: t.Collection[str], before: t.Mapping[str, Property], after: t.Mapping[str, Property]) -> Lost:
    """Compare the whole lists. A value that became another one is somebody else's work, and none of ours."""
    others = [name for name in before if name not in sent]
    emptied = [
        name
        for name in others
        if name in after and ((before[name].value and not after[name].value) or (before[name].value2 and not after[name].value2))
    ]
    return Lost([name for name in before if name not in after], emptied)


def overruled(
    wanted: t.Mapping[str, Wanted], file: t.Mapping[str, str], properties: t.Mapping[str, Property], policy: str, mask: t.Optional[t.Pattern[str]]
) -> list[str]:
    """The properties to which a properties file gives another value than the wanted one.

    Of a secret that is only set where there is none, any value that is there is right.
    """
    return [
        name
        for name, want in wanted.items()
        if name in file
        and not want.met_by(file[name])
        and not (policy == "on_create" and file[name] and properties[name].value and is_masked(properties[name], mask, want.secret))
    ]
