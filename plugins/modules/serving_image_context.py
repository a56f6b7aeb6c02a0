#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serving_image_context
short_description: Gather what a serving image is built from
version_added: "1.0.0"
description:
  - Makes a folder hold the recipe of an image, a lock, the wheels that the lock names, and archives of Python and the JDK, and nothing else.
  - All files get fixed permissions, so that M(sparkflows.mlops.ecr_image) comes to the same digest wherever the folder is gathered.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Names of files are shown, not what is in them.
  idempotent:
    support: full
options:
  dest:
    description:
      - Folder to gather everything in. What else is in it is removed, so it must be a folder of its own.
    type: path
    required: true
  recipe:
    description:
      - Folder with C(Dockerfile) and the files that it needs.
    type: path
    required: true
  lock:
    description:
      - Lock with hashes, which becomes C(inputs/lock.txt).
    type: path
    required: true
  wheelhouse:
    description:
      - Folder with a wheel of everything that O(lock) names; these become C(inputs/wheels). Without it, the build asks pip's index.
    type: path
  python_archive:
    description:
      - Archive of a Python 3.7, gzipped, which becomes C(inputs/python). Without it, the base image has to have one.
    type: path
  jdk_archive:
    description:
      - Archive of a JDK 1.8, gzipped, which becomes C(inputs/jdk). Models of Spark and H2O need one.
    type: path
notes:
  - Files are compared by size and time, as they are copied with their times.
seealso:
  - module: sparkflows.mlops.ecr_image
"""

EXAMPLES = r"""
- name: Gather what the serving image is built from
  sparkflows.mlops.serving_image_context:
    dest: /var/tmp/serving-image
    recipe: /srv/serving-image
    lock: /srv/wheelhouse/lock-mlflow.txt
    wheelhouse: /srv/wheelhouse
    python_archive: /srv/python-3.7.16-x86_64.tar.gz
"""

RETURN = r"""
path:
  description: The folder, C(dest).
  returned: success
  type: str
  sample: /var/tmp/serving-image
files:
  description: Paths of all files in it, relative to it.
  returned: success
  type: list
  elements: str
  sample: ["Dockerfile", "inputs/lock.txt", "serve"]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._aws.serving_image import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(lambda module: run(module.params, module.check_mode), dict(ARGUMENT_SPEC), place="dest")


if __name__ == "__main__":
    main()
