# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state on disk: one JSON file for each deployment; and which run of each was ready.

A deployment to be removed stays as a file that says so until its unit is gone, so that an
interrupted removal is carried on by the next start of the agent.
"""

from __future__ import annotations

import json
import logging
import os
import typing as t

from . import files, rules
from .spec import Spec

LOG = logging.getLogger(__name__)

SUFFIX = ".json"


class NotStored(Exception):
    """A deployment could not be written down; nothing has changed. The text is a sentence."""

    def __init__(self, error: OSError) -> None:
        super().__init__("The deployment cannot be stored on this host: {}.".format(error.strerror or error))
        self.errno = error.errno


class Store:
    """Desired deployments below directory, which must exist; all of them are held in memory too.

    damaged: {name: why} of the files that cannot be used; they are left as they are until their deployment
    is asked for anew or removed.
    """

    def __init__(self, directory: str, roots: t.Sequence[str] = ()) -> None:
        self._directory = directory
        self._roots = roots
        self._specs: dict[str, Spec] = {}
        self._marks = Marks(os.path.join(os.path.dirname(directory), "ready"))
        self.damaged: dict[str, str] = {}

    def load(self) -> None:
        """Read every deployment, and sweep away what an interrupted write left behind."""
        for entry in sorted(os.listdir(self._directory)):
            path = os.path.join(self._directory, entry)
            if entry.endswith(files.TEMPORARY_SUFFIX):
                files.sweep(path)
            elif entry.endswith(SUFFIX):
                self._load(path, entry[:-len(SUFFIX)])
        self._marks.load()

    def _load(self, path: str, name: str) -> None:
        try:
            spec = read_spec(path, self._roots)
        except (OSError, ValueError, RecursionError) as error:
            LOG.error("The file %s is left alone because it cannot be used: %s", path, error)
            if rules.is_deployment_name(name):
                self.damaged[name] = str(error)
        else:
            self._specs[spec.name] = spec

    def __iter__(self) -> t.Iterator[Spec]:
        return iter(sorted(self._specs.values(), key=lambda spec: spec.name))

    def __getitem__(self, name: str) -> Spec:
        """The deployment of that name. Raises KeyError."""
        return self._specs[name]

    def get(self, name: str) -> Spec | None:
        """The deployment of that name, or None."""
        return self._specs.get(name)

    def deployments(self) -> list[Spec]:
        """What was asked for, by name: all but the runs of following deployments."""
        return [spec for spec in self if not spec.is_slot]

    def slots(self, name: str) -> list[Spec]:
        """The runs of a following deployment."""
        return [spec for spec in self if spec.is_slot and rules.deployment_of(spec.name) == name]

    def put(self, spec: Spec) -> None:
        """Replace or add a deployment. Raises NotStored."""
        try:
            files.write_json(self._path(spec.name), spec.as_stored())
        except OSError as error:
            raise NotStored(error)
        self._specs[spec.name] = spec
        self.damaged.pop(spec.name, None)

    def delete(self, name: str) -> None:
        """Forget a deployment, also one whose file is damaged. Raises OSError."""
        files.remove(self._path(name))
        files.sync_directory(self._directory)
        self._specs.pop(name, None)
        self.damaged.pop(name, None)
        self._marks.forget(name)

    def mark_ready(self, name: str, invocation: str, row: str) -> None:
        """Remember that this run of the unit has scored this row (its digest)."""
        self._marks.set(name, (invocation, row))

    def was_ready(self, name: str, invocation: str, row: str | None = None) -> bool:
        """Whether this run of the unit was ready once; with row, whether it has scored that very row."""
        mark = self._marks.get(name)
        return bool(invocation) and mark is not None and mark[0] == invocation and row in (None, mark[1])

    def _path(self, name: str) -> str:
        return spec_path(self._directory, name)


class Marks:
    """What the agent would otherwise forget when it ends: {deployment: [invocation, row]}, a file each below directory.

    They only spare models a restart, so a file that cannot be written or read is no more than a warning.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._known: dict[str, tuple[str, str]] = {}

    def load(self) -> None:
        try:
            os.makedirs(self._directory, mode=0o755, exist_ok=True)
            entries = os.listdir(self._directory)
        except OSError as error:
            LOG.warning("What was ready is not known: %s", error)
            return
        for entry in entries:
            path = os.path.join(self._directory, entry)
            if entry.endswith(files.TEMPORARY_SUFFIX):
                files.sweep(path)
                continue
            try:
                with open(path, encoding="utf-8") as stream:
                    invocation, row = json.load(stream)
            except (OSError, ValueError, TypeError, RecursionError) as error:
                LOG.warning("The file %s says nothing: %s", path, error)
            else:
                self._known[entry[:-len(SUFFIX)]] = (invocation, row)

    def get(self, name: str) -> tuple[str, str] | None:
        return self._known.get(name)

    def set(self, name: str, mark: tuple[str, str]) -> None:
        if self._known.get(name) == mark:
            return
        self._known[name] = mark
        try:
            files.write_json(spec_path(self._directory, name), mark)
        except OSError as error:
            LOG.warning("That %s was ready is not written down: %s", name, error)

    def forget(self, name: str) -> None:
        self._known.pop(name, None)
        try:
            files.remove(spec_path(self._directory, name))
        except OSError as error:
            LOG.warning("That %s was ready is not forgotten: %s", name, error)


def spec_path(directory: str, name: str) -> str:
    return os.path.join(directory, rules.instance_name(name) + SUFFIX)


def read_spec(path: str, roots: t.Sequence[str] = ()) -> Spec:
    """The deployment stored in a file. Raises OSError, RecursionError, or ValueError with a sentence."""
    with open(path, encoding="utf-8") as stream:
        spec = Spec.from_stored(json.load(stream), roots)
    if os.path.basename(path) != spec.name + SUFFIX:
        raise rules.Invalid("The file {} holds the deployment {}.".format(path, spec.name))
    return spec
