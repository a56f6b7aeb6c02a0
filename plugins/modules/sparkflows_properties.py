#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sparkflows_properties
short_description: Set configuration values in a properties file of Sparkflows
version_added: 1.0.0
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Sets or removes keys of a Java properties file such as C(conf/configuration.properties) and leaves comments, order and all other
    entries as they are.
  - The file is read by the rules of C(java.util.Properties) (escapes, lines that go on in the next one, ISO 8859-1), and what is written
    is ASCII with escapes, so that Java reads exactly the given value.
  - Sparkflows reads this file when it starts. A key in it always wins over what is saved in Administration, Configuration
    (source, Sparkflows documentation, I(Different default values at startup)), so that a change needs a restart.
  - For a new Sparkflows an older edition of that page wants the file filled before C(create-*-db.sh) runs, so use this module before it.
  - With O(restart_marker) the module remembers that a restart is due until the marker is removed, also when the run ends in between.
options:
  path:
    description:
      - Absolute path of the file on the host. Its folder must exist. A missing file is made.
    type: path
    required: true
  settings:
    description:
      - Keys and values to set. Booleans are written as V(true) and V(false).
    type: dict
    default: {}
  secret_settings:
    description:
      - Keys and values to set that are never shown. A file with such a key, or with a value in O(settings) that looks like a secret, loses
        all permissions of others.
    type: dict
    default: {}
  absent:
    description:
      - Keys to remove.
    type: list
    elements: str
    default: []
  restart_marker:
    description:
      - Absolute path of a file that is made before O(path) is changed. Remove it once Sparkflows was restarted.
    type: path
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the keys that change. Of O(secret_settings) and O(absent) it shows no values, and of O(settings) none, old or new, that is a
        secret by its key or by its shape, such as a password, a token, a private key, a webhook or a URL with a login.
  idempotent:
    support: full
seealso:
  - module: sparkflows.mlops.sparkflows_config
"""

EXAMPLES = r"""
- name: Set what Sparkflows reads at its next start
  sparkflows.mlops.sparkflows_properties:
    path: /home/sparkflows/fire/conf/configuration.properties
    settings:
      mlops.mlflow.trackingURL: https://mlflow.example.com:5443
      mlops.mlflow.deploy.mode: fire_mlops_server
    secret_settings:
      mlops.aws.s3.secret.key: "{{ vaulted_secret_key }}"
  register: properties
"""

RETURN = r"""
names:
  description: The keys that were, or in check mode would be, set or removed.
  returned: success
  type: list
  elements: str
  sample: [mlops.mlflow.trackingURL]
restart_due:
  description: Whether the file was changed, now or earlier, and O(restart_marker) still stands.
  returned: success
  type: bool
"""

import os

from ansible_collections.sparkflows.mlops.plugins.module_utils import _properties as properties
from ansible_collections.sparkflows.mlops.plugins.module_utils._files import Problem, make_folder, write_atomic
from ansible_collections.sparkflows.mlops.plugins.module_utils._quiet_module import QuietModule
from ansible_collections.sparkflows.mlops.plugins.module_utils._redaction import holds_secret


def text_of(name, value):
    """A value as it stands in the file; raises Problem for one that has no such form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Problem("The value of %s is a %s; a properties file holds texts, numbers and booleans." % (name, type(value).__name__))


def write(path, text, mode):
    """Put the text there in one step, with the owner of the old file, or else of the folder."""
    owner = os.stat(path if os.path.exists(path) else os.path.dirname(path))
    try:
        write_atomic(os.path.realpath(path), text, mode, (owner.st_uid, owner.st_gid), "latin-1")
    except OSError as error:
        raise Problem("%s can't be written (%s). Give the task the rights, or the file system some room." % (path, os.strerror(error.errno))) from None


def check_marker(marker):
    """Refuse, before anything is changed, a marker that could not be made; raises Problem."""
    if not os.path.isabs(marker):
        raise Problem("restart_marker is %s, which is no absolute path. Name the marker by its whole path, from / on." % marker)
    if os.path.isdir(marker):
        raise Problem("restart_marker is %s, which is a folder. Name a file, which need not exist." % marker)


def mark(marker, path):
    """Note that a restart is due."""
    try:
        make_folder(os.path.dirname(marker))
        write_atomic(marker, path + "\n")
    except OSError as error:
        raise Problem("restart_marker %s can't be made (%s). Nothing was changed. Choose another place." % (marker, os.strerror(error.errno))) from None


def shown(values, names, secrets, label):
    """The lines of ``names`` as a diff may show them; ``secrets`` are those with a value that is not shown in any case.

    ``label`` keeps hidden values of before and after apart.
    """
    lines = []
    for name in names:
        if name in values:
            hidden = name in secrets or holds_secret(values[name], name)
            lines.append("%s=*** (%s)" % (name, label) if hidden else properties.written(name, values[name]))
    return "".join(line + "\n" for line in lines)


def run(module):
    """Compare, write, and tell the result."""
    path, marker = module.params["path"], module.params["restart_marker"]
    secrets = {name: text_of(name, value) for name, value in module.params["secret_settings"].items()}
    wanted = dict({name: text_of(name, value) for name, value in module.params["settings"].items()}, **secrets)
    looks_secret = [value for name, value in wanted.items() if holds_secret(value, name)]
    module.no_log_values.update(looks_secret)
    twice = sorted(set(module.params["absent"]) & set(wanted))
    if twice:
        raise Problem("%s is to be set and to be removed; decide for one." % ", ".join(twice))
    wanted.update(dict.fromkeys(module.params["absent"]))
    if "" in wanted:
        raise Problem("One of the keys is empty. Give each value the name that it has in Administration, Configuration.")
    if marker:
        check_marker(marker)

    before, mode = properties.read(path)
    after = properties.with_values(before, wanted)
    new_mode = mode if mode is not None else 0o640
    if secrets or looks_secret:
        new_mode &= ~0o007
    old, new = properties.values(before), properties.values(after)
    names = [name for name in wanted if old.get(name) != new.get(name)]
    changed = before != after or (mode is not None and mode != new_mode)
    if changed and not module.check_mode:
        if marker and before != after:
            mark(marker, path)
        write(path, after, new_mode)
    # Nothing tells whether what is taken out was a secret.
    hidden = set(secrets) | set(module.params["absent"])
    due = bool(marker) and (os.path.exists(marker) or before != after)
    return {
        "changed": changed,
        "names": names,
        "restart_due": due,
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": shown(old, names, hidden, "before"),
            "after": shown(new, names, hidden, "after"),
        },
    }


def main():
    module = QuietModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "settings": {"type": "dict", "default": {}},
            "secret_settings": {"type": "dict", "default": {}, "no_log": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "restart_marker": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except Problem as problem:
        module.fail_json(msg=str(problem))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
