# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For use inside this collection only.

"""What differs in an endpoint of SageMaker, in words: the result of sagemaker_endpoint in check mode as lines of a plan."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._plan._host_checks import Reading

#: What differs, how it is, how it will be, and why.
Line = t.Tuple[str, ...]

_ARCHIVE = re.compile(r"(?P<place>.*)/(?P<digest>[0-9a-f]{64})/model\.tar\.gz")
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def words(entry: t.Mapping[str, t.Any], seen: Reading, new_image: bool) -> list[Line]:
    """The lines of one endpoint; none where it is as wanted.

    :param entry: the endpoint that is wanted.
    :param seen: what the module would do, or a sentence in C(error) where a tracking server does not tell.
    :param new_image: whether it takes an image whose digest is known only once it was pushed.
    """
    who = "endpoint %s" % entry["name"]
    if seen["error"]:
        return [(who, "can't be told", "as wanted", seen["error"])]
    if not seen["changed"]:
        return []
    before, after = seen["diff"]["before"], seen["diff"]["after"]
    if entry["state"] == "absent":
        return _removed(who, before)
    if not before:
        return [(who, "missing", "made")]
    found: list[Line] = [] if before.get("status") == after.get("status") else [(who + ": status", before["status"], after["status"])]
    found += [("%s: %s" % (who, part), "missing", "made") for part in before.get("missing") or []]
    config, model = (before["config"], after["config"]), (before["model"], after["model"])
    if None in config:
        found.append(("%s: configuration %s" % (who, before["config_name"]), "missing", after["config_name"]))
    else:
        found += of_values(who, *config, skip=("model_name",))
    if None in model:
        found.append((who + ": model", "missing", "made"))
    else:
        found += _of_model(who, *model, seen, new_image)
    found += _each(who + ": tag", before.get("tags") or {}, after.get("tags") or {})
    found += of_values(who, *({"autoscaling": side.get("autoscaling")} for side in (before, after)))
    return found or [(who + ": configuration", str(before["config_name"]), str(after["config_name"]), "The model's archive is another one.")]


def _removed(who: str, before: Reading) -> list[Line]:
    """The endpoint, or what was left of it."""
    if before["endpoint"]:
        return [(who, "there", "removed")]
    parts = ["%s %s" % (kind, name) for kind, names in (("configuration", before["configs"]), ("model", before["models"])) for name in names]
    parts += ["automatic scaling"] if before["autoscaling"] else []
    return [("%s: %s" % (who, part), "there", "removed") for part in parts]


def _of_model(who: str, before: Reading, after: Reading, seen: Reading, new_image: bool) -> list[Line]:
    found: list[Line] = []
    if before["image"] != after["image"]:
        found.append((who + ": image", *_image(str(before["image"]), str(after["image"]), new_image)))
    if before["model_data_url"] != after["model_data_url"]:
        was, comes = _archive(str(before["model_data_url"]), str(after["model_data_url"]))
        version = "version %s (%s)" % (seen["model_version"], comes) if seen["model_version"] else comes
        found.append((who + ": model", was, version))
    for name in sorted({**before["environment"], **after["environment"]}):
        was, comes = (side["environment"].get(name) for side in (before, after))
        if was != comes:
            # It may be a password.
            states = ("not set", "set") if was is None else ("set", "not set") if comes is None else ("set to something else (not shown)", "as wanted")
            found.append(("%s: environment variable %s" % (who, name), *states))
    return found + of_values(who, before, after, skip=("image", "model_data_url", "environment"))


def _image(before: str, after: str, new_image: bool) -> tuple[str, str]:
    """Two images, by their digests alone where they are of one repository."""
    if new_image:
        return short(before), "the new one"
    repositories = [image.partition("@")[0] for image in (before, after)]
    if repositories[0] == repositories[1] and "@" in before and "@" in after:
        before, after = before.partition("@")[2], after.partition("@")[2]
    return short(before), short(after)


def _archive(before: str, after: str) -> tuple[str, str]:
    """Two archives, by the beginnings of their digests where that is all that differs."""
    was, comes = _ARCHIVE.fullmatch(before), _ARCHIVE.fullmatch(after)
    if was and comes and was["place"] == comes["place"]:
        return was["digest"][:12], comes["digest"][:12]
    return before, after


def of_values(who: str, before: Reading, after: Reading, skip: t.Container[str] = ()) -> list[Line]:
    """The values that differ, by their names; what is made of several values is told one by one where both sides have it."""
    found: list[Line] = []
    for name in [*after, *(name for name in before if name not in after)]:
        was, comes = before.get(name), after.get(name)
        if name in skip or was == comes:
            continue
        item = "%s: %s" % (who, name.replace("_", " "))
        if isinstance(was, t.Mapping) and isinstance(comes, t.Mapping):
            found += _each(item, was, comes)
        else:
            found.append((item, _shown(was), _shown(comes)))
    return found


def _each(item: str, before: Reading, after: Reading) -> list[Line]:
    names = sorted({**before, **after})
    return [("%s %s" % (item, name), _shown(before.get(name)), _shown(after.get(name))) for name in names if before.get(name) != after.get(name)]


def _shown(value: t.Any) -> str:
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, t.Mapping):
        return ", ".join("%s %s" % (name, _shown(inner)) for name, inner in sorted(value.items()) if inner is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    return "%g" % value if isinstance(value, float) else str(value)


def short(text: str) -> str:
    """A text with the beginnings of the digests in it."""
    return _DIGEST.sub(r"\1", text)
