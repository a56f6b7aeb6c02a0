# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What the modules sparkflows_config and sparkflows_config_info do: read, save, read back, and remember."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._errors import Problem
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import as_written, make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import properties as _properties
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import CONFIGURATIONS, Sparkflows, sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.deploy_modes import MODES
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.property import Property, is_masked, mask_pattern, read_properties
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.titles import OPTIONS, Names
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.values import alike_as

# Cost of a digest as RFC 7914 and the documentation of hashlib advise for passwords: 16 MiB and some 50 ms.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_SALT_BYTES = 16
_MEMORY_MODE = 0o600

#: The options of the module C(sparkflows_config).
ARGUMENT_SPEC: dict[str, t.Any] = {
    **sparkflows_argument_spec(),
    "tracking_url": {"type": "str"},
    "tracking_username": {"type": "str"},
    "tracking_password": {"type": "str", "no_log": True},
    "deploy_mode": {"type": "str", "choices": list(MODES)},
    "mlops_host": {"type": "str"},
    "mlops_port": {"type": "int"},
    "ssh_user": {"type": "str"},
    "ssh_host": {"type": "str"},
    "ssh_key_path": {"type": "str", "no_log": False},
    "ssh_key_vault_reference": {"type": "str", "no_log": False},
    "s3_access_key": {"type": "str", "no_log": True},
    "s3_secret_key": {"type": "str", "no_log": True},
    "s3_endpoint": {"type": "str"},
    "s3_ignore_tls": {"type": "bool"},
    "sagemaker_region": {"type": "str"},
    "sagemaker_account_id": {"type": "str"},
    "sagemaker_role_arn": {"type": "str"},
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "key_names": {"type": "dict", "default": {}, "no_log": False},
    "update_secrets": {"type": "str", "choices": ["when_changed_here", "always", "on_create"], "default": "when_changed_here", "no_log": False},
    "secrets_state_path": {"type": "path", "default": "/var/lib/sparkflows-mlops/sparkflows-secrets.json", "no_log": False},
    "secret_mask": {"type": "str", "no_log": False},
    "shadowing_file": {"type": "path"},
    "normalise": {"type": "dict", "default": {}},
}


