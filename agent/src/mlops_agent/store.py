# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired state on disk: one JSON file for each deployment.

A deployment to be removed stays as a file that says so until its unit is gone, so that an
interrupted removal is carried on by the next start of the agent.
"""

import json
import logging
import os

from . import files, rules
from .spec import Spec

LOG = logging.getLogger(__name__)


class Store:
    """Desired deployments below directory, which must exist; all of them are held in memory too."""

    def __init__(self, directory, roots=()):
        self._directory = directory
        self._roots = roots
        self._specs = {}

    def load(self):
        """Read every deployment, and sweep away what an interrupted write left behind."""
        for entry in sorted(os.listdir(self._directory)):
            path = os.path.join(self._directory, entry)
            if entry.endswith(files.TEMPORARY_SUFFIX):
                os.unlink(path)
            elif entry.endswith(".json"):
                try:
                    spec = read_spec(path, self._roots)
                except (OSError, ValueError) as error:
                    LOG.error("The file %s is left alone because it cannot be used: %s", path, error)
                else:
                    self._specs[spec.name] = spec

    def __iter__(self):
        return iter(sorted(self._specs.values(), key=lambda spec: spec.name))

    def get(self, name):
        """The deployment of that name, or None."""
        return self._specs.get(name)

    def put(self, spec):
        files.write_json(self._path(spec.name), spec.as_stored())
        self._specs[spec.name] = spec

    def delete(self, name):
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            pass
        files.sync_directory(self._directory)
        self._specs.pop(name, None)

    def _path(self, name):
        return spec_path(self._directory, name)


def spec_path(directory, name):
    return os.path.join(directory, rules.deployment_name(name) + ".json")


def read_spec(path, roots=()):
    """The deployment stored in a file. Raises OSError, or ValueError with a sentence."""
    with open(path, encoding="utf-8") as stream:
        spec = Spec.from_stored(json.load(stream), roots)
    if os.path.basename(path) != spec.name + ".json":
        raise rules.Invalid("The file {} holds the deployment {}.".format(path, spec.name))
    return spec
