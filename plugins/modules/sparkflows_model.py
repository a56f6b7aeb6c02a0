#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_model
short_description: Download a model from the model repository of Sparkflows
version_added: "1.0.0"
description:
  - Downloads a model as a zip file, checks and unpacks it as C(releases/<first 12 digits of its SHA-256>) below O(dest), and points the link
    C(current) to it in one step. Programs use C(<dest>/current) and so find either the whole old model or the whole new one.
  - Whether the model on the host is the wanted one is told without a download. With O(sha256) the digest of the release has to be that.
    Otherwise the metadata that Sparkflows has of the model is compared with what it was at the download. The documentation of Sparkflows names
    no field that tells a version, so every field of it counts, except those in O(ignore_metadata).
  - A release whose files are missing or have another size is downloaded again. One that is on the host already, because the model was
    changed back, is switched to without a download.
  - A zip file that is damaged or too large, or holds links, devices or files that would land outside the release, is refused, and
    C(current) stays as it was.
  - A run that was interrupted anywhere is completed by the next one.
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
    details:
      - Asks for the metadata and downloads nothing. RV(release), RV(path), RV(sha256), RV(download_size) and RV(files) of a model that
        would be downloaded are C(null), except that O(sha256) tells the first three.
  diff_mode:
    support: full
    details:
      - Shows which release C(current) is, and the digests, the metadata's digest and the files with their sizes. Where C(check_mode) does not
        know a digest or the files before the download, it says so.
  idempotent:
    support: full
    details:
      - With O(force=true) each run downloads the model and reports a change.
