#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_workflow
short_description: Import a workflow into Sparkflows
version_added: "1.0.0"
description:
  - Makes a project of Sparkflows have a workflow that was exported before. The workflow is known by its UUID, so importing it again
    replaces it and makes no second one.
  - Costs one request when the workflow is there as it should be, else three, or five where the server wants the file under another name.
  - What was imported is read back and compared. A server that says that it imported the workflow and still has the older one is an error.
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._sparkflows.actiongroup_sparkflows
  - sparkflows.mlops._sparkflows
  - sparkflows.mlops._connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the parts of the workflow that differ.
  idempotent:
    support: full
    details:
      - Not with O(overwrite=always).
options:
  src:
    description:
      - Path of the file with the exported workflow on the controller, which is JSON with a C(uuid). A relative path is searched as that of
        M(ansible.builtin.copy) is.
      - One of O(src) and O(content) is needed.
    type: path
  content:
    description:
      - The exported workflow itself, as text or as the data that this text means.
      - ansible-core before 2.19 makes data of a template that looks like them, in which a C(\\u) or C(\\/) of the text may become something
        else. O(src) takes the file as it is, whatever the version.
    type: raw
  project_id:
    description: Id of the project.
    type: int
    required: true
  overwrite:
    description:
      - When a workflow that is there is replaced.
      - V(when_different) compares each part of the file with what the server tells. A server that tells nothing to compare, or that rewrites
        parts of its own, is better served with V(never) or V(always).
    type: str
    choices: [when_different, never, always]
    default: when_different
  file_field:
    description:
      - Name of the part of the request that holds the file. The vendor's public clients do not agree on it.
      - V(auto) tries V(file[]), and then V(file) when the server misses the file or goes on having the older workflow.
    type: str
    choices: [auto, 'file[]', file]
    default: auto
seealso:
  - module: sparkflows.mlops.sparkflows_workflow_run
"""

EXAMPLES = r"""
- name: Have the score workflow in project 1
  sparkflows.mlops.sparkflows_workflow:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    project_id: 1
    src: score-churn.json
"""

RETURN = r"""
workflow:
  description: The workflow. Its id is C(null) in check mode when it is not there yet.
  returned: success
  type: dict
  sample: {id: 7, uuid: 6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11, name: Score Churn}
differing:
  description: The parts of the file that the server had otherwise.
  returned: success
  type: list
  elements: str
  sample: [nodes]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import Sparkflows
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.workflow_import import ARGUMENT_SPEC, run


def main() -> None:
    run_module(
        lambda module: run(module.params, Sparkflows(module.params), module.check_mode),
        ARGUMENT_SPEC,
        # The action plugin reads src on the controller and hands the text over as content.
        required_one_of=[("src", "content")],
    )


if __name__ == "__main__":
    main()
