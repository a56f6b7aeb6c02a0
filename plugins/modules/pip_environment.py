#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pip_environment
short_description: Make a virtual environment equal a hash-locked requirements file
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Builds a virtual environment that holds exactly the pins of a lock, no more and no less, and switches the link C(current) to it.
  - Each lock gets an environment of its own below C(releases/). The old one is never touched, so programs that run from it go on, and the
    way back is one switch.
  - Every file is compared with the hashes of the lock before it is used.
  - The comparison reads the names of the installed distributions, so a run that changes nothing takes a fraction of a second and needs
    neither an index nor an installer.
  - A run that was interrupted anywhere is completed by the next one.
options:
  dest:
    description:
      - The folder on the host that holds C(releases/), C(tools/) and C(current). It is created when missing.
      - Programs use C(<dest>/current/bin/…).
    type: path
    required: true
  lock:
    description:
      - The text of the lock, a requirements file. Needed with O(state=present).
      - Each line is C(name==version) with at least one C(--hash), as C(uv pip compile --generate-hashes) and C(pip-compile --generate-hashes) write
        it. Environment markers are allowed; options, addresses, paths and lines that name other files are not.
      - Several locks may stand one after the other. A name that is in more than one has to have the same version in each.
      - "A comment C(# requires-python: 3.7) says which Python the lock is made for. Another O(python) is then an error."
    type: str
  python:
    description:
      - The path of the interpreter on the host. Needed with O(state=present).
      - In check mode a missing interpreter is taken for one that an earlier task would have installed.
    type: path
  python_version:
    description:
      - The version that O(python) has to be.
    type: str
    default: "3.7"
  installer:
    description:
      - V(uv) installs with uv, V(pip) with the pip that the interpreter brings.
      - V(auto) takes uv when O(uv) or O(uv_lock) is given, and pip with a warning when uv is not available from O(uv_lock).
      - Neither becomes part of the environment.
    type: str
    choices: [auto, uv, pip]
    default: auto
  uv:
    description:
      - The path of a uv program on the host.
    type: path
  uv_lock:
    description:
      - The text of a lock that pins uv alone. Where O(uv) is not given, the wheel of that version is fetched from the same
        places as the distributions, compared with the lock, and its program kept as C(tools/uv-<version>).
    type: str
  index_url:
    description:
      - The index to install from. It may carry a user name and a password, which are never on a command line or in a message.
      - Left out, the machine's own pip configuration (C(/etc/pip.conf), C(~/.config/pip/pip.conf), the C(PIP_*) variables of the task's
        environment) tells the index, further indexes and folders, also for uv. Where the machine has a C(uv.toml)
        in C(/etc/uv), C(/etc/xdg/uv) or C(~/.config/uv), uv follows that instead.
      - Without any of these it is the public index.
    type: str
  extra_index_urls:
    description:
      - Further indexes.
    type: list
    elements: str
    default: []
  find_links:
    description:
      - Folders on the host, or URLs of pages with links, where wheels lie. They are looked at besides the index.
    type: list
    elements: str
    default: []
  offline:
    description:
      - Whether to use O(find_links) alone and no index.
    type: bool
    default: false
  ca_bundle:
    description:
      - A file on the host with the CA certificates to trust, in PEM format.
      - Left out, it is the one that E(PIP_CERT), the pip configuration, E(SSL_CERT_FILE) or E(REQUESTS_CA_BUNDLE) names, else that of the system.
    type: path
  compile:
    description:
      - When the modules are byte-compiled, which makes the first start of a program quicker.
      - V(background) leaves it to a transient systemd unit that runs when nothing else wants the processor. Where systemd can't do
        that, or not for this user, it is V(foreground).
      - V(foreground) does it before the switch, V(none) not at all.
    type: str
    choices: [background, foreground, none]
    default: background
  keep:
    description:
      - How many other environments stay on the host, the ones used last.
    type: int
    default: 2
  timeout:
    description:
      - How many seconds the installer may take.
    type: int
    default: 1800
  state:
    description:
      - V(present) makes the environment equal O(lock).
      - V(absent) removes the link, all environments and tools, and O(dest) itself when nothing else is in it. Of the other
        options only O(dest) matters then.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the pins, one per line, like V(- mlflow 1.29.0) and V(+ mlflow 1.30.1).
  idempotent:
    support: full
