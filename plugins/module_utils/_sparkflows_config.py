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

from ansible_collections.sparkflows.mlops.plugins.module_utils import _properties, _sparkflows_settings as settings
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem, make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._http import ClientError, HttpError
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows import CONFIGURATIONS, Sparkflows

# Cost of a digest as RFC 7914 and the documentation of hashlib advise for passwords: 16 MiB and some 50 ms.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_SALT_BYTES = 16


class Memory:
    """Which secrets were saved from here, as salted digests in a file; never the secrets themselves.

    The file is JSON, ``{"SERVER": {"PROPERTY": {"salt": hex, "scrypt": hex}}}``. :class:`ClientError` when it cannot be used.
    """

    def __init__(self, path: str, server: str) -> None:
        self.path = path
        self.server = server
        self._entries: t.Optional[dict[str, t.Any]] = None

    def knows(self, name: str, value: str) -> bool:
        """Whether ``value`` is what was saved last for this property."""
        if self._entries is None:
            self._entries = self._read()
        try:
            entry = self._entries[self.server][name]
            digest = _digest(value, bytes.fromhex(entry["salt"]))
            return hmac.compare_digest(digest, entry["scrypt"])
        except KeyError:
            return False
        except (AttributeError, TypeError, ValueError):
            raise self._spoilt() from None

    def check_usable(self) -> None:
        """Refuse, before anything is saved, what could not be remembered afterwards."""
        _digest("", b"")
        folder = os.path.dirname(self.path)
        if os.path.isdir(self.path):
            raise ClientError("secrets_state_path is %s, which is a folder; name a file." % self.path)
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            raise ClientError(
                "secrets_state_path is %s, but %s cannot be written to. Run the task as root, choose another path, or another way with update_secrets."
                % (self.path, folder)
            )

    def remember(self, secrets: t.Mapping[str, str]) -> None:
        """Note these secrets, by property, as saved."""
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
                write_atomic(self.path, json.dumps(entries, indent=2, sort_keys=True) + "\n", 0o600)
        except ClientError as error:
            raise ClientError("The settings were saved, but the secrets among them could not be remembered. %s" % error) from None
        except (OSError, Problem) as error:
            why = str(error) if isinstance(error, Problem) else os.strerror(error.errno or 0)
            raise ClientError(
                "The settings were saved, but %s could not be written (%s), so the next run saves the secrets once more." % (self.path, why.rstrip("."))
            ) from None

    def _read(self) -> dict[str, t.Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                entries = json.load(file)
        except FileNotFoundError:
            return {}
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise ClientError("%s cannot be read (%s). Run the task as its owner or name another secrets_state_path." % (self.path, why)) from None
        except ValueError:
            raise self._spoilt() from None
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise self._spoilt()
        return entries

    def _spoilt(self) -> ClientError:
        return ClientError("%s is not what this module writes. Remove it, and the secrets are saved once more; or name another secrets_state_path." % self.path)


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
        raise ClientError(
            "The Python of this host cannot compute scrypt, as in FIPS mode, which update_secrets=when_changed_here needs."
            " Choose another way with update_secrets."
        ) from None


def read_shadow(path: t.Optional[str]) -> dict[str, str]:
    """The keys and values of the server's configuration.properties; none without a path or where there is no file yet."""
    if not path:
        return {}
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ClientError("shadowing_file is %s, but there is no folder %s on this host. Name the file in the conf folder of Sparkflows." % (path, folder))
    try:
        # The encoding that Java itself reads such a file with.
        with open(path, encoding="latin-1", newline="") as file:
            return _properties.values(file.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ClientError("shadowing_file is %s, which cannot be read (%s)." % (path, os.strerror(error.errno or 0))) from None


def run(params: t.Mapping[str, t.Any], client: Sparkflows, check_mode: bool, hide: t.Callable[[set[str]], None]) -> dict[str, t.Any]:
    """Save what differs (in check mode only find out what does) and return the result of sparkflows_config.

    ``hide`` is told the values that must not be shown, as far as only the server's answer tells that.
    """
    settings.check_params(params)
    mask = settings.mask_pattern(params["secret_mask"])
    shadow = read_shadow(params["shadowing_file"])
    memory = Memory(params["secrets_state_path"], client.url)

    before = settings.read_properties(client.get(CONFIGURATIONS))
    hide(settings.secret_texts(params, before))
    names = settings.Names(before, params["key_names"])
    wanted = settings.wanted_values(params, names)
    to_save = settings.differing(wanted, before, params["update_secrets"], mask, memory.knows)
    given = [option for option in settings.OPTIONS if params[option] is not None]
    result = {
        "changed": bool(to_save),
        "names": {option: names.found[option] for option in given},
        "discovered": [option for option in given if option in names.discovered],
        "saved": to_save,
        "shadowed": [name for name in wanted if name in shadow],
        "diff": settings.shown_diff(to_save, wanted, before),
    }

    def refuse(sentences: t.Sequence[str], **facts: t.Any) -> ClientError:
        return ClientError("\n".join(sentences), **dict(result, requests=client.requests, **facts))

    hidden = [name for name in to_save if settings.is_masked(before[name], mask, wanted[name].secret)]
    # Where the server shows what its file says, or nothing could be read back, it is known beforehand that saving is in vain.
    lost = [name for name in settings.overruled(to_save, wanted, shadow) if name in hidden or before[name].value == shadow[name]]
    if lost:
        raise refuse([_shadowed(lost, params["shadowing_file"])], changed=False, saved=[])
    remembers = params["update_secrets"] == "when_changed_here"
    if hidden and remembers:
        memory.check_usable()
    if to_save and not check_mode:
        after = _save(client, [before[name].with_value(wanted[name].value) for name in to_save])
        kept = settings.read_back(to_save, wanted, before, after, mask)
        if kept.unchanged or kept.other:
            raise refuse(_not_kept(kept, settings.overruled(to_save, wanted, shadow), params, wanted), changed=bool(kept.kept), saved=kept.kept)
        hidden = [name for name in to_save if settings.is_masked(after[name], mask, wanted[name].secret)]
        if hidden and remembers:
            memory.remember({name: wanted[name].value for name in hidden})
    return dict(result, requests=client.requests)


def _save(client: Sparkflows, entries: list[dict[str, t.Any]]) -> dict[str, settings.Property]:
    """Save the entries and return what the server has then."""
    try:
        client.value("POST", CONFIGURATIONS, entries)
    except HttpError as error:
        if error.status is not None:
            raise
        raise ClientError("%s Run the task again to find out, and to save what is missing." % error, requests=client.requests) from None
    try:
        return settings.read_properties(client.get(CONFIGURATIONS))
    except ClientError as error:
        raise ClientError("The settings were sent, but could not be read back. %s" % error, changed=True, requests=client.requests) from None


def _shadowed(names: t.Sequence[str], path: str) -> str:
    return "%s sets %s to another value, and what it sets wins over what is saved. Change the file or remove the key, and restart Sparkflows." % (
        path, ", ".join(names),
    )  # fmt: skip


def _not_kept(
    kept: settings.Kept, overruled: t.Collection[str], params: t.Mapping[str, t.Any], wanted: t.Mapping[str, settings.Wanted]
) -> list[str]:
    """A sentence for each cause that is known, and one for each kind of what is not."""
    sentences = ["Sparkflows answered the save, but did not keep %s." % ", ".join(kept.unchanged + kept.other)]
    shadowed = [name for name in kept.unchanged + kept.other if name in overruled]
    if shadowed:
        sentences.append(_shadowed(shadowed, params["shadowing_file"]))
    unchanged = [name for name in kept.unchanged if name not in overruled]
    if unchanged:
        causes = ["its user may lack the permission configurations.manage", "somebody else may have written the old value back in between"]
        if not params["shadowing_file"]:
            causes.insert(0, "a key in conf/configuration.properties may shadow it (name the file in shadowing_file to be told)")
        sentences.append("It still has the old value of %s: %s." % (", ".join(unchanged), ", or ".join(causes)))
    other = [name for name in kept.other if name not in overruled]
    if other:
        sentences.append(
            "It has a value of %s that is neither the old one nor the one that was sent: somebody else may have saved in between,"
            " or the server itself changes it. Run the task again to see." % ", ".join(other)
        )
    if any(wanted[name].secret for name in other):
        sentences.append("If the server shows secrets in a form of its own, describe that form with secret_mask.")
    return sentences


def info(params: t.Mapping[str, t.Any], client: Sparkflows) -> dict[str, t.Any]:
    """The result of sparkflows_config_info."""
    settings.check_key_names(params["key_names"])
    properties = settings.read_properties(client.get(CONFIGURATIONS))
    names = settings.Names(properties, params["key_names"])
    return {
        "changed": False,
        "configurations": {
            name: {"value": None if prop.secret else prop.value, "title": prop.title, "description": prop.description, "id": prop.id}
            for name, prop in properties.items()
        },
        "names": names.found,
        "discovered": names.discovered,
        "unresolved": {option: [str(each) for each in candidates] for option, candidates in names.candidates.items()},
    }
