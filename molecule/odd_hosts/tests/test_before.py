# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a host that was not made for us, preflight works, and names by a sentence what the roles could not live with."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import ROOT
from testinfra.host import Host

DATABASE = "/var/lib/mlflow-server/mlflow.db"


def refused(operator, disk, sentence: str, *arguments: str, **variables) -> None:
    run = operator.play("preflight", *arguments, fails=True, **variables)
    assert re.search(sentence, run.text), sentence
    assert [path for path in disk.changes() if not path.startswith(("/var/cache/apt", "/var/lib/apt"))] == []


def test_no_python(operator, disk, host: Host) -> None:
    host.check_output("chmod a-x $(readlink -f /usr/bin/python3)")
    try:
        run = operator.play("preflight", fails=True)
        assert re.search(r"odd: The running ansible-core wants Python 3\.\d+ or newer on the host, and the host has none at all\.", run.text)
    finally:
        host.check_output("chmod a+x $(readlink -f /usr/bin/python3)")
    named = {"ansible_python_interpreter": "/nowhere/python3"}
    refused(operator, type(disk)(host), r"Its Pythons are /usr/bin/python3\S* \(3\.13\).*ansible_python_interpreter has to name one", **named)


def test_a_wrong_password_for_sudo(operator, disk) -> None:
    refused(operator, disk, "(?i)incorrect sudo password", ansible_become_password="wrong")


@contextmanager
def held_lock(host: Host) -> Iterator[None]:
    program = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/run/locked','w'); time.sleep(600)"
    host.check_output("rm -f /run/locked; systemd-run --quiet --unit=upgrade python3 -c %s; until test -e /run/locked; do sleep 0.05; done", program)
    try:
        yield
    finally:
        host.run("systemctl stop upgrade")


def test_packages_are_looked_for_first(operator, disk, host: Host) -> None:
    refused(operator, disk, "The package no-such-package will be needed, but no package source of the host offers it",
            python_archive_packages=["no-such-package"])  # fmt: skip


def test_a_lock_is_waited_for(operator, host: Host) -> None:
    with held_lock(host):
        host.check_output("systemd-run --quiet --on-active=8 systemctl stop upgrade")
        started = time.monotonic()
        run = operator.play("preflight", python_archive_packages=["cowsay"])
        assert run.code == 0
        assert time.monotonic() - started > 4


def test_somebody_elses_database(operator, disk, host: Host) -> None:
    newer = (
        "import sqlite3; c=sqlite3.connect('%s'); c.execute('create table alembic_version (version_num text)');"
        "c.execute('insert into alembic_version values (?)', ('3500859a5d39',)); c.commit()" % DATABASE
    )
    host.check_output("mkdir -p /var/lib/mlflow-server && python3 -Ic %s", newer)
    disk = type(disk)(host)
    refused(operator, disk, "has the schema 3500859a5d39 of a newer or another MLflow", mlflow_server_database_upgrade=True)
    host.check_output("rm -r /var/lib/mlflow-server")


def test_a_full_var(operator, host: Host) -> None:
    host.check_output("mkdir -p /var/lib/mlflow-server && mount -t tmpfs -o size=5m full /var/lib/mlflow-server")
    try:
        run = operator.play("preflight", fails=True)
        assert "MB are free on /var/lib/mlflow-server, where the tracking server keeps its data, but mlflow_server_min_free_mb asks for 1024." in run.text
    finally:
        host.check_output("umount /var/lib/mlflow-server && rmdir /var/lib/mlflow-server")


def test_no_inodes(operator, host: Host) -> None:
    host.check_output("mkdir -p /run/small && mount -t tmpfs -o size=4g,nr_inodes=100 small /run/small")
    try:
        run = operator.play("preflight", fails=True, pip_stack_prefix="/run/small/stack")
        assert re.search(r"\d\d inodes are free on /run/small; the stack needs 40000", run.text)
    finally:
        host.check_output("umount /run/small && rmdir /run/small")


def test_removal_of_what_others_run_from(operator, disk) -> None:
    refused(operator, disk, "pip_stack_state is absent, but mlflow_server and mlops_agent run from /opt/elsewhere/stack", pip_stack_state="absent")


def test_an_inventory_without_hosts_is_an_error() -> None:
    done = subprocess.run(
        ["ansible-playbook", "sparkflows.mlops.site", "-i", "/nowhere/inventory"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "No host is in mlflow_hosts, sparkflows_hosts or scorer_hosts" in " ".join(done.stdout.split())
    assert "/nowhere/inventory" in done.stdout