notes:
  - Proxies are taken from the environment of the task, like E(https_proxy). Nothing else of it reaches the installers, apart from what the options name.
  - uv keeps unpacked wheels in C(tools/uv-cache) and links them into the environments, so an upgrade costs only what changed.
    Don't edit files of an environment in place.
  - A source distribution that has to be built needs its build requirements (usually setuptools and wheel) from an index. Hashes of a lock do not cover these; a
    folder of wheels avoids it.
seealso:
  - module: sparkflows.mlops.archive_release
  - module: sparkflows.mlops.host_info
  - module: ansible.builtin.pip
"""

EXAMPLES = r"""
- name: Install the stack from the machine's own index
  sparkflows.mlops.pip_environment:
    dest: /opt/sparkflows/stack
    python: /opt/sparkflows/python/current/bin/python3.7
    lock: "{{ lookup('ansible.builtin.file', 'locks/mlflow.txt') }}"
    uv_lock: "{{ lookup('ansible.builtin.file', 'locks/uv.txt') }}"

- name: Install it with the scikit-learn extra from a folder of wheels, without an index
  sparkflows.mlops.pip_environment:
    dest: /opt/sparkflows/stack
    python: /opt/sparkflows/python/current/bin/python3.7
    lock: |
      {{ lookup('ansible.builtin.file', 'locks/mlflow.txt') }}
      {{ lookup('ansible.builtin.file', 'locks/sklearn.txt') }}
    find_links: [/srv/wheelhouse]
    offline: true
    installer: pip

- name: Install it through a proxy from a mirror that asks for a password
  sparkflows.mlops.pip_environment:
    dest: /opt/sparkflows/stack
    python: /opt/sparkflows/python/current/bin/python3.7
    lock: "{{ lookup('ansible.builtin.file', 'locks/mlflow.txt') }}"
    index_url: "https://reader:{{ mirror_password }}@mirror.example.org/simple"
    ca_bundle: /etc/pki/example-ca.pem
  environment:
    https_proxy: http://proxy.example.org:3128

- name: See what an upgrade would change
  sparkflows.mlops.pip_environment:
    dest: /opt/sparkflows/stack
    python: /opt/sparkflows/python/current/bin/python3.7
    lock: "{{ lookup('ansible.builtin.file', 'locks/mlflow-next.txt') }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
path:
  description: The folder of the environment; null in check mode when the interpreter is not on the host yet, because it depends on it.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/stack/releases/3f8a0c1b22de
current:
  description: The link to it, which programs should use.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/stack/current
previous:
  description: The name of the release that was current before this run, when it was another one.
  returned: O(state=present)
  type: str
  sample: 91be77f0ad04
installed:
  description: The distributions of the environment, with their versions, by normalized name.
  returned: O(state=present)
  type: dict
  sample: {mlflow: 1.30.1, numpy: 1.21.6}
installer:
  description: What installed, V(uv) or V(pip); null when nothing had to be installed, and in check mode.
  returned: O(state=present)
  type: str
  sample: uv
compiled:
  description:
    - Whether the byte code is there, is being made in the background, or is not wanted.
    - In check mode false where it is yet to be made, as for a new environment. Byte code alone is not a change.
  returned: O(state=present)
  type: bool
  sample: true
fits:
  description:
    - The interpreter, without links, with which the environment that was current before would equal O(lock) as it is; null when there is none.
    - It need not be there, so that in check mode it tells whether an interpreter that is yet to come changes the environment.
  returned: O(state=present)
  type: str
  sample: /opt/sparkflows/python/releases/3.7.9/bin/python3.7
"""

import os

from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module
from ansible_collections.sparkflows.mlops.plugins.module_utils._pip.environment import ARGUMENT_SPEC, run


def main() -> None:
    run_module(
        lambda module: run(module.params, module.check_mode, os.environ, module.warn),
        ARGUMENT_SPEC,
        place="dest",
        required_if=[("state", "present", ["lock", "python"])],
    )


if __name__ == "__main__":
    main()
