# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracking server keeps its records in PostgreSQL and its artifacts in S3, and models are served from there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from testinfra.host import Host


OLDER = "ALTER TABLE experiments DROP creation_time, DROP last_update_time; UPDATE alembic_version SET version_num = 'cc1f77228345'"


@pytest.fixture
def s3(containers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server on the gateway of the hosts' network, as a client that knows its URL."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    [container] = [entry["container"] for entry in containers.values()]
    shown = subprocess.run(["docker", "inspect", container], check=True, capture_output=True).stdout
    [network] = json.loads(shown)[0]["NetworkSettings"]["Networks"].values()
    server = ThreadedMotoServer(ip_address=network["Gateway"], port=0, verbose=False)
    server.start()
    try:
        address, port = server.get_host_and_port()
        url = f"http://{address}:{port}"
        client = boto3.client("s3", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield client
    finally:
        server.stop()


def test_models_come_from_postgresql_and_s3(operator, host: Host, s3: Any) -> None:
    settings = {"mlflow_server_s3_endpoint_url": s3.meta.endpoint_url}
    operator.play("site", **settings)
    assert operator.play("site", **settings).unchanged
    operator.play("verify", verify_keep=True, **settings)

    query = "SELECT name FROM registered_models ORDER BY name"
    models = host.check_output("runuser -u postgres -- psql --no-align --tuples-only --dbname mlflow --command %s", query)
    assert models.split() == ["verify-numpy", "verify-spark"]
    assert not host.file("/var/lib/mlflow-server/mlflow.db").exists
    stored = [entry["Key"] for entry in s3.list_objects_v2(Bucket="models")["Contents"]]
    assert sum(key.endswith("/MLmodel") for key in stored) == 2
    assert all(key.startswith("tracking/") for key in stored)

    places = {"mlflow_server_backup_s3_uri": "s3://models/backups", **settings}
    made = operator.play("backup", backup_name="kept", **places)
    assert "/var/backups/mlflow-server/kept and s3://models/backups/kept, 1 MB: database.sql." in made.text
    kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket="models", Prefix="backups/")["Contents"]]
    assert kept == ["backups/kept/database.sql", "backups/kept/manifest.json"]

    operator.play("verify", **settings)
    assert host.check_output("runuser -u postgres -- psql -At -d mlflow -c %s", query) == ""

    # Onto a host that has lost its backups.
    host.check_output("rm -r /var/backups/mlflow-server")
    operator.play("restore", restore_name="kept", restore_backup_first=False, **places)
    assert host.check_output("runuser -u postgres -- psql -At -d mlflow -c %s", query).split() == ["verify-numpy", "verify-spark"]
    assert operator.play("site", **settings).unchanged
    assert host.file("/var/backups/mlflow-server/kept").mode == 0o700

    # What an older MLflow leaves: its last migration (97727af70f4d) adds two columns.
    host.check_output("runuser -u postgres -- psql -d mlflow -c %s", OLDER)
    operator.play("site", mlflow_server_database_upgrade=True, **settings)
    assert host.check_output("runuser -u postgres -- psql -At -d mlflow -c %s", "SELECT version_num FROM alembic_version") == "97727af70f4d"
    folder = "/var/backups/mlflow-server-upgrades"
    [made] = host.file(folder).listdir()
    manifest = json.loads(host.file(f"{folder}/{made}/manifest.json").content_string)
    assert (manifest["records"], manifest["schema"], list(manifest["files"])) == ("postgresql", "cc1f77228345", ["database.sql"])
    assert "verify-numpy" in host.file(f"{folder}/{made}/database.sql").content_string
    assert host.check_output("find %s ! -perm 700 ! -perm 600 -o ! -user root", folder) == ""


def test_password_is_in_one_file(host: Host) -> None:
    settings = "/etc/sparkflows-mlops/mlflow-server.env"
    [password] = [line.split("=", 1)[1].strip("\"'") for line in host.file(settings).content_string.splitlines() if line.startswith("PGPASSWORD=")]
    assert password.startswith("p@ss/") and len(password) > 60
    # Its random part, however the rest is quoted, in any file of any user; PostgreSQL itself keeps a digest. The host takes it out of the file
    # itself: as an argument it would stand in the journal, where sudo writes each command.
    found = host.run(
        r"sed -n 's|^PGPASSWORD=.*p@ss/\([0-9a-f]\{64\}\).*|\1|p' %s | grep --recursive --binary-files=text --fixed-strings --files-with-matches"
        " --devices=skip --file=- /etc /home /opt /root /run /srv /tmp /var",
        settings,
    )
    assert found.stdout.split() == [settings]
    assert host.file(settings).mode == 0o600
    # The journal holds bytes of any kind, so the host looks through it, too.
    host.check_output(r"umask 077; sed -n 's|^PGPASSWORD=.*p@ss/\([0-9a-f]\{64\}\).*|\1|p' %s > /run/canary", settings)
    try:
        assert len(host.check_output("cat /run/canary")) == 64
        assert host.run("journalctl --no-pager --quiet --output=export | grep --text --quiet --fixed-strings --file=/run/canary").rc == 1
    finally:
        host.check_output("rm /run/canary")
    arguments = host.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert password[5:] not in arguments and "p%40ss" not in arguments
