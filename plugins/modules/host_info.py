#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read all that matters about an MLflow host in one round trip
version_added: "1.0.0"
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
description:
  - Reads the operating system, memory, disks, a JDK, a Python interpreter, the distributions of a virtual environment compared with a
    lock, systemd units, TCP ports, files, certificates, users, commands and URLs.
  - One execution replaces a row of C(stat), C(slurp), C(service_facts) and C(command) tasks. A role asks once and acts on the differences.
  - Only the operating system, memory and the like are always read. Everything else is read when an option names it.
options:
  addresses:
    description: Whether to tell the addresses of the host.
    type: bool
    default: false
  lock_run:
    description:
      - The run, as M(sparkflows.mlops.host_lock) knows it, whose lock of the host does not end yet. This sign of life is all that is ever written, and only
        where the lock is that of this run.
    type: str
  jdk_home:
    description: The home of a JDK.
    type: path
  python:
    description: The path of a Python interpreter.
    type: path
  venv:
    description: The folder of a virtual environment.
    type: path
  lock:
    description: The text of the lock (a requirements file with exact pins and hashes) to compare O(venv) with.
    type: str
  units:
    description: Names of systemd units. Without a suffix, C(.service) is meant.
    type: list
    elements: str
    default: []
  ports:
    description: Numbers of TCP ports.
    type: list
    elements: int
    default: []
  files:
    description: Files, directories or links to look at.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The path on the host.
        type: path
        required: true
      content:
        description: The text that the file should hold. It is compared on the host, byte by byte in UTF-8, and never returned.
        type: str
      contains:
        description: Texts to look for in the file, which must not be secret. A file of more than 1 MiB holds none.
        type: list
        elements: str
      text:
        description: Whether to return what the file holds, up to 1 MiB. It must not be secret.
        type: bool
        default: false
  certificates:
    description: Files with TLS certificates in PEM format. The first certificate of each is read.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The path on the host.
        type: path
        required: true
      private_key:
        description: The path of the private key that should belong to it.
        type: path
      names:
        description: The host names and IP addresses that it should be for, no more and no less.
        type: list
        elements: str
  users:
    description: Names of users.
    type: list
    elements: str
    default: []
  groups:
    description: Names of groups.
    type: list
    elements: str
    default: []
  paths:
    description: Paths whose disk space matters. They need not exist yet.
    type: list
    elements: path
    default: []
  packages:
    description:
      - Packages of the distribution that will be needed. Where one is not installed the package sources are asked, with lists of their own in a
        scratch folder, which takes some seconds and a connection to them. A proxy is taken from the task's environment.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The package.
        type: str
        required: true
      unless:
        description: A command or an absolute path. Where it is there, the package is not needed.
        type: str
      distribution:
        description: The distribution, or family of distributions, that the package is for.
        type: str
      except:
        description: Distributions of that family that it is not for.
        type: list
        elements: str
  package_lock_wait:
    description: How many seconds to wait, where a package is missing, until nobody else works with the package manager.
    type: int
    default: 0
  databases:
    description: Databases of tracking servers to look into, without writing.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What to call it in the result.
        type: str
        required: true
      path:
        description: The file, for SQLite.
        type: path
      python:
        description: For PostgreSQL an interpreter that has the driver. Where it is missing, nothing is known of the database.
        type: path
      host:
        description: PostgreSQL's host.
        type: str
      port:
        description: PostgreSQL's port.
        type: int
      dbname:
        description: The database.
        type: str
      user:
        description: The user to log in as.
        type: str
      password:
        description: The user's password.
        type: str
      sslmode:
        description: As libpq knows it.
        type: str
      stack:
        description: The virtual environment whose MLflow is to use the database. Without it, the MLflow that the collection pins is meant.
        type: path
  in_use:
    description: Folders, of which to find out which units run something from them.
    type: list
    elements: path
    default: []
  commands:
    description: Names of commands to look for in the usual folders.
    type: list
    elements: str
    default: []
  predictions:
    description: Modules of this collection, to be asked what they would change. Nothing is changed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the answer is called.
        type: str
        required: true
      module:
        description:
          - Which module. V(login_file), V(mlflow_backups), V(mlops_deployments), V(releases), V(sparkflows), V(ssh_logins), V(ssh_pins) and
            V(ssh_target) are none - the login of the tracking server's proxy, the backups from before upgrades of its database, all that an agent serves,
            the releases that there are, what several modules tell of a Sparkflows server with one login, logins by SSH that are
            tried, the host keys that are pinned, and the host keys and entries of a host that is logged in to.
        type: str
        required: true
        choices:
          - archive_release
          - firewall_ports
          - login_file
          - mlflow_backups
          - mlops_deployment
          - mlops_deployments
          - pip_environment
          - releases
          - scorer_services
          - sparkflows
          - ssh_logins
          - ssh_pins
          - ssh_private_key
          - ssh_target
      options:
        description: Its options, but for those that are secret.
        type: dict
        required: true
      secrets:
        description: Its options that are secret.
        type: dict
      architecture:
        description: Ask it on hosts of this architecture alone, such as V(x86_64).
        type: str
      distribution:
        description: Ask it on hosts of this distribution or family alone.
        type: str
      except:
        description: But not on these distributions.
        type: list
        elements: str
  urls:
    description:
      - URLs to ask from the host, with C(GET).
      - Of an address such as V(tcp://mlops.example.com:8086) it is only found out whether a connection is accepted. Then neither status nor
        error is given.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: The address.
        type: str
        required: true
      unit:
        description:
          - A systemd unit that answers there. While it does not run, the URL is not asked, as a question to its socket would start it, and
            the error says so.
        type: str
      timeout:
        description: How many seconds one try may take, however slowly the answer comes.
        type: int
        default: 5
      wait:
        description: How many seconds to go on asking until a status below 400 comes, or 401, 403 or 407, which no waiting changes, or the
          connection is accepted.
        type: int
        default: 0
      ca_path:
        description: A file with the CA certificates to trust, in PEM format, instead of those of the system.
        type: path
      validate_certs:
        description: Whether the certificate of the server has to be valid.
        type: bool
        default: true
      certificate:
        description:
          - A file whose first certificate the server has to show, in PEM format. Who issued it and for which name is not asked then, and
            O(urls[].ca_path) and O(urls[].validate_certs) do not matter. A server with another certificate is sent nothing.
        type: path
      username:
        description: The user to log in as, with HTTP basic authentication.
        type: str
      password:
        description: The password of that user. It is kept out of the result and of the host's journal.
        type: str
extends_documentation_fragment:
  - sparkflows.mlops._attributes
  - sparkflows.mlops._attributes.info_module
notes:
  - The processes behind ports, and files that are readable to root alone, need C(become).
  - As O(files[].content) and O(urls[].password) may be secret, text in the result that equals a whole one is masked. Texts of a few characters mask much.
seealso:
  - module: sparkflows.mlops.archive_release
  - module: sparkflows.mlops.pip_environment
"""

EXAMPLES = r"""
- name: Read what the play decides on
  sparkflows.mlops.host_info:
    jdk_home: /opt/sparkflows/jdk/current
    python: /opt/sparkflows/python/current/bin/python3.7
    venv: /opt/sparkflows/stack/current
    lock: "{{ lookup('ansible.builtin.file', 'mlflow.txt', rstrip=false) }}"
    units: [mlflow-server]
    ports: [5000, 8086]
    files:
      - path: /etc/systemd/system/mlflow-server.service
        content: "{{ lookup('ansible.builtin.template', 'mlflow-server.service.j2') }}"
    paths: [/opt/sparkflows, /var/lib]
  register: mlflow

- name: Write the unit when it differs
  ansible.builtin.template:
    src: mlflow-server.service.j2
    dest: /etc/systemd/system/mlflow-server.service
    mode: "0644"
  when: not mlflow.host.files['/etc/systemd/system/mlflow-server.service'].matches

- name: Stop when a stranger holds the port
  ansible.builtin.assert:
    that: mlflow.host.ports['5000'].unit == 'mlflow-server.service'
    fail_msg: "Port 5000 is held by {{ mlflow.host.ports['5000'].process }}."
  when: mlflow.host.ports['5000'] is not none
"""

RETURN = r"""
host:
  description: What was read.
  returned: success
  type: dict
  contains:
    os:
      description: The operating system. Family and distribution are named as in Ansible's own facts.
      returned: success
      type: dict
      sample: {family: Debian, distribution: Debian, major_version: "13", release_name: trixie}
    architecture:
      description: The machine architecture.
      returned: success
      type: str
      sample: x86_64
    service_manager:
      description: V(systemd) when it runs, else the name of the first process.
      returned: success
      type: str
      sample: systemd
    selinux:
      description: V(enforcing), V(permissive) or V(disabled).
      returned: success
      type: str
      sample: disabled
    fips:
      description: Whether the kernel is in FIPS mode.
      returned: success
      type: bool
      sample: false
    ipv6:
      description: Whether a program may listen on all IPv6 addresses. The kernel may have none, or a filter may refuse them.
      returned: success
      type: bool
      sample: true
    lock:
      description: The run that changes the host just now, as M(sparkflows.mlops.host_lock) returns it; null without one.
      returned: success
      type: dict
      sample: null
    addresses:
      description:
        - With O(addresses) the IPv4 and IPv6 addresses of all interfaces that are up, those of loopback and link among them; else none.
      returned: success
      type: list
      elements: str
      sample: [127.0.0.1, 192.0.2.10, "::1", "2001:db8:17::10", "fe80::5054:ff:fe12:3456"]
    memory_mb:
      description: Memory in MiB, total and available. In a container it is no more than the container may use.
      returned: success
      type: dict
      sample: {total: 7936, available: 6100}
    cgroup_version:
      description: The version of the control groups, 1 or 2.
      returned: success
      type: int
      sample: 2
    disks:
      description:
        - For each of O(paths) the mount point and the space of its file system in MiB, whether it is mounted read-only, and how many more
          files it can hold, of how many; null where the file system has no fixed number.
        - What is neither used nor free is kept for root.
      returned: success
      type: dict
      sample: {/opt/sparkflows: {mount: /, total_mb: 100000, used_mb: 25000, free_mb: 70000, free_inodes: 6000000, total_inodes: 6500000,
        read_only: false}}
    jdk:
      description: The JDK in O(jdk_home); null when there is none. The vendor is null when the JDK does not name it.
      returned: success
      type: dict
      sample: {home: /opt/sparkflows/jdk/current, version: 1.8.0_462, vendor: Temurin}
    python:
      description: The interpreter O(python); null when it is missing or does not run.
      returned: success
      type: dict
      sample: {executable: /opt/sparkflows/python/current/bin/python3.7, version: 3.7.9}
    distributions:
      description:
        - The distributions in O(venv), by normalized name; null when there is no virtual environment.
        - With O(lock) also the names that are missing or unexpected, and those with another version.
      returned: success
      type: dict
      sample:
        installed: {mlflow: 1.30.0, click: 8.1.3}
        missing: [numpy]
        unexpected: []
        different: [{name: mlflow, installed: 1.30.0, locked: 1.30.1}]
    units:
      description:
        - For each of O(units) whether it exists, its states, and whether it is enabled and needs C(systemctl daemon-reload).
        - C(started_at) is the start of its main process in seconds since the epoch, null when it is not running.
          A file that is newer than that was not read by the running service.
        - C(reloaded_at) is the last change of its state, such as the end of a reload, or else its start. Null when it is not running.
        - C(restarts) is how often systemd has started it again by itself since somebody started it; null where that is not known.
      returned: success
      type: dict
      sample:
        mlflow-server:
          exists: true
          active_state: active
          sub_state: running
          enabled: true
          main_pid: 812
          started_at: 1765432100.25
          reloaded_at: 1765432100.5
          needs_reload: false
          restarts: 0
    ports:
      description: For each of O(ports), as text, who listens there; null when nobody does. The process and its unit are known to root only.
      returned: success
      type: dict
      sample: {"5000": {address: 127.0.0.1, pid: 812, process: gunicorn, unit: mlflow-server.service}, "8086": null}
    files:
      description:
        - For each of O(files) what is there. A link is described itself, with its target. C(leads_to) are the absolute paths that links name,
          one after the other, and at last the real path; it is empty for a path that is its own.
        - C(kind) is V(file), V(directory), V(link) or V(other); C(mtime) is in seconds since the epoch.
        - C(matches) says whether the file holds exactly O(files[].content), and is null when none was given. C(contains) says it of each of
          O(files[].contains). C(entries) is the number of things in a folder. C(text) is what a file holds, where it was asked for.
      returned: success
      type: dict
      sample:
        /etc/example.conf:
          exists: true
          kind: file
          mode: "0644"
          owner: root
          group: root
          size: 120
          mtime: 1765432000.5
          target: null
          leads_to: []
          matches: true
          entries: null
          contains: {}
          text:
    certificates:
      description:
        - For each of O(certificates) what its first certificate says. The names are those of its subjectAltName, host names and IP addresses.
        - C(not_before) and C(not_after) are in seconds since the epoch; the fingerprint is the SHA-256 of the certificate.
        - C(key_fits) says whether O(certificates[].private_key) belongs to it, C(names_fit) whether it is for O(certificates[].names). Each is
          null when none was given.
        - C(error) is a sentence when certificate or key is missing or can't be used. What could not be read is null then.
      returned: success
      type: dict
      sample:
        /etc/ssl/mlflow.crt:
          exists: true
          names: [127.0.0.1, mlflow.example.com]
          not_before: 1765432100
          not_after: 2080792100
          days_left: 3649
          fingerprint: 5F:2A:0C
          key_fits: true
          names_fit: null
          error: null
    users:
      description: For each of O(users) whether it exists and what it is.
      returned: success
      type: dict
      sample: {mlflow: {exists: true, uid: 998, gid: 998, group: mlflow, home: /var/lib/mlflow-server, shell: /usr/sbin/nologin}}
    groups:
      description: For each of O(groups) whether it exists, and its number.
      returned: success
      type: dict
      sample: {mlflow: {exists: true, gid: 998}}
    packages:
      description:
        - Which of O(packages) are not installed, which of these no package source offers, what the package manager complained about, and who
          holds its lock. Null when none was asked for.
      returned: success
      type: dict
      sample: {missing: [nginx], unavailable: [], error: null, lock: {path: /var/lib/dpkg/lock-frontend, pid: 812, process: unattended-upgrade}}
    databases:
      description:
        - For each of O(databases) whether it exists (null when it can't be told), its number of tables, what it holds, and the revision of its
          schema beside the expected one.
        - C(standing) is V(new) where MLflow will make its tables, V(current), V(older), V(newer), V(foreign) for tables that no MLflow made, or
          V(unknown).
      returned: success
      type: dict
      sample:
        tracking:
          exists: true
          tables: 16
          registered_models: 3
          model_versions: 5
          runs: 40
          revision: cc1f77228345
          expected: 97727af70f4d
          standing: older
          error: null
    in_use:
      description: For each of O(in_use) the units, or else processes, that run something from it.
      returned: success
      type: dict
      sample: {/opt/sparkflows/stack: [mlflow-server.service]}
    commands:
      description: For each of O(commands) its path, or null.
      returned: success
      type: dict
      sample: {zstd: /usr/bin/zstd, gcc: null}
    urls:
      description: For each of O(urls) the HTTP status, or a sentence that says why there is none.
      returned: success
      type: dict
      sample: {"http://127.0.0.1:5000/health": {status: 200, error: null}}
    predictions:
      description:
        - For each of O(predictions), by its name, what the module would return in check mode. C(error) is a sentence where it would fail, else null.
      returned: success
      type: dict
      sample: {jdk: {changed: false, error: null, diff: {before: "current -> releases/8u462-b08\n", after: "current -> releases/8u462-b08\n"}}}
"""

import typing as t

from ansible_collections.sparkflows.mlops.plugins.module_utils._host.predictions import MODULES
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.reading import read
from ansible_collections.sparkflows.mlops.plugins.module_utils._module import run_module


def argument_spec() -> dict[str, t.Any]:
    text, texts, paths = {"type": "str"}, {"type": "list", "elements": "str", "default": []}, {"type": "list", "elements": "path", "default": []}
    flag = {"type": "bool", "default": False}
    secret, wanted_text, wanted_path = {"type": "str", "no_log": True}, {"type": "str", "required": True}, {"type": "path", "required": True}

    def entries(options: dict[str, t.Any]) -> dict[str, t.Any]:
        return {"type": "list", "elements": "dict", "default": [], "options": options}

    return {
        "addresses": flag,
        "lock_run": text,
        "jdk_home": {"type": "path"},
        "python": {"type": "path"},
        "venv": {"type": "path"},
        "lock": text,
        "units": texts,
        "ports": {"type": "list", "elements": "int", "default": []},
        "files": entries({"path": wanted_path, "content": secret, "contains": {"type": "list", "elements": "str"}, "text": flag}),
        "certificates": entries({"path": wanted_path, "private_key": {"type": "path", "no_log": False}, "names": {"type": "list", "elements": "str"}}),
        "users": texts,
        "groups": texts,
        "paths": paths,
        "commands": texts,
        "packages": entries({"name": wanted_text, "unless": text, "distribution": text, "except": {"type": "list", "elements": "str"}}),
        "package_lock_wait": {"type": "int", "default": 0},
        "databases": entries(
            {
                "name": wanted_text, "path": {"type": "path"}, "python": {"type": "path"}, "host": text, "port": {"type": "int"}, "dbname": text,
                "user": text, "password": secret, "sslmode": text, "stack": {"type": "path"},
            }
        ),
        "in_use": paths,
        "urls": entries(
            {
                "url": wanted_text, "unit": text,
                "timeout": {"type": "int", "default": 5}, "wait": {"type": "int", "default": 0}, "ca_path": {"type": "path"},
                "validate_certs": {"type": "bool", "default": True}, "certificate": {"type": "path"}, "username": text, "password": secret,
            }
        ),
        "predictions": entries(
            {
                "name": wanted_text, "module": {"type": "str", "required": True, "choices": sorted(MODULES)},
                "options": {"type": "dict", "required": True}, "secrets": {"type": "dict", "no_log": True},
                "architecture": text, "distribution": text, "except": {"type": "list", "elements": "str"},
            }
        ),
    }  # fmt: skip


def main() -> None:
    run_module(lambda module: {"host": read(module.params)}, argument_spec(), reads=True)


if __name__ == "__main__":
    main()
