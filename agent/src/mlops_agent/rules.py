# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that says which names, URIs and numbers are acceptable.

Nothing that comes from outside reaches a path, a command or a unit before it passed here.
The agent applies these rules to requests; the launcher applies them again to what it reads.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

if t.TYPE_CHECKING:
    #: What a model is asked to score: an object of JSON.
    Row = t.Dict[str, object]

#: Stages of MLflow's model registry.
STAGES = ("None", "Staging", "Production", "Archived")

#: Keys a probe may have; the first pair is pandas' "split" form, the others stand alone.
PROBE_FORMS = (("columns", "data"), ("columns", "data", "index"), ("records",), ("inputs",), ("instances",))

#: The two runs of which a following deployment has one or, while it moves to another version, both.
SLOTS = ("a", "b")

PROBE_LIMIT = 256 * 1024
PROBE_DEPTH = 32

# Every expression is used with fullmatch: "$" would accept a trailing newline.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_REGISTERED_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PATH = re.compile(r"[A-Za-z0-9._@+=,:-]+(?:/[A-Za-z0-9._@+=,:-]+)*")
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9._@+=,:/-]*")


class ModelUri(t.NamedTuple):
    """A model URI, taken apart. name and version belong to "models" (version is a number or a stage), run_id to "runs",
    path to all others; what does not belong to the kind is empty."""

    kind: t.Literal["models", "runs", "s3", "mlflow-artifacts", "path"]
    text: str
    name: str = ""
    version: str = ""
    run_id: str = ""
    path: str = ""


class Invalid(ValueError):
    """A value breaks a rule. The text is a sentence for the caller."""


def deployment_name(value: object) -> str:
    """Return value when it may name a deployment, and so a systemd instance and a directory."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Invalid(
            "The deployment name {} is not usable: take 1 to 63 of a-z, 0-9, '-' and '_', "
            "with a letter or digit first and last.".format(shown(value))
        )
    return value


def is_deployment_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def instance_name(value: object) -> str:
    """Return value when it may name a unit: a deployment's name, or NAME.a and NAME.b, which nobody can ask for."""
    if not isinstance(value, str):
        return deployment_name(value)
    name, dot, slot = value.partition(".")
    deployment_name(name)
    if dot and slot not in SLOTS:
        raise Invalid("The unit name {} is not usable.".format(shown(value)))
    return value


def deployment_of(instance: str) -> str:
    """The deployment to which a unit belongs, by the name of its instance."""
    return instance.partition(".")[0]


def slot_name(name: str, slot: str) -> str:
    return "{}.{}".format(name, slot)


def registered_model_name(value: object) -> str:
    """Return value when it may name a model in the registry."""
    if not isinstance(value, str) or not _REGISTERED_MODEL.fullmatch(value) or ".." in value:
        raise Invalid(
            "The model name {} is not usable: take letters, digits, '.', '-' and '_', "
            "with a letter or digit first.".format(shown(value))
        )
    return value


def model_version(value: object) -> str:
    """Return value as the text of a positive version number."""
    text = str(value)
    if isinstance(value, bool) or not _VERSION.fullmatch(text):
        raise Invalid("The model version {} is not a positive whole number.".format(shown(value)))
    return text


def stage(value: object) -> str:
    """Return the registry's own spelling of a stage, whatever case it was given in."""
    for known in STAGES:
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise Invalid("The stage {} is unknown: take one of {}.".format(shown(value), ", ".join(STAGES)))


def model_uri(value: object, roots: t.Sequence[str] = ()) -> ModelUri:
    """Take a model URI apart.

    roots are the directories below which an absolute path may lie. Links are followed first,
    so a link cannot lead out of them.
    """
    if not isinstance(value, str) or not value:
        raise Invalid("The model URI must be a text such as models:/churn/Production.")
    if len(value) > 1024:
        raise Invalid("The model URI is longer than 1024 characters.")
    if not _URI_CHARACTERS.fullmatch(value):
        raise Invalid(
            "The model URI {} holds a character that is not allowed: take letters, digits "
            "and . _ @ + = , : / - only.".format(shown(value))
        )
    if any(part in (".", "..") for part in value.split("/")):
        raise Invalid("The model URI {} must not contain '.' or '..' as a part.".format(shown(value)))
    if value.startswith("models:/"):
        return _models_uri(value)
    if value.startswith("runs:/"):
        run_id, dummy, path = value[len("runs:/"):].partition("/")
        if not _RUN_ID.fullmatch(run_id) or not _PATH.fullmatch(path):
            raise Invalid("The model URI {} is not of the form runs:/RUN_ID/PATH.".format(shown(value)))
        return ModelUri("runs", value, run_id=run_id, path=path)
    if value.startswith("s3://"):
        bucket, dummy, path = value[len("s3://"):].partition("/")
        if not _BUCKET.fullmatch(bucket) or not _PATH.fullmatch(path.rstrip("/")):
            raise Invalid("The model URI {} is not of the form s3://BUCKET/PATH.".format(shown(value)))
        return ModelUri("s3", value, path=path)
    if value.startswith("mlflow-artifacts:/"):
        path = value[len("mlflow-artifacts:/"):]
        if not _PATH.fullmatch(path.rstrip("/")):
            raise Invalid("The model URI {} is not of the form mlflow-artifacts:/PATH.".format(shown(value)))
        return ModelUri("mlflow-artifacts", value, path=path)
    if value.startswith("/"):
        return _path_uri(value, roots)
    raise Invalid(
        "The model URI {} has an unknown form: take models:/NAME/VERSION, models:/NAME/STAGE, "
        "runs:/RUN_ID/PATH, s3://BUCKET/PATH, mlflow-artifacts:/PATH or an absolute path.".format(shown(value))
    )


