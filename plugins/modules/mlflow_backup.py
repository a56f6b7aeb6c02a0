#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_backup
short_description: Back up an MLflow tracking server, or restore a backup of it
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Copies the records of an MLflow tracking server, and its artifacts where they are on disk, into a folder of their own below O(directory),
    readable for root alone. The server goes on working meanwhile.
  - SQLite is copied by its own backup interface, PostgreSQL by C(pg_dump), artifacts by GNU C(tar). The records come first, so that each artifact
    which they name is in the backup.
  - A backup has a manifest with sizes and SHA-256 digests, written last. What a run that was killed left half done never counts as a backup, and
    the next run clears it away.
  - O(state=restored) compares the digests first, then stops the server, puts artifacts and records back, and starts it again, also when something
    went wrong. The records change in one step, a rename or one transaction. Artifacts that came after the backup stay.
options:
  state:
    description:
      - V(present) makes a backup, unless there is one of this O(name). V(restored) brings one back, which always counts as a change.
    type: str
    choices: [present, restored]
    default: present
  directory:
    description:
      - The folder of the backups on the host. Created when missing, for root alone.
    type: path
    required: true
  name:
    description:
      - What the backup is called. Letters, digits and C(. _ -), 64 at most, a letter or digit first.
      - Left out, it is the time in UTC, such as V(20260131T235900Z).
      - Needed with O(state=restored).
    type: str
  keep:
    description:
      - How many backups are kept on the host, the new one among them; older ones are removed once it is complete. V(0) keeps all.
      - In O(s3) as many are kept of those that are named by their time.
    type: int
    default: 7
  backup_first:
    description:
      - Whether O(state=restored) makes a backup of what is there, named by the time, once the one to be restored was found to be good. No backup is removed
        then.
    type: bool
    default: false
  sqlite_file:
    description:
      - The SQLite file with the records. Exactly one of O(sqlite_file) and O(postgresql) is needed.
    type: path
  postgresql:
    description:
      - The PostgreSQL database with the records. C(pg_dump) and C(psql) have to be on the host, as new as the server at least.
      - When it is restored, all tables of its schema are dropped first, in the same transaction.
    type: dict
    suboptions:
      host:
        description: Where PostgreSQL listens.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 5432
      dbname:
        description: The database's name.
        type: str
        required: true
      user:
        description: The database user, who owns the tables.
        type: str
        required: true
      password:
        description: The password. It reaches the programs by their environment.
        type: str
      sslmode:
        description: How libpq goes about TLS.
        type: str
        default: prefer
  artifact_directory:
    description:
      - The folder of the artifacts. Left out where they are elsewhere, such as in S3.
    type: path
  user:
    description:
      - The user that the server runs as. All that is read and written of the server is read and written as this user.
    type: str
    required: true
  stack:
    description:
      - The environment with the server's MLflow. A backup with a schema that it does not know is refused. Left out, that is not looked at.
    type: path
  unit:
    description:
      - The server's systemd unit, stopped while a backup is restored. Left out, the server has to be stopped already.
    type: str
  s3:
    description:
      - A place in S3 to which the backup is copied, and from which a backup that is not on the host is fetched.
    type: dict
    suboptions:
      uri:
        description: Bucket and prefix, such as V(s3://backups/mlflow-a).
        type: str
        required: true
      endpoint_url:
        description: URL of an S3 that is not Amazon's.
        type: str
      region:
        description: The region.
        type: str
      access_key_id:
        description: The access key. Left out, the host's instance role is used.
        type: str
      secret_access_key:
        description: The secret key that goes with it.
        type: str
      ca_path:
        description: A file with CAs on the host, instead of those that come with boto3.
        type: path
      validate_certs:
        description: Whether the certificate of the endpoint is checked.
        type: bool
        default: true
      python:
        description: A Python on the host that has boto3, such as the stack's.
        type: path
        required: true
  timeout:
    description:
      - How many seconds each part may take.
    type: int
    default: 3600
extends_documentation_fragment:
  - sparkflows.mlops._attributes
attributes:
  check_mode:
    support: full
    details:
      - What can be told without the server's data is told. That a database can't be read, or a program is missing, shows in the run itself.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A backup that is named is made once. One that is named by the time, and O(state=restored), change something in each run.
notes:
  - Needs C(become) unless O(user) is the user that Ansible logs in as.
  - The packages of an operating system bring GNU C(tar); C(pg_dump) and C(psql) come with C(postgresql-client) on Debian and Ubuntu, and with
    C(postgresql) on RHEL.
seealso:
  - name: SQLite's backup interface
    description: How a database in use is copied.
    link: https://www.sqlite.org/backup.html
  - name: pg_dump
    description: What a dump of PostgreSQL has and which versions go together.
    link: https://www.postgresql.org/docs/current/app-pgdump.html
"""

EXAMPLES = r"""
- name: Back up a server that keeps all on disk
  sparkflows.mlops.mlflow_backup:
    directory: /var/backups/mlflow-server
    sqlite_file: /var/lib/mlflow-server/mlflow.db
    artifact_directory: /var/lib/mlflow-server/artifacts
    user: mlflow

- name: Go back to it
  sparkflows.mlops.mlflow_backup:
    state: restored
    name: 20260131T235900Z
    backup_first: true
    directory: /var/backups/mlflow-server
    sqlite_file: /var/lib/mlflow-server/mlflow.db
    artifact_directory: /var/lib/mlflow-server/artifacts
    user: mlflow
    unit: mlflow-server.service
    stack: /opt/sparkflows/stack/current

- name: Back up the records of a server with PostgreSQL to S3
  sparkflows.mlops.mlflow_backup:
    directory: /var/backups/mlflow-server
    postgresql:
      host: db.example.com
      dbname: mlflow
      user: mlflow
      password: "{{ mlflow_server_postgresql_password }}"
    user: mlflow
    s3:
      uri: s3://backups/mlflow
      region: eu-central-1
      python: /opt/sparkflows/stack/current/bin/python
"""

RETURN = r"""
name:
  description: What the backup is called.
  returned: success
  type: str
  sample: 20260131T235900Z
path:
  description: Its folder on the host.
  returned: success
  type: str
  sample: /var/backups/mlflow-server/20260131T235900Z
made_at:
  description: When it was made, in UTC.
  returned: when the backup is on the host
  type: str
  sample: "2026-01-31T23:59:00Z"
schema:
  description: The revision of the records' schema, as MLflow's migrations name it. Empty for a database that MLflow has not used yet.
  returned: when the backup is on the host
  type: str
  sample: 97727af70f4d
files:
  description: The files in the folder, without the manifest.
  returned: when the backup is on the host
  type: list
  elements: str
  sample: [artifacts.tar, database.sqlite]
size:
  description: Their size in bytes.
  returned: when the backup is on the host
  type: int
  sample: 52428800
before:
  description: What the backup of O(backup_first) is called; null where none was made.
  returned: when O(state=restored)
  type: str
  sample: 20260201T080000Z
msg:
  description: Where the backup is and what it holds, or what was restored, in sentences.
  returned: success
  type: str
  sample: "/var/backups/mlflow-server/20260131T235900Z, 53 MB: artifacts.tar, database.sqlite."
removed:
  description: Names of the older backups that were removed.
  returned: success
  type: list
  elements: str
  sample: [20260124T235900Z]
"""

from ansible_collections.sparkflows.mlops.plugins.module_utils._mlflow.backup import ARGUMENT_SPEC, RULES, run
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def main() -> None:
    run_module(lambda module: run(module.params, module.check_mode, module.warn), ARGUMENT_SPEC, "directory", **RULES)


if __name__ == "__main__":
    main()
