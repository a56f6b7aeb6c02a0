#!/usr/bin/python
# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Build one archive with everything that hosts install from
version_added: 1.0.0
description:
  - Fetches the archives of JDK and Python, every wheel that the locks of the stack name, and the installer, from where the variables of the host of the task
    say that they come from; builds wheels of what is published as source only; and packs all of it with the locks, the collection's own programs, the list of
    packages of the operating system, and a manifest with the SHA-256 digest of every file.
  - Equal inputs give equal archives. Files have fixed times, owners and modes.
  - Runs on the controller and contacts no host. The bundle is for hosts of the controller's own architecture.
  - Tells every few seconds what it does and how far it is.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  dest:
    description:
      - Folder on the controller for the bundle, which is one folder and its archive, with the archive's digest beside it.
      - What an earlier run left there under the same names is replaced.
    type: path
    required: true
  compression:
    description: How the archive is compressed. V(zstd) needs the program of that name, on the hosts as well.
    type: str
    choices: [gz, zstd]
    default: gz
  extras:
    description:
      - Extras of the stack whose distributions are in the bundle, besides those that C(pip_stack_extras) of the host names.
      - When left out, all that the role P(sparkflows.mlops.pip_stack#role) knows.
    type: list
    elements: str
  sbom:
    description:
      - Whether the bundle has a bill of materials, C(sbom.cdx.json), in CycloneDX's JSON.
      - Needs the Python package C(cyclonedx-python-lib) on the controller.
    type: bool
    default: true
  advisories:
    description:
      - Data about advisories that was fetched before - a file, a folder or a zip of OSV's records, or what C(pip-audit --format json) printed.
      - A report on the pins is written beside the bundle, as JSON and as Markdown, in which each advisory has a link to its row in C(docs/security.md).
    type: path
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: partial
    description: Checks the variables and says that it would build; what is published is not asked.
  diff_mode:
    support: none
    description: Has no difference to show.
  platform:
    platforms: all
notes:
  - Where C(pip_stack_offline) is true, distributions come from C(pip_stack_find_links) on the controller alone, which must hold wheels of everything.
seealso:
  - module: sparkflows.mlops.archive_release
"""

EXAMPLES = r"""
- name: Build a bundle for the MLflow hosts
  hosts: mlflow_hosts[0]
  gather_facts: false
  tasks:
    - name: Build a bundle
      sparkflows.mlops.bundle:
        dest: /srv/bundles
"""

RETURN = r"""
path:
  description: The archive.
  returned: success
  type: str
  sample: /srv/bundles/sparkflows-mlops-bundle-1.0.0-x86_64.tar.gz
folder:
  description: The folder with the same content.
  returned: when not in check mode
  type: str
  sample: /srv/bundles/sparkflows-mlops-bundle-1.0.0-x86_64
sha256:
  description: The archive's SHA-256 digest.
  returned: when not in check mode
  type: str
  sample: 5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
advisories:
  description: How many advisories there are about the pins, C(all), and how many of these have no row in C(docs/security.md), C(without_row).
  returned: with O(advisories), when not in check mode
  type: dict
  sample: {all: 71, without_row: 0}
advisories_report:
  description: The report on them for people; the one for programs has the same name with C(.json).
  returned: with O(advisories), when not in check mode
  type: str
  sample: /srv/bundles/sparkflows-mlops-bundle-1.0.0-x86_64.advisories.md
size:
  description: The archive's size in bytes.
  returned: when not in check mode
  type: int
  sample: 790000000
"""