options:
  sparkflows_url:
    description:
      - URL of Sparkflows, for example V(https://sparkflows.example.com:8443). Required with O(state=present).
      - Without it the environment variable E(SPARKFLOWS_URL) of the host where the module runs is read.
    type: str
    required: false
  model_id:
    description:
      - Id of the model on this server.
      - One of O(model_id), O(model_uuid) and O(model_name) is required with O(state=present).
    type: int
  model_uuid:
    description: UUID of the model.
    type: str
  model_name:
    description: Name of the model. It is an error when several have it, and the error names their ids.
    type: str
  file_type:
    description:
      - What the download is called in the last part of its address.
      - The admin guide names V(zipDownload) alone. Whatever is given, a zip file has to come.
    type: str
    default: zipDownload
  dest:
    description:
      - The folder on the host that holds C(releases/) and C(current). It is created when missing. Each model needs one of its own.
    type: path
    required: true
  state:
    description:
      - V(present) makes the model the current release.
      - V(absent) removes the link and all releases, and O(dest) itself when nothing else is in it. Sparkflows is not asked, and of
        the other options only O(dest) matters.
    type: str
    choices: [present, absent]
    default: present
  sha256:
    description:
      - The SHA-256 digest that the zip file has to have, in hexadecimal. A download with another one is refused.
      - Without it nothing is known to compare the first download with. RV(sha256) tells what came.
      - Useful only where Sparkflows makes the same zip file at each download.
    type: str
  root:
    description:
      - The folder inside the zip file that becomes the release.
      - V(.) is the zip file itself.
      - Left out or empty, it is the only folder at the top of the zip file, or the zip file itself when there is more at its top.
    type: str
  ignore_metadata:
    description:
      - Fields of the metadata that change without a change of the model, such as a counter of views. RV(metadata_changed) tells such fields.
    type: list
    elements: str
    default: []
  force:
    description:
      - Whether to download the model even when nothing says that it changed.
      - The files of a release with the same digest are replaced only when they differ from those of the download.
    type: bool
    default: false
  max_download_mb:
    description: How large the download may be, in megabytes of 1000000 bytes.
    type: int
    default: 2000
  max_unpacked_mb:
    description: How much its files may take together, in megabytes of 1000000 bytes.
    type: int
    default: 8000
  max_entries:
    description: How many files and folders there may be in it.
    type: int
    default: 20000
  owner:
    description: The user that owns the files of the release. Without it, the user that runs the module.
    type: str
  group:
    description: The group of the files of the release.
    type: str
  keep:
    description: How many other releases stay on the host, the ones used last.
    type: int
    default: 2
notes:
  - A run that changes nothing sends one request besides the login, and with a token there is no login.
  - A download that breaks off is tried again as often as O(retries) says. Where the server names the version of a file (C(ETag) or C(Last-Modified))
    and sends parts of it, the download goes on where it ended, otherwise it starts again.
  - The zip file and its content need space below O(dest) at the same time. It is looked at before each of the two is written.
  - Files of the release are writable by their owner only, whatever the zip file says.
  - When the files of a release are replaced under the same digest, there is a moment between two renames in which it is missing.
seealso:
  - module: sparkflows.mlops.sparkflows_info
  - module: sparkflows.mlops.archive_release
  - module: sparkflows.mlops.model_score
"""

EXAMPLES = r"""
- name: Keep the churn model on the host as Sparkflows has it
  sparkflows.mlops.sparkflows_model:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_token: "{{ sparkflows_token }}"
    model_name: churn
    dest: /opt/sparkflows/models/churn
  register: churn

- name: Show what came
  ansible.builtin.debug:
    msg: "{{ churn.sha256 }} in {{ churn.path }}"

- name: Have exactly this model, and nothing larger than expected
  sparkflows.mlops.sparkflows_model:
    sparkflows_url: https://sparkflows.example.com:8443
    sparkflows_username: deployer
    sparkflows_password: "{{ sparkflows_password }}"
    model_uuid: 6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11
    sha256: 5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
    max_download_mb: 50
    max_unpacked_mb: 200
    dest: /opt/sparkflows/models/churn

- name: Remove it with all its releases
  sparkflows.mlops.sparkflows_model:
    dest: /opt/sparkflows/models/churn
    state: absent
"""

RETURN = r"""
model:
  description: The model as Sparkflows knows it.
  returned: O(state=present)
  type: dict
  contains:
    id:
      description: Id on this server.
      type: int
    uuid:
      description: UUID, C(null) when the server does not tell.
      type: str
    name:
      description: Name, C(null) when the server does not tell.
      type: str
  sample: {id: 7, uuid: 6f1c0f3e-8a43-4b2e-9d0a-0d3f4c6b2a11, name: churn}
release:
  description: The current release.
  returned: O(state=present)
  type: str
  sample: 5d64ae542b59
path:
  description: The folder that C(current) points to.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/models/churn/releases/5d64ae542b59
current:
  description: The link itself, which programs should use.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/models/churn/current
previous:
  description: The release that was current before this run, when it was another one.
  returned: O(state=present)
  type: str
  sample: 0f2f8a9d7c11
sha256:
  description: The digest of the zip file.
  returned: O(state=present)
  type: str
  sample: 5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
download_size:
  description: The size of the zip file in bytes.
  returned: O(state=present)
  type: int
  sample: 48213
files:
  description: The files of the release, by their paths in it.
  returned: O(state=present)
  type: list
  elements: str
  sample: [MLmodel, model.pkl]
downloaded:
  description: Whether the model was, or in check mode would be, downloaded.
  returned: O(state=present)
  type: bool
metadata_changed:
  description: The fields of the metadata that differ from those of the release that was current, when the model is downloaded.
  returned: O(state=present)
  type: list
  elements: str
  sample: [updatedTime]
requests:
  description: How many requests were sent to Sparkflows.
  returned: success
  type: int
  sample: 1
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.client import sparkflows_argument_spec
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.models import run
from ansible_collections.sparkflows.mlops.plugins.module_utils._sparkflows.repository import SELECTORS


def argument_spec() -> dict[str, object]:
    sparkflows = sparkflows_argument_spec()
    # Nothing is asked of Sparkflows to remove a model.
    sparkflows["sparkflows_url"] = {name: value for name, value in sparkflows["sparkflows_url"].items() if name != "required"}
    return dict(
        sparkflows,
        model_id={"type": "int"},
        model_uuid={"type": "str"},
        model_name={"type": "str"},
        file_type={"type": "str", "default": "zipDownload"},
        dest={"type": "path", "required": True},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        sha256={"type": "str"},
        root={"type": "str"},
        ignore_metadata={"type": "list", "elements": "str", "default": []},
        force={"type": "bool", "default": False},
        max_download_mb={"type": "int", "default": 2000},
        max_unpacked_mb={"type": "int", "default": 8000},
        max_entries={"type": "int", "default": 20000},
        owner={"type": "str"},
        group={"type": "str"},
        keep={"type": "int", "default": 2},
    )


def main() -> None:
    run_module(
        lambda module: run(module.params, module.check_mode),
        argument_spec(),
        place="dest",
        mutually_exclusive=[SELECTORS],
        required_if=[("state", "present", ("sparkflows_url",)), ("state", "present", SELECTORS, True)],
    )


if __name__ == "__main__":
    main()
