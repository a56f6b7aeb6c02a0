#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: archive_release
short_description: Unpack a verified archive as a release and switch to it in one step
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Unpacks an archive as C(releases/<release>) below O(dest) and points the link C(current) to it.
    Programs use C(<dest>/current/…) and so find either the whole old release or the whole new one.
  - The digest of the archive is compared before anything of it is used, and the unpacked release can be asked for its
    version (O(verify)) before the switch. When either is wrong, C(current) stays as it was.
  - An archive with members outside the release, links that lead outside, devices or set-user-ID files is refused.
  - A file on the controller is transferred only when the release is not on the host yet, so a run that changes nothing
    costs one module execution.
  - A run that was interrupted anywhere is completed by the next one.
options:
  dest:
    description:
      - The folder on the host that holds C(releases/) and C(current). It is created when missing.
    type: path
    required: true
  release:
    description:
      - The name of the release, which becomes a folder name.
      - Needed with O(src). Letters, digits, C(.), C(_), C(+) and C(-), a letter or digit first.
    type: str
  src:
    description:
      - Where the archive comes from.
      - A C(http://), C(https://) or C(file://) URL is read by the host.
      - Any other value is a path on the controller, or on the host with O(remote_src=true). A relative path on the
        controller is looked for in the C(files) folders of the role and the playbook.
      - A directory on the controller is packed there first. The result depends on the names, contents and execute bits of
        its files alone; C(__pycache__) folders are left out. Its digest is computed, and O(root) is the directory itself.
      - C(.tar.gz), C(.tar.xz), C(.tar.bz2), C(.tar.zst) (needs the command C(zstd) on the host), C(.tar) and C(.zip) are
        told by their content, not by their name.
    type: str
  remote_src:
    description:
      - Whether a path in O(src) is on the host.
    type: bool
    default: false
  parts:
    description:
      - With O(remote_src=true), O(src) is a folder that holds the archive in so many files, C(0000), C(0001) and so on, which are removed as they are read.
      - That is how a large file of the controller is transferred; tasks need not give it.
    type: int
  sha256:
    description:
      - The SHA-256 digest of the archive, in hexadecimal.
      - Needed with O(src), unless that is a directory on the controller.
    type: str
  root:
    description:
      - The folder inside the archive that becomes the release, like C(python/install).
      - V(.) is the archive itself.
      - Left out or empty, it is the only folder at the top of the archive, or the archive itself when there is more at its top.
    type: str
  home:
    description:
      - A directory that is on the host already, for example the home of a packaged JDK. C(current) then becomes an
        absolute link to it, and nothing is unpacked.
      - In check mode a missing directory is taken for one that an earlier task would have made.
    type: path
  verify:
    description:
      - A command of the release that shows what it is. It is run before the switch, and in every later run to find a
        damaged release, which is then unpacked anew.
    type: dict
    suboptions:
      argv:
        description:
          - The command and its arguments. The command is a path relative to the release or to O(home).
        type: list
        elements: str
        required: true
      pattern:
        description:
          - A regular expression that has to be found in what the command prints to its standard output or error.
          - Left out, it is enough that the command succeeds.
        type: str
      description:
        description:
          - What the release has to be, for error messages, like V(a JDK 1.8).
        type: str
  owner:
    description:
      - The user that owns the files of the release. Left out, it is the user that runs the module.
    type: str
  group:
    description:
      - The group of the files of the release.
    type: str
  keep:
    description:
      - How many other releases stay on the host, the ones used last. They make a return to one of them quick.
    type: int
    default: 2
  intact:
    description:
      - With a directory on the controller as O(src), also reads the files of the release on the host, and puts it back where one of them was
        changed, added or removed, or has another mode.
    type: bool
    default: false
  state:
    description:
      - V(present) makes O(release) or O(home) the current one.
      - V(absent) removes the link and all releases, and O(dest) itself when nothing else is in it. Of the other options
        only O(dest) matters then.
    type: str
    choices: [present, absent]
    default: present
  validate_certs:
    description:
      - Whether the certificate of an C(https) server has to be valid.
    type: bool
    default: true
  ca_path:
    description:
      - A file on the host with the CA certificates to trust, in PEM format, instead of those of the system.
    type: path
  use_proxy:
    description:
      - Whether the proxy variables of the task's environment are used.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds the server may stay silent, or send less than 10000 bytes a second.
    type: int
    default: 60
  url_username:
    description:
      - The user name for a server that asks for one.
    type: str
  url_password:
    description:
      - The password for O(url_username).
    type: str
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.actiongroup_mlops
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - The command C(zstd) on the host, for C(.tar.zst) archives.
notes:
  - A large file of the controller is sent in parts, with a word every few seconds about how far that is. A download and such a transfer that broke off are
    gone on with by the next run.
  - Files of the release are writable by their owner only, whatever the archive says.
  - When a release is replaced by other content of the same name, there is a moment between two renames in which it is missing.
    Give new content a new O(release) where that matters.
seealso:
  - module: sparkflows.mlops.pip_environment
  - module: sparkflows.mlops.host_info
"""

EXAMPLES = r"""
- name: Install a JDK from a mirror
  sparkflows.mlops.archive_release:
    dest: /opt/sparkflows/jdk
    release: 8u462-b08
    src: https://mirror.example.org/OpenJDK8U-jdk_x64_linux_hotspot_8u462b08.tar.gz
    sha256: 5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
    verify:
      argv: [bin/java, -version]
      pattern: 'version "1\.8\.'
      description: a JDK 1.8

- name: Install Python from an archive on the controller
  sparkflows.mlops.archive_release:
    dest: /opt/sparkflows/python
    release: 3.7.9
    src: cpython-3.7.9-x86_64-unknown-linux-gnu-pgo-20200823T0036.tar.zst
    sha256: c6d6256d13e929e77e7ee6e53470fe63ad19d173fee6d56bb1b2dbda67081543
    root: python/install
    verify:
      argv: [bin/python3.7, --version]
      pattern: 'Python 3\.7\.'

- name: Use the JDK that a package installed
  sparkflows.mlops.archive_release:
    dest: /opt/sparkflows/jdk
    home: /usr/lib/jvm/java-1.8.0
    verify:
      argv: [bin/java, -version]
      pattern: 'version "1\.8\.'
      description: a JDK 1.8

- name: Install a directory of the controller
  sparkflows.mlops.archive_release:
    dest: /opt/example/tool
    release: 1.4.0
    src: "{{ playbook_dir }}/tool"

- name: Remove it with all its releases
  sparkflows.mlops.archive_release:
    dest: /opt/example/tool
    state: absent
"""

RETURN = r"""
release:
  description: The current release; null with O(home).
  returned: O(state=present)
  type: str
  sample: 8u462-b08
path:
  description: The folder that C(current) points to.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/jdk/releases/8u462-b08
current:
  description: The link itself, which programs should use.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/jdk/current
previous:
  description: The release that was current before this run, when it was another one.
  returned: O(state=present)
  type: str
  sample: 8u452-b09
sha256:
  description: The digest of the archive; null with O(home).
  returned: O(state=present)
  type: str
  sample: 5d64ae542b59a962b3caadadd346f4b1c3010879a28bb02d928326993de16e79
version_output:
  description: What the command of O(verify) printed. Empty without O(verify), and in check mode when the release is not there yet.
  returned: O(state=present)
  type: str
  sample: openjdk version "1.8.0_462"
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._archive.release import ARGUMENT_SPEC, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(lambda module: run(module.params, module.check_mode), ARGUMENT_SPEC, place="dest", mutually_exclusive=[("src", "home")])


if __name__ == "__main__":
    main()