def _models_uri(value: str) -> ModelUri:
    name, dummy, which = value[len("models:/"):].partition("/")
    try:
        registered_model_name(name)
        which = which if _VERSION.fullmatch(which) else stage(which)
    except Invalid:
        raise Invalid(
            "The model URI {} is not of the form models:/NAME/VERSION or models:/NAME/STAGE.".format(shown(value))
        )
    return ModelUri("models", value, name, which)


def _path_uri(value: str, roots: t.Sequence[str]) -> ModelUri:
    if not _PATH.fullmatch(value.strip("/")):
        raise Invalid("The model path {} is not a plain absolute path.".format(shown(value)))
    real = os.path.realpath(value)
    for root in roots:
        if real.startswith(os.path.realpath(root).rstrip("/") + "/"):
            return ModelUri("path", value, path=real)
    raise Invalid(
        "The model path {} does not lie below a directory that this agent may serve from ({}).".format(
            shown(value), ", ".join(roots) or "none is configured"
        )
    )


def follows(uri: ModelUri, value: bool) -> None:
    """Raise Invalid when a deployment of this ModelUri is to follow, but there is no stage that it could follow."""
    if value and (uri.kind != "models" or uri.version not in STAGES):
        raise Invalid("{} names no stage to follow: give models:/NAME/STAGE, or follow: false.".format(uri.text))


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Invalid("The field follow is {}: take true or false.".format(shown(value)))
    return value


def whole_number(value: object, what: str, least: int, most: int) -> int:
    """Return value when it is an int (not a bool, not a text) from least to most."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(
            "The {} {} is not usable: take a whole number from {} to {}.".format(what, shown(value), least, most)
        )
    return value


def port(value: object, first: int = 1024, last: int = 65535) -> int:
    return whole_number(value, "port", first, last)


def workers(value: object) -> int:
    return whole_number(value, "number of workers", 1, 64)


def memory_mb(value: object) -> int:
    return whole_number(value, "memory limit in MB", 128, 1048576)


def startup_timeout(value: object) -> int:
    return whole_number(value, "start-up timeout in seconds", 5, 3600)


def probe(value: object) -> Row | None:
    """Return a probe row, which is the JSON that is sent to the model to see whether it answers.

    One of {"columns": [...], "data": [[...]]}, {"records": [{...}]}, {"inputs": ...} and
    {"instances": ...}; None takes the probe away.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or tuple(sorted(value)) not in PROBE_FORMS:
        raise Invalid(
            "The probe must be an object with either columns and data, or records, or inputs, or instances."
        )
    for key in ("columns", "data", "records", "instances"):
        if key in value and not isinstance(value[key], list):
            raise Invalid("The probe's {} must be a list.".format(key))
    if _depth_exceeds(value, PROBE_DEPTH):
        raise Invalid("The probe is nested more than {} levels deep.".format(PROBE_DEPTH))
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        raise Invalid("The probe holds a number that JSON does not have: NaN or an infinite one.")
    if len(text) > PROBE_LIMIT:
        raise Invalid("The probe is larger than {} KiB.".format(PROBE_LIMIT // 1024))
    return value


def _depth_exceeds(value: object, most: int) -> bool:
    """Whether lists and objects are nested deeper; goes level by level, since recursion is what it guards against."""
    level = [value]
    for dummy in range(most + 1):
        level = [
            inner for outer in level if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def shown(value: object) -> str:
    """A short, harmless rendering of an outside value for an error sentence."""
    text = ascii(value)
    return text if len(text) <= 120 else text[:117] + "..."