class Memory:
    """Which secrets were saved from here, as salted digests in a file; never the secrets themselves.

    The file is JSON, ``{"SERVER": {"PROPERTY": {"salt": hex, "scrypt": hex, "shows_nothing": true}}}``, the last one only where the
    server showed an empty text in place of the secret afterwards. :class:`Problem` when it cannot be used.
    """

    def __init__(self, path: str, server: str) -> None:
        self.path = path
        self.server = server
        self._entries: t.Optional[dict[str, t.Any]] = None

    def knows(self, name: str, value: str) -> bool:
        """Whether ``value`` is what was saved last for this property."""
        try:
            entry = self._known()[self.server][name]
            digest = _digest(value, bytes.fromhex(entry["salt"]))
            return hmac.compare_digest(digest, entry["scrypt"])
        except KeyError:
            return False
        except (AttributeError, TypeError, ValueError):
            raise self._spoilt() from None

    def shows_nothing(self, name: str) -> bool:
        """Whether the server showed an empty text in place of the secret that was saved last."""
        try:
            return bool(self._known()[self.server][name].get("shows_nothing"))
        except KeyError:
            return False
        except AttributeError:
            raise self._spoilt() from None

    def _known(self) -> dict[str, t.Any]:
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def exposed(self) -> bool:
        """Whether the file belongs to or is open to others than it should."""
        return os.path.lexists(self.path) and not as_written(self.path, _MEMORY_MODE)

    def close(self) -> None:
        """Take the file back from others."""
        write_atomic(self.path, json.dumps(self._read(), indent=2, sort_keys=True) + "\n", _MEMORY_MODE)

    def check_usable(self) -> None:
        """Refuse, before anything is saved, what could not be remembered afterwards."""
        _digest("", b"")
        folder = os.path.dirname(self.path)
        if os.path.isdir(self.path):
            raise Problem("secrets_state_path is %s, which is a folder; name a file." % self.path)
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            raise Problem(
                "secrets_state_path is %s, but %s cannot be written to. Run the task as root, choose another path, or another way with update_secrets."
                % (self.path, folder)
            )

    def remember(self, secrets: t.Mapping[str, str], shows_nothing: t.Collection[str] = ()) -> None:
        """Note these secrets, by property, as saved, and for which of them the server shows nothing."""
        folder = os.path.dirname(self.path)
        try:
            make_folder(folder)
            with _locked(folder):
                # Read again, as a run for another server may have written in between.
                entries = self._read()
                mine = entries.setdefault(self.server, {})
                for name, value in secrets.items():
                    salt = os.urandom(_SALT_BYTES)
                    mine[name] = {"salt": salt.hex(), "scrypt": _digest(value, salt)}
                    if name in shows_nothing:
                        mine[name]["shows_nothing"] = True
                write_atomic(self.path, json.dumps(entries, indent=2, sort_keys=True) + "\n", _MEMORY_MODE)
        except Problem as error:
            raise Problem("The settings were saved, but the secrets among them could not be remembered. %s" % error) from None
        except OSError as error:
            raise Problem(
                "The settings were saved, but %s could not be written (%s), so the next run saves the secrets once more."
                % (self.path, os.strerror(error.errno or 0))
            ) from None

    def _read(self) -> dict[str, t.Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                entries = json.load(file)
        except FileNotFoundError:
            return {}
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise Problem("%s cannot be read (%s). Run the task as its owner or name another secrets_state_path." % (self.path, why)) from None
        except ValueError:
            raise self._spoilt() from None
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise self._spoilt()
        return entries

    def _spoilt(self) -> Problem:
        return Problem("%s is not what this module writes. Remove it, and the secrets are saved once more; or name another secrets_state_path." % self.path)


@contextlib.contextmanager
def _locked(folder: str) -> t.Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _digest(value: str, salt: bytes) -> str:
    try:
        return hashlib.scrypt(value.encode("utf-8", "surrogateescape"), salt=salt, n=_SCRYPT["n"], r=_SCRYPT["r"], p=_SCRYPT["p"]).hex()
    except (AttributeError, ValueError):
        raise Problem(
            "The Python of this host cannot compute scrypt, as in FIPS mode, which update_secrets=when_changed_here needs."
            " Choose another way with update_secrets."
        ) from None


def read_shadow(path: t.Optional[str]) -> dict[str, str]:
    """The keys and values of the server's configuration.properties; none without a path or where there is no file yet."""
    if not path:
        return {}
    try:
        return _properties.values(_properties.read(path).text)
    except Problem as problem:
        raise Problem("shadowing_file is of no use: %s" % problem) from None


def run(params: t.Mapping[str, t.Any], client: Sparkflows, check_mode: bool, hide: t.Callable[[set[str]], None]) -> dict[str, t.Any]:
    """Save what differs (in check mode only find out what does) and return the result of sparkflows_config.

    ``hide`` is told the values that must not be shown, as far as only the server's answer tells that.
    """
    settings.check_params(params)
    mask, policy = mask_pattern(params["secret_mask"]), params["update_secrets"]
    shadow = read_shadow(params["shadowing_file"])
    memory = Memory(params["secrets_state_path"], client.url)

    before = read_properties(client.get(CONFIGURATIONS))
    hide(settings.secret_texts(params, before))
    names = Names(before, params["key_names"])
    wanted = settings.wanted_values(params, names)
    to_save = settings.differing(wanted, before, policy, mask, memory.knows, memory.shows_nothing)
    given = [option for option in OPTIONS if params[option] is not None]
    diff, exposed = settings.shown_diff(to_save, wanted, before), memory.exposed()
    differences = [
        {"item": "setting %s" % (before[name].title or name), "before": diff["before"][name] or "nothing", "after": diff["after"][name] or "nothing"}
        for name in to_save
    ]
    if exposed:
        differences.append({"item": memory.path, "before": "belongs to or is open to others", "after": "closed to others"})
    result = {
        "changed": bool(differences),
        "differences": differences,
        "names": {option: names.found[option] for option in given},
        "discovered": [option for option in given if option in names.discovered],
        "saved": to_save,
        "shadowed": [name for name in wanted if name in shadow],
        "lost": [],
        "diff": diff,
    }

    def refuse(sentences: t.Sequence[str], **facts: t.Any) -> Problem:
        return Problem("\n".join(sentences), **dict(result, requests=client.requests, **facts))

    overruled = settings.overruled(wanted, shadow, before, policy, mask)
    if overruled:
        raise refuse([_shadowed(overruled, params["shadowing_file"])], changed=False, saved=[])
    if policy == "when_changed_here" and any(is_masked(before[name], mask, wanted[name].secret) for name in to_save):
        memory.check_usable()
    if exposed and not check_mode:
        memory.close()
    if to_save and not check_mode:
        after = _save(client, [before[name].with_value(wanted[name].value) for name in to_save])
        kept = settings.read_back(to_save, wanted, before, after, mask)
        lost = settings.losses(to_save, before, after)
        sentences = _losses(lost) + _not_kept(kept, params, wanted, before, after)
        if sentences:
            raise refuse(sentences, changed=bool(kept.kept or lost), saved=kept.kept, lost=lost.gone + lost.emptied)
        hidden = [name for name in to_save if is_masked(after[name], mask, wanted[name].secret)]
        empty = [name for name in hidden if not after[name].value]
        remembered = hidden if policy == "when_changed_here" else empty if policy == "on_create" else []
        if remembered:
            memory.remember({name: wanted[name].value for name in remembered}, empty)
    return dict(result, requests=client.requests)


def _save(client: Sparkflows, entries: list[dict[str, t.Any]]) -> dict[str, Property]:
    """Save the entries and return what the server has then."""
    try:
        client.value("POST", CONFIGURATIONS, entries)
    except HttpError as error:
        if error.status is not None:
            raise
        raise Problem("%s Run the task again to find out, and to save what is missing." % error, requests=client.requests) from None
    try:
        return read_properties(client.get(CONFIGURATIONS))
    except Problem as error:
        raise Problem("The settings were sent, but could not be read back. %s" % error, changed=True, requests=client.requests) from None


def _shadowed(names: t.Sequence[str], path: str) -> str:
    return "%s sets %s to another value, and what it sets wins over what is saved. Change the file or remove the key, and restart Sparkflows." % (
        path, ", ".join(names),
    )  # fmt: skip


def _losses(lost: settings.Lost) -> list[str]:
    """What to say when a save took away what was not sent."""
    if not lost:
        return []
    parts = ["%s %s" % (", ".join(names), words) for names, words in ((lost.gone, "gone from the server's list"), (lost.emptied, "empty now")) if names]
    return [
        "The save took away what was not sent: of the other settings, %s. This server does not keep what a save leaves out, or somebody else removed it in"
        " between. Set them again under Administration, Configuration, or from a backup, and use conf/configuration.properties"
        " (sparkflows_properties) instead of saving." % ", and ".join(parts)
    ]


def _not_kept(
    kept: settings.Kept,
    params: t.Mapping[str, t.Any],
    wanted: t.Mapping[str, settings.Wanted],
    before: t.Mapping[str, Property],
    after: t.Mapping[str, Property],
) -> list[str]:
    """A sentence for each cause that is known, and one for each kind of what is not; nothing when all was kept."""
    lost = kept.unchanged + kept.emptied + kept.other
    if not lost:
        return []
    sentences = ["Sparkflows answered the save, but did not keep %s." % ", ".join(lost)]
    if kept.unchanged:
        causes = ["its user may lack the permission configurations.manage", "somebody else may have written the old value back in between"]
        if not params["shadowing_file"]:
            causes.insert(0, "a key in conf/configuration.properties may shadow it (name the file in shadowing_file to be told)")
        sentences.append("It still has the old value of %s: %s." % (", ".join(kept.unchanged), ", or ".join(causes)))
    if kept.emptied:
        sentences.append(
            "It shows nothing for %s: either they were not kept, as without the permission configurations.manage, or this server hides secrets"
            " so. If a deployment shows that they are in use, say so with secret_mask, as in '.*', and they are not compared any more."
            % ", ".join(kept.emptied)
        )
    if kept.other:
        sentences.append(
            "It has a value of %s that is neither the old one nor the one that was sent: somebody else may have saved in between,"
            " or the server itself changes it. Run the task again to see." % ", ".join(kept.other)
        )
    sentences.extend(_both_values(name, wanted[name], before[name], after[name]) for name in kept.unchanged + kept.other if name in after)
    if any(wanted[name].secret or before[name].secret for name in kept.other):
        sentences.append("If the server shows secrets in a form of its own, describe that form with secret_mask.")
    return [sentence for sentence in sentences if sentence]


def _both_values(name: str, wanted: settings.Wanted, before: Property, after: Property) -> str:
    """What was sent and what is there, and by which kind of comparison they would be the same; nothing of a secret or of a mere old value."""
    kind = alike_as(wanted.value, after.value)
    if wanted.secret or before.secret or before.hides(wanted.value) or before.hides(after.value) or (after.value == before.value and not kind):
        return ""
    advice = " If both mean the same to the server, compare them as such: normalise: {%s: %s}." % (name, kind) if kind else ""
    return "For %s '%s' was sent and '%s' is there.%s" % (name, wanted.value, after.value, advice)


def info(params: t.Mapping[str, t.Any], client: Sparkflows) -> dict[str, t.Any]:
    """The result of sparkflows_config_info."""
    settings.check_key_names(params["key_names"])
    properties = read_properties(client.get(CONFIGURATIONS))
    names = Names(properties, params["key_names"])
    return {
        "changed": False,
        "configurations": {
            name: {"value": None if prop.hides(prop.value) else prop.value, "title": prop.title, "description": prop.description, "id": prop.id}
            for name, prop in properties.items()
        },
        "names": names.found,
        "discovered": names.discovered,
        "unresolved": {option: [str(each) for each in candidates] for option, candidates in names.candidates.items()},
    }
